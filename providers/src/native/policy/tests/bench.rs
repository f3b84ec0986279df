//! A node with a router and a neighbour, and routes that its policies judge.

use std::fmt::Write;

use bgp_wire::attr::{AttrBuilder, AttrType, ExtCommunity};
use bgp_wire::{
    AsPath, Asn, Community, EvpnRoute, LargeCommunity, NextHop, Summary, V4Prefix, V6Prefix,
};
use k8s_bridge::{
    Index,
    compile::{Compiled, Verdict, compile},
    manifest::load_dir,
};
use rib::policy as ir;

use super::super::Chains;

/// A node, a router of each model and a neighbour of each: AS 65001, neighbours of AS 65100.
const NODE: &str = r#"
{apiVersion: v1, kind: Node, metadata: {name: n}, status: {addresses: [{type: InternalIP, address: 10.0.0.1}]}}
---
apiVersion: bgp.miloapis.com/v1alpha1
kind: BGPRouter
metadata: {name: node-1, labels: {plane: a, bgp.miloapis.com/role: fabric}}
spec:
  targetRef: {kind: Node, name: n}
  localASN: 65001
  routerID: 10.0.0.1
  addressFamilies: [{afi: ipv4, safi: unicast}, {afi: ipv6, safi: unicast}]
---
apiVersion: bgp.miloapis.com/v1alpha1
kind: BGPPeer
metadata: {name: leaf1}
spec:
  routerRef: {name: node-1}
  address: 192.0.2.1
  peerASN: 65100
  addressFamilies: [{afi: ipv4, safi: unicast}, {afi: ipv6, safi: unicast}]
---
apiVersion: bgp.miloapis.com/v1alpha1
kind: BGPInstance
metadata: {name: i}
spec: {providerSelector: {matchLabels: {bgp.miloapis.com/daemon: native}}, asNumber: 65001, addressFamilies: [{afi: IPv4, safi: Unicast}]}
---
apiVersion: bgp.miloapis.com/v1alpha1
kind: BGPPeer
metadata: {name: upstream, labels: {name: upstream}}
spec: {instanceRef: i, providerSelector: {}, address: 192.0.2.2, asNumber: 65100}
---
"#;

/// What the manifests come to, beside those above.
pub(super) fn compiled(manifests: &str) -> Compiled {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("test.yaml"), format!("{NODE}{manifests}")).unwrap();
    let loaded = load_dir(dir.path());
    let errors: Vec<_> = loaded.errors.iter().map(ToString::to_string).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{manifests}");
    let index: Index = loaded.objects.into_iter().collect();
    compile(&index, "n")
}

/// The verdict on the one object of a kind.
pub(super) fn verdict<'a>(compiled: &'a Compiled, kind: &str) -> &'a Verdict {
    compiled.verdicts.iter().find(|v| v.object.kind == kind).unwrap()
}

/// A route that is judged.
pub(super) struct Route {
    pub(super) text: String,
    subject: ir::Subject,
    canonical: Vec<u8>,
}

/// A route from text: a prefix, or an EVPN route in quotes, then `path=1,2`, `community=1:2,3:4`,
/// `large=1:2:3`, `ext=rt:1:2`, `local-pref=`, `med=`, `via=ADDRESS`.
pub(super) fn route(text: &str) -> Route {
    let (nlri, rest) = match text.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"').unwrap(),
        None => text.split_once(' ').unwrap_or((text, "")),
    };
    let mut builder = AttrBuilder::new();
    builder.set_origin(0).replace_as_path(&[]);
    let mut via = NextHop::V4("192.0.2.1".parse().unwrap());
    for field in rest.split_whitespace() {
        let (name, value) = field.split_once('=').unwrap();
        let list = value.split(',');
        match name {
            "path" => {
                let path = AsPath::parse(value).unwrap();
                builder.set(AttrType::AS_PATH, 0x40, &path);
            }
            "community" => {
                let all: Vec<Community> = list.map(|c| c.parse().unwrap()).collect();
                builder.set_communities(&all);
            }
            "large" => {
                let all: Vec<LargeCommunity> = list.map(|c| c.parse().unwrap()).collect();
                builder.set_large_communities(&all);
            }
            "ext" => {
                let all: Vec<_> = list
                    .map(|c| ExtCommunity(c.parse::<intent::ExtCommunity>().unwrap().0))
                    .collect();
                builder.set_ext_communities(&all);
            }
            "local-pref" => {
                builder.set_local_pref(Some(value.parse().unwrap()));
            }
            "med" => {
                builder.set_med(Some(value.parse().unwrap()));
            }
            "via" => {
                via = match value.parse().unwrap() {
                    std::net::IpAddr::V4(a) => NextHop::V4(a),
                    std::net::IpAddr::V6(a) => NextHop::V6(a),
                };
            }
            other => panic!("no such field of a route: {other}"),
        }
    }
    let mut canonical = Vec::new();
    assert!(builder.finish(&mut canonical));
    let subject = match (nlri.parse::<V4Prefix>(), nlri.parse::<V6Prefix>()) {
        (Ok(prefix), _) => ir::Subject::unicast(prefix),
        (_, Ok(prefix)) => ir::Subject::unicast(prefix),
        _ => ir::Subject::evpn(&nlri.parse::<EvpnRoute>().unwrap(), &canonical),
    };
    Route { text: text.to_owned(), subject: subject.via(via), canonical }
}

/// What a neighbour's policy of one direction says of a route: the terms that decided, and the
/// attributes where it passes.
pub(super) fn outcome(compiled: &Compiled, peer: &str, import: bool, route: &Route) -> String {
    let mut found = compiled.intent.routers.values().flat_map(|router| {
        router.peers.iter().map(move |(name, peer)| (router, name.as_str(), peer))
    });
    let found = found.find(|(_, name, _)| *name == peer);
    let (router, _, peer) = found.unwrap_or_else(|| panic!("no peer {peer}"));
    let chain = if import { &peer.import } else { &peer.export };
    let chain = Chains::default().of(chain).unwrap();
    let local_as = Asn(router.asn.value());
    let mut policy = ir::Compiled::new(&chain);
    let class = policy.class(&route.subject);
    let summary = Summary::of(&route.canonical);
    let mut scratch = ir::Scratch::default();
    let result = policy.eval(Some(class), &route.canonical, &summary, local_as, &mut scratch);
    let trace = policy.trace(&route.subject, &route.canonical, &summary, local_as);
    let last = trace.stages.last().map(|stage| stage.term.as_deref().unwrap_or("no term"));
    let term = last.unwrap_or("no policy").rsplit('/').next().unwrap_or_default();
    match result {
        ir::Outcome::Deny { .. } => format!("denied by {term}"),
        ir::Outcome::Permit { edited, next_hop, .. } => {
            let canonical = if edited { &scratch.canonical } else { &route.canonical };
            let mut out = format!("permitted by {term}");
            for field in attributes(canonical) {
                write!(out, " {field}").unwrap();
            }
            match next_hop {
                Some(ir::NextHopSet::Own) => out.push_str(" next-hop=self"),
                Some(ir::NextHopSet::Address(address)) => {
                    write!(out, " next-hop={address}").unwrap();
                }
                None => {}
            }
            out
        }
        ir::Outcome::NeedsPrefix => panic!("a class was given"),
    }
}

fn attributes(canonical: &[u8]) -> Vec<String> {
    let summary = Summary::of(canonical);
    let mut out = Vec::new();
    if summary.origin != 0 {
        out.push(format!("origin={}", bgp_wire::attr::origin::name(summary.origin)));
    }
    let mut list = |name: &str, values: Vec<String>| {
        if !values.is_empty() {
            out.push(format!("{name}={}", values.join(",")));
        }
    };
    let path = AsPath::of(canonical).to_string();
    list("path", path.split(' ').filter(|p| !p.is_empty()).map(str::to_owned).collect());
    list("local-pref", summary.local_pref.iter().map(u32::to_string).collect());
    list("med", summary.med.iter().map(u32::to_string).collect());
    let standard = Community::of(canonical).map(|c| intent::Community(c.0).to_string());
    list("community", standard.collect());
    list("large", LargeCommunity::of(canonical).map(|c| c.to_string()).collect());
    let ext = ExtCommunity::of(canonical).map(|c| intent::ExtCommunity(c.0).to_string());
    list("ext", ext.collect());
    out
}
