//! Peers that accept, agree and send KEEPALIVEs: as many as there are connections, on one socket.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use testkit::netns::NetNs;
use testkit::script::Identity;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast;

/// All peers; they end with this value.
pub(crate) struct Peers {
    runtime: Option<tokio::runtime::Runtime>,
    shared: Arc<Shared>,
    close: broadcast::Sender<Vec<Ipv4Addr>>,
}

#[derive(Default)]
struct Shared {
    up: AtomicUsize,
    closed: AtomicUsize,
    addresses: std::sync::Mutex<Vec<Ipv4Addr>>,
}

impl Peers {
    /// Listens on every address of the namespace.
    pub(crate) fn start(ns: &NetNs, port: u16) -> Self {
        // The worker inherits the namespace of the thread that makes it.
        let runtime = ns.run(|| {
            tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build()
                .unwrap()
        });
        let shared = Arc::new(Shared::default());
        let (close, _) = broadcast::channel(16);
        let (state, closer) = (Arc::clone(&shared), close.clone());
        let (ready, bound) = std::sync::mpsc::channel();
        runtime.spawn(async move {
            let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).await.unwrap();
            ready.send(()).unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(talk(stream, Arc::clone(&state), closer.subscribe()));
            }
        });
        bound.recv().unwrap();
        Self { runtime: Some(runtime), shared, close }
    }

    /// Sessions that are up.
    pub(crate) fn up(&self) -> usize {
        self.shared.up.load(Ordering::SeqCst)
    }

    /// Sessions that were closed on demand, since the start.
    pub(crate) fn closed(&self) -> usize {
        self.shared.closed.load(Ordering::SeqCst)
    }

    /// Closes the sessions of some peers without a word.
    pub(crate) fn close(&self, which: impl Fn(Ipv4Addr) -> bool) {
        let addresses = self.shared.addresses.lock().unwrap();
        let which = addresses.iter().copied().filter(|a| which(*a)).collect();
        drop(addresses);
        self.close.send(which).unwrap();
    }
}

impl Drop for Peers {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

const KEEPALIVE: [u8; 19] = {
    let mut message = [0xff; 19];
    message[16] = 0;
    message[17] = 19;
    message[18] = 4;
    message
};

async fn talk(
    mut stream: TcpStream,
    shared: Arc<Shared>,
    mut close: broadcast::Receiver<Vec<Ipv4Addr>>,
) {
    let IpAddr::V4(own) = stream.local_addr().unwrap().ip() else { return };
    let mut identity = Identity::new(65002, own);
    identity.hold_time = 60;
    let mut hello = identity.open();
    hello.extend(KEEPALIVE);
    if stream.write_all(&hello).await.is_err() {
        return;
    }
    let mut octets = [0; 4096];
    let mut is_up = false;
    let mut seconds = tokio::time::interval(Duration::from_secs(3));
    loop {
        tokio::select! {
            count = stream.read(&mut octets) => match count {
                Ok(0) | Err(_) => break,
                Ok(count) => {
                    // An OPEN and then a KEEPALIVE: both ends have agreed.
                    let agreed = octets[..count].windows(19).any(|octets| octets == KEEPALIVE);
                    if agreed && !std::mem::replace(&mut is_up, true) {
                        shared.up.fetch_add(1, Ordering::SeqCst);
                        let mut addresses = shared.addresses.lock().unwrap();
                        if !addresses.contains(&own) {
                            addresses.push(own);
                        }
                    }
                }
            },
            _ = seconds.tick() => {
                // Often enough for every hold time the tests ask for.
                if is_up && stream.write_all(&KEEPALIVE).await.is_err() {
                    break;
                }
            }
            which = close.recv() => {
                if is_up && which.is_ok_and(|which| which.contains(&own)) {
                    shared.up.fetch_sub(1, Ordering::SeqCst);
                    shared.closed.fetch_add(1, Ordering::SeqCst);
                    return;
                }
            }
        }
    }
    if is_up {
        shared.up.fetch_sub(1, Ordering::SeqCst);
    }
}
