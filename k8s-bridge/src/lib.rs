//! Kubernetes objects to intent and verdicts, and status back.
//!
//! **For**: the one place that knows the API. **Sits**: reads objects from a source, makes
//! [`intent::Intent`] for whoever runs BGP; knows neither providers nor sockets.
//!
//! ```text
//!  folder of YAML --manifest::watch--+
//!                                    +--> Index --compile (pure)--> Intent + verdicts
//!  API server (later) ---------------+
//! ```
//!
//! [`crd`] has the kinds and their definitions, [`manifest`] the folder source, [`Index`] what is known,
//! [`compile()`] the meaning of it all for one node.
#![forbid(unsafe_code)]

pub mod compile;
pub mod crd;
mod index;
pub mod manifest;
mod object;
mod selector;

pub use crate::object::{DEFAULT_NAMESPACE, NodeData, Object, Origin, SecretData, Stored};
pub use crate::{
    compile::{Compiled, RouterVerdict, Verdict, compile},
    index::Index,
};
