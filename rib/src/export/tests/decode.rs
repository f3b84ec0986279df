//! The receiving end: frames folded into a table, with the rule that nothing is withdrawn which was
//! not sent.

use std::collections::BTreeMap;

use bgp_wire::{
    Asn, AttrOutcome, AttrScratch, Family, Framed, HEADER_LEN, MAX_MESSAGE, NextHop, Prefix,
    UpdateContext, UpdateView, next_frame,
};

use super::naive::{Values, values};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::export) struct Held {
    pub(super) routes: BTreeMap<Prefix, (Values, NextHop)>,
    pub(super) end_of_rib: Vec<Family>,
    pub(super) announced: usize,
    pub(super) withdrawn: usize,
}

impl Held {
    pub(super) fn receive(&mut self, mut bytes: &[u8], ebgp: bool) {
        while !bytes.is_empty() {
            let Framed::Message { frame, .. } = next_frame(bytes, MAX_MESSAGE).unwrap() else {
                panic!("frames hold whole messages");
            };
            self.update(&frame[HEADER_LEN..], ebgp);
            bytes = &bytes[frame.len()..];
        }
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
            self.announced += 1;
            self.routes.insert(prefix.into(), (attributes.clone(), next_hop));
        }
        for (_, prefix) in view.reach_v6() {
            let next_hop = view.next_hop_v6().unwrap();
            self.announced += 1;
            self.routes.insert(prefix.into(), (attributes.clone(), next_hop));
        }
    }

    fn withdraw(&mut self, prefix: Prefix) {
        self.withdrawn += 1;
        assert!(self.routes.remove(&prefix).is_some(), "{prefix} withdrawn but was never sent");
    }
}
