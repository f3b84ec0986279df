//! `cosmos run`: manifests in, a speaker running.
//!
//! ```text
//!   manifest watch --(compiled objects)--> this loop --apply--> provider (speaker)
//!   signals ------------------------------>    |
//!                                              +--> verdicts to the log, Daemon for show and HTTP
//! ```
//!
//! Order of a start: the control socket and HTTP address first, so that a second daemon by mistake
//! stops before it touches anything; then the speaker; then the manifests. Order of a stop: no more
//! requests, a Cease to every neighbour, kernel routes as asked.

use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;

use k8s_bridge::Index;
use k8s_bridge::manifest::{self, Loaded};
use nix::sys::signal::Signal;
use providers::BgpProvider;
use providers::native::Native;
use speaker::{FibMode, SpeakerOptions};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tracing::{error, info, warn};
use tracing_subscriber::EnvFilter;

use crate::cli::{Failure, FibChoice, RunArgs, default_control_path};
use crate::daemon::Daemon;
use crate::verdicts::{Said, Verdicts};
use crate::{control, http, objects, show};

/// Runs `cosmos run` until a signal ends it.
///
/// # Errors
/// What prevents the start; nothing after it.
pub fn run(args: RunArgs) -> Result<(), Failure> {
    if let Some(parent) = args.die_with_parent {
        follow_parent(parent)?;
    }
    start_logging();
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.enable_all().thread_name("cosmos");
    if let Some(workers) = args.workers {
        runtime.worker_threads(workers.into());
    }
    runtime.build()?.block_on(serve(args))
}

async fn serve(args: RunArgs) -> Result<(), Failure> {
    // Before anything is started, so that a signal during the start is a graceful stop after it.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let path = args.control.clone().or_else(default_control_path).ok_or_else(show::no_default)?;
    let socket = control::bind(&path).map_err(|e| Failure::Failed(e.to_string()))?;
    let web = match args.http {
        Some(address) => Some(http::bind(address).await.map_err(Failure::Failed)?),
        None => None,
    };
    if let Err(e) = std::fs::read_dir(&args.manifests) {
        let folder = args.manifests.display();
        return Err(Failure::Failed(format!("cannot read the folder {folder}: {e}")));
    }
    let native = Native::start(speaker_options(&args, &path)).await.map_err(|e| {
        Failure::Failed(format!("{e}; --fib none runs without touching the kernel"))
    })?;
    let watch = manifest::watch(&args.manifests).map_err(|e| Failure::Failed(e.to_string()))?;
    let daemon = Arc::new(Daemon::new(native.observer().clone()));

    let mut servers = JoinSet::new();
    servers.spawn(control::serve(socket, Arc::clone(&daemon)));
    if let Some(listener) = web {
        servers.spawn(http::serve(listener, Arc::clone(&daemon)));
    }
    info!(node = args.node, control = %path.display(), "cosmos {} runs", env!("CARGO_PKG_VERSION"));
    let mut node = Node { name: args.node, native, daemon, verdicts: Verdicts::default() };
    let mut state = watch.state();
    let why = loop {
        let loaded = state.borrow_and_update().clone();
        // A signal waits until an apply in progress is whole.
        node.apply(loaded).await;
        tokio::select! {
            changed = state.changed() => if changed.is_err() {
                break "the manifest watch ended";
            },
            _ = terminate.recv() => break "SIGTERM",
            _ = interrupt.recv() => break "SIGINT",
        }
    };
    info!("stopping: {why}");
    servers.shutdown().await;
    node.native.stop("cosmos is stopping", args.remove_routes_on_exit).await;
    Ok(())
}

fn speaker_options(args: &RunArgs, control: &Path) -> SpeakerOptions {
    let fib = match args.fib {
        FibChoice::Kernel => FibMode::Kernel,
        FibChoice::None => FibMode::None,
    };
    // Beside the control socket: two daemons never share one.
    let folder = args.state_dir.as_deref().or_else(|| control.parent());
    SpeakerOptions {
        fib,
        table: args.fib_table,
        state_file: folder.map(|folder| folder.join(state_file_name(&args.node))),
        ..SpeakerOptions::default()
    }
}

/// One file a node, whatever its name is made of.
fn state_file_name(node: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    let node: String = node.chars().map(|c| if plain(c) { c } else { '_' }).collect();
    format!("restart-{node}.json")
}

/// What this process runs for its node.
struct Node {
    name: String,
    native: Native,
    daemon: Arc<Daemon>,
    verdicts: Verdicts,
}

impl Node {
    /// Makes the speaker what the folder says, and says what became of each object.
    async fn apply(&mut self, loaded: Loaded) {
        let index: Index = loaded.objects.iter().cloned().collect();
        let compiled = k8s_bridge::compile(&index, &self.name);
        let report = self.native.apply(&compiled.intent.routers).await;
        for (router, peer, why) in &report.sessions_reset {
            info!(%router, peer, "session reset: {why}");
        }
        let objects = objects::views(&loaded, &compiled, &report);
        for said in self.verdicts.next(&objects) {
            match said {
                Said::Wrong(line) => error!("{line}"),
                Said::Partly(line) => warn!("{line}"),
                Said::Settled(line) => info!("{line}"),
            }
        }
        self.daemon.applied(objects);
    }
}

/// The kernel ends this process with its parent; if that has happened already, so be it.
fn follow_parent(parent: i32) -> Result<(), Failure> {
    nix::sys::prctl::set_pdeathsig(Signal::SIGKILL).map_err(std::io::Error::from)?;
    if nix::unistd::getppid().as_raw() == parent {
        return Ok(());
    }
    Err(Failure::Failed("the parent process has ended".to_owned()))
}

/// To stderr, for people; `RUST_LOG` chooses what.
fn start_logging() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .init();
}
