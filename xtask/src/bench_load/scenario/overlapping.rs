//! Ten feeds of the same prefixes: every prefix has ten paths, and one of them is the shortest.
//!
//! Which feed has the shortest path changes from set to set, and nothing but the length decides, so
//! that all subjects must come to the same table.

use std::sync::Arc;

use anyhow::Result;
use testkit::load::{Holdings, Universe};
use testkit::table::Table;

use super::{Input, Inputs, Prepared, Scenario, lengthen, mapped, universe, wants};
use crate::bench_load::plan::{Plan, Seat};
use crate::bench_load::run::{Run, deliver};

const FEEDS: u16 = 10;

/// The row.
#[derive(Debug)]
pub(super) struct Overlapping;

#[derive(Debug)]
struct Ready {
    universe: Arc<Universe>,
    want: Arc<[u32]>,
    frames: Vec<Vec<u8>>,
}

impl Scenario for Overlapping {
    fn name(&self) -> &'static str {
        "overlapping"
    }

    fn title(&self) -> &'static str {
        "10 x 100k routes, the same prefixes from each, to 1 receiver"
    }

    fn prepare(&self, inputs: &mut Inputs, input: Input) -> Result<Box<dyn Prepared>> {
        let base = inputs.table(input, inputs.scale.routes(100_000), Seat::Feed(0))?;
        let feeds: Vec<Table> = (0..FEEDS).map(|feed| of_feed(&base, feed)).collect();
        let winners = base.sets.iter().enumerate().map(|(set, _)| {
            let (attributes, prefixes) = &feeds[set % usize::from(FEEDS)].sets[set];
            (attributes.clone(), prefixes.clone())
        });
        let best = Table { sets: winners.collect() };
        Ok(Box::new(Ready {
            universe: universe(&base),
            want: wants(&best, Seat::Receiver(0)),
            frames: feeds.iter().map(Table::frames).collect(),
        }))
    }
}

fn of_feed(base: &Table, feed: u16) -> Table {
    let seat = Seat::Feed(feed);
    mapped(base, |set, attributes| {
        let distance = (set + usize::from(FEEDS - feed)) % usize::from(FEEDS);
        lengthen(attributes, seat.asn(), if distance == 0 { 0 } else { distance % 3 + 1 });
        attributes.next_hop = seat.address().into();
        attributes.med = None;
    })
}

impl Prepared for Ready {
    fn run(&self, run: &mut Run<'_>) -> Result<()> {
        let lab = run.lab(Plan::transit(FEEDS, 1))?;
        let holdings = Holdings::new(&self.universe, Arc::clone(&self.want));
        let receiver = lab.peer(Seat::Receiver(0), Some(holdings))?;
        let feeds = (0..FEEDS).map(|feed| lab.peer(Seat::Feed(feed), None));
        let feeds = feeds.collect::<Result<Vec<_>>>()?;
        let sending: Vec<_> = feeds.iter().zip(self.frames.iter().map(Vec::as_slice)).collect();
        let (routes, patience) = (self.universe.len() * usize::from(FEEDS), run.patience());
        run.leg(&lab, "converge", routes, || deliver(&sending, &[&receiver], patience))
    }
}
