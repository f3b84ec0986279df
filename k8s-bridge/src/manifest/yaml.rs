//! YAML documents as trees that know their lines.
//!
//! **For**: errors that name a line. **Sits**: first step of loading. **How it works**: a file is cut at
//! its `---` lines, so that a syntax error spoils one document only; each is then parsed into a
//! [`Tree`]. **Invariants**: line numbers count from 1 within the file. **References**: YAML 1.2
//! sections 6.8 and 9.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Number, Value};
use serde_saphyr::Spanned;

/// A value and the line it stands on.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) line: u64,
    pub(super) value: Content,
}

/// A value.
#[derive(Debug)]
pub(super) enum Content {
    Null,
    Bool(bool),
    Number(Number),
    String(String),
    List(Vec<Tree>),
    /// Keys with their lines, in order.
    Map(Vec<(String, u64, Tree)>),
}

impl Tree {
    /// The value of a key of a map.
    pub(super) fn entry(&self, key: &str) -> Option<&Self> {
        match &self.value {
            Content::Map(entries) => {
                entries.iter().find(|(name, _, _)| name == key).map(|(_, _, tree)| tree)
            }
            _ => None,
        }
    }

    /// The text, when it is one.
    pub(super) fn as_str(&self) -> Option<&str> {
        match &self.value {
            Content::String(text) => Some(text),
            _ => None,
        }
    }

    /// Without the lines; entries that are null are left out, as the API server does.
    pub(super) fn to_json(&self) -> Value {
        match &self.value {
            Content::Null => Value::Null,
            Content::Bool(b) => Value::Bool(*b),
            Content::Number(n) => Value::Number(n.clone()),
            Content::String(s) => Value::String(s.clone()),
            Content::List(list) => list.iter().map(Self::to_json).collect(),
            Content::Map(entries) => {
                let present = entries.iter().filter(|(_, _, t)| !matches!(t.value, Content::Null));
                Value::Object(
                    present.map(|(k, _, t)| (k.clone(), t.to_json())).collect::<Map<_, _>>(),
                )
            }
        }
    }

    /// What kind of value it is, in words.
    pub(super) fn kind(&self) -> &'static str {
        match &self.value {
            Content::Null => "nothing",
            Content::Bool(_) => "a boolean",
            Content::Number(n) if n.is_f64() => "a decimal number",
            Content::Number(_) => "an integer",
            Content::String(_) => "a string",
            Content::List(_) => "a list",
            Content::Map(_) => "an object",
        }
    }
}

/// One document of a file.
#[derive(Debug)]
pub(super) struct Document<'a> {
    /// From 1.
    pub(super) number: usize,
    /// Lines of the file before it.
    skipped: u64,
    text: &'a str,
}

/// A document that cannot be parsed.
#[derive(Debug)]
pub(super) struct SyntaxError {
    pub(super) line: u64,
    pub(super) message: String,
}

/// The documents of a file that have content.
pub(super) fn documents(text: &str) -> Vec<Document<'_>> {
    let mut found = Vec::new();
    let (mut start, mut start_line) = (0, 0);
    let (mut at, mut line) = (0, 0);
    let mut push = |from: usize, to: usize, skipped: u64| {
        let text = text.get(from..to).unwrap_or_default();
        let blank = |l: &str| l.trim().is_empty() || l.trim_start().starts_with('#');
        if !text.lines().all(|l| blank(l) || l.starts_with('%')) {
            found.push(Document { number: found.len() + 1, skipped, text });
        }
    };
    for piece in text.split_inclusive('\n') {
        let content = piece.trim_end();
        let begins = content == "---" || content.starts_with("--- ");
        let ends = content == "...";
        if begins || ends {
            push(start, at, start_line);
            // What follows `--- ` on the same line belongs to the document.
            start = if begins { at + 3 } else { at + piece.len() };
            start_line = if begins { line } else { line + 1 };
        }
        at += piece.len();
        line += 1;
    }
    push(start, text.len(), start_line);
    found
}

impl Document<'_> {
    /// The tree, or what keeps it from being one.
    pub(super) fn parse(&self) -> Result<Tree, SyntaxError> {
        // As in YAML 1.2: a node may be called `n`, and `yes` is a text.
        let options = serde_saphyr::options! { strict_booleans: true };
        let located = serde_saphyr::from_str_with_options::<Located>(self.text, options);
        let located = located.map_err(|error| {
            let line = error.location().map_or(1, |l| l.line());
            let message = error.without_snippet().to_string();
            // The place is told apart, in lines of the file.
            let message = match message.rfind(" at line ") {
                Some(cut) => message.get(..cut).unwrap_or(&message).to_owned(),
                None => message,
            };
            SyntaxError { line: self.skipped + line, message: plain(&message) }
        })?;
        Ok(located.into_tree(self.skipped))
    }
}

/// Parser messages a person can act on.
fn plain(message: &str) -> String {
    if message.contains("tabs disallowed") {
        return "not YAML: a tab indents this line; use spaces".to_owned();
    }
    match message.strip_prefix("duplicate mapping key: ") {
        Some(rest) => {
            let key = rest.split(',').next().unwrap_or(rest);
            format!("the field `{key}` is given twice; keep one")
        }
        None => format!("not YAML: {message}"),
    }
}

struct Located(Spanned<Raw>);

enum Raw {
    Null,
    Bool(bool),
    Number(Number),
    String(String),
    List(Vec<Located>),
    Map(Vec<(Spanned<String>, Located)>),
}

impl Located {
    fn into_tree(self, skipped: u64) -> Tree {
        let line = self.0.referenced.line() + skipped;
        let value = match self.0.value {
            Raw::Null => Content::Null,
            Raw::Bool(b) => Content::Bool(b),
            Raw::Number(n) => Content::Number(n),
            Raw::String(s) => Content::String(s),
            Raw::List(list) => {
                Content::List(list.into_iter().map(|l| l.into_tree(skipped)).collect())
            }
            Raw::Map(entries) => Content::Map(
                entries
                    .into_iter()
                    .map(|(key, value)| {
                        let line = key.referenced.line() + skipped;
                        (key.value, line, value.into_tree(skipped))
                    })
                    .collect(),
            ),
        };
        Tree { line, value }
    }
}

impl<'de> Deserialize<'de> for Located {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Spanned::deserialize(deserializer).map(Self)
    }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_bool<E>(self, b: bool) -> Result<Raw, E> {
        Ok(Raw::Bool(b))
    }

    fn visit_i64<E>(self, n: i64) -> Result<Raw, E> {
        Ok(Raw::Number(n.into()))
    }

    fn visit_u64<E>(self, n: u64) -> Result<Raw, E> {
        Ok(Raw::Number(n.into()))
    }

    fn visit_f64<E>(self, n: f64) -> Result<Raw, E> {
        Ok(Number::from_f64(n).map_or(Raw::Null, Raw::Number))
    }

    fn visit_str<E>(self, s: &str) -> Result<Raw, E> {
        Ok(Raw::String(s.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Raw, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = seq.next_element()? {
            list.push(item);
        }
        Ok(Raw::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Raw::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_told_apart_and_lines_kept() {
        let text = "# head\n---\na: 1\n---\n\n# nothing\n--- \nb:\n  c: x\n...\nd: 2\n";
        let found = documents(text);
        let numbers: Vec<_> = found.iter().map(|d| d.number).collect();
        assert_eq!(numbers, [1, 2, 3]);
        let trees: Vec<_> = found.iter().map(|d| d.parse().unwrap()).collect();
        assert_eq!(trees[0].entry("a").unwrap().line, 3);
        assert_eq!(trees[1].entry("b").unwrap().entry("c").unwrap().line, 9);
        assert_eq!(trees[2].entry("d").unwrap().line, 11);
    }

    #[test]
    fn syntax_errors_name_the_line_of_the_file() {
        let text = "a: 1\n---\nb:\n\t- c\n---\nd: 1\nd: 2\n";
        let errors: Vec<_> = documents(text).iter().filter_map(|d| d.parse().err()).collect();
        assert_eq!((errors[0].line, errors[1].line), (4, 7));
        assert_eq!(errors[1].message, "the field `d` is given twice; keep one");
    }
}
