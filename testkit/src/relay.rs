//! A man in the middle: takes a BGP connection in one namespace, makes another in a second one, and passes
//! whole messages on, noting each.
//!
//! The ends believe they talk to each other: the relay's addresses are theirs, which takes two namespaces. It
//! is how a test sees the length of every message on the wire without the help of either end. Nothing is
//! changed or held back; the end of one side ends the other.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use socket2::{Domain, Socket, Type};

use crate::frame::HEADER;
use crate::netns::NetNs;

/// How often the threads look whether the test is over.
const LOOK: Duration = Duration::from_millis(20);

/// How long one side may take to accept.
const CONNECT: Duration = Duration::from_secs(10);

/// A message that went by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passed {
    /// From the side that connected.
    pub from_dialer: bool,
    /// Type octet.
    pub kind: u8,
    /// With the header.
    pub octets: usize,
}

/// Passes connections on until dropped.
#[derive(Debug)]
pub struct Relay {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    is_over: AtomicBool,
    passed: Mutex<Vec<Passed>>,
}

impl Relay {
    /// Listens on `at` in `near`; each connection is continued from `from` in `far` to `to`.
    ///
    /// # Errors
    /// When it cannot listen.
    pub fn start(
        near: &NetNs,
        at: SocketAddr,
        far: &Arc<NetNs>,
        from: IpAddr,
        to: SocketAddr,
    ) -> Result<Self> {
        let listener = near.run(|| TcpListener::bind(at)).with_context(|| format!("bind {at}"))?;
        listener.set_nonblocking(true)?;
        let (shared, far) = (Arc::new(Shared::default()), Arc::clone(far));
        let state = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            let mut pumps = Vec::new();
            while !state.is_over.load(Ordering::Relaxed) {
                let Ok((near, _)) = listener.accept() else {
                    std::thread::sleep(LOOK);
                    continue;
                };
                // Who cannot be reached is as if the dialer had not reached it.
                let Ok(far) = far.run(|| dial(from, to)) else { continue };
                pumps.extend(pair(near, far, &state).unwrap_or_default());
            }
            for pump in pumps {
                let _ = pump.join();
            }
        });
        Ok(Self { shared, thread: Some(thread) })
    }

    /// All messages so far, of all connections.
    #[must_use]
    pub fn passed(&self) -> Vec<Passed> {
        self.shared.passed.lock().expect("holders do not panic").clone()
    }

    /// The longest message of one direction so far.
    #[must_use]
    pub fn longest(&self, from_dialer: bool) -> usize {
        let all = self.passed();
        all.iter().filter(|p| p.from_dialer == from_dialer).map(|p| p.octets).max().unwrap_or(0)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn dial(from: IpAddr, to: SocketAddr) -> Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, None)?;
    socket.bind(&SocketAddr::new(from, 0).into())?;
    socket.connect_timeout(&to.into(), CONNECT)?;
    Ok(socket.into())
}

/// Both directions of one connection.
fn pair(near: TcpStream, far: TcpStream, shared: &Arc<Shared>) -> Result<Vec<JoinHandle<()>>> {
    let mut pumps = Vec::new();
    for (from, to, from_dialer) in
        [(near.try_clone()?, far.try_clone()?, true), (far.try_clone()?, near.try_clone()?, false)]
    {
        from.set_nonblocking(false)?;
        from.set_read_timeout(Some(LOOK))?;
        let shared = Arc::clone(shared);
        pumps.push(std::thread::spawn(move || {
            let _the_end = pump(&from, &to, from_dialer, &shared);
            let _ = from.shutdown(Shutdown::Both);
            let _ = to.shutdown(Shutdown::Both);
        }));
    }
    Ok(pumps)
}

fn pump(from: &TcpStream, to: &TcpStream, from_dialer: bool, shared: &Shared) -> Result<()> {
    loop {
        let mut message = vec![0; HEADER];
        fill(from, &mut message, shared)?;
        let octets = usize::from(u16::from_be_bytes([message[16], message[17]]));
        ensure!(octets >= HEADER, "length {octets}");
        message.resize(octets, 0);
        fill(from, &mut message[HEADER..], shared)?;
        let passed = Passed { from_dialer, kind: message[18], octets };
        shared.passed.lock().expect("holders do not panic").push(passed);
        (&mut &*to).write_all(&message)?;
    }
}

/// As `read_exact`, with a look now and then whether the test is over.
fn fill(mut from: &TcpStream, mut into: &mut [u8], shared: &Shared) -> Result<()> {
    while !into.is_empty() {
        ensure!(!shared.is_over.load(Ordering::Relaxed), "the test is over");
        match from.read(into) {
            Ok(0) => anyhow::bail!("the end"),
            Ok(count) => into = &mut into[count..],
            Err(error) if crate::sender::is_timeout(&error) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
