//! The receiving end: frames folded into a table, with the rule that nothing is withdrawn which was
//! not sent.

use std::collections::{BTreeMap, BTreeSet};

use bgp_wire::{
    Asn, AttrOutcome, AttrScratch, Family, FamilySet, Framed, HEADER_LEN, MAX_MESSAGE, MessageType,
    NextHop, Prefix, RouteRefresh, UpdateContext, UpdateView, next_frame,
};

use super::naive::{Values, values};

/// What tells how a session's bytes are read.
#[derive(Copy, Clone, Debug)]
pub(in crate::export) struct Session {
    pub(super) ebgp: bool,
    pub(super) add_path: FamilySet,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::export) struct Held {
    /// By prefix and path identifier, which is 0 where none is sent.
    pub(super) routes: BTreeMap<(Prefix, u32), (Values, NextHop)>,
    pub(super) end_of_rib: Vec<Family>,
    pub(super) announced: usize,
    pub(super) withdrawn: usize,
    /// Families being refreshed, with the routes that were not repeated yet (RFC 7313).
    pub(super) stale: BTreeMap<Family, BTreeSet<(Prefix, u32)>>,
    /// Refreshes that came to their end.
    pub(super) refreshed: usize,
}

impl Held {
    pub(super) fn receive(&mut self, mut bytes: &[u8], session: Session) {
        while !bytes.is_empty() {
            let Framed::Message { kind, frame } = next_frame(bytes, MAX_MESSAGE).unwrap() else {
                panic!("frames hold whole messages");
            };
            if kind == MessageType::ROUTE_REFRESH {
                self.marker(&RouteRefresh::decode(&frame[HEADER_LEN..]).unwrap());
            } else {
                self.update(&frame[HEADER_LEN..], session);
            }
            bytes = &bytes[frame.len()..];
        }
    }

    /// As RFC 7313 section 4 has it: what is not repeated before the EoRR is gone.
    fn marker(&mut self, marker: &RouteRefresh) {
        let family = marker.family;
        assert!(self.end_of_rib.contains(&family), "a marker before End-of-RIB");
        if marker.subtype == RouteRefresh::BEGIN {
            let all = self.routes.keys().filter(|(prefix, _)| prefix.family() == family).copied();
            self.stale.insert(family, all.collect());
            return;
        }
        for route in self.stale.remove(&family).expect("an EoRR follows a BoRR") {
            self.routes.remove(&route);
        }
        self.refreshed += 1;
    }

    fn announce(&mut self, prefix: Prefix, id: u32, values: &Values, next_hop: NextHop) {
        self.announced += 1;
        self.stale.values_mut().for_each(|stale| {
            stale.remove(&(prefix, id));
        });
        self.routes.insert((prefix, id), (values.clone(), next_hop));
    }

    fn update(&mut self, body: &[u8], session: Session) {
        let Session { ebgp, add_path } = session;
        let local_as = Asn(65_099);
        let ctx = UpdateContext { ebgp, local_as, add_path, ..UpdateContext::default() };
        let view = UpdateView::parse(body, &ctx).unwrap();
        if let Some(family) = view.end_of_rib() {
            self.end_of_rib.push(family);
            return;
        }
        for (id, prefix) in view.withdrawn_v4() {
            self.withdraw(prefix.into(), id);
        }
        for (id, prefix) in view.unreach_v6() {
            self.withdraw(prefix.into(), id);
        }
        if !view.has_reach() {
            return;
        }
        let mut scratch = AttrScratch::default();
        let AttrOutcome::Ok { canonical, .. } = view.attrs(&mut scratch) else {
            panic!("what is sent is well formed");
        };
        let attributes = values(canonical);
        for (id, prefix) in view.reach_v4() {
            let next_hop = view.next_hop_v4().unwrap();
            self.announce(prefix.into(), id, &attributes, next_hop);
        }
        for (id, prefix) in view.reach_v6() {
            let next_hop = view.next_hop_v6().unwrap();
            self.announce(prefix.into(), id, &attributes, next_hop);
        }
    }

    fn withdraw(&mut self, prefix: Prefix, id: u32) {
        self.withdrawn += 1;
        let held = self.routes.remove(&(prefix, id));
        assert!(held.is_some(), "{prefix} ({id}) withdrawn but was never sent");
    }
}
