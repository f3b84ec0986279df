//! An UPDATE or the attributes of a table route, taken apart as far as they go.
//!
//! What for: showing also what the speaker would refuse. The codec's view stops at what ends a
//! session; a decoder shows the rest too, and leaves the judgement to the codec's findings.
//! How: [`Sections`] cuts by the length fields, [`Walk`] reads attributes and NLRI. Lengths that
//! overrun are cut to what is there, and what is left goes to `unread`.
//! References: RFC 4271 section 4.3, RFC 4760 sections 3 and 4, RFC 6396 section 4.3.4, RFC 2545,
//! RFC 4364, RFC 4659, RFC 8950.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bgp_wire::attr::{AttrType, attrs};
use bgp_wire::family::{Afi, Safi};
use bgp_wire::{Family, HEADER_LEN};

use super::message::{Attribute, NextHops, Unread, Update};
use super::route::Field;

/// The three parts of an UPDATE.
#[derive(Debug)]
pub(crate) struct Sections<'a> {
    /// Withdrawn Routes.
    pub(crate) withdrawn: Part<'a>,
    /// Path Attributes.
    pub(crate) attributes: Part<'a>,
    /// Network Layer Reachability Information.
    pub(crate) nlri: Part<'a>,
    /// What the length fields leave no place for.
    pub(crate) overrun: Option<Part<'a>>,
}

/// A range of a message.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Part<'a> {
    /// Offset in the message.
    pub(crate) at: usize,
    /// Its octets.
    pub(crate) bytes: &'a [u8],
}

impl<'a> Part<'a> {
    /// A range of a message.
    pub(crate) const fn new(at: usize, bytes: &'a [u8]) -> Self {
        Self { at, bytes }
    }

    /// Takes `n` octets off the front; `None` when there are fewer.
    pub(crate) fn split(&mut self, n: usize) -> Option<Self> {
        let (front, rest) = self.bytes.split_at_checked(n)?;
        let part = Self { at: self.at, bytes: front };
        *self = Self { at: self.at + n, bytes: rest };
        Some(part)
    }

    fn u16(&mut self) -> Option<usize> {
        let two = self.split(2)?;
        two.bytes.first_chunk().map(|b| usize::from(u16::from_be_bytes(*b)))
    }
}

impl<'a> Sections<'a> {
    /// Cuts the body of an UPDATE.
    pub(crate) fn of(body: &'a [u8]) -> Self {
        let mut rest = Part::new(HEADER_LEN, body);
        let mut cut = || {
            let whole = rest;
            match rest.u16().and_then(|length| rest.split(length)) {
                Some(part) => Ok(part),
                None => Err(whole),
            }
        };
        let none = Part::default();
        let (withdrawn, attributes) = match cut() {
            Ok(withdrawn) => (withdrawn, cut()),
            Err(overrun) => (none, Err(overrun)),
        };
        match attributes {
            Ok(attributes) => Self { withdrawn, attributes, nlri: rest, overrun: None },
            Err(overrun) => {
                Self { withdrawn, attributes: none, nlri: none, overrun: Some(overrun) }
            }
        }
    }

    /// The NLRI fields with routes in them: classic ones and those of the MP attributes.
    pub(crate) fn fields(&self) -> impl Iterator<Item = Field<'a>> {
        let family = Family::IPV4_UNICAST;
        let classic = [(true, self.withdrawn), (false, self.nlri)].map(|(withdrawn, p)| Field {
            family,
            withdrawn,
            at: p.at,
            bytes: p.bytes,
        });
        let mp = each_attribute(self.attributes).filter_map(|(_, part, attr)| match attr.kind {
            AttrType::MP_REACH_NLRI => MpReach::read(part).map(|reach| reach.nlri),
            AttrType::MP_UNREACH_NLRI => unreach(part),
            _ => None,
        });
        classic.into_iter().chain(mp).filter(|field| !field.bytes.is_empty())
    }
}

/// The attributes of a section: offset of each, its value with offset, and itself.
pub(crate) fn each_attribute(
    section: Part<'_>,
) -> impl Iterator<Item = (usize, Part<'_>, Attribute<'_>)> {
    let mut at = section.at;
    attrs(section.bytes).map(move |attr| {
        let begin = at;
        at += attr.raw.len();
        let value = Part::new(at - attr.value.len(), attr.value);
        (begin, value, Attribute { flags: attr.flags, kind: attr.kind, value: attr.value })
    })
}

/// An MP_REACH_NLRI.
#[derive(Debug)]
pub(crate) struct MpReach<'a> {
    next_hop: &'a [u8],
    /// Its routes.
    pub(crate) nlri: Field<'a>,
}

impl<'a> MpReach<'a> {
    /// Reads the value; `None` when the head is cut short.
    pub(crate) fn read(mut value: Part<'a>) -> Option<Self> {
        let family = family(&mut value)?;
        let length = usize::from(*value.split(1)?.bytes.first()?);
        let next_hop = value.split(length)?.bytes;
        let _reserved = value.split(1)?;
        let nlri = Field { family, withdrawn: false, at: value.at, bytes: value.bytes };
        Some(Self { next_hop, nlri })
    }
}

fn unreach(mut value: Part<'_>) -> Option<Field<'_>> {
    let family = family(&mut value)?;
    Some(Field { family, withdrawn: true, at: value.at, bytes: value.bytes })
}

fn family(value: &mut Part<'_>) -> Option<Family> {
    let head: &[u8; 3] = value.split(3)?.bytes.first_chunk()?;
    let [high, low, safi] = *head;
    Some(Family::new(Afi(u16::from_be_bytes([high, low])), Safi(safi)))
}

/// Reads messages into [`Update`]s.
#[derive(Debug)]
pub(crate) struct Walk<'f> {
    /// AS numbers are four octets wide.
    pub(crate) as4: bool,
    /// Which families have path identifiers.
    pub(crate) add_path: &'f dyn AddPath,
}

/// Which families have path identifiers.
pub(crate) trait AddPath: std::fmt::Debug {
    /// Whether routes of `family` have them.
    fn has(&self, family: Family) -> bool;
}

impl AddPath for [Family] {
    fn has(&self, family: Family) -> bool {
        self.contains(&family)
    }
}

impl AddPath for Vec<Family> {
    fn has(&self, family: Family) -> bool {
        self.contains(&family)
    }
}

impl Walk<'_> {
    /// Reads a whole UPDATE.
    pub(crate) fn update<'a>(&self, sections: &Sections<'a>) -> Update<'a> {
        let mut update = Update { as4: self.as4, ..Update::default() };
        let family = Family::IPV4_UNICAST;
        let field = |withdrawn, p: Part<'a>| Field { family, withdrawn, at: p.at, bytes: p.bytes };
        self.routes(field(true, sections.withdrawn), &mut update);
        self.attributes(sections.attributes, &mut update);
        self.routes(field(false, sections.nlri), &mut update);
        if let Some(part) = sections.overrun {
            put_unread(&mut update, "sections with lengths that do not add up", part);
        }
        find_end_of_rib(sections, &mut update);
        update
    }

    /// Reads the attributes of a table route; `abbreviated` when MP_REACH_NLRI may hold the next
    /// hop alone (RFC 6396 section 4.3.4).
    pub(crate) fn table_route<'a>(
        &self,
        attributes: Part<'a>,
        family: Family,
        abbreviated: bool,
    ) -> Update<'a> {
        let mut update = Update { as4: self.as4, table: Some(family), ..Update::default() };
        for (at, _, attr) in each_attribute(attributes) {
            match attr.kind {
                AttrType::NEXT_HOP => classic_next_hop(family, attr.value, &mut update),
                AttrType::MP_REACH_NLRI => match table_next_hop(attr.value, abbreviated) {
                    Some(hop) => update.next_hops.push((family, next_hops(family, hop))),
                    None => put_unread(&mut update, "MP_REACH_NLRI", Part::new(at, attr.value)),
                },
                _ => {}
            }
            update.attributes.push(attr);
        }
        rest_of_list(attributes, &mut update);
        update
    }

    fn attributes<'a>(&self, section: Part<'a>, update: &mut Update<'a>) {
        for (_, part, attr) in each_attribute(section) {
            match attr.kind {
                AttrType::NEXT_HOP => classic_next_hop(Family::IPV4_UNICAST, attr.value, update),
                AttrType::MP_REACH_NLRI => match MpReach::read(part) {
                    Some(reach) => {
                        let hops = next_hops(reach.nlri.family, reach.next_hop);
                        update.next_hops.push((reach.nlri.family, hops));
                        self.routes(reach.nlri, update);
                    }
                    None => put_unread(update, "MP_REACH_NLRI", part),
                },
                AttrType::MP_UNREACH_NLRI => match unreach(part) {
                    Some(field) => self.routes(field, update),
                    None => put_unread(update, "MP_UNREACH_NLRI", part),
                },
                _ => {}
            }
            update.attributes.push(attr);
        }
        rest_of_list(section, update);
    }

    fn routes<'a>(&self, field: Field<'a>, update: &mut Update<'a>) {
        let out = if field.withdrawn { &mut update.withdrawn } else { &mut update.announced };
        if let Err((at, bytes)) = field.read(self.add_path.has(field.family), out) {
            let way = if field.withdrawn { "withdrawn" } else { "announced" };
            let what = format!("{way} routes of {}", field.family);
            update.unread.push(Unread { what, at, bytes });
        }
    }
}

/// The next hop field of a table's MP_REACH_NLRI, which holds nothing else when it is abbreviated
/// (RFC 6396 section 4.3.4). Some writers put the full attribute there all the same; that begins
/// with an AFI, whose high octet no next hop has as length.
pub(crate) fn table_next_hop(value: &[u8], abbreviated: bool) -> Option<&[u8]> {
    match value {
        [0 | 64, ..] => MpReach::read(Part::new(0, value)).map(|reach| reach.next_hop),
        [length, hop @ ..] if abbreviated && hop.len() == usize::from(*length) => Some(hop),
        _ => None,
    }
}

fn rest_of_list<'a>(section: Part<'a>, update: &mut Update<'a>) {
    let mut iter = attrs(section.bytes);
    iter.by_ref().for_each(drop);
    let rest = iter.rest();
    if !rest.is_empty() {
        let at = section.at + (section.bytes.len() - rest.len());
        put_unread(update, "attributes", Part::new(at, rest));
    }
}

fn put_unread<'a>(update: &mut Update<'a>, what: &str, part: Part<'a>) {
    update.unread.push(Unread { what: what.to_owned(), at: part.at, bytes: part.bytes });
}

/// An empty UPDATE, or nothing but an MP_UNREACH_NLRI without routes (RFC 4724 section 2).
fn find_end_of_rib(sections: &Sections<'_>, update: &mut Update<'_>) {
    if !sections.withdrawn.bytes.is_empty() || !sections.nlri.bytes.is_empty() {
        return;
    }
    update.end_of_rib = match update.attributes.as_slice() {
        [] if sections.overrun.is_none() && update.unread.is_empty() => Some(Family::IPV4_UNICAST),
        [only] if only.kind == AttrType::MP_UNREACH_NLRI => unreach(Part::new(0, only.value))
            .filter(|field| field.bytes.is_empty())
            .map(|field| field.family),
        _ => None,
    };
}

fn classic_next_hop(family: Family, value: &[u8], update: &mut Update<'_>) {
    let hop = match value.first_chunk::<4>() {
        Some(octets) if value.len() == 4 => address(Ipv4Addr::from(*octets).into()),
        _ => NextHops::Odd(value.to_vec()),
    };
    update.next_hops.insert(0, (family, hop));
}

const fn address(address: IpAddr) -> NextHops {
    NextHops::Address { rd: None, address, link_local: None }
}

/// Reads a next hop field by its length.
fn next_hops(family: Family, octets: &[u8]) -> NextHops {
    let rd = |octets: &[u8; 8]| (*octets != [0; 8]).then(|| super::hex::text(octets));
    let v6 = |octets: &[u8; 16]| IpAddr::from(Ipv6Addr::from(*octets));
    let odd = || NextHops::Odd(octets.to_vec());
    match octets.len() {
        0 => NextHops::None,
        4 => octets.first_chunk::<4>().map_or_else(odd, |b| address(Ipv4Addr::from(*b).into())),
        16 => octets.first_chunk().map_or_else(odd, |b| address(v6(b))),
        32 => match octets.as_chunks::<16>().0 {
            [global, local] => {
                NextHops::Address { rd: None, address: v6(global), link_local: Some(v6(local)) }
            }
            _ => odd(),
        },
        12 | 24 | 48 if matches!(family.safi, Safi::VPN | Safi::FLOW_SPEC_VPN | Safi(129)) => {
            let Some((first, rest)) = octets.split_first_chunk::<8>() else { return odd() };
            let address = match (rest.first_chunk::<4>(), rest.first_chunk::<16>()) {
                (_, Some(b)) => v6(b),
                (Some(b), None) => Ipv4Addr::from(*b).into(),
                _ => return odd(),
            };
            // A second address with a route distinguisher of its own (RFC 4659 section 3.2.1.1).
            let link_local = rest.get(24..).and_then(|b| b.first_chunk()).map(v6);
            NextHops::Address { rd: rd(first), address, link_local }
        }
        _ => odd(),
    }
}
