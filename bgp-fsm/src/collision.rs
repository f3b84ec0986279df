//! Which of two colliding connections survives.
//!
//! Both speakers must come to the same answer without talking, so it depends only on what both know:
//! the two identifiers and, where those are equal, the two AS numbers.
//!
//! References: RFC 4271 section 6.8, RFC 6286 section 2.3.

use std::net::Ipv4Addr;

use bgp_wire::Asn;

use crate::event::ConnId;

/// The connection that stays: the one opened by the speaker with the higher identifier (compared as
/// an unsigned number), or, with equal identifiers, by the one with the higher AS number.
///
/// Two speakers equal in both are the same speaker; an OPEN like that never gets this far.
pub fn survivor(local: (Ipv4Addr, Asn), remote: (Ipv4Addr, Asn)) -> ConnId {
    let key = |(id, asn): (Ipv4Addr, Asn)| (u32::from(id), asn.0);
    if key(local) > key(remote) { ConnId::Outgoing } else { ConnId::Incoming }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc4271_6_8_the_higher_identifier_keeps_its_connection() {
        let low = (Ipv4Addr::new(10, 0, 0, 9), Asn(65010));
        let high = (Ipv4Addr::new(192, 0, 2, 1), Asn(65001));
        assert_eq!(survivor(high, low), ConnId::Outgoing);
        assert_eq!(survivor(low, high), ConnId::Incoming);
    }

    #[test]
    fn rfc6286_2_3_equal_identifiers_compare_the_as_numbers() {
        let id = Ipv4Addr::new(10, 0, 0, 1);
        assert_eq!(survivor((id, Asn(65002)), (id, Asn(65001))), ConnId::Outgoing);
        assert_eq!(survivor((id, Asn(65001)), (id, Asn(4_200_000_000))), ConnId::Incoming);
    }
}
