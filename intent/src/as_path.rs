//! AS path patterns: what operators write, checked.
//!
//! **For**: [`crate::Match::AsPath`]. **Sits**: a value type of policy; the table has an engine of its
//! own, which is given [`AsPathPattern::expression`]. **How it works**: the pattern is a regular
//! expression over the path's text; `_` stands for a boundary of AS numbers, as in other routers; a
//! pattern for the whole path is anchored. It is compiled once, so that what is wrong is told at the
//! object. **Invariants**: the expression compiles within the bounds; equality is by what was written.
//! **References**: RFC 4271 section 4.3, RFC 5396.

use std::{
    fmt::{self, Write},
    hash::{Hash, Hasher},
};

use regex_automata::{meta::Regex, nfa::thompson::WhichCaptures, util::syntax};
use serde::{Serialize, Serializer, ser::SerializeStruct};

/// Longest pattern as written, in characters.
const MAX_PATTERN: usize = 256;
/// Largest automaton, in octets.
const MAX_AUTOMATON: usize = 128 << 10;
/// Deepest nesting of groups.
const MAX_NESTING: u32 = 32;
/// What the lazy automaton may cache, in octets a thread.
const MAX_CACHE: usize = 128 << 10;

/// What `_` stands for: the beginning, the end, a blank, a bracket.
const BOUNDARY: &str = r"(?:^|$|[ {}()\[\]])";

/// Which part of the path a pattern is about.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum AsPathExtent {
    /// The whole path.
    Full,
    /// Any part of it.
    Contains,
}

/// A regular expression over an AS path, and whether it is about the whole path. The text it is
/// matched against has plain decimals with one blank between, the nearest AS first, sets as
/// `{65003 65004}` in ascending order; that of a route originated here is empty.
#[derive(Clone)]
pub struct AsPathPattern {
    pattern: Box<str>,
    extent: AsPathExtent,
    expression: Box<str>,
    regex: Regex,
}

/// Why a pattern cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{pattern:?} {problem}")]
pub struct PatternError {
    pattern: String,
    problem: String,
}

impl AsPathPattern {
    /// Checks a pattern.
    ///
    /// # Errors
    /// It is no regular expression, longer than 256 characters, nested deeper than 32 groups, or its
    /// automaton would be larger than 128 KiB.
    pub fn new(pattern: &str, extent: AsPathExtent) -> Result<Self, PatternError> {
        let error = |problem: String| PatternError { pattern: pattern.to_owned(), problem };
        let too_large = || {
            error("is too large a pattern: shorten it or lower the numbers in braces".to_owned())
        };
        if pattern.chars().count() > MAX_PATTERN {
            return Err(too_large());
        }
        let part = with_boundaries(pattern);
        let syntax = syntax::Config::new().unicode(false).utf8(false).nest_limit(MAX_NESTING);
        let config = Regex::config()
            .utf8_empty(false)
            .which_captures(WhichCaptures::None)
            .nfa_size_limit(Some(MAX_AUTOMATON))
            .hybrid_cache_capacity(MAX_CACHE);
        let build = |expression: &str| {
            let built = Regex::builder().configure(config.clone()).syntax(syntax).build(expression);
            built.map_err(|refused| match refused.syntax_error().map(ToString::to_string) {
                Some(said) if !said.contains("maximum number of nested") => {
                    // The last line says what is wrong; those before draw the place.
                    let said = said.trim_end().rsplit("error: ").next().unwrap_or_default();
                    error(format!("is no regular expression: {said}"))
                }
                _ => too_large(),
            })
        };
        // By itself first: a parenthesis too many must not pair with those of the anchors.
        let regex = build(&part)?;
        let (expression, regex) = match extent {
            AsPathExtent::Contains => (part, regex),
            AsPathExtent::Full => {
                let whole = format!("^(?:{part})$");
                let regex = build(&whole)?;
                (whole, regex)
            }
        };
        Ok(Self { pattern: pattern.into(), extent, expression: expression.into(), regex })
    }

    /// The pattern as written.
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// Which part of the path it is about.
    pub fn extent(&self) -> AsPathExtent {
        self.extent
    }

    /// A plain regular expression that matches some part of a path's text exactly when this pattern
    /// matches the path.
    pub fn expression(&self) -> &str {
        &self.expression
    }

    /// Whether a path with this text matches.
    pub fn is_match(&self, path: &str) -> bool {
        self.regex.is_match(path)
    }
}

/// The pattern with its boundaries written out; `\_` and one in a class stay what they are.
fn with_boundaries(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let (mut escaped, mut class, mut opened) = (false, 0u32, false);
    for c in pattern.chars() {
        // A class may begin with a bracket that it contains: `[]_]`, `[^]_]`.
        let first = std::mem::take(&mut opened);
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '[' => (class, opened) = (class + 1, true),
            '^' if first => opened = true,
            ']' if first => {}
            ']' => class = class.saturating_sub(1),
            '_' if class == 0 => {
                out.push_str(BOUNDARY);
                continue;
            }
            _ => {}
        }
        out.push(c);
    }
    out
}

impl fmt::Display for AsPathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('/')?;
        f.write_str(&self.pattern)?;
        f.write_str(match self.extent {
            AsPathExtent::Full => "/ (full)",
            AsPathExtent::Contains => "/",
        })
    }
}

impl fmt::Debug for AsPathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl PartialEq for AsPathPattern {
    fn eq(&self, other: &Self) -> bool {
        (&self.pattern, self.extent) == (&other.pattern, other.extent)
    }
}

impl Eq for AsPathPattern {}

impl Hash for AsPathPattern {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.pattern, self.extent).hash(state);
    }
}

impl Serialize for AsPathPattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("AsPathPattern", 2)?;
        out.serialize_field("pattern", &*self.pattern)?;
        out.serialize_field("matchType", &self.extent)?;
        out.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, extent: AsPathExtent, path: &str) -> bool {
        AsPathPattern::new(pattern, extent).unwrap().is_match(path)
    }

    #[test]
    fn full_is_the_whole_path_and_contains_a_part() {
        use AsPathExtent::{Contains, Full};
        for (pattern, path, contains, full) in [
            ("65001", "65001", true, true),
            ("65001", "65001 65002", true, false),
            ("65001", "165001", true, false),
            ("_65001_", "165001 65001", true, false),
            ("_65001_", "165001", false, false),
            ("_65001_", "65001", true, true),
            ("_65003_", "65001 {65002 65003}", true, false),
            ("^65001_", "65001 65002", true, false),
            ("^65001_", "650010", false, false),
            ("_65002$", "65001 65002", true, false),
            ("65001|65002", "65002", true, true),
            ("65001|65002", "65001 65003", true, false),
            (r"65001( \d+)*", "65001 2 3", true, true),
            (r"\{.*\}", "65001 {1 2}", true, false),
            ("^$", "", true, true),
            ("^$", "1", false, false),
            ("", "", true, true),
            ("", "1", true, false),
            ("(?:)", "", true, true),
            ("(1 )?2", "1 2", true, true),
        ] {
            assert_eq!(matches(pattern, Contains, path), contains, "{pattern} contains {path}");
            assert_eq!(matches(pattern, Full, path), full, "{pattern} full {path}");
        }
    }

    #[test]
    fn an_underscore_in_a_class_or_escaped_is_itself() {
        assert_eq!(with_boundaries(r"[_1]\_"), r"[_1]\_");
        assert_eq!(with_boundaries(r"\[_"), format!(r"\[{BOUNDARY}"));
        assert_eq!(with_boundaries(r"\\_"), format!(r"\\{BOUNDARY}"));
        assert_eq!(with_boundaries("[]_][^]_]"), "[]_][^]_]");
        assert!(!matches("[_]", AsPathExtent::Contains, "1 2"));
    }

    #[test]
    fn what_is_no_pattern_or_too_large_a_one_is_refused() {
        let refused = |pattern: &str| {
            AsPathPattern::new(pattern, AsPathExtent::Full).unwrap_err().to_string()
        };
        for pattern in ["(", "1)|(2", "[1", "*", r"(1)\1", "(?=1)", r"\p{Greek}", "a{2,1}", "é{"] {
            let said = refused(pattern);
            assert!(said.contains("is no regular expression: "), "{said}");
            assert_eq!(said.lines().count(), 1, "{said}");
        }
        let deep = ["(".repeat(100), ")".repeat(100)].concat();
        for pattern in ["([0-9]{1,1000}){1,1000}", &"1".repeat(257), &deep] {
            assert!(refused(pattern).contains("too large"), "{pattern}");
        }
        // The longest list of plain numbers is none of these.
        let list = vec!["4200000000"; 23].join("|");
        assert!(AsPathPattern::new(&list, AsPathExtent::Full).is_ok());
        assert!(AsPathPattern::new(&"_".repeat(60), AsPathExtent::Contains).is_ok());
    }

    #[test]
    fn equal_as_written() {
        let of = |pattern, extent| AsPathPattern::new(pattern, extent).unwrap();
        assert_eq!(of("1", AsPathExtent::Full), of("1", AsPathExtent::Full));
        assert_ne!(of("1", AsPathExtent::Full), of("1", AsPathExtent::Contains));
        assert_ne!(of("1", AsPathExtent::Full), of("2", AsPathExtent::Full));
        assert_eq!(
            serde_json::to_string(&of("1_", AsPathExtent::Full)).unwrap(),
            r#"{"pattern":"1_","matchType":"full"}"#
        );
    }
}
