//! Keys of labelled and VPN routes; their labels are the rest.
//!
//! A label is three octets of rest, as it came. A route that has lost its labels cannot be announced,
//! so an empty rest is the form for a withdrawal.
//!
//! References: RFC 8277 section 2, RFC 4364 section 4.3.4, RFC 4659 section 3.2.

use std::{fmt, str::FromStr};

use bgp_wire::{
    Label, LabelStack, Labeled, NlriPrefix, ParseError, Prefix, RouteDistinguisher, V4Prefix,
    V6Prefix, Vpn,
};

use super::{TableFamily, in_tables};
use crate::table::{Table, Tables};

/// The key of a labelled route: the prefix.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct LabeledKey<P>(pub P);

/// The key of a VPN route, shown as `65001:100:192.0.2.0/24`.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct VpnKey<P> {
    /// The route distinguisher.
    pub rd: RouteDistinguisher,
    /// The prefix.
    pub prefix: P,
}

const _: () = assert!(size_of::<VpnKey<V4Prefix>>() == 16);
const _: () = assert!(size_of::<VpnKey<V6Prefix>>() == 25);

fn put(labels: &LabelStack, rest: &mut Vec<u8>) {
    rest.extend(labels.iter().flat_map(Label::to_bytes));
}

/// The stack, as it was before [`put`].
pub(super) fn stack(rest: &[u8]) -> LabelStack {
    let (labels, _) = rest.as_chunks::<3>();
    match labels {
        [only] if only[2] & 1 == 1 => LabelStack::single(Label::from_bytes(*only)),
        labels => {
            let labels: smallvec::SmallVec<[Label; 4]> =
                labels.iter().map(|octets| Label::from_bytes(*octets)).collect();
            LabelStack::new(&labels).unwrap_or_default()
        }
    }
}

macro_rules! labelled {
    ($key:ty, $wire:ty, $index:expr, $field:ident, $prefix:path) => {
        impl TableFamily for $key {
            const INDEX: usize = $index;
            const HAS_REST: bool = true;
            type Wire = $wire;

            #[inline]
            fn split(route: &$wire, rest: &mut Vec<u8>) -> Option<Self> {
                put(route.labels(), rest);
                Some(Self::of(route))
            }

            #[inline]
            fn join(self, rest: &[u8]) -> $wire {
                self.with(stack(rest)).unwrap_or_else(|| {
                    self.with(LabelStack::EMPTY).expect("one label fits before any prefix")
                })
            }

            #[inline]
            fn prefix(&self) -> Option<Prefix> {
                Some($prefix(self.ip()))
            }

            in_tables!($field);
        }
    };
}

labelled!(LabeledKey<V4Prefix>, Labeled<V4Prefix>, 2, labeled_v4, Prefix::V4);
labelled!(LabeledKey<V6Prefix>, Labeled<V6Prefix>, 3, labeled_v6, Prefix::V6);
labelled!(VpnKey<V4Prefix>, Vpn<V4Prefix>, 4, vpn_v4, Prefix::V4);
labelled!(VpnKey<V6Prefix>, Vpn<V6Prefix>, 5, vpn_v6, Prefix::V6);

impl<P: NlriPrefix> LabeledKey<P> {
    fn of(route: &Labeled<P>) -> Self {
        Self(route.key())
    }

    fn with(self, labels: LabelStack) -> Option<Labeled<P>> {
        Labeled::new(labels, self.0)
    }

    fn ip(&self) -> P {
        self.0
    }
}

impl<P: NlriPrefix> VpnKey<P> {
    fn of(route: &Vpn<P>) -> Self {
        let (rd, prefix) = route.key();
        Self { rd, prefix }
    }

    fn with(self, labels: LabelStack) -> Option<Vpn<P>> {
        Vpn::new(labels, self.rd, self.prefix)
    }

    fn ip(&self) -> P {
        self.prefix
    }
}

impl<P: fmt::Display> fmt::Display for LabeledKey<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<P: fmt::Display> fmt::Debug for LabeledKey<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<P: fmt::Display> fmt::Display for VpnKey<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.rd, self.prefix)
    }
}

impl<P: fmt::Display> fmt::Debug for VpnKey<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<P: NlriPrefix + FromStr<Err = ParseError>> FromStr for LabeledKey<P> {
    type Err = ParseError;

    fn from_str(s: &str) -> Result<Self, ParseError> {
        s.parse::<Labeled<P>>().map(|route| Self::of(&route))
    }
}

impl<P: NlriPrefix + FromStr<Err = ParseError>> FromStr for VpnKey<P> {
    type Err = ParseError;

    /// `65001:100:192.0.2.0/24`.
    fn from_str(s: &str) -> Result<Self, ParseError> {
        s.parse::<Vpn<P>>().map(|route| Self::of(&route))
    }
}
