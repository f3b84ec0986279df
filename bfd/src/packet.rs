//! The control packet: 24 bytes and back, RFC 5880 section 4.1.
//!
//! Used by the runner (decode) and by [`crate::Session`] (what to send); owns nothing. Decoding makes all
//! checks of section 6.8.6 that need no session, so a [`ControlPacket`] is one that may be believed.
//!
//! ```text
//!  0                   1                   2                   3
//! |Vers | Diag    |Sta|P|F|C|A|D|M|  Detect Mult  |    Length     |
//! | My Discriminator | Your Discriminator | Desired Min TX | Required Min RX | Required Min Echo RX |
//! ```
//!
//! Invariants: My Discriminator and Detect Mult are not zero; Your Discriminator is zero only in Down and
//! AdminDown. No input panics.

use std::fmt;
use std::num::{NonZeroU8, NonZeroU32};

/// Length of a control packet without authentication, in bytes.
pub const PACKET_LEN: usize = 24;

/// Names a session at one end; never zero on the wire when known. RFC 5880 section 6.8.1.
pub type Discriminator = NonZeroU32;

/// State of a session, RFC 5880 section 6.2.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Hash)]
pub enum State {
    /// Held down by the operator; says nothing about forwarding.
    AdminDown,
    /// No sign of the peer, or forwarding failed.
    Down,
    /// The peer is heard; it does not hear us yet.
    Init,
    /// Both directions work.
    Up,
}

impl State {
    const fn bits(self) -> u8 {
        match self {
            Self::AdminDown => 0,
            Self::Down => 1,
            Self::Init => 2,
            Self::Up => 3,
        }
    }

    const fn from_bits(bits: u8) -> Self {
        match bits & 3 {
            0 => Self::AdminDown,
            1 => Self::Down,
            2 => Self::Init,
            _ => Self::Up,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::AdminDown => "admin-down",
            Self::Down => "down",
            Self::Init => "init",
            Self::Up => "up",
        })
    }
}

/// Why a session last left Up, 0 to 31; RFC 5880 section 4.1.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq, Hash)]
pub struct Diagnostic(u8);

impl Diagnostic {
    /// No diagnostic.
    pub const NONE: Self = Self(0);
    /// Nothing was heard for the detection time.
    pub const TIME_EXPIRED: Self = Self(1);
    /// The Echo function failed.
    pub const ECHO_FAILED: Self = Self(2);
    /// The peer said that the session is down.
    pub const NEIGHBOR_DOWN: Self = Self(3);
    /// The forwarding plane was reset.
    pub const FORWARDING_RESET: Self = Self(4);
    /// The path is known to be down.
    pub const PATH_DOWN: Self = Self(5);
    /// A concatenated path is down.
    pub const CONCATENATED_DOWN: Self = Self(6);
    /// Held down by the operator.
    pub const ADMIN_DOWN: Self = Self(7);
    /// A concatenated path in reverse direction is down.
    pub const REVERSE_CONCATENATED_DOWN: Self = Self(8);

    /// The number.
    pub const fn code(self) -> u8 {
        self.0
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self.0 {
            0 => "no diagnostic",
            1 => "control detection time expired",
            2 => "echo function failed",
            3 => "neighbor signaled session down",
            4 => "forwarding plane reset",
            5 => "path down",
            6 => "concatenated path down",
            7 => "administratively down",
            8 => "reverse concatenated path down",
            other => return write!(f, "reserved diagnostic {other}"),
        })
    }
}

/// A control packet that passed every check which needs no session. Intervals are microseconds.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Hash)]
pub struct ControlPacket {
    /// Why the sender last left Up.
    pub diagnostic: Diagnostic,
    /// The sender's state.
    pub state: State,
    /// P: answer at once, with the final bit.
    pub poll: bool,
    /// F: this answers a poll.
    pub is_final: bool,
    /// C: the sender's BFD survives a restart of its control plane.
    pub control_plane_independent: bool,
    /// D: the sender wishes silence while both ends are Up.
    pub demand: bool,
    /// How many intervals of the sender may be missed.
    pub detect_mult: NonZeroU8,
    /// The sender's discriminator.
    pub my_discriminator: Discriminator,
    /// Ours as the sender knows it; `None` (0 on the wire) when it does not.
    pub your_discriminator: Option<Discriminator>,
    /// The sender would like to send no faster than this.
    pub desired_min_tx: u32,
    /// The sender can take no more than one packet in this time; 0: it wants no periodic packets.
    pub required_min_rx: u32,
    /// The same for Echo packets; 0: it does not support Echo.
    pub required_min_echo_rx: u32,
}

/// Why bytes are not a control packet that may be believed, RFC 5880 section 6.8.6.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum PacketError {
    /// Fewer than 24 bytes, or the Length field says fewer.
    #[error("a BFD packet has at least 24 bytes, this one {0}")]
    TooShort(usize),
    /// The Length field is larger than what arrived.
    #[error("the length field says {length}, {received} bytes arrived")]
    Truncated {
        /// The Length field.
        length: u8,
        /// Bytes of the datagram.
        received: usize,
    },
    /// Not version 1.
    #[error("BFD version {0} is not supported")]
    Version(u8),
    /// The A bit: authentication is not supported here, so the packet cannot be believed.
    #[error("the packet is authenticated; BFD authentication is not supported")]
    Authenticated,
    /// Detect Mult is zero.
    #[error("the detection multiplier is zero")]
    ZeroDetectMult,
    /// The multipoint bit is set.
    #[error("the multipoint bit is set")]
    Multipoint,
    /// My Discriminator is zero.
    #[error("the sender's discriminator is zero")]
    ZeroMyDiscriminator,
    /// Your Discriminator is zero although the sender is Init or Up.
    #[error("our discriminator is zero in state {0}")]
    ZeroYourDiscriminator(State),
}

impl ControlPacket {
    /// Decode the payload of a UDP datagram; bytes beyond the Length field are ignored.
    ///
    /// # Errors
    /// What is wrong; the packet must be dropped silently.
    pub fn decode(payload: &[u8]) -> Result<Self, PacketError> {
        let Some(packet) = payload.first_chunk::<PACKET_LEN>() else {
            return Err(PacketError::TooShort(payload.len()));
        };
        let [version_diag, flags, detect_mult, length, words @ ..] = *packet;
        if version_diag >> 5 != 1 {
            return Err(PacketError::Version(version_diag >> 5));
        }
        if usize::from(length) < PACKET_LEN {
            return Err(PacketError::TooShort(usize::from(length)));
        }
        if usize::from(length) > payload.len() {
            return Err(PacketError::Truncated { length, received: payload.len() });
        }
        let detect_mult = NonZeroU8::new(detect_mult).ok_or(PacketError::ZeroDetectMult)?;
        if flags & 0x01 != 0 {
            return Err(PacketError::Multipoint);
        }
        let mut words = words.as_chunks::<4>().0.iter().map(|word| u32::from_be_bytes(*word));
        let mut word = || words.next().unwrap_or(0);
        let my_discriminator = NonZeroU32::new(word()).ok_or(PacketError::ZeroMyDiscriminator)?;
        let your_discriminator = NonZeroU32::new(word());
        let state = State::from_bits(flags >> 6);
        if your_discriminator.is_none() && matches!(state, State::Init | State::Up) {
            return Err(PacketError::ZeroYourDiscriminator(state));
        }
        if flags & 0x04 != 0 {
            return Err(PacketError::Authenticated);
        }
        Ok(Self {
            diagnostic: Diagnostic(version_diag & 0x1f),
            state,
            poll: flags & 0x20 != 0,
            is_final: flags & 0x10 != 0,
            control_plane_independent: flags & 0x08 != 0,
            demand: flags & 0x02 != 0,
            detect_mult,
            my_discriminator,
            your_discriminator,
            desired_min_tx: word(),
            required_min_rx: word(),
            required_min_echo_rx: word(),
        })
    }

    /// The payload of a UDP datagram.
    pub fn encode(&self) -> [u8; PACKET_LEN] {
        let bit = |set: bool, value: u8| if set { value } else { 0 };
        let flags = self.state.bits() << 6
            | bit(self.poll, 0x20)
            | bit(self.is_final, 0x10)
            | bit(self.control_plane_independent, 0x08)
            | bit(self.demand, 0x02);
        let mut out = [0; PACKET_LEN];
        let (head, words) = out.split_at_mut(4);
        head.copy_from_slice(&[1 << 5 | self.diagnostic.0, flags, self.detect_mult.get(), 24]);
        let values = [
            self.my_discriminator.get(),
            self.your_discriminator.map_or(0, NonZeroU32::get),
            self.desired_min_tx,
            self.required_min_rx,
            self.required_min_echo_rx,
        ];
        for (word, value) in words.as_chunks_mut::<4>().0.iter_mut().zip(values) {
            *word = value.to_be_bytes();
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Sent by hand from the figure of RFC 5880 section 4.1.
    const UP: [u8; 24] =
        [0x20, 0xc8, 3, 24, 0, 0, 0, 1, 0, 0, 0, 2, 0, 4, 0x93, 0xe0, 0, 3, 0x0d, 0x40, 0, 0, 0, 0];

    fn broken(at: usize, value: u8) -> PacketError {
        let mut packet = UP;
        packet[at] = value;
        ControlPacket::decode(&packet).unwrap_err()
    }

    #[test]
    fn a_packet_written_by_hand_decodes_and_encodes() {
        let packet = ControlPacket::decode(&UP).unwrap();
        assert_eq!((packet.state, packet.poll, packet.is_final), (State::Up, false, false));
        assert!(packet.control_plane_independent && !packet.demand);
        assert_eq!((packet.desired_min_tx, packet.required_min_rx), (300_000, 200_000));
        assert_eq!(packet.encode(), UP);
        let mut longer = UP.to_vec();
        longer.extend_from_slice(&[9; 8]);
        assert_eq!(ControlPacket::decode(&longer), Ok(packet));
    }

    #[test]
    fn every_check_of_section_6_8_6_that_needs_no_session() {
        assert_eq!(ControlPacket::decode(&UP[..23]), Err(PacketError::TooShort(23)));
        assert_eq!(broken(0, 0x40), PacketError::Version(2));
        assert_eq!(broken(3, 23), PacketError::TooShort(23));
        assert_eq!(broken(3, 25), PacketError::Truncated { length: 25, received: 24 });
        assert_eq!(broken(2, 0), PacketError::ZeroDetectMult);
        assert_eq!(broken(1, 0xc9), PacketError::Multipoint);
        assert_eq!(broken(7, 0), PacketError::ZeroMyDiscriminator);
        assert_eq!(broken(11, 0), PacketError::ZeroYourDiscriminator(State::Up));
        assert_eq!(broken(1, 0xcc), PacketError::Authenticated);
        let mut down = UP;
        (down[1], down[11]) = (0x40, 0);
        assert_eq!(ControlPacket::decode(&down).unwrap().your_discriminator, None);
    }

    proptest! {
        #[test]
        fn no_bytes_panic_and_what_decodes_encodes_again(
            mut bytes in prop::collection::vec(any::<u8>(), 0..40),
            plausible: bool,
        ) {
            if plausible && bytes.len() >= 24 {
                (bytes[0], bytes[1], bytes[3]) = (bytes[0] & 0x1f | 0x20, bytes[1] & 0xfa, 24);
            }
            if let Ok(packet) = ControlPacket::decode(&bytes) {
                let encoded = packet.encode();
                prop_assert_eq!(ControlPacket::decode(&encoded), Ok(packet));
                prop_assert_eq!(&encoded[4..], &bytes[4..24]);
                prop_assert_eq!(&encoded[..3], &bytes[..3]);
            }
        }
    }
}
