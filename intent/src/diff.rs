//! What changed between two intents, and what a running session survives.
//!
//! **For**: providers, so that an edit does no more than it must. **Sits**: between two values of
//! [`Intent`]; pure. **How it works**: names are the identity of routers and peers. A changed peer is
//! described by its [`PeerAspect`]s, each with an [`Impact`]: a new description drops no session, a
//! new AS does. **Invariants**: the old and new value are equal exactly when the difference is empty:
//! every field is taken apart by name, so that a new field cannot be forgotten.
//! **References**: RFC 4271 section 8 (events), RFC 2918 (re-evaluation by route refresh).

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{Intent, Origination, Peer, PeerName, Router, RouterName};

/// The difference between two intents.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IntentDiff {
    /// Routers that differ.
    pub routers: BTreeMap<RouterName, RouterChange>,
}

impl IntentDiff {
    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.routers.is_empty()
    }
}

/// How one router differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum RouterChange {
    /// Only in the new intent.
    Added,
    /// Only in the old intent.
    Removed,
    /// In both.
    Changed(RouterDiff),
}

/// What differs within one router.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RouterDiff {
    /// AS, router ID, cluster ID or provider: every session starts anew.
    pub identity: bool,
    /// Port or addresses to listen on.
    pub listen: bool,
    /// The set of families; each peer concerned is listed too.
    pub families: bool,
    /// Best-path choices: selection runs again.
    pub best_path: bool,
    /// What leaves, or what goes to the kernel.
    pub scope: bool,
    /// Only the object it comes from.
    pub source: bool,
    /// To announce, or to announce with other attributes or to other peers.
    pub originate: Vec<Origination>,
    /// To withdraw.
    pub withdraw: Vec<Origination>,
    /// Peers that differ.
    pub peers: BTreeMap<PeerName, PeerChange>,
}

/// How one peer differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum PeerChange {
    /// Only in the new router.
    Added,
    /// Only in the old router.
    Removed,
    /// In both, differing in these ways; never empty.
    Changed(Vec<PeerAspect>),
}

impl PeerChange {
    /// The gravest impact of all that changed.
    pub fn impact(&self) -> Impact {
        match self {
            Self::Added | Self::Removed => Impact::Session,
            Self::Changed(aspects) => {
                aspects.iter().map(|a| a.impact()).max().unwrap_or(Impact::None)
            }
        }
    }
}

/// One way in which a peer can change.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum PeerAspect {
    /// Description or source object.
    Description,
    /// Neighbour's address, port, our end or device, or passive.
    Endpoint,
    /// The AS expected.
    RemoteAs,
    /// The AS we show.
    LocalAs,
    /// Hold time or keepalive: part of the OPEN.
    Hold,
    /// Retry, idle or advertisement intervals.
    Intervals,
    /// Families or capabilities: part of the OPEN.
    Capabilities,
    /// TTL or TTL security.
    Ttl,
    /// Password.
    Auth,
    /// Reflector client.
    Reflection,
    /// Next hops announced.
    NextHop,
    /// Private AS numbers sent.
    PrivateAs,
    /// How long routes outlive a restart: part of the OPEN.
    Restart,
    /// BFD.
    Bfd,
    /// Own AS tolerated in paths.
    AllowAsIn,
    /// Prefix limit.
    MaximumPrefix,
    /// Import policies.
    Import,
    /// Export policies.
    Export,
    /// Administratively down, or up again, or another text.
    Shutdown,
}

/// What a change does to a running session; graver ones compare greater.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Impact {
    /// Nothing at all.
    None,
    /// Timers or limits are taken over in place.
    InPlace,
    /// Routes are evaluated again; the session stays.
    Routes,
    /// The session ends and starts anew.
    Session,
}

impl PeerAspect {
    /// What a change of this does to a running session.
    pub fn impact(self) -> Impact {
        match self {
            Self::Description => Impact::None,
            Self::Intervals | Self::MaximumPrefix | Self::Bfd => Impact::InPlace,
            Self::Reflection
            | Self::NextHop
            | Self::PrivateAs
            | Self::AllowAsIn
            | Self::Import
            | Self::Export => Impact::Routes,
            Self::Endpoint
            | Self::RemoteAs
            | Self::LocalAs
            | Self::Restart
            | Self::Hold
            | Self::Capabilities
            | Self::Ttl
            | Self::Auth
            | Self::Shutdown => Impact::Session,
        }
    }
}

/// What differs between `old` and `new`.
pub fn diff(old: &Intent, new: &Intent) -> IntentDiff {
    let routers = keyed(&old.routers, &new.routers, RouterChange::Added, RouterChange::Removed);
    let changed = new.routers.iter().filter_map(|(name, router)| {
        let before = old.routers.get(name)?;
        (before != router)
            .then(|| (name.clone(), RouterChange::Changed(RouterDiff::between(before, router))))
    });
    IntentDiff { routers: routers.chain(changed).collect() }
}

impl RouterDiff {
    fn between(old: &Router, new: &Router) -> Self {
        let Router {
            name: _,
            source,
            provider,
            asn,
            router_id,
            listen,
            families,
            best_path,
            cluster_id,
            require_policy,
            install_routes,
            install_default_route,
            export_scope,
            originations,
            peers,
        } = new;
        let added = keyed(&old.peers, peers, PeerChange::Added, PeerChange::Removed);
        let changed = peers.iter().filter_map(|(name, peer)| {
            let aspects = aspects(old.peers.get(name)?, peer);
            (!aspects.is_empty()).then(|| (name.clone(), PeerChange::Changed(aspects)))
        });
        Self {
            identity: *asn != old.asn
                || *router_id != old.router_id
                || *cluster_id != old.cluster_id
                || *provider != old.provider,
            listen: *listen != old.listen,
            families: *families != old.families,
            best_path: *best_path != old.best_path,
            scope: *export_scope != old.export_scope
                || *install_routes != old.install_routes
                || *install_default_route != old.install_default_route
                || *require_policy != old.require_policy,
            source: *source != old.source,
            originate: missing_from(&old.originations, originations),
            withdraw: missing_from(originations, &old.originations),
            peers: added.chain(changed).collect(),
        }
    }
}

/// Those of `of` that are not in `list`.
fn missing_from(list: &[Origination], of: &[Origination]) -> Vec<Origination> {
    of.iter().filter(|o| !list.contains(o)).cloned().collect()
}

fn keyed<'a, K: Ord + Clone, V, C: Clone + 'a>(
    old: &'a BTreeMap<K, V>,
    new: &'a BTreeMap<K, V>,
    added: C,
    removed: C,
) -> impl Iterator<Item = (K, C)> + 'a {
    let gone = old.keys().filter(|k| !new.contains_key(*k)).map(move |k| (k, removed.clone()));
    let come = new.keys().filter(|k| !old.contains_key(*k)).map(move |k| (k, added.clone()));
    gone.chain(come).map(|(k, change)| (k.clone(), change))
}

fn aspects(old: &Peer, new: &Peer) -> Vec<PeerAspect> {
    let Peer {
        name: _,
        source,
        description,
        address,
        remote_as,
        remote_port,
        passive,
        local,
        bind_device,
        local_as,
        add_paths,
        role,
        graceful_restart,
        bfd,
        timers,
        families,
        ttl,
        auth,
        extended_next_hop,
        extended_message,
        route_reflector_client,
        next_hop,
        remove_private_as,
        allow_as_in,
        maximum_prefix,
        import,
        export,
        shutdown,
    } = new;
    let intervals = |t: &crate::PeerTimers| (t.connect_retry, t.idle_hold, t.minimum_advertisement);
    [
        (PeerAspect::Description, *description != old.description || *source != old.source),
        (
            PeerAspect::Endpoint,
            *address != old.address
                || *remote_port != old.remote_port
                || *passive != old.passive
                || *local != old.local
                || *bind_device != old.bind_device,
        ),
        (PeerAspect::RemoteAs, *remote_as != old.remote_as),
        (PeerAspect::LocalAs, *local_as != old.local_as),
        (PeerAspect::Hold, timers.hold != old.timers.hold),
        (PeerAspect::Intervals, intervals(timers) != intervals(&old.timers)),
        (
            PeerAspect::Capabilities,
            *families != old.families
                || *extended_next_hop != old.extended_next_hop
                || *extended_message != old.extended_message
                || *add_paths != old.add_paths
                || *role != old.role,
        ),
        (PeerAspect::Ttl, *ttl != old.ttl),
        (PeerAspect::Auth, *auth != old.auth),
        (PeerAspect::Reflection, *route_reflector_client != old.route_reflector_client),
        (PeerAspect::NextHop, *next_hop != old.next_hop),
        (PeerAspect::PrivateAs, *remove_private_as != old.remove_private_as),
        (PeerAspect::Restart, *graceful_restart != old.graceful_restart),
        (PeerAspect::Bfd, *bfd != old.bfd),
        (PeerAspect::AllowAsIn, *allow_as_in != old.allow_as_in),
        (PeerAspect::MaximumPrefix, *maximum_prefix != old.maximum_prefix),
        (PeerAspect::Import, *import != old.import),
        (PeerAspect::Export, *export != old.export),
        (PeerAspect::Shutdown, *shutdown != old.shutdown),
    ]
    .into_iter()
    .filter_map(|(aspect, differs)| differs.then_some(aspect))
    .collect()
}

#[cfg(test)]
mod tests;
