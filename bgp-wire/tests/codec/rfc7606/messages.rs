//! Faults that take more than one attribute: what is missing, what is repeated, lists that do not
//! add up, messages without routes, and which fault of several decides.

use bgp_wire::{
    AttrOutcome, AttrScratch, AttrType, DecodeErrorKind as Kind, UpdateContext, UpdateView, attr,
};

use super::{
    Verdict::{Discard, Gone, Keep, Reset, Withdraw},
    body, ebgp, ibgp, mandatory, notification, raw, section, verdict, with,
};

/// Unknown transitive attributes are relayed octet for octet (VU#347067): garbage, empty, odd codes.
#[test]
fn unknown_attributes_are_carried() {
    for kind in [11u8, 13, 19, 20, 21, 24, 27, 28, 30, 33, 34, 36, 37, 38, 39, 128, 255] {
        for value in [&[][..], &[0], &[0xff; 3], &[0; 300]] {
            let b = body(&with(&ebgp(), (0xd0, kind, value.to_vec())), &[8, 10]);
            let view = UpdateView::parse(&b, &ebgp()).unwrap();
            let mut scratch = AttrScratch::default();
            let AttrOutcome::Ok { canonical, discarded: 0, .. } = view.attrs(&mut scratch) else {
                panic!("{kind}")
            };
            let found = attr::attrs(canonical).find(|a| a.kind.0 == kind).unwrap();
            assert_eq!((found.value, found.flags & 0xe0), (value, 0xe0));
        }
        let b = body(&with(&ebgp(), (0x80, kind, vec![1])), &[8, 10]);
        let view = UpdateView::parse(&b, &ebgp()).unwrap();
        let mut scratch = AttrScratch::default();
        let AttrOutcome::Ok { canonical, .. } = view.attrs(&mut scratch) else { panic!("{kind}") };
        assert!(attr::find(canonical, AttrType(kind)).is_none(), "non-transitive {kind}");
    }
}

#[test]
fn missing_mandatory() {
    for missing in [1u8, 2, 3] {
        let list: Vec<_> = [(0x40, 1, vec![0]), (0x40, 2, vec![]), (0x40, 3, vec![192, 0, 2, 1])]
            .into_iter()
            .filter(|(_, k, _)| *k != missing)
            .collect();
        let (v, e) = verdict(&body(&list, &[8, 10]), &ebgp(), missing);
        assert_eq!((v, e.unwrap().kind), (Withdraw, Kind::MissingWellKnown(missing)));
    }
    // CVE-2023-41358 and 46753: NLRI with no attributes at all, or with an unknown one alone.
    assert_eq!(verdict(&body(&[], &[8, 10]), &ebgp(), 0).0, Withdraw);
    assert_eq!(verdict(&body(&[(0xc0, 99, vec![])], &[8, 10]), &ebgp(), 0).0, Withdraw);
    // CVE-2023-47234: MP_UNREACH and NLRI, nothing mandatory.
    let list = [(0x80, 15, vec![0, 2, 1])];
    assert_eq!(verdict(&body(&list, &[8, 10]), &ebgp(), 0).0, Withdraw);
    // IPv6 announcements need no NEXT_HOP.
    let mut reach = vec![0, 2, 1, 16];
    reach.extend_from_slice(&[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0]);
    let list = [(0x40, 1, vec![0]), (0x40, 2, vec![]), (0x80, 14, reach)];
    assert_eq!(verdict(&body(&list, &[]), &ebgp(), 0).0, Gone);
    assert_eq!(verdict(&body(&list[1..], &[]), &ebgp(), 0).0, Withdraw);
}

#[test]
fn repeated_attributes() {
    let mut list = vec![
        (0x40, 1, vec![0]),
        (0x40, 2, vec![]),
        (0x40, 3, vec![192, 0, 2, 1]),
        (0x80, 4, vec![0, 0, 0, 1]),
        (0x80, 4, vec![0, 0, 0, 2]),
        (0xc0, 99, vec![1]),
        (0xc0, 99, vec![2]),
        (0x40, 3, vec![0, 0, 0, 0]),
        (0x40, 1, vec![9, 9]),
    ];
    let b = body(&list, &[8, 10]);
    let view = UpdateView::parse(&b, &ebgp()).unwrap();
    assert_eq!(view.next_hop_v4().unwrap().to_string(), "192.0.2.1");
    let mut scratch = AttrScratch::default();
    let AttrOutcome::Ok { canonical, discarded, .. } = view.attrs(&mut scratch) else { panic!() };
    assert_eq!(discarded, 4);
    assert_eq!(attr::find(canonical, AttrType::MED), Some(&[0, 0, 0, 1][..]));
    assert_eq!(attr::find(canonical, AttrType(99)), Some(&[1][..]));
    // The MP attributes end the session instead.
    for kind in [14u8, 15] {
        let mut value = vec![0, 2, 1];
        if kind == 14 {
            value.extend_from_slice(&[0; 18]);
            value[3] = 16;
            value.extend_from_slice(&[0, 0]);
        }
        list.truncate(3);
        list.push((0x80, kind, value.clone()));
        list.push((0x80, kind, value));
        let e = UpdateView::parse(&body(&list, &[8, 10]), &ebgp()).unwrap_err();
        assert_eq!((e.kind, e.kind.code()), (Kind::MalformedAttributeList, (3, 1)));
    }
}

/// The list ends inside an attribute: the routes are found by the section length (section 4).
#[test]
fn overrun_of_the_list() {
    let good: Vec<u8> = mandatory(&ebgp()).iter().flat_map(raw).collect();
    let attrs = &good[..];
    for tail in [&[0x40u8][..], &[0x40, 5], &[0xc0, 8, 9, 1], &[0xd0, 8, 0], &[0xd0, 8, 0xff, 0xff]]
    {
        let section = [attrs, tail].concat();
        let mut b = vec![0, 0];
        b.extend_from_slice(&(section.len() as u16).to_be_bytes());
        b.extend_from_slice(&section);
        b.extend_from_slice(&[8, 10]);
        let (v, e) = verdict(&b, &ebgp(), 0);
        assert_eq!((v, e.unwrap().kind), (Withdraw, Kind::MalformedAttributeList));
        assert_eq!(usize::from(e.unwrap().at), 19 + 4 + attrs.len());
        // Without a route to withdraw it is the session (section 5.2).
        b.truncate(b.len() - 2);
        assert_eq!(verdict(&b, &ebgp(), 0).0, Reset);
    }
}

/// Section 5.2: an error beyond discard in a message that announces nothing.
#[test]
fn errors_without_routes() {
    let bad_origin = (0x40, 1, vec![9]);
    assert_eq!(verdict(&body(std::slice::from_ref(&bad_origin), &[]), &ebgp(), 1).0, Reset);
    let bad_aggregator = (0xc0, 7, vec![1]);
    assert_eq!(verdict(&body(&[bad_aggregator], &[]), &ebgp(), 7).0, Discard);
    assert_eq!(verdict(&body(&[(0x40, 1, vec![0])], &[]), &ebgp(), 1).0, Keep);
    // Routes of a family we did not negotiate are routes.
    let evpn = (0x80, 14, vec![0, 25, 70, 4, 1, 2, 3, 4, 0, 1, 2, 3]);
    let b = body(&[bad_origin, evpn], &[]);
    assert!(UpdateView::parse(&b, &ebgp()).is_ok());
}

/// Rule (h) of section 3: the worst fault decides, wherever it stands.
#[test]
fn the_worst_fault_decides() {
    let bad_origin = (0x40, 1, vec![9]);
    let bad_aggregator = (0xc0, 7, vec![1]);
    let bad_unreach = (0x80, 15, vec![0]);
    let unknown = (0x40, 77, vec![]);
    let rest = &mandatory(&ebgp())[1..];
    for (faults, want, code) in [
        (vec![&bad_aggregator, &bad_origin], Withdraw, (3, 6)),
        (vec![&bad_origin, &bad_aggregator], Withdraw, (3, 6)),
        (vec![&bad_origin, &bad_aggregator, &bad_unreach], Reset, (3, 9)),
        (vec![&bad_unreach, &bad_origin], Reset, (3, 9)),
        (vec![&bad_origin, &unknown], Reset, (3, 2)),
        (vec![&bad_origin, &unknown, &bad_unreach], Reset, (3, 2)),
    ] {
        let list: Vec<_> = faults.into_iter().chain(rest).cloned().collect();
        let (got, error) = verdict(&body(&list, &[8, 10]), &ebgp(), 1);
        assert_eq!((got, error.unwrap().kind.code()), (want, code));
    }
    // Behind the place where the list breaks off too: the NLRI field, and the withdrawn one.
    let broken = [&raw(&bad_origin)[..], &[0xc0, 8, 99]].concat();
    let (got, error) = verdict(&section(&broken, &[33]), &ebgp(), 1);
    assert_eq!((got, error.unwrap().kind), (Reset, Kind::InvalidNetworkField));
    let withdrawn = [&[0, 1, 33][..], &section(&broken, &[8, 10])[2..]].concat();
    assert_eq!(verdict(&withdrawn, &ebgp(), 1).0, Reset);
}

/// The NOTIFICATION for faults that are of no single attribute.
#[test]
fn notifications() {
    let due = |body: &[u8]| {
        let (_, error) = verdict(body, &ebgp(), 0);
        notification(body, error.unwrap())
    };
    for (body, want) in [
        (vec![0, 9, 0, 0], (3, 1, vec![])),
        (vec![0, 0, 0, 9], (3, 1, vec![])),
        (vec![0, 1, 33, 0, 0], (3, 10, vec![])),
        (section(&[], &[8]), (3, 10, vec![])),
        (section(&[], &[8, 10]), (3, 3, vec![1])),
        (section(&[0x40, 1, 1, 0], &[8, 10]), (3, 3, vec![2])),
        (section(&[0x40, 1, 1, 0, 0x40, 2, 0], &[8, 10]), (3, 3, vec![3])),
        (section(&[0x40, 1, 9, 0], &[]), (3, 1, vec![])),
        (section(&[0x80, 15, 3, 0, 2, 1].repeat(2), &[]), (3, 1, vec![])),
    ] {
        assert_eq!(due(&body), want, "{body:?}");
    }
    // A fault in the routes of MP_REACH_NLRI, not in the first attribute of the list.
    let multicast = [&[0, 2, 1, 16, 0xff, 2][..], &[0; 13], &[1, 0, 8, 0x20]].concat();
    let mp = (0x80, 14, multicast);
    let list = [&mandatory(&ebgp())[..2], std::slice::from_ref(&mp)].concat();
    assert_eq!(due(&body(&list, &[])), (3, 8, raw(&mp)));
}

/// Two large communities that are the same are made one, silently (RFC 8092).
#[test]
fn repeated_large_communities() {
    let list = with(&ebgp(), (0xc0, 32, [1; 24].to_vec()));
    let b = body(&list, &[8, 10]);
    let view = UpdateView::parse(&b, &ebgp()).unwrap();
    let mut scratch = AttrScratch::default();
    let AttrOutcome::Ok { canonical, discarded: 0, .. } = view.attrs(&mut scratch) else {
        panic!()
    };
    assert_eq!(attr::find(canonical, AttrType::LARGE_COMMUNITIES), Some(&[1; 12][..]));
}

/// Two octets of AS number inside a confederation, and what is kept of the segments.
#[test]
fn confederation_of_old_speakers() {
    let ctx = UpdateContext { as4: false, confederation: true, ..ebgp() };
    let list = [
        (0x40, 1, vec![0]),
        (0x40, 2, vec![3, 1, 0xfd, 0xe9, 2, 2, 0x5b, 0xa0, 0, 7]),
        (0x40, 3, vec![192, 0, 2, 1]),
        (0xc0, 17, vec![2, 2, 0, 1, 0x11, 0x70, 0, 0, 0, 7]),
    ];
    let b = body(&list, &[8, 10]);
    let view = UpdateView::parse(&b, &ctx).unwrap();
    let mut scratch = AttrScratch::default();
    let AttrOutcome::Ok { canonical, .. } = view.attrs(&mut scratch) else { panic!() };
    assert_eq!(bgp_wire::AsPath::of(canonical).to_string(), "(65001) 70000 7");
    assert_eq!(verdict(&b, &UpdateContext { confederation: false, ..ctx }, 2).0, Withdraw);
    // Internal peers of a member AS see the segments as well; those of no confederation do not.
    let list = with(&ibgp(), (0x40, 2, vec![3, 1, 0, 0, 0, 1]));
    let b = body(&list, &[8, 10]);
    assert_eq!(verdict(&b, &UpdateContext { confederation: true, ..ibgp() }, 2).0, Keep);
    assert_eq!(verdict(&b, &ibgp(), 2).0, Withdraw);
}
