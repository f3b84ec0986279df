//! One attribute of any value, in a message that is otherwise good.
//!
//! What for: brings the fuzzer straight to the checks of each attribute type.
//! Where: the attribute table and its checks, the readers of canonical bytes.
//! How: octets of the input are context, type and flags; the rest is the value. ORIGIN, AS_PATH and
//! NEXT_HOP are added when the input is none of them.
//! Invariants: one attribute never resets a session that can be kept: not for a fault in its value;
//! what is kept is a fixed point.
//! References: RFC 7606 sections 3 and 7.

use bgp_wire::{AttrScratch, AttrType, AttrValue, UpdateContext, UpdateView};

use super::update;

/// Input: context, type, flags, value.
pub fn target(input: &[u8]) {
    let &[bits, kind, flags, ref value @ ..] = input else { return };
    if value.len() > 4000 {
        return;
    }
    let ctx = update::context(bits);
    typed(AttrType(kind), value, ctx.as4);
    let body = around(AttrType(kind), flags, value, ctx.as4);
    let Some(view) = update::parse(&body, &ctx) else { return };
    let mut scratch = AttrScratch::default();
    let Some(canonical) = update::judged(&view, &body, &mut scratch) else { return };
    let canonical = canonical.to_vec();
    let mut body = vec![0, 0];
    let length = u16::try_from(canonical.len() + 7).expect("bounded above");
    body.extend_from_slice(&length.to_be_bytes());
    body.extend_from_slice(&canonical);
    body.extend_from_slice(&[0x40, 3, 4, 192, 0, 2, 1, 8, 10]);
    let internal =
        UpdateContext { ebgp: false, confederation: true, aigp: true, ..UpdateContext::default() };
    let view = UpdateView::parse(&body, &internal).expect("canonical attributes are good");
    let mut scratch = AttrScratch::default();
    assert_eq!(update::judged(&view, &body, &mut scratch), Some(&canonical[..]));
    // A two-octet path doubles when it is widened.
    assert!(canonical.len() <= 2 * value.len() + 64);
}

/// The typed value gives the octets back, and so does its text; both ways to say whether it is good
/// agree as far as they look at the same.
fn typed(kind: AttrType, value: &[u8], as4: bool) {
    let Ok(decoded) = AttrValue::decode(kind, value, as4) else { return };
    let mut octets = Vec::new();
    decoded.put(&mut octets);
    assert_eq!(octets, value, "{kind}");
    let text = decoded.to_string();
    match AttrValue::parse_for(kind, &text, as4) {
        Ok(parsed) => assert_eq!(parsed, value, "{kind} shown as {text:?}"),
        Err(e) => panic!("{kind} shown as {text:?}: {e}"),
    }
}

/// An UPDATE body for 10.0.0.0/8 with the mandatory attributes and this one at its place.
fn around(kind: AttrType, flags: u8, value: &[u8], as4: bool) -> Vec<u8> {
    let mut section = Vec::new();
    let path: &[u8] = if as4 {
        &[2, 2, 0, 0, 0xfd, 0xe9, 0, 1, 0x11, 0x70]
    } else {
        &[2, 2, 0xfd, 0xe9, 0xfd, 0xea]
    };
    let good: [(AttrType, &[u8]); 3] = [
        (AttrType::ORIGIN, &[0]),
        (AttrType::AS_PATH, path),
        (AttrType::NEXT_HOP, &[192, 0, 2, 1]),
    ];
    for (good, value) in good.into_iter().filter(|(good, _)| *good != kind) {
        section.extend_from_slice(&[0x40, good.0, u8::try_from(value.len()).expect("short")]);
        section.extend_from_slice(value);
    }
    let length = u16::try_from(value.len()).expect("bounded by the caller").to_be_bytes();
    match u8::try_from(value.len()) {
        Ok(short) if flags & 0x10 == 0 => section.extend_from_slice(&[flags, kind.0, short]),
        _ => section.extend_from_slice(&[flags | 0x10, kind.0, length[0], length[1]]),
    }
    section.extend_from_slice(value);
    let mut body = vec![0, 0];
    body.extend_from_slice(&u16::try_from(section.len()).expect("bounded").to_be_bytes());
    body.extend_from_slice(&section);
    body.extend_from_slice(&[8, 10]);
    body
}
