//! Routers: from BGPInstance on each provider it selects, and from BGPRouter on this node.
//!
//! **For**: the skeleton peers and prefixes are put into. **Sits**: second step of compiling.
//! **How it works**: an instance makes one router on each selected provider of this node, named
//! `instance@provider`; a BGPRouter makes one, named `namespace/name`. Two instances of different
//! identity on one provider contradict each other: the older one counts.
//! **References**: RFC 4271, RFC 4456, RFC 6286.

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroU16,
    time::Duration,
};

use intent::{
    Asn, BestPath, ExportScope, Family, GracefulRestart, Listen, ObjectRef, Reason, Router,
    RouterId, RouterName,
};

use super::{
    Age,
    node::{LocalNode, LocalProvider},
    peer_options::{RESTART_TIME, STALE_PATH_TIME},
    verdict::{Refusal, Verdicts},
};
use crate::{
    Index,
    crd::{
        AddressFamily, BgpInstanceSpec, BgpRouterSpec, RouterIdSource, RouterRole, parse_duration,
    },
    index::Entry,
    selector::Labels,
};

/// Says what runs a BGPRouter, where not the default.
const PROVIDER_ANNOTATION: &str = "bgp.miloapis.com/provider";

/// A router to be, and what its parts need to know.
#[derive(Debug)]
pub(super) struct RouterDraft {
    pub(super) router: Router,
    pub(super) defaults: Defaults,
}

/// Timers of peers that say nothing.
#[derive(Clone, Debug)]
pub(super) struct Defaults {
    /// Seconds; 0 is off.
    pub(super) hold: u16,
    /// Seconds; absent: from the hold time.
    pub(super) keepalive: Option<u16>,
    pub(super) connect_retry: Duration,
    pub(super) idle_hold: Duration,
    pub(super) minimum_advertisement: Duration,
    pub(super) restart: Option<GracefulRestart>,
}

impl Default for Defaults {
    fn default() -> Self {
        let timers = intent::PeerTimers::default();
        Self {
            hold: 90,
            keepalive: None,
            connect_retry: timers.connect_retry,
            idle_hold: timers.idle_hold,
            minimum_advertisement: timers.minimum_advertisement,
            restart: None,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Routers {
    pub(super) drafts: BTreeMap<RouterName, RouterDraft>,
    /// Wanted on this node and not possible.
    pub(super) failed: BTreeMap<RouterName, ObjectRef>,
}

/// The name of an instance's router on a provider.
pub(super) fn instance_router(instance: &str, provider: &str) -> RouterName {
    RouterName::new(format!("{instance}@{provider}"))
}

impl Routers {
    pub(super) fn new(index: &Index, node: &LocalNode, verdicts: &mut Verdicts) -> Self {
        let mut routers = Self::default();
        routers.instances(index, node, verdicts);
        routers.routers(index, node, verdicts);
        routers
    }

    fn instances(&mut self, index: &Index, node: &LocalNode, verdicts: &mut Verdicts) {
        let mut instances: Vec<_> = index.instances().collect();
        instances.sort_by_key(|entry| Age::of(entry.stored));
        // The first instance on each provider decides its identity.
        let mut owners: BTreeMap<&str, RouterName> = BTreeMap::new();
        for entry in instances {
            let selector = &entry.object.spec.provider_selector;
            let local = node.providers.iter().filter(|p| selector.matches(&p.labels));
            let local: Vec<_> = local.collect();
            if local.is_empty() {
                let none = Labels::new();
                let labels = |e: &Entry<'_, crate::crd::BgpProvider>| {
                    selector.matches(e.object.metadata.labels.as_ref().unwrap_or(&none))
                };
                if index.providers().any(|e| labels(&e)) {
                    verdicts.elsewhere(entry.key, "selects providers of other nodes only");
                } else {
                    let message = "providerSelector matches no BGPProvider: compare its labels \
                                   with those of the providers";
                    verdicts.refuse(entry.key, (Reason::ProviderNotMatched, message.to_owned()));
                }
                continue;
            }
            for provider in local {
                let name = instance_router(&entry.key.name, &provider.provider.name);
                let made = instance(&entry, provider, node, &name, verdicts);
                let draft = match made {
                    Ok(draft) => draft,
                    Err(refusal) => {
                        verdicts.refuse_on(entry.key, &name, refusal);
                        self.failed.insert(name, entry.key.clone());
                        continue;
                    }
                };
                let owner = owners.entry(&provider.provider.name).or_insert_with(|| name.clone());
                if let Some(other) = self.drafts.get(owner)
                    && !same_identity(&other.router, &draft.router)
                {
                    let winner = other.router.source.clone();
                    let about =
                        format!("AS, router ID, port or cluster ID on {}", provider.provider.name);
                    verdicts.conflict(entry.key, &winner, &about);
                    let message = format!(
                        "{winner} gives {} another identity and is older: use one identity, or select other providers",
                        provider.provider.name
                    );
                    verdicts.refuse_on(entry.key, &name, (Reason::Conflict, message));
                    self.failed.insert(name, entry.key.clone());
                    continue;
                }
                verdicts.used(entry.key, &name);
                self.add(name, draft, provider, verdicts);
            }
        }
    }

    fn routers(&mut self, index: &Index, node: &LocalNode, verdicts: &mut Verdicts) {
        for entry in index.routers() {
            let target = &entry.object.spec.target_ref;
            if target.kind != "Node" {
                let message = format!("executed by {} {}, not by a Node", target.kind, target.name);
                verdicts.elsewhere(entry.key, message);
                continue;
            }
            if target.name != node.name {
                verdicts.elsewhere(entry.key, format!("runs on node {}", target.name));
                continue;
            }
            let namespace = entry.key.namespace.as_deref().unwrap_or_default();
            let name = RouterName::new(format!("{namespace}/{}", entry.key.name));
            let annotations = entry.object.metadata.annotations.as_ref();
            let wanted = annotations.and_then(|a| a.get(PROVIDER_ANNOTATION));
            let provider = match wanted {
                None => Ok(&node.default_provider),
                Some(wanted) => node.provider(wanted).ok_or_else(|| {
                    let message = format!(
                        "annotation {PROVIDER_ANNOTATION} names {wanted}, which is not on node {}",
                        node.name
                    );
                    (Reason::ProviderNotMatched, message)
                }),
            };
            let made =
                provider.and_then(|provider| Ok((provider, router(&entry, provider, &name)?)));
            match made {
                Ok((provider, draft)) => {
                    verdicts.used(entry.key, &name);
                    self.add(name, draft, provider, verdicts);
                }
                Err(refusal) => {
                    verdicts.refuse_on(entry.key, &name, refusal);
                    self.failed.insert(name, entry.key.clone());
                }
            }
        }
    }

    fn add(
        &mut self,
        name: RouterName,
        draft: RouterDraft,
        provider: &LocalProvider,
        verdicts: &mut Verdicts,
    ) {
        if let Some(object) = &provider.object {
            verdicts.used(object, &name);
        }
        self.drafts.insert(name, draft);
    }
}

fn same_identity(a: &Router, b: &Router) -> bool {
    (a.asn, a.router_id, a.listen.port, a.cluster_id)
        == (b.asn, b.router_id, b.listen.port, b.cluster_id)
}

fn instance(
    entry: &Entry<'_, crate::crd::BgpInstance>,
    provider: &LocalProvider,
    node: &LocalNode,
    name: &RouterName,
    verdicts: &mut Verdicts,
) -> Result<RouterDraft, Refusal> {
    let spec: &BgpInstanceSpec = &entry.object.spec;
    let router_id = match (spec.router_id_source, &spec.router_id) {
        (Some(RouterIdSource::Manual), id) => manual_router_id(id.as_deref().unwrap_or_default())?,
        (Some(RouterIdSource::Auto) | None, _) => {
            if spec.router_id.is_some() {
                let text = "routerID is not used: set routerIDSource: Manual to use it";
                verdicts.note(entry.key, text);
            }
            node.automatic_router_id()?
        }
    };
    let cluster_id = match &spec.route_reflector {
        Some(reflector) => Some(manual_router_id(&reflector.cluster_id)?.value()),
        None => None,
    };
    let timers = spec.timers.clone().unwrap_or_default();
    let best = spec.best_path.clone().unwrap_or_default();
    let usual = BestPath::default();
    let router = Router {
        name: name.clone(),
        source: entry.key.clone(),
        provider: provider.provider.clone(),
        asn: asn(spec.as_number)?,
        router_id,
        listen: Listen { port: listen_port(spec.listen_port)?, addresses: Vec::new() },
        families: families(&spec.address_families)?,
        best_path: BestPath {
            always_compare_med: best.always_compare_med.unwrap_or(usual.always_compare_med),
            deterministic_med: best.deterministic_med.unwrap_or(usual.deterministic_med),
            compare_router_id: best.compare_router_id.unwrap_or(usual.compare_router_id),
            ..usual
        },
        cluster_id,
        require_policy: false,
        install_routes: true,
        install_default_route: false,
        export_scope: scope(cluster_id.is_some()),
        originations: Vec::new(),
        peers: BTreeMap::new(),
    };
    let hold = timers.default_hold_time.unwrap_or(90);
    // Refused here rather than on every peer.
    intent::HoldTimes::new(hold, timers.default_keepalive)
        .map_err(|error| (Reason::InvalidTimers, format!("timers: {error}")))?;
    let defaults = Defaults { hold, keepalive: timers.default_keepalive, ..Defaults::default() };
    Ok(RouterDraft { router, defaults })
}

fn router(
    entry: &Entry<'_, crate::crd::BgpRouter>,
    provider: &LocalProvider,
    name: &RouterName,
) -> Result<RouterDraft, Refusal> {
    let spec: &BgpRouterSpec = &entry.object.spec;
    let cluster_id = match &spec.cluster_id {
        Some(id) => Some(manual_router_id(id)?.value()),
        None => None,
    };
    let transit = spec.roles.iter().flatten().any(|role| *role == RouterRole::Transit);
    let best = spec.best_path.clone().unwrap_or_default();
    let usual = BestPath::default();
    let listen_addresses = spec.listen_addresses.iter().flatten().map(|text| {
        text.parse()
            .map_err(|_| (Reason::InvalidSpec, format!("listenAddresses: {text} is no address")))
    });
    let router = Router {
        name: name.clone(),
        source: entry.key.clone(),
        provider: provider.provider.clone(),
        asn: asn(spec.local_asn)?,
        router_id: manual_router_id(&spec.router_id)?,
        listen: Listen {
            port: listen_port(spec.listen_port)?,
            addresses: listen_addresses.collect::<Result<_, _>>()?,
        },
        families: families(&spec.address_families)?,
        best_path: BestPath {
            always_compare_med: best.always_compare_med.unwrap_or(usual.always_compare_med),
            deterministic_med: best.deterministic_med.unwrap_or(usual.deterministic_med),
            compare_router_id: best.compare_router_id.unwrap_or(usual.compare_router_id),
            multipath_relax: best.multipath_relax.unwrap_or(usual.multipath_relax),
            maximum_paths: best.maximum_paths.unwrap_or(usual.maximum_paths),
        },
        cluster_id,
        require_policy: spec.require_policy.unwrap_or(false),
        install_routes: spec.install_routes.unwrap_or(true),
        install_default_route: false,
        export_scope: scope(transit || cluster_id.is_some()),
        originations: Vec::new(),
        peers: BTreeMap::new(),
    };
    let defaults = router_defaults(spec)?;
    Ok(RouterDraft { router, defaults })
}

fn router_restart(spec: &BgpRouterSpec) -> Option<GracefulRestart> {
    let given = spec.graceful_restart.as_ref().filter(|given| given.enabled)?;
    Some(GracefulRestart {
        restart_time: given.restart_time.unwrap_or(RESTART_TIME),
        stale_path_time: given.stale_path_time.unwrap_or(STALE_PATH_TIME),
        long_lived: spec.long_lived_graceful_restart.as_ref().map(|l| l.stale_time),
    })
}

fn router_defaults(spec: &BgpRouterSpec) -> Result<Defaults, Refusal> {
    let timers = spec.timers.clone().unwrap_or_default();
    let usual = Defaults::default();
    let duration = |text: &Option<String>, usual: Duration| {
        text.as_deref().map_or(Some(usual), parse_duration).unwrap_or(usual)
    };
    let hold = match &timers.hold_time {
        Some(text) => whole_seconds("timers.holdTime", text)?,
        None => usual.hold,
    };
    let keepalive = match &timers.keepalive_time {
        Some(text) => Some(whole_seconds("timers.keepaliveTime", text)?).filter(|s| *s > 0),
        None => None,
    };
    if hold > 0 {
        intent::HoldTimes::new(hold, keepalive)
            .map_err(|error| (Reason::InvalidTimers, format!("timers: {error}")))?;
    }
    Ok(Defaults {
        restart: router_restart(spec),
        hold,
        keepalive,
        connect_retry: duration(&timers.connect_retry, usual.connect_retry),
        idle_hold: duration(&timers.idle_hold, usual.idle_hold),
        minimum_advertisement: duration(&timers.minimum_advertisement, usual.minimum_advertisement),
    })
}

/// A hold or keepalive time, which the protocol counts in whole seconds.
pub(super) fn whole_seconds(field: &str, text: &str) -> Result<u16, Refusal> {
    let duration = parse_duration(text).filter(|d| d.subsec_nanos() == 0);
    duration.and_then(|d| u16::try_from(d.as_secs()).ok()).ok_or_else(|| {
        (Reason::InvalidTimers, format!("{field}: {text} must be 0s to 65535s in whole seconds"))
    })
}

fn scope(all: bool) -> ExportScope {
    if all { ExportScope::AllBest } else { ExportScope::Originated }
}

pub(super) fn asn(number: u32) -> Result<Asn, Refusal> {
    Asn::new(number).ok_or_else(|| {
        (Reason::InvalidSpec, "AS number 0 is reserved: use 1 to 4294967295".to_owned())
    })
}

fn manual_router_id(text: &str) -> Result<RouterId, Refusal> {
    text.parse().map_err(|error: intent::ParseError| (Reason::InvalidSpec, error.to_string()))
}

fn listen_port(port: Option<i32>) -> Result<Option<NonZeroU16>, Refusal> {
    let port = port.unwrap_or(179);
    if port == -1 {
        return Ok(None);
    }
    let port = u16::try_from(port).ok().and_then(NonZeroU16::new);
    port.map(Some).ok_or_else(|| {
        (Reason::InvalidSpec, "listenPort must be 1 to 65535, or -1 to never listen".to_owned())
    })
}

/// Families to carry.
fn families(listed: &[AddressFamily]) -> Result<BTreeSet<Family>, Refusal> {
    let mut carried = BTreeSet::new();
    for (i, family) in listed.iter().enumerate() {
        match family.family() {
            Some(family) => {
                carried.insert(family);
            }
            None => {
                let message = format!("addressFamilies[{i}]: no such combination of afi and safi");
                return Err((Reason::UnsupportedAddressFamily, message));
            }
        }
    }
    if carried.is_empty() {
        let message = "no family that can be carried: add ipv4/unicast or ipv6/unicast";
        return Err((Reason::UnsupportedAddressFamily, message.to_owned()));
    }
    Ok(carried)
}
