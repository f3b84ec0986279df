//! Text of any kind for every type that reads text: never a panic, and what is read is shown so that
//! it reads back as the same value.
//!
//! What for: manifests and command lines hold these texts.
//! Where: each `FromStr` of the crate.
//! How: every type gets the whole input.
//! Invariants: `parse(show(parse(text))) == parse(text)`.
//! References: RFC 5396 (AS numbers), RFC 5952 (IPv6 addresses).

use std::{
    fmt::{Debug, Display},
    str::FromStr,
};

use bgp_wire::{Asn, Community, ExtCommunity, Family, LargeCommunity, Prefix, V4Prefix, V6Prefix};

/// Input: the text, as UTF-8 with replacements.
pub fn target(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    one::<Asn>(&text);
    one::<Community>(&text);
    one::<ExtCommunity>(&text);
    one::<Family>(&text);
    one::<LargeCommunity>(&text);
    one::<Prefix>(&text);
    one::<V4Prefix>(&text);
    one::<V6Prefix>(&text);
}

fn one<T: FromStr + Display + Debug + PartialEq>(text: &str) {
    let Ok(value) = text.parse::<T>() else { return };
    let shown = value.to_string();
    match shown.parse::<T>() {
        Ok(again) => assert_eq!(again, value, "{text:?} is shown as {shown:?}"),
        Err(_) => panic!("{text:?} is shown as {shown:?}, which does not parse"),
    }
}
