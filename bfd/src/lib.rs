//! Bidirectional Forwarding Detection: a pure state machine and its runner, RFC 5880 to 5883.
//!
//! **What for.** Notice within a fraction of a second that a neighbour no longer forwards, whatever the
//! link says.
//!
//! **Where it sits.** A runner (sockets and one sleep) feeds it and carries out its effects; routing
//! protocols act on [`Effect::StateChanged`]. Nothing but the runner, behind feature `tokio`, reads a clock,
//! owns a socket or waits.
//!
//! **How it works.** [`ControlPacket`] is the codec. [`Demux`] finds the session of a packet and checks its
//! TTL. [`Session`] is one session in asynchronous mode: `(state, event, now) -> effects`, with its two
//! timers as deadlines ([`Session::next_deadline`]).
//!
//! ```text
//! datagram -> ControlPacket::decode -> Demux::select -> Session::handle(now, Packet) -> Effects
//!                                        sleep until next_deadline -> Session::poll_timers -> Effects
//! ```
//!
//! **Not here.** Authentication (a packet that carries it is refused), the Echo function, demand mode of
//! our own (a peer that asks for silence gets it), point-to-multipoint.
//!
//! References: RFC 5880 (base), RFC 5881 (single hop), RFC 5882 (use by protocols), RFC 5883 (multihop).
//!
//! ```
//! use std::time::{Duration, Instant};
//! use bfd::{Discriminator, Effect, Event, Session, SessionConfig, State};
//!
//! # #[allow(clippy::disallowed_methods)]
//! let now = Instant::now();
//! let local = Discriminator::new(7).unwrap();
//! let mut session = Session::new(SessionConfig::default(), local, 42, now);
//! let mut effects = Vec::new();
//! session.poll_timers(now + Duration::from_secs(1), &mut effects);
//! assert!(matches!(effects[..], [Effect::Transmit(packet)] if packet.state == State::Down));
//! ```
#![forbid(unsafe_code)]

mod demux;
mod packet;
#[cfg(feature = "tokio")]
pub mod runner;
mod session;

pub use demux::{Demux, Discard, PathKey};
pub use packet::{ControlPacket, Diagnostic, Discriminator, PACKET_LEN, PacketError, State};
pub use session::{Effect, Event, Interval, Role, SLOW, Session, SessionConfig, Snapshot};

/// UDP destination port of single-hop sessions, RFC 5881 section 4.
pub const SINGLE_HOP_PORT: u16 = 3784;
/// UDP destination port of multihop sessions, RFC 5883 section 5.
pub const MULTIHOP_PORT: u16 = 4784;
/// UDP source ports a session may use, RFC 5881 section 4.
pub const SOURCE_PORTS: std::ops::RangeInclusive<u16> = 49152..=65535;
/// TTL or hop limit of every single-hop packet, sent and received, RFC 5881 section 5.
pub const SINGLE_HOP_TTL: u8 = 255;
