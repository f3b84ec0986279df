//! Views for people: Adj-RIB-Out of a peer, counts, and why a prefix is sent or not.
//!
//! **For**: `show advertised`, `explain`, status and metrics. **Sits**: part of [`Exports`], reads only.
//! **How it works**: pages are taken from the group's entries by row, bounded by the number of row ids
//! looked at; counts come from counters; an explanation runs the export rules anew, without memo.
//! **References**: RFC 4271 section 3.2.

use bgp_wire::{Family, NextHop, V4Prefix, V6Prefix};

use super::{
    Exports, GroupKey, MemberId, NotSent,
    family::{self, FamilyExport},
    group::Group,
    outstanding::Outstanding,
    roster::Place,
    rules::{self, Buffers, Verdict},
};
use crate::{
    GroupIx, Path, PeerIx, Rib, RowId, TableFamily,
    policy::{PrefixClass, Trace},
};

/// A route of an Adj-RIB-Out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advertised<P> {
    /// The prefix.
    pub prefix: P,
    /// Canonical attributes as sent, without next hop.
    pub attributes: Box<[u8]>,
    /// Next hop as sent.
    pub next_hop: NextHop,
    /// Still to be sent: the member is catching up.
    pub pending: bool,
}

/// One page of an Adj-RIB-Out.
#[derive(Clone, Debug)]
pub struct AdvertisedPage<P> {
    /// Routes in row order.
    pub routes: Vec<Advertised<P>>,
    /// Where the next page begins; `None` after the last one.
    pub next: Option<RowId>,
}

/// What becomes of a prefix towards a peer, and why.
#[derive(Clone, Debug)]
pub struct ExportVerdict {
    /// The path considered, if there is one.
    pub path: Option<Path>,
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
            let end = from.0.saturating_add(rows.max(1));
            let entries = family.adj.iter_from(from).take_while(|(row, _)| row.0 < end);
            for (row, entry) in entries.filter(|(_, entry)| entry.reaches(member.peer())) {
                let (attributes, next_hop) = family.sent(entry.out);
                routes.push(Advertised {
                    prefix: rib.prefix(row),
                    attributes: attributes.into(),
                    next_hop,
                    pending: lacking.is_some_and(|lacking| lacking.is_pending(row)),
                });
            }
        }
        AdvertisedPage { routes, next: rib.next_page::<P>(from, rows) }
    }

    /// Prefixes of a family that a member holds now.
    pub fn advertised_count(&self, member: MemberId, family: Family) -> u32 {
        let Some(at) = self.group_of(member) else { return 0 };
        let group = self.group(at);
        match family {
            Family::IPV4_UNICAST => count::<V4Prefix>(group, member.peer()),
            Family::IPV6_UNICAST => count::<V6Prefix>(group, member.peer()),
            _ => 0,
        }
    }

    /// All groups.
    pub fn groups(&self) -> impl Iterator<Item = GroupSummary> + '_ {
        let live = |(at, group): (u16, &Option<Group>)| Some(summary(GroupIx(at), group.as_ref()?));
        (0..).zip(&self.groups).filter_map(live)
    }

    /// Why a prefix is sent to a peer or not.
    pub fn explain<P: TableFamily>(&self, rib: &Rib, prefix: P, peer: PeerIx) -> ExportVerdict {
        let mut verdict = ExportVerdict {
            path: None,
            withheld: Some(NotSent::NotEstablished),
            sent: None,
            policy: None,
            pending: false,
        };
        let Some(at) = self.group_of(MemberId(peer)) else { return verdict };
        let group = self.group(at);
        let key = &group.core.key;
        verdict.withheld = Some(NotSent::FamilyNotNegotiated);
        if !key.families.contains(P::FAMILY) {
            return verdict;
        }
        verdict.withheld = Some(NotSent::UnknownPrefix);
        let Some(row) = rib.row(prefix) else { return verdict };
        verdict.withheld = Some(NotSent::NoBestPath);
        let Some(best) = rib.best::<P>(row) else { return verdict };
        verdict.path = Some(*best);
        verdict.withheld = Some(NotSent::OtherPeersOnly);
        let Some(path) = family::chosen::<P>(rib, key, row) else { return verdict };
        verdict.path = Some(path);
        verdict.withheld = Some(NotSent::SplitHorizon);
        if path.peer == peer {
            return verdict;
        }
        let mut policy = group.core.policy.clone();
        let class: PrefixClass = policy.class(prefix);
        let route = family::route(rib, &path);
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
            verdict.policy = Some(policy.trace(prefix, canonical, summary, key.local_as));
        }
        verdict.pending = is_pending::<P>(group, row, peer, &path, verdict.sent.as_ref());
        verdict
    }
}

/// What has been decided now is not what the peer holds.
fn is_pending<P: TableFamily>(
    group: &Group,
    row: RowId,
    peer: PeerIx,
    path: &Path,
    sent: Option<&(Box<[u8]>, NextHop)>,
) -> bool {
    let family = group.families.of::<P>();
    let entry = family.adj.entry(row);
    let current = (!entry.is_none()).then(|| family.sent(entry.out));
    let decided = sent.map(|(attributes, next_hop)| (&**attributes, *next_hop));
    decided != current
        || (sent.is_some() && entry.source != path.peer)
        || lacking::<P>(group, peer).is_some_and(|lacking| lacking.is_pending(row))
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
    for row in lacking.pending_rows() {
        let entry = family.adj.entry(row);
        held -= i64::from(entry.reaches(peer));
        held += i64::from(lacking.holds(row, entry, peer));
    }
    let owed = lacking.owed_to(peer).count();
    u32::try_from(held).expect("counted rows are among all rows")
        + u32::try_from(owed).expect("prefixes fit into 32 bits")
}

fn summary(at: GroupIx, group: &Group) -> GroupSummary {
    let mut catching_up = Vec::new();
    for cohort in group.roster.cohorts() {
        let lacks = group.families.v4.outstanding[usize::from(cohort)].len()
            + group.families.v6.outstanding[usize::from(cohort)].len();
        catching_up.extend(group.roster.cohort(cohort).iter().map(|peer| (*peer, lacks)));
    }
    GroupSummary {
        group: at,
        key: group.core.key.clone(),
        in_sync: group.roster.in_sync().to_vec(),
        catching_up,
    }
}
