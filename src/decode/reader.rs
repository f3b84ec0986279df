//! From a record of a capture to a message that can be shown.
//!
//! Where: between `capture`, which finds messages in files, and the renderers.
//! How: OPENs feed the [`Sessions`]; an UPDATE is read as its session says, judged by the codec and
//! taken apart. A route of a table is judged as the UPDATE it came in.

use bgp_wire::attr::AttrType;
use bgp_wire::{Family, HEADER_LEN, MAX_EXTENDED, Message as Wire, next_frame};

use super::judge::Judge;
use super::message::{Body, Message, Update};
use super::route::Field;
use super::session::{Ends, Hint, Reading, Sessions, as_width};
use super::walk::{Part, Sections, Walk};
use capture::{Endpoint, GapRecord, MessageRecord, Record, RouteRecord, StateKind, StateRecord};

/// Reads the records of one input, in order.
#[derive(Debug)]
pub(crate) struct Reader {
    sessions: Sessions,
    judge: Judge,
    /// ADD-PATH and width are told by table records, so that their sessions need no memory.
    internal: Option<bool>,
}

impl Reader {
    /// Nothing read yet.
    pub(crate) fn new(forced: super::args::SessionArgs) -> Self {
        let internal = (forced.ibgp || forced.ebgp).then_some(forced.ibgp);
        Self { sessions: Sessions::new(forced), judge: Judge::default(), internal }
    }

    /// Decodes a record.
    pub(crate) fn read<'a>(&mut self, record: &'a Record<'_>) -> Message<'a> {
        match record {
            Record::Message(m) => self.message(m),
            Record::Route(r) => self.route(r),
            Record::State(s) => self.state(s),
            Record::Gap(g) => gap(g),
        }
    }

    fn message<'a>(&mut self, record: &'a MessageRecord<'_>) -> Message<'a> {
        let mut ends = Ends { from: record.from, to: record.to, bmp: record.bmp };
        let bytes = record.bytes;
        let mut reading = Reading::default();
        let wire = next_frame(bytes, MAX_EXTENDED).and_then(|_| Wire::decode(bytes));
        let body = match wire {
            Ok(Wire::Open(open)) => {
                self.sessions.open(ends, &open);
                Body::Open(open)
            }
            Ok(Wire::Update(body)) => {
                let sections = Sections::of(body);
                let hint = Hint { as4: record.as4, add_path: record.add_path };
                reading = self.sessions.reading(ends, hint, &sections);
                let walk = Walk { as4: reading.as4, add_path: &reading };
                let mut update = walk.update(&sections);
                update.merged_path = self.judge.merged_path(body, &update, &reading);
                Body::Update(update)
            }
            Ok(Wire::Notification(n)) => Body::Notification(n),
            Ok(Wire::Keepalive) => Body::Keepalive,
            Ok(Wire::RouteRefresh(r)) => Body::RouteRefresh(r),
            Err(_) => Body::Unreadable(bytes.get(18).copied().unwrap_or_default()),
        };
        let findings = self.judge.message(bytes, &reading);
        let notes = reading.notes;
        self.name(&mut ends);
        Message { time: record.time, from: ends.from, to: ends.to, bytes, body, findings, notes }
    }

    /// Fills in AS numbers that OPENs told.
    fn name(&self, ends: &mut Ends) {
        let known = self.sessions.asns(*ends);
        for (end, asn) in [&mut ends.from, &mut ends.to].into_iter().zip(known) {
            if end.addr.is_none() {
                // Raw messages: nothing says which side sent the OPEN.
                continue;
            }
            end.asn = end.asn.filter(|asn| asn.0 != 0).or_else(|| asn.map(bgp_wire::Asn));
        }
    }

    fn route<'a>(&mut self, record: &'a RouteRecord<'_>) -> Message<'a> {
        let mut notes = Vec::new();
        let attributes = Part::new(0, record.attrs);
        let add_path: Vec<Family> = record.path_id.map(|_| record.family).into_iter().collect();
        let walk = Walk { as4: record.as4, add_path: &add_path };
        let mut update = walk.table_route(attributes, record.family, record.abbreviated_mp_reach);
        put_table_nlri(record, &mut update);
        let internal = self.internal.unwrap_or_else(|| {
            let only = [AttrType::LOCAL_PREF, AttrType::ORIGINATOR_ID, AttrType::CLUSTER_LIST];
            update.attributes.iter().any(|attr| only.contains(&attr.kind))
        });
        let reading = Reading {
            as4: record.as4,
            add_path,
            ebgp: !internal,
            confederation: internal,
            ..Reading::default()
        };
        let findings = self.judge.table_route(record, &reading);
        update.merged_path = self.judge.merged_path_of_route(&update, &reading);
        if findings.iter().any(|f| f.attribute == Some(AttrType::AS_PATH))
            && let Some((as4, why)) = as_width(&Sections {
                withdrawn: Part::default(),
                attributes,
                nlri: Part::default(),
                overrun: None,
            })
            && as4 != record.as4
        {
            let (read, fits) = if as4 { ("two", "four") } else { ("four", "two") };
            notes.push(format!(
                "AS numbers read as {read} octets as the format asks, but {fits}: {why}"
            ));
        }
        let peer = record.peer;
        let from = Endpoint { addr: Some(peer.addr), port: None, asn: Some(peer.asn) };
        Message {
            time: record.time,
            from,
            to: Endpoint::default(),
            bytes: record.attrs,
            body: Body::Route(update),
            findings,
            notes,
        }
    }

    fn state<'a>(&mut self, record: &StateRecord<'_>) -> Message<'a> {
        let ends = Ends { from: record.remote, to: record.local, bmp: record.bmp };
        let mut change = None;
        let text = match record.kind {
            StateKind::Transition { old, new } => {
                if new == 1 {
                    self.sessions.end(ends);
                }
                let names = [old, new].map(state_name);
                let text = format!("{} to {}", names[0], names[1]);
                change = Some(names.into());
                text
            }
            StateKind::TcpOpened => {
                self.sessions.end(ends);
                "TCP connection opened".to_owned()
            }
            StateKind::BmpPeerUp => {
                self.sessions.end(ends);
                "BMP Peer Up".to_owned()
            }
            StateKind::TcpClosed => "TCP connection closed".to_owned(),
            StateKind::TcpReset => "TCP connection reset".to_owned(),
            StateKind::PeerIndex { collector, peers } => {
                let view = String::from_utf8_lossy(record.data);
                let view = if view.is_empty() { String::new() } else { format!(", view {view}") };
                format!("table of collector {collector} with {peers} peers{view}")
            }
            StateKind::Skipped => format!("record without BGP, {} octets", record.data.len()),
            StateKind::BmpInitiation => "BMP Initiation".to_owned(),
            StateKind::BmpTermination => "BMP Termination".to_owned(),
            StateKind::BmpStatistics => "BMP Statistics Report".to_owned(),
            StateKind::BmpPeerDown { reason } => format!("BMP Peer Down, reason {reason}"),
            StateKind::BmpMirroring { code: 0 } => {
                "BMP: a mirrored message was malformed".to_owned()
            }
            StateKind::BmpMirroring { .. } => "BMP: mirrored messages were lost".to_owned(),
            other => format!("{other:?}"),
        };
        Message {
            time: record.time,
            from: record.remote,
            to: record.local,
            bytes: &[],
            body: Body::State { text, change, session: is_about_session(record.kind) },
            findings: Vec::new(),
            notes: Vec::new(),
        }
    }
}

/// Whether an event is about a BGP session, and not about the transport or the file.
const fn is_about_session(kind: StateKind) -> bool {
    matches!(
        kind,
        StateKind::Transition { .. }
            | StateKind::TcpReset
            | StateKind::BmpPeerUp
            | StateKind::BmpPeerDown { .. }
            | StateKind::BmpMirroring { .. }
    )
}

fn gap<'a>(record: &'a GapRecord<'_>) -> Message<'a> {
    Message {
        time: record.time,
        from: record.from,
        to: record.to,
        bytes: record.data,
        body: Body::Gap { text: record.reason.to_string(), octets: record.octets },
        findings: Vec::new(),
        notes: Vec::new(),
    }
}

fn put_table_nlri<'a>(record: &RouteRecord<'a>, update: &mut Update<'a>) {
    let field =
        Field { family: record.family, withdrawn: false, at: HEADER_LEN, bytes: record.nlri };
    match field.read(false, &mut update.announced) {
        Ok(()) => update.announced.iter_mut().for_each(|route| route.path_id = record.path_id),
        Err((_, bytes)) => update.unread.push(super::message::Unread {
            what: format!("route of {}", record.family),
            at: 0,
            bytes,
        }),
    }
}

fn state_name(state: u16) -> String {
    match state {
        0 => "Unknown".to_owned(),
        1 => "Idle".to_owned(),
        2 => "Connect".to_owned(),
        3 => "Active".to_owned(),
        4 => "OpenSent".to_owned(),
        5 => "OpenConfirm".to_owned(),
        6 => "Established".to_owned(),
        7 => "Clearing".to_owned(),
        8 => "Deleted".to_owned(),
        other => format!("state {other}"),
    }
}
