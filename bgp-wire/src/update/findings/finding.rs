//! One finding, and its line of text.
//!
//! What for: what tools list and people read.
//! Where: made by the walks beside this file.
//! How: plain data; `Display` is one line, `octet 45: COMMUNITIES has a bad length: treat-as-withdraw
//! (RFC 7606 section 7.8)`.
//! Invariants: verdicts are in the order of RFC 7606 section 3 (h), the least first.
//! References: RFC 7606 section 2.

use std::fmt;

use crate::{
    attr::AttrType,
    error::{DecodeError, DecodeErrorKind},
    family::Family,
};

/// What a finding costs, the least first.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug)]
pub enum Verdict {
    /// Nothing: allowed, but worth knowing.
    Note,
    /// The attribute (RFC 7606, attribute discard).
    Discard,
    /// The routes of the message (treat-as-withdraw).
    TreatAsWithdraw,
    /// The family (AFI/SAFI disable).
    DisableFamily,
    /// The session (session reset).
    Reset,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Note => "note",
            Self::Discard => "attribute discard",
            Self::TreatAsWithdraw => "treat-as-withdraw",
            Self::DisableFamily => "AFI/SAFI disable",
            Self::Reset => "session reset",
        })
    }
}

/// What was found.
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug)]
#[non_exhaustive]
pub enum FindingKind {
    /// A fault that has a NOTIFICATION code, whether or not one is sent.
    Fault(DecodeErrorKind),
    /// An attribute of this type came before; the first counts.
    Repeated,
    /// An attribute this peer has no business to send: from an external one those that stay inside
    /// an AS, from a four-octet speaker those of RFC 6793.
    NotFromPeer,
    /// Unknown and optional transitive: relayed with Partial set.
    UnknownRelayed,
    /// Unknown and optional non-transitive: goes no further.
    UnknownDropped,
    /// AIGP on a session where it is not enabled: ignored.
    NotEnabled,
    /// An attribute of routes that are not carried: ignored.
    NotCarried,
    /// A family that was not negotiated, or whose routes have no type here: ignored.
    NotNegotiated(Family),
    /// Two octets of length where one would do.
    NeedlessExtendedLength,
    /// Some of the four flag bits without meaning are set.
    LowFlagBits,
    /// Partial on an attribute every router on the way has to know.
    NeedlessPartial,
    /// An attribute of a higher type stands before it.
    OutOfOrder,
    /// A prefix has bits behind its length; they are ignored.
    TrailingBits,
    /// A large community is listed twice; the second is removed.
    RepeatedValues,
    /// The message ends before its length says.
    CutShort,
    /// Octets behind the end of the message.
    Surplus,
    /// Longer than 4096 octets, which both sides must have agreed on.
    ExtendedMessage,
}

/// One thing to say about a message.
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug)]
pub struct Finding {
    /// Offset of what it is about from the first octet of the message header, in octets. For an
    /// attribute this is its flags octet, for something missing the end of the attributes.
    pub at: u16,
    /// What it costs.
    pub verdict: Verdict,
    /// What it is.
    pub kind: FindingKind,
    /// The attribute it is about.
    pub attr: Option<AttrType>,
    /// The section that says so.
    pub rfc: &'static str,
}

impl Finding {
    /// The fault, which makes the NOTIFICATION; `None` for what is none.
    pub const fn error(&self) -> Option<DecodeError> {
        match self.kind {
            FindingKind::Fault(kind) => Some(DecodeError { at: self.at, kind }),
            _ => None,
        }
    }

    /// What was found, in words, without place and verdict.
    pub fn what(&self) -> impl fmt::Display {
        What(*self)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "octet {}: {}: {} ({})", self.at, self.what(), self.verdict, self.rfc)
    }
}

struct What(Finding);

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use DecodeErrorKind as Fault;
        if let Some(attr) = self.0.attr {
            write!(f, "{attr} ")?;
        }
        f.write_str(match self.0.kind {
            FindingKind::Fault(fault) => match (fault, self.0.attr) {
                (Fault::AttributeLength(_), Some(_)) => "has a bad length",
                (Fault::AttributeFlags(_), Some(_)) => "has wrong flags",
                (Fault::MissingWellKnown(_), Some(_)) => "is missing",
                (Fault::UnrecognizedWellKnown(_), Some(_)) => "is unknown, and flagged well-known",
                (Fault::InvalidNextHop, Some(_)) => "has no valid next hop",
                (Fault::MalformedAttributeList, Some(_)) => "comes a second time",
                (_, Some(_)) => "is malformed",
                (Fault::MalformedAttributeList, None) => "the attribute list does not add up",
                (fault, None) => return fmt::Display::fmt(&fault, f),
            },
            FindingKind::Repeated => "comes again, the first counts",
            FindingKind::NotFromPeer => "is not for this peer to send",
            FindingKind::UnknownRelayed => "is unknown, and relayed",
            FindingKind::UnknownDropped => "is unknown, and not relayed",
            FindingKind::NotEnabled => "is not enabled here, and ignored",
            FindingKind::NotCarried => "belongs to routes not carried here, and is ignored",
            FindingKind::NotNegotiated(family) => {
                let of = if self.0.attr.is_some() { "has " } else { "" };
                return write!(f, "{of}routes of {family}, which is not negotiated: ignored");
            }
            FindingKind::NeedlessExtendedLength => "has an extended length it does not need",
            FindingKind::LowFlagBits => "has flag bits without meaning",
            FindingKind::NeedlessPartial => "has the Partial bit, which it cannot need",
            FindingKind::OutOfOrder => "stands behind an attribute of a higher type",
            FindingKind::TrailingBits if self.0.attr.is_some() => {
                "has a prefix with bits behind its length, which are ignored"
            }
            FindingKind::TrailingBits => "a prefix has bits behind its length, which are ignored",
            FindingKind::RepeatedValues => "has a value twice, which is removed",
            FindingKind::CutShort => "the message ends before its length says",
            FindingKind::Surplus => "octets behind the end of the message",
            FindingKind::ExtendedMessage => "longer than 4096 octets, which has to be negotiated",
        })
    }
}
