//! Request messages, appended to one buffer: many a send.
//!
//! Called by the owner thread; owns nothing. Every message is `nlmsghdr` (16 bytes, host byte order),
//! a fixed body, then attributes padded to 4 bytes; lengths are filled in when the content is known.
//!
//! References: linux/netlink.h `nlmsghdr`, linux/rtnetlink.h `rtmsg`, `rtnexthop`, `rtvia`.

use std::net::IpAddr;

use ipnet::IpNet;

use super::consts::*;
use crate::route::{FibConfig, Hop};

/// Append a request to create or replace (`flags`: NLM_F_CREATE with NLM_F_EXCL or NLM_F_REPLACE).
pub(crate) fn put_route(
    out: &mut Vec<u8>,
    config: &FibConfig,
    prefix: &IpNet,
    hops: &[Hop],
    flags: u16,
    seq: u32,
) {
    // An IPv4 route without a gateway ends on the link; the kernel wants that said.
    let on_link = hops.iter().all(|hop| hop.via.is_none());
    let scope = match prefix {
        IpNet::V4(_) if on_link => RT_SCOPE_LINK,
        _ => RT_SCOPE_UNIVERSE,
    };
    let start = begin_route(
        out,
        RTM_NEWROUTE,
        flags | NLM_F_REQUEST,
        seq,
        config,
        prefix,
        scope,
        RTN_UNICAST,
    );
    put_u32(out, RTA_PRIORITY, config.metric_of(prefix));
    match hops {
        [hop] => put_hop(out, prefix, hop),
        hops => {
            let multipath = begin_attr(out, RTA_MULTIPATH);
            for hop in hops {
                let at = out.len();
                out.extend_from_slice(&[0, 0, 0, hop.weight.max(1) - 1]);
                out.extend_from_slice(&hop.ifindex.unwrap_or(0).to_ne_bytes());
                put_gateway(out, prefix, hop);
                patch_u16(out, at);
            }
            patch_u16(out, multipath);
        }
    }
    end_message(out, start);
}

/// Append a request to delete our route to `prefix`, whatever its next hops are.
pub(crate) fn delete_route(
    out: &mut Vec<u8>,
    config: &FibConfig,
    prefix: &IpNet,
    metric: u32,
    seq: u32,
) {
    let start =
        begin_route(out, RTM_DELROUTE, NLM_F_REQUEST, seq, config, prefix, RT_SCOPE_NOWHERE, 0);
    put_u32(out, RTA_PRIORITY, metric);
    end_message(out, start);
}

/// A dump of the routes of one family; with `ours` only those of our table and protocol
/// (honoured by the kernel on a socket with strict checking).
pub(crate) fn dump_routes(out: &mut Vec<u8>, family: u8, ours: Option<&FibConfig>, seq: u32) {
    let start = begin_message(out, RTM_GETROUTE, NLM_F_REQUEST | NLM_F_DUMP, seq);
    let (table, protocol) = ours.map_or((0, 0), |config| (config.table, config.protocol));
    let small = u8::try_from(table).unwrap_or(0);
    out.extend_from_slice(&[family, 0, 0, 0, small, protocol, 0, 0, 0, 0, 0, 0]);
    if small == 0 && table != 0 {
        put_u32(out, RTA_TABLE, table);
    }
    end_message(out, start);
}

/// A dump of all links.
pub(crate) fn dump_links(out: &mut Vec<u8>, seq: u32) {
    let start = begin_message(out, RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, seq);
    out.extend_from_slice(&[0; 16]);
    end_message(out, start);
}

/// A dump of the addresses of one family.
pub(crate) fn dump_addresses(out: &mut Vec<u8>, family: u8, seq: u32) {
    let start = begin_message(out, RTM_GETADDR, NLM_F_REQUEST | NLM_F_DUMP, seq);
    out.extend_from_slice(&[family, 0, 0, 0, 0, 0, 0, 0]);
    end_message(out, start);
}

/// Ask for an acknowledgement of the message that starts at `start`.
pub(crate) fn want_ack(out: &mut [u8], start: usize) {
    let flags = out.get_mut(start + 6).expect("a message has at least 16 bytes");
    // Flags are in host order; NLM_F_ACK is in their low byte.
    if cfg!(target_endian = "little") {
        *flags |= NLM_F_ACK.to_le_bytes()[0];
    } else if let Some(low) = out.get_mut(start + 7) {
        *low |= NLM_F_ACK.to_le_bytes()[0];
    }
}

fn begin_message(out: &mut Vec<u8>, kind: u16, flags: u16, seq: u32) -> usize {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&kind.to_ne_bytes());
    out.extend_from_slice(&flags.to_ne_bytes());
    out.extend_from_slice(&seq.to_ne_bytes());
    out.extend_from_slice(&[0; 4]);
    start
}

fn end_message(out: &mut [u8], start: usize) {
    let len = u32::try_from(out.len() - start).expect("a request is far below 4 GiB");
    out[start..start + 4].copy_from_slice(&len.to_ne_bytes());
}

fn begin_route(
    out: &mut Vec<u8>,
    kind: u16,
    flags: u16,
    seq: u32,
    config: &FibConfig,
    prefix: &IpNet,
    scope: u8,
    route_type: u8,
) -> usize {
    let start = begin_message(out, kind, flags, seq);
    let family = match prefix {
        IpNet::V4(_) => AF_INET,
        IpNet::V6(_) => AF_INET6,
    };
    // Tables above 255 do not fit the byte of the header and go into an attribute.
    let table = u8::try_from(config.table).unwrap_or(0);
    let len = prefix.prefix_len();
    out.extend_from_slice(&[
        family,
        len,
        0,
        0,
        table,
        config.protocol,
        scope,
        route_type,
        0,
        0,
        0,
        0,
    ]);
    if table == 0 {
        put_u32(out, RTA_TABLE, config.table);
    }
    match prefix {
        IpNet::V4(net) => put_attr(out, RTA_DST, &net.addr().octets()),
        IpNet::V6(net) => put_attr(out, RTA_DST, &net.addr().octets()),
    }
    start
}

fn put_hop(out: &mut Vec<u8>, prefix: &IpNet, hop: &Hop) {
    put_gateway(out, prefix, hop);
    if let Some(ifindex) = hop.ifindex {
        put_u32(out, RTA_OIF, ifindex);
    }
}

fn put_gateway(out: &mut Vec<u8>, prefix: &IpNet, hop: &Hop) {
    match (hop.via, prefix) {
        (None, _) => {}
        (Some(IpAddr::V4(via)), _) => put_attr(out, RTA_GATEWAY, &via.octets()),
        (Some(IpAddr::V6(via)), IpNet::V6(_)) => put_attr(out, RTA_GATEWAY, &via.octets()),
        (Some(IpAddr::V6(via)), IpNet::V4(_)) => {
            let at = begin_attr(out, RTA_VIA);
            out.extend_from_slice(&u16::from(AF_INET6).to_ne_bytes());
            out.extend_from_slice(&via.octets());
            patch_u16(out, at);
            pad(out);
        }
    }
}

fn put_u32(out: &mut Vec<u8>, kind: u16, value: u32) {
    put_attr(out, kind, &value.to_ne_bytes());
}

fn put_attr(out: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let at = begin_attr(out, kind);
    out.extend_from_slice(value);
    patch_u16(out, at);
    pad(out);
}

fn begin_attr(out: &mut Vec<u8>, kind: u16) -> usize {
    let at = out.len();
    out.extend_from_slice(&[0; 2]);
    out.extend_from_slice(&kind.to_ne_bytes());
    at
}

/// Fill in the 16-bit length of what began at `at`.
fn patch_u16(out: &mut [u8], at: usize) {
    let len = u16::try_from(out.len() - at).expect("at most 255 hops of 28 bytes");
    out[at..at + 2].copy_from_slice(&len.to_ne_bytes());
}

fn pad(out: &mut Vec<u8>) {
    out.resize(out.len().next_multiple_of(4), 0);
}
