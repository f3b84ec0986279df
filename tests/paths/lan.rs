//! One subnet with any number of speakers: node `n` is 192.0.2.`n`.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use testkit::cosmos::{Cosmos, Fib};
use testkit::daemon::{Config, Kind, Neighbor, Speaker};
use testkit::netns::{End, NetNs};
use testkit::route::{Announcement, router_id};
use testkit::wait;

/// The subnet. Its namespace goes when this does.
pub(crate) struct Lan {
    hub: NetNs,
}

impl Lan {
    pub(crate) fn new() -> Self {
        let hub = NetNs::new("hub").unwrap();
        hub.bridge("lan").unwrap();
        Self { hub }
    }

    fn node(&self, n: u8) -> Arc<NetNs> {
        let ns = Arc::new(NetNs::new(&format!("n{n}")).unwrap());
        let end = End::new("eth0", &[&format!("192.0.2.{n}/24")]);
        self.hub.attach("lan", &format!("port{n}"), &ns, &end).unwrap();
        ns
    }

    /// Starts a daemon as a node.
    pub(crate) fn daemon(&self, n: u8, kind: Kind, config: Config) -> Box<dyn Speaker> {
        kind.start(&self.node(n), config).unwrap()
    }

    /// Starts one of ours as a node, without a kernel. `fields` are set in the router's spec.
    pub(crate) fn cosmos(&self, n: u8, config: Config, fields: &[(&str, &str)]) -> Cosmos {
        let ns = self.node(n);
        let mut cosmos = Cosmos::new(env!("CARGO_BIN_EXE_cosmos"), &ns, config, Fib::None).unwrap();
        for (field, value) in fields {
            cosmos.set_router_field(field, value);
        }
        cosmos.start().unwrap();
        cosmos
    }
}

pub(crate) fn address(n: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, n])
}

/// Node `n` of `asn` with these neighbours (node, AS, extra lines) and announcements.
pub(crate) fn config(
    n: u8,
    asn: u32,
    neighbors: &[(u8, u32, &[&str])],
    announcements: Vec<Announcement>,
) -> Config {
    let neighbor = |(other, remote_as, extra): &(u8, u32, &[&str])| {
        let mut neighbor = Neighbor::new(address(n), address(*other), *remote_as);
        neighbor.extra = extra.iter().map(|&line| line.to_owned()).collect();
        neighbor
    };
    let mut config = Config::new(asn, router_id(n));
    config.neighbors = neighbors.iter().map(neighbor).collect();
    config.announcements = announcements;
    config
}

/// A prefix alone, with the MED that FRR sends anyway.
pub(crate) fn plain(prefix: &str) -> Announcement {
    Announcement { med: Some(0), ..Announcement::new(prefix) }
}

/// Waits, and shows the logs of all if it does not happen.
#[track_caller]
pub(crate) fn eventually<T>(
    what: &str,
    all: &[&dyn Speaker],
    look: impl FnMut() -> Result<T>,
) -> T {
    wait::eventually(what, look).unwrap_or_else(|error| {
        let logs: Vec<_> = all.iter().map(|speaker| speaker.log()).collect();
        panic!("{error:#}\n{}", logs.join("\n--- next log\n"))
    })
}

/// AS_PATH, next hop and path identifier of the usable paths of `prefix` from `neighbor`, in JSON of
/// `show received` or `show advertised`.
pub(crate) fn paths(items: &[Value], prefix: &str) -> Result<BTreeSet<(String, String, u64)>> {
    let wanted = items.iter().filter(|item| {
        item["prefix"] == prefix && (item["status"] == "eligible" || item["status"] == "sent")
    });
    let text = |item: &Value, name: &str| -> Result<String> {
        Ok(item[name].as_str().with_context(|| format!("{name} in {item}"))?.to_owned())
    };
    wanted
        .map(|item| {
            let id = item["pathId"].as_u64().context("pathId")?;
            Ok((text(item, "asPath")?, text(item, "nextHop")?, id))
        })
        .collect()
}

/// The one path of a prefix in such a list.
pub(crate) fn only_path(items: &[Value], prefix: &str) -> Result<(String, String)> {
    let paths = paths(items, prefix)?;
    ensure!(paths.len() == 1, "{prefix}: {paths:?}");
    let (as_path, next_hop, _) = paths.into_iter().next().context("one")?;
    Ok((as_path, next_hop))
}
