//! TCP_INFO: the kernel's figures of a connection.
//!
//! Only the first 104 octets of the structure, which have not changed since Linux 2.6; the kernel
//! cuts its answer to what is asked for.

use std::io;
use std::os::fd::AsFd;

use crate::sys::{self, Plain};

/// Figures of one TCP connection (tcp(7)).
#[derive(Copy, Clone, Eq, PartialEq, Default, Debug)]
pub struct TcpFigures {
    /// Smoothed round trip time in microseconds.
    pub rtt_micros: u32,
    /// Its mean deviation in microseconds.
    pub rtt_variation_micros: u32,
    /// Segments sent again since the connection began.
    pub retransmits: u32,
    /// Segments sent and not acknowledged.
    pub unacked: u32,
    /// Largest segment we send, in octets.
    pub segment_size: u32,
    /// Congestion window in segments.
    pub congestion_window: u32,
}

/// The kernel's `struct tcp_info`, as far as it is old: eight octets, then words.
#[repr(C)]
#[derive(Copy, Clone)]
pub(crate) struct TcpInfo {
    octets: [u8; 8],
    words: [u32; 24],
}

const _: () = assert!(size_of::<TcpInfo>() == 104);
// Arrays of integers, 104 octets without padding; any bits are a value.
impl Plain for TcpInfo {}

/// The figures of a connection.
///
/// # Errors
/// The operating system's refusal, for example when this is no TCP socket.
pub fn tcp_figures<S: AsFd>(socket: &S) -> io::Result<TcpFigures> {
    let mut info = TcpInfo { octets: [0; 8], words: [0; 24] };
    sys::read_plain(socket.as_fd(), libc::IPPROTO_TCP, libc::TCP_INFO, &mut info)?;
    let words = info.words;
    Ok(TcpFigures {
        segment_size: words[2],
        unacked: words[4],
        rtt_micros: words[15],
        rtt_variation_micros: words[16],
        congestion_window: words[18],
        retransmits: words[23],
    })
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream, UdpSocket};

    use super::*;

    #[test]
    fn a_connection_has_figures_and_a_datagram_socket_has_none() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut far, _) = listener.accept().unwrap();
        near.write_all(b"x").unwrap();
        far.read_exact(&mut [0]).unwrap();
        let figures = tcp_figures(&near).unwrap();
        assert!(figures.segment_size >= 500 && figures.congestion_window > 0, "{figures:?}");
        assert!(figures.rtt_micros > 0, "{figures:?}");
        assert_eq!(figures.retransmits, 0);
        let datagrams = UdpSocket::bind("127.0.0.1:0").unwrap();
        assert!(tcp_figures(&datagrams).is_err());
    }
}
