//! AS path conditions: what text is matched, by which engine, and what is remembered.
//!
//! **For**: [`super::Match::AsPath`]. **Sits**: a pattern in each condition, one [`PathMemo`] in each
//! [`super::Scratch`]. **How it works**: a path is written as text ([`write_path`]) and searched by an
//! automaton, in time linear in its length whatever the pattern (no backtracking, no
//! back-references). Answers are remembered for each distinct AS_PATH value, of which a table has
//! fewer than attribute sets.
//! **Invariants**: a pattern compiles within [`MAX_AUTOMATON`] octets or is refused; the memo holds
//! answers for one list of patterns only, [`SLOTS`] paths of [`MAX_KEPT`] octets at most.
//! **Cost**: a path of four numbers about 0.3 us the first time, 20 ns again.
//! **References**: RFC 4271 section 4.3, RFC 5065 section 3, RFC 5396.

use std::{
    fmt::{self, Write},
    hash::{BuildHasher, Hash, Hasher},
    sync::Arc,
};

use bgp_wire::{AsPath, Asn, attr::SegmentType};
use foldhash::fast::FixedState;
use regex_automata::{
    meta::{BuildError, Regex},
    nfa::thompson::WhichCaptures,
    util::syntax,
};

use super::prefix_index::{Bits, has_bit, set_bit};

/// Longest expression, in octets.
pub const MAX_EXPRESSION: usize = 8192;
/// Largest automaton, in octets.
pub const MAX_AUTOMATON: usize = 128 << 10;
/// Deepest nesting of groups.
pub const MAX_NESTING: u32 = 32;
/// What the lazy automaton may cache, in octets a thread.
const MAX_CACHE: usize = 128 << 10;

/// Distinct paths remembered, and the longest one.
const SLOTS: usize = 512;
const MAX_KEPT: usize = 1024;

/// Why an expression cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PatternError {
    /// It is no expression; the text says where.
    #[error("{0}")]
    Syntax(String),
    /// It is longer than [`MAX_EXPRESSION`] or nested deeper than [`MAX_NESTING`], or its automaton
    /// would be larger than [`MAX_AUTOMATON`].
    #[error("too large; shorten it or lower the numbers in braces")]
    TooLarge,
}

/// A regular expression over the text of a path: AS numbers as plain decimals, the nearest first,
/// one blank between; an AS_SET as `{65003 65004}` in ascending order, a confederation sequence as
/// `(65005 65006)`, a confederation set as `[65007 65008]`. The path of a route originated here is
/// the empty text. Any part may match: anchor with `^` and `$`. Compared by the expression.
#[derive(Clone)]
pub struct AsPathPattern {
    expression: Box<str>,
    regex: Regex,
}

impl AsPathPattern {
    /// Compiles an expression (syntax of the `regex` crate, octets instead of Unicode).
    ///
    /// # Errors
    ///
    /// [`PatternError`] if it is none or too large.
    pub fn new(expression: &str) -> Result<Self, PatternError> {
        if expression.len() > MAX_EXPRESSION {
            return Err(PatternError::TooLarge);
        }
        let syntax = syntax::Config::new().unicode(false).utf8(false).nest_limit(MAX_NESTING);
        let config = Regex::config()
            .utf8_empty(false)
            .which_captures(WhichCaptures::None)
            .nfa_size_limit(Some(MAX_AUTOMATON))
            .hybrid_cache_capacity(MAX_CACHE);
        let regex = Regex::builder()
            .configure(config)
            .syntax(syntax)
            .build(expression)
            .map_err(|error| refusal(&error))?;
        Ok(Self { expression: expression.into(), regex })
    }

    /// The expression as given.
    pub fn expression(&self) -> &str {
        &self.expression
    }

    /// Whether some part of `text` matches.
    pub fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }
}

fn refusal(error: &BuildError) -> PatternError {
    match error.syntax_error() {
        // The last line says what is wrong; those before draw the place.
        Some(syntax) => match syntax.to_string().trim_end().rsplit("error: ").next() {
            Some(said) if said.contains("maximum number of nested") => PatternError::TooLarge,
            said => PatternError::Syntax(said.unwrap_or("no regular expression").to_owned()),
        },
        None => PatternError::TooLarge,
    }
}

impl fmt::Debug for AsPathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}/", self.expression)
    }
}

impl PartialEq for AsPathPattern {
    fn eq(&self, other: &Self) -> bool {
        self.expression == other.expression
    }
}

impl Eq for AsPathPattern {}

impl Hash for AsPathPattern {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.expression.hash(state);
    }
}

/// Appends the text of `path` that patterns match; see [`AsPathPattern`].
pub fn write_path(path: AsPath<'_>, out: &mut String) {
    for segment in path.segments() {
        if !out.is_empty() {
            out.push(' ');
        }
        let (open, close) = match segment.kind {
            SegmentType::SET => ("{", "}"),
            SegmentType::CONFED_SEQUENCE => ("(", ")"),
            SegmentType::CONFED_SET => ("[", "]"),
            _ => ("", ""),
        };
        out.push_str(open);
        if matches!(segment.kind, SegmentType::SET | SegmentType::CONFED_SET) {
            let mut members: Vec<Asn> = segment.asns().collect();
            members.sort_unstable();
            members.dedup();
            write_asns(members.into_iter(), out);
        } else {
            write_asns(segment.asns(), out);
        }
        out.push_str(close);
    }
}

fn write_asns(asns: impl Iterator<Item = Asn>, out: &mut String) {
    for (n, asn) in asns.enumerate() {
        if n > 0 {
            out.push(' ');
        }
        write!(out, "{}", asn.0).expect("a String takes any text");
    }
}

/// Which patterns of a chain match which paths, as far as they have been asked.
#[derive(Debug, Default)]
pub(super) struct PathMemo {
    /// What the answers are about.
    patterns: Option<Arc<[AsPathPattern]>>,
    slots: Vec<Slot>,
    text: String,
    /// The slot whose path `text` is.
    text_of: Option<usize>,
}

#[derive(Clone, Debug, Default)]
struct Slot {
    /// `None` while nothing is remembered here.
    path: Option<Box<[u8]>>,
    asked: Bits,
    matched: Bits,
}

impl PathMemo {
    /// Whether pattern `at` of `patterns` matches the AS_PATH of a canonical attribute set.
    pub(super) fn holds(
        &mut self,
        patterns: &Arc<[AsPathPattern]>,
        at: u32,
        canonical: &[u8],
    ) -> bool {
        if !self.patterns.as_ref().is_some_and(|known| Arc::ptr_eq(known, patterns)) {
            *self = Self { patterns: Some(Arc::clone(patterns)), ..Self::default() };
        }
        let path = AsPath::of(canonical);
        let pattern = &patterns[at as usize];
        if path.as_bytes().len() > MAX_KEPT {
            self.write(path, None);
            return pattern.is_match(&self.text);
        }
        if self.slots.is_empty() {
            self.slots.resize(SLOTS, Slot::default());
        }
        let place = FixedState::default().hash_one(path.as_bytes()) as usize % SLOTS;
        let slot = &mut self.slots[place];
        if slot.path.as_deref() != Some(path.as_bytes()) {
            *slot = Slot { path: Some(path.as_bytes().into()), ..Slot::default() };
            self.text_of = None;
        }
        if !has_bit(&self.slots[place].asked, at) {
            if self.text_of != Some(place) {
                self.write(path, Some(place));
            }
            let slot = &mut self.slots[place];
            set_bit(&mut slot.asked, at);
            if pattern.is_match(&self.text) {
                set_bit(&mut slot.matched, at);
            }
        }
        has_bit(&self.slots[place].matched, at)
    }

    fn write(&mut self, path: AsPath<'_>, of: Option<usize>) {
        self.text.clear();
        write_path(path, &mut self.text);
        self.text_of = of;
    }
}
