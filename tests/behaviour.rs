//! What a session does besides carrying routes, with FRR, BIRD and GoBGP on the other end of a cable.
//!
//! `roles`: RFC 9234. `refresh`: RFC 2918 and RFC 7313, both ways. `limits`: bounds on prefixes, ours
//! and the neighbour's. `texts`: RFC 9003 and `cosmos clear`. `session`: hold time 0, messages beyond
//! 4096 octets, RFC 8212.
//!
//! Left out because the daemon has it not: roles, enhanced refresh and extended messages in GoBGP. FRR
//! 8.4 was not asked for messages beyond 4096 octets.

#![expect(clippy::unwrap_used, reason = "a test's set-up fails the test")]

#[path = "behaviour/lab.rs"]
mod lab;
#[path = "behaviour/limits.rs"]
mod limits;
#[path = "behaviour/refresh.rs"]
mod refresh;
#[path = "behaviour/roles.rs"]
mod roles;
#[path = "behaviour/session.rs"]
mod session;
#[path = "behaviour/texts.rs"]
mod texts;
