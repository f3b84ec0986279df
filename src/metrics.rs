//! The figures of `/metrics`, in the OpenMetrics text format.
//!
//! Made from the same views as `cosmos show`, afresh with each scrape: nothing is counted twice and
//! a neighbour that is gone leaves no series behind. Names and labels are an interface; a test
//! holds them.

use prometheus_client::encoding::{EncodeLabelSet, text::encode};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use speaker::view::{FibTotalsView, MessageCounts, PeerView, RouterView};

/// What a scrape looks at.
#[derive(Debug, Default)]
pub(crate) struct Scrape {
    pub(crate) peers: Vec<PeerView>,
    pub(crate) routers: Vec<RouterView>,
    /// `None` without a FIB.
    pub(crate) fib: Option<FibTotalsView>,
    pub(crate) objects: ObjectTotals,
}

/// Objects of the manifests by what became of them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ObjectTotals {
    pub(crate) accepted: u64,
    pub(crate) refused: u64,
}

const STATES: [&str; 6] = ["Idle", "Connect", "Active", "OpenSent", "OpenConfirm", "Established"];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouterState {
    router: String,
    state: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Peer {
    router: String,
    peer: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PeerMessage {
    router: String,
    peer: String,
    direction: &'static str,
    r#type: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PeerFamily {
    router: String,
    peer: String,
    family: String,
    stage: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PeerEvent {
    router: String,
    peer: String,
    event: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PeerFamilyEvent {
    router: String,
    peer: String,
    family: String,
    event: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Table {
    router: String,
    family: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Router {
    router: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

impl Scrape {
    /// The whole answer to a scrape.
    pub(crate) fn text(&self) -> String {
        let mut registry = Registry::with_prefix("cosmos");
        registry.register(
            "build",
            "The running version",
            Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]),
        );
        self.register_peers(&mut registry);
        self.register_events(&mut registry);
        self.register_tables(&mut registry);
        if let Some(fib) = &self.fib {
            register_fib(&mut registry, fib);
        }
        let objects = self.objects;
        registry.register(
            "objects",
            "Objects read from the manifests, by outcome",
            outcomes([("accepted", objects.accepted), ("refused", objects.refused)]),
        );
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = encode(&mut text, &registry);
        text
    }

    fn register_peers(&self, registry: &mut Registry) {
        let states = Family::<RouterState, Gauge>::default();
        let up = Family::<Peer, Gauge>::default();
        let since = Family::<Peer, Gauge>::default();
        let established = Family::<Peer, Counter>::default();
        let messages = Family::<PeerMessage, Counter>::default();
        let routes = Family::<PeerFamily, Gauge>::default();
        for router in &self.routers {
            // Also those with no neighbour in a state: an alert needs the zero.
            for state in STATES {
                let key = RouterState { router: router.name.clone(), state: state.to_owned() };
                states.get_or_create(&key).set(0);
            }
        }
        for peer in &self.peers {
            let state = RouterState { router: peer.router.clone(), state: peer.state.clone() };
            states.get_or_create(&state).inc();
            let key = Peer { router: peer.router.clone(), peer: peer.name.clone() };
            up.get_or_create(&key).set(i64::from(peer.state == "Established"));
            since.get_or_create(&key).set(signed(peer.since_secs));
            established.get_or_create(&key).inc_by(peer.established_count);
            for (direction, counts) in [("received", &peer.received), ("sent", &peer.sent)] {
                for (r#type, count) in by_type(counts) {
                    let (router, peer) = (peer.router.clone(), peer.name.clone());
                    let key = PeerMessage { router, peer, direction, r#type };
                    messages.get_or_create(&key).inc_by(count);
                }
            }
            for f in &peer.families {
                for (stage, count) in [
                    ("received", f.received),
                    ("accepted", f.accepted),
                    ("best", f.best),
                    ("advertised", f.advertised),
                ] {
                    let (router, peer) = (peer.router.clone(), peer.name.clone());
                    let key = PeerFamily { router, peer, family: f.family.clone(), stage };
                    routes.get_or_create(&key).set(signed(count));
                }
            }
        }
        registry.register("peers", "Neighbours by session state", states);
        registry.register("peer_up", "1 while the session is Established", up);
        registry.register_with_unit(
            "peer_state_age",
            "Time in the present state",
            Unit::Seconds,
            since,
        );
        registry.register("peer_established", "Times the session was Established", established);
        registry.register("peer_messages", "BGP messages", messages);
        registry.register("peer_routes", "Routes of a session by stage", routes);
    }

    /// What happened to the sessions, counted since the neighbour was configured.
    fn register_events(&self, registry: &mut Registry) {
        let dropped = Family::<Peer, Counter>::default();
        let queued = Family::<Peer, Gauge>::default();
        let octets = Family::<PeerEvent, Counter>::default();
        let connections = Family::<PeerEvent, Counter>::default();
        let malformed = Family::<PeerEvent, Counter>::default();
        let prefixes = Family::<PeerFamilyEvent, Counter>::default();
        let refreshes = Family::<PeerFamilyEvent, Counter>::default();
        for p in &self.peers {
            let key = Peer { router: p.router.clone(), peer: p.name.clone() };
            dropped.get_or_create(&key).inc_by(p.dropped_count);
            queued.get_or_create(&key).set(signed(p.queued_octets));
            let a = &p.attempts;
            for (family, events) in [
                (&octets, &[("received", p.received.octets), ("sent", p.sent.octets)][..]),
                (
                    &connections,
                    &[
                        ("dialed", a.dialed),
                        ("failed", a.failed),
                        ("accepted", a.accepted),
                        ("refused", a.refused),
                    ],
                ),
                (
                    &malformed,
                    &[
                        ("treat-as-withdraw", p.treated_as_withdraw),
                        ("attribute-discard", p.attributes_discarded),
                        ("unusable-route", p.unusable_routes),
                    ],
                ),
            ] {
                for &(event, count) in events {
                    let (router, peer) = (p.router.clone(), p.name.clone());
                    family.get_or_create(&PeerEvent { router, peer, event }).inc_by(count);
                }
            }
            for f in &p.families {
                let t = &f.told;
                for (family, events) in [
                    (
                        &prefixes,
                        &[
                            ("announced", t.announced),
                            ("withdrawn", t.withdrawn),
                            ("denied", t.denied_by_policy),
                            ("looped", t.looped),
                            ("bad-next-hop", t.bad_next_hop),
                            ("over-limit", t.over_limit),
                        ][..],
                    ),
                    (&refreshes, &[("received", t.refresh_requests), ("sent", t.refreshes_asked)]),
                ] {
                    for &(event, count) in events {
                        let (router, peer) = (p.router.clone(), p.name.clone());
                        let key = PeerFamilyEvent { router, peer, family: f.family.clone(), event };
                        family.get_or_create(&key).inc_by(count);
                    }
                }
            }
        }
        registry.register("peer_dropped", "Times an Established session ended", dropped);
        registry.register("peer_queued_octets", "Octets that wait to be written", queued);
        registry.register("peer_octets", "Octets of BGP messages", octets);
        registry.register("peer_connections", "TCP connections tried", connections);
        registry.register("peer_malformed", "Malformed parts of UPDATEs, by remedy", malformed);
        registry.register("peer_prefixes", "Prefixes a neighbour told us, by fate", prefixes);
        registry.register("peer_refreshes", "ROUTE-REFRESH requests", refreshes);
    }

    fn register_tables(&self, registry: &mut Registry) {
        let prefixes = Family::<Table, Gauge>::default();
        let paths = Family::<Table, Gauge>::default();
        let attribute_sets = Family::<Router, Gauge>::default();
        for router in &self.routers {
            let key = Router { router: router.name.clone() };
            attribute_sets.get_or_create(&key).set(signed(router.attribute_sets as u64));
            for table in &router.tables {
                let key = Table { router: router.name.clone(), family: table.family.clone() };
                prefixes.get_or_create(&key).set(signed(table.prefixes as u64));
                paths.get_or_create(&key).set(signed(table.paths as u64));
            }
        }
        registry.register("table_prefixes", "Prefixes with at least one path", prefixes);
        registry.register("table_paths", "Paths of all neighbours", paths);
        registry.register("attribute_sets", "Distinct attribute sets held", attribute_sets);
    }
}

fn register_fib(registry: &mut Registry, fib: &FibTotalsView) {
    let count = |total: u64| {
        let counter = Counter::<u64>::default();
        counter.inc_by(total);
        counter
    };
    registry.register(
        "fib_routes",
        "Routes meant for the kernel, by outcome",
        outcomes([("installed", fib.installed), ("pending", fib.pending)]),
    );
    registry.register("fib_writes", "Kernel routes written and removed", count(fib.writes));
    registry.register("fib_failures", "Writes the kernel refused", count(fib.failures));
    registry.register(
        "fib_repaired",
        "Kernel routes found missing or altered",
        count(fib.repaired),
    );
    registry.register("fib_swept", "Routes of an earlier run removed", count(fib.swept));
}

fn outcomes<const N: usize>(totals: [(&'static str, u64); N]) -> Family<Outcome, Gauge> {
    let family = Family::<Outcome, Gauge>::default();
    for (outcome, total) in totals {
        family.get_or_create(&Outcome { outcome }).set(signed(total));
    }
    family
}

fn by_type(counts: &MessageCounts) -> [(&'static str, u64); 5] {
    [
        ("open", counts.open),
        ("update", counts.update),
        ("notification", counts.notification),
        ("keepalive", counts.keepalive),
        ("route-refresh", counts.route_refresh),
    ]
}

fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use speaker::view::{PeerFamilyView, TableView};

    use super::*;

    #[test]
    fn names_and_labels_are_an_interface() {
        let scrape = Scrape {
            peers: vec![crate::cli::example_peer(
                "leaf1",
                "Established",
                vec![PeerFamilyView {
                    family: "ipv4/unicast".into(),
                    received: 3,
                    ..PeerFamilyView::default()
                }],
            )],
            routers: vec![RouterView {
                name: "fabric".into(),
                tables: vec![TableView { family: "ipv4/unicast".into(), prefixes: 3, paths: 6 }],
                attribute_sets: 2,
                ..RouterView::default()
            }],
            fib: Some(FibTotalsView {
                installed: 3,
                pending: 1,
                writes: 9,
                ..FibTotalsView::default()
            }),
            objects: ObjectTotals { accepted: 5, refused: 2 },
        };
        // Series of one family come in no fixed order.
        let mut lines: Vec<_> = scrape.text().lines().map(str::to_owned).collect();
        lines.sort();
        insta::assert_snapshot!(lines.join("\n").replace(env!("CARGO_PKG_VERSION"), "VERSION"));
    }
}
