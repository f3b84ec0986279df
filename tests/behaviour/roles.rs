//! RFC 9234 with FRR and BIRD.

use testkit::daemon::{Config, Kind};

use crate::lab::{Lab, each};

const WITH_ROLES: &[Kind] = &[Kind::Frr, Kind::Bird];

/// Our lines and the daemon's.
fn roles(kind: Kind, ours: &[&str], theirs: Option<&str>) -> Lab {
    let set = |ours_config: &mut Config, theirs_config: &mut Config| {
        ours_config.neighbors[0].extra = ours.iter().map(|&line| line.to_owned()).collect();
        if let Some(role) = theirs {
            theirs_config.neighbors[0].extra = vec![match kind {
                Kind::Frr => format!("neighbor 192.0.2.1 local-role {role}"),
                _ => format!("local role {};", role.replace('-', "_")),
            }];
        }
    };
    Lab::new(kind, set)
}

#[test]
fn a_pair_comes_up_and_is_shown() {
    each("a_pair_comes_up_and_is_shown", WITH_ROLES, |kind| {
        let lab = roles(kind, &["role: customer", "strictRole: true"], Some("provider"));
        lab.established();
        lab.sees("/capabilities", "\"role customer\"");
        lab.sees("/capabilities", "\"peer-role provider\"");
    });
}

#[test]
fn a_mismatch_is_refused_by_whoever_sees_it_first() {
    each("a_mismatch_is_refused_by_whoever_sees_it_first", WITH_ROLES, |kind| {
        let lab = roles(kind, &["role: customer"], Some("customer"));
        lab.sees("/lastError", "Role Mismatch");
        assert_eq!(lab.times_up(), 0);
    });
}

#[test]
fn no_role_is_refused_in_strict_mode_only() {
    each("no_role_is_refused_in_strict_mode_only", &[Kind::Frr, Kind::Bird, Kind::Gobgp], |kind| {
        let lab = roles(kind, &["role: peer", "strictRole: true"], None);
        lab.sees("/lastSent/text", "Role Mismatch");
        assert_eq!(lab.times_up(), 0);
        drop(lab);
        let lab = roles(kind, &["role: peer"], None);
        lab.established();
    });
}
