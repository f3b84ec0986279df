//! A reflector of ours with clients, and what GoBGP shows of a table.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use serde_json::Value;
use testkit::cosmos::Cosmos;
use testkit::daemon::{Kind, Speaker};

use crate::lan::{Lan, address, config};

/// Everybody's AS.
pub(crate) const ASN: u32 = 65000;
/// Our node.
pub(crate) const OURS: u8 = 1;

/// What our side lists for a client, and the router.
const FAMILIES: &str = "[{afi: ipv4, safi: vpn}, {afi: ipv6, safi: vpn}, {afi: l2vpn, safi: evpn}";

/// The reflector, its clients being these nodes. `targets`: with route target constraint.
pub(crate) fn reflector(lan: &Lan, clients: &[u8], targets: bool, more: &[&str]) -> Cosmos {
    let rtc = if targets { ", {afi: ipv4, safi: route-target}]" } else { "]" };
    let families = format!("{FAMILIES}{rtc}");
    let line = format!("addressFamilies: {families}");
    let mut lines = vec![line.as_str(), "routeReflectorClient: true"];
    lines.extend(more);
    let neighbors: Vec<_> = clients.iter().map(|n| (*n, ASN, &lines[..])).collect();
    let config = config(OURS, ASN, &neighbors, vec![]);
    lan.cosmos(OURS, config, &[("addressFamilies", &families), ("clusterID", "10.99.0.1")])
}

/// A client of `kind` that talks to us only.
pub(crate) fn client(lan: &Lan, n: u8, kind: Kind, families: &[&str]) -> Box<dyn Speaker> {
    let lines: Vec<String> = match kind {
        Kind::Gobgp => families
            .iter()
            .map(|family| {
                format!(
                    "[[neighbors.afi-safis]]\n[neighbors.afi-safis.config]\nafi-safi-name = \"{family}\""
                )
            })
            .collect(),
        _ => families
            .iter()
            .flat_map(|family| {
                let activate = format!("neighbor {} activate", address(OURS));
                [format!("address-family {family}"), activate, "exit-address-family".to_owned()]
            })
            .collect(),
    };
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    lan.daemon(n, kind, config(n, ASN, &[(OURS, ASN, &lines)], vec![]))
}

/// One route as GoBGP shows it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Seen {
    pub(crate) labels: String,
    pub(crate) next_hop: String,
    pub(crate) ext_communities: BTreeSet<String>,
    pub(crate) originator: Option<String>,
    pub(crate) clusters: Option<String>,
}

/// The table of a family (`vpnv4`, `evpn`...) by route.
pub(crate) fn table(speaker: &dyn Speaker, family: &str) -> Result<BTreeMap<String, Seen>> {
    let text = speaker.command(&format!("global rib -a {family} -j"))?;
    let table: serde_json::Map<String, Value> = match serde_json::from_str(&text) {
        Ok(table) => table,
        Err(_) if text.contains("not in table") => return Ok(BTreeMap::new()),
        Err(error) => return Err(error).context(text),
    };
    table
        .iter()
        .map(|(name, paths)| {
            let path = &paths[0];
            let attribute = |kind: u64| {
                let all = path["attrs"].as_array().map_or(&[][..], Vec::as_slice);
                all.iter().find(|attr| attr["type"] == kind)
            };
            let nlri = if path["nlri"]["value"].is_object() {
                &path["nlri"]["value"]
            } else {
                &path["nlri"]
            };
            let labels = if nlri["labels"].is_null() { &nlri["label"] } else { &nlri["labels"] };
            let reach = attribute(14).context("MP_REACH_NLRI")?;
            let list = attribute(16).and_then(|attr| attr["value"].as_array());
            let text = |value: &Value| value.to_string();
            let seen = Seen {
                labels: labels.to_string(),
                next_hop: reach["nexthop"].as_str().context("nexthop")?.to_owned(),
                ext_communities: list.into_iter().flatten().map(text).collect(),
                originator: attribute(9).map(|attr| text(&attr["value"])),
                clusters: attribute(10).map(|attr| text(&attr["value"])),
            };
            Ok((name.clone(), seen))
        })
        .collect()
}
