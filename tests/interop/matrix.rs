//! Every daemon, session address, session type and AS width: one life each.

use anyhow::{Context as _, ensure};
use testkit::daemon::{Kind, Speaker as _};
use testkit::privilege::in_namespaces;
use testkit::route::Announcement;
use testkit::skip::skip;
use testkit::wait;

use crate::lab::{Lab, Variant, plain, prefix};

/// Up, routes both ways, announce and withdraw at run time.
fn exchange(lab: &mut Lab) {
    lab.wait_converged();

    let more = Announcement { med: Some(5), ..Announcement::new(&prefix(lab.variant, 2, 9)) };
    lab.peer.announce(more.clone()).unwrap();
    lab.wait_converged();
    lab.peer.withdraw(more.prefix).unwrap();
    lab.wait_converged();

    let more = Announcement { med: Some(6), ..Announcement::new(&prefix(lab.variant, 1, 9)) };
    lab.ours.announce(more.clone()).unwrap();
    lab.wait_converged();
    lab.ours.withdraw(more.prefix).unwrap();
    lab.wait_converged();
}

/// SIGKILL of the peer: its routes leave table and kernel; all comes back with it.
fn peer_dies_and_returns(lab: &mut Lab) {
    lab.peer.kill();
    let gone = wait::eventually("the peer's routes are gone", || {
        ensure!(lab.ours.check_established(lab.peer_address).is_err(), "still Established");
        let left = lab.ours.routes_from(lab.peer_address)?;
        ensure!(left.is_empty(), "{left:?}");
        let kernel = lab.our_ns.kernel_routes(testkit::cosmos::KERNEL_PROTOCOL)?;
        ensure!(kernel.is_empty(), "{kernel:?}");
        Ok(())
    });
    lab.demand(gone);
    lab.peer.start().unwrap();
    lab.wait_converged();
}

/// SIGTERM to us: the peer sees a Cease, and loses our routes.
fn our_stop_is_a_cease(lab: &mut Lab) {
    lab.ours.stop().unwrap();
    let seen = wait::eventually("NOTIFICATION at the peer", || {
        lab.peer.last_notification(lab.our_address)
    });
    let seen = lab.demand(seen);
    assert_eq!(seen.code, 6, "{seen:?}");
    let gone = wait::eventually("our routes are gone", || {
        let left = lab.peer.routes_from(lab.our_address)?;
        ensure!(left.is_empty(), "{left:?}");
        Ok(())
    });
    lab.demand(gone);
    lab.ours.start().unwrap();
    lab.wait_converged();
}

/// SIGKILL of ours while the world changes: afterwards no stale route and none missing.
fn we_die_and_return(lab: &mut Lab) {
    let before = lab.our_ns.kernel_routes(testkit::cosmos::KERNEL_PROTOCOL).unwrap();
    assert!(!before.is_empty());
    lab.ours.kill();
    let left = lab.our_ns.kernel_routes(testkit::cosmos::KERNEL_PROTOCOL).unwrap();
    assert_eq!(left, before, "forwarding survives the death of the process");
    lab.peer.withdraw(plain(lab.variant, 2).prefix).unwrap();
    let new = Announcement { med: Some(7), ..Announcement::new(&prefix(lab.variant, 2, 7)) };
    lab.peer.announce(new).unwrap();
    lab.ours.start().unwrap();
    lab.wait_converged();
}

fn life(variant: Variant) {
    if let Err(missing) = variant.peer.installed() {
        return skip(&format!("interop {variant:?}"), &missing);
    }
    let mut lab = Lab::new(variant);
    exchange(&mut lab);
    peer_dies_and_returns(&mut lab);
    our_stop_is_a_cease(&mut lab);
    we_die_and_return(&mut lab);
    // The log must be free of panics, whatever the outcome looked like.
    let log = lab.ours.log();
    let panic = log.lines().find(|line| line.contains("panicked at"));
    panic.map_or(Ok(()), |line| Err(anyhow::anyhow!("{line}"))).context("our log").unwrap();
}

macro_rules! matrix {
    ($($name:ident: $peer:ident, ipv6: $ipv6:literal, ebgp: $ebgp:literal, four_octet_as: $as4:literal;)*) => {$(
        #[test]
        fn $name() {
            in_namespaces(|| {
                life(Variant { peer: Kind::$peer, ipv6: $ipv6, ebgp: $ebgp, four_octet_as: $as4 });
            });
        }
    )*};
}

matrix! {
    frr_ipv4_ebgp_as2: Frr, ipv6: false, ebgp: true, four_octet_as: false;
    frr_ipv4_ebgp_as4: Frr, ipv6: false, ebgp: true, four_octet_as: true;
    frr_ipv4_ibgp_as2: Frr, ipv6: false, ebgp: false, four_octet_as: false;
    frr_ipv4_ibgp_as4: Frr, ipv6: false, ebgp: false, four_octet_as: true;
    frr_ipv6_ebgp_as2: Frr, ipv6: true, ebgp: true, four_octet_as: false;
    frr_ipv6_ebgp_as4: Frr, ipv6: true, ebgp: true, four_octet_as: true;
    frr_ipv6_ibgp_as2: Frr, ipv6: true, ebgp: false, four_octet_as: false;
    frr_ipv6_ibgp_as4: Frr, ipv6: true, ebgp: false, four_octet_as: true;
    bird_ipv4_ebgp_as2: Bird, ipv6: false, ebgp: true, four_octet_as: false;
    bird_ipv4_ebgp_as4: Bird, ipv6: false, ebgp: true, four_octet_as: true;
    bird_ipv4_ibgp_as2: Bird, ipv6: false, ebgp: false, four_octet_as: false;
    bird_ipv4_ibgp_as4: Bird, ipv6: false, ebgp: false, four_octet_as: true;
    bird_ipv6_ebgp_as2: Bird, ipv6: true, ebgp: true, four_octet_as: false;
    bird_ipv6_ebgp_as4: Bird, ipv6: true, ebgp: true, four_octet_as: true;
    bird_ipv6_ibgp_as2: Bird, ipv6: true, ebgp: false, four_octet_as: false;
    bird_ipv6_ibgp_as4: Bird, ipv6: true, ebgp: false, four_octet_as: true;
    gobgp_ipv4_ebgp_as2: Gobgp, ipv6: false, ebgp: true, four_octet_as: false;
    gobgp_ipv4_ebgp_as4: Gobgp, ipv6: false, ebgp: true, four_octet_as: true;
    gobgp_ipv4_ibgp_as2: Gobgp, ipv6: false, ebgp: false, four_octet_as: false;
    gobgp_ipv4_ibgp_as4: Gobgp, ipv6: false, ebgp: false, four_octet_as: true;
    gobgp_ipv6_ebgp_as2: Gobgp, ipv6: true, ebgp: true, four_octet_as: false;
    gobgp_ipv6_ebgp_as4: Gobgp, ipv6: true, ebgp: true, four_octet_as: true;
    gobgp_ipv6_ibgp_as2: Gobgp, ipv6: true, ebgp: false, four_octet_as: false;
    gobgp_ipv6_ibgp_as4: Gobgp, ipv6: true, ebgp: false, four_octet_as: true;
}
