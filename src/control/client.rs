//! The command's end of the control socket. Blocking: a command does one thing at a time.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::marker::PhantomData;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::{Line, MAX_LINE, RefusalCode, Request};
use crate::cli::Failure;

/// Longest wait for the daemon to say something.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// Where a daemon may be asked.
#[derive(Clone, Debug)]
pub struct Client {
    path: PathBuf,
}

impl Client {
    /// A client of the socket at `path`; connects with each request.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Asks and gives the items as they arrive.
    ///
    /// # Errors
    /// [`Failure::Unreachable`] when no daemon answers.
    pub fn ask<T: DeserializeOwned>(&self, request: &Request) -> Result<Answer<T>, Failure> {
        let mut stream =
            UnixStream::connect(&self.path).map_err(|e| unreachable(&self.path, &e))?;
        stream.set_read_timeout(Some(READ_TIMEOUT))?;
        stream.set_write_timeout(Some(READ_TIMEOUT))?;
        let mut line = serde_json::to_vec(request).map_err(io::Error::from)?;
        line.push(b'\n');
        match stream.write_all(&line) {
            // A busy daemon answers without reading: what it said is still there to read.
            Err(e) if e.kind() == io::ErrorKind::BrokenPipe => {}
            other => other?,
        }
        Ok(Answer { lines: BufReader::new(stream), ended: false, item: PhantomData })
    }

    /// Asks and gathers all items.
    ///
    /// # Errors
    /// As [`Client::ask`], and what the daemon refuses.
    pub fn all<T: DeserializeOwned>(&self, request: &Request) -> Result<Vec<T>, Failure> {
        self.ask(request)?.collect()
    }
}

/// The items of an answer. Ends after the daemon's last line; an answer cut short is an error.
#[derive(Debug)]
pub struct Answer<T> {
    lines: BufReader<UnixStream>,
    ended: bool,
    item: PhantomData<T>,
}

impl<T: DeserializeOwned> Iterator for Answer<T> {
    type Item = Result<T, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let step = self.step();
        self.ended = !matches!(step, Ok(Some(_)));
        step.transpose()
    }
}

impl<T: DeserializeOwned> Answer<T> {
    fn step(&mut self) -> Result<Option<T>, Failure> {
        let mut line = Vec::new();
        let read = (&mut self.lines).take(MAX_LINE as u64).read_until(b'\n', &mut line);
        read.map_err(|e| Failure::Failed(format!("the daemon stopped answering: {e}")))?;
        if !line.ends_with(b"\n") {
            return Err(Failure::Failed(
                "the daemon's answer was cut short; it stopped, or we read too slowly".to_owned(),
            ));
        }
        match serde_json::from_slice(&line) {
            Ok(Line::Item(item)) => Ok(Some(item)),
            Ok(Line::End { .. }) => Ok(None),
            Ok(Line::Error(refusal)) if refusal.code == RefusalCode::BadRequest => {
                Err(Failure::Failed(format!(
                    "the daemon does not know this request ({}); is it an older cosmos?",
                    refusal.message
                )))
            }
            Ok(Line::Error(refusal)) => Err(Failure::Failed(refusal.message)),
            Err(e) => Err(Failure::Failed(format!(
                "the daemon's answer is not understood ({e}); is it another version of cosmos?"
            ))),
        }
    }
}

fn unreachable(path: &Path, error: &io::Error) -> Failure {
    let path = path.display();
    Failure::Unreachable(match error.kind() {
        io::ErrorKind::NotFound => format!(
            "no daemon at {path}; start one with `cosmos run --manifests DIR --node NAME`, \
             or say where it is with --control PATH"
        ),
        io::ErrorKind::ConnectionRefused => {
            format!("nobody listens at {path} any more; start the daemon again with `cosmos run`")
        }
        io::ErrorKind::PermissionDenied => {
            format!("no right to use {path}; run this as the daemon's user, for example with sudo")
        }
        _ => format!("cannot reach the daemon at {path}: {error}"),
    })
}
