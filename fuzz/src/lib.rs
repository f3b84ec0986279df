//! Fuzz targets: what bytes of a stranger must never do to the codec, as plain functions.
//!
//! What for: one body for each target, run by libFuzzer (`fuzz_targets/`) and, over the committed
//! corpora, by an ordinary test (`bgp-wire/tests/corpora.rs` includes this file by path).
//! Where: knows only the public interface of `bgp-wire`; the comparison with foreign codecs is in
//! `bgp-wire/foreign`.
//! How: `target(data)` panics when a law is broken. [`pack`] reads the corpora, which are one file a
//! target.
//! Invariants: a target is a function of its input alone; its work is bounded by the input's length.
#![forbid(unsafe_code)]

pub mod attribute;
pub mod encode;
pub mod findings;
pub mod frame;
pub mod notification;
pub mod open;
pub mod pack;
pub mod route_refresh;
pub mod text;
pub mod update;

/// A target's name and body.
pub type Target = (&'static str, fn(&[u8]));

/// Every target of this crate, as its binary and its corpus are called.
pub const TARGETS: &[Target] = &[
    ("attribute", attribute::target),
    ("encode", encode::target),
    ("findings", findings::target),
    ("frame", frame::target),
    ("notification", notification::target),
    ("open", open::target),
    ("route_refresh", route_refresh::target),
    ("text", text::target),
    ("update_evpn", update::evpn),
    ("update_flowspec", update::flowspec),
    ("update_labeled", update::labeled),
    ("update_rtc", update::rtc),
    ("update_unicast", update::unicast),
    ("update_vpn", update::vpn),
];
