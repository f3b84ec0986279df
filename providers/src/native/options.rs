//! A peer's options, from intent to the speaker's words for them.

use bgp_wire::Asn;
use intent::Reason;
use speaker::{Md5Key, RoleName};

pub(super) fn auth(auth: &intent::Auth) -> Result<speaker::Auth, (Reason, String)> {
    // Fail closed: a key that cannot be used is no reason to go without.
    let key = |secret: &intent::Secret| {
        Md5Key::new(secret.expose()).ok_or_else(|| {
            let message = "the TCP password must have 1 to 80 octets; shorten the Secret";
            (Reason::PeerConfigurationFailed, message.to_owned())
        })
    };
    Ok(match auth {
        intent::Auth::None => speaker::Auth::None,
        intent::Auth::Md5(secret) => speaker::Auth::Md5(key(secret)?),
        intent::Auth::Ao(keys) => {
            let ao = |ao: &intent::AoKey| {
                Ok(speaker::AoKey {
                    key: key(&ao.secret)?,
                    send_id: ao.send_id,
                    recv_id: ao.recv_id,
                    algorithm: match ao.algorithm {
                        intent::AoAlgorithm::HmacSha1 => speaker::AoAlgorithm::HmacSha1,
                        intent::AoAlgorithm::Aes128Cmac => speaker::AoAlgorithm::Aes128Cmac,
                    },
                })
            };
            speaker::Auth::Ao(keys.iter().map(ao).collect::<Result<_, (Reason, String)>>()?)
        }
    })
}

pub(super) fn local_as(local: intent::LocalAs) -> speaker::LocalAs {
    speaker::LocalAs {
        asn: Asn(local.asn.value()),
        no_prepend: local.no_prepend,
        replace: local.replace,
    }
}

pub(super) fn remove_private_as(private: intent::RemovePrivateAs) -> speaker::RemovePrivateAs {
    match private {
        intent::RemovePrivateAs::Remove => speaker::RemovePrivateAs::Remove,
        intent::RemovePrivateAs::Replace(asn) => {
            speaker::RemovePrivateAs::Replace(Asn(asn.value()))
        }
    }
}

pub(super) fn next_hop(mode: intent::NextHopMode) -> speaker::NextHopMode {
    match mode {
        intent::NextHopMode::Standard => speaker::NextHopMode::Standard,
        intent::NextHopMode::Own => speaker::NextHopMode::Own,
        intent::NextHopMode::Unchanged => speaker::NextHopMode::Unchanged,
    }
}

pub(super) fn add_path(paths: intent::AddPaths) -> speaker::AddPath {
    speaker::AddPath {
        receive: paths.receive,
        send: match paths.send {
            intent::AddPathsSend::Off => speaker::AddPathSend::Off,
            intent::AddPathsSend::All => speaker::AddPathSend::All,
            intent::AddPathsSend::Best(n) => speaker::AddPathSend::Best(n),
        },
    }
}

pub(super) fn role(role: intent::PeerRole) -> speaker::Role {
    speaker::Role {
        role: match role.role {
            intent::Role::Provider => RoleName::Provider,
            intent::Role::Rs => RoleName::Rs,
            intent::Role::RsClient => RoleName::RsClient,
            intent::Role::Customer => RoleName::Customer,
            intent::Role::Peer => RoleName::Peer,
        },
        strict: role.strict,
    }
}

pub(super) fn graceful_restart(restart: intent::GracefulRestart) -> speaker::GracefulRestart {
    speaker::GracefulRestart {
        restart_time: restart.restart_time,
        stale_time: restart.stale_path_time,
        long_lived: restart.long_lived,
    }
}

pub(super) fn bfd(bfd: intent::Bfd) -> speaker::BfdConfig {
    speaker::BfdConfig {
        min_tx: bfd.min_tx,
        min_rx: bfd.min_rx,
        multiplier: bfd.multiplier,
        multihop: bfd.multihop,
        strict: bfd.strict,
    }
}
