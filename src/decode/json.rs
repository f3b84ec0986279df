//! NDJSON: one object a message or table route, a line each.
//!
//! The schema is an interface, described with examples in `docs/decode.md`; keys are camelCase and
//! attributes have their RFC's names. What is empty or unknown is left out.

use std::fmt;
use std::io::{self, Write};

use bgp_wire::Family;
use bgp_wire::attr::AsPath;
use capture::Endpoint;
use serde::Serialize;
use serde::ser::{SerializeMap, SerializeSeq as _, Serializer};

use super::hex::Hex;
use super::message::{Body, Finding, Message, NextHops, Unread, Update};
use super::names;
use super::time::Clock;
use super::value::{self, Text, Value};

/// Writes messages as NDJSON.
#[derive(Debug, Default)]
pub(crate) struct Json {
    clock: Clock,
    time: String,
    hex: bool,
}

impl Json {
    /// A writer; with `hex`, messages carry their octets.
    pub(crate) fn new(hex: bool) -> Self {
        Self { hex, ..Self::default() }
    }

    /// Writes one line.
    pub(crate) fn write(&mut self, message: &Message<'_>, out: &mut impl Write) -> io::Result<()> {
        self.time.clear();
        if let Some(time) = message.time {
            self.clock.write(time, &mut self.time);
        }
        let line = Line { message, time: &self.time, hex: self.hex };
        serde_json::to_writer(&mut *out, &line).map_err(io::Error::from)?;
        out.write_all(b"\n")
    }
}

struct Line<'a> {
    message: &'a Message<'a>,
    time: &'a str,
    hex: bool,
}

impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let m = self.message;
        let mut map = s.serialize_map(None)?;
        if !self.time.is_empty() {
            map.serialize_entry("time", self.time)?;
        }
        for (key, end) in [("peer", m.from), ("local", m.to)] {
            if end != Endpoint::default() {
                map.serialize_entry(key, &End(end))?;
            }
        }
        map.serialize_entry("type", m.body.name())?;
        if !m.bytes.is_empty() && !matches!(m.body, Body::Route(_)) {
            map.serialize_entry("length", &m.bytes.len())?;
        }
        match &m.body {
            Body::Open(open) => map.serialize_entry("open", open)?,
            Body::Update(update) | Body::Route(update) => put_update(&mut map, update)?,
            Body::Notification(n) => map.serialize_entry("notification", n)?,
            Body::Keepalive => {}
            Body::RouteRefresh(r) => map.serialize_entry("routeRefresh", r)?,
            Body::State { text, change, .. } => {
                map.serialize_entry("event", text)?;
                if let Some((old, new)) = change {
                    map.serialize_entry("oldState", old)?;
                    map.serialize_entry("newState", new)?;
                }
            }
            Body::Gap { text, octets } => {
                map.serialize_entry("reason", text)?;
                map.serialize_entry("octets", octets)?;
            }
            Body::Unreadable(kind) => map.serialize_entry("typeCode", kind)?,
        }
        if !m.findings.is_empty() {
            map.serialize_entry("findings", &seq(&m.findings, FindingJson))?;
        }
        if !m.notes.is_empty() {
            map.serialize_entry("notes", &m.notes)?;
        }
        if self.hex || matches!(m.body, Body::Unreadable(_)) {
            map.serialize_entry("hex", &Text(&Hex(m.bytes)))?;
        }
        map.end()
    }
}

fn put_update<M: SerializeMap>(map: &mut M, update: &Update<'_>) -> Result<(), M::Error> {
    if let Some(family) = &update.end_of_rib {
        map.serialize_entry("endOfRib", &Text(family))?;
    }
    for (key, list) in [("withdrawn", &update.withdrawn), ("announced", &update.announced)] {
        if !list.is_empty() {
            map.serialize_entry(key, list)?;
        }
    }
    if !update.next_hops.is_empty() {
        map.serialize_entry("nextHops", &seq(&update.next_hops, HopJson))?;
    }
    if !update.attributes.is_empty() {
        map.serialize_entry("attributes", &Attributes(update))?;
    }
    if let Some(path) = &update.merged_path {
        map.serialize_entry("asPathMerged", &AsPath::new(path))?;
    }
    if update.attributes.iter().any(|attr| names::odd_flags(attr).is_some()) {
        map.serialize_entry("attributeFlags", &OddFlags(update))?;
    }
    if !update.unread.is_empty() {
        map.serialize_entry("unread", &seq(&update.unread, UnreadJson))?;
    }
    Ok(())
}

/// A list whose elements are shown through `wrap`.
fn seq<'a, T, J: Serialize + 'a>(list: &'a [T], wrap: fn(&'a T) -> J) -> impl Serialize + 'a {
    struct Seq<'a, T, J>(&'a [T], fn(&'a T) -> J);
    impl<'a, T, J: Serialize> Serialize for Seq<'a, T, J> {
        fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
            let mut seq = s.serialize_seq(Some(self.0.len()))?;
            self.0.iter().try_for_each(|item| seq.serialize_element(&(self.1)(item)))?;
            seq.end()
        }
    }
    Seq(list, wrap)
}

struct End(Endpoint);

impl Serialize for End {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut map = s.serialize_map(None)?;
        if let Some(address) = self.0.addr {
            map.serialize_entry("address", &address)?;
        }
        if let Some(port) = self.0.port {
            map.serialize_entry("port", &port)?;
        }
        if let Some(asn) = self.0.asn {
            map.serialize_entry("as", &asn.0)?;
        }
        map.end()
    }
}

struct HopJson<'a>(&'a (Family, NextHops));

impl Serialize for HopJson<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let (family, hops) = self.0;
        let mut map = s.serialize_map(None)?;
        map.serialize_entry("family", &Text(family))?;
        match hops {
            NextHops::None => {}
            NextHops::Address { rd, address, link_local } => {
                map.serialize_entry("nextHop", address)?;
                if let Some(local) = link_local {
                    map.serialize_entry("linkLocal", local)?;
                }
                if let Some(rd) = rd {
                    map.serialize_entry("rd", rd)?;
                }
            }
            NextHops::Odd(octets) => map.serialize_entry("hex", &Text(&Hex(octets)))?,
        }
        map.end()
    }
}

struct Attributes<'a>(&'a Update<'a>);

impl Serialize for Attributes<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut map = s.serialize_map(None)?;
        for (ix, attr) in self.0.attributes.iter().enumerate() {
            let value = Value { attr: *attr, update: self.0 };
            match earlier(self.0, ix) {
                0 => map.serialize_entry(&value::name(attr.kind), &value)?,
                n => map.serialize_entry(&Repeated { attr: attr.kind, n }, &value)?,
            }
        }
        map.end()
    }
}

/// How many attributes of the same type stand before this one.
fn earlier(update: &Update<'_>, ix: usize) -> usize {
    let (before, rest) = update.attributes.split_at(ix);
    before.iter().filter(|attr| Some(attr.kind) == rest.first().map(|a| a.kind)).count()
}

/// The key of a repeated attribute: `ORIGIN #2`. Keys of an object differ.
struct Repeated {
    attr: bgp_wire::AttrType,
    n: usize,
}

impl fmt::Display for Repeated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} #{}", value::name(self.attr), self.n + 1)
    }
}

impl Serialize for Repeated {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

struct OddFlags<'a>(&'a Update<'a>);

impl Serialize for OddFlags<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut map = s.serialize_map(None)?;
        for (ix, attr) in self.0.attributes.iter().enumerate() {
            let Some(flags) = names::odd_flags(attr) else { continue };
            match earlier(self.0, ix) {
                0 => map.serialize_entry(&value::name(attr.kind), &flags)?,
                n => map.serialize_entry(&Repeated { attr: attr.kind, n }, &flags)?,
            }
        }
        map.end()
    }
}

struct UnreadJson<'a>(&'a Unread<'a>);

impl Serialize for UnreadJson<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut map = s.serialize_map(Some(3))?;
        map.serialize_entry("what", &self.0.what)?;
        map.serialize_entry("octet", &self.0.at)?;
        map.serialize_entry("hex", &Text(&Hex(self.0.bytes)))?;
        map.end()
    }
}

struct FindingJson<'a>(&'a Finding);

impl Serialize for FindingJson<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut map = s.serialize_map(None)?;
        map.serialize_entry("verdict", self.0.verdict.name())?;
        map.serialize_entry("rfc", &self.0.rfc)?;
        map.serialize_entry("octet", &self.0.octet)?;
        if let Some(kind) = self.0.attribute {
            map.serialize_entry("attribute", &value::name(kind))?;
        }
        map.serialize_entry("text", &self.0.text)?;
        map.end()
    }
}
