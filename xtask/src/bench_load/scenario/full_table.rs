//! A million routes from one peer to another; then to a late comer, all again on request, and away.

use std::sync::Arc;

use anyhow::Result;
use testkit::frame::Attributes;
use testkit::load::digest::{self, ABSENT};
use testkit::load::{Holdings, Universe};
use testkit::table::Table;
use testkit::wait::clock;

use super::{Input, Inputs, Prepared, Scenario, universe, wants};
use crate::bench_load::ceiling;
use crate::bench_load::plan::{Plan, Seat};
use crate::bench_load::run::{Leg, Run, complete, deliver};

/// The row.
#[derive(Debug)]
pub(super) struct FullTable;

#[derive(Debug)]
struct Ready {
    universe: Arc<Universe>,
    want: Arc<[u32]>,
    frames: Vec<u8>,
    withdrawals: Vec<u8>,
    /// What a receiver holds that hears the sender itself.
    unchanged: Arc<[u32]>,
}

impl Scenario for FullTable {
    fn name(&self) -> &'static str {
        "full-table"
    }

    fn title(&self) -> &'static str {
        "1 x 1M routes to 1 receiver; late join, refresh, withdraw all"
    }

    fn inputs(&self) -> &'static [Input] {
        Input::ALL
    }

    fn prepare(&self, inputs: &mut Inputs, input: Input) -> Result<Box<dyn Prepared>> {
        // The real table as it is: a bit more than a million.
        let full = if input == Input::Real { 2_000_000 } else { 1_000_000 };
        let table = inputs.table(input, inputs.scale.routes(full), Seat::Feed(0))?;
        Ok(Box::new(Ready {
            universe: universe(&table),
            unchanged: unchanged(&table),
            want: wants(&table, Seat::Receiver(0)),
            frames: table.frames(),
            withdrawals: table.withdrawals(),
        }))
    }
}

fn unchanged(table: &Table) -> Arc<[u32]> {
    let of_set = |(attributes, prefixes): &(Attributes, Vec<_>)| {
        std::iter::repeat_n(digest::of(attributes), prefixes.len())
    };
    table.sets.iter().flat_map(of_set).collect()
}

impl Prepared for Ready {
    fn ceiling(&self) -> Result<Option<Leg>> {
        let holdings = Holdings::new(&self.universe, Arc::clone(&self.unchanged));
        ceiling::measure(&self.frames, holdings).map(Some)
    }

    fn run(&self, run: &mut Run<'_>) -> Result<()> {
        let lab = run.lab(Plan::transit(1, 2))?;
        let holdings = || Holdings::new(&self.universe, Arc::clone(&self.want));
        let receiver = lab.peer(Seat::Receiver(0), Some(holdings()))?;
        let feed = lab.peer(Seat::Feed(0), None)?;
        let (routes, patience) = (self.universe.len(), run.patience());
        run.leg(&lab, "converge", routes, || {
            deliver(&[(&feed, &self.frames)], &[&receiver], patience)
        })?;
        let mut late = None;
        run.leg(&lab, "late join", routes, || {
            let start = clock();
            let joined = late.insert(lab.peer(Seat::Receiver(1), Some(holdings()))?);
            Ok((start, complete(&[joined], patience)?))
        })?;
        run.leg(&lab, "refresh", routes, || {
            Ok((receiver.refresh()?, complete(&[&receiver], patience)?))
        })?;
        let nothing: Arc<[u32]> = vec![ABSENT; routes].into();
        let receivers: Vec<_> = [Some(&receiver), late.as_ref()].into_iter().flatten().collect();
        receivers.iter().for_each(|receiver| receiver.want(&nothing));
        run.leg(&lab, "withdraw all", routes * 2, || {
            deliver(&[(&feed, &self.withdrawals)], &receivers, patience)
        })
    }
}
