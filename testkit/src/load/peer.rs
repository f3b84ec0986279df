//! One session of a load: sends prepared frames, keeps its holdings, knows when they are right.
//!
//! A thread of its own reads. It may read slowly on purpose (octets a second), which is how a slow
//! neighbour looks to a speaker: its receive window closes. KEEPALIVEs go out from that thread.

use std::fmt;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use socket2::{Domain, Socket, Type};

use super::open::{self, SubsequentFamily};
use super::{Counts, Holdings, Sighting};
use crate::frame::{NOTIFICATION, UPDATE, encode, take};
use crate::netns::NetNs;
use crate::script::Session;
use crate::sender::is_timeout;
use crate::wait::{self, clock};

/// Hold time offered: longer than any pause of a loaded speaker.
const HOLD_TIME: u16 = 240;
/// A slow reader wakes up this often.
const SIP: Duration = Duration::from_millis(100);

/// Who a peer is, and whom it speaks to.
#[derive(Clone, Debug)]
pub struct Spec {
    /// Its AS.
    pub asn: u32,
    /// Its address, also its BGP Identifier.
    pub address: Ipv4Addr,
    /// The speaker's address.
    pub speaker: Ipv4Addr,
    /// The one family it wants.
    pub family: SubsequentFamily,
    /// Octets a second it reads; `None` is as fast as they come.
    pub pace: Option<u32>,
    /// How long the speaker may take to accept it.
    pub patience: Duration,
}

/// The table did not become right: no progress for the time allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stalled {
    /// Prefixes that are as wanted.
    pub right: usize,
    /// Prefixes there are.
    pub of: usize,
    /// What is wrong, by example.
    pub why: String,
}

impl fmt::Display for Stalled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "stalled at {} of {}: {}", self.right, self.of, self.why)
    }
}

impl std::error::Error for Stalled {}

/// The speaker does not offer the family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotCarried(pub SubsequentFamily);

impl fmt::Display for NotCarried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not carried: the OPEN has no family {}/{}", self.0.0, self.0.1)
    }
}

impl std::error::Error for NotCarried {}

/// The session ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended(pub String);

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the session ended: {}", self.0)
    }
}

impl std::error::Error for Ended {}

#[derive(Debug)]
struct State {
    holdings: Option<Holdings>,
    complete: Option<Instant>,
    ended: Option<String>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    /// Octets a second; 0 is no limit.
    pace: AtomicU32,
}

/// An Established session.
#[derive(Debug)]
pub struct Peer {
    stream: TcpStream,
    writer: Arc<Mutex<TcpStream>>,
    shared: Arc<Shared>,
    reader: Option<JoinHandle<()>>,
    family: SubsequentFamily,
}

impl Peer {
    /// Connects inside `ns` as often as it takes, and starts reading. Without `holdings` what comes is
    /// thrown away.
    ///
    /// # Errors
    /// [`NotCarried`] when the speaker's OPEN lacks the family; otherwise why it does not accept.
    pub fn connect(ns: &NetNs, spec: &Spec, holdings: Option<Holdings>) -> Result<Self> {
        let deadline = clock() + spec.patience;
        loop {
            match establish(ns, spec) {
                Ok((session, hold_time)) => {
                    return Self::start(session, hold_time, spec, holdings);
                }
                Err(error) if error.is::<NotCarried>() || clock() > deadline => {
                    return Err(error).with_context(|| format!("session of {}", spec.address));
                }
                Err(_) => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    }

    fn start(
        session: Session,
        hold_time: u16,
        spec: &Spec,
        holdings: Option<Holdings>,
    ) -> Result<Self> {
        let stream = session.stream;
        let writer = Arc::new(Mutex::new(stream.try_clone().context("second handle")?));
        let shared = Arc::new(Shared {
            state: Mutex::new(State { holdings, complete: None, ended: None }),
            changed: Condvar::new(),
            pace: AtomicU32::new(spec.pace.unwrap_or(0)),
        });
        let reader = std::thread::Builder::new()
            .name(format!("peer {}", spec.address))
            .spawn({
                let stream = stream.try_clone().context("third handle")?;
                let (writer, shared) = (Arc::clone(&writer), Arc::clone(&shared));
                move || {
                    let why = receive(stream, &writer, &shared, hold_time);
                    let why = why.err().map_or_else(|| "closed".to_owned(), |e| format!("{e:#}"));
                    shared.lock().ended = Some(why);
                    shared.changed.notify_all();
                }
            })
            .context("start a reader")?;
        Ok(Self { stream, writer, shared, reader: Some(reader), family: spec.family })
    }

    /// Sends `frames`; returns when the kernel has taken them: the moments of the start and the end.
    ///
    /// # Errors
    /// When the session ends meanwhile.
    pub fn send(&self, frames: &[u8]) -> Result<(Instant, Instant)> {
        let mut writer = self.writer.lock().expect("holders do not panic");
        let start = clock();
        writer.write_all(frames).with_context(|| format!("send; session: {:?}", self.ended()))?;
        Ok((start, clock()))
    }

    /// Asks for all routes again (RFC 2918) and forgets the ones held; the moment of asking.
    ///
    /// # Errors
    /// When the session has ended.
    pub fn refresh(&self) -> Result<Instant> {
        {
            let mut state = self.shared.lock();
            let holdings = state.holdings.as_mut().context("a peer without holdings")?;
            holdings.forget();
            state.complete = None;
        }
        let [a, b] = self.family.0.to_be_bytes();
        let mut message = Vec::new();
        encode::message(5, &[a, b, 0, self.family.1], &mut message);
        Ok(self.send(&message)?.0)
    }

    /// Changes what the table should be.
    ///
    /// # Panics
    /// When the peer keeps no holdings.
    pub fn want(&self, want: &Arc<[u32]>) {
        let mut state = self.shared.lock();
        state.holdings.as_mut().expect("asked of receivers only").want(Arc::clone(want));
        state.complete = None;
        state.refresh();
    }

    /// Reads at another pace from now on.
    pub fn set_pace(&self, pace: Option<u32>) {
        self.shared.pace.store(pace.unwrap_or(0), Ordering::Relaxed);
    }

    /// The counts now; zeros without holdings.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.shared.lock().holdings.as_ref().map(Holdings::counts).unwrap_or_default()
    }

    /// Takes the noted changes of watched prefixes away.
    #[must_use]
    pub fn take_sightings(&self) -> Vec<Sighting> {
        let mut state = self.shared.lock();
        state.holdings.as_mut().map(Holdings::take_sightings).unwrap_or_default()
    }

    /// Closes the connection; whoever sends at the moment gets an error.
    pub fn abort(&self) {
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    /// Why the session ended, if it has.
    #[must_use]
    pub fn ended(&self) -> Option<String> {
        self.shared.lock().ended.clone()
    }

    /// Waits until the table is exactly right; the moment it became so.
    ///
    /// # Errors
    /// [`Stalled`] when `patience` passes without any progress, [`Ended`] when the session ends.
    pub fn wait_complete(&self, patience: Duration) -> Result<Instant> {
        let mut progress = (clock(), Counts::default());
        self.wait(|state| {
            let holdings = state.holdings.as_ref().context("a peer without holdings")?;
            if state.complete.is_some() {
                return Ok(state.complete);
            }
            let counts = holdings.counts();
            if counts != progress.1 {
                progress = (clock(), counts);
            }
            let stalled = clock().duration_since(progress.0) >= patience;
            ensure!(!stalled, stall(holdings));
            Ok(None)
        })
    }

    /// Waits until watched prefix `number` has `digest`; the moment it was read.
    ///
    /// # Errors
    /// As [`Peer::wait_complete`].
    pub fn wait_sighting(&self, number: usize, digest: u32, patience: Duration) -> Result<Instant> {
        let deadline = clock() + patience;
        self.wait(|state| {
            let holdings = state.holdings.as_ref().context("a peer without holdings")?;
            match holdings.last_sighting(number) {
                Some(seen) if seen.digest == digest => Ok(Some(seen.at)),
                _ if clock() > deadline => bail!(stall(holdings)),
                _ => Ok(None),
            }
        })
    }

    /// Waits until `look` finds something.
    fn wait<T>(&self, mut look: impl FnMut(&State) -> Result<Option<T>>) -> Result<T> {
        let mut state = self.shared.lock();
        loop {
            if let Some(found) = look(&state)? {
                return Ok(found);
            }
            if let Some(why) = &state.ended {
                bail!(Ended(why.clone()));
            }
            let step = Duration::from_millis(100);
            state = self.shared.changed.wait_timeout(state, step).expect("reader does not panic").0;
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Both);
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("holders do not panic")
    }
}

fn stall(holdings: &Holdings) -> Stalled {
    let counts = holdings.counts();
    Stalled { right: counts.right, of: counts.of, why: holdings.wrong(3) }
}

/// TCP and OPEN, KEEPALIVE both ways; the hold time in force.
fn establish(ns: &NetNs, spec: &Spec) -> Result<(Session, u16)> {
    let mut session = ns.run(|| {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        if spec.pace.is_none() {
            socket.set_recv_buffer_size(4 << 20)?;
            socket.set_send_buffer_size(4 << 20)?;
        } else {
            // A slow reader whose kernel takes megabytes ahead would not be slow.
            socket.set_recv_buffer_size(32 << 10)?;
        }
        socket.bind(&SocketAddr::new(spec.address.into(), 0).into())?;
        let speaker = SocketAddr::new(spec.speaker.into(), 179);
        socket.connect_timeout(&speaker.into(), Duration::from_secs(2))?;
        Session::new(socket.into())
    })?;
    session.set_patience(Duration::from_secs(5))?;
    let (families, hold_time) =
        open::exchange(&mut session, spec.asn, HOLD_TIME, spec.address, spec.family)?;
    // RFC 4760 section 8: without the capability a session is for IPv4 unicast.
    let implied = families.is_empty() && spec.family == open::IPV4_UNICAST;
    if !families.contains(&spec.family) && !implied {
        bail!(NotCarried(spec.family));
    }
    open::confirm(&mut session)?;
    session.set_patience(wait::PATIENCE)?;
    Ok((session, hold_time))
}

impl State {
    /// Notes the moment of completeness.
    fn refresh(&mut self) {
        let is_complete = self.holdings.as_ref().is_some_and(Holdings::is_complete);
        if !is_complete {
            self.complete = None;
        } else if self.complete.is_none() {
            self.complete = Some(clock());
        }
    }

    /// Takes in whole messages; the octets used.
    fn burst(&mut self, bytes: &[u8], now: Instant) -> Result<usize> {
        let mut rest = bytes;
        while let Some((kind, body)) = take(&mut rest)? {
            match (kind, &mut self.holdings) {
                (UPDATE, Some(holdings)) => {
                    holdings.update(body, now).with_context(|| format!("UPDATE {body:02x?}"))?;
                }
                (NOTIFICATION, _) => bail!("NOTIFICATION {body:02x?}"),
                _ => {}
            }
        }
        Ok(bytes.len() - rest.len())
    }
}

fn receive(
    mut stream: TcpStream,
    writer: &Mutex<TcpStream>,
    shared: &Shared,
    hold_time: u16,
) -> Result<()> {
    let interval = match hold_time {
        0 => None,
        secs => Some(Duration::from_secs(u64::from(secs)) / 3),
    };
    stream.set_read_timeout(Some(interval.unwrap_or(Duration::from_secs(60))))?;
    let mut keepalive = Vec::new();
    encode::keepalive(&mut keepalive);
    let mut last_sent = clock();
    let mut buffer = vec![0; 256 << 10];
    let mut filled = 0;
    loop {
        let room = match shared.pace.load(Ordering::Relaxed) {
            0 => buffer.len() - filled,
            pace => {
                std::thread::sleep(SIP);
                (pace as usize / 10).clamp(1, buffer.len() - filled)
            }
        };
        match stream.read(&mut buffer[filled..filled + room]) {
            Ok(0) => return Ok(()),
            Ok(count) => {
                filled += count;
                let mut state = shared.lock();
                let used = state.burst(&buffer[..filled], clock())?;
                if used > 0 {
                    state.refresh();
                }
                drop(state);
                if used > 0 {
                    shared.changed.notify_all();
                }
                buffer.copy_within(used..filled, 0);
                filled -= used;
            }
            Err(error) if is_timeout(&error) => {}
            Err(error) => return Err(error.into()),
        }
        if interval.is_some_and(|interval| clock().duration_since(last_sent) >= interval) {
            last_sent = clock();
            // A sender at work holds the lock; its UPDATEs keep the session alive as well.
            if let Ok(mut writer) = writer.try_lock() {
                writer.write_all(&keepalive)?;
            }
        }
    }
}
