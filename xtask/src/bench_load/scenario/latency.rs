//! One update in, one update out, through a full table: how long it takes.

use anyhow::Result;
use testkit::wait::clock;

use super::{Input, Inputs, Prepared, Scenario};
use crate::bench_load::changes::Changes;
use crate::bench_load::plan::{Plan, Seat};
use crate::bench_load::run::{Lag, Run, Timing, deliver};

/// The row.
#[derive(Debug)]
pub(super) struct Latency;

#[derive(Debug)]
struct Ready {
    changes: Changes,
    initial: Vec<u8>,
    /// Each with its digest at the receiver.
    updates: Vec<(Vec<u8>, u32)>,
}

impl Scenario for Latency {
    fn name(&self) -> &'static str {
        "latency"
    }

    fn title(&self) -> &'static str {
        "1,000 single updates, one after the other, through 1M routes"
    }

    fn prepare(&self, inputs: &mut Inputs, input: Input) -> Result<Box<dyn Prepared>> {
        let table = inputs.table(input, inputs.scale.routes(1_000_000), Seat::Feed(0))?;
        let changes = Changes::new(&table, Seat::Feed(0), Seat::Receiver(0));
        let count = inputs.scale.routes(10_000).clamp(50, 1000);
        let update = |number: usize| {
            let mut frames = Vec::new();
            let digest = changes.marker(u32::try_from(number)?, &mut frames);
            Ok((frames, digest))
        };
        let updates = (1..=count).map(update).collect::<Result<_>>()?;
        Ok(Box::new(Ready { initial: changes.initial(), updates, changes }))
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
        run.leg(&lab, "one update", self.updates.len(), || {
            let number = self.changes.marker_number();
            let start = clock();
            let mut samples = Vec::new();
            for (frames, digest) in &self.updates {
                let (sent, _) = feed.send(frames)?;
                let seen = receiver.wait_sighting(number, *digest, patience)?;
                samples.push(seen.saturating_duration_since(sent).as_secs_f64());
            }
            Ok(Timing { start, end: clock(), lag: Lag::of(samples), note: None })
        })
    }
}
