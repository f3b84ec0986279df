//! `cosmos show peer X`: all there is to know about one neighbour, on a page.
//!
//! Pure: a [`PeerView`] in, text out. What does not apply is left out: a session that is up shows no
//! retry timer, one that never was shows no routes.

use speaker::view::{
    FamilyCountsView, MessageCounts, NotificationView, OpenView, PeerView, TransitionView,
};

use super::duration;
use super::page::Page;

/// The page of one neighbour.
pub fn peer_text(peer: &PeerView) -> String {
    let mut page = Page::default();
    head(&mut page, peer);
    session(&mut page, peer);
    helpers(&mut page, peer);
    trouble(&mut page, peer);
    capabilities(&mut page, peer);
    routes(&mut page, peer);
    messages(&mut page, peer);
    history(&mut page, &peer.history);
    page.finish()
}

/// Where the neighbour is: an address, an address with its interface, an interface or a prefix.
pub(crate) fn place(peer: &PeerView) -> String {
    match (&peer.address, &peer.interface, &peer.range) {
        (Some(address), Some(interface), _) => format!("{address}%{interface}"),
        (Some(address), None, _) => address.to_string(),
        (None, Some(name), _) | (None, None, Some(name)) => name.clone(),
        (None, None, None) => "-".to_owned(),
    }
}

fn head(page: &mut Page, peer: &PeerView) {
    let asn = match peer.remote_as {
        0 => peer.configured.remote_as.clone(),
        asn => asn.to_string(),
    };
    page.line(&format!("{}  {}  AS {asn}  {}", peer.name, place(peer), peer.session_type));
    if !peer.description.is_empty() {
        page.field("description", &peer.description);
    }
    let id = peer.local_router_id.map(|id| format!(", router id {id}")).unwrap_or_default();
    page.field("our side", &format!("router {}, AS {}{id}", peer.router, peer.local_as));
}

fn session(page: &mut Page, peer: &PeerView) {
    let up = peer.state == "Established";
    page.group("Session");
    let times = match peer.established_count {
        0 => "never Established".to_owned(),
        1 => "Established once".to_owned(),
        n => format!("Established {n} times"),
    };
    let lost = match peer.dropped_count {
        0 => String::new(),
        n => format!(", lost {n}"),
    };
    page.field(
        "state",
        &format!("{} for {}; {times}{lost}", peer.state, duration(peer.since_secs)),
    );
    if let Some(text) = &peer.shutdown {
        let text = if text.is_empty() { "no text given" } else { text };
        page.field("shut down", &format!("by our configuration: {text}"));
    }
    page.field("not possible", peer.problem.as_deref().unwrap_or_default());
    page.field("held down", peer.held.as_deref().unwrap_or_default());
    if let (Some(ours), Some(theirs)) = (peer.local_endpoint, peer.remote_endpoint) {
        let opened = match peer.connection.as_deref() {
            Some("incoming") => ", opened by the neighbour",
            Some(_) => ", opened by us",
            None => "",
        };
        page.field("connection", &format!("{ours} to {theirs}{opened}"));
    }
    if let Some(id) = peer.remote_router_id {
        page.field("its router id", &id.to_string());
    }
    timers(page, peer, up);
    if let Some(tcp) = &peer.tcp {
        let rtt = f64::from(tcp.rtt_micros) / 1000.0;
        page.field(
            "tcp",
            &format!(
                "round trip {rtt:.1} ms, {} sent again, {} unacknowledged, segments of {}",
                tcp.retransmits, tcp.unacked, tcp.segment_size
            ),
        );
    }
    if up || peer.queued_octets > 0 {
        page.field("queue", &format!("{} octets wait to be sent", peer.queued_octets));
    }
    let a = &peer.attempts;
    if a.dialed + a.accepted + a.refused > 0 {
        page.field(
            "attempts",
            &format!(
                "{} by us, {} failed; {} by the neighbour, {} turned away",
                a.dialed,
                a.failed,
                a.accepted + a.refused,
                a.refused
            ),
        );
    }
    page.field("asked for", &settings(peer));
}

fn timers(page: &mut Page, peer: &PeerView, up: bool) {
    let t = &peer.timers;
    let ago = |secs: Option<u64>| {
        secs.map_or_else(|| "never".to_owned(), |s| format!("{} ago", duration(s)))
    };
    if up {
        let hold = match (peer.hold_time_secs, t.hold_secs) {
            (0, _) => "off".to_owned(),
            (hold, Some(left)) => {
                let heard = ago(t.heard_secs_ago);
                format!("{hold} s; heard {heard}, lost in {} unless heard", duration(left))
            }
            (hold, None) => format!("{hold} s; heard {}", ago(t.heard_secs_ago)),
        };
        page.field("hold time", &hold);
        let keepalive = match (peer.keepalive_secs, t.keepalive_secs) {
            (0, _) => "off".to_owned(),
            (every, Some(next)) => format!("every {every} s, next in {}", duration(next)),
            (every, None) => format!("every {every} s"),
        };
        page.field("keepalive", &keepalive);
        return;
    }
    let next = match (peer.attempts.dialing, t.idle_hold_secs, t.connect_retry_secs) {
        (true, _, _) => "under way".to_owned(),
        (_, Some(rest), _) => format!("in {}, after a rest for the last fault", duration(rest)),
        (_, None, Some(retry)) => format!("in {}", duration(retry)),
        _ if peer.configured.passive => "none: passive, the neighbour has to connect".to_owned(),
        _ => String::new(),
    };
    page.field("next attempt", &next);
}

/// What of the configuration matters to this neighbour only.
fn settings(peer: &PeerView) -> String {
    let c = &peer.configured;
    let mut parts = Vec::new();
    parts.extend(c.local_address.map(|a| format!("from {a}")));
    parts.extend(c.local_interface.as_ref().map(|i| format!("from {i}")));
    parts.extend(c.bind_device.as_ref().map(|d| format!("over {d}")));
    if !matches!(c.remote_port, 0 | 179) {
        parts.push(format!("port {}", c.remote_port));
    }
    if c.passive {
        parts.push("passive".to_owned());
    }
    parts.extend(c.ttl.map(|ttl| format!("TTL {ttl}")));
    parts.extend(c.min_ttl.map(|ttl| format!("TTL at least {ttl} (GTSM)")));
    match c.auth.as_str() {
        "md5" => parts.push("TCP MD5".to_owned()),
        "ao" => parts.push("TCP-AO".to_owned()),
        _ => {}
    }
    parts.extend(c.role.as_ref().map(|role| format!("role {role}")));
    parts.extend(c.maximum_prefix.map(|limit| format!("at most {limit} prefixes a family")));
    parts.join(", ")
}

/// What works for the session beside it.
fn helpers(page: &mut Page, peer: &PeerView) {
    page.group("Beside it");
    if let Some(bfd) = &peer.bfd {
        let theirs = bfd.remote_state.as_deref().unwrap_or("never heard");
        let why = bfd.diagnostic.as_deref().map(|d| format!(", last: {d}")).unwrap_or_default();
        let problem = bfd.problem.as_deref().map(|p| format!("; {p}")).unwrap_or_default();
        page.field(
            "bfd",
            &format!(
                "{} for {}, neighbour {theirs}; packets every {} ms, gone after {} ms{}{}{}{why}{problem}",
                bfd.state,
                duration(bfd.since_secs),
                bfd.tx_interval_micros / 1000,
                bfd.detection_time_micros / 1000,
                if bfd.multihop { ", multihop" } else { "" },
                if bfd.strict { ", strict" } else { "" },
                if bfd.holds_bgp { ", BGP waits for it" } else { "" },
            ),
        );
    }
    if let Some(u) = &peer.unnumbered {
        let heard = match u.neighbors.as_slice() {
            [] => "nobody heard".to_owned(),
            heard => format!("heard {}", heard.join(", ")),
        };
        let detail = u.detail.as_deref().map(|d| format!("; {d}")).unwrap_or_default();
        page.field(
            "unnumbered",
            &format!(
                "{} on {}, {heard}; {} advertisements sent, {} heard{detail}",
                u.state, u.interface, u.advertisements_sent, u.advertisements_received
            ),
        );
    }
    if let Some(r) = &peer.restart {
        let left = r.stale_secs_left.map(|s| format!(", given up in {}", duration(s)));
        page.field(
            "restart",
            &format!(
                "{} for {}; {} stale paths{}",
                r.state,
                if r.families.is_empty() { "no family".to_owned() } else { r.families.join(", ") },
                r.stale_paths,
                left.unwrap_or_default()
            ),
        );
    }
}

fn trouble(page: &mut Page, peer: &PeerView) {
    page.group("Last trouble");
    let ago = |secs: u64| format!("{} ago", duration(secs));
    if let Some(down) = &peer.last_down {
        let up = duration(down.up_secs);
        page.field("session lost", &format!("{} after {up}: {}", ago(down.secs_ago), down.text));
    }
    if let Some(t) = &peer.last_transport {
        let phase = match t.phase.as_str() {
            "connecting" => "while connecting",
            "before-open" => "before the neighbour's OPEN",
            "after-open" => "after the OPENs",
            _ => "while Established",
        };
        page.field("connection", &format!("{} {phase}: {}", ago(t.secs_ago), t.text));
    }
    let said = |n: &NotificationView| format!("{}: {}", ago(n.secs_ago), n.text);
    page.field("we sent", &peer.last_sent.as_ref().map(said).unwrap_or_default());
    page.field("it sent", &peer.last_received.as_ref().map(said).unwrap_or_default());
    if let Some(refused) = &peer.open_refused {
        let shown = match &refused.open {
            Some(open) => format!(
                "it shows AS {}, router id {}, hold time {} s; ",
                open.asn, open.router_id, open.hold_time_secs
            ),
            None => String::new(),
        };
        page.field(
            "OPEN refused",
            &format!(
                "{}: {}; {shown}expected: {}",
                ago(refused.secs_ago),
                refused.text,
                refused.expected
            ),
        );
    }
}

fn capabilities(page: &mut Page, peer: &PeerView) {
    page.group("Capabilities");
    let Some(ours) = peer.open_sent.as_ref().map(names) else { return };
    let Some(theirs) = peer.open_received.as_ref().map(names) else {
        page.field("we offer", &listed(&ours));
        return;
    };
    let has = |list: &[(String, String)], name: &str| list.iter().any(|(n, _)| n == name);
    let (both, only_ours): (Vec<_>, Vec<_>) =
        ours.iter().cloned().partition(|(name, _)| has(&theirs, name));
    let only_theirs: Vec<_> =
        theirs.iter().filter(|(name, _)| !has(&ours, name)).cloned().collect();
    let same = |(name, detail): &(String, String)| {
        name == "four-octet-as" || theirs.iter().any(|(n, d)| (n, d) == (name, detail))
    };
    let (agreed, differing): (Vec<_>, Vec<_>) = both.into_iter().partition(same);
    page.field("both", &listed(&agreed));
    page.field("only we", &listed(&only_ours));
    page.field("only it", &listed(&only_theirs));
    for (name, mine) in differing {
        let of_peer: Vec<_> =
            theirs.iter().filter(|(n, _)| *n == name).map(|(_, d)| d.as_str()).collect();
        page.field("differs", &format!("{name}: we {mine}; it {}", of_peer.join(" and ")));
    }
    if peer.state == "Established" {
        page.field("in use", &peer.capabilities.join(", "));
    }
}

/// Name and detail of each family and capability of an OPEN.
fn names(open: &OpenView) -> Vec<(String, String)> {
    let split = |text: &String| match text.split_once(' ') {
        // Capabilities without a name are told apart by their number.
        Some(("capability", _)) | None => (text.clone(), String::new()),
        Some((name, detail)) => (name.to_owned(), detail.to_owned()),
    };
    let families = open.families.iter().map(|family| (family.clone(), String::new()));
    let mut all: Vec<_> = families.chain(open.capabilities.iter().map(split)).collect();
    all.dedup();
    all
}

fn listed(list: &[(String, String)]) -> String {
    let one = |(name, detail): &(String, String)| match detail.as_str() {
        "" => name.clone(),
        _ if name == "four-octet-as" => name.clone(),
        detail => format!("{name} {detail}"),
    };
    list.iter().map(one).collect::<Vec<_>>().join("; ")
}

fn routes(page: &mut Page, peer: &PeerView) {
    if peer.state == "Established" {
        page.group("Routes now");
        let rows: Vec<Vec<String>> = peer
            .families
            .iter()
            .map(|f| {
                let end = if f.end_of_rib_received { "yes" } else { "no" };
                let counts = [f.received, f.accepted, f.best, f.advertised].map(|n| n.to_string());
                [vec![f.family.clone()], counts.to_vec(), vec![end.to_owned()]].concat()
            })
            .collect();
        page.table(&["received", "accepted", "best", "advertised", "End-of-RIB"], &rows);
    }
    let told: Vec<_> =
        peer.families.iter().filter(|f| f.told != FamilyCountsView::default()).collect();
    page.group("Prefixes so far");
    let rows: Vec<Vec<String>> = told
        .iter()
        .map(|f| {
            let t = &f.told;
            let counts = [
                t.announced,
                t.withdrawn,
                t.denied_by_policy,
                t.looped,
                t.bad_next_hop,
                t.over_limit,
            ];
            [vec![f.family.clone()], counts.map(|n| n.to_string()).to_vec()].concat()
        })
        .collect();
    page.table(&["announced", "withdrawn", "denied", "looped", "bad hop", "over limit"], &rows);
    page.group("Repairs");
    let refreshes: u64 = told.iter().map(|f| f.told.refresh_requests).sum();
    let asked: u64 = told.iter().map(|f| f.told.refreshes_asked).sum();
    if refreshes + asked > 0 {
        let text = format!("{asked} asked for by us, {refreshes} by the neighbour");
        page.field("route refresh", &text);
    }
    if peer.treated_as_withdraw + peer.attributes_discarded > 0 {
        page.field(
            "malformed",
            &format!(
                "{} UPDATEs treated as withdraw, {} attributes discarded",
                peer.treated_as_withdraw, peer.attributes_discarded
            ),
        );
    }
    if peer.unusable_routes > 0 {
        page.field(
            "left out",
            &format!("{} EVPN routes that cannot be kept", peer.unusable_routes),
        );
    }
}

fn messages(page: &mut Page, peer: &PeerView) {
    if peer.received.total() + peer.sent.total() == 0 {
        return;
    }
    let row = |name: &str, c: &MessageCounts| {
        let counts = [c.open, c.update, c.keepalive, c.notification, c.route_refresh, c.octets];
        [vec![name.to_owned()], counts.map(|n| n.to_string()).to_vec()].concat()
    };
    page.group("Messages");
    page.table(
        &["OPEN", "UPDATE", "KEEPALIVE", "NOTIFICATION", "REFRESH", "octets"],
        &[row("received", &peer.received), row("sent", &peer.sent)],
    );
}

fn history(page: &mut Page, history: &[TransitionView]) {
    page.group("History");
    for t in history.iter().rev() {
        let reason = t.reason.as_deref().map(|r| format!(": {r}")).unwrap_or_default();
        page.field(
            &format!("{} ago", duration(t.secs_ago)),
            &format!("{} to {}{reason}", t.from, t.to),
        );
    }
}
