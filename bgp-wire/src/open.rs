//! OPEN: who the speaker is and what it can do.
//!
//! What for: both directions of the first message of a session.
//! Where: bgp-fsm compares the received one with its configuration and with the one it sent.
//! How: a fixed head, then optional parameters in the classic or the extended form; capabilities
//! from any number of parameters end up in one list, in the order they came.
//! Invariants: a decoded OPEN has version 4, a hold time of 0 or at least 3 seconds, a non-zero
//! identifier and a non-zero AS number; whether AS and identifier are the *right* ones is for the
//! state machine.
//! References: RFC 4271 sections 4.2 and 6.2, RFC 5492, RFC 6286, RFC 6793, RFC 7607, RFC 9072.
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        clippy::arithmetic_side_effects
    )
)]

use std::{fmt, net::Ipv4Addr};

use crate::{
    asn::Asn,
    capability::Capability,
    cursor::Cursor,
    error::{DecodeError, DecodeErrorKind},
    family::{Family, FamilySet},
    frame::{HEADER_LEN, MessageType, begin_message, finish_message},
};

/// Optional parameter type "Capabilities" (RFC 5492).
const PARAMETER_CAPABILITIES: u8 = 2;
/// Optional parameter type that announces the extended form (RFC 9072).
const PARAMETER_EXTENDED: u8 = 255;

/// An OPEN message.
#[derive(Clone, Eq, PartialEq, Debug)]
pub struct Open {
    /// Protocol version, 4.
    pub version: u8,
    /// The speaker's AS: from the four-octet AS capability if there is one, else `my_as_field`.
    pub asn: Asn,
    /// The My Autonomous System field as it is on the wire; AS_TRANS for a four-octet AS.
    pub my_as_field: u16,
    /// Proposed hold time in seconds: 0 (none) or 3..=65535.
    pub hold_time: u16,
    /// BGP identifier.
    pub router_id: Ipv4Addr,
    /// Capabilities, in order of appearance, duplicates kept.
    pub capabilities: Vec<Capability>,
}

impl Open {
    /// An OPEN to send. The four-octet AS capability is put in front of `capabilities`, which must
    /// not hold one.
    pub fn new(
        asn: Asn,
        hold_time: u16,
        router_id: Ipv4Addr,
        capabilities: impl IntoIterator<Item = Capability>,
    ) -> Self {
        let mut list = vec![Capability::FourOctetAs(asn)];
        list.extend(capabilities);
        let my_as_field = asn.to_two_octets();
        Self { version: 4, asn, my_as_field, hold_time, router_id, capabilities: list }
    }

    /// Reads an OPEN body (without header).
    ///
    /// # Errors
    /// OPEN Message Error with the subcode of RFC 4271 section 6.2, in the order of that section.
    pub fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        let mut c = Cursor::new(body, HEADER_LEN);
        let short = DecodeError::new(
            16,
            DecodeErrorKind::BadMessageLength(
                u16::try_from(body.len().saturating_add(HEADER_LEN)).unwrap_or(u16::MAX),
            ),
        );
        let version = c.u8().ok_or(short)?;
        if version != 4 {
            return Err(DecodeError::new(19, DecodeErrorKind::UnsupportedVersion(version)));
        }
        let my_as_field = c.u16().ok_or(short)?;
        let hold_time = c.u16().ok_or(short)?;
        let router_id = Ipv4Addr::from(c.array::<4>().ok_or(short)?);
        let parameters_at = c.at();
        let parameters_len = c.u8().ok_or(short)?;

        let mut capabilities = Vec::new();
        decode_parameters(c, parameters_len, parameters_at, &mut capabilities)?;

        let four_octet = capabilities.iter().find_map(|c| match c {
            Capability::FourOctetAs(asn) => Some(*asn),
            _ => None,
        });
        let asn = four_octet.unwrap_or_else(|| Asn::from(my_as_field));
        if asn == Asn::ZERO || my_as_field == 0 {
            return Err(DecodeError::new(20, DecodeErrorKind::BadPeerAs(0)));
        }
        if matches!(hold_time, 1 | 2) {
            return Err(DecodeError::new(22, DecodeErrorKind::UnacceptableHoldTime(hold_time)));
        }
        if router_id.is_unspecified() {
            return Err(DecodeError::new(24, DecodeErrorKind::BadBgpIdentifier));
        }
        Ok(Self { version, asn, my_as_field, hold_time, router_id, capabilities })
    }

    /// Appends the whole message, header included. All capabilities go into one parameter; past 255
    /// octets the extended form of RFC 9072 is used.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut capabilities = Vec::new();
        for capability in &self.capabilities {
            capability.put(&mut capabilities);
        }
        let start = begin_message(out, MessageType::OPEN);
        out.push(self.version);
        out.extend_from_slice(&self.my_as_field.to_be_bytes());
        out.extend_from_slice(&self.hold_time.to_be_bytes());
        out.extend_from_slice(&self.router_id.octets());
        let length = capabilities.len();
        match (u8::try_from(length), u8::try_from(length.saturating_add(2))) {
            (Ok(0), _) => out.push(0),
            (Ok(one), Ok(with_head)) => {
                out.extend_from_slice(&[with_head, PARAMETER_CAPABILITIES, one]);
            }
            _ => {
                let clamp = |n: usize| u16::try_from(n).unwrap_or(u16::MAX).to_be_bytes();
                out.extend_from_slice(&[255, PARAMETER_EXTENDED]);
                out.extend_from_slice(&clamp(length.saturating_add(3)));
                out.push(PARAMETER_CAPABILITIES);
                out.extend_from_slice(&clamp(length));
            }
        }
        out.extend_from_slice(&capabilities);
        finish_message(out, start);
    }

    /// The families offered: those of the multiprotocol capabilities, or IPv4 unicast alone when
    /// there is none (RFC 4760 section 8).
    pub fn families(&self) -> FamilySet {
        let mut any = false;
        let mut set = FamilySet::EMPTY;
        for capability in &self.capabilities {
            if let Capability::MultiProtocol(family) = capability {
                any = true;
                set.insert(*family);
            }
        }
        if any { set } else { FamilySet::IPV4_UNICAST }
    }

    /// Whether the multiprotocol capability for exactly `family` is there.
    pub fn offers(&self, family: Family) -> bool {
        self.capabilities.contains(&Capability::MultiProtocol(family))
    }
}

impl fmt::Display for Open {
    /// `AS 65001, identifier 10.0.0.1, hold time 90 s: ipv4/unicast; route-refresh`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { asn, router_id, hold_time, .. } = self;
        write!(f, "AS {}, identifier {router_id}, hold time {hold_time} s", asn.0)?;
        for (i, capability) in self.capabilities.iter().enumerate() {
            write!(f, "{} {capability}", if i == 0 { ":" } else { ";" })?;
        }
        Ok(())
    }
}

/// Optional parameters in either form, with `length` from the one-octet length field.
fn decode_parameters(
    mut c: Cursor<'_>,
    length: u8,
    length_at: usize,
    out: &mut Vec<Capability>,
) -> Result<(), DecodeError> {
    let malformed = |at| DecodeError::new(at, DecodeErrorKind::MalformedOptionalParameters);
    // RFC 9072: a non-zero length whose first parameter type is 255 is the extended form, whatever
    // the length says.
    let extended = length != 0 && c.rest().first() == Some(&PARAMETER_EXTENDED);
    let total = if extended {
        c.u8().ok_or_else(|| malformed(length_at))?;
        usize::from(c.u16().ok_or_else(|| malformed(length_at))?)
    } else {
        usize::from(length)
    };
    // The parameters must fill the message exactly.
    if c.rest().len() != total {
        return Err(malformed(length_at));
    }
    while !c.is_empty() {
        let at = c.at();
        let kind = c.u8().ok_or_else(|| malformed(at))?;
        let length = if extended { c.u16() } else { c.u8().map(u16::from) };
        let length = length.ok_or_else(|| malformed(at))?;
        let value = c.sub(usize::from(length)).ok_or_else(|| malformed(at))?;
        if kind != PARAMETER_CAPABILITIES {
            return Err(DecodeError::new(at, DecodeErrorKind::UnsupportedOptionalParameter(kind)));
        }
        decode_capabilities(value, out)?;
    }
    Ok(())
}

/// A run of capabilities: code, length, value.
pub(crate) fn decode_capabilities(
    mut c: Cursor<'_>,
    out: &mut Vec<Capability>,
) -> Result<(), DecodeError> {
    while !c.is_empty() {
        let error = c.error(DecodeErrorKind::MalformedOptionalParameters);
        let at = c.at();
        let code = c.u8().ok_or(error)?;
        let length = c.u8().ok_or(error)?;
        let value = c.take(usize::from(length)).ok_or(error)?;
        out.push(Capability::decode(code, value, at)?);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
