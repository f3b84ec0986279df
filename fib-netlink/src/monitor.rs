//! The subscription: kernel notifications to [`KernelEvent`]s, complete or declared incomplete.
//!
//! One task a subscription owns one socket and feeds one bounded channel:
//!
//! ```text
//! kernel --multicast--> socket buffer --task--> channel (bounded) --> subscriber
//!                       overflow: ENOBUFS -> Reset, dump again, Synced
//! ```
//!
//! The dump runs on the subscribed socket itself, so a change during the dump is in the stream behind or
//! before its dump entry in the order the kernel saw it. A slow subscriber fills the channel, then the socket,
//! and is resynchronised; nothing grows. The task ends when the receiver is dropped.
//!
//! Invariants: every stream is (dump, Synced, changes, Reset)*; no route of our own protocol, no route
//! of the local table, only unicast and discarding routes.

use std::io;
use std::time::Duration;

use nix::errno::Errno;
use tokio::sync::mpsc;

use crate::error::Error;
use crate::event::{KernelEvent, RouteKind};
use crate::nl::consts::{AF_INET, AF_INET6};
use crate::nl::read::messages;
use crate::nl::socket::{AsyncEvents, Events};
use crate::nl::write;
use crate::route::FibConfig;

const CHANNEL_EVENTS: usize = 4096;
/// Pause before a new dump, so that a storm of changes does not become a storm of dumps.
const RESYNC_PAUSE: Duration = Duration::from_millis(100);
/// A dump that gives nothing for so long has lost its end.
const DUMP_SILENCE: Duration = Duration::from_secs(10);

/// Subscribe to the kernel of the calling thread's network namespace. Must be called inside a tokio
/// runtime with I/O and time enabled. The stream starts with a full dump, then [`KernelEvent::Synced`].
pub fn monitor(config: &FibConfig) -> Result<mpsc::Receiver<KernelEvent>, Error> {
    let events = Events::open(config.protocol, None)?.into_async()?;
    let (tx, rx) = mpsc::channel(CHANNEL_EVENTS);
    let task = Monitor { events, tx, protocol: config.protocol, seq: 0 };
    tokio::spawn(task.run());
    Ok(rx)
}

struct Monitor {
    events: AsyncEvents,
    tx: mpsc::Sender<KernelEvent>,
    protocol: u8,
    seq: u32,
}

/// Why a pass over the stream ended.
enum End {
    /// Nobody listens any more.
    Unsubscribed,
    /// Notifications were lost or the dump was disturbed.
    Incomplete,
    /// The socket does not work.
    Broken(io::Error),
}

/// What one datagram did to a dump.
enum Progress {
    More,
    /// The kernel was changed meanwhile; the rest still has to be read.
    Disturbed,
    Done,
}

impl From<io::Error> for End {
    fn from(error: io::Error) -> Self {
        match Errno::from_raw(error.raw_os_error().unwrap_or(0)) {
            Errno::ENOBUFS => Self::Incomplete,
            _ => Self::Broken(error),
        }
    }
}

impl Monitor {
    async fn run(mut self) {
        let tx = self.tx.clone();
        loop {
            let end = tokio::select! {
                end = self.pass() => end,
                () = tx.closed() => End::Unsubscribed,
            };
            match end {
                End::Unsubscribed => return,
                End::Incomplete => {
                    tracing::debug!("kernel notifications were lost, reading all again")
                }
                End::Broken(error) => {
                    tracing::warn!(%error, "netlink subscription failed, trying again")
                }
            }
            tokio::time::sleep(RESYNC_PAUSE).await;
            if tx.send(KernelEvent::Reset).await.is_err() {
                return;
            }
        }
    }

    async fn pass(&mut self) -> End {
        if let Err(end) = self.dump().await {
            return end;
        }
        if self.tx.send(KernelEvent::Synced).await.is_err() {
            return End::Unsubscribed;
        }
        loop {
            if let Err(end) = self.forward(None).await {
                return end;
            }
        }
    }

    async fn dump(&mut self) -> Result<(), End> {
        let requests: [fn(&mut Vec<u8>, u32); 5] = [
            write::dump_links,
            |out, seq| write::dump_addresses(out, AF_INET, seq),
            |out, seq| write::dump_addresses(out, AF_INET6, seq),
            |out, seq| write::dump_routes(out, AF_INET, None, seq),
            |out, seq| write::dump_routes(out, AF_INET6, None, seq),
        ];
        // A dump must be read to its end before the next may begin, even when it is worthless.
        let mut complete = true;
        for request in requests {
            self.seq = self.seq.wrapping_add(1).max(1);
            let mut out = Vec::new();
            request(&mut out, self.seq);
            self.events.request(&out)?;
            loop {
                let forward =
                    tokio::time::timeout(DUMP_SILENCE, self.forward(Some(self.seq))).await;
                match forward {
                    Ok(Ok(Progress::Done)) => break,
                    Ok(Ok(Progress::More)) => {}
                    Ok(Ok(Progress::Disturbed) | Err(End::Incomplete)) => complete = false,
                    Ok(Err(end)) => return Err(end),
                    Err(_silence) => return Err(End::Incomplete),
                }
            }
        }
        if complete { Ok(()) } else { Err(End::Incomplete) }
    }

    /// Pass one datagram on; with `seq` also watch for the end of that dump.
    async fn forward(&mut self, seq: Option<u32>) -> Result<Progress, End> {
        self.events.next().await?;
        let mut progress = Progress::More;
        for message in messages(self.events.datagram()) {
            let answers = seq.is_some_and(|seq| self.events.is_answer(&message, seq));
            if answers && message.is_interrupted() {
                progress = Progress::Disturbed;
            }
            if let Some(ack) = message.ack() {
                if answers && ack.errno == Errno::EBUSY as i32 {
                    return Err(End::Incomplete);
                }
                if answers {
                    // Another refusal means a family that is switched off: nothing to read.
                    progress = Progress::Done;
                }
                continue;
            }
            let Some(event) = message.event().filter(|event| self.is_reported(event)) else {
                continue;
            };
            self.tx.send(event).await.map_err(|_| End::Unsubscribed)?;
        }
        Ok(progress)
    }

    fn is_reported(&self, event: &KernelEvent) -> bool {
        match event {
            KernelEvent::Route(route) | KernelEvent::RouteGone(route) => {
                route.protocol != self.protocol
                    && matches!(route.kind, RouteKind::Unicast | RouteKind::Discard)
            }
            _ => true,
        }
    }
}
