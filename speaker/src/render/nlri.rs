//! What the NLRI of a route say beside its prefix, and the text that names a route.
//!
//! **For**: `show routes`, `received`, `advertised` and `explain` of labelled, VPN, EVPN and route
//! target routes. **Sits**: between [`rib`], which keeps what is no key as octets, and [`crate::view`].
//! **How it works**: key and rest are joined to the route again and its fields are read out.
//! **References**: RFC 8277, RFC 4364, RFC 7432 section 7, RFC 9136, RFC 8365 section 5.1.3.

use bgp_wire::{
    Esi, EvpnLabel, EvpnRoute, ExtCommunity, ExtKind, Label, LabelStack, RouteTargetMembership,
    V4Prefix, V6Prefix,
};
use fib_netlink::Route;
use rib::keys::{EvpnRowKey, LabeledKey, VpnKey};
use rib::{RowId, TableFamily};

use crate::core::Core;
use crate::view::NlriView;

/// A family whose routes are shown and asked for by name.
pub(crate) trait Shown: TableFamily {
    /// The route of this name, if it is one of this family.
    fn parse(text: &str) -> Option<Self>;

    /// What its NLRI say beside what the name says already.
    fn view(self, rest: &[u8], canonical: &[u8]) -> NlriView;

    /// The kernel's route for a row, where such routes go to the kernel.
    fn kernel_route(_: &Core, _: RowId) -> Option<Route> {
        None
    }

    /// Whether a route is a prefix and nothing else.
    fn prefix_only() -> bool {
        false
    }
}

/// What the NLRI of a route say beside its name.
pub(crate) fn nlri<P: Shown>(key: P, rest: &[u8], canonical: &[u8]) -> NlriView {
    key.view(rest, canonical)
}

macro_rules! unicast {
    ($prefix:ty) => {
        impl Shown for $prefix {
            fn parse(text: &str) -> Option<Self> {
                text.parse().ok()
            }

            fn view(self, _: &[u8], _: &[u8]) -> NlriView {
                NlriView::default()
            }

            fn kernel_route(core: &Core, row: RowId) -> Option<Route> {
                core.kernel_route::<Self>(row)
            }

            fn prefix_only() -> bool {
                true
            }
        }
    };
}

macro_rules! labelled {
    ($prefix:ty) => {
        impl Shown for LabeledKey<$prefix> {
            fn parse(text: &str) -> Option<Self> {
                text.parse().ok()
            }

            fn view(self, rest: &[u8], _: &[u8]) -> NlriView {
                NlriView { labels: numbers(self.join(rest).labels()), ..NlriView::default() }
            }
        }

        impl Shown for VpnKey<$prefix> {
            fn parse(text: &str) -> Option<Self> {
                text.parse().ok()
            }

            fn view(self, rest: &[u8], _: &[u8]) -> NlriView {
                NlriView {
                    rd: Some(self.rd.to_string()),
                    labels: numbers(self.join(rest).labels()),
                    ..NlriView::default()
                }
            }
        }
    };
}

unicast!(V4Prefix);
unicast!(V6Prefix);
labelled!(V4Prefix);
labelled!(V6Prefix);

fn numbers(labels: &LabelStack) -> Vec<u32> {
    labels.iter().map(Label::value).collect()
}

impl Shown for RouteTargetMembership {
    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn view(self, _: &[u8], _: &[u8]) -> NlriView {
        NlriView::default()
    }
}

impl Shown for EvpnRowKey {
    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn view(self, rest: &[u8], canonical: &[u8]) -> NlriView {
        let route = self.join(rest);
        let says_vxlan =
            |c: ExtCommunity| matches!(c.kind(), ExtKind::Encapsulation(t) if t.0 == VXLAN);
        let vxlan = ExtCommunity::of(canonical).any(says_vxlan);
        let number = |label: EvpnLabel| if vxlan { label.vni() } else { label.mpls_label() };
        let mut view = NlriView {
            rd: route.rd().map(|rd| rd.to_string()),
            labels: route.labels().map(number).collect(),
            ..NlriView::default()
        };
        match route {
            EvpnRoute::MacIp { esi, .. } => view.esi = segment(esi),
            EvpnRoute::IpPrefix { esi, route, .. } => {
                view.esi = segment(esi);
                view.gateway = route.gateway();
            }
            _ => {}
        }
        view
    }
}

/// The tunnel type VXLAN (RFC 8365 section 11).
const VXLAN: u16 = 8;

fn segment(esi: Esi) -> Option<String> {
    (esi != Esi::default()).then(|| esi.to_string())
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn halves<P: Shown>(route: &P::Wire) -> (P, Vec<u8>) {
        let mut rest = Vec::new();
        (P::split(route, &mut rest).expect("a route that can be kept"), rest)
    }

    #[test]
    fn what_a_vpn_route_says() {
        let route = "65001:7:192.0.2.0/24 label 100,200".parse().expect("a route");
        let (key, rest) = halves::<VpnKey<V4Prefix>>(&route);
        assert_eq!(VpnKey::<V4Prefix>::parse("65001:7:192.0.2.0/24"), Some(key));
        let view = key.view(&rest, &[]);
        assert_eq!((view.rd.as_deref(), view.labels), (Some("65001:7"), vec![100, 200]));
        assert_eq!(V4Prefix::parse("65001:7:192.0.2.0/24"), None);
        assert_eq!(EvpnRowKey::parse("192.0.2.0/24"), None);
    }

    #[test]
    fn an_evpn_label_is_a_vni_where_vxlan_is_said() {
        let text =
            "ip-prefix rd 65001:1 esi 0 tag 0 prefix 192.0.2.0/24 gateway 198.51.100.1 label 160";
        let route = text.parse().expect("a route");
        let (key, rest) = halves::<EvpnRowKey>(&route);
        let mpls = key.view(&rest, &[]);
        assert_eq!((&mpls.labels[..], mpls.esi), (&[10][..], None));
        assert_eq!(mpls.gateway, "198.51.100.1".parse::<IpAddr>().ok());
        let encapsulation = [0xc0, 16, 8, 0x03, 0x0c, 0, 0, 0, 0, 0, 8];
        assert_eq!(key.view(&rest, &encapsulation).labels, [160]);
    }
}
