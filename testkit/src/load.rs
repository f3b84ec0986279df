//! Peers for load benches: many sessions, millions of routes, every route checked with its attributes.
//!
//! [`Universe`] numbers all prefixes of a run once; [`Holdings`] is what one receiver holds and should
//! hold, a 32-bit [`digest`] of all attributes a prefix; [`Peer`] is an Established session that sends
//! prepared frames and keeps its holdings. A receiver is complete when every prefix of the universe is
//! as wanted (also absent where it should be) and nothing else was announced.
//!
//! [`crate::sink`] is the smaller form for tests; here twenty receivers share one index and a check
//! costs a few nanoseconds a route, so that the harness is not what is measured.

pub mod digest;
mod holdings;
mod open;
mod peer;
mod universe;
pub mod vpn;

pub use self::holdings::{Counts, Holdings, Sighting};
pub use self::open::{IPV4_UNICAST, IPV4_VPN, SubsequentFamily};
pub use self::peer::{Ended, NotCarried, Peer, Spec, Stalled};
pub use self::universe::Universe;
