//! What became of each object, from the three who have a say: the reader of the folder, the compiler
//! and the provider.

use intent::{ObjectRef, Reason};
use k8s_bridge::manifest::{Loaded, ManifestError};
use k8s_bridge::{Compiled, Verdict};
use providers::Report;

use crate::control::ObjectView;

/// One view an object, in the order of kind, namespace and name, and one a fault in a manifest.
pub(crate) fn views(loaded: &Loaded, compiled: &Compiled, report: &Report) -> Vec<ObjectView> {
    let mut views: Vec<_> = loaded.errors.iter().map(of_error).collect();
    views.extend(compiled.verdicts.iter().map(|verdict| of_verdict(verdict, report)));
    views
}

fn of_error(error: &ManifestError) -> ObjectView {
    let object = error.object.clone().unwrap_or_else(|| ObjectRef::cluster("", ""));
    let field = error.field.as_ref().map(|field| format!("{field}: ")).unwrap_or_default();
    let mut source = error.file.display().to_string();
    if let Some(document) = error.document {
        source += &format!(", document {document}");
    }
    if let Some(line) = error.line {
        source += &format!(", line {line}");
    }
    ObjectView {
        kind: object.kind,
        namespace: object.namespace,
        name: object.name,
        accepted: false,
        reason: Reason::InvalidSpec.as_str().to_owned(),
        message: format!("{field}{}", error.message),
        warnings: Vec::new(),
        source: Some(source).filter(|s| !s.is_empty()),
    }
}

fn of_verdict(verdict: &Verdict, report: &Report) -> ObjectView {
    let object = verdict.object.clone();
    // The first condition is the verdict itself.
    let conditions = verdict.conditions.iter().skip(1);
    let mut warnings: Vec<_> = conditions
        .filter(|c| matches!(c.reason, Reason::NotRealised | Reason::Conflict))
        .map(|c| format!("{} ({})", c.message, c.reason.as_str()))
        .collect();
    let outcomes = report.outcomes.iter().filter(|outcome| outcome.object == object);
    warnings.extend(outcomes.map(|outcome| {
        format!("on router {}: {} ({})", outcome.router, outcome.message, outcome.reason.as_str())
    }));
    let retained = if verdict.retained { "; this is the last good version" } else { "" };
    ObjectView {
        kind: object.kind,
        namespace: object.namespace,
        name: object.name,
        accepted: verdict.accepted,
        reason: verdict.reason.as_str().to_owned(),
        message: format!("{}{retained}", verdict.message),
        warnings,
        source: verdict.origin.as_ref().map(ToString::to_string),
    }
}
