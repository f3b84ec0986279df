//! A framed message, told apart by type.
//!
//! What for: the state machine wants OPEN, NOTIFICATION and ROUTE-REFRESH decoded and UPDATE left
//! as bytes; this does exactly that.
//! Where: between [`next_frame`](crate::next_frame) and the session.
//! How: [`Message::decode`] on a whole frame.
//! Invariants: the frame came from `next_frame`, so its length is already right for its type.
//! References: RFC 4271 section 4.
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        clippy::arithmetic_side_effects
    )
)]

use crate::{
    error::{DecodeError, DecodeErrorKind},
    frame::{HEADER_LEN, MessageType},
    notification::Notification,
    open::Open,
    route_refresh::RouteRefresh,
};

/// A message, decoded except for UPDATE, which is parsed by the table side with its context.
#[derive(Clone, Eq, PartialEq, Debug)]
pub enum Message<'a> {
    /// OPEN.
    Open(Open),
    /// UPDATE: the body, without header, for [`UpdateView::parse`](crate::update::UpdateView::parse).
    Update(&'a [u8]),
    /// NOTIFICATION.
    Notification(Notification),
    /// KEEPALIVE.
    Keepalive,
    /// ROUTE-REFRESH.
    RouteRefresh(RouteRefresh),
}

impl<'a> Message<'a> {
    /// Decodes a whole frame, header included.
    ///
    /// # Errors
    /// What the decoder of the type reports; a type or length `next_frame` would have refused.
    pub fn decode(frame: &'a [u8]) -> Result<Self, DecodeError> {
        let Some((header, body)) = frame.split_first_chunk::<HEADER_LEN>() else {
            let length = u16::try_from(frame.len()).unwrap_or(u16::MAX);
            return Err(DecodeError::new(16, DecodeErrorKind::BadMessageLength(length)));
        };
        let [.., kind] = *header;
        match MessageType(kind) {
            MessageType::OPEN => Open::decode(body).map(Self::Open),
            MessageType::UPDATE => Ok(Self::Update(body)),
            MessageType::NOTIFICATION => Notification::decode(body).map(Self::Notification),
            MessageType::KEEPALIVE => Ok(Self::Keepalive),
            MessageType::ROUTE_REFRESH => RouteRefresh::decode(body).map(Self::RouteRefresh),
            _ => Err(DecodeError::new(18, DecodeErrorKind::BadMessageType(kind))),
        }
    }

    /// The message's type.
    pub const fn kind(&self) -> MessageType {
        match self {
            Self::Open(_) => MessageType::OPEN,
            Self::Update(_) => MessageType::UPDATE,
            Self::Notification(_) => MessageType::NOTIFICATION,
            Self::Keepalive => MessageType::KEEPALIVE,
            Self::RouteRefresh(_) => MessageType::ROUTE_REFRESH,
        }
    }
}
