//! Graceful restart: routes that outlive a session or a process.
//!
//! ```text
//!   helper.rs    a neighbour restarts: its routes are kept, stale, until it has told them again
//!   own.rs       we have restarted: what the OPENs say of it, and what waits until we know all
//!   record.rs    what the next process has to know of this one, in a file
//! ```
//!
//! References: RFC 4724, RFC 8538, RFC 9494; operators read `docs/restart.md`.

pub(crate) mod helper;
pub(crate) mod own;
pub(crate) mod record;
#[cfg(test)]
mod tests;
