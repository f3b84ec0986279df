//! VPN-IPv4 routes from one client of a reflector to another (RFC 4364, RFC 4456).
//!
//! Everything must come through as it was, label and route distinguisher included, with ORIGINATOR_ID
//! and CLUSTER_LIST added. A subject without the family says so in its OPEN, or accepts no session.

use std::net::Ipv4Addr;
use std::sync::Arc;

use anyhow::Result;
use testkit::frame::Attributes;
use testkit::load::vpn::{self, Route};
use testkit::load::{Holdings, IPV4_VPN, NotCarried, Universe, digest::ABSENT};

use super::{Input, Inputs, Prepared, Scenario};
use crate::bench_load::plan::{Plan, ROUTER_ID, Role, Seat};
use crate::bench_load::run::{Run, deliver};

/// VRFs, each with a route distinguisher and a route target.
const VRFS: u32 = 200;

/// The row.
#[derive(Debug)]
pub(super) struct ReflectVpn;

#[derive(Debug)]
struct Ready {
    universe: Arc<Universe>,
    want: Arc<[u32]>,
    frames: Vec<u8>,
    withdrawals: Vec<u8>,
}

impl Scenario for ReflectVpn {
    fn name(&self) -> &'static str {
        "reflect-vpn"
    }

    fn title(&self) -> &'static str {
        "200k VPNv4 routes of 200 VRFs reflected from one client to another"
    }

    fn prepare(&self, inputs: &mut Inputs, input: Input) -> Result<Box<dyn Prepared>> {
        let table = inputs.table(input, inputs.scale.routes(200_000), Seat::Feed(0))?;
        let (mut frames, mut want, mut all) = (Vec::new(), Vec::new(), Vec::new());
        for (number, (attributes, prefixes)) in (0_u32..).zip(&table.sets) {
            let vrf = number % VRFS;
            let attributes = Attributes {
                local_pref: Some(100),
                // On every route: FRR 8 adds one of zero where there is none.
                med: Some(number % 1000),
                // Two-octet AS and number (RFC 4360 section 3.1).
                ext_communities: vec![typed(0x0002, vrf)],
                ..attributes.clone()
            };
            let routes: Vec<_> = prefixes
                .iter()
                .map(|prefix| Route {
                    rd: typed(0, vrf),
                    label: 16 + number % 100_000,
                    prefix: *prefix,
                })
                .collect();
            vpn::update(&attributes, &routes, &mut frames);
            let reflected = reflected(&attributes, Seat::Feed(0).address());
            want.extend(routes.iter().map(|route| vpn::digest(&reflected, route.label)));
            all.extend(routes);
        }
        let mut withdrawals = Vec::new();
        vpn::withdraw(&all, &mut withdrawals);
        let universe = Universe::vpn(all.iter().map(|route| (route.rd, route.prefix)));
        Ok(Box::new(Ready { universe: Arc::new(universe), want: want.into(), frames, withdrawals }))
    }
}

/// A route distinguisher of type 0, or a route target: type, AS 64900, number.
fn typed(kind: u16, number: u32) -> [u8; 8] {
    let (k, n) = (kind.to_be_bytes(), number.to_be_bytes());
    [k[0], k[1], 0xfd, 0x84, n[0], n[1], n[2], n[3]]
}

/// RFC 4456 section 8: ORIGINATOR_ID and CLUSTER_LIST.
fn reflected(attributes: &Attributes, originator: Ipv4Addr) -> Attributes {
    let mut out = attributes.clone();
    out.other.push((0x80, 9, originator.octets().to_vec()));
    out.other.push((0x80, 10, ROUTER_ID.octets().to_vec()));
    out
}

impl Prepared for Ready {
    fn run(&self, run: &mut Run<'_>) -> Result<()> {
        let seats = vec![Seat::Feed(0), Seat::Receiver(0)];
        let lab = run.lab(Plan { role: Role::Reflector, family: IPV4_VPN, seats })?;
        let holdings = Holdings::new(&self.universe, Arc::clone(&self.want));
        // Refusing the family can also mean to refuse the neighbour: then there is no OPEN to read.
        let receiver = lab.peer(Seat::Receiver(0), Some(holdings)).map_err(|error| match error
            .is::<NotCarried>(
        ) {
            true => error,
            false => anyhow::Error::new(NotCarried(IPV4_VPN)).context(format!("{error:#}")),
        })?;
        let feed = lab.peer(Seat::Feed(0), None)?;
        let (routes, patience) = (self.universe.len(), run.patience());
        run.leg(&lab, "converge", routes, || {
            deliver(&[(&feed, &self.frames)], &[&receiver], patience)
        })?;
        receiver.want(&vec![ABSENT; routes].into());
        run.leg(&lab, "withdraw all", routes, || {
            deliver(&[(&feed, &self.withdrawals)], &[&receiver], patience)
        })
    }
}
