//! What a peer is configured to be, and what a change of it costs.
//!
//! Only what the state machine and the OPEN need is here: addresses, keys and socket options belong
//! to the session runner, descriptions and policies to whoever owns the tables. That is why changing
//! those can never touch a session.
//!
//! References: RFC 4271 sections 8.1.1 and 10, RFC 5492, RFC 6286, RFC 7607.

use std::net::Ipv4Addr;
use std::num::NonZeroU16;
use std::time::Duration;

use bgp_wire::{AddPathDirection, Asn, Capability, Family};

use crate::restart::{GracefulRestart, RestartState};
use crate::role::Role;

/// The configuration of one peering.
#[derive(Clone, Eq, PartialEq, Debug)]
pub struct PeerConfig {
    /// Our AS number on this session, 1..=4294967295.
    pub local_as: Asn,
    /// What AS number the peer may have.
    pub remote_as: RemoteAs,
    /// Our BGP identifier; not 0.0.0.0 (RFC 6286).
    pub router_id: Ipv4Addr,
    /// The hold time we offer; the smaller offer is used.
    pub hold_time: HoldTime,
    /// Seconds between KEEPALIVEs; `None` and anything above a third of the negotiated hold time mean
    /// that third. At least one second passes between two of them.
    pub keepalive: Option<NonZeroU16>,
    /// Time between attempts to connect, and the limit of one attempt; jittered. RFC default 120 s.
    pub connect_retry: Duration,
    /// Time in Idle before the automatic restart after a session ended; jittered, doubled with each
    /// fault up to [`damping::LONGEST`](crate::damping::LONGEST).
    pub idle_hold: Duration,
    /// How long to wait for the peer's OPEN before we send ours; `None` sends at once.
    pub delay_open: Option<Duration>,
    /// Never connect, only accept.
    pub passive: bool,
    /// Families to offer. Without any the session is IPv4 unicast by RFC 4271 alone.
    pub families: Vec<Family>,
    /// Offer 4-octet AS numbers (RFC 6793). Without it `local_as` above 65535 is sent as AS_TRANS.
    pub four_octet_as: bool,
    /// Offer ROUTE-REFRESH (RFC 2918).
    pub route_refresh: bool,
    /// Offer enhanced route refresh (RFC 7313).
    pub enhanced_route_refresh: bool,
    /// Offer messages of up to 65535 octets (RFC 8654).
    pub extended_message: bool,
    /// Offer IPv6 next hops for IPv4 unicast (RFC 8950).
    pub extended_next_hop: bool,
    /// ADD-PATH offers (RFC 7911): what we want to receive, send or both, per family.
    pub add_path: Vec<(Family, AddPathDirection)>,
    /// Our role, on eBGP sessions only (RFC 9234).
    pub role: Option<Role>,
    /// Refuse a peer that shows no role (RFC 9234 section 4.2, strict mode); nothing without `role`.
    pub strict_role: bool,
    /// Graceful restart in both roles (RFC 4724, RFC 8538), long-lived too (RFC 9494).
    pub graceful_restart: Option<GracefulRestart>,
    /// What the OPEN says of our own restart; may change at any time.
    pub restart_state: RestartState,
    /// Further capabilities to put in the OPEN as they are: graceful restart, FQDN...
    pub other_capabilities: Vec<Capability>,
    /// Refuse a peer that lacks one of `families` (2/7) instead of going on with those it has.
    pub require_families: bool,
}

impl PeerConfig {
    /// The RFC's defaults for a peer: hold time 90 s, ConnectRetry 120 s, IPv4 and IPv6 unicast, and
    /// the capabilities that need nothing from the tables.
    pub fn new(local_as: Asn, remote_as: RemoteAs, router_id: Ipv4Addr) -> Self {
        Self {
            local_as,
            remote_as,
            router_id,
            hold_time: HoldTime::Secs(NonZeroU16::new(90).expect("90 is not 0")),
            keepalive: None,
            connect_retry: Duration::from_secs(120),
            idle_hold: Duration::from_secs(5),
            delay_open: None,
            passive: false,
            families: vec![Family::IPV4_UNICAST, Family::IPV6_UNICAST],
            four_octet_as: true,
            route_refresh: true,
            enhanced_route_refresh: false,
            extended_message: false,
            extended_next_hop: false,
            add_path: Vec::new(),
            role: None,
            strict_role: false,
            graceful_restart: None,
            restart_state: RestartState::default(),
            other_capabilities: Vec::new(),
            require_families: false,
        }
    }

    /// Whether `asn` is one the peer may have. AS 0 never is (RFC 7607).
    pub fn accepts_as(&self, asn: Asn) -> bool {
        asn.0 != 0
            && match self.remote_as {
                RemoteAs::Asn(expected) => asn == expected,
                RemoteAs::Internal => asn == self.local_as,
                RemoteAs::External => asn != self.local_as,
            }
    }

    /// The role to put in the OPEN: none towards a peer in our own AS (RFC 9234 section 4.2).
    pub(crate) fn role_to_send(&self) -> Option<Role> {
        self.role.filter(|_| match self.remote_as {
            RemoteAs::Asn(asn) => asn != self.local_as,
            RemoteAs::Internal => false,
            RemoteAs::External => true,
        })
    }

    /// What going from `self` to `new` costs.
    pub fn impact(&self, new: &Self) -> ChangeImpact {
        // Destructured without `..`: a new field has to be given its place here.
        let Self {
            local_as,
            remote_as,
            router_id,
            hold_time,
            keepalive,
            connect_retry,
            idle_hold,
            delay_open,
            passive,
            families,
            four_octet_as,
            route_refresh,
            enhanced_route_refresh,
            extended_message,
            extended_next_hop,
            add_path,
            role,
            strict_role,
            graceful_restart,
            // True of the process, not configured: the next OPEN says it.
            restart_state: _,
            other_capabilities,
            require_families,
        } = self;
        let next_session = [
            ("keepalive", *keepalive != new.keepalive),
            ("connect_retry", *connect_retry != new.connect_retry),
            ("idle_hold", *idle_hold != new.idle_hold),
            ("delay_open", *delay_open != new.delay_open),
            ("passive", *passive != new.passive),
            ("require_families", *require_families != new.require_families),
        ];
        // All that is said in the OPEN is fixed for the life of a session.
        let reset = [
            ("local_as", *local_as != new.local_as),
            ("remote_as", *remote_as != new.remote_as),
            ("router_id", *router_id != new.router_id),
            ("hold_time", *hold_time != new.hold_time),
            ("families", *families != new.families),
            ("four_octet_as", *four_octet_as != new.four_octet_as),
            ("route_refresh", *route_refresh != new.route_refresh),
            ("enhanced_route_refresh", *enhanced_route_refresh != new.enhanced_route_refresh),
            ("extended_message", *extended_message != new.extended_message),
            ("extended_next_hop", *extended_next_hop != new.extended_next_hop),
            ("add_path", *add_path != new.add_path),
            ("role", (*role, *strict_role) != (new.role, new.strict_role)),
            ("graceful_restart", *graceful_restart != new.graceful_restart),
            ("other_capabilities", *other_capabilities != new.other_capabilities),
        ];
        let changed = |fields: &[(&'static str, bool)]| {
            fields.iter().filter(|(_, differs)| *differs).map(|(name, _)| *name).collect()
        };
        ChangeImpact { next_session: changed(&next_session), reset: changed(&reset) }
    }
}

/// Which AS numbers are acceptable in the peer's OPEN.
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug)]
pub enum RemoteAs {
    /// Exactly this one.
    Asn(Asn),
    /// Ours: an iBGP peer.
    Internal,
    /// Any but ours: an eBGP peer.
    External,
}

/// The hold time we offer (RFC 4271 section 4.2).
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug)]
pub enum HoldTime {
    /// 0: no KEEPALIVEs, no hold timer.
    Off,
    /// This many seconds; 1 and 2 are not legal on the wire and are offered as 3.
    Secs(NonZeroU16),
}

impl HoldTime {
    /// The value of the OPEN field, in seconds.
    pub fn secs(self) -> u16 {
        match self {
            Self::Off => 0,
            Self::Secs(secs) => secs.get().max(3),
        }
    }

    /// From the value of an OPEN field or a configuration that uses 0 for "off".
    pub fn from_secs(secs: u16) -> Self {
        NonZeroU16::new(secs).map_or(Self::Off, Self::Secs)
    }
}

/// What a change of configuration costs, by field name.
#[derive(Clone, Eq, PartialEq, Default, Debug)]
pub struct ChangeImpact {
    /// Changed fields that a running session does not notice; they count from the next event or
    /// session on.
    pub next_session: Vec<&'static str>,
    /// Changed fields that end a running session with Cease / Other Configuration Change.
    pub reset: Vec<&'static str>,
}

impl ChangeImpact {
    /// Whether the session has to be reset.
    pub fn needs_reset(&self) -> bool {
        !self.reset.is_empty()
    }

    /// Whether nothing changed.
    pub fn is_none(&self) -> bool {
        self.reset.is_empty() && self.next_session.is_empty()
    }
}
