//! Attributes and sessions in the words that people and scripts read.
//!
//! Pure: from canonical attribute bytes (here) and session snapshots (`peer`) to [`crate::view`]
//! structs.

mod nlri;
mod peer;

use std::net::Ipv4Addr;

use bgp_wire::attr::{AsPath, AttrType, Community, ExtCommunity, LargeCommunity, attrs, origin};
use bgp_wire::{Asn, NextHop};

pub(crate) use self::nlri::{Shown, nlri};
pub(crate) use self::peer::peer;
use crate::view::AttributesView;

/// Text forms of an attribute set; `scope` is the interface of a link-local next hop.
pub(crate) fn attributes(
    canonical: &[u8],
    next_hop: &NextHop,
    scope: Option<&str>,
) -> AttributesView {
    let mut view = AttributesView {
        next_hop: match scope {
            Some(scope) => format!("{next_hop}%{scope}"),
            None => next_hop.to_string(),
        },
        as_path: AsPath::of(canonical).to_string(),
        communities: Community::of(canonical).map(|c| c.to_string()).collect(),
        ext_communities: ExtCommunity::of(canonical).map(|c| c.to_string()).collect(),
        large_communities: LargeCommunity::of(canonical).map(|c| c.to_string()).collect(),
        ..AttributesView::default()
    };
    for attr in attrs(canonical) {
        let value = attr.value;
        match attr.kind {
            AttrType::ORIGIN => {
                view.origin = value.first().map_or("incomplete", |o| origin::name(*o)).to_owned();
            }
            AttrType::MED => view.med = number(value),
            AttrType::LOCAL_PREF => view.local_pref = number(value),
            AttrType::ATOMIC_AGGREGATE => view.atomic_aggregate = true,
            AttrType::AGGREGATOR => {
                let asn = value.first_chunk().map(|b| Asn(u32::from_be_bytes(*b)));
                let address = value.get(4..).and_then(address);
                if let (Some(asn), Some(address)) = (asn, address) {
                    view.aggregator = Some(format!("{asn} {address}"));
                }
            }
            AttrType::ORIGINATOR_ID => view.originator_id = address(value),
            AttrType::CLUSTER_LIST => {
                view.cluster_list = value.chunks_exact(4).filter_map(address).collect();
            }
            AttrType::AS_PATH
            | AttrType::COMMUNITIES
            | AttrType::EXT_COMMUNITIES
            | AttrType::LARGE_COMMUNITIES => {}
            AttrType(kind) => {
                let hex: String = value.iter().map(|b| format!("{b:02x}")).collect();
                view.other.push(format!("{kind}:{:#04x}:{hex}", attr.flags));
            }
        }
    }
    view
}

fn number(value: &[u8]) -> Option<u32> {
    value.first_chunk().map(|b| u32::from_be_bytes(*b))
}

fn address(value: &[u8]) -> Option<Ipv4Addr> {
    value.first_chunk::<4>().map(|b| Ipv4Addr::from(*b))
}
