//! An attribute set written as its difference from another one.
//!
//! **For**: keeping what is sent beside what was received at a fifth of its size: on the way out a few
//! attributes change, the rest is copied. **Sits**: under [`super::out_table`], pure functions.
//! **How it works**: both sets are walked together, for both are in ascending type order. What is alike
//! is copied from the base; of a differing attribute of the same type the common end is copied too (an
//! AS_PATH grows at its front).
//!
//! ```text
//! delta = step*    step = skip, length, length octets, copy
//!                  skip octets of the base, write the literal, copy octets of the base
//! ```
//!
//! Numbers are LEB128. **Invariants**: [`apply`] gives back exactly the octets that [`encode`] was given,
//! whatever the two sets are. **Cost**: about 100 ns to write, 20 ns to read.
//! **References**: RFC 4271 section 5.

use bgp_wire::attr::{Attr, attrs};

/// Appends to `out` what makes `set` of `base`.
pub(super) fn encode(base: &[u8], set: &[u8], out: &mut Vec<u8>) {
    let mut writer = Writer { out, rest: set, skip: 0, literal: 0, copy: 0 };
    let (mut old, mut new) = (attrs(base).peekable(), attrs(set).peekable());
    let mut read = 0;
    while let Some(attr) = new.peek().copied() {
        match old.peek().copied() {
            Some(before) if before.kind < attr.kind => {
                writer.skip(before.raw.len());
                old.next();
                continue;
            }
            Some(before) if before.kind == attr.kind => {
                writer.changed(&before, &attr);
                old.next();
            }
            _ => writer.literal(attr.raw.len()),
        }
        read += attr.raw.len();
        new.next();
    }
    // Whatever is no attribute, which canonical sets do not have.
    writer.literal(set.len() - read);
    writer.flush();
}

/// Appends to `out` the set that `delta` makes of `base`.
pub(super) fn apply(mut base: &[u8], delta: &[u8], out: &mut Vec<u8>) {
    for step in steps(delta) {
        out.extend_from_slice(step.literal);
        out.extend_from_slice(step.of(&mut base));
    }
}

/// Whether `delta` makes `set` of `base`.
pub(super) fn makes(mut base: &[u8], delta: &[u8], mut set: &[u8]) -> bool {
    for step in steps(delta) {
        let rest = set.strip_prefix(step.literal);
        let Some(rest) = rest.and_then(|rest| rest.strip_prefix(step.of(&mut base))) else {
            return false;
        };
        set = rest;
    }
    set.is_empty()
}

/// Collects what goes into one step. Literals and copies follow each other in the set, whose part not
/// yet written is `rest`.
struct Writer<'a> {
    out: &'a mut Vec<u8>,
    rest: &'a [u8],
    skip: usize,
    literal: usize,
    copy: usize,
}

impl Writer<'_> {
    fn changed(&mut self, before: &Attr<'_>, after: &Attr<'_>) {
        let alike = if before.raw == after.raw {
            after.raw.len()
        } else {
            let pairs = before.raw.iter().rev().zip(after.raw.iter().rev());
            pairs.take_while(|(a, b)| a == b).count()
        };
        self.skip(before.raw.len() - alike);
        self.literal(after.raw.len() - alike);
        self.copy += alike;
    }

    fn skip(&mut self, octets: usize) {
        if octets > 0 && self.copy > 0 {
            self.flush();
        }
        self.skip += octets;
    }

    fn literal(&mut self, octets: usize) {
        if octets > 0 && self.copy > 0 {
            self.flush();
        }
        self.literal += octets;
    }

    fn flush(&mut self) {
        if self.copy == 0 && self.literal == 0 {
            return;
        }
        let (literal, rest) = self.rest.split_at(self.literal);
        put(self.skip, self.out);
        put(self.literal, self.out);
        self.out.extend_from_slice(literal);
        put(self.copy, self.out);
        self.rest = &rest[self.copy..];
        (self.skip, self.literal, self.copy) = (0, 0, 0);
    }
}

struct Step<'a> {
    skip: usize,
    literal: &'a [u8],
    copy: usize,
}

impl Step<'_> {
    /// What is copied, after which `base` begins behind it.
    fn of<'b>(&self, base: &mut &'b [u8]) -> &'b [u8] {
        let (copied, rest) = base[self.skip..].split_at(self.copy);
        *base = rest;
        copied
    }
}

fn steps(mut delta: &[u8]) -> impl Iterator<Item = Step<'_>> {
    std::iter::from_fn(move || {
        if delta.is_empty() {
            return None;
        }
        let skip = get(&mut delta);
        let length = get(&mut delta);
        let literal = delta.split_off(..length)?;
        Some(Step { skip, literal, copy: get(&mut delta) })
    })
}

/// Appends a number as LEB128.
pub(super) fn put(mut number: usize, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Takes a number off the front.
pub(super) fn get(octets: &mut &[u8]) -> usize {
    let mut number = 0;
    for shift in (0..).step_by(7) {
        let Some(&octet) = octets.split_off_first() else { break };
        number |= usize::from(octet & 0x7f) << shift;
        if octet < 0x80 {
            break;
        }
    }
    number
}

#[cfg(test)]
mod tests {
    use bgp_wire::{
        Asn,
        attr::{AttrBuilder, Community},
    };
    use proptest::prelude::*;

    use super::*;

    fn check(base: &[u8], set: &[u8]) -> Vec<u8> {
        let (mut delta, mut made) = (Vec::new(), vec![7]);
        encode(base, set, &mut delta);
        apply(base, &delta, &mut made);
        assert_eq!(made.split_off(1), set);
        assert!(makes(base, &delta, set));
        delta
    }

    fn set(
        path: &[u32],
        med: Option<u32>,
        local_pref: Option<u32>,
        communities: &[u32],
    ) -> Vec<u8> {
        let mut edit = AttrBuilder::edit(&[]);
        let path: Vec<_> = path.iter().map(|asn| Asn(*asn)).collect();
        edit.replace_as_path(&path);
        edit.set_med(med);
        edit.set_local_pref(local_pref);
        let communities: Vec<_> = communities.iter().map(|c| Community(*c)).collect();
        edit.set_communities(&communities);
        let mut out = Vec::new();
        edit.finish(&mut out);
        out
    }

    #[test]
    fn what_changes_on_the_way_out_is_small() {
        let received = set(&[65001, 65002, 65003, 65004], Some(7), None, &[1, 2, 3, 4, 5]);
        let sent = set(&[65000, 65001, 65002, 65003, 65004], None, None, &[1, 2, 3, 4, 5]);
        let delta = check(&received, &sent);
        assert!(delta.len() < 20, "{delta:?}");
        assert!(check(&received, &received).len() < 8);
        assert!(!makes(&received, &delta, &received));
        assert!(!makes(&received, &delta, &sent[..sent.len() - 1]));
    }

    proptest! {
        #[test]
        fn any_set_is_made_of_any_other(
            a in (prop::collection::vec(any::<u32>(), 0..300), any::<Option<u32>>(), any::<Option<u32>>(), prop::collection::vec(any::<u32>(), 0..80)),
            b in (prop::collection::vec(any::<u32>(), 0..300), any::<Option<u32>>(), any::<Option<u32>>(), prop::collection::vec(any::<u32>(), 0..80)),
            noise in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            let a = set(&a.0, a.1, a.2, &a.3);
            let b = set(&b.0, b.1, b.2, &b.3);
            check(&a, &b);
            check(&a, &[]);
            check(&[], &b);
            check(&noise, &b);
            check(&a, &noise);
        }
    }
}
