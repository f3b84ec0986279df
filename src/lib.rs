//! The `cosmos` command as a library: composition only.
