//! From manifests to what becomes of routes: every field of a policy makes a difference, and the
//! examples of the documentation are true.

mod bench;
mod docs;
mod fields;
mod patterns;
