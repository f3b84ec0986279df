//! The receiving end: frames folded into a table, with the rule that nothing is withdrawn which was
//! not sent.

use std::collections::{BTreeMap, BTreeSet};

use bgp_wire::{
    Asn, AttrOutcome, AttrScratch, Family, Framed, HEADER_LEN, MAX_MESSAGE, MessageType, NextHop,
    Prefix, RouteRefresh, UpdateContext, UpdateView, next_frame,
};

use super::naive::{Values, values};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::export) struct Held {
    pub(super) routes: BTreeMap<Prefix, (Values, NextHop)>,
    pub(super) end_of_rib: Vec<Family>,
    pub(super) announced: usize,
    pub(super) withdrawn: usize,
    /// Families being refreshed, with the routes that were not repeated yet (RFC 7313).
    pub(super) stale: BTreeMap<Family, BTreeSet<Prefix>>,
    /// Refreshes that came to their end.
    pub(super) refreshed: usize,
}

impl Held {
    pub(super) fn receive(&mut self, mut bytes: &[u8], ebgp: bool) {
        while !bytes.is_empty() {
            let Framed::Message { kind, frame } = next_frame(bytes, MAX_MESSAGE).unwrap() else {
                panic!("frames hold whole messages");
            };
            if kind == MessageType::ROUTE_REFRESH {
                self.marker(&RouteRefresh::decode(&frame[HEADER_LEN..]).unwrap());
            } else {
                self.update(&frame[HEADER_LEN..], ebgp);
            }
            bytes = &bytes[frame.len()..];
        }
    }

    /// As RFC 7313 section 4 has it: what is not repeated before the EoRR is gone.
    fn marker(&mut self, marker: &RouteRefresh) {
        let family = marker.family;
        assert!(self.end_of_rib.contains(&family), "a marker before End-of-RIB");
        if marker.subtype == RouteRefresh::BEGIN {
            let all = self.routes.keys().filter(|prefix| prefix.family() == family).copied();
            self.stale.insert(family, all.collect());
            return;
        }
        for prefix in self.stale.remove(&family).expect("an EoRR follows a BoRR") {
            self.routes.remove(&prefix);
        }
        self.refreshed += 1;
    }

    fn announce(&mut self, prefix: Prefix, values: &Values, next_hop: NextHop) {
        self.announced += 1;
        self.stale.values_mut().for_each(|stale| {
            stale.remove(&prefix);
        });
        self.routes.insert(prefix, (values.clone(), next_hop));
    }

    fn update(&mut self, body: &[u8], ebgp: bool) {
        let ctx = UpdateContext { ebgp, local_as: Asn(65_099), ..UpdateContext::default() };
        let view = UpdateView::parse(body, &ctx).unwrap();
        if let Some(family) = view.end_of_rib() {
            self.end_of_rib.push(family);
            return;
        }
        for (_, prefix) in view.withdrawn_v4() {
            self.withdraw(prefix.into());
        }
        for (_, prefix) in view.unreach_v6() {
            self.withdraw(prefix.into());
        }
        if !view.has_reach() {
            return;
        }
        let mut scratch = AttrScratch::default();
        let AttrOutcome::Ok { canonical, .. } = view.attrs(&mut scratch) else {
            panic!("what is sent is well formed");
        };
        let attributes = values(canonical);
        for (_, prefix) in view.reach_v4() {
            let next_hop = view.next_hop_v4().unwrap();
            self.announce(prefix.into(), &attributes, next_hop);
        }
        for (_, prefix) in view.reach_v6() {
            let next_hop = view.next_hop_v6().unwrap();
            self.announce(prefix.into(), &attributes, next_hop);
        }
    }

    fn withdraw(&mut self, prefix: Prefix) {
        self.withdrawn += 1;
        assert!(self.routes.remove(&prefix).is_some(), "{prefix} withdrawn but was never sent");
    }
}
