//! BGP message codec: bytes to typed messages and back, RFC 7606 verdicts.
#![forbid(unsafe_code)]

pub mod asn;
pub mod attr;
pub mod capability;
mod cursor;
pub mod error;
pub mod family;
pub mod frame;
pub mod message;
pub mod next_hop;
pub mod notification;
pub mod open;
pub mod prefix;
pub mod route_refresh;
#[cfg(feature = "serde")]
mod text_serde;
pub mod update;

pub use asn::Asn;
pub use attr::{
    AsPath, AttrBuilder, AttrType, Community, ExtCommunity, LargeCommunity, Summary, SummaryFlags,
    attrs,
};
pub use capability::{
    AddPathDirection, Capability, ExtendedNextHop, GracefulFamily, LongLivedFamily,
};
pub use error::{DecodeError, DecodeErrorKind, ParseError};
pub use family::{Afi, Family, FamilySet, Safi};
pub use frame::{
    Framed, HEADER_LEN, KEEPALIVE, MAX_EXTENDED, MAX_MESSAGE, MessageType, next_frame,
};
pub use message::Message;
pub use next_hop::NextHop;
pub use notification::Notification;
pub use open::Open;
pub use prefix::{NlriPrefix, Prefix, V4Prefix, V6Prefix};
pub use route_refresh::RouteRefresh;
pub use update::{
    AttrOutcome, AttrScratch, EncodeContext, NlriIter, PackStats, UpdateContext, UpdateView,
    end_of_rib, pack_announce, pack_withdraw,
};
