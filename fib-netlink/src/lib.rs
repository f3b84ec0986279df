//! Desired routes to kernel routes over netlink, and kernel events back.
//!
//! **What for.** A routing program states which routes it wants ([`Change`]); this crate makes the kernel
//! hold exactly those, fast, and tells what else the kernel knows ([`KernelEvent`], [`KernelView`]). It
//! knows nothing of BGP.
//!
//! **Where it sits.** The `speaker` owns a [`Fib`] and a [`KernelView`]. This is the only crate that
//! speaks netlink.
//!
//! **How it works.** A batch is planned ([`plan`]: collapsed, compared with what is there, ordered without
//! a gap), written as many messages a `send`, and answered by one acknowledgement plus one error for each
//! refused route. What is ours is recovered from the kernel at open by table and protocol number; stale
//! routes of an earlier run go when the new state is complete. When links or addresses change, routes that
//! the kernel dropped by itself are noticed and put back as soon as the kernel takes them.
//!
//! ```text
//! apply(batch) --bounded--> owner thread: plan -> encode -> send -> errors -> owned, pending, status
//!                              ^ links, addresses, lost routes (audit, retry)
//! kernel notifications --> monitor task --bounded--> KernelEvent stream --> KernelView
//! ```
//!
//! **Invariants.** Only routes of our protocol number in our table are replaced or deleted. A route is
//! exchanged in one step, never deleted first. One refused route never stops another.
//!
//! **Not here.** Nexthop objects, VRF devices, MPLS and SRv6 encapsulation, source-specific routes.
//!
//! References: rtnetlink(7), RFC 8950 (IPv4 over IPv6 next hop), RFC 4007 (scopes).
//!
//! ```no_run
//! # async fn example() -> Result<(), fib_netlink::Error> {
//! use fib_netlink::{Change, Fib, FibConfig, Hop, Route};
//!
//! let fib = Fib::open(FibConfig::default()).await?;
//! let route = Route::new(
//!     "198.51.100.0/24".parse().unwrap(),
//!     [Hop::via([192, 0, 2, 1].into()), Hop::via([192, 0, 2, 2].into()).weight(2)],
//! );
//! let applied = fib.apply_wait(vec![Change::Replace(route)]).await?;
//! for error in &applied.errors {
//!     eprintln!("{error}");
//! }
//! fib.end_sync().await?; // everything is stated: sweep what an earlier run left
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod error;
mod event;
mod fib;
mod monitor;
mod nl;
mod owned;
mod owner;
mod plan;
mod route;
mod status;
mod view;

pub use error::{Action, Error, RouteError};
pub use event::{Address, KernelEvent, KernelRoute, Link, RouteKind};
pub use fib::Fib;
pub use monitor::monitor;
pub use owned::OwnedRoutes;
pub use plan::{Op, Plan, plan};
pub use route::{
    Change, DEFAULT_METRIC_V4, DEFAULT_METRIC_V6, DEFAULT_PROTOCOL, FibConfig, Hop, MAIN_TABLE,
    Route,
};
pub use status::{Applied, ERROR_SAMPLE, Status};
pub use view::{KernelView, Resolved};
