//! Components of flow specifications.
//!
//! What for: what a filter looks at, typed.
//! Where: read from the octets a [`FlowSpec`](super::FlowSpec) keeps.
//! How: a component is a type and a prefix, or a type and a list of tests: an operator octet, a value
//! of 1, 2, 4 or 8 octets, until the operator with the end bit. [`check`] reads all of a value once;
//! later reads see only what it accepted.
//! Invariants: components ascend strictly by type; each list has a test.
//! References: RFC 8955 section 4.2, RFC 8956 section 3.
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        clippy::arithmetic_side_effects
    )
)]

use std::marker::PhantomData;

use crate::prefix::{NlriPrefix, Prefix, V4Prefix, V6Prefix};

/// What a component looks at (RFC 8955 section 4.2.2, RFC 8956 section 3).
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug)]
pub struct ComponentType(pub u8);

impl ComponentType {
    /// Destination prefix.
    pub const DESTINATION: Self = Self(1);
    /// Source prefix.
    pub const SOURCE: Self = Self(2);
    /// IP protocol, in IPv6 the upper-layer protocol.
    pub const PROTOCOL: Self = Self(3);
    /// Source or destination port.
    pub const PORT: Self = Self(4);
    /// Destination port.
    pub const DESTINATION_PORT: Self = Self(5);
    /// Source port.
    pub const SOURCE_PORT: Self = Self(6);
    /// ICMP type.
    pub const ICMP_TYPE: Self = Self(7);
    /// ICMP code.
    pub const ICMP_CODE: Self = Self(8);
    /// TCP flags, as bits of octets 13 and 14 of the TCP header.
    pub const TCP_FLAGS: Self = Self(9);
    /// Length of the packet from the IP header on (IPv6: behind it), in octets.
    pub const PACKET_LENGTH: Self = Self(10);
    /// DSCP.
    pub const DSCP: Self = Self(11);
    /// Fragment bits: 1 don't fragment (IPv4), 2 is a fragment, 4 first, 8 last.
    pub const FRAGMENT: Self = Self(12);
    /// IPv6 flow label.
    pub const FLOW_LABEL: Self = Self(13);

    /// The word that begins the component in text, by type from 1 on.
    pub(super) const NAMES: [&'static str; 13] = [
        "dst",
        "src",
        "proto",
        "port",
        "dport",
        "sport",
        "icmp-type",
        "icmp-code",
        "tcp-flags",
        "length",
        "dscp",
        "fragment",
        "flow-label",
    ];

    /// The word for it in text; `None` for an unknown type.
    pub fn name(self) -> Option<&'static str> {
        Self::NAMES.get(usize::from(self.0.checked_sub(1)?)).copied()
    }

    /// Whether its tests are bit masks.
    pub(super) const fn is_bitmask(self) -> bool {
        matches!(self, Self::TCP_FLAGS | Self::FRAGMENT)
    }

    /// Whether its values may have this many octets: a few types leave no choice.
    const fn allows(self, octets: usize) -> bool {
        match self {
            Self::TCP_FLAGS => octets <= 2,
            Self::DSCP | Self::FRAGMENT => octets == 1,
            _ => true,
        }
    }
}

/// One component: what it looks at, and what it asks.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub struct Component<'a> {
    /// What it looks at.
    pub kind: ComponentType,
    /// What it asks.
    pub value: ComponentValue<'a>,
}

/// What a component asks.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub enum ComponentValue<'a> {
    /// The address is inside `prefix`; the first `offset` bits are not looked at (RFC 8956 section
    /// 3.1; 0 in IPv4) and zero here.
    Prefix {
        /// The prefix.
        prefix: Prefix,
        /// Bits that are not looked at, less than the prefix's length (0 if that is 0).
        offset: u8,
    },
    /// The number passes these tests.
    Numeric(Tests<'a, NumericTest>),
    /// The bits pass these tests.
    Bitmask(Tests<'a, BitmaskTest>),
}

/// A test of a number (RFC 8955 section 4.2.1.1).
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug)]
pub struct NumericTest {
    /// Joined to the test before by AND, else by OR. Without meaning in the first test.
    pub and: bool,
    /// True when the number is less than the value.
    pub less: bool,
    /// True when it is greater.
    pub greater: bool,
    /// True when it is equal.
    pub equal: bool,
    /// Octets of the value on the wire: 1, 2, 4 or 8.
    pub octets: u8,
    /// The value.
    pub value: u64,
}

/// A test of bits (RFC 8955 section 4.2.1.2).
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug)]
pub struct BitmaskTest {
    /// Joined to the test before by AND, else by OR. Without meaning in the first test.
    pub and: bool,
    /// The result is turned round.
    pub not: bool,
    /// True when all bits of the value are set, else when any is.
    pub all: bool,
    /// Octets of the value on the wire: 1, 2, 4 or 8.
    pub octets: u8,
    /// The value.
    pub value: u64,
}

impl NumericTest {
    /// Whether `number` passes.
    pub const fn passes(&self, number: u64) -> bool {
        (self.less && number < self.value)
            || (self.greater && number > self.value)
            || (self.equal && number == self.value)
    }
}

impl BitmaskTest {
    /// Whether `bits` pass.
    pub const fn passes(&self, bits: u64) -> bool {
        let common = bits & self.value;
        self.not != (if self.all { common == self.value } else { common != 0 })
    }
}

/// An operator octet and its value, before they have a meaning.
#[derive(Copy, Clone, Debug)]
pub struct Operator {
    op: u8,
    octets: u8,
    value: u64,
}

impl Operator {
    const END: u8 = 0x80;
    const AND: u8 = 0x40;

    fn take(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (&op, rest) = bytes.split_first()?;
        let octets = 1u8 << (op >> 4 & 3);
        let (head, rest) = rest.split_at_checked(usize::from(octets))?;
        let value = head.iter().fold(0, |n: u64, octet| n << 8 | u64::from(*octet));
        Some((Self { op, octets, value }, rest))
    }
}

impl From<Operator> for NumericTest {
    fn from(raw: Operator) -> Self {
        Self {
            and: raw.op & Operator::AND != 0,
            less: raw.op & 4 != 0,
            greater: raw.op & 2 != 0,
            equal: raw.op & 1 != 0,
            octets: raw.octets,
            value: raw.value,
        }
    }
}

impl From<Operator> for BitmaskTest {
    fn from(raw: Operator) -> Self {
        Self {
            and: raw.op & Operator::AND != 0,
            not: raw.op & 2 != 0,
            all: raw.op & 1 != 0,
            octets: raw.octets,
            value: raw.value,
        }
    }
}

/// Appends a test; the end bit is set later, when it is known to be the last.
fn put_operator(op: u8, octets: u8, value: u64, out: &mut Vec<u8>) {
    let size = match octets {
        ..=1 => 0,
        2 => 1,
        3..=4 => 2,
        _ => 3,
    };
    out.push(op | size << 4);
    let value = value.to_be_bytes();
    let skip = 8usize.saturating_sub(1 << size);
    out.extend_from_slice(value.get(skip..).unwrap_or_default());
}

impl NumericTest {
    pub(super) fn put(&self, last: bool, out: &mut Vec<u8>) {
        let bits = [
            (last, Operator::END),
            (self.and, Operator::AND),
            (self.less, 4),
            (self.greater, 2),
            (self.equal, 1),
        ];
        put_operator(set(&bits), self.octets, self.value, out);
    }
}

impl BitmaskTest {
    pub(super) fn put(&self, last: bool, out: &mut Vec<u8>) {
        let bits = [(last, Operator::END), (self.and, Operator::AND), (self.not, 2), (self.all, 1)];
        put_operator(set(&bits), self.octets, self.value, out);
    }
}

fn set(bits: &[(bool, u8)]) -> u8 {
    bits.iter().fold(0, |all, (on, bit)| if *on { all | bit } else { all })
}

/// The tests of a component, in wire order.
#[derive(Debug)]
pub struct Tests<'a, T> {
    rest: &'a [u8],
    kind: PhantomData<T>,
}

impl<T> Copy for Tests<'_, T> {}

impl<T> Clone for Tests<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Eq for Tests<'_, T> {}

impl<T> PartialEq for Tests<'_, T> {
    fn eq(&self, other: &Self) -> bool {
        self.rest == other.rest
    }
}

impl<T: From<Operator>> Iterator for Tests<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        let (operator, rest) = Operator::take(self.rest)?;
        self.rest = rest;
        Some(operator.into())
    }
}

/// Whether a whole value is well formed: at least one component, each type known and higher than the
/// one before, each value complete.
pub(super) fn check<P: NlriPrefix>(value: &[u8]) -> bool {
    let (mut rest, mut before) = (value, 0);
    while let Some((component, tail)) = take::<P>(rest) {
        if component.kind.0 <= before {
            return false;
        }
        (rest, before) = (tail, component.kind.0);
    }
    rest.is_empty() && !value.is_empty()
}

/// Reads one component off the front.
pub(super) fn take<P: NlriPrefix>(bytes: &[u8]) -> Option<(Component<'_>, &[u8])> {
    let (&kind, rest) = bytes.split_first()?;
    let kind = ComponentType(kind);
    let (value, rest) = match kind {
        ComponentType::DESTINATION | ComponentType::SOURCE => prefix::<P>(rest)?,
        ComponentType::FLOW_LABEL if P::MAX_BITS == 32 => return None,
        _ => {
            kind.name()?;
            tests(kind, rest)?
        }
    };
    Some((Component { kind, value }, rest))
}

fn prefix<P: NlriPrefix>(bytes: &[u8]) -> Option<(ComponentValue<'_>, &[u8])> {
    let (&len, rest) = bytes.split_first()?;
    if P::MAX_BITS == 32 {
        let (prefix, rest) = V4Prefix::take_addr(len, rest)?;
        return Some((ComponentValue::Prefix { prefix: prefix.into(), offset: 0 }, rest));
    }
    let (&offset, rest) = rest.split_first()?;
    if (len, offset) != (0, 0) && offset >= len {
        return None;
    }
    // The pattern is as a prefix of its own, which belongs `offset` bits further on.
    let (pattern, rest) = V6Prefix::take_addr(len.saturating_sub(offset), rest)?;
    let prefix = V6Prefix::from_bits(pattern.bits().checked_shr(u32::from(offset))?, len)?;
    Some((ComponentValue::Prefix { prefix: prefix.into(), offset }, rest))
}

fn tests(kind: ComponentType, bytes: &[u8]) -> Option<(ComponentValue<'_>, &[u8])> {
    let mut rest = bytes;
    loop {
        let (operator, tail) = Operator::take(rest)?;
        if !kind.allows(usize::from(operator.octets)) {
            return None;
        }
        rest = tail;
        if operator.op & Operator::END != 0 {
            break;
        }
    }
    let list = bytes.get(..bytes.len().saturating_sub(rest.len()))?;
    let value = if kind.is_bitmask() {
        ComponentValue::Bitmask(Tests { rest: list, kind: PhantomData })
    } else {
        ComponentValue::Numeric(Tests { rest: list, kind: PhantomData })
    };
    Some((value, rest))
}
