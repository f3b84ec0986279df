//! A running daemon as the control socket and HTTP see it.
//!
//! Reads views of the speaker page by page and the objects of the last compilation. Holds no state
//! of its own but those objects.
//!
//! Invariant: no lock is held while an answer is written.

use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};

use providers::native::Observer;
use speaker::SpeakerHandle;
use speaker::diagnose::refused_object;
use speaker::view::{Cursor, PeerView, RouteQuery, RouteTable};

use crate::control::{AnswerError, Items, ObjectView, Refusal, RefusalCode, Request, Source};
use crate::http::Status;
use crate::metrics::{ObjectTotals, Scrape};
use crate::objects;

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Daemon {
    speaker: SpeakerHandle,
    observer: Observer,
    /// `None` until the manifests were read and applied once.
    objects: RwLock<Option<Arc<[ObjectView]>>>,
}

impl Daemon {
    /// A daemon that has read nothing yet.
    pub(crate) fn new(observer: Observer) -> Self {
        Self { speaker: observer.speaker().clone(), observer, objects: RwLock::default() }
    }

    /// The manifests were read and applied.
    pub(crate) fn applied(&self, objects: Vec<ObjectView>) {
        let mut held = self.objects.write().unwrap_or_else(PoisonError::into_inner);
        *held = Some(objects.into());
    }

    fn objects(&self) -> Option<Arc<[ObjectView]>> {
        self.objects.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn routers(&self, items: &mut Items) -> Result<(), AnswerError> {
        for view in self.speaker.routers_view().await {
            items.push(&view).await?;
        }
        Ok(())
    }

    /// The router's full name for what somebody typed.
    async fn router(&self, asked: Option<String>) -> Result<Option<String>, Refusal> {
        let Some(asked) = asked else { return Ok(None) };
        let routers = self.speaker.routers_view().await;
        resolve("router", &asked, routers.into_iter().map(|r| r.name).collect()).map(Some)
    }

    /// The neighbour's full name for what somebody typed.
    fn peer(&self, router: Option<&str>, asked: &str) -> Result<String, Refusal> {
        let peers = self.speaker.peers(router);
        let bare = asked.split_once('%').map_or(asked, |(address, _)| address);
        let address = bare.parse::<IpAddr>().ok();
        let is_it = |p: &&PeerView| match address {
            Some(address) => p.address == Some(address),
            None => p.interface.as_deref() == Some(asked),
        };
        if let Some(peer) = peers.iter().find(is_it) {
            return Ok(peer.name.clone());
        }
        resolve("neighbour", asked, peers.into_iter().map(|p| p.name).collect())
    }

    async fn routes(&self, mut query: RouteQuery, items: &mut Items) -> Result<(), AnswerError> {
        query.router = self.router(query.router).await?;
        if let RouteTable::Received(peer) | RouteTable::Advertised(peer) = &mut query.table {
            *peer = self.peer(query.router.as_deref(), peer)?;
        }
        let mut cursor = Cursor::default();
        loop {
            let page = self.speaker.routes(&query, cursor);
            for route in &page.items {
                items.push(route).await?;
            }
            let Some(next) = page.next else { return Ok(()) };
            cursor = next;
            // A table of a million routes leaves room for everybody else.
            tokio::task::yield_now().await;
        }
    }

    async fn explain(
        &self,
        router: Option<String>,
        prefix: &str,
        items: &mut Items,
    ) -> Result<(), AnswerError> {
        let router = self.router(router).await?;
        if !speaker::is_route_name(prefix) {
            let text = format!(
                "{prefix} is no prefix like 10.0.0.0/8, nor a VPN or EVPN route as show routes has it"
            );
            return Err(Refusal::new(RefusalCode::BadRequest, text).into());
        }
        for view in self.speaker.explain(router.as_deref(), prefix) {
            items.push(&view).await?;
        }
        Ok(())
    }

    async fn doctor(
        &self,
        router: Option<String>,
        peer: Option<String>,
        items: &mut Items,
    ) -> Result<(), AnswerError> {
        let router = self.router(router).await?;
        let peer = peer.map(|asked| self.peer(router.as_deref(), &asked)).transpose()?;
        for diagnosis in self.speaker.doctor(router.as_deref(), peer.as_deref()).await {
            items.push(&diagnosis).await?;
        }
        if peer.is_none() {
            let objects = self.objects();
            for o in objects.iter().flat_map(|o| o.iter()).filter(|o| !o.accepted) {
                let what = format!("{} {}", o.kind, o.name);
                let refused = refused_object(&what, &o.reason, &o.message, o.source.as_deref());
                items.push(&refused).await?;
            }
        }
        Ok(())
    }

    async fn clear(
        &self,
        router: Option<String>,
        peer: &str,
        how: &speaker::Clear,
        items: &mut Items,
    ) -> Result<(), AnswerError> {
        let router = self.router(router).await?;
        let peer = self.peer(router.as_deref(), peer)?;
        let cleared = self.speaker.clear(router.as_deref(), &peer, how).await;
        for view in cleared.map_err(|why| Refusal::new(RefusalCode::Failed, why))? {
            items.push(&view).await?;
        }
        Ok(())
    }

    async fn fib(&self, items: &mut Items) -> Result<(), AnswerError> {
        let failed = |text: String| Refusal::new(RefusalCode::Failed, text);
        let routes = self.speaker.fib().await.map_err(failed)?.ok_or_else(|| {
            failed("this daemon runs with --fib none, so the kernel has no routes of it".to_owned())
        })?;
        for route in &routes {
            items.push(route).await?;
        }
        Ok(())
    }
}

impl Source for Daemon {
    async fn answer(&self, request: Request, items: &mut Items) -> Result<(), AnswerError> {
        match request {
            Request::Routers => self.routers(items).await,
            Request::Peers { router } => {
                let router = self.router(router).await?;
                for peer in self.speaker.peers(router.as_deref()) {
                    items.push(&peer).await?;
                }
                Ok(())
            }
            Request::Peer { router, peer } => {
                let router = self.router(router).await?;
                let name = self.peer(router.as_deref(), &peer)?;
                for view in self.speaker.peer(router.as_deref(), &name) {
                    items.push(&view).await?;
                }
                Ok(())
            }
            Request::Doctor { router, peer } => self.doctor(router, peer, items).await,
            Request::Routes { query } => self.routes(query, items).await,
            Request::Fib => self.fib(items).await,
            Request::Objects => {
                let observed = self.observer.observe().await;
                for object in self.objects().iter().flat_map(|o| o.iter()) {
                    let status = objects::status(object, &observed);
                    items.push(&ObjectView { status, ..object.clone() }).await?;
                }
                Ok(())
            }
            Request::Explain { router, prefix } => self.explain(router, &prefix, items).await,
            Request::Clear { router, peer, how } => self.clear(router, &peer, &how, items).await,
        }
    }
}

impl Status for Daemon {
    async fn scrape(&self) -> Scrape {
        let objects = self.objects();
        let objects = objects.as_deref().unwrap_or_default();
        let accepted = objects.iter().filter(|o| o.accepted).count() as u64;
        Scrape {
            peers: self.speaker.peers(None),
            routers: self.speaker.routers_view().await,
            fib: self.speaker.fib_totals(),
            objects: ObjectTotals { accepted, refused: objects.len() as u64 - accepted },
        }
    }

    fn ready(&self) -> Result<(), String> {
        match self.objects() {
            Some(_) => Ok(()),
            None => Err("the manifests have not been applied yet".to_owned()),
        }
    }
}

/// Names are `namespace/name`; the name alone will do where it is the only one.
fn resolve(what: &str, asked: &str, known: Vec<String>) -> Result<String, Refusal> {
    if known.iter().any(|name| name == asked) {
        return Ok(asked.to_owned());
    }
    let short = |name: &&String| name.rsplit_once('/').is_some_and(|(_, name)| name == asked);
    let mut found: Vec<_> = known.iter().filter(short).cloned().collect();
    found.dedup();
    let text = match (found.pop(), found.is_empty()) {
        (Some(one), true) => return Ok(one),
        (Some(one), false) => {
            format!(
                "{asked} may be {}; write the whole name",
                [found, vec![one]].concat().join(" or ")
            )
        }
        (None, _) if known.is_empty() => format!("no {what} {asked}; there is none"),
        (None, _) => format!("no {what} {asked}; there is {}", known.join(", ")),
    };
    Err(Refusal::new(RefusalCode::NotFound, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_may_leave_out_the_namespace_where_it_is_clear() {
        let known = || ["a/leaf1", "a/leaf2", "b/leaf2", "plain"].map(str::to_owned).to_vec();
        let name = |asked: &str| resolve("neighbour", asked, known()).map_err(|r| r.message);
        assert_eq!(name("leaf1").as_deref(), Ok("a/leaf1"));
        assert_eq!(name("b/leaf2").as_deref(), Ok("b/leaf2"));
        assert_eq!(name("plain").as_deref(), Ok("plain"));
        assert_eq!(
            name("leaf2"),
            Err("leaf2 may be a/leaf2 or b/leaf2; write the whole name".into())
        );
        assert_eq!(
            name("x"),
            Err("no neighbour x; there is a/leaf1, a/leaf2, b/leaf2, plain".into())
        );
        assert_eq!(
            resolve("router", "x", vec![]).unwrap_err().message,
            "no router x; there is none"
        );
    }
}
