//! One table to twenty receivers that are sent the same.

use std::sync::Arc;

use anyhow::Result;
use testkit::load::{Holdings, Universe};

use super::{Input, Inputs, Prepared, Scenario, universe, wants};
use crate::bench_load::plan::{Plan, Seat};
use crate::bench_load::run::{Run, deliver};

const RECEIVERS: u16 = 20;

/// The row.
#[derive(Debug)]
pub(super) struct FanOut;

#[derive(Debug)]
struct Ready {
    universe: Arc<Universe>,
    want: Arc<[u32]>,
    frames: Vec<u8>,
}

impl Scenario for FanOut {
    fn name(&self) -> &'static str {
        "fan-out"
    }

    fn title(&self) -> &'static str {
        "700k routes to 20 receivers"
    }

    fn prepare(&self, inputs: &mut Inputs, input: Input) -> Result<Box<dyn Prepared>> {
        let table = inputs.table(input, inputs.scale.routes(700_000), Seat::Feed(0))?;
        Ok(Box::new(Ready {
            universe: universe(&table),
            // The daemon's address is the same for all of them.
            want: wants(&table, Seat::Receiver(0)),
            frames: table.frames(),
        }))
    }
}

impl Prepared for Ready {
    fn run(&self, run: &mut Run<'_>) -> Result<()> {
        let lab = run.lab(Plan::transit(1, RECEIVERS))?;
        let join = |number| {
            let holdings = Holdings::new(&self.universe, Arc::clone(&self.want));
            lab.peer(Seat::Receiver(number), Some(holdings))
        };
        let receivers = (0..RECEIVERS).map(join).collect::<Result<Vec<_>>>()?;
        let receivers: Vec<_> = receivers.iter().collect();
        let feed = lab.peer(Seat::Feed(0), None)?;
        let routes = self.universe.len() * receivers.len();
        let patience = run.patience();
        run.leg(&lab, "converge", routes, || {
            deliver(&[(&feed, &self.frames)], &receivers, patience)
        })
    }
}
