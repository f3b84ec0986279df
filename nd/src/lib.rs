//! Who is on the other end of a link: router advertisements sent and heard, RFC 4861.
//!
//! **What for.** A BGP neighbour that is named by an interface has no configured address. Both ends say
//! that they are there by Router Advertisements, and their source is the link-local address to peer with.
//!
//! **Where it sits.** `speaker` starts one [`runner`] (feature `tokio`) an interface and dials whom it
//! [finds](Finding). The core owns no socket and reads no clock.
//!
//! **How it works.** [`Message`] is the codec of the two messages that matter. [`Interface`] is one
//! interface: `(event, now) -> effects`, with one deadline. [`Neighbors`] keeps who was heard and decides
//! whether that is nobody, one, or more than a point-to-point link can have.
//!
//! ```text
//! ICMPv6 -> Message::decode -> Interface::handle(now, Received) ─┐
//!             sleep until next_deadline -> Interface::poll ──────┴─> Effects: advertise, solicit, found
//! ```
//!
//! **On the wire.** Three advertisements a second apart when an interface comes up, then one every 7.5 to
//! 10 seconds, and one for a solicitation or a new neighbour. Their router lifetime is 0 unless
//! configured: they say "a router is here", not "send your default traffic here", so that no host on
//! the link installs a default route. FRR, and we, learn the neighbour from any advertisement.
//!
//! **Not here.** Prefix information and address configuration, redirects, neighbour solicitation (the
//! kernel's own), SEND (RFC 3971).
//!
//! References: RFC 4861 sections 4.1, 4.2, 4.6, 6.1, 6.2, 10; RFC 4007 (zones).
//!
//! ```
//! use std::time::Instant;
//! use nd::{Config, Effect, Finding, Interface, Own};
//!
//! # #[allow(clippy::disallowed_methods)]
//! let now = Instant::now();
//! let own = Own { link_local: "fe80::1".parse().unwrap(), link_layer: None };
//! let mut interface = Interface::new(Config::default(), own, 42, now);
//! let mut effects = Vec::new();
//! interface.poll(now, &mut effects);
//! assert!(effects.iter().any(|e| matches!(e, Effect::Advertise(_))));
//! assert_eq!(interface.finding(), Finding::Nobody);
//! ```
#![forbid(unsafe_code)]

mod interface;
mod neighbors;
mod packet;
#[cfg(feature = "tokio")]
pub mod runner;

pub use interface::{Config, Effect, Event, Interface, Own};
pub use neighbors::{Finding, Neighbor, Neighbors};
pub use packet::{
    LinkLayer, MAX_PACKET, Message, PacketError, RouterAdvertisement, RouterSolicitation,
};

use std::net::Ipv6Addr;

/// All nodes of a link: where advertisements go.
pub const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
/// All routers of a link: where solicitations go.
pub const ALL_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);
/// Hop limit of every message, sent and received: proof that no router forwarded it.
pub const HOP_LIMIT: u8 = 255;
