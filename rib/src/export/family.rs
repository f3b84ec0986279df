//! One address family of an update group: from changed rows to the Adj-RIB-Out and its frames.
//!
//! **For**: the hot path of the exporter. **Sits**: one a family in each group, driven by [`super::group`].
//! **How it works**: for each changed row the best path is read, its export result looked up in the
//! memo (the last result is kept at hand, for neighbouring rows tend to share their attributes), and
//! compared with the row's entry. A difference updates the entry, goes into the batch for the
//! members in sync, and is noted for every cohort. Cohorts are later served from the entries. Where
//! several paths of a prefix are sent, [`super::paths`] takes the place of the first half.
//! **Invariants**: entries change nowhere else; what is sent is what the entry says.
//! **Cost**: about 10 ns a row that changes while its set is remembered.
//! **References**: RFC 4271 section 9.1.3 and 9.2.

use bgp_wire::{EncodeContext, NextHop};
use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::{
    AddPathSend, FrameSink, GroupKey,
    adj_out::{AdjOut, AdjRibOut, EntryIx},
    batch::{Batch, PathId},
    bitmap::Bitmap,
    memo::{ANY_CLASS, Memo, MemoKey, Remembered},
    out_table::OutTable,
    outstanding::Outstanding,
    paths::Several,
    roster::{Place, Roster},
    rules::{self, Buffers, Route, Verdict},
};
use crate::{
    NextHopId, OutId, Path, PathFlags, PeerIx, PeerKind, Rib, RowId, TableFamily,
    policy::{Compiled, PrefixClass, Subject},
};

/// What all families of a group use.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) key: GroupKey,
    pub(super) policy: Compiled,
    pub(super) buffers: Buffers,
}

#[derive(Debug)]
pub(super) struct FamilyExport<P> {
    pub(super) adj: AdjRibOut,
    pub(super) outs: OutTable,
    /// What each cohort lacks, by its number.
    pub(super) outstanding: Vec<Outstanding<P>>,
    /// Rows to be looked at again although their best path has not changed.
    pub(super) revisit: Bitmap,
    memo: Memo,
    last: Option<(MemoKey, OutId)>,
    batch: Batch<P>,
    /// With path identifiers.
    pub(super) several: Option<Box<Several<P>>>,
    context: EncodeContext,
    /// The next hop of a route takes part in what is sent.
    reads_next_hop: bool,
    /// Buffer for row numbers.
    pub(super) rows: Vec<RowId>,
}

impl<P: TableFamily> FamilyExport<P> {
    pub(super) fn new(key: &GroupKey) -> Self {
        Self {
            adj: AdjRibOut::default(),
            outs: OutTable::new(),
            outstanding: Vec::new(),
            revisit: Bitmap::default(),
            memo: Memo::default(),
            last: None,
            batch: Batch::new(),
            several: (key.add_path(P::FAMILY) != AddPathSend::Off)
                .then(|| Box::new(Several::new())),
            context: context::<P>(key),
            reads_next_hop: key.reads_next_hop(P::FAMILY),
            rows: Vec::new(),
        }
    }

    /// The group's key has changed: nothing remembered holds any more.
    pub(super) fn rekey(&mut self, rib: &mut Rib, key: &GroupKey) {
        self.forget(rib);
        self.context = context::<P>(key);
        self.reads_next_hop = key.reads_next_hop(P::FAMILY);
    }

    /// Gives back everything held in the tables; nothing can be sent afterwards.
    pub(super) fn dissolve(&mut self, rib: &mut Rib) {
        self.forget(rib);
        self.adj = AdjRibOut::default();
        self.outs.collect(&mut rib.attrs, std::iter::empty());
    }

    /// Forgets what the rules said.
    fn forget(&mut self, rib: &mut Rib) {
        self.memo.clear(rib);
        self.last = None;
    }

    /// Looks at rows that may have changed.
    pub(super) fn drain(
        &mut self,
        core: &mut Core,
        roster: &Roster,
        rib: &mut Rib,
        rows: &[RowId],
        sink: &mut impl FrameSink,
    ) {
        // Nothing kept the ids in here alive since the last drain.
        self.last = None;
        if let Some(mut several) = self.several.take() {
            let context = self.context;
            self.drain_several(&mut several, core, roster, rib, rows, sink, &context);
            self.several = Some(several);
            return;
        }
        let in_sync = roster.in_sync();
        let standing = |peer: PeerIx| roster.place(peer) == Place::InSync;
        for &row in rows {
            let prefix = rib.table::<P>().prefix(row);
            let new = self.evaluate_row(core, rib, row, prefix);
            let at = EntryIx(row.0);
            let old = self.adj.entry(at);
            if old == new {
                continue;
            }
            self.adj.set(at, new);
            if !in_sync.is_empty() {
                let Self { batch, outs, .. } = self;
                announce_change(batch, outs, (), prefix, old, new, standing);
            }
            for cohort in roster.cohorts() {
                let member = |peer| roster.place(peer) == Place::Cohort(cohort);
                let outstanding = &mut self.outstanding[usize::from(cohort)];
                outstanding.changed(at, (0, prefix), old, new, member);
            }
        }
        self.batch.flush((&self.outs, &rib.attrs), &self.context, in_sync, sink);
    }

    /// Sends a cohort up to `budget` prefixes of what it lacks. Returns how many.
    pub(super) fn serve(
        &mut self,
        roster: &Roster,
        rib: &Rib,
        cohort: u16,
        budget: usize,
        sink: &mut impl FrameSink,
    ) -> usize {
        let member = |peer: PeerIx| roster.place(peer) == Place::Cohort(cohort);
        let table = rib.table::<P>();
        let Self { outs, adj, outstanding, batch, several, context, .. } = self;
        let outstanding = &mut outstanding[usize::from(cohort)];
        let members = roster.cohort(cohort);
        match several {
            None => {
                let nlri = |at: EntryIx| ((), table.prefix(RowId(at.0)));
                let served = fill(batch, outs, adj, outstanding, budget, member, nlri, |_| ());
                batch.flush((outs, &rib.attrs), context, members, sink);
                served
            }
            Some(several) => {
                let Several { slots, batch, .. } = &mut **several;
                let nlri = |at: EntryIx| {
                    let slot = slots.slot(at);
                    (slot.id, table.prefix(slot.row))
                };
                let served = fill(batch, outs, adj, outstanding, budget, member, nlri, |id| id);
                batch.flush((outs, &rib.attrs), context, members, sink);
                served
            }
        }
    }

    /// Prefix and path identifier of an entry in use.
    pub(super) fn nlri(&self, rib: &Rib, at: EntryIx) -> (u32, P) {
        let (id, row) = match &self.several {
            None => (0, RowId(at.0)),
            Some(several) => {
                let slot = several.slots.slot(at);
                (slot.id, slot.row)
            }
        };
        (id, rib.table::<P>().prefix(row))
    }

    /// The entry of a row with a path identifier; without identifiers, that of the row.
    pub(super) fn find(&self, row: RowId, id: u32) -> Option<EntryIx> {
        match &self.several {
            None => Some(EntryIx(row.0)),
            Some(several) => several.slots.find(row, id),
        }
    }

    /// The row and path identifier of an entry in use.
    pub(super) fn place(&self, at: EntryIx) -> (RowId, u32) {
        match &self.several {
            None => (RowId(at.0), 0),
            Some(several) => {
                let slot = several.slots.slot(at);
                (slot.row, slot.id)
            }
        }
    }

    /// What the group should advertise for a row now.
    #[inline]
    fn evaluate_row(&mut self, core: &mut Core, rib: &mut Rib, row: RowId, prefix: P) -> AdjOut {
        let Some(path) = chosen::<P>(rib, &core.key, row) else { return AdjOut::NONE };
        let out = self.evaluate(core, rib, &path, prefix);
        if out == OutId(0) { AdjOut::NONE } else { AdjOut { out, source: path.peer } }
    }

    /// What the group should send of a path; 0 if nothing.
    #[inline]
    pub(super) fn evaluate(
        &mut self,
        core: &mut Core,
        rib: &mut Rib,
        path: &Path,
        prefix: P,
    ) -> OutId {
        let key = memo_key::<P>(&core.key, self.reads_next_hop, rib, path);
        let out = match self.last {
            Some((last, out)) if last == key => out,
            _ => self.result(core, rib, path, key, prefix),
        };
        if P::HAS_REST && out != OutId(0) {
            return self.outs.with_rest(out, rib.next_hops.rest(path.next_hop));
        }
        out
    }

    fn result(
        &mut self,
        core: &mut Core,
        rib: &mut Rib,
        path: &Path,
        key: MemoKey,
        prefix: P,
    ) -> OutId {
        let found = match self.memo.lookup(&key) {
            Some(found) => found,
            None => self.decide(core, rib, path, key),
        };
        if let Remembered::Out(out) = found {
            self.last = Some((key, out));
            return out;
        }
        let subject =
            Subject::of(prefix, &rib.next_hops, path.next_hop, rib.attrs.bytes(path.attr));
        let key = MemoKey { class: core.policy.class(&subject).0, ..key };
        let found = match self.memo.lookup(&key) {
            Some(found) => found,
            None => self.decide(core, rib, path, key),
        };
        match found {
            Remembered::Out(out) => out,
            Remembered::ByPrefix => unreachable!("a class was given"),
        }
    }

    #[cold]
    fn decide(&mut self, core: &mut Core, rib: &mut Rib, path: &Path, key: MemoKey) -> Remembered {
        let Core { key: group, policy, buffers } = core;
        let class = (key.class != ANY_CLASS).then_some(PrefixClass(key.class));
        let route = route(rib, path);
        let result = match rules::decide(group, policy, P::FAMILY, class, route, buffers) {
            Verdict::Send { next_hop, .. } => {
                let attrs = &mut rib.attrs;
                Remembered::Out(self.outs.intern(attrs, path.attr, &buffers.out, next_hop))
            }
            Verdict::Withhold { .. } => Remembered::Out(OutId(0)),
            Verdict::NeedsPrefix => Remembered::ByPrefix,
        };
        self.memo.insert(rib, key, result);
        result
    }

    /// Frees what is no longer used, now and then.
    pub(super) fn tidy(&mut self, rib: &mut Rib) {
        // Remembered sets stay in the attribute table; do not keep those of a table long gone.
        if self.memo.len() > 1024 && self.memo.len() > 2 * rib.table::<P>().len() {
            self.forget(rib);
        }
        if self.outs.wants_collection(self.adj.len()) {
            if self.memo.len() > self.adj.len() {
                self.forget(rib);
            }
            let entries = self.adj.iter().map(|(_, entry)| entry.out);
            self.last = None;
            self.outs.collect(&mut rib.attrs, entries.chain(self.memo.outs()));
        }
    }

    /// Whether two entries, the other of another group, are sent alike.
    pub(super) fn same_as(&self, rib: &Rib, out: OutId, other: &Self, theirs: OutId) -> bool {
        let mut canonical = Vec::new();
        other.outs.write(&rib.attrs, theirs, &mut canonical);
        self.outs.is(&rib.attrs, out, &canonical)
            && self.outs.next_hop_of(out) == other.outs.next_hop_of(theirs)
            && self.outs.rest(out) == other.outs.rest(theirs)
    }

    /// Starts from the entries of another group of the same kind, to be looked at again.
    pub(super) fn adopt(&mut self, rib: &mut Rib, other: &Self) {
        let mut canonical = Vec::new();
        // Each set once, not once a route.
        let mut known = HashMap::with_hasher(FixedState::default());
        for (at, entry) in other.adj.iter() {
            let base = other.outs.base(entry.out);
            let out = *known.entry(base).or_insert_with(|| {
                canonical.clear();
                other.outs.write(&rib.attrs, base, &mut canonical);
                let (made_of, next_hop) = (other.outs.made_of(base), *other.outs.next_hop_of(base));
                self.outs.intern(&mut rib.attrs, made_of, &canonical, next_hop)
            });
            let out = self.outs.with_rest(out, other.outs.rest(entry.out));
            self.adj.set(at, AdjOut { out, ..entry });
        }
        if let (Some(ours), Some(theirs)) = (&mut self.several, &other.several) {
            ours.slots = theirs.slots.clone();
        }
    }

    /// The attributes and next hop behind an entry.
    pub(super) fn sent(&self, rib: &Rib, out: OutId) -> (Box<[u8]>, NextHop) {
        let mut canonical = Vec::new();
        self.outs.write(&rib.attrs, out, &mut canonical);
        (canonical.into(), *self.outs.next_hop_of(out))
    }

    pub(super) fn outstanding_mut(&mut self, cohort: u16) -> &mut Outstanding<P> {
        let at = usize::from(cohort);
        if self.outstanding.len() <= at {
            self.outstanding.resize_with(at + 1, Outstanding::new);
        }
        &mut self.outstanding[at]
    }
}

/// Puts a changed entry into the batch for the members in sync.
#[inline]
pub(super) fn announce_change<P: TableFamily, I: PathId>(
    batch: &mut Batch<P, I>,
    outs: &mut OutTable,
    id: I,
    prefix: P,
    old: AdjOut,
    new: AdjOut,
    in_sync: impl Fn(PeerIx) -> bool,
) {
    if new.is_none() {
        batch.withdraw(in_sync(old.source).then_some(old.source), id, prefix);
        return;
    }
    let source = in_sync(new.source).then_some(new.source);
    if new.out != old.out {
        batch.announce(outs, new.out, source, id, prefix);
    } else if in_sync(old.source) {
        // Everybody else holds just this already.
        batch.announce_to(old.source, new.out, id, prefix);
    }
    if let Some(source) = source
        && old.reaches(source)
    {
        batch.withdraw_from(source, id, prefix);
    }
}

/// Takes up to `budget` of what a cohort lacks into the batch. Returns how many.
fn fill<P: TableFamily, I: PathId>(
    batch: &mut Batch<P, I>,
    outs: &mut OutTable,
    adj: &AdjRibOut,
    outstanding: &mut Outstanding<P>,
    budget: usize,
    member: impl Fn(PeerIx) -> bool,
    nlri: impl Fn(EntryIx) -> (I, P),
    identifier: impl Fn(u32) -> I,
) -> usize {
    let owed = outstanding.take_owed(budget);
    let mut served = owed.len();
    for ((id, prefix), lacks) in owed {
        batch.withdraw(lacks.filter(|peer| member(*peer)), identifier(id), prefix);
    }
    while served < budget {
        let Some(taken) = outstanding.take_entry() else { break };
        served += 1;
        let AdjOut { out, source } = adj.entry(taken.at);
        debug_assert_ne!(out, OutId(0), "pending entries are advertised");
        let (id, prefix) = nlri(taken.at);
        let source = member(source).then_some(source);
        batch.announce(outs, out, source, id, prefix);
        if let Some(source) = source
            && taken.had
            && taken.lacks != Some(source)
        {
            batch.withdraw_from(source, id, prefix);
        }
    }
    served
}

/// The path of a row that concerns a group: the best one. Of originated paths, which may each be
/// meant for some peers only, the best if it is meant for the group, else the one with the lowest
/// path identifier that is.
#[inline]
pub(super) fn chosen<P: TableFamily>(rib: &Rib, key: &GroupKey, row: RowId) -> Option<Path> {
    let best = rib.table::<P>().best(row)?;
    if best.path_id == 0 || key.includes_origination(best.path_id) || !is_local(rib, best.peer) {
        return Some(*best);
    }
    let meant = |path: &&Path| {
        is_local(rib, path.peer)
            && key.includes_origination(path.path_id)
            && !path.flags.any(PathFlags::EXCLUDED)
    };
    rib.table::<P>().paths(row).filter(meant).min_by_key(|path| path.path_id).copied()
}

pub(super) fn is_local(rib: &Rib, peer: PeerIx) -> bool {
    rib.peers().info(peer).kind == PeerKind::Local
}

/// What the export rules look at, of the path of a row.
#[inline]
fn memo_key<P: TableFamily>(
    key: &GroupKey,
    reads_next_hop: bool,
    rib: &Rib,
    path: &Path,
) -> MemoKey {
    let info = rib.peers().info(path.peer);
    let (kind, internal) = match info.kind {
        PeerKind::Local => (0, false),
        PeerKind::Ebgp => (1, false),
        PeerKind::Ibgp { client: false } => (2, true),
        PeerKind::Ibgp { client: true } => (3, true),
    };
    // Rules never look at the rest.
    let next_hop = if P::HAS_REST { rib.next_hops.base(path.next_hop) } else { path.next_hop };
    MemoKey {
        attr: path.attr,
        next_hop: if reads_next_hop && kind != 0 { next_hop } else { NextHopId::LOCAL },
        source_id: if internal && !key.is_ebgp() { info.router_id.to_bits() } else { 0 },
        class: ANY_CLASS,
        kind,
    }
}

/// The path as the export rules see it.
pub(super) fn route<'a>(rib: &'a Rib, path: &Path) -> Route<'a> {
    let info = rib.peers().info(path.peer);
    Route {
        canonical: rib.attrs.bytes(path.attr),
        summary: rib.attrs.summary(path.attr),
        source: info.kind,
        source_id: info.router_id,
        next_hop: rib.next_hops.key(path.next_hop).next_hop,
    }
}

/// How messages to the members are encoded.
fn context<P: TableFamily>(key: &GroupKey) -> EncodeContext {
    EncodeContext {
        as4: key.as4,
        max_len: key.max_len,
        add_path: key.add_path(P::FAMILY) != AddPathSend::Off,
    }
}
