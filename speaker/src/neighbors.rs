//! Changes of a router's settings and of its neighbours while sessions are up.
//!
//! What the session itself need not know (policies, scope, next-hop rules) is changed here, in the
//! tables, without touching the session: a changed import policy asks the neighbour for its routes
//! again or goes through those here (see [`soft`](crate::soft)), a changed export side moves the
//! member to the group its settings ask for now.
//!
//! Invariants: a setting takes effect on everything already known, not only on what comes later.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rib::PeerIx;

use crate::config::{NeighborConfig, RouterConfig};
use crate::core::{Core, Neighbor};
use crate::inbound::Inbound;
use crate::kernel::Kernel;
use crate::life::is_one_hop;
use crate::limits::Exceeded;
use crate::restart::helper::ends_keeping;
use crate::soft::Anew;
use crate::tally::Tally;

/// A neighbour that sends no End-of-RIB has told everything when it was quiet for this long.
const QUIET: Duration = Duration::from_secs(10);

impl Core {
    /// Takes over the router's own settings.
    pub(crate) fn configure(&mut self, config: &RouterConfig) {
        self.rib.set_config(config.decision.clone());
        let rescope = self.config.export_scope != config.export_scope;
        let readmit = self.config.install_default != config.install_default;
        self.config = RouterConfig {
            peers: Default::default(),
            originations: Default::default(),
            ..config.clone()
        };
        if rescope {
            self.regroup_all();
        }
        if readmit && let Some(consumer) = self.fib {
            self.rib.replay::<bgp_wire::V4Prefix>(consumer);
            self.rib.replay::<bgp_wire::V6Prefix>(consumer);
        }
    }

    /// Adds a neighbour or takes over its new settings. A lower bound on prefixes may have been
    /// passed by what is here already: then the session is to end.
    pub(crate) fn set_neighbor(
        &mut self,
        name: &Arc<str>,
        config: Arc<NeighborConfig>,
        now: Instant,
    ) -> Option<Exceeded> {
        let Some(neighbor) = self.neighbors.get_mut(name) else {
            let past = Tally::default();
            let neighbor = Neighbor {
                config,
                life: None,
                kept: None,
                past,
                found: None,
                problem: None,
                held: None,
                template: None,
            };
            self.neighbors.insert(Arc::clone(name), neighbor);
            return None;
        };
        neighbor.config = Arc::clone(&config);
        neighbor.problem = None;
        neighbor.held = None;
        if ends_keeping(&config) {
            self.forget_kept(name);
        }
        let ix = self.neighbors.get(name)?.life?;
        let life = self.lives.get_mut(ix)?;
        let before = std::mem::replace(&mut life.config, config);
        let after = &life.config;
        let reimport = if before.local_as != after.local_as {
            // It may stand in the paths held.
            Some(Anew::Asked)
        } else if before.allow_as_in != after.allow_as_in {
            Some(Anew::Settings)
        } else {
            (before.import != after.import).then_some(Anew::Policy)
        };
        let limit = before.maximum_prefix != after.maximum_prefix;
        let one_hop = is_one_hop(after, &life.established, &life.ends);
        let subnets = one_hop.then_some(&life.subnets);
        life.inbound = Inbound::of(&self.config, after, &life.established, subnets);
        if let Some(why) = reimport {
            self.reimport(ix, why);
        }
        self.regroup(ix);
        if limit { self.limit_changed(ix, now) } else { None }
    }

    /// The neighbour came from a template of dynamic neighbours.
    pub(crate) fn set_template(&mut self, name: &str, template: &Arc<str>) {
        if let Some(neighbor) = self.neighbors.get_mut(name) {
            neighbor.template = Some(Arc::clone(template));
        }
    }

    /// Notes why there is no session with a neighbour.
    pub(crate) fn set_problem(&mut self, name: &str, problem: &str) {
        if let Some(neighbor) = self.neighbors.get_mut(name) {
            neighbor.problem = Some(problem.to_owned());
        }
    }

    /// Forgets a neighbour; what a session of it still has ends with that session.
    pub(crate) fn remove_neighbor(&mut self, name: &str) {
        self.forget_kept(name);
        self.neighbors.remove(name);
    }

    /// Moves a session to the group its settings ask for now; nothing happens when that is the one
    /// it is in.
    pub(crate) fn regroup(&mut self, ix: PeerIx) {
        let Some(life) = self.lives.get(ix) else { return };
        let Some(member) = life.member else { return };
        let key = self.group_key(life);
        self.exports.rekey(&mut self.rib, member, key);
    }

    /// Single-hop external sessions whose interface can carry nothing any more, with its name.
    pub(crate) fn sessions_without_link(&self, kernel: &Kernel) -> Vec<(Arc<str>, String)> {
        self.lives
            .iter()
            .filter(|(_, life)| life.runs_over_link() && !kernel.is_usable(life.ends.ifindex))
            .map(|(_, life)| {
                let index = life.ends.ifindex;
                let link = kernel.name_of(index).unwrap_or_else(|| format!("interface {index}"));
                (Arc::clone(&life.name), format!("link {link} is down"))
            })
            .collect()
    }

    /// Whether every neighbour that is meant to be up has told us everything (RFC 4724 End-of-RIB,
    /// or quiet for a while) and all of it has been worked in.
    pub(crate) fn is_converged(&self, now: Instant) -> bool {
        !self.rib.has_pending_work()
            && self.reimports.is_empty()
            && self.neighbors.values().filter(|n| n.is_expected()).all(|neighbor| {
                let Some(life) = neighbor.life.and_then(|ix| self.lives.get(ix)) else {
                    return false;
                };
                let all = life.established.negotiated.families;
                let told = all.iter().all(|family| life.end_of_rib.contains(family));
                told || now.saturating_duration_since(life.heard) >= QUIET
            })
    }
}
