//! Which ends of a session keep the routes, and what the OPENs make of it.

use std::net::Ipv4Addr;

use bgp_wire::Asn;

use super::*;
use crate::config::{PeerConfig, RemoteAs};
use crate::negotiate::{local_open, negotiate};

const V4: Family = Family::IPV4_UNICAST;
const V6: Family = Family::IPV6_UNICAST;

fn config(restart: Option<GracefulRestart>) -> PeerConfig {
    let mut cfg = PeerConfig::new(Asn(65001), RemoteAs::External, Ipv4Addr::new(192, 0, 2, 1));
    cfg.graceful_restart = restart;
    cfg
}

fn ours() -> PeerConfig {
    config(Some(GracefulRestart { restart_time: 120, long_lived: Some(3600) }))
}

fn peer_open(capabilities: Vec<Capability>) -> Open {
    let mut cfg = PeerConfig::new(Asn(65002), RemoteAs::External, Ipv4Addr::new(192, 0, 2, 2));
    cfg.other_capabilities = capabilities;
    local_open(&cfg)
}

fn graceful(notification: bool, families: &[(Family, bool)]) -> Capability {
    let families = families.iter();
    Capability::GracefulRestart {
        restarting: false,
        notification,
        restart_time: 90,
        families: families
            .map(|&(family, forwarding)| GracefulFamily { family, forwarding })
            .collect(),
    }
}

fn agreed(cfg: &PeerConfig, capabilities: Vec<Capability>) -> Option<Restart> {
    negotiate(cfg, &local_open(cfg), &peer_open(capabilities)).restart
}

#[test]
fn rfc4724_3_the_open_says_what_is_configured_and_true() {
    let mut cfg = ours();
    cfg.restart_state.restarting = true;
    cfg.restart_state.lost = [V6].into_iter().collect();
    let capabilities = local_open(&cfg).capabilities;
    assert!(capabilities.contains(&Capability::GracefulRestart {
        restarting: true,
        notification: true,
        restart_time: 120,
        families: vec![
            GracefulFamily { family: V4, forwarding: true },
            GracefulFamily { family: V6, forwarding: false },
        ],
    }));
    let long = |family, forwarding| LongLivedFamily { family, forwarding, stale_time: 3600 };
    let long = Capability::LongLivedGracefulRestart(vec![long(V4, true), long(V6, false)]);
    assert!(capabilities.contains(&long));
    let off = local_open(&config(None)).capabilities;
    assert!(!off.iter().any(|c| matches!(
        c,
        Capability::GracefulRestart { .. } | Capability::LongLivedGracefulRestart(_)
    )));
    let huge = GracefulRestart { restart_time: u16::MAX, long_lived: Some(u32::MAX) };
    let capabilities = local_open(&config(Some(huge))).capabilities;
    assert!(
        capabilities
            .iter()
            .any(|c| matches!(c, Capability::GracefulRestart { restart_time: 4095, .. }))
    );
    assert!(capabilities.iter().any(|c| matches!(
        c,
        Capability::LongLivedGracefulRestart(list) if list[0].stale_time == 0xff_ffff
    )));
}

#[test]
fn our_own_restart_never_costs_a_session() {
    let (before, mut after) = (ours(), ours());
    after.restart_state = RestartState { restarting: true, lost: [V4].into_iter().collect() };
    assert!(before.impact(&after).is_none());
    after.graceful_restart = None;
    assert_eq!(before.impact(&after).reset, ["graceful_restart"]);
}

#[test]
fn rfc4724_3_agreement() {
    let all = [(V4, true), (V6, false)];
    assert_eq!(agreed(&config(None), vec![graceful(true, &all)]), None);
    assert_eq!(agreed(&ours(), vec![]), None);
    let both = agreed(&ours(), vec![graceful(false, &[]), graceful(true, &all)]).unwrap();
    assert!(both.notification && !both.peer_restarting);
    assert_eq!(both.restart_time, Duration::from_secs(90));
    assert_eq!((both.preserved(V4), both.preserved(V6)), (Some(true), Some(false)));
    assert!(both.long_lived.is_empty(), "the peer does not offer it");
    // RFC 9494 section 4.1: of no meaning without the other capability.
    let entry = |family, stale_time| LongLivedFamily { family, forwarding: true, stale_time };
    let long = Capability::LongLivedGracefulRestart(vec![entry(V4, 60), entry(V6, 0)]);
    assert_eq!(agreed(&ours(), vec![long.clone()]), None);
    let both = agreed(&ours(), vec![graceful(true, &[]), long.clone()]).unwrap();
    assert_eq!(both.long_lived(V4).map(|f| f.stale_time), Some(60));
    assert_eq!(both.long_lived(V6), None);
    let short = config(Some(GracefulRestart { restart_time: 120, long_lived: None }));
    assert!(agreed(&short, vec![graceful(true, &[]), long]).unwrap().long_lived.is_empty());
}

/// The table at the head of the module.
#[test]
fn rfc8538_4_what_ends_a_session_and_keeps_routes() {
    let shutdown = || StopReason::AdministrativeShutdown(None);
    let stopped = |reason: StopReason| DownReason::Stopped { sent: reason.cease(), reason };
    let hold = Notification::hold_timer_expired();
    let bare = Notification::cease(cease::HARD_RESET);
    let prefixes = StopReason::MaximumPrefixes { family: V4, bound: 1 };
    let cases = [
        (DownReason::Transport("reset".into()), true, true),
        (DownReason::Sent(hold.clone()), false, true),
        (DownReason::Received(hold), false, true),
        (DownReason::Received(shutdown().cease()), false, true),
        (DownReason::Received(shutdown().cease().hard_reset()), false, false),
        (DownReason::Received(bare), false, false),
        (stopped(shutdown()), false, false),
        (stopped(StopReason::PeerDeconfigured), false, false),
        (stopped(prefixes), false, false),
        (stopped(StopReason::OutOfResources), false, false),
        (stopped(StopReason::BfdDown), false, false),
        (stopped(StopReason::ConfigurationChange), false, true),
        (stopped(StopReason::AdministrativeReset(None)), false, true),
    ];
    for notification in [false, true] {
        let restart = agreed(&ours(), vec![graceful(notification, &[(V4, true)])]).unwrap();
        for (reason, without, with) in &cases {
            let kept = restart.retained(reason);
            let expected = if notification { *with } else { *without };
            assert_eq!(kept.contains(V4), expected, "{reason:?}, N {notification}");
            assert!(!kept.contains(V6), "not in the peer's list");
        }
    }
}

/// RFC 8538 section 3.1; RFC 4724 section 4: a NOTIFICATION would make the peer drop our routes.
#[test]
fn what_we_say_when_we_leave() {
    let restart = |n| agreed(&ours(), vec![graceful(n, &[(V4, true)])]).unwrap();
    let leaving = StopReason::Restarting(Some("upgrade".into()));
    assert_eq!(restart(false).farewell(&leaving), None);
    assert_eq!(restart(true).farewell(&leaving), Some(Notification::admin_reset("upgrade")));
    let shutdown = StopReason::AdministrativeShutdown(Some("bye".into()));
    let cease = Notification::admin_shutdown("bye");
    assert_eq!(restart(false).farewell(&shutdown), Some(cease.clone()));
    assert_eq!(restart(true).farewell(&shutdown), Some(cease.hard_reset()));
    let soft = StopReason::ConfigurationChange;
    assert_eq!(restart(true).farewell(&soft), Some(soft.cease()));
}
