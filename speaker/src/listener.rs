//! Accepting connections: one socket per local address and port, shared by all routers on it.
//!
//! A connection is given to the neighbour that is configured with its source address (and, for
//! link-local sources, its interface). A source nobody has configured is closed at once, before a
//! byte is read: a flood from unknown addresses costs an accept and a close each.
//!
//! ```text
//!   Listener task (one per address:port) ── accept ──> Directory ──> SessionHandle::incoming
//! ```
//!
//! A port that cannot be bound yet (still held by a process that is stopping, address not there
//! yet) is tried again every [`BIND_RETRY`]; the sessions we dial are not affected.
//!
//! Invariants: IPv4 and IPv6 have sockets of their own, so that TCP MD5 keys and TTL options mean
//! the same everywhere; keys of configured neighbours are on the socket before it listens.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bgp_fsm::session::SessionHandle;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tracing::{debug, info, warn};

use crate::config::Md5Key;
use crate::links::Links;

/// Pause between attempts to bind.
const BIND_RETRY: Duration = Duration::from_secs(2);

/// Pause after an accept that failed for want of resources.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);

/// Connections the kernel may hold for us: a restart of a big fabric dials all at once.
const BACKLOG: i32 = 1024;

/// Connections of strangers that may wait to be recognised.
const STRANGERS: usize = 16;

/// Who may connect, and to whom the connection goes.
#[derive(Debug)]
pub(crate) struct Directory {
    entries: Mutex<HashMap<(u16, IpAddr), Vec<Entry>>>,
    /// Where neighbours are looked for, and who is told of connections nobody is configured for there.
    links: Arc<Links>,
    strangers: mpsc::Sender<Stranger>,
}

/// A connection over an interface that a neighbour is named by, from an address not known yet.
#[derive(Debug)]
pub(crate) struct Stranger {
    stream: TcpStream,
    local: SocketAddr,
    remote: SocketAddr,
    pub(crate) source: Ipv6Addr,
    pub(crate) ifindex: u32,
}

#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) router: Arc<str>,
    pub(crate) peer: Arc<str>,
    /// Only connections to this local address.
    pub(crate) local: Option<IpAddr>,
    /// Only connections over this interface (link-local neighbours).
    pub(crate) ifindex: Option<u32>,
    pub(crate) md5: Option<Md5Key>,
    pub(crate) session: Arc<SessionHandle>,
}

impl Directory {
    /// An empty directory, and where the strangers come out; few may wait.
    pub(crate) fn new(links: Arc<Links>) -> (Self, mpsc::Receiver<Stranger>) {
        let (strangers, inbox) = mpsc::channel(STRANGERS);
        (Self { entries: Mutex::default(), links, strangers }, inbox)
    }

    /// Gives a stranger's connection to the neighbour that it has turned out to be; else closes it and
    /// says why.
    pub(crate) fn admit(&self, stranger: Stranger) -> Option<String> {
        let Stranger { stream, local, remote, .. } = stranger;
        match self.find(local, remote) {
            None => Some(format!("{remote} is not the neighbour on its link; closed")),
            Some(entry) => entry.session.incoming(stream).err().map(|_| {
                format!("too many connections at once from {remote} for {}; closed", entry.peer)
            }),
        }
    }

    /// Hands over a connection of somebody unknown, when a neighbour is looked for where it came in.
    fn knock(&self, stream: TcpStream, local: SocketAddr, remote: SocketAddr) -> bool {
        let SocketAddr::V6(v6) = remote else { return false };
        let (source, ifindex) = (*v6.ip(), v6.scope_id());
        source.is_unicast_link_local()
            && self.links.is_unnumbered(ifindex)
            && self.strangers.try_send(Stranger { stream, local, remote, source, ifindex }).is_ok()
    }

    /// Adds a neighbour reached over `port`; replaces an entry of the same router and name.
    pub(crate) fn insert(&self, port: u16, remote: IpAddr, entry: Entry) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let list = entries.entry((port, remote)).or_default();
        list.retain(|e| (&e.router, &e.peer) != (&entry.router, &entry.peer));
        list.push(entry);
    }

    /// Removes a neighbour.
    pub(crate) fn remove(&self, router: &str, peer: &str) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        for list in entries.values_mut() {
            list.retain(|e| (&*e.router, &*e.peer) != (router, peer));
        }
        entries.retain(|_, list| !list.is_empty());
    }

    /// Keys that a socket on `port` and of `v4` or v6 must carry.
    fn md5_keys(&self, port: u16, v4: bool) -> Vec<(IpAddr, Md5Key)> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries
            .iter()
            .filter(|((p, remote), _)| *p == port && remote.is_ipv4() == v4)
            .flat_map(|((_, remote), list)| {
                list.iter().filter_map(move |e| Some((*remote, e.md5.clone()?)))
            })
            .collect()
    }

    fn find(&self, local: SocketAddr, remote: SocketAddr) -> Option<Entry> {
        let scope = match remote {
            SocketAddr::V6(v6) if v6.ip().is_unicast_link_local() => Some(v6.scope_id()),
            _ => None,
        };
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries
            .get(&(local.port(), remote.ip()))?
            .iter()
            .find(|e| {
                e.local.is_none_or(|l| l == local.ip()) && (scope.is_none() || e.ifindex == scope)
            })
            .cloned()
    }
}

/// One listening socket and the task that accepts on it.
#[derive(Debug)]
pub(crate) struct Listener {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    directory: Arc<Directory>,
    /// The socket while bound, for keys that change under way; else why it is not.
    socket: Mutex<Result<Arc<TcpListener>, String>>,
}

impl Listener {
    /// Starts accepting on `address`; binding is retried until it works.
    pub(crate) fn start(address: SocketAddr, directory: Arc<Directory>) -> Self {
        let shared =
            Arc::new(Shared { directory, socket: Mutex::new(Err(String::from("not bound yet"))) });
        shared.bind(address);
        let task = tokio::spawn(Arc::clone(&shared).run(address));
        Self { address, shared, task }
    }

    /// The address as configured (its port may be 0 in tests).
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The bound address, or why there is none.
    pub(crate) fn bound(&self) -> Result<SocketAddr, String> {
        match &*self.shared.socket.lock().unwrap_or_else(PoisonError::into_inner) {
            Ok(listener) => listener.local_addr().map_err(|e| e.to_string()),
            Err(why) => Err(why.clone()),
        }
    }

    /// Sets or clears (with `None`) the MD5 key of a neighbour on the live socket.
    pub(crate) fn set_md5(&self, remote: IpAddr, key: Option<&Md5Key>) -> io::Result<()> {
        if remote.is_ipv4() != self.address.is_ipv4() {
            return Ok(());
        }
        match &*self.shared.socket.lock().unwrap_or_else(PoisonError::into_inner) {
            Ok(listener) => crate::peer::set_md5(&**listener, remote, key),
            Err(_) => Ok(()), // bound later, with the directory's keys
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    fn bind(&self, address: SocketAddr) -> bool {
        let result = open(address, &self.directory).map(Arc::new).map_err(|e| e.to_string());
        let ok = result.is_ok();
        let mut socket = self.socket.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Err(now), Err(before)) = (&result, &*socket)
            && now != before
        {
            warn!(%address, error = %now, "cannot listen; trying again every {BIND_RETRY:?}");
        }
        *socket = result;
        ok
    }

    async fn run(self: Arc<Self>, address: SocketAddr) {
        loop {
            let socket = self.socket.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let Ok(socket) = socket else {
                tokio::time::sleep(BIND_RETRY).await;
                self.bind(address);
                continue;
            };
            info!(address = ?socket.local_addr().unwrap_or(address), "listening");
            loop {
                match socket.accept().await {
                    Ok((stream, remote)) => self.dispatch(stream, remote),
                    Err(error) => {
                        debug!(%address, %error, "accept failed");
                        tokio::time::sleep(ACCEPT_BACKOFF).await;
                    }
                }
            }
        }
    }

    fn dispatch(&self, stream: TcpStream, remote: SocketAddr) {
        let Ok(local) = stream.local_addr() else { return };
        let Some(entry) = self.directory.find(local, remote) else {
            if !self.directory.knock(stream, local, remote) {
                debug!(%remote, "connection from an address that is no neighbour; closed");
            }
            return;
        };
        if entry.session.incoming(stream).is_err() {
            debug!(%remote, peer = %entry.peer, "too many connections at once; closed");
        }
    }
}

fn open(address: SocketAddr, directory: &Directory) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    for (remote, key) in directory.md5_keys(address.port(), address.is_ipv4()) {
        crate::peer::set_md5(&socket, remote, Some(&key))?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}
