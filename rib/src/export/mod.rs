//! Export: from the Loc-RIB to what every peer is sent.
//!
//! **For**: sending each route once per *group* of peers instead of once per peer. **Sits**: beside
//! [`Rib`], which it only reads (and as whose consumer each group registers); the speaker gives it
//! sessions and a [`FrameSink`] and turns the pump. **How it works**:
//!
//! ```text
//! Rib ── changed rows ──> Group (one a GroupKey) ── frames (shared Bytes) ──> FrameSink ──> sessions
//!                         │ row -> best -> memo -> AdjOut {OutId, source}      (once a group)
//!                         │ differences -> batch by (OutId, source) -> packed messages
//!                         └ members in sync get every frame but those they are the source of;
//!                           the others stand in cohorts with a bitmap of pending rows
//! ```
//!
//! Members that expect path identifiers (RFC 7911) are sent several paths of a row: an entry then stands
//! for a path instead of a row ([`paths`], [`slots`]), the rest is the same.
//!
//! A peer that joins when routes are there already, that asks for a refresh, or whose queue is full
//! never holds the others up: it is sent what it lacks from the group's Adj-RIB-Out as it has room.
//!
//! **Invariants**: what a member in sync holds is what the group's Adj-RIB-Out says, its own routes
//! excepted; no member is sent a withdrawal of what it was not sent; memory is bounded by rows and
//! members, not by churn.
//!
//! **Cost**: 8 B a row and group and family; a bit or two a row for each cohort. Per changed row and
//! group about 10 ns; per member only a push a frame of up to 64 KiB.
//!
//! **References**: RFC 4271 sections 3.2, 9.1.3, 9.2; RFC 2918; RFC 4456; RFC 4684; RFC 4724 section 2;
//! RFC 7313; RFC 7911.

mod adj_out;
mod batch;
mod bitmap;
mod delta;
mod family;
mod group;
mod key;
mod memo;
mod out_table;
mod outstanding;
mod paths;
mod reason;
mod refresh;
mod regroup;
mod rewrite;
mod roster;
mod rules;
mod slots;
mod targets;
#[cfg(test)]
mod tests;
mod view;

use std::sync::Arc;

use bgp_wire::Family;
use bytes::Bytes;

use self::{group::Group, roster::Place};
use crate::{GroupIx, PeerIx, Rib, TableFamily, family_index, policy::Chain, with_family};

pub use self::{
    key::{AddPathSend, ExportScope, GroupKey, NextHopMode, OtcRule, PrivateAs, SessionKind},
    reason::NotSent,
    targets::{RouteTargets, TargetSet},
    view::{Advertised, AdvertisedPage, ExportVerdict, GroupSummary},
};

/// Where frames go. A frame is one or more whole messages, headers included, back to back.
pub trait FrameSink {
    /// Queues a frame for a peer. Must not fail: the queue may exceed its limit by what is pushed
    /// until [`FrameSink::has_room`] is asked again.
    fn push(&mut self, peer: PeerIx, frame: &Bytes);

    /// Whether the peer's queue is below its limit. A peer without room is left alone; turn the pump
    /// again once it has room.
    fn has_room(&self, peer: PeerIx) -> bool;
}

/// A session as a member of its update group.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub struct MemberId(PeerIx);

impl MemberId {
    /// The session.
    pub fn peer(self) -> PeerIx {
        self.0
    }
}

/// All update groups over a [`Rib`].
#[derive(Debug, Default)]
pub struct Exports {
    groups: Vec<Option<Group>>,
    /// The group of each peer.
    members: Vec<Option<GroupIx>>,
    /// The group whose turn is first.
    turn: usize,
    /// Members that wait to change to a group that is not ready yet.
    moves: Vec<(MemberId, GroupKey)>,
}

impl Exports {
    /// No groups.
    pub fn new() -> Self {
        Self::default()
    }

    /// A session is up: from now on it is sent what `key` says, starting with everything. Call
    /// [`Exports::leave`] when it ends, before [`Rib::peer_down`].
    pub fn join(&mut self, rib: &mut Rib, key: GroupKey, peer: PeerIx) -> MemberId {
        let member = MemberId(peer);
        self.leave(rib, member);
        let key = key.normalized();
        let at = self.find(&key).unwrap_or_else(|| self.add(Group::new(rib, key)));
        self.group_mut(at).join(peer);
        self.place(peer, Some(at));
        member
    }

    /// A session has ended. Nothing is sent to it any more.
    pub fn leave(&mut self, rib: &mut Rib, member: MemberId) {
        let Some(at) = self.group_of(member) else { return };
        self.moves.retain(|(moving, _)| *moving != member);
        self.place(member.0, None);
        self.remove_member(rib, at, member.0);
    }

    /// Does up to `budget` rows of work: changed rows of every group, then members that lag behind.
    /// Frames go to `sink`. Returns whether there is more that could be done right now.
    pub fn pump(&mut self, rib: &mut Rib, sink: &mut impl FrameSink, budget: usize) -> bool {
        let mut left = budget;
        let mut more = false;
        let count = self.groups.len();
        for step in 0..count {
            let at = (self.turn + step) % count;
            if let Some(group) = &mut self.groups[at] {
                more |= group.pump(rib, sink, &mut left);
            }
        }
        if count > 0 {
            self.turn = (self.turn + 1) % count;
        }
        self.retry_moves(rib) || more
    }

    /// The member asks for all routes of a family once more (RFC 2918). It is served from the group's
    /// Adj-RIB-Out without disturbing the other members. Families not negotiated are ignored.
    pub fn refresh(&mut self, member: MemberId, family: Family) {
        let Some(at) = self.group_of(member) else { return };
        let group = self.group_mut(at);
        if !group.core.key.families.contains(family) {
            return;
        }
        if let Some(index) = family_index(family) {
            with_family!(index, P => group.refresh::<P>(member.0));
        }
    }

    /// Gives a whole group another export policy. Every row is looked at again by the pump and the
    /// differences are sent. If a group with the resulting key exists, the members change to it.
    pub fn set_policy(&mut self, rib: &mut Rib, group: GroupIx, policy: Arc<Chain>) {
        let Some(Some(found)) = self.groups.get(group.index()) else { return };
        let key = GroupKey { policy, ..found.core.key.clone() };
        if key == found.core.key {
            return;
        }
        if self.find(&key).is_none() {
            self.group_mut(group).rekey(rib, key);
            return;
        }
        // Those about to leave for another group keep to that.
        let leaving = |member: &MemberId| self.moves.iter().any(|(moving, _)| moving == member);
        let members = found.roster.members().map(MemberId);
        let members: Vec<_> = members.filter(|member| !leaving(member)).collect();
        for member in members {
            self.rekey(rib, member, key.clone());
        }
    }

    /// What some group sends for `prefix` may have changed without another path becoming best. Where
    /// originated paths are meant for some peers only ([`GroupKey::originations`]), call it after each
    /// [`Rib::announce`] and [`Rib::withdraw`] of an originated path.
    pub fn reconsider<P: TableFamily>(&mut self, rib: &Rib, prefix: P) {
        let Some(row) = rib.row(prefix) else { return };
        for group in self.groups.iter_mut().flatten() {
            group.families.of_mut::<P>().revisit.insert(row.0);
        }
    }

    /// The group a member belongs to.
    pub fn group_of(&self, member: MemberId) -> Option<GroupIx> {
        self.members.get(member.0.index()).copied().flatten()
    }

    /// The key of a group.
    pub fn key(&self, group: GroupIx) -> Option<&GroupKey> {
        Some(&self.groups.get(group.index())?.as_ref()?.core.key)
    }

    fn find(&self, key: &GroupKey) -> Option<GroupIx> {
        let same = |group: &Option<Group>| group.as_ref().is_some_and(|g| g.core.key == *key);
        self.groups.iter().position(same).map(group_ix)
    }

    fn add(&mut self, group: Group) -> GroupIx {
        let free = self.groups.iter().position(Option::is_none);
        let at = free.unwrap_or_else(|| {
            self.groups.push(None);
            self.groups.len() - 1
        });
        self.groups[at] = Some(group);
        group_ix(at)
    }

    fn group(&self, at: GroupIx) -> &Group {
        self.groups[at.index()].as_ref().expect("members belong to live groups")
    }

    fn group_mut(&mut self, at: GroupIx) -> &mut Group {
        self.groups[at.index()].as_mut().expect("members belong to live groups")
    }

    fn place(&mut self, peer: PeerIx, group: Option<GroupIx>) {
        if self.members.len() <= peer.index() {
            self.members.resize(peer.index() + 1, None);
        }
        self.members[peer.index()] = group;
    }

    /// Takes a peer out of a group, and the group away with its last member.
    fn remove_member(&mut self, rib: &mut Rib, at: GroupIx, peer: PeerIx) {
        let group = self.group_mut(at);
        group.roster.put(peer, Place::Absent);
        group.refreshes.forget(peer);
        if group.roster.members().next().is_none()
            && let Some(group) = self.groups[at.index()].take()
        {
            group.dissolve(rib);
        }
    }
}

fn group_ix(at: usize) -> GroupIx {
    GroupIx(u16::try_from(at).expect("fewer groups than peers"))
}
