//! Telling people what became of their objects: once, and again when it changes.
//!
//! Takes the views of each compilation and logs the difference to the last one: a line for each new
//! or changed complaint, a line when an object that was complained about is fine. The pure part
//! ([`Verdicts::next`]) gives the lines, the caller logs them.

use std::collections::BTreeSet;

use crate::control::ObjectView;

/// What was said last.
#[derive(Debug, Default)]
pub(crate) struct Verdicts {
    complaints: BTreeSet<Complaint>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Complaint {
    /// First, so that complaints come in the order of the files.
    line: String,
    refused: bool,
    object: (String, Option<String>, String),
}

/// A line for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// An object is not carried out.
    Wrong(String),
    /// An object is carried out in part.
    Partly(String),
    /// All is well with it now.
    Settled(String),
}

impl Verdicts {
    /// The lines to say now that `objects` is what was read.
    pub(crate) fn next(&mut self, objects: &[ObjectView]) -> Vec<Said> {
        let now: BTreeSet<Complaint> = objects.iter().flat_map(complaints).collect();
        let mut said: Vec<_> = now
            .difference(&self.complaints)
            .map(|complaint| match complaint.refused {
                true => Said::Wrong(complaint.line.clone()),
                false => Said::Partly(complaint.line.clone()),
            })
            .collect();
        let settled: BTreeSet<_> = self
            .complaints
            .iter()
            .filter(|old| !now.iter().any(|new| new.object == old.object))
            .filter_map(|old| objects.iter().find(|object| key(object) == old.object))
            .map(|object| format!("{} is in use as written now", named(object)))
            .collect();
        said.extend(settled.into_iter().map(Said::Settled));
        self.complaints = now;
        said
    }
}

fn key(object: &ObjectView) -> (String, Option<String>, String) {
    (object.kind.clone(), object.namespace.clone(), object.name.clone())
}

fn complaints(object: &ObjectView) -> Vec<Complaint> {
    let complaint =
        |refused, text: &str| Complaint { line: line(object, text), refused, object: key(object) };
    let refusal = (!object.accepted)
        .then(|| complaint(true, &format!("{} ({})", object.message, object.reason)));
    refusal.into_iter().chain(object.warnings.iter().map(|w| complaint(false, w))).collect()
}

fn named(object: &ObjectView) -> String {
    match &object.namespace {
        Some(namespace) => format!("{} {namespace}/{}", object.kind, object.name),
        None => format!("{} {}", object.kind, object.name).trim().to_owned(),
    }
}

/// `source: kind name: text`, on one line whatever the text holds.
fn line(object: &ObjectView, text: &str) -> String {
    let parts = [object.source.clone().unwrap_or_default(), named(object), text.to_owned()];
    let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join(": ").replace(['\n', '\r'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(name: &str, accepted: bool, message: &str) -> ObjectView {
        ObjectView {
            kind: "BGPPeer".into(),
            namespace: Some("default".into()),
            name: name.into(),
            accepted,
            reason: "RouterNotFound".into(),
            message: message.into(),
            status: vec![],
            warnings: vec![],
            source: Some("peers.yaml, document 2".into()),
        }
    }

    #[test]
    fn a_complaint_is_made_once_and_withdrawn_when_settled() {
        let mut verdicts = Verdicts::default();
        let wrong = [object("a", false, "no BGPRouter\nr1"), object("b", true, "")];
        let line = "peers.yaml, document 2: BGPPeer default/a: no BGPRouter r1 (RouterNotFound)";
        assert_eq!(verdicts.next(&wrong), [Said::Wrong(line.into())]);
        assert_eq!(verdicts.next(&wrong), []);
        let changed = [object("a", false, "no BGPRouter r2")];
        let line = line.replace("r1", "r2");
        assert_eq!(verdicts.next(&changed), [Said::Wrong(line)]);
        let settled = Said::Settled("BGPPeer default/a is in use as written now".into());
        assert_eq!(verdicts.next(&[object("a", true, "")]), [settled]);
        assert_eq!(verdicts.next(&[object("a", true, "")]), []);
    }

    #[test]
    fn what_is_carried_out_in_part_is_a_warning() {
        let mut verdicts = Verdicts::default();
        let partly =
            ObjectView { warnings: vec!["no BFD here".into()], ..object("a", true, "in use") };
        let line = "peers.yaml, document 2: BGPPeer default/a: no BFD here";
        assert_eq!(verdicts.next(std::slice::from_ref(&partly)), [Said::Partly(line.into())]);
        assert_eq!(verdicts.next(&[partly]), []);
        assert_eq!(verdicts.next(&[object("a", true, "in use")]).len(), 1);
    }

    #[test]
    fn a_deleted_object_is_not_called_fine() {
        let mut verdicts = Verdicts::default();
        assert_eq!(verdicts.next(&[object("a", false, "wrong")]).len(), 1);
        assert_eq!(verdicts.next(&[]), []);
    }
}
