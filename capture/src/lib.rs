//! BGP out of files.
//!
//! What for: an engineer has a capture, a table dump, the octets of a BMP session, or a message
//! pasted from a log; tools want one stream of messages and routes.
//! Where: between files and renderers such as `cosmos decode`. It finds where messages begin and
//! end, who sent them and when; what is in them is `bgp-wire`'s work.
//! How: the content tells compression and [`Format`]; a [`Reader`] hands out [`Record`]s that borrow
//! its buffers.
//! Invariants: memory is bounded whatever the file says (each module states its bound); hostile
//! files give errors and gaps, never a panic; what is missing or skipped is told, never silent.
//!
//! ```
//! use capture::{Format, Input, Record, open};
//!
//! let text = "ffffffff ffffffff ffffffff ffffffff 0013 04  # a KEEPALIVE";
//! let mut reader = open(Input::bytes(text.into()), Format::Auto)?;
//! while let Some(record) = reader.next()? {
//!     let Record::Message(message) = record else { continue };
//!     assert_eq!(message.bytes.len(), 19);
//! }
//! assert_eq!(reader.format(), Format::Hex);
//! # Ok::<(), capture::Error>(())
//! ```
//!
//! References: RFC 4271 section 4.1, RFC 6396, 6397, 8050 (MRT), RFC 7854, 8671, 9069 (BMP).
#![forbid(unsafe_code)]

mod bmp;
mod error;
mod format;
mod framing;
mod hex;
mod item;
mod mrt;
mod octets;
mod packet;
mod raw;
mod reader;
mod record;
mod source;
mod unpack;

pub use error::Error;
pub use format::{Format, UnknownFormat};
pub use reader::{Input, Options, Progress, Reader, open};
pub use record::{
    BmpPeer, BmpView, Container, Endpoint, GapReason, GapRecord, MessageRecord, Origin, Peer,
    Record, RouteRecord, StateKind, StateRecord, Timestamp,
};
