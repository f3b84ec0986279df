//! What can go wrong between us and the kernel.
//!
//! Two kinds, kept apart: [`Error`] means the netlink socket or its owner does not work at all;
//! [`RouteError`] means the kernel refused one route and every other one went on.

use std::fmt;
use std::io;

use ipnet::IpNet;
use serde::Serialize;

/// The netlink side as a whole does not work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A socket could not be opened, bound or configured.
    #[error("cannot open a netlink route socket: {0} (is AF_NETLINK allowed for this process?)")]
    Open(#[source] io::Error),
    /// A request could not be sent or its answer not be read.
    #[error("netlink {what}: {source}")]
    Io {
        /// The request, such as `route dump`.
        what: &'static str,
        /// What the operating system said.
        source: io::Error,
    },
    /// The kernel kept changing while it was dumped; every attempt was interrupted.
    #[error("netlink {0}: the kernel state changed during every attempt to read it")]
    Interrupted(&'static str),
    /// The thread could not be started.
    #[error("cannot start the netlink thread: {0}")]
    Thread(#[source] io::Error),
    /// The owner of the netlink socket has ended.
    #[error("the netlink owner has ended")]
    Closed,
}

/// What was asked of the kernel for one route.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Create or replace.
    Install,
    /// Delete.
    Remove,
}

/// The kernel (or a check before it) refused one route; the rest of the batch went on.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct RouteError {
    /// The destination.
    pub prefix: IpNet,
    /// What was asked.
    pub action: Action,
    /// The positive errno of the kernel, 0 when the route was refused before it was sent.
    pub errno: i32,
    /// The meaning: errno text, then the kernel's extended message if it gave one.
    pub text: String,
}

impl fmt::Display for RouteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = match self.action {
            Action::Install => "install",
            Action::Remove => "remove",
        };
        write!(f, "cannot {verb} {}: {}", self.prefix, self.text)
    }
}

impl std::error::Error for RouteError {}

/// errno in words, without the `(os error N)` of the standard library.
pub(crate) fn errno_text(errno: i32, extended: Option<&str>) -> String {
    let base = nix::errno::Errno::from_raw(errno).desc();
    match extended {
        Some(message) if !message.is_empty() => format!("{base}: {message}"),
        _ => base.to_owned(),
    }
}
