//! FRR: `zebra` and `bgpd` started directly, asked and changed through `vtysh`.
//!
//! All files, sockets included, lie in a folder of the test. `bgpd -S` keeps the user it is started
//! as; `zebra` insists on a user in its vty group, so it runs under a private view of `/etc/group`
//! in which root is a member: the same for root and for an ordinary user's namespace. zebra is needed
//! because bgpd refuses IPv6 sessions without it. bfdd, started the same way, joins when a line of the
//! configuration mentions `bfd`; it knows a profile `fast` of 50 ms (and multiplier 3).

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail, ensure};
use ipnet::IpNet;
use serde_json::Value;
use tempfile::TempDir;

use super::{Config, Neighbor, Notification, Speaker, number};
use crate::netns::NetNs;
use crate::process::Process;
use crate::route::{Announcement, Origin, Route, normal_as_path};
use crate::wait;

/// The BGP daemon.
pub const BGPD: &str = "/usr/lib/frr/bgpd";
/// The BFD daemon.
pub const BFDD: &str = "/usr/lib/frr/bfdd";
/// The kernel side.
pub const ZEBRA: &str = "/usr/lib/frr/zebra";
/// The control program.
pub const VTYSH: &str = "/usr/bin/vtysh";

/// Communities in one line of a route-map; longer lines than 4096 octets are cut.
const COMMUNITIES: usize = 200;

/// The configuration of bfdd: what `neighbor X bfd profile fast` refers to.
const BFD_PROFILE: &str =
    "bfd\n profile fast\n  transmit-interval 50\n  receive-interval 50\n exit\nexit\n";

/// One FRR in one namespace.
#[derive(Debug)]
pub struct Frr {
    ns: Arc<NetNs>,
    config: Config,
    folder: TempDir,
    bgpd: Option<Process>,
    bfdd: Option<Process>,
    zebra: Option<Process>,
}

impl Frr {
    /// Prepares, without starting.
    ///
    /// # Errors
    /// When its files cannot be written.
    pub fn new(ns: &Arc<NetNs>, config: Config) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let groups = std::fs::read_to_string("/etc/group").context("read /etc/group")?;
        std::fs::write(folder.path().join("group"), with_root_in_vty_group(&groups))?;
        for name in ["zebra.conf", "vtysh.conf"] {
            std::fs::write(folder.path().join(name), "")?;
        }
        Ok(Self { ns: Arc::clone(ns), config, folder, bgpd: None, bfdd: None, zebra: None })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Options both daemons share.
    fn common(&self, name: &str) -> Vec<String> {
        let folder = self.folder.path().display();
        vec![
            "-f".into(),
            format!("{folder}/{name}.conf"),
            "-i".into(),
            format!("{folder}/{name}.pid"),
            "-z".into(),
            format!("{folder}/zserv"),
            "--vty_socket".into(),
            folder.to_string(),
            "-P".into(),
            "0".into(),
            "--log".into(),
            "stdout".into(),
        ]
    }

    fn start_zebra(&self) -> Result<Process> {
        let mut zebra = self.spawn_privileged("zebra", ZEBRA, &[])?;
        wait::eventually("zebra answers", || {
            zebra.check_running()?;
            self.vtysh(&["show zebra client summary"])
        })?;
        Ok(zebra)
    }

    fn start_bfdd(&self) -> Result<Process> {
        std::fs::write(self.path("bfdd.conf"), BFD_PROFILE).context("write bfdd.conf")?;
        let control = self.path("bfdd.sock").display().to_string();
        let mut bfdd = self.spawn_privileged("bfdd", BFDD, &["--bfdctl", &control])?;
        wait::eventually("bfdd answers", || {
            bfdd.check_running()?;
            let peers = self.vtysh(&["show bfd peers json"])?;
            ensure!(peers.trim_start().starts_with('['), "{peers}");
            Ok(())
        })?;
        Ok(bfdd)
    }

    /// Starts a daemon that insists on the vty group.
    fn spawn_privileged(&self, name: &str, program: &str, options: &[&str]) -> Result<Process> {
        let script = format!(
            "mount --bind {}/group /etc/group && exec {program} -u root -g root \"$@\"",
            self.folder.path().display()
        );
        let mut args: Vec<String> =
            ["-m", "sh", "-c", &script, name].iter().map(|&a| a.to_owned()).collect();
        args.extend(self.common(name));
        args.extend(options.iter().map(|&option| option.to_owned()));
        let log = self.path(&format!("{name}.log"));
        self.ns.spawn(Path::new("/usr/bin/unshare"), &args, &log)
    }

    fn wants_bfd(&self) -> bool {
        let own = self.config.neighbors.iter().flat_map(|neighbor| &neighbor.extra);
        own.chain(&self.config.extra).any(|line| line.contains("bfd"))
    }

    fn vtysh(&self, commands: &[&str]) -> Result<String> {
        let folder = self.folder.path().display().to_string();
        let mut args = vec!["--config_dir", folder.as_str(), "--vty_socket", folder.as_str()];
        for command in commands {
            args.extend(["-c", command]);
        }
        let text = self.ns.exec(VTYSH, &args)?;
        for complaint in ["% Unknown command", "% Command incomplete", "% Ambiguous"] {
            ensure!(!text.contains(complaint), "vtysh {commands:?}: {text}");
        }
        Ok(text)
    }

    fn json(&self, command: &str) -> Result<Value> {
        let text = self.vtysh(&[command])?;
        serde_json::from_str(&text).with_context(|| format!("vtysh {command}: {text}"))
    }

    /// Feeds configuration lines; indentation is only for people.
    fn configure(&self, lines: &str) -> Result<()> {
        let mut commands = vec!["configure terminal"];
        commands.extend(lines.lines().map(str::trim).filter(|l| !l.is_empty()));
        self.vtysh(&commands).map(drop)
    }
}

impl Speaker for Frr {
    fn config(&self) -> &Config {
        &self.config
    }

    fn start(&mut self) -> Result<()> {
        self.zebra = Some(self.start_zebra()?);
        if self.wants_bfd() {
            self.bfdd = Some(self.start_bfdd()?);
        }
        std::fs::write(self.path("bgpd.conf"), text(&self.config)).context("write bgpd.conf")?;
        let mut args = vec!["-S".to_owned()];
        if let Some(port) = self.config.local_port() {
            args.extend(["-p".to_owned(), port.to_string()]);
        }
        args.extend(self.common("bgpd"));
        let mut bgpd = self.ns.spawn(Path::new(BGPD), &args, &self.path("bgpd.log"))?;
        wait::eventually("bgpd answers", || {
            bgpd.check_running()?;
            let summary = self.vtysh(&["show bgp summary json"])?;
            ensure!(summary.trim_start().starts_with('{'), "{summary}");
            Ok(())
        })?;
        self.bgpd = Some(bgpd);
        Ok(())
    }

    fn process_id(&self) -> Result<u32> {
        Ok(self.bgpd.as_ref().context("bgpd is not running")?.id())
    }

    fn kill(&mut self) {
        self.bgpd = None;
        self.bfdd = None;
        self.zebra = None;
    }

    fn announce(&mut self, announcement: Announcement) -> Result<()> {
        let index = self.config.announcements.len();
        // A withdrawn one may have left its number behind; count on, never reuse.
        let name = format!("r{index}-{}", announcement.prefix.to_string().replace(['/', ':'], "-"));
        self.configure(&network_text(&self.config, &name, &announcement))?;
        self.config.announcements.push(announcement);
        Ok(())
    }

    fn withdraw(&mut self, prefix: IpNet) -> Result<()> {
        let gone = self.config.forget(prefix)?;
        self.configure(&format!(
            "router bgp {}\n address-family {} unicast\n no network {prefix}\n",
            self.config.asn,
            gone.family().name()
        ))
    }

    fn change_neighbor(&mut self, neighbor: IpAddr, change: &dyn Fn(&mut Neighbor)) -> Result<()> {
        let (index, before) = self.config.change(neighbor, change)?;
        let now = &self.config.neighbors[index];
        let known = Neighbor {
            remote_as: before.remote_as,
            password: before.password.clone(),
            ..now.clone()
        };
        ensure!(known == before, "the driver of FRR changes AS and password only");
        let name = name(index, now);
        let mut lines = format!("router bgp {}\n", self.config.asn);
        if now.remote_as != before.remote_as {
            let _ = writeln!(lines, " neighbor {name} remote-as {}", now.remote_as);
        }
        if now.password != before.password {
            let _ = match &now.password {
                Some(password) => writeln!(lines, " neighbor {name} password {password}"),
                None => writeln!(lines, " no neighbor {name} password"),
            };
        }
        self.configure(&lines)
    }

    fn routes_from(&self, neighbor: IpAddr) -> Result<BTreeSet<Route>> {
        let configured = self.config.neighbor(neighbor)?;
        let ebgp = self.config.is_ebgp(configured);
        let mut routes = BTreeSet::new();
        for family in &configured.families {
            let table = self.json(&format!("show bgp {} unicast json", family.name()))?;
            let Some(prefixes) = table["routes"].as_object() else {
                continue; // bgpd prints {} until the family is in use
            };
            for prefix in prefixes.keys() {
                let detail =
                    self.json(&format!("show bgp {} unicast {prefix} json", family.name()))?;
                routes.extend(
                    parse_route(prefix, &detail, neighbor, ebgp)
                        .with_context(|| format!("FRR {prefix}: {detail}"))?,
                );
            }
        }
        Ok(routes)
    }

    fn check_established(&self, neighbor: IpAddr) -> Result<()> {
        let text = neighbor.to_string();
        let value = self.json(&format!("show bgp neighbors {text} json"))?;
        let state = &value[&text]["bgpState"];
        ensure!(state == "Established", "FRR: {state}");
        Ok(())
    }

    fn last_notification(&self, neighbor: IpAddr) -> Result<Notification> {
        let text = neighbor.to_string();
        let value = self.json(&format!("show bgp neighbors {text} json"))?;
        parse_notification(&value[&text])
    }

    fn command(&self, command: &str) -> Result<String> {
        let lines: Vec<&str> = command.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
        self.vtysh(&lines)
    }

    fn log(&self) -> String {
        let of = |p: &Option<Process>| p.as_ref().map_or_else(String::new, Process::output);
        of(&self.zebra) + &of(&self.bfdd) + &of(&self.bgpd)
    }
}

/// `/etc/group` with root in `frrvty`.
fn with_root_in_vty_group(groups: &str) -> String {
    let mut out = String::new();
    for line in groups.lines() {
        let joiner = if line.ends_with(':') { "" } else { "," };
        let suffix =
            if line.starts_with("frrvty:") { format!("{joiner}root") } else { String::new() };
        let _ = writeln!(out, "{line}{suffix}");
    }
    out
}

/// The configuration file of bgpd.
fn text(config: &Config) -> String {
    let mut out = format!(
        "router bgp {}\n bgp router-id {}\n no bgp ebgp-requires-policy\n \
         no bgp default ipv4-unicast\n no bgp network import-check\n bgp log-neighbor-changes\n \
         coalesce-time 0\n",
        config.asn, config.router_id
    );
    for line in &config.extra {
        let _ = writeln!(out, " {line}");
    }
    for (index, neighbor) in config.neighbors.iter().enumerate() {
        out.push_str(&neighbor_text(index, neighbor));
    }
    for (index, announcement) in config.announcements.iter().enumerate() {
        out.push_str(&network_text(config, &format!("r{index}"), announcement));
    }
    out
}

/// The name its lines go by: a range is joined to a peer-group, which has the settings.
fn name(index: usize, neighbor: &Neighbor) -> String {
    match neighbor.range {
        Some(_) => format!("n{index}"),
        None => neighbor.address.to_string(),
    }
}

fn neighbor_text(index: usize, neighbor: &Neighbor) -> String {
    let address = name(index, neighbor);
    let mut out = String::new();
    if neighbor.range.is_some() {
        let _ = writeln!(out, " neighbor {address} peer-group");
    }
    let _ = write!(
        out,
        " neighbor {address} remote-as {}\n neighbor {address} update-source {}\n \
         neighbor {address} timers connect 1\n neighbor {address} advertisement-interval 0\n",
        neighbor.remote_as, neighbor.local_address
    );
    if let Some(port) = neighbor.port {
        let _ = writeln!(out, " neighbor {address} port {port}");
    }
    if neighbor.passive {
        let _ = writeln!(out, " neighbor {address} passive");
    }
    if let Some(password) = &neighbor.password {
        let _ = writeln!(out, " neighbor {address} password {password}");
    }
    if let Some(range) = &neighbor.range {
        let _ = writeln!(out, " bgp listen range {range} peer-group {address}");
    }
    for line in &neighbor.extra {
        let _ = writeln!(out, " {line}");
    }
    for family in &neighbor.families {
        let _ = write!(
            out,
            " address-family {} unicast\n  neighbor {address} activate\n  \
             neighbor {address} soft-reconfiguration inbound\n exit-address-family\n",
            family.name()
        );
    }
    out
}

fn network_text(config: &Config, name: &str, a: &Announcement) -> String {
    let prefix = a.prefix.to_string();
    let network = |route_map: &str| {
        let (asn, family) = (config.asn, a.family().name());
        format!(
            "router bgp {asn}\n address-family {family} unicast\n  network {prefix}{route_map}\n \
             exit-address-family\n"
        )
    };
    let plain = Announcement { med: a.med, ..Announcement::new(&prefix) };
    if a.med.unwrap_or(0) == 0 && *a == plain {
        // What it sends anyway; a thousand route-maps take it minutes.
        return network("");
    }
    let mut out = format!("route-map {name} permit 10\n");
    let origin = match a.origin {
        Origin::Igp => "igp",
        Origin::Egp => "egp",
        Origin::Incomplete => "incomplete",
    };
    let _ = writeln!(out, " set origin {origin}");
    if let Some(med) = a.med {
        let _ = writeln!(out, " set metric {med}");
    }
    if let Some(local_pref) = a.local_pref {
        let _ = writeln!(out, " set local-preference {local_pref}");
    }
    if !a.as_path.is_empty() {
        let path: Vec<_> = a.as_path.iter().map(u32::to_string).collect();
        let _ = writeln!(out, " set as-path prepend {}", path.join(" "));
    }
    // A line has a bound, so many communities are added in several entries.
    let mut chunks = a.communities.chunks(COMMUNITIES);
    if let Some(first) = chunks.next() {
        let _ = writeln!(out, " set community {}", communities(first));
    }
    if !a.large_communities.is_empty() {
        let list: Vec<_> =
            a.large_communities.iter().map(|(x, y, z)| format!("{x}:{y}:{z}")).collect();
        let _ = writeln!(out, " set large-community {}", list.join(" "));
    }
    for (index, chunk) in chunks.enumerate() {
        let _ = write!(
            out,
            " on-match next\nexit\nroute-map {name} permit {}\n set community {} additive\n",
            20 + index,
            communities(chunk)
        );
    }
    let _ = write!(out, "exit\n{}", network(&format!(" route-map {name}")));
    out
}

fn communities(list: &[(u16, u16)]) -> String {
    list.iter().map(|(x, y)| format!("{x}:{y}")).collect::<Vec<_>>().join(" ")
}

/// The path of `neighbor` in `show bgp F unicast P json`, if it has one.
fn parse_route(
    prefix: &str,
    detail: &Value,
    neighbor: IpAddr,
    ebgp: bool,
) -> Result<Option<Route>> {
    let paths = detail["paths"].as_array().context("paths")?;
    let from = |path: &&Value| {
        path["peer"]["peerId"].as_str().and_then(|id| id.parse::<IpAddr>().ok()) == Some(neighbor)
    };
    let Some(path) = paths.iter().find(from) else {
        return Ok(None);
    };
    let next_hops = path["nexthops"].as_array().context("nexthops")?;
    let global =
        next_hops.iter().find(|n| n["scope"] != "link-local").or_else(|| next_hops.first());
    let next_hop = global.and_then(|n| n["ip"].as_str()).context("next hop")?;
    let list = |name: &str| {
        path[name]["string"]
            .as_str()
            .unwrap_or_default()
            .split_whitespace()
            .map(str::to_owned)
            .collect()
    };
    Ok(Some(Route {
        prefix: prefix.parse()?,
        next_hop: next_hop.parse()?,
        origin: Origin::parse(path["origin"].as_str().context("origin")?)?,
        as_path: normal_as_path(path["aspath"]["string"].as_str().context("aspath")?)
            .replace("Local", ""),
        med: number(&path["metric"])?,
        local_pref: if ebgp { None } else { number(&path["locPrf"])? },
        communities: list("community"),
        large_communities: list("largeCommunity"),
    }))
}

/// `lastErrorCodeSubcode` is four hexadecimal digits: code and subcode.
fn parse_notification(neighbor: &Value) -> Result<Notification> {
    let due = neighbor["lastResetDueTo"].as_str().unwrap_or("no reset");
    if !due.contains("Notification received") {
        bail!("FRR: last reset: {due}");
    }
    let digits = neighbor["lastErrorCodeSubcode"].as_str().context("lastErrorCodeSubcode")?;
    let number = u16::from_str_radix(digits, 16).with_context(|| digits.to_owned())?;
    let [code, subcode] = number.to_be_bytes();
    Ok(Notification { code, subcode })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_joins_the_vty_group() {
        assert_eq!(
            with_root_in_vty_group("a:x:1:\nfrrvty:x:106:frr\n"),
            "a:x:1:\nfrrvty:x:106:frr,root\n"
        );
        assert_eq!(with_root_in_vty_group("frrvty:x:106:\n"), "frrvty:x:106:root\n");
    }

    #[test]
    fn a_received_notification_and_another_reset() {
        let seen = serde_json::json!({
            "lastResetDueTo": "BGP Notification received", "lastErrorCodeSubcode": "0602"});
        assert_eq!(parse_notification(&seen).unwrap(), Notification { code: 6, subcode: 2 });
        let other = serde_json::json!({"lastResetDueTo": "Peer closed the session"});
        assert!(parse_notification(&other).is_err());
    }
}
