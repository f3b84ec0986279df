//! One BGP peering as a pure state machine, RFC 4271 section 8.
//!
//! [`Peer`] takes events and the time and returns effects: it opens no socket, reads no clock and
//! starts no task, so a test runs an hour of a session in a microsecond. Feature `tokio` adds
//! [`session`], the runner that gives a `Peer` its sockets and its clock.
//!
//! ```
//! use std::net::Ipv4Addr;
//! use std::time::Instant;
//!
//! use bgp_fsm::{Effect, Effects, Event, Peer, PeerConfig, RemoteAs, StateName};
//! use bgp_wire::Asn;
//!
//! # fn clock() -> Instant { Instant::now() }
//! let cfg = PeerConfig::new(Asn(65001), RemoteAs::External, Ipv4Addr::new(192, 0, 2, 1));
//! let mut peer = Peer::new(cfg, 1);
//! let (now, mut out) = (clock(), Effects::new());
//!
//! peer.handle(now, Event::Start, &mut out);
//! assert_eq!(peer.state(), StateName::Connect);
//! assert!(matches!(out.drain().next(), Some(Effect::Connect)));
//!
//! // The shell connects and says so; the OPEN goes out.
//! peer.handle(now, Event::Connected, &mut out);
//! assert_eq!(peer.state(), StateName::OpenSent);
//! assert!(matches!(out.drain().next(), Some(Effect::Send(..))));
//! ```
#![forbid(unsafe_code)]

pub mod collision;
pub mod config;
pub mod damping;
pub mod effect;
pub mod event;
pub mod fsm;
pub mod jitter;
pub mod negotiate;
mod notify;
pub mod peer;
pub mod restart;
pub mod role;
#[cfg(feature = "tokio")]
pub mod session;
pub mod state;
pub mod timers;

pub use config::{ChangeImpact, HoldTime, PeerConfig, RemoteAs};
pub use effect::{DownReason, Effect, Effects};
pub use event::{ConnId, Event, Input, Message, StopReason};
pub use fsm::Fsm;
pub use negotiate::Negotiated;
pub use peer::{Errors, Peer};
pub use restart::{GracefulRestart, Restart, RestartState};
pub use role::Role;
pub use state::{State, StateName};
pub use timers::{Timer, Timers};
