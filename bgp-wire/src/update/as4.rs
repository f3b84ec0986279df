//! Two-octet AS paths: widening what an old speaker sends, narrowing what it is sent.
//!
//! What for: keeping four-octet paths whole across speakers that know only two octets.
//! Where: the canonicaliser merges on the way in, the packer narrows on the way out.
//! How: RFC 6793: numbers that do not fit become AS_TRANS, and AS4_PATH carries the real path; on
//! the way back the tail of AS_PATH that AS4_PATH covers is replaced by it.
//! Invariants: inputs are valid paths (`as_path::validate`).
//! References: RFC 6793 sections 4.2.2, 4.2.3 and 6.
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        clippy::arithmetic_side_effects
    )
)]

use crate::{
    asn::Asn,
    attr::{AsPath, Segment, SegmentType, as_path::MAX_SEGMENT},
};

/// Appends the four-octet path that `as_path` (two-octet) and AS4_PATH describe together.
pub(super) fn merge(as_path: &[u8], as4_path: Option<&[u8]>, out: &mut Vec<u8>) {
    let mut path = PathWriter { out, last: None };
    let old_len: usize = narrow_segments(as_path).map(|(kind, n)| path_len(kind, n.len())).sum();
    let as4 = AsPath::new(as4_path.unwrap_or_default());
    let new_len = as4.len();
    // An AS4_PATH longer than the path is bogus and is ignored.
    let (mut lead, as4) = match old_len.checked_sub(new_len) {
        Some(lead) if new_len > 0 => (lead, as4),
        _ => (usize::MAX, AsPath::default()),
    };
    for (kind, numbers) in narrow_segments(as_path) {
        // Confederation segments count nothing, and come along when they lead or follow a segment
        // that came along whole.
        if lead == 0 && is_plain(kind) {
            break;
        }
        let taken =
            if kind == SegmentType::SEQUENCE { numbers.len().min(lead) } else { numbers.len() };
        let head = numbers.iter().take(taken).map(|n| Asn::from(u16::from_be_bytes(*n)));
        path.put(kind, head, false);
        if taken < numbers.len() {
            break;
        }
        lead = lead.saturating_sub(path_len(kind, taken));
    }
    // Confederation segments must not be in AS4_PATH; they are dropped.
    let mut join = true;
    for segment in as4.segments().filter(|s| is_plain(s.kind)) {
        path.put(segment.kind, segment.asns(), join);
        join = false;
    }
}

/// Appends the two-octet form of a path; true when some number did not fit, so that AS4_PATH must
/// go with it.
pub(super) fn narrow(path: AsPath<'_>, out: &mut Vec<u8>) -> bool {
    let mut lossy = false;
    for segment in path.segments() {
        out.extend_from_slice(&[segment.kind.0, count_octet(&segment)]);
        for asn in segment.asns() {
            lossy |= asn.is_four_octet();
            out.extend_from_slice(&asn.to_two_octets().to_be_bytes());
        }
    }
    lossy
}

/// Appends the value of AS4_PATH: the path without confederation segments (RFC 6793 section 4.2.2).
pub(super) fn as4_path(path: AsPath<'_>, out: &mut Vec<u8>) {
    for segment in path.segments().filter(|s| is_plain(s.kind)) {
        out.extend_from_slice(&[segment.kind.0, count_octet(&segment)]);
        segment.asns().for_each(|asn| out.extend_from_slice(&asn.0.to_be_bytes()));
    }
}

fn count_octet(segment: &Segment<'_>) -> u8 {
    u8::try_from(segment.count()).unwrap_or(u8::MAX)
}

fn is_plain(kind: SegmentType) -> bool {
    matches!(kind, SegmentType::SET | SegmentType::SEQUENCE)
}

fn path_len(kind: SegmentType, count: usize) -> usize {
    match kind {
        SegmentType::SEQUENCE => count,
        SegmentType::SET => 1,
        _ => 0,
    }
}

/// The segments of a two-octet path.
fn narrow_segments(path: &[u8]) -> impl Iterator<Item = (SegmentType, &[[u8; 2]])> {
    let mut rest = path;
    std::iter::from_fn(move || {
        let (&[kind, count], tail) = rest.split_first_chunk::<2>()?;
        let (numbers, tail) = tail.split_at_checked(usize::from(count).saturating_mul(2))?;
        rest = tail;
        Some((SegmentType(kind), numbers.as_chunks().0))
    })
}

/// Writes segments.
struct PathWriter<'o> {
    out: &'o mut Vec<u8>,
    /// Where the last segment's count octet is, and the count, if it is a sequence.
    last: Option<(usize, u8)>,
}

impl PathWriter<'_> {
    /// Appends a segment. With `join` a sequence goes into the sequence before it if there is room,
    /// so that a path cut in two and put together is again the path it was.
    fn put(&mut self, kind: SegmentType, numbers: impl ExactSizeIterator<Item = Asn>, join: bool) {
        let joined = self.last.filter(|(_, count)| {
            join && kind == SegmentType::SEQUENCE
                && usize::from(*count).saturating_add(numbers.len()) <= MAX_SEGMENT
        });
        let (at, mut count) = joined.unwrap_or_else(|| {
            self.out.extend_from_slice(&[kind.0, 0]);
            (self.out.len().saturating_sub(1), 0)
        });
        for asn in numbers {
            self.out.extend_from_slice(&asn.0.to_be_bytes());
            count = count.saturating_add(1);
        }
        if let Some(octet) = self.out.get_mut(at) {
            *octet = count;
        }
        self.last = (kind == SegmentType::SEQUENCE).then_some((at, count));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn narrow_path(segments: &[(u8, &[u16])]) -> Vec<u8> {
        let mut out = Vec::new();
        for (kind, numbers) in segments {
            out.extend_from_slice(&[*kind, numbers.len() as u8]);
            numbers.iter().for_each(|n| out.extend_from_slice(&n.to_be_bytes()));
        }
        out
    }

    fn wide_path(segments: &[(u8, &[u32])]) -> Vec<u8> {
        let mut out = Vec::new();
        for (kind, numbers) in segments {
            out.extend_from_slice(&[*kind, numbers.len() as u8]);
            numbers.iter().for_each(|n| out.extend_from_slice(&n.to_be_bytes()));
        }
        out
    }

    fn merged(as_path: &[(u8, &[u16])], as4: &[(u8, &[u32])]) -> String {
        let mut out = Vec::new();
        let as4 = (!as4.is_empty()).then(|| wide_path(as4));
        merge(&narrow_path(as_path), as4.as_deref(), &mut out);
        assert!(crate::attr::as_path::validate::<4>(&out, true));
        AsPath::new(&out).to_string()
    }

    /// The rules of RFC 6793 section 4.2.3 one by one.
    #[test]
    fn merging() {
        assert_eq!(merged(&[(2, &[1, 2])], &[]), "1 2");
        assert_eq!(merged(&[(2, &[1, 23456, 3])], &[(2, &[70000, 3])]), "1 70000 3");
        assert_eq!(merged(&[(2, &[23456])], &[(2, &[70000])]), "70000");
        // AS4_PATH longer than AS_PATH: ignored.
        assert_eq!(merged(&[(2, &[23456])], &[(2, &[70000, 3])]), "23456");
        // A set counts one on both sides.
        assert_eq!(
            merged(&[(2, &[1, 23456]), (1, &[5, 6])], &[(2, &[70000]), (1, &[5, 70001])]),
            "1 70000 {5 70001}"
        );
        assert_eq!(merged(&[(1, &[5, 6]), (2, &[23456])], &[(2, &[70000])]), "{5 6} 70000");
        // Confederation segments in AS4_PATH are dropped.
        assert_eq!(merged(&[(2, &[1, 23456])], &[(3, &[9]), (2, &[70000])]), "1 70000");
        assert_eq!(merged(&[(2, &[1, 2])], &[(3, &[9])]), "1 2");
        // Those of AS_PATH stay if they lead or follow what stays.
        assert_eq!(merged(&[(3, &[9]), (2, &[23456])], &[(2, &[70000])]), "(9) 70000");
        assert_eq!(merged(&[(3, &[9]), (4, &[8]), (2, &[23456])], &[(2, &[7])]), "(9) [8] 7");
        assert_eq!(
            merged(&[(2, &[1]), (3, &[9]), (2, &[23456, 2])], &[(2, &[70000, 2])]),
            "1 (9) 70000 2"
        );
        assert_eq!(merged(&[(2, &[1, 23456]), (3, &[9])], &[(2, &[70000])]), "1 70000");
    }

    #[test]
    fn joined_sequences_do_not_overflow() {
        let tail: Vec<u32> = (70000..70100).collect();
        let mut narrow: Vec<u16> = (1..=200).collect();
        narrow.extend([23456; 55]);
        let rest = [23456u16; 45];
        let text = merged(&[(2, &narrow), (2, &rest)], &[(2, &tail)]);
        // A bar shows that the first sequence ends before it is full.
        assert_eq!(text.split(' ').filter(|word| *word != "|").count(), 300);
        assert!(text.starts_with("1 2 3 ") && text.ends_with(" 70099"));
    }

    #[test]
    fn narrow_and_merge_is_identity() {
        let wide = wide_path(&[(2, &[1, 70000, 3]), (1, &[4, 70001]), (2, &[5])]);
        let (mut two, mut four, mut back) = (Vec::new(), Vec::new(), Vec::new());
        assert!(narrow(AsPath::new(&wide), &mut two));
        as4_path(AsPath::new(&wide), &mut four);
        merge(&two, Some(&four), &mut back);
        assert_eq!(back, wide);
        assert!(!narrow(AsPath::new(&wide_path(&[(2, &[65535])])), &mut two));
    }
}
