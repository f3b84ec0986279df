//! A document held against its kind's schema.
//!
//! **For**: what admission would refuse is refused here, with line and fix. **Sits**: between parsing and
//! typing. **How it works**: one walk over schema and tree together; all faults are found, not the
//! first only. Rules of the schema are evaluated by their Rust predicates where everything
//! below is sound. **Invariants**: values are shown only for enumerations, so that no Secret's
//! value is. **References**: Kubernetes "structural schemas", OpenAPI v3 schema keywords.

use std::net::Ipv4Addr;

use regex_automata::meta::Regex;
use serde_json::Value;

use super::yaml::{Content, Tree};
use crate::crd::rule;

/// One fault.
#[derive(Debug)]
pub(super) struct Finding {
    pub(super) line: u64,
    /// Such as `spec.terms[0].action`; empty for the document itself.
    pub(super) field: String,
    pub(super) message: String,
}

/// All faults of `tree` against `schema`.
pub(super) fn check(schema: &Value, tree: &Tree) -> Vec<Finding> {
    let mut walk = Walk { found: Vec::new(), path: String::new(), misshapen: 0 };
    walk.value(schema, tree);
    walk.found
}

struct Walk {
    found: Vec<Finding>,
    path: String,
    /// Faults of shape so far: rules are evaluated only where there are none below.
    misshapen: usize,
}

impl Walk {
    fn report(&mut self, line: u64, message: impl Into<String>) {
        self.misshapen += 1;
        self.found.push(Finding { line, field: self.path.clone(), message: message.into() });
    }

    /// Runs `body` one step deeper.
    fn at(&mut self, step: &str, body: impl FnOnce(&mut Self)) {
        let length = self.path.len();
        self.path.push_str(step);
        body(self);
        self.path.truncate(length);
    }

    fn field(&mut self, name: &str, body: impl FnOnce(&mut Self)) {
        let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        let step = match (plain, self.path.is_empty()) {
            (true, true) => name.to_owned(),
            (true, false) => format!(".{name}"),
            (false, _) => format!("[{name:?}]"),
        };
        self.at(&step, body);
    }

    fn value(&mut self, schema: &Value, tree: &Tree) {
        let before = self.misshapen;
        match schema["type"].as_str() {
            Some("object") => self.object(schema, tree),
            Some("array") => self.list(schema, tree),
            Some("string") => self.string(schema, tree),
            Some("integer") => self.integer(schema, tree),
            Some("boolean") if !matches!(tree.value, Content::Bool(_)) => {
                self.mistyped("true or false", tree);
            }
            Some("number") if !matches!(tree.value, Content::Number(_)) => {
                self.mistyped("a number", tree);
            }
            // No type: anything goes here, and typing decides.
            _ => {}
        }
        if self.misshapen == before {
            self.rules(schema, tree);
        }
    }

    fn mistyped(&mut self, expected: &str, tree: &Tree) {
        let fix = match (expected, &tree.value) {
            ("a string", Content::Number(_) | Content::Bool(_)) => ": put it in quotes",
            ("an integer", Content::String(s)) if s.parse::<i64>().is_ok() => ": remove the quotes",
            ("true or false", Content::String(s)) if s == "true" || s == "false" => {
                ": remove the quotes"
            }
            ("true or false", Content::String(s)) if matches!(&**s, "yes" | "on" | "y") => {
                ": write true"
            }
            ("true or false", Content::String(s)) if matches!(&**s, "no" | "off" | "n") => {
                ": write false"
            }
            _ => "",
        };
        self.report(tree.line, format!("expected {expected}, found {}{fix}", tree.kind()));
    }

    fn object(&mut self, schema: &Value, tree: &Tree) {
        let Content::Map(entries) = &tree.value else {
            return self.mistyped("an object", tree);
        };
        let properties = schema["properties"].as_object();
        let additional = &schema["additionalProperties"];
        let open = schema["x-kubernetes-preserve-unknown-fields"] == true
            || *additional == true
            || (properties.is_none() && additional.is_null());
        for (name, line, value) in entries {
            let known = properties.and_then(|p| p.get(name));
            let inner = known.or_else(|| additional.is_object().then_some(additional));
            match inner {
                Some(_) if matches!(value.value, Content::Null) => {}
                Some(inner) => self.field(name, |walk| walk.value(inner, value)),
                None if open => {}
                None => {
                    let names = properties.into_iter().flat_map(|p| p.keys()).map(String::as_str);
                    let message = format!("unknown field; {}", expected(name, names));
                    self.field(name, |walk| walk.report(*line, message));
                }
            }
        }
        for required in schema["required"].as_array().into_iter().flatten() {
            let name = required.as_str().unwrap_or_default();
            if tree.entry(name).is_none_or(|t| matches!(t.value, Content::Null)) {
                let what = properties.and_then(|p| p.get(name)).map(summary);
                let what = what.map(|w| format!(": {w}")).unwrap_or_default();
                self.field(name, |walk| {
                    walk.report(tree.line, format!("required field is missing{what}"));
                });
            }
        }
        if let Some(most) = schema["maxProperties"].as_u64()
            && entries.len() as u64 > most
        {
            self.report(
                tree.line,
                format!("{} entries; at most {most} are allowed", entries.len()),
            );
        }
    }

    fn list(&mut self, schema: &Value, tree: &Tree) {
        let Content::List(items) = &tree.value else {
            return self.mistyped("a list", tree);
        };
        let length = items.len() as u64;
        if let Some(least) = schema["minItems"].as_u64().filter(|least| length < *least) {
            self.report(tree.line, format!("{length} entries; at least {least} needed"));
        }
        if let Some(most) = schema["maxItems"].as_u64().filter(|most| length > *most) {
            self.report(tree.line, format!("{length} entries; at most {most} are allowed"));
        }
        let mut seen: Vec<Value> = Vec::new();
        for (i, item) in items.iter().enumerate() {
            self.at(&format!("[{i}]"), |walk| {
                walk.value(&schema["items"], item);
                if let Some(identity) = identity(schema, item) {
                    if let Some(first) = seen.iter().position(|s| *s == identity) {
                        walk.report(item.line, format!("same as entry [{first}]; keep one"));
                    }
                    seen.push(identity);
                }
            });
        }
    }

    fn string(&mut self, schema: &Value, tree: &Tree) {
        let Some(text) = tree.as_str() else {
            return self.mistyped("a string", tree);
        };
        if let Some(words) = schema["enum"].as_array() {
            let words = || words.iter().filter_map(Value::as_str);
            if !words().any(|word| word == text) {
                let message = format!("{text:?} is not known; {}", expected(text, words()));
                self.report(tree.line, message);
            }
            return;
        }
        let length = text.chars().count() as u64;
        if let Some(most) = schema["maxLength"].as_u64().filter(|most| length > *most) {
            let message = format!("{length} characters; at most {most} are allowed");
            self.report(tree.line, message);
        } else if schema["minLength"].as_u64().is_some_and(|least| length < least) {
            self.report(tree.line, "must not be empty");
        } else if let Some(pattern) = schema["pattern"].as_str() {
            let pattern = Regex::new(pattern).expect("patterns of our schemas are valid");
            if !pattern.is_match(text) {
                let message = format!("must match {}", schema["pattern"]);
                self.report(tree.line, message);
            }
        } else if schema["format"] == "ipv4" && text.parse::<Ipv4Addr>().is_err() {
            self.report(tree.line, "must be written like an IPv4 address, such as 10.0.0.1");
        }
    }

    fn integer(&mut self, schema: &Value, tree: &Tree) {
        let Content::Number(number) = &tree.value else {
            return self.mistyped("an integer", tree);
        };
        if number.is_f64() {
            return self.mistyped("an integer", tree);
        }
        let least = schema["minimum"].as_i64().unwrap_or(i64::MIN);
        let most = schema["maximum"].as_i64().unwrap_or(i64::MAX);
        if !number.as_i64().is_some_and(|n| (least..=most).contains(&n)) {
            let message = format!("{number} is out of range; expected {least} to {most}");
            self.report(tree.line, message);
        }
    }

    fn rules(&mut self, schema: &Value, tree: &Tree) {
        let Some(rules) = schema["x-kubernetes-validations"].as_array() else { return };
        let value = tree.to_json();
        for cel in rules.iter().filter_map(|r| r["rule"].as_str()) {
            let rule = rule::find(cel).expect("a test finds a predicate for every rule");
            if !(rule.holds)(&value) {
                let (line, here) = concerned(rule.message, tree);
                let message = format!("{}{here}", rule.message);
                self.found.push(Finding { line, field: self.path.clone(), message });
            }
        }
    }
}

/// The line of the last field a rule speaks of, and which of them are there when the rule is about
/// how many.
fn concerned(message: &str, tree: &Tree) -> (u64, String) {
    let Content::Map(entries) = &tree.value else { return (tree.line, String::new()) };
    let word = |c: char| !c.is_ascii_alphanumeric();
    let named = |name: &str| message.split(word).any(|w| w == name);
    let there: Vec<_> = entries.iter().filter(|(name, _, _)| named(name)).collect();
    let line = there.iter().map(|(_, line, _)| *line).max().unwrap_or(tree.line);
    if !message.to_ascii_lowercase().starts_with("exactly one of") {
        return (line, String::new());
    }
    let names: Vec<_> = there.iter().map(|(name, _, _)| name.as_str()).collect();
    let found = if names.is_empty() { "none".to_owned() } else { names.join(" and ") };
    (line, format!("; found {found}"))
}

/// What makes an entry of a list unique, in lists where entries are.
fn identity(schema: &Value, item: &Tree) -> Option<Value> {
    let kind = schema["x-kubernetes-list-type"].as_str()?;
    let json = item.to_json();
    match kind {
        "set" => Some(json),
        "map" => {
            let keys = schema["x-kubernetes-list-map-keys"].as_array()?;
            let key = |k: &Value| json.get(k.as_str()?).cloned();
            Some(keys.iter().map(|k| key(k).unwrap_or(Value::Null)).collect())
        }
        _ => None,
    }
}

/// The first sentence of a field's documentation.
fn summary(schema: &Value) -> String {
    let text = schema["description"].as_str().unwrap_or_default();
    let text = text.lines().collect::<Vec<_>>().join(" ");
    text.split_once(". ").map_or(&*text, |(first, _)| first).trim_end_matches('.').to_owned()
}

/// "did you mean ..." when a name is close, else the names there are.
pub(super) fn expected<'a>(found: &str, names: impl Iterator<Item = &'a str>) -> String {
    let mut names: Vec<_> = names.collect();
    let near = names.iter().map(|name| (distance(found, name), *name)).min();
    if let Some((distance, name)) = near
        && distance <= 1 + found.len() / 5
    {
        return format!("did you mean `{name}`?");
    }
    names.sort_unstable();
    match names.as_slice() {
        [] => "no fields are expected here".to_owned(),
        names if names.len() > 12 => {
            format!("expected one of {}, ...", names.get(..12).unwrap_or(names).join(", "))
        }
        names => format!("expected one of {}", names.join(", ")),
    }
}

/// Edits between two names, letter case not counted.
fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.to_ascii_lowercase(), b.to_ascii_lowercase());
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (y, cell) in b.bytes().zip(row.iter_mut().skip(1)) {
            let substituted = diagonal + usize::from(x != y);
            diagonal = *cell;
            *cell = substituted.min(left + 1).min(diagonal + 1);
            left = *cell;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}
