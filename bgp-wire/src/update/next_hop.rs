//! The next hop field of MP_REACH_NLRI, family by family.
//!
//! What for: which lengths a family's next hop may have, and what its octets are, in one place.
//! Where: read by the view, written by the packer.
//! How: [`Shape`] is the table:
//!
//! | family | lengths in octets | reference |
//! |---|---|---|
//! | IPv4 unicast, multicast, labelled | 4; 16 or 32 if negotiated | RFC 4760, 8277, 8950 |
//! | IPv6 unicast, multicast, labelled | 16, 32 | RFC 2545, 4798 |
//! | VPN-IPv4 | 12; 24 or 48 if negotiated | RFC 4364, 8950 |
//! | VPN-IPv6 | 24, 48 | RFC 4659 |
//! | EVPN, route target constraint | 4, 16 | RFC 7432, 4684 |
//! | flow specification, plain and VPN | 0; any other is ignored | RFC 8955 section 4 |
//!
//! A VPN next hop has a route distinguisher of 8 octets before each address: ignored on receipt,
//! zero when sent.
//! Invariants: what `write` makes for a family, `read` accepts for it (with RFC 8950 negotiated).
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        clippy::arithmetic_side_effects
    )
)]

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::{
    family::{Family, FamilySet},
    next_hop::NextHop,
};

/// Octets of the route distinguisher before an address of a VPN.
const RD_LEN: usize = 8;

/// A next hop field whose length its family cannot have.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub(super) struct BadLength;

/// What a family's next hop field holds.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
enum Shape {
    /// Nothing.
    Absent,
    /// Addresses.
    Addresses {
        /// Each behind a route distinguisher.
        rd: bool,
        /// It can be one IPv4 address.
        v4: bool,
        /// It can be one IPv6 address.
        v6: bool,
        /// It can be a global and a link-local IPv6 address (RFC 2545).
        pair: bool,
    },
}

impl Shape {
    /// The shape of `family`'s field; `extended` for IPv4 families with RFC 8950 negotiated.
    #[inline]
    const fn of(family: Family, extended: bool) -> Self {
        match family {
            Family::IPV6_UNICAST | Family::IPV6_MULTICAST | Family::IPV6_LABELED => {
                Self::Addresses { rd: false, v4: false, v6: true, pair: true }
            }
            Family::IPV4_UNICAST | Family::IPV4_MULTICAST | Family::IPV4_LABELED => {
                Self::Addresses { rd: false, v4: true, v6: extended, pair: extended }
            }
            Family::IPV4_VPN => {
                Self::Addresses { rd: true, v4: true, v6: extended, pair: extended }
            }
            Family::IPV6_VPN => Self::Addresses { rd: true, v4: false, v6: true, pair: true },
            Family::IPV4_FLOW_SPEC
            | Family::IPV6_FLOW_SPEC
            | Family::IPV4_FLOW_SPEC_VPN
            | Family::IPV6_FLOW_SPEC_VPN => Self::Absent,
            // EVPN, route targets, and what RFC 4760 says of any other.
            _ => Self::Addresses { rd: false, v4: true, v6: true, pair: false },
        }
    }
}

/// The next hop in the field of a `family` that is one of [`nlri::check_family`]'s; `None` for one
/// that has none. `extended` are the families with RFC 8950 negotiated.
///
/// A link-local address of zeros is taken for none: some peers fill the second half so.
///
/// [`nlri::check_family`]: super::nlri::check_family
#[inline]
pub(super) fn read(
    family: Family,
    field: &[u8],
    extended: FamilySet,
) -> Result<Option<NextHop>, BadLength> {
    let shape = Shape::of(family, extended.contains(family));
    let Shape::Addresses { rd, v4, v6, pair } = shape else { return Ok(None) };
    let rd_len = if rd { RD_LEN } else { 0 };
    let field = field.get(rd_len..).ok_or(BadLength)?;
    if v4 && let Ok(addr) = <[u8; 4]>::try_from(field) {
        return Ok(Some(NextHop::V4(Ipv4Addr::from(addr))));
    }
    let (global, rest) = field.split_first_chunk::<16>().ok_or(BadLength)?;
    let global = Ipv6Addr::from(*global);
    if v6 && rest.is_empty() {
        return Ok(Some(NextHop::V6(global)));
    }
    let link_local = rest.get(rd_len..).and_then(|octets| <[u8; 16]>::try_from(octets).ok());
    match link_local.map(Ipv6Addr::from) {
        Some(link_local) if pair && link_local.is_unspecified() => Ok(Some(NextHop::V6(global))),
        Some(link_local) if pair => Ok(Some(NextHop::V6WithLinkLocal { global, link_local })),
        _ => Err(BadLength),
    }
}

/// A next hop field to send, its length octet included.
#[derive(Copy, Clone, Debug)]
pub(super) struct Field {
    octets: [u8; 49],
    len: usize,
}

impl Field {
    /// Length octet and addresses.
    #[inline]
    pub(super) fn as_bytes(&self) -> &[u8] {
        self.octets.get(..self.len).unwrap_or_default()
    }

    fn push(&mut self, rd: bool, addr: &[u8]) {
        let start = self.len.saturating_add(if rd { RD_LEN } else { 0 });
        let end = start.saturating_add(addr.len());
        if let Some(place) = self.octets.get_mut(start..end) {
            place.copy_from_slice(addr);
            self.len = end;
        }
    }
}

/// The field of `family` with `next_hop`; `None` when the family wants one and there is none.
///
/// An IPv4 address for a family that has only IPv6 ones is sent IPv4-mapped, the global address
/// alone where the family has no room for two, and nothing for flow specifications. An IPv6 address
/// for an IPv4 family must have been negotiated (RFC 8950).
pub(super) fn write(family: Family, next_hop: Option<&NextHop>) -> Option<Field> {
    let mut field = Field { octets: [0; 49], len: 1 };
    if let Shape::Addresses { rd, v4, pair, .. } = Shape::of(family, true) {
        match *next_hop? {
            NextHop::V4(addr) if v4 => field.push(rd, &addr.octets()),
            NextHop::V4(addr) => field.push(rd, &addr.to_ipv6_mapped().octets()),
            NextHop::V6WithLinkLocal { global, link_local } if pair => {
                field.push(rd, &global.octets());
                field.push(rd, &link_local.octets());
            }
            NextHop::V6(addr) | NextHop::V6WithLinkLocal { global: addr, .. } => {
                field.push(rd, &addr.octets());
            }
        }
    }
    let value = u8::try_from(field.len.saturating_sub(1)).ok()?;
    if let Some(length) = field.octets.first_mut() {
        *length = value;
    }
    Some(field)
}

#[cfg(test)]
mod tests {
    use super::*;

    const V4: NextHop = NextHop::V4(Ipv4Addr::new(192, 0, 2, 1));
    const GLOBAL: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
    const LINK_LOCAL: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
    const BOTH: NextHop = NextHop::V6WithLinkLocal { global: GLOBAL, link_local: LINK_LOCAL };

    const ALL: [(Family, &[usize], &[usize]); 14] = [
        (Family::IPV4_UNICAST, &[4], &[4, 16, 32]),
        (Family::IPV4_MULTICAST, &[4], &[4, 16, 32]),
        (Family::IPV4_LABELED, &[4], &[4, 16, 32]),
        (Family::IPV6_UNICAST, &[16, 32], &[16, 32]),
        (Family::IPV6_MULTICAST, &[16, 32], &[16, 32]),
        (Family::IPV6_LABELED, &[16, 32], &[16, 32]),
        (Family::IPV4_VPN, &[12], &[12, 24, 48]),
        (Family::IPV6_VPN, &[24, 48], &[24, 48]),
        (Family::EVPN, &[4, 16], &[4, 16]),
        (Family::ROUTE_TARGET, &[4, 16], &[4, 16]),
        (Family::IPV4_FLOW_SPEC, &[], &[]),
        (Family::IPV6_FLOW_SPEC, &[], &[]),
        (Family::IPV4_FLOW_SPEC_VPN, &[], &[]),
        (Family::IPV6_FLOW_SPEC_VPN, &[], &[]),
    ];

    /// The address of `len` octets, behind route distinguishers that are not zero.
    fn expected(len: usize) -> NextHop {
        match len {
            4 | 12 => V4,
            16 | 24 => NextHop::V6(GLOBAL),
            _ => BOTH,
        }
    }

    fn field(len: usize) -> Vec<u8> {
        let v4 = [192, 0, 2, 1];
        let (global, link_local) = (GLOBAL.octets(), LINK_LOCAL.octets());
        let rd = [7u8; 8];
        match len {
            4 => v4.to_vec(),
            12 => [&rd[..], &v4].concat(),
            16 => global.to_vec(),
            24 => [&rd[..], &global].concat(),
            32 => [global, link_local].concat(),
            48 => [&rd[..], &global, &rd, &link_local].concat(),
            _ => vec![1; len],
        }
    }

    #[test]
    fn every_length_of_every_family() {
        for (family, plain, with_8950) in ALL {
            let negotiated: FamilySet = [family].into_iter().collect();
            for (extended, good) in [(FamilySet::EMPTY, plain), (negotiated, with_8950)] {
                for len in 0..=255 {
                    let got = read(family, &field(len), extended);
                    if family.to_string().contains("flowspec") {
                        assert_eq!(got, Ok(None), "{family} {len}");
                    } else if good.contains(&len) {
                        assert_eq!(got, Ok(Some(expected(len))), "{family} {len}");
                    } else {
                        assert_eq!(got, Err(BadLength), "{family} {len}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_link_local_address_of_zeros_is_none() {
        let pair = [GLOBAL.octets(), [0; 16]].concat();
        let got = read(Family::IPV6_UNICAST, &pair, FamilySet::EMPTY);
        assert_eq!(got, Ok(Some(NextHop::V6(GLOBAL))));
    }

    #[test]
    fn what_is_written_is_read() {
        let mapped = NextHop::V6(Ipv4Addr::new(192, 0, 2, 1).to_ipv6_mapped());
        for (family, _, lengths) in ALL {
            let negotiated: FamilySet = [family].into_iter().collect();
            for next_hop in [V4, NextHop::V6(GLOBAL), BOTH] {
                let field = write(family, Some(&next_hop)).unwrap();
                let (length, octets) = field.as_bytes().split_first().unwrap();
                assert_eq!(usize::from(*length), octets.len());
                let want = match next_hop {
                    _ if lengths.is_empty() => None,
                    NextHop::V4(_) if !lengths.contains(&4) && !lengths.contains(&12) => {
                        Some(mapped)
                    }
                    NextHop::V6WithLinkLocal { .. }
                        if !lengths.contains(&32) && !lengths.contains(&48) =>
                    {
                        Some(NextHop::V6(GLOBAL))
                    }
                    same => Some(same),
                };
                assert_eq!(read(family, octets, negotiated), Ok(want), "{family} {next_hop}");
            }
            assert_eq!(write(family, None).is_some(), lengths.is_empty(), "{family}");
        }
    }

    /// Route distinguishers in next hops are zero when sent (RFC 4364 section 4.3.2).
    #[test]
    fn distinguishers_are_zero() {
        let field = write(Family::IPV6_VPN, Some(&BOTH)).unwrap();
        let want = [&[48][..], &[0; 8], &GLOBAL.octets(), &[0; 8], &LINK_LOCAL.octets()].concat();
        assert_eq!(field.as_bytes(), want);
        let field = write(Family::IPV4_VPN, Some(&V4)).unwrap();
        assert_eq!(field.as_bytes(), [12, 0, 0, 0, 0, 0, 0, 0, 0, 192, 0, 2, 1]);
    }
}
