//! A new configuration for a peer that runs: what goes on, what begins anew.
//!
//! The parts that a session cannot take on end it, once, whichever of them asked for it. Keys are different: they can be
//! changed on a connection in use, so the hook is run on each open one, and a session goes on when the peer
//! follows within its hold time. An attempt to connect with the old keys is begun again.

use socket2::SockRef;

use super::SessionHandler;
use super::config::{Direction, SessionConfig};
use super::dial::dial;
use super::runner::Runner;
use crate::event::{Event, StopReason};

impl<H: SessionHandler> Runner<H> {
    pub(super) fn reconfigure(&mut self, new: SessionConfig) {
        let transport_changed = SessionConfig { peer: self.cfg.peer.clone(), ..new.clone() };
        let transport_changed = self.cfg.impact(&transport_changed).needs_reset();
        let peer_changed = self.cfg.peer.impact(&new.peer).needs_reset();
        let keys_changed = self.cfg.live_revision != new.live_revision;
        let stopped = self.cfg.shutdown.is_none() && new.shutdown.is_some();
        self.cfg = new;
        if let Some(text) = self.cfg.shutdown.clone().filter(|_| stopped) {
            self.apply(Event::Stop(StopReason::AdministrativeShutdown(Some(text))));
        }
        // One reset is enough when both parts ask for it.
        self.apply(Event::Reconfigured(self.cfg.peer.clone()));
        self.show_offer();
        if self.cfg.shutdown.is_none() {
            if transport_changed && !peer_changed {
                self.apply(Event::Restart(StopReason::ConfigurationChange));
            } else if keys_changed && !peer_changed {
                self.rekey();
            }
            self.start();
        }
    }

    /// Gives the open connections the new keys.
    fn rekey(&mut self) {
        if self.dialing.is_some() {
            self.dialing = Some(dial(&self.cfg));
        }
        let mut refused = None;
        for link in [&self.outgoing, &self.incoming].into_iter().flatten() {
            let socket = SockRef::from(&link.stream);
            refused = self.cfg.setup.apply(&socket, Direction::Live).err().or(refused);
        }
        if let Some(error) = refused {
            tracing::warn!(remote = %self.cfg.remote, %error,
                "the kernel does not change the keys of an open connection; the session begins anew");
            self.apply(Event::Restart(StopReason::ConfigurationChange));
        } else {
            self.apply(Event::KeysChanged);
        }
    }
}
