//! Objects from a folder of YAML files, with no cluster at all.
//!
//! **For**: `cosmos run --manifests DIR`, trials, tests. **Sits**: a source of objects, beside the API
//! server. **How it works**: [`load_dir`] reads every `*.yaml`, `*.yml` and `*.json` of the folder (not
//! below it, no hidden files) in order of name; a file may hold several documents and `List`s. Each
//! document is parsed, held against its kind's schema and rules, and typed; what is
//! wrong becomes a [`ManifestError`] and the other documents still count. [`watch()`] does so again
//! whenever something changes, and keeps the last good version of what is broken.
//! **Invariants**: of two objects with one name the first counts. A broken document never
//! removes its last good version while running.

mod check;
mod error;
mod kinds;
mod load;
mod names;
mod watch;
mod yaml;

pub use self::{
    error::ManifestError,
    load::{Loaded, load_dir},
    watch::{ManifestWatch, WatchError, watch},
};

#[cfg(test)]
mod tests;
