//! The runner: an [`Interface`] with a socket and a clock. Feature `tokio`.
//!
//! [`start`] opens one raw ICMPv6 socket and one task for one interface. What is found is in a watch
//! channel; who wants to be woken gives a [`Notify`].
//!
//! ```text
//!   owner ── heard, vouch, set_own (bounded) ──> task of the interface ── raw ICMPv6 socket
//!     ^                                               │
//!     └──────────── Report (watch), wake ─────────────┘
//! ```
//!
//! Invariants: a packet that fails a check is counted and changes nothing; a send that fails is tried
//! again after a second and shown; the task ends with its handle.

mod socket;

use std::io;
use std::net::Ipv6Addr;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant as TokioInstant;

use self::socket::LinkSocket;
use crate::{ALL_NODES, ALL_ROUTERS, Config, Effect, Event, Finding, Interface, Neighbor, Own};

/// Signs of life that may wait for the task; more of them say nothing new.
const COMMANDS: usize = 16;
/// Pause after the socket failed to read.
const READ_PAUSE: Duration = Duration::from_secs(1);

/// What is known of a link.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Report {
    /// Who is there.
    pub finding: Finding,
    /// Everybody who was heard.
    pub neighbors: Vec<Neighbor>,
    /// Why the last message could not be sent, if it could not.
    pub error: Option<String>,
    /// Advertisements and solicitations sent.
    pub sent: u64,
    /// Messages received and believed.
    pub received: u64,
    /// Messages that failed a check of RFC 4861 section 6.1.
    pub refused: u64,
}

/// A running interface. Dropping it ends the task without a final advertisement.
#[derive(Debug)]
pub struct Handle {
    ifindex: u32,
    commands: mpsc::Sender<Command>,
    report: watch::Receiver<Report>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
enum Command {
    Event(Event),
    /// An event, and who waits until it has been taken in.
    Answered(Event, oneshot::Sender<()>),
    Stop,
}

/// Starts to advertise and listen on an interface, in the current tokio runtime. `wake` is notified
/// whenever [`Report::finding`] changes.
///
/// # Errors
/// No raw socket: `PermissionDenied` without CAP_NET_RAW; no such interface.
pub fn start(
    name: &str,
    ifindex: u32,
    own: Own,
    config: Config,
    wake: Arc<Notify>,
) -> io::Result<Handle> {
    let socket = LinkSocket::open(name, ifindex)?;
    let (commands, inbox) = mpsc::channel(COMMANDS);
    let empty = Report {
        finding: Finding::Nobody,
        neighbors: Vec::new(),
        error: None,
        sent: 0,
        received: 0,
        refused: 0,
    };
    let (show, report) = watch::channel(empty);
    // Each interface its own jitter, also among machines that start together.
    let seed = u128::from(own.link_local) as u64 ^ u64::from(ifindex);
    let interface = Interface::new(config, own, seed, clock());
    let task = Task { socket, interface, show, wake };
    let task = tokio::spawn(task.run(inbox));
    Ok(Handle { ifindex, commands, report, task })
}

impl Handle {
    /// The interface it was started for.
    pub fn ifindex(&self) -> u32 {
        self.ifindex
    }

    /// What is known now.
    pub fn report(&self) -> Report {
        self.report.borrow().clone()
    }

    /// Who is there now.
    pub fn finding(&self) -> Finding {
        self.report.borrow().finding
    }

    /// Somebody gave a sign of life that is no message of ours to read, such as a connection. Returns
    /// when it has been taken in.
    pub async fn heard(&self, source: Ipv6Addr) {
        self.ask(Event::Heard(source)).await;
    }

    /// A session with `neighbor` lives, or none does. Returns when that has been taken in.
    pub async fn vouch(&self, neighbor: Option<Ipv6Addr>) {
        self.ask(Event::Vouched(neighbor)).await;
    }

    /// Our own address has changed.
    pub async fn set_own(&self, own: Own) {
        self.send(Event::Own(own)).await;
    }

    /// Ends with a final advertisement, where one is due (RFC 4861 section 6.2.5).
    pub async fn stop(mut self) {
        // Closed: the task has ended, which is what is asked for.
        let _ended = self.commands.send(Command::Stop).await;
        let _ended = (&mut self.task).await;
    }

    async fn send(&self, event: Event) {
        // Closed: the runtime is going down.
        let _ended = self.commands.send(Command::Event(event)).await;
    }

    async fn ask(&self, event: Event) {
        let (answer, done) = oneshot::channel();
        if self.commands.send(Command::Answered(event, answer)).await.is_ok() {
            // Closed: as above.
            let _ended = done.await;
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Task {
    socket: LinkSocket,
    interface: Interface,
    show: watch::Sender<Report>,
    wake: Arc<Notify>,
}

impl Task {
    async fn run(mut self, mut inbox: mpsc::Receiver<Command>) {
        let mut effects = Vec::new();
        let mut sleep = pin!(tokio::time::sleep_until(TokioInstant::now()));
        let mut deaf_until = None;
        loop {
            let deadline = self.interface.next_deadline();
            if let Some(at) = deadline {
                sleep.as_mut().reset(TokioInstant::from_std(at));
            }
            let now = clock();
            tokio::select! {
                () = sleep.as_mut(), if deadline.is_some() => {
                    self.interface.poll(clock(), &mut effects);
                }
                command = inbox.recv() => match command {
                    Some(Command::Event(event)) => {
                        self.interface.handle(clock(), event, &mut effects);
                    }
                    Some(Command::Answered(event, answer)) => {
                        self.interface.handle(clock(), event, &mut effects);
                        self.carry_out(&mut effects);
                        // Nobody waits any more.
                        let _gone = answer.send(());
                    }
                    Some(Command::Stop) | None => {
                        self.interface.handle(clock(), Event::Stop, &mut effects);
                        self.carry_out(&mut effects);
                        return;
                    }
                },
                received = self.receive(deaf_until, now) => match received {
                    Ok((source, Ok(message))) => {
                        self.show.send_modify(|r| r.received += 1);
                        let event = Event::Received { source, message };
                        self.interface.handle(clock(), event, &mut effects);
                    }
                    Ok((source, Err(why))) => {
                        tracing::debug!(ifindex = self.ifindex(), %source, %why, "not believed");
                        self.show.send_modify(|r| r.refused += 1);
                    }
                    Err(error) => {
                        deaf_until = Some(clock() + READ_PAUSE);
                        self.failed(&error);
                    }
                },
            }
            self.carry_out(&mut effects);
        }
    }

    async fn receive(
        &self,
        deaf_until: Option<Instant>,
        now: Instant,
    ) -> io::Result<socket::Received> {
        if let Some(until) = deaf_until.filter(|until| *until > now) {
            tokio::time::sleep_until(TokioInstant::from_std(until)).await;
        }
        self.socket.receive().await
    }

    fn carry_out(&mut self, effects: &mut Vec<Effect>) {
        let mut found = false;
        let mut failed = false;
        for effect in effects.drain(..) {
            let sent = match effect {
                Effect::Advertise(message) => self.socket.send(&message, ALL_NODES),
                Effect::Solicit(message) => self.socket.send(&message, ALL_ROUTERS),
                Effect::Found(_) => {
                    found = true;
                    continue;
                }
            };
            match sent {
                Ok(()) => self.show.send_modify(|r| {
                    r.sent += 1;
                    r.error = None;
                }),
                Err(error) => {
                    failed = true;
                    self.failed(&error);
                }
            }
        }
        if failed {
            self.interface.handle(clock(), Event::SendFailed, effects);
            // Nothing is due so soon after.
            found |= effects.drain(..).any(|e| matches!(e, Effect::Found(_)));
        }
        self.show.send_modify(|report| {
            report.finding = self.interface.finding();
            report.neighbors.clear();
            report.neighbors.extend(self.interface.neighbors().iter());
        });
        if found {
            self.wake.notify_one();
        }
    }

    fn failed(&self, error: &io::Error) {
        tracing::debug!(ifindex = self.ifindex(), %error, "router advertisements");
        self.show.send_modify(|r| r.error = Some(error.to_string()));
    }

    fn ifindex(&self) -> u32 {
        self.socket.ifindex()
    }
}

/// The only place where the runner reads the clock; tokio's, so that tests can pause it.
fn clock() -> Instant {
    TokioInstant::now().into_std()
}
