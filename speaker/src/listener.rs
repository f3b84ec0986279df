//! Accepting connections: one socket per local address and port, shared by all routers on it.
//!
//! A connection is given to the neighbour that is configured with its source address (and, for
//! link-local sources, its interface), else to the most specific range of dynamic neighbours that
//! holds it. A source nobody has configured is closed at once, before a byte is read: a flood from
//! unknown addresses costs an accept and a close each.
//!
//! A neighbour with a device (an interface, a VRF) has a socket bound to that device, which the kernel
//! prefers for what comes in there; connections over others never find it.
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

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bgp_fsm::session::SessionHandle;
use bgp_wire::Prefix;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tracing::{debug, info, warn};

use crate::dynamic::{Owner, contains};
use crate::keys::{self, On, Place};
use crate::links::Links;
use crate::options::Auth;

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
    ranges: Mutex<Vec<(u16, RangeEntry)>>,
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
    /// Only connections over this device.
    pub(crate) device: Option<String>,
    pub(crate) auth: Auth,
    pub(crate) session: Arc<SessionHandle>,
}

/// A template of dynamic neighbours.
#[derive(Debug, Clone)]
pub(crate) struct RangeEntry {
    pub(crate) router: Arc<str>,
    pub(crate) template: Arc<str>,
    pub(crate) prefix: Prefix,
    /// Only connections to this local address.
    pub(crate) local: Option<IpAddr>,
    /// Only connections over this device.
    pub(crate) device: Option<String>,
    pub(crate) auth: Auth,
    pub(crate) owner: Owner,
}

impl Directory {
    /// An empty directory, and where the strangers come out; few may wait.
    pub(crate) fn new(links: Arc<Links>) -> (Self, mpsc::Receiver<Stranger>) {
        let (strangers, inbox) = mpsc::channel(STRANGERS);
        (Self { entries: Mutex::default(), ranges: Mutex::default(), links, strangers }, inbox)
    }

    /// Gives a stranger's connection to the neighbour that it has turned out to be; else closes it and
    /// says why.
    pub(crate) fn admit(&self, stranger: Stranger) -> Option<String> {
        let Stranger { stream, local, remote, .. } = stranger;
        match self.find(local, remote, None) {
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

    /// Adds a range reached over `port`; replaces one of the same router and template.
    pub(crate) fn insert_range(&self, port: u16, entry: RangeEntry) {
        self.remove_range(&entry.router, &entry.template);
        self.ranges().push((port, entry));
    }

    /// Removes a range; its neighbours stay.
    pub(crate) fn remove_range(&self, router: &str, template: &str) {
        self.ranges().retain(|(_, e)| (&*e.router, &*e.template) != (router, template));
    }

    fn ranges(&self) -> MutexGuard<'_, Vec<(u16, RangeEntry)>> {
        self.ranges.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keys that a socket on `port`, of `v4` or v6, bound to `device` or to none must carry.
    fn keys(&self, port: u16, v4: bool, device: Option<&str>) -> Vec<(Place, Auth)> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let mut keys: Vec<(Place, Auth)> = entries
            .iter()
            .filter(|((p, remote), _)| *p == port && remote.is_ipv4() == v4)
            .flat_map(|((_, remote), list)| list.iter().map(move |entry| (*remote, entry)))
            .filter(|(_, entry)| entry.auth != Auth::None)
            .filter(|(_, entry)| serves(device, entry.device.as_deref()))
            .map(|(remote, entry)| (remote.into(), entry.auth.clone()))
            .collect();
        drop(entries);
        let ranges = self.ranges();
        let of_ranges = ranges
            .iter()
            .filter(|(p, range)| *p == port && range.auth != Auth::None)
            .filter(|(_, range)| serves(device, range.device.as_deref()))
            .map(|(_, range)| (Place::from(range.prefix), range.auth.clone()));
        keys.extend(of_ranges.filter(|(place, _)| place.is_ipv4() == v4));
        keys
    }

    fn find(&self, local: SocketAddr, remote: SocketAddr, device: Option<&str>) -> Option<Entry> {
        let scope = match remote {
            SocketAddr::V6(v6) if v6.ip().is_unicast_link_local() => Some(v6.scope_id()),
            _ => None,
        };
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries
            .get(&(local.port(), remote.ip()))?
            .iter()
            .filter(|e| {
                e.local.is_none_or(|l| l == local.ip())
                    && (scope.is_none() || e.ifindex == scope)
                    && serves(device, e.device.as_deref())
            })
            // One that asks for this device goes before one that takes any.
            .max_by_key(|e| e.device.is_some())
            .cloned()
    }

    /// The most specific range that holds the source.
    fn find_range(
        &self,
        local: SocketAddr,
        remote: SocketAddr,
        device: Option<&str>,
    ) -> Option<RangeEntry> {
        let ranges = self.ranges();
        ranges
            .iter()
            .filter(|(port, e)| {
                *port == local.port()
                    && contains(&e.prefix, remote.ip())
                    && e.local.is_none_or(|l| l == local.ip())
                    && serves(device, e.device.as_deref())
            })
            .max_by_key(|(_, e)| (e.prefix.len(), e.device.is_some()))
            .map(|(_, e)| e.clone())
    }
}

/// Whether a socket bound to one device (or none) takes connections for a neighbour of another (or
/// any). A VRF is a world of its own: only who names it is in it.
fn serves(socket: Option<&str>, neighbor: Option<&str>) -> bool {
    match (socket, neighbor) {
        (None, None) => true,
        (Some(socket), Some(neighbor)) => socket == neighbor,
        (None, Some(_)) => false,
        (Some(socket), None) => !crate::local::is_vrf(socket),
    }
}

/// The listening sockets of one address and port: one for all devices, and one for each that a
/// neighbour names.
#[derive(Debug)]
pub(crate) struct Listener {
    address: SocketAddr,
    directory: Arc<Directory>,
    any: Open,
    devices: BTreeMap<String, Open>,
}

/// A socket and the task that accepts on it.
#[derive(Debug)]
struct Open {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    directory: Arc<Directory>,
    device: Option<String>,
    /// Other sockets of ours have the same port. Not from the start: while nobody shares it, a second
    /// process that wants the port is found out.
    shares_port: AtomicBool,
    /// The socket while bound, for keys that change under way; else why it is not.
    socket: Mutex<Result<Arc<TcpListener>, String>>,
}

impl Listener {
    /// Starts accepting on `address`; binding is retried until it works.
    pub(crate) fn start(address: SocketAddr, directory: Arc<Directory>) -> Self {
        let any = Open::start(address, &directory, None);
        Self { address, directory, any, devices: BTreeMap::new() }
    }

    /// Has exactly these devices listened on besides.
    pub(crate) fn set_devices(&mut self, wanted: &BTreeSet<String>) {
        self.devices.retain(|device, _| wanted.contains(device));
        if !wanted.is_empty() {
            self.any.shared.share_port();
        }
        for device in wanted {
            self.devices.entry(device.clone()).or_insert_with(|| {
                Open::start(self.address, &self.directory, Some(device.clone()))
            });
        }
    }

    /// The address as configured (its port may be 0 in tests).
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The bound address, or why there is none.
    pub(crate) fn bound(&self) -> Result<SocketAddr, String> {
        match &*self.any.shared.socket() {
            Ok(listener) => listener.local_addr().map_err(|e| e.to_string()),
            Err(why) => Err(why.clone()),
        }
    }

    /// Gives the live sockets the keys of a neighbour on `device`, and takes off what only `before`
    /// had.
    pub(crate) fn set_keys(
        &self,
        place: Place,
        auth: &Auth,
        before: Option<&Auth>,
        device: Option<&str>,
    ) -> io::Result<()> {
        if place.is_ipv4() != self.address.is_ipv4() {
            return Ok(());
        }
        let sockets = std::iter::once(&self.any).chain(self.devices.values());
        for open in sockets.filter(|open| serves(open.shared.device.as_deref(), device)) {
            // One that is bound later takes the directory's keys.
            if let Ok(socket) = &*open.shared.socket() {
                keys::install(&**socket, place, auth, before, On::Listener)?;
            }
        }
        Ok(())
    }
}

impl Open {
    fn start(address: SocketAddr, directory: &Arc<Directory>, device: Option<String>) -> Self {
        let shared = Arc::new(Shared {
            directory: Arc::clone(directory),
            shares_port: AtomicBool::new(device.is_some()),
            device,
            socket: Mutex::new(Err(String::from("not bound yet"))),
        });
        shared.bind(address);
        let task = tokio::spawn(Arc::clone(&shared).run(address));
        Self { shared, task }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    fn socket(&self) -> MutexGuard<'_, Result<Arc<TcpListener>, String>> {
        self.socket.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The kernel lets a socket of a device onto the port only when this one agrees.
    fn share_port(&self) {
        self.shares_port.store(true, Ordering::Relaxed);
        if let Ok(socket) = &*self.socket()
            && let Err(error) = SockRef::from(&**socket).set_reuse_port(true)
        {
            warn!(%error, "the port cannot be shared with sockets of devices");
        }
    }

    fn bind(&self, address: SocketAddr) {
        let shares_port = self.shares_port.load(Ordering::Relaxed);
        let result = open(address, &self.directory, self.device.as_deref(), shares_port);
        let result = result.map(Arc::new).map_err(|e| e.to_string());
        let mut socket = self.socket();
        if let (Err(now), Err(before)) = (&result, &*socket)
            && now != before
        {
            warn!(%address, device = self.device, error = %now, "cannot listen; trying again every {BIND_RETRY:?}");
        }
        *socket = result;
    }

    async fn run(self: Arc<Self>, address: SocketAddr) {
        loop {
            let socket = self.socket().clone();
            let Ok(socket) = socket else {
                tokio::time::sleep(BIND_RETRY).await;
                self.bind(address);
                continue;
            };
            let index = self.device_index();
            info!(address = ?socket.local_addr().unwrap_or(address), device = self.device, "listening");
            loop {
                let accepted = tokio::select! {
                    accepted = socket.accept() => accepted,
                    () = tokio::time::sleep(BIND_RETRY), if self.device.is_some() => {
                        if self.device_index() == index {
                            continue;
                        }
                        // The device is gone, or another has its name: this socket hears nothing.
                        *self.socket() = Err(String::from("the device has changed"));
                        break;
                    }
                };
                match accepted {
                    Ok((stream, remote)) => self.dispatch(stream, remote),
                    Err(error) => {
                        debug!(%address, %error, "accept failed");
                        tokio::time::sleep(ACCEPT_BACKOFF).await;
                    }
                }
            }
        }
    }

    fn device_index(&self) -> Option<u32> {
        nix::net::if_::if_nametoindex(self.device.as_deref()?).ok()
    }

    fn dispatch(&self, stream: TcpStream, remote: SocketAddr) {
        let Ok(local) = stream.local_addr() else { return };
        let device = self.device.as_deref();
        if let Some(entry) = self.directory.find(local, remote, device) {
            if entry.session.incoming(stream).is_err() {
                debug!(%remote, peer = %entry.peer, "too many connections at once; closed");
            }
            return;
        }
        let range = self.directory.find_range(local, remote, device);
        if let Some((template, owner)) = range.and_then(|r| Some((r.template, r.owner.upgrade()?)))
        {
            return owner.adopt(&template, stream, remote);
        }
        if !self.directory.knock(stream, local, remote) {
            debug!(%remote, "connection from an address that is no neighbour; closed");
        }
    }
}

fn open(
    address: SocketAddr,
    directory: &Directory,
    device: Option<&str>,
    shares_port: bool,
) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shares_port)?;
    socket.set_nonblocking(true)?;
    if let Some(device) = device {
        sockopt::bind_device(&socket, Some(device))?;
    }
    // A neighbour that dials us and asks for a TTL (RFC 5082) asks it of our first answer too, and that is
    // this socket's. A session sets its own on what is accepted; internal ones without a wish keep this.
    sockopt::set_ttl(&socket, u8::MAX)?;
    for (place, auth) in directory.keys(address.port(), address.is_ipv4(), device) {
        keys::install(&socket, place, &auth, None, On::Listener)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}
