//! Whether the peer may run at all: a gate that whoever watches over its path opens and closes.
//!
//! For strict BFD: no session without a path that is known to work. While the gate is closed nothing
//! is dialed and connections of the peer are refused; a start or a new configuration only notes that
//! the peer is to run once it opens.

use super::SessionHandler;
use super::runner::Runner;
use crate::event::{Event, StopReason};

/// The state of the gate.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(super) enum Gate {
    Open,
    Closed {
        /// The peer is to run when it opens.
        resume: bool,
    },
}

impl Gate {
    pub(super) fn new(is_closed: bool) -> Self {
        if is_closed { Self::Closed { resume: false } } else { Self::Open }
    }
}

impl<H: SessionHandler> Runner<H> {
    /// Starts the peer, now or when the gate opens, unless it is shut down.
    pub(super) fn start(&mut self) {
        let is_shut_down = self.is_shut_down();
        match &mut self.gate {
            _ if is_shut_down => {}
            Gate::Closed { resume } => *resume = true,
            Gate::Open => self.apply(Event::Start),
        }
    }

    /// Stops the peer until it is started, whether the gate is open or not.
    pub(super) fn hold(&mut self, reason: StopReason) {
        if let Gate::Closed { resume } = &mut self.gate {
            *resume = false;
        }
        self.apply(Event::Stop(reason));
    }

    pub(super) fn close_gate(&mut self, reason: StopReason) {
        if self.gate == Gate::Open {
            self.gate = Gate::Closed { resume: self.peer.is_running() };
            self.apply(Event::Stop(reason));
        }
    }

    pub(super) fn open_gate(&mut self) {
        if let Gate::Closed { resume } = std::mem::replace(&mut self.gate, Gate::Open)
            && resume
        {
            self.start();
        }
    }
}
