//! A peer that receives, counts exactly, and knows the moment when its table is right.
//!
//! The table it waits for is given beforehand: prefixes, each with the first community its route must
//! carry (or any). An announcement, a withdrawal or a wrong attribute set moves the count of right
//! prefixes; the sink is complete when all are right and nothing else is there. IPv4 prefixes live in
//! a flat open-addressing table, so that one thread keeps up with millions a second.

mod index;

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use ipnet::IpNet;

pub use self::index::{ANY, Index};
use crate::frame::decode;
use crate::frame::{Attributes, NOTIFICATION, UPDATE, encode, take};
use crate::script::{Identity, Session};
use crate::sender::is_timeout;
use crate::wait::clock;

/// What a sink has seen so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// UPDATE messages.
    pub updates: u64,
    /// Prefixes announced, repetitions included.
    pub announced: u64,
    /// Prefixes withdrawn, repetitions included.
    pub withdrawn: u64,
    /// Octets received.
    pub octets: u64,
    /// Prefixes expected and held with the right attribute set.
    pub right: usize,
    /// Prefixes expected.
    pub expected: usize,
    /// Prefixes held that nobody expects.
    pub unexpected: usize,
}

#[derive(Debug)]
struct State {
    counts: Counts,
    index: Index,
    kept: Option<HashMap<IpNet, Arc<Attributes>>>,
    first_update: Option<Instant>,
    complete: Option<Instant>,
    last: Option<Instant>,
    ended: Option<String>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

/// An Established session that receives.
#[derive(Debug)]
pub struct Sink {
    stream: TcpStream,
    shared: Arc<Shared>,
    reader: Option<JoinHandle<()>>,
}

impl Sink {
    /// Takes over a fresh connection and waits for `expected`: prefix and first community ([`ANY`]
    /// for no check). With `keep` it also remembers every route's attributes, which is slow.
    ///
    /// # Errors
    /// When the handshake fails.
    pub fn start(
        mut session: Session,
        identity: &Identity,
        expected: impl IntoIterator<Item = (IpNet, u32)>,
        keep: bool,
    ) -> Result<Self> {
        session.handshake(identity)?;
        let hold_time = session.hold_time;
        let stream = session.stream;
        let index = Index::new(expected);
        let counts = Counts { expected: index.expected(), ..Counts::default() };
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                counts,
                index,
                kept: keep.then(HashMap::new),
                first_update: None,
                complete: None,
                last: None,
                ended: None,
            }),
            changed: Condvar::new(),
        });
        let reader = std::thread::spawn({
            let (stream, shared) =
                (stream.try_clone().context("second handle")?, Arc::clone(&shared));
            move || {
                let why = receive(stream, &shared, hold_time);
                let why = why.err().map_or_else(|| "closed".to_owned(), |e| format!("{e:#}"));
                shared.state.lock().expect("reader does not panic").ended = Some(why);
                shared.changed.notify_all();
            }
        });
        Ok(Self { stream, shared, reader: Some(reader) })
    }

    /// The counts now.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.state().counts
    }

    /// Replaces what is expected; what is held stays held.
    pub fn expect(&self, expected: impl IntoIterator<Item = (IpNet, u32)>) {
        let mut state = self.state();
        let held = state.index.held();
        state.index = Index::new(expected);
        for (prefix, tag) in held {
            state.index.announce_net(&prefix, tag);
        }
        state.complete = None;
        state.refresh(clock());
    }

    /// Routes held with their attributes; empty unless started with `keep`.
    #[must_use]
    pub fn routes(&self) -> HashMap<IpNet, Arc<Attributes>> {
        self.state().kept.clone().unwrap_or_default()
    }

    /// When the first UPDATE came.
    #[must_use]
    pub fn first_update(&self) -> Option<Instant> {
        self.state().first_update
    }

    /// Waits until the table is exactly right; the moment it became so.
    ///
    /// # Errors
    /// When `patience` passes without any progress, or the session ends.
    pub fn wait_complete(&self, patience: Duration) -> Result<Instant> {
        let mut state = self.state();
        // Not the octets: KEEPALIVEs are no progress.
        let done = |c: &Counts| (c.updates, c.right, c.unexpected);
        let mut progress = (clock(), done(&state.counts));
        loop {
            if let Some(moment) = state.complete {
                return Ok(moment);
            }
            if let Some(why) = &state.ended {
                bail!("the sink's session ended: {why}; {:?}", state.counts);
            }
            if done(&state.counts) != progress.1 {
                progress = (clock(), done(&state.counts));
            }
            ensure!(
                clock().duration_since(progress.0) < patience,
                "no progress for {patience:?}: {:?}; {}",
                state.counts,
                state.index.wrong(10)
            );
            let step = Duration::from_millis(100);
            state = self.shared.changed.wait_timeout(state, step).expect("reader does not panic").0;
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.shared.state.lock().expect("reader does not panic")
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Both);
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

impl State {
    fn refresh(&mut self, now: Instant) {
        self.counts.expected = self.index.expected();
        self.counts.right = self.index.right();
        self.counts.unexpected = self.index.unexpected();
        if !self.index.is_complete() {
            self.complete = None;
        } else if self.complete.is_none() {
            self.complete = Some(now);
        }
    }

    /// Takes in whole messages; the octets used.
    fn burst(&mut self, bytes: &[u8]) -> Result<usize> {
        let mut rest = bytes;
        while let Some((kind, body)) = take(&mut rest)? {
            match kind {
                UPDATE => self.update(body).with_context(|| format!("UPDATE {body:02x?}"))?,
                NOTIFICATION => bail!("NOTIFICATION {body:02x?}"),
                _ => {}
            }
        }
        Ok(bytes.len() - rest.len())
    }

    fn update(&mut self, body: &[u8]) -> Result<()> {
        self.counts.updates += 1;
        if let Some(kept) = &mut self.kept {
            let update = decode::update(body)?;
            for prefix in &update.withdrawn {
                kept.remove(prefix);
            }
            if let Some(attributes) = update.attributes {
                let attributes = Arc::new(attributes);
                for prefix in update.announced {
                    kept.insert(prefix, Arc::clone(&attributes));
                }
            }
        }
        let (withdrawn, announced) = self.index.update(body)?;
        self.counts.withdrawn += withdrawn;
        self.counts.announced += announced;
        Ok(())
    }
}

fn receive(mut stream: TcpStream, shared: &Shared, hold_time: u16) -> Result<()> {
    let interval = match hold_time {
        0 => None,
        secs => Some(Duration::from_secs(u64::from(secs)) / 3),
    };
    stream.set_read_timeout(Some(interval.unwrap_or(Duration::from_secs(60))))?;
    let mut keepalive = Vec::new();
    encode::keepalive(&mut keepalive);
    let mut last_sent = clock();
    let mut buffer = vec![0; 1 << 20];
    let mut filled = 0;
    loop {
        match stream.read(&mut buffer[filled..]) {
            Ok(0) => return Ok(()),
            Ok(count) => {
                filled += count;
                let now = clock();
                let mut state = shared.state.lock().expect("waiters do not panic");
                state.counts.octets += count as u64;
                let updates = state.counts.updates;
                let used = state.burst(&buffer[..filled])?;
                if state.counts.updates > updates {
                    state.first_update.get_or_insert(now);
                    state.last = Some(now);
                    state.refresh(clock());
                }
                drop(state);
                shared.changed.notify_all();
                buffer.copy_within(used..filled, 0);
                filled -= used;
            }
            Err(error) if is_timeout(&error) => {}
            Err(error) => return Err(error.into()),
        }
        if interval.is_some_and(|interval| clock().duration_since(last_sent) >= interval) {
            last_sent = clock();
            stream.write_all(&keepalive)?;
        }
    }
}
