//! Opening a connection, and preparing one the peer opened.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::{TcpSocket, TcpStream};

use super::config::{Direction, SessionConfig};

/// An attempt under way; dropping it gives it up.
pub(super) type Dialing = Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send>>;

/// Begins to connect. Faults of the setup come out of the future like those of TCP.
pub(super) fn dial(cfg: &SessionConfig) -> Dialing {
    let (socket, remote, limit) = (outgoing(cfg), cfg.remote, cfg.connect_timeout);
    Box::pin(async move {
        match tokio::time::timeout(limit, socket?.connect(remote)).await {
            Ok(connected) => connected,
            Err(_) => Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("no answer within {} s", limit.as_secs_f32()),
            )),
        }
    })
}

/// Sets the options of a connection that the peer opened.
pub(super) fn prepare_incoming(cfg: &SessionConfig, stream: &TcpStream) -> io::Result<()> {
    let socket = SockRef::from(stream);
    options(cfg, &socket, stream.peer_addr()?)?;
    cfg.setup.apply(&socket, Direction::Incoming)
}

fn outgoing(cfg: &SessionConfig) -> io::Result<TcpSocket> {
    let socket = Socket::new(Domain::for_address(cfg.remote), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    options(cfg, &socket, cfg.remote)?;
    if let Some(device) = &cfg.bind_device {
        explain(socket.bind_device(Some(device.as_bytes())), || {
            format!("bind to device {device}")
        })?;
    }
    cfg.setup.apply(&socket, Direction::Outgoing)?;
    if let Some(local) = cfg.local {
        socket.set_reuse_address(true)?;
        explain(socket.bind(&local.into()), || format!("bind to {local}"))?;
    }
    Ok(TcpSocket::from_std_stream(socket.into()))
}

fn options(cfg: &SessionConfig, socket: &Socket, remote: SocketAddr) -> io::Result<()> {
    // The runner coalesces by itself; a KEEPALIVE must not wait for an ACK.
    socket.set_tcp_nodelay(true)?;
    if let Some(octets) = cfg.send_buffer {
        socket.set_send_buffer_size(octets)?;
    }
    if let Some(octets) = cfg.receive_buffer {
        socket.set_recv_buffer_size(octets)?;
    }
    match (cfg.ttl, remote) {
        (None, _) => Ok(()),
        (Some(ttl), SocketAddr::V4(_)) => socket.set_ttl_v4(ttl.into()),
        (Some(ttl), SocketAddr::V6(_)) => socket.set_unicast_hops_v6(ttl.into()),
    }
}

fn explain(result: io::Result<()>, what: impl FnOnce() -> String) -> io::Result<()> {
    result.map_err(|error| io::Error::new(error.kind(), format!("cannot {}: {error}", what())))
}
