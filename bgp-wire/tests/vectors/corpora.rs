//! The small ones: GoBGP, routecore, bgpkit, RustyBGP, bgpcep, bio-rd.

use bgp_wire::{
    Capability, DecodeErrorKind, EvpnRoute, FamilySet, Framed, HEADER_LEN, Labeled, MAX_EXTENDED,
    MAX_MESSAGE, Message, NextHop, Nlri, RouteTargetMembership, UpdateContext, V4Prefix, V6Prefix,
    Vpn, next_frame, update::message_findings,
};

use crate::read::{Outcome, body, context, field, folder, frames, hex, json, text, update};

/// GoBGP (Apache-2.0): five malformed UPDATEs and four MP_REACH_NLRI; BGP-LS and MUP TLVs, which we
/// do not read, and what they are inside of, which we do.
#[test]
fn gobgp() {
    let Some(cases) = json("corpora::gobgp", "vectors/gobgp/packet_vectors.json") else { return };
    let two = UpdateContext { as4: false, ebgp: true, ..context() };
    let (mut malformed, mut reach, mut foreign) = (Vec::new(), Vec::new(), 0);
    for case in &cases {
        let octets = hex(field(case, "hex"));
        match field(case, "func") {
            "Test_MalformedUpdateMsg" => malformed.push(update(&octets, &two)),
            "Test_UnknownIP6Extended_RoundTrip" => {
                let mandatory = [0x40, 1, 1, 0, 0x40, 2, 0, 0x40, 3, 4, 192, 0, 2, 1];
                let list = [&mandatory[..], &[0xc0, 25, 20], &octets].concat();
                let good = update(&body(&list, &[8, 10]), &context()).good();
                assert!(good.canonical.ends_with(&octets));
            }
            name if name.starts_with("Test_MpReach") => {
                let list = [&[0x40, 1, 1, 0, 0x40, 2, 0][..], &octets].concat();
                let good = update(&body(&list, &[]), &context()).good();
                reach.extend(good.announced.into_iter().map(|(_, hop, _, n)| (hop, n.to_string())));
            }
            _ => foreign += 1,
        }
    }
    use DecodeErrorKind as Kind;
    let verdicts: Vec<_> = malformed
        .iter()
        .map(|outcome| match outcome {
            Outcome::Good(update) => Err(update.announced.len()),
            Outcome::Withdraw(error) => Ok(("withdraw", error.kind)),
            Outcome::Reset(error) => Ok(("reset", error.kind)),
        })
        .collect();
    let expected: [Result<(&str, Kind), usize>; 5] = [
        // AS_PATH runs over the end of the list: the route behind it is found and withdrawn.
        Ok(("withdraw", Kind::MalformedAttributeList)),
        // AGGREGATOR of five octets, and nothing announced: it is discarded, that is all.
        Err(0),
        // An IPv4-mapped next hop of 15 octets.
        Ok(("reset", Kind::OptionalAttribute(14))),
        // ORIGIN flagged optional; no route to withdraw, hence the session (RFC 7606 section 5.2).
        Ok(("reset", Kind::AttributeFlags(1))),
        // AGGREGATOR of five octets is discarded, MULTI_EXIT_DISC of five costs the route.
        Ok(("withdraw", Kind::AttributeLength(4))),
    ];
    assert_eq!(verdicts, expected);
    let hop = |text: &str| Some(NextHop::V6(text.parse().unwrap()));
    assert_eq!(reach[0], (hop("2001:db8:1::1"), "2001:db8:53::/64".into()));
    assert_eq!(reach[1].1, "2010:ab8:1::/48");
    assert!(reach[2].1.contains("10.1.1.0/24") && reach[3].1.contains("2001:1:"), "{reach:?}");
    assert_eq!((reach.len(), foreign), (4, 47));
}

/// routecore (BSD-3-Clause): messages with ADD-PATH, EVPN, labels, VPN routes, and bad ones.
#[test]
fn routecore() {
    let Some(cases) = json("corpora::routecore", "vectors/routecore/wire_vectors.json") else {
        return;
    };
    let mut seen = 0;
    for case in &cases {
        let (file, func) = (field(case, "file"), field(case, "func"));
        let octets = hex(field(case, "hex"));
        seen += 1;
        let all = |octets: &[u8]| -> Vec<Outcome> {
            frames(octets).iter().map(|f| update(&f[HEADER_LEN..], &context())).collect()
        };
        match func {
            "multiple_addpath_single_cap" | "multiple_addpath_multi_cap" => {
                let Ok(Message::Open(open)) = Message::decode(&octets) else { panic!("{func}") };
                let families: usize = open
                    .capabilities
                    .iter()
                    .map(|c| if let Capability::AddPath(list) = c { list.len() } else { 0 })
                    .sum();
                assert_eq!(families, 2, "{func}");
            }
            // One prefix of 65 bits is 0x41 long and runs into the next: 0x41 <= 128, but what
            // follows does not add up (RFC 7606 section 5.3).
            "invalid_withdrawals" => {
                let [Outcome::Reset(error)] = &all(&octets)[..] else { panic!("{func}") };
                assert_eq!(error.kind, DecodeErrorKind::OptionalAttribute(15));
            }
            // The message claims 36 octets of 60: what is behind it is not a message.
            "invalid_mp_unreach_nlri" => {
                let Ok(Framed::Message { frame, .. }) = next_frame(&octets, MAX_MESSAGE) else {
                    panic!("{func}")
                };
                assert!(matches!(update(&frame[HEADER_LEN..], &context()), Outcome::Reset(_)));
                assert!(next_frame(&octets[frame.len()..], MAX_MESSAGE).is_err());
            }
            _ if file.contains("/bmp/") => {
                // The BGP message in a BMP message, where there is one whole.
                if let Some(at) = octets.windows(16).position(|w| w == [0xff; 16]) {
                    let inner = frames(&octets[at..]);
                    assert!(matches!(Message::decode(inner[0]), Ok(Message::Notification(_))));
                }
            }
            "parse" if file.ends_with("evpn.rs") => all_of::<EvpnRoute>(&octets, 2),
            "parse" if file.ends_with("mpls.rs") => with_ids::<Labeled<V4Prefix>>(&octets),
            "parse" if file.ends_with("mpls_vpn.rs") => all_of::<Vpn<V6Prefix>>(&octets, 1),
            "parse" => all_of::<RouteTargetMembership>(&octets, 3),
            _ => {
                for outcome in all(&octets) {
                    let good = outcome.good();
                    assert!(good.announced.len() + good.withdrawn.len() > 0, "{func}");
                    assert_eq!((good.discarded, good.ignored), (0, 0), "{func}");
                }
            }
        }
    }
    assert_eq!(seen, 22);
}

#[track_caller]
fn all_of<N: Nlri>(octets: &[u8], count: usize) {
    assert_eq!(N::scan(octets), Ok(count));
    let (mut list, mut again) = (Vec::new(), Vec::new());
    N::read_all(octets, &mut list);
    list.iter().for_each(|route| route.put(&mut again));
    assert_eq!(again, octets);
}

/// The file has labelled prefixes of 10.0.0.0/9... with a label each, to the end.
#[track_caller]
fn with_ids<N: Nlri>(octets: &[u8]) {
    let mut rest = octets;
    let mut count = 0;
    while let Some((route, tail)) = N::take(rest) {
        let mut again = Vec::new();
        route.put(&mut again);
        assert_eq!(again, rest[..rest.len() - tail.len()]);
        rest = tail;
        count += 1;
    }
    assert!(rest.is_empty() && count == 5, "{count} {rest:?}");
}

/// bgpkit (MIT): headers that must be refused, an IPv6 community, a next hop with its link-local.
#[test]
fn bgpkit() {
    let Some(cases) = json("corpora::bgpkit", "vectors/bgpkit/wire_vectors.json") else { return };
    let mut seen = 0;
    for case in &cases {
        let octets = hex(field(case, "hex"));
        seen += 1;
        match field(case, "func") {
            "test_invalid_type" => {
                let error = next_frame(&octets, MAX_MESSAGE).unwrap_err();
                assert_eq!(error.kind, DecodeErrorKind::BadMessageType(6));
            }
            // Their reader does not look at the marker; RFC 4271 section 6.1 has us look first.
            "test_rfc8654_extended_message_length_validation" => {
                let error = next_frame(&octets, MAX_EXTENDED).unwrap_err();
                assert_eq!(error.kind, DecodeErrorKind::ConnectionNotSynchronized);
            }
            "test_parse_vpn_next_hop" => {
                let length = u8::try_from(octets.len()).unwrap();
                let route = [88, 0, 1, 1, 0, 0, 0, 1, 0, 0, 0, 7];
                let value = [&[0, 2, 128, length][..], &octets, &[0], &route].concat();
                let head = [0x80, 14, u8::try_from(value.len()).unwrap()];
                let list = [&[0x40, 1, 1, 0, 0x40, 2, 0][..], &head, &value].concat();
                let good = update(&body(&list, &[]), &context()).good();
                let (_, hop, ..) = &good.announced[0];
                let with_link_local = matches!(hop, Some(NextHop::V6WithLinkLocal { .. }));
                assert_eq!(with_link_local, octets.len() == 48, "{hop:?}");
            }
            "test_parse_extended_communities_ipv6" => {
                let mandatory = [0x40, 1, 1, 0, 0x40, 2, 0, 0x40, 3, 4, 192, 0, 2, 1];
                let list = [&mandatory[..], &[0xc0, 25, 20], &octets].concat();
                let good = update(&body(&list, &[8, 10]), &context()).good();
                assert!(good.canonical.ends_with(&octets));
            }
            // AGGREGATOR with an IPv6 router: no such form (RFC 4271 section 5.1.7): discarded.
            "test_encode_aggregator" => {
                let mandatory = [0x40, 1, 1, 0, 0x40, 2, 0, 0x40, 3, 4, 192, 0, 2, 1];
                let list = [&mandatory[..], &[0xc0, 7, 20], &octets].concat();
                assert_eq!(update(&body(&list, &[8, 10]), &context()).good().discarded, 1);
            }
            // BMP headers and a TE attribute of a router's own: no octets of ours.
            name => assert!(
                field(case, "file").contains("/bmp/") || name.contains("traffic_engineering"),
                "{name}"
            ),
        }
    }
    assert_eq!(seen, 13);
}

/// RustyBGP (Apache-2.0).
#[test]
fn rustybgp() {
    let Some(cases) = json("corpora::rustybgp", "vectors/rustybgp/wire_vectors.json") else {
        return;
    };
    let message = hex(field(&cases[0], "hex"));
    let good = update(&message[HEADER_LEN..], &context()).good();
    assert_eq!(good.announced.len(), 4);
    // Unknown: the transitive one stays, with Partial, the other goes.
    let list = hex(field(&cases[1], "hex"));
    let good = update(&body(&list, &[8, 10]), &context()).good();
    let kinds: Vec<_> = bgp_wire::attrs(&good.canonical).map(|a| (a.kind.0, a.flags)).collect();
    assert_eq!(kinds, [(1, 0x40), (2, 0x40), (200, 0xe0)]);
    assert_eq!(cases.len(), 2);
}

/// bgpcep (EPL-1.0, read in place): EVPN, route target and MVPN updates, announced and withdrawn.
#[test]
fn bgpcep() {
    const ROOT: &str = "vectors/bgpcep/tests/variables/bgpfunctional";
    const NAMES: [&str; 16] = [
        "l2vpn_evpn/pmsi_bidir_pim_tree",
        "l2vpn_evpn/pmsi_mldp_mp2mp_lsp",
        "l2vpn_evpn/pmsi_mldp_p2mp_lsp",
        "l2vpn_evpn/pmsi_pim_sm_tree",
        "l2vpn_evpn/route_es_arb",
        "l2vpn_evpn/route_es_lan",
        "l2vpn_evpn/route_es_rou",
        "l2vpn_evpn/route_eth_arb",
        "l2vpn_evpn/route_eth_lacp_extdef",
        "l2vpn_evpn/route_inc_arb",
        "l2vpn_evpn/route_mac_lacp",
        "l2vpn_evpn/route_mac_lan",
        "mvpn/source_active_ad",
        "mvpn/source_tree_join",
        "rt_constrain/rt_constrain_type_0",
        "rt_constrain/rt_constrain_type_1",
    ];
    let mut routes = 0;
    for name in NAMES {
        let leaf = name.rsplit('/').next().unwrap();
        for way in ["announce", "withdraw"] {
            let path = format!("{ROOT}/{name}/{way}_{leaf}.hex");
            let Some(text) = text("corpora::bgpcep", &path) else { return };
            let octets = hex(&text);
            let message = frames(&octets)[0];
            let outcome = update(&message[HEADER_LEN..], &context());
            routes += 1;
            // The tunnel identifier is an opaque value alone; RFC 6514 section 5 asks for the whole
            // MP2MP FEC element of RFC 6388, with type, family and root.
            if leaf == "pmsi_mldp_mp2mp_lsp" {
                let expected = DecodeErrorKind::OptionalAttribute(22);
                match (way, outcome) {
                    ("announce", Outcome::Withdraw(error)) => assert_eq!(error.kind, expected),
                    // Nothing announced, hence RFC 7606 section 5.2.
                    ("withdraw", Outcome::Reset(error)) => assert_eq!(error.kind, expected),
                    other => panic!("{path}: {other:?}"),
                }
                continue;
            }
            let good = outcome.good();
            assert_eq!(good.discarded, 0, "{path}");
            let counts = (good.announced.len(), good.withdrawn.len(), good.ignored);
            let expected = match (name.starts_with("mvpn"), way) {
                // MVPN is not carried.
                (true, _) => (0, 0, 1),
                (false, "announce") => (1, 0, 0),
                (false, _) => (0, 1, 0),
            };
            assert_eq!(counts, expected, "{path}");
        }
    }
    assert_eq!(routes, 32);
}

/// bio-rd (Apache-2.0): what its fuzzer kept. Framing, then everything that can be done.
#[test]
fn bio_rd() {
    let Some(files) = folder("corpora::bio_rd", "vectors/bio-rd-corpus/tes") else { return };
    let (mut whole, mut refused) = (0, 0);
    for path in &files {
        let octets = std::fs::read(path).unwrap();
        match next_frame(&octets, MAX_MESSAGE) {
            Ok(Framed::Message { frame, .. }) => {
                whole += 1;
                match Message::decode(frame) {
                    Ok(Message::Update(body)) => {
                        let _ = update(body, &context());
                        let ids = FamilySet::IPV4_UNICAST;
                        let _ = update(body, &UpdateContext { add_path: ids, ..context() });
                    }
                    Ok(_) => {}
                    Err(error) => assert!(error.notification(frame).code <= 7),
                }
                let _ = message_findings(frame, &context());
            }
            Ok(Framed::Incomplete { needed }) => assert!(needed > octets.len()),
            Err(error) => {
                refused += 1;
                assert_eq!(error.notification(&octets).code, 1);
            }
        }
    }
    assert_eq!(files.len(), 24);
    assert!(whole >= 15 && whole + refused <= 24, "{whole} {refused}");
}
