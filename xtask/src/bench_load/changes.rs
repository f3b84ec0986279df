//! A stream of changes at a given rate, through a table that is there already.
//!
//! Every set of the table has two versions that differ in one community; a pass over the table changes
//! every route, the next pass changes it back. Ten batches to the second or more, and behind each a
//! marker: one more prefix whose attributes carry the number of the batch. A batch is as late as the
//! first marker of its number or a later one, counted from when the batch was due, not from when a slow
//! subject let it be sent. At the end the table must be exactly the last version of every route.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use ipnet::{IpNet, Ipv4Net};
use testkit::frame::{Attributes, encode};
use testkit::load::{Holdings, Peer, Sighting, Universe, digest};
use testkit::table::Table;
use testkit::wait::clock;

use super::plan::Seat;
use super::run::{Lag, Timing, complete, ended};
use super::scenario::passed_on;

/// Between two batches.
const STEP: Duration = Duration::from_millis(20);
/// The community of every second version.
const CHANGED: u32 = 0xfd84_0001;
/// Community of the marker of batch 0.
const MARKER: u32 = 0x0064_0000;

/// One version of a table on the wire.
#[derive(Debug)]
struct Version {
    frames: Vec<u8>,
    /// Where the frames of each set begin, and the end.
    offsets: Vec<usize>,
    /// What a receiver must hold, a digest a set.
    digests: Vec<u32>,
}

/// A table that can change.
#[derive(Debug)]
pub(super) struct Changes {
    universe: Arc<Universe>,
    versions: [Version; 2],
    /// Routes in each set.
    sizes: Vec<usize>,
    seat: Seat,
    receiver: Seat,
}

/// What will be sent, and when.
#[derive(Debug)]
pub(super) struct Schedule {
    batches: Vec<Vec<u8>>,
    /// Changes in all batches.
    pub(super) changes: usize,
    want: Arc<[u32]>,
}

impl Schedule {
    /// What a receiver must hold in the end.
    pub(super) fn last(&self) -> Arc<[u32]> {
        Arc::clone(&self.want)
    }
}

impl Changes {
    /// Both versions of `table`, as `seat` sends them and `receiver` must hold them.
    pub(super) fn new(table: &Table, seat: Seat, receiver: Seat) -> Self {
        let marker = std::iter::once(marker_prefix());
        let prefixes = table.sets.iter().flat_map(|(_, prefixes)| prefixes).copied();
        Self {
            universe: Arc::new(Universe::unicast(prefixes.chain(marker))),
            versions: [false, true].map(|changed| version(table, changed, receiver)),
            sizes: table.sets.iter().map(|(_, prefixes)| prefixes.len()).collect(),
            seat,
            receiver,
        }
    }

    /// Routes of the table, the marker included.
    pub(super) fn len(&self) -> usize {
        self.universe.len()
    }

    /// The first version and the marker.
    pub(super) fn initial(&self) -> Vec<u8> {
        let mut frames = self.versions[0].frames.clone();
        self.marker(0, &mut frames);
        frames
    }

    /// An empty table that should become the first version.
    pub(super) fn holdings(&self) -> Holdings {
        let want = self.want(self.sizes.len(), 0, 0);
        Holdings::new(&self.universe, want).watching(self.universe.len() - 1)
    }

    /// Number of the marker prefix.
    pub(super) fn marker_number(&self) -> usize {
        self.universe.len() - 1
    }

    /// The UPDATE with marker `number`, and its digest at the receiver.
    pub(super) fn marker(&self, number: u32, frames: &mut Vec<u8>) -> u32 {
        let mut attributes = Attributes::new(&[self.seat.asn()], self.seat.address().into());
        attributes.communities = vec![MARKER + number];
        encode::update(&attributes, &[marker_prefix()], frames);
        digest::of(&passed_on(&attributes, self.receiver))
    }

    /// Sets below `cursor` in version `now`, the others in the other one, and the marker.
    fn want(&self, cursor: usize, now: usize, marker: u32) -> Arc<[u32]> {
        let mut want = Vec::with_capacity(self.universe.len());
        for (set, size) in self.sizes.iter().enumerate() {
            let version = if set < cursor { now } else { 1 - now };
            want.extend(std::iter::repeat_n(self.versions[version].digests[set], *size));
        }
        want.push(self.marker(marker, &mut Vec::new()));
        want.into()
    }

    /// `rate` changes a second for `seconds`, beginning behind [`Changes::initial`].
    pub(super) fn schedule(&self, rate: f64, seconds: f64) -> Schedule {
        let count = ((seconds / STEP.as_secs_f64()) as u32).max(2);
        let (mut cursor, mut now, mut changes) = (0, 1, 0);
        let mut batches = Vec::new();
        for batch in 1..=count {
            let goal = (rate * STEP.as_secs_f64() * f64::from(batch)) as usize;
            let mut frames = Vec::new();
            while changes < goal {
                if cursor == self.sizes.len() {
                    (cursor, now) = (0, 1 - now);
                }
                let version = &self.versions[now];
                let piece = version.offsets[cursor]..version.offsets[cursor + 1];
                frames.extend_from_slice(&version.frames[piece]);
                changes += self.sizes[cursor];
                cursor += 1;
            }
            self.marker(batch, &mut frames);
            batches.push(frames);
        }
        Schedule { batches, changes, want: self.want(cursor, now, count) }
    }

    /// Plays `schedule` from `feed` to `receivers`, all of which must end up exact. Lateness is that of
    /// the first receiver.
    pub(super) fn play(
        &self,
        schedule: &Schedule,
        feed: &Peer,
        receivers: &[&Peer],
        patience: Duration,
    ) -> Result<Timing> {
        let watched = receivers.first().context("at least one receiver")?;
        for receiver in receivers {
            receiver.want(&schedule.want);
            drop(receiver.take_sightings());
        }
        let start = clock();
        let due = |batch: usize| start + STEP * u32::try_from(batch).expect("some hundreds");
        let (end, sent) = std::thread::scope(|scope| {
            let sending = scope.spawn(|| {
                for (batch, frames) in schedule.batches.iter().enumerate() {
                    std::thread::sleep(due(batch).saturating_duration_since(clock()));
                    feed.send(frames)?;
                }
                Ok::<_, anyhow::Error>(clock())
            });
            let end = complete(receivers, patience);
            let end = end.with_context(|| ended(std::iter::once(feed)));
            if end.is_err() {
                feed.abort();
            }
            let sent = sending.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            Ok::<_, anyhow::Error>((end?, sent?))
        })?;
        let last = due(schedule.batches.len() - 1);
        let rate = schedule.changes as f64 / (sent - start).max(STEP).as_secs_f64();
        let behind = end.saturating_duration_since(last).as_secs_f64();
        Ok(Timing {
            start,
            end,
            lag: Lag::of(self.lateness(&watched.take_sightings(), schedule.batches.len(), due)),
            note: Some(format!(
                "{rate:.0} changes/s taken, exact {behind:.3} s after the last was due"
            )),
        })
    }

    fn lateness(
        &self,
        sightings: &[Sighting],
        batches: usize,
        due: impl Fn(usize) -> Instant,
    ) -> Vec<f64> {
        let markers = 1..=u32::try_from(batches).expect("some hundreds");
        let number: HashMap<u32, usize> = (0..)
            .zip(markers)
            .map(|(at, marker)| (self.marker(marker, &mut Vec::new()), at))
            .collect();
        let mut seen = sightings.iter().filter_map(|s| Some((*number.get(&s.digest)?, s.at)));
        let mut current = seen.next();
        (0..batches)
            .filter_map(|batch| {
                while current.is_some_and(|(at, _)| at < batch) {
                    current = seen.next();
                }
                let (_, at) = current?;
                Some(at.saturating_duration_since(due(batch)).as_secs_f64())
            })
            .collect()
    }
}

fn version(table: &Table, changed: bool, receiver: Seat) -> Version {
    let mut version = Version { frames: Vec::new(), offsets: vec![0], digests: Vec::new() };
    for (attributes, prefixes) in &table.sets {
        let mut attributes = attributes.clone();
        if changed {
            attributes.communities.push(CHANGED);
            attributes.communities.sort_unstable();
        }
        encode::update(&attributes, prefixes, &mut version.frames);
        version.offsets.push(version.frames.len());
        version.digests.push(digest::of(&passed_on(&attributes, receiver)));
    }
    version
}

/// In shared address space (RFC 6598), where no table of ours has routes.
fn marker_prefix() -> IpNet {
    Ipv4Net::new_assert(Ipv4Addr::new(100, 100, 100, 0), 24).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use testkit::table::Diversity;

    #[test]
    fn a_schedule_keeps_its_rate_and_ends_in_the_last_versions() {
        let (feed, receiver) = (Seat::Feed(0), Seat::Receiver(0));
        let table = Table::synthetic(1000, Diversity::Internet, feed.asn(), feed.address());
        let changes = Changes::new(&table, feed, receiver);
        // Two and a half passes.
        let schedule = changes.schedule(5000.0, 0.5);
        assert_eq!(schedule.batches.len(), 25);
        assert!((2500..2520).contains(&schedule.changes), "{}", schedule.changes);
        let other = changes.want(0, 1, 25);
        let same = |at: usize, want: &[u32]| schedule.want[at] == want[at];
        let changed = changes.want(changes.sizes.len(), 1, 25);
        assert!(same(0, &changed), "pass three changes the first routes again");
        assert!(same(999, &other), "and did not come to the last ones");
        assert_eq!(schedule.want.last(), changed.last());
    }

    #[test]
    fn a_batch_is_as_late_as_the_first_marker_not_before_it() {
        let (feed, receiver) = (Seat::Feed(0), Seat::Receiver(0));
        let table = Table::synthetic(100, Diversity::Hundred, feed.asn(), feed.address());
        let changes = Changes::new(&table, feed, receiver);
        let start = clock();
        let seen = |marker, millis| Sighting {
            number: 100,
            digest: changes.marker(marker, &mut Vec::new()),
            at: start + Duration::from_millis(millis),
        };
        // Marker 2 was overtaken by marker 3.
        let late = changes.lateness(&[seen(1, 5), seen(3, 50)], 3, |batch| {
            start + Duration::from_millis(10) * u32::try_from(batch).unwrap()
        });
        let millis: Vec<_> = late.iter().map(|s| (s * 1000.0).round()).collect();
        assert_eq!(millis, [5.0, 40.0, 30.0]);
    }
}
