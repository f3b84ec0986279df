//! A peer that sends a prepared table as fast as the socket takes it, and stays up.
//!
//! The table is one run of frames made beforehand, so that sending costs no more than copying.
//! A second thread reads and throws away what comes back, and sends KEEPALIVEs when the main one is
//! not sending.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use crate::frame::encode;
use crate::script::{Identity, Session};
use crate::wait::{PATIENCE, clock};

/// An Established session that sends.
#[derive(Debug)]
pub struct Sender {
    stream: TcpStream,
    writer: Arc<Mutex<TcpStream>>,
    ended: Arc<Mutex<Option<String>>>,
    reader: Option<JoinHandle<()>>,
}

impl Sender {
    /// Takes over a fresh connection: handshake, then the background thread.
    ///
    /// # Errors
    /// When the handshake fails.
    pub fn start(mut session: Session, identity: &Identity) -> Result<Self> {
        session.handshake(identity)?;
        let interval = match session.hold_time {
            0 => None,
            secs => Some(Duration::from_secs(u64::from(secs)) / 3),
        };
        let stream = session.stream;
        let writer = Arc::new(Mutex::new(stream.try_clone().context("second handle")?));
        let ended = Arc::new(Mutex::new(None));
        let reader = std::thread::spawn({
            let (stream, writer) =
                (stream.try_clone().context("third handle")?, Arc::clone(&writer));
            let ended = Arc::clone(&ended);
            move || {
                let why = drain(stream, &writer, interval);
                *ended.lock().expect("holders do not panic") = Some(why);
            }
        });
        Ok(Self { stream, writer, ended, reader: Some(reader) })
    }

    /// Sends `frames`; returns when the kernel has taken them: the moments of the start and the end.
    ///
    /// # Errors
    /// When the session ends meanwhile.
    pub fn send(&self, frames: &[u8]) -> Result<(Instant, Instant)> {
        let mut writer = self.writer.lock().expect("holders do not panic");
        let start = clock();
        writer.write_all(frames).with_context(|| format!("send; session: {:?}", self.ended()))?;
        Ok((start, clock()))
    }

    /// Why the session ended, if it has.
    #[must_use]
    pub fn ended(&self) -> Option<String> {
        self.ended.lock().expect("holders do not panic").clone()
    }

    /// Fails when the session has ended.
    ///
    /// # Errors
    /// With the reason.
    pub fn check_running(&self) -> Result<()> {
        let ended = self.ended();
        ensure!(ended.is_none(), "the sender's session ended: {}", ended.unwrap_or_default());
        Ok(())
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Both);
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

/// Reads until the end; the reason of the end.
fn drain(mut stream: TcpStream, writer: &Mutex<TcpStream>, interval: Option<Duration>) -> String {
    let mut keepalive = Vec::new();
    encode::keepalive(&mut keepalive);
    let step = interval.unwrap_or(PATIENCE);
    if let Err(error) = stream.set_read_timeout(Some(step)) {
        return error.to_string();
    }
    let mut buffer = vec![0; 1 << 16];
    let mut last = clock();
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return "closed by the speaker".into(),
            Ok(_) => {}
            Err(error) if is_timeout(&error) => {}
            Err(error) => return error.to_string(),
        }
        if interval.is_some() && clock().duration_since(last) >= step {
            last = clock();
            // A sender at work holds the lock; its UPDATEs keep the session alive as well.
            if let Ok(mut writer) = writer.try_lock()
                && let Err(error) = writer.write_all(&keepalive)
            {
                return error.to_string();
            }
        }
    }
}

pub(crate) fn is_timeout(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut)
}
