//! One peer, built from its spec.
//!
//! **For**: [`super::peers`]. **Sits**: below it; pure. **How it works**: each group of fields has a
//! function that gives a value or a refusal. Fields nothing acts on yet are collected; those it
//! would be wrong to leave out (authentication, another AS) refuse the peer.
//! **Invariants**: a peer whose secret is missing is never built without it.
//! **References**: RFC 4271 section 4.2, RFC 2385, RFC 4456, RFC 5082, RFC 8212, RFC 8326, RFC 9003.

use std::{collections::BTreeSet, net::IpAddr, num::NonZeroU8, time::Duration};

use intent::{
    Action, AllowAsIn, Community, Disposition, Family, HoldTimes, InterfaceName, LimitAction,
    LocalEnd, MaximumPrefix, Peer, PeerAddress, PeerTimers, Policy, PolicyChain, Reason, RemoteAs,
    Set, Term, Ttl,
};

use super::{
    auth,
    node::LocalNode,
    peer_options as options,
    peers::Candidate,
    policies::Policies,
    routers::{RouterDraft, asn, whole_seconds},
    verdict::Refusal,
};
use crate::{
    Index,
    crd::{self, BgpPeerSpec, Direction, MaximumPrefixAction, parse_duration},
};

/// What a peer is built from besides its spec and router.
pub(super) struct Context<'a> {
    pub(super) index: &'a Index,
    pub(super) node: &'a LocalNode,
    pub(super) policies: &'a Policies,
}

/// A peer, and what its writer should know.
pub(super) struct Built {
    pub(super) peer: Peer,
    pub(super) not_realised: Vec<String>,
    pub(super) notes: Vec<String>,
    /// Conditions that do not keep the peer from running.
    pub(super) problems: Vec<Refusal>,
}

/// RFC 8326.
const GRACEFUL_SHUTDOWN: Community = Community(0xffff_0000);

/// The stage an external neighbour gets where a policy is required and none is there.
const NO_POLICY: &str = "RFC 8212: no policy";

pub(super) fn build(
    candidate: &Candidate<'_>,
    draft: &RouterDraft,
    context: &Context<'_>,
) -> Result<Built, Refusal> {
    let spec = &*candidate.spec;
    let local_as = draft.router.asn;
    let remote_as = remote_as(spec)?;
    let local_as =
        options::local_as(spec, remote_as, local_as)?.map_or(local_as, |local| local.asn);
    let external = match remote_as {
        RemoteAs::Asn(asn) => asn != local_as,
        RemoteAs::External => true,
        RemoteAs::Internal => false,
    };
    let (address, local) = ends(spec, context.node)?;
    let mut notes = Vec::new();
    let families = families(spec, draft, &mut notes)?;
    let client = spec.route_reflector_client.unwrap_or(false);
    if client && external {
        let message = "routeReflectorClient goes with internal neighbours only".to_owned();
        return Err((Reason::InvalidForEBGP, message));
    }
    if client && draft.router.cluster_id.is_none() {
        let message = "routeReflectorClient needs clusterID on the BGPRouter (routeReflector on \
                       the BGPInstance)";
        return Err((Reason::InvalidSpec, message.to_owned()));
    }
    let next_hops = !matches!(&address, PeerAddress::Ip(IpAddr::V4(_)));
    let mut problems = Vec::new();
    let [import, export] = [Direction::Import, Direction::Export].map(|direction| {
        let chain = chain(candidate, draft, context.policies, direction, external);
        problems.extend(chain.1);
        chain.0
    });
    for (chain, direction, effect) in [
        (&import, "import", "none of its routes is accepted"),
        (&export, "export", "nothing is sent"),
    ] {
        if chain.stages().first().is_some_and(|stage| stage.name.as_str() == NO_POLICY) {
            let because = "RFC 8212: requirePolicy of the router";
            notes.push(format!("no {direction} policy: {effect} ({because})"));
        }
    }
    let peer = Peer {
        name: candidate.name.clone(),
        source: candidate.source.clone(),
        description: spec.description.clone(),
        remote_as,
        local_as: options::local_as(spec, remote_as, draft.router.asn)?,
        remote_port: spec.remote_port.unwrap_or(179),
        passive: spec.passive.unwrap_or(false),
        local,
        bind_device: options::bind_device(spec)?,
        timers: timers(spec, draft)?,
        families,
        ttl: ttl(spec, external)?,
        auth: auth::auth(spec, &candidate.namespace, context.index)?,
        extended_next_hop: spec.extended_next_hop.unwrap_or(next_hops),
        extended_message: spec.extended_message.unwrap_or(true),
        route_reflector_client: client,
        next_hop: options::next_hop(spec),
        remove_private_as: options::remove_private_as(spec, external)?,
        add_paths: options::add_paths(spec),
        role: options::role(spec, external)?,
        graceful_restart: options::graceful_restart(spec, draft.defaults.restart),
        bfd: options::bfd(spec),
        allow_as_in: allow_as_in(spec)?,
        maximum_prefix: maximum_prefix(spec),
        import,
        export,
        shutdown: spec.shutdown.as_ref().map(|s| s.reason.clone().unwrap_or_default()),
        address,
    };
    Ok(Built { peer, not_realised: not_realised(spec), notes, problems })
}

/// Fields that are accepted and left out.
fn not_realised(spec: &BgpPeerSpec) -> Vec<String> {
    let fields = [(spec.multi_session == Some(true), "multiSession")];
    let given = fields.into_iter().filter(|(given, _)| *given);
    given.map(|(_, field)| format!("spec.{field}")).collect()
}

fn remote_as(spec: &BgpPeerSpec) -> Result<RemoteAs, Refusal> {
    match (spec.remote_as, spec.peer_asn.or(spec.as_number)) {
        (Some(crd::RemoteAs::External), _) => Ok(RemoteAs::External),
        (Some(crd::RemoteAs::Internal), _) => Ok(RemoteAs::Internal),
        (None, Some(number)) => asn(number).map(RemoteAs::Asn),
        (None, None) => {
            let message = "exactly one of peerASN, asNumber or remoteAS must be set".to_owned();
            Err((Reason::InvalidSpec, message))
        }
    }
}

/// The neighbour's end and ours.
fn ends(spec: &BgpPeerSpec, node: &LocalNode) -> Result<(PeerAddress, LocalEnd), Refusal> {
    let invalid = |message: String| (Reason::InvalidSpec, message);
    let interface =
        |text: &str| text.parse::<InterfaceName>().map_err(|error| invalid(error.to_string()));
    let local = match spec.update_source.as_deref() {
        None => LocalEnd::Auto,
        Some(text) => match text.parse::<IpAddr>() {
            Ok(address) => LocalEnd::Address(address),
            Err(_) => LocalEnd::Interface(interface(text)?),
        },
    };
    if let Some(range) = options::range(spec)? {
        if let (LocalEnd::Address(ours), PeerAddress::Range { prefix, .. }) = (&local, &range)
            && ours.is_ipv4() != prefix.addr().is_ipv4()
        {
            return Err(invalid(format!(
                "updateSource {ours} and addressRange {prefix} are of different families"
            )));
        }
        return Ok((range, local));
    }
    let Some(text) = &spec.address else {
        let name = spec.interface.as_deref().ok_or_else(|| {
            invalid("exactly one of address, interface or addressRange must be set".to_owned())
        })?;
        return Ok((PeerAddress::Interface(interface(name)?), local));
    };
    let address: IpAddr = text
        .parse()
        .map_err(|_| invalid(format!("address {text:?} is no IPv4 or IPv6 address")))?;
    if node.internal_ips.contains(&address) {
        let message = format!("{address} is this node's own address");
        return Err((Reason::SkippedSelfPeer, message));
    }
    if let LocalEnd::Address(ours) = local
        && ours.is_ipv4() != address.is_ipv4()
    {
        let message =
            format!("updateSource {ours} and address {address} are of different families");
        return Err(invalid(message));
    }
    match (address, &local) {
        (IpAddr::V6(v6), LocalEnd::Interface(interface)) if v6.is_unicast_link_local() => {
            Ok((PeerAddress::LinkLocal { address: v6, interface: interface.clone() }, local))
        }
        (IpAddr::V6(v6), _) if v6.is_unicast_link_local() => Err(invalid(format!(
            "{v6} is link-local: set updateSource to the name of the interface it is on"
        ))),
        _ => Ok((PeerAddress::Ip(address), local)),
    }
}

/// Families the peer and its router have in common.
fn families(
    spec: &BgpPeerSpec,
    draft: &RouterDraft,
    notes: &mut Vec<String>,
) -> Result<BTreeSet<Family>, Refusal> {
    let carried = &draft.router.families;
    let Some(listed) = spec.address_families.as_ref().filter(|list| !list.is_empty()) else {
        return Ok(carried.clone());
    };
    let mut offered = BTreeSet::new();
    for (i, family) in listed.iter().enumerate() {
        let Some(family) = family.family() else {
            let message = format!("addressFamilies[{i}]: no such combination of afi and safi");
            return Err((Reason::UnsupportedAddressFamily, message));
        };
        if carried.contains(&family) {
            offered.insert(family);
        } else {
            notes
                .push(format!("{family} is left out: router {} has not got it", draft.router.name));
        }
    }
    if offered.is_empty() {
        let carried: Vec<_> = carried.iter().map(|f| f.as_str()).collect();
        let message = format!(
            "no family in common with router {}, which carries {}",
            draft.router.name,
            carried.join(", ")
        );
        return Err((Reason::UnsupportedAddressFamily, message));
    }
    Ok(offered)
}

fn timers(spec: &BgpPeerSpec, draft: &RouterDraft) -> Result<PeerTimers, Refusal> {
    let defaults = &draft.defaults;
    let seconds = spec.timers.clone().unwrap_or_default();
    let hold = match &spec.hold_time {
        Some(text) => Some(whole_seconds("holdTime", text)?),
        None => seconds.hold_time,
    };
    let keepalive = match &spec.keepalive_time {
        Some(text) => Some(whole_seconds("keepaliveTime", text)?),
        None => seconds.keepalive,
    };
    let own_hold = hold.is_some();
    let hold = hold.unwrap_or(defaults.hold);
    let hold = if hold == 0 {
        None
    } else {
        // A default interval gives way to a shorter hold time; one given with it does not.
        let inherited = defaults.keepalive.map(|k| if own_hold { k.min(hold / 3) } else { k });
        let times = HoldTimes::new(hold, keepalive.or(inherited));
        Some(times.map_err(|error| (Reason::InvalidTimers, error.to_string()))?)
    };
    Ok(PeerTimers {
        hold,
        connect_retry: defaults.connect_retry,
        idle_hold: defaults.idle_hold,
        minimum_advertisement: defaults.minimum_advertisement,
    })
}

fn ttl(spec: &BgpPeerSpec, external: bool) -> Result<Ttl, Refusal> {
    let multihop =
        spec.ebgp_multihop.or_else(|| spec.ebgp_multi_hop.and_then(|multi| multi.then_some(64)));
    match (multihop.and_then(NonZeroU8::new), spec.ttl_security.and_then(NonZeroU8::new)) {
        (Some(_), _) if !external => {
            let message = "ebgpMultihop goes with external neighbours only: remove it".to_owned();
            Err((Reason::InvalidForIBGP, message))
        }
        (Some(ttl), _) => Ok(Ttl::Multihop(ttl)),
        (None, Some(least)) => Ok(Ttl::Security(least)),
        (None, None) => Ok(Ttl::Default),
    }
}

fn allow_as_in(spec: &BgpPeerSpec) -> Result<AllowAsIn, Refusal> {
    let count = spec.allow_as_in.or(spec.allow_asin).unwrap_or(0);
    AllowAsIn::new(count)
        .ok_or_else(|| (Reason::InvalidSpec, "allowAsIn must be 1 to 10".to_owned()))
}

fn maximum_prefix(spec: &BgpPeerSpec) -> MaximumPrefix {
    let Some(given) = &spec.maximum_prefix else { return MaximumPrefix::DEFAULT };
    let after = given.restart_after.as_deref().and_then(parse_duration);
    let after = after.filter(|d| !d.is_zero()).unwrap_or(Duration::from_secs(60));
    MaximumPrefix {
        limit: given.limit,
        threshold_percent: given
            .threshold_percent
            .unwrap_or(MaximumPrefix::DEFAULT.threshold_percent),
        action: match given.action {
            None | Some(MaximumPrefixAction::WarningOnly) => LimitAction::Warn,
            Some(MaximumPrefixAction::Restart) => LimitAction::Restart { after },
            Some(MaximumPrefixAction::Shutdown) => LimitAction::Shutdown,
        },
    }
}

fn chain(
    candidate: &Candidate<'_>,
    draft: &RouterDraft,
    policies: &Policies,
    direction: Direction,
    external: bool,
) -> (PolicyChain, Option<Refusal>) {
    let spec = &*candidate.spec;
    let route_map = match direction {
        Direction::Import => &spec.route_map_in,
        Direction::Export => &spec.route_map_out,
    };
    let route_map = route_map.as_deref().map(|name| (candidate.namespace.as_str(), name));
    let name = &draft.router.name;
    let (mut chain, problem) = policies.chain(name, direction, &candidate.labels, route_map);
    if draft.router.require_policy && external && chain.is_empty() {
        chain.0.push(Policy::deny_all(NO_POLICY));
    }
    if spec.graceful_shutdown == Some(true) {
        let set = match direction {
            Direction::Import => Set::LocalPref(0),
            Direction::Export => Set::CommunitiesAdd(vec![GRACEFUL_SHUTDOWN]),
        };
        chain.0.push(everything("graceful shutdown", set));
    }
    (chain, problem)
}

/// A stage that permits every route with one change.
fn everything(name: &str, set: Set) -> Policy {
    Policy {
        name: name.into(),
        terms: vec![Term {
            name: name.to_owned(),
            matches: Vec::new(),
            action: Action::Permit(vec![set]),
        }],
        default: Disposition::Permit,
    }
}
