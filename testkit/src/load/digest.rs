//! All attributes of a route in 32 bits, so that "the right attributes" is one comparison.
//!
//! What has no meaning does not count: the order of attributes, the order of communities and of the
//! members of an AS_SET, the flags of an attribute's header (Partial, Extended Length), whether the
//! next hop stands in NEXT_HOP or in MP_REACH_NLRI. Everything else does, attributes unknown to this
//! harness included. Two different sets agree by accident once in 4 billion.

use anyhow::{Context as _, Result, bail, ensure};

use crate::frame::{Attributes, encode};

/// "Not held".
pub const ABSENT: u32 = 0;

const NEXT_HOP: u8 = 3;
const MP_REACH_NLRI: u8 = 14;
const MP_UNREACH_NLRI: u8 = 15;

/// Prefixes in a multiprotocol attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nlri<'a> {
    /// Subsequent family: 1 unicast, 128 VPN. The family is IPv4, the only one a load uses.
    pub safi: u8,
    /// The prefixes as they were sent.
    pub octets: &'a [u8],
}

/// An attribute section, read once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scan<'a> {
    /// Sum over all attributes, for [`fold`].
    pub sum: u64,
    /// MP_REACH_NLRI.
    pub reach: Option<Nlri<'a>>,
    /// MP_UNREACH_NLRI.
    pub unreach: Option<Nlri<'a>>,
}

/// The digest of what these attributes are on the wire.
///
/// # Panics
/// Never: what the harness encodes it can read.
#[must_use]
pub fn of(attributes: &Attributes) -> u32 {
    let mut section = encode::common_attributes(attributes);
    match attributes.next_hop {
        std::net::IpAddr::V4(address) => {
            encode::attribute(0x40, NEXT_HOP, &address.octets(), &mut section);
        }
        std::net::IpAddr::V6(address) => {
            let value = [&[0, 1, 1, 16][..], &address.octets(), &[0]].concat();
            encode::attribute(0x80, MP_REACH_NLRI, &value, &mut section);
        }
    }
    fold(scan(&section).expect("encoded a line above").sum, 0)
}

/// A sum and a label (0: none) as the digest of one route; never [`ABSENT`].
#[must_use]
pub const fn fold(sum: u64, label: u32) -> u32 {
    let mixed = finish(sum ^ (label as u64).wrapping_mul(MULTIPLIER));
    let short = (mixed >> 32) as u32;
    if short == ABSENT { 1 } else { short }
}

/// Reads an attribute section.
///
/// # Errors
/// When it is cut, or of a family that no load uses.
pub fn scan(mut section: &[u8]) -> Result<Scan<'_>> {
    let mut scan = Scan::default();
    while let Some((&[flags, kind], rest)) = section.split_first_chunk() {
        let (value, rest) = if flags & 0x10 == 0 {
            let (&len, rest) = rest.split_first().context("attribute length")?;
            rest.split_at_checked(usize::from(len)).context("attribute cut")?
        } else {
            let (len, rest) = rest.split_first_chunk::<2>().context("attribute length")?;
            rest.split_at_checked(usize::from(u16::from_be_bytes(*len))).context("attribute cut")?
        };
        section = rest;
        let part = match kind {
            MP_REACH_NLRI => {
                let (&[_, afi, safi, len], rest) =
                    value.split_first_chunk().context("MP_REACH_NLRI")?;
                ensure!(afi == 1, "MP_REACH_NLRI of AFI {afi}");
                let (next_hop, rest) =
                    rest.split_at_checked(usize::from(len)).context("next hop")?;
                let octets = rest.get(1..).context("reserved octet")?;
                scan.reach = Some(Nlri { safi, octets });
                // RFC 4364 section 4.3.2: a route distinguisher of zero stands before the address.
                let next_hop = if safi == 128 { next_hop.get(8..) } else { Some(next_hop) };
                hash(NEXT_HOP, next_hop.context("VPN next hop")?)
            }
            MP_UNREACH_NLRI => {
                let (&[_, afi, safi], octets) =
                    value.split_first_chunk().context("MP_UNREACH_NLRI")?;
                ensure!(afi == 1, "MP_UNREACH_NLRI of AFI {afi}");
                scan.unreach = Some(Nlri { safi, octets });
                0
            }
            2 => as_path(value)?,
            8 => members(kind, value, 4),
            16 => members(kind, value, 8),
            32 => members(kind, value, 12),
            _ => hash(kind, value),
        };
        scan.sum = scan.sum.wrapping_add(part);
    }
    ensure!(section.is_empty(), "attribute header cut");
    Ok(scan)
}

/// A list whose order says nothing.
fn members(kind: u8, value: &[u8], size: usize) -> u64 {
    value.chunks(size).fold(0, |sum, one| sum.wrapping_add(hash(kind, one)))
}

fn as_path(mut value: &[u8]) -> Result<u64> {
    let mut state = start(2);
    while let Some((&[kind, count], rest)) = value.split_first_chunk() {
        let (asns, rest) = rest.split_at_checked(usize::from(count) * 4).context("segment cut")?;
        value = rest;
        let segment = match kind {
            1 => members(1, asns, 4),
            2 => hash(2, asns),
            other => bail!("segment type {other}"),
        };
        state = step(state, segment);
    }
    Ok(finish(state))
}

const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

const fn start(kind: u8) -> u64 {
    (kind as u64 + 1).wrapping_mul(MULTIPLIER)
}

const fn step(state: u64, word: u64) -> u64 {
    (state.rotate_left(23) ^ word).wrapping_mul(MULTIPLIER)
}

const fn finish(state: u64) -> u64 {
    let state = (state ^ (state >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    (state ^ (state >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93)
}

fn hash(kind: u8, value: &[u8]) -> u64 {
    let mut state = step(start(kind), value.len() as u64);
    let (words, tail) = value.as_chunks::<8>();
    for word in words {
        state = step(state, u64::from_le_bytes(*word));
    }
    if !tail.is_empty() {
        let mut word = [0; 8];
        word[..tail.len()].copy_from_slice(tail);
        state = step(state, u64::from_le_bytes(word));
    }
    finish(state)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Segment;
    use crate::route::Origin;

    fn sample() -> Attributes {
        Attributes {
            as_path: vec![Segment::Sequence(vec![65001, 65002]), Segment::Set(vec![3, 1])],
            med: Some(7),
            communities: vec![0xfde9_0001, 0xfde9_0002],
            large_communities: vec![[1, 2, 3], [4, 5, 6]],
            ..Attributes::new(&[], "192.0.2.1".parse().unwrap())
        }
    }

    #[test]
    fn every_attribute_counts() {
        let digest = of(&sample());
        type Change = fn(&mut Attributes);
        let changes: [Change; 12] = [
            |a| a.origin = Origin::Incomplete,
            |a| a.as_path[0] = Segment::Sequence(vec![65002, 65001]),
            |a| a.as_path[1] = Segment::Set(vec![3, 2]),
            |a| a.as_path[1] = Segment::Sequence(vec![3, 1]),
            |a| a.next_hop = "192.0.2.2".parse().unwrap(),
            |a| a.med = None,
            |a| a.local_pref = Some(100),
            |a| a.atomic_aggregate = true,
            |a| a.communities.push(0xfde9_0003),
            |a| a.ext_communities.push([0, 2, 0, 1, 0, 0, 0, 2]),
            |a| a.large_communities[1] = [4, 5, 7],
            |a| a.other.push((0xc0, 99, vec![1])),
        ];
        for (index, change) in changes.iter().enumerate() {
            let mut other = sample();
            change(&mut other);
            assert_ne!(of(&other), digest, "change {index}");
        }
    }

    #[test]
    fn orders_without_meaning_and_header_flags_do_not() {
        let mut other = sample();
        other.communities.reverse();
        other.large_communities.reverse();
        other.as_path[1] = Segment::Set(vec![1, 3]);
        assert_eq!(of(&other), of(&sample()));
        let short = scan(&[0x40, 1, 1, 0, 0xc0, 8, 4, 0, 1, 0, 2]).unwrap().sum;
        let long = scan(&[0xf0, 8, 0, 4, 0, 1, 0, 2, 0x40, 1, 1, 0]).unwrap().sum;
        assert_eq!(short, long);
    }

    #[test]
    fn cut_sections_are_errors() {
        for section in [&[0x40][..], &[0x40, 1], &[0x40, 1, 1], &[0x50, 1, 0], &[0x80, 14, 1, 0]] {
            assert!(scan(section).is_err(), "{section:02x?}");
        }
        assert!(scan(&[0x80, 14, 5, 0, 2, 1, 0, 0]).is_err(), "IPv6");
    }
}
