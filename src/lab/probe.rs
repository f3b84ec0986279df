//! Real data through the kernels: a UDP echo on the nodes and a client that counts what is lost.
//!
//! Every probe carries its number; every answer adds the name of the node that gave it. Probes
//! leave from [`SOCKETS`] ports in turn, so that a kernel that shares traffic by flow uses all legs,
//! and from a loopback address that the router announces: answers to a link's address would be lost
//! with the link, whatever the routes do.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::clock;

/// Ports the client sends from.
const SOCKETS: usize = 32;
/// UDP port of the echo.
const PORT: u16 = 7007;
/// Pause between two probes of a stream; with the time to wake up, some 4000 a second.
const PACE: Duration = Duration::from_micros(200);
/// How long the last answers of a stream may take on a busy machine.
const LAST_ANSWERS: Duration = Duration::from_secs(3);

/// Answers on `address` until the process ends. Call it inside the namespace.
pub(super) fn echo(address: IpAddr, name: &'static str) -> io::Result<()> {
    let socket = UdpSocket::bind(SocketAddr::new(address, PORT))?;
    std::thread::Builder::new().name(format!("echo-{name}")).spawn(move || {
        let mut buffer = [0; 64];
        while let Ok((len, from)) = socket.recv_from(&mut buffer) {
            let mut answer = buffer[..len].to_vec();
            answer.extend_from_slice(name.as_bytes());
            // A client that has left is no concern of the echo.
            let _ = socket.send_to(&answer, from);
        }
    })?;
    Ok(())
}

/// Sends one probe from each port and says who answered. Call it inside the namespace.
pub(super) fn who_answers(
    from: IpAddr,
    to: IpAddr,
    patience: Duration,
) -> io::Result<BTreeSet<String>> {
    let sockets = sockets(from, to)?;
    for socket in &sockets {
        // Not reachable yet is an answer too: nobody.
        let _ = socket.send(&0u64.to_be_bytes());
    }
    let deadline = clock() + patience;
    let mut names = BTreeSet::new();
    let mut waiting: Vec<_> = sockets.iter().collect();
    while !waiting.is_empty() && clock() < deadline {
        waiting.retain(|socket| match receive(socket) {
            Some((_, name)) => {
                names.insert(name);
                false
            }
            None => true,
        });
        std::thread::sleep(PACE);
    }
    Ok(names)
}

/// A stream of probes, until it is stopped.
#[derive(Debug)]
pub(super) struct Stream {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Vec<Probe>>,
}

/// One probe of a [`Stream`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Probe {
    pub(super) sent: Instant,
    pub(super) answered: bool,
}

impl Stream {
    /// Starts sending. Call it inside the namespace.
    pub(super) fn start(from: IpAddr, to: IpAddr) -> io::Result<Self> {
        let sockets = sockets(from, to)?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::Builder::new()
            .name("probe".to_owned())
            .spawn(move || stream(&sockets, &stopped))?;
        Ok(Self { stop, thread })
    }

    /// Stops sending, waits for the last answers and gives all probes in order.
    pub(super) fn finish(self) -> Vec<Probe> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or_default()
    }
}

fn stream(sockets: &[UdpSocket], stop: &AtomicBool) -> Vec<Probe> {
    let mut probes: Vec<Probe> = Vec::new();
    let drain = |probes: &mut Vec<Probe>| {
        for socket in sockets {
            while let Some((number, _)) = receive(socket) {
                if let Some(probe) = probes.get_mut(number) {
                    probe.answered = true;
                }
            }
        }
    };
    while !stop.load(Ordering::Relaxed) {
        let number = probes.len();
        probes.push(Probe { sent: clock(), answered: false });
        // A send that fails at once is a lost probe.
        let _ = sockets[number % sockets.len()].send(&(number as u64).to_be_bytes());
        drain(&mut probes);
        std::thread::sleep(PACE);
    }
    // Answers come in order: once the last are here, what is missing before them is lost.
    let last = probes.len().saturating_sub(SOCKETS);
    let deadline = clock() + LAST_ANSWERS;
    while clock() < deadline && probes[last..].iter().any(|p| !p.answered) {
        drain(&mut probes);
        std::thread::sleep(PACE);
    }
    probes
}

/// How long and how badly traffic suffered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outage {
    pub(super) sent: usize,
    pub(super) lost: usize,
    /// From the cut to the last lost probe; zero when nothing was lost.
    pub(super) lasted: Duration,
}

/// Looks at the probes sent since `cut`.
pub(super) fn outage(probes: &[Probe], cut: Instant) -> Outage {
    let since: Vec<_> = probes.iter().filter(|p| p.sent >= cut).collect();
    let lost: Vec<_> = since.iter().filter(|p| !p.answered).collect();
    let lasted = lost.last().map_or(Duration::ZERO, |p| p.sent.duration_since(cut) + PACE);
    Outage { sent: since.len(), lost: lost.len(), lasted }
}

fn sockets(from: IpAddr, to: IpAddr) -> io::Result<Vec<UdpSocket>> {
    (0..SOCKETS)
        .map(|_| {
            let socket = UdpSocket::bind(SocketAddr::new(from, 0))?;
            socket.set_nonblocking(true)?;
            socket.connect(SocketAddr::new(to, PORT))?;
            Ok(socket)
        })
        .collect()
}

fn receive(socket: &UdpSocket) -> Option<(usize, String)> {
    let mut buffer = [0; 64];
    let len = socket.recv(&mut buffer).ok()?;
    let (number, name) = buffer.get(..len)?.split_first_chunk::<8>()?;
    let number = usize::try_from(u64::from_be_bytes(*number)).ok()?;
    Some((number, String::from_utf8_lossy(name).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_runs_from_the_cut_to_the_last_lost_probe() {
        let start = clock();
        let probe = |ms: u64, answered| Probe { sent: start + Duration::from_millis(ms), answered };
        let cut = start + Duration::from_millis(10);
        let probes = [probe(5, false), probe(11, true), probe(12, false), probe(20, true)];
        let lasted = Duration::from_millis(2) + PACE;
        assert_eq!(outage(&probes, cut), Outage { sent: 3, lost: 1, lasted });
        let whole = [probe(11, true)];
        assert_eq!(outage(&whole, cut), Outage { sent: 1, lost: 0, lasted: Duration::ZERO });
    }

    #[test]
    fn the_echo_says_who_it_is() {
        let local = IpAddr::from([127, 0, 0, 1]);
        echo(local, "me").unwrap();
        let names = who_answers(local, local, Duration::from_secs(5)).unwrap();
        assert_eq!(names, BTreeSet::from(["me".to_owned()]));
        let stream = Stream::start(local, local).unwrap();
        let cut = clock();
        while clock() < cut + Duration::from_millis(20) {
            std::thread::sleep(PACE);
        }
        let seen = outage(&stream.finish(), cut);
        assert!(seen.sent > 0 && seen.lost == 0, "{seen:?}");
    }
}
