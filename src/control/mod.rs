//! The control socket: how `cosmos show` and scripts talk to a running daemon.
//!
//! One request a connection. The client writes one JSON line ([`Request`]) and reads NDJSON:
//! any number of `{"item":…}` lines, then exactly one `{"end":{"count":n}}` or
//! `{"error":{"code":…,"message":…}}`. An answer without its last line was cut short.
//!
//! ```text
//!   client                     server (one task a connection, at most MAX_CLIENTS)
//!   {"show":"peers"}\n  ----->  at most MAX_REQUEST bytes within REQUEST_TIMEOUT
//!              <-----  {"item":{…}}\n   read in pages, written as the client takes them
//!              <-----  {"end":{"count":1}}\n
//! ```
//!
//! Invariants: the socket is mode 0600 from the moment it can be connected to; a request is bounded
//! in size and time; a client that does not read loses its connection after [`WRITE_TIMEOUT`] and
//! holds at most one page of memory; no answer holds a secret (views have none).

mod client;
mod server;
mod socket;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use speaker::view::RouteQuery;

pub use client::{Answer, Client};
pub use server::{AnswerError, Items, Source, serve};
pub use socket::{Bound, SocketError, bind};

/// Longest request line in octets, newline included.
pub const MAX_REQUEST: usize = 16 * 1024;
/// Longest answer line in octets a client accepts.
pub const MAX_LINE: usize = 4 * 1024 * 1024;
/// Connections served at once; more are told to come back.
pub const MAX_CLIENTS: usize = 32;
/// Time for a client to state its request.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// Time for a client to take some of what was written.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// What can be asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "show", rename_all = "camelCase", deny_unknown_fields)]
pub enum Request {
    /// Totals of every router ([`speaker::view::RouterView`]).
    Routers,
    /// Neighbours ([`speaker::view::PeerView`]).
    Peers {
        /// Only of this router.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        router: Option<String>,
    },
    /// One neighbour, with the kernel's figures of its connection ([`speaker::view::PeerView`], one
    /// item a router that has it).
    Peer {
        /// Only of this router.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        router: Option<String>,
        /// Name, address or interface.
        peer: String,
    },
    /// Paths ([`speaker::view::RouteView`]).
    Routes {
        /// Which ones.
        query: RouteQuery,
    },
    /// Kernel routes ([`speaker::view::FibView`]).
    Fib,
    /// Objects of the manifests ([`ObjectView`]).
    Objects,
    /// What is wrong, and what to do ([`speaker::diagnose::Diagnosis`]): one item a neighbour, also
    /// of those that are well; without `peer` also for routers, the kernel and refused objects.
    Doctor {
        /// Only of this router.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        router: Option<String>,
        /// Only this neighbour: name, address or interface.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        peer: Option<String>,
    },
    /// One prefix explained ([`speaker::view::ExplainView`], one item a router that knows it).
    Explain {
        /// Only in this router.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        router: Option<String>,
        /// The prefix.
        prefix: String,
    },
    /// A session is reset or routes are sent again ([`speaker::Cleared`], one item a session).
    Clear {
        /// Only in this router.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        router: Option<String>,
        /// Neighbour's name or address.
        peer: String,
        /// What is to be done.
        how: speaker::Clear,
    },
}

/// One line of an answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Line<T> {
    /// One of the things asked for.
    Item(T),
    /// All was said.
    End {
        /// How many items there were.
        count: u64,
    },
    /// The request was not understood or not served.
    Error(Refusal),
}

/// Why a request was not served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Refusal {
    /// Stable, for scripts.
    pub code: RefusalCode,
    /// One line for people.
    pub message: String,
}

/// Kinds of refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum RefusalCode {
    /// The request line is no request of ours.
    BadRequest,
    /// No such router or neighbour.
    NotFound,
    /// Too many clients.
    Busy,
    /// The daemon could not answer.
    Failed,
}

impl Refusal {
    /// A refusal with its text.
    pub fn new(code: RefusalCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

/// One object read from the manifests and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectView {
    /// Kubernetes kind.
    pub kind: String,
    /// Namespace of a namespaced object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Object name.
    pub name: String,
    /// Whether it is carried out.
    pub accepted: bool,
    /// Stable reason name.
    pub reason: String,
    /// One line for people.
    pub message: String,
    /// What it does now, one line a router: a session's state, who is told of a prefix.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub status: Vec<String>,
    /// What is not carried out although the object is accepted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// File and document it comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

#[cfg(test)]
mod tests;
