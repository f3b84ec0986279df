//! What objects come to does not depend on the order in which they arrive.

use std::path::Path;

use k8s_bridge::{Compiled, Index, Stored, compile, manifest::load_dir};
use proptest::prelude::*;

/// Samples, the good ones among the broken, and contradictions.
fn objects() -> Vec<Stored> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = ["../config/samples/router", "../config/samples/fleet", "tests/contradictions"];
    let all: Vec<_> =
        folders.iter().flat_map(|folder| load_dir(&root.join(folder)).objects).collect();
    assert!(all.len() > 20, "only {} objects", all.len());
    all
}

fn compiled(objects: impl IntoIterator<Item = Stored>) -> Compiled {
    compile(&objects.into_iter().collect::<Index>(), "node-1")
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn order_does_not_matter(shuffled in Just(objects()).prop_shuffle()) {
        let result = compiled(shuffled);
        prop_assert_eq!(result.intent.validate(), vec![]);
        prop_assert_eq!(result, compiled(objects()));
    }

    /// Leaving objects out makes others dangle; the result is valid and every object has its verdict.
    #[test]
    fn any_part_of_the_objects_compiles(kept in proptest::sample::subsequence(objects(), 0..=objects().len())) {
        let ours = kept.iter().filter(|s| s.object.metadata().is_some()).count();
        let result = compiled(kept);
        prop_assert_eq!(result.intent.validate(), vec![]);
        prop_assert_eq!(result.verdicts.len(), ours);
    }
}
