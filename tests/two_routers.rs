//! Two daemons in one namespace: manifests in, routes across, every answer of the command line, an
//! edit applied while running, a bad object that hurts nobody, a graceful stop.
//!
//! In a namespace because 127.0.0.0/8 is no next hop (RFC 7606 makes it a withdraw), not for rights:
//! the daemons write no kernel routes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use testkit::netns::NetNs;
use testkit::privilege::in_namespaces;
use testkit::process::Process;
use testkit::wait;

const BIN: &str = env!("CARGO_BIN_EXE_cosmos");

struct Daemon {
    name: &'static str,
    folder: PathBuf,
    process: Process,
}

impl Daemon {
    fn start(ns: &NetNs, root: &Path, name: &'static str, manifests: &str) -> Result<Self> {
        let folder = root.join(name);
        fs::create_dir_all(folder.join("manifests"))?;
        fs::write(folder.join("manifests/router.yaml"), manifests)?;
        let path = |part: &str| folder.join(part).display().to_string();
        let args = ["run", "--fib", "none", "--node", name, "--workers", "1", "--manifests"]
            .map(str::to_owned)
            .into_iter()
            .chain([path("manifests"), "--control".to_owned(), path("c.sock")])
            .collect::<Vec<_>>();
        let process = ns.spawn(Path::new(BIN), &args, &folder.join("log"))?;
        Ok(Self { name, folder, process })
    }

    fn ask(&self, args: &[&str]) -> Result<String> {
        let output = Command::new(BIN)
            .args(args)
            .arg("--control")
            .arg(self.folder.join("c.sock"))
            .output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?)
    }

    fn json(&self, args: &[&str]) -> Result<Vec<Value>> {
        Ok(serde_json::from_str(&self.ask(&[args, &["-o", "json"]].concat())?)?)
    }

    fn prefixes(&self, args: &[&str]) -> Result<Vec<String>> {
        let mut prefixes: Vec<_> = self
            .json(args)?
            .iter()
            .map(|route| Ok(route["prefix"].as_str().context("a prefix")?.to_owned()))
            .collect::<Result<_>>()?;
        prefixes.sort();
        Ok(prefixes)
    }

    fn log(&self) -> String {
        self.process.output()
    }

    fn eventually<T>(&self, what: &str, look: impl FnMut() -> Result<T>) -> T {
        match wait::eventually(what, look) {
            Ok(seen) => seen,
            Err(e) => panic!("{}: {e:#}\n{}", self.name, self.log()),
        }
    }

    fn is(&self, what: &str, args: &[&str], wanted: &[&str]) {
        self.eventually(what, || {
            let prefixes = self.prefixes(args)?;
            if prefixes == wanted { Ok(()) } else { bail!("found {prefixes:?}") }
        });
    }
}

struct Side {
    name: &'static str,
    asn: u32,
    address: &'static str,
    prefixes: &'static str,
}

fn manifests(own: &Side, other: &Side) -> String {
    let (name, asn, address) = (own.name, own.asn, own.address);
    format!(
        r#"
apiVersion: bgp.miloapis.com/v1alpha1
kind: BGPRouter
metadata: {{name: {name}, namespace: default}}
spec:
  targetRef: {{kind: Node, name: {name}}}
  roles: [transit]
  localASN: {asn}
  routerID: {address}
  listenAddresses: [{address}]
  addressFamilies: [{{afi: ipv4, safi: unicast}}]
  timers: {{connectRetry: 1s}}
---
apiVersion: bgp.miloapis.com/v1alpha1
kind: BGPPeer
metadata: {{name: {}, namespace: default}}
spec:
  routerRef: {{name: {name}}}
  description: the other one
  peerASN: {}
  address: {}
  updateSource: {address}
  addressFamilies: [{{afi: ipv4, safi: unicast}}]
---
apiVersion: bgp.miloapis.com/v1alpha1
kind: BGPAdvertisement
metadata: {{name: own, namespace: default}}
spec:
  routerRef: {{name: {name}}}
  addressFamily: {{afi: ipv4, safi: unicast}}
  prefixes: [{}]
  communities: ["65001:7"]
"#,
        other.name, other.asn, other.address, own.prefixes
    )
}

#[test]
fn manifests_become_sessions_and_routes_and_answers() {
    in_namespaces(|| story().expect("each step"));
}

fn story() -> Result<()> {
    let root = tempfile::tempdir()?;
    let ns = NetNs::new("two")?;
    for address in ["10.9.0.1/32", "10.9.0.2/32"] {
        ns.add_address("lo", address.parse()?)?;
    }
    let left = Side {
        name: "left",
        asn: 65001,
        address: "10.9.0.1",

        prefixes: "198.51.100.0/24, 203.0.113.0/24",
    };
    let right = Side { name: "right", asn: 65002, address: "10.9.0.2", prefixes: "192.0.2.0/24" };
    let mut a = Daemon::start(&ns, root.path(), "left", &manifests(&left, &right))?;
    let b = Daemon::start(&ns, root.path(), "right", &manifests(&right, &left))?;

    let peers = a.eventually("the session", || {
        let peers = a.json(&["show", "peers"])?;
        let up = peers.iter().any(|p| p["state"] == "Established");
        if up { Ok(peers) } else { bail!("{peers:?}") }
    });
    assert_eq!(peers.len(), 1);
    assert_eq!(
        (peers[0]["name"].as_str(), &peers[0]["remoteAs"]),
        (Some("default/right"), &65002.into())
    );

    // Routes cross, and every view of them agrees.
    b.is(
        "both prefixes of left",
        &["show", "received", "left"],
        &["198.51.100.0/24", "203.0.113.0/24"],
    );
    a.is("what was sent", &["show", "advertised", "right"], &["198.51.100.0/24", "203.0.113.0/24"]);
    b.is("one prefix", &["show", "routes", "203.0.113.0/24"], &["203.0.113.0/24"]);
    let all = ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"];
    b.is("the whole table", &["show", "routes"], &all);
    a.is("the whole table", &["show", "routes"], &all);
    let routes = b.json(&["show", "routes", "203.0.113.0/24"])?;
    let route = &routes[0];
    assert_eq!((route["asPath"].as_str(), route["best"].as_bool()), (Some("65001"), Some(true)));
    assert_eq!(route["communities"][0], "65001:7");
    assert_eq!(route["nextHop"], "10.9.0.1");
    let table = b.ask(&["show", "routes"])?;
    assert!(table.lines().any(|l| l.starts_with("*>") && l.contains("203.0.113.0/24")), "{table}");
    let why = b.ask(&["explain", "route", "203.0.113.0/24"])?;
    assert!(why.contains("203.0.113.0/24 in router") && why.contains("from default/left"), "{why}");
    assert!(b.ask(&["explain", "route", "8.8.8.0/24"]).is_err(), "no path is exit code 1");
    assert!(b.ask(&["show", "received", "nobody"]).is_err(), "no such neighbour");
    let objects = a.json(&["show", "objects"])?;
    assert!(objects.iter().any(|o| o["kind"] == "BGPPeer" && o["name"] == "right"), "{objects:?}");

    // An edit applies while the session stays, a description resets nothing.
    let established = |peers: &[Value]| peers[0]["establishedCount"].clone();
    let edited = manifests(&left, &right)
        .replace("198.51.100.0/24, ", "100.64.0.0/10, ")
        .replace("the other one", "renamed");
    fs::write(a.folder.join("manifests/router.yaml"), &edited)?;
    b.is(
        "the edited prefixes",
        &["show", "received", "left"],
        &["100.64.0.0/10", "203.0.113.0/24"],
    );
    a.eventually("the new description", || {
        let peers = a.json(&["show", "peers"])?;
        ensure!(peers[0]["description"] == "renamed", "{peers:?}");
        Ok(())
    });
    assert_eq!(established(&a.json(&["show", "peers"])?), 1, "{}", a.log());

    // A policy acts on what is there already, and explains itself; first on import, then on export.
    let policy = |direction: &str| {
        format!(
            "apiVersion: bgp.miloapis.com/v1alpha1\nkind: BGPPolicy\n\
             metadata: {{name: path, namespace: default}}\n\
             spec: {{routerSelector: {{}}, direction: {direction}, terms: [\
             {{sequence: 10, action: deny, match: {{prefixList: [203.0.113.0/24], \
             asPathFilter: {{pattern: '^(65001)?$'}}}}}}, \
             {{sequence: 20, action: permit, match: {{any: true}}, set: {{metric: 7}}}}]}}\n"
        )
    };
    let explained = |daemon: &Daemon, line: &str| {
        daemon.eventually("the term that decided", || {
            let why = daemon.ask(&["explain", "route", "203.0.113.0/24"])?;
            ensure!(why.lines().any(|l| l.trim().ends_with(line)), "{why}");
            Ok(())
        });
    };
    let all = ["100.64.0.0/10", "192.0.2.0/24", "203.0.113.0/24"];
    b.is("everything", &["show", "routes"], &all);
    fs::write(b.folder.join("manifests/policy.yaml"), policy("import"))?;
    explained(&b, "import policy: default/right import/default/path:10 denies");
    fs::remove_file(b.folder.join("manifests/policy.yaml"))?;
    b.eventually("no policy", || {
        let why = b.ask(&["explain", "route", "203.0.113.0/24"])?;
        ensure!(why.contains("best") && !why.contains("import policy"), "{why}");
        Ok(())
    });
    fs::write(a.folder.join("manifests/policy.yaml"), policy("export"))?;
    b.is("what is sent", &["show", "received", "left"], &["100.64.0.0/10"]);
    explained(&a, "export policy: default/left export/default/path:10 denies");
    fs::remove_file(a.folder.join("manifests/policy.yaml"))?;
    b.is("all of it", &["show", "received", "left"], &["100.64.0.0/10", "203.0.113.0/24"]);
    assert_eq!(established(&a.json(&["show", "peers"])?), 1, "{}", a.log());

    // A bad object is named with file and field, and hurts nobody.
    let bad = edited
        + "---\napiVersion: bgp.miloapis.com/v1alpha1\nkind: BGPPeer\n\
        metadata: {name: broken, namespace: default}\n\
        spec: {routerRef: {name: left}, peerASN: many, address: 192.0.2.9, \
        addressFamilies: [{afi: ipv4, safi: unicast}]}\n";
    fs::write(a.folder.join("manifests/router.yaml"), bad)?;
    a.eventually("the error", || {
        let log = a.log();
        let named = log.lines().any(|l| l.contains("router.yaml") && l.contains("peerASN"));
        ensure!(named, "not named");
        Ok(())
    });
    b.is("routes stay", &["show", "received", "left"], &["100.64.0.0/10", "203.0.113.0/24"]);
    assert_eq!(established(&a.json(&["show", "peers"])?), 1);

    // SIGTERM is a Cease, seen as such, and exit code 0.
    let status = a.process.terminate()?;
    assert_eq!(status.code(), Some(0), "{}", a.log());
    assert!(!a.folder.join("c.sock").exists(), "the control socket goes too");
    b.eventually("the Cease", || {
        let peers = b.json(&["show", "peers"])?;
        let heard = peers[0]["lastReceived"]["text"].as_str().unwrap_or_default();
        ensure!(heard.contains("Cease"), "{peers:?}");
        Ok(())
    });
    b.is("routes withdrawn", &["show", "routes"], &["192.0.2.0/24"]);
    Ok(())
}
