//! Answers and notifications: bytes to messages to events, trusting no length.
//!
//! Called by the owner thread and the monitor; owns nothing. What is malformed or unknown yields
//! `None` and is skipped; nothing here indexes or panics.
//!
//! References: linux/netlink.h `nlmsgerr`, linux/rtnetlink.h, linux/if_link.h, linux/if_addr.h.

use std::net::IpAddr;

use ipnet::IpNet;
use smallvec::SmallVec;

use super::consts::*;
use crate::event::{Address, KernelEvent, KernelRoute, Link, RouteKind};
use crate::route::{Hop, normalise};

/// One netlink message.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Message<'a> {
    pub(crate) kind: u16,
    pub(crate) flags: u16,
    pub(crate) seq: u32,
    /// Port of the socket whose request caused this, 0 for the kernel's own doing.
    pub(crate) port: u32,
    pub(crate) body: &'a [u8],
}

/// What an NLMSG_ERROR or NLMSG_DONE says.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) struct Ack<'a> {
    /// Positive errno, 0 for success.
    pub(crate) errno: i32,
    pub(crate) text: Option<&'a str>,
}

/// The messages of one datagram.
pub(crate) fn messages(buf: &[u8]) -> Messages<'_> {
    Messages(buf)
}

#[derive(Clone, Debug)]
pub(crate) struct Messages<'a>(&'a [u8]);

impl<'a> Iterator for Messages<'a> {
    type Item = Message<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let buf = self.0;
        let len = usize::try_from(u32_at(buf, 0)?).ok()?;
        let message = Message {
            kind: u16_at(buf, 4)?,
            flags: u16_at(buf, 6)?,
            seq: u32_at(buf, 8)?,
            port: u32_at(buf, 12)?,
            body: buf.get(16..len)?,
        };
        self.0 = buf.get(len.next_multiple_of(4)..).unwrap_or(&[]);
        Some(message)
    }
}

impl<'a> Message<'a> {
    /// The verdict, for NLMSG_ERROR (acknowledgements included) and NLMSG_DONE.
    pub(crate) fn ack(&self) -> Option<Ack<'a>> {
        let errno = u32_at(self.body, 0).unwrap_or(0).cast_signed().checked_neg().unwrap_or(0);
        let tail = match self.kind {
            NLMSG_DONE => self.body.get(4..),
            NLMSG_ERROR if self.flags & NLM_F_CAPPED != 0 => self.body.get(20..),
            NLMSG_ERROR => {
                let original = usize::try_from(u32_at(self.body, 4).unwrap_or(0)).ok()?;
                self.body.get(original.next_multiple_of(4).saturating_add(4)..)
            }
            _ => return None,
        };
        let tail = tail.filter(|_| self.flags & NLM_F_ACK_TLVS != 0).unwrap_or(&[]);
        let text = attributes(tail).find(|(kind, _)| *kind == 1).and_then(|(_, value)| {
            std::str::from_utf8(value).ok().map(|text| text.trim_end_matches('\0'))
        });
        Some(Ack { errno, text })
    }

    /// Whether the kernel was changed while it dumped.
    pub(crate) fn is_interrupted(&self) -> bool {
        self.flags & NLM_F_DUMP_INTR != 0
    }

    /// The event a link, address or route message stands for.
    pub(crate) fn event(&self) -> Option<KernelEvent> {
        Some(match self.kind {
            RTM_NEWLINK => KernelEvent::Link(link(self.body)?),
            RTM_DELLINK => KernelEvent::LinkGone { index: link(self.body)?.index },
            RTM_NEWADDR => KernelEvent::Address(address(self.body)?),
            RTM_DELADDR => KernelEvent::AddressGone(address(self.body)?),
            RTM_NEWROUTE => {
                let mut route = route(self.body)?;
                // In a dump the bit means something else.
                let notified = self.flags & NLM_F_MULTI == 0;
                route.replaces = notified && self.flags & NLM_F_REPLACE != 0;
                KernelEvent::Route(route)
            }
            RTM_DELROUTE => KernelEvent::RouteGone(route(self.body)?),
            _ => return None,
        })
    }

    /// The route of an RTM_NEWROUTE, as dumps hold them.
    pub(crate) fn route(&self) -> Option<KernelRoute> {
        (self.kind == RTM_NEWROUTE).then(|| route(self.body))?
    }
}

fn link(body: &[u8]) -> Option<Link> {
    // Bridge ports are reported with family AF_BRIDGE; leaving a bridge is not the end of a link.
    if *body.first()? != AF_UNSPEC {
        return None;
    }
    let flags = u32_at(body, 8)?;
    let mut link = Link {
        index: u32_at(body, 4)?,
        name: String::new(),
        up: flags & IFF_UP != 0,
        carrier: flags & IFF_LOWER_UP != 0,
        loopback: flags & IFF_LOOPBACK != 0,
        mtu: 0,
        master: None,
    };
    for (kind, value) in attributes(body.get(16..)?) {
        match kind {
            IFLA_IFNAME => {
                link.name = String::from_utf8_lossy(value).trim_end_matches('\0').to_owned();
            }
            IFLA_MTU => link.mtu = u32_at(value, 0)?,
            IFLA_MASTER => link.master = u32_at(value, 0).filter(|index| *index != 0),
            _ => {}
        }
    }
    Some(link)
}

fn address(body: &[u8]) -> Option<Address> {
    let (family, prefix_len, short_flags) = (*body.first()?, *body.get(1)?, *body.get(2)?);
    let (mut local, mut peer, mut flags) = (None, None, u32::from(short_flags));
    for (kind, value) in attributes(body.get(8..)?) {
        match kind {
            IFA_LOCAL => local = ip(family, value),
            IFA_ADDRESS => peer = ip(family, value),
            IFA_FLAGS => flags = u32_at(value, 0)?,
            _ => {}
        }
    }
    // On a point-to-point link IFA_ADDRESS is the other end.
    let addr = local.or(peer)?;
    let optimistic = flags & IFA_F_OPTIMISTIC != 0;
    let tentative = flags & IFA_F_TENTATIVE != 0 && !optimistic || flags & IFA_F_DADFAILED != 0;
    Some(Address { ifindex: u32_at(body, 4)?, addr, prefix_len, tentative })
}

fn route(body: &[u8]) -> Option<KernelRoute> {
    let [family, len, src_len, tos, table, protocol, _scope, kind] = *body.first_chunk::<8>()?;
    // Cached clones, source-specific and TOS routes are not destinations of the table proper.
    if u32_at(body, 8)? & RTM_F_CLONED != 0 || src_len != 0 || tos != 0 {
        return None;
    }
    let unspecified: IpAddr = match family {
        AF_INET => [0; 4].into(),
        AF_INET6 => [0; 16].into(),
        _ => return None,
    };
    let mut route = KernelRoute {
        table: u32::from(table),
        protocol,
        prefix: IpNet::new(unspecified, len).ok()?,
        metric: 0,
        kind: match kind {
            RTN_UNICAST => RouteKind::Unicast,
            RTN_LOCAL => RouteKind::Local,
            RTN_BLACKHOLE..=RTN_PROHIBIT => RouteKind::Discard,
            _ => RouteKind::Other,
        },
        next_hops: SmallVec::new(),
        replaces: false,
    };
    let mut lone = Hop { via: None, ifindex: None, weight: 1 };
    for (kind, value) in attributes(body.get(12..)?) {
        match kind {
            RTA_DST => route.prefix = IpNet::new(ip(family, value)?, len).ok()?,
            RTA_OIF => lone.ifindex = u32_at(value, 0),
            RTA_GATEWAY => lone.via = ip(family, value),
            RTA_VIA => lone.via = via(value),
            RTA_PRIORITY => route.metric = u32_at(value, 0)?,
            RTA_TABLE => route.table = u32_at(value, 0)?,
            RTA_MULTIPATH => multipath(family, value, &mut route.next_hops),
            _ => {}
        }
    }
    if route.next_hops.is_empty() && (lone.via.is_some() || lone.ifindex.is_some()) {
        route.next_hops.push(lone);
    }
    normalise(&mut route.next_hops);
    Some(route)
}

fn multipath(family: u8, mut value: &[u8], hops: &mut SmallVec<[Hop; 4]>) {
    while let (Some(len), Some(weight), Some(ifindex)) =
        (u16_at(value, 0), value.get(3), u32_at(value, 4))
    {
        let len = usize::from(len);
        let Some(attrs) = value.get(8..len) else { return };
        let mut hop = Hop { via: None, ifindex: Some(ifindex), weight: weight.saturating_add(1) };
        for (kind, value) in attributes(attrs) {
            match kind {
                RTA_GATEWAY => hop.via = ip(family, value),
                RTA_VIA => hop.via = via(value),
                _ => {}
            }
        }
        hops.push(hop);
        value = value.get(len.next_multiple_of(4)..).unwrap_or(&[]);
    }
}

fn via(value: &[u8]) -> Option<IpAddr> {
    let family = u8::try_from(u16_at(value, 0)?).ok()?;
    ip(family, value.get(2..)?)
}

fn ip(family: u8, value: &[u8]) -> Option<IpAddr> {
    match family {
        AF_INET => value.first_chunk::<4>().map(|octets| IpAddr::from(*octets)),
        AF_INET6 => value.first_chunk::<16>().map(|octets| IpAddr::from(*octets)),
        _ => None,
    }
}

/// The attributes of a body: (type without flag bits, value).
fn attributes(mut buf: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let len = usize::from(u16_at(buf, 0)?);
        let kind = u16_at(buf, 2)? & 0x3fff;
        let value = buf.get(4..len)?;
        buf = buf.get(len.next_multiple_of(4)..).unwrap_or(&[]);
        Some((kind, value))
    })
}

fn u16_at(buf: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(*buf.get(at..)?.first_chunk()?))
}

fn u32_at(buf: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(*buf.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::nl::write;
    use crate::route::{FibConfig, Route};

    fn read_back(route: &Route, config: &FibConfig) -> KernelRoute {
        let mut buf = Vec::new();
        write::put_route(&mut buf, config, &route.prefix, &route.next_hops, NLM_F_CREATE, 7);
        let all: Vec<Message<'_>> = messages(&buf).collect();
        assert_eq!((all.len(), all[0].seq, all[0].flags), (1, 7, NLM_F_CREATE | NLM_F_REQUEST));
        all[0].route().unwrap()
    }

    #[test]
    fn what_is_written_reads_back_equal() {
        let via = |text: &str| Hop::via(text.parse().unwrap());
        let routes = [
            ("0.0.0.0/0", vec![via("10.0.0.1")]),
            ("10.1.0.0/16", vec![via("10.0.0.1").dev(2).weight(3), via("10.0.0.2").dev(3)]),
            ("10.2.0.0/16", vec![via("fe80::1").dev(2)]),
            ("10.3.0.0/16", vec![via("fe80::1").dev(2), via("10.0.0.9").dev(3).weight(255)]),
            ("10.4.0.0/16", vec![Hop { via: None, ifindex: Some(4), weight: 1 }]),
            ("2001:db8::/32", vec![via("fe80::1").dev(2), via("2001:db8:1::1").dev(3).weight(9)]),
        ];
        for (table, metric) in [(254, None), (1000, Some(77))] {
            let config = FibConfig { table, protocol: 179, metric };
            for (prefix, hops) in &routes {
                let route = Route::new(prefix.parse().unwrap(), hops.clone()).normal().unwrap();
                let read = read_back(&route, &config);
                assert_eq!((read.prefix, &read.next_hops), (route.prefix, &route.next_hops));
                assert_eq!((read.table, read.metric), (table, config.metric_of(&route.prefix)));
                assert_eq!((read.protocol, read.kind), (179, RouteKind::Unicast));
            }
        }
    }

    #[test]
    fn an_error_carries_errno_and_text() {
        let mut body = (-17i32).to_ne_bytes().to_vec();
        body.extend_from_slice(&[0; 16]);
        body.extend_from_slice(&[10, 0, 1, 0]);
        body.extend_from_slice(b"no way");
        let flags = NLM_F_CAPPED | NLM_F_ACK_TLVS;
        let message = Message { kind: NLMSG_ERROR, flags, seq: 1, port: 0, body: &body };
        assert_eq!(message.ack(), Some(Ack { errno: 17, text: Some("no way") }));
        let plain = Message { flags: 0, body: &[0; 20], ..message };
        assert_eq!(plain.ack(), Some(Ack { errno: 0, text: None }));
    }

    #[test]
    fn a_bridge_port_message_is_not_a_link() {
        let mut body = vec![0; 16];
        body[4] = 3;
        assert_eq!(link(&body).map(|link| link.index), Some(3));
        body[0] = 7;
        assert_eq!(link(&body), None);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..200), kind in 0u16..30) {
            for message in messages(&bytes) {
                let _ = (message.ack(), message.event(), message.route());
            }
            // Once more with a header that leads into the body parsers.
            if let (Ok(len), true) = (u32::try_from(bytes.len()), bytes.len() >= 16) {
                bytes[..4].copy_from_slice(&len.to_ne_bytes());
                bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
                let all: Vec<_> = messages(&bytes).collect();
                prop_assert_eq!(all.len(), 1);
                let _ = (all[0].ack(), all[0].event(), all[0].route());
            }
        }
    }
}
