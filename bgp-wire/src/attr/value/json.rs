//! Attribute values for tools, by way of serde.
//!
//! What for: JSON that says the same as the text, in parts a program can use.
//! Where: feature `serde`; what a person sees is `Display`.
//! How: numbers are numbers, communities are their texts, an AS_PATH is its AS numbers, sets
//! among them as objects; structured attributes are lists of objects whose keys say what they are. Octets without a name are
//! text in hexadecimal.
//! Invariants: none; this goes one way, [`AttrValue::parse`] goes the other from the text.
//! References: those of each attribute's module.

use std::{fmt, net::Ipv6Addr};

use serde::{
    Serialize, Serializer,
    ser::{SerializeMap, SerializeSeq},
};

use super::{
    super::{
        list::Element,
        pmsi::TunnelId,
        prefix_sid::{Tlv, TlvView},
        srv6::{Service, ServiceSubTlv},
        tunnel_encap::{Encapsulation, SubTlv, SubTlvView, Tunnel},
    },
    Aggregator, Aigp, AsPath, AsPath2, AttrValue, Hex, List, Pmsi, PrefixSid, TunnelEncap, origin,
};
use crate::{asn::Asn, attr::SegmentType};

/// Serializes as the text.
struct Text<T>(T);

impl<T: fmt::Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl Serialize for AttrValue<'_> {
    /// ORIGIN is `"IGP"`; AS_PATH `[65001, {"set": [7]}, {"confedSequence": [65002]}, {"confedSet":
    /// [8]}]`, sequences without their boundaries; ATOMIC_AGGREGATE `true`; AGGREGATOR `{"asn": 65001, "id":
    /// "192.0.2.1"}`; lists are lists of texts; AIGP `{"metric": 9}`; TUNNEL_ENCAPSULATION and
    /// PREFIX_SID lists of objects; anything raw is `"0x0a1b"`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Origin(value) => serializer.serialize_str(origin::name(*value)),
            Self::AsPath(path) | Self::As4Path(path) => path.serialize(serializer),
            Self::AsPath2(path) => path.serialize(serializer),
            Self::NextHop(address) | Self::OriginatorId(address) => serializer.collect_str(address),
            Self::Med(n) | Self::LocalPref(n) => serializer.serialize_u32(*n),
            Self::OnlyToCustomer(asn) => asn.serialize(serializer),
            Self::AtomicAggregate => serializer.serialize_bool(true),
            Self::Aggregator(aggregator) | Self::As4Aggregator(aggregator) => {
                aggregator.serialize(serializer)
            }
            Self::Communities(list) => list.serialize(serializer),
            Self::ClusterList(list) => list.serialize(serializer),
            Self::ExtCommunities(list) => list.serialize(serializer),
            Self::Ipv6ExtCommunities(list) => list.serialize(serializer),
            Self::LargeCommunities(list) => list.serialize(serializer),
            Self::PmsiTunnel(pmsi) => pmsi.serialize(serializer),
            Self::TunnelEncapsulation(tunnels) => tunnels.serialize(serializer),
            Self::Aigp(aigp) => aigp.serialize(serializer),
            Self::PrefixSid(sid) => sid.serialize(serializer),
            Self::Raw(_, octets) => serializer.collect_str(&Hex(octets)),
        }
    }
}

impl Serialize for AsPath<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        path(self.segments().map(|segment| (segment.kind, segment.asns())), serializer)
    }
}

impl Serialize for AsPath2<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        path(self.segments(), serializer)
    }
}

/// AS numbers of sequences one after the other, other segments as objects.
fn path<S: Serializer>(
    segments: impl Iterator<Item = (SegmentType, impl Iterator<Item = Asn>)>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    struct Named<'a>(&'static str, &'a [Asn]);
    impl Serialize for Named<'_> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut map = serializer.serialize_map(Some(1))?;
            map.serialize_entry(self.0, self.1)?;
            map.end()
        }
    }
    let mut list = serializer.serialize_seq(None)?;
    for (kind, mut asns) in segments {
        let name = match kind {
            SegmentType::SET => "set",
            SegmentType::CONFED_SEQUENCE => "confedSequence",
            SegmentType::CONFED_SET => "confedSet",
            _ => {
                asns.try_for_each(|asn| list.serialize_element(&asn))?;
                continue;
            }
        };
        list.serialize_element(&Named(name, &asns.collect::<Vec<_>>()))?;
    }
    list.end()
}

impl Serialize for Aggregator {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("asn", &self.asn)?;
        map.serialize_entry("id", &self.id)?;
        map.end()
    }
}

impl<T: Element> Serialize for List<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(Text))
    }
}

impl Serialize for Aigp<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(metric) = self.metric() {
            map.serialize_entry("metric", &metric)?;
        }
        // The first metric is said; what else there is follows as it is.
        let first = self.tlvs().position(|(kind, _)| kind == 1);
        let others = self.tlvs().enumerate().filter(|(at, _)| Some(*at) != first);
        let others: Vec<_> = others.map(|(_, tlv)| RawTlv(tlv.0, tlv.1)).collect();
        if !others.is_empty() {
            map.serialize_entry("tlvs", &others)?;
        }
        map.end()
    }
}

/// `{"type": 9, "value": "0x0a1b"}`
struct RawTlv<'a>(u8, &'a [u8]);

impl Serialize for RawTlv<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("type", &self.0)?;
        map.serialize_entry("value", &Text(Hex(self.1)))?;
        map.end()
    }
}

impl Serialize for Pmsi<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("tunnelType", &Text(self.tunnel))?;
        map.serialize_entry("flags", &self.flags)?;
        map.serialize_entry("leafInformationRequired", &self.wants_leaf_info())?;
        map.serialize_entry("label", &self.label())?;
        map.serialize_entry("vni", &self.vni())?;
        match self.id {
            TunnelId::None => {}
            TunnelId::RsvpTe { extended, tunnel, p2mp, .. } => {
                map.serialize_entry("extendedTunnelId", &extended)?;
                map.serialize_entry("tunnelId", &tunnel)?;
                map.serialize_entry("p2mpId", &p2mp)?;
            }
            TunnelId::Mldp { fec, root, opaque } => {
                map.serialize_entry("fec", &fec)?;
                map.serialize_entry("root", &root)?;
                map.serialize_entry("opaque", &Text(Hex(opaque)))?;
            }
            TunnelId::Pim { source, group } => {
                map.serialize_entry("source", &source)?;
                map.serialize_entry("group", &group)?;
            }
            TunnelId::Endpoint(address) => map.serialize_entry("endpoint", &address)?,
            TunnelId::Opaque(octets) => map.serialize_entry("identifier", &Text(Hex(octets)))?,
        }
        map.end()
    }
}

impl Serialize for TunnelEncap<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.tunnels())
    }
}

impl Serialize for Tunnel<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("tunnelType", &Text(self.kind))?;
        map.serialize_entry("subTlvs", &self.sub_tlvs().collect::<Vec<_>>())?;
        map.end()
    }
}

impl Serialize for SubTlv<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", &self.kind)?;
        match self.view() {
            SubTlvView::Encapsulation(encapsulation) => {
                map.serialize_entry("encapsulation", &encapsulation)?;
            }
            SubTlvView::ProtocolType(protocol) => map.serialize_entry("protocol", &protocol)?,
            SubTlvView::Color { flags, color } => {
                map.serialize_entry("color", &color)?;
                map.serialize_entry("flags", &flags)?;
            }
            SubTlvView::Endpoint(endpoint) => map.serialize_entry("endpoint", &Text(endpoint))?,
            SubTlvView::DsField(ds) => map.serialize_entry("dsField", &ds)?,
            SubTlvView::UdpPort(port) => map.serialize_entry("udpPort", &port)?,
            SubTlvView::EmbeddedLabelHandling(handling) => {
                map.serialize_entry("embeddedLabelHandling", &handling)?;
            }
            SubTlvView::LabelStack(entries) => {
                let labels = entries.iter().map(|e| u32::from_be_bytes(*e) >> 12);
                map.serialize_entry("labels", &labels.collect::<Vec<_>>())?;
            }
            SubTlvView::PrefixSid(sid) => map.serialize_entry("prefixSid", &sid)?,
            SubTlvView::Unknown => map.serialize_entry("value", &Text(Hex(self.value)))?,
        }
        map.end()
    }
}

impl Serialize for Encapsulation<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self {
            Self::Virtual { vni, mac } => {
                if let Some(vni) = vni {
                    map.serialize_entry("vni", vni)?;
                }
                if let Some(mac) = mac {
                    map.serialize_entry("mac", &Text(mac))?;
                }
            }
            Self::Gpe { version, vni } => {
                map.serialize_entry("version", version)?;
                if let Some(vni) = vni {
                    map.serialize_entry("vni", vni)?;
                }
            }
            Self::Key(key) => map.serialize_entry("key", key)?,
            Self::Session { id, cookie } => {
                map.serialize_entry("session", id)?;
                map.serialize_entry("cookie", &Text(Hex(cookie)))?;
            }
        }
        map.end()
    }
}

impl Serialize for PrefixSid<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.tlvs())
    }
}

impl Serialize for Tlv<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Range {
            base: u32,
            size: u32,
        }
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("type", &self.kind)?;
        match self.view() {
            TlvView::LabelIndex(index) => map.serialize_entry("labelIndex", &index)?,
            TlvView::OriginatorSrgb(srgb) => {
                let ranges = srgb.ranges().map(|(base, size)| Range { base, size });
                map.serialize_entry("srgb", &ranges.collect::<Vec<_>>())?;
            }
            TlvView::L3Service(service) => map.serialize_entry("srv6L3Service", &service)?,
            TlvView::L2Service(service) => map.serialize_entry("srv6L2Service", &service)?,
            TlvView::Unknown => map.serialize_entry("value", &Text(Hex(self.value)))?,
        }
        map.end()
    }
}

impl Serialize for Service<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        self.sub_tlvs().try_for_each(|sub| list.serialize_element(&sub))?;
        list.end()
    }
}

impl Serialize for ServiceSubTlv<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Structure {
            block: u8,
            node: u8,
            function: u8,
            argument: u8,
            transposition_length: u8,
            transposition_offset: u8,
        }
        let Some(sid) = self.sid() else {
            return RawTlv(self.kind, self.value).serialize(serializer);
        };
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", &self.kind)?;
        map.serialize_entry::<_, Ipv6Addr>("sid", &sid.sid)?;
        map.serialize_entry("flags", &sid.flags)?;
        map.serialize_entry("behavior", &Text(sid.behavior))?;
        map.serialize_entry("behaviorCode", &sid.behavior.0)?;
        if let Some(s) = sid.structure() {
            let structure = Structure {
                block: s.block,
                node: s.node,
                function: s.function,
                argument: s.argument,
                transposition_length: s.transposition_length,
                transposition_offset: s.transposition_offset,
            };
            map.serialize_entry("structure", &structure)?;
        }
        // The structure is said above; what else there is follows as it is.
        let others: Vec<_> = sid.sub_sub_tlvs().filter(|(kind, _)| *kind != 1).collect();
        if !others.is_empty() {
            let others: Vec<_> = others.into_iter().map(|(kind, v)| RawTlv(kind, v)).collect();
            map.serialize_entry("subSubTlvs", &others)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::AttrValue;
    use crate::attr::AttrType;

    fn of(kind: AttrType, text: &str) -> Value {
        let value = AttrValue::parse(kind, text).unwrap();
        serde_json::to_value(AttrValue::decode(kind, &value, true).unwrap()).unwrap()
    }

    #[test]
    fn shapes() {
        assert_eq!(of(AttrType::ORIGIN, "igp"), json!("IGP"));
        assert_eq!(of(AttrType::MED, "5"), json!(5));
        assert_eq!(of(AttrType::ATOMIC_AGGREGATE, ""), json!(true));
        assert_eq!(
            of(AttrType::AS_PATH, "(65010) [65011] 65001 | 65002 {7 8}"),
            json!([
                {"confedSequence": [65010]}, {"confedSet": [65011]}, 65001, 65002, {"set": [7, 8]}
            ])
        );
        let two_octets = AttrValue::decode(AttrType::AS_PATH, &[2, 1, 0, 9, 1, 1, 0, 7], false);
        assert_eq!(serde_json::to_value(two_octets.unwrap()).unwrap(), json!([9, {"set": [7]}]));
        assert_eq!(of(AttrType::AS4_PATH, ""), json!([]));
        assert_eq!(
            of(AttrType::AGGREGATOR, "65001 192.0.2.1"),
            json!({"asn": 65001, "id": "192.0.2.1"})
        );
        assert_eq!(of(AttrType::COMMUNITIES, "1:2 no-export"), json!(["1:2", "no-export"]));
        assert_eq!(of(AttrType::AIGP, "9"), json!({"metric": 9}));
        assert_eq!(
            of(
                AttrType::TUNNEL_ENCAPSULATION,
                "vxlan[endpoint=192.0.2.1 encapsulation[vni=5] 99=0x01]"
            ),
            json!([{"tunnelType": "vxlan", "subTlvs": [
                {"type": 6, "endpoint": "192.0.2.1"},
                {"type": 1, "encapsulation": {"vni": 5}},
                {"type": 99, "value": "0x01"},
            ]}])
        );
        assert_eq!(
            of(
                AttrType::PREFIX_SID,
                "srgb=16000/8000 l3-service[sid[address=::1 behavior=End.DT4 structure=40/24/16/0/16/64]]"
            ),
            json!([
                {"type": 3, "srgb": [{"base": 16000, "size": 8000}]},
                {"type": 5, "srv6L3Service": [{
                    "type": 1, "sid": "::1", "flags": 0, "behavior": "End.DT4", "behaviorCode": 19,
                    "structure": {
                        "block": 40, "node": 24, "function": 16, "argument": 0,
                        "transpositionLength": 16, "transpositionOffset": 64
                    },
                }]},
            ])
        );
        assert_eq!(
            of(
                AttrType::PMSI_TUNNEL,
                "ingress-replication endpoint 192.0.2.1 label-field 0x000640"
            ),
            json!({
                "tunnelType": "ingress-replication", "flags": 0, "leafInformationRequired": false,
                "label": 100, "vni": 1600, "endpoint": "192.0.2.1"
            })
        );
        assert_eq!(of(AttrType(99), "0x0a"), json!("0x0a"));
    }
}
