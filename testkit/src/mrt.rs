//! Real tables from MRT TABLE_DUMP_V2 files (RFC 6396), parsed by `bgpkit-parser`.
//!
//! The parser is third-party on purpose: it is the independent reading with which ours is compared.
//! Equal attribute sets are shared, so that a table of a million routes fits comfortably.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use bgpkit_parser::BgpkitParser;
use bgpkit_parser::models::{AsPathSegment, BgpElem, Community, ExtendedCommunity, MetaCommunity};
use ipnet::IpNet;

use crate::frame::{Attributes, Segment, encode};
use crate::route::Origin;

/// A peer of the collector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Peer {
    /// Its address.
    pub address: IpAddr,
    /// Its AS.
    pub asn: u32,
    /// Its BGP Identifier.
    pub router_id: Ipv4Addr,
}

/// One peer's route to one prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Index into [`Dump::peers`].
    pub peer: usize,
    /// Destination.
    pub prefix: IpNet,
    /// Attributes, shared between equal sets.
    pub attributes: Arc<Attributes>,
}

/// The contents of a dump.
#[derive(Clone, Debug, Default)]
pub struct Dump {
    /// Peers that have at least one route, in order of appearance.
    pub peers: Vec<Peer>,
    /// All routes, in the file's order.
    pub entries: Vec<Entry>,
}

impl Dump {
    /// Reads a file, decompressing `.bz2` and `.gz`.
    ///
    /// # Errors
    /// When it cannot be read, or holds no route: a test on nothing proves nothing.
    pub fn load(path: &Path) -> Result<Self> {
        let file = BufReader::new(File::open(path).with_context(|| path.display().to_string())?);
        let reader: Box<dyn Read> = match path.extension().and_then(|e| e.to_str()) {
            Some("bz2") => Box::new(bzip2::read::MultiBzDecoder::new(file)),
            Some("gz") => Box::new(flate2::read::MultiGzDecoder::new(file)),
            _ => Box::new(file),
        };
        let mut dump = Self::default();
        let mut peers = HashMap::new();
        let mut sets = HashMap::new();
        for elem in BgpkitParser::from_reader(reader) {
            let peer = Peer {
                address: elem.peer_ip,
                asn: elem.peer_asn.to_u32(),
                router_id: elem.peer_bgp_id.unwrap_or(Ipv4Addr::UNSPECIFIED),
            };
            let index = *peers.entry(peer).or_insert_with(|| {
                dump.peers.push(peer);
                dump.peers.len() - 1
            });
            let read = attributes(&elem).with_context(|| format!("{}", elem.prefix))?;
            let shared = sets.entry(read).or_insert_with_key(|read| Arc::new(read.clone()));
            dump.entries.push(Entry {
                peer: index,
                prefix: elem.prefix.prefix,
                attributes: Arc::clone(shared),
            });
        }
        ensure!(!dump.entries.is_empty(), "{}: no routes in it", path.display());
        Ok(dump)
    }

    /// The routes of one peer.
    pub fn of_peer(&self, peer: usize) -> impl Iterator<Item = &Entry> + '_ {
        self.entries.iter().filter(move |entry| entry.peer == peer)
    }

    /// The table of `peer` as UPDATEs, routes with equal attributes together, sets in order of
    /// appearance. `next_hop` replaces the one in the dump, for prefixes of its own family; with
    /// `None` it stays as recorded.
    #[must_use]
    pub fn frames(&self, peer: usize, next_hop: Option<IpAddr>) -> Vec<u8> {
        let mut order: Vec<(&Attributes, Vec<IpNet>)> = Vec::new();
        // By address of the shared set: equal sets are one. IPv4 and IPv6 never share a message.
        let mut index: HashMap<(*const Attributes, bool), usize> = HashMap::new();
        for entry in self.of_peer(peer) {
            let key = (Arc::as_ptr(&entry.attributes), entry.prefix.addr().is_ipv4());
            let at = *index.entry(key).or_insert_with(|| {
                order.push((&*entry.attributes, Vec::new()));
                order.len() - 1
            });
            order[at].1.push(entry.prefix);
        }
        let mut out = Vec::new();
        for (attributes, prefixes) in order {
            let is_v4 = prefixes.first().is_some_and(|p| p.addr().is_ipv4());
            match next_hop.filter(|n| n.is_ipv4() == is_v4) {
                Some(next_hop) => {
                    let attributes = Attributes { next_hop, ..attributes.clone() };
                    encode::update(&attributes, &prefixes, &mut out);
                }
                None => encode::update(attributes, &prefixes, &mut out),
            }
        }
        out
    }
}

fn attributes(elem: &BgpElem) -> Result<Attributes> {
    let mut a = Attributes::new(&[], elem.next_hop.context("no next hop")?);
    a.origin = match elem.origin.context("no ORIGIN")? {
        bgpkit_parser::models::Origin::IGP => Origin::Igp,
        bgpkit_parser::models::Origin::EGP => Origin::Egp,
        bgpkit_parser::models::Origin::INCOMPLETE => Origin::Incomplete,
    };
    for segment in elem.as_path.iter().flat_map(|path| path.iter_segments()) {
        let asns = segment.iter().map(|asn| asn.to_u32()).collect();
        a.as_path.push(match segment {
            AsPathSegment::AsSequence(_) => Segment::Sequence(asns),
            AsPathSegment::AsSet(_) => Segment::Set(asns),
            other => anyhow::bail!("confederation segment {other:?} from a collector"),
        });
    }
    a.med = elem.med;
    a.local_pref = elem.local_pref;
    a.atomic_aggregate = elem.atomic;
    a.aggregator = elem.aggr_asn.map(|asn| asn.to_u32()).zip(elem.aggr_ip);
    for community in elem.communities.iter().flatten() {
        match community {
            MetaCommunity::Plain(plain) => a.communities.push(match plain {
                Community::NoExport => 0xffff_ff01,
                Community::NoAdvertise => 0xffff_ff02,
                Community::NoExportSubConfed => 0xffff_ff03,
                Community::Custom(asn, value) => asn.to_u32() << 16 | u32::from(*value),
            }),
            MetaCommunity::Large(large) => {
                let [one, two] = large.local_data;
                a.large_communities.push([large.global_admin, one, two]);
            }
            MetaCommunity::Extended(extended) => {
                let octets = extended_octets(extended);
                let octets = octets.with_context(|| format!("not read: {community}"))?;
                a.ext_communities.push(octets);
            }
            MetaCommunity::Ipv6Extended(_) => anyhow::bail!("not read: {community}"),
        }
    }
    Ok(a)
}

/// The eight octets of an extended community (RFC 4360), of the kinds that tables of collectors have.
fn extended_octets(community: &ExtendedCommunity) -> Option<[u8; 8]> {
    let kind = u8::from(community.community_type());
    let mut octets = vec![kind];
    match community {
        ExtendedCommunity::TransitiveTwoOctetAs(c)
        | ExtendedCommunity::NonTransitiveTwoOctetAs(c) => {
            octets.push(c.subtype);
            octets.extend(u16::try_from(c.global_admin.to_u32()).ok()?.to_be_bytes());
            octets.extend(c.local_admin);
        }
        ExtendedCommunity::TransitiveFourOctetAs(c)
        | ExtendedCommunity::NonTransitiveFourOctetAs(c) => {
            octets.push(c.subtype);
            octets.extend(c.global_admin.to_u32().to_be_bytes());
            octets.extend(c.local_admin);
        }
        ExtendedCommunity::TransitiveIpv4Addr(c) | ExtendedCommunity::NonTransitiveIpv4Addr(c) => {
            octets.push(c.subtype);
            octets.extend(c.global_admin.octets());
            octets.extend(c.local_admin);
        }
        ExtendedCommunity::TransitiveOpaque(c) | ExtendedCommunity::NonTransitiveOpaque(c) => {
            octets.push(c.subtype);
            octets.extend(c.value);
        }
        ExtendedCommunity::Raw(raw) => return Some(*raw),
        _ => return None,
    }
    octets.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data;
    use crate::frame::{decode, take};
    use crate::skip::skip;

    #[test]
    fn a_small_dump_reads_and_replays_without_loss() {
        let path = match data::file("mrt/mrtparse/openbgpd_rib_table-v2") {
            Ok(path) => path,
            Err(reason) => return skip("mrt::tests::a_small_dump", &reason),
        };
        let dump = Dump::load(&path).unwrap();
        assert!(!dump.peers.is_empty());
        for peer in 0..dump.peers.len() {
            let frames = dump.frames(peer, None);
            let mut seen = Vec::new();
            let mut rest = frames.as_slice();
            while let Some((_, body)) = take(&mut rest).unwrap() {
                let update = decode::update(body).unwrap();
                let attributes = update.attributes.unwrap();
                seen.extend(update.announced.into_iter().map(|p| (p, attributes.clone())));
            }
            let mut want: Vec<_> =
                dump.of_peer(peer).map(|e| (e.prefix, (*e.attributes).clone())).collect();
            seen.sort();
            want.sort();
            assert_eq!(seen, want);
        }
    }
}
