//! TCP Authentication Option: keys of a socket, and moving from one to the next, RFC 5925.
//!
//! Called by `speaker`: on a connecting socket before `connect`, on a listening socket before the peer's SYN, and
//! on both, and on live connections, when keys change. The kernel (Linux 6.7 and later, built with
//! `CONFIG_TCP_AO`) then signs and checks every segment and silently drops what does not fit.
//!
//! A key (Master Key Tuple) has two identifiers: `send_id` goes out in our segments and is the peer's
//! `recv_id`, and the other way round. A connection may hold several keys. Which one the peer signs with is what *we*
//! ask for (`RNextKeyID`), which one we sign with is what the peer asks for; so keys can be exchanged without
//! losing a segment: give both ends the new key, ask for it on both, then take the old one away.
//!
//! Invariants: an address has the socket's family as in [`crate::set_md5_key`]; a key is never taken off a connection
//! before another has its place.
//!
//! References: linux/tcp.h `tcp_ao_add`, `tcp_ao_del`, `tcp_ao_info_opt`; RFC 5925 sections 3.1, 7.5; RFC 5926.

use std::fmt;
use std::io;
use std::mem::offset_of;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::AsFd;
use std::sync::OnceLock;

use socket2::{Domain, Protocol, Socket, Type};

use crate::md5::{addr_bytes, invalid};
use crate::{is_ipv6, sys};

/// The longest key in bytes (TCP_AO_MAXKEYLEN).
pub const MAX_AO_KEY: usize = 80;

/// Set options of linux/tcp.h; libc has no names for them.
const TCP_AO_ADD_KEY: libc::c_int = 38;
const TCP_AO_DEL_KEY: libc::c_int = 39;
const TCP_AO_INFO: libc::c_int = 40;

/// How segments are signed (RFC 5926, and what Linux offers beyond it).
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug)]
pub enum AoAlgorithm {
    /// HMAC-SHA-1-96, which every implementation has.
    HmacSha1,
    /// AES-128-CMAC-96, which every implementation has.
    Aes128Cmac,
    /// HMAC-SHA-256 cut to 96 bits; not in RFC 5926, but in Linux and common routers.
    HmacSha256,
}

impl AoAlgorithm {
    /// The kernel's name of it.
    fn kernel_name(self) -> &'static [u8] {
        match self {
            Self::HmacSha1 => b"hmac(sha1)",
            Self::Aes128Cmac => b"cmac(aes128)",
            Self::HmacSha256 => b"hmac(sha256)",
        }
    }
}

/// Octets of the signature in each segment.
const MAC_LEN: u8 = 12;

/// One key for one peer or prefix.
#[derive(Copy, Clone, Eq, PartialEq)]
pub struct AoKey<'a> {
    /// The secret, 1 to [`MAX_AO_KEY`] bytes.
    pub secret: &'a [u8],
    /// KeyID of our segments.
    pub send_id: u8,
    /// KeyID of the peer's segments.
    pub recv_id: u8,
    /// How to sign.
    pub algorithm: AoAlgorithm,
}

impl fmt::Debug for AoKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AoKey")
            .field("send_id", &self.send_id)
            .field("recv_id", &self.recv_id)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

/// The identifiers of a key: what tells it from others of the same peer.
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug)]
pub struct AoKeyId {
    /// KeyID of our segments.
    pub send: u8,
    /// KeyID of the peer's segments.
    pub recv: u8,
}

/// What a connection signs with and asks for.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub struct AoState {
    /// `send_id` of the key we sign with.
    pub current: u8,
    /// `recv_id` of the key we ask the peer to sign with.
    pub rnext: u8,
    /// Segments that were signed rightly.
    pub good: u64,
    /// Segments dropped because the signature was wrong.
    pub bad: u64,
    /// Segments dropped because no key of ours has their identifier.
    pub unknown_key: u64,
    /// Segments dropped because they were not signed.
    pub unsigned: u64,
}

/// `struct tcp_ao_add`; bit 0 of `bits` is set_current, bit 1 set_rnext.
#[derive(Copy, Clone)]
#[repr(C, align(8))]
pub(crate) struct TcpAoAdd {
    addr: [u8; 128],
    alg_name: [u8; 64],
    ifindex: i32,
    bits: u32,
    reserved2: u16,
    prefix: u8,
    sndid: u8,
    rcvid: u8,
    maclen: u8,
    keyflags: u8,
    keylen: u8,
    key: [u8; MAX_AO_KEY],
}

/// `struct tcp_ao_del`; bits as in [`TcpAoAdd`].
#[derive(Copy, Clone)]
#[repr(C, align(8))]
pub(crate) struct TcpAoDel {
    addr: [u8; 128],
    ifindex: i32,
    bits: u32,
    reserved2: u16,
    prefix: u8,
    sndid: u8,
    rcvid: u8,
    current_key: u8,
    rnext: u8,
    keyflags: u8,
}

/// `struct tcp_ao_info_opt`; bits 0 and 1 as in [`TcpAoAdd`], bit 2 ao_required.
#[derive(Copy, Clone, Default)]
#[repr(C, align(8))]
pub(crate) struct TcpAoInfo {
    bits: u32,
    reserved2: u16,
    current_key: u8,
    rnext: u8,
    pkt_good: u64,
    pkt_bad: u64,
    pkt_key_not_found: u64,
    pkt_ao_required: u64,
    pkt_dropped_icmp: u64,
}

const _: () = {
    assert!(size_of::<TcpAoAdd>() == 288);
    assert!(size_of::<TcpAoAdd>() == 128 + 64 + 4 + 4 + 2 + 6 + MAX_AO_KEY, "no padding");
    assert!(offset_of!(TcpAoAdd, alg_name) == 128);
    assert!(offset_of!(TcpAoAdd, bits) == 196);
    assert!(offset_of!(TcpAoAdd, prefix) == 202);
    assert!(offset_of!(TcpAoAdd, key) == 208);
    assert!(size_of::<TcpAoDel>() == 144);
    assert!(size_of::<TcpAoDel>() == 128 + 4 + 4 + 2 + 6, "no padding");
    assert!(offset_of!(TcpAoDel, bits) == 132);
    assert!(offset_of!(TcpAoDel, keyflags) == 143);
    assert!(size_of::<TcpAoInfo>() == 48);
    assert!(size_of::<TcpAoInfo>() == 4 + 2 + 2 + 5 * 8, "no padding");
    assert!(offset_of!(TcpAoInfo, rnext) == 7);
};

const SET_CURRENT: u32 = 1;
const SET_RNEXT: u32 = 1 << 1;
const AO_REQUIRED: u32 = 1 << 2;

/// Whether this kernel has TCP-AO; asked once in the life of the process, on a socket of its own.
///
/// # Errors
/// Why not, in words for people.
pub fn ao_support() -> Result<(), &'static str> {
    static ANSWER: OnceLock<Result<(), &'static str>> = OnceLock::new();
    *ANSWER.get_or_init(|| {
        let Ok(socket) = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP)) else {
            return Err("no IPv4 socket to ask the kernel for TCP-AO with");
        };
        let key =
            AoKey { secret: b"probe", send_id: 0, recv_id: 0, algorithm: AoAlgorithm::HmacSha1 };
        match add_ao_key(&socket, IpAddr::V4(Ipv4Addr::LOCALHOST), 32, key) {
            Ok(()) => Ok(()),
            Err(error) if error.raw_os_error() == Some(libc::EPERM) => {
                Err("this process may not set TCP-AO keys: give it CAP_NET_ADMIN")
            }
            Err(_) => Err(
                "this kernel has no TCP-AO: it takes Linux 6.7 or later, built with CONFIG_TCP_AO",
            ),
        }
    })
}

/// Give the socket a key for `peer`/`prefix_len`; on a connection without one it becomes the one in use.
///
/// # Errors
/// `InvalidInput`: an empty key or one above [`MAX_AO_KEY`] bytes, a prefix length out of range, an IPv6
/// peer on an IPv4 socket. `AlreadyExists`: an identifier is taken. Else the operating system's refusal: `ENOPROTOOPT`
/// from a kernel without TCP-AO, `EINVAL` on a connection that was opened without it, `ENOENT` for an algorithm
/// that the kernel has not got.
pub fn add_ao_key<S: AsFd>(
    socket: &S,
    peer: IpAddr,
    prefix_len: u8,
    key: AoKey<'_>,
) -> io::Result<()> {
    let (addr, prefix) = place(socket, peer, prefix_len)?;
    let mut value = TcpAoAdd {
        addr,
        alg_name: [0; 64],
        ifindex: 0,
        bits: 0,
        reserved2: 0,
        prefix,
        sndid: key.send_id,
        rcvid: key.recv_id,
        maclen: MAC_LEN,
        keyflags: 0,
        keylen: 0,
        key: [0; MAX_AO_KEY],
    };
    let name = key.algorithm.kernel_name();
    value.alg_name[..name.len()].copy_from_slice(name);
    let Some(room) = value.key.get_mut(..key.secret.len()).filter(|room| !room.is_empty()) else {
        return Err(invalid(format!(
            "a TCP-AO key has 1 to {MAX_AO_KEY} bytes, this one has {}",
            key.secret.len()
        )));
    };
    room.copy_from_slice(key.secret);
    value.keylen = u8::try_from(key.secret.len()).expect("at most 80");
    sys::set_plain(socket.as_fd(), libc::IPPROTO_TCP, TCP_AO_ADD_KEY, &value)
}

/// Take a key off the socket. On a connection, `instead` takes the place of the key if it was in use: we sign
/// with it and ask the peer to. That there is no such key is not an error.
///
/// # Errors
/// `InvalidInput` as for [`add_ao_key`]; `ResourceBusy` when the key is in use and there is no `instead`.
pub fn remove_ao_key<S: AsFd>(
    socket: &S,
    peer: IpAddr,
    prefix_len: u8,
    key: AoKeyId,
    instead: Option<AoKeyId>,
) -> io::Result<()> {
    let (addr, prefix) = place(socket, peer, prefix_len)?;
    let value = TcpAoDel {
        addr,
        ifindex: 0,
        bits: if instead.is_some() { SET_CURRENT | SET_RNEXT } else { 0 },
        reserved2: 0,
        prefix,
        sndid: key.send,
        rcvid: key.recv,
        current_key: instead.map_or(0, |key| key.send),
        rnext: instead.map_or(0, |key| key.recv),
        keyflags: 0,
    };
    match sys::set_plain(socket.as_fd(), libc::IPPROTO_TCP, TCP_AO_DEL_KEY, &value) {
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(()),
        result => result,
    }
}

/// Ask the peer of a connection to sign with this key from now on (`RNextKeyID`); before `connect` it is the
/// key that the SYN is signed with, too.
///
/// # Errors
/// `ENOENT`: the socket has no such key. `EINVAL`: not on a listening socket.
pub fn prefer_ao_key<S: AsFd>(socket: &S, key: AoKeyId, sign_too: bool) -> io::Result<()> {
    let value = TcpAoInfo {
        bits: SET_RNEXT | AO_REQUIRED | if sign_too { SET_CURRENT } else { 0 },
        current_key: if sign_too { key.send } else { 0 },
        rnext: key.recv,
        ..TcpAoInfo::default()
    };
    sys::set_plain(socket.as_fd(), libc::IPPROTO_TCP, TCP_AO_INFO, &value)
}

/// The keys a connection uses now, and what it dropped.
///
/// # Errors
/// `ENOENT`: no TCP-AO on this connection. `ENOPROTOOPT`: none in this kernel.
pub fn ao_state<S: AsFd>(socket: &S) -> io::Result<AoState> {
    let mut value = TcpAoInfo::default();
    sys::read_plain(socket.as_fd(), libc::IPPROTO_TCP, TCP_AO_INFO, &mut value)?;
    Ok(AoState {
        current: value.current_key,
        rnext: value.rnext,
        good: value.pkt_good,
        bad: value.pkt_bad,
        unknown_key: value.pkt_key_not_found,
        unsigned: value.pkt_ao_required,
    })
}

/// Address and prefix length as the kernel wants them: unlike those of TCP MD5, with no bit set beyond the prefix.
fn place<S: AsFd>(socket: &S, peer: IpAddr, prefix_len: u8) -> io::Result<([u8; 128], u8)> {
    let peer = peer.to_canonical();
    let full = if peer.is_ipv4() { 32 } else { 128 };
    if prefix_len > full {
        return Err(invalid(format!(
            "the prefix length of {peer} is 0 to {full}, got {prefix_len}"
        )));
    }
    let host_bits = u32::from(full - prefix_len);
    let network: IpAddr = match peer {
        IpAddr::V4(v4) => {
            Ipv4Addr::from_bits(v4.to_bits() & u32::MAX.checked_shl(host_bits).unwrap_or(0)).into()
        }
        IpAddr::V6(v6) => {
            Ipv6Addr::from_bits(v6.to_bits() & u128::MAX.checked_shl(host_bits).unwrap_or(0)).into()
        }
    };
    Ok((addr_bytes(network, is_ipv6(socket)?)?, prefix_len))
}

#[cfg(test)]
mod tests;
