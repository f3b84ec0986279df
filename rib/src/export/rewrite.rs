//! The attributes of a route on its way to a peer, in one pass.
//!
//! **For**: the export rules, once a set. **Sits**: under [`super::rules`], which decides that a route
//! is sent; the editor for arbitrary changes is [`bgp_wire::AttrBuilder`], this is the fixed part.
//! **How it works**: canonical attributes come in ascending type order, so what is dropped, changed or
//! added is done while copying. **Invariants**: canonical in, canonical out.
//! **Cost**: a copy of the bytes, no allocation.
//! **References**: RFC 4271 section 5.1, RFC 4456 section 8, RFC 6996, RFC 9234 section 5.

use std::{borrow::Cow, net::Ipv4Addr};

use bgp_wire::{
    AsPath, Asn, AttrType,
    attr::{Attr, attrs, flags},
};

use super::PrivateAs;

/// AS_SEQUENCE (RFC 4271 section 4.3).
const SEQUENCE: u8 = 2;

/// What changes on the way to an external peer.
#[derive(Copy, Clone, Debug)]
pub(super) struct External {
    /// Goes in front of AS_PATH.
    pub(super) local_as: Asn,
    /// Goes between the two.
    pub(super) second_as: Option<Asn>,
    pub(super) private_as: Option<PrivateAs>,
    /// MULTI_EXIT_DISC is meant for the receiver.
    pub(super) keep_med: bool,
    /// ONLY_TO_CUSTOMER is added with our AS where it is missing.
    pub(super) attach_otc: bool,
}

/// For an external peer: our AS in front of AS_PATH, nothing that must not leave the AS.
pub(super) fn external(canonical: &[u8], to: &External, out: &mut Vec<u8>) {
    let mut prepended = false;
    let mut attach = to.attach_otc;
    for attr in attrs(canonical) {
        if !prepended && attr.kind >= AttrType::AS_PATH {
            to.path(if attr.kind == AttrType::AS_PATH { attr.value } else { &[] }, out);
            prepended = true;
        }
        if attach && attr.kind >= AttrType::ONLY_TO_CUSTOMER {
            attach = false;
            if attr.kind != AttrType::ONLY_TO_CUSTOMER {
                to.only_to_customer(out);
            }
        }
        match attr.kind {
            AttrType::AS_PATH
            | AttrType::LOCAL_PREF
            | AttrType::ORIGINATOR_ID
            | AttrType::CLUSTER_LIST => {}
            AttrType::MED if !to.keep_med => {}
            _ => out.extend_from_slice(attr.raw),
        }
    }
    if !prepended {
        to.path(&[], out);
    }
    if attach {
        to.only_to_customer(out);
    }
}

impl External {
    fn path(&self, path: &[u8], out: &mut Vec<u8>) {
        let mut path = Cow::Borrowed(path);
        if let Some(rule) = self.private_as {
            path = Cow::Owned(self.without_private(&path, rule));
        }
        if let Some(second) = self.second_as {
            let (head, rest) = in_front(&path, second);
            path = Cow::Owned([&head, rest].concat());
        }
        prepend(&path, self.local_as, out);
    }

    fn without_private(&self, path: &[u8], rule: PrivateAs) -> Vec<u8> {
        let mut kept = Vec::with_capacity(path.len());
        for segment in AsPath::new(path).segments() {
            let ours = |asn| asn == self.local_as || Some(asn) == self.second_as;
            let before = kept.len();
            kept.extend_from_slice(&[segment.kind.0, 0]);
            let mut count = 0u8;
            for asn in segment.asns() {
                let stays = !asn.is_private() || ours(asn) || Some(asn) == rule.keep;
                if let Some(asn) = if stays { Some(asn) } else { rule.replace } {
                    kept.extend_from_slice(&asn.0.to_be_bytes());
                    count += 1;
                }
            }
            match count {
                0 => kept.truncate(before),
                _ => kept[before + 1] = count,
            }
        }
        kept
    }

    fn only_to_customer(&self, out: &mut Vec<u8>) {
        header(flags::OPTIONAL | flags::TRANSITIVE, AttrType::ONLY_TO_CUSTOMER, 4, out);
        out.extend_from_slice(&self.local_as.0.to_be_bytes());
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

/// AS_PATH with `asn` in front of `path`.
fn prepend(path: &[u8], asn: Asn, out: &mut Vec<u8>) {
    let (head, rest) = in_front(path, asn);
    header(flags::TRANSITIVE, AttrType::AS_PATH, head.len() + rest.len(), out);
    out.extend_from_slice(&head);
    out.extend_from_slice(rest);
}

/// What a path with `asn` in front begins with, and what follows of the old one; a full sequence gets
/// a new one (RFC 4271 section 5.1.2).
fn in_front(path: &[u8], asn: Asn) -> ([u8; 6], &[u8]) {
    let (count, rest) = match path {
        [SEQUENCE, count @ ..=254, rest @ ..] => (count + 1, rest),
        _ => (1, path),
    };
    let [a, b, c, d] = asn.0.to_be_bytes();
    ([SEQUENCE, count, a, b, c, d], rest)
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
            otc in any::<Option<u32>>(),
            late: bool,
        ) -> Vec<u8> {
            let mut builder = AttrBuilder::new();
            builder.set_origin(0).replace_as_path(&path).set_med(med).set_local_pref(local_pref);
            builder.set_communities(&communities).set_only_to_customer(otc.map(Asn));
            if late {
                builder.set(AttrType(200), flags::OPTIONAL | flags::TRANSITIVE, &[1]);
            }
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
        fn equals_the_editor(
            canonical in set(),
            keep_med: bool,
            second: Option<u32>,
            attach_otc: bool,
        ) {
            let mut expected = Vec::new();
            let mut edit = AttrBuilder::edit(&canonical);
            for kind in [AttrType::LOCAL_PREF, AttrType::ORIGINATOR_ID, AttrType::CLUSTER_LIST] {
                edit.remove(kind);
            }
            if !keep_med {
                edit.set_med(None);
            }
            if let Some(second) = second {
                edit.prepend(Asn(second), 1);
            }
            if attach_otc && edit.value(AttrType::ONLY_TO_CUSTOMER).is_none() {
                edit.set_only_to_customer(Some(Asn(65000)));
            }
            edit.prepend(Asn(65000), 1).finish(&mut expected);
            let mut out = Vec::new();
            let to = External {
                local_as: Asn(65000),
                second_as: second.map(Asn),
                private_as: None,
                keep_med,
                attach_otc,
            };
            external(&canonical, &to, &mut out);
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
