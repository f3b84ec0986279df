//! Editing attribute sets.
//!
//! What for: originating routes, policy actions and export rewriting, all on canonical bytes.
//! Where: used by policy and export once for each distinct set, and by origination.
//! How: edits are collected, one for each type at most, and merged with the base in one walk; what
//! was not edited is copied unread.
//! Invariants: a canonical base and setters used as documented give canonical bytes.
//! References: RFC 4271 section 5, RFC 8092 section 5.
#![cfg_attr(
    not(test),
    expect(
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        reason = "segment counts, never over 255; this module edits, it does not decode"
    )
)]

use smallvec::SmallVec;

use super::{
    Aigp, AsPath, AttrType, AttrValue, Community, ExtCommunity, Ipv6ExtCommunity, LargeCommunity,
    SegmentType, attrs, find,
    pmsi::Pmsi,
    prefix_sid::PrefixSid,
    put_attr,
    table::{self, Class},
    tunnel_encap::TunnelEncap,
};
use crate::asn::Asn;

/// Collects edits to an attribute set; see the setters. Values over 65535 octets cannot be encoded,
/// [`Self::finish`] then leaves the attribute out and says so.
#[derive(Clone, Debug, Default)]
pub struct AttrBuilder<'a> {
    base: &'a [u8],
    edits: SmallVec<[Edit; 4]>,
}

#[derive(Clone, Debug)]
struct Edit {
    kind: AttrType,
    /// `None` removes the attribute.
    value: Option<(u8, SmallVec<[u8; 32]>)>,
}

impl<'a> AttrBuilder<'a> {
    /// A set made from nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Edits to the canonical set `base`.
    pub fn edit(base: &'a [u8]) -> Self {
        Self { base, edits: SmallVec::new() }
    }

    /// Sets ORIGIN; see [`origin`](super::origin).
    pub fn set_origin(&mut self, origin: u8) -> &mut Self {
        self.put_known(AttrType::ORIGIN, &[origin])
    }

    /// Sets or removes MULTI_EXIT_DISC.
    pub fn set_med(&mut self, med: Option<u32>) -> &mut Self {
        self.put_number(AttrType::MED, med)
    }

    /// Sets or removes LOCAL_PREF.
    pub fn set_local_pref(&mut self, local_pref: Option<u32>) -> &mut Self {
        self.put_number(AttrType::LOCAL_PREF, local_pref)
    }

    /// Replaces AS_PATH by one sequence, nearest AS first; more than 255 make several segments. An
    /// empty list makes the empty path.
    pub fn replace_as_path(&mut self, asns: &[Asn]) -> &mut Self {
        let mut path = SmallVec::new();
        for part in asns.chunks(super::as_path::MAX_SEGMENT) {
            path.extend_from_slice(&[SegmentType::SEQUENCE.0, part.len() as u8]);
            for asn in part {
                path.extend_from_slice(&asn.0.to_be_bytes());
            }
        }
        self.put(AttrType::AS_PATH, Some((Class::WellKnown.flags(), path)))
    }

    /// Puts `asn` in front of the path `n` times. A leading sequence is filled up to 255 numbers,
    /// then a new one begins (RFC 4271 section 5.1.2).
    pub fn prepend(&mut self, asn: Asn, n: u8) -> &mut Self {
        self.prepend_segment(SegmentType::SEQUENCE, asn, n)
    }

    /// Puts the member AS `asn` in front of the path `n` times, for a peer in another member AS of
    /// the confederation: into a leading AS_CONFED_SEQUENCE, or a new one (RFC 5065 section 4.1).
    pub fn prepend_confed(&mut self, asn: Asn, n: u8) -> &mut Self {
        self.prepend_segment(SegmentType::CONFED_SEQUENCE, asn, n)
    }

    /// Removes the confederation segments from the path, for a peer outside; the confederation
    /// identifier is to be prepended then (RFC 5065 section 4.1).
    pub fn strip_confed(&mut self) -> &mut Self {
        let old = AsPath::new(self.value(AttrType::AS_PATH).unwrap_or_default());
        if !old.has_confederation() {
            return self;
        }
        let mut path = SmallVec::new();
        for segment in old.segments().filter(|s| !s.is_confederation()) {
            path.extend_from_slice(&[segment.kind.0, segment.count() as u8]);
            path.extend_from_slice(segment.numbers());
        }
        self.put(AttrType::AS_PATH, Some((Class::WellKnown.flags(), path)))
    }

    fn prepend_segment(&mut self, kind: SegmentType, asn: Asn, n: u8) -> &mut Self {
        if n == 0 {
            return self;
        }
        let old = self.value(AttrType::AS_PATH).unwrap_or_default();
        let old: SmallVec<[u8; 32]> = SmallVec::from_slice(old);
        let leading = match AsPath::new(&old).segments().next() {
            Some(s) if s.kind == kind => s.count(),
            _ => 0,
        };
        let n = usize::from(n);
        let fits = if leading == 0 { 0 } else { n.min(super::as_path::MAX_SEGMENT - leading) };
        let mut path: SmallVec<[u8; 32]> = SmallVec::new();
        let mut segment = |count: usize, own: usize| {
            if count > 0 {
                path.extend_from_slice(&[kind.0, count as u8]);
                for _ in 0..own {
                    path.extend_from_slice(&asn.0.to_be_bytes());
                }
            }
        };
        segment(n - fits, n - fits);
        segment(if fits > 0 { leading + fits } else { 0 }, fits);
        // The old first segment's head is replaced when it was extended.
        path.extend_from_slice(if fits > 0 { old.get(2..).unwrap_or_default() } else { &old });
        self.put(AttrType::AS_PATH, Some((Class::WellKnown.flags(), path)))
    }

    /// Replaces COMMUNITIES; an empty list removes it.
    pub fn set_communities(&mut self, communities: &[Community]) -> &mut Self {
        let value = communities.iter().flat_map(|c| c.0.to_be_bytes()).collect();
        self.put_list(AttrType::COMMUNITIES, value)
    }

    /// Replaces EXTENDED_COMMUNITIES; an empty list removes it.
    pub fn set_ext_communities(&mut self, communities: &[ExtCommunity]) -> &mut Self {
        let value = communities.iter().flat_map(|c| c.0).collect();
        self.put_list(AttrType::EXT_COMMUNITIES, value)
    }

    /// Replaces IPV6_EXTENDED_COMMUNITIES; an empty list removes it.
    pub fn set_ipv6_ext_communities(&mut self, communities: &[Ipv6ExtCommunity]) -> &mut Self {
        let value = communities.iter().flat_map(|c| c.0).collect();
        self.put_list(AttrType::IPV6_EXT_COMMUNITIES, value)
    }

    /// Sets or removes ONLY_TO_CUSTOMER (RFC 9234 section 5).
    pub fn set_only_to_customer(&mut self, asn: Option<Asn>) -> &mut Self {
        self.put_number(AttrType::ONLY_TO_CUSTOMER, asn.map(|asn| asn.0))
    }

    /// Sets or removes AIGP, the accumulated metric (RFC 7311).
    pub fn set_aigp(&mut self, metric: Option<u64>) -> &mut Self {
        match metric {
            Some(metric) => self.put_known(AttrType::AIGP, &Aigp::encode(metric)),
            None => self.remove(AttrType::AIGP),
        }
    }

    /// Sets or removes PMSI_TUNNEL (RFC 6514).
    pub fn set_pmsi_tunnel(&mut self, tunnel: Option<Pmsi<'_>>) -> &mut Self {
        match tunnel {
            Some(tunnel) => self.set_value(&AttrValue::PmsiTunnel(tunnel)),
            None => self.remove(AttrType::PMSI_TUNNEL),
        }
    }

    /// Sets or removes TUNNEL_ENCAPSULATION (RFC 9012).
    pub fn set_tunnel_encapsulation(&mut self, tunnels: Option<TunnelEncap<'_>>) -> &mut Self {
        match tunnels {
            Some(tunnels) => self.set_value(&AttrValue::TunnelEncapsulation(tunnels)),
            None => self.remove(AttrType::TUNNEL_ENCAPSULATION),
        }
    }

    /// Sets or removes PREFIX_SID (RFC 8669).
    pub fn set_prefix_sid(&mut self, sid: Option<PrefixSid<'_>>) -> &mut Self {
        match sid {
            Some(sid) => self.set_value(&AttrValue::PrefixSid(sid)),
            None => self.remove(AttrType::PREFIX_SID),
        }
    }

    /// Sets the attribute to a value, with the flags its row asks for; one without a row becomes
    /// optional transitive. Canonical sets want AS numbers four octets wide.
    pub fn set_value(&mut self, value: &AttrValue<'_>) -> &mut Self {
        let mut octets = Vec::new();
        value.put(&mut octets);
        let class = table::row(value.kind()).map_or(Class::OptionalTransitive, |row| row.class);
        self.set(value.kind(), class.flags(), &octets)
    }

    /// Replaces LARGE_COMMUNITY, without repetitions (RFC 8092); an empty list removes it.
    pub fn set_large_communities(&mut self, communities: &[LargeCommunity]) -> &mut Self {
        let mut value = SmallVec::new();
        for (i, c) in communities.iter().enumerate() {
            if !communities.iter().take(i).any(|earlier| earlier == c) {
                value.extend_from_slice(&c.to_bytes());
            }
        }
        self.put_list(AttrType::LARGE_COMMUNITIES, value)
    }

    /// Sets any attribute to any value. Of `flags` the upper three bits count; Extended Length is
    /// set as the length needs it.
    pub fn set(&mut self, kind: AttrType, flags: u8, value: &[u8]) -> &mut Self {
        self.put(kind, Some((flags, SmallVec::from_slice(value))))
    }

    /// Removes an attribute.
    pub fn remove(&mut self, kind: AttrType) -> &mut Self {
        self.put(kind, None)
    }

    /// The value an attribute has now, edits included.
    pub fn value(&self, kind: AttrType) -> Option<&[u8]> {
        match self.edits.iter().find(|e| e.kind == kind) {
            Some(edit) => edit.value.as_ref().map(|(_, value)| &value[..]),
            None => find(self.base, kind),
        }
    }

    /// Appends the canonical bytes. False when an attribute was over 65535 octets and was left out.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> bool {
        self.edits.sort_unstable_by_key(|e| e.kind);
        let mut complete = true;
        let mut edits = self.edits.iter().peekable();
        let mut apply = |edit: &Edit, out: &mut Vec<u8>| {
            if let Some((flags, value)) = &edit.value {
                complete &= put_attr(out, *flags, edit.kind, value);
            }
        };
        for attr in attrs(self.base) {
            while let Some(edit) = edits.next_if(|e| e.kind < attr.kind) {
                apply(edit, out);
            }
            match edits.next_if(|e| e.kind == attr.kind) {
                Some(edit) => apply(edit, out),
                None => out.extend_from_slice(attr.raw),
            }
        }
        edits.for_each(|edit| apply(edit, out));
        complete
    }

    fn put(&mut self, kind: AttrType, value: Option<(u8, SmallVec<[u8; 32]>)>) -> &mut Self {
        match self.edits.iter_mut().find(|e| e.kind == kind) {
            Some(edit) => edit.value = value,
            None => self.edits.push(Edit { kind, value }),
        }
        self
    }

    /// Sets an attribute that has a row, with the flags of the row.
    fn put_known(&mut self, kind: AttrType, value: &[u8]) -> &mut Self {
        let flags = table::row(kind).map_or(0, |row| row.class.flags());
        self.set(kind, flags, value)
    }

    fn put_number(&mut self, kind: AttrType, value: Option<u32>) -> &mut Self {
        match value {
            Some(n) => self.put_known(kind, &n.to_be_bytes()),
            None => self.remove(kind),
        }
    }

    fn put_list(&mut self, kind: AttrType, value: SmallVec<[u8; 32]>) -> &mut Self {
        if value.is_empty() { self.remove(kind) } else { self.put_known(kind, &value) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(b: &mut AttrBuilder<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        assert!(b.finish(&mut out));
        out
    }

    fn path_of(bytes: &[u8]) -> String {
        AsPath::of(bytes).to_string()
    }

    #[test]
    fn order_and_flags() {
        let bytes = built(
            AttrBuilder::new()
                .set_communities(&[Community::NO_EXPORT])
                .set_local_pref(Some(100))
                .set_origin(0)
                .replace_as_path(&[]),
        );
        assert_eq!(
            bytes,
            [
                &[0x40, 1, 1, 0, 0x40, 2, 0, 0x40, 5, 4, 0, 0, 0, 100][..],
                &[0xc0, 8, 4, 0xff, 0xff, 0xff, 1]
            ]
            .concat()
        );
    }

    #[test]
    fn edits_replace_and_remove() {
        let base = built(AttrBuilder::new().set_origin(0).set_med(Some(1)).set_local_pref(Some(2)));
        let edited =
            built(AttrBuilder::edit(&base).set_med(None).set_local_pref(Some(9)).set_med(Some(7)));
        assert_eq!(edited, [0x40, 1, 1, 0, 0x80, 4, 4, 0, 0, 0, 7, 0x40, 5, 4, 0, 0, 0, 9]);
        assert_eq!(built(AttrBuilder::edit(&base).remove(AttrType::MED)).len(), base.len() - 7);
        assert_eq!(built(&mut AttrBuilder::edit(&base)), base);
    }

    #[test]
    fn prepend_rules() {
        let base = built(AttrBuilder::new().replace_as_path(&[Asn(2)]));
        assert_eq!(path_of(&built(AttrBuilder::edit(&base).prepend(Asn(1), 2))), "1 1 2");
        assert_eq!(built(AttrBuilder::edit(&base).prepend(Asn(1), 0)), base);
        assert_eq!(path_of(&built(AttrBuilder::new().prepend(Asn(1), 1))), "1");
        // In front of a set: a sequence of its own.
        let set = built(AttrBuilder::new().set(AttrType::AS_PATH, 0x40, &[1, 1, 0, 0, 0, 9]));
        assert_eq!(path_of(&built(AttrBuilder::edit(&set).prepend(Asn(1), 1))), "1 {9}");
        // A full segment gets a new one; an almost full one is filled first.
        for (have, n, segments) in [
            (255u32, 1u8, vec![1, 255]),
            (254, 1, vec![255]),
            (254, 3, vec![2, 255]),
            (1, 255, vec![1, 255]),
        ] {
            let asns: Vec<Asn> = (1..=have).map(Asn).collect();
            let base = built(AttrBuilder::new().replace_as_path(&asns));
            let bytes = built(AttrBuilder::edit(&base).prepend(Asn(7), n));
            let path = AsPath::of(&bytes);
            assert_eq!(path.segments().map(|s| s.count()).collect::<Vec<_>>(), segments);
            assert_eq!(path.len(), have as usize + usize::from(n));
            assert!(path.asns().take(n.into()).all(|a| a == Asn(7)));
            assert_eq!(path.asns().nth(n.into()), Some(Asn(1)));
        }
    }

    #[test]
    fn confederation() {
        // (65100) before a plain path, then another member, then out.
        let base = built(AttrBuilder::new().replace_as_path(&[Asn(2)]));
        let inside = built(AttrBuilder::edit(&base).prepend_confed(Asn(65100), 1));
        assert_eq!(path_of(&inside), "(65100) 2");
        let further = built(AttrBuilder::edit(&inside).prepend_confed(Asn(65101), 2));
        assert_eq!(path_of(&further), "(65101 65101 65100) 2");
        assert!(AsPath::of(&further).has_confederation());
        assert_eq!(AsPath::of(&further).first(), Some((SegmentType::CONFED_SEQUENCE, Asn(65101))));
        let out = built(AttrBuilder::edit(&further).strip_confed().prepend(Asn(1), 1));
        assert_eq!(path_of(&out), "1 2");
        assert_eq!(AsPath::of(&out).first(), Some((SegmentType::SEQUENCE, Asn(1))));
        assert_eq!(built(AttrBuilder::edit(&base).strip_confed()), base);
        // A confederation set does not take a sequence's numbers.
        let set = built(AttrBuilder::new().set(AttrType::AS_PATH, 0x40, &[4, 1, 0, 0, 0, 9]));
        assert_eq!(path_of(&built(AttrBuilder::edit(&set).prepend_confed(Asn(7), 1))), "(7) [9]");
        assert_eq!(path_of(&built(AttrBuilder::edit(&set).strip_confed())), "");
        // The empty path (CVE-2026-41643 class).
        let empty = built(AttrBuilder::new().replace_as_path(&[]));
        let path = AsPath::of(&empty);
        assert_eq!((path.first(), path.has_confederation(), path.len()), (None, false, 0));
        assert_eq!((path.neighbor(), path.origin()), (None, None));
        assert_eq!(built(AttrBuilder::edit(&empty).strip_confed()), empty);
        let one = built(AttrBuilder::edit(&empty).prepend_confed(Asn(7), 1));
        assert_eq!(path_of(&one), "(7)");
    }

    #[test]
    fn lists() {
        let a = LargeCommunity(1, 2, 3);
        let bytes = built(
            AttrBuilder::new()
                .set_large_communities(&[a, a])
                .set_ext_communities(&[ExtCommunity::route_target(1, 2)]),
        );
        assert_eq!(LargeCommunity::of(&bytes).collect::<Vec<_>>(), [a]);
        assert_eq!(ExtCommunity::of(&bytes).count(), 1);
        let bytes =
            built(AttrBuilder::edit(&bytes).set_large_communities(&[]).set_ext_communities(&[]));
        assert!(bytes.is_empty());
    }

    #[test]
    fn typed_values() {
        let value = AttrValue::parse(AttrType::PREFIX_SID, "label-index=7").unwrap();
        let tunnels = AttrValue::parse(AttrType::TUNNEL_ENCAPSULATION, "vxlan[color=1]").unwrap();
        let tree = AttrValue::parse(
            AttrType::PMSI_TUNNEL,
            "ingress-replication endpoint 192.0.2.1 label-field 0x000640",
        );
        let tree = tree.unwrap();
        let rt: Ipv6ExtCommunity = "rt:[2001:db8::1]:1".parse().unwrap();
        let bytes = built(
            AttrBuilder::new()
                .set_prefix_sid(Some(PrefixSid::new(&value)))
                .set_only_to_customer(Some(Asn(65001)))
                .set_aigp(Some(9))
                .set_ipv6_ext_communities(&[rt])
                .set_tunnel_encapsulation(Some(TunnelEncap::new(&tunnels)))
                .set_pmsi_tunnel(Pmsi::new(&tree))
                .set_value(&AttrValue::Raw(AttrType(200), &[1, 2])),
        );
        let shown: Vec<_> = attrs(&bytes)
            .map(|a| {
                let value = AttrValue::decode(a.kind, a.value, true).unwrap();
                format!("{:02x} {} {value}", a.flags, a.kind)
            })
            .collect();
        assert_eq!(
            shown,
            [
                "c0 PMSI_TUNNEL ingress-replication endpoint 192.0.2.1 label-field 0x000640 (label 100, VNI 1600)",
                "c0 TUNNEL_ENCAPSULATION vxlan[color=1]",
                "c0 IPV6_EXTENDED_COMMUNITIES rt:[2001:db8::1]:1",
                "80 AIGP metric 9",
                "c0 ONLY_TO_CUSTOMER 65001",
                "c0 PREFIX_SID label-index=7",
                "c0 attribute 200 0x0102",
            ]
        );
        let none = built(
            AttrBuilder::edit(&bytes)
                .set_prefix_sid(None)
                .set_only_to_customer(None)
                .set_aigp(None)
                .set_ipv6_ext_communities(&[])
                .set_tunnel_encapsulation(None)
                .set_pmsi_tunnel(None)
                .remove(AttrType(200)),
        );
        assert!(none.is_empty());
    }

    #[test]
    fn oversize_is_left_out_and_told() {
        let mut out = Vec::new();
        let many = vec![Community(1); 16384];
        assert!(!AttrBuilder::new().set_origin(0).set_communities(&many).finish(&mut out));
        assert_eq!(out, [0x40, 1, 1, 0]);
    }
}
