//! What a session needs beyond the state machine's configuration: addresses and socket options.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use socket2::Socket;

use crate::config::{ChangeImpact, PeerConfig};

/// Which way a connection is opened, for [`SocketSetup`].
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug)]
pub enum Direction {
    /// By us: the hook runs before `connect`.
    Outgoing,
    /// By the peer: the hook runs after `accept`, before anything is read or sent.
    Incoming,
    /// Either: the connection is in use, and [`SessionConfig::live_revision`] has changed.
    Live,
}

/// A caller's hook for the options this crate does not set: TCP MD5 keys, GTSM and the like. An
/// error makes the attempt fail (outgoing), closes the connection (incoming) or begins the session anew (live).
#[derive(Clone)]
pub struct SocketSetup(Arc<Hook>);

type Hook = dyn Fn(&Socket, Direction) -> io::Result<()> + Send + Sync;

impl SocketSetup {
    /// Wraps the hook.
    pub fn new(
        hook: impl Fn(&Socket, Direction) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(hook))
    }

    pub(super) fn apply(&self, socket: &Socket, direction: Direction) -> io::Result<()> {
        (self.0)(socket, direction)
    }
}

impl Default for SocketSetup {
    fn default() -> Self {
        Self::new(|_, _| Ok(()))
    }
}

impl fmt::Debug for SocketSetup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SocketSetup")
    }
}

/// The configuration of one session.
#[derive(Clone, Debug)]
pub struct SessionConfig {
    /// What the state machine needs.
    pub peer: PeerConfig,
    /// Where to connect; an IPv6 link-local address carries its interface as scope id.
    pub remote: SocketAddr,
    /// The local address to connect from; port 0 lets the kernel choose.
    pub local: Option<SocketAddr>,
    /// TTL or hop limit of what we send, 1..=255; the kernel's default without.
    pub ttl: Option<u8>,
    /// The interface or VRF device to bind outgoing connections to.
    pub bind_device: Option<String>,
    /// The limit of one attempt to connect; also limited by the ConnectRetry time.
    pub connect_timeout: Duration,
    /// Socket send buffer in octets; the kernel's choice without.
    pub send_buffer: Option<usize>,
    /// Socket receive buffer in octets; the kernel's choice without.
    pub receive_buffer: Option<usize>,
    /// Octets that may wait in the [`Outbox`](super::Outbox) before it is full.
    pub outbox_high: usize,
    /// When the queue of a full outbox has fallen to this many octets, `on_low_watermark` is called.
    pub outbox_low: usize,
    /// Further socket options.
    pub setup: SocketSetup,
    /// A number that changes when `setup` would do something else (another key, another minimum
    /// TTL): hooks cannot be compared, and the change needs a new session.
    pub setup_revision: u64,
    /// A number that changes when `setup` would do something else that an open connection can be given: another
    /// key of the same kind. The hook is run on each of them, and the session goes on.
    pub live_revision: u64,
    /// Seed of the timers' jitter; give each peer its own.
    pub seed: u64,
    /// `Some`: the peer is administratively shut down. A session ends with that Cease and this text
    /// (may be empty), nothing is dialed and connections of the peer are refused.
    pub shutdown: Option<String>,
    /// The peer does not run before [`open_gate`](super::SessionHandle::open_gate). Counts when the
    /// session's task starts.
    pub starts_gated: bool,
}

impl SessionConfig {
    /// A session with `remote`, with the defaults: 30 s to connect, 4 MiB outbox that resumes at
    /// 1 MiB, the kernel's socket buffers.
    pub fn new(peer: PeerConfig, remote: SocketAddr) -> Self {
        Self {
            peer,
            remote,
            local: None,
            ttl: None,
            bind_device: None,
            connect_timeout: Duration::from_secs(30),
            send_buffer: None,
            receive_buffer: None,
            outbox_high: 4 << 20,
            outbox_low: 1 << 20,
            setup: SocketSetup::default(),
            setup_revision: 0,
            live_revision: 0,
            seed: 0,
            shutdown: None,
            starts_gated: false,
        }
    }

    /// What going from `self` to `new` costs, the state machine's fields included.
    pub fn impact(&self, new: &Self) -> ChangeImpact {
        let mut impact = self.peer.impact(&new.peer);
        let reset = [
            ("remote", self.remote != new.remote),
            ("local", self.local != new.local),
            ("ttl", self.ttl != new.ttl),
            ("bind_device", self.bind_device != new.bind_device),
            ("setup", self.setup_revision != new.setup_revision),
            ("shutdown", self.shutdown.is_some() != new.shutdown.is_some()),
        ];
        let next_session = [
            ("connect_timeout", self.connect_timeout != new.connect_timeout),
            ("send_buffer", self.send_buffer != new.send_buffer),
            ("receive_buffer", self.receive_buffer != new.receive_buffer),
            ("keys", self.live_revision != new.live_revision),
            ("outbox", (self.outbox_high, self.outbox_low) != (new.outbox_high, new.outbox_low)),
        ];
        let changed = |fields: &[(&'static str, bool)]| -> Vec<_> {
            fields.iter().filter(|(_, differs)| *differs).map(|(name, _)| *name).collect()
        };
        impact.reset.extend(changed(&reset));
        impact.next_session.extend(changed(&next_session));
        impact
    }
}
