//! Names and labels as the API server takes them.
//!
//! **For**: objects that would be refused for their metadata alone. **Sits**: beside the schema check.
//! **How it works**: plain character rules. **References**: RFC 1123 names; Kubernetes "Labels and
//! Selectors", syntax.

use super::{
    check::Finding,
    yaml::{Content, Tree},
};

/// Faults in name, namespace, labels and annotations.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    let Some(metadata) = tree.entry("metadata") else { return found };
    let mut report = |line: u64, field: String, message: &str| {
        found.push(Finding { line, field, message: message.to_owned() });
    };
    match metadata.entry("name") {
        None => report(metadata.line, "metadata.name".to_owned(), "required field is missing"),
        Some(tree) if tree.as_str().is_some_and(|name| !is_subdomain(name)) => report(
            tree.line,
            "metadata.name".to_owned(),
            "must be lower-case letters, digits, - and ., begin and end with a letter or digit, and have at most 253 characters",
        ),
        Some(_) => {}
    }
    if let Some(tree) = metadata.entry("namespace")
        && tree.as_str().is_some_and(|name| !is_label_name(name))
    {
        report(
            tree.line,
            "metadata.namespace".to_owned(),
            "must be lower-case letters, digits and -, begin and end with a letter or digit, and have at most 63 characters",
        );
    }
    for (map, is_label) in [("labels", true), ("annotations", false)] {
        let Some(Tree { value: Content::Map(entries), .. }) = metadata.entry(map) else { continue };
        for (key, line, value) in entries {
            let field = || format!("metadata.{map}[{key:?}]");
            if !is_qualified(key) {
                report(
                    *line,
                    field(),
                    "the key must be a name of at most 63 letters, digits, -, _ and ., after an optional domain and /",
                );
            }
            if is_label && value.as_str().is_some_and(|v| !v.is_empty() && !is_name(v)) {
                report(
                    value.line,
                    field(),
                    "a label value has at most 63 letters, digits, -, _ and ., and begins and ends with a letter or digit",
                );
            }
        }
    }
    found
}

fn is_subdomain(name: &str) -> bool {
    name.len() <= 253 && name.split('.').all(is_label_piece)
}

fn is_label_name(name: &str) -> bool {
    name.len() <= 63 && is_label_piece(name)
}

fn is_label_piece(piece: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    !piece.is_empty()
        && piece.bytes().all(inner)
        && !piece.starts_with('-')
        && !piece.ends_with('-')
}

fn is_qualified(key: &str) -> bool {
    match key.split_once('/') {
        Some((domain, name)) => is_subdomain(domain) && is_name(name),
        None => is_name(key),
    }
}

fn is_name(name: &str) -> bool {
    let ends = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    let inner = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    let bytes = name.as_bytes();
    name.len() <= 63 && ends(bytes.first()) && ends(bytes.last()) && name.bytes().all(inner)
}
