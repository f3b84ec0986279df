//! The thread that owns the request socket and the truth about our routes in the kernel.
//!
//! Commands arrive through a bounded channel from [`crate::Fib`]; notifications through a socket of its
//! own. Three collections: `owned` is what the kernel holds of ours, `pending` is what it should hold
//! and refused (or lost), `strays` are routes that carry our protocol number in a form we would not
//! write (another metric after a changed configuration, not unicast) and that the first sweep removes.
//!
//! How vanished routes are noticed and put back is told in [`repair`].
//!
//! Invariants: a prefix in `pending` is never confirmed as equal in `owned`; a wish that is withdrawn leaves
//! both. A verdict that may have been lost leads to an audit, never to a guess.

use std::io;

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use ipnet::IpNet;
use nix::errno::Errno;
use smallvec::SmallVec;
use tokio::sync::{mpsc, oneshot};

use crate::error::{Action, Error, RouteError, errno_text};
use crate::event::RouteKind;
use crate::nl::consts::*;
use crate::nl::read::Message;
use crate::nl::socket::{AsyncEvents, Events, Requests, Unsure};
use crate::nl::write;
use crate::owned::OwnedRoutes;
use crate::plan::{Op, plan};
use crate::route::{Change, FibConfig, Hop, Route};
use crate::status::{Applied, ERROR_SAMPLE, SharedStatus};
use repair::Repair;

mod repair;

/// Messages a send: enough to hide the system call, few enough that even if all fail the
/// answers fit an unprivileged socket's receive buffer.
const BATCH_ROUTES: usize = 512;

pub(crate) enum Command {
    Apply(Vec<Change>, Option<oneshot::Sender<Applied>>),
    BeginSync,
    EndSync(oneshot::Sender<Applied>),
    ReadBack(oneshot::Sender<Result<Vec<Route>, Error>>),
}

pub(crate) struct Owner {
    config: FibConfig,
    requests: Requests,
    status: SharedStatus,
    owned: OwnedRoutes,
    pending: HashMap<IpNet, Pending, RandomState>,
    strays: Vec<(IpNet, u32)>,
    is_syncing: bool,
    repair: Repair,
    batch: Vec<u8>,
}

/// A wish the kernel does not fulfil at present.
struct Pending {
    hops: SmallVec<[Hop; 4]>,
    errno: i32,
    text: Box<str>,
    /// It was installed once and vanished.
    was_lost: bool,
}

/// What the kernel holds of ours.
#[derive(Default)]
struct Found {
    routes: OwnedRoutes,
    strays: Vec<(IpNet, u32)>,
}

impl Owner {
    pub(crate) fn new(config: FibConfig, requests: Requests, status: SharedStatus) -> Self {
        Self {
            config,
            requests,
            status,
            owned: OwnedRoutes::default(),
            pending: HashMap::default(),
            strays: Vec::new(),
            is_syncing: true,
            repair: Repair::default(),
            batch: Vec::new(),
        }
    }

    /// The thread: load, report readiness, serve until every handle is gone.
    pub(crate) fn run(
        mut self,
        events: Events,
        mut commands: mpsc::Receiver<Command>,
        ready: oneshot::Sender<Result<(), Error>>,
    ) {
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return drop(ready.send(Err(Error::Thread(error)))),
        };
        runtime.block_on(async {
            let events = match self.load().and_then(|()| events.into_async()) {
                Ok(events) => events,
                Err(error) => return drop(ready.send(Err(error))),
            };
            if ready.send(Ok(())).is_ok() {
                self.serve(events, &mut commands).await;
            }
        });
    }

    async fn serve(&mut self, mut events: AsyncEvents, commands: &mut mpsc::Receiver<Command>) {
        loop {
            let deadline = self.repair.deadline();
            let timer = async {
                match deadline {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                command = commands.recv() => match command {
                    Some(command) => self.command(command),
                    None => return,
                },
                read = events.next() => self.notified(read, &events),
                () = timer => {}
            }
            self.maintain();
            self.publish();
        }
    }

    fn load(&mut self) -> Result<(), Error> {
        let found = self.dump()?;
        self.owned = found.routes;
        self.strays = found.strays;
        self.owned.begin_epoch();
        self.publish();
        Ok(())
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Apply(changes, reply) => {
                let applied = self.apply(changes);
                self.publish();
                if let Some(reply) = reply {
                    let _ = reply.send(applied);
                }
            }
            Command::BeginSync => {
                self.owned.begin_epoch();
                self.is_syncing = true;
            }
            Command::EndSync(reply) => {
                let applied = self.sweep();
                self.publish();
                let _ = reply.send(applied);
            }
            Command::ReadBack(reply) => {
                let routes = self.dump().map(|found| {
                    let mut routes: Vec<Route> = found
                        .routes
                        .iter()
                        .map(|(prefix, hops)| Route::new(prefix, hops.iter().copied()))
                        .collect();
                    routes.sort_unstable_by_key(|route| route.prefix);
                    routes
                });
                let _ = reply.send(routes);
            }
        }
    }

    fn apply(&mut self, changes: Vec<Change>) -> Applied {
        // A new wish makes the old one void, installed or not.
        for change in &changes {
            if !self.pending.is_empty() {
                self.pending.remove(&change.prefix());
            }
        }
        let plan = plan(&self.owned, changes);
        for prefix in &plan.unchanged {
            self.owned.confirm(prefix);
        }
        let mut applied =
            Applied { unchanged: plan.unchanged.len(), errors: plan.refused, ..Applied::default() };
        {
            let mut status = self.status.lock();
            status.collapsed += plan.collapsed as u64;
            status.unchanged += plan.unchanged.len() as u64;
            status.failed += applied.errors.len() as u64;
        }
        self.execute(&plan.ops, &mut applied);
        applied
    }

    /// Remove what nobody confirmed since the synchronisation began.
    fn sweep(&mut self) -> Applied {
        let mut applied = Applied::default();
        let stale: Vec<Op> = self.owned.unconfirmed().into_iter().map(Op::Delete).collect();
        self.execute(&stale, &mut applied);
        let config = self.config.clone();
        let strays = std::mem::take(&mut self.strays);
        for chunk in strays.chunks(BATCH_ROUTES) {
            let failures = self.send(chunk, |stray, out, seq| {
                write::delete_route(out, &config, &stray.0, stray.1, seq);
            });
            for (at, errno, text) in failures.unwrap_or_default() {
                if errno != Errno::ESRCH as i32 {
                    let prefix = chunk[at].0;
                    applied.errors.push(RouteError { prefix, action: Action::Remove, errno, text });
                }
            }
        }
        if !strays.is_empty() {
            // They may have stood in the way of what is wished.
            self.repair.ask_retry();
        }
        self.is_syncing = false;
        self.status.lock().swept += (applied.removed + strays.len()) as u64;
        applied
    }

    /// Send operations, many at a time, and book every verdict.
    fn execute(&mut self, ops: &[Op], applied: &mut Applied) {
        let config = self.config.clone();
        for chunk in ops.chunks(BATCH_ROUTES) {
            let failures = self.send(chunk, |op, out, seq| encode(out, &config, op, seq));
            let failures = match failures {
                Ok(failures) => failures,
                Err(Unsure(error)) => self.unsure(chunk.len(), &error),
            };
            let mut failures = failures.into_iter().peekable();
            for (at, op) in chunk.iter().enumerate() {
                match failures.next_if(|(failed, ..)| *failed == at) {
                    None => self.succeeded(op, applied),
                    Some((_, errno, text)) => self.failed(op, errno, text, applied),
                }
            }
        }
        let mut status = self.status.lock();
        status.created += applied.created as u64;
        status.replaced += applied.replaced as u64;
        status.removed += applied.removed as u64;
    }

    /// One send. Returns position, errno and text of what was refused, in order.
    fn send<T>(
        &mut self,
        chunk: &[T],
        mut encode: impl FnMut(&T, &mut Vec<u8>, u32),
    ) -> Result<Vec<(usize, i32, String)>, Unsure> {
        let first = self.requests.reserve(chunk.len());
        let mut batch = std::mem::take(&mut self.batch);
        batch.clear();
        let (mut last_start, mut seq) = (0, first);
        for item in chunk {
            last_start = batch.len();
            encode(item, &mut batch, seq);
            seq = seq.wrapping_add(1);
        }
        let mut failures = Vec::new();
        let sent =
            self.requests.execute(&mut batch, first, chunk.len(), last_start, |at, errno, text| {
                failures.push((at, errno, errno_text(errno, text)));
            });
        self.batch = batch;
        sent.map(|()| failures)
    }

    /// Verdicts may be lost: take all as failed, and find out.
    fn unsure(&mut self, count: usize, error: &io::Error) -> Vec<(usize, i32, String)> {
        tracing::warn!(%error, "netlink answers were lost, our routes will be read back");
        self.repair.ask_audit();
        let errno = error.raw_os_error().unwrap_or(Errno::EIO as i32);
        let text = format!("the kernel's answer was lost: {error}");
        (0..count).map(|at| (at, errno, text.clone())).collect()
    }

    fn succeeded(&mut self, op: &Op, applied: &mut Applied) {
        match op {
            Op::Create(route) | Op::Replace(route) => {
                self.owned.insert(&route.prefix, &route.next_hops);
                match op {
                    Op::Create(_) => applied.created += 1,
                    _ => applied.replaced += 1,
                }
                if !self.pending.is_empty()
                    && let Some(pending) = self.pending.remove(&route.prefix)
                    && pending.was_lost
                {
                    self.status.lock().repaired += 1;
                }
            }
            Op::Delete(prefix) => {
                self.owned.remove(prefix);
                applied.removed += 1;
            }
        }
    }

    fn failed(&mut self, op: &Op, errno: i32, text: String, applied: &mut Applied) {
        let (prefix, action) = match op {
            Op::Delete(_) if errno == Errno::ESRCH as i32 => return self.succeeded(op, applied),
            Op::Delete(prefix) => {
                // Still there; the next sweep will try again.
                if let Some(hops) =
                    self.owned.next_hops(prefix).map(SmallVec::<[Hop; 4]>::from_slice)
                {
                    self.owned.insert_stale(prefix, &hops);
                }
                (*prefix, Action::Remove)
            }
            Op::Create(route) | Op::Replace(route) => (route.prefix, Action::Install),
        };
        let text = match op {
            Op::Create(_) if errno == Errno::EEXIST as i32 => {
                let metric = self.config.metric_of(&prefix);
                format!("{text}: a route with metric {metric} that is not ours is there already")
            }
            _ => text,
        };
        if let Op::Create(route) | Op::Replace(route) = op {
            // What is there of ours stays until the wish can be fulfilled, so keep it from the sweep.
            self.owned.confirm(&prefix);
            let was_lost = self.pending.get(&prefix).is_some_and(|pending| pending.was_lost);
            let hops = route.next_hops.clone();
            let new = Pending { hops, errno, text: text.as_str().into(), was_lost };
            self.pending.insert(prefix, new);
        }
        self.status.lock().failed += 1;
        applied.errors.push(RouteError { prefix, action, errno, text });
    }

    /// Read everything of ours.
    fn dump(&mut self) -> Result<Found, Error> {
        let config = self.config.clone();
        let mut found = Found::default();
        for (family, what) in [(AF_INET, "IPv4 route dump"), (AF_INET6, "IPv6 route dump")] {
            let part: Found = self.requests.dump(
                what,
                |out, seq| write::dump_routes(out, family, Some(&config), seq),
                |found: &mut Found, message| take_ours(&config, found, message),
            )?;
            if found.routes.is_empty() {
                found.routes = part.routes;
            } else {
                for (prefix, hops) in part.routes.iter() {
                    found.routes.insert(&prefix, hops);
                }
            }
            found.strays.extend(part.strays);
        }
        Ok(found)
    }

    fn publish(&self) {
        let mut status = self.status.lock();
        (status.routes_v4, status.routes_v6) = self.owned.len_by_family();
        status.is_syncing = self.is_syncing;
        if status.pending == 0 && self.pending.is_empty() {
            return;
        }
        status.pending = self.pending.len();
        status.errors = self
            .pending
            .iter()
            .take(ERROR_SAMPLE)
            .map(|(prefix, pending)| RouteError {
                prefix: *prefix,
                action: Action::Install,
                errno: pending.errno,
                text: pending.text.to_string(),
            })
            .collect();
        status.errors.sort_unstable_by_key(|error| error.prefix);
    }
}

fn encode(out: &mut Vec<u8>, config: &FibConfig, op: &Op, seq: u32) {
    let put = |out: &mut Vec<u8>, route: &Route, flag| {
        write::put_route(out, config, &route.prefix, &route.next_hops, NLM_F_CREATE | flag, seq);
    };
    match op {
        // The kernel would let us replace a route of anyone: so the first write must find nothing.
        Op::Create(route) => put(out, route, NLM_F_EXCL),
        Op::Replace(route) => put(out, route, NLM_F_REPLACE),
        Op::Delete(prefix) => {
            write::delete_route(out, config, prefix, config.metric_of(prefix), seq);
        }
    }
}

fn take_ours(config: &FibConfig, found: &mut Found, message: &Message<'_>) {
    let Some(route) = message.route() else { return };
    if route.table != config.table || route.protocol != config.protocol {
        return;
    }
    if route.kind != RouteKind::Unicast || route.metric != config.metric_of(&route.prefix) {
        found.strays.push((route.prefix, route.metric));
    } else if !found.routes.contains(&route.prefix) {
        found.routes.insert(&route.prefix, &route.next_hops);
    }
}
