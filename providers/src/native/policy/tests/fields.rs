//! Every field of a policy object makes a difference to some route, or is named as one that does not.

use std::collections::BTreeSet;

use intent::Reason;
use serde_json::Value;

use super::bench::{Route, compiled, outcome, route, verdict};

fn policy(spec: &str) -> String {
    format!(
        "apiVersion: bgp.miloapis.com/v1alpha1\nkind: BGPPolicy\nmetadata: {{name: p}}\nspec: {spec}\n"
    )
}

fn with_terms(direction: &str, terms: &str) -> String {
    policy(&format!("{{routerRef: {{name: node-1}}, direction: {direction}, terms: [{terms}]}}"))
}

/// An import policy of one term that permits.
fn matching(condition: &str) -> String {
    with_terms("import", &format!("{{sequence: 1, action: permit, match: {{{condition}}}}}"))
}

/// An export policy of one term that permits all and changes it.
fn setting(change: &str) -> String {
    let term = format!("{{sequence: 1, action: permit, match: {{any: true}}, set: {{{change}}}}}");
    with_terms("export", &term)
}

fn route_policy(spec: &str) -> String {
    format!(
        "apiVersion: bgp.miloapis.com/v1alpha1\nkind: BGPRoutePolicy\nmetadata: {{name: p}}\nspec: {{{spec}}}\n"
    )
}

/// A statement for import that accepts.
fn statement(conditions: &str, actions: &str) -> String {
    route_policy(&format!(
        "instanceRef: i, importStatements: [{{name: s, conditions: {{{conditions}}}, actions: {{routeDisposition: Accept{actions}}}}}]"
    ))
}

fn exporting(actions: &str) -> String {
    route_policy(&format!(
        "instanceRef: i, exportStatements: [{{name: s, actions: {{routeDisposition: Accept{actions}}}}}]"
    ))
}

fn probes() -> Vec<Route> {
    let routes = [
        "10.1.2.0/24 path=65100,65001 community=65000:1,no-export large=65000:1:2 ext=rt:65000:7,soo:65000:8 local-pref=150 med=7",
        "10.1.0.0/16 path=65100,{65002,65003} via=192.0.2.9 ext=030b000000000001",
        "2001:db8:1::/48 path=65100 via=2001:db8::9",
        "\"mac-ip rd 65001:1 esi 0 tag 0 mac 00:11:22:aa:bb:cc ip 192.0.2.1 label 100\" ext=0600010000000001",
        "\"mac-ip rd 65001:1 esi 0 tag 0 mac 00:11:22:aa:bb:dd ip 192.0.2.1 label 100\"",
        "\"multicast rd 65001:1 tag 0 originator 192.0.2.1\"",
        "\"ip-prefix rd 65001:1 esi 0 tag 0 prefix 10.2.0.0/16 label 300\"",
        "\"ip-prefix rd 65001:1 esi 0 tag 0 prefix 2001:db8:2::/48 label 300\"",
    ];
    routes.iter().map(|text| route(text)).collect()
}

/// What becomes of every probe in both directions with both neighbours.
fn outcomes(manifests: &str) -> Vec<String> {
    let compiled = compiled(manifests);
    let probes = probes();
    let mut all = Vec::new();
    for peer in ["default/leaf1", "default/upstream"] {
        for import in [true, false] {
            all.extend(probes.iter().map(|probe| outcome(&compiled, peer, import, probe)));
        }
    }
    all
}

/// A field, and two manifests that differ in it alone.
type Flip = (&'static str, String, String);

fn match_flips() -> Vec<Flip> {
    let flip = |field, a: &str, b: &str| (field, matching(a), matching(b));
    vec![
        flip("match.any", "any: true", "med: 99"),
        flip(
            "match.addressFamilies[].afi",
            "addressFamilies: [{afi: ipv4, safi: unicast}]",
            "addressFamilies: [{afi: ipv6, safi: unicast}]",
        ),
        flip(
            "match.addressFamilies[].safi",
            "addressFamilies: [{afi: ipv4, safi: unicast}]",
            "addressFamilies: [{afi: ipv4, safi: vpn}]",
        ),
        flip("match.prefixList[]", "prefixList: [10.1.0.0/16]", "prefixList: [10.1.0.0/17]"),
        flip("match.ipPrefix", "ipPrefix: 10.1.0.0/16", "ipPrefix: 10.1.2.0/24"),
        flip(
            "match.asPathFilter.pattern",
            "asPathFilter: {pattern: _65001$}",
            "asPathFilter: {pattern: _65100$}",
        ),
        flip(
            "match.asPathFilter.matchType",
            "asPathFilter: {pattern: '65100', matchType: contains}",
            "asPathFilter: {pattern: '65100', matchType: full}",
        ),
        flip(
            "match.communityMatch[]",
            "communityMatch: [no-export]",
            "communityMatch: [blackhole]",
        ),
        flip(
            "match.communityMatch[]",
            "communityMatch: ['65000:1:2']",
            "communityMatch: ['65000:2']",
        ),
        flip(
            "match.evpnRouteType[]",
            "evpnRouteType: [macIPAdvertisement]",
            "evpnRouteType: [stickyMACAddress]",
        ),
        flip(
            "match.evpnRouteType[]",
            "evpnRouteType: [iPPrefixAdvertisement]",
            "evpnRouteType: [iPv6PrefixAdvertisement]",
        ),
        flip(
            "match.evpnRouteType[]",
            "evpnRouteType: [inclusiveMulticastEthernetTag]",
            "evpnRouteType: []",
        ),
        flip("match.vni", "vni: 100", "vni: 300"),
        flip(
            "match.macAddress",
            "macAddress: '00:11:22:AA:bb:cc'",
            "macAddress: '00:11:22:aa:bb:dd'",
        ),
        flip("match.localPreference", "localPreference: 150", "localPreference: 100"),
        flip("match.med", "med: 7", "med: 0"),
    ]
}

fn set_flips() -> Vec<Flip> {
    let flip = |field, a: &str, b: &str| (field, setting(a), setting(b));
    vec![
        flip("set.communities.add[]", "communities: {add: ['1:1']}", "communities: {add: ['1:2']}"),
        flip("set.communities.add[]", "communities: {add: ['1:1:1']}", ""),
        flip("set.communities.remove[]", "communities: {remove: [no-export]}", ""),
        flip("set.communities.remove[]", "communities: {remove: ['65000:1:2']}", ""),
        flip("set.localPreference", "localPreference: 1", "localPreference: 2"),
        flip("set.origin", "origin: egp", "origin: incomplete"),
        flip("set.asPath.prepend", "asPath: {prepend: 1}", "asPath: {prepend: 2}"),
        flip("set.asPath.asn", "asPath: {prepend: 1, asn: 7}", "asPath: {prepend: 1}"),
        flip("set.asPath.replace[]", "asPath: {replace: [7, 8]}", "asPath: {replace: []}"),
        flip("set.nextHop.self", "nextHop: {self: true}", "nextHop: {self: false}"),
        flip("set.nextHop.address", "nextHop: {address: 192.0.2.7}", "nextHop: {address: ''}"),
        flip(
            "set.extCommunities.add[]",
            "extCommunities: {add: ['1:1', 'soo:10.0.0.1:7']}",
            "extCommunities: {add: ['rt:1:2', '030c000000000008']}",
        ),
        flip("set.extCommunities.remove[]", "extCommunities: {remove: ['rt:65000:7']}", ""),
        flip("set.metric", "metric: 0", "metric: 1"),
        flip("set.color", "color: 1", "color: 2"),
    ]
}

fn policy_flips() -> Vec<Flip> {
    let any = "{sequence: 1, action: permit, match: {any: true}}";
    let two = |first: u16, second: u16| {
        let terms = format!(
            "{{sequence: {first}, action: deny, match: {{med: 7}}}}, {{sequence: {second}, action: permit, match: {{any: true}}}}"
        );
        with_terms("import", &terms)
    };
    let target = |target: &str| policy(&format!("{{{target}, direction: import, terms: [{any}]}}"));
    vec![
        ("direction", with_terms("import", any), with_terms("export", any)),
        ("terms[].sequence", two(1, 2), two(2, 1)),
        (
            "terms[].action",
            with_terms("import", any),
            with_terms("import", &any.replace("permit", "deny")),
        ),
        (
            "routerRef.name",
            target("routerRef: {name: node-1}"),
            target("routerRef: {name: node-2}"),
        ),
        (
            "routerSelector.matchLabels",
            target("routerSelector: {matchLabels: {plane: a}}"),
            target("routerSelector: {matchLabels: {plane: b}}"),
        ),
        (
            "routerSelector.matchExpressions[].key",
            target("routerSelector: {matchExpressions: [{key: plane, operator: Exists}]}"),
            target("routerSelector: {matchExpressions: [{key: plant, operator: Exists}]}"),
        ),
        (
            "routerSelector.matchExpressions[].operator",
            target("routerSelector: {matchExpressions: [{key: plane, operator: Exists}]}"),
            target("routerSelector: {matchExpressions: [{key: plane, operator: DoesNotExist}]}"),
        ),
        (
            "routerSelector.matchExpressions[].values[]",
            target("routerSelector: {matchExpressions: [{key: plane, operator: In, values: [a]}]}"),
            target("routerSelector: {matchExpressions: [{key: plane, operator: In, values: [b]}]}"),
        ),
    ]
}

fn statement_flips() -> Vec<Flip> {
    let when = |field, a: &str, b: &str| (field, statement(a, ""), statement(b, ""));
    let then = |field, a: &str, b: &str| (field, statement("", a), statement("", b));
    let community = |list: &str, method: &str| {
        format!(", setCommunity: {{communities: [{list}], method: {method}}}")
    };
    let base = "instanceRef: i, importStatements: [{name: s, actions: {routeDisposition: Accept}}]";
    let two = |priority: u16| {
        let second = "instanceRef: i, priority: 50, importStatements: [{name: t, actions: {routeDisposition: Accept}}]";
        let second = route_policy(second).replace("name: p}", "name: q}");
        let first =
            base.replace("instanceRef: i", &format!("instanceRef: i, priority: {priority}"));
        format!("{}---\n{second}", route_policy(&first.replace("Accept", "Reject")))
    };
    let selecting = |selector: &str| route_policy(&format!("{base}, peerSelector: {{{selector}}}"));
    let named = |name: &str| route_policy(&base.replace("name: s", &format!("name: {name}")));
    vec![
        ("instanceRef", route_policy(base), route_policy(&base.replace("Ref: i", "Ref: j"))),
        ("priority", two(40), two(60)),
        (
            "peerSelector.matchLabels",
            selecting("matchLabels: {name: upstream}"),
            selecting("matchLabels: {name: other}"),
        ),
        (
            "peerSelector.matchExpressions[].key",
            selecting("matchExpressions: [{key: name, operator: Exists}]"),
            selecting("matchExpressions: [{key: game, operator: Exists}]"),
        ),
        (
            "peerSelector.matchExpressions[].operator",
            selecting("matchExpressions: [{key: name, operator: Exists}]"),
            selecting("matchExpressions: [{key: name, operator: DoesNotExist}]"),
        ),
        (
            "peerSelector.matchExpressions[].values[]",
            selecting("matchExpressions: [{key: name, operator: In, values: [upstream]}]"),
            selecting("matchExpressions: [{key: name, operator: In, values: [other]}]"),
        ),
        ("statements[].name", named("a"), named("b")),
        when("conditions.prefixSets[]", "prefixSets: [10.1.0.0/16]", "prefixSets: [10.1.2.0/24]"),
        when("conditions.communitySet", "communitySet: no-export", "communitySet: '1:1'"),
        when("conditions.communitySet", "communitySet: '65000:1:2'", "communitySet: '1:1:1'"),
        when("conditions.nextHopSet", "nextHopSet: 192.0.2.9", "nextHopSet: 192.0.2.0/24"),
        when("conditions.nextHopSet", "nextHopSet: '2001:db8::/32'", "nextHopSet: '::/128'"),
        (
            "actions.routeDisposition",
            statement("", ""),
            statement("", "").replace("Accept", "Reject"),
        ),
        then(
            "actions.setCommunity.communities[]",
            &community("'1:1'", "Add"),
            &community("'1:2'", "Add"),
        ),
        then(
            "actions.setCommunity.method",
            &community("'65000:1', '65000:1:2'", "Remove"),
            &community("'65000:1', '65000:1:2'", "Replace"),
        ),
        then(
            "actions.setCommunity.method",
            &community("'1:1:1'", "Add"),
            &community("'1:1:1'", "Replace"),
        ),
        then("actions.setCommunity.method", &community("", "Replace"), &community("", "Add")),
        then("actions.setLocalPreference", ", setLocalPreference: 5", ", setLocalPreference: 6"),
        then("actions.setMED", ", setMED: 5", ", setMED: 6"),
        (
            "actions.setNextHop",
            exporting(", setNextHop: self"),
            exporting(", setNextHop: 192.0.2.7"),
        ),
    ]
}

/// Fields that a manifest may have and nothing acts on; told by name on the object.
const NOT_REALISED: [(&str, &str); 1] =
    [("set.srv6EndpointBehavior", "srv6EndpointBehavior: End.DT6")];

#[test]
fn every_field_makes_a_difference() {
    let flips = [policy_flips(), match_flips(), set_flips(), statement_flips()].concat();
    for (field, a, b) in &flips {
        assert_ne!(outcomes(a), outcomes(b), "{field}\n{a}\n{b}");
    }
    let flipped: BTreeSet<String> = [policy_flips(), match_flips(), set_flips()]
        .concat()
        .into_iter()
        .map(|(field, ..)| match field.split_once('.') {
            Some(("match" | "set", _)) => format!("terms[].{field}"),
            _ => field.to_owned(),
        })
        .chain(NOT_REALISED.iter().map(|(field, _)| format!("terms[].{field}")))
        .collect();
    assert_eq!(flipped, leaves("BGPPolicy"));
    let both = |name: &str| ["import", "export"].map(|way| format!("{way}Statements[].{name}"));
    let flipped: BTreeSet<String> = statement_flips()
        .into_iter()
        .flat_map(|(field, ..)| match field.split_once('.') {
            Some(("conditions" | "actions", _)) => both(field).to_vec(),
            Some(("statements[]", name)) => both(name).to_vec(),
            _ => vec![field.to_owned()],
        })
        .collect();
    assert_eq!(flipped, leaves("BGPRoutePolicy"));
}

#[test]
fn what_does_not_act_is_named() {
    for (field, change) in NOT_REALISED {
        let compiled = compiled(&setting(change));
        let verdict = verdict(&compiled, "BGPPolicy");
        let told = verdict.conditions.iter().find(|c| c.reason == Reason::NotRealised).unwrap();
        assert!(told.message.ends_with(&format!("spec.terms[0].{field}")), "{}", told.message);
    }
    // A change of the next hop acts on export; on import it is named.
    let on_import = setting("nextHop: {self: true}").replace("export", "import");
    let compiled = compiled(&on_import);
    let told = &verdict(&compiled, "BGPPolicy").conditions;
    assert!(told.iter().any(|c| c.message.contains("set.nextHop (on import)")), "{told:#?}");
}

#[test]
fn what_cannot_be_evaluated_denies_everything_and_says_why() {
    let cases = [
        (
            matching("asPathFilter: {pattern: '(1'}"),
            "spec.terms[0].match.asPathFilter.pattern: \"(1\" is no regular expression: unclosed group",
        ),
        (
            matching("asPathFilter: {pattern: '([0-9]{1,900}){1,900}'}"),
            "is too large a pattern: shorten it or lower the numbers in braces",
        ),
        (matching("communityMatch: ['65000:70000']"), "spec.terms[0].match.communityMatch[0]"),
        (setting("extCommunities: {add: ['1']}"), "spec.terms[0].set.extCommunities[0]"),
        (setting("nextHop: {address: nowhere}"), "is neither an address nor self"),
        (
            statement("nextHopSet: tor", ""),
            "nextHopSet: \"tor\" is neither an address nor a prefix",
        ),
        (statement("prefixSets: [mine]", ""), "spec.importStatements[0].conditions.prefixSets[0]"),
    ];
    for (manifest, wanted) in cases {
        let compiled = compiled(&manifest);
        let kind = if manifest.contains("BGPRoutePolicy") { "BGPRoutePolicy" } else { "BGPPolicy" };
        let verdict = verdict(&compiled, kind);
        assert!(!verdict.accepted);
        assert_eq!(verdict.reason, Reason::InvalidSpec);
        assert!(verdict.message.contains(wanted), "{}", verdict.message);
        assert!(verdict.message.ends_with("until then it denies every route"));
        let (peer, import) = match kind {
            "BGPPolicy" => ("default/leaf1", manifest.contains("direction: import")),
            _ => ("default/upstream", true),
        };
        for probe in probes() {
            let said = outcome(&compiled, peer, import, &probe);
            assert!(said.starts_with("denied by "), "{}: {said}", probe.text);
        }
    }
}

/// Paths of the leaves of a kind's spec, lists as `name[]`.
fn leaves(kind: &str) -> BTreeSet<String> {
    let crd = k8s_bridge::crd::crds().into_iter().find(|crd| crd.spec.names.kind == kind).unwrap();
    let schema = serde_json::to_value(&crd.spec.versions[0].schema).unwrap();
    let mut found = BTreeSet::new();
    walk(&schema["openAPIV3Schema"]["properties"]["spec"], "", &mut found);
    found
}

fn walk(node: &Value, path: &str, found: &mut BTreeSet<String>) {
    if let Some(properties) = node["properties"].as_object() {
        for (name, inner) in properties {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            walk(inner, &path, found);
        }
    } else if node["items"].is_object() {
        walk(&node["items"], &format!("{path}[]"), found);
    } else {
        found.insert(path.to_owned());
    }
}
