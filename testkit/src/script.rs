//! A BGP peer that does what the test says, over a real socket.
//!
//! [`Session`] gets through the handshake and then sends any octets, right or wrong, and reads whole
//! messages. It keeps no timers: tests that stay longer than the hold time use hold time 0, or
//! [`crate::sender`] and [`crate::sink`], which do.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use socket2::{Domain, Socket, Type};

use crate::frame::{HEADER, KEEPALIVE, NOTIFICATION, OPEN, encode};
use crate::netns::NetNs;
use crate::route::Family;
use crate::wait;

/// Who the scripted peer claims to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Its AS.
    pub asn: u32,
    /// Its BGP Identifier.
    pub router_id: Ipv4Addr,
    /// Hold time offered, in seconds; 0 switches keepalives off.
    pub hold_time: u16,
    /// Families offered.
    pub families: Vec<Family>,
}

impl Identity {
    /// An identity for both families without keepalives.
    #[must_use]
    pub fn new(asn: u32, router_id: Ipv4Addr) -> Self {
        Self { asn, router_id, hold_time: 0, families: vec![Family::Ipv4, Family::Ipv6] }
    }

    /// The OPEN message.
    #[must_use]
    pub fn open(&self) -> Vec<u8> {
        let mut out = Vec::new();
        encode::open(self.asn, self.hold_time, self.router_id, &self.families, true, &mut out);
        out
    }
}

/// A message as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Type octet.
    pub kind: u8,
    /// Without the header.
    pub body: Vec<u8>,
}

/// A connection to a speaker.
#[derive(Debug)]
pub struct Session {
    pub(crate) stream: TcpStream,
    /// Hold time in force after [`Session::handshake`], in seconds.
    pub hold_time: u16,
}

impl Session {
    /// Connects from `local` to `remote`, inside `ns`, as often as it takes.
    ///
    /// # Errors
    /// When nobody accepts in time.
    pub fn connect(ns: &NetNs, local: IpAddr, remote: SocketAddr) -> Result<Self> {
        ns.run(|| {
            wait::eventually(&format!("connection to {remote}"), || {
                let socket = Socket::new(Domain::for_address(remote), Type::STREAM, None)?;
                socket.set_recv_buffer_size(4 << 20)?;
                socket.set_send_buffer_size(4 << 20)?;
                socket.bind(&SocketAddr::new(local, 0).into())?;
                socket.connect_timeout(&remote.into(), Duration::from_secs(2))?;
                Self::new(socket.into())
            })
        })
    }

    /// Waits for a connection to `local`, inside `ns`.
    ///
    /// # Errors
    /// When nobody connects in time.
    pub fn accept(ns: &NetNs, local: SocketAddr) -> Result<Self> {
        ns.run(|| {
            let listener =
                TcpListener::bind(local).with_context(|| format!("listen on {local}"))?;
            listener.set_nonblocking(true)?;
            wait::eventually(&format!("connection to {local}"), || {
                let (stream, _) = listener.accept()?;
                stream.set_nonblocking(false)?;
                Self::new(stream)
            })
        })
    }

    /// Takes over a connection.
    ///
    /// # Errors
    /// When the socket refuses its options.
    pub fn new(stream: TcpStream) -> Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(wait::PATIENCE))?;
        Ok(Self { stream, hold_time: 0 })
    }

    /// OPEN and KEEPALIVE both ways.
    ///
    /// # Errors
    /// When the speaker answers anything else.
    pub fn handshake(&mut self, identity: &Identity) -> Result<()> {
        self.send(&identity.open())?;
        let open = self.expect(OPEN)?;
        let offered = open.body.get(3..5).context("OPEN is too short")?;
        let offered = u16::from_be_bytes([offered[0], offered[1]]);
        self.hold_time = offered.min(identity.hold_time);
        let mut keepalive = Vec::new();
        encode::keepalive(&mut keepalive);
        self.send(&keepalive)?;
        self.expect(KEEPALIVE)?;
        Ok(())
    }

    /// Sends octets as they are.
    ///
    /// # Errors
    /// When the connection is gone.
    pub fn send(&mut self, octets: &[u8]) -> Result<()> {
        self.stream.write_all(octets).context("send")
    }

    /// The next message, whatever it is.
    ///
    /// # Errors
    /// When none comes in time, the connection ends, or the header is no BGP.
    pub fn receive(&mut self) -> Result<Message> {
        let mut header = [0; HEADER];
        self.stream.read_exact(&mut header).context("receive header")?;
        ensure!(header[..16] == [0xff; 16], "marker: {header:02x?}");
        let len = usize::from(u16::from_be_bytes([header[16], header[17]]));
        let mut body = vec![0; len.checked_sub(HEADER).context("length below 19")?];
        self.stream.read_exact(&mut body).context("receive body")?;
        Ok(Message { kind: header[18], body })
    }

    /// The next message, which must be of type `kind`.
    ///
    /// # Errors
    /// When it is another; a NOTIFICATION is named.
    pub fn expect(&mut self, kind: u8) -> Result<Message> {
        let message = self.receive()?;
        if message.kind == NOTIFICATION && kind != NOTIFICATION {
            bail!("NOTIFICATION {:02x?} instead of message type {kind}", message.body);
        }
        ensure!(message.kind == kind, "message type {} instead of {kind}", message.kind);
        Ok(message)
    }

    /// Reads the end of the connection, before which nothing more may come. Our side stays open
    /// meanwhile: it is the speaker that closes.
    ///
    /// # Errors
    /// When something else comes, or nothing.
    pub fn expect_end(&mut self) -> Result<()> {
        let mut octets = [0; 64];
        match self.stream.read(&mut octets) {
            Ok(0) => Ok(()),
            Ok(count) => bail!("{:02x?} instead of the end", &octets[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => Ok(()),
            Err(error) => Err(error).context("the speaker does not close"),
        }
    }

    /// Whether the speaker has something to say, waiting for it; `false` when it closes instead.
    ///
    /// # Errors
    /// When neither happens in time.
    pub fn is_greeted(&self) -> Result<bool> {
        match self.stream.peek(&mut [0; 1]) {
            Ok(count) => Ok(count > 0),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => Ok(false),
            Err(error) => Err(error).context("neither a message nor the end"),
        }
    }

    /// Limits how long a read waits; [`wait::PATIENCE`] until then.
    ///
    /// # Errors
    /// When the socket refuses.
    pub fn set_patience(&self, patience: Duration) -> Result<()> {
        self.stream.set_read_timeout(Some(patience)).context("set read timeout")
    }

    /// Ends the connection the hard way: with an RST.
    ///
    /// # Errors
    /// When the socket refuses.
    pub fn reset(self) -> Result<()> {
        socket2::SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)).context("linger")
    }

    /// Says that nothing more comes, and returns what the speaker still sends until it closes too: by
    /// then it has read everything.
    ///
    /// # Errors
    /// When it does not close in time.
    pub fn finish(mut self) -> Result<Vec<Message>> {
        // Fails when the speaker has closed already, which is as good.
        let _closed = self.stream.shutdown(std::net::Shutdown::Write);
        let mut messages = Vec::new();
        let mut one = [0; 1];
        loop {
            match self.stream.peek(&mut one) {
                Ok(0) => return Ok(messages),
                Ok(_) => match self.receive() {
                    Ok(message) => messages.push(message),
                    // Cut short by the end, or by a reset.
                    Err(_) if self.stream.peek(&mut one).is_ok_and(|n| n == 0) => {
                        return Ok(messages);
                    }
                    Err(error) => return Err(error),
                },
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {
                    return Ok(messages);
                }
                Err(error) => return Err(error).context("the speaker does not close"),
            }
        }
    }

    /// Reads until a NOTIFICATION comes: its code, subcode and data.
    ///
    /// # Errors
    /// When the connection ends without one.
    pub fn notification(&mut self) -> Result<(u8, u8, Vec<u8>)> {
        loop {
            let message = self.receive()?;
            if message.kind == NOTIFICATION {
                let (&[code, subcode], data) =
                    message.body.split_first_chunk().context("NOTIFICATION is too short")?;
                return Ok((code, subcode, data.to_vec()));
            }
        }
    }
}
