//! Keys of TCP MD5 and TCP-AO on sockets: listening, dialing, accepted, in use.
//!
//! Called by the listener and, through the session's socket hook, by each connection attempt. The kernel does the
//! signing; this module decides which keys a socket has and in which order they are exchanged.
//!
//! Rotation of a TCP MD5 key replaces it on the listener and on the open connection: segments that the neighbour signs
//! with the other key are lost and sent again until both ends have changed. TCP-AO keys are exchanged without loss: the
//! new ones are added, the neighbour is asked for the first of them, and only then the old ones go.
//!
//! Invariants: whoever is configured with a key is never on a socket without it: an error here fails the attempt or ends
//! the session. A kernel without TCP-AO refuses the neighbour by name.
//!
//! References: RFC 2385, RFC 5925 sections 3.1 and 7.5.

use std::hash::{BuildHasher, Hash, Hasher};
use std::io;
use std::net::IpAddr;
use std::os::fd::AsFd;

use bgp_fsm::session::{Direction, SocketSetup};
use bgp_wire::Prefix;
use foldhash::fast::FixedState;
use sockopt::AoKeyId;

use crate::config::NeighborConfig;
use crate::options::{AoAlgorithm, AoKey, Auth};

/// Whom a key is for.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    addr: IpAddr,
    len: u8,
}

impl From<IpAddr> for Place {
    fn from(addr: IpAddr) -> Self {
        Self { addr, len: if addr.is_ipv4() { 32 } else { 128 } }
    }
}

impl From<Prefix> for Place {
    fn from(prefix: Prefix) -> Self {
        match prefix {
            Prefix::V4(p) => Self { addr: p.addr().into(), len: p.len() },
            Prefix::V6(p) => Self { addr: p.addr().into(), len: p.len() },
        }
    }
}

impl Place {
    pub(crate) fn is_ipv4(&self) -> bool {
        self.addr.is_ipv4()
    }
}

/// What a socket is when it is given keys.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum On {
    Listener,
    Connection(Direction),
}

/// Gives a socket the keys of `auth` and takes off what only `before` had.
pub(crate) fn install<S: AsFd>(
    socket: &S,
    place: Place,
    auth: &Auth,
    before: Option<&Auth>,
    on: On,
) -> io::Result<()> {
    let Place { addr, len } = place;
    let gone = gone(before, auth);
    if on == On::Listener {
        // No connection of its own to keep: identifiers may be taken anew.
        for id in &gone {
            sockopt::remove_ao_key(socket, addr, len, *id, None)?;
        }
    }
    if matches!(before, Some(Auth::Md5(_))) && !matches!(auth, Auth::Md5(_)) {
        sockopt::clear_md5_key(socket, addr, len)?;
    }
    match auth {
        Auth::None => Ok(()),
        Auth::Md5(key) => sockopt::set_md5_key(socket, addr, len, key.octets()),
        Auth::Ao(keys) => {
            for key in keys {
                match sockopt::add_ao_key(socket, addr, len, kernel_key(key)) {
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                    result => result?,
                }
            }
            let (On::Connection(direction), Some(first)) = (on, keys.first().map(id)) else {
                return Ok(());
            };
            sockopt::prefer_ao_key(socket, first, direction == Direction::Outgoing)?;
            if direction == Direction::Live {
                for id in gone {
                    sockopt::remove_ao_key(socket, addr, len, id, Some(first))?;
                }
            }
            Ok(())
        }
    }
}

/// Whether this machine can protect segments so.
pub(crate) fn supported(auth: &Auth) -> io::Result<()> {
    match auth {
        Auth::None | Auth::Md5(_) => Ok(()),
        Auth::Ao(_) => sockopt::ao_support().map_err(io::Error::other),
    }
}

/// Whether open connections cannot go from one to the other: a TCP-AO identifier means one secret for the life of
/// a connection.
pub(crate) fn clash(before: &Auth, after: &Auth) -> bool {
    let (Auth::Ao(before), Auth::Ao(after)) = (before, after) else { return false };
    before.iter().any(|old| {
        after.iter().any(|new| {
            let shares = old.send_id == new.send_id || old.recv_id == new.recv_id;
            shares && old != new
        })
    })
}

/// The socket hook of a neighbour at `remote`; `before` is what open connections may still carry. A dynamic neighbour's
/// TCP-AO keys are those of its range.
pub(crate) fn hook(
    config: &NeighborConfig,
    remote: IpAddr,
    range: Option<Prefix>,
    before: Option<&Auth>,
) -> SocketSetup {
    let (auth, min_ttl, before) = (config.auth.clone(), config.min_ttl, before.cloned());
    let place = match (&auth, range) {
        (Auth::Ao(_), Some(range)) => range.into(),
        _ => remote.into(),
    };
    SocketSetup::new(move |socket, direction| -> io::Result<()> {
        install(socket, place, &auth, before.as_ref(), On::Connection(direction))?;
        if let Some(min) = min_ttl {
            sockopt::set_min_ttl(socket, min)?;
        }
        Ok(())
    })
}

/// Changes when the hook would do something that takes a new session.
pub(crate) fn setup_revision(config: &NeighborConfig) -> u64 {
    let kind = std::mem::discriminant(&config.auth);
    FixedState::default().hash_one((kind, config.min_ttl))
}

/// Changes when open connections are to be given other keys.
pub(crate) fn live_revision(auth: &Auth) -> u64 {
    let mut hasher = FixedState::default().build_hasher();
    match auth {
        Auth::None => {}
        Auth::Md5(key) => key.octets().hash(&mut hasher),
        Auth::Ao(keys) => keys.iter().for_each(|ao| {
            (ao.send_id, ao.recv_id, ao.algorithm, ao.key.octets()).hash(&mut hasher);
        }),
    }
    hasher.finish()
}

/// Identifiers of keys that only `before` has.
fn gone(before: Option<&Auth>, after: &Auth) -> Vec<AoKeyId> {
    let Some(Auth::Ao(before)) = before else { return Vec::new() };
    let stays = |old: &AoKey| matches!(after, Auth::Ao(after) if after.contains(old));
    before.iter().filter(|old| !stays(old)).map(id).collect()
}

fn id(key: &AoKey) -> AoKeyId {
    AoKeyId { send: key.send_id, recv: key.recv_id }
}

fn kernel_key(key: &AoKey) -> sockopt::AoKey<'_> {
    sockopt::AoKey {
        secret: key.key.octets(),
        send_id: key.send_id,
        recv_id: key.recv_id,
        algorithm: match key.algorithm {
            AoAlgorithm::HmacSha1 => sockopt::AoAlgorithm::HmacSha1,
            AoAlgorithm::Aes128Cmac => sockopt::AoAlgorithm::Aes128Cmac,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Md5Key;

    fn ao(ids: &[(u8, &str)]) -> Auth {
        let key = |(id, secret): &(u8, &str)| AoKey {
            key: Md5Key::new(*secret).unwrap(),
            send_id: *id,
            recv_id: *id,
            algorithm: AoAlgorithm::HmacSha1,
        };
        Auth::Ao(ids.iter().map(key).collect())
    }

    #[test]
    fn an_identifier_means_one_secret_for_the_life_of_a_connection() {
        assert!(!clash(&ao(&[(1, "a")]), &ao(&[(1, "a"), (2, "b")])));
        assert!(!clash(&ao(&[(1, "a"), (2, "b")]), &ao(&[(2, "b")])));
        assert!(clash(&ao(&[(1, "a")]), &ao(&[(1, "b")])));
        assert!(!clash(&Auth::None, &ao(&[(1, "b")])));
    }

    #[test]
    fn keys_that_only_the_old_set_has_go() {
        let (one, both) = (ao(&[(2, "b")]), ao(&[(1, "a"), (2, "b")]));
        assert_eq!(gone(Some(&both), &one), [AoKeyId { send: 1, recv: 1 }]);
        assert_eq!(gone(Some(&one), &both), []);
        assert_eq!(gone(Some(&one), &Auth::None).len(), 1);
        assert_eq!(gone(None, &both), []);
    }

    #[test]
    fn another_key_is_a_live_change_and_another_kind_is_not() {
        let md5 = |key: &str| Auth::Md5(Md5Key::new(key).unwrap());
        assert_ne!(live_revision(&md5("a")), live_revision(&md5("b")));
        assert_eq!(live_revision(&md5("a")), live_revision(&md5("a")));
        assert_ne!(
            live_revision(&ao(&[(1, "a"), (2, "b")])),
            live_revision(&ao(&[(2, "b"), (1, "a")]))
        );
    }
}
