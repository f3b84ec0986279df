//! What objects come to: one behaviour a test, both models.

use std::fs;

use intent::{
    Action, Auth, ExportScope, Intent, LimitAction, LocalEnd, Match, Peer, PeerAddress, PeerScope,
    Reason, RemoteAs, Router, Set, Ttl, observed::ConditionStatus,
};

use super::*;
use crate::manifest::load_dir;

/// Documents that most tests need: a node and a router of each model.
const BASE: &str = r#"
{apiVersion: v1, kind: Node, metadata: {name: n}, status: {addresses: [{type: InternalIP, address: 10.0.0.1}]}}
---
apiVersion: bgp.miloapis.com/v1alpha1
kind: BGPRouter
metadata: {name: r, labels: {plane: a}}
spec:
  targetRef: {kind: Node, name: n}
  localASN: 65001
  routerID: 10.0.0.1
  addressFamilies: [{afi: ipv4, safi: unicast}, {afi: ipv6, safi: unicast}]
"#;

mod fleet;
mod options;
mod transport;

struct Case {
    compiled: Compiled,
}

fn on(text: &str) -> Case {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("test.yaml"), text).unwrap();
    let loaded = load_dir(dir.path());
    let errors: Vec<_> = loaded.errors.iter().map(ToString::to_string).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    let index: Index = loaded.objects.into_iter().collect();
    let compiled = compile(&index, "n");
    assert_eq!(compiled.intent.validate(), []);
    Case { compiled }
}

fn with_base(text: &str) -> Case {
    on(&format!("{BASE}---\n{text}"))
}

/// A BGPPeer of router r.
fn peer(name: &str, address: &str, rest: &str) -> String {
    format!(
        "apiVersion: bgp.miloapis.com/v1alpha1\nkind: BGPPeer\nmetadata: {{name: {name}, labels: {{name: {name}}}}}\nspec:\n  routerRef: {{name: r}}\n  address: {address}\n  addressFamilies: [{{afi: ipv4, safi: unicast}}]\n{}\n---\n",
        rest.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
    )
}

fn policy(name: &str, direction: &str, terms: &str) -> String {
    format!(
        "apiVersion: bgp.miloapis.com/v1alpha1\nkind: BGPPolicy\nmetadata: {{name: {name}}}\nspec:\n  routerRef: {{name: r}}\n  direction: {direction}\n  terms: {terms}\n---\n"
    )
}

impl Case {
    fn intent(&self) -> &Intent {
        &self.compiled.intent
    }

    fn router(&self) -> &Router {
        &self.intent().routers["default/r"]
    }

    fn peer(&self, name: &str) -> &Peer {
        let name = format!("default/{name}");
        self.router().peers.get(name.as_str()).unwrap_or_else(|| {
            panic!("no peer {name}: {:#?}", self.compiled.verdicts);
        })
    }

    fn verdict(&self, object: &str) -> &Verdict {
        let found = self.compiled.verdicts.iter().find(|v| v.object.to_string() == object);
        found.unwrap_or_else(|| panic!("no verdict on {object}"))
    }

    fn refused(&self, object: &str) -> (Reason, &str) {
        let verdict = self.verdict(object);
        assert!(!verdict.accepted, "{verdict:#?}");
        assert_eq!(verdict.conditions[0].status, ConditionStatus::False);
        (verdict.reason, &verdict.message)
    }

    fn condition(&self, object: &str, kind: &str) -> &str {
        let conditions = &self.verdict(object).conditions;
        let found = conditions.iter().find(|c| c.kind == kind);
        &found.unwrap_or_else(|| panic!("no {kind} on {object}: {conditions:#?}")).message
    }
}

#[test]
fn a_router_of_another_node_or_runtime_is_left_alone() {
    let router = |name: &str, kind: &str, node: &str| {
        format!(
            "apiVersion: bgp.miloapis.com/v1alpha1\nkind: BGPRouter\nmetadata: {{name: {name}}}\nspec: {{targetRef: {{kind: {kind}, name: {node}}}, localASN: 1, routerID: 1.1.1.1, addressFamilies: [{{afi: ipv4, safi: unicast}}]}}\n---\n"
        )
    };
    let case = on(&[router("a", "Node", "other"), router("b", "RouterDevice", "n")].concat());
    assert!(case.intent().routers.is_empty());
    for name in ["BGPRouter default/a", "BGPRouter default/b"] {
        assert!(case.verdict(name).accepted);
        assert_eq!(case.verdict(name).reason, Reason::NotOnThisNode);
    }
}

#[test]
fn roles_and_reflection_decide_what_leaves() {
    let scope = |line: &str| {
        let text = BASE.replace("  localASN", &format!("  {line}\n  localASN"));
        on(&text).router().export_scope
    };
    assert_eq!(scope("roles: [fabric, tenant]"), ExportScope::Originated);
    assert_eq!(scope("roles: [transit]"), ExportScope::AllBest);
    assert_eq!(scope("clusterID: 10.0.0.1"), ExportScope::AllBest);
}

#[test]
fn addresses_take_every_form() {
    let case = with_base(
        &[
            peer("a", "192.0.2.1", "peerASN: 65002\nupdateSource: 192.0.2.9"),
            peer("b", "fe80::1", "asNumber: 65001\nupdateSource: eth0"),
            peer("c", "192.0.2.3", "remoteAS: internal\nupdateSource: lo"),
        ]
        .concat(),
    );
    assert_eq!(case.peer("a").local, LocalEnd::Address([192, 0, 2, 9].into()));
    let link_local = PeerAddress::LinkLocal {
        address: "fe80::1".parse().unwrap(),
        interface: "eth0".parse().unwrap(),
    };
    assert_eq!(case.peer("b").address, link_local);
    assert_eq!(case.peer("c").remote_as, RemoteAs::Internal);
    assert_eq!(case.peer("c").local, LocalEnd::Interface("lo".parse().unwrap()));
    assert!(case.peer("b").extended_next_hop);
    assert!(!case.peer("a").extended_next_hop);
}

#[test]
fn addresses_that_cannot_be_used_are_refused() {
    let case = with_base(
        &[
            peer("own", "10.0.0.1", "peerASN: 2"),
            peer("scope", "fe80::2", "peerASN: 2"),
            peer("family", "192.0.2.1", "peerASN: 2\nupdateSource: 2001:db8::1"),
        ]
        .concat(),
    );
    assert_eq!(case.refused("BGPPeer default/own").0, Reason::SkippedSelfPeer);
    assert!(case.refused("BGPPeer default/scope").1.contains("set updateSource"));
    assert!(case.refused("BGPPeer default/family").1.contains("different families"));
    assert!(case.router().peers.is_empty());
}

#[test]
fn timers_follow_the_hold_time() {
    let case = with_base(
        &[
            peer("a", "192.0.2.1", "peerASN: 2"),
            peer("b", "192.0.2.2", "peerASN: 2\nholdTime: 12s"),
            peer("c", "192.0.2.3", "peerASN: 2\nholdTime: 0s"),
            peer("d", "192.0.2.4", "peerASN: 2\ntimers: {holdTime: 30, keepalive: 5}"),
            peer("e", "192.0.2.5", "peerASN: 2\nholdTime: 30s\nkeepaliveTime: 20s"),
            peer("f", "192.0.2.6", "peerASN: 2\nholdTime: 3500ms"),
        ]
        .concat(),
    );
    let hold = |name| case.peer(name).timers.hold.map(|h| (h.hold(), h.keepalive()));
    assert_eq!(hold("a"), Some((90, 30)));
    assert_eq!(hold("b"), Some((12, 4)));
    assert_eq!(hold("c"), None);
    assert_eq!(hold("d"), Some((30, 5)));
    assert_eq!(case.refused("BGPPeer default/e").0, Reason::InvalidTimers);
    assert_eq!(case.refused("BGPPeer default/f").0, Reason::InvalidTimers);
}

#[test]
fn ttl_of_both_spellings() {
    let case = with_base(
        &[
            peer("a", "192.0.2.1", "peerASN: 2\nebgpMultihop: 3"),
            peer("b", "192.0.2.2", "peerASN: 2\nebgpMultiHop: true"),
            peer("c", "192.0.2.3", "peerASN: 2\nttlSecurity: 254"),
            peer("d", "192.0.2.4", "peerASN: 65001\nebgpMultihop: 3"),
            peer("e", "192.0.2.5", "peerASN: 2\nebgpMultiHop: false"),
        ]
        .concat(),
    );
    assert_eq!(case.peer("a").ttl, Ttl::Multihop(3.try_into().unwrap()));
    assert_eq!(case.peer("b").ttl, Ttl::Multihop(64.try_into().unwrap()));
    assert_eq!(case.peer("c").ttl, Ttl::Security(254.try_into().unwrap()));
    assert_eq!(case.refused("BGPPeer default/d").0, Reason::InvalidForIBGP);
    assert_eq!(case.peer("e").ttl, Ttl::Default);
}

#[test]
fn a_missing_secret_keeps_the_session_down() {
    let secret = "{apiVersion: v1, kind: Secret, metadata: {name: s}, data: {password: aGV5}, stringData: {other: you}}\n---\n";
    let case = with_base(
        &[
            secret.to_owned(),
            peer("a", "192.0.2.1", "peerASN: 2\nauthSecretRef: {name: s}"),
            peer("b", "192.0.2.2", "peerASN: 2\npasswordSecretRef: {name: s, key: other}"),
            peer("c", "192.0.2.3", "peerASN: 2\npasswordSecretRef: {name: s, key: none}"),
            peer(
                "d",
                "192.0.2.4",
                "peerASN: 2\nauthSecretRef: {name: gone}\nauthentication: {password: plain}",
            ),
            peer("e", "192.0.2.5", "peerASN: 2\nauthentication: {password: plain}"),
        ]
        .concat(),
    );
    let key = |name| match &case.peer(name).auth {
        Auth::Md5(secret) => secret.expose().to_vec(),
        Auth::None | Auth::Ao(_) => panic!("{name} runs without its password"),
    };
    assert_eq!((key("a"), key("b"), key("e")), (b"hey".into(), b"you".into(), b"plain".into()));
    assert_eq!(case.refused("BGPPeer default/c").0, Reason::SecretNotFound);
    // The reference wins over the plain password, and its absence is not made up for.
    assert_eq!(case.refused("BGPPeer default/d").0, Reason::SecretNotFound);
    assert!(case.condition("BGPPeer default/d", "SecretNotFound").contains("default/gone"));
}

#[test]
fn fields_nothing_acts_on_are_told_or_refuse() {
    let case = with_base(&[
        peer("a", "192.0.2.1", "peerASN: 2\nmultiSession: true\nrole: customer\naddPaths: {send: {bestN: 4}}\ngracefulRestart: {enabled: false}"),
    ]
    .concat());
    assert_eq!(
        case.condition("BGPPeer default/a", "NotRealised"),
        "accepted, but nothing acts on it yet: spec.multiSession"
    );
    assert!(case.verdict("BGPPeer default/a").accepted);
    assert_eq!(case.router().peers.len(), 1);
}

#[test]
fn one_neighbour_twice_leaves_the_older() {
    let old = peer("b-old", "192.0.2.1", "peerASN: 2").replace(
        "{name: b-old, labels",
        "{name: b-old, creationTimestamp: \"2020-01-01T00:00:00Z\", labels",
    );
    let case = with_base(&[peer("a-new", "192.0.2.1", "peerASN: 3"), old].concat());
    assert_eq!(case.router().peers.len(), 1);
    assert_eq!(case.peer("b-old").remote_as, RemoteAs::Asn(intent::Asn::new(2).unwrap()));
    assert_eq!(case.refused("BGPPeer default/a-new").0, Reason::Conflict);
    let (lost, won) = (
        case.condition("BGPPeer default/a-new", "Conflict"),
        case.condition("BGPPeer default/b-old", "Conflict"),
    );
    assert!(lost.contains("BGPPeer default/b-old is older"), "{lost}");
    assert!(won.contains("BGPPeer default/a-new does not"), "{won}");
}

#[test]
fn routers_that_share_a_port_cannot_share_a_neighbour() {
    let second = BASE.split("---").nth(1).unwrap().replace("name: r,", "name: s,");
    let shared = |second: &str, rest: &str| {
        with_base(&format!(
            "{second}---\n{}{}",
            peer("a", "192.0.2.1", &format!("peerASN: 2\n{rest}")),
            peer("b", "192.0.2.1", "peerASN: 2\nupdateSource: 192.0.2.8")
                .replace("{name: r}", "{name: s}")
        ))
    };
    let (reason, message) = {
        let case = shared(&second, "");
        let (reason, message) = case.refused("BGPPeer default/b");
        (reason, message.to_owned())
    };
    assert_eq!(reason, Reason::Conflict);
    assert!(message.contains("use another listenPort or updateSource"), "{message}");
    assert!(shared(&second, "updateSource: 192.0.2.9").verdict("BGPPeer default/b").accepted);
    let other_port = format!("{second}  listenPort: 1179\n");
    assert!(shared(&other_port, "").verdict("BGPPeer default/b").accepted);
}

#[test]
fn attached_policies_form_one_list_by_name_and_the_route_map_comes_after() {
    let any = "[{sequence: 10, action: permit, match: {any: true}}]";
    let case = with_base(&[
        policy("b", "export", any),
        policy("a", "export", "[{sequence: 20, action: deny, match: {ipPrefix: 10.0.0.0/8}}, {sequence: 10, action: permit, match: {prefixList: [10.1.0.0/16]}}]"),
        policy("map", "import", any),
        peer("p", "192.0.2.1", "peerASN: 2\nrouteMapIn: map"),
    ]
    .concat());
    let p = case.peer("p");
    let names: Vec<_> = p.export.stages()[0].terms.iter().map(|t| t.name.as_str()).collect();
    assert_eq!(names, ["default/a:10", "default/a:20", "default/b:10"]);
    assert_eq!(p.export.stages().len(), 1);
    // Once as attached to the router, once as the peer's own.
    assert_eq!(p.import.stages().len(), 2);
    assert!(p.import.stages().iter().all(|s| s.default == intent::Disposition::Deny));
}

#[test]
fn a_policy_that_is_not_there_or_not_usable_denies() {
    let case = with_base(
        &[
            policy(
                "regex",
                "import",
                "[{sequence: 1, action: permit, match: {asPathFilter: {pattern: (1}}}]",
            ),
            policy("out", "export", "[{sequence: 1, action: permit, match: {any: true}}]"),
            peer("a", "192.0.2.1", "peerASN: 2\nrouteMapOut: nowhere"),
            peer("b", "192.0.2.2", "peerASN: 2\nrouteMapIn: out"),
        ]
        .concat(),
    );
    let last = case.peer("a").export.stages().last().unwrap();
    assert!(last.terms.is_empty() && last.default == intent::Disposition::Deny);
    assert!(
        case.condition("BGPPeer default/a", "PolicyNotFound")
            .contains("no BGPPolicy default/nowhere")
    );
    assert!(
        case.condition("BGPPeer default/b", "PolicyNotFound")
            .contains("direction export, not import")
    );
    let (reason, message) = case.refused("BGPPolicy default/regex");
    assert_eq!(reason, Reason::InvalidSpec);
    assert_eq!(
        message,
        "spec.terms[0].match.asPathFilter.pattern: \"(1\" is no regular expression: unclosed group; until then it denies every route"
    );
    assert_eq!(case.peer("a").import.stages()[0].terms[0].action, Action::Deny);
}

#[test]
fn conditions_with_alternatives_become_several_terms() {
    let case = with_base(&[
        policy("a", "import", "[{sequence: 1, action: permit, match: {communityMatch: ['65000:1', '65000:1:2'], addressFamilies: [{afi: ipv4, safi: unicast}], localPreference: 5}, set: {extCommunities: {add: ['65000:7']}, nextHop: {self: true}}}, {sequence: 2, action: deny, match: {vni: 5}}]"),
        peer("p", "192.0.2.1", "peerASN: 2"),
    ]
    .concat());
    let terms = &case.peer("p").import.stages()[0].terms;
    assert_eq!(terms.len(), 3);
    let large = Match::AnyLargeCommunity(vec!["65000:1:2".parse().unwrap()]);
    assert!(terms[1].matches.contains(&large));
    assert!(terms[..2].iter().all(|t| t.matches.len() == 3));
    assert_eq!(terms[2].matches, [Match::EvpnVni(5)]);
    let target = Set::ExtCommunitiesAdd(vec!["rt:65000:7".parse().unwrap()]);
    assert_eq!(terms[0].action, Action::Permit(vec![target]));
    assert_eq!(
        case.condition("BGPPolicy default/a", "NotRealised"),
        "accepted, but nothing acts on it yet: spec.terms[0].set.nextHop (on import)"
    );
}

#[test]
fn rfc_8212_and_rfc_8326_are_carried_out_here() {
    let text = BASE.replace("  localASN", "  requirePolicy: true\n  localASN");
    let peers = [
        peer("a", "192.0.2.1", "peerASN: 2"),
        peer("b", "192.0.2.2", "peerASN: 65001"),
        peer("c", "192.0.2.3", "peerASN: 65001\ngracefulShutdown: true\nshutdown: {reason: bye}"),
    ];
    let case = on(&format!("{text}---\n{}", peers.concat()));
    assert_eq!(case.peer("a").import.stages()[0].default, intent::Disposition::Deny);
    assert_eq!(case.peer("a").export.stages()[0].default, intent::Disposition::Deny);
    let said = case.condition("BGPPeer default/a", "Accepted");
    assert!(said.contains("no import policy: none of its routes is accepted (RFC 8212"), "{said}");
    assert!(said.contains("no export policy: nothing is sent (RFC 8212"), "{said}");
    assert!(case.peer("b").import.is_empty() && case.peer("b").export.is_empty());
    let gshut = Set::CommunitiesAdd(vec!["graceful-shutdown".parse().unwrap()]);
    let stage = &case.peer("c").export.stages()[0];
    assert_eq!(stage.terms[0].action, Action::Permit(vec![gshut]));
    assert_eq!(case.peer("c").shutdown.as_deref(), Some("bye"));
}

#[test]
fn the_default_route_is_installed_only_where_a_policy_names_it() {
    let install = |match_: &str| {
        let terms = format!("[{{sequence: 1, action: permit, match: {match_}}}]");
        let peer = peer("p", "192.0.2.1", "peerASN: 2");
        with_base(&[policy("a", "import", &terms), peer].concat()).router().install_default_route
    };
    assert!(install("{ipPrefix: 0.0.0.0/0}"));
    assert!(!install("{any: true}"));
}

#[test]
fn one_prefix_with_different_attributes_follows_the_older() {
    let advertisement = |name: &str, prefixes: &str, rest: &str| {
        format!(
            "apiVersion: bgp.miloapis.com/v1alpha1\nkind: BGPAdvertisement\nmetadata: {{name: {name}}}\nspec: {{routerRef: {{name: r}}, addressFamily: {{afi: ipv4, safi: unicast}}, prefixes: [{prefixes}]{rest}}}\n---\n"
        )
    };
    let case = with_base(
        &[
            peer("p", "192.0.2.1", "peerASN: 2\ndefaultOriginRoute: incomplete"),
            advertisement("a", "10.1.0.0/24, 10.2.0.9/24", ""),
            advertisement("b", "10.1.0.0/24, 10.3.0.0/24", ", localPreference: 300"),
            advertisement(
                "c",
                "10.3.0.0/24",
                ", localPreference: 300, peerSelector: {matchLabels: {name: none}}",
            ),
            advertisement("d", "'2001:db8::/32'", ""),
        ]
        .concat(),
    );
    let all: Vec<_> = case
        .router()
        .originations
        .iter()
        .map(|o| (o.prefix.to_string(), o.attributes.local_pref, o.peers == PeerScope::All))
        .collect();
    assert_eq!(
        all,
        [
            ("0.0.0.0/0".to_owned(), None, false),
            ("10.1.0.0/24".to_owned(), None, true),
            ("10.2.0.0/24".to_owned(), None, true),
            ("10.3.0.0/24".to_owned(), Some(300), true),
        ]
    );
    assert!(case.condition("BGPAdvertisement default/b", "Conflict").contains("10.1.0.0/24"));
    assert!(
        case.condition("BGPAdvertisement default/a", "Conflict")
            .contains("BGPAdvertisement default/b")
    );
    assert!(
        case.verdict("BGPAdvertisement default/a")
            .message
            .contains("10.2.0.9/24 is announced as 10.2.0.0/24")
    );
    assert_eq!(case.refused("BGPAdvertisement default/d").0, Reason::AddressFamilyMismatch);
}

#[test]
fn an_advertisement_passes_its_own_policy() {
    let case = with_base(&[
        policy("only", "export", "[{sequence: 1, action: permit, match: {ipPrefix: 10.1.0.0/24}, set: {metric: 7}}]"),
        "apiVersion: bgp.miloapis.com/v1alpha1\nkind: BGPAdvertisement\nmetadata: {name: a}\nspec: {routerRef: {name: r}, addressFamily: {afi: ipv4, safi: unicast}, prefixes: [10.1.0.0/24, 10.2.0.0/24], policyRef: {name: only}, redistribute: [kernel]}\n---\n".to_owned(),
        "apiVersion: bgp.miloapis.com/v1alpha1\nkind: BGPAdvertisement\nmetadata: {name: b}\nspec: {routerRef: {name: r}, addressFamily: {afi: ipv4, safi: unicast}, prefixes: [10.9.0.0/24], policyRef: {name: gone}}\n".to_owned(),
    ]
    .concat());
    let all: Vec<_> = case
        .router()
        .originations
        .iter()
        .map(|o| (o.prefix.to_string(), o.attributes.med))
        .collect();
    assert_eq!(all, [("10.1.0.0/24".to_owned(), Some(7))]);
    assert!(
        case.verdict("BGPAdvertisement default/a")
            .message
            .contains("10.2.0.0/24 is denied by policyRef")
    );
    assert!(
        case.condition("BGPAdvertisement default/a", "NotRealised").contains("spec.redistribute")
    );
    assert_eq!(case.refused("BGPAdvertisement default/b").0, Reason::PolicyNotFound);
}

#[test]
fn reflector_clients_need_a_reflector_and_an_internal_session() {
    let case = with_base(&[
        peer("a", "192.0.2.1", "peerASN: 65001\nrouteReflectorClient: true"),
        peer("b", "192.0.2.2", "peerASN: 2\nrouteReflectorClient: true"),
        peer("c", "192.0.2.3", "peerASN: 2\nmaximumPrefix: {limit: 7, action: restart, restartAfter: 5s}\nallowASIn: 2"),
    ]
    .concat());
    assert!(case.refused("BGPPeer default/a").1.contains("needs clusterID"));
    assert_eq!(case.refused("BGPPeer default/b").0, Reason::InvalidForEBGP);
    let limit = case.peer("c").maximum_prefix;
    assert_eq!(limit.limit, 7);
    assert_eq!(limit.action, LimitAction::Restart { after: std::time::Duration::from_secs(5) });
    assert_eq!(case.peer("c").allow_as_in.count(), 2);
}
