//! Loading and watching folders.
