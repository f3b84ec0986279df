//! The raw ICMPv6 socket of one interface.
//!
//! Bound to the interface, so that what other links say is not heard here, and so that an interface
//! that is renamed keeps its socket while one that was made anew needs another. The kernel checks and
//! fills in the checksum; the hop limit of what comes in arrives beside the packet.

use std::io;
use std::net::{Ipv6Addr, SocketAddr, SocketAddrV6};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::packet::{MAX_PACKET, Message, PacketError};
use crate::{ALL_NODES, ALL_ROUTERS, HOP_LIMIT};

/// Types 133 and 134: all that this crate reads.
const TYPES: [u8; 2] = [133, 134];

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct LinkSocket {
    socket: AsyncFd<Socket>,
    ifindex: u32,
}

/// A packet that came in: who sent it and what it says, or why it is not believed.
pub(super) type Received = (Ipv6Addr, Result<Message, PacketError>);

impl LinkSocket {
    pub(super) fn open(name: &str, ifindex: u32) -> io::Result<Self> {
        let socket = Socket::new(Domain::IPV6, Type::RAW, Some(Protocol::ICMPV6))?;
        sockopt::set_icmp6_types(&socket, &TYPES)?;
        socket.set_nonblocking(true)?;
        socket.bind_device(Some(name.as_bytes()))?;
        sockopt::report_origin(&socket)?;
        socket.set_multicast_hops_v6(u32::from(HOP_LIMIT))?;
        socket.set_unicast_hops_v6(u32::from(HOP_LIMIT))?;
        socket.set_multicast_loop_v6(false)?;
        socket.set_multicast_if_v6(ifindex)?;
        socket.join_multicast_v6(&ALL_ROUTERS, ifindex)?;
        socket.join_multicast_v6(&ALL_NODES, ifindex)?;
        #[expect(deprecated, reason = "a socket keeps its descriptor as long as it is owned here")]
        let socket = AsyncFd::with_interest(socket, Interest::READABLE)?;
        Ok(Self { socket, ifindex })
    }

    pub(super) fn ifindex(&self) -> u32 {
        self.ifindex
    }

    /// Sends at once or not at all: a full queue of a link that has come to a halt is no place to wait.
    pub(super) fn send(&self, message: &Message, to: Ipv6Addr) -> io::Result<()> {
        let to = SocketAddrV6::new(to, 0, 0, self.ifindex);
        self.socket.get_ref().send_to(&message.encode(), &to.into()).map(drop)
    }

    /// The next packet.
    pub(super) async fn receive(&self) -> io::Result<Received> {
        self.socket.async_io(Interest::READABLE, receive).await
    }
}

fn receive(socket: &Socket) -> io::Result<Received> {
    let mut packet = [0; MAX_PACKET];
    let got = sockopt::receive(socket, &mut packet)?;
    let source = match got.from {
        SocketAddr::V6(from) => *from.ip(),
        SocketAddr::V4(_) => Ipv6Addr::UNSPECIFIED,
    };
    // Without a hop limit nothing proves that it is from this link.
    let message = Message::decode(&packet[..got.len], source, got.ttl.unwrap_or(0));
    Ok((source, message))
}
