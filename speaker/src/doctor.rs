//! Gathering the facts for [`crate::diagnose`] from a running speaker.
//!
//! Only when asked: links and addresses once, the route and a sample of received routes for each
//! neighbour.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::diagnose::{Diagnosis, HostFacts, diagnose, kernel, router};
use crate::engine::SpeakerHandle;
use crate::view::{Cursor, PeerView, RouteQuery, RouteTable};

/// Received routes looked at for each neighbour.
const SAMPLE: usize = 2000;

impl SpeakerHandle {
    /// What is wrong with the neighbour of this name, or with all, their routers and the kernel; one
    /// diagnosis each, also for those that are well.
    pub async fn doctor(&self, wanted: Option<&str>, peer: Option<&str>) -> Vec<Diagnosis> {
        let facts = HostFacts::gather(self.baseline());
        let mut all = Vec::new();
        let mut listening: BTreeMap<String, Vec<SocketAddr>> = BTreeMap::new();
        for running in self.routers() {
            let name = running.name();
            if wanted.is_some_and(|wanted| wanted != name) {
                continue;
            }
            let listen = running.listen().await;
            listening.insert(name.to_owned(), self.listening(&listen).await);
            if peer.is_none() {
                all.push(router(name, &self.deaf(&listen).await));
            }
        }
        if let (None, Some(totals), Some(writer)) = (peer, self.fib_totals(), self.fib_writer()) {
            let errors = writer.fib().status().errors;
            let errors: Vec<_> =
                errors.iter().map(|e| format!("{}: {}", e.prefix, e.text)).collect();
            all.push(kernel(&totals, &errors));
        }
        for view in self.peers(wanted) {
            if peer.is_some_and(|name| view.name != name) {
                continue;
            }
            let mut host = facts.towards(&view);
            host.listening = listening.get(&view.router).cloned().unwrap_or_default();
            host.statuses = self.statuses(&view);
            all.push(diagnose(&view, &host));
        }
        all
    }

    /// A sample of the routes received from a neighbour, counted by status.
    fn statuses(&self, peer: &PeerView) -> BTreeMap<String, u64> {
        let mut statuses = BTreeMap::new();
        if peer.families.iter().all(|f| f.received == 0) {
            return statuses;
        }
        for family in &peer.families {
            let query = RouteQuery {
                router: Some(peer.router.clone()),
                family: Some(family.family.clone()),
                prefix: None,
                table: RouteTable::Received(peer.name.clone()),
            };
            let (mut seen, mut cursor) = (0, Some(Cursor::default()));
            while let Some(at) = cursor.filter(|_| seen < SAMPLE) {
                let page = self.routes(&query, at);
                seen += page.items.len();
                for route in page.items {
                    *statuses.entry(route.status).or_insert(0) += 1;
                }
                cursor = page.next;
            }
        }
        statuses
    }
}
