//! One reader at 1 kB/s beside fast ones, under churn: what it costs them, and the daemon.
//!
//! Played twice, without and with the slow one. At the end the slow one reads at full speed and must
//! come to the exact table too; a subject that dropped it has failed.

use anyhow::Result;
use testkit::load::Peer;

use super::{Input, Inputs, Prepared, Scenario};
use crate::bench_load::changes::{Changes, Schedule};
use crate::bench_load::plan::{Plan, Seat};
use crate::bench_load::run::{Lab, Run, complete, deliver};
use testkit::wait::clock;

const FAST: u16 = 4;
const SLOW: Seat = Seat::Receiver(FAST);
/// Octets a second.
const PACE: u32 = 1000;

/// The row.
#[derive(Debug)]
pub(super) struct SlowReader;

#[derive(Debug)]
struct Ready {
    changes: Changes,
    initial: Vec<u8>,
    schedule: Schedule,
}

impl Scenario for SlowReader {
    fn name(&self) -> &'static str {
        "slow-reader"
    }

    fn title(&self) -> &'static str {
        "200k routes, 100k changes a second for 10 s, 4 receivers; then a fifth at 1 kB/s beside them"
    }

    fn prepare(&self, inputs: &mut Inputs, input: Input) -> Result<Box<dyn Prepared>> {
        let scale = inputs.scale;
        let table = inputs.table(input, scale.routes(200_000), Seat::Feed(0))?;
        let changes = Changes::new(&table, Seat::Feed(0), Seat::Receiver(0));
        let schedule = changes.schedule(scale.rate(100_000.0), scale.seconds(10.0));
        Ok(Box::new(Ready { initial: changes.initial(), schedule, changes }))
    }
}

impl Ready {
    /// Load and churn at the fast ones; the feed, which must stay.
    fn fast(&self, run: &mut Run<'_>, lab: &Lab, what: &str) -> Result<(Peer, Vec<Peer>)> {
        let patience = run.patience();
        let join = |number| lab.peer(Seat::Receiver(number), Some(self.changes.holdings()));
        let receivers = (0..FAST).map(join).collect::<Result<Vec<_>>>()?;
        let all: Vec<_> = receivers.iter().collect();
        let feed = lab.peer(Seat::Feed(0), None)?;
        let count = usize::from(FAST);
        run.leg(lab, &format!("load, {what}"), self.changes.len() * count, || {
            deliver(&[(&feed, &self.initial)], &all, patience)
        })?;
        run.leg(lab, &format!("churn, {what}"), self.schedule.changes * count, || {
            self.changes.play(&self.schedule, &feed, &all, patience)
        })?;
        Ok((feed, receivers))
    }
}

impl Prepared for Ready {
    fn run(&self, run: &mut Run<'_>) -> Result<()> {
        {
            let lab = run.lab(Plan::transit(1, FAST))?;
            self.fast(run, &lab, "alone")?;
        }
        let lab = run.lab(Plan::transit(1, FAST + 1))?;
        let slow = lab.slow_peer(SLOW, PACE, self.changes.holdings())?;
        let _stay = self.fast(run, &lab, "beside a slow one")?;
        let patience = run.patience();
        slow.want(&self.schedule.last());
        run.leg(&lab, "the slow one catches up", self.changes.len(), || {
            let start = clock();
            slow.set_pace(None);
            Ok((start, complete(&[&slow], patience)?))
        })
    }
}
