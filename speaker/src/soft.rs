//! Soft reconfiguration: a new import policy acts on routes that are here already.
//!
//! **For**: edits of policy and of `allow_as_in` while sessions are up. **Sits**: beside
//! [`ingest`](crate::ingest). **How it works**: only families that the edit concerns are looked at. While
//! no import policy of a session has changed what it accepted, all its routes are held as they were
//! sent, those refused included: the rows are gone through in slices, and nobody is asked. Else a
//! neighbour with route refresh (RFC 2918) is asked for its routes again, which costs no memory; for
//! one without, the set of attributes it sent is kept wherever policy made another of it
//! ([`Originals`]), and the rows are gone through. In all cases a route that comes out as before
//! changes nothing: nobody is told.
//! **Invariants**: an original is held exactly as long as its path is, and one reference to its set
//! with it. **Cost**: about 60 octets a path that policy edits (a table that policy only filters, or
//! does not touch, costs nothing), and the sets as sent, each once.
//! **References**: RFC 4271 section 9.1.1, RFC 2918 section 1.

use bgp_wire::{FamilySet, Nlri};
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use rib::policy::{ImportPolicy, ImportVerdict, Subject, Trace};
use rib::{
    AttrId, AttrTable, FAMILY_COUNT, Path, PathFlags, PeerIx, Rib, RowId, TableFamily, with_family,
};
use smallvec::SmallVec;
use tracing::warn;

use crate::core::Core;

/// What a path is called in any family: its family, its route as withdrawn, its path identifier.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct PathName {
    family: usize,
    route: SmallVec<[u8; 24]>,
    path_id: u32,
}

impl PathName {
    pub(crate) fn of<P: TableFamily>(key: P, path_id: u32) -> Self {
        let mut route = Vec::with_capacity(40);
        key.join(&[]).put_withdrawn(&mut route);
        Self { family: P::INDEX, route: SmallVec::from_slice(&route), path_id }
    }
}

/// The attributes as a neighbour without route refresh sent them, where policy changed them.
#[derive(Debug, Default)]
pub(crate) struct Originals(HashMap<PathName, AttrId, RandomState>);

impl Originals {
    /// A path was taken in: as `accepted`, sent as `received`.
    pub(crate) fn note(
        &mut self,
        attrs: &mut AttrTable,
        path: PathName,
        received: AttrId,
        accepted: AttrId,
    ) {
        if received == accepted {
            self.forget(attrs, &path);
            return;
        }
        attrs.retain(received);
        if let Some(old) = self.0.insert(path, received) {
            attrs.release(old);
        }
    }

    /// A path is gone, or is held as it was sent.
    pub(crate) fn forget(&mut self, attrs: &mut AttrTable, path: &PathName) {
        if let Some(old) = self.0.remove(path) {
            attrs.release(old);
        }
    }

    /// The session has ended.
    pub(crate) fn clear(&mut self, attrs: &mut AttrTable) {
        for (_, attr) in self.0.drain() {
            attrs.release(attr);
        }
        self.0.shrink_to_fit();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

/// Why the import settings are applied anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Anew {
    /// Another policy, and nothing else.
    Policy,
    /// Whatever the policy, routes may be judged otherwise.
    Settings,
    /// The operator wants the routes again.
    Asked,
}

/// A walk over the rows for one neighbour.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reimport {
    pub(crate) peer: PeerIx,
    /// Of these families.
    families: FamilySet,
    family: usize,
    row: u32,
}

impl Core {
    /// Applies the import settings anew: to what is held, where that is what was sent, else by asking
    /// the neighbour for its routes again.
    pub(crate) fn reimport(&mut self, ix: PeerIx, why: Anew) {
        let Some(life) = self.lives.get_mut(ix) else { return };
        let edit = life.import.edit_to(&life.config.import);
        life.import.clear(&mut self.rib.attrs);
        match ImportPolicy::new(&life.config.import, self.config.asn) {
            Ok(import) => life.import = import,
            Err(error) => {
                warn!(peer = %life.name, %error, "import policy refused; the one before stays");
                return;
            }
        }
        if let Some(last) = life.last.take() {
            self.rib.attrs.release(last.attr);
        }
        let negotiated = &life.established.negotiated;
        let may_differ = |family| why != Anew::Policy || edit.concerns(family);
        let families: FamilySet = negotiated.families.iter().filter(|f| may_differ(*f)).collect();
        let held = life.as_sent || !negotiated.route_refresh;
        let ask = negotiated.route_refresh && (why == Anew::Asked || !held);
        life.as_sent &= !life.import.changes_routes();
        if families.is_empty() {
            return;
        }
        if !ask {
            self.begin_reimport(ix, families);
            return;
        }
        for family in families.iter() {
            self.request_refresh(ix, family);
        }
    }

    /// Begins, or begins anew, to apply the import settings to what a neighbour has sent.
    fn begin_reimport(&mut self, peer: PeerIx, mut families: FamilySet) {
        self.reimports.retain(|walk| {
            if walk.peer == peer {
                families.extend(walk.families.iter());
            }
            walk.peer != peer
        });
        self.reimports.push(Reimport { peer, families, family: 0, row: 0 });
    }

    /// Looks at up to about `budget` rows. Returns whether there is more.
    pub(crate) fn reimport_some(&mut self, mut budget: usize) -> bool {
        while budget > 0
            && let Some(walk) = self.reimports.last().copied()
        {
            let next = with_family!(walk.family, P => self.reimport_rows::<P>(walk, &mut budget));
            let next = next.flatten();
            match (next, self.reimports.last_mut()) {
                (Some(next), Some(walk)) => *walk = next,
                _ => drop(self.reimports.pop()),
            }
        }
        !self.reimports.is_empty()
    }

    /// Where to go on; `None` at the end.
    fn reimport_rows<P: TableFamily>(
        &mut self,
        walk: Reimport,
        budget: &mut usize,
    ) -> Option<Reimport> {
        let slots = self.rib.table::<P>().slots();
        let end = slots.min(walk.row.saturating_add(u32::try_from(*budget).unwrap_or(u32::MAX)));
        let counts = self.rib.counts::<P>(walk.peer);
        let wanted = counts.received > 0 && walk.families.contains(P::FAMILY);
        if wanted {
            *budget -= (end - walk.row.min(end)) as usize;
            for row in (walk.row..end).map(RowId) {
                self.reimport_row::<P>(walk.peer, row);
            }
        }
        match (end < slots && wanted, walk.family) {
            (true, _) => Some(Reimport { row: end, ..walk }),
            (false, family) if family + 1 < FAMILY_COUNT => {
                Some(Reimport { family: family + 1, row: 0, ..walk })
            }
            (false, _) => None,
        }
    }

    /// What import policy said of a path, `None` where there is none or what was sent is not known.
    pub(crate) fn import_trace<P: TableFamily>(&self, prefix: P, path: &Path) -> Option<Trace> {
        // A stale path was judged by the policy of the session before.
        let life = self.lives.get(path.peer).filter(|_| !self.rib.is_stale::<P>(path))?;
        if life.import.is_permit_all() {
            return None;
        }
        let canonical = self.rib.attrs.bytes(path.attr);
        let subject = Subject::of(prefix, &self.rib.next_hops, path.next_hop, canonical);
        let key = PathName::of(prefix, path.path_id);
        let kept = life.originals.as_ref().and_then(|originals| originals.0.get(&key)).copied();
        let is_as_sent = life.as_sent || life.originals.is_some();
        let is_refused = path.flags.any(PathFlags::FILTERED);
        match kept.or_else(|| (is_as_sent || is_refused).then_some(path.attr)) {
            Some(received) => Some(life.import.trace(&self.rib.attrs, &subject, received)),
            None => life.import.trace_accepted(&self.rib.attrs, &subject, path.attr),
        }
    }

    fn reimport_row<P: TableFamily>(&mut self, peer: PeerIx, row: RowId) {
        // Stale paths are about to be sent again or to go.
        let ours: SmallVec<[Path; 4]> = (self.rib.paths::<P>(row))
            .filter(|path| path.peer == peer && !self.rib.is_stale::<P>(path))
            .copied()
            .collect();
        if ours.is_empty() {
            return;
        }
        let prefix = self.rib.prefix::<P>(row);
        let Some(mut life) = self.lives.take(peer) else { return };
        for path in ours {
            let key = PathName::of(prefix, path.path_id);
            let kept = life.originals.as_ref().and_then(|o| o.0.get(&key)).copied();
            let received = kept.unwrap_or(path.attr);
            let canonical = self.rib.attrs.bytes(received);
            let local_as = life.established.negotiated.local_as;
            let looks = life.inbound.is_loop(canonical, local_as, life.config.allow_as_in);
            let flags = path.flags.without(PathFlags::FILTERED.with(PathFlags::AS_LOOP));
            let flags = if looks { flags.with(PathFlags::AS_LOOP) } else { flags };
            // The table may hold the last reference.
            self.rib.attrs.retain(received);
            let Rib { attrs, next_hops, .. } = &mut self.rib;
            let subject = |attrs: &AttrTable| {
                Subject::of(prefix, next_hops, path.next_hop, attrs.bytes(received))
            };
            let (attr, flags) = match life.import.apply(attrs, received, subject) {
                ImportVerdict::Accept(accepted) => (accepted, flags),
                ImportVerdict::Deny => (received, flags.with(PathFlags::FILTERED)),
            };
            self.rib.announce(peer, path.path_id, prefix, attr, path.next_hop, flags);
            if let Some(originals) = &mut life.originals {
                originals.note(&mut self.rib.attrs, key, received, attr);
            }
            self.rib.attrs.release(received);
        }
        self.lives.put_back(peer, life);
    }
}
