//! The receiving end: frames folded into a table, with the rule that nothing is withdrawn which was
//! not sent.

use std::collections::{BTreeMap, BTreeSet};

use bgp_wire::{
    Asn, AttrOutcome, AttrScratch, Family, FamilySet, Framed, HEADER_LEN, MAX_MESSAGE, MessageType,
    NextHop, Nlri, Prefix, RouteRefresh, UpdateContext, UpdateView, V4Prefix, V6Prefix, next_frame,
};

use super::naive::{Values, values};
use crate::{
    FAMILIES, TableFamily,
    keys::{EvpnRowKey, VpnKey},
};

/// What a route is called, in the families that are tested.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::export) enum Name {
    Ip(Prefix),
    Vpn(VpnKey<V4Prefix>),
    Evpn(EvpnRowKey),
}

impl Name {
    pub(super) fn family(self) -> Family {
        match self {
            Self::Ip(prefix) => prefix.family(),
            Self::Vpn(_) => Family::IPV4_VPN,
            Self::Evpn(_) => Family::EVPN,
        }
    }
}

macro_rules! name {
    ($($key:ty: $name:expr),*) => {
        $(impl From<$key> for Name {
            fn from(key: $key) -> Self {
                $name(key)
            }
        })*
    };
}

name!(Prefix: Name::Ip, VpnKey<V4Prefix>: Name::Vpn, EvpnRowKey: Name::Evpn,
    V4Prefix: |prefix: V4Prefix| Name::Ip(prefix.into()),
    V6Prefix: |prefix: V6Prefix| Name::Ip(prefix.into()));

/// What tells how a session's bytes are read.
#[derive(Copy, Clone, Debug)]
pub(in crate::export) struct Session {
    pub(super) ebgp: bool,
    pub(super) add_path: FamilySet,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::export) struct Held {
    /// By prefix and path identifier, which is 0 where none is sent.
    /// What stands beside the key in NLRI is value 0.
    pub(super) routes: BTreeMap<(Name, u32), (Values, NextHop)>,
    pub(super) end_of_rib: Vec<Family>,
    pub(super) announced: usize,
    pub(super) withdrawn: usize,
    /// Families being refreshed, with the routes that were not repeated yet (RFC 7313).
    pub(super) stale: BTreeMap<Family, BTreeSet<(Name, u32)>>,
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

    fn announce(&mut self, prefix: Name, id: u32, values: &Values, next_hop: NextHop) {
        self.announced += 1;
        self.stale.values_mut().for_each(|stale| {
            stale.remove(&(prefix, id));
        });
        self.routes.insert((prefix, id), (values.clone(), next_hop));
    }

    fn update(&mut self, body: &[u8], session: Session) {
        let Session { ebgp, add_path } = session;
        let local_as = Asn(65_099);
        let families = FAMILIES.into_iter().collect();
        let ctx = UpdateContext { ebgp, local_as, add_path, families, ..UpdateContext::default() };
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
        self.withdraw_all::<VpnKey<V4Prefix>>(&view);
        self.withdraw_all::<EvpnRowKey>(&view);
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
        self.announce_all::<VpnKey<V4Prefix>>(&view, &attributes);
        self.announce_all::<EvpnRowKey>(&view, &attributes);
    }

    fn withdraw_all<P: TableFamily + Into<Name>>(&mut self, view: &UpdateView<'_>) {
        let routes = view.mp_unreach().and_then(|mp| mp.iter::<P::Wire>());
        for (id, route) in routes.into_iter().flatten() {
            self.withdraw(P::split(&route, &mut Vec::new()).unwrap().into(), id);
        }
    }

    fn announce_all<P: TableFamily + Into<Name>>(&mut self, view: &UpdateView<'_>, plain: &Values) {
        let Some(mp) = view.mp_reach() else { return };
        for (id, route) in mp.iter::<P::Wire>().into_iter().flatten() {
            assert!(!route.is_malformed());
            let mut attributes = plain.clone();
            let rest = attributes.entry(0).or_default();
            let key = P::split(&route, rest).unwrap();
            self.announce(key.into(), id, &attributes, mp.next_hop().unwrap());
        }
    }

    fn withdraw(&mut self, prefix: Name, id: u32) {
        self.withdrawn += 1;
        let held = self.routes.remove(&(prefix, id));
        assert!(held.is_some(), "{prefix:?} ({id}) withdrawn but was never sent");
    }
}
