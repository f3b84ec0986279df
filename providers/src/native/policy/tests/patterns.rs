//! The pattern language of intent and the table's engine agree.

use super::super::*;

#[test]
fn what_intent_accepts_the_table_accepts_and_reads_alike() {
    use intent::AsPathExtent::{Contains, Full};
    let large = ["_".repeat(60), vec!["4200000000"; 23].join("|"), "(1 ){1,100}".to_owned()];
    let plain = ["", "^$", "_65001_", "^65001( |$)", r"\{", "(1|2) 3", "[0-9]+ 7$", r"\b7\b"];
    let paths = ["", "65001", "165001", "65001 7", "1 3", "2 {3 4}", "17 7", "7", "1 1 1 1"];
    let mut seen = [0; 2];
    for pattern in plain.into_iter().chain(large.iter().map(String::as_str)) {
        for extent in [Contains, Full] {
            let checked = intent::AsPathPattern::new(pattern, extent).unwrap();
            let engine = ir::AsPathPattern::new(checked.expression()).unwrap();
            for path in paths {
                let wanted = checked.is_match(path);
                assert_eq!(engine.is_match(path), wanted, "{checked} on {path:?}");
                seen[usize::from(wanted)] += 1;
            }
        }
    }
    assert!(seen.iter().all(|n| *n > 20), "{seen:?}");
}

#[test]
fn both_have_the_same_bounds() {
    // The largest pattern of this kind that intent takes, the table takes too; the next neither.
    let of = |n: u32| format!("([0-9]{{1,{n}}} ){{1,20}}");
    let takes = |n: u32| intent::AsPathPattern::new(&of(n), intent::AsPathExtent::Contains).is_ok();
    let largest = (1..1000).take_while(|n| takes(*n)).last().unwrap();
    assert!((5..999).contains(&largest), "{largest}");
    assert!(ir::AsPathPattern::new(&of(largest)).is_ok());
    assert_eq!(ir::AsPathPattern::new(&of(largest + 1)), Err(ir::PatternError::TooLarge));
    let nested = |n: usize| ["(".repeat(n), ")".repeat(n)].concat();
    let takes = |n| intent::AsPathPattern::new(&nested(n), intent::AsPathExtent::Contains).is_ok();
    let deepest = (1..100).take_while(|n| takes(*n)).last().unwrap();
    assert!(ir::AsPathPattern::new(&nested(deepest)).is_ok());
    assert!(ir::AsPathPattern::new(&nested(deepest + 1)).is_err());
}

#[test]
fn equal_chains_are_converted_once() {
    let chain = || intent::PolicyChain(vec![intent::Policy::deny_all("none")]);
    let (a, b, other) = (chain(), chain(), intent::PolicyChain::default());
    let mut chains = Chains::default();
    let first = chains.of(&a).unwrap();
    assert!(Arc::ptr_eq(&first, &chains.of(&b).unwrap()));
    assert!(!Arc::ptr_eq(&first, &chains.of(&other).unwrap()));
}
