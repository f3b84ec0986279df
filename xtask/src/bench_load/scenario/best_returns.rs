//! Two full feeds of the same prefixes; the better one drops and returns.

use std::sync::Arc;

use anyhow::Result;
use testkit::load::{Holdings, Universe};
use testkit::wait::clock;

use super::{Input, Inputs, Prepared, Scenario, lengthen, mapped, universe, wants};
use crate::bench_load::plan::{Plan, Seat};
use crate::bench_load::run::{Run, complete, deliver};

const BETTER: Seat = Seat::Feed(0);
const WORSE: Seat = Seat::Feed(1);
const RECEIVER: Seat = Seat::Receiver(0);

/// The row.
#[derive(Debug)]
pub(super) struct BestReturns;

#[derive(Debug)]
struct Ready {
    universe: Arc<Universe>,
    better: (Vec<u8>, Arc<[u32]>),
    worse: (Vec<u8>, Arc<[u32]>),
}

impl Scenario for BestReturns {
    fn name(&self) -> &'static str {
        "best-returns"
    }

    fn title(&self) -> &'static str {
        "two feeds of 500k routes, 1 receiver: the better one drops and returns"
    }

    fn prepare(&self, inputs: &mut Inputs, input: Input) -> Result<Box<dyn Prepared>> {
        let mut better = inputs.table(input, inputs.scale.routes(500_000), BETTER)?;
        better.sets.iter_mut().for_each(|(attributes, _)| attributes.med = None);
        let worse = mapped(&better, |_, attributes| {
            lengthen(attributes, WORSE.asn(), 1);
            attributes.next_hop = WORSE.address().into();
        });
        Ok(Box::new(Ready {
            universe: universe(&better),
            better: (better.frames(), wants(&better, RECEIVER)),
            worse: (worse.frames(), wants(&worse, RECEIVER)),
        }))
    }
}

impl Prepared for Ready {
    fn run(&self, run: &mut Run<'_>) -> Result<()> {
        let lab = run.lab(Plan::transit(2, 1))?;
        let (routes, patience) = (self.universe.len(), run.patience());
        let holdings = Holdings::new(&self.universe, Arc::clone(&self.better.1));
        let receiver = lab.peer(RECEIVER, Some(holdings))?;
        let better = lab.peer(BETTER, None)?;
        let worse = lab.peer(WORSE, None)?;
        // One after the other, so that all of both is known before anything drops.
        receiver.want(&self.worse.1);
        run.leg(&lab, "worse feed", routes, || {
            deliver(&[(&worse, &self.worse.0)], &[&receiver], patience)
        })?;
        receiver.want(&self.better.1);
        run.leg(&lab, "better feed", routes, || {
            deliver(&[(&better, &self.better.0)], &[&receiver], patience)
        })?;
        receiver.want(&self.worse.1);
        run.leg(&lab, "best drops", routes, || {
            let start = clock();
            drop(better);
            Ok((start, complete(&[&receiver], patience)?))
        })?;
        // Coming back is a matter of retry timers, which differ; the clock runs from the first route.
        let better = lab.peer(BETTER, None)?;
        receiver.want(&self.better.1);
        run.leg(&lab, "best returns", routes, || {
            deliver(&[(&better, &self.better.0)], &[&receiver], patience)
        })
    }
}
