//! Views for people: Adj-RIB-Out of a peer, counts, and why a prefix is sent or not.
//!
//! **For**: `show advertised`, `explain`, status and metrics. **Sits**: part of [`Exports`], reads only.
//! **How it works**: pages are taken from the group's entries by row, bounded by the number of row ids
//! looked at; counts come from counters; an explanation runs the export rules anew, without memo.
//! **References**: RFC 4271 section 3.2.

use bgp_wire::{Family, NextHop};

use super::{
    AddPathSend, Exports, GroupKey, MemberId, NotSent,
    adj_out::EntryIx,
    family::{self, FamilyExport},
    group::Group,
    outstanding::Outstanding,
    paths,
    roster::Place,
    rules::{self, Buffers, Verdict},
};
use crate::{
    GroupIx, Path, PeerIx, Rib, RowId, TableFamily, each_family, family_index,
    policy::{PrefixClass, Subject, Trace},
    with_family,
};

/// A route of an Adj-RIB-Out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advertised<P> {
    /// The prefix.
    pub prefix: P,
    /// Path identifier as sent (RFC 7911); `None` where none is.
    pub path_id: Option<u32>,
    /// Canonical attributes as sent, without next hop.
    pub attributes: Box<[u8]>,
    /// Next hop as sent.
    pub next_hop: NextHop,
    /// What the NLRI hold beside the prefix: see [`TableFamily::join`].
    pub rest: Box<[u8]>,
    /// Still to be sent: the member is catching up.
    pub pending: bool,
}

/// One page of an Adj-RIB-Out.
#[derive(Clone, Debug)]
pub struct AdvertisedPage<P> {
    /// Routes in row order, those of a row by path identifier.
    pub routes: Vec<Advertised<P>>,
    /// Where the next page begins; `None` after the last one.
    pub next: Option<RowId>,
}

/// What becomes of a prefix, or of one of its paths, towards a peer, and why.
#[derive(Clone, Debug)]
pub struct ExportVerdict {
    /// The path considered, if there is one.
    pub path: Option<Path>,
    /// The path identifier it is sent with, where it is sent with one.
    pub path_id: Option<u32>,
    /// Why it is withheld; `None` if it is sent.
    pub withheld: Option<NotSent>,
    /// Canonical attributes and next hop as sent.
    pub sent: Option<(Box<[u8]>, NextHop)>,
    /// What each stage of the export policy said; `None` where policy was not asked.
    pub policy: Option<Trace>,
    /// It is decided but has not reached the peer yet: the row has not been looked at since its
    /// last change, or the member is catching up.
    pub pending: bool,
}

/// An update group at a glance.
#[derive(Clone, Debug)]
pub struct GroupSummary {
    /// Its number.
    pub group: GroupIx,
    /// What it stands for.
    pub key: GroupKey,
    /// Members in sync.
    pub in_sync: Vec<PeerIx>,
    /// Members that lag behind, with how many prefixes they lack.
    pub catching_up: Vec<(PeerIx, usize)>,
}

impl Exports {
    /// Adj-RIB-Out of a member: what is in the `rows` row ids from `from` on. Begin with `RowId(0)`.
    pub fn adj_rib_out<P: TableFamily>(
        &self,
        rib: &Rib,
        member: MemberId,
        from: RowId,
        rows: u32,
    ) -> AdvertisedPage<P> {
        let mut routes = Vec::new();
        if let Some(at) = self.group_of(member) {
            let group = self.group(at);
            let lacking = lacking::<P>(group, member.peer());
            let family = group.families.of::<P>();
            let mut push = |row: RowId, at: EntryIx, path_id: Option<u32>| {
                let entry = family.adj.entry(at);
                if !entry.reaches(member.peer()) {
                    return;
                }
                let (attributes, next_hop) = family.sent(rib, entry.out);
                routes.push(Advertised {
                    prefix: rib.prefix(row),
                    path_id,
                    attributes,
                    next_hop,
                    rest: family.outs.rest(entry.out).into(),
                    pending: lacking.is_some_and(|lacking| lacking.is_pending(at)),
                });
            };
            let end = from.0.saturating_add(rows.max(1));
            match &family.several {
                None => {
                    let entries = family.adj.iter_from(EntryIx(from.0));
                    for (at, _) in entries.take_while(|(at, _)| at.0 < end) {
                        push(RowId(at.0), at, None);
                    }
                }
                Some(several) => {
                    for row in (from.0..end.min(rib.table::<P>().slots())).map(RowId) {
                        let mut slots: Vec<_> = several.slots.of(row).collect();
                        slots.sort_unstable_by_key(|(_, slot)| slot.id);
                        for (at, slot) in slots {
                            push(row, at, Some(slot.id));
                        }
                    }
                }
            }
        }
        AdvertisedPage { routes, next: rib.next_page::<P>(from, rows) }
    }

    /// Prefixes of a family that a member holds now; each path counts where several are sent.
    pub fn advertised_count(&self, member: MemberId, family: Family) -> u32 {
        let Some(at) = self.group_of(member) else { return 0 };
        let group = self.group(at);
        let Some(index) = family_index(family) else { return 0 };
        with_family!(index, P => count::<P>(group, member.peer())).unwrap_or(0)
    }

    /// All groups.
    pub fn groups(&self) -> impl Iterator<Item = GroupSummary> + '_ {
        let live = |(at, group): (u16, &Option<Group>)| Some(summary(GroupIx(at), group.as_ref()?));
        (0..).zip(&self.groups).filter_map(live)
    }

    /// Why a prefix is sent to a peer or not: one verdict, or where several paths are sent (RFC 7911)
    /// one for each eligible path, in the order of the decision. Never empty.
    pub fn explain<P: TableFamily>(
        &self,
        rib: &Rib,
        prefix: P,
        peer: PeerIx,
    ) -> Vec<ExportVerdict> {
        let nothing = |path, reason| {
            let withheld = Some(reason);
            vec![ExportVerdict {
                path,
                path_id: None,
                withheld,
                sent: None,
                policy: None,
                pending: false,
            }]
        };
        let Some(at) = self.group_of(MemberId(peer)) else {
            return nothing(None, NotSent::NotEstablished);
        };
        let group = self.group(at);
        let key = &group.core.key;
        if !key.families.contains(P::FAMILY) {
            return nothing(None, NotSent::FamilyNotNegotiated);
        }
        let Some(row) = rib.row(prefix) else { return nothing(None, NotSent::UnknownPrefix) };
        let Some(best) = rib.best::<P>(row).copied() else {
            return nothing(None, NotSent::NoBestPath);
        };
        if key.add_path(P::FAMILY) == AddPathSend::Off {
            let Some(path) = family::chosen::<P>(rib, key, row) else {
                return nothing(Some(best), NotSent::OtherPeersOnly);
            };
            return vec![verdict(rib, group, prefix, row, path, peer)];
        }
        let (mut chosen, mut all) = (Vec::new(), Vec::new());
        paths::choose::<P>(rib, key, row, &mut chosen);
        rib.ranked::<P>(row, usize::MAX, |_| true, &mut all);
        let told = all.into_iter().flat_map(|path| {
            let same = |other: &Path| (other.peer, other.path_id) == (path.peer, path.path_id);
            if chosen.iter().any(same) {
                return vec![verdict(rib, group, prefix, row, path, peer)];
            }
            let others = path.path_id != 0
                && family::is_local(rib, path.peer)
                && !key.includes_origination(path.path_id);
            let reason = if others { NotSent::OtherPeersOnly } else { NotSent::NotAmongBest };
            nothing(Some(path), reason)
        });
        told.collect()
    }
}

/// What becomes of a path that the group looks at.
fn verdict<P: TableFamily>(
    rib: &Rib,
    group: &Group,
    prefix: P,
    row: RowId,
    path: Path,
    peer: PeerIx,
) -> ExportVerdict {
    let key = &group.core.key;
    let family = group.families.of::<P>();
    let slot = family.several.as_ref().and_then(|several| {
        let mut slots = several.slots.of(row);
        slots.find(|(at, slot)| {
            (family.adj.entry(*at).source, slot.received) == (path.peer, path.path_id)
        })
    });
    let mut verdict = ExportVerdict {
        path: Some(path),
        path_id: slot.map(|(_, slot)| slot.id),
        withheld: Some(NotSent::SplitHorizon),
        sent: None,
        policy: None,
        pending: false,
    };
    if path.peer == peer {
        return verdict;
    }
    let mut policy = group.core.policy.clone();
    let route = family::route(rib, &path);
    let subject = Subject::of(prefix, &rib.next_hops, path.next_hop, route.canonical);
    let class: PrefixClass = policy.class(&subject);
    let mut buffers = Buffers::default();
    match rules::decide(key, &policy, P::FAMILY, Some(class), route, &mut buffers) {
        Verdict::Send { next_hop, .. } => {
            verdict.withheld = None;
            verdict.sent = Some((buffers.out.as_slice().into(), next_hop));
        }
        Verdict::Withhold { reason, .. } => verdict.withheld = Some(reason),
        Verdict::NeedsPrefix => unreachable!("a class was given"),
    }
    let asked = match verdict.withheld {
        None | Some(NotSent::Policy | NotSent::NoNextHop | NotSent::TooLarge) => true,
        Some(_) => false,
    };
    if asked && !policy.is_permit_all() {
        let summary = rib.attrs.summary(path.attr);
        let canonical = rib.attrs.bytes(path.attr);
        verdict.policy = Some(policy.trace(&subject, canonical, summary, key.local_as));
    }
    let at = match &family.several {
        None => Some(EntryIx(row.0)),
        Some(_) => slot.map(|(at, _)| at),
    };
    let rest = rib.next_hops.rest(path.next_hop);
    verdict.pending = is_pending::<P>(rib, group, at, peer, &path, rest, verdict.sent.as_ref());
    verdict
}

/// What has been decided now is not what the peer holds.
fn is_pending<P: TableFamily>(
    rib: &Rib,
    group: &Group,
    at: Option<EntryIx>,
    peer: PeerIx,
    path: &Path,
    rest: &[u8],
    sent: Option<&(Box<[u8]>, NextHop)>,
) -> bool {
    let family = group.families.of::<P>();
    let Some(at) = at else { return sent.is_some() };
    let entry = family.adj.entry(at);
    let current = (!entry.is_none()).then(|| family.sent(rib, entry.out));
    sent != current.as_ref()
        || (sent.is_some() && family.outs.rest(entry.out) != rest)
        || (sent.is_some() && entry.source != path.peer)
        || lacking::<P>(group, peer).is_some_and(|lacking| lacking.is_pending(at))
}

fn lacking<P: TableFamily>(group: &Group, peer: PeerIx) -> Option<&Outstanding<P>> {
    match group.roster.place(peer) {
        Place::Cohort(at) => group.families.of::<P>().outstanding.get(usize::from(at)),
        Place::InSync | Place::Absent => None,
    }
}

fn count<P: TableFamily>(group: &Group, peer: PeerIx) -> u32 {
    let family: &FamilyExport<P> = group.families.of::<P>();
    let all = family.adj.advertised_to(peer);
    let Some(lacking) = lacking::<P>(group, peer) else { return all };
    let mut held = i64::from(all);
    for at in lacking.pending_entries() {
        let entry = family.adj.entry(at);
        held -= i64::from(entry.reaches(peer));
        held += i64::from(lacking.holds(at, entry, peer));
    }
    let owed = lacking.owed_to(peer).count();
    u32::try_from(held).expect("counted rows are among all rows")
        + u32::try_from(owed).expect("prefixes fit into 32 bits")
}

fn summary(at: GroupIx, group: &Group) -> GroupSummary {
    let mut catching_up = Vec::new();
    for cohort in group.roster.cohorts() {
        let mut lacks = 0;
        let at = usize::from(cohort);
        each_family!(P => lacks += group.families.of::<P>().outstanding[at].len());
        catching_up.extend(group.roster.cohort(cohort).iter().map(|peer| (*peer, lacks)));
    }
    GroupSummary {
        group: at,
        key: group.core.key.clone(),
        in_sync: group.roster.in_sync().to_vec(),
        catching_up,
    }
}
