//! The attributes of a route on its way to a peer, in one pass.
//!
//! **For**: the export rules, once a set. **Sits**: under [`super::rules`], which decides that a route
//! is sent; the editor for arbitrary changes is [`bgp_wire::AttrBuilder`], this is the fixed part.
//! **How it works**: canonical attributes come in ascending type order, so what is dropped, changed or
//! added is done while copying. **Invariants**: canonical in, canonical out.
//! **Cost**: a copy of the bytes, no allocation.
//! **References**: RFC 4271 section 5.1, RFC 4456 section 8.

use std::net::Ipv4Addr;

use bgp_wire::{
    Asn, AttrType,
    attr::{Attr, attrs, flags},
};

/// AS_SEQUENCE (RFC 4271 section 4.3).
const SEQUENCE: u8 = 2;

/// For an external peer: `local_as` in front of AS_PATH, nothing that must not leave the AS.
pub(super) fn external(canonical: &[u8], local_as: Asn, keep_med: bool, out: &mut Vec<u8>) {
    let mut prepended = false;
    for attr in attrs(canonical) {
        if !prepended && attr.kind >= AttrType::AS_PATH {
            let path = if attr.kind == AttrType::AS_PATH { attr.value } else { &[] };
            prepend(path, local_as, out);
            prepended = true;
        }
        match attr.kind {
            AttrType::AS_PATH
            | AttrType::LOCAL_PREF
            | AttrType::ORIGINATOR_ID
            | AttrType::CLUSTER_LIST => {}
            AttrType::MED if !keep_med => {}
            _ => out.extend_from_slice(attr.raw),
        }
    }
    if !prepended {
        prepend(&[], local_as, out);
    }
}

/// What reflection adds.
#[derive(Copy, Clone, Debug)]
pub(super) struct Reflection {
    /// BGP Identifier of the peer the route came from.
    pub(super) originator: Ipv4Addr,
    pub(super) cluster_id: Ipv4Addr,
}

/// For an internal peer: LOCAL_PREF is there, and the marks of reflection if it is one.
pub(super) fn internal(
    canonical: &[u8],
    default_local_pref: u32,
    reflection: Option<Reflection>,
    out: &mut Vec<u8>,
) {
    let mut steps = [
        Some(AttrType::LOCAL_PREF),
        reflection.map(|_| AttrType::ORIGINATOR_ID),
        reflection.map(|_| AttrType::CLUSTER_LIST),
    ]
    .into_iter()
    .flatten()
    .peekable();
    let add = |kind: AttrType, found: Option<Attr<'_>>, out: &mut Vec<u8>| match (kind, reflection)
    {
        (AttrType::CLUSTER_LIST, Some(Reflection { cluster_id, .. })) => {
            let before = found.map_or(&[][..], |attr| attr.value);
            header(flags::OPTIONAL, kind, 4 + before.len(), out);
            out.extend_from_slice(&cluster_id.octets());
            out.extend_from_slice(before);
        }
        (AttrType::ORIGINATOR_ID, Some(Reflection { originator, .. })) if found.is_none() => {
            header(flags::OPTIONAL, kind, 4, out);
            out.extend_from_slice(&originator.octets());
        }
        (AttrType::LOCAL_PREF, _) if found.is_none() => {
            header(flags::TRANSITIVE, kind, 4, out);
            out.extend_from_slice(&default_local_pref.to_be_bytes());
        }
        _ => out.extend_from_slice(found.map_or(&[], |attr| attr.raw)),
    };
    for attr in attrs(canonical) {
        while let Some(kind) = steps.next_if(|kind| *kind < attr.kind) {
            add(kind, None, out);
        }
        match steps.next_if_eq(&attr.kind) {
            Some(kind) => add(kind, Some(attr), out),
            None => out.extend_from_slice(attr.raw),
        }
    }
    for kind in steps {
        add(kind, None, out);
    }
}

/// AS_PATH with `asn` in front of `path`; a full sequence gets a new one (RFC 4271 section 5.1.2).
fn prepend(path: &[u8], asn: Asn, out: &mut Vec<u8>) {
    let (count, rest) = match path {
        [SEQUENCE, count @ ..=254, rest @ ..] => (count + 1, rest),
        _ => (1, path),
    };
    header(flags::TRANSITIVE, AttrType::AS_PATH, 6 + rest.len(), out);
    out.extend_from_slice(&[SEQUENCE, count]);
    out.extend_from_slice(&asn.0.to_be_bytes());
    out.extend_from_slice(rest);
}

fn header(flag: u8, kind: AttrType, len: usize, out: &mut Vec<u8>) {
    if let Ok(short) = u8::try_from(len) {
        out.extend_from_slice(&[flag, kind.0, short]);
        return;
    }
    // Longer than 65,535 octets nothing is that came in a message; the size check refuses the rest.
    let [high, low] = u16::try_from(len).unwrap_or(u16::MAX).to_be_bytes();
    out.extend_from_slice(&[flag | flags::EXTENDED_LENGTH, kind.0, high, low]);
}

#[cfg(test)]
mod tests {
    use bgp_wire::{AttrBuilder, Community};
    use proptest::prelude::*;

    use super::*;

    prop_compose! {
        fn set()(
            path in prop::collection::vec(any::<u32>().prop_map(Asn), 0..300),
            med in any::<Option<u32>>(),
            local_pref in any::<Option<u32>>(),
            originator in any::<Option<[u8; 4]>>(),
            clusters in 0..70usize,
            communities in prop::collection::vec(any::<u32>().prop_map(Community), 0..4),
        ) -> Vec<u8> {
            let mut builder = AttrBuilder::new();
            builder.set_origin(0).replace_as_path(&path).set_med(med).set_local_pref(local_pref);
            builder.set_communities(&communities);
            if let Some(id) = originator {
                builder.set(AttrType::ORIGINATOR_ID, flags::OPTIONAL, &id);
            }
            if clusters > 0 {
                builder.set(AttrType::CLUSTER_LIST, flags::OPTIONAL, &vec![7; clusters * 4]);
            }
            let mut out = Vec::new();
            builder.finish(&mut out);
            out
        }
    }

    proptest! {
        /// The fixed rewriting equals the same changes made with the general editor.
        #[test]
        fn equals_the_editor(canonical in set(), keep_med: bool) {
            let mut expected = Vec::new();
            let mut edit = AttrBuilder::edit(&canonical);
            for kind in [AttrType::LOCAL_PREF, AttrType::ORIGINATOR_ID, AttrType::CLUSTER_LIST] {
                edit.remove(kind);
            }
            if !keep_med {
                edit.set_med(None);
            }
            edit.prepend(Asn(65000), 1).finish(&mut expected);
            let mut out = Vec::new();
            external(&canonical, Asn(65000), keep_med, &mut out);
            prop_assert_eq!(&out, &expected);

            let value = |kind| attrs(&canonical).find(|a| a.kind == kind).map(|a| a.value.to_vec());
            let mut expected = Vec::new();
            let mut edit = AttrBuilder::edit(&canonical);
            if value(AttrType::LOCAL_PREF).is_none() {
                edit.set_local_pref(Some(100));
            }
            let plain = edit.clone();
            if value(AttrType::ORIGINATOR_ID).is_none() {
                edit.set(AttrType::ORIGINATOR_ID, flags::OPTIONAL, &[1, 1, 1, 1]);
            }
            let mut clusters = vec![2; 4];
            clusters.extend(value(AttrType::CLUSTER_LIST).unwrap_or_default());
            edit.set(AttrType::CLUSTER_LIST, flags::OPTIONAL, &clusters).finish(&mut expected);
            let reflection = Reflection {
                originator: Ipv4Addr::new(1, 1, 1, 1),
                cluster_id: Ipv4Addr::new(2, 2, 2, 2),
            };
            out.clear();
            internal(&canonical, 100, Some(reflection), &mut out);
            prop_assert_eq!(&out, &expected);
            let mut expected = Vec::new();
            plain.clone().finish(&mut expected);
            out.clear();
            internal(&canonical, 100, None, &mut out);
            prop_assert_eq!(&out, &expected);
        }
    }
}
