//! Message counters of a peer, per type and direction.
//!
//! Written only by the peer's task, once per burst or write; read by anyone. They count from the
//! start of the peer's task and are not reset by a new session.

use std::sync::atomic::{AtomicU64, Ordering};

use bgp_wire::MessageType;

/// Counts of one direction.
#[derive(Copy, Clone, Eq, PartialEq, Default, Debug)]
pub struct MessageCounts {
    /// OPEN messages.
    pub open: u64,
    /// UPDATE messages.
    pub update: u64,
    /// NOTIFICATION messages.
    pub notification: u64,
    /// KEEPALIVE messages.
    pub keepalive: u64,
    /// ROUTE-REFRESH messages.
    pub route_refresh: u64,
    /// Octets of all messages.
    pub octets: u64,
}

impl MessageCounts {
    /// Messages of all types.
    pub fn messages(&self) -> u64 {
        self.open + self.update + self.notification + self.keepalive + self.route_refresh
    }
}

/// Counts of both directions.
#[derive(Copy, Clone, Eq, PartialEq, Default, Debug)]
pub struct Counters {
    /// What the peer sent.
    pub received: MessageCounts,
    /// What we handed to TCP.
    pub sent: MessageCounts,
}

/// One direction, shared between the task and readers.
#[derive(Default, Debug)]
pub(super) struct Tally {
    kinds: [AtomicU64; 5],
    octets: AtomicU64,
}

impl Tally {
    pub(super) fn add(&self, kind: MessageType, count: u64) {
        let slot = usize::from(kind.0).checked_sub(1).and_then(|at| self.kinds.get(at));
        if let Some(slot) = slot {
            slot.fetch_add(count, Ordering::Relaxed);
        }
    }

    pub(super) fn add_octets(&self, octets: usize) {
        self.octets.fetch_add(octets as u64, Ordering::Relaxed);
    }

    /// Counts each message of `frames`, which are whole and well formed: we encoded them.
    pub(super) fn add_frames(&self, mut frames: &[u8]) {
        self.add_octets(frames.len());
        let mut updates = 0;
        while let Some((&[high, low, kind], _)) =
            frames.get(16..).and_then(|f| f.split_first_chunk())
        {
            match MessageType(kind) {
                MessageType::UPDATE => updates += 1,
                other => self.add(other, 1),
            }
            let len = usize::from(u16::from_be_bytes([high, low])).max(1);
            frames = frames.get(len..).unwrap_or_default();
        }
        self.add(MessageType::UPDATE, updates);
    }

    pub(super) fn read(&self) -> MessageCounts {
        let [open, update, notification, keepalive, route_refresh] =
            self.kinds.each_ref().map(|kind| kind.load(Ordering::Relaxed));
        let octets = self.octets.load(Ordering::Relaxed);
        MessageCounts { open, update, notification, keepalive, route_refresh, octets }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_each_message_of_a_run() {
        let mut run = bgp_wire::KEEPALIVE.to_vec();
        let mut update = vec![0xff; 16];
        update.extend([0, 23, 2, 0, 0, 0, 0]);
        run.extend(&update);
        run.extend(&update);
        let tally = Tally::default();
        tally.add_frames(&run);
        let counts = tally.read();
        assert_eq!((counts.keepalive, counts.update, counts.octets), (1, 2, 65));
        assert_eq!(counts.messages(), 3);
    }
}
