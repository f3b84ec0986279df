//! The one system call: `setsockopt(2)` with integers and plain structures.
//!
//! Called by the rest of the crate only. This is the sole place in the workspace where `unsafe` is allowed:
//! no safe crate offers TCP_MD5SIG, IP_MINTTL or IPV6_MINHOPCOUNT. The kernel only reads the value,
//! during the call.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use libc::{c_int, socklen_t};

use crate::md5::TcpMd5Sig;

/// A value that the kernel may read byte by byte: `repr(C)` or primitive, no padding, no pointer.
trait Plain: Copy {}
impl Plain for c_int {}
// 216 bytes without padding, asserted beside the type.
impl Plain for TcpMd5Sig {}

/// Set an integer option.
pub(crate) fn set_int(
    fd: BorrowedFd<'_>,
    level: c_int,
    name: c_int,
    value: c_int,
) -> io::Result<()> {
    set(fd, level, name, &value)
}

/// Set a TCP MD5 key; `name` is TCP_MD5SIG or TCP_MD5SIG_EXT.
pub(crate) fn set_md5(fd: BorrowedFd<'_>, name: c_int, value: &TcpMd5Sig) -> io::Result<()> {
    set(fd, libc::IPPROTO_TCP, name, value)
}

#[expect(unsafe_code, reason = "no safe crate sets these options; see the module head")]
fn set<T: Plain>(fd: BorrowedFd<'_>, level: c_int, name: c_int, value: &T) -> io::Result<()> {
    let len = socklen_t::try_from(size_of::<T>()).expect("at most 216 bytes");
    // SAFETY: `fd` is borrowed, so it is open during the call. The pointer and length describe exactly one
    // live `T`, all bytes of which are initialised because `Plain` types have no padding. The kernel copies
    // from it during the call, keeps no pointer and writes nothing.
    let result = unsafe {
        libc::setsockopt(fd.as_raw_fd(), level, name, std::ptr::from_ref(value).cast(), len)
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
