//! Which messages and routes are shown.

use ipnet::IpNet;

use super::args::{PrefixQuery, SelectArgs, TypeName};
use super::message::{Body, Finding, Message, Verdict};
use super::route::Route;

impl SelectArgs {
    /// Whether `message` is shown; takes out the routes that are not asked for.
    pub(crate) fn keep(&self, message: &mut Message<'_>) -> bool {
        let kind = message.body.kind();
        if let Body::State { session: false, .. } = message.body
            && !self.types.contains(&TypeName::State)
        {
            return false;
        }
        if !self.types.is_empty() && !self.types.contains(&kind) {
            return false;
        }
        if let Some(peer) = self.peer
            && ![message.from.addr, message.to.addr].contains(&Some(peer))
        {
            return false;
        }
        let costs = |finding: &Finding| finding.verdict > Verdict::Note;
        if self.only_findings && !message.findings.iter().any(costs) {
            return false;
        }
        self.keep_routes(message)
    }

    fn keep_routes(&self, message: &mut Message<'_>) -> bool {
        if self.prefix.is_none() && self.family.is_empty() {
            return true;
        }
        let family = match &mut message.body {
            Body::Update(update) | Body::Route(update) => {
                update.withdrawn.retain(|route| self.wants(route));
                update.announced.retain(|route| self.wants(route));
                if !update.withdrawn.is_empty() || !update.announced.is_empty() {
                    return true;
                }
                update.end_of_rib
            }
            Body::RouteRefresh(refresh) => Some(refresh.family),
            _ => None,
        };
        // A message about a family without routes: End-of-RIB, ROUTE-REFRESH.
        self.prefix.is_none() && family.is_some_and(|family| self.family.contains(&family))
    }

    fn wants(&self, route: &Route) -> bool {
        if !self.family.is_empty() && !self.family.contains(&route.family) {
            return false;
        }
        let Some(query) = self.prefix else { return true };
        let Some(prefix) = route.ip_net() else { return false };
        match query {
            PrefixQuery::Address(address) => prefix.contains(&address),
            PrefixQuery::Prefix(wanted) => {
                prefix == wanted
                    || self.longer && is_inside(prefix, wanted)
                    || self.covering && is_inside(wanted, prefix)
            }
        }
    }
}

fn is_inside(inner: IpNet, outer: IpNet) -> bool {
    outer.contains(&inner)
}
