//! IPv4 and IPv6 prefixes, and their NLRI form.
//!
//! What for: the two prefix types every table is made of, small enough for dense columns.
//! Where: parsed by the UPDATE view, written by the packer, keys of the RIB.
//! How: the address is kept masked, so that equality and hashing need no thought; the wire form is
//! one length octet and as many address octets as the length needs. Decoding takes the largest
//! possible form as one fixed-size load while there are octets enough, which costs no per-octet
//! bounds check.
//! Invariants: host bits are zero; `len` is at most 32 or 128.
//! Cost: `V4Prefix` 8 bytes, `V6Prefix` 17 bytes.
//! References: RFC 4271 section 4.3, RFC 4760 section 5.
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        clippy::arithmetic_side_effects
    )
)]

mod text;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::{family::Family, nlri::Nlri};

/// A prefix: what tables are generic over.
#[expect(clippy::len_without_is_empty, reason = "a prefix length, not a count")]
pub trait NlriPrefix: Nlri + Copy + Into<Prefix> {
    /// The unicast family of these prefixes.
    const FAMILY: Family;
    /// The longest prefix length, in bits.
    const MAX_BITS: u8;

    /// Prefix length in bits.
    fn len(&self) -> u8;
    /// The (masked) address.
    fn addr(&self) -> IpAddr;

    /// Reads the address octets of a prefix of `len` bits, whose length was written elsewhere; `None`
    /// if `len` is too long or the octets are cut short. Host bits are cleared.
    fn take_addr(len: u8, octets: &[u8]) -> Option<(Self, &[u8])>;

    /// Appends the address octets, as many as the length needs.
    fn put_addr(&self, out: &mut Vec<u8>);

    /// Whether this is the default route.
    fn is_default(&self) -> bool {
        self.len() == 0
    }
}

/// An IPv4 prefix, host bits zero.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct V4Prefix {
    addr: u32,
    len: u8,
}

/// An IPv6 prefix, host bits zero.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct V6Prefix {
    addr: [u8; 16],
    len: u8,
}

/// A prefix of either family, for interfaces; tables use the two types themselves.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug)]
pub enum Prefix {
    /// IPv4.
    V4(V4Prefix),
    /// IPv6.
    V6(V6Prefix),
}

const _: () = assert!(size_of::<V4Prefix>() == 8);
const _: () = assert!(size_of::<V6Prefix>() == 17);

/// The top `len` bits set. `len` is at most 32.
#[inline]
const fn mask4(len: u8) -> u32 {
    // Shifting in 64 bits makes /0 need no branch; the low half is all that is wanted.
    (u64::MAX << (32u32.saturating_sub(len as u32)) & 0xffff_ffff) as u32
}

/// The top `len` bits set. `len` is at most 128.
#[inline]
const fn mask6(len: u8) -> u128 {
    match u128::MAX.checked_shl(128u32.saturating_sub(len as u32)) {
        Some(mask) => mask,
        None => 0,
    }
}

/// Octets that hold `len` bits.
#[inline]
const fn octets(len: u8) -> usize {
    (len as usize).div_ceil(8)
}

/// The octets of an address of which `len` bits are there, and what comes after it.
#[inline]
fn load<const N: usize>(len: u8, bytes: &[u8]) -> Option<([u8; N], &[u8])> {
    if let Some(addr) = bytes.first_chunk::<N>() {
        return Some((*addr, bytes.get(octets(len)..)?));
    }
    // The tail: fewer octets are left than the longest prefix has.
    let (head, rest) = bytes.split_at_checked(octets(len))?;
    let mut addr = [0; N];
    addr.get_mut(..head.len())?.copy_from_slice(head);
    Some((addr, rest))
}

/// Four prefixes of 17 to 24 bits, if that is what `run` begins with. Nearly all of a real IPv4
/// table has such lengths; looking at four lengths at once frees the loop from waiting for each
/// length to know where the next one is.
#[inline]
fn quad(run: &[u8]) -> Option<([V4Prefix; 4], &[u8])> {
    let (chunk, rest) = run.split_first_chunk::<16>()?;
    let words = chunk.as_chunks::<4>().0;
    let mut four = [V4Prefix::DEFAULT; 4];
    let mut all = true;
    for (prefix, &[len, a, b, c]) in four.iter_mut().zip(words) {
        all &= matches!(len, 17..=24);
        *prefix = V4Prefix { addr: u32::from_be_bytes([a, b, c, 0]) & mask4(len), len };
    }
    all.then_some((four, rest))
}

impl V4Prefix {
    /// 0.0.0.0/0.
    pub const DEFAULT: Self = Self { addr: 0, len: 0 };

    /// The prefix of `len` bits that holds `addr`; `None` if `len` is over 32.
    #[inline]
    pub const fn new(addr: Ipv4Addr, len: u8) -> Option<Self> {
        Self::from_bits(addr.to_bits(), len)
    }

    /// As [`Self::new`], from the address as a number.
    #[inline]
    pub const fn from_bits(addr: u32, len: u8) -> Option<Self> {
        if len > 32 { None } else { Some(Self { addr: addr & mask4(len), len }) }
    }

    /// The address, host bits zero.
    #[inline]
    pub const fn addr(&self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.addr)
    }

    /// The address as a number.
    #[inline]
    pub const fn bits(&self) -> u32 {
        self.addr
    }

    /// Prefix length, 0..=32.
    #[inline]
    #[expect(clippy::len_without_is_empty, reason = "a prefix length, not a count")]
    pub const fn len(&self) -> u8 {
        self.len
    }

    /// Whether `addr` is inside.
    pub const fn contains(&self, addr: Ipv4Addr) -> bool {
        addr.to_bits() & mask4(self.len) == self.addr
    }

    /// Whether `other` is this prefix or inside it.
    pub const fn covers(&self, other: &Self) -> bool {
        other.len >= self.len && other.addr & mask4(self.len) == self.addr
    }
}

impl V6Prefix {
    /// ::/0.
    pub const DEFAULT: Self = Self { addr: [0; 16], len: 0 };

    /// The prefix of `len` bits that holds `addr`; `None` if `len` is over 128.
    #[inline]
    pub const fn new(addr: Ipv6Addr, len: u8) -> Option<Self> {
        Self::from_bits(addr.to_bits(), len)
    }

    /// As [`Self::new`], from the address as a number.
    #[inline]
    pub const fn from_bits(addr: u128, len: u8) -> Option<Self> {
        if len > 128 { None } else { Some(Self { addr: (addr & mask6(len)).to_be_bytes(), len }) }
    }

    /// The address, host bits zero.
    #[inline]
    pub const fn addr(&self) -> Ipv6Addr {
        Ipv6Addr::from_octets(self.addr)
    }

    /// The address as a number.
    #[inline]
    pub const fn bits(&self) -> u128 {
        u128::from_be_bytes(self.addr)
    }

    /// Prefix length, 0..=128.
    #[inline]
    #[expect(clippy::len_without_is_empty, reason = "a prefix length, not a count")]
    pub const fn len(&self) -> u8 {
        self.len
    }

    /// Whether `addr` is inside.
    pub const fn contains(&self, addr: Ipv6Addr) -> bool {
        addr.to_bits() & mask6(self.len) == self.bits()
    }

    /// Whether `other` is this prefix or inside it.
    pub const fn covers(&self, other: &Self) -> bool {
        other.len >= self.len && other.bits() & mask6(self.len) == self.bits()
    }
}

impl NlriPrefix for V4Prefix {
    const FAMILY: Family = Family::IPV4_UNICAST;
    const MAX_BITS: u8 = 32;

    #[inline]
    fn len(&self) -> u8 {
        self.len
    }

    #[inline]
    fn addr(&self) -> IpAddr {
        IpAddr::V4(self.addr())
    }

    #[inline]
    fn take_addr(len: u8, bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (addr, rest) = load(len, bytes)?;
        Some((Self::from_bits(u32::from_be_bytes(addr), len)?, rest))
    }

    #[inline]
    fn put_addr(&self, out: &mut Vec<u8>) {
        let end = out.len().saturating_add(octets(self.len));
        out.extend_from_slice(&self.addr.to_be_bytes());
        out.truncate(end);
    }
}

impl Nlri for V4Prefix {
    const FAMILIES: &'static [Family] = &[Family::IPV4_UNICAST, Family::IPV4_MULTICAST];
    const MAX_LEN: usize = 5;

    #[inline]
    fn encoded_len(&self) -> usize {
        octets(self.len).saturating_add(1)
    }

    #[inline]
    fn put(&self, out: &mut Vec<u8>) {
        // A fixed-size copy and a cut is quicker than a copy of variable length.
        let [a, b, c, d] = self.addr.to_be_bytes();
        let end = out.len().saturating_add(self.encoded_len());
        out.extend_from_slice(&[self.len, a, b, c, d]);
        out.truncate(end);
    }

    #[inline]
    fn take(bytes: &[u8]) -> Option<(Self, &[u8])> {
        if let Some(&[len, a, b, c, d]) = bytes.first_chunk::<5>() {
            let prefix = Self::from_bits(u32::from_be_bytes([a, b, c, d]), len)?;
            return Some((prefix, bytes.get(prefix.encoded_len()..)?));
        }
        // The tail: fewer than five octets are left.
        let (&len, rest) = bytes.split_first()?;
        Self::take_addr(len, rest)
    }

    #[inline]
    fn scan(field: &[u8]) -> Result<usize, usize> {
        let mut rest = field;
        let mut count = 0usize;
        loop {
            while let Some((&[a, _, _, _, b, _, _, _, c, _, _, _, d, _, _, _], tail)) =
                rest.split_first_chunk::<16>()
                && [a, b, c, d].iter().fold(true, |all, len| all & matches!(len, 17..=24))
            {
                rest = tail;
                count = count.saturating_add(4);
            }
            let Some((&len, tail)) = rest.split_first() else { return Ok(count) };
            match tail.get(octets(len)..) {
                Some(tail) if len <= 32 => rest = tail,
                _ => return Err(field.len().saturating_sub(rest.len())),
            }
            count = count.saturating_add(1);
        }
    }

    #[inline]
    fn read_all(field: &[u8], out: &mut Vec<Self>) {
        let mut rest = field;
        loop {
            while let Some((four, tail)) = quad(rest) {
                out.extend_from_slice(&four);
                rest = tail;
            }
            let Some((prefix, tail)) = Self::take(rest) else { return };
            out.push(prefix);
            rest = tail;
        }
    }

    // A prefix is withdrawn as it is announced.
    #[inline]
    fn scan_withdrawn(field: &[u8]) -> Result<usize, usize> {
        Self::scan(field)
    }

    #[inline]
    fn read_all_withdrawn(field: &[u8], out: &mut Vec<Self>) {
        Self::read_all(field, out);
    }
}

impl NlriPrefix for V6Prefix {
    const FAMILY: Family = Family::IPV6_UNICAST;
    const MAX_BITS: u8 = 128;

    #[inline]
    fn len(&self) -> u8 {
        self.len
    }

    #[inline]
    fn addr(&self) -> IpAddr {
        IpAddr::V6(self.addr())
    }

    #[inline]
    fn take_addr(len: u8, bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (addr, rest) = load(len, bytes)?;
        Some((Self::from_bits(u128::from_be_bytes(addr), len)?, rest))
    }

    #[inline]
    fn put_addr(&self, out: &mut Vec<u8>) {
        let end = out.len().saturating_add(octets(self.len));
        out.extend_from_slice(&self.addr);
        out.truncate(end);
    }
}

impl Nlri for V6Prefix {
    const FAMILIES: &'static [Family] = &[Family::IPV6_UNICAST, Family::IPV6_MULTICAST];
    const MAX_LEN: usize = 17;

    #[inline]
    fn encoded_len(&self) -> usize {
        octets(self.len).saturating_add(1)
    }

    #[inline]
    fn put(&self, out: &mut Vec<u8>) {
        let end = out.len().saturating_add(self.encoded_len());
        out.push(self.len);
        out.extend_from_slice(&self.addr);
        out.truncate(end);
    }

    #[inline]
    fn take(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (&len, rest) = bytes.split_first()?;
        Self::take_addr(len, rest)
    }

    #[inline]
    fn scan(field: &[u8]) -> Result<usize, usize> {
        let mut rest = field;
        let mut count = 0usize;
        while let Some((&len, tail)) = rest.split_first() {
            match tail.get(octets(len)..) {
                Some(tail) if len <= 128 => rest = tail,
                _ => return Err(field.len().saturating_sub(rest.len())),
            }
            count = count.saturating_add(1);
        }
        Ok(count)
    }

    // A prefix is withdrawn as it is announced.
    #[inline]
    fn scan_withdrawn(field: &[u8]) -> Result<usize, usize> {
        Self::scan(field)
    }

    #[inline]
    fn read_all_withdrawn(field: &[u8], out: &mut Vec<Self>) {
        Self::read_all(field, out);
    }
}

impl Prefix {
    /// The prefix of `len` bits that holds `addr`; `None` if `len` is too long for the family.
    pub const fn new(addr: IpAddr, len: u8) -> Option<Self> {
        match addr {
            IpAddr::V4(addr) => match V4Prefix::new(addr, len) {
                Some(prefix) => Some(Self::V4(prefix)),
                None => None,
            },
            IpAddr::V6(addr) => match V6Prefix::new(addr, len) {
                Some(prefix) => Some(Self::V6(prefix)),
                None => None,
            },
        }
    }

    /// The address, host bits zero.
    pub const fn addr(&self) -> IpAddr {
        match self {
            Self::V4(prefix) => IpAddr::V4(prefix.addr()),
            Self::V6(prefix) => IpAddr::V6(prefix.addr()),
        }
    }

    /// Prefix length in bits.
    #[expect(clippy::len_without_is_empty, reason = "a prefix length, not a count")]
    pub const fn len(&self) -> u8 {
        match self {
            Self::V4(prefix) => prefix.len,
            Self::V6(prefix) => prefix.len,
        }
    }

    /// The unicast family it belongs to.
    pub const fn family(&self) -> Family {
        match self {
            Self::V4(_) => Family::IPV4_UNICAST,
            Self::V6(_) => Family::IPV6_UNICAST,
        }
    }
}

impl From<V4Prefix> for Prefix {
    fn from(prefix: V4Prefix) -> Self {
        Self::V4(prefix)
    }
}

impl From<V6Prefix> for Prefix {
    fn from(prefix: V6Prefix) -> Self {
        Self::V6(prefix)
    }
}

#[cfg(test)]
mod tests;
