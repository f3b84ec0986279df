//! The JSON of messages, whole: tools depend on every key.

use serde_json::{json, to_value};

use super::*;
use crate::{
    AddPathDirection::{Both, Send},
    Asn, ExtendedNextHop, GracefulFamily, LongLivedFamily,
};

const V4: Family = Family::IPV4_UNICAST;

#[test]
fn open() {
    let families = vec![GracefulFamily { family: V4, forwarding: true }];
    let list = vec![
        Capability::MultiProtocol(V4),
        Capability::RouteRefresh,
        Capability::ExtendedNextHop(vec![ExtendedNextHop { family: V4, next_hop: Afi::IPV6 }]),
        Capability::GracefulRestart {
            restarting: false,
            notification: true,
            restart_time: 120,
            families,
        },
        Capability::AddPath(vec![(V4, Both)]),
        Capability::Role(3),
        Capability::Role(9),
        Capability::Fqdn { hostname: "n1".into(), domain: "x".into() },
        Capability::SoftwareVersion("c/1".into()),
        Capability::LongLivedGracefulRestart(vec![LongLivedFamily {
            family: V4,
            forwarding: false,
            stale_time: 60,
        }]),
        Capability::OutboundRouteFiltering(vec![OrfFamily {
            family: V4,
            filters: vec![(64, Send)],
        }]),
        Capability::MultipleLabels(vec![(Family::IPV4_LABELED, 3)]),
        Capability::PathsLimit(vec![(V4, 8)]),
        Capability::LinkLocalNextHop,
        Capability::Unknown { code: 200, value: vec![1, 0xff].into() },
    ];
    let open = Open::new(Asn(4_200_000_001), 90, [10, 0, 0, 1].into(), list);
    let family = |key: &str, value| json!([{"family": "ipv4/unicast", key: value}]);
    let expected = json!({
        "version": 4, "asn": 4_200_000_001_u32, "myAs": 23456, "holdTime": 90,
        "routerId": "10.0.0.1",
        "capabilities": [
            {"code": 65, "name": "four-octet-as", "asn": 4_200_000_001_u32},
            {"code": 1, "name": "multiprotocol", "family": "ipv4/unicast"},
            {"code": 2, "name": "route-refresh"},
            {"code": 5, "name": "extended-next-hop", "families": family("nextHop", json!("ipv6"))},
            {"code": 64, "name": "graceful-restart", "restarting": false, "notification": true,
             "restartTime": 120, "families": family("forwarding", json!(true))},
            {"code": 69, "name": "add-path", "families": family("direction", json!("both"))},
            {"code": 9, "name": "role", "role": 3, "roleName": "customer"},
            {"code": 9, "name": "role", "role": 9},
            {"code": 73, "name": "fqdn", "hostname": "n1", "domain": "x"},
            {"code": 75, "name": "software-version", "version": "c/1"},
            {"code": 71, "name": "long-lived-graceful-restart",
             "families": [{"family": "ipv4/unicast", "forwarding": false, "staleTime": 60}]},
            {"code": 3, "name": "outbound-route-filtering",
             "families": family("filters", json!([{"type": 64, "direction": "send"}]))},
            {"code": 8, "name": "multiple-labels",
             "families": [{"family": "ipv4/labeled-unicast", "count": 3}]},
            {"code": 76, "name": "paths-limit", "families": family("limit", json!(8))},
            {"code": 77, "name": "link-local-next-hop"},
            {"code": 200, "name": "unknown", "value": "01ff"},
        ],
    });
    assert_eq!(to_value(&open).unwrap(), expected);
}

#[test]
fn notifications() {
    let shutdown = Notification::admin_shutdown("bye");
    let inner = json!({
        "code": 6, "subcode": 2, "error": "Cease", "suberror": "Administrative Shutdown",
        "data": "03627965", "communication": "bye",
    });
    assert_eq!(to_value(&shutdown).unwrap(), inner);
    let outer = to_value(shutdown.hard_reset()).unwrap();
    assert_eq!(outer["hardReset"], inner);
    let twice = to_value(shutdown.hard_reset().hard_reset()).unwrap();
    assert_eq!(twice["hardReset"]["hardReset"], json!(null));
    let bound = to_value(Notification::max_prefixes(Family::IPV6_UNICAST, 7)).unwrap();
    assert_eq!((&bound["family"], &bound["bound"]), (&json!("ipv6/unicast"), &json!(7)));
    let missing = Notification::unsupported_capability(&[Capability::RouteRefresh]);
    let expected = json!([{"code": 2, "name": "route-refresh"}]);
    assert_eq!(to_value(missing).unwrap()["capabilities"], expected);
    assert_eq!(to_value(Notification::new(99, 1)).unwrap(), json!({"code": 99, "subcode": 1}));
}

#[test]
fn route_refresh() {
    let plain = RouteRefresh::new(V4, RouteRefresh::END);
    let expected = json!({"family": "ipv4/unicast", "subtype": 2, "name": "EoRR"});
    assert_eq!(to_value(plain).unwrap(), expected);
    let filters = [1, 64, 0, 10, 0x20, 0, 0, 0, 5, 0, 24, 8, 10, 0x80, 65, 0, 1, 9, 64, 0, 1, 0];
    let refresh = RouteRefresh {
        filters: filters.to_vec().into(),
        ..RouteRefresh::new(V4, RouteRefresh::REQUEST)
    };
    let expected = json!({"when": "immediate", "lists": [
        {"type": 64, "entries": [
            {"action": "add", "match": "deny", "sequence": 5, "prefix": "10.0.0.0/8",
             "maxLength": 24},
            {"action": "removeAll"},
        ]},
        {"type": 65, "value": "09"},
        {"type": 64, "malformed": true},
    ]});
    assert_eq!(to_value(refresh).unwrap()["orf"], expected);
    let odd = RouteRefresh { filters: vec![1].into(), ..RouteRefresh::new(V4, 9) };
    let expected = json!({"family": "ipv4/unicast", "subtype": 9, "value": "01"});
    assert_eq!(to_value(odd).unwrap(), expected);
}
