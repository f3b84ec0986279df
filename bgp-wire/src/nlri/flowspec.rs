//! Flow specifications.
//!
//! What for: traffic filters that travel as routes.
//! Where: NLRI of `ipv4/flowspec`, `ipv6/flowspec`, and with a route distinguisher in front of
//! `ipv4/flowspec-vpn` and `ipv6/flowspec-vpn`.
//! How: a length of one octet (below 240) or two (`0xfnnn`), then components in ascending order of
//! type. The octets are kept as they came, for a filter is compared and relayed octet for octet, and
//! are checked once: [`FlowSpec::components`] reads what is good, and what is not (no component, an
//! unknown type, types out of order, an operator list without end, ...) says so
//! ([`Nlri::is_malformed`]). A bad filter costs only itself, for the length in front still tells where
//! the next begins. Only a length that runs past the field is a fault of the field. A length in two
//! octets that one would hold is understood, and written in one.
//! Invariants: a value has at most 4095 octets, the route distinguisher included.
//! Cost: values up to 32 octets allocate nothing.
//! References: RFC 8955 sections 4 and 8, RFC 8956 sections 3 and 4.
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        clippy::arithmetic_side_effects
    )
)]

mod component;
mod text;

use std::marker::PhantomData;

use smallvec::SmallVec;

pub use component::{
    BitmaskTest, Component, ComponentType, ComponentValue, NumericTest, Operator, Tests,
};

use super::{Nlri, rd::RouteDistinguisher};
use crate::{
    family::Family,
    prefix::{NlriPrefix, Prefix},
};

/// The longest value of a flow specification, in octets.
const MAX_VALUE: usize = 4095;

/// A flow specification, shown as `dst 192.0.2.0/24 proto =6 dport >=80 &<=90`; one that is malformed,
/// or has bits set that the text has no place for, as `0x` and its octets.
#[derive(Clone, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct FlowSpec<P> {
    value: SmallVec<[u8; 32]>,
    malformed: bool,
    family: PhantomData<P>,
}

impl<P: NlriPrefix> FlowSpec<P> {
    /// From the octets behind the length; `None` if there are more than 4095.
    pub fn from_value(value: &[u8]) -> Option<Self> {
        if value.len() > MAX_VALUE {
            return None;
        }
        let malformed = !component::check::<P>(value);
        Some(Self { value: SmallVec::from_slice(value), malformed, family: PhantomData })
    }

    /// The octets behind the length.
    pub fn value(&self) -> &[u8] {
        &self.value
    }

    /// The components in wire order; none if the value is malformed.
    pub fn components(&self) -> impl Iterator<Item = Component<'_>> {
        let mut rest: &[u8] = if self.malformed { &[] } else { &self.value };
        std::iter::from_fn(move || {
            let (component, tail) = component::take::<P>(rest)?;
            rest = tail;
            Some(component)
        })
    }

    /// The destination prefix, by which filters are validated (RFC 8955 section 6); `None` without
    /// one, or if it does not begin at the first bit (RFC 8956 section 3.1).
    pub fn destination(&self) -> Option<Prefix> {
        self.components().find_map(|component| match component {
            Component {
                kind: ComponentType::DESTINATION,
                value: ComponentValue::Prefix { prefix, offset: 0 },
            } => Some(prefix),
            _ => None,
        })
    }
}

/// Octets of the length in front of `len` octets.
const fn length_octets(len: usize) -> usize {
    if len < 240 { 1 } else { 2 }
}

fn put_length(len: usize, out: &mut Vec<u8>) {
    match u8::try_from(len) {
        Ok(short @ 0..240) => out.push(short),
        _ => {
            let len = u16::try_from(len.min(MAX_VALUE)).unwrap_or(0x0fff);
            out.extend_from_slice(&(len | 0xf000).to_be_bytes());
        }
    }
}

/// The value behind a length, and what comes after it.
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    match bytes {
        [high @ 0xf0..=0xff, low, rest @ ..] => {
            rest.split_at_checked(usize::from(u16::from_be_bytes([high & 0x0f, *low])))
        }
        [len @ 0..0xf0, rest @ ..] => rest.split_at_checked(usize::from(*len)),
        _ => None,
    }
}

impl<P: NlriPrefix> Nlri for FlowSpec<P> {
    const FAMILIES: &'static [Family] =
        if P::MAX_BITS == 32 { &[Family::IPV4_FLOW_SPEC] } else { &[Family::IPV6_FLOW_SPEC] };
    const MAX_LEN: usize = 4097;

    fn encoded_len(&self) -> usize {
        self.value.len().saturating_add(length_octets(self.value.len()))
    }

    fn put(&self, out: &mut Vec<u8>) {
        put_length(self.value.len(), out);
        out.extend_from_slice(&self.value);
    }

    fn take(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (value, rest) = split(bytes)?;
        Some((Self::from_value(value)?, rest))
    }

    fn scan(field: &[u8]) -> Result<usize, usize> {
        super::scan(field, |rest| split(rest).map(|(_, tail)| ((), tail)))
    }

    fn scan_withdrawn(field: &[u8]) -> Result<usize, usize> {
        Self::scan(field)
    }

    fn is_malformed(&self) -> bool {
        self.malformed
    }
}

/// A flow specification of a VPN (RFC 8955 section 8), shown as `rd 65001:1 dst 192.0.2.0/24`.
#[derive(Clone, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct VpnFlowSpec<P> {
    rd: RouteDistinguisher,
    spec: FlowSpec<P>,
}

impl<P: NlriPrefix> VpnFlowSpec<P> {
    /// A flow specification in a VPN; `None` if it is over 4087 octets.
    pub fn new(rd: RouteDistinguisher, spec: FlowSpec<P>) -> Option<Self> {
        (spec.value.len() <= MAX_VALUE.saturating_sub(8)).then_some(Self { rd, spec })
    }

    /// The route distinguisher.
    pub const fn rd(&self) -> RouteDistinguisher {
        self.rd
    }

    /// What is behind it.
    pub const fn spec(&self) -> &FlowSpec<P> {
        &self.spec
    }

    fn value_len(&self) -> usize {
        self.spec.value.len().saturating_add(8)
    }
}

impl<P: NlriPrefix> Nlri for VpnFlowSpec<P> {
    const FAMILIES: &'static [Family] = if P::MAX_BITS == 32 {
        &[Family::IPV4_FLOW_SPEC_VPN]
    } else {
        &[Family::IPV6_FLOW_SPEC_VPN]
    };
    const MAX_LEN: usize = 4097;

    fn encoded_len(&self) -> usize {
        self.value_len().saturating_add(length_octets(self.value_len()))
    }

    fn put(&self, out: &mut Vec<u8>) {
        put_length(self.value_len(), out);
        out.extend_from_slice(&self.rd.0);
        out.extend_from_slice(&self.spec.value);
    }

    /// A length that does not even hold a route distinguisher is impossible.
    fn take(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (value, rest) = split(bytes)?;
        let (&rd, value) = value.split_first_chunk::<8>()?;
        Some((Self::new(RouteDistinguisher(rd), FlowSpec::from_value(value)?)?, rest))
    }

    fn scan(field: &[u8]) -> Result<usize, usize> {
        super::scan(field, |rest| {
            let (value, tail) = split(rest)?;
            if value.len() >= 8 { Some(((), tail)) } else { None }
        })
    }

    fn scan_withdrawn(field: &[u8]) -> Result<usize, usize> {
        Self::scan(field)
    }

    fn is_malformed(&self) -> bool {
        self.spec.malformed
    }
}

#[cfg(test)]
mod tests;
