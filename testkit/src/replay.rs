//! A whole dump replayed at a speaker: every peer of the collector as one session, one more peer to
//! see what comes out, and what must come out by the naive decision process.
//!
//! All peers sit in one namespace behind one link. Peer n of the dump speaks from the n-th address
//! with its own AS and announces itself as next hop; routes are compared by what RFC 4271 says an
//! external neighbour must be sent. Paths the speaker must refuse are not replayed.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use ipnet::IpNet;

use crate::daemon::Neighbor;
use crate::frame::{Attributes, Segment, encode};
use crate::mrt::Dump;
use crate::netns::{End, NetNs};
use crate::oracle::{self, Candidate};
use crate::route::{Family, router_id};
use crate::script::{Identity, Session};
use crate::sender::Sender;
use crate::sink::{ANY, Sink};
use crate::wait;

/// Address of the speaker under test.
pub const SPEAKER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
/// AS of the speaker under test. Real paths do hold private 2-octet AS numbers (65000 among them),
/// and a path that holds our own is refused; nobody uses this one.
pub const SPEAKER_AS: u32 = 4_200_000_001;
/// Address of the peer that only receives.
pub const SINK: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 200);
/// AS of the peer that only receives.
pub const SINK_AS: u32 = 4_200_000_002;
/// Patience for a table of this size on a busy machine in a debug build.
const LONG: Duration = Duration::from_secs(300);

/// The outcome for one prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What an eBGP neighbour is sent; communities sorted.
    pub sent: Attributes,
    /// Addresses of the peers whose paths may share the load.
    pub gateways: BTreeSet<IpAddr>,
}

/// The outcome for every prefix.
pub type Expected = BTreeMap<IpNet, Outcome>;

/// Address of peer `peer` of the dump.
///
/// # Panics
/// Beyond 180 peers.
#[must_use]
pub fn feed_address(peer: usize) -> Ipv4Addr {
    Ipv4Addr::new(192, 0, 2, number(peer))
}

fn number(peer: usize) -> u8 {
    assert!(peer < 180, "more peers than addresses");
    11 + u8::try_from(peer).expect("checked above")
}

/// Gives the peers' namespace its link and addresses, and the speaker's its own.
///
/// # Errors
/// When the link cannot be made.
pub fn wire(speaker: &NetNs, peers: &NetNs, dump: &Dump) -> Result<()> {
    let ours = End::new("eth0", &[&format!("{SPEAKER}/24")]);
    speaker.link(&ours, peers, &End::new("eth0", &[]))?;
    for address in (0..dump.peers.len()).map(feed_address).chain([SINK]) {
        peers.add_address("eth0", IpNet::new(address.into(), 24)?)?;
    }
    Ok(())
}

/// The neighbours to configure on the speaker: one a peer of the dump, then the sink.
#[must_use]
pub fn neighbors(dump: &Dump) -> Vec<Neighbor> {
    let neighbor = |address: Ipv4Addr, asn| Neighbor {
        passive: true,
        maximum_prefix: Some(1_000_000),
        ..Neighbor::new(SPEAKER.into(), address.into(), asn)
    };
    let feeds = dump.peers.iter().enumerate().map(|(i, p)| neighbor(feed_address(i), p.asn));
    feeds.chain([neighbor(SINK, SINK_AS)]).collect()
}

/// Starts one session a peer, each with its table and End-of-RIB sent.
///
/// # Errors
/// When a session does not come up or ends.
pub fn feed(peers: &NetNs, dump: &Dump) -> Result<Vec<Sender>> {
    let start = |peer: usize| {
        let address = feed_address(peer).into();
        let session = Session::connect(peers, address, SocketAddr::new(SPEAKER.into(), 179))?;
        let sender = Sender::start(session, &identity(dump.peers[peer].asn, number(peer)))?;
        let mut frames = dump.frames(peer, Some(address));
        encode::end_of_rib(Family::Ipv4, &mut frames);
        sender.send(&frames)?;
        Ok(sender)
    };
    (0..dump.peers.len()).map(start).collect()
}

/// Starts the peer that only receives.
///
/// # Errors
/// When its session does not come up.
pub fn sink(peers: &NetNs, expected: &Expected) -> Result<Sink> {
    let session = Session::connect(peers, SINK.into(), SocketAddr::new(SPEAKER.into(), 179))?;
    let prefixes = expected.keys().map(|p| (*p, ANY));
    Sink::start(session, &identity(SINK_AS, 200), prefixes, true)
}

fn identity(asn: u32, n: u8) -> Identity {
    let families = vec![Family::Ipv4];
    Identity { hold_time: 90, families, ..Identity::new(asn, router_id(n)) }
}

/// Waits until the sink holds exactly `expected`, attributes included.
///
/// # Errors
/// How many prefixes differ, and one of them.
pub fn wait_sink(sink: &Sink, expected: &Expected) -> Result<()> {
    sink.wait_complete(LONG)?;
    // Complete in prefixes; the last better paths may still be on their way.
    let mut compared = None;
    wait::within(LONG, "the receiving peer's table", || {
        // Comparing a big table takes its time: only when something has come since.
        let counts = sink.counts();
        if let Some((updates, verdict)) = &compared
            && *updates == counts.updates
        {
            bail!("{verdict}");
        }
        let verdict = compare(sink, expected);
        let text = verdict.as_ref().err().map(ToString::to_string).unwrap_or_default();
        compared = Some((counts.updates, text));
        verdict
    })
}

fn compare(sink: &Sink, expected: &Expected) -> Result<()> {
    let seen = sink.routes();
    ensure!(seen.len() == expected.len(), "{} prefixes, not {}", seen.len(), expected.len());
    let is_wrong = |(prefix, want): &(&IpNet, &Outcome)| {
        seen.get(*prefix).is_none_or(|have| sorted((**have).clone()) != want.sent)
    };
    let wrong: Vec<_> = expected.iter().filter(is_wrong).collect();
    let first = wrong.first().map(|(prefix, want)| {
        format!("{prefix}\n  want {:?}\n  have {:?}", want.sent, seen.get(*prefix))
    });
    ensure!(wrong.is_empty(), "{} prefixes differ: {}", wrong.len(), first.unwrap_or_default());
    Ok(())
}

/// In what speakers differ without being wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Habits {
    /// A next hop on the subnet that the receiver is on is kept (RFC 4271 section 5.1.3).
    pub keeps_third_party_next_hops: bool,
    /// Paths with an AS_SET are not used (RFC 9774).
    pub refuses_as_sets: bool,
}

/// What must come out.
///
/// # Panics
/// When a path holds [`SPEAKER_AS`].
#[must_use]
pub fn expected(dump: &Dump, options: oracle::Options, habits: Habits) -> Expected {
    let mut by_prefix: HashMap<IpNet, Vec<(usize, &Attributes)>> = HashMap::new();
    for entry in &dump.entries {
        let holds = |segment: &Segment| match segment {
            Segment::Sequence(asns) | Segment::Set(asns) => asns.contains(&SPEAKER_AS),
        };
        assert!(!entry.attributes.as_path.iter().any(holds), "{}: a loop", entry.prefix);
        let is_set = |segment: &Segment| matches!(segment, Segment::Set(_));
        if habits.refuses_as_sets && entry.attributes.as_path.iter().any(is_set) {
            continue;
        }
        by_prefix.entry(entry.prefix).or_default().push((entry.peer, &entry.attributes));
    }
    let outcome = |(prefix, paths): (IpNet, Vec<(usize, &Attributes)>)| {
        let candidates: Vec<_> = paths
            .iter()
            .map(|&(peer, attributes)| Candidate {
                attributes,
                ebgp: true,
                router_id: router_id(number(peer)),
                peer_address: feed_address(peer).into(),
                igp_metric: 0,
                cluster_list_len: 0,
            })
            .collect();
        let decision = oracle::decide(&candidates, options).expect("a path makes the prefix known");
        let gateway = |i: &usize| IpAddr::V4(feed_address(paths[*i].0));
        let gateways = decision.multipath.iter().map(gateway).collect();
        let (peer, attributes) = paths[decision.best];
        let next_hop =
            if habits.keeps_third_party_next_hops { feed_address(peer) } else { SPEAKER };
        (prefix, Outcome { sent: sent(attributes, next_hop), gateways })
    };
    by_prefix.into_iter().map(outcome).collect()
}

/// RFC 4271 section 5.1 towards an external neighbour.
fn sent(best: &Attributes, next_hop: Ipv4Addr) -> Attributes {
    let mut out =
        Attributes { next_hop: next_hop.into(), med: None, local_pref: None, ..best.clone() };
    match out.as_path.first_mut() {
        Some(Segment::Sequence(asns)) if asns.len() < 255 => asns.insert(0, SPEAKER_AS),
        _ => out.as_path.insert(0, Segment::Sequence(vec![SPEAKER_AS])),
    }
    sorted(out)
}

/// The order of communities, and of the members of a set, has no meaning.
fn sorted(mut attributes: Attributes) -> Attributes {
    attributes.communities.sort_unstable();
    attributes.communities.dedup();
    for segment in &mut attributes.as_path {
        if let Segment::Set(asns) = segment {
            asns.sort_unstable();
            asns.dedup();
        }
    }
    attributes
}
