//! What is wrong with a folder of manifests, in words for the person who wrote them.
//!
//! **For**: the log, `cosmos show objects`, tests. **Sits**: made by the loader. **How it works**: one
//! error per fault, each with the place and the fix. **Invariants**: no value of a Secret is shown.

use std::{fmt, path::PathBuf};

use intent::ObjectRef;

/// One fault in one document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestError {
    /// Relative to the folder; empty when the folder itself cannot be read.
    pub file: PathBuf,
    /// Counted from 1, empty documents left out; absent when the whole file cannot be read.
    pub document: Option<usize>,
    /// Line in the file, from 1.
    pub line: Option<u64>,
    /// The object, as far as it could be made out.
    pub object: Option<ObjectRef>,
    /// Such as `spec.terms[0].match.prefixList[1]`.
    pub field: Option<String>,
    /// What is wrong, what was expected, and what to do.
    pub message: String,
}

impl fmt::Display for ManifestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(document) = self.document {
            write!(f, ", document {document}")?;
        }
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        if let Some(object) = &self.object {
            write!(f, ": {object}")?;
        }
        if let Some(field) = &self.field {
            write!(f, ": {field}")?;
        }
        write!(f, ": {}", self.message)
    }
}

impl std::error::Error for ManifestError {}
