//! Interfaces that neighbours are named by: whether they are there, and who is on their other end.
//!
//! A neighbour named by an interface has no configured address: [`nd`] advertises on the interface and
//! listens for the other end, or the other end connects first. One that is named by a link-local address
//! and an interface needs only the interface. Both come and go with it.
//!
//! ```text
//!   kernel's events (or a look every second) ──┐
//!   nd: another neighbour found ───────────────┼─ wake ──> engine::follow ──> update, Router::follow_links
//!   a connection from a stranger, session ends ┘
//! ```
//!
//! Everything here is asked for by name and answered from what is true now: an interface that was
//! removed and made again, renamed away and back, or that got another address is nothing special.
//!
//! Invariants: one runner an interface at most, on its present index; an interface nobody is named by has
//! none. A missing right (CAP_NET_RAW) is an answer, not a failure.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nd::runner::{Handle, start};
use nd::{Finding, LinkLayer, Own};
use nix::ifaddrs::getifaddrs;
use nix::net::if_::{InterfaceFlags, if_nametoindex};
use tokio::sync::Notify;

use crate::kernel::Kernel;

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Links {
    kernel: Option<Arc<Kernel>>,
    /// Something may have changed: another neighbour, the end of a session.
    pub(crate) wake: Arc<Notify>,
    /// Interfaces to find a neighbour on, with the answer.
    found: Mutex<BTreeMap<String, Answer>>,
    running: tokio::sync::Mutex<BTreeMap<String, Handle>>,
}

/// The neighbour on an interface and the interface's index, or why there is none.
type Answer = Result<(Ipv6Addr, u32), Waiting>;

/// An interface that can carry packets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usable {
    pub(crate) index: u32,
    /// Its link-local addresses that can be used.
    pub(crate) link_locals: Vec<Ipv6Addr>,
}

/// Why there is no session with a neighbour named by an interface, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Waiting {
    /// The interface carries nothing: a session over it has ended.
    Link(String),
    /// Whom to peer with is not known: a session that is up stays.
    Neighbor(String),
    /// The configuration cannot be carried out.
    Refused(String),
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Link(why) | Self::Neighbor(why) | Self::Refused(why)) = self;
        f.write_str(why)
    }
}

impl Links {
    pub(crate) fn new(kernel: Option<Arc<Kernel>>) -> Self {
        Self {
            kernel,
            wake: Arc::new(Notify::new()),
            found: Mutex::default(),
            running: tokio::sync::Mutex::default(),
        }
    }

    /// An interface by its name.
    pub(crate) fn look(&self, name: &str) -> Result<Usable, Waiting> {
        let missing = || Waiting::Link(format!("there is no interface {name} here yet"));
        let link = match &self.kernel {
            Some(kernel) => kernel.look(name),
            None => poll(name),
        };
        let (is_usable, usable) = link.ok_or_else(missing)?;
        if is_usable { Ok(usable) } else { Err(Waiting::Link(format!("link {name} is down"))) }
    }

    /// The neighbour on an interface, and the interface's index.
    pub(crate) fn neighbor(&self, name: &str) -> Answer {
        self.found().get(name).cloned().unwrap_or_else(|| Err(nobody(name)))
    }

    /// Whether a neighbour is looked for on the interface of this index.
    pub(crate) fn is_unnumbered(&self, ifindex: u32) -> bool {
        let running = self.running.try_lock();
        // Being changed just now: who knocks is asked to come again by that.
        running.is_ok_and(|running| running.values().any(|h| h.ifindex() == ifindex))
    }

    /// Somebody knocks who is not known yet.
    pub(crate) async fn heard(&self, ifindex: u32, source: Ipv6Addr) {
        let running = self.running.lock().await;
        if let Some((name, handle)) = running.iter().find(|(_, h)| h.ifindex() == ifindex) {
            handle.heard(source).await;
            let answer = answer(name, handle);
            self.found().insert(name.clone(), answer);
        }
    }

    /// Brings runners and answers in step with the interfaces. `wanted` are those to find a neighbour on,
    /// each with the neighbour that a session is up with.
    pub(crate) async fn update(&self, wanted: &BTreeMap<String, Option<Ipv6Addr>>) {
        let mut running = self.running.lock().await;
        let gone: Vec<String> =
            running.keys().filter(|name| !wanted.contains_key(*name)).cloned().collect();
        for name in gone {
            if let Some(handle) = running.remove(&name) {
                handle.stop().await;
            }
        }
        let mut answers = BTreeMap::new();
        for (name, neighbor) in wanted {
            let answer = match self.look(name) {
                Ok(link) => self.step(&mut running, name, &link, *neighbor).await,
                Err(waiting) => {
                    running.remove(name);
                    Err(waiting)
                }
            };
            answers.insert(name.clone(), answer);
        }
        *self.found() = answers;
    }

    /// Ends all runners.
    pub(crate) async fn stop(&self) {
        self.update(&BTreeMap::new()).await;
    }

    async fn step(
        &self,
        running: &mut BTreeMap<String, Handle>,
        name: &str,
        link: &Usable,
        neighbor: Option<Ipv6Addr>,
    ) -> Answer {
        let Some(&link_local) = link.link_locals.first() else {
            running.remove(name);
            return Err(Waiting::Link(format!(
                "interface {name} has no IPv6 link-local address; enable IPv6 on it \
                 (sysctl net.ipv6.conf.{name}.disable_ipv6=0)"
            )));
        };
        let own = Own { link_local, link_layer: link_layer(name) };
        match running.get(name).filter(|handle| handle.ifindex() == link.index) {
            Some(handle) => handle.set_own(own).await,
            None => {
                running.remove(name);
                let wake = Arc::clone(&self.wake);
                let config = nd::Config::default();
                let handle = start(name, link.index, own, config, wake)
                    .map_err(|error| Waiting::Neighbor(cannot_listen(name, &error)))?;
                running.insert(name.to_owned(), handle);
            }
        }
        let handle = running.get(name).expect("there, or inserted above");
        handle.vouch(neighbor).await;
        answer(name, handle)
    }

    fn found(&self) -> MutexGuard<'_, BTreeMap<String, Answer>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn answer(name: &str, handle: &Handle) -> Answer {
    match handle.finding() {
        Finding::One(neighbor) => Ok((neighbor, handle.ifindex())),
        Finding::Nobody => Err(nobody(name)),
        Finding::Several(one, other) => Err(Waiting::Neighbor(format!(
            "two neighbours on {name}, {one} and {other}: peering by interface needs a link with one; \
             take one off, or name it by address ({one}%{name})"
        ))),
    }
}

fn nobody(name: &str) -> Waiting {
    Waiting::Neighbor(format!(
        "no link-local neighbour on {name} yet: the other end must send router advertisements or \
         connect to us"
    ))
}

fn cannot_listen(name: &str, error: &io::Error) -> String {
    let hint = match error.kind() {
        io::ErrorKind::PermissionDenied => "; run as root or with CAP_NET_RAW",
        _ => "",
    };
    format!("cannot send and hear router advertisements on {name}: {error}{hint}")
}

/// An interface without the kernel's events: whether it is usable, and the rest.
fn poll(name: &str) -> Option<(bool, Usable)> {
    let index = if_nametoindex(name).ok()?;
    let mut usable = Usable { index, link_locals: Vec::new() };
    let mut is_usable = false;
    for entry in getifaddrs().ok()?.filter(|entry| entry.interface_name == name) {
        is_usable = entry.flags.contains(InterfaceFlags::IFF_UP | InterfaceFlags::IFF_RUNNING);
        let address = entry.address.and_then(|a| Some(a.as_sockaddr_in6()?.ip()));
        usable.link_locals.extend(address.filter(Ipv6Addr::is_unicast_link_local));
    }
    Some((is_usable, usable))
}

/// The Ethernet address of an interface.
fn link_layer(name: &str) -> Option<LinkLayer> {
    let mut entries = getifaddrs().ok()?.filter(|entry| entry.interface_name == name);
    entries.find_map(|entry| entry.address?.as_link_addr()?.addr()).map(LinkLayer)
}

impl Kernel {
    /// Whether the interface of this name is usable, and the rest.
    fn look(&self, name: &str) -> Option<(bool, Usable)> {
        self.with_view(|view| {
            let link = view.link_by_name(name)?;
            let own = view.addresses(link.index).filter_map(|address| match address.addr {
                IpAddr::V6(v6) if v6.is_unicast_link_local() => Some(v6),
                _ => None,
            });
            Some((link.is_usable(), Usable { index: link.index, link_locals: own.collect() }))
        })
    }
}

/// Interfaces that somebody wants a neighbour found on.
pub(crate) fn wanted(
    of_routers: impl IntoIterator<Item = (String, Option<Ipv6Addr>)>,
) -> BTreeMap<String, Option<Ipv6Addr>> {
    let mut wanted = BTreeMap::new();
    for (name, neighbor) in of_routers {
        let known = wanted.entry(name).or_default();
        *known = neighbor.or(*known);
    }
    wanted
}
