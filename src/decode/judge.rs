//! Findings: what the codec says is wrong with a message, and what that costs.
//!
//! How: the codec judges messages, so a table route is put back into the UPDATE it came in; offsets
//! are then counted from its first attribute again.

use bgp_wire::attr::flags::EXTENDED_LENGTH;
use bgp_wire::attr::{AttrType, find};
use bgp_wire::nlri::AnyNlri;
use bgp_wire::update::findings::{self, Finding as Found, Verdict as Cost};
use bgp_wire::{
    Afi, Asn, AttrOutcome, AttrScratch, Family, FamilySet, HEADER_LEN, Safi, UpdateContext,
    UpdateView,
};
use capture::RouteRecord;

use super::message::{Finding, Update, Verdict};
use super::session::Reading;
use super::walk::{Part, each_attribute, table_next_hop};

/// Octets of an UPDATE before its attributes, when nothing is withdrawn.
const BEFORE_ATTRIBUTES: usize = HEADER_LEN + 4;

/// Judges messages; keeps its buffers.
#[derive(Debug)]
pub(crate) struct Judge {
    families: FamilySet,
    body: Vec<u8>,
    scratch: AttrScratch,
}

impl Default for Judge {
    fn default() -> Self {
        let safis = (0..=u8::MAX).map(Safi);
        let all = [Afi::IPV4, Afi::IPV6, Afi::L2VPN]
            .into_iter()
            .flat_map(|afi| safis.clone().map(move |safi| Family::new(afi, safi)));
        Self {
            families: all.filter(|f| AnyNlri::reads(*f)).collect(),
            body: Vec::new(),
            scratch: AttrScratch::default(),
        }
    }
}

impl Judge {
    /// The findings of a whole message.
    pub(crate) fn message(&self, bytes: &[u8], reading: &Reading) -> Vec<Finding> {
        let found = findings::message_findings(bytes, &self.context(reading));
        found.iter().map(|found| finding(found, usize::from(found.at))).collect()
    }

    /// The findings of a table route.
    pub(crate) fn table_route(
        &mut self,
        record: &RouteRecord<'_>,
        reading: &Reading,
    ) -> Vec<Finding> {
        let grown = put_update(record, &mut self.body);
        let reading = Reading { add_path: Vec::new(), ..reading.clone() };
        let found = findings::findings(&self.body, &self.context(&reading));
        let offset = |at: u16| {
            let at = usize::from(at).saturating_sub(BEFORE_ATTRIBUTES);
            if at > grown.at { at.saturating_sub(grown.by) } else { at }
        };
        found.iter().map(|found| finding(found, offset(found.at))).collect()
    }

    /// As [`Self::merged_path`], of the table route that was judged last. Tables with path
    /// identifiers have AS numbers of four octets, and so nothing to merge.
    pub(crate) fn merged_path_of_route(
        &mut self,
        update: &Update<'_>,
        reading: &Reading,
    ) -> Option<Vec<u8>> {
        let body = std::mem::take(&mut self.body);
        let path = self.merged_path(&body, update, reading);
        self.body = body;
        path
    }

    /// The path that goes on from AS_PATH and AS4_PATH of a two-octet speaker (RFC 6793 section
    /// 4.2.3); `None` when the message has no AS4_PATH, or costs the routes.
    pub(crate) fn merged_path(
        &mut self,
        body: &[u8],
        update: &Update<'_>,
        reading: &Reading,
    ) -> Option<Vec<u8>> {
        if reading.as4 || !update.attributes.iter().any(|a| a.kind == AttrType::AS4_PATH) {
            return None;
        }
        let view = UpdateView::parse(body, &self.context(reading)).ok()?;
        match view.attrs(&mut self.scratch) {
            AttrOutcome::Ok { canonical, .. } => {
                find(canonical, AttrType::AS_PATH).map(<[u8]>::to_vec)
            }
            AttrOutcome::TreatAsWithdraw(_) => None,
        }
    }

    fn context(&self, reading: &Reading) -> UpdateContext {
        let extended = match &reading.extended_next_hop {
            Some(list) => list.iter().copied().collect(),
            None => self.families,
        };
        UpdateContext {
            as4: reading.as4,
            ebgp: reading.ebgp,
            confederation: reading.confederation,
            aigp: true,
            local_as: reading.local_as.map_or(Asn::ZERO, Asn),
            families: self.families,
            add_path: reading.add_path.iter().copied().collect(),
            extended_next_hop: extended,
            ..UpdateContext::default()
        }
    }
}

fn finding(found: &Found, octet: usize) -> Finding {
    Finding {
        verdict: match found.verdict {
            Cost::Note => Verdict::Note,
            Cost::Discard => Verdict::AttributeDiscard,
            Cost::TreatAsWithdraw => Verdict::TreatAsWithdraw,
            Cost::DisableFamily => Verdict::FamilyDisable,
            Cost::Reset => Verdict::SessionReset,
        },
        rfc: found.rfc,
        octet,
        attribute: found.attr,
        text: found.what().to_string(),
    }
}

/// Where a table's attributes became longer in the UPDATE, and by how much.
#[derive(Default)]
struct Grown {
    at: usize,
    by: usize,
}

/// Octets of an attribute's header, for a value of `length` octets at least.
const fn header_length(flags: u8, length: u16) -> usize {
    if flags & EXTENDED_LENGTH != 0 || length > 0xff { 4 } else { 3 }
}

/// Writes the body of the UPDATE that would bring the route, MP_REACH_NLRI in its full form.
fn put_update(record: &RouteRecord<'_>, body: &mut Vec<u8>) -> Grown {
    body.clear();
    body.extend_from_slice(&[0; 4]);
    let mut grown = Grown { at: usize::MAX, by: 0 };
    let mut rest = record.attrs;
    for (at, _, attr) in each_attribute(Part::new(0, record.attrs)) {
        if attr.kind != AttrType::MP_REACH_NLRI || grown.at != usize::MAX {
            continue;
        }
        let Some(next_hop) = table_next_hop(attr.value, record.abbreviated_mp_reach) else {
            break;
        };
        let old = header_length(attr.flags, 0) + attr.value.len();
        let value = 3 + 1 + next_hop.len() + 1 + record.nlri.len();
        let (Ok(hop_length), Ok(length)) = (u8::try_from(next_hop.len()), u16::try_from(value))
        else {
            break;
        };
        body.extend_from_slice(record.attrs.get(..at).unwrap_or_default());
        let header = header_length(attr.flags, length);
        let [high, low] = length.to_be_bytes();
        if header == 4 {
            body.extend_from_slice(&[attr.flags | EXTENDED_LENGTH, attr.kind.0, high, low]);
        } else {
            body.extend_from_slice(&[attr.flags, attr.kind.0, low]);
        }
        body.extend_from_slice(&record.family.afi.0.to_be_bytes());
        body.extend_from_slice(&[record.family.safi.0, hop_length]);
        body.extend_from_slice(next_hop);
        body.push(0);
        body.extend_from_slice(record.nlri);
        grown = Grown { at, by: (header + value).saturating_sub(old) };
        rest = record.attrs.get(at + old..).unwrap_or_default();
    }
    body.extend_from_slice(rest);
    let length = u16::try_from(body.len() - 4).unwrap_or(u16::MAX).to_be_bytes();
    if let Some(field) = body.get_mut(2..4) {
        field.copy_from_slice(&length);
    }
    if grown.at == usize::MAX && record.family == Family::IPV4_UNICAST {
        body.extend_from_slice(record.nlri);
    }
    grown
}
