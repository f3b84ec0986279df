//! Verdicts attribute by attribute (RFC 7606 and the RFCs of the attributes), and the classes of
//! published vulnerabilities that lie in UPDATE parsing.

use bgp_wire::{
    AttrOutcome, AttrScratch, AttrType, DecodeError, DecodeErrorKind as Kind, UpdateContext,
    UpdateView, attr,
};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Verdict {
    Good,
    Discard,
    Withdraw,
    Reset,
}
use Verdict::{Discard, Good, Reset, Withdraw};

/// Valid attributes 1, 2, 3 with one of them, or another, replaced by `value`.
fn message(kind: u8, flags: u8, value: &[u8]) -> Vec<u8> {
    let mut list: Vec<(u8, u8, Vec<u8>)> = vec![
        (0x40, 1, vec![0]),
        (0x40, 2, vec![2, 1, 0, 0, 0xfd, 0xe9]),
        (0x40, 3, vec![192, 0, 2, 1]),
    ];
    list.retain(|(_, k, _)| *k != kind);
    list.push((flags, kind, value.to_vec()));
    list.sort_by_key(|(_, k, _)| *k);
    body(&list, &[8, 10])
}

fn body(list: &[(u8, u8, Vec<u8>)], nlri: &[u8]) -> Vec<u8> {
    let mut attrs = Vec::new();
    for (flags, kind, value) in list {
        attrs.extend_from_slice(&[flags | 0x10, *kind]);
        attrs.extend_from_slice(&(value.len() as u16).to_be_bytes());
        attrs.extend_from_slice(value);
    }
    let mut out = vec![0, 0];
    out.extend_from_slice(&(attrs.len() as u16).to_be_bytes());
    out.extend_from_slice(&attrs);
    out.extend_from_slice(nlri);
    out
}

fn ebgp() -> UpdateContext {
    UpdateContext::default()
}

fn ibgp() -> UpdateContext {
    UpdateContext { ebgp: false, ..ebgp() }
}

/// The verdict; that the routes are found in any case, and nothing faulty is kept, is asserted.
fn verdict(body: &[u8], ctx: &UpdateContext, kind: u8) -> (Verdict, Option<DecodeError>) {
    let view = match UpdateView::parse(body, ctx) {
        Ok(view) => view,
        Err(e) => return (Reset, Some(e)),
    };
    let mut scratch = AttrScratch::default();
    match view.attrs(&mut scratch) {
        AttrOutcome::Ok { discarded: 0, .. } => (Good, None),
        AttrOutcome::Ok { canonical, .. } => {
            assert!(attr::find(canonical, AttrType(kind)).is_none());
            (Discard, None)
        }
        AttrOutcome::TreatAsWithdraw(e) => {
            assert!(view.has_reach(), "withdraw without a route");
            (Withdraw, Some(e))
        }
    }
}

#[track_caller]
fn expect(kind: u8, flags: u8, value: &[u8], from_ebgp: Verdict, from_ibgp: Verdict) {
    let body = message(kind, flags, value);
    assert_eq!(verdict(&body, &ebgp(), kind).0, from_ebgp, "eBGP {kind} {flags:#x} {value:?}");
    assert_eq!(verdict(&body, &ibgp(), kind).0, from_ibgp, "iBGP {kind} {flags:#x} {value:?}");
}

#[test]
fn attribute_by_attribute() {
    let both = |kind, flags, value: &[u8], v| expect(kind, flags, value, v, v);
    // ORIGIN
    both(1, 0x40, &[2], Good);
    both(1, 0x60, &[0], Good);
    both(1, 0x4f, &[0], Good);
    both(1, 0x40, &[], Withdraw);
    both(1, 0x40, &[0, 0], Withdraw);
    both(1, 0x40, &[3], Withdraw);
    both(1, 0xc0, &[0], Withdraw);
    both(1, 0x00, &[0], Withdraw);
    // AS_PATH
    both(2, 0x40, &[], Good);
    both(2, 0x40, &[1, 1, 0, 0, 0, 1], Good);
    both(2, 0x40, &[0, 1, 0, 0, 0, 1], Withdraw);
    both(2, 0x40, &[5, 1, 0, 0, 0, 1], Withdraw);
    both(2, 0x40, &[2, 0], Withdraw);
    both(2, 0x40, &[2, 2, 0, 0, 0, 1], Withdraw);
    both(2, 0x40, &[2, 1, 0, 0, 0, 1, 2], Withdraw);
    both(2, 0x40, &[2, 1, 0, 0, 0, 0], Withdraw);
    both(2, 0x40, &[3, 1, 0, 0, 0, 1], Withdraw);
    both(2, 0xc0, &[], Withdraw);
    // NEXT_HOP
    both(3, 0x40, &[10, 0, 0, 1], Good);
    both(3, 0x40, &[10, 0, 0], Withdraw);
    both(3, 0x40, &[10, 0, 0, 1, 0], Withdraw);
    both(3, 0x80, &[10, 0, 0, 1], Withdraw);
    for martian in [[0, 0, 0, 0], [127, 0, 0, 1], [224, 0, 0, 1], [255, 255, 255, 255]] {
        both(3, 0x40, &martian, Withdraw);
    }
    // MULTI_EXIT_DISC
    both(4, 0x80, &[0; 4], Good);
    both(4, 0x80, &[0; 5], Withdraw);
    both(4, 0x80, &[], Withdraw);
    both(4, 0xc0, &[0; 4], Withdraw);
    // LOCAL_PREF, ORIGINATOR_ID, CLUSTER_LIST: from outside discarded, whatever they look like.
    expect(5, 0x40, &[0; 4], Discard, Good);
    expect(5, 0x40, &[], Discard, Withdraw);
    expect(5, 0x80, &[0; 4], Discard, Withdraw);
    expect(9, 0x80, &[0; 4], Discard, Good);
    expect(9, 0x80, &[0; 5], Discard, Withdraw);
    expect(9, 0xc0, &[0; 4], Discard, Withdraw);
    expect(10, 0x80, &[0; 8], Discard, Good);
    expect(10, 0x80, &[], Discard, Withdraw);
    expect(10, 0x80, &[0; 6], Discard, Withdraw);
    // ATOMIC_AGGREGATE, AGGREGATOR
    both(6, 0x40, &[], Good);
    both(6, 0x40, &[1], Discard);
    both(6, 0xc0, &[], Withdraw);
    both(7, 0xc0, &[0, 0, 0, 1, 10, 0, 0, 1], Good);
    both(7, 0xc0, &[0, 1, 10, 0, 0, 1], Discard);
    both(7, 0xc0, &[], Discard);
    both(7, 0xc0, &[0, 0, 0, 0, 10, 0, 0, 1], Discard);
    both(7, 0x40, &[0, 0, 0, 1, 10, 0, 0, 1], Withdraw);
    // COMMUNITIES, EXTENDED_COMMUNITIES, LARGE_COMMUNITY
    for (kind, size) in [(8, 4), (16, 8), (32, 12)] {
        both(kind, 0xc0, &vec![1; size], Good);
        both(kind, 0xe0, &vec![1; size], Good);
        both(kind, 0xc0, &[], Withdraw);
        both(kind, 0xc0, &vec![1; size + 1], Withdraw);
        both(kind, 0xc0, &vec![1; size - 1], Withdraw);
        both(kind, 0x80, &vec![1; size], Withdraw);
    }
    // AS4_PATH and AS4_AGGREGATOR from a four-octet speaker.
    both(17, 0xc0, &[2, 1, 0, 0, 0, 1], Discard);
    both(18, 0xc0, &[0, 0, 0, 1, 10, 0, 0, 1], Discard);
    // Unknown ones.
    both(99, 0xc0, &[1, 2, 3], Good);
    both(99, 0x80, &[1, 2, 3], Good);
    both(99, 0x40, &[1, 2, 3], Reset);
    both(0, 0x00, &[], Reset);
}

#[test]
fn as4_attributes_of_an_old_speaker() {
    let ctx = UpdateContext { as4: false, ..ebgp() };
    let with = |kind: u8, flags: u8, value: &[u8]| {
        let list = vec![
            (0x40, 1, vec![0]),
            (0x40, 2, vec![2, 1, 0x5b, 0xa0]),
            (0x40, 3, vec![192, 0, 2, 1]),
            (flags, kind, value.to_vec()),
        ];
        verdict(&body(&list, &[8, 10]), &ctx, kind).0
    };
    assert_eq!(with(17, 0xc0, &[2, 1, 0, 1, 0, 0]), Good);
    for bad in [&[2u8, 1, 0, 1][..], &[2, 1, 0, 0, 0, 0], &[9, 1, 0, 0, 0, 1]] {
        assert_eq!(with(17, 0xc0, bad), Discard);
    }
    assert_eq!(with(17, 0x80, &[2, 1, 0, 1, 0, 0]), Discard);
    assert_eq!(with(18, 0xc0, &[0; 7]), Discard);
    assert_eq!(with(18, 0xc0, &[0; 8]), Discard);
    assert_eq!(with(7, 0xc0, &[0, 1, 10, 0, 0, 1]), Good);
    assert_eq!(with(7, 0xc0, &[0, 0, 0, 1, 10, 0, 0, 1]), Discard);
}

/// Unknown transitive attributes are relayed octet for octet (VU#347067): garbage, empty, odd codes.
#[test]
fn unknown_attributes_are_carried() {
    for kind in [11u8, 13, 19, 20, 21, 24, 27, 28, 30, 33, 34, 36, 37, 38, 39, 128, 255] {
        for value in [&[][..], &[0], &[0xff; 3], &[0; 300]] {
            let b = message(kind, 0xc0, value);
            let view = UpdateView::parse(&b, &ebgp()).unwrap();
            let mut scratch = AttrScratch::default();
            let AttrOutcome::Ok { canonical, discarded: 0, .. } = view.attrs(&mut scratch) else {
                panic!("{kind}")
            };
            let found = attr::attrs(canonical).find(|a| a.kind.0 == kind).unwrap();
            assert_eq!((found.value, found.flags & 0xe0), (value, 0xe0));
        }
        let b = message(kind, 0x80, &[1]);
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
    assert_eq!(verdict(&body(&list, &[]), &ebgp(), 0).0, Good);
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

#[test]
fn multiprotocol_faults_end_the_session() {
    let hop = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    let reach = |next_hop: &[u8], tail: &[u8]| {
        [&[0, 2, 1, next_hop.len() as u8][..], next_hop, tail].concat()
    };
    let cases: [(u8, Vec<u8>); 12] = [
        (14, vec![]),
        (14, vec![0, 2]),
        (14, vec![0, 2, 1]),
        (14, vec![0, 2, 1, 255]),
        (14, vec![0, 2, 1, 16, 0]),
        (14, reach(&hop, &[])),
        (14, reach(&hop[..4], &[0, 8, 1])),
        (14, reach(&hop[..15], &[0, 8, 1])),
        (14, reach(&hop, &[0, 129, 1])),
        (14, reach(&hop, &[0, 64, 1])),
        (15, vec![0, 2]),
        (15, vec![0, 2, 1, 64, 1]),
    ];
    for (kind, value) in cases {
        let b = message(kind, 0x80, &value);
        let e = UpdateView::parse(&b, &ebgp()).unwrap_err();
        assert_eq!(e.kind, Kind::OptionalAttribute(kind), "{value:?}");
    }
    // Wrong flags cost the routes only; so does a next hop that cannot be one.
    let good = reach(&hop, &[0, 8, 0x20]);
    assert_eq!(verdict(&message(14, 0xc0, &good), &ebgp(), 14).0, Withdraw);
    let multicast = [&[0xff, 2][..], &[0; 13], &[1]].concat();
    let b = message(14, 0x80, &reach(&multicast, &[0, 8, 0x20]));
    assert_eq!(verdict(&b, &ebgp(), 14).1.unwrap().kind, Kind::InvalidNextHop);
}

/// The list ends inside an attribute: the routes are found by the section length (section 4).
#[test]
fn overrun_of_the_list() {
    let good = message(4, 0x80, &[0; 4]);
    let attrs = &good[4..good.len() - 2];
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
    assert_eq!(verdict(&body(&[(0x40, 1, vec![0])], &[]), &ebgp(), 1).0, Good);
    // Routes of a family we did not negotiate are routes.
    let evpn = (0x80, 14, vec![0, 25, 70, 4, 1, 2, 3, 4, 0, 1, 2, 3]);
    let b = body(&[bad_origin, evpn], &[]);
    assert!(UpdateView::parse(&b, &ebgp()).is_ok());
}

/// Cases collected from FRR's test suites, for the attributes that are known here.
#[test]
fn collected_cases() {
    let root = std::env::var("COSMOS_DATA").unwrap_or_else(|_| "../../shared/data".into());
    let path = std::path::Path::new(&root).join("vectors/frr/rfc7606_cases.json");
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("not run: {} is absent (set COSMOS_DATA)", path.display());
        return;
    };
    let mut run = 0;
    for case in text.split("\"suite\"").skip(1) {
        let field = |name: &str| {
            let (_, rest) = case.split_once(&format!("\"{name}\": "))?;
            Some(rest.split([',', '\n']).next()?.trim().trim_matches('"').to_owned())
        };
        let number = |name: &str| field(name).and_then(|n| n.parse::<u8>().ok());
        let (Some(kind), Some(flags)) = (number("attr_type"), number("flags")) else { continue };
        if attr::table::row(AttrType(kind)).is_none() {
            continue;
        }
        let hex = field("value_hex").unwrap();
        let value: Vec<u8> = (0..hex.len() / 2)
            .map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap())
            .collect();
        let want = match field("outcome").unwrap().as_str() {
            "DISCARD" => Discard,
            "WITHDRAW" => Withdraw,
            "RESET" => Reset,
            other => panic!("outcome {other}"),
        };
        let name = field("name").unwrap();
        assert_eq!(verdict(&message(kind, flags, &value), &ibgp(), kind).0, want, "{name}");
        run += 1;
    }
    assert!(run >= 10, "only {run} cases were recognised in {}", path.display());
}
