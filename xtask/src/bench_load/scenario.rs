//! The rows of the bench, one file each, behind one small trait.
//!
//! A [`Scenario`] makes what is sent and what must arrive, once for all subjects; the [`Prepared`] then
//! plays it against one subject after another. To add a row: a file here, a line in [`ALL`].

mod all_to_all;
mod best_returns;
mod churn;
mod fan_out;
mod full_table;
mod latency;
mod overlapping;
mod reflect_vpn;
mod slow_reader;

use std::fmt;
use std::sync::Arc;

use anyhow::{Result, ensure};
use testkit::frame::Attributes;
use testkit::load::{Universe, digest};
use testkit::table::Table;

use super::input::{Input, Inputs, prepend};
use super::plan::{DAEMON_AS, Seat};
use super::run::{Leg, Run};

/// One row.
pub(super) trait Scenario: fmt::Debug + Sync {
    /// On the command line.
    fn name(&self) -> &'static str;
    /// In a report, at scale 1.
    fn title(&self) -> &'static str;
    /// The tables it is run with unless others are asked for.
    fn inputs(&self) -> &'static [Input] {
        &[Input::Internet]
    }
    /// Makes what is sent and what must arrive.
    fn prepare(&self, inputs: &mut Inputs, input: Input) -> Result<Box<dyn Prepared>>;
}

/// A scenario ready to be played.
pub(super) trait Prepared: fmt::Debug {
    /// Plays it against the subject of `run`.
    fn run(&self, run: &mut Run<'_>) -> Result<()>;
    /// The same with no daemon between sender and receiver: what the machine and the harness can do.
    fn ceiling(&self) -> Result<Option<Leg>> {
        Ok(None)
    }
}

/// All rows, in the order of a report.
pub(super) const ALL: &[&dyn Scenario] = &[
    &full_table::FullTable,
    &overlapping::Overlapping,
    &fan_out::FanOut,
    &all_to_all::AllToAll,
    &best_returns::BestReturns,
    &churn::Churn,
    &reflect_vpn::ReflectVpn,
    &slow_reader::SlowReader,
    &latency::Latency,
];

/// The rows of these names; all without a name.
pub(super) fn chosen(names: &[String]) -> Result<Vec<&'static dyn Scenario>> {
    for name in names {
        ensure!(
            ALL.iter().any(|scenario| scenario.name() == name),
            "no scenario {name}; there are {}",
            ALL.iter().map(|scenario| scenario.name()).collect::<Vec<_>>().join(", ")
        );
    }
    let is_chosen = |name: &str| names.is_empty() || names.iter().any(|n| n == name);
    Ok(ALL.iter().copied().filter(|scenario| is_chosen(scenario.name())).collect())
}

/// What an external neighbour at `receiver` is sent of a route with these attributes (RFC 4271
/// section 5.1): our AS in front, the daemon's own address, neither MULTI_EXIT_DISC nor LOCAL_PREF.
pub(super) fn passed_on(attributes: &Attributes, receiver: Seat) -> Attributes {
    let mut out = attributes.clone();
    prepend(&mut out, DAEMON_AS);
    out.next_hop = receiver.daemon().into();
    out.med = None;
    out.local_pref = None;
    out
}

/// All prefixes of a table, in its order.
fn universe(table: &Table) -> Arc<Universe> {
    Arc::new(Universe::unicast(table.sets.iter().flat_map(|(_, prefixes)| prefixes).copied()))
}

/// What `receiver` must hold of a table, in its order.
fn wants(table: &Table, receiver: Seat) -> Arc<[u32]> {
    let of_set = |(attributes, prefixes): &(Attributes, Vec<_>)| {
        std::iter::repeat_n(digest::of(&passed_on(attributes, receiver)), prefixes.len())
    };
    table.sets.iter().flat_map(of_set).collect()
}

/// The same table with other attributes.
fn mapped(table: &Table, change: impl Fn(usize, &mut Attributes)) -> Table {
    let sets = table.sets.iter().enumerate().map(|(number, (attributes, prefixes))| {
        let mut attributes = attributes.clone();
        change(number, &mut attributes);
        (attributes, prefixes.clone())
    });
    Table { sets: sets.collect() }
}

/// Makes a path longer by `hops` copies of its first AS, which also replaces the one there.
fn lengthen(attributes: &mut Attributes, asn: u32, hops: usize) {
    use testkit::frame::Segment;
    match attributes.as_path.first_mut() {
        Some(Segment::Sequence(asns)) if !asns.is_empty() => {
            asns[0] = asn;
            asns.splice(0..0, std::iter::repeat_n(asn, hops));
        }
        _ => (0..=hops).for_each(|_| prepend(attributes, asn)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use testkit::frame::Segment;

    #[test]
    fn names_are_unique_and_unknown_ones_are_refused() {
        let mut names: Vec<_> = ALL.iter().map(|scenario| scenario.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
        assert_eq!(chosen(&["churn".into()]).unwrap().len(), 1);
        assert!(chosen(&["chrun".into()]).unwrap_err().to_string().contains("churn"));
    }

    #[test]
    fn a_longer_path_begins_with_its_sender() {
        let mut attributes = Attributes::new(&[1, 2], "192.0.2.1".parse().unwrap());
        lengthen(&mut attributes, 7, 2);
        assert_eq!(attributes.as_path, [Segment::Sequence(vec![7, 7, 7, 2])]);
        lengthen(&mut attributes, 8, 0);
        assert_eq!(attributes.as_path, [Segment::Sequence(vec![8, 7, 7, 2])]);
    }
}
