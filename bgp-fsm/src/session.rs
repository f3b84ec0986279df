//! The session runner: a [`Peer`](crate::Peer) with sockets and a clock. Feature `tokio`.
//!
//! [`spawn`] starts one task per peer. It owns everything of that peer: both sockets of a collision,
//! the read buffer, the write queue, the state machine and one sleep.
//!
//! ```text
//!  listener ── incoming(stream) ─┐                        ┌── established / updates / down ──> SessionHandler
//!  owner ──── stop, reset, ... ──┤ (bounded)   task of    │       (synchronous calls)              │
//!                                ├───────────> the peer ──┤                                        │ keeps
//!  tables ── Outbox::push ───────┘ (bytes)        │       └── on_low_watermark ──> tables          v
//!                                                 │                                              Outbox
//!                                            TCP sockets
//! ```
//!
//! Reading: up to 256 KiB at a time into one buffer that is reused; consecutive UPDATE frames are
//! handed over as one slice; the state machine is told once per burst. The handler is called inline,
//! so a slow handler slows the peer down through TCP, and nothing queues up here.
//!
//! Writing: frames of the state machine (KEEPALIVE, NOTIFICATION) go ahead of queued UPDATEs at the
//! next message boundary. A peer that does not read stops neither our reading nor our timers; it is
//! given up by RFC 9687.
//!
//! Ending: after a NOTIFICATION the write side is shut down at once and what the peer still sends is
//! drained for a moment, because closing a socket with unread data makes TCP reset the connection,
//! which may take the NOTIFICATION with it.
//!
//! Not here: the listener, TCP MD5, GTSM and other socket options that need `unsafe`; those come in
//! through [`SocketSetup`].

mod close;
mod config;
mod counters;
mod dial;
mod gate;
mod handle;
mod link;
mod observe;
mod outbox;
mod reconfigure;
mod record;
mod runner;
mod snapshot;

use std::net::SocketAddr;
use std::sync::Arc;

use bgp_wire::{Notification, RouteRefresh};

pub use self::config::{Direction, SessionConfig, SocketSetup};
pub use self::counters::{Counters, MessageCounts};
pub use self::handle::{SessionClosed, SessionHandle, spawn};
pub use self::outbox::{OVERDRAFT, Outbox, PushError};
pub use self::record::{
    Attempts, Deadlines, DownRecord, HISTORY, OpenRecord, Phase, RefusedOpen, Transition,
    TransportFault, TransportRecord,
};
pub use self::snapshot::{ErrorRecord, PeerSnapshot};
use crate::effect::DownReason;
use crate::negotiate::Negotiated;

/// What a session does to its owner. Called from the peer's task, inline: while a method runs,
/// nothing is read from the peer and no timer of it is served, so methods must not block for long.
pub trait SessionHandler: Send + 'static {
    /// The session is Established. Frames for the peer go into `outbox` until `down` is called.
    fn established(&mut self, info: &Established, outbox: Outbox);

    /// A burst of whole UPDATE frames, headers included, back to back; each has passed the checks of
    /// the message header, nothing more.
    ///
    /// # Errors
    /// The NOTIFICATION that resets the session; it is sent and `down` follows.
    fn updates(&mut self, burst: &[u8]) -> Result<(), Notification>;

    /// The peer asks for its routes again. Only called when the capability was negotiated.
    fn route_refresh(&mut self, refresh: RouteRefresh);

    /// The session that was Established has ended; its outbox is closed. Once per `established`.
    fn down(&mut self, reason: &DownReason);

    /// The state of the peer has changed. After `established` and `down`, where one of them is due.
    fn state_changed(&mut self, snapshot: &PeerSnapshot);
}

/// A session that came up.
#[derive(Clone, Debug)]
pub struct Established {
    /// What the OPENs agreed on.
    pub negotiated: Arc<Negotiated>,
    /// Our address and port.
    pub local: SocketAddr,
    /// The peer's address and port.
    pub remote: SocketAddr,
    /// The interface of a link-local peer (the scope of its address); 0 otherwise.
    pub ifindex: u32,
}
