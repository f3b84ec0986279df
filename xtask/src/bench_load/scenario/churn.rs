//! Three hundred thousand changes a second through a full table: lateness and CPU.

use anyhow::Result;

use super::{Input, Inputs, Prepared, Scenario};
use crate::bench_load::changes::{Changes, Schedule};
use crate::bench_load::plan::{Plan, Seat};
use crate::bench_load::run::{Run, deliver};

/// The row.
#[derive(Debug)]
pub(super) struct Churn;

#[derive(Debug)]
struct Ready {
    changes: Changes,
    initial: Vec<u8>,
    schedule: Schedule,
}

impl Scenario for Churn {
    fn name(&self) -> &'static str {
        "churn"
    }

    fn title(&self) -> &'static str {
        "300k changes a second for 10 s through 500k routes, 1 receiver"
    }

    fn prepare(&self, inputs: &mut Inputs, input: Input) -> Result<Box<dyn Prepared>> {
        let scale = inputs.scale;
        let table = inputs.table(input, scale.routes(500_000), Seat::Feed(0))?;
        let changes = Changes::new(&table, Seat::Feed(0), Seat::Receiver(0));
        let schedule = changes.schedule(scale.rate(300_000.0), scale.seconds(10.0));
        Ok(Box::new(Ready { initial: changes.initial(), schedule, changes }))
    }
}

impl Prepared for Ready {
    fn run(&self, run: &mut Run<'_>) -> Result<()> {
        let lab = run.lab(Plan::transit(1, 1))?;
        let patience = run.patience();
        let receiver = lab.peer(Seat::Receiver(0), Some(self.changes.holdings()))?;
        let feed = lab.peer(Seat::Feed(0), None)?;
        run.leg(&lab, "load", self.changes.len(), || {
            deliver(&[(&feed, &self.initial)], &[&receiver], patience)
        })?;
        run.leg(&lab, "churn", self.schedule.changes, || {
            self.changes.play(&self.schedule, &feed, &[&receiver], patience)
        })
    }
}
