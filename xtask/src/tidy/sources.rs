//! Source files: length, module header, forbidden words, `forbid(unsafe_code)`.
//!
//! Walks the checkout itself (no list to keep), leaving out build output and dot folders. Long
//! files are refused because the state machine that swallows its neighbours is how protocol code
//! becomes unreadable; a header is required because a file must say what it is for.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::Findings;

/// Lines from which a Rust file is listed.
const WARN_LINES: usize = 500;
/// Lines from which a Rust file is refused.
const MAX_LINES: usize = 800;
/// Folders that hold nothing written by people.
const SKIP: &[&str] = &["target", "node_modules", "corpus", "artifacts"];
/// Files whose text is ours: a forbidden word in them is an error.
const TEXT: &[&str] = &["rs", "md", "toml", "yaml", "yml", "sh", "json"];

/// Words that must not appear, and why. Split so that this file passes its own check.
const WORDS: &[(&str, &str)] = &[
    (concat!("to", "do!("), "no stubs"),
    (concat!("unimple", "mented!("), "no stubs"),
    (concat!("TO", "DO"), "finish it, or say in the docs what is missing"),
    (concat!("FIX", "ME"), "finish it, or say in the docs what is missing"),
    (concat!("/wo", "rk/"), "no absolute paths of one machine"),
];

/// The crate whose purpose is unsafe code.
const UNSAFE_CRATE: &str = "sockopt";

/// Adds a finding for every file that breaks a rule.
pub(super) fn check(root: &Path, found: &mut Findings) -> Result<()> {
    let mut files = Vec::new();
    walk(root, &mut files)?;
    files.sort();
    let mut seen = 0;
    for file in &files {
        let path = file.strip_prefix(root).unwrap_or(file);
        let text = std::fs::read_to_string(file)
            .with_context(|| format!("{}: not UTF-8 text", path.display()))?;
        if path.extension().is_some_and(|e| e == "rs") {
            seen += 1;
        }
        judge(path, &text, found);
    }
    if seen == 0 {
        found.errors.push("no Rust file found: looked in the wrong place".into());
    }
    Ok(())
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let path = entry.path();
        let kind = entry.file_type()?;
        if kind.is_dir() {
            if !name.starts_with('.') && !SKIP.contains(&&*name) {
                walk(&path, files)?;
            }
        } else if kind.is_file() && path.extension().is_some_and(|e| TEXT.iter().any(|t| e == *t)) {
            files.push(path);
        }
    }
    Ok(())
}

fn judge(path: &Path, text: &str, found: &mut Findings) {
    let shown = path.display();
    for (number, line) in text.lines().enumerate() {
        for (word, why) in WORDS {
            if line.contains(word) {
                found.errors.push(format!("{shown}:{}: `{word}`: {why}", number + 1));
            }
        }
    }
    if path.extension().is_none_or(|e| e != "rs") {
        return;
    }
    let lines = text.lines().count();
    if lines > MAX_LINES {
        found
            .errors
            .push(format!("{shown}: {lines} lines; split it by concern (limit {MAX_LINES})"));
    } else if lines > WARN_LINES {
        found.warnings.push(format!("{shown}: {lines} lines; aim for {WARN_LINES}"));
    }
    if !text.lines().find(|l| !l.trim().is_empty()).is_some_and(|l| l.starts_with("//!")) {
        found.errors.push(format!("{shown}: begin with a `//!` header: what the module is for"));
    }
    let is_crate_root = path.ends_with("src/lib.rs") || path.ends_with("src/main.rs");
    if is_crate_root
        && !path.starts_with(UNSAFE_CRATE)
        && !text.lines().any(|l| l.trim() == "#![forbid(unsafe_code)]")
    {
        found.errors.push(format!("{shown}: add `#![forbid(unsafe_code)]`"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(path: &str, text: &str) -> Vec<String> {
        let mut found = Findings::default();
        judge(Path::new(path), text, &mut found);
        found.errors
    }

    #[test]
    fn a_good_file_passes() {
        assert!(errors("rib/src/lib.rs", "//! Tables.\n#![forbid(unsafe_code)]\n").is_empty());
        assert!(errors("rib/src/row.rs", "//! Rows.\n").is_empty());
        assert!(errors("sockopt/src/lib.rs", "//! Socket options.\n").is_empty());
    }

    #[test]
    fn header_unsafe_and_length() {
        assert_eq!(errors("rib/src/row.rs", "use std::fmt;\n").len(), 1);
        assert_eq!(errors("rib/src/lib.rs", "//! Tables.\n").len(), 1);
        let long = format!("//! Rows.\n{}", "\n".repeat(MAX_LINES));
        assert_eq!(errors("rib/src/row.rs", &long).len(), 1);
        let mut found = Findings::default();
        judge(
            Path::new("rib/src/row.rs"),
            &format!("//! Rows.\n{}", "\n".repeat(WARN_LINES)),
            &mut found,
        );
        assert_eq!((found.errors.len(), found.warnings.len()), (0, 1));
    }

    #[test]
    fn words_are_found_with_their_line() {
        let text = format!("//! Rows.\n// {}: later\n", concat!("TO", "DO"));
        assert_eq!(errors("rib/src/row.rs", &text).len(), 1);
        assert!(errors("rib/src/row.rs", &text)[0].starts_with("rib/src/row.rs:2:"));
        assert_eq!(errors("README.md", concat!("see /wo", "rk/x\n")).len(), 1);
    }

    #[test]
    fn the_walk_skips_build_output() {
        let folder = tempfile::tempdir().unwrap();
        for dir in ["src", "target", ".git"] {
            std::fs::create_dir(folder.path().join(dir)).unwrap();
            std::fs::write(folder.path().join(dir).join("a.rs"), "x").unwrap();
        }
        let mut files = Vec::new();
        walk(folder.path(), &mut files).unwrap();
        assert_eq!(files, [folder.path().join("src/a.rs")]);
    }
}
