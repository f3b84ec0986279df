//! The options of a peer that stand for themselves.
//!
//! **For**: [`super::peer`]. **Sits**: below it; pure. **How it works**: one function an option gives
//! a value or a refusal. **References**: RFC 4724, RFC 5880, RFC 7911, RFC 9234, RFC 9494.

use std::{num::NonZeroU8, time::Duration};

use intent::{
    AddPaths, AddPathsSend, Asn, Bfd, GracefulRestart, InterfaceName, LocalAs, NextHopMode,
    PeerAddress, PeerRole, Reason, RemoteAs, RemovePrivateAs, Role,
};

use super::{routers::asn, verdict::Refusal};
use crate::crd::{self, AddPathsWord, BgpPeerSpec};

/// Dynamic neighbours of one template at a time, where the manifest does not say.
const RANGE_LIMIT: u32 = 100;

/// BFD intervals, where the manifest does not say: 300 ms.
const BFD_INTERVAL_US: u32 = 300_000;

/// Detect Mult, where the manifest does not say.
const BFD_MULTIPLIER: u8 = 3;

/// Seconds of RFC 4724, where the manifest does not say.
pub(super) const RESTART_TIME: u16 = 120;
pub(super) const STALE_PATH_TIME: u16 = 360;

pub(super) fn range(spec: &BgpPeerSpec) -> Result<Option<PeerAddress>, Refusal> {
    let Some(text) = &spec.address_range else { return Ok(None) };
    let prefix: ipnet::IpNet = text.parse().map_err(|_| {
        (Reason::InvalidSpec, format!("addressRange {text:?} is no prefix such as 10.0.0.0/16"))
    })?;
    let limit = spec.address_range_limit.unwrap_or(RANGE_LIMIT);
    Ok(Some(PeerAddress::Range { prefix: prefix.trunc(), limit }))
}

pub(super) fn bind_device(spec: &BgpPeerSpec) -> Result<Option<InterfaceName>, Refusal> {
    let parse = |text: &String| {
        text.parse::<InterfaceName>()
            .map_err(|error| (Reason::InvalidSpec, format!("bindDevice: {error}")))
    };
    spec.bind_device.as_ref().map(parse).transpose()
}

/// Another AS makes sense towards another AS only, and must not make that one our own.
pub(super) fn local_as(
    spec: &BgpPeerSpec,
    remote_as: RemoteAs,
    router_as: Asn,
) -> Result<Option<LocalAs>, Refusal> {
    let Some(number) = spec.local_asn else { return Ok(None) };
    let local = asn(number)?;
    if remote_as == RemoteAs::Internal || remote_as == RemoteAs::Asn(router_as) {
        let message = "localASN goes with external neighbours only: remove it".to_owned();
        return Err((Reason::InvalidForIBGP, message));
    }
    let wrong = if local == router_as {
        Some("the router's own AS: remove it")
    } else if remote_as == RemoteAs::Asn(local) {
        Some("the neighbour's AS, which would make the session internal: choose another")
    } else {
        None
    };
    if let Some(why) = wrong {
        return Err((Reason::InvalidSpec, format!("localASN {local} is {why}")));
    }
    Ok(Some(LocalAs {
        asn: local,
        no_prepend: spec.local_as_no_prepend.unwrap_or(false),
        replace: spec.local_as_replace.unwrap_or(false),
    }))
}

pub(super) fn next_hop(spec: &BgpPeerSpec) -> NextHopMode {
    match (spec.next_hop_self, spec.next_hop_unchanged) {
        (Some(true), _) => NextHopMode::Own,
        (_, Some(true)) => NextHopMode::Unchanged,
        _ => NextHopMode::Standard,
    }
}

pub(super) fn remove_private_as(
    spec: &BgpPeerSpec,
    external: bool,
) -> Result<Option<RemovePrivateAs>, Refusal> {
    if spec.remove_private_as.is_some() && !external {
        let message = "removePrivateAS goes with external neighbours only: remove it".to_owned();
        return Err((Reason::InvalidForIBGP, message));
    }
    match spec.remove_private_as {
        None => Ok(None),
        Some(0) => Ok(Some(RemovePrivateAs::Remove)),
        Some(number) => asn(number).map(|asn| Some(RemovePrivateAs::Replace(asn))),
    }
}

pub(super) fn add_paths(spec: &BgpPeerSpec) -> AddPaths {
    let Some(given) = &spec.add_paths else { return AddPaths::default() };
    AddPaths {
        receive: given.receive.unwrap_or(false),
        send: match given.send {
            None | Some(crd::AddPathsSend::Word(AddPathsWord::Best)) => AddPathsSend::Off,
            Some(crd::AddPathsSend::Word(AddPathsWord::All)) => AddPathsSend::All,
            Some(crd::AddPathsSend::BestN { best_n }) => {
                NonZeroU8::new(best_n).map_or(AddPathsSend::Off, AddPathsSend::Best)
            }
        },
    }
}

pub(super) fn role(spec: &BgpPeerSpec, external: bool) -> Result<Option<PeerRole>, Refusal> {
    let Some(role) = spec.role else { return Ok(None) };
    if !external {
        let message = "role goes with external neighbours only (RFC 9234): remove it".to_owned();
        return Err((Reason::InvalidForIBGP, message));
    }
    let role = match role {
        crd::PeerRole::Provider => Role::Provider,
        crd::PeerRole::Customer => Role::Customer,
        crd::PeerRole::Rs => Role::Rs,
        crd::PeerRole::RsClient => Role::RsClient,
        crd::PeerRole::Peer => Role::Peer,
    };
    Ok(Some(PeerRole { role, strict: spec.strict_role.unwrap_or(false) }))
}

/// The peer's own setting, and the router's for what it leaves open.
pub(super) fn graceful_restart(
    spec: &BgpPeerSpec,
    router: Option<GracefulRestart>,
) -> Option<GracefulRestart> {
    let Some(own) = &spec.graceful_restart else { return router };
    own.enabled.then(|| {
        let usual = router.unwrap_or(GracefulRestart {
            restart_time: RESTART_TIME,
            stale_path_time: STALE_PATH_TIME,
            long_lived: None,
        });
        GracefulRestart { restart_time: own.restart_time.unwrap_or(usual.restart_time), ..usual }
    })
}

pub(super) fn bfd(spec: &BgpPeerSpec) -> Option<Bfd> {
    let given = spec.bfd.as_ref().filter(|given| given.enabled)?;
    let interval = |us: Option<u32>| Duration::from_micros(us.unwrap_or(BFD_INTERVAL_US).into());
    Some(Bfd {
        min_tx: interval(given.minimum_tx),
        min_rx: interval(given.minimum_rx),
        multiplier: given.detect_multiplier.unwrap_or(BFD_MULTIPLIER),
        multihop: given.multi_hop,
        strict: given.strict.unwrap_or(false),
    })
}
