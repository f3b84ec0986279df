//! The scripted end of a session: one family, whatever the other offers beyond.

use std::net::Ipv4Addr;

use anyhow::{Context as _, Result, ensure};
use bgp_wire::{
    AddPathDirection, Asn, Capability, EncodeContext, Family, MAX_EXTENDED, MAX_MESSAGE, Open,
};
use testkit::frame::{KEEPALIVE, NOTIFICATION, OPEN, UPDATE};
use testkit::netns::NetNs;
use testkit::script::Session;
use testkit::wait;

use crate::daemons;

/// The AS of both ends: inside one AS nothing of a route is lost to eBGP rules.
pub(crate) const ASN: Asn = Asn(65000);

/// Our address of the session with number `i`.
pub(crate) fn address(i: usize) -> Ipv4Addr {
    Ipv4Addr::new(192, 0, 2, 101 + u8::try_from(i).unwrap())
}

pub(crate) struct Peer {
    session: Session,
    context: EncodeContext,
}

impl Peer {
    /// Opens session `i` for one family, as often as it takes: a daemon that has just started may
    /// not want it yet.
    pub(crate) fn connect(ns: &NetNs, i: usize, family: Family, add_path: bool) -> Result<Self> {
        wait::eventually(&format!("a session for {family}"), || Self::open(ns, i, family, add_path))
    }

    /// Hold time 0, so that nothing has to be kept alive.
    fn open(ns: &NetNs, i: usize, family: Family, add_path: bool) -> Result<Self> {
        let local = address(i);
        let mut session = Session::connect(ns, local.into(), (daemons::ADDRESS, 179).into())
            .context("connect")?;
        let mut capabilities = vec![
            Capability::MultiProtocol(family),
            Capability::FourOctetAs(ASN),
            Capability::RouteRefresh,
            Capability::ExtendedMessage,
        ];
        if add_path {
            capabilities.push(Capability::AddPath(vec![(family, AddPathDirection::Send)]));
        }
        let open = Open {
            version: 4,
            asn: ASN,
            my_as_field: ASN.to_two_octets(),
            hold_time: 0,
            router_id: local,
            capabilities,
        };
        let mut out = Vec::new();
        open.encode(&mut out);
        session.send(&out)?;
        let theirs = Open::decode(&session.expect(OPEN)?.body)?;
        session.send(&bgp_wire::KEEPALIVE)?;
        session.expect(KEEPALIVE)?;
        ensure!(theirs.families().contains(family), "{family} is not offered");
        let offers = |wanted: &dyn Fn(&Capability) -> bool| theirs.capabilities.iter().any(wanted);
        let paths = offers(&|c| match c {
            Capability::AddPath(list) => list.iter().any(|(f, d)| *f == family && d.receives()),
            _ => false,
        });
        let long = offers(&|c| matches!(c, Capability::ExtendedMessage));
        let context = EncodeContext {
            as4: true,
            max_len: if long { MAX_EXTENDED } else { MAX_MESSAGE },
            add_path: add_path && paths,
        };
        Ok(Self { session, context })
    }

    /// What was agreed on.
    pub(crate) fn context(&self) -> EncodeContext {
        self.context
    }

    pub(crate) fn send(&mut self, octets: &[u8]) -> Result<()> {
        self.session.send(octets)
    }

    /// Ends the session; the daemon must not have complained before.
    pub(crate) fn close(self) -> Result<()> {
        for message in self.session.finish()? {
            let body = &message.body;
            // Cease is what some answer to the end of the connection.
            let complaint = message.kind == NOTIFICATION && body.first() != Some(&6);
            ensure!(!complaint, "NOTIFICATION {body:02x?}");
            ensure!(matches!(message.kind, KEEPALIVE | UPDATE | NOTIFICATION | 5), "{message:?}");
        }
        Ok(())
    }
}
