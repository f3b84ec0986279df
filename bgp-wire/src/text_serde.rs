//! serde for the types that have a textual form: they serialize as that text.
//!
//! What for: tools and status output that show prefixes, AS numbers and communities.
//! Where: feature `serde`; the codec itself needs none of it.
//! How: `Display` out, `FromStr` in, for each type named below.
//! Invariants: what is written can be read back.
//! References: none beyond the types' own.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

macro_rules! as_text {
    ($($type:ty),+ $(,)?) => {$(
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Text;
                impl de::Visitor<'_> for Text {
                    type Value = $type;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str(concat!(stringify!($type), " as text"))
                    }
                    fn visit_str<E: de::Error>(self, s: &str) -> Result<$type, E> {
                        s.parse().map_err(E::custom)
                    }
                }
                deserializer.deserialize_str(Text)
            }
        }
    )+};
}

as_text!(
    crate::Family,
    crate::V4Prefix,
    crate::V6Prefix,
    crate::Prefix,
    crate::Community,
    crate::ExtCommunity,
    crate::Ipv6ExtCommunity,
    crate::LargeCommunity,
    crate::RouteDistinguisher,
    crate::LabelStack,
    crate::Labeled<crate::V4Prefix>,
    crate::Labeled<crate::V6Prefix>,
    crate::Vpn<crate::V4Prefix>,
    crate::Vpn<crate::V6Prefix>,
    crate::Esi,
    crate::MacAddr,
    crate::EvpnRoute,
    crate::RouteTargetMembership,
    crate::FlowSpec<crate::V4Prefix>,
    crate::FlowSpec<crate::V6Prefix>,
    crate::VpnFlowSpec<crate::V4Prefix>,
    crate::VpnFlowSpec<crate::V6Prefix>,
);

impl Serialize for crate::Asn {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(self.0)
    }
}

impl<'de> Deserialize<'de> for crate::Asn {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u32::deserialize(deserializer).map(Self)
    }
}
