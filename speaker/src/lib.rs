//! The embedded BGP engine: sessions, tables and kernel routes in one process.
//!
//! `speaker` is the shell around the pure rooms: `bgp-fsm` runs the peerings, `rib` holds the
//! tables and the update groups, `fib-netlink` writes the kernel. It knows nothing of Kubernetes
//! and can be embedded anywhere.
#![forbid(unsafe_code)]

pub mod view;
