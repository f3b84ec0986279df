//! Properties of attribute values: what is decoded is put back as it was, its text reads back to the
//! same octets, and no octets and no text make a view panic.

use bgp_wire::{AttrType, AttrValue};
use proptest::{collection::vec, prelude::*};

use crate::arb_attr;

proptest! {
    #[test]
    fn values_and_texts_are_the_same((kind, value, as4) in arb_attr::attribute()) {
        let decoded = AttrValue::decode(kind, &value, as4);
        prop_assert!(decoded.is_ok(), "{decoded:?}");
        let decoded = decoded.unwrap();
        prop_assert_eq!(decoded.kind(), kind);
        let mut again = Vec::new();
        decoded.put(&mut again);
        prop_assert_eq!(&again, &value);
        let text = decoded.to_string();
        let parsed = AttrValue::parse_for(kind, &text, as4);
        prop_assert_eq!(parsed.as_ref(), Ok(&value), "{}", text);
        prop_assert_eq!(AttrValue::decode(kind, &parsed.unwrap(), as4).unwrap().to_string(), text);
    }

    /// Whatever octets pass for a value have a text, and it reads back to them.
    #[test]
    fn any_octets(kind in 1u8..45, value in vec(any::<u8>(), 0..80), as4 in any::<bool>()) {
        let kind = AttrType(kind);
        if let Ok(decoded) = AttrValue::decode(kind, &value, as4) {
            let text = decoded.to_string();
            prop_assert_eq!(AttrValue::parse_for(kind, &text, as4), Ok(value), "{}", text);
        }
    }

    /// A valid value with octets changed or cut off: decoded or refused, and if decoded, exact.
    #[test]
    fn damaged_values(
        (kind, mut value, as4) in arb_attr::attribute(),
        change in any::<(prop::sample::Index, u8)>(),
        cut in any::<prop::sample::Index>(),
    ) {
        if !value.is_empty() {
            let at = change.0.index(value.len());
            value[at] = change.1;
            if change.1.is_multiple_of(4) {
                value.truncate(cut.index(value.len()));
            }
        }
        if let Ok(decoded) = AttrValue::decode(kind, &value, as4) {
            let text = decoded.to_string();
            prop_assert_eq!(AttrValue::parse_for(kind, &text, as4), Ok(value), "{}", text);
        }
    }

    #[test]
    fn any_text(kind in 1u8..45, text in "[a-z0-9:./=\\[\\]{}()| -]{0,60}") {
        let kind = AttrType(kind);
        if let Ok(value) = AttrValue::parse(kind, &text) {
            prop_assert!(AttrValue::decode(kind, &value, true).is_ok());
        }
    }
}
