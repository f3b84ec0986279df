//! Flags that deserve a look.
//!
//! References: RFC 4271 section 4.3.

use bgp_wire::attr::{flags, table};

use super::message::Attribute;

/// The flags of an attribute, when they are not what its RFC says or have Partial or unused bits
/// set; `None` for unknown attributes, whose flags are always shown.
pub(crate) fn odd_flags(attr: &Attribute<'_>) -> Option<String> {
    let usual = table::row(attr.kind)?.class.flags();
    (attr.flags & !flags::EXTENDED_LENGTH != usual).then(|| format!("{:#04x}", attr.flags))
}
