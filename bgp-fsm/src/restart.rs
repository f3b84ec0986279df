//! Graceful restart as the OPENs agree on it, and which end of a session keeps the routes.
//!
//! [`GracefulRestart`] is configuration, [`RestartState`] what is true of this process now (has it
//! restarted, did forwarding survive), [`Restart`] the agreement for one session. Keeping routes,
//! sweeping them and the timers for that belong to whoever owns the tables; [`Restart::retained`]
//! tells whether there is anything to keep.
//!
//! | the session ended by | without N bit | with N bit on both sides |
//! |---|---|---|
//! | TCP, a second connection of the peer | kept | kept |
//! | NOTIFICATION either way, hold timer | removed | kept |
//! | Hard Reset either way: shutdown, deconfigured, too many prefixes, no resources, BFD | removed | removed |
//!
//! BFD is in the last line because it is there to be quicker than everything else (RFC 5882 section
//! 4.3 leaves it open while the control plane may share its fate).
//!
//! References: RFC 4724, RFC 8538, RFC 9494.

use std::time::Duration;

use bgp_wire::notification::cease;
use bgp_wire::{
    Capability, Family, FamilySet, GracefulFamily, LongLivedFamily, Notification, Open,
};

use crate::effect::DownReason;
use crate::event::StopReason;

/// Graceful restart as configured for a peer: both roles, for all families of the peer.
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug)]
pub struct GracefulRestart {
    /// How long we may take to come back, in seconds; at most 4095.
    pub restart_time: u16,
    /// How long the peer may keep our routes after that, in seconds, at most 2^24 - 1; `None` offers
    /// no long-lived graceful restart.
    pub long_lived: Option<u32>,
}

/// What is true of this process now. It changes without the configuration changing, and never costs
/// a session: the next OPEN says it.
#[derive(Copy, Clone, Eq, PartialEq, Default, Debug)]
pub struct RestartState {
    /// R bit: we have restarted and are not through with it.
    pub restarting: bool,
    /// Families whose forwarding state did not survive; the F bit is clear for them.
    pub lost: FamilySet,
}

/// What two OPENs agreed on.
#[derive(Clone, Eq, PartialEq, Debug)]
pub struct Restart {
    /// N bit on both sides: NOTIFICATIONs but for a Hard Reset keep the routes (RFC 8538).
    pub notification: bool,
    /// The peer has restarted itself: its End-of-RIB must not be waited for.
    pub peer_restarting: bool,
    /// How long the peer may take to come back.
    pub restart_time: Duration,
    /// Families the peer wants kept, and whether its forwarding state survived the last restart.
    pub families: Vec<GracefulFamily>,
    /// Families that may be kept for longer; empty unless both sides offer it.
    pub long_lived: Vec<LongLivedFamily>,
}

impl Restart {
    /// From the two OPENs; `None` unless both carry the capability. Of several the last counts (RFC
    /// 4724 section 3). Families outside of `agreed` are left out.
    pub(crate) fn of(local: &Open, peer: &Open, agreed: FamilySet) -> Option<Self> {
        let Some(Capability::GracefulRestart { notification: ours, .. }) = capability(local) else {
            return None;
        };
        let Some(Capability::GracefulRestart { restarting, notification, restart_time, families }) =
            capability(peer)
        else {
            return None;
        };
        let ours_long = local.capabilities.iter().any(is_long_lived);
        let long_lived = peer.capabilities.iter().rev().find_map(|c| match c {
            Capability::LongLivedGracefulRestart(list) if ours_long => Some(list),
            _ => None,
        });
        let in_use = |family: &Family| agreed.contains(*family);
        Some(Self {
            notification: *ours && *notification,
            peer_restarting: *restarting,
            restart_time: Duration::from_secs((*restart_time).into()),
            families: families.iter().filter(|f| in_use(&f.family)).copied().collect(),
            long_lived: long_lived
                .into_iter()
                .flatten()
                .filter(|f| in_use(&f.family) && f.stale_time > 0)
                .copied()
                .collect(),
        })
    }

    /// Whether the peer's forwarding state for a family survived its last restart, as far as the
    /// first kind of keeping goes (RFC 4724); `None` when it does not list the family.
    pub fn preserved(&self, family: Family) -> Option<bool> {
        self.families.iter().rfind(|f| f.family == family).map(|f| f.forwarding)
    }

    /// The family's entry of the long-lived capability.
    pub fn long_lived(&self, family: Family) -> Option<&LongLivedFamily> {
        self.long_lived.iter().rfind(|f| f.family == family)
    }

    /// Families whose routes are kept after the session ended for this reason.
    pub fn retained(&self, reason: &DownReason) -> FamilySet {
        let keeps = match reason {
            DownReason::Transport(_) => true,
            DownReason::Sent(n) | DownReason::Received(n) => self.notification && !is_hard_reset(n),
            DownReason::Stopped { reason, .. } => self.notification && !is_hard(reason),
            DownReason::Left(_) => false,
        };
        if !keeps {
            return FamilySet::EMPTY;
        }
        let long_lived = self.long_lived.iter().map(|f| f.family);
        self.families.iter().map(|f| f.family).chain(long_lived).collect()
    }

    /// What to send when we end the session; `None` is a close without a word, after which the peer
    /// keeps our routes.
    pub(crate) fn farewell(&self, reason: &StopReason) -> Option<Notification> {
        match reason {
            StopReason::Restarting(text) if self.notification => {
                Some(Notification::admin_reset(text.as_deref().unwrap_or_default()))
            }
            StopReason::Restarting(_) => None,
            _ if self.notification && is_hard(reason) => Some(reason.cease().hard_reset()),
            _ => Some(reason.cease()),
        }
    }
}

/// What we say of graceful restart in an OPEN.
pub(crate) fn offer(
    configured: &GracefulRestart,
    state: RestartState,
    families: &[Family],
    capabilities: &mut Vec<Capability>,
) {
    let forwarding = |family: Family| !state.lost.contains(family);
    capabilities.push(Capability::GracefulRestart {
        restarting: state.restarting,
        notification: true,
        restart_time: configured.restart_time.min(LONGEST_RESTART),
        families: families
            .iter()
            .map(|&family| GracefulFamily { family, forwarding: forwarding(family) })
            .collect(),
    });
    if let Some(stale_time) = configured.long_lived {
        let entry = |&family: &Family| LongLivedFamily {
            family,
            forwarding: forwarding(family),
            stale_time: stale_time.min(LONGEST_STALE),
        };
        let list = families.iter().map(entry).collect();
        capabilities.push(Capability::LongLivedGracefulRestart(list));
    }
}

/// Ends meant to be noticed: nobody is to go on sending there (RFC 8538 section 4).
fn is_hard(reason: &StopReason) -> bool {
    match reason {
        StopReason::AdministrativeShutdown(_)
        | StopReason::PeerDeconfigured
        | StopReason::MaximumPrefixes { .. }
        | StopReason::OutOfResources
        | StopReason::BfdDown => true,
        StopReason::AdministrativeReset(_)
        | StopReason::ConfigurationChange
        | StopReason::Restarting(_) => false,
    }
}

/// One whose data is no NOTIFICATION is one all the same.
fn is_hard_reset(notification: &Notification) -> bool {
    notification.is_cease() && notification.subcode == cease::HARD_RESET
}

fn capability(open: &Open) -> Option<&Capability> {
    open.capabilities.iter().rfind(|c| matches!(c, Capability::GracefulRestart { .. }))
}

fn is_long_lived(capability: &Capability) -> bool {
    matches!(capability, Capability::LongLivedGracefulRestart(_))
}

/// The restart time has 12 bits.
const LONGEST_RESTART: u16 = 4095;
/// The long-lived stale time has 24.
const LONGEST_STALE: u32 = (1 << 24) - 1;

#[cfg(test)]
mod tests;
