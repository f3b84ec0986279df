//! What a session's task calls: the bridge from one neighbour's bytes to the router's tables.
//!
//! The runner in `bgp-fsm` owns the socket and the state machine. Everything it has to tell us
//! arrives here, synchronously, on the session's own task: up, a burst of UPDATEs, a refresh
//! request, down. Each call takes the router's lock for one short step.
//!
//! Invariants: every `established` is followed by exactly one `down` before the next one; a
//! [`PeerIx`] is one life of a session, never reused while its routes are being swept.

use std::sync::Arc;

use bgp_fsm::session::{Established, Outbox, PeerSnapshot, SessionHandler};
use bgp_fsm::{DownReason, StateName};
use bgp_wire::{HEADER_LEN, Notification, RouteRefresh};
use rib::PeerIx;
use tracing::{debug, info, warn};

use crate::clock;
use crate::limits::Exceeded;
use crate::router::Shared;
use crate::view::SpeakerEvent;

/// Cease subcode of RFC 4486.
const OUT_OF_RESOURCES: u8 = 8;

/// Octets of UPDATEs taken in under one hold of the router's lock: about a millisecond of work.
const SLICE: usize = 64 * 1024;

/// The handler of one configured neighbour.
#[derive(Debug)]
pub(crate) struct NeighborSession {
    shared: Arc<Shared>,
    name: Arc<str>,
    life: Option<PeerIx>,
    state: StateName,
    last_down: Option<String>,
}

impl NeighborSession {
    pub(crate) fn new(shared: Arc<Shared>, name: Arc<str>) -> Self {
        Self { shared, name, life: None, state: StateName::Idle, last_down: None }
    }
}

impl SessionHandler for NeighborSession {
    fn established(&mut self, info: &Established, outbox: Outbox) {
        let wake = Arc::downgrade(&self.shared);
        outbox.on_low_watermark(Arc::new(move || {
            if let Some(shared) = wake.upgrade() {
                shared.wake();
            }
        }));
        self.life = self.shared.core().session_up(&self.name, info, outbox, clock());
        if self.life.is_none() {
            warn!(router = %self.shared.name, peer = %self.name, "no room in the tables for this session");
        }
        self.shared.restarts.notify_one();
        self.shared.links.wake.notify_one();
        self.shared.bfd.established(&self.name, info);
        self.shared.wake();
    }

    fn updates(&mut self, burst: &[u8]) -> Result<(), Notification> {
        let Some(life) = self.life else { return Err(Notification::cease(OUT_OF_RESOURCES)) };
        let now = clock();
        for slice in slices(burst) {
            let (outcome, notes) = {
                let mut core = self.shared.core();
                (core.ingest(life, slice, now), core.take_notes())
            };
            self.shared.tell(notes);
            let outcome = outcome?;
            for family in outcome.end_of_rib {
                self.shared.emit(SpeakerEvent::EndOfRib {
                    router: self.shared.name.to_string(),
                    peer: self.name.to_string(),
                    family: family.to_string(),
                });
            }
            if let Some((family, limit)) = outcome.over_limit {
                self.shared.end_over_limit(&self.name, Exceeded { family, limit });
                return Ok(());
            }
        }
        self.shared.wake();
        Ok(())
    }

    fn route_refresh(&mut self, refresh: RouteRefresh) {
        if let Some(life) = self.life {
            self.shared.core().route_refresh(life, &refresh, clock());
            self.shared.wake();
        }
    }

    fn down(&mut self, reason: &DownReason) {
        self.last_down = Some(reason.to_string());
        self.shared.links.wake.notify_one();
        self.shared.bfd.down(&self.name);
        if let Some(life) = self.life.take() {
            self.shared.core().session_down(life, reason, clock());
            self.shared.restarts.notify_one();
            self.shared.wake();
        }
    }

    fn state_changed(&mut self, snapshot: &PeerSnapshot) {
        let (from, to) = (self.state, snapshot.state);
        if from != to {
            self.state = to;
            let reason = self.last_down.take().filter(|_| from == StateName::Established);
            if to == StateName::Established || from == StateName::Established {
                info!(router = %self.shared.name, peer = %self.name, remote = %snapshot.remote,
                    "{from} -> {to}{}", reason.as_deref().map(|r| format!(": {r}")).unwrap_or_default());
            } else {
                debug!(router = %self.shared.name, peer = %self.name, "{from} -> {to}");
            }
            self.shared.emit(SpeakerEvent::PeerState {
                router: self.shared.name.to_string(),
                peer: self.name.to_string(),
                from: from.to_string(),
                to: to.to_string(),
                reason,
            });
        }
    }
}

/// Cuts a burst at message boundaries into pieces of at least [`SLICE`] octets.
fn slices(mut burst: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        if burst.is_empty() {
            return None;
        }
        let mut end = 0;
        while end < SLICE {
            let Some(&[hi, lo]) = burst.get(end + 16..end + 18) else { break };
            end += usize::from(u16::from_be_bytes([hi, lo])).max(HEADER_LEN);
        }
        let (slice, rest) = burst.split_at_checked(end).unwrap_or((burst, &[]));
        burst = rest;
        Some(slice)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(len: u16) -> Vec<u8> {
        let mut m = vec![0xff; 16];
        m.extend_from_slice(&len.to_be_bytes());
        m.push(2);
        m.resize(usize::from(len), 0);
        m
    }

    #[test]
    fn slices_end_at_message_boundaries_and_lose_nothing() {
        let burst: Vec<u8> = (0..400).flat_map(|i| message(23 + i % 900)).collect();
        let cut: Vec<&[u8]> = slices(&burst).collect();
        assert!(cut.len() > 1);
        assert_eq!(cut.concat(), burst);
        for slice in cut {
            assert_eq!(&slice[..16], &[0xff; 16], "begins with a marker");
        }
        assert_eq!(slices(&[]).count(), 0);
    }
}
