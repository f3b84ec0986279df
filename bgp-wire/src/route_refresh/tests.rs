//! ROUTE-REFRESH: lengths by subtype; filters good, bad, and cut anywhere.

use super::*;

fn request(filters: &[u8]) -> RouteRefresh {
    let body = [&[0, 1, 0, 1], filters].concat();
    let refresh = RouteRefresh::decode(&body).unwrap();
    let mut wire = Vec::new();
    refresh.encode(&mut wire);
    assert_eq!(wire[HEADER_LEN..], body);
    refresh
}

#[test]
fn round_trip() {
    let rr = RouteRefresh::new(Family::IPV6_UNICAST, RouteRefresh::BEGIN);
    let mut out = Vec::new();
    rr.encode(&mut out);
    assert_eq!(out[16..], [0, 23, 5, 0, 2, 1, 1]);
    assert_eq!(rr.to_string(), "ipv6/unicast BoRR");
    assert_eq!(RouteRefresh::decode(&out[19..]), Ok(rr));
}

#[test]
fn wrong_length_is_7_1_with_the_message() {
    for subtype in [RouteRefresh::BEGIN, RouteRefresh::END] {
        let message = [&[0xff; 16][..], &[0, 24, 5, 0, 1, subtype, 1, 9]].concat();
        let e = RouteRefresh::decode(&message[19..]).unwrap_err();
        let n = e.notification(&message);
        assert_eq!((n.code, n.subcode, &n.data[..]), (7, 1, &message[..]));
    }
    for short in 0..4 {
        let e = RouteRefresh::decode(&[0; 4][..short]).unwrap_err();
        assert_eq!(e.kind, DecodeErrorKind::RouteRefreshLength);
    }
    // RFC 7313 section 5: to be ignored, hence no error.
    let odd = RouteRefresh::decode(&[0, 1, 3, 1, 9]).unwrap();
    assert_eq!((odd.subtype, odd.orf()), (3, None));
}

#[test]
fn prefix_filters() {
    let refresh = request(&[
        1, 64, 0, 21, // immediate, address prefix, 21 octets
        0x00, 0, 0, 0, 5, 9, 24, 8, 10,   // add 5 permit
        0x80, // remove all
        0x60, 0, 0, 0, 6, 0, 0, 17, 192, 168, 128, // remove 6 deny
    ]);
    assert_eq!(
        refresh.to_string(),
        "ipv4/unicast request with filters (immediate), type 64: \
         add 5 permit 10.0.0.0/8 ge 9 le 24; remove all; remove 6 deny 192.168.128.0/17"
    );
    assert_eq!(request(&[]).orf(), None);
    assert_eq!(request(&[2]).to_string(), "ipv4/unicast request with filters (defer)");
    let other = request(&[2, 65, 0, 2, 7, 7, 64, 0, 1, 0x80]);
    let expected = "ipv4/unicast request with filters (defer), type 65: 2 octets, \
                    type 64: remove all";
    assert_eq!(other.to_string(), expected);
}

/// CVE-2023-41360 class: an entry cut right behind, or before, its first octet; and every other cut.
#[test]
fn malformed_filters_remove_the_list() {
    let good = [0x00u8, 0, 0, 0, 5, 9, 24, 8, 10];
    let verdict = |list: &[u8]| {
        let length = u16::try_from(list.len()).unwrap().to_be_bytes();
        let refresh = request(&[&[1, 64], &length[..], list].concat());
        let lists: Vec<_> = refresh.orf().unwrap().lists().collect();
        assert_eq!(lists.len(), 1);
        matches!(lists[0], (64, OrfEntries::Prefixes(_)))
    };
    assert!(verdict(&[]) && verdict(&good));
    for cut in 1..good.len() {
        assert!(!verdict(&good[..cut]), "{cut}");
    }
    for (at, octet) in [(0, 0xc0), (5, 7), (5, 33), (5, 25), (6, 33), (6, 7), (7, 33), (7, 255)] {
        let mut bad = good;
        bad[at] = octet;
        assert!(!verdict(&bad), "{at} {octet}");
    }
    // A good entry before a bad one does not save the list.
    assert!(!verdict(&[&good[..], &[0]].concat()));
    // A list longer than the message, a list without its length.
    for filters in [&[1, 64, 0, 9, 0][..], &[1, 64], &[1, 64, 0], &[1, 9, 255, 255]] {
        let refresh = request(filters);
        let lists: Vec<_> = refresh.orf().unwrap().lists().collect();
        assert!(matches!(lists[..], [(_, OrfEntries::Malformed)]), "{filters:?}");
        assert!(refresh.to_string().ends_with("malformed"));
    }
    // A family that has no prefixes.
    let body = [0, 25, 0, 70, 1, 64, 0, 9, 0, 0, 0, 0, 5, 9, 24, 8, 10];
    let refresh = RouteRefresh::decode(&body).unwrap();
    let (_, entries) = refresh.orf().unwrap().lists().next().unwrap();
    assert!(matches!(entries, OrfEntries::Malformed));
}
