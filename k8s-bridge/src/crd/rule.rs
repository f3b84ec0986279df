//! Cross-field rules: one table for admission and for manifests.
//!
//! **For**: saying a rule once. **Sits**: each kind's file declares its rules; [`super::crds`] writes
//! their CEL text into the schema, and [`crate::manifest`] evaluates the same rule on a document.
//! **How it works**: a [`Rule`] is the CEL expression the API server runs, the message both show,
//! and the same predicate in Rust. Which rules apply where is read from the schema, so a rule
//! that is not in the schema is not checked anywhere, and one without a predicate fails a test.
//! A second test evaluates every CEL text with a CEL interpreter and compares.
//! **References**: Kubernetes "CRD validation rules"; CEL library `isIP`, `isCIDR`, `duration`.

use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::{Value, json};

use super::{
    advertisement, common, duration::parse_duration, instance, peer, policy, provider, router,
    session,
};

/// One rule.
#[derive(Debug)]
pub(crate) struct Rule {
    /// What the API server evaluates; `self` is the value the rule is attached to.
    pub(crate) cel: &'static str,
    /// What is wrong, and what to do about it.
    pub(crate) message: &'static str,
    /// The same as `cel`.
    pub(crate) holds: fn(&Value) -> bool,
}

/// The `x-kubernetes-validations` value of a schema.
pub(crate) fn validations(rules: &[Rule]) -> Value {
    rules.iter().map(|r| json!({"rule": r.cel, "message": r.message})).collect()
}

/// The schema of a list's items: strings of at most `max` characters under these rules.
pub(crate) fn strings(max: u32, rules: &[Rule]) -> Value {
    json!({"type": "string", "maxLength": max, "x-kubernetes-validations": validations(rules)})
}

/// The rule with this CEL text.
pub(crate) fn find(cel: &str) -> Option<&'static Rule> {
    const ALL: [&[Rule]; 21] = [
        IP,
        CIDR,
        HOLD_TIME,
        KEEPALIVE_TIME,
        DURATION,
        common::REQUIREMENT,
        common::ADDRESS_FAMILY,
        common::ROUTER_TARGET,
        provider::RULES,
        instance::RULES,
        session::RULES,
        session::TO_PEER,
        router::RULES,
        peer::RULES,
        advertisement::RULES,
        advertisement::ORIGINATE_FROM,
        policy::RULES,
        policy::TERM,
        policy::MATCH,
        policy::AS_PATH,
        policy::NEXT_HOP,
    ];
    ALL.into_iter().flatten().find(|rule| rule.cel == cel)
}

/// An IPv4 or IPv6 address.
pub(crate) const IP: &[Rule] = &[Rule {
    cel: "isIP(self)",
    message: "must be an IPv4 or IPv6 address without a prefix length or zone, such as 10.0.0.1 or 2001:db8::1",
    holds: |v| text(v).is_some_and(is_ip),
}];

/// A prefix.
pub(crate) const CIDR: &[Rule] = &[Rule {
    cel: "isCIDR(self)",
    message: "must be a prefix with its length, such as 10.0.0.0/24 or 2001:db8::/64",
    holds: |v| text(v).is_some_and(is_cidr),
}];

/// A hold time.
pub(crate) const HOLD_TIME: &[Rule] = &[Rule {
    cel: "duration(self) == duration('0s') || (duration(self) >= duration('3s') && duration(self) <= duration('65535s'))",
    message: "must be 0s (off) or 3s to 65535s, such as 90s",
    holds: |v| {
        let seconds = text(v).and_then(parse_duration).map(|d| d.as_secs_f64());
        seconds.is_some_and(|s| s == 0.0 || (3.0..=65535.0).contains(&s))
    },
}];

/// A keepalive interval.
pub(crate) const KEEPALIVE_TIME: &[Rule] = &[Rule {
    cel: "duration(self) == duration('0s') || (duration(self) >= duration('1s') && duration(self) <= duration('30s'))",
    message: "must be 0s (off) or 1s to 30s, such as 10s",
    holds: |v| {
        let seconds = text(v).and_then(parse_duration).map(|d| d.as_secs_f64());
        seconds.is_some_and(|s| s == 0.0 || (1.0..=30.0).contains(&s))
    },
}];

/// Any duration that is not negative, up to a day.
pub(crate) const DURATION: &[Rule] = &[Rule {
    cel: "duration(self) >= duration('0s') && duration(self) <= duration('24h')",
    message: "must be a duration from 0s to 24h, such as 5s or 1m30s",
    holds: |v| text(v).and_then(parse_duration).is_some_and(|d| d.as_secs_f64() <= 86400.0),
}];

/// `has(self.name)`.
pub(crate) fn has(v: &Value, name: &str) -> bool {
    v.get(name).is_some()
}

/// How many of `names` are there.
pub(crate) fn count(v: &Value, names: &[&str]) -> usize {
    names.iter().filter(|name| has(v, name)).count()
}

/// `has(self.name) && self.name.size() > 0`.
pub(crate) fn filled(v: &Value, name: &str) -> bool {
    match v.get(name) {
        Some(Value::Array(list)) => !list.is_empty(),
        Some(Value::Object(map)) => !map.is_empty(),
        Some(Value::String(text)) => !text.is_empty(),
        _ => false,
    }
}

/// `has(self.name) && self.name`.
pub(crate) fn is_true(v: &Value, name: &str) -> bool {
    v.get(name) == Some(&Value::Bool(true))
}

/// `has(self.name) && self.name == text`.
pub(crate) fn is(v: &Value, name: &str, text: &str) -> bool {
    v.get(name).and_then(Value::as_str) == Some(text)
}

fn text(v: &Value) -> Option<&str> {
    v.as_str()
}

fn is_ip(s: &str) -> bool {
    s.parse::<IpAddr>().is_ok_and(|ip| !is_mapped(ip))
}

fn is_cidr(s: &str) -> bool {
    let plain_length = s.split_once('/').is_some_and(|(_, len)| {
        len == "0" || (!len.starts_with('0') && len.bytes().all(|b| b.is_ascii_digit()))
    });
    plain_length && s.parse::<IpNet>().is_ok_and(|net| !is_mapped(net.addr()))
}

/// IPv4-mapped IPv6 addresses are refused by the CEL library too.
fn is_mapped(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V6(ip) if ip.to_ipv4_mapped().is_some())
}
