//! The embedded speaker as a provider: a thin adapter over [`speaker`].
//!
//! Conversion is pure (`convert`, `options`, `policy`); what is observed comes from the speaker's views.

mod convert;
mod observe;
mod options;
mod policy;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use intent::observed::RouterStatus;
use intent::{Family, ObjectRef, ProviderKind, Reason, Router, RouterName};
use speaker::{SpeakerConfig, SpeakerHandle, SpeakerOptions, StartError};

use crate::{BgpProvider, Capabilities, Outcome, Report};

/// The embedded speaker.
#[derive(Debug)]
pub struct Native {
    observer: Observer,
}

/// Sees what a native provider runs; clones see the same.
#[derive(Clone, Debug)]
pub struct Observer {
    speaker: SpeakerHandle,
    applied: Arc<RwLock<Applied>>,
}

type Applied = Arc<BTreeMap<RouterName, Router>>;

impl Observer {
    /// The speaker, for views and events.
    pub fn speaker(&self) -> &SpeakerHandle {
        &self.speaker
    }

    /// What runs now, for every router that was applied.
    pub async fn observe(&self) -> BTreeMap<RouterName, RouterStatus> {
        let applied = Arc::clone(&self.applied.read().unwrap_or_else(PoisonError::into_inner));
        observe::routers(&self.speaker, &applied).await
    }
}

impl Native {
    /// Starts a speaker with nothing configured.
    ///
    /// # Errors
    /// With a FIB, when the kernel's tables are not to be had.
    pub async fn start(options: SpeakerOptions) -> Result<Self, StartError> {
        let speaker = SpeakerHandle::start(options).await?;
        Ok(Self { observer: Observer { speaker, applied: Arc::default() } })
    }

    /// The eyes of this provider, for whoever shows status.
    pub fn observer(&self) -> &Observer {
        &self.observer
    }
}

impl BgpProvider for Native {
    fn kind(&self) -> ProviderKind {
        ProviderKind::Native
    }

    fn capabilities(&self) -> Capabilities {
        let families = Family::ALL.into_iter().filter(|f| convert::family(*f).is_some()).collect();
        Capabilities { families, route_reflection: true, bfd: true }
    }

    async fn apply(&mut self, routers: &BTreeMap<RouterName, Router>) -> Report {
        let mut report = Report::default();
        let mut config = SpeakerConfig::default();
        for (name, router) in routers {
            let (converted, outcomes) = convert::router(router);
            report.outcomes.extend(outcomes);
            report.outcomes.extend(convert::partly(router));
            config.routers.insert(name.as_str().to_owned(), converted);
        }
        let applied = self.observer.speaker.apply(config).await;
        for (router, peer, message) in applied.problems {
            report.outcomes.push(problem(routers, &router, &peer, message));
        }
        report.sessions_reset = applied
            .sessions_reset
            .into_iter()
            .map(|(router, peer, why)| (RouterName::new(router), peer, why))
            .collect();
        let mut held = self.observer.applied.write().unwrap_or_else(PoisonError::into_inner);
        *held = Arc::new(routers.clone());
        drop(held);
        report
    }

    async fn observe(&self) -> BTreeMap<RouterName, RouterStatus> {
        self.observer.observe().await
    }

    async fn stop(&mut self, reason: &str, remove_routes: bool) {
        self.observer.speaker.stop(reason, remove_routes).await;
    }
}

/// Puts a problem of the speaker on the object it belongs to.
fn problem(
    routers: &BTreeMap<RouterName, Router>,
    router: &str,
    peer: &str,
    message: String,
) -> Outcome {
    let known = routers.get(router);
    let of_peer = known.and_then(|r| r.peers.get(peer)).map(|p| p.source.clone());
    let object = of_peer
        .or_else(|| known.map(|r| r.source.clone()))
        .unwrap_or_else(|| ObjectRef::cluster("Router", router));
    let reason = if !peer.is_empty() {
        Reason::PeerConfigurationFailed
    } else if message.starts_with("cannot listen") {
        Reason::ListenFailed
    } else {
        Reason::ConfigurationFailed
    };
    // A socket that is not open yet is tried again; a neighbour that could not be set up is not.
    let is_refused = reason == Reason::PeerConfigurationFailed;
    Outcome { router: RouterName::new(router), object, is_refused, reason, message }
}
