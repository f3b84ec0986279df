//! Verdicts of RFC 7606 and the RFCs of the attributes.
//!
//! `verdicts.txt` has one attribute and one fault a line; `messages` what takes more than one
//! attribute; `collected` the cases of FRR's test suites.

mod collected;
mod golden;
mod messages;

use bgp_wire::{
    AttrOutcome, AttrScratch, AttrType, DecodeError, UpdateContext, UpdateView, attr,
    update::{self, findings},
};

/// What happens to an attribute, or to its message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Verdict {
    Keep,
    Gone,
    Discard,
    Withdraw,
    Reset,
}

type Attribute = (u8, u8, Vec<u8>);

fn ebgp() -> UpdateContext {
    UpdateContext::default()
}

fn ibgp() -> UpdateContext {
    UpdateContext { ebgp: false, ..ebgp() }
}

/// ORIGIN, AS_PATH and NEXT_HOP without fault.
fn mandatory(ctx: &UpdateContext) -> Vec<Attribute> {
    let path = if ctx.as4 { vec![2, 1, 0, 0, 0xfd, 0xe9] } else { vec![2, 1, 0xfd, 0xe9] };
    vec![(0x40, 1, vec![0]), (0x40, 2, path), (0x40, 3, vec![192, 0, 2, 1])]
}

/// Valid attributes with one of them, or another, replaced by `attribute`.
fn with(ctx: &UpdateContext, attribute: Attribute) -> Vec<Attribute> {
    let mut list = mandatory(ctx);
    list.retain(|(_, kind, _)| *kind != attribute.1);
    list.push(attribute);
    list
}

/// One attribute; Extended Length as `flags` say.
fn raw(attribute: &Attribute) -> Vec<u8> {
    let (flags, kind, value) = attribute;
    let length = (value.len() as u16).to_be_bytes();
    let length = if flags & 0x10 != 0 { &length[..] } else { &length[1..] };
    [&[*flags, *kind], length, value].concat()
}

fn body(list: &[Attribute], nlri: &[u8]) -> Vec<u8> {
    section(&list.iter().flat_map(raw).collect::<Vec<u8>>(), nlri)
}

/// A body without withdrawn routes.
fn section(attrs: &[u8], nlri: &[u8]) -> Vec<u8> {
    [&[0, 0], &(attrs.len() as u16).to_be_bytes()[..], attrs, nlri].concat()
}

/// What becomes of the attribute `kind`. That nothing faulty is kept, and that the findings say the
/// same, is asserted.
fn verdict(body: &[u8], ctx: &UpdateContext, kind: u8) -> (Verdict, Option<DecodeError>) {
    let worst = findings(body, ctx).first().map_or(update::Verdict::Note, |f| f.verdict);
    let view = match UpdateView::parse(body, ctx) {
        Ok(view) => view,
        Err(error) => {
            assert_eq!(worst, update::Verdict::Reset);
            return (Verdict::Reset, Some(error));
        }
    };
    let mut scratch = AttrScratch::default();
    match view.attrs(&mut scratch) {
        AttrOutcome::Ok { canonical, discarded, .. } => {
            let found = attr::find(canonical, AttrType(kind)).is_some();
            if discarded > 0 {
                assert_eq!((worst, found), (update::Verdict::Discard, false));
                return (Verdict::Discard, None);
            }
            assert_eq!(worst, update::Verdict::Note);
            (if found { Verdict::Keep } else { Verdict::Gone }, None)
        }
        AttrOutcome::TreatAsWithdraw(error) => {
            assert_eq!(worst, update::Verdict::TreatAsWithdraw);
            assert!(view.has_reach() || view.has_unreach() || kind == 15, "nothing to withdraw");
            (Verdict::Withdraw, Some(error))
        }
    }
}

/// Code, subcode and data of the NOTIFICATION for `error`, which is about `body`.
fn notification(body: &[u8], error: DecodeError) -> (u8, u8, Vec<u8>) {
    let length = (19 + body.len() as u16).to_be_bytes();
    let message = [&[0xff; 16], &length[..], &[2], body].concat();
    let n = error.notification(&message);
    (n.code, n.subcode, n.data.to_vec())
}

fn hex(text: &str) -> Vec<u8> {
    if text == "-" {
        return Vec::new();
    }
    assert!(text.len().is_multiple_of(2), "odd number of digits: {text}");
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
}
