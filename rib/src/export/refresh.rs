//! Enhanced route refresh, the sending side: BoRR, the routes, EoRR.
//!
//! **For**: members that asked for their routes again and agreed on RFC 7313. **Sits**: one
//! [`Refreshes`] a group; the routes themselves travel as in a plain refresh, out of a cohort of the
//! member's own. **How it works**:
//!
//! ```text
//! asked ── End-of-RIB sent ──> open: all rows pending ── BoRR pushed ──> begun ── nothing left ──> EoRR
//!   (at once if it was)          ^                                         │
//!                                └────── asked again, or moved to another group
//! ```
//!
//! **Invariants**: no BoRR leaves before the End-of-RIB of the session's first transfer (RFC 7313
//! section 4); between BoRR and EoRR everything the group advertises to the member is sent once
//! more; each EoRR has a BoRR before it.
//! **Cost**: an entry a refresh under way.
//! **References**: RFC 7313 sections 3.2 and 4.

use bgp_wire::{Family, RouteRefresh};
use bytes::Bytes;

use super::{Exports, FrameSink, MemberId, group::Group};
use crate::{PeerIx, family_index, with_family};

#[derive(Clone, Debug, Default)]
pub(super) struct Refreshes(Vec<Refresh>);

#[derive(Copy, Clone, Debug)]
struct Refresh {
    peer: PeerIx,
    family: Family,
    stage: Stage,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Stage {
    /// Waits for the End-of-RIB of the first transfer.
    Asked,
    /// All rows are pending; the peer does not know yet.
    Open,
    /// BoRR is out.
    Begun,
}

impl Refreshes {
    fn set(&mut self, peer: PeerIx, family: Family, stage: Stage) {
        match self.0.iter_mut().find(|r| (r.peer, r.family) == (peer, family)) {
            Some(refresh) => refresh.stage = stage,
            None => self.0.push(Refresh { peer, family, stage }),
        }
    }

    pub(super) fn forget(&mut self, peer: PeerIx) {
        self.0.retain(|refresh| refresh.peer != peer);
    }

    /// Those of `peer`, for the group it moves to.
    pub(super) fn take(&mut self, peer: PeerIx) -> Vec<Family> {
        self.0.extract_if(.., |refresh| refresh.peer == peer).map(|r| r.family).collect()
    }

    /// Tells those of `members` whose rows are about to be sent that they are.
    pub(super) fn begin(&mut self, members: &[PeerIx], sink: &mut impl FrameSink) {
        for refresh in &mut self.0 {
            if refresh.stage == Stage::Open && members.contains(&refresh.peer) {
                refresh.stage = Stage::Begun;
                sink.push(refresh.peer, &marker(refresh.family, RouteRefresh::BEGIN));
            }
        }
    }

    /// Tells those of `members` that lack nothing of a family any more that this was all.
    pub(super) fn end(
        &mut self,
        members: &[PeerIx],
        is_done: impl Fn(Family) -> bool,
        sink: &mut impl FrameSink,
    ) {
        let done = |refresh: &mut Refresh| {
            refresh.stage == Stage::Begun
                && members.contains(&refresh.peer)
                && is_done(refresh.family)
        };
        for refresh in self.0.extract_if(.., done) {
            sink.push(refresh.peer, &marker(refresh.family, RouteRefresh::END));
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Exports {
    /// The member, which agreed on enhanced route refresh, asks for all routes of a family once more:
    /// they are sent between BoRR and EoRR (RFC 7313). Families not negotiated are ignored.
    pub fn refresh_enhanced(&mut self, member: MemberId, family: Family) {
        let Some(at) = self.group_of(member) else { return };
        let group = self.group_mut(at);
        if group.core.key.families.contains(family) {
            group.refresh_enhanced(member.peer(), family);
        }
    }
}

impl Group {
    pub(super) fn refresh_enhanced(&mut self, peer: PeerIx, family: Family) {
        if self.roster.owes_end_of_rib(peer) {
            self.refreshes.set(peer, family, Stage::Asked);
            return;
        }
        let Some(index) = family_index(family) else { return };
        with_family!(index, P => self.refresh::<P>(peer));
        self.refreshes.set(peer, family, Stage::Open);
    }

    /// These members have had their End-of-RIB. Returns whether that begins a refresh.
    pub(super) fn open_refreshes(&mut self, finished: &[PeerIx]) -> bool {
        if self.refreshes.is_empty() {
            return false;
        }
        let mut some = false;
        for &peer in finished {
            for family in self.refreshes.take(peer) {
                self.refresh_enhanced(peer, family);
                some = true;
            }
        }
        some
    }
}

fn marker(family: Family, subtype: u8) -> Bytes {
    let mut frame = Vec::new();
    RouteRefresh::new(family, subtype).encode(&mut frame);
    frame.into()
}
