//! What an operator does to a running session: reset it, or have routes sent again.
//!
//! **For**: `cosmos clear peer`. **Sits**: beside [`show`](crate::show), of which it is the acting
//! half. **How it works**: a hard clear is a Cease (Administrative Reset, with a text) and a new start
//! without the rest that follows a fault; a soft one leaves the session up.
//! **Invariants**: nothing of the configuration changes; a session that is administratively down
//! stays so. **References**: RFC 4486 section 3, RFC 9003, RFC 2918.

use std::sync::{Arc, Weak};

use bgp_fsm::StopReason;
use serde::{Deserialize, Serialize};

use crate::engine::SpeakerHandle;
use crate::router::Router;
use crate::soft::Anew;

/// What to do to a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Clear {
    /// End it with a Cease and begin again at once.
    Hard {
        /// For the neighbour's operator (RFC 9003); cut at 255 octets.
        reason: Option<String>,
    },
    /// Apply the import policy anew.
    SoftIn,
    /// Send everything again.
    SoftOut,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cleared {
    /// Router's name.
    pub router: String,
    /// Neighbour's name.
    pub peer: String,
    /// One line for people.
    pub done: String,
}

impl SpeakerHandle {
    /// Clears the neighbour of this name in each router that has one, or in one router.
    ///
    /// # Errors
    /// In words, what has to be there first: a neighbour of that name, an Established session.
    pub async fn clear(
        &self,
        router: Option<&str>,
        peer: &str,
        how: &Clear,
    ) -> Result<Vec<Cleared>, String> {
        let mut cleared = Vec::new();
        for found in self.routers().iter().filter(|r| router.is_none_or(|name| r.name() == name)) {
            let named = {
                let core = found.shared.core();
                core.neighbors.get_key_value(peer).map(|(name, _)| Arc::clone(name))
            };
            let Some(name) = named else { continue };
            let done = found.clear(&name, how).await?;
            cleared.push(Cleared { router: found.name().to_owned(), peer: peer.to_owned(), done });
        }
        match cleared.is_empty() {
            true => Err(format!("there is no neighbour {peer}")),
            false => Ok(cleared),
        }
    }
}

impl Router {
    async fn clear(&self, name: &Arc<str>, how: &Clear) -> Result<String, String> {
        match how {
            Clear::Hard { reason } => self.clear_hard(name, reason.clone()).await,
            Clear::SoftIn => self.clear_soft(name, true),
            Clear::SoftOut => self.clear_soft(name, false),
        }
    }

    async fn clear_hard(&self, name: &Arc<str>, reason: Option<String>) -> Result<String, String> {
        let session = self.shared.sessions().get(name).and_then(Weak::upgrade);
        let Some(session) = session else {
            return Err(format!("{name} is down by its configuration; there is nothing to reset"));
        };
        let held = {
            let mut core = self.shared.core();
            core.neighbors.get_mut(name).and_then(|neighbor| neighbor.held.take())
        };
        let reason = StopReason::AdministrativeReset(reason);
        let ended = session.reset(reason).await.and(session.start().await);
        ended.map_err(|error| format!("{name}: {error}"))?;
        Ok(match held {
            Some(_) => "let go; starts again".to_owned(),
            None => "reset; starts again".to_owned(),
        })
    }

    fn clear_soft(&self, name: &Arc<str>, inbound: bool) -> Result<String, String> {
        let mut core = self.shared.core();
        let life = core.neighbors.get(name).and_then(|neighbor| neighbor.life);
        let Some((ix, life)) = life.and_then(|ix| Some((ix, core.lives.get(ix)?))) else {
            return Err(format!("the session with {name} is not Established; leave out \"soft\""));
        };
        let negotiated = Arc::clone(&life.established.negotiated);
        if inbound {
            core.reimport(ix, Anew::Asked);
        } else {
            for family in negotiated.families.iter() {
                core.send_again(ix, family);
            }
        }
        drop(core);
        self.shared.wake();
        Ok(match (inbound, negotiated.route_refresh) {
            (true, true) => "asked for all its routes again",
            (true, false) => "import policy is applied again to the routes held",
            (false, _) => "all routes are sent again",
        }
        .to_owned())
    }
}
