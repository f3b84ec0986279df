//! The findings about a message, held against what the receive path does with it.
//!
//! What for: tools show findings; they must not say other than what a speaker does.
//! Where: `findings` and `message_findings` beside `UpdateView`.
//! How: the first octet is the session's context, the rest the body of an UPDATE.
//! Invariants: the receive path resets a session exactly when there is a finding that says so, with the
//! same fault; it withdraws only if a finding says so; findings point inside the message and are no more
//! than a multiple of its length.
//! References: RFC 7606 sections 2 to 7.

use bgp_wire::{
    AttrOutcome, AttrScratch, FindingKind, HEADER_LEN, UpdateView, Verdict, findings,
    message_findings,
};

use super::update;

/// Input: an octet of context, then the body.
pub fn target(input: &[u8]) {
    let Some((&bits, body)) = input.split_first() else { return };
    let mut ctx = update::context(bits);
    ctx.families = update::every_family();
    let list = findings(body, &ctx);
    assert!(list.len() <= 8 + 4 * body.len(), "{} findings", list.len());
    for finding in &list {
        assert!(usize::from(finding.at) <= HEADER_LEN + body.len());
        assert!(!finding.to_string().is_empty() && finding.rfc.starts_with("RFC "));
    }
    let says = |verdict, fault| {
        list.iter().any(|f| f.verdict == verdict && f.kind == FindingKind::Fault(fault))
    };
    match UpdateView::parse(body, &ctx) {
        Err(e) => assert!(says(Verdict::Reset, e.kind), "{e}: {list:?}"),
        Ok(view) => {
            assert!(list.iter().all(|f| f.verdict != Verdict::Reset), "{list:?}");
            if let AttrOutcome::TreatAsWithdraw(e) = view.attrs(&mut AttrScratch::default()) {
                assert!(says(Verdict::TreatAsWithdraw, e.kind), "{e}: {list:?}");
            } else {
                assert!(list.iter().all(|f| f.verdict != Verdict::TreatAsWithdraw), "{list:?}");
            }
        }
    }
    if let Ok(length) = u16::try_from(HEADER_LEN + body.len()) {
        let message = [&[0xff; 16][..], &length.to_be_bytes(), &[2], body].concat();
        assert!(message_findings(&message, &ctx).len() >= list.len());
    }
}
