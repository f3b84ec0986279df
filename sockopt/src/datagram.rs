//! Where a datagram came in, and with which TTL: what BFD (RFC 5881 section 5) must know of each packet.
//!
//! Called by the BFD runner: [`report_origin`] once after a UDP socket is made, [`receive`] for each
//! datagram. The kernel gives the facts as ancillary data (IP_PKTINFO and IP_RECVTTL, IPV6_RECVPKTINFO and
//! IPV6_RECVHOPLIMIT); `nix` reads them, so that nothing here is unsafe.
//!
//! Invariant: what the kernel did not tell is `None` or 0, never guessed.
//!
//! References: ip(7), ipv6(7), RFC 3542.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsFd, AsRawFd};

use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt,
};

use crate::is_ipv6;

/// Octets of ancillary data that both address families' facts need at most, with room to spare.
const CONTROL: usize = 128;

/// A received datagram, apart from its bytes.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct Received {
    /// Octets written to the buffer.
    pub len: usize,
    /// Whether the datagram was longer than the buffer.
    pub is_truncated: bool,
    /// Who sent it; link-local IPv6 addresses with their scope id.
    pub from: SocketAddr,
    /// The address it was sent to.
    pub to: Option<IpAddr>,
    /// Index of the interface it came in by; 0 when unknown.
    pub ifindex: u32,
    /// Its TTL or hop limit.
    pub ttl: Option<u8>,
}

/// Asks the kernel to tell [`receive`] the interface, the destination and the TTL of each datagram.
///
/// # Errors
/// The operating system's refusal.
pub fn report_origin<S: AsFd>(socket: &S) -> io::Result<()> {
    if is_ipv6(socket)? {
        setsockopt(socket, sockopt::Ipv6RecvPacketInfo, &true)?;
        setsockopt(socket, sockopt::Ipv6RecvHopLimit, &true)?;
    } else {
        setsockopt(socket, sockopt::Ipv4PacketInfo, &true)?;
        setsockopt(socket, sockopt::Ipv4RecvTtl, &true)?;
    }
    Ok(())
}

/// Takes one datagram, without waiting.
///
/// # Errors
/// `WouldBlock` when there is none; `InvalidData` for one without an Internet address; else the operating
/// system's.
pub fn receive<S: AsFd>(socket: &S, buffer: &mut [u8]) -> io::Result<Received> {
    let mut control = [0; CONTROL];
    let mut slices = [IoSliceMut::new(buffer)];
    let message = recvmsg::<SockaddrStorage>(
        socket.as_fd().as_raw_fd(),
        &mut slices,
        Some(&mut control),
        MsgFlags::MSG_DONTWAIT,
    )?;
    let from = message.address.as_ref().and_then(address).ok_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidData, "a datagram without an Internet address")
    })?;
    let mut received = Received {
        len: message.bytes,
        is_truncated: message.flags.contains(MsgFlags::MSG_TRUNC),
        from,
        to: None,
        ifindex: 0,
        ttl: None,
    };
    for fact in message.cmsgs()? {
        match fact {
            ControlMessageOwned::Ipv4PacketInfo(info) => {
                received.to = Some(Ipv4Addr::from(info.ipi_addr.s_addr.to_ne_bytes()).into());
                received.ifindex = u32::try_from(info.ipi_ifindex).unwrap_or(0);
            }
            ControlMessageOwned::Ipv6PacketInfo(info) => {
                received.to = Some(Ipv6Addr::from(info.ipi6_addr.s6_addr).into());
                received.ifindex = info.ipi6_ifindex;
            }
            ControlMessageOwned::Ipv4Ttl(ttl) | ControlMessageOwned::Ipv6HopLimit(ttl) => {
                received.ttl = u8::try_from(ttl).ok();
            }
            _ => {}
        }
    }
    Ok(received)
}

fn address(storage: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = storage.as_sockaddr_in().map(|v4| SocketAddrV4::from(*v4).into());
    v4.or_else(|| storage.as_sockaddr_in6().map(|v6| SocketAddrV6::from(*v6).into()))
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;
    use crate::set_ttl;

    fn origin_is_told(loopback: IpAddr) {
        let listener = UdpSocket::bind((loopback, 0)).unwrap();
        report_origin(&listener).unwrap();
        let nothing = receive(&listener, &mut [0; 8]).unwrap_err();
        assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
        let sender = UdpSocket::bind((loopback, 0)).unwrap();
        for (ttl, text) in [(255, &b"four"[..]), (254, b"much too long for it")] {
            set_ttl(&sender, ttl).unwrap();
            sender.send_to(text, listener.local_addr().unwrap()).unwrap();
            let mut buffer = [0; 8];
            // Over loopback a datagram has arrived when `send_to` returns.
            let received = receive(&listener, &mut buffer).unwrap();
            let expected = Received {
                len: text.len().min(8),
                is_truncated: text.len() > 8,
                from: sender.local_addr().unwrap(),
                to: Some(loopback),
                ifindex: 1,
                ttl: Some(ttl),
            };
            assert_eq!(received, expected);
            assert_eq!(buffer[..received.len], text[..received.len]);
        }
    }

    #[test]
    fn the_origin_of_an_ipv4_datagram() {
        origin_is_told(Ipv4Addr::LOCALHOST.into());
    }

    #[test]
    fn the_origin_of_an_ipv6_datagram() {
        origin_is_told(Ipv6Addr::LOCALHOST.into());
    }

    #[test]
    fn without_being_asked_the_kernel_tells_nothing() {
        let listener = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.send_to(b"x", listener.local_addr().unwrap()).unwrap();
        let received = receive(&listener, &mut [0; 8]).unwrap();
        assert_eq!((received.to, received.ifindex, received.ttl), (None, 0, None));
    }
}
