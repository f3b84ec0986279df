//! The embedded BGP engine: sessions, tables and kernel routes in one process.
//!
//! `speaker` is the shell around the pure rooms: `bgp-fsm` runs the peerings, `rib` holds the
//! tables and the update groups, `fib-netlink` writes the kernel. It knows nothing of Kubernetes
//! and can be embedded anywhere.
//!
//! ```text
//!                        SpeakerHandle (engine.rs): apply, views, stop
//!                               │
//!   Listener ── accept ──┐      v                       Kernel (kernel.rs): links, next hops
//!   (listener.rs)        │   Router (router.rs), one per BGP instance      │ version
//!                        v      │                                          v
//!            session task ──> Core (core.rs) behind one lock <── follow_kernel task
//!            (session.rs)       │  Rib, update groups, lives
//!            one per neighbour  ├──<── pump task: sweeps, exports ──> outboxes ──> session tasks
//!                               └──<── FIB writer (fib.rs), one per process ──> netlink
//! ```
//!
//! Every queue is bounded: a session reads only when its last burst is in the tables, an outbox has
//! a limit beyond which its member leaves the group and catches up by itself, changed rows are bits.
//!
//! ```no_run
//! # async fn example() -> Result<(), speaker::StartError> {
//! use speaker::{SpeakerConfig, SpeakerHandle, SpeakerOptions};
//!
//! let speaker = SpeakerHandle::start(SpeakerOptions::default()).await?;
//! let report = speaker.apply(SpeakerConfig::default()).await;
//! assert!(report.problems.is_empty());
//! speaker.stop("maintenance", false).await;
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod alarm;
#[cfg(test)]
mod behaviour;
mod bfd;
mod clear;
pub mod config;
mod core;
pub mod diagnose;
mod doctor;
mod dynamic;
mod egress;
mod engine;
mod fib;
mod inbound;
mod ingest;
mod kernel;
mod keys;
mod life;
mod limits;
mod linked;
mod links;
mod listener;
mod local;
mod neighbors;
mod options;
mod peer;
mod protect;
mod pump;
mod refresh;
mod render;
mod restart;
mod router;
mod session;
mod show;
mod soft;
mod stop;
mod subnets;
mod tally;
mod targets;
pub mod view;

pub use bgp_fsm::RemoteAs;
pub use clear::{Clear, Cleared};
pub use config::{
    FibMode, Listen, MaximumPrefix, Md5Key, NeighborConfig, Origination, OverLimit, RouterConfig,
    SpeakerConfig, SpeakerOptions,
};
pub use engine::{ApplyReport, SpeakerHandle, StartError};
pub use options::{
    AddPath, AddPathSend, AoAlgorithm, AoKey, Auth, BfdConfig, GracefulRestart, LocalAs,
    NextHopMode, Remote, RemovePrivateAs, Role, RoleName,
};
pub use show::{families, is_route_name};

/// The one place where this crate reads the clock.
#[expect(clippy::disallowed_methods, reason = "the shell's clock; everything below takes `now`")]
fn clock() -> std::time::Instant {
    std::time::Instant::now()
}
