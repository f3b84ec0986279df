//! UPDATEs that must not end the session: RFC 7606 attribute by attribute, and what other routers'
//! bugs have sent. The route goes, or the attribute, and nothing else.

use anyhow::{Context as _, Result, ensure};
use testkit::script::Session;

use crate::clause::{Clause, clause};
use crate::lab::{AS, Lab, Peer, Router, is_alive};
use crate::wire::{
    self, NON_TRANSITIVE, TRANSITIVE, WELL_KNOWN, announced, as_path, attribute, find, update,
    withdrawn,
};

pub(crate) const CLAUSES: &[Clause] = &[
    clause!(
        rfc7606_s3_flags,
        "Wrong Optional or Transitive flags of a known attribute: the route goes"
    ),
    clause!(
        rfc7606_s3_partial_and_low_bits,
        "Partial on a well-known attribute and the low four bits mean nothing"
    ),
    clause!(rfc7606_s3_second_occurrence, "A second occurrence is dropped, the first counts"),
    clause!(
        rfc7606_s4_attribute_overruns,
        "An attribute that overruns the list: the routes go, found by the lengths"
    ),
    clause!(
        rfc7606_s4_trailing_octets,
        "One or two octets left at the end of the list: the route goes"
    ),
    clause!(rfc7606_s4_zero_length, "A zero-length attribute that needs a value: the route goes"),
    clause!(rfc7606_s7_1_origin, "ORIGIN of other length, over 2, or missing: the route goes"),
    clause!(rfc7606_s7_2_as_path, "AS_PATH with a bad segment, overrun or missing: the route goes"),
    clause!(rfc7607_s2_as_path_with_as_0, "AS 0 in the AS_PATH: the route goes"),
    clause!(
        rfc5065_s5_confederation_segments,
        "Confederation segments from outside: the route goes"
    ),
    clause!(rfc7606_s7_3_next_hop, "NEXT_HOP of other length or missing: the route goes"),
    clause!(rfc7606_s7_4_med, "MULTI_EXIT_DISC of other length: the route goes"),
    clause!(
        rfc7606_s7_5_local_pref_external,
        "LOCAL_PREF from outside is dropped, whatever its length"
    ),
    clause!(
        rfc7606_s7_5_local_pref_internal,
        "LOCAL_PREF of other length from inside: the route goes"
    ),
    clause!(rfc7606_s7_6_atomic_aggregate, "ATOMIC_AGGREGATE of other length is dropped"),
    clause!(rfc7606_s7_7_aggregator, "AGGREGATOR of other length, or with AS 0, is dropped"),
    clause!(rfc7606_s7_8_communities, "COMMUNITIES of no or an odd length: the route goes"),
    clause!(
        rfc7606_s7_9_originator_id,
        "ORIGINATOR_ID from outside is dropped; of other length from inside: the route goes"
    ),
    clause!(rfc7606_s7_10_cluster_list, "CLUSTER_LIST likewise"),
    clause!(
        rfc7606_s7_14_extended_communities,
        "Extended communities of no or an odd length: the route goes"
    ),
    clause!(rfc7606_s7_15_ipv6_extended_communities, "IPv6 ones likewise"),
    clause!(rfc8092_s6_large_communities, "Large communities likewise"),
    clause!(
        rfc6793_s6_as4_attributes,
        "AS4_PATH and AS4_AGGREGATOR from a four-octet speaker are dropped"
    ),
    clause!(rfc7311_s3_aigp, "AIGP that is malformed, or not enabled, is dropped (CVE-2023-41359)"),
    clause!(
        rfc9012_s13_tunnel_encapsulation,
        "Malformed tunnel encapsulation: never a reset (CVE-2023-38802, 2024-44070)"
    ),
    clause!(rfc6514_s5_pmsi, "A malformed PMSI tunnel: the route goes"),
    clause!(rfc9552_s8_2_2_link_state, "A link-state attribute on such a route is dropped"),
    clause!(rfc9234_s5_otc_length, "OTC of other length: the route goes"),
    clause!(
        rfc8669_s6_prefix_sid,
        "A malformed Prefix-SID is dropped (CVE-2023-31490, 2024-31948)"
    ),
    clause!(
        rfc4271_s6_3_missing_everything,
        "Routes without any attribute: they go (CVE-2023-41358, 46753)"
    ),
    clause!(
        rfc4271_s4_3_withdrawn_and_announced,
        "A prefix both withdrawn and announced is announced"
    ),
    clause!(rfc4271_s4_3_trailing_bits, "Bits behind the prefix length mean nothing"),
    clause!(rfc4271_s4_3_extended_length, "Extended Length is legal for short values"),
    clause!(
        rfc4271_s5_unknown_transitive,
        "Unknown optional transitive: passed on octet for octet, Partial set (VU#347067)"
    ),
    clause!(rfc4271_s5_unknown_non_transitive, "Unknown optional non-transitive: not passed on"),
    clause!(
        rfc4271_s9_1_2_own_as,
        "Our AS in the path: the route is not used, and the one before it goes"
    ),
    clause!(
        rfc4271_s6_3_next_hop_no_host,
        "A next hop that is no host address: the route is not used"
    ),
    clause!(
        rfc4760_s6_family_not_negotiated,
        "Routes of a family that was not negotiated are ignored"
    ),
    clause!(
        rfc4724_s2_end_of_rib_look_alike,
        "What only looks like End-of-RIB harms nothing (CVE-2023-47235)"
    ),
    clause!(
        rfc7606_s5_1_mp_unreach_without_the_rest,
        "MP_UNREACH_NLRI needs no other attribute; with NLRI they are missed (CVE-2023-47234)"
    ),
];

/// Two sessions: one sends, the other sees what becomes of it.
struct Scene<'a> {
    peer: Peer<'a>,
    session: Session,
    watching: Session,
}

impl<'a> Scene<'a> {
    fn new(lab: &'a Lab, asn: u32) -> Result<Self> {
        let passive = ["passive: true"];
        let peer = lab.peer_of(Router::Transit, asn, &passive)?;
        let watching = lab.peer_of(Router::Transit, 65200, &passive)?.up()?;
        let session = peer.up()?;
        Ok(Self { peer, session, watching })
    }

    fn external(lab: &'a Lab) -> Result<Self> {
        Self::new(lab, 65100)
    }

    fn internal(lab: &'a Lab) -> Result<Self> {
        Self::new(lab, AS)
    }

    /// The mandatory attributes, without those of these types.
    fn without(&self, types: &[u8]) -> Vec<u8> {
        let first = if self.peer.asn == AS { 65300 } else { self.peer.asn };
        let all = [
            (1, attribute(WELL_KNOWN, 1, &[0])),
            (2, as_path(&[first])),
            (3, attribute(WELL_KNOWN, 3, &self.peer.address.octets())),
        ];
        all.into_iter().filter(|(kind, _)| !types.contains(kind)).flat_map(|(_, a)| a).collect()
    }

    /// The mandatory attributes and another; that replaces one of its type.
    fn with(&self, flags: u8, kind: u8, value: &[u8]) -> Vec<u8> {
        [self.without(&[kind]), attribute(flags, kind, value)].concat()
    }

    /// Announces the route with these attributes.
    fn send(&mut self, attributes: &[u8]) -> Result<()> {
        self.session.send(&update(&[], attributes, &self.peer.prefix()))
    }

    /// The route, known before, goes when it is announced with these attributes.
    fn withdraws(&mut self, attributes: &[u8]) -> Result<()> {
        self.withdraws_by(&update(&[], attributes, &self.peer.prefix()))
    }

    fn withdraws_by(&mut self, octets: &[u8]) -> Result<()> {
        self.send(&self.without(&[]))?;
        announced(&mut self.watching, &self.peer.prefix())?;
        self.session.send(octets)?;
        let gone = withdrawn(&mut self.watching, &self.peer.prefix());
        gone.with_context(|| format!("after {octets:02x?}"))?;
        is_alive(&mut self.session)
    }

    /// The route passes: the attributes as they are sent on.
    fn passes(&mut self, attributes: &[u8]) -> Result<Vec<u8>> {
        self.send(attributes)?;
        let seen = announced(&mut self.watching, &self.peer.prefix());
        let seen = seen.with_context(|| format!("with {attributes:02x?}"))?;
        is_alive(&mut self.session)?;
        self.session.send(&update(&self.peer.prefix(), &[], &[]))?;
        withdrawn(&mut self.watching, &self.peer.prefix())?;
        Ok(seen)
    }

    /// The route passes, this attribute does not.
    fn drops(&mut self, flags: u8, kind: u8, value: &[u8]) -> Result<()> {
        let attributes = [self.without(&[]), attribute(flags, kind, value)].concat();
        let seen = self.passes(&attributes)?;
        ensure!(find(&seen, kind).is_none(), "attribute {kind} is passed on: {seen:02x?}");
        Ok(())
    }
}

/// Each of these values, from outside: the route goes.
fn withdraws(lab: &Lab, flags: u8, kind: u8, values: &[&[u8]]) -> Result<()> {
    let mut scene = Scene::external(lab)?;
    values.iter().try_for_each(|value| scene.withdraws(&scene.with(flags, kind, value)))
}

/// Each of these values, from outside: the attribute goes.
fn drops(lab: &Lab, flags: u8, kind: u8, values: &[&[u8]]) -> Result<()> {
    let mut scene = Scene::external(lab)?;
    values.iter().try_for_each(|value| scene.drops(flags, kind, value))
}

fn rfc7606_s3_flags(lab: &Lab) -> Result<()> {
    let mut scene = Scene::external(lab)?;
    let path = [2, 1, 0, 0, 0xfe, 0x4c];
    let next_hop = scene.peer.address.octets();
    let wrong: [(u8, u8, &[u8]); 8] = [
        (0xc0, 1, &[0]),
        (0x00, 2, &path),
        (0x80, 3, &next_hop),
        (0x40, 4, &[0; 4]),
        (0xc0, 4, &[0; 4]),
        (0x80, 8, &[0; 4]),
        (0x40, 16, &[0; 8]),
        (0x80, 32, &[0; 12]),
    ];
    wrong.iter().try_for_each(|(f, k, v)| scene.withdraws(&scene.with(*f, *k, v)))
}

fn rfc7606_s3_partial_and_low_bits(lab: &Lab) -> Result<()> {
    let mut scene = Scene::external(lab)?;
    scene.passes(&scene.with(0x6f, 1, &[1]))?;
    scene.passes(&scene.with(0x8f, 4, &[0, 0, 0, 9])).map(drop)
}

fn rfc7606_s3_second_occurrence(lab: &Lab) -> Result<()> {
    let mut scene = Scene::external(lab)?;
    let second = [scene.without(&[]), attribute(WELL_KNOWN, 1, &[2])].concat();
    let seen = scene.passes(&second)?;
    ensure!(find(&seen, 1) == Some((0x40, vec![0])), "{seen:02x?}");
    // Even a broken one.
    let broken = [scene.without(&[]), attribute(WELL_KNOWN, 1, &[7, 7])].concat();
    scene.passes(&broken).map(drop)
}

fn rfc7606_s4_attribute_overruns(lab: &Lab) -> Result<()> {
    let mut scene = Scene::external(lab)?;
    for bad in [&[0xc0, 8, 200, 0, 0, 0, 1][..], &[0xd0, 8, 0xff, 0xff, 0], &[0x40, 1, 9, 0]] {
        scene.withdraws(&[&scene.without(&[])[..], bad].concat())?;
    }
    Ok(())
}

fn rfc7606_s4_trailing_octets(lab: &Lab) -> Result<()> {
    let mut scene = Scene::external(lab)?;
    for bad in [&[0xc0][..], &[0xc0, 8], &[0xd0, 8, 0]] {
        scene.withdraws(&[&scene.without(&[])[..], bad].concat())?;
    }
    Ok(())
}

fn rfc7606_s4_zero_length(lab: &Lab) -> Result<()> {
    let mut scene = Scene::external(lab)?;
    let empty = [(WELL_KNOWN, 1), (WELL_KNOWN, 3), (NON_TRANSITIVE, 4), (TRANSITIVE, 8)];
    empty.iter().try_for_each(|(f, k)| scene.withdraws(&scene.with(*f, *k, &[])))
}

fn rfc7606_s7_1_origin(lab: &Lab) -> Result<()> {
    withdraws(lab, WELL_KNOWN, 1, &[&[3], &[255], &[0, 0], &[]])?;
    let mut scene = Scene::external(lab)?;
    scene.withdraws(&scene.without(&[1]))
}

fn rfc7606_s7_2_as_path(lab: &Lab) -> Result<()> {
    let bad: [&[u8]; 6] = [
        &[9, 1, 0, 0, 0xfe, 0x4c],
        &[0, 1, 0, 0, 0xfe, 0x4c],
        &[2, 0],
        &[2, 2, 0, 0, 0xfe, 0x4c],
        &[2, 1, 0, 0, 0xfe, 0x4c, 2],
        &[2, 1, 0, 0, 0xfe],
    ];
    withdraws(lab, WELL_KNOWN, 2, &bad)?;
    let mut scene = Scene::external(lab)?;
    scene.withdraws(&scene.without(&[2]))
}

fn rfc7607_s2_as_path_with_as_0(lab: &Lab) -> Result<()> {
    let bad: [&[u8]; 2] =
        [&[2, 2, 0, 0, 0xfe, 0x4c, 0, 0, 0, 0], &[2, 1, 0, 0, 0xfe, 0x4c, 1, 1, 0, 0, 0, 0]];
    withdraws(lab, WELL_KNOWN, 2, &bad)
}

fn rfc5065_s5_confederation_segments(lab: &Lab) -> Result<()> {
    let bad: [&[u8]; 2] = [&[3, 1, 0, 0, 0xfe, 0x4c], &[2, 1, 0, 0, 0xfe, 0x4c, 4, 1, 0, 0, 1, 1]];
    withdraws(lab, WELL_KNOWN, 2, &bad)
}

fn rfc7606_s7_3_next_hop(lab: &Lab) -> Result<()> {
    withdraws(lab, WELL_KNOWN, 3, &[&[10, 99, 128], &[10, 99, 128, 1, 0], &[0; 16]])?;
    let mut scene = Scene::external(lab)?;
    scene.withdraws(&scene.without(&[3]))
}

fn rfc7606_s7_4_med(lab: &Lab) -> Result<()> {
    withdraws(lab, NON_TRANSITIVE, 4, &[&[0; 3], &[0; 5], &[]])
}

fn rfc7606_s7_5_local_pref_external(lab: &Lab) -> Result<()> {
    drops(lab, WELL_KNOWN, 5, &[&[0, 0, 0, 9], &[], &[1, 2, 3]])
}

fn rfc7606_s7_5_local_pref_internal(lab: &Lab) -> Result<()> {
    let mut scene = Scene::internal(lab)?;
    scene.withdraws(&scene.with(WELL_KNOWN, 5, &[0; 3]))
}

fn rfc7606_s7_6_atomic_aggregate(lab: &Lab) -> Result<()> {
    drops(lab, WELL_KNOWN, 6, &[&[0], &[0; 9]])
}

fn rfc7606_s7_7_aggregator(lab: &Lab) -> Result<()> {
    drops(lab, TRANSITIVE, 7, &[&[], &[0, 1, 10, 0, 0, 1], &[1; 9], &[0, 0, 0, 0, 10, 0, 0, 1]])
}

fn rfc7606_s7_8_communities(lab: &Lab) -> Result<()> {
    withdraws(lab, TRANSITIVE, 8, &[&[], &[0; 3], &[0; 6]])
}

fn reflection(lab: &Lab, kind: u8, bad: &[&[u8]]) -> Result<()> {
    drops(lab, NON_TRANSITIVE, kind, &[&[1; 4], &[], &[1; 5]])?;
    let mut scene = Scene::internal(lab)?;
    bad.iter().try_for_each(|value| scene.withdraws(&scene.with(NON_TRANSITIVE, kind, value)))
}

fn rfc7606_s7_9_originator_id(lab: &Lab) -> Result<()> {
    reflection(lab, 9, &[&[], &[1; 3], &[1; 8]])
}

fn rfc7606_s7_10_cluster_list(lab: &Lab) -> Result<()> {
    reflection(lab, 10, &[&[], &[1; 6]])
}

fn rfc7606_s7_14_extended_communities(lab: &Lab) -> Result<()> {
    withdraws(lab, TRANSITIVE, 16, &[&[], &[0; 7], &[0; 12]])
}

fn rfc7606_s7_15_ipv6_extended_communities(lab: &Lab) -> Result<()> {
    withdraws(lab, TRANSITIVE, 25, &[&[0; 19], &[0; 24]])
}

fn rfc8092_s6_large_communities(lab: &Lab) -> Result<()> {
    withdraws(lab, TRANSITIVE, 32, &[&[], &[0; 4], &[0; 13]])
}

fn rfc6793_s6_as4_attributes(lab: &Lab) -> Result<()> {
    drops(lab, TRANSITIVE, 17, &[&[2, 1, 0, 0, 1, 1], &[9, 9]])?;
    drops(lab, TRANSITIVE, 18, &[&[0, 0, 1, 1, 10, 0, 0, 1], &[1]])
}

fn rfc7311_s3_aigp(lab: &Lab) -> Result<()> {
    let value = [1, 0, 11, 0, 0, 0, 0, 0, 0, 0, 5];
    drops(lab, NON_TRANSITIVE, 26, &[&value, &[], &[1, 0], &[1, 0, 200, 0], &[1, 0, 0]])?;
    drops(lab, TRANSITIVE, 26, &[&value])
}

fn rfc9012_s13_tunnel_encapsulation(lab: &Lab) -> Result<()> {
    withdraws(lab, TRANSITIVE, 23, &[&[], &[0, 8], &[0, 8, 0, 9, 1], &[0xff; 7]])
}

fn rfc6514_s5_pmsi(lab: &Lab) -> Result<()> {
    withdraws(lab, TRANSITIVE, 22, &[&[], &[0; 4]])
}

fn rfc9552_s8_2_2_link_state(lab: &Lab) -> Result<()> {
    drops(lab, NON_TRANSITIVE, 29, &[&[], &[4, 0, 0, 1, 9], &[4, 0, 0, 9, 9]])
}

fn rfc9234_s5_otc_length(lab: &Lab) -> Result<()> {
    withdraws(lab, TRANSITIVE, 35, &[&[], &[0; 3], &[0; 8]])
}

fn rfc8669_s6_prefix_sid(lab: &Lab) -> Result<()> {
    drops(lab, TRANSITIVE, 40, &[&[], &[1, 0, 7, 0], &[1, 0, 3, 0, 0, 0], &[5, 0, 200]])
}

fn rfc4271_s6_3_missing_everything(lab: &Lab) -> Result<()> {
    let mut scene = Scene::external(lab)?;
    scene.withdraws(&[])?;
    scene.withdraws(&attribute(TRANSITIVE, 99, &[1]))
}

fn rfc4271_s4_3_withdrawn_and_announced(lab: &Lab) -> Result<()> {
    let mut scene = Scene::external(lab)?;
    let prefix = scene.peer.prefix();
    scene.session.send(&update(&prefix, &scene.without(&[]), &prefix))?;
    announced(&mut scene.watching, &prefix)?;
    scene.session.send(&update(&prefix, &scene.with(NON_TRANSITIVE, 4, &[0; 4]), &prefix))?;
    is_alive(&mut scene.session)?;
    // It is still there for who asks.
    scene.watching.send(&wire::refresh(1, 0, 1))?;
    announced(&mut scene.watching, &prefix).map(drop)
}

fn rfc4271_s4_3_trailing_bits(lab: &Lab) -> Result<()> {
    let mut scene = Scene::external(lab)?;
    let [_, a, b, c] = scene.peer.prefix()[..] else { anyhow::bail!("a prefix of 24 bits") };
    // /23 with its last bit set; it is the /23 of the even number.
    scene.session.send(&update(&[], &scene.without(&[]), &[23, a, b, c | 1]))?;
    announced(&mut scene.watching, &[23, a, b, c & 0xfe])?;
    is_alive(&mut scene.session)
}

fn rfc4271_s4_3_extended_length(lab: &Lab) -> Result<()> {
    let mut scene = Scene::external(lab)?;
    let long = [&scene.without(&[1])[..], &[0x50, 1, 0, 1, 2]].concat();
    let seen = scene.passes(&long)?;
    ensure!(find(&seen, 1).is_some_and(|(_, value)| value == [2]), "{seen:02x?}");
    Ok(())
}

fn rfc4271_s5_unknown_transitive(lab: &Lab) -> Result<()> {
    let mut scene = Scene::external(lab)?;
    let long = [0xa5; 300];
    for kind in [19, 21, 24, 27, 28, 30, 33, 34, 36, 38, 99, 128, 200, 255] {
        for value in [&[][..], &[0xff; 7], &long] {
            let seen = scene.passes(&scene.with(TRANSITIVE, kind, value))?;
            let (flags, passed) = find(&seen, kind).with_context(|| format!("{kind} is lost"))?;
            ensure!(flags & 0xe0 == 0xe0, "attribute {kind}: flags {flags:02x}");
            ensure!(passed == value, "attribute {kind}: {passed:02x?} instead of {value:02x?}");
        }
    }
    Ok(())
}

fn rfc4271_s5_unknown_non_transitive(lab: &Lab) -> Result<()> {
    drops(lab, NON_TRANSITIVE, 99, &[&[], &[1, 2, 3]])?;
    drops(lab, NON_TRANSITIVE, 255, &[&[0xff; 9]])
}

fn rfc4271_s9_1_2_own_as(lab: &Lab) -> Result<()> {
    let mut scene = Scene::external(lab)?;
    let [a, b] = u16::try_from(AS)?.to_be_bytes();
    for path in
        [&[2, 2, 0, 0, 0xfe, 0x4c, 0, 0, a, b][..], &[2, 1, 0, 0, 0xfe, 0x4c, 1, 1, 0, 0, a, b]]
    {
        scene.withdraws(&scene.with(WELL_KNOWN, 2, path))?;
    }
    Ok(())
}

fn rfc4271_s6_3_next_hop_no_host(lab: &Lab) -> Result<()> {
    let values: [&[u8]; 5] =
        [&[0, 0, 0, 0], &[0, 1, 2, 3], &[127, 0, 0, 1], &[224, 0, 0, 1], &[255; 4]];
    withdraws(lab, WELL_KNOWN, 3, &values)?;
    // Our own address, on the shared subnet.
    withdraws(lab, WELL_KNOWN, 3, &[&crate::lab::OURS.octets()])
}

fn rfc4760_s6_family_not_negotiated(lab: &Lab) -> Result<()> {
    let mut scene = Scene::external(lab)?;
    // VPN, EVPN and a family nobody knows: reached and unreached, whatever they hold.
    for family in [[0, 1, 128], [0, 25, 70], [9, 9, 9]] {
        let reach = [&family[..], &[4, 10, 0, 0, 1, 0, 0xff, 0xff]].concat();
        scene.passes(&scene.with(NON_TRANSITIVE, 14, &reach))?;
        let unreach = [&family[..], &[0xff, 0xff]].concat();
        scene.passes(&scene.with(NON_TRANSITIVE, 15, &unreach))?;
    }
    Ok(())
}

fn rfc4724_s2_end_of_rib_look_alike(lab: &Lab) -> Result<()> {
    let mut scene = Scene::external(lab)?;
    for octets in [
        update(&[], &attribute(NON_TRANSITIVE, 15, &[0, 2, 1]), &[]),
        update(&[], &attribute(NON_TRANSITIVE, 15, &[0, 1, 1]), &[]),
        update(&[], &attribute(NON_TRANSITIVE, 15, &[0, 99, 99]), &[]),
        update(&[], &[0x90, 15, 0, 3, 0, 2, 1], &[]),
    ] {
        scene.session.send(&octets)?;
        is_alive(&mut scene.session)?;
    }
    Ok(())
}

fn rfc7606_s5_1_mp_unreach_without_the_rest(lab: &Lab) -> Result<()> {
    let mut scene = Scene::external(lab)?;
    let unreach = attribute(NON_TRANSITIVE, 15, &[0, 2, 1, 32, 0x20, 1, 0xd, 0xb8]);
    scene.session.send(&update(&[], &unreach, &[]))?;
    is_alive(&mut scene.session)?;
    scene.withdraws(&unreach)
}
