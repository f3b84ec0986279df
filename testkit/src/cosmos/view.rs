//! The JSON of `cosmos show`, read strictly: a missing field is an error, not a default.

use std::collections::BTreeSet;
use std::net::IpAddr;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::daemon::{Config, Notification, number};
use crate::route::{Origin, Route, normal_as_path};

/// A path in the Loc-RIB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// The route.
    pub route: Route,
    /// Who sent it; `None` for our own.
    pub from: Option<IpAddr>,
    /// Whether it is the best.
    pub best: bool,
    /// Whether it shares load with the best (the best does).
    pub multipath: bool,
}

pub(super) fn path(item: &Value, config: &Config) -> Result<Path> {
    let from = address(&item["peerAddress"]);
    let ebgp = match from {
        Some(from) => config.is_ebgp(config.neighbor(from)?),
        None => false,
    };
    let flag = |name: &str| item[name].as_bool().with_context(|| format!("{name} in {item}"));
    Ok(Path { route: route(item, ebgp)?, from, best: flag("best")?, multipath: flag("multipath")? })
}

pub(super) fn route(item: &Value, ebgp: bool) -> Result<Route> {
    let text = |name: &str| item[name].as_str().with_context(|| format!("{name} in {item}"));
    let list = |name: &str| -> Result<BTreeSet<String>> {
        let Some(items) = item[name].as_array() else { return Ok(BTreeSet::new()) };
        items.iter().map(|i| Ok(i.as_str().context("community")?.to_owned())).collect()
    };
    // A link-local next hop carries `%interface`; a pair is "global link-local".
    let next_hop = text("nextHop")?.split([' ', '%', ',']).next().unwrap_or_default();
    Ok(Route {
        prefix: text("prefix")?.parse().with_context(|| format!("prefix in {item}"))?,
        next_hop: next_hop.parse().with_context(|| format!("nextHop in {item}"))?,
        origin: Origin::parse(text("origin")?)?,
        as_path: normal_as_path(text("asPath")?),
        med: number(&item["med"])?,
        local_pref: if ebgp { None } else { number(&item["localPref"])? },
        communities: list("communities")?,
        large_communities: list("largeCommunities")?,
    })
}

pub(super) fn address(value: &Value) -> Option<IpAddr> {
    value.as_str()?.split('%').next()?.parse().ok()
}

/// `Cease/Administrative Shutdown "text"` and its like.
pub(super) fn notification(words: &str) -> Result<Notification> {
    const CEASE: [(&str, u8); 5] = [
        ("Administrative Shutdown", 2),
        ("Peer De-configured", 3),
        ("Administrative Reset", 4),
        ("Connection Rejected", 5),
        ("Connection Collision Resolution", 7),
    ];
    if let Some(rest) = words.strip_prefix("Cease/") {
        for (name, subcode) in CEASE {
            if rest.to_ascii_lowercase().starts_with(&name.to_ascii_lowercase()) {
                return Ok(Notification { code: 6, subcode });
            }
        }
    }
    bail!("cosmos received: {words}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_in_json_reads_as_the_normal_form() {
        let item = serde_json::json!({
            "router": "r", "prefix": "10.1.0.0/16", "family": "ipv4/unicast", "peer": "n0",
            "peerAddress": "192.0.2.2", "best": true, "multipath": true, "status": "eligible",
            "nextHop": "192.0.2.2", "origin": "igp", "asPath": "65002 {2 1}", "med": 5,
            "localPref": 100, "communities": ["65002:1"]
        });
        let route = route(&item, true).unwrap();
        assert_eq!(
            route.to_string(),
            "10.1.0.0/16 via 192.0.2.2 path [65002 {1 2}] Igp med 5 65002:1"
        );
        assert!(super::route(&serde_json::json!({"prefix": "10.1.0.0/16"}), true).is_err());
    }

    #[test]
    fn notifications_in_words() {
        let seen = notification("Cease/Administrative Shutdown \"bye\"").unwrap();
        assert_eq!(seen, Notification { code: 6, subcode: 2 });
        assert!(notification("Hold Timer Expired").is_err());
    }
}
