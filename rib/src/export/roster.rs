//! Who the members of a group are, and which of them are in sync.
//!
//! **For**: deciding in one step where a frame goes. **Sits**: one a group. **How it works**: members
//! in sync are one list and get every frame of the group. The others stand in cohorts; members of a
//! cohort lack exactly the same things and are served together. **Invariants**: a member stands in
//! exactly one place; a cohort without members is a free slot.

use crate::PeerIx;

/// Where a peer stands.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Place {
    /// Not a member.
    #[default]
    Absent,
    InSync,
    Cohort(u16),
}

#[derive(Debug, Default)]
pub(super) struct Roster {
    places: Vec<Place>,
    in_sync: Vec<PeerIx>,
    cohorts: Vec<Cohort>,
    /// Members that have not had their End-of-RIB yet.
    unfinished: Vec<PeerIx>,
}

#[derive(Debug, Default)]
pub(super) struct Cohort {
    pub(super) members: Vec<PeerIx>,
    /// Has been sent something, or does not start from nothing: nobody may join any more.
    pub(super) started: bool,
}

impl Roster {
    #[inline]
    pub(super) fn place(&self, peer: PeerIx) -> Place {
        self.places.get(peer.index()).copied().unwrap_or_default()
    }

    /// Puts a peer somewhere, from wherever it stands.
    pub(super) fn put(&mut self, peer: PeerIx, place: Place) {
        match self.place(peer) {
            Place::Absent => {}
            Place::InSync => self.in_sync.retain(|member| *member != peer),
            Place::Cohort(at) => {
                self.cohorts[usize::from(at)].members.retain(|member| *member != peer);
            }
        }
        match place {
            Place::Absent => self.unfinished.retain(|member| *member != peer),
            Place::InSync => self.in_sync.push(peer),
            Place::Cohort(at) => self.cohorts[usize::from(at)].members.push(peer),
        }
        if self.places.len() <= peer.index() {
            self.places.resize(peer.index() + 1, Place::Absent);
        }
        self.places[peer.index()] = place;
    }

    /// A free cohort. The caller puts somebody there before asking again.
    pub(super) fn new_cohort(&mut self, started: bool) -> u16 {
        let at = match self.cohorts.iter().position(|cohort| cohort.members.is_empty()) {
            Some(at) => at,
            None => {
                self.cohorts.push(Cohort::default());
                self.cohorts.len() - 1
            }
        };
        self.cohorts[at].started = started;
        u16::try_from(at).expect("fewer cohorts than peers")
    }

    /// A cohort that starts from nothing and can still be joined.
    pub(super) fn joinable(&self) -> Option<u16> {
        let open = |cohort: &Cohort| !cohort.members.is_empty() && !cohort.started;
        let at = self.cohorts.iter().position(open)?;
        Some(u16::try_from(at).expect("fewer cohorts than peers"))
    }

    pub(super) fn start(&mut self, cohort: u16) {
        self.cohorts[usize::from(cohort)].started = true;
    }

    pub(super) fn in_sync(&self) -> &[PeerIx] {
        &self.in_sync
    }

    /// Members of a cohort, none for a free slot.
    pub(super) fn cohort(&self, at: u16) -> &[PeerIx] {
        self.cohorts.get(usize::from(at)).map_or(&[], |cohort| &cohort.members)
    }

    /// Cohorts with members.
    pub(super) fn cohorts(&self) -> impl Iterator<Item = u16> + '_ {
        let used = |(at, cohort): (u16, &Cohort)| (!cohort.members.is_empty()).then_some(at);
        (0..).zip(&self.cohorts).filter_map(used)
    }

    pub(super) fn members(&self) -> impl Iterator<Item = PeerIx> + '_ {
        let waiting = self.cohorts.iter().flat_map(|cohort| &cohort.members);
        self.in_sync.iter().chain(waiting).copied()
    }

    pub(super) fn owe_end_of_rib(&mut self, peer: PeerIx) {
        self.unfinished.push(peer);
    }

    /// Takes the members in sync that are owed their End-of-RIB.
    pub(super) fn take_finished(&mut self) -> Vec<PeerIx> {
        let places = &self.places;
        let in_sync = |peer: &mut PeerIx| places[peer.index()] == Place::InSync;
        self.unfinished.extract_if(.., in_sync).collect()
    }

    pub(super) fn has_unfinished(&self) -> bool {
        !self.unfinished.is_empty()
    }

    pub(super) fn owes_end_of_rib(&self, peer: PeerIx) -> bool {
        self.unfinished.contains(&peer)
    }
}
