//! `cargo xtask bench-load`: how fast a whole daemon passes a big table from one peer to another.
//!
//! ```text
//!   namespace "sender"      namespace "daemon"        namespace "sink"
//!   AS 65001 192.0.2.1 ---- 192.0.2.2   198.51.100.2 ---- 198.51.100.1 AS 65003
//!   frames made before      AS 65002, one process         counts exactly
//! ```
//!
//! The clock runs from the first octet sent until the sink holds exactly the table sent, each route
//! with its own attribute set. CPU seconds and peak memory of the daemon come from `/proc`. The same
//! run measures our release binary and BIRD (when installed), one after the other, and the bare
//! sender into the bare sink: the ceiling of the machine. Kernel routes are off for all.
//! Rounds of one subject vary on a busy machine: all are printed, the fastest is the figure.

mod report;
mod subject;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use testkit::netns::{End, NetNs};
use testkit::process::Usage;
use testkit::script::{Identity, Session};
use testkit::sender::Sender;
use testkit::sink::Sink;
use testkit::table::{Diversity, Table};

use self::report::Row;
use self::subject::{Running, Subject};
use crate::{out, tidy};

const SENDER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const TO_SENDER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
const SINK: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);
const TO_SINK: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 2);
const SENDER_AS: u32 = 65001;
const DAEMON_AS: u32 = 65002;
const SINK_AS: u32 = 65003;
/// No progress at the sink for this long ends a round.
const STALLED: Duration = Duration::from_secs(60);

/// Options of `bench-load`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Unique IPv4 routes
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1..=8_000_000))]
    routes: u32,
    /// Routes an attribute set: 1, 5.7 (as in the Internet) or 100; all three when absent
    #[arg(long, value_parser = diversity)]
    diversity: Vec<Diversity>,
    /// What to measure; all when absent
    #[arg(long, value_enum)]
    subject: Vec<Subject>,
    /// Rounds of each
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Pin the daemon to this core (taskset); sender and sink stay free
    #[arg(long)]
    pin: Option<u32>,
    /// Our binary, instead of building one in release mode
    #[arg(long)]
    binary: Option<std::path::PathBuf>,
    /// Withdraw everything afterwards and measure that too
    #[arg(long)]
    withdraw: bool,
}

fn diversity(text: &str) -> Result<Diversity, String> {
    let known = Diversity::ALL.into_iter().find(|d| d.label() == text);
    known.ok_or_else(|| "expected 1, 5.7 or 100".to_owned())
}

/// Runs the bench; `Ok(false)` when a subject did not deliver.
pub(crate) fn run(args: &Args) -> Result<bool> {
    let subjects = subjects(args)?;
    let diversities =
        if args.diversity.is_empty() { Diversity::ALL.to_vec() } else { args.diversity.clone() };
    report::head(args.routes, args.pin, &subjects)?;
    let mut all_good = true;
    for diversity in diversities {
        let table = Table::synthetic(args.routes as usize, diversity, SENDER_AS, SENDER);
        let load = Load {
            frames: Arc::new(table.frames()),
            withdrawals: Arc::new(table.withdrawals()),
            table,
            diversity,
        };
        report::load(&load);
        let mut best = Vec::new();
        for subject in &subjects {
            match rounds(args, subject, &load) {
                Ok(row) => best.push(row),
                Err(error) => {
                    all_good = false;
                    out::line(&format!("{:<8} failed: {error:#}", subject.name()));
                }
            }
        }
        report::ratios(&best);
    }
    Ok(all_good)
}

/// What is sent.
#[derive(Debug)]
struct Load {
    table: Table,
    frames: Arc<Vec<u8>>,
    withdrawals: Arc<Vec<u8>>,
    diversity: Diversity,
}

fn subjects(args: &Args) -> Result<Vec<Running>> {
    let asked = if args.subject.is_empty() { Subject::ALL.to_vec() } else { args.subject.clone() };
    let mut running = Vec::new();
    for subject in asked {
        match Running::prepare(subject, args.binary.as_deref(), &tidy::workspace_root()?) {
            Ok(prepared) => running.push(prepared),
            // Asked for by name it must be there; otherwise say that it is left out.
            Err(error) if args.subject.is_empty() => out::line(&format!("left out: {error:#}")),
            Err(error) => return Err(error),
        }
    }
    if running.is_empty() {
        bail!("nothing to measure");
    }
    Ok(running)
}

fn rounds(args: &Args, subject: &Running, load: &Load) -> Result<Row> {
    let mut best: Option<Row> = None;
    for _ in 0..args.rounds.max(1) {
        let row = round(args, subject, load)?;
        report::row(&row);
        if best.as_ref().is_none_or(|b| row.announce.seconds < b.announce.seconds) {
            best = Some(row);
        }
    }
    best.context("at least one round")
}

fn round(args: &Args, subject: &Running, load: &Load) -> Result<Row> {
    let net = Net::new()?;
    let daemon = subject.start(&net.daemon, args.pin)?;
    let direct = daemon.is_none();

    let sink_identity = Identity { hold_time: 90, ..Identity::new(SINK_AS, SINK) };
    let sender_identity = Identity { hold_time: 90, ..Identity::new(SENDER_AS, SENDER) };
    let (sink_session, sender_session) = if direct {
        net.direct()?
    } else {
        let bgp = |address: Ipv4Addr| SocketAddr::new(IpAddr::V4(address), 179);
        (
            Session::connect(&net.sink, SINK.into(), bgp(TO_SINK))?,
            Session::connect(&net.sender, SENDER.into(), bgp(TO_SENDER))?,
        )
    };
    // The two handshakes of a direct pair are with each other, so they run at the same time.
    let (sink, sender) = std::thread::scope(|scope| {
        let sink =
            scope.spawn(|| Sink::start(sink_session, &sink_identity, load.table.expected(), false));
        let sender = Sender::start(sender_session, &sender_identity);
        (sink.join(), sender)
    });
    let sink = match sink {
        Ok(sink) => sink.context("sink")?,
        Err(panic) => std::panic::resume_unwind(panic),
    };
    let sender = sender.context("sender")?;

    let process = daemon.as_ref().map(|d| d.id());
    let announce = leg(&sender, &sink, &load.frames, process)?;
    let updates_received = sink.counts().updates;
    let withdraw = if args.withdraw {
        sink.expect([]);
        Some(leg(&sender, &sink, &load.withdrawals, process)?)
    } else {
        None
    };
    let usage = process.map(Usage::of).transpose()?;
    Ok(Row {
        subject: subject.name().to_owned(),
        diversity: load.diversity,
        routes: load.table.len(),
        announce,
        withdraw,
        usage,
        updates_received,
    })
}

/// One way of the whole table through the daemon.
#[derive(Clone, Copy, Debug)]
struct Leg {
    seconds: f64,
    first_update_seconds: f64,
    cpu_seconds: Option<f64>,
}

fn leg(sender: &Sender, sink: &Sink, frames: &[u8], process: Option<u32>) -> Result<Leg> {
    let before = process.map(Usage::of).transpose()?;
    let (start, _) = sender.send(frames)?;
    let end =
        sink.wait_complete(STALLED).with_context(|| format!("sender: {:?}", sender.ended()))?;
    let after = process.map(Usage::of).transpose()?;
    sender.check_running()?;
    ensure!(end > start, "complete before anything was sent");
    let cpu = before.zip(after).map(|(b, a)| a.cpu_seconds - b.cpu_seconds);
    let first = sink.first_update().map_or(start, |first| first.max(start));
    Ok(Leg {
        seconds: (end - start).as_secs_f64(),
        first_update_seconds: (first - start).as_secs_f64(),
        cpu_seconds: cpu,
    })
}

/// Three namespaces in a row.
#[derive(Debug)]
struct Net {
    sender: NetNs,
    daemon: Arc<NetNs>,
    sink: NetNs,
}

impl Net {
    fn new() -> Result<Self> {
        let (sender, daemon, sink) =
            (NetNs::new("sender")?, NetNs::new("daemon")?, NetNs::new("sink")?);
        let end = |name: &str, address: Ipv4Addr| End::new(name, &[&format!("{address}/24")]);
        daemon.link(&end("in", TO_SENDER), &sender, &end("eth0", SENDER))?;
        daemon.link(&end("out", TO_SINK), &sink, &end("eth0", SINK))?;
        Ok(Self { sender, daemon: Arc::new(daemon), sink })
    }

    /// Sender and sink with no daemon between: through the middle namespace as a router.
    fn direct(&self) -> Result<(Session, Session)> {
        self.daemon.run(|| std::fs::write("/proc/sys/net/ipv4/ip_forward", "1"))?;
        self.sender.ip(&format!("route add default via {TO_SENDER}"))?;
        self.sink.ip(&format!("route add default via {TO_SINK}"))?;
        let listen = SocketAddr::new(SINK.into(), 179);
        std::thread::scope(|scope| {
            let sink = scope.spawn(|| Session::accept(&self.sink, listen));
            let sender = Session::connect(&self.sender, SENDER.into(), listen);
            match sink.join() {
                Ok(sink) => Ok((sink?, sender?)),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }
}
