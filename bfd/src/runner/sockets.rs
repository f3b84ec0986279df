//! The sockets: a few to receive, shared by all sessions, and one a session to send.
//!
//! Receiving sockets are bound to port 3784 or 4784 on all addresses of a family. For VRF devices there
//! is one more each, because the kernel gives their packets to no other socket. The one without a device is
//! always opened first and without SO_REUSEADDR: so a foreign owner of the port is noticed.
//!
//! A sending socket is bound to the session's local address and a source port that no other session
//! of ours uses (RFC 5881 section 4), and for a single hop to the interface, so that the packets test
//! the link and not a detour.

use std::collections::HashSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::num::NonZeroU32;
use std::task::Poll;

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::io::Interest;
use tokio::net::UdpSocket;

use super::Endpoints;
use crate::{MULTIHOP_PORT, SINGLE_HOP_PORT, SINGLE_HOP_TTL, SOURCE_PORTS};

/// DSCP CS6, network control.
const CS6: u8 = 48;

/// A receiving socket.
#[derive(Debug)]
pub(super) struct Receiver {
    pub(super) kind: ReceiverKind,
    socket: UdpSocket,
}

/// What a receiving socket receives.
#[derive(Clone, Debug, Eq, PartialEq, Hash)]
pub(super) struct ReceiverKind {
    pub(super) is_multihop: bool,
    is_v6: bool,
    device: Option<String>,
}

impl ReceiverKind {
    /// The sockets that a session needs, in the order they must be opened.
    pub(super) fn needed(endpoints: &Endpoints) -> Vec<Self> {
        let (is_multihop, is_v6) = (endpoints.is_multihop(), endpoints.local().is_ipv6());
        let plain = Self { is_multihop, is_v6, device: None };
        let device = endpoints.device().map(str::to_owned);
        match device {
            None => vec![plain],
            Some(_) => vec![plain.clone(), Self { device, ..plain }],
        }
    }

    fn port(&self) -> u16 {
        if self.is_multihop { MULTIHOP_PORT } else { SINGLE_HOP_PORT }
    }
}

impl Receiver {
    /// Opens a socket beside those that are open.
    pub(super) fn open(kind: ReceiverKind, others: &[Self]) -> Result<Self, String> {
        let port = kind.port();
        Self::try_open(kind, others).map_err(|error| match error.kind() {
            io::ErrorKind::AddrInUse => format!(
                "UDP port {port} is in use by another process (a BFD daemon such as FRR's bfdd?): \
                 stop it, or remove bfd from this neighbour"
            ),
            _ => format!("cannot open UDP port {port}: {error}"),
        })
    }

    fn try_open(kind: ReceiverKind, others: &[Self]) -> io::Result<Self> {
        let (domain, any): (_, IpAddr) = match kind.is_v6 {
            true => (Domain::IPV6, Ipv6Addr::UNSPECIFIED.into()),
            false => (Domain::IPV4, Ipv4Addr::UNSPECIFIED.into()),
        };
        let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_nonblocking(true)?;
        if kind.is_v6 {
            socket.set_only_v6(true)?;
        }
        if let Some(device) = &kind.device {
            let plain = ReceiverKind { device: None, ..kind.clone() };
            for other in others.iter().filter(|other| other.kind == plain) {
                SockRef::from(&other.socket).set_reuse_address(true)?;
            }
            socket.set_reuse_address(true)?;
            sockopt::bind_device(&socket, Some(device))?;
        }
        sockopt::report_origin(&socket)?;
        socket.bind(&SocketAddr::new(any, kind.port()).into())?;
        Ok(Self { kind, socket: UdpSocket::from_std(socket.into())? })
    }

    /// Takes one datagram if there is one.
    pub(super) fn receive(&self, buffer: &mut [u8]) -> io::Result<sockopt::Received> {
        self.socket.try_io(Interest::READABLE, || sockopt::receive(&self.socket, buffer))
    }
}

/// Waits until any of the sockets may have something. It stays ready until it was read empty.
pub(super) async fn readable(receivers: &[Receiver]) {
    std::future::poll_fn(|context| {
        let mut any = Poll::Pending;
        // All are asked, so that each wakes us.
        for receiver in receivers {
            if receiver.socket.poll_recv_ready(context).is_ready() {
                any = Poll::Ready(());
            }
        }
        any
    })
    .await;
}

/// The sending socket of a session.
#[derive(Debug)]
pub(super) struct Sender {
    socket: Socket,
    remote: socket2::SockAddr,
    pub(super) port: u16,
}

impl Sender {
    /// Opens one; `start` is where the search for a free source port begins.
    pub(super) fn open(
        endpoints: &Endpoints,
        used: &HashSet<u16>,
        start: u32,
    ) -> Result<Self, String> {
        let local = endpoints.local();
        let explain = |error: io::Error| match error.kind() {
            io::ErrorKind::AddrNotAvailable => format!("{local} is not an address of this node"),
            _ => format!("cannot send from {local}: {error}"),
        };
        let mut last = io::Error::from(io::ErrorKind::AddrInUse);
        for port in source_ports(start).filter(|port| !used.contains(port)) {
            match Self::bind(endpoints, port) {
                Ok(sender) => return Ok(sender),
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => last = error,
                Err(error) => return Err(explain(error)),
            }
        }
        Err(explain(last))
    }

    fn bind(endpoints: &Endpoints, port: u16) -> io::Result<Self> {
        let (local, remote) = (endpoints.local(), endpoints.remote());
        let socket = Socket::new(
            Domain::for_address(SocketAddr::new(local, 0)),
            Type::DGRAM,
            Some(Protocol::UDP),
        )?;
        socket.set_nonblocking(true)?;
        sockopt::set_ttl(&socket, SINGLE_HOP_TTL)?;
        sockopt::set_dscp(&socket, CS6)?;
        match (NonZeroU32::new(endpoints.ifindex()), endpoints.device()) {
            (Some(ifindex), _) => sockopt::bind_ifindex(&socket, ifindex)?,
            (None, Some(device)) => sockopt::bind_device(&socket, Some(device))?,
            (None, None) => {}
        }
        // Nothing is ever sent to this port on purpose, and nobody reads it.
        socket.set_recv_buffer_size(0)?;
        socket.bind(&scoped(local, port, endpoints.ifindex()).into())?;
        let destination = if endpoints.is_multihop() { MULTIHOP_PORT } else { SINGLE_HOP_PORT };
        let remote = scoped(remote, destination, endpoints.ifindex()).into();
        Ok(Self { socket, remote, port })
    }

    /// Sends one packet, without waiting.
    pub(super) fn send(&self, packet: &[u8]) -> io::Result<()> {
        self.socket.send_to(packet, &self.remote).map(drop)
    }
}

/// A socket address; link-local ones get their interface.
fn scoped(address: IpAddr, port: u16, ifindex: u32) -> SocketAddr {
    match address {
        IpAddr::V6(v6) if v6.is_unicast_link_local() => {
            SocketAddrV6::new(v6, port, 0, ifindex).into()
        }
        _ => SocketAddr::new(address, port),
    }
}

/// All source ports, each once, beginning anywhere.
fn source_ports(start: u32) -> impl Iterator<Item = u16> {
    let (first, last) = (u32::from(*SOURCE_PORTS.start()), u32::from(*SOURCE_PORTS.end()));
    let count = last - first + 1;
    (0..count).filter_map(move |n| u16::try_from(first + (start % count + n) % count).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_source_port_is_tried_once_and_none_outside_the_range() {
        for start in [0, 1, 16_383, 16_384, u32::MAX] {
            let ports: Vec<u16> = source_ports(start).collect();
            assert_eq!(ports.len(), 16_384);
            assert_eq!(ports.iter().collect::<HashSet<_>>().len(), ports.len());
            assert!(ports.iter().all(|port| SOURCE_PORTS.contains(port)));
        }
    }

    #[test]
    fn a_vrf_device_needs_the_plain_socket_first() {
        let ends = |device: Option<&str>| Endpoints::MultiHop {
            local: [10, 0, 0, 1].into(),
            remote: [10, 0, 0, 2].into(),
            device: device.map(str::to_owned),
        };
        assert_eq!(ReceiverKind::needed(&ends(None)).len(), 1);
        let needed = ReceiverKind::needed(&ends(Some("red")));
        assert_eq!(
            needed.iter().map(|n| n.device.as_deref()).collect::<Vec<_>>(),
            [None, Some("red")]
        );
        assert!(needed.iter().all(|n| n.port() == 4784 && !n.is_v6));
    }
}
