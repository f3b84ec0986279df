//! Socket options a BGP speaker needs and the safe crates do not offer; the only unsafe code.
//!
//! **What for.** TCP MD5 signatures (RFC 2385), the TCP Authentication Option (RFC 5925), the Generalized TTL
//! Security Mechanism (RFC 5082), datagrams with the TTL and interface they came by (BFD, RFC 5881), and thin,
//! uniform wrappers of the options that differ between IPv4 and IPv6 sockets.
//!
//! **Where it sits.** Called by `speaker` between creating a socket and connecting or listening, and by the
//! runner of `bfd`; owns nothing.
//!
//! **How it works.** Every function takes anything that lends a file descriptor ([`AsFd`]) and asks the socket
//! for its domain, so that callers never choose between the IPv4 and the IPv6 variant. An IPv6 socket may
//! carry IPv4 traffic (mapped addresses), so there both variants are set.
//!
//! **Unsafe.** Two functions (module `sys`) hold one `unsafe` block each, a call of `setsockopt(2)` or
//! `getsockopt(2)` with a value that is plain bytes without padding. Kernel structures are written as our own `repr(C)` types with their layout
//! asserted at compile time, because libc does not define them.
//!
//! **Not here.** Keys bound to a VRF by interface index (`TCP_MD5SIG_FLAG_IFINDEX`): who needs them binds the socket to
//! the device ([`bind_device`]).
//!
//! References: tcp(7), ip(7), ipv6(7), linux/tcp.h, RFC 2385, RFC 5082, RFC 5925.
#![deny(unsafe_code)]

mod ao;
mod datagram;
mod icmp6;
mod info;
mod md5;
mod sys;

use std::io;
use std::num::NonZeroU32;
use std::os::fd::AsFd;
use std::time::Duration;

use socket2::{Domain, SockRef};

pub use ao::{
    AoAlgorithm, AoKey, AoKeyId, AoState, MAX_AO_KEY, add_ao_key, ao_state, ao_support,
    prefer_ao_key, remove_ao_key,
};
pub use datagram::{Received, receive, report_origin};
pub use icmp6::set_icmp6_types;
pub use info::{TcpFigures, tcp_figures};
pub use md5::{MAX_MD5_KEY, clear_md5_key, set_md5_key};

/// Accept only packets whose TTL or hop limit is at least `min`: 255 for a direct neighbour, `256 - hops`
/// for a farther one (RFC 5082). 0 accepts all. On a listening socket it already guards the first SYN.
///
/// # Errors
/// The operating system's refusal.
pub fn set_min_ttl<S: AsFd>(socket: &S, min: u8) -> io::Result<()> {
    let fd = socket.as_fd();
    let min = libc::c_int::from(min);
    if is_ipv6(socket)? {
        sys::set_int(fd, libc::IPPROTO_IPV6, libc::IPV6_MINHOPCOUNT, min)?;
    }
    sys::set_int(fd, libc::IPPROTO_IP, libc::IP_MINTTL, min)
}

/// Send with this TTL or hop limit, 1 to 255: 255 with GTSM, 1 for a plain eBGP neighbour, more for multihop.
///
/// # Errors
/// `InvalidInput` for 0, else the operating system's refusal.
pub fn set_ttl<S: AsFd>(socket: &S, ttl: u8) -> io::Result<()> {
    if ttl == 0 {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "a TTL is 1 to 255, got 0"));
    }
    let socket_ref = SockRef::from(socket);
    if is_ipv6(socket)? {
        socket_ref.set_unicast_hops_v6(u32::from(ttl))?;
    }
    socket_ref.set_ttl_v4(u32::from(ttl))
}

/// Send and receive through this interface only; `None` lifts the restriction.
///
/// # Errors
/// No such interface (`ENODEV`), or no permission to change an earlier binding.
pub fn bind_device<S: AsFd>(socket: &S, interface: Option<&str>) -> io::Result<()> {
    SockRef::from(socket).bind_device(interface.map(str::as_bytes))
}

/// Send and receive through the interface of this index only. Packets leave by it whatever the routes say.
/// The kernel does not look whether it exists; sending tells.
///
/// # Errors
/// No permission to change an earlier binding.
pub fn bind_ifindex<S: AsFd>(socket: &S, ifindex: NonZeroU32) -> io::Result<()> {
    let index = libc::c_int::try_from(ifindex.get())
        .map_err(|_| io::Error::from_raw_os_error(libc::ENODEV))?;
    sys::set_int(socket.as_fd(), libc::SOL_SOCKET, libc::SO_BINDTOIFINDEX, index)
}

/// Mark what is sent with this DSCP, 0 to 63 (RFC 2474); 48 (CS6) is network control.
///
/// # Errors
/// The operating system's refusal.
pub fn set_dscp<S: AsFd>(socket: &S, dscp: u8) -> io::Result<()> {
    let socket_ref = SockRef::from(socket);
    let class = u32::from(dscp & 0x3f) << 2;
    match is_ipv6(socket)? {
        true => socket_ref.set_tclass_v6(class),
        false => socket_ref.set_tos_v4(class),
    }
}

/// Whether an IPv6 socket refuses IPv4 (mapped addresses). Needed to listen on `0.0.0.0` and `::` side by side.
///
/// # Errors
/// The socket is not IPv6, or already bound.
pub fn set_only_v6<S: AsFd>(socket: &S, only: bool) -> io::Result<()> {
    SockRef::from(socket).set_only_v6(only)
}

/// Allow binding to an address that the machine does not have yet (an anycast or tentative address).
///
/// # Errors
/// The operating system's refusal.
pub fn set_freebind<S: AsFd>(socket: &S, allowed: bool) -> io::Result<()> {
    let socket_ref = SockRef::from(socket);
    if is_ipv6(socket)? {
        socket_ref.set_freebind_v6(allowed)?;
    }
    socket_ref.set_freebind_v4(allowed)
}

/// Give the connection up when sent data stays unacknowledged for so long (RFC 5482); `None` is the system's
/// own schedule, about 15 minutes. Rounded down to milliseconds.
///
/// # Errors
/// The socket is not TCP.
pub fn set_user_timeout<S: AsFd>(socket: &S, timeout: Option<Duration>) -> io::Result<()> {
    SockRef::from(socket).set_tcp_user_timeout(timeout)
}

/// Whether the socket is an IPv6 one (which may also carry IPv4).
fn is_ipv6<S: AsFd>(socket: &S) -> io::Result<bool> {
    Ok(SockRef::from(socket).domain()? == Domain::IPV6)
}

#[cfg(test)]
mod tests;
