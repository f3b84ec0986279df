//! The diagnostic walk against the receive path: on any bytes they agree.

use bgp_wire::{
    AttrOutcome, AttrScratch, DecodeErrorKind, FamilySet, HEADER_LEN, UpdateContext, UpdateView,
    update::{FindingKind, MpFault, Verdict, findings, message_findings},
};
use proptest::{collection::vec, prelude::*};

fn contexts() -> impl Strategy<Value = UpdateContext> {
    any::<[bool; 6]>().prop_map(|[as4, ebgp, confederation, aigp, only_v4, disable]| {
        UpdateContext {
            as4,
            ebgp,
            confederation,
            aigp,
            families: if only_v4 {
                FamilySet::IPV4_UNICAST
            } else {
                UpdateContext::default().families
            },
            mp_fault: if disable { MpFault::DisableFamily } else { MpFault::Reset },
            ..UpdateContext::default()
        }
    })
}

fn agree(body: &[u8], ctx: &UpdateContext) -> Result<(), TestCaseError> {
    let list = findings(body, ctx);
    let count = |verdict| list.iter().filter(|f| f.verdict == verdict).count();
    let first = list.first().map(|f| (f.verdict, f.error()));
    for finding in &list {
        prop_assert!(usize::from(finding.at) <= body.len() + HEADER_LEN, "{}", finding);
        prop_assert!(finding.to_string().starts_with("octet "));
        prop_assert!(finding.rfc.starts_with("RFC "));
        let is_fault = matches!(finding.kind, FindingKind::Fault(_));
        prop_assert!(!is_fault || finding.verdict > Verdict::Note);
        // Found by the walk, not only reported by the receive path.
        let is_list = finding.kind == FindingKind::Fault(DecodeErrorKind::MalformedAttributeList);
        let by_walk = finding.attr.is_some() || finding.rfc != "RFC 7606 section 3" || is_list;
        prop_assert!(by_walk, "{}", finding);
    }
    let rest = list.get(1..).unwrap_or_default();
    prop_assert!(rest.is_sorted_by_key(|f| (std::cmp::Reverse(f.verdict), f.at)));
    match UpdateView::parse(body, ctx) {
        Err(e) => prop_assert_eq!(first, Some((Verdict::Reset, Some(e)))),
        Ok(view) => {
            prop_assert_eq!(count(Verdict::Reset), 0, "{:?}", list);
            prop_assert_eq!(
                view.disabled_family().is_some(),
                count(Verdict::DisableFamily) > 0,
                "{:?}",
                list
            );
            match view.attrs(&mut AttrScratch::default()) {
                AttrOutcome::TreatAsWithdraw(e) => {
                    prop_assert_eq!(first, Some((Verdict::TreatAsWithdraw, Some(e))));
                }
                AttrOutcome::Ok { discarded, .. } => {
                    prop_assert_eq!(count(Verdict::TreatAsWithdraw), 0, "{:?}", list);
                    prop_assert_eq!(count(Verdict::Discard), usize::from(discarded));
                }
            }
        }
    }
    Ok(())
}

/// Values that are good, nearly good, or neither, for the attributes with a row.
fn value() -> impl Strategy<Value = (u8, u8, Vec<u8>)> {
    let kinds = prop_oneof![
        4 => prop::sample::select(vec![1u8, 2, 3, 4, 5, 6, 7, 8, 9, 10, 16, 17, 18, 22, 23, 25, 26, 29, 32, 35, 40]),
        2 => prop::sample::select(vec![1u8, 2, 3, 14, 15]),
        1 => any::<u8>(),
    ];
    let values = prop_oneof![
        Just(vec![]),
        Just(vec![0]),
        Just(vec![192, 0, 2, 1]),
        Just(vec![2, 1, 0, 0, 0, 1]),
        Just(vec![3, 1, 0, 0, 0, 1]),
        Just(vec![2, 1, 0, 1]),
        Just(vec![0, 0, 0, 1, 10, 0, 0, 1]),
        Just(vec![1, 0, 11, 0, 0, 0, 0, 0, 0, 0, 9]),
        Just(vec![0, 6, 0, 0, 0x10, 10, 0, 0, 1]),
        Just(vec![7; 20]),
        Just(vec![7; 24]),
        Just(vec![0, 2, 1]),
        Just(vec![0, 2, 1, 129]),
        Just(vec![0, 1, 1, 33]),
        Just(vec![0, 1, 1, 4, 224, 0, 0, 1, 0, 8, 10]),
        Just(vec![0, 2, 1, 17, 0xff, 0xff, 0xff]),
        Just([&[0u8, 2, 1, 16, 0x20, 1][..], &[0; 13], &[1, 0, 33, 0x20, 1, 0, 0, 0xff]].concat()),
        vec(any::<u8>(), 0..30),
    ];
    let flags = prop_oneof![
        6 => Just(None),
        1 => any::<u8>().prop_map(Some),
    ];
    (kinds, flags, values).prop_map(|(kind, flags, value)| {
        let row = bgp_wire::attr::table::row(bgp_wire::AttrType(kind));
        let right = row.map_or(0xc0, |row| row.class.flags());
        (flags.unwrap_or(right) & !0x10, kind, value)
    })
}

fn body(withdrawn: &[u8], list: &[(u8, u8, Vec<u8>)], tail: &[u8], nlri: &[u8]) -> Vec<u8> {
    let mut attrs = Vec::new();
    for (flags, kind, value) in list {
        attrs.extend_from_slice(&[*flags, *kind, value.len() as u8]);
        attrs.extend_from_slice(value);
    }
    attrs.extend_from_slice(tail);
    let mut out = (withdrawn.len() as u16).to_be_bytes().to_vec();
    out.extend_from_slice(withdrawn);
    out.extend_from_slice(&(attrs.len() as u16).to_be_bytes());
    out.extend_from_slice(&attrs);
    out.extend_from_slice(nlri);
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn on_likely_messages(
        ctx in contexts(),
        mandatory in prop_oneof![4 => Just(3usize), 1 => 0..3usize],
        list in vec(value(), 0..5),
        withdrawn in prop::sample::select(vec![&[][..], &[8, 11], &[33, 0]]),
        tail in prop::sample::select(vec![&[][..], &[], &[], &[0xc0, 8, 9]]),
        nlri in prop::sample::select(vec![&[][..], &[8, 10], &[17, 10, 0, 0xff], &[24, 1]]),
    ) {
        let first = [
            (0x40, 1, vec![0]),
            (0x40, 2, vec![2, 1, 0, 0, 0, 1]),
            (0x40, 3, vec![192, 0, 2, 1]),
        ];
        let list = [&first[..mandatory], &list].concat();
        agree(&body(withdrawn, &list, tail, nlri), &ctx)?;
    }

    #[test]
    fn on_any_bytes(ctx in contexts(), body in vec(any::<u8>(), 0..80)) {
        agree(&body, &ctx)?;
        for finding in message_findings(&body, &ctx) {
            prop_assert!(usize::from(finding.at) <= body.len());
        }
    }
}
