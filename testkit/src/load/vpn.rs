//! UPDATEs with VPN-IPv4 routes (RFC 4364): one label, a route distinguisher, an IPv4 prefix.

use std::net::IpAddr;

use ipnet::IpNet;

use super::digest;
use crate::frame::{Attributes, HEADER, MAX_MESSAGE, encode};

/// One route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// Route distinguisher.
    pub rd: [u8; 8],
    /// MPLS label, 20 bits.
    pub label: u32,
    /// Prefix.
    pub prefix: IpNet,
}

/// The digest of a route with these attributes and this label.
///
/// # Panics
/// Never: what the harness encodes it can read.
#[must_use]
pub fn digest(attributes: &Attributes, label: u32) -> u32 {
    let mut section = encode::common_attributes(attributes);
    encode::attribute(0x80, 14, &reach(attributes), &mut section);
    digest::fold(digest::scan(&section).expect("encoded a line above").sum, label)
}

/// UPDATEs that announce `routes`, as few as fit.
///
/// # Panics
/// When the attributes alone fill a message.
pub fn update(attributes: &Attributes, routes: &[Route], out: &mut Vec<u8>) {
    let common = encode::common_attributes(attributes);
    let reach = reach(attributes);
    let room = MAX_MESSAGE - HEADER - 4 - 4 - common.len() - reach.len();
    for some in routes.chunks((room / 16).max(1)) {
        let mut value = reach.clone();
        some.iter().for_each(|route| nlri(route, &mut value));
        let mut section = common.clone();
        encode::attribute(0x80, 14, &value, &mut section);
        encode::update_body(&[], &section, &[], out);
    }
}

/// UPDATEs that withdraw `routes`, as few as fit.
pub fn withdraw(routes: &[Route], out: &mut Vec<u8>) {
    for some in routes.chunks((MAX_MESSAGE - HEADER - 11) / 16) {
        let mut value = vec![0, 1, 128];
        some.iter().for_each(|route| nlri(route, &mut value));
        let mut section = Vec::new();
        encode::attribute(0x80, 15, &value, &mut section);
        encode::update_body(&[], &section, &[], out);
    }
}

/// The head of MP_REACH_NLRI.
fn reach(attributes: &Attributes) -> Vec<u8> {
    let IpAddr::V4(next_hop) = attributes.next_hop else { panic!("loads are IPv4") };
    [&[0, 1, 128, 12][..], &[0; 8], &next_hop.octets(), &[0]].concat()
}

fn nlri(route: &Route, out: &mut Vec<u8>) {
    out.push(88 + route.prefix.prefix_len());
    // Bottom of stack (RFC 3107 section 3).
    out.extend_from_slice(&(route.label << 4 | 1).to_be_bytes()[1..]);
    out.extend_from_slice(&route.rd);
    let start = out.len();
    encode::prefix(&route.prefix, out);
    out.remove(start); // the length stands in front of the label
}
