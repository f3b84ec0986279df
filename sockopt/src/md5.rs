//! TCP MD5 signatures: which key belongs to which peer, RFC 2385.
//!
//! Called by `speaker`: on a connecting socket before `connect`, on a listening socket before the peer's
//! SYN. The kernel then signs and checks every segment of a matching peer and silently drops what does not
//! fit: a wrong key looks like a peer that does not answer. Keys of several peers may be on one listener; the
//! longest matching prefix wins. Accepted sockets inherit the key.
//!
//! Invariant: the address given to the kernel has the socket's family; an IPv4 peer on an IPv6 socket becomes
//! `::ffff:a.b.c.d`, and its prefix length stays that of IPv4, as the kernel expects.
//!
//! References: linux/tcp.h `tcp_md5sig`, tcp(7), RFC 2385.

use std::io;
use std::mem::offset_of;
use std::net::{IpAddr, Ipv6Addr};
use std::os::fd::AsFd;

use crate::{is_ipv6, sys};

/// The longest key in bytes (TCP_MD5SIG_MAXKEYLEN).
pub const MAX_MD5_KEY: usize = 80;

/// `struct tcp_md5sig` of linux/tcp.h; the address as raw bytes of a `sockaddr_storage`.
#[derive(Copy, Clone)]
#[repr(C, align(8))]
pub(crate) struct TcpMd5Sig {
    addr: [u8; 128],
    flags: u8,
    prefix_len: u8,
    key_len: u16,
    ifindex: i32,
    key: [u8; MAX_MD5_KEY],
}

const _: () = {
    assert!(size_of::<libc::sockaddr_storage>() == 128);
    assert!(align_of::<libc::sockaddr_storage>() <= align_of::<TcpMd5Sig>());
    assert!(size_of::<TcpMd5Sig>() == 216);
    assert!(size_of::<TcpMd5Sig>() == 128 + 1 + 1 + 2 + 4 + MAX_MD5_KEY, "no padding");
    assert!(offset_of!(TcpMd5Sig, flags) == 128);
    assert!(offset_of!(TcpMd5Sig, prefix_len) == 129);
    assert!(offset_of!(TcpMd5Sig, key_len) == 130);
    assert!(offset_of!(TcpMd5Sig, ifindex) == 132);
    assert!(offset_of!(TcpMd5Sig, key) == 136);
    assert!(MAX_MD5_KEY == libc::TCP_MD5SIG_MAXKEYLEN);
    // Where `addr_bytes` puts things.
    assert!(offset_of!(libc::sockaddr_in, sin_family) == 0);
    assert!(offset_of!(libc::sockaddr_in, sin_addr) == 4);
    assert!(offset_of!(libc::sockaddr_in6, sin6_family) == 0);
    assert!(offset_of!(libc::sockaddr_in6, sin6_addr) == 8);
};

/// `TCP_MD5SIG_FLAG_PREFIX`: the prefix length counts.
const FLAG_PREFIX: u8 = 1;

/// Sign and check all segments to and from `peer`/`prefix_len` with `key`, replacing an earlier key of
/// exactly that prefix. `prefix_len` is 0 to 32 for IPv4 (mapped addresses included), 0 to 128 for IPv6; the
/// full length means one peer.
///
/// # Errors
/// `InvalidInput`: an empty key or one above [`MAX_MD5_KEY`] bytes, a prefix length out of range, an IPv6
/// peer on an IPv4 socket. Else the operating system's refusal, such as `ENOPROTOOPT` from a kernel without
/// TCP MD5.
pub fn set_md5_key<S: AsFd>(
    socket: &S,
    peer: IpAddr,
    prefix_len: u8,
    key: &[u8],
) -> io::Result<()> {
    if key.is_empty() {
        return Err(invalid("a TCP MD5 key must not be empty".to_owned()));
    }
    set(socket, peer, prefix_len, key)
}

/// Take the key of exactly this peer or prefix off the socket. That there is none is not an error.
///
/// # Errors
/// `InvalidInput` as for [`set_md5_key`], else the operating system's refusal.
pub fn clear_md5_key<S: AsFd>(socket: &S, peer: IpAddr, prefix_len: u8) -> io::Result<()> {
    match set(socket, peer, prefix_len, &[]) {
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(()),
        result => result,
    }
}

fn set<S: AsFd>(socket: &S, peer: IpAddr, prefix_len: u8, key: &[u8]) -> io::Result<()> {
    let peer = peer.to_canonical();
    let full = if peer.is_ipv4() { 32 } else { 128 };
    if prefix_len > full {
        return Err(invalid(format!(
            "the prefix length of {peer} is 0 to {full}, got {prefix_len}"
        )));
    }
    let mut value = TcpMd5Sig {
        addr: addr_bytes(peer, is_ipv6(socket)?)?,
        flags: 0,
        prefix_len: 0,
        key_len: 0,
        ifindex: 0,
        key: [0; MAX_MD5_KEY],
    };
    let Some(room) = value.key.get_mut(..key.len()) else {
        return Err(invalid(format!(
            "a TCP MD5 key has at most {MAX_MD5_KEY} bytes, this one has {}",
            key.len()
        )));
    };
    room.copy_from_slice(key);
    value.key_len = u16::try_from(key.len()).expect("at most 80");
    if prefix_len == full {
        // Known to kernels older than the extended form.
        return sys::set_plain(socket.as_fd(), libc::IPPROTO_TCP, libc::TCP_MD5SIG, &value);
    }
    value.flags = FLAG_PREFIX;
    value.prefix_len = prefix_len;
    sys::set_plain(socket.as_fd(), libc::IPPROTO_TCP, libc::TCP_MD5SIG_EXT, &value)
}

/// A socket address of the socket's own family, as the kernel lays it out.
pub(crate) fn addr_bytes(peer: IpAddr, socket_is_ipv6: bool) -> io::Result<[u8; 128]> {
    let mut bytes = [0; 128];
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    let mapped = |v4: std::net::Ipv4Addr| -> Ipv6Addr { v4.to_ipv6_mapped() };
    let v6 = match (peer, socket_is_ipv6) {
        (IpAddr::V4(v4), false) => {
            put(0, &family(libc::AF_INET));
            put(4, &v4.octets());
            return Ok(bytes);
        }
        (IpAddr::V4(v4), true) => mapped(v4),
        (IpAddr::V6(v6), true) => v6,
        (IpAddr::V6(v6), false) => {
            return Err(invalid(format!("{v6} cannot be the peer of an IPv4 socket")));
        }
    };
    put(0, &family(libc::AF_INET6));
    put(8, &v6.octets());
    Ok(bytes)
}

fn family(family: libc::c_int) -> [u8; 2] {
    libc::sa_family_t::try_from(family).expect("address families are small").to_ne_bytes()
}

pub(crate) fn invalid(text: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, text)
}
