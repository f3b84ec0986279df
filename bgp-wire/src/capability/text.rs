//! Capabilities as people read them: `add-path ipv4/unicast both`.
//!
//! What for: `Display` of a capability, in logs, status and decoded messages.
//! Where: under [`Capability`].
//! How: the name, then what it says, separated by commas; a family stands for its multiprotocol
//! capability. Texts of the peer are escaped, unknown values are hexadecimal.
//! Invariants: one line, printable, whatever the peer sent.
//! References: RFC 5492; RFC 9234 section 4.1 (names of the roles).

use std::fmt::{self, Display, Formatter};

use super::{AddPathDirection, Capability, GracefulFamily, LongLivedFamily};
use crate::family::Family;

/// The names of the roles by number (RFC 9234 section 4.1).
const ROLES: [&str; 5] = ["provider", "route-server", "route-server-client", "customer", "peer"];

impl Capability {
    /// The name of a role, if it has one (RFC 9234 section 4.1).
    pub fn role_name(role: u8) -> Option<&'static str> {
        ROLES.get(usize::from(role)).copied()
    }
}

impl Display for AddPathDirection {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Receive => "receive",
            Self::Send => "send",
            Self::Both => "both",
        })
    }
}

impl Display for Capability {
    /// `ipv4/unicast`, `route-refresh`, `extended-next-hop ipv4/unicast over ipv6`,
    /// `graceful-restart 120 s, notification, ipv4/unicast(F)`, `capability 200 [0102]`.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::MultiProtocol(family) => return write!(f, "{family}"),
            Self::Unknown { code, value } => {
                write!(f, "capability {code}")?;
                return hex(f, value);
            }
            _ => f.write_str(self.name())?,
        }
        match self {
            Self::ExtendedNextHop(list) => {
                commas(f, list, |f, e| write!(f, "{} over {}", e.family, e.next_hop))
            }
            Self::GracefulRestart { restarting, notification, restart_time, families } => {
                write!(f, " {restart_time} s")?;
                for (set, word) in [(restarting, "restarting"), (notification, "notification")] {
                    if *set {
                        write!(f, ", {word}")?;
                    }
                }
                families.iter().try_for_each(|GracefulFamily { family, forwarding }| {
                    write!(f, ", {}", Forwarding(*family, *forwarding))
                })
            }
            Self::LongLivedGracefulRestart(list) => {
                commas(f, list, |f, LongLivedFamily { family, forwarding, stale_time }| {
                    write!(f, "{} {stale_time} s", Forwarding(*family, *forwarding))
                })
            }
            Self::FourOctetAs(asn) => write!(f, " {}", asn.0),
            Self::AddPath(list) => commas(f, list, |f, (family, way)| write!(f, "{family} {way}")),
            Self::Role(role) => match Self::role_name(*role) {
                Some(name) => write!(f, " {name}"),
                None => write!(f, " {role}"),
            },
            Self::Fqdn { hostname, domain } => {
                write!(f, " {}", hostname.escape_debug())?;
                if domain.is_empty() { Ok(()) } else { write!(f, ".{}", domain.escape_debug()) }
            }
            Self::SoftwareVersion(version) => write!(f, " {version:?}"),
            Self::OutboundRouteFiltering(list) => commas(f, list, |f, e| {
                write!(f, "{}", e.family)?;
                e.filters.iter().try_for_each(|(kind, way)| write!(f, " type {kind} {way}"))
            }),
            Self::MultipleLabels(list) => {
                commas(f, list, |f, (family, count)| write!(f, "{family} {count}"))
            }
            Self::PathsLimit(list) => {
                commas(f, list, |f, (family, limit)| write!(f, "{family} {limit}"))
            }
            Self::RouteRefresh
            | Self::EnhancedRouteRefresh
            | Self::ExtendedMessage
            | Self::LinkLocalNextHop
            | Self::MultiProtocol(_)
            | Self::Unknown { .. } => Ok(()),
        }
    }
}

/// A family with the F bit of the restart capabilities.
struct Forwarding(Family, bool);

impl Display for Forwarding {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.0, if self.1 { "(F)" } else { "" })
    }
}

fn commas<T>(
    f: &mut Formatter<'_>,
    list: &[T],
    one: impl Fn(&mut Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    for (i, item) in list.iter().enumerate() {
        f.write_str(if i == 0 { " " } else { ", " })?;
        one(f, item)?;
    }
    Ok(())
}

fn hex(f: &mut Formatter<'_>, value: &[u8]) -> fmt::Result {
    f.write_str(" [")?;
    value.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
    f.write_str("]")
}
