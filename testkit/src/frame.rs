//! A second BGP codec: small, slow, obviously right, and independent of the one under test.
//!
//! [`encode`] makes whole messages, [`decode`] reads attribute sections back. Only what scripted
//! peers need: RFC 4271 messages, 4-octet AS numbers (RFC 6793), multiprotocol routes (RFC 4760),
//! communities of three kinds. Both panic or fail on nonsense instead of repairing it.

pub mod decode;
pub mod encode;

use std::net::{IpAddr, Ipv4Addr};

use anyhow::{Result, ensure};

use crate::route::Origin;

/// Octets of a message header.
pub const HEADER: usize = 19;
/// Largest message without RFC 8654.
pub const MAX_MESSAGE: usize = 4096;
/// Message type OPEN.
pub const OPEN: u8 = 1;
/// Message type UPDATE.
pub const UPDATE: u8 = 2;
/// Message type NOTIFICATION.
pub const NOTIFICATION: u8 = 3;
/// Message type KEEPALIVE.
pub const KEEPALIVE: u8 = 4;

/// Takes the first whole message off the front: its type and its body; `None` while it is not all there.
///
/// # Errors
/// When the header is no BGP.
pub fn take<'a>(octets: &mut &'a [u8]) -> Result<Option<(u8, &'a [u8])>> {
    let Some(header) = octets.get(..HEADER) else { return Ok(None) };
    let len = usize::from(u16::from_be_bytes([header[16], header[17]]));
    ensure!(header[..16] == [0xff; 16] && len >= HEADER, "header {header:02x?}");
    let Some(message) = octets.split_off(..len) else { return Ok(None) };
    Ok(Some((header[18], &message[HEADER..])))
}

/// One segment of an AS_PATH.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Segment {
    /// AS_SEQUENCE, at most 255 members.
    Sequence(Vec<u32>),
    /// AS_SET, at most 255 members.
    Set(Vec<u32>),
}

/// The path attributes a scripted peer knows.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Attributes {
    /// ORIGIN.
    pub origin: Origin,
    /// AS_PATH.
    pub as_path: Vec<Segment>,
    /// NEXT_HOP, or the next hop in MP_REACH_NLRI.
    pub next_hop: IpAddr,
    /// MULTI_EXIT_DISC.
    pub med: Option<u32>,
    /// LOCAL_PREF.
    pub local_pref: Option<u32>,
    /// ATOMIC_AGGREGATE.
    pub atomic_aggregate: bool,
    /// AGGREGATOR.
    pub aggregator: Option<(u32, Ipv4Addr)>,
    /// COMMUNITIES, in order.
    pub communities: Vec<u32>,
    /// EXTENDED COMMUNITIES, in order.
    pub ext_communities: Vec<[u8; 8]>,
    /// LARGE_COMMUNITY, in order.
    pub large_communities: Vec<[u32; 3]>,
    /// Any other attribute: flags, type, value.
    pub other: Vec<(u8, u8, Vec<u8>)>,
}

impl Attributes {
    /// The mandatory ones.
    #[must_use]
    pub fn new(as_path: &[u32], next_hop: IpAddr) -> Self {
        let segment = Segment::Sequence(as_path.to_vec());
        Self {
            origin: Origin::Igp,
            as_path: if as_path.is_empty() { Vec::new() } else { vec![segment] },
            next_hop,
            med: None,
            local_pref: None,
            atomic_aggregate: false,
            aggregator: None,
            communities: Vec::new(),
            ext_communities: Vec::new(),
            large_communities: Vec::new(),
            other: Vec::new(),
        }
    }

    /// Length for the decision process: a set counts one (RFC 4271 section 9.1.2.2 a).
    #[must_use]
    pub fn as_path_len(&self) -> usize {
        let len = |segment: &Segment| match segment {
            Segment::Sequence(asns) => asns.len(),
            Segment::Set(_) => 1,
        };
        self.as_path.iter().map(len).sum()
    }

    /// The neighbouring AS: the first of a leading sequence.
    #[must_use]
    pub fn neighbor_as(&self) -> Option<u32> {
        match self.as_path.first() {
            Some(Segment::Sequence(asns)) => asns.first().copied(),
            _ => None,
        }
    }

    /// AS_PATH in the harness's normal form (see [`crate::route`]).
    #[must_use]
    pub fn as_path_text(&self) -> String {
        let text = |segment: &Segment| {
            let list = |asns: &[u32]| asns.iter().map(u32::to_string).collect::<Vec<_>>().join(" ");
            match segment {
                Segment::Sequence(asns) => list(asns),
                Segment::Set(asns) => {
                    let mut sorted = asns.clone();
                    sorted.sort_unstable();
                    sorted.dedup();
                    format!("{{{}}}", list(&sorted))
                }
            }
        };
        self.as_path.iter().map(text).collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use ipnet::IpNet;

    use super::*;

    fn sample(next_hop: &str) -> Attributes {
        Attributes {
            as_path: vec![Segment::Sequence(vec![65001, 4_200_000_000]), Segment::Set(vec![3, 1])],
            med: Some(7),
            local_pref: Some(200),
            atomic_aggregate: true,
            aggregator: Some((65001, Ipv4Addr::new(192, 0, 2, 9))),
            communities: vec![0xfde9_0001, 0xffff_ff01],
            ext_communities: vec![[0, 2, 0, 1, 0, 0, 0, 2]],
            large_communities: vec![[1, 2, 3]],
            other: vec![(0xc0, 99, vec![1, 2, 3])],
            ..Attributes::new(&[], next_hop.parse().unwrap())
        }
    }

    #[test]
    fn what_is_encoded_reads_back_for_both_families() {
        for (next_hop, prefix) in [
            ("192.0.2.1", "10.1.0.0/16"),
            ("2001:db8::1", "2001:db8:1::/48"),
            ("2001:db8::1", "10.1.0.0/16"),
        ] {
            let prefix: IpNet = prefix.parse().unwrap();
            let attributes = sample(next_hop);
            let mut frames = Vec::new();
            encode::update(&attributes, &[prefix], &mut frames);
            let update = decode::update(&frames[HEADER..]).unwrap();
            assert_eq!(update.announced, [prefix]);
            assert_eq!(update.attributes, Some(attributes));
            assert!(update.withdrawn.is_empty());
        }
    }

    #[test]
    fn withdrawals_and_end_of_rib() {
        let prefixes: Vec<IpNet> = ["0.0.0.0/0", "10.0.0.0/9", "192.0.2.1/32"]
            .iter()
            .map(|p| p.parse().unwrap())
            .collect();
        let mut frames = Vec::new();
        encode::withdraw(&prefixes, &mut frames);
        assert_eq!(decode::update(&frames[HEADER..]).unwrap().withdrawn, prefixes);
        let v6: Vec<IpNet> = vec!["2001:db8::/32".parse().unwrap()];
        frames.clear();
        encode::withdraw(&v6, &mut frames);
        assert_eq!(decode::update(&frames[HEADER..]).unwrap().withdrawn, v6);
        for family in [crate::route::Family::Ipv4, crate::route::Family::Ipv6] {
            frames.clear();
            encode::end_of_rib(family, &mut frames);
            assert_eq!(decode::update(&frames[HEADER..]).unwrap().end_of_rib, Some(family));
        }
    }

    #[test]
    fn many_prefixes_take_several_whole_messages() {
        let prefixes: Vec<IpNet> = (0..5000_u32)
            .map(|i| IpNet::new(Ipv4Addr::from(0x0a00_0000 + (i << 8)).into(), 24).unwrap())
            .collect();
        let mut frames = Vec::new();
        encode::update(&sample("192.0.2.1"), &prefixes, &mut frames);
        let mut seen = Vec::new();
        let mut rest = frames.as_slice();
        while let Some((_, body)) = take(&mut rest).unwrap() {
            assert!(HEADER + body.len() <= MAX_MESSAGE);
            seen.extend(decode::update(body).unwrap().announced);
        }
        assert!(rest.is_empty());
        assert_eq!(seen, prefixes);
        let cut = frames.len() - 1;
        assert_eq!(take(&mut &frames[cut..]).unwrap(), None);
        assert!(take(&mut &[0; HEADER][..]).is_err());
    }
}
