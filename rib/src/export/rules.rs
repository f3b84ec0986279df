//! The rules of BGP for sending a best path on: whether, and with which attributes.
//!
//! **For**: the memo on a miss, and `explain`. **Sits**: above policy, below everything else of the
//! exporter. **How it works**: [`decide`] checks scope, well-known communities and the relay rules,
//! runs policy, then rewrites: what must not leave the AS is stripped, what must be there is added,
//! the local AS is prepended towards external peers, and a next hop is chosen.
//!
//! | | external | internal |
//! |---|---|---|
//! | AS_PATH | local AS prepended, private AS numbers removed if asked | untouched |
//! | LOCAL_PREF | stripped | always there |
//! | MED | kept if originated here or set by policy | kept |
//! | next hop | own; kept on a shared subnet or if asked | kept; own if originated here, asked for, or link-local |
//! | next hop of a route with labels, EVPN | kept | kept |
//! | next hop of a route target membership | own | own |
//! | ORIGINATOR_ID, CLUSTER_LIST | stripped | added when reflected |
//! | NO_EXPORT and kin | honoured | sent |
//! | ONLY_TO_CUSTOMER | stops or is added, by role | sent |
//! | LLGR_STALE | stops without the capability | stops without the capability |
//!
//! Well-known communities on a route *originated here* speak to the receivers and do not hold the
//! route back; RFC 1997 binds who receives them.
//!
//! **Invariants**: a pure function of its arguments. Policy comes before the local AS is prepended,
//! so an AS that policy prepends stands behind it.
//!
//! **References**: RFC 4271 sections 5.1 and 9.1.3, RFC 1997, RFC 4456 sections 6 to 8, RFC 8950,
//! RFC 9234 section 5, RFC 9494 section 4.3.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bgp_wire::{
    AttrType, Family, NextHop, Nlri, Summary, SummaryFlags, V4Prefix, V6Prefix, attr, attrs,
};

use super::{
    ExportScope, GroupKey, NextHopMode, NotSent, SessionKind,
    rewrite::{self, External, Reflection},
};
use crate::{
    PeerKind, TableFamily, family_index, is_constrained, keeps_next_hop,
    policy::{Compiled, NextHopSet, Outcome, PrefixClass, Scratch},
    with_family,
};

/// A best path as the rules see it.
#[derive(Copy, Clone, Debug)]
pub(super) struct Route<'a> {
    pub(super) canonical: &'a [u8],
    pub(super) summary: &'a Summary,
    /// What kind of peer it came from.
    pub(super) source: PeerKind,
    /// BGP Identifier of that peer.
    pub(super) source_id: Ipv4Addr,
    pub(super) next_hop: NextHop,
}

/// What the rules say. The attributes to send are left in the caller's buffer.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Send {
        next_hop: NextHop,
        by_prefix: bool,
    },
    Withhold {
        reason: NotSent,
        by_prefix: bool,
    },
    /// The class of the prefix is needed.
    NeedsPrefix,
}

impl Verdict {
    fn withhold(reason: NotSent) -> Self {
        Self::Withhold { reason, by_prefix: false }
    }
}

/// Buffers reused between calls.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    pub(super) policy: Scratch,
    /// The attributes to send.
    pub(super) out: Vec<u8>,
}

/// Decides about `route` for prefixes of `family` and `class`.
pub(super) fn decide(
    key: &GroupKey,
    policy: &Compiled,
    family: Family,
    class: Option<PrefixClass>,
    route: Route<'_>,
    buffers: &mut Buffers,
) -> Verdict {
    let originated = route.source == PeerKind::Local;
    if let Err(reason) = may_relay(key, family, &route) {
        return Verdict::withhold(reason);
    }
    let Buffers { policy: scratch, out } = buffers;
    let mut by_prefix = false;
    let mut canonical = route.canonical;
    let mut med_set = false;
    let mut chosen = None;
    if !policy.is_permit_all() {
        match policy.eval(class, route.canonical, route.summary, key.local_as, scratch) {
            Outcome::NeedsPrefix => return Verdict::NeedsPrefix,
            Outcome::Deny { by_prefix } => {
                return Verdict::Withhold { reason: NotSent::Policy, by_prefix };
            }
            Outcome::Permit { edited, med_set: set, next_hop, by_prefix: asked } => {
                if edited {
                    canonical = &scratch.canonical;
                }
                med_set = set;
                chosen = next_hop;
                by_prefix = asked;
            }
        }
    }
    if is_constrained(family) && !key.targets.admit(canonical) {
        return Verdict::Withhold { reason: NotSent::RouteTarget, by_prefix };
    }
    let next_hop = match next_hop(key, family, &route, chosen) {
        Ok(next_hop) => next_hop,
        Err(reason) => return Verdict::Withhold { reason, by_prefix },
    };
    out.clear();
    if key.is_ebgp() {
        let to = External {
            local_as: key.local_as,
            second_as: key.second_as,
            private_as: key.private_as,
            keep_med: originated || med_set,
            // RFC 9234 section 5 is about unicast only.
            attach_otc: key.otc.attach && is_unicast(family),
        };
        rewrite::external(canonical, &to, out);
    } else {
        let reflection = matches!(route.source, PeerKind::Ibgp { .. })
            .then_some(Reflection { originator: route.source_id, cluster_id: key.cluster_id });
        rewrite::internal(canonical, key.default_local_pref, reflection, out);
    }
    if !fits(key, family, out, &next_hop) {
        return Verdict::Withhold { reason: NotSent::TooLarge, by_prefix };
    }
    Verdict::Send { next_hop, by_prefix }
}

const fn is_unicast(family: Family) -> bool {
    matches!(family, Family::IPV4_UNICAST | Family::IPV6_UNICAST)
}

/// The checks before policy.
fn may_relay(key: &GroupKey, family: Family, route: &Route<'_>) -> Result<(), NotSent> {
    let client = match route.source {
        PeerKind::Local => return Ok(()),
        _ if key.scope == ExportScope::OriginatedOnly => return Err(NotSent::NotOriginated),
        PeerKind::Ebgp => None,
        PeerKind::Ibgp { client } => Some(client),
    };
    let flags = route.summary.flags;
    if flags.contains(SummaryFlags::NO_ADVERTISE) {
        return Err(NotSent::NoAdvertise);
    }
    if flags.contains(SummaryFlags::LLGR_STALE) && !key.long_lived {
        return Err(NotSent::LongLivedStale);
    }
    if key.is_ebgp() {
        if flags.contains(SummaryFlags::NO_EXPORT) {
            return Err(NotSent::NoExport);
        }
        if flags.contains(SummaryFlags::NO_EXPORT_SUBCONFED) {
            return Err(NotSent::NoExportSubconfed);
        }
        if key.otc.stop
            && is_unicast(family)
            && attr::find(route.canonical, AttrType::ONLY_TO_CUSTOMER).is_some()
        {
            return Err(NotSent::OnlyToCustomer);
        }
    }
    if key.session == SessionKind::Ibgp && client == Some(false) {
        return Err(NotSent::NotReflected);
    }
    Ok(())
}

/// The next hop to send, or why there is none.
fn next_hop(
    key: &GroupKey,
    family: Family,
    route: &Route<'_>,
    chosen: Option<NextHopSet>,
) -> Result<NextHop, NotSent> {
    if keeps_next_hop(family) && route.source != PeerKind::Local {
        if chosen.is_some() {
            return Err(NotSent::LabelNotOurs);
        }
        return Some(route.next_hop)
            .and_then(without_link_local)
            .filter(|next_hop| carries(key, family, next_hop))
            .ok_or(NotSent::NoNextHop);
    }
    if family == Family::ROUTE_TARGET {
        // RFC 4684 section 3.2: the local address, whoever wants the routes.
        return own_next_hop(key, family).ok_or(NotSent::NoNextHop);
    }
    free_next_hop(key, family, route, chosen).ok_or(NotSent::NoNextHop)
}

/// The next hop of a route that may get another one; `None` if there is none of a form the session
/// can carry.
fn free_next_hop(
    key: &GroupKey,
    family: Family,
    route: &Route<'_>,
    chosen: Option<NextHopSet>,
) -> Option<NextHop> {
    let next_hop = match chosen {
        Some(NextHopSet::Address(IpAddr::V4(addr))) => NextHop::V4(addr),
        Some(NextHopSet::Address(IpAddr::V6(addr))) => NextHop::V6(addr),
        Some(NextHopSet::Own) => own_next_hop(key, family)?,
        None => match kept(key, route) {
            // Where our own would be sent anyway, it is no loss that this one cannot be.
            Some(kept) if key.is_ebgp() && !carries(key, family, &kept) => {
                own_next_hop(key, family)?
            }
            Some(kept) => kept,
            None => own_next_hop(key, family)?,
        },
    };
    carries(key, family, &next_hop).then_some(next_hop)
}

/// The route's own next hop, as far as it is sent on.
fn kept(key: &GroupKey, route: &Route<'_>) -> Option<NextHop> {
    if route.source == PeerKind::Local || key.next_hop == NextHopMode::Own {
        return None;
    }
    let third_party = key.is_ebgp() && key.next_hop == NextHopMode::Standard;
    match route.next_hop {
        NextHop::V4(addr) if third_party => {
            key.shared_v4.is_some_and(|subnet| covers_v4(subnet, addr)).then_some(route.next_hop)
        }
        // On the shared link its link-local address is good too (RFC 2545 section 3).
        NextHop::V6(global) | NextHop::V6WithLinkLocal { global, .. } if third_party => {
            key.shared_v6.is_some_and(|subnet| covers_v6(subnet, global)).then_some(route.next_hop)
        }
        kept => without_link_local(kept),
    }
}

/// The next hop as it is good on any link; `None` for a link-local one.
fn without_link_local(next_hop: NextHop) -> Option<NextHop> {
    match next_hop {
        NextHop::V4(_) => Some(next_hop),
        NextHop::V6(global) | NextHop::V6WithLinkLocal { global, .. } => {
            (!global.is_unicast_link_local()).then_some(NextHop::V6(global))
        }
    }
}

fn covers_v4(subnet: V4Prefix, addr: Ipv4Addr) -> bool {
    V4Prefix::new(addr, 32).is_some_and(|host| subnet.covers(&host))
}

fn covers_v6(subnet: V6Prefix, addr: Ipv6Addr) -> bool {
    !addr.is_unicast_link_local()
        && V6Prefix::new(addr, 128).is_some_and(|host| subnet.covers(&host))
}

/// The session can carry such a next hop in this family.
fn carries(key: &GroupKey, family: Family, next_hop: &NextHop) -> bool {
    match (family, next_hop) {
        (Family::IPV6_UNICAST, NextHop::V4(_)) => false,
        // An IPv4 address in an IPv6 family of routers with labels is sent mapped (RFC 4659, 4798).
        (_, NextHop::V4(_)) => true,
        (Family::IPV4_UNICAST | Family::IPV4_LABELED | Family::IPV4_VPN, _) => {
            key.ext_next_hop.contains(family)
        }
        _ => true,
    }
}

fn own_next_hop(key: &GroupKey, family: Family) -> Option<NextHop> {
    if family != Family::IPV6_UNICAST
        && let Some(addr) = key.next_hop_v4
    {
        return Some(NextHop::V4(addr));
    }
    own_v6(key.next_hop_v6, key.link_local)
}

fn own_v6(global: Option<Ipv6Addr>, link_local: Option<Ipv6Addr>) -> Option<NextHop> {
    match (global, link_local) {
        (Some(global), Some(link_local)) if global != link_local => {
            Some(NextHop::V6WithLinkLocal { global, link_local })
        }
        (Some(only), _) | (None, Some(only)) => Some(NextHop::V6(only)),
        (None, None) => None,
    }
}

/// A message with these attributes has room for at least one prefix (RFC 4271 section 9.2: what
/// cannot be sent must not be advertised, and the peer must not keep an older version).
fn fits(key: &GroupKey, family: Family, canonical: &[u8], next_hop: &NextHop) -> bool {
    const UPDATE_MIN: usize = 23;
    // NEXT_HOP, or MP_REACH_NLRI with extended length, AFI, SAFI, lengths and the longest next hop.
    let next_hop = match next_hop {
        NextHop::V4(_) if family == Family::IPV4_UNICAST => 7,
        _ => 4 + 2 + 1 + 1 + 48 + 1,
    };
    let index = family_index(family);
    let longest = |index: usize| with_family!(index, P => <P as TableFamily>::Wire::MAX_LEN);
    let nlri = 4 + index.and_then(longest).unwrap_or_default();
    // To a two-octet peer AS_PATH and AGGREGATOR may go twice, whole and abridged (RFC 6793).
    let doubled = if key.as4 { 0 } else { doubled_len(canonical) };
    UPDATE_MIN + canonical.len() + doubled + next_hop + nlri <= key.max_len
}

fn doubled_len(canonical: &[u8]) -> usize {
    attrs(canonical)
        .filter(|attr| matches!(attr.kind, AttrType::AS_PATH | AttrType::AGGREGATOR))
        .map(|attr| attr.value.len() + 4)
        .sum()
}
