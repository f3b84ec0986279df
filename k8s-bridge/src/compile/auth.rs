//! How a peer's segments are protected: TCP MD5 and TCP-AO keys from Secrets.
//!
//! **For**: [`super::peer`]. **Sits**: below it; pure. **How it works**: a reference is followed into the index; what
//! is not there refuses the peer. **Invariants**: a peer whose spec asks for protection is built with all its keys or
//! not at all. **References**: RFC 2385, RFC 5925, RFC 5926.

use intent::{AoAlgorithm, AoKey, Auth, Reason, Secret};

use super::verdict::Refusal;
use crate::{
    Index,
    crd::{BgpPeerSpec, TcpAo, TcpAoKey},
};

/// Linux `TCP_MD5SIG_MAXKEYLEN` and `TCP_AO_MAXKEYLEN`.
const LONGEST_KEY: usize = 80;

/// The entry of a Secret that is named by nothing else.
const PASSWORD: &str = "password";

pub(super) fn auth(spec: &BgpPeerSpec, namespace: &str, index: &Index) -> Result<Auth, Refusal> {
    if let Some(ao) = &spec.tcp_ao {
        return tcp_ao(ao, namespace, index);
    }
    let reference = match (&spec.password_secret_ref, &spec.auth_secret_ref) {
        (Some(reference), _) => Some((&reference.name, reference.key.as_str())),
        (None, Some(reference)) => Some((&reference.name, PASSWORD)),
        (None, None) => None,
    };
    let plain = spec.authentication.as_ref().and_then(|a| a.password.as_deref());
    let secret = match (reference, plain) {
        (Some((name, key)), _) => secret(namespace, name, key, "TCP MD5 password", index)?,
        (None, Some(plain)) => match Secret::new(plain) {
            Some(secret) => bounded(secret, "authentication.password", "TCP MD5 password")?,
            None => return Ok(Auth::None),
        },
        (None, None) => return Ok(Auth::None),
    };
    Ok(Auth::Md5(secret))
}

fn tcp_ao(ao: &TcpAo, namespace: &str, index: &Index) -> Result<Auth, Refusal> {
    let first = TcpAoKey {
        secret_ref: ao.secret_ref.clone(),
        send_id: ao.send_id,
        recv_id: ao.recv_id,
        algorithm: ao.algorithm.clone(),
    };
    let mut keys: Vec<AoKey> = Vec::new();
    for key in std::iter::once(&first).chain(ao.additional_keys.iter().flatten()) {
        if let Some(other) =
            keys.iter().find(|k| k.send_id == key.send_id || k.recv_id == key.recv_id)
        {
            let message = format!(
                "tcpAO: keys {}/{} and {}/{} share an identifier (sendID/recvID): each key needs its own",
                other.send_id, other.recv_id, key.send_id, key.recv_id
            );
            return Err((Reason::InvalidSpec, message));
        }
        let name = key.algorithm.as_deref().unwrap_or("hmac-sha-1-96");
        let algorithm = AoAlgorithm::parse(name).ok_or_else(|| {
            let message = format!(
                "tcpAO.algorithm {name:?} is not known: use hmac-sha-1-96 or aes-128-cmac-96"
            );
            (Reason::InvalidSpec, message)
        })?;
        let secret = secret(namespace, &key.secret_ref.name, PASSWORD, "TCP-AO key", index)?;
        keys.push(AoKey { secret, send_id: key.send_id, recv_id: key.recv_id, algorithm });
    }
    Ok(Auth::Ao(keys))
}

fn secret(
    namespace: &str,
    name: &str,
    key: &str,
    what: &str,
    index: &Index,
) -> Result<Secret, Refusal> {
    let held = index.secret(namespace, name);
    let value = held.and_then(|s| s.data.get(key)).cloned().ok_or_else(|| {
        let missing = match held {
            Some(_) => format!("Secret {namespace}/{name} has no key {key:?}"),
            None => format!("there is no Secret {namespace}/{name}"),
        };
        (Reason::SecretNotFound, format!("{missing}: the session stays down until it is there"))
    })?;
    bounded(value, &format!("Secret {namespace}/{name}, key {key:?}"), what)
}

fn bounded(secret: Secret, from: &str, what: &str) -> Result<Secret, Refusal> {
    if secret.expose().len() > LONGEST_KEY {
        let message = format!("{from}: a {what} has at most {LONGEST_KEY} octets");
        return Err((Reason::InvalidSpec, message));
    }
    Ok(secret)
}
