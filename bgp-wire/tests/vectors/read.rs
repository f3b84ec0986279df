//! Reading files, and taking UPDATEs to their last octet.

use bgp_wire::{
    AnyNlri, AttrOutcome, AttrScratch, DecodeError, EncodeContext, EvpnRoute, Family, FamilySet,
    FlowSpec, Framed, HEADER_LEN, Labeled, MAX_EXTENDED, NextHop, Nlri, RouteTargetMembership,
    UpdateContext, UpdateView, V4Prefix, V6Prefix, Vpn, VpnFlowSpec, next_frame, pack_announce,
    pack_withdraw,
};
use serde_json::Value;

/// The text of a data file; `None`, and said, when it is absent.
pub(crate) fn text(test: &str, relative: &str) -> Option<String> {
    match testkit::data::file(relative) {
        Ok(path) => Some(std::fs::read_to_string(path).unwrap()),
        Err(reason) => {
            testkit::skip::skip(test, &reason);
            None
        }
    }
}

/// The entries of a file of vectors.
pub(crate) fn json(test: &str, relative: &str) -> Option<Vec<Value>> {
    text(test, relative).map(|text| serde_json::from_str(&text).unwrap())
}

/// The files of a folder, found through one that is known to be in it.
pub(crate) fn folder(test: &str, known: &str) -> Option<Vec<std::path::PathBuf>> {
    match testkit::data::file(known) {
        Ok(path) => {
            let folder = path.parent().unwrap();
            let mut list: Vec<_> =
                std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
            list.sort();
            Some(list)
        }
        Err(reason) => {
            testkit::skip::skip(test, &reason);
            None
        }
    }
}

/// Hexadecimal digits; what is between them does not count.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        text.chars().filter_map(|c| c.to_digit(16)).map(|d| u8::try_from(d).unwrap()).collect();
    assert!(digits.len().is_multiple_of(2), "{text}");
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

pub(crate) fn field<'a>(entry: &'a Value, name: &str) -> &'a str {
    entry[name].as_str().unwrap_or_default()
}

/// An internal session with every family and every extension but ADD-PATH.
pub(crate) fn context() -> UpdateContext {
    let families: FamilySet = AnyNlri::FAMILIES.into_iter().collect();
    UpdateContext {
        ebgp: false,
        aigp: true,
        families,
        extended_next_hop: families,
        ..UpdateContext::default()
    }
}

/// What an UPDATE says.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Update {
    pub(crate) canonical: Vec<u8>,
    pub(crate) discarded: u8,
    pub(crate) ignored: u8,
    pub(crate) end_of_rib: Option<Family>,
    pub(crate) announced: Vec<(Family, Option<NextHop>, u32, AnyNlri)>,
    pub(crate) withdrawn: Vec<(Family, u32, AnyNlri)>,
}

/// What became of an UPDATE.
#[derive(Debug, PartialEq)]
pub(crate) enum Outcome {
    Good(Update),
    Withdraw(DecodeError),
    Reset(DecodeError),
}

impl Outcome {
    #[track_caller]
    pub(crate) fn good(self) -> Update {
        match self {
            Self::Good(update) => update,
            other => panic!("{other:?}"),
        }
    }
}

/// The body of an UPDATE with these attributes and routes.
pub(crate) fn body(attributes: &[u8], nlri: &[u8]) -> Vec<u8> {
    let length = u16::try_from(attributes.len()).unwrap().to_be_bytes();
    [&[0, 0], &length[..], attributes, nlri].concat()
}

/// `$n` is the type of the routes of `$family`.
macro_rules! typed {
    ($family:expr, $n:ident => $body:expr) => {
        match $family {
            Family::IPV4_UNICAST | Family::IPV4_MULTICAST => {
                type $n = V4Prefix;
                $body
            }
            Family::IPV6_UNICAST | Family::IPV6_MULTICAST => {
                type $n = V6Prefix;
                $body
            }
            Family::IPV4_LABELED => {
                type $n = Labeled<V4Prefix>;
                $body
            }
            Family::IPV6_LABELED => {
                type $n = Labeled<V6Prefix>;
                $body
            }
            Family::IPV4_VPN => {
                type $n = Vpn<V4Prefix>;
                $body
            }
            Family::IPV6_VPN => {
                type $n = Vpn<V6Prefix>;
                $body
            }
            Family::EVPN => {
                type $n = EvpnRoute;
                $body
            }
            Family::ROUTE_TARGET => {
                type $n = RouteTargetMembership;
                $body
            }
            Family::IPV4_FLOW_SPEC => {
                type $n = FlowSpec<V4Prefix>;
                $body
            }
            Family::IPV6_FLOW_SPEC => {
                type $n = FlowSpec<V6Prefix>;
                $body
            }
            Family::IPV4_FLOW_SPEC_VPN => {
                type $n = VpnFlowSpec<V4Prefix>;
                $body
            }
            Family::IPV6_FLOW_SPEC_VPN => {
                type $n = VpnFlowSpec<V6Prefix>;
                $body
            }
            other => panic!("{other} was not negotiated"),
        }
    };
}

/// Reads an UPDATE, then encodes what it says and reads that: it must say the same.
#[track_caller]
pub(crate) fn update(body: &[u8], ctx: &UpdateContext) -> Outcome {
    let first = read(body, ctx);
    if let Outcome::Good(update) = &first {
        // An announcement needs its mandatory attributes to be sent again.
        let again = read_stream(&encode(update, ctx), ctx);
        assert_eq!(again.announced, update.announced);
        assert_eq!(again.withdrawn, update.withdrawn);
        if !update.announced.is_empty() {
            assert_eq!(again.canonical, update.canonical);
        }
    }
    first
}

fn read(body: &[u8], ctx: &UpdateContext) -> Outcome {
    let view = match UpdateView::parse(body, ctx) {
        Ok(view) => view,
        Err(error) => return Outcome::Reset(error),
    };
    let mut out = Update {
        ignored: view.ignored_fields(),
        end_of_rib: view.end_of_rib(),
        ..Update::default()
    };
    let v4 = Family::IPV4_UNICAST;
    let hop = view.next_hop_v4();
    out.announced.extend(view.reach_v4().map(|(id, p)| (v4, hop, id, p.into())));
    if let Some((hop, routes)) = view.second_reach_v4() {
        out.announced.extend(routes.map(|(id, p)| (v4, Some(hop), id, p.into())));
    }
    out.withdrawn.extend(view.withdrawn_v4().map(|(id, p)| (v4, id, p.into())));
    if let Some(mp) = view.mp_reach().filter(|mp| mp.family() != v4) {
        let (family, hop) = (mp.family(), mp.next_hop());
        typed!(family, N => {
            let routes = mp.iter::<N>().unwrap();
            out.announced.extend(routes.map(|(id, n)| (family, hop, id, n.into())));
        });
    }
    if let Some(mp) = view.mp_unreach().filter(|mp| mp.family() != v4) {
        let family = mp.family();
        typed!(family, N => {
            let routes = mp.iter::<N>().unwrap();
            out.withdrawn.extend(routes.map(|(id, n)| (family, id, n.into())));
        });
    }
    match view.attrs(&mut AttrScratch::default()) {
        AttrOutcome::Ok { canonical, discarded, .. } => {
            out.canonical = canonical.to_vec();
            out.discarded = discarded;
            Outcome::Good(out)
        }
        AttrOutcome::TreatAsWithdraw(error) => Outcome::Withdraw(error),
    }
}

fn encode(update: &Update, ctx: &UpdateContext) -> Vec<u8> {
    let mut wire = Vec::new();
    let ectx = EncodeContext { as4: ctx.as4, ..EncodeContext::default() };
    let typed_route = |route: &AnyNlri, wire: &mut Vec<u8>| route.put(wire);
    for (family, hop, id, route) in &update.announced {
        let ectx = EncodeContext { add_path: ctx.add_path.contains(*family), ..ectx };
        let mut octets = Vec::new();
        typed_route(route, &mut octets);
        typed!(*family, N => {
            let (one, rest) = N::take(&octets).unwrap();
            assert!(rest.is_empty());
            let stats = pack_announce(
                *family, &update.canonical, hop.as_ref(), &ectx, [(*id, one)], &mut wire,
            );
            assert_eq!(stats.unsendable, 0);
        });
    }
    for (family, id, route) in &update.withdrawn {
        let ectx = EncodeContext { add_path: ctx.add_path.contains(*family), ..ectx };
        let mut octets = Vec::new();
        route.put_withdrawn(&mut octets);
        typed!(*family, N => {
            let (one, rest) = N::take_withdrawn(&octets).unwrap();
            assert!(rest.is_empty());
            assert_eq!(pack_withdraw(*family, &ectx, [(*id, one)], &mut wire).unsendable, 0);
        });
    }
    wire
}

fn read_stream(mut stream: &[u8], ctx: &UpdateContext) -> Update {
    let mut all = Update::default();
    while !stream.is_empty() {
        let Ok(Framed::Message { frame, .. }) = next_frame(stream, MAX_EXTENDED) else {
            panic!("a message of our own")
        };
        stream = &stream[frame.len()..];
        let one = read(&frame[HEADER_LEN..], ctx).good();
        if !one.announced.is_empty() {
            all.canonical = one.canonical;
        }
        all.announced.extend(one.announced);
        all.withdrawn.extend(one.withdrawn);
    }
    all
}

/// The messages of a stream, which must hold nothing else.
#[track_caller]
pub(crate) fn frames(mut stream: &[u8]) -> Vec<&[u8]> {
    let mut out = Vec::new();
    while !stream.is_empty() {
        match next_frame(stream, MAX_EXTENDED) {
            Ok(Framed::Message { frame, .. }) => {
                out.push(frame);
                stream = &stream[frame.len()..];
            }
            other => panic!("{other:?}"),
        }
    }
    out
}
