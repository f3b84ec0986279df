//! The daemon's end of the control socket.

use std::future::Future;
use std::io;
use std::sync::Arc;

use serde::Serialize;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::OwnedWriteHalf;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::{
    Bound, Line, MAX_CLIENTS, MAX_REQUEST, REQUEST_TIMEOUT, Refusal, RefusalCode, Request,
    WRITE_TIMEOUT,
};

/// Octets gathered before they are written.
const PAGE: usize = 64 * 1024;

/// Who answers requests.
pub trait Source: Send + Sync + 'static {
    /// Puts everything asked for into `items`, in pages: `items` writes to the client while the
    /// source holds no lock.
    fn answer(
        &self,
        request: Request,
        items: &mut Items,
    ) -> impl Future<Output = Result<(), AnswerError>> + Send;
}

/// Why an answer ended before its end.
#[derive(Debug)]
pub enum AnswerError {
    /// Said to the client.
    Refused(Refusal),
    /// The client has left or does not read.
    Gone(io::Error),
}

impl From<Refusal> for AnswerError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<io::Error> for AnswerError {
    fn from(e: io::Error) -> Self {
        Self::Gone(e)
    }
}

/// Where the items of one answer go.
#[derive(Debug)]
pub struct Items {
    stream: OwnedWriteHalf,
    page: Vec<u8>,
    count: u64,
}

impl Items {
    /// Adds an item; writes when a page is full, waiting for the client at most [`WRITE_TIMEOUT`].
    ///
    /// # Errors
    /// The client has left or does not read.
    pub async fn push(&mut self, item: &impl Serialize) -> io::Result<()> {
        self.count += 1;
        self.line(&Line::Item(item)).await
    }

    async fn line(&mut self, line: &Line<impl Serialize>) -> io::Result<()> {
        serde_json::to_writer(&mut self.page, line)?;
        self.page.push(b'\n');
        if self.page.len() >= PAGE { self.flush().await } else { Ok(()) }
    }

    async fn flush(&mut self) -> io::Result<()> {
        let mut rest = self.page.as_slice();
        while !rest.is_empty() {
            // The time runs anew with every piece taken: a slow reader is served, a dead one is not.
            let taken = timeout(WRITE_TIMEOUT, self.stream.write(rest)).await??;
            if taken == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            rest = &rest[taken..];
        }
        self.page.clear();
        Ok(())
    }
}

/// Serves until the future is dropped; connections in progress end with it.
pub async fn serve(bound: Bound, source: Arc<impl Source>) {
    let places = Arc::new(Semaphore::new(MAX_CLIENTS));
    let mut clients = JoinSet::new();
    loop {
        while clients.try_join_next().is_some() {}
        let stream = match bound.listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of descriptors, most likely: give the others time to end.
                tracing::warn!(%error, "control socket: accept failed");
                tokio::time::sleep(std::time::Duration::from_millis(200)).await;
                continue;
            }
        };
        match Arc::clone(&places).try_acquire_owned() {
            Ok(place) => {
                let source = Arc::clone(&source);
                clients.spawn(async move {
                    if let Err(error) = client(stream, &*source).await {
                        tracing::debug!(%error, "control client left early");
                    }
                    drop(place);
                });
            }
            // Answered inline and without waiting: the line fits the empty socket buffer.
            Err(_) => refuse_busy(&stream),
        }
    }
}

fn refuse_busy(stream: &UnixStream) {
    let refusal = Refusal::new(RefusalCode::Busy, "too many clients at once; try again");
    if let Ok(mut line) = serde_json::to_vec(&Line::<()>::Error(refusal)) {
        line.push(b'\n');
        let _ = stream.try_write(&line);
    }
}

async fn client(stream: UnixStream, source: &impl Source) -> io::Result<()> {
    let (read, write) = stream.into_split();
    let mut items = Items { stream: write, page: Vec::new(), count: 0 };
    let outcome = match timeout(REQUEST_TIMEOUT, request(BufReader::new(read))).await? {
        Ok(request) => source.answer(request, &mut items).await,
        Err(error) => Err(error),
    };
    let last = match outcome {
        Ok(()) => Line::<()>::End { count: items.count },
        Err(AnswerError::Refused(refusal)) => Line::Error(refusal),
        Err(AnswerError::Gone(error)) => return Err(error),
    };
    items.line(&last).await?;
    items.flush().await
}

async fn request(read: impl tokio::io::AsyncBufRead + Unpin) -> Result<Request, AnswerError> {
    let mut line = Vec::new();
    let limit = MAX_REQUEST as u64;
    read.take(limit).read_until(b'\n', &mut line).await?;
    if !line.ends_with(b"\n") {
        let why = if line.len() >= MAX_REQUEST {
            format!("the request is longer than {MAX_REQUEST} octets")
        } else {
            "the request does not end with a newline".to_owned()
        };
        return Err(Refusal::new(RefusalCode::BadRequest, why).into());
    }
    serde_json::from_slice(&line).map_err(|e| {
        Refusal::new(RefusalCode::BadRequest, format!("no request of mine: {e}")).into()
    })
}
