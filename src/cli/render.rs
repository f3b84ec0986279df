//! Views as rows of text: what each column says and how values are written for people.
//!
//! Pure: views in, strings out. JSON output does not pass through here.

use std::fmt::Write as _;

use speaker::view::{
    CandidateView, ExplainView, FibHopView, FibView, NlriView, PeerView, PolicyStepView, RouteView,
};

use crate::control::ObjectView;

/// Where a column's text stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Text.
    Left,
    /// Numbers.
    Right,
}
use Align::{Left, Right};

mod doctor;
#[cfg(test)]
mod documented;
pub(crate) mod page;
mod peer;

pub use doctor::doctor_text;
pub use peer::peer_text;

/// Column headings and alignment.
pub type Columns = &'static [(&'static str, Align)];

/// Columns of `show peers`.
pub const PEER_COLUMNS: Columns = &[
    ("ROUTER", Left),
    ("PEER", Left),
    ("ADDRESS", Left),
    ("AS", Right),
    ("STATE", Left),
    ("SINCE", Right),
    ("FAMILY", Left),
    ("RECEIVED", Right),
    ("ACCEPTED", Right),
    ("BEST", Right),
    ("SENT", Right),
    ("NOTE", Left),
];

/// Columns of `show routes`, `show received` and `show advertised`.
pub const ROUTE_COLUMNS: Columns = &[
    ("", Left),
    ("ROUTER", Left),
    ("PREFIX", Left),
    ("NEXT HOP", Left),
    ("PEER", Left),
    ("LOCPREF", Right),
    ("MED", Right),
    ("ORIGIN", Left),
    ("AS PATH", Left),
    ("NOTE", Left),
];

/// Columns of `show fib`.
pub const FIB_COLUMNS: Columns =
    &[("PREFIX", Left), ("VIA", Left), ("DEV", Left), ("WEIGHT", Right), ("KERNEL", Left)];

/// Columns of `show objects`.
pub const OBJECT_COLUMNS: Columns = &[
    ("KIND", Left),
    ("NAME", Left),
    ("ACCEPTED", Left),
    ("REASON", Left),
    ("STATUS", Left),
    ("SOURCE", Left),
    ("MESSAGE", Left),
];

/// One row a family; a neighbour without any still has one row.
pub fn peer_rows(peer: &PeerView) -> Vec<Vec<String>> {
    let note = peer_note(peer);
    let address = peer::place(peer);
    let asn = if peer.remote_as == 0 { "-".to_owned() } else { peer.remote_as.to_string() };
    let established = peer.state == "Established";
    let head = [
        peer.router.clone(),
        peer.name.clone(),
        address,
        asn,
        peer.state.clone(),
        duration(peer.since_secs),
    ];
    let row = |rest: [String; 6]| head.iter().cloned().chain(rest).collect::<Vec<_>>();
    if peer.families.is_empty() {
        return vec![row(["-", "-", "-", "-", "-", &note].map(str::to_owned))];
    }
    let count = |n: u64| if established { n.to_string() } else { "-".to_owned() };
    peer.families
        .iter()
        .map(|f| {
            row([
                f.family.clone(),
                count(f.received),
                count(f.accepted),
                count(f.best),
                count(f.advertised),
                note.clone(),
            ])
        })
        .collect()
}

fn peer_note(peer: &PeerView) -> String {
    if let Some(text) = &peer.shutdown {
        return if text.is_empty() { "shutdown".into() } else { format!("shutdown: {text}") };
    }
    let bfd = peer.bfd.as_ref();
    if let Some(bfd) = bfd.filter(|bfd| bfd.holds_bgp) {
        let why = bfd.problem.as_deref().unwrap_or("the neighbour is not heard");
        return format!("waits for BFD (strict), which is {}: {why}", bfd.state);
    }
    if peer.state != "Established" {
        return peer.problem.clone().or_else(|| peer.last_error.clone()).unwrap_or_default();
    }
    match bfd {
        Some(bfd) if bfd.state != "Up" => match &bfd.problem {
            Some(problem) => format!("BFD {}: {problem}", bfd.state),
            None => format!("BFD {}", bfd.state),
        },
        _ => String::new(),
    }
}

/// One path.
pub fn route_row(route: &RouteView) -> Vec<String> {
    let a = &route.attributes;
    let number = |n: Option<u32>| n.map_or_else(|| "-".to_owned(), |n| n.to_string());
    let next_hop = next_hop(route).unwrap_or("self").to_owned();
    vec![
        mark(route).to_owned(),
        route.router.clone(),
        route.prefix.clone(),
        next_hop,
        route.peer.clone(),
        number(a.local_pref),
        number(a.med),
        a.origin.clone(),
        if a.as_path.is_empty() { "-".to_owned() } else { a.as_path.clone() },
        route_note(route),
    ]
}

fn mark(route: &RouteView) -> &'static str {
    match (route.best, route.multipath, route.status.as_str()) {
        (true, ..) => "*>",
        (_, true, _) => "*=",
        (.., "eligible" | "sent") => "*",
        _ => "x",
    }
}

/// `None` for what the router originates and sends nowhere.
fn next_hop(route: &RouteView) -> Option<&str> {
    Some(route.attributes.next_hop.as_str()).filter(|hop| !["", "0.0.0.0", "::"].contains(hop))
}

/// What the NLRI say beside the prefix.
fn nlri_notes(nlri: &NlriView) -> Vec<String> {
    let labels: Vec<_> = nlri.labels.iter().map(u32::to_string).collect();
    let labels = (!labels.is_empty()).then(|| format!("label {}", labels.join(",")));
    let esi = nlri.esi.as_ref().map(|esi| format!("esi {esi}"));
    let gateway = nlri.gateway.map(|gateway| format!("gateway {gateway}"));
    [labels, esi, gateway].into_iter().flatten().collect()
}

fn route_note(route: &RouteView) -> String {
    let a = &route.attributes;
    let mut notes = Vec::new();
    if !["eligible", "sent"].contains(&route.status.as_str()) {
        notes.push(route.status.clone());
    }
    if route.path_id != 0 {
        notes.push(format!("path-id {}", route.path_id));
    }
    notes.extend(nlri_notes(&route.nlri));
    notes.extend(
        [&a.communities, &a.ext_communities, &a.large_communities]
            .into_iter()
            .filter(|list| !list.is_empty())
            .map(|list| list.join(" ")),
    );
    notes.join(", ")
}

/// One row a leg; the prefix stands on the first.
pub fn fib_rows(route: &FibView) -> Vec<Vec<String>> {
    let state = match (&route.error, route.installed) {
        (Some(error), _) => format!("refused: {error}"),
        (None, true) => "installed".to_owned(),
        (None, false) => "pending".to_owned(),
    };
    let legs: Vec<FibHopView> = if route.next_hops.is_empty() {
        vec![FibHopView { via: None, dev: None, weight: 1 }]
    } else {
        route.next_hops.clone()
    };
    let several = legs.len() > 1;
    legs.iter()
        .enumerate()
        .map(|(ix, hop)| {
            vec![
                if ix == 0 { route.prefix.clone() } else { String::new() },
                hop.via.map_or_else(|| "on-link".to_owned(), |via| via.to_string()),
                hop.dev.clone().unwrap_or_else(|| "-".to_owned()),
                if several { hop.weight.to_string() } else { "-".to_owned() },
                if ix == 0 { state.clone() } else { String::new() },
            ]
        })
        .collect()
}

/// One object of the manifests.
pub fn object_row(object: &ObjectView) -> Vec<String> {
    let name = match &object.namespace {
        Some(namespace) => format!("{namespace}/{}", object.name),
        None => object.name.clone(),
    };
    let texts: Vec<_> =
        std::iter::once(&object.message).chain(&object.warnings).map(String::as_str).collect();
    vec![
        object.kind.clone(),
        name,
        if object.accepted { "yes" } else { "no" }.to_owned(),
        object.reason.clone(),
        if object.status.is_empty() { "-".to_owned() } else { object.status.join("; ") },
        object.source.clone().unwrap_or_else(|| "-".to_owned()),
        texts.join("; "),
    ]
}

/// The candidates of one prefix, what the kernel was told and who is told.
pub fn explain_text(view: &ExplainView) -> String {
    let mut text = String::new();
    let count = match view.candidates.len() {
        1 => "1 path".to_owned(),
        n => format!("{n} paths"),
    };
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{} in router {}: {count}", view.prefix, view.router);
    view.candidates.iter().for_each(|candidate| explain_candidate(&mut text, candidate));
    if let Some(kernel) = &view.kernel {
        let _ = writeln!(text, "kernel:");
        for row in fib_rows(kernel) {
            let dev = &row[2];
            let _ = writeln!(text, "  via {} dev {dev}  {}", row[1], row[4]);
        }
    }
    if !view.advertised.is_empty() {
        let _ = writeln!(text, "advertised:");
        for export in &view.advertised {
            let verb = if export.sent { "to" } else { "not to" };
            let reason = if ["", "sent"].contains(&export.reason.as_str()) {
                String::new()
            } else {
                format!("  {}", export.reason)
            };
            let id = export.path_id.map_or_else(String::new, |id| format!(" path id {id}"));
            let _ = writeln!(text, "  {verb} {}{id}{reason}", export.peer);
            policy_steps(&mut text, "export", &export.export_policy);
        }
    }
    text.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

fn explain_candidate(text: &mut String, candidate: &CandidateView) {
    let route = &candidate.route;
    let a = &route.attributes;
    let from = match route.peer_address {
        Some(address) => format!("{} ({address})", route.peer),
        None => route.peer.clone(),
    };
    let _ = writeln!(text, "  {:<2} from {from}", mark(route));
    let mut attributes = Vec::new();
    attributes.extend(next_hop(route).map(|hop| format!("next hop {hop}")));
    attributes.push(format!(
        "AS path {}",
        if a.as_path.is_empty() { "(empty)" } else { a.as_path.as_str() }
    ));
    attributes.push(format!("origin {}", a.origin));
    attributes.extend(nlri_notes(&route.nlri));
    attributes.extend(a.local_pref.map(|n| format!("local preference {n}")));
    attributes.extend(a.med.map(|n| format!("MED {n}")));
    let _ = writeln!(text, "       {}", attributes.join(", "));
    for (name, list) in [
        ("communities", &a.communities),
        ("extended communities", &a.ext_communities),
        ("large communities", &a.large_communities),
    ] {
        if !list.is_empty() {
            let _ = writeln!(text, "       {name} {}", list.join(" "));
        }
    }
    let detail =
        if candidate.detail.is_empty() { String::new() } else { format!(": {}", candidate.detail) };
    let verdict = match candidate.decided_by.as_str() {
        "best" => "best".to_owned(),
        step if route.status == "eligible" => format!("lost at {step}"),
        step => format!("not eligible, {step}"),
    };
    let _ = writeln!(text, "       {verdict}{detail}");
    policy_steps(text, "import", &candidate.import_policy);
}

/// The term that decided in each stage of a policy.
fn policy_steps(text: &mut String, direction: &str, steps: &[PolicyStepView]) {
    for step in steps {
        let verb = if step.permitted { "permits" } else { "denies" };
        let _ = match &step.term {
            Some(term) => writeln!(text, "       {direction} policy: {term} {verb}"),
            None => {
                writeln!(text, "       {direction} policy: no term matches, the default {verb}")
            }
        };
    }
}

/// Seconds the way people say them: `7s`, `4m09s`, `1h02m`, `3d04h`, `12w3d`.
pub fn duration(secs: u64) -> String {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    const WEEK: u64 = 7 * DAY;
    match secs {
        0..MINUTE => format!("{secs}s"),
        MINUTE..HOUR => format!("{}m{:02}s", secs / MINUTE, secs % MINUTE),
        HOUR..DAY => format!("{}h{:02}m", secs / HOUR, secs % HOUR / MINUTE),
        DAY..WEEK => format!("{}d{:02}h", secs / DAY, secs % DAY / HOUR),
        _ => format!("{}w{}d", secs / WEEK, secs % WEEK / DAY),
    }
}

#[cfg(test)]
mod tests;
