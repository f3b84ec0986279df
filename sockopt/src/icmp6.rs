//! Which ICMPv6 messages a raw socket gets, RFC 3542 section 3.2.
//!
//! Called by `nd` on its socket before it is read. Without a filter a raw socket gets a copy of every
//! ICMPv6 message of the machine, neighbour solicitations and pings included.
//!
//! References: linux/icmpv6.h `icmp6_filter`, RFC 3542.

use std::io;
use std::os::fd::AsFd;

use crate::sys;

/// `ICMPV6_FILTER` of linux/icmpv6.h; libc has no name for it.
const ICMPV6_FILTER: libc::c_int = 1;

/// `struct icmp6_filter`: one bit a type, set means blocked.
#[derive(Copy, Clone)]
#[repr(C)]
pub(crate) struct Icmp6Filter([u32; 8]);

const _: () = assert!(size_of::<Icmp6Filter>() == 32);

/// Receive only ICMPv6 messages of these types.
///
/// # Errors
/// The socket is no raw ICMPv6 socket.
pub fn set_icmp6_types<S: AsFd>(socket: &S, types: &[u8]) -> io::Result<()> {
    let mut filter = [u32::MAX; 8];
    for kind in types {
        filter[usize::from(kind >> 5)] &= !(1 << (kind & 31));
    }
    let filter = Icmp6Filter(filter);
    sys::set_plain(socket.as_fd(), libc::IPPROTO_ICMPV6, ICMPV6_FILTER, &filter)
}
