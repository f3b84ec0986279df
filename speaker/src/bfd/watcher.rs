//! The task that stands between one neighbour's BFD session and its BGP session.
//!
//! It never holds up either: the BGP session tells it by a watch channel when it is up or down, BFD tells
//! it by another, and what it decides goes as a command to the session's task. Each wake looks at
//! everything anew, so that nothing depends on the order in which things become known.
//!
//! Invariants: one failure ends a session once; the gate is closed exactly while strict mode wants it so
//! and the session is not Established.

use std::net::IpAddr;
use std::num::NonZeroU8;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use bfd::runner::{Endpoints, Status, Watch};
use bfd::{Interval, SessionConfig, State};
use bgp_fsm::session::SessionHandle;
use bgp_fsm::{StateName, StopReason};
use tokio::sync::watch;
use tracing::{info, warn};

use super::{Asked, Service, path};
use crate::options::BfdConfig;

/// Pause between looks for a path while no session tells its ends.
const LOOK: Duration = Duration::from_secs(2);

/// What the watcher is told.
#[derive(Clone, Debug)]
pub(super) struct Inputs {
    pub(super) asked: Asked,
    /// Local and remote address and scope of the last Established session.
    pub(super) ends: Option<(IpAddr, IpAddr, u32)>,
    /// The session is Established.
    pub(super) is_up: bool,
}

/// What can be seen of it.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) watch: Option<Watch>,
    /// Why there is no BFD session.
    pub(super) problem: Option<String>,
    /// BGP waits for BFD.
    pub(super) holds_bgp: bool,
}

#[derive(Debug)]
pub(super) struct Watcher {
    router: Arc<str>,
    peer: Arc<str>,
    service: Arc<Service>,
    session: Weak<SessionHandle>,
    inputs: watch::Receiver<Inputs>,
    seen: Arc<Mutex<Seen>>,
    running: Option<Running>,
    /// What the session's gate was last told; nothing yet.
    gate_is_open: Option<bool>,
}

/// The BFD session that is watched now.
#[derive(Debug)]
struct Running {
    endpoints: Endpoints,
    config: BfdConfig,
    status: watch::Receiver<Status>,
    /// Failures that were acted on.
    failures: u64,
    state: State,
}

impl Watcher {
    pub(super) fn new(
        router: Arc<str>,
        peer: Arc<str>,
        service: Arc<Service>,
        session: Weak<SessionHandle>,
        inputs: watch::Receiver<Inputs>,
        seen: Arc<Mutex<Seen>>,
    ) -> Self {
        let (running, gate_is_open) = (None, None);
        Self { router, peer, service, session, inputs, seen, running, gate_is_open }
    }

    pub(super) async fn run(mut self) {
        loop {
            let inputs = self.inputs.borrow_and_update().clone();
            let Some(session) = self.session.upgrade() else { return };
            self.place(&inputs);
            self.act(&inputs, &session).await;
            drop(session);
            let must_look = self.running.is_none() || (inputs.asked.config.strict && !inputs.is_up);
            let Self { inputs, running, .. } = &mut self;
            let told = async {
                match running {
                    Some(running) => running.status.changed().await.is_ok(),
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                changed = inputs.changed() => if changed.is_err() {
                    return;
                },
                is_there = told => if !is_there {
                    // Its thread is gone; the next look asks for another.
                    self.running = None;
                },
                () = tokio::time::sleep(LOOK), if must_look => {}
            }
        }
    }

    /// Sees to it that the path which matters now is watched, with the intervals asked for.
    fn place(&mut self, inputs: &Inputs) {
        let Inputs { asked, ends, is_up } = inputs;
        let bfd_is_up = self.running.as_ref().is_some_and(|r| r.state == State::Up);
        let ends = match ends {
            // The session is the best witness; without it, what works is left as it is.
            Some(ends) if *is_up || !asked.config.strict || bfd_is_up => Ok(*ends),
            // Before the first session too: the neighbour may wait for BFD before it talks BGP.
            _ => path::expected(asked),
        };
        let endpoints =
            ends.and_then(|(local, remote, scope)| path::endpoints(asked, local, remote, scope));
        let endpoints = match endpoints {
            Ok(endpoints) => endpoints,
            // What is watched goes on: its end will be noticed by itself.
            Err(problem) => return self.seen().problem = Some(problem),
        };
        let config = session_config(asked.config);
        if let Some(running) = &mut self.running
            && running.endpoints == endpoints
        {
            if running.config != asked.config {
                running.config = asked.config;
                if let Some(watch) = &self.seen().watch {
                    watch.reconfigure(config);
                }
            }
            self.seen().problem = None;
            return;
        }
        // The one before first: of the same neighbours from another address there is only one.
        self.running = None;
        self.seen().watch = None;
        match self.service.watch(endpoints.clone(), config) {
            Ok(watch) => {
                let status = watch.status();
                // Shared with another neighbour's, it may have failed before.
                let failures = status.borrow().failures;
                let state = State::Down;
                let config = asked.config;
                self.running = Some(Running { endpoints, config, status, failures, state });
                let mut seen = self.seen();
                (seen.watch, seen.problem) = (Some(watch), None);
            }
            Err(problem) => self.seen().problem = Some(problem),
        }
    }

    /// Draws the consequences of what BFD says.
    async fn act(&mut self, inputs: &Inputs, session: &SessionHandle) {
        let (router, peer) = (&self.router, &self.peer);
        let strict = inputs.asked.config.strict;
        let mut allowed = !strict;
        let mut has_failed = false;
        if let Some(running) = &mut self.running {
            let status = running.status.borrow_and_update().clone();
            has_failed = status.failures > running.failures;
            running.failures = status.failures;
            allowed |= status.state == State::Up || status.is_peer_admin_down;
            let before = std::mem::replace(&mut running.state, status.state);
            if status.state == State::Up && before != State::Up {
                info!(%router, %peer, "BFD is up");
            } else if before == State::Up && status.state != State::Up && !has_failed {
                info!(%router, %peer, "BFD was taken down by intent; the BGP session stays");
            }
        }
        let mut open = allowed || inputs.is_up;
        if has_failed {
            let running = session.snapshot().state > StateName::Active;
            warn!(%router, %peer, "BFD is down{}", if running { "; the BGP session ends" } else { "" });
            open &= allowed;
            if open && running {
                // Closed: the task has ended, and with it the session.
                let _closed = session.reset(StopReason::BfdDown).await;
            }
        }
        if self.gate_is_open != Some(open) {
            let told = match open {
                true => session.open_gate().await,
                false => session.close_gate(StopReason::BfdDown).await,
            };
            self.gate_is_open = told.is_ok().then_some(open);
        }
        self.seen().holds_bgp = !open;
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What BFD needs; intervals are 1 µs to about 71 minutes.
fn session_config(config: BfdConfig) -> SessionConfig {
    let interval = |time: Duration| {
        let micros = u32::try_from(time.as_micros()).unwrap_or(u32::MAX).max(1);
        Interval::from_micros(micros).expect("not zero")
    };
    SessionConfig {
        desired_min_tx: interval(config.min_tx),
        required_min_rx: interval(config.min_rx),
        detect_mult: NonZeroU8::new(config.multiplier).unwrap_or(NonZeroU8::MIN),
        ..SessionConfig::default()
    }
}
