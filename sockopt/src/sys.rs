//! The two system calls: `setsockopt(2)` and `getsockopt(2)` with integers and plain structures.
//!
//! Called by the rest of the crate only. This is the sole place in the workspace where `unsafe` is allowed:
//! no safe crate offers TCP_MD5SIG, TCP_AO_ADD_KEY, IP_MINTTL or IPV6_MINHOPCOUNT. The kernel keeps no pointer
//! beyond the call.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use libc::{c_int, socklen_t};

use crate::ao::{TcpAoAdd, TcpAoDel, TcpAoInfo};
use crate::icmp6::Icmp6Filter;
use crate::md5::TcpMd5Sig;

/// A value that the kernel may read and write byte by byte: `repr(C)` or primitive, no padding, no pointer, any bits
/// are a value.
pub(crate) trait Plain: Copy {}
impl Plain for c_int {}
// Without padding, asserted beside each type.
impl Plain for TcpMd5Sig {}
impl Plain for TcpAoAdd {}
impl Plain for TcpAoDel {}
impl Plain for TcpAoInfo {}
impl Plain for Icmp6Filter {}

/// Set an integer option.
pub(crate) fn set_int(
    fd: BorrowedFd<'_>,
    level: c_int,
    name: c_int,
    value: c_int,
) -> io::Result<()> {
    set_plain(fd, level, name, &value)
}

/// Set an option to a structure.
#[expect(unsafe_code, reason = "no safe crate sets these options; see the module head")]
pub(crate) fn set_plain<T: Plain>(
    fd: BorrowedFd<'_>,
    level: c_int,
    name: c_int,
    value: &T,
) -> io::Result<()> {
    let len = socklen_t::try_from(size_of::<T>()).expect("at most 288 bytes");
    // SAFETY: `fd` is borrowed, so it is open during the call. The pointer and length describe exactly one
    // live `T`, all bytes of which are initialised because `Plain` types have no padding. The kernel copies
    // from it during the call, keeps no pointer and writes nothing.
    let result = unsafe {
        libc::setsockopt(fd.as_raw_fd(), level, name, std::ptr::from_ref(value).cast(), len)
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Read an option into a structure.
#[expect(unsafe_code, reason = "no safe crate reads these options; see the module head")]
pub(crate) fn read_plain<T: Plain>(
    fd: BorrowedFd<'_>,
    level: c_int,
    name: c_int,
    value: &mut T,
) -> io::Result<()> {
    let mut len = socklen_t::try_from(size_of::<T>()).expect("at most 288 bytes");
    // SAFETY: `fd` is borrowed, so it is open during the call. The pointer and length describe exactly one
    // live, writable `T`, of which the kernel reads and writes at most that many bytes; any bytes are a valid
    // `Plain`. It keeps no pointer.
    let result = unsafe {
        libc::getsockopt(
            fd.as_raw_fd(),
            level,
            name,
            std::ptr::from_mut(value).cast(),
            &raw mut len,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
