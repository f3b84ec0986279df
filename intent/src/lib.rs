//! Provider-neutral desired state, observed state and reasons.
//!
//! **For**: the seam where configuration (manifests, API server, tests) meets whatever runs BGP
//! (the embedded speaker, FRR, GoBGP). **Sits**: made by `k8s-bridge`, carried out by `providers`,
//! shown by the command; knows neither Kubernetes nor sockets nor time.
//!
//! **How it works**: [`Intent`] says what one node should do: routers, their peers, what they
//! originate and which policies apply. It is immutable and replaced as a whole; [`diff()`] says what
//! changed, and how much of it a running session survives. [`observed`] is the way back: what is
//! really there. [`Reason`] is the one vocabulary used by conditions, events, logs and the command.
//!
//! **Invariants**: scalars are types that hold only checked values ([`Asn`], [`HoldTimes`],
//! [`InterfaceName`], [`PrefixRange`] ...); alternatives are enums ([`PeerAddress`], [`Ttl`],
//! [`Auth`]). What only a whole router can contradict is found by [`Intent::validate`]. A
//! [`Secret`] never appears in `Debug` or serialised output and is wiped when dropped.
//!
//! **References**: RFC 4271 (sections 5, 8, 9), RFC 4456, RFC 5082, RFC 8212, RFC 2385.
#![forbid(unsafe_code)]

mod as_path;
pub mod diff;
mod eval;
mod name;
pub mod observed;
mod origination;
mod peer;
mod peer_options;
mod policy;
mod reason;
mod router;
mod secret;
mod types;
mod validate;

pub use crate::{
    as_path::{AsPathExtent, AsPathPattern, PatternError},
    diff::{IntentDiff, diff},
    name::{InterfaceName, NameError, ObjectRef, PeerName, PolicyName, RouterName},
    origination::{Attributes, Origination, PeerScope},
    peer::{
        AllowAsIn, AoAlgorithm, AoKey, Auth, HoldTimes, LimitAction, LocalEnd, MaximumPrefix, Peer,
        PeerAddress, PeerTimers, RemoteAs, TimerError, Ttl,
    },
    peer_options::{
        AddPaths, AddPathsSend, Bfd, GracefulRestart, LocalAs, NextHopMode, PeerRole,
        RemovePrivateAs, Role,
    },
    policy::{
        Action, Disposition, EvpnType, Match, NextHopSet, Origin, Policy, PolicyChain, PrefixRange,
        Set, Term,
    },
    reason::Reason,
    router::{BestPath, ExportScope, Intent, Listen, Provider, ProviderKind, Router, RouterId},
    secret::Secret,
    types::{Asn, Community, ExtCommunity, Family, LargeCommunity, Mac, ParseError},
    validate::Invalid,
};
