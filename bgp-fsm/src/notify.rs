//! Messages the machine itself originates: which Cease says what, and encoding.
//!
//! References: RFC 4486, RFC 9003, RFC 9384.

use bgp_wire::notification::cease;
use bgp_wire::{Notification, Open};
use bytes::Bytes;

use crate::event::StopReason;

impl StopReason {
    /// The Cease that tells the peer.
    pub fn cease(&self) -> Notification {
        match self {
            Self::MaximumPrefixes { family, bound } => Notification::max_prefixes(*family, *bound),
            Self::AdministrativeShutdown(text) | Self::Restarting(text) => {
                Notification::admin_shutdown(text.as_deref().unwrap_or_default())
            }
            Self::PeerDeconfigured => Notification::cease(cease::DECONFIGURED),
            Self::AdministrativeReset(text) => {
                Notification::admin_reset(text.as_deref().unwrap_or_default())
            }
            Self::ConfigurationChange => Notification::cease(cease::CONFIG_CHANGE),
            Self::OutOfResources => Notification::cease(cease::RESOURCES),
            Self::BfdDown => Notification::cease(cease::BFD_DOWN),
        }
    }
}

/// The encoded message.
pub(crate) fn encode(notification: &Notification) -> Bytes {
    let mut out = Vec::new();
    notification.encode(&mut out);
    out.into()
}

/// The encoded OPEN.
pub(crate) fn encode_open(open: &Open) -> Bytes {
    let mut out = Vec::new();
    open.encode(&mut out);
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_its_subcode() {
        let text = || Some("maintenance".to_owned());
        let family = bgp_wire::Family::IPV6_UNICAST;
        let told = [
            (
                StopReason::MaximumPrefixes { family, bound: 1000 },
                1,
                &b"\0\x02\x01\0\0\x03\xe8"[..],
            ),
            (StopReason::AdministrativeShutdown(text()), 2, b"\x0bmaintenance"),
            (StopReason::AdministrativeShutdown(None), 2, b""),
            (StopReason::PeerDeconfigured, 3, b""),
            (StopReason::AdministrativeReset(text()), 4, b"\x0bmaintenance"),
            (StopReason::ConfigurationChange, 6, b""),
            (StopReason::OutOfResources, 8, b""),
            (StopReason::BfdDown, 10, b""),
            (StopReason::Restarting(text()), 2, b"\x0bmaintenance"),
        ];
        for (reason, subcode, data) in told {
            let cease = reason.cease();
            assert_eq!(
                (cease.code, cease.subcode, &cease.data[..]),
                (6, subcode, data),
                "{reason:?}"
            );
        }
    }
}
