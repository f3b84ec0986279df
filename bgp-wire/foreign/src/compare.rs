//! Ours against each of the others, and the differences that are known.
//!
//! What for: the one judge of the fuzz target, the corpus replay and the recorded messages.
//! Where: over the readings of the other modules.
//! How: one line a difference, made of the codec, what it is about and what each side says. A
//! difference whose line starts with the name of a [`KNOWN`] entry is expected.
//! Invariants: every [`KNOWN`] entry has a section of the same name in `fuzz/DISAGREEMENTS.md`.
//! References: `fuzz/DISAGREEMENTS.md`.

use std::{cell::Cell, fmt::Debug, panic, sync::Once};

use bgp_wire::Safi;

use crate::{Open, Reading, Route, Update, bgpkit, netgauze, ours, routecore};

/// A foreign codec's two readers.
type Codec = (&'static str, fn(&[u8]) -> Reading<Update>, fn(&[u8]) -> Reading<Open>);

const CODECS: [Codec; 3] = [
    ("bgpkit", bgpkit::update, bgpkit::open),
    ("netgauze", netgauze::update, netgauze::open),
    ("routecore", routecore::update, routecore::open),
];

/// Differences that are right: how the line begins, see `fuzz/DISAGREEMENTS.md`.
pub const KNOWN: &[&str] = &[
    "bgpkit open accepts: BadBgpIdentifier",
    "bgpkit open accepts: BadPeerAs",
    "bgpkit open accepts: MalformedCapability",
    "bgpkit open accepts: MalformedOptionalParameters",
    "bgpkit open accepts: UnacceptableHoldTime",
    "bgpkit open accepts: UnsupportedOptionalParameter",
    "bgpkit open accepts: UnsupportedVersion",
    "bgpkit open capability 64:",
    "bgpkit update accepts: AttributeFlags",
    "bgpkit update accepts: Discarded",
    "bgpkit update accepts: InvalidNextHop",
    "bgpkit update accepts: MalformedAsPath",
    "bgpkit update accepts: MalformedAttributeList",
    "bgpkit update accepts: OptionalAttribute",
    "bgpkit update accepts: UnrecognizedWellKnown",
    "bgpkit update refuses: AttributeFlagsError",
    "netgauze open accepts: BadPeerAs",
    "netgauze open refuses: BgpOpenMessageParsingError(Parse(UnexpectedEof",
    "netgauze update accepts: AttributeFlags",
    "netgauze update accepts: Discarded",
    "netgauze update accepts: InvalidNextHop",
    "netgauze update accepts: MalformedAsPath",
    "netgauze update accepts: MissingWellKnown",
    "netgauze update accepts: OptionalAttribute",
    "netgauze update accepts: UnrecognizedWellKnown",
    "netgauze update attribute 16:",
    "netgauze update refuses: BgpUpdateMessageParsingError(InvalidIpv4UnicastNetwork",
    "netgauze update refuses: BgpUpdateMessageParsingError(PathAttributeError(AigpError",
    "netgauze update refuses: BgpUpdateMessageParsingError(PathAttributeError(InvalidPathAttribute",
    "netgauze update refuses: BgpUpdateMessageParsingError(PathAttributeError(Mp",
    "routecore open accepts: BadBgpIdentifier",
    "routecore open accepts: BadPeerAs",
    "routecore open accepts: UnacceptableHoldTime",
    "routecore open accepts: UnsupportedOptionalParameter",
    "routecore open accepts: UnsupportedVersion",
    "routecore open panics",
    "routecore open refuses: ShortInput",
    "routecore update accepts: AttributeFlags",
    "routecore update accepts: Discarded",
    "routecore update accepts: InvalidNextHop",
    "routecore update accepts: InvalidOrigin",
    "routecore update accepts: MalformedAsPath",
    "routecore update accepts: MissingWellKnown",
    "routecore update accepts: OptionalAttribute",
    "routecore update accepts: UnrecognizedWellKnown",
    "routecore update announced: [(Family { afi: Afi(19), safi: Safi(46)",
    "routecore update panics",
    "routecore update refuses: Form(FormError(\"invalid MP_REACH_NLRI\"))",
    "routecore update refuses: Form(FormError(\"invalid attribute\"))",
    "routecore update refuses: Form(FormError(\"non-zero host portion\"))",
    "routecore update refuses: ShortInput",
    "routecore update withdrawn: [(Family { afi: Afi(19), safi: Safi(46)",
];

/// Every difference about a whole message (OPEN or UPDATE; of others there are none).
pub fn differences(message: &[u8]) -> Vec<String> {
    let Some(kind) = message.get(18) else { return Vec::new() };
    let mut lines = Vec::new();
    match kind {
        1 => {
            let mine = ours::open(&message[19..]);
            for (name, _, open) in CODECS {
                judge(name, "open", &mine, &caught(|| open(message)), &mut lines, open_fields);
            }
        }
        2 => {
            let mine = ours::update(message);
            // bgpkit-parser takes a default route, whose one octet is 0, for the start of a path
            // identifier, told otherwise or not; what it makes of the rest of such a field varies.
            let default_route = matches!(&mine, Reading::Good(update)
                if update.announced.iter().chain(&update.withdrawn).any(|(_, _, wire)| *wire == [0]));
            for (name, update, _) in CODECS {
                if name == "bgpkit" && default_route {
                    continue;
                }
                judge(
                    name,
                    "update",
                    &mine,
                    &caught(|| without_ignored(update(message), &mine, message)),
                    &mut lines,
                    update_fields,
                );
            }
        }
        _ => {}
    }
    lines
}

/// The differences no [`KNOWN`] entry covers.
pub fn unknown(message: &[u8]) -> Vec<String> {
    let mut lines = differences(message);
    lines.retain(|line| !KNOWN.iter().any(|known| line.starts_with(known)));
    lines
}

/// The fuzz target: type octet, then a body.
///
/// # Panics
/// When there is a difference that nobody knows.
pub fn target(data: &[u8]) {
    if data.is_empty() || data.len() > 4000 {
        return;
    }
    let length = u16::try_from(data.len() + 18).expect("bounded above");
    let message = [&[0xff; 16][..], &length.to_be_bytes(), data].concat();
    let lines = unknown(&message);
    assert!(lines.is_empty(), "{}", lines.join("\n"));
}

type Fields<T> = fn(&T, &T, &mut dyn FnMut(&str, String));

fn judge<T: Debug>(
    name: &str,
    message: &str,
    mine: &Reading<T>,
    theirs: &Option<Reading<T>>,
    lines: &mut Vec<String>,
    fields: Fields<T>,
) {
    let Some(theirs) = theirs else {
        lines.push(format!("{name} {message} panics"));
        return;
    };
    match (mine, theirs) {
        (Reading::Unable, _) | (_, Reading::Unable) | (Reading::Bad(_), Reading::Bad(_)) => {}
        (Reading::Bad(why), Reading::Good(_)) => {
            lines.push(format!("{name} {message} accepts: {why}"));
        }
        (Reading::Good(_), Reading::Bad(why)) => {
            lines.push(format!("{name} {message} refuses: {why}"));
        }
        (Reading::Good(mine), Reading::Good(theirs)) => {
            fields(mine, theirs, &mut |field, how| {
                lines.push(format!("{name} {message} {field} {how}"));
            });
        }
    }
}

fn open_fields(a: &Open, b: &Open, differs: &mut dyn FnMut(&str, String)) {
    let head = |o: &Open| (o.version, o.my_as, o.hold_time, o.id);
    if head(a) != head(b) {
        differs("header", format!("{:?} {:?}", head(a), head(b)));
    }
    if a.capabilities != b.capabilities {
        let at = a.capabilities.iter().zip(&b.capabilities).find(|(a, b)| a != b);
        match at {
            Some((ours, theirs)) => {
                differs(
                    &format!("capability {}:", ours.0),
                    format!("{:02x?} {:02x?}", ours.1, theirs),
                );
            }
            None => {
                differs("capabilities:", format!("{:02x?} {:02x?}", a.capabilities, b.capabilities))
            }
        }
    }
}

fn update_fields(a: &Update, b: &Update, differs: &mut dyn FnMut(&str, String)) {
    let mut pair = |field: &str, a: &dyn Debug, b: &dyn Debug| {
        differs(field, format!("{a:02x?} {b:02x?}"));
    };
    if a.announced != b.announced {
        pair("announced:", &a.announced, &b.announced);
    }
    let (ours, theirs) = (unlabelled(&a.withdrawn), unlabelled(&b.withdrawn));
    if ours != theirs {
        pair("withdrawn:", &ours, &theirs);
    }
    if a.next_hop != b.next_hop {
        pair("next hop:", &a.next_hop, &b.next_hop);
    }
    if a.mp_next_hop != b.mp_next_hop {
        pair("mp next hop:", &a.mp_next_hop, &b.mp_next_hop);
    }
    let kinds: std::collections::BTreeSet<_> =
        a.attributes.keys().chain(b.attributes.keys()).collect();
    for kind in kinds {
        let (a, b) = (a.attributes.get(kind), b.attributes.get(kind));
        if a != b {
            pair(&format!("attribute {kind}:"), &a, &b);
        }
    }
}

/// A reading without the attributes that a speaker drops without a word: optional, non-transitive,
/// of a type it does not know (RFC 4271 section 5).
fn without_ignored(
    mut theirs: Reading<Update>,
    mine: &Reading<Update>,
    message: &[u8],
) -> Reading<Update> {
    if let (Reading::Good(theirs), Reading::Good(mine)) = (&mut theirs, mine) {
        let ignored = |kind: u8| {
            !mine.attributes.contains_key(&kind)
                && crate::attribute_flags(message, kind).is_some_and(|flags| flags & 0xc0 == 0x80)
        };
        theirs.attributes.retain(|kind, _| !ignored(*kind));
    }
    theirs
}

/// Withdrawn routes with their one label made equal: it means nothing (RFC 8277 section 2.4).
fn unlabelled(routes: &[Route]) -> Vec<Route> {
    let mut routes = routes.to_vec();
    for (family, _, wire) in &mut routes {
        if matches!(family.safi, Safi::LABELED | Safi::VPN)
            && let Some(label) = wire.get_mut(1..4)
        {
            label.copy_from_slice(&[0x80, 0, 0]);
        }
    }
    routes.sort();
    routes
}

thread_local! {
    static FOREIGN: Cell<bool> = const { Cell::new(false) };
}

/// Runs foreign code; `None` when it panics. libFuzzer's hook would end the process first.
fn caught<T>(run: impl FnOnce() -> T) -> Option<T> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !FOREIGN.get() {
                before(info);
            }
        }));
    });
    FOREIGN.set(true);
    let result = panic::catch_unwind(panic::AssertUnwindSafe(run)).ok();
    FOREIGN.set(false);
    result
}
