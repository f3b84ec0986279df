//! What became of each object, from the three who have a say: the reader of the folder, the compiler
//! and the provider.

use std::collections::BTreeMap;

use intent::observed::{PeerStatus, RouterStatus, SessionState};
use intent::{ObjectRef, Reason, RouterName};
use k8s_bridge::manifest::{Loaded, ManifestError};
use k8s_bridge::{Compiled, Verdict};
use providers::{Outcome, Report};

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
        status: Vec::new(),
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
    let said = |o: &Outcome| format!("on router {}: {}", o.router, o.message);
    // Refused by every router that was to carry it: then nothing of it runs.
    let refused = outcomes.clone().filter(|o| o.is_refused).count();
    let refusal = outcomes.clone().find(|o| o.is_refused && refused >= verdict.routers.len());
    if let Some(refusal) = refusal.filter(|_| verdict.accepted) {
        return ObjectView {
            accepted: false,
            reason: refusal.reason.as_str().to_owned(),
            message: said(refusal),
            ..view(verdict, object, warnings)
        };
    }
    warnings.extend(outcomes.map(|o| format!("{} ({})", said(o), o.reason.as_str())));
    view(verdict, object, warnings)
}

fn view(verdict: &Verdict, object: ObjectRef, warnings: Vec<String>) -> ObjectView {
    let retained = if verdict.retained { "; this is the last good version" } else { "" };
    ObjectView {
        kind: object.kind,
        namespace: object.namespace,
        name: object.name,
        accepted: verdict.accepted,
        reason: verdict.reason.as_str().to_owned(),
        message: format!("{}{retained}", verdict.message),
        status: Vec::new(),
        warnings,
        source: verdict.origin.as_ref().map(ToString::to_string),
    }
}

/// What the object does now, one line a router that carries it.
pub(crate) fn status(
    object: &ObjectView,
    observed: &BTreeMap<RouterName, RouterStatus>,
) -> Vec<String> {
    let is_it = |source: &ObjectRef| {
        source.kind == object.kind
            && source.name == object.name
            && source.namespace == object.namespace
    };
    let mut lines = Vec::new();
    for router in observed.values() {
        let own = match &object.namespace {
            Some(namespace) => format!("{namespace}/{}", object.name),
            None => object.name.clone(),
        };
        let instance = router.name.as_str().split('@').next();
        let is_router = object.kind == "BGPRouter" && router.name.as_str() == own;
        if is_router || (object.kind == "BGPInstance" && instance == Some(&*own)) {
            lines.push(format!(
                "{}: {} of {} sessions Established",
                router.phase,
                router.established(),
                router.peers.len()
            ));
        }
        lines.extend(router.peers.values().filter(|p| is_it(&p.source)).map(session));
        let originated: Vec<_> = router.originations.iter().filter(|o| is_it(&o.source)).collect();
        if !originated.is_empty() {
            let told = originated.iter().filter(|o| o.advertised_to > 0).count();
            lines.push(format!("{told} of {} prefixes advertised", originated.len()));
        }
    }
    lines
}

fn session(peer: &PeerStatus) -> String {
    if peer.state != SessionState::Established {
        return format!("{}: {}", peer.state, peer.message);
    }
    let up = crate::cli::render::duration(peer.uptime.unwrap_or_default().as_secs());
    let families = peer
        .families
        .iter()
        .map(|f| format!("{} {} in, {} out", f.family, f.received, f.advertised));
    format!("Established for {up}: {}", families.collect::<Vec<_>>().join(", "))
}
