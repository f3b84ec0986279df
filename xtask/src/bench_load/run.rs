//! One subject playing one scenario once: legs with their figures, and how it ended.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use testkit::load::{Holdings, NotCarried, Peer, Spec, Stalled};
use testkit::process::Usage;
use testkit::wait::clock;

use super::net::Net;
use super::plan::{Plan, Seat};
use super::root::Daemon;
use super::subject::Subject;

/// What holds for a whole bench.
#[derive(Clone, Copy, Debug)]
pub(super) struct Options {
    /// Core of the daemon.
    pub(super) pin: Option<u32>,
    /// No progress for this long is a stall.
    pub(super) patience: Duration,
    /// Rounds of each row and subject.
    pub(super) rounds: u32,
}

/// A distribution, in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Lag {
    pub(super) p50: f64,
    pub(super) p99: f64,
    pub(super) max: f64,
}

impl Lag {
    /// Of samples in any order.
    pub(super) fn of(mut samples: Vec<f64>) -> Option<Self> {
        samples.sort_by(f64::total_cmp);
        let max = *samples.last()?;
        // Nearest rank: the smallest sample that so many are not above.
        let rank = |share: f64| samples[(samples.len() as f64 * share).ceil() as usize - 1];
        Some(Self { p50: rank(0.5), p99: rank(0.99), max })
    }
}

/// When a leg began and was over.
#[derive(Clone, Debug)]
pub(super) struct Timing {
    pub(super) start: Instant,
    pub(super) end: Instant,
    pub(super) lag: Option<Lag>,
    pub(super) note: Option<String>,
}

impl From<(Instant, Instant)> for Timing {
    fn from((start, end): (Instant, Instant)) -> Self {
        Self { start, end, lag: None, note: None }
    }
}

/// The figures of one part of a scenario.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Leg {
    pub(super) name: String,
    /// Routes that had to arrive, over all receivers.
    pub(super) routes: usize,
    pub(super) seconds: f64,
    /// Of all processes of the daemon, within the leg.
    pub(super) cpu_seconds: f64,
    /// Of all processes of the daemon, since its start.
    pub(super) peak_kib: u64,
    /// Where a leg is about lateness and not about an amount.
    pub(super) lag: Option<Lag>,
    pub(super) note: Option<String>,
}

impl Leg {
    /// What is compared, in seconds: the median lateness, or the time to be done.
    pub(super) fn figure(&self) -> f64 {
        self.lag.map_or(self.seconds, |lag| lag.p50)
    }
}

/// How a round ended before its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The subject does not have the family.
    NotCarried(String),
    /// It stopped making progress.
    Stalled { right: usize, of: usize, why: String },
    /// Anything else: a session lost, a daemon gone.
    Failed(String),
}

impl std::fmt::Display for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotCarried(_) => f.write_str("not carried"),
            Self::Stalled { right, of, .. } => write!(f, "stalled at {right} of {of}"),
            Self::Failed(why) => write!(f, "failed: {why}"),
        }
    }
}

/// A round that is over.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Round {
    pub(super) legs: Vec<Leg>,
    pub(super) end: Option<End>,
}

/// A round that is being played.
#[derive(Debug)]
pub(super) struct Run<'a> {
    subject: &'a dyn Subject,
    options: &'a Options,
    legs: Vec<Leg>,
}

impl<'a> Run<'a> {
    pub(super) const fn new(subject: &'a dyn Subject, options: &'a Options) -> Self {
        Self { subject, options, legs: Vec::new() }
    }

    /// How long without progress is a stall.
    pub(super) const fn patience(&self) -> Duration {
        self.options.patience
    }

    /// A fresh network with the subject started in it.
    pub(super) fn lab(&self, plan: Plan) -> Result<Lab> {
        let net = Net::new()?;
        let daemon = self.subject.start(&plan, &net.daemon, self.options.pin)?;
        Ok(Lab { daemon, net, plan, patience: self.options.patience })
    }

    /// Plays one leg; `body` says when it began and when all was right.
    pub(super) fn leg<T: Into<Timing>>(
        &mut self,
        lab: &Lab,
        name: &str,
        routes: usize,
        body: impl FnOnce() -> Result<T>,
    ) -> Result<()> {
        let before = lab.usage()?;
        let timing =
            body().with_context(|| format!("{name}; the daemon said: {}", lab.last_words()));
        let timing: Timing = timing?.into();
        let after = lab.usage()?;
        self.legs.push(Leg {
            name: name.to_owned(),
            routes,
            seconds: timing.end.saturating_duration_since(timing.start).as_secs_f64(),
            cpu_seconds: after.cpu_seconds - before.cpu_seconds,
            peak_kib: after.peak_kib,
            lag: timing.lag,
            note: timing.note,
        });
        Ok(())
    }

    /// The round with its end.
    pub(super) fn finish(self, error: Option<&anyhow::Error>) -> Round {
        Round { legs: self.legs, end: error.map(classify) }
    }
}

fn classify(error: &anyhow::Error) -> End {
    let why = format!("{error:#}");
    if error.is::<NotCarried>() {
        return End::NotCarried(why);
    }
    match error.downcast_ref::<Stalled>() {
        Some(stalled) => End::Stalled { right: stalled.right, of: stalled.of, why },
        None => End::Failed(why),
    }
}

/// A started daemon and its surroundings.
#[derive(Debug)]
pub(super) struct Lab {
    // Before the network: the daemon ends first.
    daemon: Daemon,
    net: Net,
    plan: Plan,
    patience: Duration,
}

impl Lab {
    /// A session from `seat`.
    pub(super) fn peer(&self, seat: Seat, holdings: Option<Holdings>) -> Result<Peer> {
        self.connect(seat, None, holdings)
    }

    /// A session that reads `pace` octets a second.
    pub(super) fn slow_peer(&self, seat: Seat, pace: u32, holdings: Holdings) -> Result<Peer> {
        self.connect(seat, Some(pace), Some(holdings))
    }

    fn connect(&self, seat: Seat, pace: Option<u32>, holdings: Option<Holdings>) -> Result<Peer> {
        let spec = Spec {
            asn: self.plan.asn(seat),
            address: seat.address(),
            speaker: seat.daemon(),
            family: self.plan.family,
            pace,
            patience: self.patience,
        };
        Peer::connect(&self.net.peers, &spec, holdings).with_context(|| self.daemon.last_words())
    }

    fn last_words(&self) -> String {
        self.daemon.last_words()
    }

    fn usage(&self) -> Result<Usage> {
        self.daemon.usage()
    }
}

/// Sends each feed's frames at the same time and waits until every receiver is complete.
pub(super) fn deliver(
    feeds: &[(&Peer, &[u8])],
    receivers: &[&Peer],
    patience: Duration,
) -> Result<(Instant, Instant)> {
    let start = clock();
    let end = thread::scope(|scope| {
        let sending: Vec<_> = feeds
            .iter()
            .map(|&(peer, frames)| scope.spawn(move || peer.send(frames).map(drop)))
            .collect();
        let end = complete(receivers, patience);
        let end = end.with_context(|| ended(feeds.iter().map(|(peer, _)| *peer)));
        if end.is_err() {
            // A subject that reads no more would hold its feed for ever.
            feeds.iter().for_each(|(peer, _)| peer.abort());
        }
        for feed in sending {
            let sent = feed.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            if end.is_ok() {
                sent?;
            }
        }
        end
    })?;
    Ok((start, end))
}

/// Waits until every receiver is complete; the moment the last one was.
pub(super) fn complete(receivers: &[&Peer], patience: Duration) -> Result<Instant> {
    let mut last = clock();
    let mut first = true;
    for receiver in receivers {
        let moment = receiver.wait_complete(patience)?;
        last = if first { moment } else { last.max(moment) };
        first = false;
    }
    Ok(last)
}

/// Which feeds' sessions are gone, in words.
pub(super) fn ended<'a>(feeds: impl Iterator<Item = &'a Peer>) -> String {
    let gone: Vec<_> = feeds.filter_map(Peer::ended).take(1).collect();
    gone.first().map_or_else(|| "feeds stay up".to_owned(), |why| format!("a feed ended: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_by_nearest_rank() {
        let lag = Lag::of((1..=200).rev().map(f64::from).collect()).unwrap();
        assert_eq!((lag.p50, lag.p99, lag.max), (100.0, 198.0, 200.0));
        let one = Lag::of(vec![3.0]).unwrap();
        assert_eq!((one.p50, one.p99, one.max), (3.0, 3.0, 3.0));
        assert_eq!(Lag::of(vec![]), None);
    }

    #[test]
    fn ends_are_told_apart() {
        let stalled = Stalled { right: 3, of: 5, why: "x".into() };
        let error = anyhow::Error::new(stalled).context("feeds stay up").context("converge");
        assert_eq!(classify(&error).to_string(), "stalled at 3 of 5");
        let error = anyhow::Error::new(NotCarried((1, 128))).context("session");
        assert_eq!(classify(&error).to_string(), "not carried");
        assert_eq!(classify(&anyhow::anyhow!("gone")).to_string(), "failed: gone");
    }
}
