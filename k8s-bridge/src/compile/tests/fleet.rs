//! The fleet model: instances, providers, sessions.

use intent::{ProviderKind, Reason};

use super::{Case, with_base};

/// Fleet model: an instance, and whatever else.
fn fleet(rest: &str) -> Case {
    with_base(&format!(
        "apiVersion: bgp.miloapis.com/v1alpha1\nkind: BGPInstance\nmetadata: {{name: i, creationTimestamp: \"2020-01-01T00:00:00Z\"}}\nspec: {{providerSelector: {{matchLabels: {{bgp.miloapis.com/daemon: native}}}}, asNumber: 65000, addressFamilies: [{{afi: IPv4, safi: Unicast}}], timers: {{defaultHoldTime: 30, defaultKeepalive: 10}}}}\n---\n{rest}"
    ))
}

#[test]
fn without_provider_objects_the_native_one_is_there() {
    let case = fleet("");
    let router = &case.intent().routers["i@n-native"];
    assert_eq!(
        (router.router_id.to_string().as_str(), router.provider.kind),
        ("10.0.0.1", ProviderKind::Native)
    );
    assert_eq!(case.router().provider.name, "n-native");
}

#[test]
fn providers_of_other_nodes_are_not_ours() {
    let provider = |name: &str, labels: &str| {
        format!(
            "apiVersion: providers.bgp.miloapis.com/v1alpha1\nkind: BGPProvider\nmetadata: {{name: {name}, labels: {labels}}}\nspec: {{type: FRR, frr: {{}}}}\n---\n"
        )
    };
    let case = fleet(
        &[
            provider("o-frr", "{bgp.miloapis.com/node: o, bgp.miloapis.com/daemon: native}"),
            provider("lost", "{}"),
        ]
        .concat(),
    );
    // Providers are written out, so none is assumed for instances; routers still have their default.
    assert_eq!(case.intent().routers.len(), 1);
    assert_eq!(case.verdict("BGPInstance i").reason, Reason::NotOnThisNode);
    assert_eq!(case.verdict("BGPProvider o-frr").reason, Reason::NotOnThisNode);
    assert!(case.refused("BGPProvider lost").1.contains("bgp.miloapis.com/node"));
}

#[test]
fn two_instances_of_different_identity_on_one_provider() {
    let case = fleet(
        "apiVersion: bgp.miloapis.com/v1alpha1\nkind: BGPInstance\nmetadata: {name: a}\nspec: {providerSelector: {}, asNumber: 65009, addressFamilies: [{afi: IPv4, safi: Unicast}]}\n---\napiVersion: bgp.miloapis.com/v1alpha1\nkind: BGPInstance\nmetadata: {name: b}\nspec: {providerSelector: {}, asNumber: 65000, addressFamilies: [{afi: IPv6, safi: Unicast}]}\n---\napiVersion: bgp.miloapis.com/v1alpha1\nkind: BGPPeer\nmetadata: {name: p}\nspec: {instanceRef: a, providerSelector: {}, address: 192.0.2.1, asNumber: 5}\n",
    );
    let routers: Vec<_> = case.intent().routers.keys().map(|n| n.as_str()).collect();
    assert_eq!(routers, ["b@n-native", "default/r", "i@n-native"]);
    assert_eq!(case.refused("BGPInstance a").0, Reason::Conflict);
    assert!(case.condition("BGPInstance i", "Conflict").contains("BGPInstance a does not"));
    assert!(case.refused("BGPPeer default/p").1.contains("see BGPInstance a"));
}

#[test]
fn a_session_becomes_peers_and_yields_to_generated_ones() {
    let session = "apiVersion: bgp.miloapis.com/v1alpha1\nkind: BGPSession\nmetadata: {name: s}\nspec: {fromProviderSelector: {}, fromInstanceRef: i, toPeers: [{address: 192.0.2.1, asNumber: 65100, remotePort: 1179}, {externalPeerRef: {name: tor}}, {address: 10.0.0.1, asNumber: 65000}], addressFamilies: [{afi: IPv4, safi: Unicast}], timers: {holdTime: 9}}\n---\napiVersion: bgp.miloapis.com/v1alpha1\nkind: BGPExternalPeer\nmetadata: {name: tor}\nspec: {address: 192.0.2.2, asNumber: 65100}\n";
    let case = fleet(session);
    let router = &case.intent().routers["i@n-native"];
    let names: Vec<_> = router.peers.keys().map(|n| n.as_str()).collect();
    assert_eq!(names, ["default/s-n-native-192.0.2.1", "default/s-n-native-192.0.2.2"]);
    let first = &router.peers["default/s-n-native-192.0.2.1"];
    // The instance's default keepalive gives way to a third of the session's hold time.
    assert_eq!(first.timers.hold.map(|h| (h.hold(), h.keepalive())), Some((9, 3)));
    assert_eq!(first.remote_port, 1179);
    assert!(case.verdict("BGPSession s").accepted);
    assert!(case.verdict("BGPSession s").message.contains("10.0.0.1 is this node's own address"));
    assert_eq!(case.condition("BGPSession s", "PeersReconciled"), "3 peer(s) reconciled");
    assert_eq!(case.condition("BGPExternalPeer tor", "InUse"), "1 session(s) refer to it");

    let generated = "---\napiVersion: bgp.miloapis.com/v1alpha1\nkind: BGPPeer\nmetadata: {name: s-n-native-192.0.2.1, labels: {bgp.miloapis.com/session-name: s}}\nspec: {instanceRef: i, providerRef: n-native, address: 192.0.2.1, asNumber: 65100}\n";
    let case = fleet(&format!("{session}{generated}"));
    let router = &case.intent().routers["i@n-native"];
    assert_eq!(router.peers.len(), 2);
    assert_eq!(router.peers["default/s-n-native-192.0.2.1"].source.kind, "BGPPeer");
}

#[test]
fn what_dangles_says_so() {
    let case = fleet(
        "apiVersion: bgp.miloapis.com/v1alpha1\nkind: BGPPeer\nmetadata: {name: a}\nspec: {instanceRef: gone, providerSelector: {}, address: 192.0.2.1, asNumber: 5}\n---\napiVersion: bgp.miloapis.com/v1alpha1\nkind: BGPPeer\nmetadata: {name: b}\nspec: {instanceRef: i, providerRef: gone, address: 192.0.2.1, asNumber: 5}\n---\napiVersion: bgp.miloapis.com/v1alpha1\nkind: BGPAdvertisement\nmetadata: {name: c}\nspec: {instanceRef: gone, prefixes: [10.0.0.0/24]}\n---\napiVersion: bgp.miloapis.com/v1alpha1\nkind: BGPRoutePolicy\nmetadata: {name: d}\nspec: {instanceRef: gone}\n---\napiVersion: bgp.miloapis.com/v1alpha1\nkind: BGPSession\nmetadata: {name: e}\nspec: {fromProviderSelector: {matchLabels: {a: none}}, fromInstanceRef: i, toPeers: [], addressFamilies: [{afi: IPv4, safi: Unicast}]}\n---\napiVersion: bgp.miloapis.com/v1alpha1\nkind: BGPSession\nmetadata: {name: f}\nspec: {fromExternalPeerRef: {name: tor}, addressFamilies: [{afi: IPv4, safi: Unicast}]}\n",
    );
    assert_eq!(case.refused("BGPPeer default/a").0, Reason::InstanceNotFound);
    assert_eq!(case.refused("BGPPeer default/b").0, Reason::ProviderNotMatched);
    assert_eq!(case.refused("BGPAdvertisement default/c").0, Reason::InstanceNotFound);
    assert_eq!(case.refused("BGPRoutePolicy d").0, Reason::InstanceNotFound);
    assert_eq!(case.refused("BGPSession e").0, Reason::NoMatchedProviders);
    assert_eq!(case.verdict("BGPSession f").reason, Reason::NotOnThisNode);
    assert_eq!(
        case.condition("BGPPeer default/a", "InstanceNotFound"),
        "there is no BGPInstance gone"
    );
}

#[test]
fn priorities_ascend_and_selectors_choose_peers() {
    let rp = |name: &str, priority: u32, selector: &str| {
        format!(
            "apiVersion: bgp.miloapis.com/v1alpha1\nkind: BGPRoutePolicy\nmetadata: {{name: {name}}}\nspec: {{instanceRef: i, priority: {priority}{selector}, exportStatements: [{{name: x, actions: {{routeDisposition: Accept}}}}]}}\n---\n"
        )
    };
    let peer = |name: &str, address: &str| {
        format!(
            "apiVersion: bgp.miloapis.com/v1alpha1\nkind: BGPPeer\nmetadata: {{name: {name}, labels: {{name: {name}}}}}\nspec: {{instanceRef: i, providerSelector: {{}}, address: {address}, asNumber: 65000, routeReflectorClient: false}}\n---\n"
        )
    };
    let case = fleet(
        &[
            rp("z", 10, ""),
            rp("a", 20, ""),
            rp("b", 5, ", peerSelector: {matchLabels: {name: p}}"),
            peer("p", "192.0.2.1"),
            peer("q", "192.0.2.2"),
        ]
        .concat(),
    );
    let router = &case.intent().routers["i@n-native"];
    let names = |peer: &str| -> Vec<_> {
        router.peers[peer].export.stages()[0].terms.iter().map(|t| t.name.clone()).collect()
    };
    assert_eq!(names("default/p"), ["b:x", "z:x", "a:x"]);
    assert_eq!(names("default/q"), ["z:x", "a:x"]);
    assert!(router.peers["default/p"].import.is_empty());
}
