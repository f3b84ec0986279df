//! Messages made of values of any kind: what the encoders write, the decoders read back as equal,
//! and no peer can find fault with its frame.
//!
//! What for: never a message that another speaker must reject.
//! Where: `Open`, `Notification`, `AttrBuilder`, `pack_announce`, `pack_withdraw`, `end_of_rib`.
//! How: [`arbitrary`] turns the input into values; each is encoded, framed, decoded, compared.
//! Invariants: `next_frame` takes every message, none is longer than `max_len`, and routes come back
//! in order, all of them.
//! References: RFC 4271 section 4, RFC 6793 section 4, RFC 7911, RFC 8654.

use std::net::Ipv4Addr;

use arbitrary::{Result, Unstructured};
use bgp_wire::{
    AddPathDirection, Afi, AnyNlri, Asn, AttrBuilder, AttrOutcome, AttrScratch, AttrType,
    Capability, Community, EncodeContext, EvpnRoute, ExtCommunity, ExtendedNextHop, Family,
    FamilySet, FlowSpec, Framed, GracefulFamily, HEADER_LEN, Labeled, LargeCommunity,
    LongLivedFamily, MAX_EXTENDED, MAX_MESSAGE, Message, NextHop, Nlri, NlriPrefix, Open,
    RouteTargetMembership, Safi, UpdateContext, UpdateView, V4Prefix, V6Prefix, Vpn, VpnFlowSpec,
    end_of_rib, next_frame, pack_announce, pack_withdraw,
};

/// Input: what [`Unstructured`] makes of it.
pub fn target(data: &[u8]) {
    let mut u = Unstructured::new(data);
    // Running out of octets ends an input early; that is no finding.
    let _ = match u.int_in_range(0..=3) {
        Ok(0) => open(&mut u),
        Ok(1) => update(&mut u, v4),
        Ok(2) => update(&mut u, v6),
        _ => any_update(&mut u),
    };
}

fn open(u: &mut Unstructured<'_>) -> Result<()> {
    let asn = Asn(u.int_in_range(1..=u32::MAX)?);
    let hold_time = match u.arbitrary()? {
        1 | 2 => 3,
        any => any,
    };
    let id = Ipv4Addr::from_bits(u.int_in_range(1..=u32::MAX)?);
    let capabilities = list(u, 40, capability)?;
    let open = Open::new(asn, hold_time, id, capabilities);
    let mut wire = Vec::new();
    open.encode(&mut wire);
    if wire.len() > MAX_MESSAGE {
        return Ok(());
    }
    let frames = frames(&wire, MAX_MESSAGE);
    assert_eq!(frames.len(), 1);
    assert_eq!(Message::decode(frames[0]), Ok(Message::Open(open)));
    Ok(())
}

fn capability(u: &mut Unstructured<'_>) -> Result<Capability> {
    Ok(match u.int_in_range(0..=11)? {
        0 => Capability::MultiProtocol(family(u)?),
        1 => Capability::RouteRefresh,
        2 => Capability::EnhancedRouteRefresh,
        3 => Capability::ExtendedNextHop(list(u, 8, |u| {
            Ok(ExtendedNextHop { family: family(u)?, next_hop: Afi(u.arbitrary()?) })
        })?),
        4 => Capability::ExtendedMessage,
        5 => Capability::GracefulRestart {
            restarting: u.arbitrary()?,
            notification: u.arbitrary()?,
            restart_time: u.int_in_range(0..=4095)?,
            families: list(u, 8, |u| {
                Ok(GracefulFamily { family: family(u)?, forwarding: u.arbitrary()? })
            })?,
        },
        6 => Capability::AddPath(list(u, 8, |u| {
            let direction = *u.choose(&[
                AddPathDirection::Receive,
                AddPathDirection::Send,
                AddPathDirection::Both,
            ])?;
            Ok((family(u)?, direction))
        })?),
        7 => Capability::Role(u.arbitrary()?),
        8 => Capability::Fqdn { hostname: name(u)?, domain: name(u)? },
        9 => Capability::SoftwareVersion(name(u)?),
        10 => Capability::LongLivedGracefulRestart(list(u, 8, |u| {
            Ok(LongLivedFamily {
                family: family(u)?,
                forwarding: u.arbitrary()?,
                stale_time: u.int_in_range(0..=0xff_ffff)?,
            })
        })?),
        _ => Capability::Unknown {
            code: u.int_in_range(128..=255)?,
            value: list(u, 255, |u| u.arbitrary())?.into(),
        },
    })
}

fn name(u: &mut Unstructured<'_>) -> Result<String> {
    let letters = list(u, 60, |u| u.int_in_range(b'a'..=b'z'))?;
    Ok(letters.into_iter().map(char::from).collect())
}

fn family(u: &mut Unstructured<'_>) -> Result<Family> {
    Ok(Family::new(Afi(u.arbitrary()?), Safi(u.arbitrary()?)))
}

/// Up to `most` values.
fn list<T>(
    u: &mut Unstructured<'_>,
    most: usize,
    mut one: impl FnMut(&mut Unstructured<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    let n = u.int_in_range(0..=most)?;
    (0..n).map(|_| one(u)).collect()
}

/// The attributes of a message, in canonical form.
fn attributes(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let mut b = AttrBuilder::new();
    b.set_origin(u.int_in_range(0..=2)?);
    let mut path = Vec::new();
    for _ in 0..u.int_in_range(0..=3)? {
        let numbers = list(u, 254, |u| u.int_in_range(1..=u32::MAX))?;
        if let Ok(count @ 1..) = u8::try_from(numbers.len()) {
            path.extend_from_slice(&[u.int_in_range(1..=2)?, count]);
            path.extend(numbers.iter().flat_map(|n| n.to_be_bytes()));
        }
    }
    b.set(AttrType::AS_PATH, 0x40, &path);
    b.set_med(u.arbitrary()?).set_local_pref(u.arbitrary()?);
    b.set_communities(&list(u, 100, |u| u.arbitrary().map(Community))?);
    b.set_ext_communities(&list(u, 40, |u| u.arbitrary().map(ExtCommunity))?);
    b.set_large_communities(&list(u, 40, |u| {
        Ok(LargeCommunity(u.arbitrary()?, u.arbitrary()?, u.arbitrary()?))
    })?);
    if let Some(id) = u.arbitrary::<Option<[u8; 4]>>()? {
        let asn = u.int_in_range(1..=u32::MAX)?;
        b.set(AttrType::AGGREGATOR, 0xc0, &[asn.to_be_bytes(), id].concat());
    }
    if let Some(id) = u.arbitrary::<Option<[u8; 4]>>()? {
        b.set(AttrType::ORIGINATOR_ID, 0x80, &id);
        b.set(AttrType::CLUSTER_LIST, 0x80, &id.repeat(u.int_in_range(1..=5)?));
    }
    for _ in 0..u.int_in_range(0..=2)? {
        // Types nobody has assigned.
        let kind = AttrType(u.int_in_range(200..=250)?);
        b.set(kind, 0xe0, &list(u, 300, |u| u.arbitrary())?);
    }
    let mut out = Vec::new();
    assert!(b.finish(&mut out), "no value is that long");
    Ok(out)
}

fn v4(u: &mut Unstructured<'_>) -> Result<V4Prefix> {
    Ok(V4Prefix::from_bits(u.arbitrary()?, u.int_in_range(0..=32)?).expect("at most 32"))
}

fn v6(u: &mut Unstructured<'_>) -> Result<V6Prefix> {
    Ok(V6Prefix::from_bits(u.arbitrary()?, u.int_in_range(0..=128)?).expect("at most 128"))
}

/// A next hop that `NextHop::is_valid` accepts.
fn next_hop(u: &mut Unstructured<'_>) -> Result<NextHop> {
    let hop = match u.int_in_range(0..=2)? {
        0 => NextHop::V4(u.arbitrary::<[u8; 4]>()?.into()),
        1 => NextHop::V6(u.arbitrary::<[u8; 16]>()?.into()),
        _ => NextHop::V6WithLinkLocal {
            global: u.arbitrary::<[u8; 16]>()?.into(),
            link_local: Ipv4Addr::new(169, 254, 0, 1).to_ipv6_mapped(),
        },
    };
    Ok(if hop.is_valid() { hop } else { NextHop::V4(Ipv4Addr::new(192, 0, 2, 1)) })
}

fn update<P: NlriPrefix>(
    u: &mut Unstructured<'_>,
    prefix: impl Fn(&mut Unstructured<'_>) -> Result<P>,
) -> Result<()> {
    let max_len = *u.choose(&[MAX_MESSAGE, MAX_EXTENDED])?;
    let ctx = EncodeContext { as4: u.arbitrary()?, max_len, add_path: u.arbitrary()? };
    let families = UpdateContext::default().families;
    let read = UpdateContext {
        as4: ctx.as4,
        ebgp: false,
        add_path: if ctx.add_path { families } else { FamilySet::EMPTY },
        extended_next_hop: families,
        ..UpdateContext::default()
    };
    let (set, hop) = (attributes(u)?, next_hop(u)?);
    let routes = list(u, 300, |u| Ok((if ctx.add_path { u.arbitrary()? } else { 0 }, prefix(u)?)))?;

    let mut wire = Vec::new();
    let stats = pack_announce(P::FAMILY, &set, Some(&hop), &ctx, routes.iter().copied(), &mut wire);
    let messages = frames(&wire, max_len);
    assert_eq!((messages.len(), stats.prefixes + stats.unsendable), (stats.messages, routes.len()));
    // Each is judged by itself: short routes may fit where long ones do not.
    let id_len = if ctx.add_path { 4 } else { 0 };
    let fits = |route: &&(u32, P)| id_len + route.1.encoded_len() <= stats.room;
    assert_eq!(routes.iter().filter(fits).count(), stats.prefixes);
    let mut scratch = AttrScratch::default();
    let mut back = Vec::new();
    for message in messages {
        let view = UpdateView::parse(&message[HEADER_LEN..], &read).expect("our own message");
        let AttrOutcome::Ok { canonical, discarded: 0, .. } = view.attrs(&mut scratch) else {
            panic!("our own attributes")
        };
        assert_eq!(canonical, set);
        let (routes, next_hop) = routes_of::<P>(&view);
        assert_eq!(next_hop, Some(sent_as(hop, P::FAMILY)));
        back.extend(routes);
    }
    assert!(back.iter().eq(routes.iter().filter(fits)));

    wire.clear();
    let stats = pack_withdraw(P::FAMILY, &ctx, routes.iter().copied(), &mut wire);
    assert_eq!((stats.prefixes, stats.unsendable), (routes.len(), 0));
    end_of_rib(P::FAMILY, &mut wire);
    back.clear();
    let messages = frames(&wire, max_len);
    assert_eq!(messages.len(), stats.messages + 1);
    for (n, message) in messages.iter().enumerate() {
        let view = UpdateView::parse(&message[HEADER_LEN..], &read).expect("our own message");
        let last = n == stats.messages;
        assert_eq!(view.end_of_rib(), last.then_some(P::FAMILY));
        assert!(!view.has_reach() && view.has_unreach() != last);
        back.extend(withdrawn_of::<P>(&view));
    }
    assert_eq!(back, routes);
    Ok(())
}

/// Routes of any family, as their octets make them.
fn any_update(u: &mut Unstructured<'_>) -> Result<()> {
    match *u.choose(&AnyNlri::FAMILIES)? {
        family @ (Family::IPV4_UNICAST | Family::IPV4_MULTICAST) => mp::<V4Prefix>(u, family),
        family @ (Family::IPV6_UNICAST | Family::IPV6_MULTICAST) => mp::<V6Prefix>(u, family),
        family @ Family::IPV4_LABELED => mp::<Labeled<V4Prefix>>(u, family),
        family @ Family::IPV6_LABELED => mp::<Labeled<V6Prefix>>(u, family),
        family @ Family::IPV4_VPN => mp::<Vpn<V4Prefix>>(u, family),
        family @ Family::IPV6_VPN => mp::<Vpn<V6Prefix>>(u, family),
        family @ Family::EVPN => mp::<EvpnRoute>(u, family),
        family @ Family::IPV4_FLOW_SPEC => mp::<FlowSpec<V4Prefix>>(u, family),
        family @ Family::IPV6_FLOW_SPEC => mp::<FlowSpec<V6Prefix>>(u, family),
        family @ Family::IPV4_FLOW_SPEC_VPN => mp::<VpnFlowSpec<V4Prefix>>(u, family),
        family @ Family::IPV6_FLOW_SPEC_VPN => mp::<VpnFlowSpec<V6Prefix>>(u, family),
        family => mp::<RouteTargetMembership>(u, family),
    }
}

fn mp<N: Nlri>(u: &mut Unstructured<'_>, family: Family) -> Result<()> {
    let max_len = *u.choose(&[MAX_MESSAGE, MAX_EXTENDED])?;
    let ctx = EncodeContext { as4: true, max_len, add_path: u.arbitrary()? };
    let families: FamilySet = AnyNlri::FAMILIES.into_iter().collect();
    let read = UpdateContext {
        ebgp: false,
        families,
        add_path: if ctx.add_path { families } else { FamilySet::EMPTY },
        extended_next_hop: families,
        ..UpdateContext::default()
    };
    let (set, hop) = (attributes(u)?, NextHop::V6(Ipv4Addr::new(192, 0, 2, 1).to_ipv6_mapped()));
    let octets = list(u, 1000, |u| u.arbitrary())?;
    let mut field = &octets[..];
    let mut routes: Vec<(u32, N)> = Vec::new();
    while let Some((route, rest)) = N::take(field) {
        routes.push((if ctx.add_path { u.arbitrary()? } else { 0 }, route));
        field = rest;
    }

    let mut wire = Vec::new();
    let stats = pack_announce(family, &set, Some(&hop), &ctx, routes.iter().cloned(), &mut wire);
    let id_len = if ctx.add_path { 4 } else { 0 };
    routes.retain(|(_, route)| id_len + route.encoded_len() <= stats.room);
    assert_eq!(stats.prefixes, routes.len());
    let mut back = Vec::new();
    for message in frames(&wire, max_len) {
        let view = UpdateView::parse(&message[HEADER_LEN..], &read).expect("our own message");
        match view.mp_reach() {
            Some(reach) => back.extend(reach.iter::<N>().expect("the family's type")),
            None => unreachable!("a message without routes"),
        }
    }
    assert_eq!(back, routes);

    wire.clear();
    let stats = pack_withdraw(family, &ctx, routes.iter().cloned(), &mut wire);
    let mut gone = Vec::new();
    for message in frames(&wire, max_len) {
        let view = UpdateView::parse(&message[HEADER_LEN..], &read).expect("our own message");
        if family == Family::IPV4_UNICAST {
            gone.extend(view.withdrawn_v4().map(|(id, route)| (id, withdrawn(&route))));
        } else {
            let field = view.mp_unreach().expect("withdrawals").iter::<N>().expect("its type");
            gone.extend(field.map(|(id, route)| (id, withdrawn(&route))));
        }
    }
    assert_eq!(stats.unsendable, 0, "a withdrawal is no longer than the route was");
    assert!(gone.into_iter().eq(routes.iter().map(|(id, route)| (*id, withdrawn(route)))));
    Ok(())
}

/// What is left of a route in a withdrawal.
fn withdrawn<N: Nlri>(route: &N) -> Vec<u8> {
    let mut octets = Vec::new();
    route.put_withdrawn(&mut octets);
    octets
}

/// An IPv4 next hop of IPv6 routes travels in its IPv4-mapped form.
fn sent_as(hop: NextHop, family: Family) -> NextHop {
    match hop {
        NextHop::V4(addr) if family != Family::IPV4_UNICAST => NextHop::V6(addr.to_ipv6_mapped()),
        hop => hop,
    }
}

/// The messages of a stream, each of which must frame.
fn frames(stream: &[u8], max_len: usize) -> Vec<&[u8]> {
    let mut rest = stream;
    let mut frames = Vec::new();
    while !rest.is_empty() {
        match next_frame(rest, max_len) {
            Ok(Framed::Message { frame, .. }) => {
                assert!(frame.len() <= max_len);
                frames.push(frame);
                rest = &rest[frame.len()..];
            }
            other => panic!("our own message: {other:?}"),
        }
    }
    frames
}

fn routes_of<P: NlriPrefix>(view: &UpdateView<'_>) -> (Vec<(u32, P)>, Option<NextHop>) {
    if P::FAMILY == Family::IPV4_UNICAST {
        (same(view.reach_v4()), view.next_hop_v4())
    } else {
        (same(view.reach_v6()), view.next_hop_v6())
    }
}

fn withdrawn_of<P: NlriPrefix>(view: &UpdateView<'_>) -> Vec<(u32, P)> {
    if P::FAMILY == Family::IPV4_UNICAST {
        same(view.withdrawn_v4())
    } else {
        same(view.unreach_v6())
    }
}

/// Routes of one type as the same type, seen generically: by their wire form.
fn same<A: NlriPrefix, B: NlriPrefix>(routes: impl Iterator<Item = (u32, A)>) -> Vec<(u32, B)> {
    let mut wire = Vec::new();
    routes
        .map(|(id, route)| {
            wire.clear();
            route.put(&mut wire);
            (id, B::take(&wire).expect("the same family").0)
        })
        .collect()
}
