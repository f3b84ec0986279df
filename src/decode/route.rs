//! A route of any family, and reading fields of them.
//!
//! How: the codec's reader of each family, with or without path identifiers. A field is tried both
//! ways when nobody said which it is; see [`looks_like_add_path`].
//! References: RFC 7911.

use std::fmt;
use std::net::IpAddr;

use bgp_wire::nlri::{AnyNlri, EvpnLabel, EvpnRoute, FlowSpec};
use bgp_wire::{Family, NlriPrefix};
use ipnet::IpNet;
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::value::Text;

/// A route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    /// Its family.
    pub(crate) family: Family,
    /// Its path identifier, on ADD-PATH sessions.
    pub(crate) path_id: Option<u32>,
    /// The route itself.
    pub(crate) nlri: AnyNlri,
}

/// An NLRI field of one message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field<'a> {
    /// The family of its routes.
    pub(crate) family: Family,
    /// Whether they are withdrawn.
    pub(crate) withdrawn: bool,
    /// Where it begins, counted from the message header.
    pub(crate) at: usize,
    /// Its octets.
    pub(crate) bytes: &'a [u8],
}

impl<'a> Field<'a> {
    /// Appends the routes.
    ///
    /// # Errors
    /// What is left, with its offset, from the first route that cannot be read.
    pub(crate) fn read(
        self,
        add_path: bool,
        out: &mut Vec<Route>,
    ) -> Result<(), (usize, &'a [u8])> {
        let mut rest = self.bytes;
        while !rest.is_empty() {
            let Some((route, tail)) = self.take(add_path, rest) else {
                return Err((self.at + (self.bytes.len() - rest.len()), rest));
            };
            out.push(route);
            rest = tail;
        }
        Ok(())
    }

    fn take(self, add_path: bool, bytes: &'a [u8]) -> Option<(Route, &'a [u8])> {
        let (path_id, bytes) = if add_path {
            let (id, rest) = bytes.split_first_chunk::<4>()?;
            (Some(u32::from_be_bytes(*id)), rest)
        } else {
            (None, bytes)
        };
        let (nlri, rest) = AnyNlri::take(self.family, self.withdrawn, bytes)?;
        Some((Route { family: self.family, path_id, nlri }, rest))
    }

    /// Whether the field makes sense only with path identifiers: without them it cannot be read, or
    /// says the same route twice (four octets of a small identifier read as default routes). `None`
    /// when it says nothing either way.
    pub(crate) fn looks_like_add_path(self) -> Option<bool> {
        if self.bytes.is_empty() {
            return None;
        }
        let mut plain = Vec::new();
        let readable = self.read(false, &mut plain).is_ok();
        let repeats = || {
            plain.iter().enumerate().any(|(ix, route)| {
                let earlier = plain.get(ix.saturating_sub(8)..ix).unwrap_or_default();
                earlier.iter().any(|other| other.nlri == route.nlri)
            })
        };
        if readable && !repeats() {
            return Some(false);
        }
        let with_ids = self.read(true, &mut Vec::new()).is_ok();
        if with_ids {
            return Some(true);
        }
        readable.then_some(false)
    }
}

impl Route {
    /// Its prefix, for filters: of flow specifications the destination, of EVPN types 2, 3 and 4 the
    /// address as a host route.
    pub(crate) fn ip_net(&self) -> Option<IpNet> {
        let host = |address: IpAddr| Some(IpNet::from(address));
        let prefix = match &self.nlri {
            AnyNlri::FlowSpecV4(spec) => spec.destination(),
            AnyNlri::FlowSpecV6(spec) => spec.destination(),
            AnyNlri::VpnFlowSpecV4(route) => route.spec().destination(),
            AnyNlri::VpnFlowSpecV6(route) => route.spec().destination(),
            AnyNlri::Evpn(EvpnRoute::MacIp { ip, .. }) => return ip.and_then(host),
            AnyNlri::Evpn(
                EvpnRoute::InclusiveMulticast { originator, .. }
                | EvpnRoute::EthernetSegment { originator, .. },
            ) => return host(*originator),
            other => other.prefix(),
        };
        let prefix = prefix?;
        IpNet::new(prefix.addr(), prefix.len()).ok()
    }
}

impl Serialize for Route {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut map = s.serialize_map(None)?;
        map.serialize_entry("family", &Text(&self.family))?;
        if let Some(prefix) = self.nlri.prefix() {
            map.serialize_entry("prefix", &Text(&prefix))?;
        }
        if let Some(rd) = self.nlri.rd() {
            map.serialize_entry("rd", &Text(&rd))?;
        }
        let labels = self.nlri.labels();
        if !labels.is_empty() {
            map.serialize_entry("labels", &labels.iter().map(|l| l.value()).collect::<Vec<_>>())?;
        }
        if let Some(id) = self.path_id {
            map.serialize_entry("pathId", &id)?;
        }
        match &self.nlri {
            AnyNlri::Evpn(route) => put_evpn(&mut map, route)?,
            AnyNlri::RouteTarget(route) => {
                map.serialize_entry("route", &Text(route))?;
                if let Some(asn) = route.origin_as() {
                    map.serialize_entry("originAs", &asn.0)?;
                }
                map.serialize_entry("targetLength", &route.len().saturating_sub(32))?;
                if route.len() == 96 {
                    map.serialize_entry("target", &Text(&route.target()))?;
                }
            }
            AnyNlri::FlowSpecV4(spec) => put_flow_spec(&mut map, spec)?,
            AnyNlri::FlowSpecV6(spec) => put_flow_spec(&mut map, spec)?,
            AnyNlri::VpnFlowSpecV4(route) => put_flow_spec(&mut map, route.spec())?,
            AnyNlri::VpnFlowSpecV6(route) => put_flow_spec(&mut map, route.spec())?,
            _ => {}
        }
        map.end()
    }
}

fn put_evpn<M: SerializeMap>(map: &mut M, route: &EvpnRoute) -> Result<(), M::Error> {
    map.serialize_entry("route", &Text(route))?;
    map.serialize_entry("routeType", &route.kind())?;
    let (esi, tag) = match route {
        EvpnRoute::EthernetAd { esi, tag, .. }
        | EvpnRoute::MacIp { esi, tag, .. }
        | EvpnRoute::IpPrefix { esi, tag, .. } => (Some(esi), Some(tag)),
        EvpnRoute::InclusiveMulticast { tag, .. } => (None, Some(tag)),
        EvpnRoute::EthernetSegment { esi, .. } => (Some(esi), None),
        EvpnRoute::Opaque(_) => (None, None),
    };
    if let Some(esi) = esi {
        map.serialize_entry("esi", &Text(esi))?;
    }
    if let Some(tag) = tag {
        map.serialize_entry("ethernetTag", tag)?;
    }
    match route {
        EvpnRoute::MacIp { mac, ip, .. } => {
            map.serialize_entry("mac", &Text(mac))?;
            if let Some(ip) = ip {
                map.serialize_entry("ip", ip)?;
            }
        }
        EvpnRoute::InclusiveMulticast { originator, .. }
        | EvpnRoute::EthernetSegment { originator, .. } => {
            map.serialize_entry("originator", originator)?;
        }
        EvpnRoute::IpPrefix { route, .. } => {
            if let Some(gateway) = route.gateway() {
                map.serialize_entry("gateway", &gateway)?;
            }
        }
        EvpnRoute::EthernetAd { .. } | EvpnRoute::Opaque(_) => {}
    }
    // Labels or VNIs, which only an extended community tells: the 24 bits.
    let labels: Vec<u32> = route.labels().map(EvpnLabel::vni).collect();
    if labels.is_empty() { Ok(()) } else { map.serialize_entry("vnis", &labels) }
}

fn put_flow_spec<M: SerializeMap, P>(map: &mut M, spec: &FlowSpec<P>) -> Result<(), M::Error>
where
    FlowSpec<P>: fmt::Display,
    P: NlriPrefix,
{
    map.serialize_entry("route", &Text(spec))?;
    if let Some(destination) = spec.destination() {
        map.serialize_entry("destination", &Text(&destination))?;
    }
    let components: Vec<_> = spec
        .components()
        .map(|c| c.kind.name().map_or_else(|| c.kind.0.to_string(), str::to_owned))
        .collect();
    map.serialize_entry("components", &components)
}
