//! A neighbour that knows no 4-octet AS numbers: AS_TRANS and AS4_PATH on the wire (RFC 6793).

use testkit::daemon::Kind;
use testkit::privilege::in_namespaces;
use testkit::route::Announcement;
use testkit::skip::skip;

use crate::lab::{Lab, Variant, prefix};

/// BIRD without the capability, a path with a 4-octet AS in it: both ends still see the whole path.
#[test]
fn wide_as_numbers_survive_a_narrow_session() {
    in_namespaces(|| {
        if let Err(missing) = Kind::Bird.installed() {
            return skip("wide_as_numbers_survive_a_narrow_session", &missing);
        }
        let variant = Variant { peer: Kind::Bird, ipv6: false, ebgp: true, four_octet_as: false };
        let wide = |n: u8| Announcement {
            as_path: vec![4_200_000_777, 4_200_000_777],
            med: Some(1),
            ..Announcement::new(&prefix(variant, n, 3))
        };
        let lab = Lab::with(variant, |ours, theirs| {
            theirs.neighbors[0].four_octet_as = false;
            theirs.announcements.push(wide(2));
            ours.announcements.push(wide(1));
        });
        lab.wait_converged();
    });
}
