//! Text of flow specifications: `dst 192.0.2.0/24 proto =6 dport >=80 &<=90`.
//!
//! What for: logs, `show`, filters and tests.
//! Where: `Display` and `FromStr` of [`FlowSpec`] and [`VpnFlowSpec`].
//! How: the word of a component, then its prefix or its tests. `&` in front of a test means AND, else
//! OR. Tests of numbers are `=6`, `!=6`, `<6`, `<=6`, `>6`, `>=6`, `true6`, `false6`, with `:4` behind
//! if the value has not the fewest possible octets (a flow label: four). Tests of bits are `0x02` (any
//! is set) and `=0x02` (all are set), `!` in front turns them round, and the digits say how many octets
//! there are. An IPv6 prefix whose first bits are not looked at is `::5678:0:0/64-104`, from bit 64 to
//! 104. A value which this text would not lead back to is shown as `0x` and its octets.
//! Invariants: the text of every value parses back to it.
//! References: RFC 8955 section 4.2, RFC 8956 section 3.
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        clippy::arithmetic_side_effects
    )
)]

use std::{
    fmt::{self, Write},
    net::{Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use super::{
    BitmaskTest, Component, ComponentType, ComponentValue, FlowSpec, NumericTest, VpnFlowSpec,
};
use crate::{
    error::ParseError,
    nlri::{
        hex::{Hex, unhex},
        rd::digits,
    },
    prefix::{NlriPrefix, V4Prefix, V6Prefix},
};

const BAD: ParseError = ParseError::new(
    "a flow specification such as: dst 192.0.2.0/24 proto =6 dport >=80 &<=90 tcp-flags =0x02",
);

/// Operators by their less, greater and equal bits.
const NUMERIC: [&str; 8] = ["false", "=", ">", ">=", "<", "<=", "!=", "true"];

/// Octets a value has unless the text says otherwise.
const fn usual_octets(kind: ComponentType, value: u64) -> u8 {
    let flow_label = matches!(kind, ComponentType::FLOW_LABEL);
    match value {
        0..=0xff if !flow_label => 1,
        0..=0xffff if !flow_label => 2,
        0..=0xffff_ffff => 4,
        _ => 8,
    }
}

fn write_component(f: &mut String, component: &Component<'_>) -> fmt::Result {
    let kind = component.kind;
    f.write_str(kind.name().unwrap_or_default())?;
    match component.value {
        ComponentValue::Prefix { prefix, offset: 0 } => write!(f, " {prefix}"),
        ComponentValue::Prefix { prefix, offset } => {
            write!(f, " {}/{offset}-{}", prefix.addr(), prefix.len())
        }
        ComponentValue::Numeric(mut tests) => tests.try_for_each(|test| {
            let and = if test.and { "&" } else { "" };
            let at = u8::from(test.less) << 2 | u8::from(test.greater) << 1 | u8::from(test.equal);
            let op = NUMERIC.get(usize::from(at)).unwrap_or(&"");
            write!(f, " {and}{op}{}", test.value)?;
            if test.octets == usual_octets(kind, test.value) {
                return Ok(());
            }
            write!(f, ":{}", test.octets)
        }),
        ComponentValue::Bitmask(mut tests) => tests.try_for_each(|test| {
            let and = if test.and { "&" } else { "" };
            let not = if test.not { "!" } else { "" };
            let all = if test.all { "=" } else { "" };
            let width = usize::from(test.octets).saturating_mul(2);
            write!(f, " {and}{not}{all}0x{:0width$x}", test.value)
        }),
    }
}

impl<P: NlriPrefix> fmt::Display for FlowSpec<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        for component in self.components() {
            text.push_str(if text.is_empty() { "" } else { " " });
            write_component(&mut text, &component)?;
        }
        // Reserved bits, bits behind a prefix and the like have no place in the text.
        match parse::<P>(&text) {
            Ok(value) if value == self.value() => f.write_str(&text),
            _ => write!(f, "{}", Hex(self.value())),
        }
    }
}

impl<P: NlriPrefix> fmt::Debug for FlowSpec<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<P: NlriPrefix> FromStr for FlowSpec<P> {
    type Err = ParseError;

    fn from_str(s: &str) -> Result<Self, ParseError> {
        let value = match unhex(s) {
            Some(value) => value,
            None => parse::<P>(s)?,
        };
        Self::from_value(&value).ok_or(BAD)
    }
}

impl<P: NlriPrefix> fmt::Display for VpnFlowSpec<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rd {} {}", self.rd, self.spec)
    }
}

impl<P: NlriPrefix> fmt::Debug for VpnFlowSpec<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<P: NlriPrefix> FromStr for VpnFlowSpec<P> {
    type Err = ParseError;

    /// `rd 65001:1 dst 192.0.2.0/24`.
    fn from_str(s: &str) -> Result<Self, ParseError> {
        let (rd, spec) = s.strip_prefix("rd ").and_then(|s| s.split_once(' ')).ok_or(BAD)?;
        Self::new(rd.parse()?, spec.parse()?).ok_or(BAD)
    }
}

/// The octets of a text in words; they are well formed.
fn parse<P: NlriPrefix>(s: &str) -> Result<Vec<u8>, ParseError> {
    let mut out = Vec::new();
    let mut words = s.split_ascii_whitespace().peekable();
    while let Some(word) = words.next() {
        let kind = kind_of(word).ok_or(BAD)?;
        out.push(kind.0);
        if matches!(kind, ComponentType::DESTINATION | ComponentType::SOURCE) {
            put_prefix::<P>(words.next().ok_or(BAD)?, &mut out)?;
            continue;
        }
        loop {
            let test = words.next().ok_or(BAD)?;
            let last = words.peek().is_none_or(|next| kind_of(next).is_some());
            if kind.is_bitmask() {
                bitmask(test)?.put(last, &mut out);
            } else {
                numeric(kind, test)?.put(last, &mut out);
            }
            if last {
                break;
            }
        }
    }
    // The order of the types, and what a type allows.
    if super::component::check::<P>(&out) { Ok(out) } else { Err(BAD) }
}

fn kind_of(word: &str) -> Option<ComponentType> {
    let at = ComponentType::NAMES.iter().position(|name| *name == word)?;
    u8::try_from(at.checked_add(1)?).ok().map(ComponentType)
}

fn put_prefix<P: NlriPrefix>(s: &str, out: &mut Vec<u8>) -> Result<(), ParseError> {
    let (addr, bits) = s.split_once('/').ok_or(BAD)?;
    if P::MAX_BITS == 32 {
        let addr: Ipv4Addr = addr.parse().map_err(|_| BAD)?;
        let prefix = digits(bits).and_then(|len| V4Prefix::new(addr, len)).ok_or(BAD)?;
        out.push(prefix.len());
        prefix.put_addr(out);
        return Ok(());
    }
    let addr: Ipv6Addr = addr.parse().map_err(|_| BAD)?;
    let (offset, len) = bits.split_once('-').unwrap_or(("0", bits));
    let (offset, len): (u8, u8) = (digits(offset).ok_or(BAD)?, digits(len).ok_or(BAD)?);
    let pattern = addr.to_bits().checked_shl(u32::from(offset)).ok_or(BAD)?;
    let pattern_len = len.checked_sub(offset).ok_or(BAD)?;
    let pattern = V6Prefix::from_bits(pattern, pattern_len).ok_or(BAD)?;
    out.extend_from_slice(&[len, offset]);
    pattern.put_addr(out);
    Ok(())
}

fn numeric(kind: ComponentType, s: &str) -> Result<NumericTest, ParseError> {
    let (and, s) = s.strip_prefix('&').map_or((false, s), |s| (true, s));
    let at = s.find(|c: char| c.is_ascii_digit()).ok_or(BAD)?;
    let (op, value) = s.split_at_checked(at).ok_or(BAD)?;
    let op = NUMERIC.iter().position(|name| *name == op).ok_or(BAD)?;
    let (value, octets) = match value.split_once(':') {
        Some((value, octets)) => (value, Some(digits::<u8>(octets).ok_or(BAD)?)),
        None => (value, None),
    };
    let value = digits(value).ok_or(BAD)?;
    let octets = octets.unwrap_or_else(|| usual_octets(kind, value));
    if !matches!(octets, 1 | 2 | 4 | 8) || usual_octets(ComponentType::PORT, value) > octets {
        return Err(BAD);
    }
    let (less, greater, equal) = (op & 4 != 0, op & 2 != 0, op & 1 != 0);
    Ok(NumericTest { and, less, greater, equal, octets, value })
}

fn bitmask(s: &str) -> Result<BitmaskTest, ParseError> {
    let (and, s) = s.strip_prefix('&').map_or((false, s), |s| (true, s));
    let (not, s) = s.strip_prefix('!').map_or((false, s), |s| (true, s));
    let (all, s) = s.strip_prefix('=').map_or((false, s), |s| (true, s));
    let value = unhex(s).ok_or(BAD)?;
    let octets = u8::try_from(value.len()).map_err(|_| BAD)?;
    if !matches!(octets, 1 | 2 | 4 | 8) {
        return Err(BAD);
    }
    let value = value.iter().fold(0, |n: u64, octet| n << 8 | u64::from(*octet));
    Ok(BitmaskTest { and, not, all, octets, value })
}
