//! Answering questions about a running speaker, in pages.
//!
//! Each step takes one router's lock for at most [`PAGE_ROWS`] rows, so that reading a full table
//! never holds up the sessions. Rows that change between two pages are shown as they are when
//! their page is made.
//!
//! Invariants: nothing here changes anything; an unknown name is an empty answer, not an error (the
//! command decides what to say about it).

use std::net::IpAddr;
use std::sync::{Arc, Weak};
use std::time::Instant;

use rib::policy::Trace;
use rib::{
    FAMILIES, Path, PathFlags, PeerIx, PeerKind, Reason, Rib, RowId, TableFamily, Verdict,
    each_family, with_family,
};

use crate::clock;
use crate::core::{Core, Neighbor};
use crate::engine::SpeakerHandle;
use crate::life::Life;
use crate::render::{Shown, attributes, nlri};
use crate::router::{Router, Shared};
use crate::view::{
    CandidateView, Cursor, ExplainView, ExportView, FibHopView, FibTotalsView, FibView, Page,
    PeerView, PolicyStepView, RouteQuery, RouteTable, RouteView, RouterView, TableView, TcpView,
};

/// Rows looked at under one hold of a router's lock.
const PAGE_ROWS: u32 = 2048;

/// The families that have tables, as text.
pub fn families() -> Vec<String> {
    FAMILIES.iter().map(ToString::to_string).collect()
}

/// Whether a text names a route of some family: a prefix, or as `show routes` has it.
pub fn is_route_name(text: &str) -> bool {
    let mut named = false;
    each_family!(P => named |= <P as Shown>::parse(text).is_some());
    named
}

impl SpeakerHandle {
    /// Totals of all routers.
    pub async fn routers_view(&self) -> Vec<RouterView> {
        let mut views = Vec::new();
        for router in self.routers() {
            let listen = router.listen().await;
            let listening = self.listening(&listen).await;
            let mut view = router.shared.core().router_view(router.name());
            view.listening = listening;
            views.push(view);
        }
        views
    }

    /// All neighbours, or those of one router.
    pub fn peers(&self, router: Option<&str>) -> Vec<PeerView> {
        let now = clock();
        let routers = self.routers();
        let wanted = routers.iter().filter(|r| router.is_none_or(|name| r.name() == name));
        wanted.flat_map(|r| r.peers(now)).collect()
    }

    /// The neighbours of this name, with the kernel's figures of their connections.
    pub fn peer(&self, router: Option<&str>, name: &str) -> Vec<PeerView> {
        let mut views = self.peers(router);
        views.retain(|view| view.name == name);
        for view in &mut views {
            let running = self.routers().into_iter().find(|r| r.name() == view.router);
            view.tcp = running.and_then(|running| running.shared.tcp(name));
        }
        views
    }

    /// One page of routes from `cursor` on; begin with [`Cursor::default`].
    pub fn routes(&self, query: &RouteQuery, cursor: Cursor) -> Page<RouteView> {
        let routers = self.routers();
        let mut cursor = cursor;
        loop {
            let Some(router) = routers.get(cursor.router) else {
                return Page { items: Vec::new(), next: None };
            };
            let named = query.router.as_deref().is_none_or(|name| router.name() == name);
            if !named || cursor.family >= FAMILIES.len() {
                cursor = Cursor { router: cursor.router + 1, family: 0, row: 0 };
                continue;
            }
            let family = FAMILIES[cursor.family];
            let asked = query.family.as_deref().is_none_or(|name| family.to_string() == name);
            let next_family = Cursor { family: cursor.family + 1, row: 0, ..cursor };
            if !asked {
                cursor = next_family;
                continue;
            }
            let row = cursor.row;
            let page = with_family!(cursor.family, P => router.route_page::<P>(query, row));
            let page = page.unwrap_or_default();
            let next = match page.1 {
                Some(row) => Cursor { row, ..cursor },
                None => next_family,
            };
            return Page { items: page.0, next: Some(next) };
        }
    }

    /// Why a route goes where it goes, in each router and family that knows it. A prefix, or the text
    /// of a VPN or EVPN route as `show routes` has it.
    pub fn explain(&self, router: Option<&str>, route: &str) -> Vec<ExplainView> {
        let routers = self.routers();
        let wanted = routers.iter().filter(|r| router.is_none_or(|name| r.name() == name));
        let mut views = Vec::new();
        for router in wanted {
            each_family!(P => if let Some(key) = <P as Shown>::parse(route) {
                views.extend(router.explain(key));
            });
        }
        views
    }

    /// Counts of kernel routes; `None` without a FIB. Cheap, for metrics.
    pub fn fib_totals(&self) -> Option<FibTotalsView> {
        let status = self.fib_writer()?.fib().status();
        let pending = status.pending as u64;
        Some(FibTotalsView {
            installed: (status.routes_v4 + status.routes_v6) as u64,
            pending,
            writes: status.created + status.replaced + status.removed,
            failures: status.failed,
            repaired: status.repaired,
            swept: status.swept,
            is_syncing: status.is_syncing,
        })
    }

    /// Our routes as the kernel holds them, and those it refused.
    ///
    /// # Errors
    /// In words, when the kernel cannot be read; `Ok(None)` without a FIB.
    pub async fn fib(&self) -> Result<Option<Vec<FibView>>, String> {
        let (Some(writer), Some(kernel)) = (self.fib_writer(), self.kernel()) else {
            return Ok(None);
        };
        writer.flush().await;
        let routes = writer.fib().read_back().await.map_err(|e| e.to_string())?;
        let hop = |hop: &fib_netlink::Hop| FibHopView {
            via: hop.via,
            dev: hop.ifindex.and_then(|i| kernel.name_of(i)),
            weight: u16::from(hop.weight.max(1)),
        };
        let mut views: Vec<FibView> = routes
            .iter()
            .map(|route| FibView {
                prefix: route.prefix.to_string(),
                next_hops: route.next_hops.iter().map(hop).collect(),
                installed: true,
                error: None,
            })
            .collect();
        for refused in writer.fib().status().errors {
            let prefix = refused.prefix.to_string();
            let error = Some(refused.text.clone());
            match views.iter_mut().find(|v| v.prefix == prefix) {
                Some(view) => view.error = error,
                None => {
                    views.push(FibView { prefix, next_hops: Vec::new(), installed: false, error })
                }
            }
        }
        Ok(Some(views))
    }
}

impl Shared {
    /// The kernel's figures of a session's connection.
    fn tcp(&self, name: &str) -> Option<TcpView> {
        let connection = self.sessions().get(name).and_then(Weak::upgrade)?.connection()?;
        let figures = sockopt::tcp_figures(&*connection).ok()?;
        Some(TcpView {
            rtt_micros: figures.rtt_micros,
            rtt_variation_micros: figures.rtt_variation_micros,
            retransmits: figures.retransmits,
            unacked: figures.unacked,
            segment_size: figures.segment_size,
            congestion_window: figures.congestion_window,
        })
    }
}

impl Router {
    fn peers(&self, now: Instant) -> Vec<PeerView> {
        let core = self.shared.core();
        let view = |(name, neighbor): (&Arc<str>, &Neighbor)| {
            let snapshot = self.shared.snapshot(name);
            let bfd = self.shared.bfd.view(name, now);
            let session = snapshot.as_ref();
            PeerView {
                bfd,
                ..crate::render::peer(&core, self.name(), name, neighbor, session, now)
            }
        };
        let mut views: Vec<PeerView> = core.neighbors.iter().map(view).collect();
        drop(core);
        for view in views.iter_mut().filter(|view| view.range.is_some()) {
            view.dynamic = self.dynamic.census(&view.name);
        }
        views
    }

    fn route_page<P: Shown>(&self, query: &RouteQuery, from: u32) -> (Vec<RouteView>, Option<u32>) {
        let core = self.shared.core();
        if let Some(prefix) = &query.prefix {
            let row = P::parse(prefix).and_then(|key| core.rib.row(key));
            let items = row
                .map_or_else(Vec::new, |row| core.page::<P>(self.name(), &query.table, row, 1).0);
            return (items, None);
        }
        core.page::<P>(self.name(), &query.table, RowId(from), PAGE_ROWS)
    }

    fn explain<P: Shown>(&self, prefix: P) -> Option<ExplainView> {
        let core = self.shared.core();
        let explanation = core.rib.explain(prefix)?;
        let best = explanation.candidates.first().map(|c| c.path);
        let candidates = explanation
            .candidates
            .iter()
            .map(|candidate| CandidateView {
                route: core.route_view(self.name(), prefix, &candidate.path),
                decided_by: match candidate.verdict {
                    Verdict::Best => "best".to_owned(),
                    Verdict::Lost(reason) | Verdict::Ineligible(reason) => reason.name().to_owned(),
                },
                detail: detail(&core.rib, &candidate.path, best.as_ref(), candidate.verdict),
                import_policy: steps(core.import_trace(prefix, &candidate.path)),
            })
            .collect();
        let kernel = self.shared.kernel.as_ref().and_then(|kernel| {
            let route = core.fib.and_then(|_| P::kernel_route(&core, explanation.row))?;
            let next_hops = route.next_hops.iter().map(|hop| FibHopView {
                via: hop.via,
                dev: hop.ifindex.and_then(|i| kernel.name_of(i)),
                weight: u16::from(hop.weight.max(1)),
            });
            let next_hops = next_hops.collect();
            Some(FibView { prefix: prefix.to_string(), next_hops, installed: true, error: None })
        });
        let advertised = core
            .lives
            .iter()
            .flat_map(|(ix, life)| {
                let verdicts = core.exports.explain(&core.rib, prefix, ix);
                verdicts.into_iter().map(|verdict| ExportView {
                    peer: life.name.to_string(),
                    path_id: verdict.path_id,
                    sent: verdict.withheld.is_none(),
                    reason: match verdict.withheld {
                        None if verdict.pending => "sent-pending".to_owned(),
                        None => "sent".to_owned(),
                        Some(why) => why.name().to_owned(),
                    },
                    export_policy: steps(verdict.policy),
                })
            })
            .collect();
        let router = self.name().to_owned();
        Some(ExplainView { router, prefix: prefix.to_string(), candidates, kernel, advertised })
    }
}

impl Core {
    fn router_view(&self, name: &str) -> RouterView {
        RouterView {
            name: name.to_owned(),
            asn: self.config.asn.0,
            router_id: self.config.router_id.to_string(),
            listening: Vec::new(),
            peers: self.neighbors.len(),
            established: self.neighbors.values().filter(|n| n.life.is_some()).count(),
            tables: self.table_views(),
            attribute_sets: self.rib.attrs.len(),
        }
    }

    /// Unicast always, the others once they have something.
    fn table_views(&self) -> Vec<TableView> {
        let mut views = Vec::new();
        each_family!(P => {
            let view = self.table_view::<P>();
            if P::prefix_only() || view.paths > 0 {
                views.push(view);
            }
        });
        views
    }

    fn table_view<P: TableFamily>(&self) -> TableView {
        let table = self.rib.table::<P>();
        TableView {
            family: P::FAMILY.to_string(),
            prefixes: table.len(),
            paths: table.path_count(),
        }
    }

    fn page<P: Shown>(
        &self,
        router: &str,
        table: &RouteTable,
        from: RowId,
        rows: u32,
    ) -> (Vec<RouteView>, Option<u32>) {
        match table {
            RouteTable::LocRib => {
                let found = self.rib.rows::<P>(from, rows);
                let items = found
                    .flat_map(|row| {
                        let prefix = self.rib.prefix::<P>(row);
                        self.rib.paths::<P>(row).map(move |p| self.route_view(router, prefix, p))
                    })
                    .collect();
                (items, self.rib.next_page::<P>(from, rows).map(|r| r.0))
            }
            RouteTable::Received(peer) => {
                let Some((ix, _)) = self.life_of(peer) else { return (Vec::new(), None) };
                let page = self.rib.adj_rib_in::<P>(ix, from, rows);
                let items =
                    page.paths.iter().map(|(p, path)| self.route_view(router, *p, path)).collect();
                (items, page.next.map(|r| r.0))
            }
            RouteTable::Advertised(peer) => {
                let Some((_, life)) = self.life_of(peer) else { return (Vec::new(), None) };
                let Some(member) = life.member else { return (Vec::new(), None) };
                let page = self.exports.adj_rib_out::<P>(&self.rib, member, from, rows);
                let items = page.routes.iter().map(|route| RouteView {
                    nlri: nlri(route.prefix, &route.rest, &route.attributes),
                    router: router.to_owned(),
                    prefix: route.prefix.to_string(),
                    family: P::FAMILY.to_string(),
                    peer: life.name.to_string(),
                    peer_address: Some(life.established.remote.ip()),
                    path_id: route.path_id.unwrap_or(0),
                    best: true,
                    multipath: false,
                    status: if route.pending { "pending" } else { "sent" }.to_owned(),
                    attributes: attributes(&route.attributes, &route.next_hop, None),
                });
                (items.collect(), page.next.map(|r| r.0))
            }
        }
    }

    /// The Established session with the neighbour of this name or address.
    fn life_of(&self, peer: &str) -> Option<(PeerIx, &Life)> {
        let address: Option<IpAddr> = peer.parse().ok();
        self.lives.iter().find(|(_, life)| {
            *life.name == *peer || address.is_some_and(|a| life.established.remote.ip() == a)
        })
    }

    fn route_view<P: Shown>(&self, router: &str, prefix: P, path: &Path) -> RouteView {
        let info = self.rib.peers().info(path.peer);
        let is_local = info.kind == PeerKind::Local;
        let name = match self.lives.get(path.peer) {
            Some(life) => life.name.to_string(),
            None if is_local => "local".to_owned(),
            None => info.addr.to_string(),
        };
        let key = self.rib.next_hops.key(path.next_hop);
        let scope = (key.ifindex != 0).then_some(key.ifindex);
        let scope = scope.and_then(|i| match &self.kernel {
            Some(kernel) => kernel.name_of(i),
            None => Some(i.to_string()),
        });
        let canonical = self.rib.attrs.bytes(path.attr);
        RouteView {
            nlri: nlri(prefix, self.rib.next_hops.rest(path.next_hop), canonical),
            router: router.to_owned(),
            prefix: prefix.to_string(),
            family: P::FAMILY.to_string(),
            peer: name,
            peer_address: (!is_local).then_some(info.addr),
            path_id: path.path_id,
            best: path.flags.any(PathFlags::BEST),
            multipath: path.flags.any(PathFlags::MULTIPATH),
            status: self.status(path).to_owned(),
            attributes: attributes(
                self.rib.attrs.bytes(path.attr),
                &key.next_hop,
                scope.as_deref(),
            ),
        }
    }

    fn status(&self, path: &Path) -> &'static str {
        self.rib.ineligible(path).map_or("eligible", Reason::name)
    }
}

fn steps(trace: Option<Trace>) -> Vec<PolicyStepView> {
    let stages = trace.into_iter().flat_map(|trace| trace.stages);
    stages.map(|stage| PolicyStepView { term: stage.term, permitted: stage.permitted }).collect()
}

/// The two values that were compared, for people.
fn detail(rib: &Rib, path: &Path, best: Option<&Path>, verdict: Verdict) -> String {
    let (Verdict::Lost(reason), Some(best)) = (verdict, best) else { return String::new() };
    let (ours, theirs) = (rib.attrs.summary(path.attr), rib.attrs.summary(best.attr));
    let default = rib.config().default_local_pref;
    let origin = bgp_wire::attr::origin::name;
    let metric = |p: &Path| match rib.next_hops.resolution(p.next_hop) {
        rib::Resolution::Resolved { metric } => metric.to_string(),
        rib::Resolution::Unresolved => "unresolved".to_owned(),
    };
    let info = |p: &Path| rib.peers().info(p.peer);
    let id = |p: &Path, s: &bgp_wire::attr::Summary| {
        s.originator_id.unwrap_or_else(|| info(p).router_id)
    };
    match reason {
        Reason::LocalPref => format!(
            "local-pref {} < {}",
            ours.local_pref.unwrap_or(default),
            theirs.local_pref.unwrap_or(default)
        ),
        Reason::AsPathLen => {
            format!("AS path length {} > {}", ours.as_path_len, theirs.as_path_len)
        }
        Reason::Origin => format!("origin {} > {}", origin(ours.origin), origin(theirs.origin)),
        Reason::Med => format!(
            "MED {} > {} within AS {}",
            ours.med.unwrap_or(0),
            theirs.med.unwrap_or(0),
            ours.neighbor_as
        ),
        Reason::EbgpOverIbgp => "learned by iBGP, the best one by eBGP".to_owned(),
        Reason::IgpMetric => format!("metric to next hop {} > {}", metric(path), metric(best)),
        Reason::RouterId => format!("router id {} > {}", id(path, ours), id(best, theirs)),
        Reason::ClusterListLen => {
            format!("cluster list length {} > {}", ours.cluster_len, theirs.cluster_len)
        }
        Reason::PeerAddress => format!("peer address {} > {}", info(path).addr, info(best).addr),
        Reason::PathId => format!("path id {} > {}", path.path_id, best.path_id),
        Reason::MacMobility => "the station moved later, or must not move".to_owned(),
        Reason::LocallyOriginated => "received, the best one is originated here".to_owned(),
        Reason::Existing => "equal, and the best one was there first".to_owned(),
        _ => String::new(),
    }
}
