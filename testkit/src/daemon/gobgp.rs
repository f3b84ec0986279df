//! GoBGP, driven by a TOML file and the `gobgp` program over gRPC inside the namespace.
//!
//! GoBGP originates what is added to its global table, so announcements are made right after the
//! start. Notifications are read from its log, one JSON object a line.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail, ensure};
use ipnet::IpNet;
use nix::sys::signal::Signal;
use serde_json::Value;
use tempfile::TempDir;

use super::{Config, Neighbor, Notification, Speaker, number};
use crate::netns::NetNs;
use crate::process::Process;
use crate::route::{Announcement, Family, Origin, Route, normal_as_path};
use crate::wait;

/// The daemon.
pub const GOBGPD: &str = "/usr/bin/gobgpd";
/// Its control program.
pub const GOBGP: &str = "/usr/bin/gobgp";

/// One GoBGP in one namespace.
#[derive(Debug)]
pub struct Gobgp {
    ns: Arc<NetNs>,
    config: Config,
    folder: TempDir,
    process: Option<Process>,
    /// It was killed: the next start says so (`-r`).
    restarts: bool,
}

impl Gobgp {
    /// Prepares, without starting.
    ///
    /// # Errors
    /// When no temporary folder can be made.
    pub fn new(ns: &Arc<NetNs>, config: Config) -> Result<Self> {
        Ok(Self {
            ns: Arc::clone(ns),
            config,
            folder: tempfile::tempdir()?,
            process: None,
            restarts: false,
        })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write_config(&self) -> Result<()> {
        std::fs::write(self.path("gobgpd.toml"), text(&self.config)).context("write gobgpd.toml")
    }

    fn gobgp(&self, args: &[&str]) -> Result<String> {
        let text = self.ns.exec(GOBGP, args)?;
        // It reports some refusals on stdout, with exit code 0.
        ensure!(!text.starts_with("usage:"), "gobgp {}: {text}", args.join(" "));
        Ok(text)
    }

    fn add(&self, a: &Announcement) -> Result<()> {
        let mut args = vec!["global".to_owned(), "rib".into(), "add".into(), a.prefix.to_string()];
        let origin = match a.origin {
            Origin::Igp => "igp",
            Origin::Egp => "egp",
            Origin::Incomplete => "incomplete",
        };
        args.extend(["origin".into(), origin.into()]);
        let mut same_family = self.config.neighbors.iter().map(|n| n.local_address);
        let next_hop = same_family.find(|l| Family::of(l) == a.family());
        let unspecified = if a.family() == Family::Ipv4 { "0.0.0.0" } else { "::" };
        args.extend([
            "nexthop".into(),
            next_hop.map_or_else(|| unspecified.to_owned(), |l| l.to_string()),
        ]);
        if !a.as_path.is_empty() {
            let path: Vec<_> = a.as_path.iter().map(u32::to_string).collect();
            args.extend(["aspath".into(), path.join(" ")]);
        }
        if let Some(med) = a.med {
            args.extend(["med".into(), med.to_string()]);
        }
        if let Some(local_pref) = a.local_pref {
            args.extend(["local-pref".into(), local_pref.to_string()]);
        }
        if !a.communities.is_empty() {
            let list: Vec<_> = a.communities.iter().map(|(x, y)| format!("{x}:{y}")).collect();
            args.extend(["community".into(), list.join(",")]);
        }
        if !a.large_communities.is_empty() {
            let list: Vec<_> =
                a.large_communities.iter().map(|(x, y, z)| format!("{x}:{y}:{z}")).collect();
            args.extend(["large-community".into(), list.join(",")]);
        }
        args.extend(["-a".into(), a.family().name().into()]);
        let args: Vec<_> = args.iter().map(String::as_str).collect();
        self.gobgp(&args).map(drop)
    }
}

impl Speaker for Gobgp {
    fn config(&self) -> &Config {
        &self.config
    }

    fn start(&mut self) -> Result<()> {
        self.write_config()?;
        let file = self.path("gobgpd.toml").display().to_string();
        let args = [
            "-f",
            &file,
            "-t",
            "toml",
            "--api-hosts",
            "127.0.0.1:50051",
            "--pprof-disable",
            "--log-level",
            "debug",
        ];
        let mut args: Vec<_> = args.iter().map(|&a| a.to_owned()).collect();
        if self.restarts {
            args.push("-r".into());
        }
        let mut process = self.ns.spawn(Path::new(GOBGPD), &args, &self.path("log"))?;
        wait::eventually("GoBGP answers", || {
            process.check_running()?;
            self.gobgp(&["global"])
        })?;
        self.process = Some(process);
        self.config.announcements.iter().try_for_each(|a| self.add(a))
    }

    fn process_id(&self) -> Result<u32> {
        Ok(self.process.as_ref().context("GoBGP is not running")?.id())
    }

    fn kill(&mut self) {
        self.restarts = true;
        self.process = None;
    }

    fn announce(&mut self, announcement: Announcement) -> Result<()> {
        self.add(&announcement)?;
        self.config.announcements.push(announcement);
        Ok(())
    }

    fn withdraw(&mut self, prefix: IpNet) -> Result<()> {
        let gone = self.config.forget(prefix)?;
        let prefix = prefix.to_string();
        self.gobgp(&["global", "rib", "del", &prefix, "-a", gone.family().name()]).map(drop)
    }

    fn change_neighbor(&mut self, neighbor: IpAddr, change: &dyn Fn(&mut Neighbor)) -> Result<()> {
        self.config.change(neighbor, change)?;
        self.write_config()?;
        self.process.as_ref().context("GoBGP is not running")?.signal(Signal::SIGHUP)
    }

    fn routes_from(&self, neighbor: IpAddr) -> Result<BTreeSet<Route>> {
        let configured = self.config.neighbor(neighbor)?;
        let ebgp = self.config.is_ebgp(configured);
        let mut routes = BTreeSet::new();
        for family in &configured.families {
            let text = self.gobgp(&["global", "rib", "-a", family.name(), "-j"])?;
            routes.append(&mut parse_routes(&text, neighbor, ebgp)?);
        }
        Ok(routes)
    }

    fn check_established(&self, neighbor: IpAddr) -> Result<()> {
        let text = self.gobgp(&["neighbor", &neighbor.to_string(), "-j"])?;
        let value: Value = serde_json::from_str(&text).context("gobgp neighbor -j")?;
        let state = &value["state"]["session_state"];
        ensure!(state.as_u64() == Some(6), "GoBGP: session_state {state}");
        Ok(())
    }

    fn last_notification(&self, neighbor: IpAddr) -> Result<Notification> {
        parse_notification(&self.log(), neighbor)
    }

    fn command(&self, command: &str) -> Result<String> {
        self.gobgp(&command.split_whitespace().collect::<Vec<_>>())
    }

    fn log(&self) -> String {
        self.process.as_ref().map_or_else(String::new, Process::output)
    }
}

/// The configuration file.
fn text(config: &Config) -> String {
    let mut out =
        format!("[global.config]\n  as = {}\n  router-id = \"{}\"\n", config.asn, config.router_id);
    if let Some(port) = config.local_port() {
        let _ = writeln!(out, "  port = {port}");
    }
    for line in &config.extra {
        let _ = writeln!(out, "  {line}");
    }
    for (index, neighbor) in config.neighbors.iter().enumerate() {
        out.push_str(&neighbor_text(index, neighbor));
    }
    out
}

fn neighbor_text(index: usize, neighbor: &Neighbor) -> String {
    let mut out = String::new();
    // A range is joined to a peer-group, which has the settings.
    let table = match neighbor.range {
        Some(range) => {
            let _ = write!(
                out,
                "[[dynamic-neighbors]]\n  [dynamic-neighbors.config]\n    prefix = \"{range}\"\n    \
                 peer-group = \"n{index}\"\n[[peer-groups]]\n  [peer-groups.config]\n    \
                 peer-group-name = \"n{index}\"\n"
            );
            "peer-groups"
        }
        None => {
            let _ = write!(
                out,
                "[[neighbors]]\n  [neighbors.config]\n    neighbor-address = \"{}\"\n",
                neighbor.address
            );
            "neighbors"
        }
    };
    let _ = writeln!(out, "    peer-as = {}", neighbor.remote_as);
    if let Some(password) = &neighbor.password {
        let _ = writeln!(out, "    auth-password = \"{password}\"");
    }
    let _ = write!(
        out,
        "  [{table}.transport.config]\n    local-address = \"{}\"\n    passive-mode = {}\n",
        neighbor.local_address, neighbor.passive
    );
    if let Some(port) = neighbor.port {
        let _ = writeln!(out, "    remote-port = {port}");
    }
    let _ = write!(
        out,
        "  [{table}.timers.config]\n    connect-retry = 1\n    idle-hold-time-after-reset = 1\n    \
         hold-time = 90\n    keepalive-interval = 30\n"
    );
    for family in &neighbor.families {
        let _ = write!(
            out,
            "  [[{table}.afi-safis]]\n    [{table}.afi-safis.config]\n      \
             afi-safi-name = \"{}-unicast\"\n",
            family.name()
        );
    }
    for line in &neighbor.extra {
        let _ = writeln!(out, "  {line}");
    }
    out
}

/// Reads `gobgp global rib -j`, keeping the paths of one neighbour.
fn parse_routes(text: &str, neighbor: IpAddr, ebgp: bool) -> Result<BTreeSet<Route>> {
    let table: serde_json::Map<String, Value> = match serde_json::from_str(text) {
        Ok(Value::Object(table)) => table,
        // An empty table is printed as a sentence or as null.
        _ if text.contains("Network not in table") || text.trim() == "null" => {
            return Ok(BTreeSet::new());
        }
        Ok(other) => bail!("gobgp global rib -j: {other}"),
        Err(error) => return Err(error).with_context(|| format!("gobgp global rib -j: {text}")),
    };
    let mut routes = BTreeSet::new();
    for (prefix, paths) in &table {
        for path in paths.as_array().context("gobgp: paths")? {
            let from = path["neighbor-ip"].as_str().and_then(|ip| ip.parse::<IpAddr>().ok());
            if from == Some(neighbor) {
                routes.insert(
                    route(prefix, path, ebgp).with_context(|| format!("gobgp {prefix}: {path}"))?,
                );
            }
        }
    }
    Ok(routes)
}

fn route(prefix: &str, path: &Value, ebgp: bool) -> Result<Route> {
    let attributes = path["attrs"].as_array().context("attrs")?;
    let find = |kind: u64| attributes.iter().find(|a| a["type"].as_u64() == Some(kind));
    let next_hop = find(14).or_else(|| find(3)).context("next hop")?;
    let next_hop = next_hop["nexthop"].as_str().context("next hop is text")?;
    let origin = match find(1).and_then(|a| a["value"].as_u64()) {
        Some(0) => Origin::Igp,
        Some(1) => Origin::Egp,
        Some(2) => Origin::Incomplete,
        other => bail!("ORIGIN {other:?}"),
    };
    let optional = |kind: u64, key: &str| find(kind).map_or(Ok(None), |a| number(&a[key]));
    let communities =
        find(8).and_then(|a| a["communities"].as_array().cloned()).unwrap_or_default();
    let communities = communities
        .iter()
        .map(|c| number(c)?.context("community").map(|c| format!("{}:{}", c >> 16, c & 0xffff)));
    let large = find(32).and_then(|a| a["value"].as_array().cloned()).unwrap_or_default();
    let large =
        large.iter().map(|c| format!("{}:{}:{}", c["ASN"], c["LocalData1"], c["LocalData2"]));
    Ok(Route {
        prefix: prefix.parse()?,
        next_hop: next_hop.parse()?,
        origin,
        as_path: as_path(find(2))?,
        med: optional(4, "metric")?,
        local_pref: if ebgp { None } else { optional(5, "value")? },
        communities: communities.collect::<Result<_>>()?,
        large_communities: large.collect(),
    })
}

fn as_path(attribute: Option<&Value>) -> Result<String> {
    let Some(segments) = attribute.and_then(|a| a["as_paths"].as_array()) else {
        return Ok(String::new());
    };
    let mut text = String::new();
    for segment in segments {
        let asns: Vec<_> =
            segment["asns"].as_array().context("asns")?.iter().map(Value::to_string).collect();
        match segment["segment_type"].as_u64() {
            Some(1) => {
                let _ = write!(text, "{{{}}} ", asns.join(" "));
            }
            Some(2) => {
                let _ = write!(text, "{} ", asns.join(" "));
            }
            other => bail!("AS_PATH segment type {other:?}"),
        }
    }
    Ok(normal_as_path(&text))
}

/// The last `received notification` line about `neighbor`.
fn parse_notification(log: &str, neighbor: IpAddr) -> Result<Notification> {
    let neighbor = neighbor.to_string();
    log.lines()
        .rev()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find(|v| v["msg"] == "received notification" && v["Key"] == neighbor.as_str())
        .and_then(|v| {
            let octet = |key: &str| v[key].as_u64().and_then(|n| u8::try_from(n).ok());
            Some(Notification { code: octet("Code")?, subcode: octet("Subcode")? })
        })
        .context("GoBGP: no NOTIFICATION received")
}

#[cfg(test)]
mod tests {
    use super::*;

    const RIB: &str = r#"{"10.2.0.0/24":[{"nlri":{"prefix":"10.2.0.0/24"},"age":1,"best":true,
        "attrs":[{"type":1,"value":0},
        {"type":2,"as_paths":[{"segment_type":2,"num":2,"asns":[65002,65002]},{"segment_type":1,"num":2,"asns":[9,7]}]},
        {"type":3,"nexthop":"10.0.0.2"},{"type":4,"metric":20},{"type":5,"value":130},
        {"type":8,"communities":[4259971073]},
        {"type":32,"value":[{"ASN":65002,"LocalData1":1,"LocalData2":2}]}],
        "source-id":"2.2.2.2","neighbor-ip":"10.0.0.2"}],
        "10.3.0.0/24":[{"attrs":[{"type":1,"value":0},{"type":3,"nexthop":"10.0.0.3"}]}]}"#;

    #[test]
    fn paths_of_one_neighbour_are_read() {
        let routes = parse_routes(RIB, "10.0.0.2".parse().unwrap(), false).unwrap();
        assert_eq!(routes.len(), 1);
        assert_eq!(
            routes.first().unwrap().to_string(),
            "10.2.0.0/24 via 10.0.0.2 path [65002 65002 {7 9}] Igp med 20 local-pref 130 65002:1 65002:1:2"
        );
        assert!(
            parse_routes("Network not in table\n", "10.0.0.2".parse().unwrap(), true)
                .unwrap()
                .is_empty()
        );
        assert!(parse_routes("surprise", "10.0.0.2".parse().unwrap(), true).is_err());
    }

    #[test]
    fn the_last_notification_counts() {
        let log = "{\"Code\":6,\"Key\":\"10.0.0.1\",\"Subcode\":3,\"msg\":\"received notification\"}\n\
                   {\"Code\":6,\"Key\":\"10.0.0.1\",\"Subcode\":2,\"msg\":\"received notification\"}\n";
        let seen = parse_notification(log, "10.0.0.1".parse().unwrap()).unwrap();
        assert_eq!(seen, Notification { code: 6, subcode: 2 });
        assert!(parse_notification(log, "10.0.0.9".parse().unwrap()).is_err());
    }
}
