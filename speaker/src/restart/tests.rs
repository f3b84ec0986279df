//! Restarts in virtual time: tables, sessions that are only said to be up, a clock that is a number.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bgp_fsm::session::{Established, Outbox};
use bgp_fsm::{DownReason, PeerConfig, RemoteAs, StopReason, negotiate};
use bgp_wire::attr::AttrBuilder;
use bgp_wire::{
    Asn, Capability, Community, Family, FamilySet, GracefulFamily, LongLivedFamily, Notification,
    Prefix, V4Prefix, V6Prefix,
};
use rib::policy::Chain;
use rib::{NextHopId, PathFlags, PeerIx, RowId};

use super::helper::Kept;
use super::own::OwnRestart;
use super::record::Found;
use crate::config::{Listen, NeighborConfig, RouterConfig};
use crate::core::Core;
use crate::options::{AddPath, Auth, GracefulRestart, NextHopMode, Remote};

const V4: Family = Family::IPV4_UNICAST;
const V6: Family = Family::IPV6_UNICAST;

struct Bench {
    core: Core,
    now: Instant,
    name: Arc<str>,
    ix: Option<PeerIx>,
}

/// What the neighbour offers.
#[derive(Clone)]
struct Offer {
    restarting: bool,
    notification: bool,
    families: Vec<(Family, bool)>,
    long_lived: Vec<(Family, bool, u32)>,
}

impl Default for Offer {
    fn default() -> Self {
        Self {
            restarting: false,
            notification: false,
            families: vec![(V4, true), (V6, true)],
            long_lived: Vec::new(),
        }
    }
}

impl Offer {
    fn capabilities(&self) -> Vec<Capability> {
        let families = self.families.iter();
        let families =
            families.map(|&(family, forwarding)| GracefulFamily { family, forwarding }).collect();
        let mut all = vec![Capability::GracefulRestart {
            restarting: self.restarting,
            notification: self.notification,
            restart_time: 100,
            families,
        }];
        let long = self.long_lived.iter().map(|&(family, forwarding, stale_time)| {
            LongLivedFamily { family, forwarding, stale_time }
        });
        let long: Vec<_> = long.collect();
        if !long.is_empty() {
            all.push(Capability::LongLivedGracefulRestart(long));
        }
        all
    }
}

impl Bench {
    fn new(found: Found) -> Self {
        let now = crate::clock();
        let neighbor = Arc::new(neighbor());
        let mut core = Core::new(&router(), None, OwnRestart::new(found, now));
        let name: Arc<str> = "n".into();
        core.set_neighbor(&name, neighbor, now);
        Self { core, now, name, ix: None }
    }

    fn up(&mut self, capabilities: Vec<Capability>) {
        let router_id = Ipv4Addr::new(192, 0, 2, 2);
        let mut ours = PeerConfig::new(Asn(65001), RemoteAs::External, Ipv4Addr::new(192, 0, 2, 1));
        ours.graceful_restart =
            Some(bgp_fsm::GracefulRestart { restart_time: 120, long_lived: Some(1000) });
        let mut theirs = PeerConfig::new(Asn(65002), RemoteAs::External, router_id);
        theirs.other_capabilities = capabilities;
        let (local, peer) = (negotiate::local_open(&ours), negotiate::local_open(&theirs));
        let at = |last, port| SocketAddr::new(Ipv4Addr::new(192, 0, 2, last).into(), port);
        let established = Established {
            negotiated: Arc::new(negotiate::negotiate(&ours, &local, &peer)),
            local: at(1, 40000),
            remote: at(2, 179),
            ifindex: 0,
        };
        let outbox = Outbox::new(1 << 20, 1 << 18);
        self.ix = self.core.session_up(&self.name, &established, outbox, self.now);
        assert!(self.ix.is_some());
    }

    fn down(&mut self, reason: &DownReason) {
        let ix = self.ix.take().expect("a session");
        self.core.session_down(ix, reason, self.now);
        self.settle();
    }

    fn lost(&mut self) {
        self.down(&DownReason::Transport("reset".into()));
    }

    fn announce(&mut self, prefix: &str) {
        let mut attributes = Vec::new();
        AttrBuilder::new().set_origin(0).replace_as_path(&[Asn(65002)]).finish(&mut attributes);
        self.announce_with(prefix, &attributes);
    }

    fn announce_with(&mut self, prefix: &str, attributes: &[u8]) {
        let ix = self.ix.expect("a session");
        let rib = &mut self.core.rib;
        let attr = rib.attrs.intern(attributes);
        match prefix.parse().expect("a prefix") {
            Prefix::V4(p) => rib.announce(ix, 0, p, attr, NextHopId::LOCAL, PathFlags::NONE),
            Prefix::V6(p) => rib.announce(ix, 0, p, attr, NextHopId::LOCAL, PathFlags::NONE),
        };
        rib.attrs.release(attr);
    }

    fn end_of_rib(&mut self, family: Family) {
        let ix = self.ix.expect("a session");
        self.core.lives.get_mut(ix).expect("a life").end_of_rib.insert(family);
        self.core.end_of_kept(&self.name.clone(), family);
        self.settle();
    }

    fn pass(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
        self.core.expire_kept(self.now);
        self.settle();
    }

    fn settle(&mut self) {
        while self.core.rib.sweep(100) {}
    }

    /// The prefixes with a best path.
    fn routes(&self) -> Vec<String> {
        let rib = &self.core.rib;
        let four = rib.loc_rib::<V4Prefix>(RowId(0), 1000).paths;
        let six = rib.loc_rib::<V6Prefix>(RowId(0), 1000).paths;
        let four = four.into_iter().map(|(prefix, _)| prefix.to_string());
        let mut all: Vec<_> = four.chain(six.into_iter().map(|(p, _)| p.to_string())).collect();
        all.sort();
        all
    }

    fn stale(&self) -> u32 {
        let neighbor = &self.core.neighbors[&self.name];
        let ix = neighbor.life.or_else(|| neighbor.kept.as_ref().map(Kept::ix)).expect("a peer");
        let four = self.core.rib.counts::<V4Prefix>(ix).stale;
        four + self.core.rib.counts::<V6Prefix>(ix).stale
    }

    /// Up with routes of both families, told in full.
    fn established(offer: &Offer) -> Self {
        let mut bench = Self::new(Found::default());
        bench.up(offer.capabilities());
        for prefix in ["198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32"] {
            bench.announce(prefix);
        }
        bench.end_of_rib(V4);
        bench.end_of_rib(V6);
        bench
    }

    fn next(&self) -> Option<u64> {
        Some((self.core.next_expiry()? - self.now).as_secs())
    }
}

fn router() -> RouterConfig {
    RouterConfig {
        asn: Asn(65001),
        router_id: Ipv4Addr::new(192, 0, 2, 1),
        listen: Listen::default(),
        cluster_id: None,
        decision: Default::default(),
        export_scope: rib::export::ExportScope::AllBest,
        install_routes: false,
        install_default: false,
        originations: BTreeMap::new(),
        peers: BTreeMap::from([("n".to_owned(), neighbor())]),
    }
}

fn neighbor() -> NeighborConfig {
    NeighborConfig {
        description: String::new(),
        remote: Remote::Address(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2))),
        remote_as: RemoteAs::External,
        local_as: None,
        remote_port: 179,
        passive: false,
        local_address: None,
        local_interface: None,
        bind_device: None,
        families: vec![V4, V6],
        hold_time: 90,
        keepalive: None,
        connect_retry: Duration::from_secs(1),
        idle_hold: Duration::from_secs(1),
        extended_next_hop: false,
        extended_message: false,
        ttl: None,
        min_ttl: None,
        auth: Auth::None,
        add_path: AddPath::default(),
        role: None,
        graceful_restart: Some(GracefulRestart {
            restart_time: 120,
            stale_time: 300,
            long_lived: Some(1000),
        }),
        bfd: None,
        route_reflector_client: false,
        next_hop: NextHopMode::Standard,
        remove_private_as: None,
        allow_as_in: 0,
        maximum_prefix: None,
        import: Arc::new(Chain::permit_all()),
        export: Arc::new(Chain::permit_all()),
        shutdown: None,
    }
}

const ALL: [&str; 3] = ["198.51.100.0/24", "2001:db8::/32", "203.0.113.0/24"];

#[test]
fn rfc4724_4_2_routes_are_kept_and_swept_at_the_end_of_rib_of_each_family() {
    let mut bench = Bench::established(&Offer::default());
    let before = bench.ix;
    bench.lost();
    assert_eq!((bench.routes(), bench.stale()), (ALL.map(str::to_owned).to_vec(), 3));
    assert_eq!(bench.next(), Some(100), "the restart time of the neighbour");
    bench.pass(60);
    bench.up(Offer::default().capabilities());
    assert_eq!(bench.ix, before, "the same peer of the tables");
    assert_eq!(bench.next(), Some(300), "our bound for its telling");
    bench.announce("198.51.100.0/24");
    bench.end_of_rib(V4);
    assert_eq!(bench.routes(), ["198.51.100.0/24", "2001:db8::/32"], "only IPv4 is through");
    bench.end_of_rib(V6);
    assert_eq!(bench.routes(), ["198.51.100.0/24"]);
    assert_eq!((bench.stale(), bench.next()), (0, None));
}

#[test]
fn rfc4724_4_2_a_neighbour_that_stays_away_is_forgotten_after_its_restart_time() {
    let mut bench = Bench::established(&Offer::default());
    bench.lost();
    bench.pass(99);
    assert_eq!(bench.routes().len(), 3);
    bench.pass(1);
    assert_eq!(bench.routes(), [] as [&str; 0]);
    assert!(bench.core.neighbors[&bench.name].kept.is_none());
}

#[test]
fn rfc4724_4_2_a_neighbour_that_never_ends_telling_is_bounded() {
    let mut bench = Bench::established(&Offer::default());
    bench.lost();
    bench.up(Offer::default().capabilities());
    bench.announce("203.0.113.0/24");
    bench.pass(300);
    assert_eq!(bench.routes(), ["203.0.113.0/24"]);
}

#[test]
fn rfc4724_4_2_what_was_not_preserved_goes_at_once() {
    let back = |offer: Offer| {
        let mut bench = Bench::established(&Offer::default());
        bench.lost();
        bench.up(offer.capabilities());
        bench.settle();
        bench.routes()
    };
    let plain = Offer::default();
    assert_eq!(back(plain.clone()).len(), 3);
    // F = 0 for IPv4, the family missing, the capability empty.
    assert_eq!(
        back(Offer { families: vec![(V4, false), (V6, true)], ..plain.clone() }),
        ["2001:db8::/32"]
    );
    assert_eq!(back(Offer { families: vec![(V4, true)], ..plain.clone() }).len(), 2);
    assert_eq!(back(Offer { families: vec![], ..plain }), [] as [&str; 0]);
    let mut bench = Bench::established(&Offer::default());
    bench.lost();
    bench.up(vec![]);
    bench.settle();
    assert_eq!(bench.routes(), [] as [&str; 0], "no capability at all");
}

#[test]
fn rfc4724_4_2_a_second_loss_deletes_what_was_still_stale() {
    let mut bench = Bench::established(&Offer::default());
    bench.lost();
    bench.up(Offer::default().capabilities());
    bench.announce("203.0.113.0/24");
    bench.lost();
    assert_eq!(bench.routes(), ["203.0.113.0/24"]);
    bench.pass(100);
    assert_eq!(bench.routes(), [] as [&str; 0]);
}

#[test]
fn rfc8538_4_notifications_keep_routes_only_with_both_n_bits() {
    let hold = DownReason::Sent(Notification::hold_timer_expired());
    let hard = DownReason::Received(Notification::admin_shutdown("").hard_reset());
    let after = |notification, reason: &DownReason| {
        let mut bench = Bench::established(&Offer { notification, ..Offer::default() });
        bench.down(reason);
        bench.routes().len()
    };
    assert_eq!((after(false, &hold), after(true, &hold)), (0, 3));
    assert_eq!((after(false, &hard), after(true, &hard)), (0, 0));
    let shutdown = StopReason::AdministrativeShutdown(None);
    let stopped = DownReason::Stopped { sent: shutdown.cease(), reason: shutdown };
    assert_eq!(after(true, &stopped), 0);
}

#[test]
fn a_neighbour_that_is_not_to_be_kept_any_more_is_not() {
    let mut bench = Bench::established(&Offer::default());
    bench.lost();
    let mut config = neighbor();
    config.graceful_restart = None;
    bench.core.set_neighbor(&bench.name.clone(), Arc::new(config), bench.now);
    bench.settle();
    assert_eq!(bench.routes(), [] as [&str; 0]);
    let mut bench = Bench::established(&Offer::default());
    bench.lost();
    bench.core.remove_neighbor("n");
    bench.settle();
    assert_eq!(bench.routes(), [] as [&str; 0]);
}

#[test]
fn rfc9494_4_2_after_the_restart_time_routes_are_long_lived_but_for_no_llgr() {
    let offer = Offer { long_lived: vec![(V4, true, 500)], ..Offer::default() };
    let mut bench = Bench::established(&offer);
    let mut attributes = Vec::new();
    let mut builder = AttrBuilder::new();
    builder.set_origin(0).replace_as_path(&[Asn(65002)]).set_communities(&[Community::NO_LLGR]);
    builder.finish(&mut attributes);
    bench.announce_with("192.0.2.0/25", &attributes);
    bench.lost();
    assert_eq!(bench.routes().len(), 4);
    bench.pass(100);
    assert_eq!(bench.routes(), ["198.51.100.0/24", "203.0.113.0/24"], "IPv6 was not offered");
    let explained = bench.core.rib.explain("203.0.113.0/24".parse::<V4Prefix>().unwrap()).unwrap();
    let summary = bench.core.rib.attrs.summary(explained.candidates[0].path.attr);
    assert!(summary.flags.contains(bgp_wire::SummaryFlags::LLGR_STALE));
    assert_eq!(bench.next(), Some(500), "the smaller of the two times");
    // Back: its own timer runs on until the End-of-RIB.
    bench.pass(200);
    bench.up(offer.capabilities());
    assert_eq!((bench.routes().len(), bench.next()), (2, Some(300)));
    bench.announce("203.0.113.0/24");
    bench.pass(300);
    assert_eq!(bench.routes(), ["203.0.113.0/24"]);
}

#[test]
fn rfc9494_4_2_a_family_of_the_long_lived_capability_alone_has_no_restart_time() {
    let offer =
        Offer { families: vec![(V6, true)], long_lived: vec![(V4, true, 500)], ..Offer::default() };
    let mut bench = Bench::established(&offer);
    bench.lost();
    assert_eq!(bench.routes().len(), 3);
    assert_eq!(bench.next(), Some(100), "IPv6; IPv4 is in its second phase already");
    bench.pass(100);
    assert_eq!(bench.routes(), ["198.51.100.0/24", "203.0.113.0/24"]);
    assert_eq!(bench.next(), Some(400));
}

/// RFC 4724 section 4.1.
mod own_restart {
    use super::*;

    fn restarted() -> Bench {
        let preserved: FamilySet = [V4].into_iter().collect();
        let mut bench = Bench::new(Found { restarted: true, preserved });
        bench.core.set_install(true);
        bench.core.judge_own_restart(&router());
        bench
    }

    fn ends(bench: &mut Bench) -> bool {
        bench.core.end_deferral(bench.now)
    }

    #[test]
    fn the_open_says_what_is_true() {
        let mut bench = restarted();
        let state = bench.core.own.state();
        assert!(state.restarting && !state.lost.contains(V4) && state.lost.contains(V6));
        assert!(bench.core.forwarding_is_whole());
        assert!(!bench.core.forwarding_is_whole(), "nothing new");
        assert!(bench.core.own.state().lost.is_empty());
        let first = Bench::new(Found::default());
        assert!(!first.core.is_deferring() && !first.core.own.state().restarting);
    }

    #[test]
    fn route_selection_waits_for_every_end_of_rib() {
        let mut bench = restarted();
        bench.now += Duration::from_secs(1);
        assert!(!ends(&mut bench), "the configuration is not all there");
        bench.core.sources_are_synced();
        assert!(!ends(&mut bench), "no session yet");
        bench.up(Offer::default().capabilities());
        bench.end_of_rib(V4);
        assert!(!ends(&mut bench), "IPv6 is not through");
        bench.end_of_rib(V6);
        assert!(ends(&mut bench) && !bench.core.is_deferring());
        assert!(!bench.core.own.state().restarting);
        assert!(!ends(&mut bench), "once");
    }

    #[test]
    fn who_is_not_waited_for() {
        for capabilities in [vec![], Offer { restarting: true, ..Offer::default() }.capabilities()]
        {
            let mut bench = restarted();
            bench.core.sources_are_synced();
            bench.up(capabilities);
            assert!(ends(&mut bench));
        }
        let mut bench = restarted();
        bench.core.sources_are_synced();
        bench.now += Duration::from_secs(29);
        assert!(!ends(&mut bench));
        bench.now += Duration::from_secs(1);
        assert!(ends(&mut bench), "a neighbour that does not answer");
        let mut bench = restarted();
        bench.core.sources_are_synced();
        bench.up(Offer::default().capabilities());
        bench.now += Duration::from_secs(119);
        assert!(!ends(&mut bench));
        bench.now += Duration::from_secs(1);
        assert!(ends(&mut bench), "the bound");
    }

    #[test]
    fn nothing_is_announced_meanwhile() {
        let mut bench = restarted();
        bench.core.sources_are_synced();
        bench.up(Offer::default().capabilities());
        let queued =
            |bench: &Bench| bench.core.lives.get(bench.ix.unwrap()).unwrap().outbox.queued_bytes();
        while bench.core.pump(100, bench.now) {}
        assert_eq!(queued(&bench), 0);
        bench.end_of_rib(V4);
        bench.end_of_rib(V6);
        assert!(ends(&mut bench));
        while bench.core.pump(100, bench.now) {}
        assert!(queued(&bench) > 0, "End-of-RIB at least");
    }
}
