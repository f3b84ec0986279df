//! Text for people: a head line a message and indented lines below, or one line a route.

use std::fmt::Write as _;

use bgp_wire::Family;
use bgp_wire::attr::{AsPath, AttrType, AttrValue};
use capture::Endpoint;

use super::hex;
use super::message::{Body, Finding, Message, Update, Verdict};
use super::names;
use super::route::Route;
use super::style::{Ink, Style};
use super::time::Clock;
use super::value::{self, Shown, Value};

/// Writes messages as text.
#[derive(Debug)]
pub(crate) struct Writer {
    clock: Clock,
    style: Style,
    /// Show findings that cost nothing.
    notes: bool,
    hex: bool,
}

// Writing to a String cannot fail, hence `let _ =` before `write!` below.
impl Writer {
    /// A writer; with `hex`, messages show their octets.
    pub(crate) fn new(style: Style, hex: bool, notes: bool) -> Self {
        Self { clock: Clock::default(), style, hex, notes }
    }

    /// Appends a message.
    pub(crate) fn message(&mut self, message: &Message<'_>, out: &mut String) {
        self.head(message, out);
        match &message.body {
            Body::Open(open) => {
                let _ = writeln!(
                    out,
                    "  AS {}, hold time {} s, identifier {}",
                    open.asn, open.hold_time, open.router_id
                );
                for c in &open.capabilities {
                    let _ = writeln!(out, "  offers {c}");
                }
            }
            Body::Update(update) | Body::Route(update) => self.update(update, out),
            Body::Notification(n) => {
                let _ = writeln!(out, "  {n}");
                if let Some(text) = n.shutdown_communication() {
                    let _ = writeln!(out, "  shutdown communication: {}", text.escape_debug());
                }
            }
            Body::RouteRefresh(r) => {
                let _ = writeln!(out, "  {r}");
            }
            Body::State { text, .. } => {
                let _ = writeln!(out, "  {text}");
            }
            Body::Gap { text, octets } => {
                let _ = writeln!(out, "  {text}: {octets} octets");
            }
            Body::Keepalive | Body::Unreadable(_) => {}
        }
        self.remarks(message, out);
    }

    fn head(&mut self, message: &Message<'_>, out: &mut String) {
        out.push_str(self.style.begin(Ink::Head));
        self.time(message, out);
        ends(message, out);
        let _ = write!(out, "{}", message.body.name());
        if let Body::Unreadable(kind) = message.body
            && message.body.name() == "UNKNOWN"
        {
            let _ = write!(out, " type {kind}");
        }
        if !message.bytes.is_empty() && !matches!(message.body, Body::Route(_)) {
            let _ = write!(out, ", {} octets", message.bytes.len());
        }
        out.push_str(self.style.end());
        out.push('\n');
    }

    fn time(&mut self, message: &Message<'_>, out: &mut String) {
        if let Some(time) = message.time {
            self.clock.write(time, out);
            out.push(' ');
        }
    }

    fn update(&self, update: &Update<'_>, out: &mut String) {
        if let Some(family) = update.end_of_rib {
            let _ = writeln!(out, "  End-of-RIB {family}");
        }
        for route in &update.withdrawn {
            let _ = write!(out, "  {}- ", self.style.begin(Ink::Withdrawn));
            put_route(route, out);
            let _ = writeln!(out, "{}", self.style.end());
        }
        for route in &update.announced {
            let _ = write!(out, "  {}+ ", self.style.begin(Ink::Announced));
            put_route(route, out);
            out.push_str(self.style.end());
            put_next_hop(update, route.family, out);
            out.push('\n');
        }
        for attr in &update.attributes {
            let value = Value { attr: *attr, update }.to_string();
            let _ = write!(out, "  {}", value::name(attr.kind));
            if !value.is_empty() {
                let _ = write!(out, ": {value}");
            }
            if let Some(flags) = names::odd_flags(attr) {
                let _ = write!(out, " (flags {flags})");
            }
            out.push('\n');
        }
        if let Some(path) = &update.merged_path {
            let _ = writeln!(out, "  merged path: {}", merged(path));
        }
        for part in &update.unread {
            let _ = writeln!(
                out,
                "  {}unread: {}, {} octets from octet {}: {}{}",
                self.style.begin(Ink::Finding),
                part.what,
                part.bytes.len(),
                part.at,
                hex::text(part.bytes),
                self.style.end()
            );
        }
    }

    fn remarks(&self, message: &Message<'_>, out: &mut String) {
        let shown = |finding: &&Finding| self.notes || finding.verdict > Verdict::Note;
        for finding in message.findings.iter().filter(shown) {
            let _ = write!(out, "  {}! ", self.style.begin(Ink::Finding));
            put_finding(finding, out);
            let _ = writeln!(out, "{}", self.style.end());
        }
        for note in &message.notes {
            let _ =
                writeln!(out, "  {}note: {note}{}", self.style.begin(Ink::Quiet), self.style.end());
        }
        if (self.hex || matches!(message.body, Body::Unreadable(_) | Body::Gap { .. }))
            && !message.bytes.is_empty()
        {
            let _ = writeln!(out, "  octets: {}", hex::text(message.bytes));
        }
    }

    /// Appends one line a route, or a line for a message without routes.
    pub(crate) fn lines(&mut self, message: &Message<'_>, out: &mut String) {
        let Some(update) = message.body.update() else {
            self.time(message, out);
            ends(message, out);
            let _ = write!(out, "{}", message.body.name());
            match &message.body {
                Body::Open(open) => {
                    let _ = write!(
                        out,
                        " AS {} hold {} id {}",
                        open.asn, open.hold_time, open.router_id
                    );
                }
                Body::Notification(n) => {
                    let _ = write!(out, " {n}");
                }
                Body::RouteRefresh(r) => {
                    let _ = write!(out, " {r}");
                }
                Body::State { text, .. } => {
                    let _ = write!(out, " {text}");
                }
                Body::Gap { text, octets } => {
                    let _ = write!(out, " {text}: {octets} octets");
                }
                _ => {}
            }
            self.end_line(message, out);
            return;
        };
        let nothing = update.withdrawn.is_empty() && update.announced.is_empty();
        if nothing {
            self.time(message, out);
            ends(message, out);
            out.push_str(message.body.name());
            if let Some(family) = update.end_of_rib {
                let _ = write!(out, " End-of-RIB {family}");
            }
            self.end_line(message, out);
        }
        for route in &update.withdrawn {
            self.time(message, out);
            ends(message, out);
            out.push_str("- ");
            put_route(route, out);
            self.end_line(message, out);
        }
        // All announced routes share their attributes.
        let mut shared = String::new();
        for attr in &update.attributes {
            put_short(Value { attr: *attr, update }, &mut shared);
        }
        if let Some(path) = &update.merged_path {
            let _ = write!(shared, " | merged path {}", merged(path));
        }
        for route in &update.announced {
            self.time(message, out);
            ends(message, out);
            out.push_str("+ ");
            put_route(route, out);
            put_next_hop(update, route.family, out);
            out.push_str(&shared);
            self.end_line(message, out);
        }
    }

    /// Ends a line with the findings that cost something.
    fn end_line(&self, message: &Message<'_>, out: &mut String) {
        for finding in message.findings.iter().filter(|f| f.verdict > Verdict::Note) {
            let _ = write!(out, " {}! ", self.style.begin(Ink::Finding));
            put_finding(finding, out);
            out.push_str(self.style.end());
        }
        out.push('\n');
    }
}

fn ends(message: &Message<'_>, out: &mut String) {
    let unknown = Endpoint::default();
    if message.from == unknown && message.to == unknown {
        return;
    }
    put_end(message.from, out);
    if message.to != unknown {
        out.push_str(" > ");
        put_end(message.to, out);
    }
    out.push(' ');
}

fn put_end(end: Endpoint, out: &mut String) {
    let _ = match (end.addr, end.port) {
        (Some(addr), Some(port)) => write!(out, "{}", std::net::SocketAddr::new(addr, port)),
        (Some(addr), None) => write!(out, "{addr}"),
        (None, _) => write!(out, "?"),
    };
    if let Some(asn) = end.asn {
        let _ = write!(out, " AS{}", asn.0);
    }
}

fn put_route(route: &Route, out: &mut String) {
    let _ = write!(out, "{} {}", route.family, route.nlri);
    if let Some(id) = route.path_id {
        let _ = write!(out, " path-id {id}");
    }
}

fn put_next_hop(update: &Update<'_>, family: Family, out: &mut String) {
    if let Some(hop) = update.next_hop(family) {
        let _ = write!(out, " next hop {hop}");
    }
}

const fn merged(path: &[u8]) -> Shown<'_> {
    Shown(AttrValue::AsPath(AsPath::new(path)))
}

fn put_finding(finding: &Finding, out: &mut String) {
    let _ = write!(
        out,
        "{}: {} ({}, octet {})",
        finding.verdict.name(),
        finding.text,
        finding.rfc,
        finding.octet
    );
}

/// Appends an attribute to a route's line; next hops and routes are there already.
fn put_short(value: Value<'_>, out: &mut String) {
    let name = match value.attr.kind {
        AttrType::NEXT_HOP | AttrType::MP_REACH_NLRI | AttrType::MP_UNREACH_NLRI => return,
        AttrType::ORIGIN => "origin",
        AttrType::AS_PATH => "path",
        AttrType::MED => "med",
        AttrType::LOCAL_PREF => "local-pref",
        AttrType::COMMUNITIES => "communities",
        AttrType::EXT_COMMUNITIES => "ext-communities",
        AttrType::LARGE_COMMUNITIES => "large-communities",
        AttrType::ATOMIC_AGGREGATE => "atomic",
        AttrType::AGGREGATOR => "aggregator",
        kind => {
            let _ = write!(out, " | {} {value}", value::name(kind));
            return;
        }
    };
    let text = value.to_string();
    let _ = write!(out, " | {name}");
    if !text.is_empty() {
        let _ = write!(out, " {text}");
    }
}
