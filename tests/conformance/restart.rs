//! RFC 4724, 8538, 9494: routes that outlive their session, with us as the helper.
//!
//! Our own restart needs a process that dies; `tests/restart.rs` has it.

use anyhow::{Result, ensure};
use testkit::frame::OPEN;
use testkit::script::Session;
use testkit::wait;

use crate::clause::{Clause, clause};
use crate::lab::{Lab, Peer, Router, closed_without_a_word};
use crate::wire::{
    Open, announced, attribute, capabilities, find, holds, notification, parts, read_until, update,
    withdrawn,
};

pub(crate) const CLAUSES: &[Clause] = &[
    clause!(
        rfc4724_s3_capability,
        "Offered with restart time and families when it is switched on, and only then"
    ),
    clause!(
        rfc4724_s4_2_kept_on_tcp_loss,
        "TCP loss keeps the routes; what comes again does not flap, what does not is swept at End-of-RIB"
    ),
    clause!(rfc4724_s4_2_removed_on_notification, "A NOTIFICATION removes them, without the N bit"),
    clause!(rfc4724_s4_2_restart_time, "They go when the restart time is over"),
    clause!(
        rfc4724_s4_2_forwarding_lost,
        "They go when the neighbour comes back without the F bit"
    ),
    clause!(rfc4724_s4_2_capability_gone, "They go when it comes back without the capability"),
    clause!(
        rfc4724_s4_2_lost_again,
        "A second loss before End-of-RIB removes what was still stale"
    ),
    clause!(
        rfc4724_s4_2_new_connection,
        "A new connection beside an old session is a restart: routes kept, the old one closed"
    ),
    clause!(
        rfc8538_s3_notification_keeps,
        "With the N bit on both sides a NOTIFICATION keeps the routes"
    ),
    clause!(rfc8538_s4_hard_reset_removes, "A Hard Reset (6/9) does not"),
    clause!(
        rfc9494_s4_2_long_lived,
        "After the restart time: kept with LLGR_STALE for who offers it, withdrawn from who does not"
    ),
    clause!(rfc9494_s4_3_no_llgr, "A route with NO_LLGR goes"),
    Clause::not_testable(
        "rfc4724_s4_1_restarting_speaker",
        "After our own restart: R bit, F bits, End-of-RIB deferred until input has converged",
        "needs a daemon that dies; `tests/restart.rs`, with FRR, BIRD and GoBGP",
    ),
];

/// What the neighbour offers: restart time, flags of the capability, flags of IPv4 unicast.
fn graceful(peer: &Peer<'_>, time: u8, flags: u8, family_flags: u8) -> Open {
    peer.open().and(64, &[flags, time, 0, 1, 1, family_flags])
}

const F: u8 = 0x80;
const R: u8 = 0x80;
const N: u8 = 0x40;

struct Scene<'a> {
    peer: Peer<'a>,
    session: Session,
    watching: Session,
    /// Two routes of the neighbour, known to the watcher.
    routes: [Vec<u8>; 2],
}

impl<'a> Scene<'a> {
    fn new(lab: &'a Lab, open: impl Fn(&Peer<'_>) -> Open) -> Result<Self> {
        let passive = ["passive: true"];
        let peer = lab.peer_of(Router::Graceful, 65100, &passive)?;
        let watching = lab.peer_of(Router::Graceful, 65200, &passive)?.up()?;
        let session = peer.up_as(&open(&peer))?;
        let first = peer.prefix();
        let second = [&[24, 21][..], &first[2..]].concat();
        let mut scene = Self { peer, session, watching, routes: [first, second] };
        scene.announce(0)?;
        scene.announce(1)?;
        scene.end_of_rib()?;
        // Equal attributes: they may come in one message or in two.
        let mut left = scene.routes.to_vec();
        while !left.is_empty() {
            let came = read_until(&mut scene.watching, |body| {
                let nlri = parts(body)?.2;
                Ok(left.iter().any(|route| holds(nlri, route)).then(|| nlri.to_vec()))
            })?;
            left.retain(|route| !holds(&came, route));
        }
        Ok(scene)
    }

    fn announce(&mut self, n: usize) -> Result<()> {
        self.session.send(&update(&[], &self.peer.mandatory(), &self.routes[n]))
    }

    fn end_of_rib(&mut self) -> Result<()> {
        self.session.send(&update(&[], &[], &[]))
    }

    /// The session is lost, and comes back with another OPEN.
    fn restart(&mut self, open: &Open) -> Result<()> {
        let next = self.peer.connect()?;
        let lost = std::mem::replace(&mut self.session, next);
        drop(lost);
        self.session = self.peer.up_as(open)?;
        Ok(())
    }

    /// TCP is lost, without a new connection.
    fn lose(self) -> Result<Lost<'a>> {
        self.session.reset()?;
        // A connection that comes before the loss is seen is one too many.
        wait::eventually("the loss is seen", || {
            let shown = self.peer.lab.show(&format!("peer {}", self.peer.address))?;
            let state = shown.first().map(|peer| peer["state"].clone()).unwrap_or_default();
            ensure!(state != "Established", "{state}");
            Ok(())
        })?;
        Ok(Lost { peer: self.peer, watching: self.watching, routes: self.routes })
    }
}

/// The neighbour is away.
struct Lost<'a> {
    peer: Peer<'a>,
    watching: Session,
    routes: [Vec<u8>; 2],
}

impl Lost<'_> {
    fn back(self, open: &Open) -> Result<Self> {
        let session = self.peer.up_as(open)?;
        // It stays for the rest of the test.
        std::mem::forget(session);
        Ok(self)
    }

    /// Both routes go.
    fn both_go(mut self) -> Result<()> {
        let mut left = self.routes.to_vec();
        while !left.is_empty() {
            read_until(&mut self.watching, |body| {
                let gone = parts(body)?.0;
                let before = left.len();
                let holds = |p: &Vec<u8>| gone.windows(p.len()).any(|w| w == &p[..]);
                Ok((left.iter().filter(|p| !holds(p)).count() < before).then(|| gone.to_vec()))
            })
            .map(|gone| left.retain(|p| !gone.windows(p.len()).any(|w| w == &p[..])))?;
        }
        Ok(())
    }
}

/// The second route goes; the first must not have gone before.
fn only_second_goes(watching: &mut Session, routes: &[Vec<u8>; 2]) -> Result<()> {
    read_until(watching, |body| {
        let gone = parts(body)?.0;
        let holds = |p: &Vec<u8>| gone.windows(p.len()).any(|w| w == &p[..]);
        ensure!(!holds(&routes[0]), "the route that came again has flapped");
        Ok(holds(&routes[1]).then_some(()))
    })
}

fn rfc4724_s3_capability(lab: &Lab) -> Result<()> {
    let peer = lab.peer_of(Router::Graceful, 65100, &["passive: true"])?;
    let offered = capabilities(&peer.connect()?.expect(OPEN)?.body)?;
    let value = offered.iter().find(|(code, _)| *code == 64).map(|(_, value)| value.clone());
    let value = value.unwrap_or_default();
    ensure!(value.len() == 10, "{offered:02x?}");
    // N always, R not: it has not restarted.
    ensure!(value[0] & 0xcf == N && value[1] == 120, "{value:02x?}");
    ensure!(value[2..5] == [0, 1, 1] && value[6..9] == [0, 2, 1], "{value:02x?}");
    let plain = capabilities(&lab.peer()?.connect()?.expect(OPEN)?.body)?;
    ensure!(plain.iter().all(|(code, _)| *code != 71), "{plain:02x?}");
    Ok(())
}

fn rfc4724_s4_2_kept_on_tcp_loss(lab: &Lab) -> Result<()> {
    let scene = Scene::new(lab, |peer| graceful(peer, 120, 0, F))?;
    let Lost { peer, mut watching, routes } = scene.lose()?;
    let mut session = peer.up_as(&graceful(&peer, 120, R, F))?;
    session.send(&update(&[], &peer.mandatory(), &routes[0]))?;
    session.send(&update(&[], &[], &[]))?;
    only_second_goes(&mut watching, &routes)
}

fn rfc4724_s4_2_removed_on_notification(lab: &Lab) -> Result<()> {
    let mut scene = Scene::new(lab, |peer| graceful(peer, 120, 0, F))?;
    scene.session.send(&notification(6, 4, &[]))?;
    closed_without_a_word(&mut scene.session)?;
    Lost { peer: scene.peer, watching: scene.watching, routes: scene.routes }.both_go()
}

fn rfc4724_s4_2_restart_time(lab: &Lab) -> Result<()> {
    Scene::new(lab, |peer| graceful(peer, 1, 0, F))?.lose()?.both_go()
}

fn rfc4724_s4_2_forwarding_lost(lab: &Lab) -> Result<()> {
    let lost = Scene::new(lab, |peer| graceful(peer, 120, 0, F))?.lose()?;
    let open = graceful(&lost.peer, 120, R, 0);
    lost.back(&open)?.both_go()
}

fn rfc4724_s4_2_capability_gone(lab: &Lab) -> Result<()> {
    let lost = Scene::new(lab, |peer| graceful(peer, 120, 0, F))?.lose()?;
    let open = lost.peer.open();
    lost.back(&open)?.both_go()
}

fn rfc4724_s4_2_lost_again(lab: &Lab) -> Result<()> {
    let scene = Scene::new(lab, |peer| graceful(peer, 120, 0, F))?;
    let Lost { peer, mut watching, routes } = scene.lose()?;
    let mut session = peer.up_as(&graceful(&peer, 120, R, F))?;
    session.send(&update(&[], &peer.mandatory(), &routes[0]))?;
    // Read by the time the answer to this comes.
    crate::lab::is_alive(&mut session)?;
    session.reset()?;
    only_second_goes(&mut watching, &routes)
}

fn rfc4724_s4_2_new_connection(lab: &Lab) -> Result<()> {
    let mut scene = Scene::new(lab, |peer| graceful(peer, 120, 0, F))?;
    // Later than a connection that lost the collision could arrive.
    std::thread::sleep(std::time::Duration::from_secs(6));
    let open = graceful(&scene.peer, 120, R, F);
    scene.restart(&open)?;
    scene.announce(0)?;
    scene.end_of_rib()?;
    only_second_goes(&mut scene.watching, &scene.routes)
}

fn rfc8538_s3_notification_keeps(lab: &Lab) -> Result<()> {
    let mut scene = Scene::new(lab, |peer| graceful(peer, 120, N, F))?;
    scene.session.send(&notification(6, 4, &[]))?;
    closed_without_a_word(&mut scene.session)?;
    scene.session = scene.peer.up_as(&graceful(&scene.peer, 120, R | N, F))?;
    scene.announce(0)?;
    scene.end_of_rib()?;
    only_second_goes(&mut scene.watching, &scene.routes)
}

fn rfc8538_s4_hard_reset_removes(lab: &Lab) -> Result<()> {
    let mut scene = Scene::new(lab, |peer| graceful(peer, 120, N, F))?;
    scene.session.send(&notification(6, 9, &[6, 2]))?;
    closed_without_a_word(&mut scene.session)?;
    Lost { peer: scene.peer, watching: scene.watching, routes: scene.routes }.both_go()
}

/// Long-lived for an hour, after a second of the ordinary kind.
fn long_lived(peer: &Peer<'_>) -> Open {
    graceful(peer, 1, 0, F).and(71, &[0, 1, 1, F, 0, 0x0e, 0x10])
}

fn rfc9494_s4_2_long_lived(lab: &Lab) -> Result<()> {
    let scene = Scene::new(lab, long_lived)?;
    let able = lab.peer_of(Router::Graceful, 65201, &["passive: true"])?;
    let mut able_watching = able.up_as(&long_lived(&able))?;
    able_watching.send(&crate::wire::refresh(1, 0, 1))?;
    announced(&mut able_watching, &scene.routes[0])?;
    let lost = scene.lose()?;
    let route = lost.routes[0].clone();
    lost.both_go()?;
    let stale = read_until(&mut able_watching, |body| {
        let (gone, attributes, nlri) = parts(body)?;
        let holds = |column: &[u8]| column.windows(route.len()).any(|w| w == &route[..]);
        ensure!(!holds(gone), "withdrawn from who can keep it");
        let communities = find(attributes, 8).map(|(_, value)| value);
        Ok(communities.filter(|_| holds(nlri)))
    })?;
    ensure!(stale.chunks(4).any(|c| c == [0xff, 0xff, 0, 6]), "{stale:02x?}");
    Ok(())
}

fn rfc9494_s4_3_no_llgr(lab: &Lab) -> Result<()> {
    let mut scene = Scene::new(lab, long_lived)?;
    let able = lab.peer_of(Router::Graceful, 65201, &["passive: true"])?;
    let mut able_watching = able.up_as(&long_lived(&able))?;
    let no_llgr = attribute(0xc0, 8, &[0xff, 0xff, 0, 7]);
    let attributes = [scene.peer.mandatory(), no_llgr].concat();
    scene.session.send(&update(&[], &attributes, &scene.routes[0]))?;
    read_until(&mut able_watching, |body| {
        let (_, attributes, nlri) = parts(body)?;
        let route = &scene.routes[0];
        let ours = nlri.windows(route.len()).any(|w| w == &route[..]);
        Ok((ours && find(attributes, 8).is_some()).then_some(()))
    })?;
    let lost = scene.lose()?;
    withdrawn(&mut able_watching, &lost.routes[0])
}
