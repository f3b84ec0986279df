//! What the owner of the kernel routes did and could not do.
//!
//! Written by the owner thread after every batch, read by anyone through [`crate::Fib::status`].
//! Errors are a bounded sample; `pending` says how many there are in all.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use crate::error::RouteError;

/// How many errors [`Status::errors`] holds at most.
pub const ERROR_SAMPLE: usize = 256;

/// Counters since open, and the present state.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Status {
    /// IPv4 routes of ours in the kernel.
    pub routes_v4: usize,
    /// IPv6 routes of ours in the kernel.
    pub routes_v6: usize,
    /// Wished routes that the kernel does not hold as wished; they are tried again when the network changes.
    pub pending: usize,
    /// The last error of pending routes, by prefix, at most [`ERROR_SAMPLE`].
    pub errors: Vec<RouteError>,
    /// Routes created.
    pub created: u64,
    /// Routes whose next hops were exchanged.
    pub replaced: u64,
    /// Routes deleted, stale ones included.
    pub removed: u64,
    /// Wishes that the kernel fulfilled already.
    pub unchanged: u64,
    /// Changes that were overtaken by a later one of the same batch.
    pub collapsed: u64,
    /// Requests the kernel refused.
    pub failed: u64,
    /// Routes of an earlier run that were swept.
    pub swept: u64,
    /// Times our routes were read back and compared after the network changed.
    pub audits: u64,
    /// Routes that had vanished or were altered and were put back.
    pub repaired: u64,
    /// A synchronisation is open: stale routes of an earlier run are still there.
    pub is_syncing: bool,
}

/// What became of one [`crate::Fib::apply_wait`].
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Applied {
    /// Routes created.
    pub created: usize,
    /// Routes whose next hops were exchanged.
    pub replaced: usize,
    /// Routes deleted.
    pub removed: usize,
    /// Wishes that were fulfilled already.
    pub unchanged: usize,
    /// Every route of the batch that was refused.
    pub errors: Vec<RouteError>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct SharedStatus(Arc<Mutex<Status>>);

impl SharedStatus {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Status> {
        // Plain counters: a writer that panicked left nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
