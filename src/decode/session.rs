//! What a session's negotiation makes of bytes: found in OPENs, told by records, or inferred.
//!
//! What for: the same octets mean other routes with path identifiers and other paths with
//! two-octet AS numbers, and a capture seldom begins with the OPENs.
//! How: one [`Flow`] a pair of endpoints, with what each side's OPEN offered. Both OPENs decide;
//! where one or both are missing, the capture's own record decides (MRT says how its messages are
//! encoded; of AS numbers it has the first word), and else the first message that can be read in one
//! way only. A decision stays for the flow, so that one broken message does not turn the next ones; options override everything.
//! Invariants: at most [`MAX_FLOWS`] flows are remembered; inference looks at one message at a time.
//! References: RFC 4271 section 4.2, RFC 6793 section 4, RFC 7911 section 4, RFC 8950 section 4.

use std::collections::HashMap;
use std::net::IpAddr;

use bgp_wire::attr::{AttrType, attrs};
use bgp_wire::{Capability, Family, Open};

use super::args::SessionArgs;
use super::walk::{AddPath, Sections, each_attribute};
use capture::{BmpPeer, Endpoint};

/// Flows remembered; with more, the memory begins anew and later messages are inferred again.
const MAX_FLOWS: usize = 10_000;

/// What a record says of its own encoding.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Hint {
    /// AS numbers are four octets wide.
    pub(crate) as4: Option<bool>,
    /// Routes have path identifiers.
    pub(crate) add_path: Option<bool>,
}

/// How one message is to be read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reading {
    /// AS numbers are four octets wide.
    pub(crate) as4: bool,
    /// Families whose routes have path identifiers.
    pub(crate) add_path: Vec<Family>,
    /// The peer is external.
    pub(crate) ebgp: bool,
    /// The peer is in our confederation.
    pub(crate) confederation: bool,
    /// Families whose next hop may be of another address family; all, when no OPEN says.
    pub(crate) extended_next_hop: Option<Vec<Family>>,
    /// The receiver's AS, when it is known.
    pub(crate) local_as: Option<u32>,
    /// How that was decided, where it was not negotiated; said once a flow.
    pub(crate) notes: Vec<String>,
}

/// All flows of one input.
#[derive(Debug)]
pub(crate) struct Sessions {
    forced: SessionArgs,
    flows: HashMap<Key, Flow>,
}

/// A session: its two ends, the lower one first, or in BMP the peer and its distinguisher.
type Key = (End, End, [u8; 8]);
type End = (Option<IpAddr>, Option<u16>);

/// Who sent a message to whom, as far as the capture tells.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ends {
    /// The sender.
    pub(crate) from: Endpoint,
    /// The receiver.
    pub(crate) to: Endpoint,
    /// The BMP peer, for messages out of BMP.
    pub(crate) bmp: Option<BmpPeer>,
}

impl Ends {
    /// The flow, and the side of it that sends.
    fn key(&self) -> (Key, usize) {
        let (a, b) = (self.from, self.to);
        if let Some(bmp) = self.bmp {
            // Only Peer Up tells both addresses, so the one that is always there makes the key.
            let (peer, side) = if a.addr.is_some() { (a, 0) } else { (b, 1) };
            return (((peer.addr, None), (None, None), bmp.distinguisher), side);
        }
        let (a, b) = ((a.addr, a.port), (b.addr, b.port));
        if a <= b { ((a, b, [0; 8]), 0) } else { ((b, a, [0; 8]), 1) }
    }

    /// The same, seen from the other end.
    const fn turned(self) -> Self {
        Self { from: self.to, to: self.from, bmp: self.bmp }
    }
}

/// A session between two endpoints; index 0 is the lower one.
#[derive(Debug, Default)]
struct Flow {
    offers: [Option<Offer>; 2],
    as4: Option<bool>,
    add_path: [Vec<(Family, bool)>; 2],
    internal: Option<bool>,
}

/// What one OPEN offers.
#[derive(Debug)]
struct Offer {
    asn: u32,
    as4: bool,
    sends: Vec<Family>,
    receives: Vec<Family>,
    extended_next_hop: Vec<Family>,
}

impl Offer {
    fn of(open: &Open) -> Self {
        let mut offer = Self {
            asn: open.asn.0,
            as4: false,
            sends: Vec::new(),
            receives: Vec::new(),
            extended_next_hop: Vec::new(),
        };
        for capability in &open.capabilities {
            match capability {
                Capability::FourOctetAs(_) => offer.as4 = true,
                Capability::AddPath(list) => {
                    for (family, direction) in list {
                        offer.sends.extend(direction.sends().then_some(*family));
                        offer.receives.extend(direction.receives().then_some(*family));
                    }
                }
                Capability::ExtendedNextHop(list) => {
                    offer.extended_next_hop.extend(list.iter().map(|e| e.family));
                }
                _ => {}
            }
        }
        offer
    }
}

impl Sessions {
    /// No flow yet.
    pub(crate) fn new(forced: SessionArgs) -> Self {
        Self { forced, flows: HashMap::new() }
    }

    fn flow(&mut self, key: Key) -> &mut Flow {
        if self.flows.len() >= MAX_FLOWS && !self.flows.contains_key(&key) {
            self.flows.clear();
        }
        self.flows.entry(key).or_default()
    }

    /// Takes note of an OPEN.
    pub(crate) fn open(&mut self, ends: Ends, open: &Open) {
        let (key, side) = ends.key();
        self.flow(key).offer(side, open);
        let (turned, side) = ends.turned().key();
        if turned != key {
            // BMP: which of the two ends is the peer shows only later.
            self.flow(turned).offer(1 - side, open);
        }
    }

    /// Takes note of the end of a session, or of the beginning of another between the same ends.
    pub(crate) fn end(&mut self, ends: Ends) {
        self.flows.remove(&ends.key().0);
        self.flows.remove(&ends.turned().key().0);
    }

    /// The AS numbers of sender and receiver, as far as their OPENs were seen.
    pub(crate) fn asns(&self, ends: Ends) -> [Option<u32>; 2] {
        let (key, side) = ends.key();
        let Some(flow) = self.flows.get(&key) else { return [None; 2] };
        [side, 1 - side].map(|side| flow.offers[side].as_ref().map(|offer| offer.asn))
    }

    /// How to read an UPDATE.
    pub(crate) fn reading(&mut self, ends: Ends, hint: Hint, sections: &Sections<'_>) -> Reading {
        let forced = self.forced.clone();
        let (key, side) = ends.key();
        let flow = self.flow(key);
        let mut reading = Reading::default();
        let notes = &mut reading.notes;
        reading.as4 = flow.four_octets(&forced, hint, sections, notes);
        for field in sections.fields() {
            let family = field.family;
            if !reading.add_path.contains(&family)
                && flow.path_ids(side, &forced, hint, family, sections, notes)
            {
                reading.add_path.push(family);
            }
        }
        let asns = [ends.from, ends.to].map(|e| e.asn.map(|asn| asn.0).filter(|asn| *asn != 0));
        reading.local_as = asns[1].or_else(|| flow.offers[1 - side].as_ref().map(|o| o.asn));
        let sender = asns[0].or_else(|| flow.offers[side].as_ref().map(|o| o.asn));
        let internal = flow.is_internal(&forced, sender, reading.local_as, sections, notes);
        reading.ebgp = !internal;
        // An AS of a confederation has confederation segments inside it too.
        reading.confederation = forced.confederation || internal;
        reading.extended_next_hop = flow.extended_next_hop();
        reading
    }
}

impl Flow {
    fn offer(&mut self, side: usize, open: &Open) {
        if self.offers[side].is_some() {
            // The second OPEN of a side begins another session.
            *self = Self::default();
        }
        self.offers[side] = Some(Offer::of(open));
        // What was inferred before both sides had spoken counts no more.
        self.as4 = None;
        self.add_path = Default::default();
        self.internal = None;
    }

    fn four_octets(
        &mut self,
        forced: &SessionArgs,
        hint: Hint,
        sections: &Sections<'_>,
        notes: &mut Vec<String>,
    ) -> bool {
        if forced.as4 || forced.as2 {
            return forced.as4;
        }
        if let Some(told) = hint.as4 {
            return told;
        }
        match &self.offers {
            [Some(a), Some(b)] => return a.as4 && b.as4,
            [Some(one), None] | [None, Some(one)] if !one.as4 => return false,
            _ => {}
        }
        if let Some(settled) = self.as4 {
            return settled;
        }
        let Some((four, why)) = as_width(sections) else { return true };
        self.as4 = Some(four);
        let width = if four { "four" } else { "two" };
        notes.push(format!(
            "AS numbers read as {width} octets: {why} (no OPENs of both sides seen)"
        ));
        four
    }

    fn path_ids(
        &mut self,
        side: usize,
        forced: &SessionArgs,
        hint: Hint,
        family: Family,
        sections: &Sections<'_>,
        notes: &mut Vec<String>,
    ) -> bool {
        if let Some(list) = &forced.add_path {
            return list.contains(&Some(family));
        }
        if hint.add_path == Some(true) {
            return true;
        }
        match (&self.offers[side], &self.offers[1 - side]) {
            (Some(sender), Some(receiver)) => {
                return sender.sends.contains(&family) && receiver.receives.contains(&family);
            }
            (Some(sender), None) if !sender.sends.contains(&family) => return false,
            (None, Some(receiver)) if !receiver.receives.contains(&family) => return false,
            _ => {}
        }
        if let Some((_, settled)) = self.add_path[side].iter().find(|(f, _)| *f == family) {
            return *settled;
        }
        // A record without the ADD-PATH subtype may be older than RFC 8050, which made it; but only
        // what cannot be read otherwise speaks against its word.
        let doubted = hint.add_path.is_some();
        let fields = sections.fields().filter(|field| field.family == family);
        let mut verdicts = fields.filter_map(|field| {
            if doubted && field.read(false, &mut Vec::new()).is_ok() {
                return None;
            }
            field.looks_like_add_path()
        });
        let Some(with_ids) = verdicts.next() else { return false };
        self.add_path[side].push((family, with_ids));
        if with_ids {
            notes.push(format!(
                "{family} routes read with path identifiers: only so do they make sense (no OPENs of \
                 both sides seen)"
            ));
        }
        with_ids
    }

    fn is_internal(
        &mut self,
        forced: &SessionArgs,
        sender: Option<u32>,
        receiver: Option<u32>,
        sections: &Sections<'_>,
        notes: &mut Vec<String>,
    ) -> bool {
        if forced.ibgp || forced.ebgp {
            return forced.ibgp;
        }
        if let (Some(sender), Some(receiver)) = (sender, receiver) {
            return sender == receiver;
        }
        if let Some(settled) = self.internal {
            return settled;
        }
        let internal_only = [AttrType::LOCAL_PREF, AttrType::ORIGINATOR_ID, AttrType::CLUSTER_LIST];
        let Some(kind) = each_attribute(sections.attributes)
            .map(|(_, _, attr)| attr.kind)
            .find(|kind| internal_only.contains(kind))
        else {
            return false;
        };
        self.internal = Some(true);
        notes.push(format!(
            "taken as an internal session: {kind} is there (the two AS numbers are not both known)"
        ));
        true
    }

    fn extended_next_hop(&self) -> Option<Vec<Family>> {
        let [Some(a), Some(b)] = &self.offers else { return None };
        let both = a.extended_next_hop.iter().filter(|f| b.extended_next_hop.contains(f));
        Some(both.copied().collect())
    }
}

/// Two or four octets, by what attributes can be; `None` when they tell nothing.
pub(crate) fn as_width(sections: &Sections<'_>) -> Option<(bool, &'static str)> {
    if sections.overrun.is_some() || !is_whole(sections.attributes.bytes) {
        // A broken message would settle the flow by accident.
        return None;
    }
    for (_, _, attr) in each_attribute(sections.attributes) {
        match (attr.kind, attr.value.len()) {
            (AttrType::AS_PATH, 1..) => {
                match (path_fits::<4>(attr.value), path_fits::<2>(attr.value)) {
                    (true, false) => return Some((true, "so AS_PATH fits its length")),
                    (false, true) => return Some((false, "so AS_PATH fits its length")),
                    _ => {}
                }
            }
            (AttrType::AGGREGATOR, 8) => return Some((true, "AGGREGATOR has 8 octets")),
            (AttrType::AGGREGATOR, 6) => return Some((false, "AGGREGATOR has 6 octets")),
            _ => {}
        }
    }
    None
}

/// Whether the attributes fill their section.
fn is_whole(section: &[u8]) -> bool {
    let mut iter = attrs(section);
    iter.by_ref().for_each(drop);
    iter.rest().is_empty()
}

/// Whether segments of AS numbers `N` octets wide fill the value; AS 0 is not looked for.
pub(crate) fn path_fits<const N: usize>(mut value: &[u8]) -> bool {
    while let Some((&[kind, count], rest)) = value.split_first_chunk::<2>() {
        let Some((_, rest)) = rest.split_at_checked(usize::from(count) * N) else { return false };
        if !(1..=4).contains(&kind) || count == 0 {
            return false;
        }
        value = rest;
    }
    value.is_empty()
}

impl AddPath for Reading {
    fn has(&self, family: Family) -> bool {
        self.add_path.contains(&family)
    }
}

#[cfg(test)]
mod tests {
    use bgp_wire::{AddPathDirection, Asn};

    use super::*;

    /// ORIGIN, AS_PATH 65001 in four octets, NEXT_HOP; then 203.0.113.0/24 with path identifier 1.
    const ADD_PATH: &[u8] = &[
        0, 0, 0, 20, 0x40, 1, 1, 0, 0x40, 2, 6, 2, 1, 0, 0, 0xfd, 0xe9, 0x40, 3, 4, 192, 0, 2, 1,
        0, 0, 0, 1, 24, 203, 0, 113,
    ];

    fn end(last: u8) -> Endpoint {
        Endpoint { addr: Some([192, 0, 2, last].into()), port: None, asn: None }
    }

    fn ends() -> Ends {
        Ends { from: end(1), to: end(2), bmp: None }
    }

    fn open(asn: u32, add_path: AddPathDirection) -> Open {
        let list = vec![(Family::IPV4_UNICAST, add_path)];
        Open::new(Asn(asn), 90, [192, 0, 2, 1].into(), [Capability::AddPath(list)])
    }

    #[test]
    fn opens_of_both_sides_decide_by_direction() {
        let mut sessions = Sessions::new(SessionArgs::default());
        sessions.open(ends(), &open(65001, AddPathDirection::Send));
        sessions.open(ends().turned(), &open(65001, AddPathDirection::Receive));
        let sections = Sections::of(ADD_PATH);
        // Also against the word of a record that knows no ADD-PATH.
        let old = Hint { as4: None, add_path: Some(false) };
        let reading = sessions.reading(ends(), old, &sections);
        assert_eq!(reading.add_path, [Family::IPV4_UNICAST]);
        assert!(reading.as4 && !reading.ebgp && reading.notes.is_empty(), "{reading:?}");
        let back = sessions.reading(ends().turned(), Hint::default(), &sections);
        assert!(back.add_path.is_empty());
        sessions.end(ends());
        assert_eq!(sessions.asns(ends()), [None, None]);
    }

    #[test]
    fn what_fits_decides_once_and_is_said_once() {
        let mut sessions = Sessions::new(SessionArgs::default());
        let sections = Sections::of(ADD_PATH);
        let reading = sessions.reading(ends(), Hint::default(), &sections);
        assert!(reading.as4 && reading.ebgp);
        assert_eq!(reading.add_path, [Family::IPV4_UNICAST]);
        assert_eq!(reading.notes.len(), 2, "{:?}", reading.notes);
        assert!(sessions.reading(ends(), Hint::default(), &sections).notes.is_empty());
    }

    #[test]
    fn options_override_everything() {
        let forced = SessionArgs {
            as2: true,
            add_path: Some(vec![None]),
            ibgp: true,
            ..SessionArgs::default()
        };
        let mut sessions = Sessions::new(forced);
        let told = Hint { as4: Some(true), add_path: Some(true) };
        let reading = sessions.reading(ends(), told, &Sections::of(ADD_PATH));
        assert!(!reading.as4 && !reading.ebgp && reading.add_path.is_empty());
    }

    #[test]
    fn a_broken_message_settles_nothing() {
        let mut broken = ADD_PATH.to_vec();
        broken[3] = 19;
        assert_eq!(as_width(&Sections::of(&broken)), None);
        assert!(as_width(&Sections::of(ADD_PATH)).is_some_and(|(four, _)| four));
    }

    #[test]
    fn memory_is_bounded() {
        let mut sessions = Sessions::new(SessionArgs::default());
        for n in 0..MAX_FLOWS + 5 {
            let [.., a, b] = n.to_be_bytes();
            let from = Endpoint { addr: Some([10, 0, a, b].into()), ..Endpoint::default() };
            sessions.flow(Ends { from, ..ends() }.key().0);
        }
        assert!(sessions.flows.len() <= MAX_FLOWS);
    }
}
