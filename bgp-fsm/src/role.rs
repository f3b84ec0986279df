//! BGP roles: what the two ends of an eBGP session are to each other.
//!
//! What for: the Role capability and its check; the rules of the Only-to-Customer attribute, which
//! follow from the role, belong to the tables. Where: in [`PeerConfig`](crate::PeerConfig), used by
//! `negotiate`. How: `verdict` compares our role with all Role capabilities of the peer's OPEN.
//! Invariants: a role is neither sent nor compared inside one AS; equal capabilities are one.
//!
//! References: RFC 9234 sections 3 and 4.

use std::fmt;

use bgp_wire::{Capability, Notification};

/// What we are on a session.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug)]
pub enum Role {
    /// We sell transit to the peer.
    Provider,
    /// We are a route server.
    RouteServer,
    /// We are the client of a route server.
    RouteServerClient,
    /// We buy transit from the peer.
    Customer,
    /// Both exchange their own and their customers' routes.
    Peer,
}

impl Role {
    /// All roles, by their number on the wire.
    pub const ALL: [Self; 5] =
        [Self::Provider, Self::RouteServer, Self::RouteServerClient, Self::Customer, Self::Peer];

    /// The number on the wire (RFC 9234 section 4.1).
    pub const fn code(self) -> u8 {
        match self {
            Self::Provider => 0,
            Self::RouteServer => 1,
            Self::RouteServerClient => 2,
            Self::Customer => 3,
            Self::Peer => 4,
        }
    }

    /// The role with this number, if there is one.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }

    /// The role the other end must have (RFC 9234 section 4.2, table 2).
    pub const fn counterpart(self) -> Self {
        match self {
            Self::Provider => Self::Customer,
            Self::Customer => Self::Provider,
            Self::RouteServer => Self::RouteServerClient,
            Self::RouteServerClient => Self::RouteServer,
            Self::Peer => Self::Peer,
        }
    }

    /// The stable name: `provider`, `route-server`, `route-server-client`, `customer`, `peer`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::RouteServer => "route-server",
            Self::RouteServerClient => "route-server-client",
            Self::Customer => "customer",
            Self::Peer => "peer",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The role the peer shows; `None` without one, or with a number nobody has given a meaning.
pub(crate) fn shown(capabilities: &[Capability]) -> Option<Role> {
    codes(capabilities).next().and_then(Role::from_code)
}

/// RFC 9234 section 4.2, on an OPEN of another AS: roles that contradict each other are refused
/// whatever ours is; one that does not go with ours is refused; none is refused in strict mode.
pub(crate) fn verdict(
    ours: Option<Role>,
    strict: bool,
    capabilities: &[Capability],
) -> Result<(), Notification> {
    let mut theirs = codes(capabilities);
    let first = theirs.next();
    let agrees = theirs.all(|code| Some(code) == first);
    let fits = match (ours, first) {
        (Some(ours), Some(code)) => Role::from_code(code) == Some(ours.counterpart()),
        (Some(_), None) => !strict,
        (None, _) => true,
    };
    if agrees && fits { Ok(()) } else { Err(Notification::role_mismatch()) }
}

fn codes(capabilities: &[Capability]) -> impl Iterator<Item = u8> + '_ {
    capabilities
        .iter()
        .filter_map(|c| if let Capability::Role(code) = c { Some(*code) } else { None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_are_those_of_the_codec() {
        for role in Role::ALL {
            assert_eq!(Role::from_code(role.code()), Some(role));
            assert_eq!(Capability::role_name(role.code()), Some(role.as_str()));
            assert_eq!(role.counterpart().counterpart(), role);
        }
        assert_eq!(Role::from_code(5), None);
    }

    #[test]
    fn rfc9234_4_2_roles_form_pairs() {
        let judge = |ours: Option<Role>, strict, theirs: &[u8]| {
            let list: Vec<_> = theirs.iter().map(|&code| Capability::Role(code)).collect();
            verdict(ours, strict, &list).map_err(|n| (n.code, n.subcode))
        };
        for ours in Role::ALL {
            for theirs in Role::ALL {
                let fits = theirs == ours.counterpart();
                let want = if fits { Ok(()) } else { Err((2, 11)) };
                assert_eq!(judge(Some(ours), false, &[theirs.code()]), want, "{ours} {theirs}");
            }
            assert_eq!(judge(Some(ours), false, &[]), Ok(()), "{ours}: none shown");
            assert_eq!(judge(Some(ours), true, &[]), Err((2, 11)), "{ours}: strict");
            assert_eq!(judge(Some(ours), false, &[9]), Err((2, 11)), "{ours}: unknown");
            let right = ours.counterpart().code();
            assert_eq!(judge(Some(ours), true, &[right, right]), Ok(()), "equal ones are one");
        }
        assert_eq!(judge(Some(Role::Customer), false, &[0, 4]), Err((2, 11)), "contradiction");
        assert_eq!(judge(None, false, &[0, 4]), Err((2, 11)), "contradiction, none of ours");
        assert_eq!(judge(None, false, &[0]), Ok(()));
        assert_eq!(judge(None, false, &[77]), Ok(()), "nothing to compare it with");
    }
}
