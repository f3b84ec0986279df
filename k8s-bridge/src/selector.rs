//! Label selectors.
//!
//! **For**: everything that selects by label. **Sits**: used by the compiler. **How it works**: all of
//! `matchLabels` and all of `matchExpressions` must hold; an empty selector selects everything.
//! **References**: Kubernetes "Labels and Selectors", set-based requirements.

use std::collections::BTreeMap;

use crate::crd::{LabelRequirement, LabelSelector, SelectorOperator};

/// Labels of an object.
pub(crate) type Labels = BTreeMap<String, String>;

impl LabelSelector {
    /// Whether an object with these labels is selected.
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        let equal = self.match_labels.iter().flatten().all(|(k, v)| labels.get(k) == Some(v));
        equal && self.match_expressions.iter().all(|r| r.matches(labels))
    }
}

impl LabelRequirement {
    fn matches(&self, labels: &Labels) -> bool {
        let value = labels.get(&self.key);
        let listed = value.is_some_and(|v| self.values.contains(v));
        match self.operator {
            SelectorOperator::In => listed,
            // An absent label is in no list.
            SelectorOperator::NotIn => !listed,
            SelectorOperator::Exists => value.is_some(),
            SelectorOperator::DoesNotExist => value.is_none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selects(selector: &str, labels: &[(&str, &str)]) -> bool {
        let selector: LabelSelector = serde_json::from_str(selector).unwrap();
        let own = |(k, v): &(&str, &str)| (k.to_string(), v.to_string());
        selector.matches(&labels.iter().map(own).collect())
    }

    #[test]
    fn every_operator() {
        let requirement = |operator: &str, values: &str| {
            format!(
                r#"{{"matchExpressions":[{{"key":"a","operator":"{operator}","values":{values}}}]}}"#
            )
        };
        let one = [("a", "1")];
        assert!(selects("{}", &[]));
        assert!(selects(r#"{"matchLabels":{"a":"1"}}"#, &one));
        assert!(!selects(r#"{"matchLabels":{"a":"2"}}"#, &one));
        assert!(selects(&requirement("In", r#"["1","2"]"#), &one));
        assert!(!selects(&requirement("In", r#"["2"]"#), &one));
        assert!(!selects(&requirement("In", r#"["2"]"#), &[]));
        assert!(selects(&requirement("NotIn", r#"["2"]"#), &one));
        assert!(selects(&requirement("NotIn", r#"["2"]"#), &[]));
        assert!(!selects(&requirement("NotIn", r#"["1"]"#), &one));
        assert!(selects(&requirement("Exists", "[]"), &one));
        assert!(!selects(&requirement("Exists", "[]"), &[]));
        assert!(selects(&requirement("DoesNotExist", "[]"), &[]));
        assert!(!selects(&requirement("DoesNotExist", "[]"), &one));
    }
}
