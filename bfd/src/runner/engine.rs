//! The loop of the BFD thread.
//!
//! Each turn: wait (for a wish, a datagram or a deadline), compare wishes with what runs, read all
//! sockets empty, then do what is due. Reading comes before judging silence: after a stall of this
//! process the peer's packets are in the sockets, and a path that works is not declared down.
//!
//! Invariants: `timers` has each slot's deadline once; a slot is in `demux`, `keys` and `slots` or in none.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::io;
use std::sync::Arc;
use std::time::Instant;

use super::slot::Slot;
use super::sockets::{Receiver, ReceiverKind, Sender, readable};
use super::wishes::{Key, Output, Wish, Wishes};
use super::{Endpoints, clock};
use crate::demux::{Demux, Discard, PathKey};
use crate::packet::ControlPacket;

/// Datagrams read from one socket in one turn: a flood must not keep the timers waiting.
const BATCH: usize = 256;

/// Longer than any packet that is believed; the rest of a longer datagram does not count.
const BUFFER: usize = 128;

type SlotId = u64;

#[derive(Debug)]
pub(super) struct Engine {
    wishes: Arc<Wishes>,
    seed: u64,
    demux: Demux<SlotId>,
    slots: HashMap<SlotId, Slot>,
    keys: HashMap<Key, SlotId>,
    next_id: SlotId,
    /// Deadlines of the slots, and the one each has in here.
    timers: BTreeSet<(Instant, SlotId)>,
    armed: HashMap<SlotId, Instant>,
    receivers: Vec<Receiver>,
}

impl Engine {
    pub(super) fn new(wishes: Arc<Wishes>, seed: u64) -> Self {
        Self {
            wishes,
            seed,
            demux: Demux::new(seed),
            slots: HashMap::new(),
            keys: HashMap::new(),
            next_id: 0,
            timers: BTreeSet::new(),
            armed: HashMap::new(),
            receivers: Vec::new(),
        }
    }

    pub(super) async fn run(mut self) {
        let mut is_flooded = false;
        loop {
            let wishes_changed = match is_flooded {
                true => {
                    tokio::task::yield_now().await;
                    true
                }
                false => self.wait().await,
            };
            if self.wishes.is_stopped() {
                // Once only: the process is about to end.
                self.slots.values_mut().for_each(|slot| slot.close(clock()));
                return;
            }
            if wishes_changed {
                self.reconcile(clock());
            }
            is_flooded = self.receive();
            self.poll(clock());
        }
    }

    /// Waits until there is something to do; whether that may be a changed wish.
    async fn wait(&self) -> bool {
        let deadline = self.timers.first().map(|(at, _)| tokio::time::Instant::from_std(*at));
        let due = async {
            match deadline {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.wishes.changed() => true,
            () = readable(&self.receivers) => false,
            () = due => false,
        }
    }

    /// Makes what runs what is asked for.
    fn reconcile(&mut self, now: Instant) {
        let wishes = Arc::clone(&self.wishes);
        let wanted: Vec<(Key, Endpoints, Output, Wish)> = wishes
            .entries()
            .iter()
            .filter_map(|(key, entry)| {
                let merged = entry.merged()?;
                Some((key.clone(), entry.endpoints.clone(), entry.output.clone(), merged))
            })
            .collect();
        let mut gone: HashSet<Key> = self.keys.keys().cloned().collect();
        for (key, endpoints, output, wish) in wanted {
            gone.remove(&key);
            self.want(key, endpoints, &output, wish, now);
        }
        for key in gone {
            if let Some((id, slot)) =
                self.keys.get(&key).and_then(|id| Some((*id, self.slots.get_mut(id)?)))
            {
                slot.close(now);
                self.arm(id);
            }
        }
    }

    fn want(&mut self, key: Key, ends: Endpoints, output: &Output, wish: Wish, now: Instant) {
        if let Some(id) = self.keys.get(&key).copied()
            && let Some(slot) = self.slots.get_mut(&id)
        {
            if slot.endpoints == ends {
                slot.wish(output, wish, now);
                return self.arm(id);
            }
            // Another local address: another session, and the peer finds out by itself.
            self.forget(id);
        }
        let id = self.next_id;
        let Some(discriminator) = self.demux.insert(id, key.path, 0) else {
            let problem = "another VRF has a BFD session between the same addresses".to_owned();
            output.report.lock().problem = Some(problem.clone());
            output.status.send_modify(|status| status.problem = Some(problem));
            return;
        };
        self.next_id += 1;
        self.keys.insert(key, id);
        self.slots.insert(id, Slot::new(ends, discriminator, output.clone(), wish, now));
        self.open(id, now);
    }

    /// Opens what a slot still lacks.
    fn open(&mut self, id: SlotId, now: Instant) {
        let Some(slot) = self.slots.get(&id) else { return };
        let result = self.open_sockets(&slot.endpoints.clone(), id);
        if let Some(slot) = self.slots.get_mut(&id) {
            slot.opened(result, self.seed.wrapping_add(id), now);
        }
        self.arm(id);
    }

    fn open_sockets(&mut self, endpoints: &Endpoints, id: SlotId) -> Result<Sender, String> {
        for kind in ReceiverKind::needed(endpoints) {
            if !self.receivers.iter().any(|receiver| receiver.kind == kind) {
                self.receivers.push(Receiver::open(kind, &self.receivers)?);
            }
        }
        let used: HashSet<u16> = self.slots.values().filter_map(Slot::source_port).collect();
        let [a, b, ..] = self.seed.wrapping_add(id).to_le_bytes();
        Sender::open(endpoints, &used, u32::from(u16::from_le_bytes([a, b])))
    }

    /// Reads all sockets empty; whether one was not within its share.
    fn receive(&mut self) -> bool {
        let mut buffer = [0; BUFFER];
        let mut is_flooded = false;
        let receivers = std::mem::take(&mut self.receivers);
        for receiver in &receivers {
            let mut left = BATCH;
            loop {
                match receiver.receive(&mut buffer) {
                    Ok(received) => {
                        let payload = buffer.get(..received.len).unwrap_or_default();
                        self.datagram(receiver.kind.is_multihop, payload, &received);
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) => {
                        tracing::debug!(%error, "cannot receive BFD packets");
                        break;
                    }
                }
                left -= 1;
                if left == 0 {
                    is_flooded = true;
                    break;
                }
            }
        }
        self.receivers = receivers;
        is_flooded
    }

    fn datagram(&mut self, is_multihop: bool, payload: &[u8], received: &sockopt::Received) {
        let remote = received.from.ip();
        let packet = match ControlPacket::decode(payload) {
            Ok(packet) => packet,
            Err(error) => return tracing::debug!(%remote, %error, "BFD packet dropped"),
        };
        let path = match (is_multihop, received.to) {
            (false, _) => PathKey::SingleHop { ifindex: received.ifindex, remote },
            (true, Some(local)) => PathKey::MultiHop { local, remote },
            (true, None) => return tracing::debug!(%remote, "BFD packet without a destination"),
        };
        // A TTL that is not told cannot be believed.
        match self.demux.select(&packet, path, received.ttl.unwrap_or(0)) {
            Ok(id) => {
                if let Some(slot) = self.slots.get_mut(&id) {
                    slot.packet(clock(), &packet);
                    self.arm(id);
                }
            }
            Err(error) => {
                let known = self.keys.iter().find(|(key, _)| key.path == path);
                let slot = known.and_then(|(_, id)| self.slots.get(id));
                if let (Discard::Ttl { .. }, Some(slot)) = (error, slot) {
                    slot.low_ttl();
                }
                tracing::debug!(%remote, %error, "BFD packet dropped");
            }
        }
    }

    /// Does what is due, slot by slot.
    fn poll(&mut self, now: Instant) {
        while let Some((at, id)) = self.timers.first().copied().filter(|(at, _)| *at <= now) {
            self.timers.remove(&(at, id));
            self.armed.remove(&id);
            let Some(slot) = self.slots.get_mut(&id) else { continue };
            if slot.is_over(now) {
                self.forget(id);
                self.close_unused();
            } else if slot.wants_sockets(now) {
                self.open(id, now);
            } else {
                slot.poll(now);
                self.arm(id);
            }
        }
    }

    /// Puts the slot's deadline into the timers.
    fn arm(&mut self, id: SlotId) {
        let deadline = self.slots.get(&id).and_then(Slot::deadline);
        if self.armed.get(&id).copied() == deadline {
            return;
        }
        if let Some(at) = self.armed.remove(&id) {
            self.timers.remove(&(at, id));
        }
        if let Some(at) = deadline {
            self.timers.insert((at, id));
            self.armed.insert(id, at);
        }
    }

    fn forget(&mut self, id: SlotId) {
        if let Some(slot) = self.slots.remove(&id) {
            self.demux.remove(slot.discriminator);
            self.keys.retain(|_, other| *other != id);
        }
        self.arm(id);
    }

    /// Gives ports back that no session needs.
    fn close_unused(&mut self) {
        let needed: HashSet<ReceiverKind> =
            self.slots.values().flat_map(|slot| ReceiverKind::needed(&slot.endpoints)).collect();
        self.receivers.retain(|receiver| needed.contains(&receiver.kind));
    }
}

impl Drop for Engine {
    /// The thread ends. By a panic too: whoever waits must learn that nothing watches any more.
    fn drop(&mut self) {
        if self.wishes.is_stopped() {
            return;
        }
        for entry in self.wishes.entries().values() {
            let problem = "the BFD thread has ended; look for a panic in the log".to_owned();
            entry.output.report.lock().problem = Some(problem.clone());
            entry.output.status.send_modify(|status| status.problem = Some(problem));
        }
    }
}
