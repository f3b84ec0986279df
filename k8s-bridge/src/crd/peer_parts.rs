//! The structures inside a `BGPPeer`.
//!
//! **For**: [`super::peer`], which would be too long with them. **Sits**: beside it.
//! **How it works**: plain serde structs; their documentation is what `kubectl explain` shows.
//! **References**: RFC 5925, RFC 5880, RFC 4724, RFC 7911, RFC 9234, RFC 9003.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::{
    common::LocalRef,
    rule::{DURATION, validations},
};

/// A neighbour's AS by relation: external (any but ours) or internal (ours).
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RemoteAs {
    /// Any AS but ours.
    External,
    /// Our own AS.
    Internal,
}

/// ORIGIN: igp, egp or incomplete.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RouteOrigin {
    /// Interior.
    Igp,
    /// Learned by EGP.
    Egp,
    /// By other means.
    Incomplete,
}

/// A password in plain text, for trials only.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlainPassword {
    /// The password.
    #[schemars(length(min = 1, max = 80))]
    pub password: Option<String>,
}

impl std::fmt::Debug for PlainPassword {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PlainPassword(<redacted>)")
    }
}

/// TCP Authentication Option (RFC 5925). Needs Linux 6.7 or later built with CONFIG_TCP_AO; where the
/// kernel has it not the peer is refused.
///
/// A key is exchanged without losing the session in three steps, each on both ends before the next:
/// add the new key to additionalKeys; make it the first key and the old one additional; remove the old one. A changed
/// secret under the same identifiers begins a new session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TcpAo {
    /// The Secret with the master key, under key `password`.
    pub secret_ref: LocalRef,
    /// Key ID we send.
    #[serde(rename = "sendID")]
    pub send_id: u8,
    /// Key ID we expect.
    #[serde(rename = "recvID")]
    pub recv_id: u8,
    /// MAC algorithm: hmac-sha-1-96 or aes-128-cmac-96. Unset means hmac-sha-1-96.
    #[schemars(length(max = 32))]
    pub algorithm: Option<String>,
    /// Further keys the neighbour may use, for the time of an exchange.
    #[schemars(length(max = 7))]
    pub additional_keys: Option<Vec<TcpAoKey>>,
}

/// A further TCP-AO key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TcpAoKey {
    /// The Secret with the master key, under key `password`.
    pub secret_ref: LocalRef,
    /// Key ID we send.
    #[serde(rename = "sendID")]
    pub send_id: u8,
    /// Key ID we expect.
    #[serde(rename = "recvID")]
    pub recv_id: u8,
    /// MAC algorithm: hmac-sha-1-96 or aes-128-cmac-96. Unset means hmac-sha-1-96.
    #[schemars(length(max = 32))]
    pub algorithm: Option<String>,
}

/// BFD (RFC 5880 to 5883).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Bfd {
    /// Whether the session is watched by BFD.
    #[serde(default)]
    pub enabled: bool,
    /// Desired transmit interval in microseconds. Unset means 300000.
    #[schemars(range(min = 1000, max = 60000000))]
    pub minimum_tx: Option<u32>,
    /// Required receive interval in microseconds. Unset means 300000.
    #[schemars(range(min = 1000, max = 60000000))]
    pub minimum_rx: Option<u32>,
    /// Missed packets that mean down. Unset means 3.
    #[schemars(range(min = 3, max = 50))]
    pub detect_multiplier: Option<u8>,
    /// Multihop BFD (RFC 5883), as the neighbour has it. Unset is as far as the session itself reaches.
    pub multi_hop: Option<bool>,
    /// Keep the session down until BFD is up.
    pub strict: Option<bool>,
}

/// Graceful restart (RFC 4724).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PeerGracefulRestart {
    /// Whether it is offered.
    #[serde(default)]
    pub enabled: bool,
    /// Seconds the neighbour waits for us. Unset means 120.
    #[schemars(range(min = 1, max = 4095))]
    pub restart_time: Option<u16>,
}

/// A bound on accepted prefixes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MaximumPrefix {
    /// Most prefixes accepted.
    #[schemars(range(min = 1, max = 4294967295u32))]
    pub limit: u32,
    /// Warn from this share of the limit on. Unset means 80.
    #[schemars(range(min = 1, max = 100))]
    pub threshold_percent: Option<u8>,
    /// Beyond the limit: warning-only accepts no more, restart and shutdown end the session.
    /// Unset means warning-only.
    pub action: Option<MaximumPrefixAction>,
    /// With action restart: how long to stay down. Unset means 60s.
    #[schemars(length(max = 32), extend("x-kubernetes-validations" = validations(DURATION)))]
    pub restart_after: Option<String>,
}

/// Beyond the limit: warning-only accepts no more, restart and shutdown end the session.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MaximumPrefixAction {
    /// Accept no more.
    WarningOnly,
    /// End the session, start again later.
    Restart,
    /// End the session.
    Shutdown,
}

/// Several paths for one prefix (RFC 7911).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AddPaths {
    /// Offer to receive several.
    pub receive: Option<bool>,
    /// What to send: `best`, `all`, or `{bestN: 4}`.
    pub send: Option<AddPathsSend>,
}

/// What to send: `best`, `all`, or `{bestN: 4}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum AddPathsSend {
    /// `best` or `all`.
    Word(AddPathsWord),
    /// A number of paths.
    #[serde(rename_all = "camelCase")]
    BestN {
        /// How many, 2 to 64.
        best_n: u8,
    },
}

/// `best` or `all`.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AddPathsWord {
    /// The best path only.
    Best,
    /// Every path.
    All,
}

impl JsonSchema for AddPathsSend {
    fn schema_name() -> Cow<'static, str> {
        "AddPathsSend".into()
    }

    /// A structural schema cannot say "a word or an object", so the field is open here and
    /// checked when read.
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "What to send: best, all, or {bestN: 4}.",
            "x-kubernetes-preserve-unknown-fields": true,
        })
    }
}

/// Our role towards the neighbour (RFC 9234): provider, customer, rs, rs-client or peer.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PeerRole {
    /// We sell transit.
    Provider,
    /// We buy transit.
    Customer,
    /// We are a route server.
    Rs,
    /// We are a route server's client.
    RsClient,
    /// Neither pays.
    Peer,
}

/// Administratively down.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Shutdown {
    /// Sent to the neighbour (RFC 9003).
    #[schemars(length(max = 128))]
    pub reason: Option<String>,
}
