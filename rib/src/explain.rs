//! Why a path is best and each other one is not.
//!
//! **How it works.** Nothing is recorded while deciding. On demand the candidates of one row are
//! made again from the same integers the decision compared ([`decide`](crate::decide)), and the
//! first one in which a path differs from the best one names the step it lost at. What would be
//! best without the best path is decided in the same way, so paths are listed in the order in which
//! they would follow.
//!
//! References: RFC 4271 section 9.1.2.2.

use bgp_wire::V4Prefix;

use crate::{
    NextHopKey, Path, PathFlags, PeerInfo, Reason, Resolution, Rib, RowId, family::TableFamily,
    ranked::take_best,
};

/// All paths to a prefix with their verdicts.
#[derive(Clone, Debug)]
pub struct Explanation<P> {
    /// The prefix asked for.
    pub prefix: P,
    /// Its row.
    pub row: RowId,
    /// Every path, the best one first, then in the order in which they would be best if those
    /// before them were withdrawn, ineligible ones last.
    pub candidates: Vec<ExplainedPath>,
    /// The step which told the best path from the next one; `None` if it was the only one.
    pub decided_by: Option<Reason>,
}

/// One path with its verdict.
#[derive(Clone, Debug)]
pub struct ExplainedPath {
    /// The path itself.
    pub path: Path,
    /// Who sent it.
    pub peer: PeerInfo,
    /// Its next hop.
    pub next_hop: NextHopKey,
    /// How the next hop is reached.
    pub resolution: Resolution,
    /// Best, lost at a step, or not eligible.
    pub verdict: Verdict,
    /// Whether it carries traffic.
    pub multipath: bool,
}

/// The outcome for one path.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub enum Verdict {
    /// The best path.
    Best,
    /// Compared, and worse than the best path at this step.
    Lost(Reason),
    /// Not compared.
    Ineligible(Reason),
}

impl Verdict {
    /// The reason, if it is not the best path.
    pub const fn reason(self) -> Option<Reason> {
        match self {
            Self::Best => None,
            Self::Lost(reason) | Self::Ineligible(reason) => Some(reason),
        }
    }
}

impl Rib {
    /// Explain the decision about exactly this prefix; `None` if it has no path.
    ///
    /// It is made again now: while [`Rib::sweep`] has work to do, a row not yet visited may still
    /// show an earlier one.
    pub fn explain<P: TableFamily>(&self, prefix: P) -> Option<Explanation<P>> {
        let row = self.row(prefix)?;
        let judge = self.judge(prefix);
        let mut eligible = Vec::new();
        let mut refused = Vec::new();
        for (slot, path) in (0u16..).zip(self.paths::<P>(row)) {
            match judge.ineligible(path) {
                Some(reason) => refused.push((path, Verdict::Ineligible(reason))),
                None => eligible.push(judge.candidate(slot, path, judge.rank(path))),
            }
        }
        let mut order: Vec<(&Path, Verdict)> = Vec::new();
        let all = eligible.clone();
        let mut best = None;
        while let Some(next) = take_best(&judge, &mut eligible) {
            let verdict = match &best {
                None => Verdict::Best,
                Some(best) => Verdict::Lost(judge.losing_step(&next, best, &all)),
            };
            order.push((self.table::<P>().path(row, usize::from(next.slot)), verdict));
            best.get_or_insert(next);
        }
        order.extend(refused);
        let decided_by = match order.get(1) {
            Some((_, Verdict::Lost(reason))) => Some(*reason),
            _ => None,
        };
        let candidates: Vec<_> =
            order.into_iter().map(|(path, verdict)| self.explained(path, verdict)).collect();
        (!candidates.is_empty()).then_some(Explanation { prefix, row, candidates, decided_by })
    }

    /// Why a path takes no part in the decision; `None` if it does.
    pub fn ineligible(&self, path: &Path) -> Option<Reason> {
        // That depends on no family.
        self.judge(V4Prefix::DEFAULT).ineligible(path)
    }

    fn explained(&self, path: &Path, verdict: Verdict) -> ExplainedPath {
        ExplainedPath {
            path: *path,
            peer: self.peers.info(path.peer).clone(),
            next_hop: *self.next_hops.key(path.next_hop),
            resolution: self.next_hops.resolution(path.next_hop),
            verdict,
            multipath: path.flags.any(PathFlags::MULTIPATH),
        }
    }
}
