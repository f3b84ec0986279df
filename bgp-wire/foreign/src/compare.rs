//! Ours against each of the others, and the differences that are known.
//!
//! What for: the one judge of the fuzz target, the corpus replay and the recorded messages.
//! Where: over the readings of the other modules.
//! How: one line a difference, made of the codec, what it is about and what each side says. A
//! difference whose line starts with the name of a [`KNOWN`] entry is expected.
//! Invariants: every [`KNOWN`] entry has a section of the same name in `fuzz/DISAGREEMENTS.md`.
//! References: `fuzz/DISAGREEMENTS.md`.

use std::{cell::Cell, fmt::Debug, panic, sync::Once};

use bgp_wire::{AttrType, Safi, Verdict, message_findings};

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
    "bgpkit open capability 5:",
    "bgpkit open capability 64:",
    "bgpkit update attribute 16 reserved:",
    "bgpkit update attribute 23:",
    "bgpkit update refuses: AttributeFlagsError",
    "bgpkit update refuses: attribute relayed unread",
    "netgauze open capability 5:",
    "netgauze open capability 73:",
    "netgauze open refuses: AddressTypeError",
    "netgauze open refuses: InvalidAddPathSendReceiveValue",
    "netgauze open refuses: InvalidBgpId",
    "netgauze open refuses: InvalidRouteRefreshLength",
    "netgauze open refuses: UndefinedAddressFamily",
    "netgauze open refuses: InvalidUtf8",
    "netgauze open refuses: UndefinedBgpRoleValue",
    "netgauze open refuses: UndefinedParameterType",
    "netgauze open refuses: UndefinedSubsequentAddressFamily",
    "netgauze open refuses: UnexpectedEof",
    "netgauze update attribute 16 reserved:",
    "netgauze update attribute 16 subtypes:",
    "netgauze update refuses: BadBgpPrefixSidSub",
    "netgauze update refuses: BadBgpPrefixSidTlvType",
    "netgauze update refuses: InvalidIpv4PrefixLen",
    "netgauze update refuses: InvalidIpv4UnicastNetwork",
    "netgauze update refuses: InvalidIpv6PrefixLen",
    "netgauze update refuses: InvalidLeafAdRoutes",
    "netgauze update refuses: InvalidMulticastNetwork",
    "netgauze update refuses: InvalidPathAttribute",
    "netgauze update refuses: InvalidUnicastNetwork",
    "netgauze update refuses: LabeledNextHopError",
    "netgauze update refuses: UndefinedAigpAttributeType",
    "netgauze update refuses: UndefinedAsPathSegmentType",
    "netgauze update refuses: UndefinedRouteDistinguisherTypeCode",
    "netgauze update refuses: UnknownTlvType",
    "routecore open panics",
    "routecore open refuses: Form(FormError(\"trailing bytes\"))",
    "routecore open refuses: ShortInput",
    "routecore update announced: [(Family { afi: Afi(19), safi: Safi(46)",
    "routecore update panics",
    "routecore update refuses: Form(FormError(\"MplsNlri labels too long\"))",
    "routecore update refuses: Form(FormError(\"MplsVpnNlri labels/rd too long\"))",
    "routecore update refuses: Form(FormError(\"invalid MP_REACH_NLRI\"))",
    "routecore update refuses: Form(FormError(\"invalid attribute\"))",
    "routecore update refuses: Form(FormError(\"non-zero host portion\"))",
    "routecore update refuses: Form(FormError(\"prefix parsing failed\"))",
    "routecore update refuses: ShortInput",
    "routecore update withdrawn: [(Family { afi: Afi(19), safi: Safi(46)",
];

/// Whether ours finds nothing worse than an oddity. What a fault costs, RFC 7606 leaves us to
/// decide, and codecs differ by design in how much of it they look for.
///
/// # Panics
/// When our readers do not say what the findings say.
pub fn is_faultless(message: &[u8]) -> bool {
    let faultless =
        message_findings(message, &ours::context()).iter().all(|f| f.verdict == Verdict::Note);
    let reading = match message.get(18) {
        Some(1) => ours::open(&message[19..]).map(drop),
        Some(2) => ours::update(message).map(drop),
        _ => return faultless,
    };
    match reading {
        Reading::Good(()) => assert!(faultless, "there are findings, but the reading is good"),
        Reading::Bad(why) => assert!(!faultless, "no findings, but {why}"),
        // Faults may be beside the routes of a family that the session has not negotiated.
        Reading::Unable => {}
    }
    faultless
}

/// Every difference about a whole message (OPEN or UPDATE; of others there are none). Of a message
/// with a fault only the panics of others are told.
pub fn differences(message: &[u8]) -> Vec<String> {
    let faultless = is_faultless(message);
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
            // Of route targets netgauze reads too few octets, routecore writes the length anew.
            let partial_octet = matches!(&mine, Reading::Good(update)
                if update.announced.iter().chain(&update.withdrawn).any(is_partial_octet));
            for (name, update, _) in CODECS {
                if name == "bgpkit" && default_route || partial_octet {
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
    if !faultless {
        lines.retain(|line| is_panic(line));
    }
    lines
}

/// A panic of another codec is never ours to mend; it is counted.
pub fn is_panic(line: &str) -> bool {
    line.ends_with(" panics")
}

/// The differences, panics of others aside, that no [`KNOWN`] entry covers.
pub fn unknown(message: &[u8]) -> Vec<String> {
    let mut lines = differences(message);
    lines.retain(|line| !is_panic(line) && !KNOWN.iter().any(|known| line.starts_with(known)));
    lines
}

/// The fuzz target: type octet, then a body.
///
/// # Panics
/// When there is a difference that nobody knows, or our readings contradict each other.
pub fn target(data: &[u8]) {
    if data.is_empty() || data.len() > 4000 {
        return;
    }
    let length = u16::try_from(data.len() + 18).expect("bounded above");
    let message = [&[0xff; 16][..], &length.to_be_bytes(), data].concat();
    if !is_faultless(&message) {
        return;
    }
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
        (Reading::Unable | Reading::Bad(_), _) | (_, Reading::Unable) => {}
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
    let (a, b) = (
        Open { capabilities: without_reserved(a), ..a.clone() },
        Open { capabilities: without_reserved(b), ..b.clone() },
    );
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
        let distinct = || a.cloned() == b.map(|value| distinct_large_communities(value));
        if a != b && !(*kind == AttrType::LARGE_COMMUNITIES.0 && distinct()) {
            let field = match (a, b) {
                (Some(a), Some(b)) if kind == &AttrType::EXT_COMMUNITIES.0 => lost(a, b),
                _ => None,
            };
            let field = field.map_or_else(|| format!("attribute {kind}:"), str::to_owned);
            let field = &field;
            pair(field, &a, &b);
        }
    }
}

/// The capabilities with the fields zeroed that are set to zero and ignored: the octet before the
/// SAFI (RFC 4760 section 8, RFC 5291), the flags nobody assigned (RFC 4724 section 3, RFC 8538 section 2).
fn without_reserved(open: &Open) -> Vec<(u8, Vec<u8>)> {
    let mut list = open.capabilities.clone();
    for capability in &mut list {
        match (capability.0, &mut capability.1[..]) {
            (1, [_, _, reserved, _]) => *reserved = 0,
            (3, mut families) => {
                while let [_, _, reserved, _, types, rest @ ..] = families {
                    *reserved = 0;
                    families = rest.get_mut(usize::from(*types) * 2..).unwrap_or_default();
                }
            }
            (64, [flags, _, families @ ..]) => {
                *flags &= 0xcf;
                families.chunks_exact_mut(4).for_each(|family| family[3] &= 0x80);
            }
            (71, families) => {
                families.chunks_exact_mut(7).for_each(|family| family[3] &= 0x80);
            }
            _ => {}
        }
    }
    list
}

/// A receiver takes repeated large communities for one (RFC 8092 section 5).
fn distinct_large_communities(value: &[u8]) -> Vec<u8> {
    let mut seen = std::collections::BTreeSet::new();
    value.chunks(12).filter(|community| seen.insert(*community)).flatten().copied().collect()
}

/// A prefix of a route target that ends inside of an octet (RFC 4684 section 4 counts in bits).
fn is_partial_octet((family, _, wire): &Route) -> bool {
    family.safi == Safi::ROUTE_TARGET && wire.first().is_some_and(|bits| bits % 8 != 0)
}

/// What a codec lost of extended communities that it wrote anew: subtypes, all now 2 (route target),
/// or bits of values, all now 0.
fn lost(a: &[u8], b: &[u8]) -> Option<&'static str> {
    let mut field = None;
    let is_same = a.len() == b.len();
    for (a, b) in a.chunks(8).zip(b.chunks(8)).filter(|(a, b)| is_same && a != b) {
        let cleared = || std::iter::zip(a, b).all(|(a, b)| a & b == *b);
        field = match (a, b) {
            ([_, _, rest @ ..], [_, 2, now @ ..]) if rest == now => Some("attribute 16 subtypes:"),
            (a, b) if a.get(..2) == b.get(..2) && cleared() => Some("attribute 16 reserved:"),
            _ => return None,
        };
    }
    field
}

/// A reading without the attributes that a speaker drops without a word: optional, non-transitive,
/// of a type it does not know (RFC 4271 section 5). And without a link-local next hop of zeros, which
/// says that there is none.
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
        if let [_, link_local] = &theirs.mp_next_hop[..]
            && link_local.is_unspecified()
        {
            theirs.mp_next_hop.truncate(1);
        }
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
