//! The text of a path, the patterns over it and what is remembered of them.

use super::*;

fn text(path: &str) -> String {
    let value = AsPath::parse(path).unwrap();
    let mut out = String::new();
    write_path(AsPath::new(&value), &mut out);
    out
}

fn with_path(path: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let value = AsPath::parse(path).unwrap();
    AttrBuilder::edit(&base()).set(AttrType::AS_PATH, 0x40, &value).finish(&mut out);
    out
}

fn denies(expression: &str, path: &str) -> bool {
    let terms = vec![term("t", vec![pattern(expression)], Action::Deny)];
    run(&chain(terms, Disposition::Permit), v4("10.0.0.0/8"), &with_path(path)).is_none()
}

#[test]
fn the_text_is_numbers_and_brackets() {
    for (path, wanted) in [
        ("", ""),
        ("65001", "65001"),
        ("4200000000 1.5 7", "4200000000 65541 7"),
        // Where a sequence is broken into segments does not show.
        ("65001 | 65002", "65001 65002"),
        // A set has no order and counts a number once.
        ("65001 {65004 65003 65004}", "65001 {65003 65004}"),
        ("{9} {8 7}", "{9} {7 8}"),
        ("(65006 65005) [3 2] 1", "(65006 65005) [2 3] 1"),
    ] {
        assert_eq!(text(path), wanted);
    }
    let long = vec!["65001"; 600].join(" ");
    assert_eq!(text(&long), long);
}

#[test]
fn a_pattern_matches_a_part_unless_anchored() {
    for (expression, path, wanted) in [
        ("^$", "", true),
        ("^$", "65001", false),
        ("65001", "65001 65002", true),
        ("65001", "165001", true),
        ("^65001( |$)", "65001 65002", true),
        ("^65001( |$)", "650010 65002", false),
        (" 65002$", "65001 65002", true),
        (" 65002$", "65002 65001", false),
        (r"^(\d+)( \d+){2}$", "1 2 3", true),
        (r"^(\d+)( \d+){2}$", "1 2 3 4", false),
        (r"\{65003 65004\}$", "65001 {65004 65003}", true),
        (r"\{", "65001 65002", false),
        (r"^\(65005\)", "(65005) 65001", true),
        ("^(65001 )+65002$", "65001 65001 65001 65002", true),
        ("6500[1-3]|7", "65002", true),
        ("6500[1-3]|8", "65007", false),
        (r"\b7\b", "17 7 {9}", true),
        (r"\b7\b", "17 77 {9}", false),
    ] {
        assert_eq!(denies(expression, path), wanted, "/{expression}/ on {path:?}");
    }
}

#[test]
fn what_is_no_expression_or_too_large_is_refused() {
    for expression in ["(", "[", "*", "a{2,1}", r"(1)\1", r"\p{Greek}"] {
        let refused = AsPathPattern::new(expression).unwrap_err();
        assert!(matches!(refused, PatternError::Syntax(_)), "{expression}: {refused}");
    }
    let deep = ["(".repeat(40), ")".repeat(40)].concat();
    let long = "1".repeat(MAX_EXPRESSION + 1);
    for expression in ["([0-9]{1,1000}){1,1000}", &deep, &long] {
        assert_eq!(AsPathPattern::new(expression), Err(PatternError::TooLarge));
    }
}

#[test]
fn a_hostile_path_takes_a_hostile_pattern_no_time() {
    // Exponential for an engine that backtracks; a test that hangs fails.
    let path = vec!["1"; 4000].join(" ");
    assert!(!denies("^(1 ?)*(1 ?)*(1 ?)*2$", &path));
    assert!(denies("^(1 ?)*(1 ?)*(1 ?)*$", &path));
}

#[test]
fn answers_are_remembered_by_path_and_never_mixed_up() {
    // More paths than slots, short and too long to be kept, each pattern asked twice, two chains in
    // turn with one scratch.
    let patterns = ["^1 ", " 7$", r"^\d+ \d+$", "3"];
    let chains: Vec<_> = [&patterns[..2], &patterns[2..]]
        .map(|some| {
            let terms = some.iter().map(|p| term(p, vec![pattern(p)], Action::Deny)).collect();
            Compiled::new(&chain(terms, Disposition::Permit))
        })
        .into();
    let mut scratch = Scratch::default();
    let long = vec!["3"; 300].join(" ");
    let paths = (0..3000u32).map(|n| match n % 7 {
        0 => format!("1 {}{}", n + 1, if n % 2 == 0 { " 7" } else { "" }),
        1 => format!("{} {long}", n + 1),
        _ => format!("{} {}", n % 5 + 1, n / 5 + 1),
    });
    for path in paths {
        let canonical = with_path(&path);
        let summary = Summary::of(&canonical);
        for _ in 0..2 {
            for (compiled, some) in chains.iter().zip([&patterns[..2], &patterns[2..]]) {
                let outcome = compiled.eval(None, &canonical, &summary, LOCAL_AS, &mut scratch);
                let denied = matches!(outcome, Outcome::Deny { .. });
                let wanted = some.iter().any(|p| AsPathPattern::new(p).unwrap().is_match(&path));
                assert_eq!(denied, wanted, "{path}");
            }
        }
    }
}

#[test]
fn a_later_stage_sees_the_path_as_prepended() {
    let prepend = Set::Prepend { asn: None, count: 2 };
    let first = Policy {
        terms: vec![term("prepend", vec![pattern("^65001$")], Action::Permit(vec![prepend]))],
        default: Disposition::Deny,
    };
    let seen = vec![pattern("^65000 65000 65001$")];
    let second = Policy {
        terms: vec![term("seen", seen, Action::Permit(Vec::new()))],
        default: Disposition::Deny,
    };
    assert!(run(&Chain::new([first, second]), v4("10.0.0.0/8"), &base()).is_some());
}
