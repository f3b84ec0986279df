//! Two hundred peers with a hundred routes each; everybody gets everybody else's.

use std::sync::Arc;

use anyhow::Result;
use testkit::frame::encode;
use testkit::load::{Holdings, Universe, digest, digest::ABSENT};

use super::{Input, Inputs, Prepared, Scenario, lengthen, passed_on, universe};
use crate::bench_load::plan::{Plan, Seat};
use crate::bench_load::run::{Run, deliver};

const ROUTES: usize = 100;

/// The row.
#[derive(Debug)]
pub(super) struct AllToAll;

#[derive(Debug)]
struct Ready {
    universe: Arc<Universe>,
    /// Everything there is.
    all: Arc<[u32]>,
    /// What each peer sends, and where its routes begin in the universe.
    peers: Vec<(Vec<u8>, usize)>,
}

impl Scenario for AllToAll {
    fn name(&self) -> &'static str {
        "all-to-all"
    }

    fn title(&self) -> &'static str {
        "200 peers x 100 routes, each to all others"
    }

    fn prepare(&self, inputs: &mut Inputs, input: Input) -> Result<Box<dyn Prepared>> {
        let count = inputs.scale.peers(200);
        let table = inputs.table(input, count * ROUTES, Seat::Feed(0))?;
        let mut all = Vec::new();
        let mut peers: Vec<(Vec<u8>, usize)> = Vec::new();
        for (attributes, prefixes) in &table.sets {
            let mut left = prefixes.as_slice();
            while !left.is_empty() {
                let (peer, used) = (all.len() / ROUTES, all.len() % ROUTES);
                // A set that crosses over to the next peer is one of both.
                let (some, rest) = left.split_at(left.len().min(ROUTES - used));
                left = rest;
                if peer == peers.len() {
                    peers.push((Vec::new(), all.len()));
                }
                let seat = Seat::Feed(u16::try_from(peer)?);
                let mut attributes = attributes.clone();
                lengthen(&mut attributes, seat.asn(), 0);
                attributes.next_hop = seat.address().into();
                encode::update(&attributes, some, &mut peers[peer].0);
                let digest = digest::of(&passed_on(&attributes, seat));
                all.extend(std::iter::repeat_n(digest, some.len()));
            }
        }
        Ok(Box::new(Ready { universe: universe(&table), all: all.into(), peers }))
    }
}

impl Prepared for Ready {
    fn run(&self, run: &mut Run<'_>) -> Result<()> {
        let count = u16::try_from(self.peers.len())?;
        let lab = run.lab(Plan::transit(count, 0))?;
        let join = |(number, (_, first)): (u16, &(Vec<u8>, usize))| {
            let own = *first..(first + ROUTES).min(self.all.len());
            let mut want = self.all.to_vec();
            want[own.clone()].fill(ABSENT);
            // FRR sends a route back to whom it came from.
            let holdings =
                Holdings::new(&self.universe, want.into()).with_echoes(own, Arc::clone(&self.all));
            lab.peer(Seat::Feed(number), Some(holdings))
        };
        let peers = (0..count).zip(&self.peers).map(join).collect::<Result<Vec<_>>>()?;
        let frames = self.peers.iter().map(|(frames, _)| frames.as_slice());
        let sending: Vec<_> = peers.iter().zip(frames).collect();
        let receivers: Vec<_> = peers.iter().collect();
        let routes = self.all.len() * (peers.len() - 1);
        let patience = run.patience();
        run.leg(&lab, "converge", routes, || deliver(&sending, &receivers, patience))
    }
}
