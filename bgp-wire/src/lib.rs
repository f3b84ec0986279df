//! BGP message codec: bytes to typed messages and back, RFC 7606 verdicts.
//!
//! What for: everything between a TCP stream and typed routes, both ways, and nothing else: no I/O,
//! no clock, no tables. Usable on its own by anything that reads or writes BGP.
//!
//! Where it sits: below the state machine (bgp-fsm) and the tables (rib); it knows neither.
//!
//! How a message goes in:
//! ```text
//!   stream ─next_frame─> frame ─Message::decode─> OPEN, NOTIFICATION, ROUTE-REFRESH: owned values
//!                          └────UpdateView::parse──> UPDATE: checked ranges, nothing copied
//!                                   ├─ withdrawn_v4, reach_v6, ...: prefixes
//!                                   └─ attrs: canonical attribute bytes, or treat-as-withdraw
//! ```
//! and out: `encode` of each message, [`AttrBuilder`] for attribute sets, [`pack_announce`],
//! [`pack_withdraw`] and [`end_of_rib`] for UPDATEs.
//!
//! Who judges what: `next_frame` the header; `decode` of a type its syntax; `UpdateView::parse` what
//! ends the session; `UpdateView::attrs` what costs routes or attributes ([`attr::table`] has a row
//! for each attribute). Semantics (is this the right AS, is there a loop, does the next hop resolve)
//! belong to the callers. Every [`DecodeError`] carries the octet offset of the fault and makes the
//! exact NOTIFICATION. For people, [`findings()`] lists all there is to say about a message, each with
//! its octet, verdict and section.
//!
//! Invariants: no input panics or makes a loop longer than itself; unknown capabilities and unknown
//! transitive attributes survive octet for octet; canonical attribute bytes of equal sets are equal.
//!
//! What is allocated: decoding a message of `n` octets allocates at most `128 * n + 4096` octets, all
//! allocations added up (findings and text are apart). In the steady state, with a warm
//! [`AttrScratch`] or output buffer, an UPDATE allocates nothing, in or out, save for repeated large
//! communities, packing for a two-octet peer, and routes too long to be inline (opaque EVPN, long
//! flow specifications). `tests/alloc.rs` counts.
//!
//! Where to begin:
//!
//! | to | use |
//! |---|---|
//! | cut a stream into messages | [`next_frame`], [`Message::decode`] |
//! | read an UPDATE | [`UpdateView`]: `reach_v4`, `mp_reach` and their like for routes, `attrs` for attributes |
//! | read attributes of a canonical set | [`attr::attrs`] and [`AsPath::of`], [`Community::of`], ... one by one; [`attr::AttrValue`] any of them; [`Summary`] what a decision needs |
//! | read routes of any family | [`nlri::AnyNlri`], or the type of the family |
//! | make attributes, then UPDATEs | [`AttrBuilder`], [`pack_announce`], [`pack_withdraw`], [`end_of_rib`] |
//! | answer a fault | [`DecodeError::notification`] |
//! | explain a message to a person | [`message_findings`], `Display` of everything |
//! | read what people write | `FromStr` and `parse`: what is shown reads back |
//!
//! Families with NLRI of their own: IPv4 and IPv6 unicast, multicast, labelled, VPN, flow
//! specification and VPN flow specification; EVPN; route target constraint ([`nlri`] has their
//! types). Others are named ([`Family`]) and negotiable, and their NLRI is skipped and counted. A new
//! one is an [`Nlri`] type and a variant of [`nlri::AnyNlri`], with an arm in its `of_family`.
//!
//! ```
//! use bgp_wire::{
//!     AsPath, Asn, AttrBuilder, AttrOutcome, AttrScratch, EncodeContext, Family, Framed, MAX_MESSAGE,
//!     NextHop, UpdateContext, UpdateView, V4Prefix, next_frame, pack_announce,
//! };
//!
//! // Announce two prefixes with one attribute set...
//! let mut set = Vec::new();
//! AttrBuilder::new().set_origin(0).replace_as_path(&[Asn(65001), Asn(65002)]).finish(&mut set);
//! let nlri: [V4Prefix; 2] = ["192.0.2.0/24".parse()?, "198.51.100.0/25".parse()?];
//! let next_hop = NextHop::V4([203, 0, 113, 1].into());
//! let mut stream = Vec::new();
//! let (family, ctx) = (Family::IPV4_UNICAST, EncodeContext::default());
//! pack_announce(family, &set, Some(&next_hop), &ctx, nlri.map(|p| (0, p)), &mut stream);
//!
//! // ... and read them back.
//! let Framed::Message { frame, .. } = next_frame(&stream, MAX_MESSAGE)? else { panic!() };
//! let view = UpdateView::parse(&frame[19..], &UpdateContext::default())?;
//! assert_eq!(view.next_hop_v4(), Some(next_hop));
//! assert!(view.reach_v4().map(|(_path_id, prefix)| prefix).eq(nlri));
//! let mut scratch = AttrScratch::default();
//! match view.attrs(&mut scratch) {
//!     AttrOutcome::Ok { canonical, .. } => {
//!         assert_eq!(canonical, set);
//!         assert_eq!(AsPath::of(canonical).to_string(), "65001 65002");
//!     }
//!     AttrOutcome::TreatAsWithdraw(reason) => panic!("{reason}"),
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! References: RFC 4271, 1997, 2545, 2918, 4360, 4364, 4456, 4659, 4684, 4724, 4760, 5065, 5291, 5292,
//! 5492, 5668, 5701, 6286, 6514, 6608, 6793, 7311, 7313, 7432, 7606, 7607, 7911, 8092, 8277, 8365, 8538,
//! 8654, 8669, 8950, 8955, 8956, 9003, 9012, 9072, 9136, 9234, 9252, 9384, 9494, 9552, 9687.
#![forbid(unsafe_code)]

pub mod asn;
pub mod attr;
pub mod capability;
mod cursor;
pub mod error;
pub mod family;
pub mod frame;
pub mod message;
#[cfg(feature = "serde")]
mod message_serde;
pub mod next_hop;
pub mod nlri;
pub mod notification;
pub mod open;
pub mod prefix;
pub mod route_refresh;
#[cfg(feature = "serde")]
mod text_serde;
pub mod update;

pub use asn::Asn;
pub use attr::{
    AsPath, AttrBuilder, AttrType, AttrValue, Community, ExtCommunity, ExtKind, Ipv6ExtCommunity,
    Ipv6ExtKind, LargeCommunity, Summary, SummaryFlags, attrs,
};
pub use capability::{
    AddPathDirection, Capability, ExtendedNextHop, GracefulFamily, LongLivedFamily, OrfFamily,
};
pub use error::{DecodeError, DecodeErrorKind, ParseError};
pub use family::{Afi, Family, FamilySet, Safi};
pub use frame::{
    Framed, HEADER_LEN, KEEPALIVE, MAX_EXTENDED, MAX_MESSAGE, MessageType, next_frame,
};
pub use message::Message;
pub use next_hop::NextHop;
pub use nlri::{
    AnyNlri, Esi, EsiKind, EvpnKey, EvpnLabel, EvpnPrefix, EvpnRoute, FlowSpec, Label, LabelStack,
    Labeled, MacAddr, Nlri, OpaqueEvpn, RouteDistinguisher, RouteTargetMembership, Vpn,
    VpnFlowSpec,
};
pub use notification::Notification;
pub use open::Open;
pub use prefix::{NlriPrefix, Prefix, V4Prefix, V6Prefix};
pub use route_refresh::RouteRefresh;
pub use update::{
    AttrOutcome, AttrScratch, EncodeContext, Finding, FindingKind, MpFault, MpReach, MpUnreach,
    NlriIter, PackStats, UpdateContext, UpdateView, Verdict, end_of_rib, findings,
    message_findings, pack_announce, pack_withdraw,
};
