//! The other end of the wire, and a handler that writes down what it is told.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bgp_fsm::session::{
    Established, Outbox, PeerSnapshot, SessionConfig, SessionHandle, SessionHandler, spawn,
};
use bgp_fsm::{DownReason, PeerConfig, RemoteAs, StateName};
use bgp_wire::{
    Asn, Framed, KEEPALIVE, MAX_EXTENDED, Message, MessageType, Notification, Open, RouteRefresh,
    next_frame,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::time::timeout;

/// How long a test waits for what must come. Generous: the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) const OUR_ID: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 5);

/// The scripted peer's end of a connection.
pub(crate) struct Script {
    pub(crate) stream: TcpStream,
    buffer: Vec<u8>,
}

impl Script {
    pub(crate) fn new(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        Self { stream, buffer: Vec::new() }
    }

    /// Accepts the session's connection.
    pub(crate) async fn accept(listener: &TcpListener) -> Self {
        let accepted = timeout(PATIENCE, listener.accept()).await.expect("nobody connects");
        Self::new(accepted.unwrap().0)
    }

    /// Connects to the session, through `handle.incoming` as a listener would.
    pub(crate) async fn connect(handle: &SessionHandle) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let to = listener.local_addr().unwrap();
        let (stream, accepted) = tokio::join!(TcpStream::connect(to), listener.accept());
        handle.incoming(accepted.unwrap().0).expect("the queue has room");
        Self::new(stream.unwrap())
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        timeout(PATIENCE, self.stream.write_all(bytes)).await.expect("cannot write").unwrap();
    }

    pub(crate) async fn send_open(&mut self, open: &Open) {
        self.send(&encoded(open)).await;
    }

    /// The next whole message; `None` when the session has closed its side.
    pub(crate) async fn frame(&mut self) -> Option<Vec<u8>> {
        timeout(PATIENCE, self.frame_without_limit()).await.expect("nothing comes")
    }

    /// The same for tests that have paused the clock: a limit would be the first thing to expire.
    pub(crate) async fn frame_without_limit(&mut self) -> Option<Vec<u8>> {
        loop {
            let found = next_frame(&self.buffer, MAX_EXTENDED).expect("we send well-formed frames");
            if let Framed::Message { frame, .. } = found {
                let frame = frame.to_vec();
                self.buffer.drain(..frame.len());
                return Some(frame);
            }
            match self.stream.read_buf(&mut self.buffer).await {
                Ok(0) => {
                    assert!(self.buffer.is_empty(), "the session closed within a message");
                    return None;
                }
                Ok(_) => {}
                Err(error) => panic!("the connection was reset: {error}"),
            }
        }
    }

    /// The next message, which must be there and be of this type.
    pub(crate) async fn expect(&mut self, kind: MessageType) -> Vec<u8> {
        let frame = self.frame().await.unwrap_or_else(|| panic!("closed, {kind} expected"));
        assert_eq!(MessageType(frame[18]), kind, "{:?}", Message::decode(&frame));
        frame
    }

    /// A NOTIFICATION (after KEEPALIVEs, if any) with the end of the connection behind it.
    pub(crate) async fn expect_notification(&mut self) -> Notification {
        let frame = loop {
            let frame = self.frame().await.expect("closed without a NOTIFICATION");
            if frame[..] != KEEPALIVE {
                break frame;
            }
        };
        let Ok(Message::Notification(notification)) = Message::decode(&frame) else {
            panic!("{:?}", Message::decode(&frame))
        };
        assert_eq!(self.frame().await, None, "the connection ends with the NOTIFICATION");
        notification
    }

    /// The end of a refused connection: past a few at a time they are closed without a word, which
    /// may be a reset.
    pub(crate) async fn expect_end_or_notification(&mut self) {
        let mut rest = Vec::new();
        let end = timeout(PATIENCE, self.stream.read_to_end(&mut rest)).await;
        let _how = end.expect("the connection is not closed");
    }

    pub(crate) async fn expect_end(&mut self) {
        while let Some(frame) = self.frame().await {
            assert_eq!(frame[..], KEEPALIVE, "{:?}", Message::decode(&frame));
        }
    }

    /// Brings the session up; returns the OPEN it sent.
    pub(crate) async fn handshake(&mut self, open: &Open) -> Open {
        let frame = self.expect(MessageType::OPEN).await;
        let theirs = Open::decode(&frame[19..]).unwrap();
        self.send_open(open).await;
        self.expect(MessageType::KEEPALIVE).await;
        self.send(&KEEPALIVE).await;
        theirs
    }
}

pub(crate) fn open(hold_time: u16) -> Open {
    open_from(Ipv4Addr::new(10, 0, 0, 9), hold_time)
}

pub(crate) fn open_from(id: Ipv4Addr, hold_time: u16) -> Open {
    let refresh = [bgp_wire::Capability::RouteRefresh];
    Open::new(Asn(65002), hold_time, id, refresh)
}

pub(crate) fn encoded(open: &Open) -> Vec<u8> {
    let mut wire = Vec::new();
    open.encode(&mut wire);
    wire
}

/// An UPDATE frame of `len` octets whose body tells which one it is.
pub(crate) fn update(number: u32, len: u16) -> Vec<u8> {
    let mut frame = vec![0xff; 16];
    frame.extend_from_slice(&len.to_be_bytes());
    frame.push(2);
    frame.extend_from_slice(&number.to_be_bytes());
    frame.resize(len.into(), 0);
    frame
}

/// What the handler was told.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) established: Vec<Established>,
    pub(crate) outbox: Option<Outbox>,
    pub(crate) bursts: Vec<Vec<u8>>,
    pub(crate) refreshes: Vec<RouteRefresh>,
    pub(crate) downs: Vec<DownReason>,
    pub(crate) states: Vec<StateName>,
    /// What the next `updates` answers, if it is to fail.
    pub(crate) verdict: Option<Notification>,
}

#[derive(Clone, Default)]
pub(crate) struct Log(Arc<(Mutex<Seen>, Notify)>);

impl Log {
    pub(crate) fn with<T>(&self, read: impl FnOnce(&mut Seen) -> T) -> T {
        read(&mut self.0.0.lock().unwrap())
    }

    /// Waits until `ready` gives something.
    pub(crate) async fn until<T>(&self, ready: impl Fn(&mut Seen) -> Option<T>) -> T {
        let wait = async {
            loop {
                let told = self.0.1.notified();
                if let Some(found) = self.with(&ready) {
                    return found;
                }
                told.await;
            }
        };
        timeout(PATIENCE, wait).await.expect("the handler was not told")
    }

    pub(crate) async fn up(&self, count: usize) -> Outbox {
        self.until(|seen| (seen.established.len() >= count).then(|| seen.outbox.clone()).flatten())
            .await
    }

    pub(crate) async fn down(&self) -> DownReason {
        self.until(|seen| seen.downs.first().cloned()).await
    }

    fn note(&self, write: impl FnOnce(&mut Seen)) {
        self.with(write);
        self.0.1.notify_one();
    }
}

struct Recorder(Log);

impl SessionHandler for Recorder {
    fn established(&mut self, info: &Established, outbox: Outbox) {
        self.0.note(|seen| {
            seen.established.push(info.clone());
            seen.outbox = Some(outbox);
        });
    }

    fn updates(&mut self, burst: &[u8]) -> Result<(), Notification> {
        let mut verdict = None;
        self.0.note(|seen| {
            seen.bursts.push(burst.to_vec());
            verdict = seen.verdict.take();
        });
        verdict.map_or(Ok(()), Err)
    }

    fn route_refresh(&mut self, refresh: RouteRefresh) {
        self.0.note(|seen| seen.refreshes.push(refresh));
    }

    fn down(&mut self, reason: &DownReason) {
        self.0.note(|seen| {
            let outbox = seen.outbox.take().expect("down follows established");
            assert!(outbox.is_closed());
            seen.downs.push(reason.clone());
        });
    }

    fn state_changed(&mut self, snapshot: &PeerSnapshot) {
        self.0.note(|seen| seen.states.push(snapshot.state));
    }
}

/// Configuration of a session with `remote`: AS 65001 here, 65002 there.
pub(crate) fn config(remote: SocketAddr) -> SessionConfig {
    let mut peer = PeerConfig::new(Asn(65001), RemoteAs::Asn(Asn(65002)), OUR_ID);
    peer.connect_retry = Duration::from_secs(1);
    peer.idle_hold = Duration::from_millis(10);
    SessionConfig::new(peer, remote)
}

pub(crate) async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let addr = listener.local_addr().unwrap();
    (listener, addr)
}

pub(crate) fn start(cfg: SessionConfig) -> (SessionHandle, Log) {
    let log = Log::default();
    (spawn(cfg, Recorder(log.clone())), log)
}

/// A session that was dialed by us and is up.
pub(crate) async fn established(hold_time: u16) -> (SessionHandle, Log, Script) {
    let (listener, addr) = listener().await;
    let (handle, log) = start(config(addr));
    let mut script = Script::accept(&listener).await;
    script.handshake(&open(hold_time)).await;
    log.up(1).await;
    (handle, log, script)
}

/// Polls the handle until `ready`.
pub(crate) async fn snapshot_until(
    handle: &SessionHandle,
    ready: impl Fn(&PeerSnapshot) -> bool,
) -> PeerSnapshot {
    let wait = async {
        loop {
            let snapshot = handle.snapshot();
            if ready(&snapshot) {
                return snapshot;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, wait).await.expect("the snapshot never shows it")
}
