//! serde for messages and capabilities: objects with the names of the RFCs.
//!
//! What for: tools that show OPEN, NOTIFICATION and ROUTE-REFRESH as JSON.
//! Where: feature `serde`; the codec itself needs none of it.
//! How: keys in camelCase, families and addresses as text, octets as hexadecimal. A capability is
//! `{"code": 69, "name": "add-path", "families": [{"family": "ipv4/unicast", "direction": "both"}]}`.
//! Invariants: no key appears without a meaning; what is only known as octets is in `value` or `data`.
//! References: those of the messages.

use std::fmt::{self, Display, Formatter};

use serde::{
    Serialize, Serializer,
    ser::{SerializeMap, SerializeSeq},
};

use crate::{
    Afi, Capability, Family, Notification, Open, RouteRefresh,
    capability::{AddPathDirection, OrfFamily},
    route_refresh::{Orf, OrfAction, OrfEntries, PrefixOrf},
};

/// Octets as hexadecimal digits.
struct Hex<'a>(&'a [u8]);

impl Display for Hex<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Serialize for Hex<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The items of a slice, each as what `show` makes of it.
struct Each<'a, T, F>(&'a [T], F);

impl<'a, T, V: Serialize, F: Fn(&'a T) -> V> Serialize for Each<'a, T, F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_seq(Some(self.0.len()))?;
        for item in self.0 {
            out.serialize_element(&(self.1)(item))?;
        }
        out.end()
    }
}

/// A family with one thing said about it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PerFamily {
    family: Family,
    #[serde(skip_serializing_if = "Option::is_none")]
    direction: Option<AddPathDirection>,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<u16>,
}

impl PerFamily {
    const fn of(family: Family) -> Self {
        Self { family, direction: None, count: None, limit: None }
    }
}

impl Serialize for Afi {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[derive(Serialize)]
struct OrfFilter {
    #[serde(rename = "type")]
    kind: u8,
    direction: AddPathDirection,
}

impl Serialize for OrfFamily {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_map(Some(2))?;
        out.serialize_entry("family", &self.family)?;
        let filter = |&(kind, direction): &_| OrfFilter { kind, direction };
        out.serialize_entry("filters", &Each(&self.filters, filter))?;
        out.end()
    }
}

impl Serialize for Capability {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_map(None)?;
        out.serialize_entry("code", &self.code())?;
        out.serialize_entry("name", self.name())?;
        match self {
            Self::MultiProtocol(family) => out.serialize_entry("family", family)?,
            Self::ExtendedNextHop(list) => out.serialize_entry("families", list)?,
            Self::GracefulRestart { restarting, notification, restart_time, families } => {
                out.serialize_entry("restarting", restarting)?;
                out.serialize_entry("notification", notification)?;
                out.serialize_entry("restartTime", restart_time)?;
                out.serialize_entry("families", families)?;
            }
            Self::LongLivedGracefulRestart(list) => out.serialize_entry("families", list)?,
            Self::FourOctetAs(asn) => out.serialize_entry("asn", asn)?,
            Self::AddPath(list) => {
                let one = |&(family, direction): &_| PerFamily {
                    direction: Some(direction),
                    ..PerFamily::of(family)
                };
                out.serialize_entry("families", &Each(list, one))?;
            }
            Self::MultipleLabels(list) => {
                let one = |&(family, count): &_| PerFamily {
                    count: Some(count),
                    ..PerFamily::of(family)
                };
                out.serialize_entry("families", &Each(list, one))?;
            }
            Self::PathsLimit(list) => {
                let one = |&(family, limit): &_| PerFamily {
                    limit: Some(limit),
                    ..PerFamily::of(family)
                };
                out.serialize_entry("families", &Each(list, one))?;
            }
            Self::OutboundRouteFiltering(list) => out.serialize_entry("families", list)?,
            Self::Role(role) => {
                out.serialize_entry("role", role)?;
                if let Some(name) = Self::role_name(*role) {
                    out.serialize_entry("roleName", name)?;
                }
            }
            Self::Fqdn { hostname, domain } => {
                out.serialize_entry("hostname", hostname)?;
                out.serialize_entry("domain", domain)?;
            }
            Self::SoftwareVersion(version) => out.serialize_entry("version", version)?,
            Self::Unknown { value, .. } => out.serialize_entry("value", &Hex(value))?,
            Self::RouteRefresh
            | Self::EnhancedRouteRefresh
            | Self::ExtendedMessage
            | Self::LinkLocalNextHop => {}
        }
        out.end()
    }
}

impl Serialize for Open {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_map(Some(6))?;
        out.serialize_entry("version", &self.version)?;
        out.serialize_entry("asn", &self.asn)?;
        out.serialize_entry("myAs", &self.my_as_field)?;
        out.serialize_entry("holdTime", &self.hold_time)?;
        out.serialize_entry("routerId", &self.router_id)?;
        out.serialize_entry("capabilities", &self.capabilities)?;
        out.end()
    }
}

/// A NOTIFICATION; one that is wrapped is shown without looking for another inside.
struct Shown<'a> {
    notification: &'a Notification,
    unwrap: bool,
}

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let n = self.notification;
        let mut out = serializer.serialize_map(None)?;
        out.serialize_entry("code", &n.code)?;
        out.serialize_entry("subcode", &n.subcode)?;
        if let Some(name) = n.code_name() {
            out.serialize_entry("error", name)?;
        }
        if let Some(name) = n.subcode_name() {
            out.serialize_entry("suberror", name)?;
        }
        if !n.data.is_empty() {
            out.serialize_entry("data", &Hex(&n.data))?;
        }
        if let Some(text) = n.shutdown_communication() {
            out.serialize_entry("communication", text)?;
        }
        if let Some((family, bound)) = n.prefix_bound() {
            out.serialize_entry("family", &family)?;
            out.serialize_entry("bound", &bound)?;
        }
        if let Some(list) = n.required_capabilities() {
            out.serialize_entry("capabilities", &list)?;
        }
        if let Some(inner) = n.hard_reset_inner().filter(|_| self.unwrap) {
            out.serialize_entry("hardReset", &Shown { notification: &inner, unwrap: false })?;
        }
        out.end()
    }
}

impl Serialize for Notification {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Shown { notification: self, unwrap: true }.serialize(serializer)
    }
}

impl Serialize for PrefixOrf {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_map(None)?;
        let Self::Entry { action, permit, sequence, min, max, prefix } = self else {
            out.serialize_entry("action", "removeAll")?;
            return out.end();
        };
        let action = if *action == OrfAction::Add { "add" } else { "remove" };
        out.serialize_entry("action", action)?;
        out.serialize_entry("match", if *permit { "permit" } else { "deny" })?;
        out.serialize_entry("sequence", sequence)?;
        out.serialize_entry("prefix", prefix)?;
        for (key, length) in [("minLength", min), ("maxLength", max)] {
            if *length != 0 {
                out.serialize_entry(key, length)?;
            }
        }
        out.end()
    }
}

impl Serialize for Orf<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct List<'a>(u8, OrfEntries<'a>);
        impl Serialize for List<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut out = serializer.serialize_map(Some(2))?;
                out.serialize_entry("type", &self.0)?;
                match &self.1 {
                    OrfEntries::Prefixes(entries) => {
                        out.serialize_entry("entries", &entries.clone().collect::<Vec<_>>())?;
                    }
                    OrfEntries::Opaque(octets) => out.serialize_entry("value", &Hex(octets))?,
                    OrfEntries::Malformed => out.serialize_entry("malformed", &true)?,
                }
                out.end()
            }
        }
        let mut out = serializer.serialize_map(Some(2))?;
        match self.when {
            1 => out.serialize_entry("when", "immediate")?,
            2 => out.serialize_entry("when", "defer")?,
            other => out.serialize_entry("when", &other)?,
        }
        let lists: Vec<_> = self.lists().map(|(kind, entries)| List(kind, entries)).collect();
        out.serialize_entry("lists", &lists)?;
        out.end()
    }
}

impl Serialize for RouteRefresh {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_map(None)?;
        out.serialize_entry("family", &self.family)?;
        out.serialize_entry("subtype", &self.subtype)?;
        match self.subtype {
            Self::REQUEST => out.serialize_entry("name", "request")?,
            Self::BEGIN => out.serialize_entry("name", "BoRR")?,
            Self::END => out.serialize_entry("name", "EoRR")?,
            _ => {}
        }
        match self.orf() {
            Some(orf) => out.serialize_entry("orf", &orf)?,
            None if !self.filters.is_empty() => {
                out.serialize_entry("value", &Hex(&self.filters))?;
            }
            None => {}
        }
        out.end()
    }
}

#[cfg(test)]
mod tests;
