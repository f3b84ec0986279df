//! The handle: what a program does with the kernel's routes.
//!
//! Held by the speaker; cheap to clone. Behind it one thread of its own owns the request socket
//! ([`crate::owner`]), because the kernel works through a batch inside `send` and would block an
//! asynchronous worker for milliseconds. Commands go through a bounded channel in order.
//!
//! Invariants: dropping every handle ends the thread and leaves the routes in the kernel (a restart
//! must not stop forwarding); nothing but routes of our protocol in our table is ever deleted.

use tokio::sync::{mpsc, oneshot};

use crate::error::Error;
use crate::event::KernelEvent;
use crate::monitor::monitor;
use crate::nl::socket::{Events, Requests};
use crate::owner::{Command, Owner};
use crate::route::{Change, FibConfig, Route};
use crate::status::{Applied, SharedStatus, Status};

/// Batches that may wait for the kernel before [`Fib::apply`] makes the caller wait.
const QUEUED_BATCHES: usize = 64;

/// A handle to the kernel routes of one table that carry our protocol number.
///
/// There must be one owner for a pair of table and protocol: a second one would take the routes of the
/// first for leftovers and sweep them.
#[derive(Clone, Debug)]
pub struct Fib {
    config: FibConfig,
    commands: mpsc::Sender<Command>,
    status: SharedStatus,
}

impl Fib {
    /// Open the routing table of the calling thread's network namespace and read what is ours in it.
    /// A synchronisation is open from the start (as after [`Fib::begin_sync`]).
    ///
    /// # Errors
    /// No netlink socket, or the routes cannot be read. Lack of CAP_NET_ADMIN shows only at the
    /// first change, as an error of each route.
    pub async fn open(config: FibConfig) -> Result<Self, Error> {
        let requests = Requests::open()?;
        let events = Events::open(config.protocol, Some(requests.port()))?;
        let status = SharedStatus::default();
        let (commands, receiver) = mpsc::channel(QUEUED_BATCHES);
        let (ready, opened) = oneshot::channel();
        let owner = Owner::new(config.clone(), requests, status.clone());
        std::thread::Builder::new()
            .name("fib-netlink".to_owned())
            .spawn(move || owner.run(events, receiver, ready))
            .map_err(Error::Thread)?;
        opened.await.map_err(|_| Error::Closed)??;
        Ok(Self { config, commands, status })
    }

    /// The configuration this was opened with.
    pub fn config(&self) -> &FibConfig {
        &self.config
    }

    /// Queue a batch of changes; waits only when 64 are waiting already. Of several changes
    /// to a prefix the last counts. What the kernel refuses shows in [`Fib::status`].
    ///
    /// # Errors
    /// [`Error::Closed`] when the owner has ended.
    pub async fn apply(&self, batch: Vec<Change>) -> Result<(), Error> {
        self.commands.send(Command::Apply(batch, None)).await.map_err(|_| Error::Closed)
    }

    /// Apply a batch and wait until the kernel has answered for every route of it.
    ///
    /// # Errors
    /// [`Error::Closed`]; refused routes are not an error of the batch but listed in [`Applied::errors`].
    pub async fn apply_wait(&self, batch: Vec<Change>) -> Result<Applied, Error> {
        self.ask(|reply| Command::Apply(batch, Some(reply))).await
    }

    /// Wait until everything queued before is done.
    ///
    /// # Errors
    /// [`Error::Closed`] when the owner has ended.
    pub async fn flush(&self) -> Result<(), Error> {
        self.apply_wait(Vec::new()).await.map(|_| ())
    }

    /// Begin to state all routes anew: what is in the kernel stays, and counts as stale until a
    /// [`Change::Replace`] confirms it. Equal routes are confirmed without being written.
    ///
    /// # Errors
    /// [`Error::Closed`] when the owner has ended.
    pub async fn begin_sync(&self) -> Result<(), Error> {
        self.commands.send(Command::BeginSync).await.map_err(|_| Error::Closed)
    }

    /// All routes are stated: remove those of ours that nobody confirmed. Returns what was removed.
    ///
    /// # Errors
    /// [`Error::Closed`] when the owner has ended.
    pub async fn end_sync(&self) -> Result<Applied, Error> {
        self.ask(Command::EndSync).await
    }

    /// Counters, and the routes that could not be installed.
    pub fn status(&self) -> Status {
        self.status.lock().clone()
    }

    /// Our routes as the kernel holds them now, sorted by prefix.
    ///
    /// # Errors
    /// The kernel could not be read, or [`Error::Closed`].
    pub async fn read_back(&self) -> Result<Vec<Route>, Error> {
        self.ask(Command::ReadBack).await?
    }

    /// A new subscription to links, addresses and the routes of others; see [`monitor()`]. Call it from
    /// a thread in the same network namespace as [`Fib::open`].
    ///
    /// # Errors
    /// No netlink socket.
    pub fn events(&self) -> Result<mpsc::Receiver<KernelEvent>, Error> {
        monitor(&self.config)
    }

    async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<T>) -> Command,
    ) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(command(reply)).await.map_err(|_| Error::Closed)?;
        answer.await.map_err(|_| Error::Closed)
    }
}
