//! The netlink route protocol, as much of it as routes, links and addresses need.
//!
//! Used by the owner thread and the monitor; nothing here leaves the crate. `write` appends request
//! messages to a byte buffer (no allocation a route), `read` walks answers and notifications without
//! trusting any length, `socket` opens, filters and reads the sockets.
//!
//! References: netlink(7), rtnetlink(7), linux/rtnetlink.h, RFC 3549.

pub(crate) mod read;
pub(crate) mod socket;
pub(crate) mod write;

/// Numbers of linux/netlink.h and linux/rtnetlink.h.
pub(crate) mod consts {
    pub(crate) const NLMSG_ERROR: u16 = 2;
    pub(crate) const NLMSG_DONE: u16 = 3;

    pub(crate) const RTM_NEWLINK: u16 = 16;
    pub(crate) const RTM_DELLINK: u16 = 17;
    pub(crate) const RTM_GETLINK: u16 = 18;
    pub(crate) const RTM_NEWADDR: u16 = 20;
    pub(crate) const RTM_DELADDR: u16 = 21;
    pub(crate) const RTM_GETADDR: u16 = 22;
    pub(crate) const RTM_NEWROUTE: u16 = 24;
    pub(crate) const RTM_DELROUTE: u16 = 25;
    pub(crate) const RTM_GETROUTE: u16 = 26;

    pub(crate) const NLM_F_REQUEST: u16 = 0x1;
    pub(crate) const NLM_F_MULTI: u16 = 0x2;
    pub(crate) const NLM_F_ACK: u16 = 0x4;
    pub(crate) const NLM_F_DUMP_INTR: u16 = 0x10;
    pub(crate) const NLM_F_REPLACE: u16 = 0x100;
    pub(crate) const NLM_F_EXCL: u16 = 0x200;
    pub(crate) const NLM_F_CREATE: u16 = 0x400;
    pub(crate) const NLM_F_DUMP: u16 = 0x300;
    pub(crate) const NLM_F_CAPPED: u16 = 0x100;
    pub(crate) const NLM_F_ACK_TLVS: u16 = 0x200;

    pub(crate) const AF_UNSPEC: u8 = 0;
    pub(crate) const AF_INET: u8 = 2;
    pub(crate) const AF_INET6: u8 = 10;

    pub(crate) const RTA_DST: u16 = 1;
    pub(crate) const RTA_OIF: u16 = 4;
    pub(crate) const RTA_GATEWAY: u16 = 5;
    pub(crate) const RTA_PRIORITY: u16 = 6;
    pub(crate) const RTA_MULTIPATH: u16 = 9;
    pub(crate) const RTA_TABLE: u16 = 15;
    pub(crate) const RTA_VIA: u16 = 18;

    pub(crate) const RT_SCOPE_UNIVERSE: u8 = 0;
    pub(crate) const RT_SCOPE_LINK: u8 = 253;
    pub(crate) const RT_SCOPE_NOWHERE: u8 = 255;
    pub(crate) const RTM_F_CLONED: u32 = 0x200;

    pub(crate) const RTN_UNICAST: u8 = 1;
    pub(crate) const RTN_LOCAL: u8 = 2;
    pub(crate) const RTN_BLACKHOLE: u8 = 6;
    pub(crate) const RTN_PROHIBIT: u8 = 8;

    pub(crate) const IFLA_IFNAME: u16 = 3;
    pub(crate) const IFLA_MTU: u16 = 4;
    pub(crate) const IFLA_MASTER: u16 = 10;
    pub(crate) const IFF_UP: u32 = 0x1;
    pub(crate) const IFF_LOOPBACK: u32 = 0x8;
    pub(crate) const IFF_LOWER_UP: u32 = 0x1_0000;

    pub(crate) const IFA_ADDRESS: u16 = 1;
    pub(crate) const IFA_LOCAL: u16 = 2;
    pub(crate) const IFA_FLAGS: u16 = 8;
    pub(crate) const IFA_F_DADFAILED: u32 = 0x08;
    pub(crate) const IFA_F_OPTIMISTIC: u32 = 0x04;
    pub(crate) const IFA_F_TENTATIVE: u32 = 0x40;

    /// Legacy group bits: link, IPv4 address, IPv4 route, IPv6 address, IPv6 route.
    pub(crate) const EVENT_GROUPS: u32 = 0x1 | 0x10 | 0x40 | 0x100 | 0x400;
}
