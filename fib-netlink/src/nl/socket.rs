//! The two kinds of netlink socket: one asks, one listens.
//!
//! [`Requests`] is owned by the owner thread: blocking, it sends a buffer of many messages at once and
//! collects the verdicts. The kernel works through the buffer inside `send`, reports every failure, and
//! only the last message asks for an acknowledgement: when that has arrived, silence about a message
//! means success. [`Events`] is a non-blocking subscription, filtered in the kernel (classic BPF) so that
//! our own million installs are not echoed to us.
//!
//! Invariants: a socket belongs to the network namespace of the thread that opened it; answers are matched
//! by sequence number, so leftovers of a failed exchange are never taken for answers of the next.

use std::io;
use std::os::fd::AsRawFd;
use std::time::Duration;

use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, recv, send, setsockopt, sockopt};
use socket2::{SockFilter, SockRef};
use tokio::io::unix::AsyncFd;

use super::consts::*;
use super::read::{Message, messages};
use super::write::want_ack;
use crate::error::Error;

/// Socket buffers: room for the failures of a whole batch and for a burst of notifications.
const BUFFER_BYTES: usize = 8 << 20;
/// The kernel never sends a datagram above 32 KiB in a dump; notifications are smaller.
const RECEIVE_BYTES: usize = 64 << 10;
/// The kernel answers at once; longer means that the answer is lost.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// How often a dump that was disturbed by changes is tried.
const DUMP_ATTEMPTS: usize = 5;

/// A socket for requests and their answers.
#[derive(Debug)]
pub(crate) struct Requests {
    socket: Socket,
    port: u32,
    seq: u32,
    buf: Vec<u8>,
}

/// Some verdicts of a batch may be lost: what the kernel holds must be read again.
#[derive(Debug)]
pub(crate) struct Unsure(pub(crate) io::Error);

impl Requests {
    pub(crate) fn open() -> Result<Self, Error> {
        let (socket, port) = open(0)?;
        // Only then does a dump honour the table and protocol that it asks for.
        socket.set_netlink_get_strict_chk(true).map_err(Error::Open)?;
        // Errors without the echo of the request, with a sentence of explanation; old kernels lack both.
        let _ = socket.set_cap_ack(true);
        let _ = socket.set_ext_ack(true);
        SockRef::from(&socket).set_read_timeout(Some(ANSWER_TIMEOUT)).map_err(Error::Open)?;
        Ok(Self { socket, port, seq: 0, buf: vec![0; RECEIVE_BYTES] })
    }

    /// The port that notifications caused by this socket carry.
    pub(crate) fn port(&self) -> u32 {
        self.port
    }

    /// Reserve `count` sequence numbers; returns the first.
    pub(crate) fn reserve(&mut self, count: usize) -> u32 {
        let first = self.seq.wrapping_add(1);
        self.seq = self.seq.wrapping_add(u32::try_from(count).unwrap_or(u32::MAX));
        first
    }

    /// Send `batch`, `count` messages numbered from `first`, the last of which starts at `last_start`.
    /// `failed` is called with position, errno and explanation of each message that was refused.
    pub(crate) fn execute(
        &mut self,
        batch: &mut [u8],
        first: u32,
        count: usize,
        last_start: usize,
        mut failed: impl FnMut(usize, i32, Option<&str>),
    ) -> Result<(), Unsure> {
        want_ack(batch, last_start);
        loop {
            match send(self.socket.as_raw_fd(), batch, MsgFlags::empty()) {
                Ok(_) => break,
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(Unsure(errno.into())),
            }
        }
        loop {
            let len = receive(&self.socket, &mut self.buf).map_err(Unsure)?;
            for message in messages(self.buf.get(..len).unwrap_or_default()) {
                let at = usize::try_from(message.seq.wrapping_sub(first)).unwrap_or(usize::MAX);
                let Some(ack) = message.ack().filter(|_| at < count) else { continue };
                if ack.errno != 0 {
                    failed(at, ack.errno, ack.text);
                }
                if at + 1 == count {
                    return Ok(());
                }
            }
        }
    }

    /// Dump: `request` writes the request with the sequence number it is given, `each` sees every message.
    /// When the kernel changed meanwhile everything begins again with a fresh `T`.
    pub(crate) fn dump<T: Default>(
        &mut self,
        what: &'static str,
        request: impl Fn(&mut Vec<u8>, u32),
        mut each: impl FnMut(&mut T, &Message<'_>),
    ) -> Result<T, Error> {
        let io_error = |source| Error::Io { what, source };
        for _ in 0..DUMP_ATTEMPTS {
            let seq = self.reserve(1);
            let mut out = Vec::new();
            request(&mut out, seq);
            send(self.socket.as_raw_fd(), &out, MsgFlags::empty())
                .map_err(|errno| io_error(errno.into()))?;
            let mut result = T::default();
            let mut interrupted = false;
            'answer: loop {
                let len = receive(&self.socket, &mut self.buf).map_err(io_error)?;
                for message in messages(self.buf.get(..len).unwrap_or_default()) {
                    if message.seq != seq {
                        continue;
                    }
                    interrupted |= message.is_interrupted();
                    match message.ack() {
                        None => each(&mut result, &message),
                        // A table that does not exist yet is an empty one.
                        Some(ack) if matches!(Errno::from_raw(ack.errno), Errno::ENOENT) => {
                            break 'answer;
                        }
                        Some(ack) if ack.errno != 0 => {
                            return Err(io_error(io::Error::from_raw_os_error(ack.errno)));
                        }
                        Some(_) => break 'answer,
                    }
                }
            }
            if !interrupted {
                return Ok(result);
            }
        }
        Err(Error::Interrupted(what))
    }
}

/// A subscription to links, addresses and routes.
#[derive(Debug)]
pub(crate) struct Events {
    socket: Socket,
    port: u32,
}

impl Events {
    /// Subscribe. Notifications about routes of `protocol` are left out, except, when `own_port` is
    /// given, deletions that were not asked for by the socket with that port.
    pub(crate) fn open(protocol: u8, own_port: Option<u32>) -> Result<Self, Error> {
        let (socket, port) = open(EVENT_GROUPS)?;
        socket.set_non_blocking(true).map_err(Error::Open)?;
        // Without the filter the consumer still skips what is ours, only at a higher price.
        if let Err(error) = SockRef::from(&socket).attach_filter(&filter(protocol, own_port)) {
            tracing::debug!(%error, "no socket filter on the netlink subscription");
        }
        Ok(Self { socket, port })
    }

    pub(crate) fn into_async(self) -> Result<AsyncEvents, Error> {
        let port = self.port;
        #[expect(
            deprecated,
            reason = "the successor is unsafe because a descriptor might change under it; \
                      netlink_sys::Socket owns one descriptor from creation to drop"
        )]
        let fd = AsyncFd::new(self.socket).map_err(Error::Open)?;
        Ok(AsyncEvents { fd, port, buf: vec![0; RECEIVE_BYTES], len: 0 })
    }
}

/// A subscription registered with the runtime.
#[derive(Debug)]
pub(crate) struct AsyncEvents {
    fd: AsyncFd<Socket>,
    port: u32,
    buf: Vec<u8>,
    len: usize,
}

impl AsyncEvents {
    /// Wait for the next datagram. ENOBUFS means that notifications were lost.
    pub(crate) async fn next(&mut self) -> io::Result<()> {
        self.len = 0;
        loop {
            let mut ready = self.fd.readable().await?;
            match ready.try_io(|fd| receive(fd.get_ref(), &mut self.buf)) {
                Ok(len) => {
                    self.len = len?;
                    return Ok(());
                }
                Err(_would_block) => {}
            }
        }
    }

    /// The datagram that [`Self::next`] got.
    pub(crate) fn datagram(&self) -> &[u8] {
        self.buf.get(..self.len).unwrap_or_default()
    }

    /// Send a request on this socket; the answer arrives between the notifications.
    pub(crate) fn request(&self, message: &[u8]) -> io::Result<()> {
        send(self.fd.get_ref().as_raw_fd(), message, MsgFlags::empty())?;
        Ok(())
    }

    /// Whether a message answers request `seq` of this socket.
    pub(crate) fn is_answer(&self, message: &Message<'_>, seq: u32) -> bool {
        message.seq == seq
            && message.port == self.port
            && (message.flags & NLM_F_MULTI != 0 || message.kind == NLMSG_ERROR)
    }
}

fn open(groups: u32) -> Result<(Socket, u32), Error> {
    let mut socket = Socket::new(NETLINK_ROUTE).map_err(Error::Open)?;
    socket.bind(&SocketAddr::new(0, groups)).map_err(Error::Open)?;
    // Beyond the system's limit if we may (CAP_NET_ADMIN), else as much as it allows.
    if setsockopt(&socket, sockopt::RcvBufForce, &BUFFER_BYTES).is_err() {
        SockRef::from(&socket).set_recv_buffer_size(BUFFER_BYTES).map_err(Error::Open)?;
    }
    SockRef::from(&socket).set_send_buffer_size(BUFFER_BYTES).map_err(Error::Open)?;
    let mut addr = SocketAddr::new(0, 0);
    socket.get_address(&mut addr).map_err(Error::Open)?;
    Ok((socket, addr.port_number()))
}

fn receive(socket: &Socket, buf: &mut [u8]) -> io::Result<usize> {
    loop {
        match recv(socket.as_raw_fd(), buf, MsgFlags::MSG_TRUNC) {
            // Cut short: what is missing is unknown, as if the socket had overflowed.
            Ok(len) if len > buf.len() => return Err(Errno::ENOBUFS.into()),
            Ok(len) => return Ok(len),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// Classic BPF over `nlmsghdr` + `rtmsg`; loads are big-endian whatever the host is.
fn filter(protocol: u8, own_port: Option<u32>) -> Vec<SockFilter> {
    const LOAD_16: u16 = 0x28;
    const LOAD_32: u16 = 0x20;
    const LOAD_8: u16 = 0x30;
    const IF_EQUAL: u16 = 0x15;
    const IF_BITS: u16 = 0x45;
    const RETURN: u16 = 0x06;
    let net16 = |value: u16| u32::from(u16::from_be_bytes(value.to_ne_bytes()));
    let net32 = |value: u32| u32::from_be_bytes(value.to_ne_bytes());
    let op = SockFilter::new;
    // Jumps are relative to the next instruction. ACCEPT is the last but one, DROP the last.
    let mut program = vec![
        op(LOAD_16, 0, 0, 4), // nlmsg_type
        op(IF_EQUAL, 1, 0, net16(RTM_NEWROUTE)),
        op(IF_EQUAL, 0, 6, net16(RTM_DELROUTE)),
        op(LOAD_8, 0, 0, 21), // rtm_protocol
        op(IF_EQUAL, 0, 4, u32::from(protocol)),
        op(LOAD_16, 0, 0, 6), // nlmsg_flags: part of a dump?
        op(IF_BITS, 2, 0, net16(NLM_F_MULTI)),
    ];
    match own_port {
        Some(port) => program.extend([
            op(LOAD_32, 0, 0, 12), // nlmsg_pid
            op(IF_EQUAL, 1, 0, net32(port)),
        ]),
        None => program.extend([op(RETURN, 0, 0, 0), op(RETURN, 0, 0, 0)]),
    }
    program.extend([op(RETURN, 0, 0, u32::MAX), op(RETURN, 0, 0, 0)]);
    program
}
