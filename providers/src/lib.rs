//! One trait over the engines that run BGP, and the native one.
//!
//! A provider takes the desired state of its routers ([`intent::Router`]) and makes it so; it says
//! for every object what became of it, and what it observes. Whoever composes the program holds
//! providers only through [`BgpProvider`], so that the embedded speaker and a foreign daemon are
//! driven alike.
//!
//! Invariants: `apply` is idempotent and a diff; one object that cannot be carried out never stops
//! another; a field that a provider cannot realise is reported on the object that has it.
#![forbid(unsafe_code)]

pub mod native;

use std::collections::BTreeMap;
use std::future::Future;

use intent::observed::RouterStatus;
use intent::{Family, ObjectRef, ProviderKind, Reason, Router, RouterName};

/// An engine that runs routers.
pub trait BgpProvider: Send {
    /// Which kind of engine this is.
    fn kind(&self) -> ProviderKind;

    /// What it can do. What a configuration asks beyond that is reported by [`apply`](Self::apply).
    fn capabilities(&self) -> Capabilities;

    /// Makes the engine run exactly these routers.
    fn apply(
        &mut self,
        routers: &BTreeMap<RouterName, Router>,
    ) -> impl Future<Output = Report> + Send;

    /// What runs now.
    fn observe(&self) -> impl Future<Output = BTreeMap<RouterName, RouterStatus>> + Send;

    /// Ends all sessions with a Cease that says `reason`; kernel routes stay unless `remove_routes`.
    fn stop(&mut self, reason: &str, remove_routes: bool) -> impl Future<Output = ()> + Send;
}

/// What an engine can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// Address families it carries.
    pub families: Vec<Family>,
    /// Whether it reflects routes (RFC 4456).
    pub route_reflection: bool,
    /// Whether it runs BFD (RFC 5880).
    pub bfd: bool,
}

/// What became of the objects of one [`BgpProvider::apply`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// One entry an object that is not fully carried out; objects not named are.
    pub outcomes: Vec<Outcome>,
    /// Sessions that were reset, as (router, neighbour, why).
    pub sessions_reset: Vec<(RouterName, String, String)>,
}

/// What kept an object from being carried out, wholly or in part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The router it belongs to.
    pub router: RouterName,
    /// The object.
    pub object: ObjectRef,
    /// Nothing of the object runs; else only what the message names is missing.
    pub is_refused: bool,
    /// Stable reason.
    pub reason: Reason,
    /// What is missing and how to mend it.
    pub message: String,
}
