//! Tests of what a session's routes do in the tables, without a socket: [`Desk`] is one router with
//! one neighbour whose messages the test writes.

mod limits;
mod refresh;
mod services;
mod soft;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bgp_fsm::negotiate::{local_open, negotiate};
use bgp_fsm::session::{Established, Outbox};
use bgp_fsm::{PeerConfig, RemoteAs};
use bgp_wire::{
    Asn, AttrBuilder, Capability, EncodeContext, Family, Framed, HEADER_LEN, MAX_MESSAGE,
    MessageType, NextHop, RouteRefresh, V4Prefix, end_of_rib, next_frame, pack_announce,
    pack_withdraw,
};
use rib::policy::{Action, Chain, Disposition, Match, Policy, PrefixRange, Set, Term};
use rib::{DecisionConfig, PathFlags, PeerIx};

use crate::clock;
use crate::config::{Listen, MaximumPrefix, NeighborConfig, OverLimit, RouterConfig};
use crate::core::Core;
use crate::life::Life;
use crate::options::{AddPath, Auth, NextHopMode, Remote};

/// One router and one neighbour of another AS.
pub(crate) struct Desk {
    pub(crate) core: Core,
    pub(crate) ix: PeerIx,
    pub(crate) outbox: Outbox,
    pub(crate) now: Instant,
    name: Arc<str>,
}

impl Desk {
    /// Up and past its first transfer. `change` may alter the neighbour's settings and capabilities.
    pub(crate) fn new(change: impl FnOnce(&mut NeighborConfig, &mut PeerConfig)) -> Self {
        let router = RouterConfig {
            asn: Asn(65001),
            router_id: Ipv4Addr::new(192, 0, 2, 1),
            listen: Listen::default(),
            cluster_id: None,
            decision: DecisionConfig::default(),
            export_scope: rib::export::ExportScope::AllBest,
            install_routes: false,
            install_default: false,
            originations: BTreeMap::new(),
            peers: BTreeMap::new(),
        };
        let mut config = neighbor();
        let mut theirs =
            PeerConfig::new(Asn(65002), RemoteAs::External, Ipv4Addr::new(192, 0, 2, 2));
        theirs.enhanced_route_refresh = true;
        theirs.other_capabilities = vec![Capability::GracefulRestart {
            restarting: false,
            notification: false,
            restart_time: 0,
            families: vec![],
        }];
        change(&mut config, &mut theirs);
        let remote = "192.0.2.2:179".parse().expect("an address");
        let session = crate::peer::session_config(&router, "peer", &config, remote, None);
        let (ours, theirs) = (local_open(&session.peer), local_open(&theirs));
        let established = Established {
            negotiated: Arc::new(negotiate(&session.peer, &ours, &theirs)),
            local: "192.0.2.1:1790".parse().expect("an address"),
            remote,
            ifindex: 0,
        };
        let now = clock();
        let own = crate::restart::own::OwnRestart::new(Default::default(), now);
        let mut core = Core::new(&router, None, own);
        let (name, outbox): (Arc<str>, _) = ("peer".into(), Outbox::new(1 << 20, 1 << 19));
        assert_eq!(core.set_neighbor(&name, Arc::new(config), now), None);
        let ix = core.session_up(&name, &established, outbox.clone(), now).expect("there is room");
        let mut desk = Self { core, ix, outbox, now, name };
        let mut ends = Vec::new();
        end_of_rib(Family::IPV4_UNICAST, &mut ends);
        end_of_rib(Family::IPV6_UNICAST, &mut ends);
        desk.hear(&ends);
        desk.pump();
        desk.outbox.drain();
        desk
    }

    pub(crate) fn hear(&mut self, frames: &[u8]) -> Option<(Family, u32)> {
        self.core.ingest(self.ix, frames, self.now).expect("no session reset").over_limit
    }

    /// The neighbour announces 10.0.N.0/24 for each number, with a path identifier.
    pub(crate) fn announce(
        &mut self,
        path_id: u32,
        numbers: impl IntoIterator<Item = u8>,
    ) -> Option<(Family, u32)> {
        let mut attributes = Vec::new();
        let mut builder = AttrBuilder::new();
        assert!(builder.set_origin(0).replace_as_path(&[Asn(65002)]).finish(&mut attributes));
        let next_hop = NextHop::V4(Ipv4Addr::new(192, 0, 2, 2));
        let nlri = numbers.into_iter().map(|n| (path_id, v4(n)));
        let mut frames = Vec::new();
        let family = Family::IPV4_UNICAST;
        let context = self.context();
        pack_announce::<V4Prefix>(
            family,
            &attributes,
            Some(&next_hop),
            &context,
            nlri,
            &mut frames,
        );
        self.hear(&frames)
    }

    pub(crate) fn withdraw(&mut self, numbers: impl IntoIterator<Item = u8>) {
        let mut frames = Vec::new();
        let nlri = numbers.into_iter().map(|n| (0, v4(n)));
        pack_withdraw::<V4Prefix>(Family::IPV4_UNICAST, &self.context(), nlri, &mut frames);
        self.hear(&frames);
    }

    fn context(&self) -> EncodeContext {
        EncodeContext {
            add_path: self.life().context.add_path.contains(Family::IPV4_UNICAST),
            ..EncodeContext::default()
        }
    }

    pub(crate) fn mark(&mut self, subtype: u8) {
        let marker = RouteRefresh::new(Family::IPV4_UNICAST, subtype);
        self.core.route_refresh(self.ix, &marker, self.now);
    }

    pub(crate) fn wait(&mut self, time: Duration) {
        self.now += time;
        self.pump();
    }

    pub(crate) fn pump(&mut self) {
        while self.core.pump(7, self.now) {}
    }

    /// Changes the neighbour's settings; what a new limit finds exceeded.
    pub(crate) fn edit(
        &mut self,
        change: impl FnOnce(&mut NeighborConfig),
    ) -> Option<(Family, u32)> {
        let mut config = (*self.life().config).clone();
        change(&mut config);
        let found = self.core.set_neighbor(&self.name, Arc::new(config), self.now);
        found.map(|e| (e.family, e.limit))
    }

    pub(crate) fn life(&self) -> &Life {
        self.core.lives.get(self.ix).expect("the session is up")
    }

    /// Numbers of the prefixes held, and LOCAL_PREF where policy has set one; `None` if refused.
    pub(crate) fn held(&self) -> BTreeMap<u8, Option<u32>> {
        let rib = &self.core.rib;
        let paths = (0..=255u8).flat_map(|n| {
            let paths: Vec<_> =
                rib.row(v4(n)).into_iter().flat_map(|row| rib.paths::<V4Prefix>(row)).collect();
            paths.into_iter().filter(|p| p.peer == self.ix).map(move |p| (n, *p))
        });
        paths
            .map(|(n, path)| {
                let refused = path.flags.any(PathFlags::FILTERED.with(PathFlags::AS_LOOP));
                let local_pref = rib.attrs.summary(path.attr).local_pref.unwrap_or(100);
                (n, (!refused).then_some(local_pref))
            })
            .collect()
    }

    /// ROUTE-REFRESH messages sent since the last call, as text; other messages are left out.
    pub(crate) fn refreshes(&self) -> Vec<String> {
        let mut found = Vec::new();
        for frame in self.outbox.drain() {
            let mut rest = &frame[..];
            while let Ok(Framed::Message { kind, frame }) = next_frame(rest, MAX_MESSAGE) {
                if kind == MessageType::ROUTE_REFRESH {
                    let refresh = RouteRefresh::decode(&frame[HEADER_LEN..]).expect("well formed");
                    found.push(refresh.to_string());
                }
                rest = &rest[frame.len()..];
            }
        }
        found
    }

    pub(crate) fn end(&mut self) {
        let reason = bgp_fsm::DownReason::Transport("reset".into());
        self.core.session_down(self.ix, &reason, self.now);
        self.pump();
    }
}

fn neighbor() -> NeighborConfig {
    NeighborConfig {
        description: String::new(),
        remote: Remote::Address("192.0.2.2".parse().expect("an address")),
        remote_as: RemoteAs::External,
        local_as: None,
        remote_port: 179,
        passive: false,
        local_address: None,
        local_interface: None,
        bind_device: None,
        families: vec![Family::IPV4_UNICAST, Family::IPV6_UNICAST],
        hold_time: 90,
        keepalive: None,
        connect_retry: Duration::from_secs(5),
        idle_hold: Duration::from_secs(5),
        extended_next_hop: false,
        extended_message: true,
        ttl: None,
        min_ttl: None,
        auth: Auth::None,
        add_path: AddPath::default(),
        role: None,
        graceful_restart: None,
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

fn v4(n: u8) -> V4Prefix {
    V4Prefix::new(Ipv4Addr::new(10, 0, n, 0), 24).expect("at most 32 bits")
}

/// Sets LOCAL_PREF on 10.0.0.0/24 to 10.0.3.0/24, refuses 10.0.4.0/24 to 10.0.7.0/24.
fn policy(local_pref: u32) -> Arc<Chain> {
    let range = |text: &str| {
        let prefix = text.parse::<V4Prefix>().expect("a prefix").into();
        vec![Match::PrefixIn(vec![PrefixRange::new(prefix, 24, 24).expect("a range")])]
    };
    let term = |name: &str, matches, action| Term { name: name.into(), matches, action };
    Arc::new(Chain::new([Policy {
        terms: vec![
            term("mark", range("10.0.0.0/22"), Action::Permit(vec![Set::LocalPref(local_pref)])),
            term("refuse", range("10.0.4.0/22"), Action::Deny),
        ],
        default: Disposition::Permit,
    }]))
}

fn limit(limit: u32, threshold_percent: u8, action: OverLimit) -> Option<MaximumPrefix> {
    Some(MaximumPrefix { limit, threshold_percent, action })
}
