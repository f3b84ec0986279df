//! Starting a session and talking to it.

use std::sync::{Arc, Mutex, PoisonError};

use bgp_wire::Notification;
use tokio::net::TcpStream;
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio::task::JoinHandle;

use super::SessionHandler;
use super::config::SessionConfig;
use super::runner::{Runner, clock};
use super::snapshot::{PeerSnapshot, View};
use crate::event::StopReason;
use crate::restart::RestartState;

/// Starts the task of a peer, in the current tokio runtime. The peer is started at once unless the
/// configuration says that it is shut down.
///
/// # Panics
/// Outside of a tokio runtime.
pub fn spawn(cfg: SessionConfig, handler: impl SessionHandler) -> SessionHandle {
    let (sender, commands) = mpsc::channel(COMMANDS);
    let view = Arc::new(View::new(cfg.remote, clock()));
    let runner = Runner::new(cfg, handler, commands, Arc::clone(&view));
    SessionHandle { commands: sender, view, task: Mutex::new(Some(tokio::spawn(runner.run()))) }
}

/// A running peer. Dropping the handle ends the session as [`SessionHandle::stop`] with
/// [`StopReason::PeerDeconfigured`] does, without waiting for it.
#[derive(Debug)]
pub struct SessionHandle {
    commands: mpsc::Sender<Command>,
    view: Arc<View>,
    task: Mutex<Option<JoinHandle<()>>>,
}

/// The task of the peer is gone: its handler panicked.
#[derive(Copy, Clone, Eq, PartialEq, Debug, thiserror::Error)]
#[error("the peer's task has ended; look for a panic in the log")]
pub struct SessionClosed;

impl SessionHandle {
    /// Hands over a connection that the peer opened. The session decides whether it wants it.
    ///
    /// # Errors
    /// Gives the stream back when the bounded queue to the session is full or the task has ended;
    /// drop it then, the peer will try again.
    pub fn incoming(&self, stream: TcpStream) -> Result<(), TcpStream> {
        self.commands.try_send(Command::Incoming(stream)).map_err(|error| match error {
            TrySendError::Full(Command::Incoming(stream))
            | TrySendError::Closed(Command::Incoming(stream)) => stream,
            _ => unreachable!("the error gives back what was sent"),
        })
    }

    /// Applies a new configuration; see [`SessionConfig::impact`] for what that costs.
    ///
    /// # Errors
    /// The task has ended.
    pub async fn reconfigure(&self, cfg: SessionConfig) -> Result<(), SessionClosed> {
        self.send(Command::Reconfigure(Box::new(cfg))).await
    }

    /// Ends the session with a Cease and begins again at once, without the rest that follows a
    /// fault.
    ///
    /// # Errors
    /// The task has ended.
    pub async fn reset(&self, reason: StopReason) -> Result<(), SessionClosed> {
        self.send(Command::Reset(reason)).await
    }

    /// Ends the session with any NOTIFICATION and begins again after the rest that follows a fault;
    /// for faults that the tables find later than in `updates`.
    ///
    /// # Errors
    /// The task has ended.
    pub async fn fail(&self, notification: Notification) -> Result<(), SessionClosed> {
        self.send(Command::Fail(notification)).await
    }

    /// Ends the session with a Cease and stays down until [`start`](Self::start) or a
    /// reconfiguration; for bounds that the tables watch over.
    ///
    /// # Errors
    /// The task has ended.
    pub async fn hold(&self, reason: StopReason) -> Result<(), SessionClosed> {
        self.send(Command::Hold(reason)).await
    }

    /// Begins again after [`hold`](Self::hold); does nothing while the configuration says that the
    /// peer is shut down.
    ///
    /// # Errors
    /// The task has ended.
    pub async fn start(&self) -> Result<(), SessionClosed> {
        self.send(Command::Start).await
    }

    /// Something else is true of our own restart; later OPENs say so.
    ///
    /// # Errors
    /// The task has ended.
    pub async fn restart_state(&self, state: RestartState) -> Result<(), SessionClosed> {
        self.send(Command::RestartState(state)).await
    }

    /// Ends the session with a Cease and keeps the peer from running until
    /// [`open_gate`](Self::open_gate), whatever is started or reconfigured meanwhile: nothing is dialed,
    /// connections of the peer are refused.
    ///
    /// # Errors
    /// The task has ended.
    pub async fn close_gate(&self, reason: StopReason) -> Result<(), SessionClosed> {
        self.send(Command::CloseGate(reason)).await
    }

    /// Lets the peer run again, if it is meant to, after [`close_gate`](Self::close_gate) or
    /// [`SessionConfig::starts_gated`].
    ///
    /// # Errors
    /// The task has ended.
    pub async fn open_gate(&self) -> Result<(), SessionClosed> {
        self.send(Command::OpenGate).await
    }

    /// The link to a directly connected peer is gone (`text` says how, for people): the connection
    /// is given up at once instead of at the end of the hold time.
    ///
    /// # Errors
    /// The task has ended.
    pub async fn link_down(&self, text: String) -> Result<(), SessionClosed> {
        self.send(Command::LinkDown(text)).await
    }

    /// Ends session and task: the Cease is sent, flushed and followed by a FIN before this returns,
    /// or two seconds have passed. `down` has been called by then, if a session was up. Later calls
    /// return at once.
    pub async fn stop(&self, reason: StopReason) {
        // A task that has ended already needs no stop; one that panicked has been reported.
        let _ = self.send(Command::Stop(reason)).await;
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            let _ = task.await;
        }
    }

    /// What the peer looks like now.
    pub fn snapshot(&self) -> PeerSnapshot {
        self.view.snapshot()
    }

    /// The connection that has got furthest, for a look at the kernel's figures of it. Drop it soon:
    /// a connection ends when its last owner does.
    pub fn connection(&self) -> Option<Arc<TcpStream>> {
        self.view.facts().stream.upgrade()
    }

    async fn send(&self, command: Command) -> Result<(), SessionClosed> {
        self.commands.send(command).await.map_err(|_| SessionClosed)
    }
}

/// What a handle asks of the task.
#[derive(Debug)]
pub(super) enum Command {
    Incoming(TcpStream),
    Reconfigure(Box<SessionConfig>),
    Reset(StopReason),
    Fail(Notification),
    Hold(StopReason),
    Start,
    CloseGate(StopReason),
    OpenGate,
    LinkDown(String),
    RestartState(RestartState),
    Stop(StopReason),
}

/// Commands that may wait; a peer that opens more connections than that is turned away.
const COMMANDS: usize = 16;
