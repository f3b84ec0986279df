//! BIRD 2, driven by a configuration file, `birdc configure` and `birdc show`.
//!
//! Originated routes are blackhole static routes; all attributes are set in the export filter of
//! each neighbour, since BIRD drops a MED on eBGP that the export filter did not set. Notifications
//! are read from the log, which names them in words.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail, ensure};
use ipnet::IpNet;
use tempfile::TempDir;

use super::{Config, Neighbor, Notification, Speaker, field};
use crate::netns::NetNs;
use crate::process::Process;
use crate::route::{Announcement, Family, Origin, Route, normal_as_path};
use crate::wait;

/// The daemon.
pub const BIRD: &str = "/usr/sbin/bird";
/// Its control program.
pub const BIRDC: &str = "/usr/sbin/birdc";

/// Begins an extra line of a neighbour that belongs into each of its channels.
const CHANNEL: &str = "channel ";

/// One BIRD in one namespace.
#[derive(Debug)]
pub struct Bird {
    ns: Arc<NetNs>,
    config: Config,
    folder: TempDir,
    process: Option<Process>,
    /// It was killed: the next start recovers what it can (`-R`).
    restarts: bool,
}

impl Bird {
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
        let text = text(&self.config, &self.path("events"));
        std::fs::write(self.path("bird.conf"), text).context("write bird.conf")
    }

    fn birdc(&self, command: &str) -> Result<String> {
        let socket = self.path("ctl").display().to_string();
        let text = self.ns.exec(BIRDC, &["-s", &socket, command])?;
        ensure!(!text.contains("syntax error"), "birdc {command}: {text}");
        Ok(text)
    }

    fn reconfigure(&self) -> Result<()> {
        self.write_config()?;
        let answer = self.birdc("configure")?;
        ensure!(answer.contains("Reconfigur"), "birdc configure: {answer}");
        Ok(())
    }

    fn protocol(&self, address: IpAddr) -> Result<String> {
        let index = self.config.neighbors.iter().position(|n| n.address == address);
        let index = index.with_context(|| format!("no neighbour {address}"))?;
        let name = protocol_name(index);
        if self.config.neighbors[index].range.is_none() {
            return Ok(name);
        }
        // One is made for each that has connected.
        let all = self.birdc(&format!("show protocols all \"{name}d*\""))?;
        let mut made = None;
        for line in all.lines() {
            if line.starts_with(&name) {
                made = line.split_whitespace().next().map(str::to_owned);
            }
            if field(line, "Neighbor address:") == Some(address.to_string().as_str()) {
                return made.context("BIRD: a neighbour address before any protocol");
            }
        }
        bail!("BIRD: nobody has connected from {address}")
    }
}

impl Speaker for Bird {
    fn config(&self) -> &Config {
        &self.config
    }

    fn start(&mut self) -> Result<()> {
        self.write_config()?;
        let path = |name: &str| self.path(name).display().to_string();
        let mut args =
            ["-f".into(), "-c".into(), path("bird.conf"), "-s".into(), path("ctl")].to_vec();
        if self.restarts {
            args.push("-R".into());
        }
        let mut process = self.ns.spawn(Path::new(BIRD), &args, &self.path("log"))?;
        wait::eventually("BIRD answers", || {
            process.check_running()?;
            self.birdc("show status")
        })?;
        self.process = Some(process);
        Ok(())
    }

    fn process_id(&self) -> Result<u32> {
        Ok(self.process.as_ref().context("BIRD is not running")?.id())
    }

    fn kill(&mut self) {
        self.restarts = true;
        self.process = None;
    }

    fn announce(&mut self, announcement: Announcement) -> Result<()> {
        self.config.announcements.push(announcement);
        self.reconfigure()
    }

    fn withdraw(&mut self, prefix: IpNet) -> Result<()> {
        self.config.forget(prefix)?;
        self.reconfigure()
    }

    fn change_neighbor(&mut self, neighbor: IpAddr, change: &dyn Fn(&mut Neighbor)) -> Result<()> {
        self.config.change(neighbor, change)?;
        self.reconfigure()
    }

    fn routes_from(&self, neighbor: IpAddr) -> Result<BTreeSet<Route>> {
        let ebgp = self.config.is_ebgp(self.config.neighbor(neighbor)?);
        let protocol = self.protocol(neighbor)?;
        parse_routes(&self.birdc("show route all")?, &protocol, ebgp)
    }

    fn check_established(&self, neighbor: IpAddr) -> Result<()> {
        let text = self.birdc(&format!("show protocols all {}", self.protocol(neighbor)?))?;
        let state = text.lines().find_map(|line| field(line, "BGP state:"));
        match state {
            Some("Established") => Ok(()),
            other => bail!("BIRD: {}", other.unwrap_or(&text)),
        }
    }

    fn last_notification(&self, neighbor: IpAddr) -> Result<Notification> {
        let protocol = self.protocol(neighbor)?;
        let log = std::fs::read_to_string(self.path("events")).context("read BIRD's log")?;
        let needle = format!("<RMT> {protocol}: Received: ");
        let words = log
            .lines()
            .rev()
            .find_map(|line| line.split_once(&needle).map(|(_, words)| words))
            .context("BIRD: no NOTIFICATION received")?;
        parse_notification(words)
    }

    fn command(&self, command: &str) -> Result<String> {
        self.birdc(command)
    }

    fn log(&self) -> String {
        let events = std::fs::read_to_string(self.path("events")).unwrap_or_default();
        events + &self.process.as_ref().map_or_else(String::new, Process::output)
    }
}

fn protocol_name(index: usize) -> String {
    format!("n{index}")
}

/// The configuration file.
fn text(config: &Config, log: &Path) -> String {
    let mut out = String::new();
    let mut line = |text: String| {
        let _ = writeln!(out, "{text}");
    };
    line(format!("log \"{}\" all;", log.display()));
    line(format!("router id {};", config.router_id));
    line("debug protocols { states, events };".into());
    line("protocol device { scan time 1; debug off; }".into());
    line("protocol direct { ipv4; ipv6; }".into());
    for family in [Family::Ipv4, Family::Ipv6] {
        let mut routes = String::new();
        for a in config.announcements.iter().filter(|a| a.family() == family) {
            let _ = write!(routes, " route {} blackhole;", a.prefix);
        }
        line(format!("protocol static s_{0} {{ {0};{routes} }}", family.name()));
    }
    line(format!("filter export_all {{\n{}}}", export_filter(config)));
    for extra in &config.extra {
        line(extra.clone());
    }
    for (index, neighbor) in config.neighbors.iter().enumerate() {
        line(protocol(config, index, neighbor));
    }
    out
}

fn export_filter(config: &Config) -> String {
    let mut out = String::from("  if source = RTS_STATIC then {\n    bgp_origin = ORIGIN_IGP;\n");
    for a in &config.announcements {
        let _ = write!(out, "    if net = {} then {{", a.prefix);
        let origin = match a.origin {
            Origin::Igp => "ORIGIN_IGP",
            Origin::Egp => "ORIGIN_EGP",
            Origin::Incomplete => "ORIGIN_INCOMPLETE",
        };
        let _ = write!(out, " bgp_origin = {origin};");
        if let Some(med) = a.med {
            let _ = write!(out, " bgp_med = {med};");
        }
        if let Some(local_pref) = a.local_pref {
            let _ = write!(out, " bgp_local_pref = {local_pref};");
        }
        for (asn, value) in &a.communities {
            let _ = write!(out, " bgp_community.add(({asn},{value}));");
        }
        for (asn, one, two) in &a.large_communities {
            let _ = write!(out, " bgp_large_community.add(({asn},{one},{two}));");
        }
        for asn in a.as_path.iter().rev() {
            let _ = write!(out, " bgp_path.prepend({asn});");
        }
        out.push_str(" }\n");
    }
    out.push_str("    accept;\n  }\n  if source = RTS_BGP then accept;\n  reject;\n");
    out
}

fn protocol(config: &Config, index: usize, neighbor: &Neighbor) -> String {
    let port = |port: Option<u16>| port.map_or_else(String::new, |port| format!(" port {port}"));
    let mut out = format!(
        "protocol bgp {} {{\n  local {}{} as {};\n  neighbor {}{} as {};\n  strict bind yes;\n  \
         connect delay time 1; connect retry time 1; error wait time 1, 2; passive {};\n  \
         enable as4 {};\n  hold time 90;\n",
        protocol_name(index),
        neighbor.local_address,
        port(neighbor.local_port),
        config.asn,
        neighbor
            .range
            .map_or_else(|| neighbor.address.to_string(), |range| format!("range {range}")),
        port(neighbor.port),
        neighbor.remote_as,
        on_off(neighbor.passive),
        on_off(neighbor.four_octet_as),
    );
    if neighbor.range.is_some() {
        let _ =
            writeln!(out, "  dynamic name \"{}d\"; dynamic name digits 1;", protocol_name(index));
    }
    if let Some(password) = &neighbor.password {
        let _ = writeln!(out, "  password \"{password}\";");
    }
    let (channel, session): (Vec<_>, Vec<_>) =
        neighbor.extra.iter().partition(|line| line.starts_with(CHANNEL));
    for line in session {
        let _ = writeln!(out, "  {line}");
    }
    let channel: String = channel.iter().filter_map(|line| line.strip_prefix(CHANNEL)).collect();
    for family in &neighbor.families {
        let _ = writeln!(
            out,
            "  {} {{ import all; export filter export_all; next hop self; {}{channel}}};",
            family.name(),
            if *family == Family::Ipv4 { "extended next hop on; " } else { "" },
        );
    }
    out.push('}');
    out
}

const fn on_off(is_on: bool) -> &'static str {
    if is_on { "on" } else { "off" }
}

/// Reads `show route all`, keeping the paths of one protocol.
fn parse_routes(text: &str, protocol: &str, ebgp: bool) -> Result<BTreeSet<Route>> {
    let mut routes = BTreeSet::new();
    let mut prefix = None;
    let mut current: Option<Route> = None;
    for line in text.lines() {
        let is_indented = line.starts_with(char::is_whitespace);
        let is_path = line.contains('[') && !line.starts_with('\t');
        if is_path {
            routes.extend(current.take());
            if !is_indented {
                let word = line.split_whitespace().next().unwrap_or_default();
                prefix = Some(word.parse::<IpNet>().with_context(|| format!("BIRD: {line}"))?);
            }
            let source = line.split_once('[').map_or("", |(_, rest)| rest);
            if source.split_whitespace().next() == Some(protocol) {
                current = Some(Route {
                    prefix: prefix.context("BIRD: a path before any prefix")?,
                    next_hop: IpAddr::from([0, 0, 0, 0]),
                    origin: Origin::Igp,
                    as_path: String::new(),
                    med: None,
                    local_pref: None,
                    communities: BTreeSet::new(),
                    large_communities: BTreeSet::new(),
                });
            }
        } else if let Some(route) = &mut current {
            attribute(route, line, ebgp).with_context(|| format!("BIRD: {line}"))?;
        }
    }
    routes.extend(current);
    Ok(routes)
}

fn attribute(route: &mut Route, line: &str, ebgp: bool) -> Result<()> {
    if let Some(text) = field(line, "BGP.origin:") {
        route.origin = Origin::parse(text)?;
    } else if let Some(text) = field(line, "BGP.as_path:") {
        route.as_path = normal_as_path(text);
    } else if let Some(text) = field(line, "BGP.next_hop:") {
        // "global link-local" for IPv6
        route.next_hop = text.split_whitespace().next().context("next hop")?.parse()?;
    } else if let Some(text) = field(line, "BGP.med:") {
        route.med = Some(text.parse()?);
    } else if let Some(text) = field(line, "BGP.local_pref:") {
        route.local_pref = if ebgp { None } else { Some(text.parse()?) };
    } else if let Some(text) = field(line, "BGP.community:") {
        route.communities = tuples(text);
    } else if let Some(text) = field(line, "BGP.large_community:") {
        route.large_communities = tuples(text);
    }
    Ok(())
}

/// `(65001,1) (65001, 2, 3)` as `65001:1`, `65001:2:3`.
fn tuples(text: &str) -> BTreeSet<String> {
    text.split(')')
        .map(|t| t.trim().trim_start_matches('(').replace(' ', "").replace(',', ":"))
        .filter(|t| !t.is_empty())
        .collect()
}

/// BIRD's words for what it received (RFC 4486 names, RFC 9003 text after a colon).
fn parse_notification(words: &str) -> Result<Notification> {
    const CEASE: [&str; 9] = [
        "Cease",
        "Maximum number of prefixes reached",
        "Administrative shutdown",
        "Peer de-configured",
        "Administrative reset",
        "Connection rejected",
        "Other configuration change",
        "Connection collision resolution",
        "Out of resources",
    ];
    for (subcode, name) in (0_u8..).zip(CEASE) {
        if words.to_ascii_lowercase().starts_with(&name.to_ascii_lowercase()) {
            return Ok(Notification { code: 6, subcode });
        }
    }
    if words.starts_with("Hold timer expired") {
        return Ok(Notification { code: 4, subcode: 0 });
    }
    bail!("BIRD received: {words}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHOW: &str = "\
BIRD 2.0.12 ready.
Table master4:
10.1.1.0/24          unicast [n0 09:34:47.214] * (100) [AS65001i]
\tvia 10.0.0.1 on eth0
\tType: BGP univ
\tBGP.origin: IGP
\tBGP.as_path: 65001 {65003 65002}
\tBGP.next_hop: 10.0.0.1
\tBGP.med: 0
\tBGP.local_pref: 100
\tBGP.community: (65001,1) (65001,2)
\tBGP.large_community: (65001, 1, 2)
                     unicast [n1 09:34:49.254 from 10.0.0.3] (100) [AS65001i]
\tvia 10.0.0.1 on eth0
\tType: BGP univ
\tBGP.origin: Incomplete
\tBGP.as_path: 65001
\tBGP.next_hop: 10.0.0.3
\tBGP.local_pref: 120
10.0.0.2/32          unicast [direct1 09:34:45.089] * (240)
\tdev lo
";

    #[test]
    fn paths_of_one_neighbour_are_read() {
        let n0 = parse_routes(SHOW, "n0", true).unwrap();
        assert_eq!(n0.len(), 1);
        let route = n0.first().unwrap();
        assert_eq!(
            route.to_string(),
            "10.1.1.0/24 via 10.0.0.1 path [65001 {65002 65003}] Igp med 0 65001:1 65001:2 65001:1:2"
        );
        let n1 = parse_routes(SHOW, "n1", false).unwrap();
        let route = n1.first().unwrap();
        assert_eq!(
            (route.prefix.to_string().as_str(), route.local_pref, route.origin, route.med),
            ("10.1.1.0/24", Some(120), Origin::Incomplete, None)
        );
        assert!(parse_routes(SHOW, "n2", true).unwrap().is_empty());
    }

    #[test]
    fn received_notifications_in_words() {
        let shutdown = parse_notification("Administrative shutdown: \"bye\"").unwrap();
        assert_eq!(shutdown, Notification { code: 6, subcode: 2 });
        let reset = parse_notification("Administrative reset").unwrap();
        assert_eq!(reset, Notification { code: 6, subcode: 4 });
        assert!(parse_notification("Something else").is_err());
    }
}
