//! Which session a packet belongs to, RFC 5880 section 6.3, RFC 5881 section 3, RFC 5883 section 4.
//!
//! Owned by the runner. A packet that names our discriminator belongs to that session, whatever its
//! addresses; one that does not (the peer has not heard us yet) is matched by the path it came on. The
//! TTL is checked first: a single-hop packet with less than 255 has crossed a router and is forged.
//!
//! Invariant: a discriminator and a path belong to one session each; a session has one of both.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::packet::{ControlPacket, Discriminator};
use crate::{SINGLE_HOP_TTL, session::Jitter};

/// Where a packet came from, as far as it identifies a session before discriminators are known.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Hash)]
pub enum PathKey {
    /// A neighbour on a link.
    SingleHop {
        /// Interface index.
        ifindex: u32,
        /// The neighbour's address.
        remote: IpAddr,
    },
    /// A peer some hops away.
    MultiHop {
        /// Our address.
        local: IpAddr,
        /// The peer's address.
        remote: IpAddr,
    },
}

/// Why a packet belongs to no session; it must be dropped silently.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Discard {
    /// The TTL or hop limit is below what the path demands.
    #[error("TTL {received} is below {required}")]
    Ttl {
        /// As received.
        received: u8,
        /// Least allowed.
        required: u8,
    },
    /// No session has the discriminator the packet names.
    #[error("no session has discriminator {0}")]
    UnknownDiscriminator(Discriminator),
    /// The packet names no discriminator and no session is configured for its path.
    #[error("no session for this path")]
    UnknownPath,
}

/// The table of sessions by discriminator and by path; `Id` is whatever the runner names a session by.
#[derive(Clone, Debug)]
pub struct Demux<Id> {
    by_discriminator: HashMap<Discriminator, Entry<Id>>,
    by_path: HashMap<PathKey, Discriminator>,
    random: Jitter,
}

#[derive(Clone, Debug)]
struct Entry<Id> {
    id: Id,
    path: PathKey,
    min_ttl: u8,
}

impl<Id: Clone> Demux<Id> {
    /// An empty table; `seed` makes discriminators hard to guess and tests repeatable.
    pub fn new(seed: u64) -> Self {
        Self {
            by_discriminator: HashMap::new(),
            by_path: HashMap::new(),
            random: Jitter::new(seed),
        }
    }

    /// Add a session and give it a discriminator. `min_ttl` counts for multihop paths; single-hop ones
    /// demand 255. `None` when the path has a session already.
    pub fn insert(&mut self, id: Id, path: PathKey, min_ttl: u8) -> Option<Discriminator> {
        if self.by_path.contains_key(&path) {
            return None;
        }
        let discriminator = loop {
            let candidate = Discriminator::new(self.random.next_u32());
            if let Some(free) = candidate.filter(|d| !self.by_discriminator.contains_key(d)) {
                break free;
            }
        };
        let min_ttl = match path {
            PathKey::SingleHop { .. } => SINGLE_HOP_TTL,
            PathKey::MultiHop { .. } => min_ttl,
        };
        self.by_discriminator.insert(discriminator, Entry { id, path, min_ttl });
        self.by_path.insert(path, discriminator);
        Some(discriminator)
    }

    /// Take a session out. Returns its name.
    pub fn remove(&mut self, discriminator: Discriminator) -> Option<Id> {
        let entry = self.by_discriminator.remove(&discriminator)?;
        self.by_path.remove(&entry.path);
        Some(entry.id)
    }

    /// The session of a packet that arrived on `path` with `ttl`.
    ///
    /// # Errors
    /// Why the packet must be dropped.
    pub fn select(&self, packet: &ControlPacket, path: PathKey, ttl: u8) -> Result<Id, Discard> {
        let discriminator = match packet.your_discriminator {
            Some(named) => named,
            None => *self.by_path.get(&path).ok_or(Discard::UnknownPath)?,
        };
        let entry = self
            .by_discriminator
            .get(&discriminator)
            .ok_or(Discard::UnknownDiscriminator(discriminator))?;
        // Who names a single-hop session must also come by a single hop.
        let required = match path {
            PathKey::SingleHop { .. } => SINGLE_HOP_TTL,
            PathKey::MultiHop { .. } => entry.min_ttl,
        };
        if ttl < required {
            return Err(Discard::Ttl { received: ttl, required });
        }
        Ok(entry.id.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::{Diagnostic, State};

    fn packet(your: Option<Discriminator>) -> ControlPacket {
        ControlPacket {
            diagnostic: Diagnostic::NONE,
            state: State::Down,
            poll: false,
            is_final: false,
            control_plane_independent: false,
            demand: false,
            detect_mult: 3.try_into().unwrap(),
            my_discriminator: Discriminator::MIN,
            your_discriminator: your,
            desired_min_tx: 1,
            required_min_rx: 1,
            required_min_echo_rx: 0,
        }
    }

    #[test]
    fn by_discriminator_first_then_by_path_never_below_the_ttl() {
        let (local, remote): (IpAddr, IpAddr) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
        let single = PathKey::SingleHop { ifindex: 3, remote };
        let multi = PathKey::MultiHop { local, remote };
        let mut demux = Demux::new(1);
        let one = demux.insert("one", single, 0).unwrap();
        let two = demux.insert("two", multi, 250).unwrap();
        assert_ne!(one, two);
        assert_eq!(demux.insert("again", single, 0), None);
        assert_eq!(demux.select(&packet(None), single, 255), Ok("one"));
        assert_eq!(demux.select(&packet(None), multi, 250), Ok("two"));
        let elsewhere = PathKey::SingleHop { ifindex: 4, remote };
        assert_eq!(demux.select(&packet(Some(one)), elsewhere, 255), Ok("one"));
        assert_eq!(demux.select(&packet(None), elsewhere, 255), Err(Discard::UnknownPath));
        let low = |received, required| Err(Discard::Ttl { received, required });
        assert_eq!(demux.select(&packet(Some(one)), single, 254), low(254, 255));
        assert_eq!(demux.select(&packet(None), multi, 249), low(249, 250));
        assert_eq!(demux.select(&packet(Some(one)), multi, 254), low(254, 255));
        assert_eq!(demux.remove(one), Some("one"));
        let gone = Err(Discard::UnknownDiscriminator(one));
        assert_eq!(demux.select(&packet(Some(one)), single, 255), gone);
        assert_eq!(demux.select(&packet(None), single, 255), Err(Discard::UnknownPath));
    }
}
