//! The daemon under test, and neighbours for it.
//!
//! One `cosmos run` with several routers of AS 65001 in one namespace; the scripted peers live in
//! another. Each test takes a neighbour of its own, whose manifest is written when it is asked for:
//! the daemon picks it up at run time.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use socket2::{Domain, Socket, Type};
use testkit::cosmos::{Cosmos, Fib};
use testkit::daemon::{Config, Speaker as _};
use testkit::frame::{KEEPALIVE, OPEN};
use testkit::netns::{End, NetNs};
use testkit::script::Session;
use testkit::wait;

use crate::wire::{self, Open};

/// The AS of all routers.
pub(crate) const AS: u32 = 65001;
/// The AS of a neighbour, if the test does not mind.
pub(crate) const PEER_AS: u32 = 65100;
/// Where the daemon listens.
pub(crate) const OURS: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 1);
/// What each router originates, encoded: 192.0.2.0/24.
pub(crate) const ORIGINATED: [u8; 4] = [24, 192, 0, 2];
/// The first of the neighbours' addresses.
const NEIGHBORS: Ipv4Addr = Ipv4Addr::new(10, 99, 128, 0);

/// Which router a neighbour belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Router {
    /// Announces what it originates, and nothing else.
    Fabric,
    /// Passes routes on.
    Transit,
    /// A route reflector.
    Reflector,
    /// Wants a policy for external neighbours (RFC 8212).
    Careful,
    /// With graceful restart, long-lived too.
    Graceful,
}

impl Router {
    const ALL: [Self; 5] =
        [Self::Fabric, Self::Transit, Self::Reflector, Self::Careful, Self::Graceful];

    fn name(self) -> &'static str {
        match self {
            Self::Fabric => "dut",
            Self::Transit => "transit",
            Self::Reflector => "reflector",
            Self::Careful => "careful",
            Self::Graceful => "graceful",
        }
    }

    /// Its BGP Identifier.
    pub(crate) fn id(self) -> Ipv4Addr {
        let n = Self::ALL.iter().position(|other| *other == self).unwrap_or_default();
        Ipv4Addr::new(10, 99, 0, 1 + u8::try_from(n).expect("a handful"))
    }

    fn fields(self) -> &'static str {
        match self {
            Self::Fabric => "  roles: [fabric]\n",
            Self::Transit => "  roles: [transit]\n",
            Self::Reflector => "  roles: [transit]\n  clusterID: 10.99.0.3\n",
            Self::Careful => "  roles: [transit]\n  requirePolicy: true\n",
            Self::Graceful => {
                "  roles: [transit]\n  gracefulRestart: {enabled: true, restartTime: 120, \
                 stalePathTime: 360}\n  longLivedGracefulRestart: {staleTime: 3600}\n"
            }
        }
    }

    /// The router's object, and what it originates.
    fn documents(self) -> String {
        let (name, id, fields) = (self.name(), self.id(), self.fields());
        format!(
            "{HEADER}kind: BGPRouter\nmetadata: {{name: {name}, namespace: default}}\nspec:\n  \
             targetRef: {{kind: Node, name: dut}}\n  localASN: {AS}\n  routerID: {id}\n  \
             addressFamilies: [{{afi: ipv4, safi: unicast}}, {{afi: ipv6, safi: unicast}}]\n  \
             timers: {{connectRetry: 1s, idleHold: 1s}}\n  installRoutes: false\n{fields}---\n\
             {HEADER}kind: BGPAdvertisement\nmetadata: {{name: {name}, namespace: default}}\nspec:\n  \
             routerRef: {{name: {name}}}\n  addressFamily: {{afi: ipv4, safi: unicast}}\n  \
             prefixes: [\"192.0.2.0/24\"]\n"
        )
    }
}

const HEADER: &str = "apiVersion: bgp.miloapis.com/v1alpha1\n";

/// The daemon and the place for its neighbours.
pub(crate) struct Lab {
    cosmos: Cosmos,
    others: NetNs,
    neighbors: AtomicU32,
}

impl Lab {
    pub(crate) fn start() -> Result<Self> {
        let ours = Arc::new(NetNs::new("ours")?);
        let others = NetNs::new("others")?;
        ours.link(
            &End::new("eth0", &["10.99.0.1/16"]),
            &others,
            &End::new("eth0", &["10.99.0.100/16"]),
        )?;
        // All of these are the scripted peers', without an address each.
        others.ip("route add local 10.99.128.0/17 dev lo")?;
        let config = Config::new(AS, Router::Fabric.id());
        let mut cosmos = Cosmos::new(env!("CARGO_BIN_EXE_cosmos"), &ours, config, Fib::None)?;
        cosmos.set_router_field("roles", "[fabric]");
        let advertisement = Router::Fabric.documents();
        let advertisement = advertisement.split("---\n").nth(1).context("two documents")?;
        let mut documents = vec![advertisement.to_owned()];
        documents.extend(Router::ALL[1..].iter().map(|router| router.documents()));
        cosmos.reconfigure(|config| config.extra = documents)?;
        cosmos.start()?;
        Ok(Self { cosmos, others, neighbors: AtomicU32::new(0) })
    }

    /// Ends the daemon, which must have had no panic.
    pub(crate) fn stop(mut self) -> Result<()> {
        let log = self.cosmos.log();
        ensure!(!log.contains("panicked at"), "{log}");
        self.cosmos.stop()
    }

    /// A neighbour of the fabric router, in another AS, that is waited for.
    pub(crate) fn peer(&self) -> Result<Peer<'_>> {
        self.peer_of(Router::Fabric, PEER_AS, &["passive: true"])
    }

    /// A neighbour in the routers' AS.
    pub(crate) fn internal(&self, router: Router) -> Result<Peer<'_>> {
        self.peer_of(router, AS, &["passive: true"])
    }

    /// A neighbour with these lines in its spec.
    pub(crate) fn peer_of(&self, router: Router, asn: u32, lines: &[&str]) -> Result<Peer<'_>> {
        let peer = self.stranger(router, asn);
        peer.configure(lines)?;
        Ok(peer)
    }

    /// A neighbour nobody has configured (yet).
    pub(crate) fn stranger(&self, router: Router, asn: u32) -> Peer<'_> {
        let number = self.neighbors.fetch_add(1, Ordering::Relaxed) + 1;
        let address = Ipv4Addr::from(u32::from(NEIGHBORS) + number);
        Peer { lab: self, router, number, address, asn }
    }

    /// `cosmos show WHAT -o json`.
    pub(crate) fn show(&self, what: &str) -> Result<Vec<Value>> {
        self.cosmos.show(what)
    }
}

/// The states in which a message can arrive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    OpenSent,
    OpenConfirm,
    Established,
}

impl State {
    pub(crate) const ALL: [Self; 3] = [Self::OpenSent, Self::OpenConfirm, Self::Established];
}

/// A scripted neighbour.
pub(crate) struct Peer<'a> {
    pub(crate) lab: &'a Lab,
    router: Router,
    number: u32,
    pub(crate) address: Ipv4Addr,
    pub(crate) asn: u32,
}

impl Peer<'_> {
    /// Writes, or changes, its manifest.
    pub(crate) fn configure(&self, lines: &[&str]) -> Result<()> {
        let Self { number, address, asn, .. } = self;
        let mut text = format!(
            "{HEADER}kind: BGPPeer\nmetadata: {{name: p{number}, namespace: default}}\nspec:\n  \
             routerRef: {{name: {}}}\n  address: \"{address}\"\n  updateSource: \"{OURS}\"\n  \
             peerASN: {asn}\n  addressFamilies: [{{afi: ipv4, safi: unicast}}, {{afi: ipv6, safi: \
             unicast}}]\n",
            self.router.name()
        );
        for line in lines {
            text += &format!("  {line}\n");
        }
        let manifest = self.manifest();
        // In one step, so that a half-written file is never read.
        let draft = manifest.with_extension("draft");
        std::fs::write(&draft, text)?;
        std::fs::rename(draft, manifest).context("write a manifest")
    }

    /// Removes its manifest.
    pub(crate) fn deconfigure(&self) -> Result<()> {
        std::fs::remove_file(self.manifest()).context("remove a manifest")
    }

    fn manifest(&self) -> PathBuf {
        self.lab.cosmos.manifests().join(format!("p{}.yaml", self.number))
    }

    /// A prefix no other test uses, encoded: 20.x.y.0/24.
    pub(crate) fn prefix(&self) -> Vec<u8> {
        let [_, _, high, low] = self.number.to_be_bytes();
        vec![24, 20, high, low]
    }

    /// What it says of itself; the identifier is its address.
    pub(crate) fn open(&self) -> Open {
        Open::new(self.asn, self.address)
    }

    /// A connection that the daemon has taken: its OPEN is there or on its way.
    pub(crate) fn connect(&self) -> Result<Session> {
        wait::eventually("a connection that is taken", || {
            let session = self.dial()?;
            ensure!(session.is_greeted()?, "closed at once");
            Ok(session)
        })
    }

    /// A connection, whatever the daemon does with it.
    pub(crate) fn dial(&self) -> Result<Session> {
        let daemon = SocketAddr::new(OURS.into(), 179);
        Session::connect(&self.lab.others, self.address.into(), daemon)
    }

    /// A connection that is greeted, whose segments begin with this TTL.
    pub(crate) fn dial_with_ttl(&self, ttl: u32) -> Result<Session> {
        self.lab.others.run(|| {
            wait::eventually("a connection with another TTL", || {
                let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
                socket.set_ttl_v4(ttl)?;
                socket.bind(&SocketAddr::new(self.address.into(), 0).into())?;
                let daemon = SocketAddr::new(OURS.into(), 179);
                socket.connect_timeout(&daemon.into(), Duration::from_secs(2))?;
                let session = Session::new(socket.into())?;
                ensure!(session.is_greeted()?, "closed at once");
                Ok(session)
            })
        })
    }

    /// Runs a command of the daemon's client; `NAME` in it is the neighbour's.
    pub(crate) fn command(&self, text: &str) -> Result<String> {
        self.lab.cosmos.command(&text.replace("NAME", &format!("p{}", self.number)))
    }

    /// A listening socket at its address, for the daemon to connect to.
    pub(crate) fn listen(&self) -> Result<TcpListener> {
        self.lab.others.run(|| TcpListener::bind((self.address, 179)).context("listen"))
    }

    /// A session that has got as far as `state`.
    pub(crate) fn in_state(&self, state: State) -> Result<Session> {
        match state {
            State::OpenSent => self.open_sent(),
            State::OpenConfirm => self.open_confirm(),
            State::Established => self.up(),
        }
    }

    /// In OpenSent: the daemon's OPEN is read, ours not sent.
    pub(crate) fn open_sent(&self) -> Result<Session> {
        let mut session = self.connect()?;
        session.expect(OPEN)?;
        Ok(session)
    }

    /// In OpenConfirm: the OPENs are exchanged, the daemon's KEEPALIVE is read, ours not sent.
    pub(crate) fn open_confirm(&self) -> Result<Session> {
        self.open_confirm_as(&self.open())
    }

    pub(crate) fn open_confirm_as(&self, open: &Open) -> Result<Session> {
        let mut session = self.open_sent()?;
        session.send(&open.octets())?;
        session.expect(KEEPALIVE)?;
        Ok(session)
    }

    /// Established, and the initial routes are read up to End-of-RIB.
    pub(crate) fn up(&self) -> Result<Session> {
        self.up_as(&self.open())
    }

    pub(crate) fn up_as(&self, open: &Open) -> Result<Session> {
        let mut session = self.open_confirm_as(open)?;
        session.send(&wire::keepalive())?;
        // Each family has its End-of-RIB.
        let mut families = open.families();
        while !families.is_empty() {
            let message = session.receive()?;
            ensure!(message.kind != 3, "NOTIFICATION {:02x?}", message.body);
            families.retain(|afi| !wire::is_end_of_rib(&message, *afi));
        }
        Ok(session)
    }

    /// What `cosmos show peers` says of it.
    pub(crate) fn shown(&self) -> Result<Value> {
        let address = self.address.to_string();
        let peers = self.lab.show("peers")?;
        let mine = peers.into_iter().find(|peer| peer["address"].as_str() == Some(&address));
        mine.with_context(|| format!("{address} is not shown"))
    }

    /// The mandatory attributes of a route of its own.
    pub(crate) fn mandatory(&self) -> Vec<u8> {
        wire::mandatory(self.asn, self.address)
    }
}

/// The session is up and answers: it sends again what it originates.
pub(crate) fn is_alive(session: &mut Session) -> Result<()> {
    session.send(&wire::refresh(1, 0, 1))?;
    wire::announced(session, &ORIGINATED).map(drop).context("the session is not alive")
}

/// The NOTIFICATION with exactly these octets, then the end of the connection, our side being open.
pub(crate) fn refused(session: &mut Session, code: u8, subcode: u8, data: &[u8]) -> Result<()> {
    let (c, s, d) = session.notification()?;
    ensure!(
        (c, s, &d[..]) == (code, subcode, data),
        "NOTIFICATION {c}/{s} {d:02x?} instead of {code}/{subcode} {data:02x?}"
    );
    session.expect_end()
}

/// The end of the connection without a NOTIFICATION; UPDATEs under way may come before.
pub(crate) fn closed_without_a_word(session: &mut Session) -> Result<()> {
    while session.is_greeted()? {
        let message = session.receive()?;
        ensure!(message.kind != 3, "NOTIFICATION {:02x?}", message.body);
    }
    Ok(())
}
