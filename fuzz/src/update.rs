//! An UPDATE body of any bytes, in a context of any kind: parsed, iterated, canonicalised; what is
//! canonical stays so; what was parsed can be packed and parsed again.
//!
//! What for: the message that carries everything a stranger's stranger has made.
//! Where: `UpdateView`, the routes of every family, `AttrOutcome`, the packers.
//! How: the first octet is the session's context, the rest the body. One target a group of families,
//! so that each corpus learns the shape of its own routes; IPv4 and IPv6 unicast are always there.
//! Invariants: no panic; ways to read the same thing agree; faults point inside the message and make
//! NOTIFICATIONs of code 3; no more routes than octets; a route that was read is written as octets
//! and as text that read back to it.
//! References: RFC 4271 section 6.3, RFC 4760, RFC 7606, RFC 7911, RFC 8950.

use std::str::FromStr;

use bgp_wire::{
    AnyNlri, AsPath, Asn, AttrOutcome, AttrScratch, Community, EncodeContext, EvpnRoute,
    ExtCommunity, Family, FamilySet, FlowSpec, HEADER_LEN, Labeled, LargeCommunity, MAX_EXTENDED,
    MpFault, NextHop, Nlri, NlriIter, Notification, RouteTargetMembership, Summary, UpdateContext,
    UpdateView, V4Prefix, V6Prefix, Vpn, VpnFlowSpec, attrs, pack_announce, pack_withdraw,
};

/// IPv4 and IPv6, unicast and multicast. Input: an octet of context, then the body.
pub fn unicast(input: &[u8]) {
    target(input, &[Family::IPV4_MULTICAST, Family::IPV6_MULTICAST]);
}

/// Labelled unicast, as [`unicast`].
pub fn labeled(input: &[u8]) {
    target(input, &[Family::IPV4_LABELED, Family::IPV6_LABELED]);
}

/// VPN-IPv4 and VPN-IPv6, as [`unicast`].
pub fn vpn(input: &[u8]) {
    target(input, &[Family::IPV4_VPN, Family::IPV6_VPN]);
}

/// EVPN, as [`unicast`].
pub fn evpn(input: &[u8]) {
    target(input, &[Family::EVPN]);
}

/// Route target constraint, as [`unicast`].
pub fn rtc(input: &[u8]) {
    target(input, &[Family::ROUTE_TARGET]);
}

/// Flow specifications, plain and of VPNs, as [`unicast`].
pub fn flowspec(input: &[u8]) {
    target(input, &FLOW_SPEC);
}

const FLOW_SPEC: [Family; 4] = [
    Family::IPV4_FLOW_SPEC,
    Family::IPV6_FLOW_SPEC,
    Family::IPV4_FLOW_SPEC_VPN,
    Family::IPV6_FLOW_SPEC_VPN,
];

const UNICAST: [Family; 2] = [Family::IPV4_UNICAST, Family::IPV6_UNICAST];

/// `$run::<N>($($arg),*)` with the type of the family's routes.
macro_rules! with_routes_of {
    ($family:expr, $run:ident($($arg:expr),*)) => {
        match $family {
            Family::IPV4_UNICAST | Family::IPV4_MULTICAST => $run::<V4Prefix>($($arg),*),
            Family::IPV6_UNICAST | Family::IPV6_MULTICAST => $run::<V6Prefix>($($arg),*),
            Family::IPV4_LABELED => $run::<Labeled<V4Prefix>>($($arg),*),
            Family::IPV6_LABELED => $run::<Labeled<V6Prefix>>($($arg),*),
            Family::IPV4_VPN => $run::<Vpn<V4Prefix>>($($arg),*),
            Family::IPV6_VPN => $run::<Vpn<V6Prefix>>($($arg),*),
            Family::EVPN => $run::<EvpnRoute>($($arg),*),
            Family::ROUTE_TARGET => $run::<RouteTargetMembership>($($arg),*),
            Family::IPV4_FLOW_SPEC => $run::<FlowSpec<V4Prefix>>($($arg),*),
            Family::IPV6_FLOW_SPEC => $run::<FlowSpec<V6Prefix>>($($arg),*),
            Family::IPV4_FLOW_SPEC_VPN => $run::<VpnFlowSpec<V4Prefix>>($($arg),*),
            Family::IPV6_FLOW_SPEC_VPN => $run::<VpnFlowSpec<V6Prefix>>($($arg),*),
            other => panic!("{other} was not negotiated"),
        }
    };
}

fn target(input: &[u8], own: &[Family]) {
    let Some((&bits, body)) = input.split_first() else { return };
    let mut ctx = context(bits);
    ctx.families = own.iter().copied().collect();
    if bits & 32 == 0 {
        ctx.families.extend(UNICAST);
    }
    let Some(view) = parse(body, &ctx) else { return };
    assert!(view.disabled_family().is_none() || ctx.mp_fault == MpFault::DisableFamily);
    column(view.withdrawn_v4(), body);
    column(view.unreach_v6(), body);
    if let Some((_, second)) = view.second_reach_v4() {
        column(second, body);
    }
    let v4 = column(view.reach_v4(), body);
    column(view.reach_v6(), body);
    let mut scratch = AttrScratch::default();
    let canonical = judged(&view, body, &mut scratch);
    let mut announced = v4.len();
    if let Some(unreach) = view.mp_unreach() {
        assert!(ctx.families.contains(unreach.family()));
        with_routes_of!(unreach.family(), withdrawn(&view, body));
    }
    if let Some(reach) = view.mp_reach() {
        assert!(ctx.families.contains(reach.family()));
        announced += reach.len();
        with_routes_of!(reach.family(), mp_announced(&view, canonical, body));
    }
    assert_eq!(view.has_reach(), announced > 0);
    if let (Some(canonical), Some(hop)) = (canonical, view.next_hop_v4())
        && view.second_reach_v4().is_none()
    {
        again(Family::IPV4_UNICAST, canonical, Some(hop), &v4);
    }
}

/// All families with routes of a type.
pub(super) fn every_family() -> FamilySet {
    AnyNlri::FAMILIES.into_iter().collect()
}

/// The session an input is of.
pub(super) fn context(bits: u8) -> UpdateContext {
    let all = every_family();
    let which = |bit: u8| if bits & bit != 0 { all } else { FamilySet::EMPTY };
    UpdateContext {
        as4: bits & 1 != 0,
        ebgp: bits & 2 != 0,
        local_as: Asn(65001),
        add_path: which(4),
        extended_next_hop: which(8),
        mp_fault: if bits & 16 != 0 { MpFault::DisableFamily } else { MpFault::Reset },
        confederation: bits & 64 != 0,
        aigp: bits & 128 != 0,
        ..UpdateContext::default()
    }
}

/// The view, or a proper error.
pub(super) fn parse<'a>(body: &'a [u8], ctx: &UpdateContext) -> Option<UpdateView<'a>> {
    match UpdateView::parse(body, ctx) {
        Ok(view) => Some(view),
        Err(e) => {
            let message = [&[0xff; HEADER_LEN][..], body].concat();
            assert!(usize::from(e.at) <= message.len(), "{e} outside of {}", message.len());
            let n = e.notification(&message);
            assert_eq!(n.code, 3);
            assert!(n.data.len() <= Notification::MAX_DATA);
            None
        }
    }
}

/// The routes of a field, read in all the ways there are.
fn column<N: Nlri>(iter: NlriIter<'_, N>, body: &[u8]) -> Vec<(u32, N)> {
    let mut plain = Vec::new();
    iter.clone().read_into(&mut plain);
    let all: Vec<_> = iter.clone().collect();
    assert!(all.len() <= body.len());
    assert_eq!((plain.len(), all.len()), (iter.len(), iter.len()));
    assert!(all.iter().zip(&plain).all(|((_, a), b)| a == b));
    assert!(iter.has_path_ids() || all.iter().all(|(id, _)| *id == 0));
    all
}

/// Announced routes of MP_REACH_NLRI.
fn mp_announced<N: Nlri + FromStr>(view: &UpdateView<'_>, canonical: Option<&[u8]>, body: &[u8]) {
    let reach = view.mp_reach().expect("asked by the caller");
    let routes = column(reach.iter::<N>().expect("its own type"), body);
    assert_eq!(routes.len(), reach.len());
    for (_, route) in &routes {
        let mut wire = Vec::new();
        route.put(&mut wire);
        assert!(wire.len() == route.encoded_len() && wire.len() <= N::MAX_LEN);
        assert_eq!(N::take(&wire).as_ref(), Some(&(route.clone(), &[][..])));
        reads_back(route);
    }
    if let Some(canonical) = canonical
        && view.next_hop_v4().is_none_or(|_| view.second_reach_v4().is_none())
    {
        again(reach.family(), canonical, reach.next_hop(), &routes);
    }
}

/// Withdrawn routes of MP_UNREACH_NLRI.
fn withdrawn<N: Nlri>(view: &UpdateView<'_>, body: &[u8]) {
    let unreach = view.mp_unreach().expect("asked by the caller");
    let routes = column(unreach.iter::<N>().expect("its own type"), body);
    assert_eq!(routes.len(), unreach.len());
    let mut wire = Vec::new();
    let stats = pack_withdraw(unreach.family(), &SEND, routes.iter().cloned(), &mut wire);
    assert_eq!(stats.unsendable, 0);
    if stats.messages == 1 && unreach.family() != Family::IPV4_UNICAST {
        let back = UpdateView::parse(&wire[HEADER_LEN..], &receive()).expect("our own message");
        let unreach = back.mp_unreach().expect("that is how it is sent");
        assert!(unreach.iter::<N>().expect("its own type").eq(routes));
    }
}

/// What is shown parses to the same.
fn reads_back<N: Nlri + FromStr>(route: &N) {
    let text = route.to_string();
    match text.parse::<N>() {
        Ok(again) => assert_eq!(&again, route, "shown as {text:?}"),
        Err(_) => panic!("{route:?} is shown as {text:?}, which does not parse"),
    }
}

/// The canonical attributes, if the routes are to be kept; walked through every reader.
pub(super) fn judged<'b, 'a: 'b>(
    view: &UpdateView<'a>,
    body: &[u8],
    scratch: &'b mut AttrScratch,
) -> Option<&'b [u8]> {
    match view.attrs(scratch) {
        AttrOutcome::Ok { canonical, .. } => {
            let all: usize = attrs(canonical).map(|a| a.raw.len()).sum();
            assert_eq!(all, canonical.len());
            assert!(attrs(canonical).map(|a| a.kind).is_sorted_by(|a, b| a < b));
            let _ = Summary::of(canonical);
            let lists = Community::of(canonical).count()
                + ExtCommunity::of(canonical).count()
                + LargeCommunity::of(canonical).count()
                + AsPath::of(canonical).asns().count();
            assert!(lists <= canonical.len());
            let _ = AsPath::of(canonical).to_string();
            Some(canonical)
        }
        AttrOutcome::TreatAsWithdraw(e) => {
            assert!(usize::from(e.at) <= HEADER_LEN + body.len());
            None
        }
    }
}

const SEND: EncodeContext = EncodeContext { as4: true, max_len: MAX_EXTENDED, add_path: true };

/// How what [`SEND`] sends is read by an internal peer that offers everything.
fn receive() -> UpdateContext {
    let all = every_family();
    UpdateContext {
        ebgp: false,
        confederation: true,
        aigp: true,
        families: all,
        add_path: all,
        extended_next_hop: all,
        ..UpdateContext::default()
    }
}

/// What was parsed, sent to an internal peer, is the same again.
fn again<N: Nlri>(family: Family, canonical: &[u8], hop: Option<NextHop>, nlri: &[(u32, N)]) {
    if nlri.is_empty() {
        return;
    }
    let mut wire = Vec::new();
    let stats =
        pack_announce(family, canonical, hop.as_ref(), &SEND, nlri.iter().cloned(), &mut wire);
    if stats.messages != 1 || stats.unsendable > 0 {
        return;
    }
    let back = UpdateView::parse(&wire[HEADER_LEN..], &receive()).expect("our own message");
    match back.mp_reach() {
        Some(reach) => {
            assert_eq!((reach.family(), reach.next_hop()), (family, hop));
            assert!(reach.iter::<N>().expect("its own type").eq(nlri.iter().cloned()));
        }
        None => {
            assert_eq!((family, back.next_hop_v4()), (Family::IPV4_UNICAST, hop));
            assert!(
                back.reach_v4()
                    .map(|r| (r.0, r.1.to_string()))
                    .eq(nlri.iter().map(|r| (r.0, r.1.to_string())))
            );
        }
    }
    let mut scratch = AttrScratch::default();
    let AttrOutcome::Ok { canonical: same, discarded: 0, .. } = back.attrs(&mut scratch) else {
        panic!("our own attributes")
    };
    assert_eq!(same, canonical);
}
