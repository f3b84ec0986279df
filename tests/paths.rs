//! What is sent and taken in, with real neighbours: several paths of a prefix, reflection, AS paths, next
//! hops, roles.
//!
//! All speakers of a scenario are on one subnet, so that each can name another as a next hop. The daemons
//! have not all got everything; what one lacks is said at the scenario.

#![expect(clippy::unwrap_used, reason = "a test's set-up fails the test")]

#[path = "paths/add_path.rs"]
mod add_path;
#[path = "paths/as_path.rs"]
mod as_path;
#[path = "paths/lan.rs"]
mod lan;
#[path = "paths/reflection.rs"]
mod reflection;
#[path = "paths/roles.rs"]
mod roles;
