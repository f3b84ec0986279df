//! The runner: sockets, the clock, and a thread that does nothing but BFD.
//!
//! **What for.** A full table being loaded must not delay a packet that is due every 50 ms. So all
//! sessions of a process live on one operating-system thread with a runtime of its own (and, where the
//! process may, a higher priority): whatever the rest of the process does, it only competes for the CPU.
//!
//! **How it works.** Who depends on a path asks for a [`Watch`] and may ask from anywhere; the thread
//! compares what is asked for with what runs. Watches of the same path share one session, whose
//! intervals are the shortest that any of them wants. [`Status`] is told by a watch channel: a slow
//! reader misses intermediate states, never that the session has failed ([`Status::failures`] counts).
//!
//! ```text
//!   Runner::watch -> Watch -- table of wishes, Notify --> thread `bfd`: Demux, Sessions, sockets
//!                      ^------- status, report <------------------------'
//! ```
//!
//! A port that another process holds (a BFD daemon on the same node) is tried again every
//! [`RETRY`]; until then the session sends nothing and its [`Status::problem`] says why.
//!
//! Invariants: nothing is sent for a path while what is received for it goes elsewhere; what is in a
//! socket is read before silence is judged, so that a stall of this process is no failure of the path;
//! the last [`Watch`] of a path gone, the peer is told AdminDown for [`LINGER`].
//!
//! References: RFC 5880 section 6.8.16, RFC 5881 sections 4 and 5, RFC 5882 section 4, RFC 5883 section 5.

mod engine;
mod report;
mod slot;
mod sockets;
mod wishes;

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::demux::PathKey;
use crate::session::SessionConfig;
use engine::Engine;
pub use report::{Counters, LastDown, Report, Status};
use wishes::{Key, Wishes};

/// Pause between attempts to open sockets.
pub const RETRY: Duration = Duration::from_secs(2);

/// How long a peer is told that a session is no longer wanted (RFC 5880 section 6.8.16: for at least a
/// detection time, which is three of the slow intervals).
pub const LINGER: Duration = Duration::from_secs(3);

/// Niceness of the thread, where that is allowed.
const NICE: i32 = -15;

/// Both ends of a path and how far they are apart.
#[derive(Clone, Debug, Eq, PartialEq, Hash)]
pub enum Endpoints {
    /// Neighbours on a link, RFC 5881: UDP port 3784, TTL 255 demanded.
    SingleHop {
        /// Our address; packets come from it.
        local: IpAddr,
        /// The neighbour's address.
        remote: IpAddr,
        /// Index of the interface between them, never 0; also the scope of link-local addresses.
        ifindex: u32,
        /// The VRF device that the interface belongs to, if any.
        device: Option<String>,
    },
    /// Peers some hops away, RFC 5883: UDP port 4784, any TTL.
    MultiHop {
        /// Our address; packets come from it.
        local: IpAddr,
        /// The peer's address.
        remote: IpAddr,
        /// The interface or VRF device that packets must leave by, if any.
        device: Option<String>,
    },
}

impl Endpoints {
    /// Our address.
    pub fn local(&self) -> IpAddr {
        match self {
            Self::SingleHop { local, .. } | Self::MultiHop { local, .. } => *local,
        }
    }

    /// The peer's address.
    pub fn remote(&self) -> IpAddr {
        match self {
            Self::SingleHop { remote, .. } | Self::MultiHop { remote, .. } => *remote,
        }
    }

    /// The interface between the ends; 0 when any.
    pub fn ifindex(&self) -> u32 {
        match self {
            Self::SingleHop { ifindex, .. } => *ifindex,
            Self::MultiHop { .. } => 0,
        }
    }

    /// Whether the path may cross routers.
    pub fn is_multihop(&self) -> bool {
        matches!(self, Self::MultiHop { .. })
    }

    fn device(&self) -> Option<&str> {
        match self {
            Self::SingleHop { device, .. } | Self::MultiHop { device, .. } => device.as_deref(),
        }
    }

    fn path(&self) -> PathKey {
        match *self {
            Self::SingleHop { remote, ifindex, .. } => PathKey::SingleHop { ifindex, remote },
            Self::MultiHop { local, remote, .. } => PathKey::MultiHop { local, remote },
        }
    }

    fn key(&self) -> Key {
        Key { path: self.path(), device: self.device().map(str::to_owned) }
    }
}

/// All BFD sessions of a process (of a network namespace: that of the thread that starts it).
///
/// Dropping it tells all peers AdminDown, once, and ends the thread.
#[derive(Debug)]
pub struct Runner {
    wishes: Arc<Wishes>,
    thread: Option<JoinHandle<()>>,
}

impl Runner {
    /// Starts the thread. No socket is opened before the first [`Watch`].
    ///
    /// # Errors
    /// No thread or no epoll to be had.
    pub fn start() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let wishes = Arc::new(Wishes::default());
        let engine = Engine::new(Arc::clone(&wishes), RandomState::new().hash_one("bfd"));
        let thread = std::thread::Builder::new().name("bfd".to_owned()).spawn(move || {
            // Without the right to it the thread runs at the priority of all others.
            if let Err(error) = rustix::process::setpriority_process(None, NICE) {
                tracing::debug!(%error, "BFD runs at normal priority");
            }
            runtime.block_on(engine.run());
        })?;
        Ok(Self { wishes, thread: Some(thread) })
    }

    /// Asks for a session on a path. When the path has one already, it is shared: it then runs with the
    /// shortest intervals and the smallest multiplier asked for, and keeps its local address.
    pub fn watch(&self, endpoints: Endpoints, config: SessionConfig) -> Watch {
        let (key, id) = (endpoints.key(), self.wishes.next_id());
        let (status, report) = self.wishes.add(key.clone(), id, endpoints, config, clock());
        Watch { wishes: Arc::clone(&self.wishes), key, id, status, report }
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        self.wishes.stop();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the BFD thread had panicked");
        }
    }
}

/// An interest in a path. Dropping the last one of a path ends the session: the peer is told AdminDown,
/// which says nothing about forwarding.
#[derive(Debug)]
pub struct Watch {
    wishes: Arc<Wishes>,
    key: Key,
    id: u64,
    status: watch::Receiver<Status>,
    report: report::Shared,
}

impl Watch {
    /// What a protocol acts on; changes are told.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }

    /// Everything an operator may want to see.
    pub fn report(&self) -> Report {
        self.report.read()
    }

    /// Other intervals or another multiplier; a session that is Up stays so (a Poll Sequence tells the
    /// peer).
    pub fn reconfigure(&self, config: SessionConfig) {
        self.wishes.change(&self.key, self.id, |wish| wish.config = config);
    }

    /// Holds the session down by intent, or lets it go. It is held while any of its watches holds it.
    pub fn set_admin_down(&self, is_held: bool) {
        self.wishes.change(&self.key, self.id, |wish| wish.is_held = is_held);
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.wishes.remove(&self.key, self.id);
    }
}

/// The one place where this crate reads the clock.
#[expect(clippy::disallowed_methods, reason = "the shell's clock; everything below takes `now`")]
fn clock() -> Instant {
    Instant::now()
}
