//! The bare sender into the bare receiver: no daemon between, the ceiling of machine and harness.
//!
//! What a daemon needs beyond this is its own.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result};
use testkit::frame::{KEEPALIVE, OPEN, encode};
use testkit::load::{Holdings, IPV4_UNICAST, Peer, Spec};
use testkit::script::{Identity, Session};
use testkit::wait::clock;

use super::net::Net;
use super::plan::{DAEMON_AS, ROUTER_ID, Seat};
use super::run::Leg;

/// Nothing comes for this long: something is wrong with the harness.
const PATIENCE: Duration = Duration::from_secs(60);

/// Sends `frames` to a receiver of `holdings` over the same link that a daemon would use.
pub(super) fn measure(frames: &[u8], holdings: Holdings) -> Result<Leg> {
    let net = Net::new()?;
    let seat = Seat::Receiver(0);
    let routes = holdings.counts().of;
    let spec = Spec {
        asn: seat.asn(),
        address: seat.address(),
        speaker: seat.daemon(),
        family: IPV4_UNICAST,
        pace: None,
        patience: PATIENCE,
    };
    let (start, end) = std::thread::scope(|scope| {
        let sending = scope.spawn(|| {
            let listen = SocketAddr::new(seat.daemon().into(), 179);
            let mut session = Session::accept(&net.daemon, listen)?;
            session.expect(OPEN)?;
            session.send(&Identity::new(DAEMON_AS, ROUTER_ID).open())?;
            let mut keepalive = Vec::new();
            encode::keepalive(&mut keepalive);
            session.send(&keepalive)?;
            session.expect(KEEPALIVE)?;
            let start = clock();
            session.send(frames)?;
            Ok::<_, anyhow::Error>((session, start))
        });
        let receiver = Peer::connect(&net.peers, &spec, Some(holdings))?;
        let end = receiver.wait_complete(PATIENCE)?;
        let sent = sending.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let (_session, start) = sent.context("sender")?;
        Ok::<_, anyhow::Error>((start, end))
    })?;
    Ok(Leg {
        name: "converge".to_owned(),
        routes,
        seconds: end.saturating_duration_since(start).as_secs_f64(),
        cpu_seconds: 0.0,
        peak_kib: 0,
        lag: None,
        note: None,
    })
}
