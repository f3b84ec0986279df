//! One interface: when to advertise, when to ask, and who is there.
//!
//! Called by the runner; pure: time and packets come in, [`Effect`]s go out, [`Interface::next_deadline`]
//! says when to come back.
//!
//! ```text
//!  up ──> advertise, +1 s, +1 s ──> every 7.5 to 10 s (3/4 to 1 of the interval) ──> stop: lifetime 0
//!              ^                         ^ solicited, or a new neighbour: within 0.5 s, but not
//!              │ new address of ours     │ sooner than 3 s after the one before
//! ```
//!
//! The burst at the start is closer together than RFC 4861 section 6.2.4 has it (16 s at most, 3 s at
//! least): a link between two routers is no place to save three packets. RFC 6275 section 7.5 allows
//! far shorter intervals. We also ask, although routers need not: a neighbour that has been up for
//! long would let us wait for a whole interval.
//!
//! Invariants: at most one advertisement a second and, but for the burst, one in 3 s; at most one
//! question a second; whatever comes in.
//!
//! References: RFC 4861 sections 6.2.1, 6.2.4, 6.2.5, 6.2.6, 6.3.7 and 10.

use std::net::Ipv6Addr;
use std::time::{Duration, Instant};

use crate::neighbors::{Finding, Neighbors};
use crate::packet::{LinkLayer, Message, RouterAdvertisement, RouterSolicitation};

/// Advertisements in quick succession (MAX_INITIAL_RTR_ADVERTISEMENTS), and the pause between them.
const BURST: u8 = 3;
const BURST_PAUSE: Duration = Duration::from_secs(1);
/// Longest pause before an answer to a solicitation (MAX_RA_DELAY_TIME).
const ANSWER_DELAY: Duration = Duration::from_millis(500);
/// Shortest time between advertisements after the burst (MIN_DELAY_BETWEEN_RAS).
const MIN_DELAY: Duration = Duration::from_secs(3);
/// Questions while nobody is heard (MAX_RTR_SOLICITATIONS), and the pause between them.
const QUESTIONS: u8 = 3;
const QUESTION_PAUSE: Duration = Duration::from_secs(4);
/// Shortest time between two questions, whatever happens.
const MIN_QUESTION_PAUSE: Duration = Duration::from_secs(1);

/// How an interface advertises.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct Config {
    /// Longest time between advertisements (MaxRtrAdvInterval), 4 s to 1800 s.
    pub interval: Duration,
    /// Router lifetime in seconds. 0: hosts on the link do not take us for a default router.
    pub router_lifetime: u16,
}

impl Default for Config {
    fn default() -> Self {
        Self { interval: Duration::from_secs(10), router_lifetime: 0 }
    }
}

/// Our end of the link.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct Own {
    /// The address we send from. What comes from it is our own, reflected by the link.
    pub link_local: Ipv6Addr,
    /// Our Ethernet address; sent along, so that the other end need not ask for it.
    pub link_layer: Option<LinkLayer>,
}

/// What happens to an interface.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum Event {
    /// A message that passed all checks.
    Received {
        /// Who sent it.
        source: Ipv6Addr,
        /// What it says.
        message: Message,
    },
    /// A sign of life that is no message, such as a TCP connection.
    Heard(Ipv6Addr),
    /// A session with this neighbour lives (or, with `None`, none does).
    Vouched(Option<Ipv6Addr>),
    /// Our end has changed.
    Own(Own),
    /// What was to be sent could not be sent.
    SendFailed,
    /// We stop to advertise.
    Stop,
}

/// What is to be done.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum Effect {
    /// Send to all nodes of the link.
    Advertise(Message),
    /// Send to all routers of the link.
    Solicit(Message),
    /// Another answer to the question who is there.
    Found(Finding),
}

/// One interface that is up.
#[derive(Clone, Debug)]
pub struct Interface {
    config: Config,
    own: Own,
    neighbors: Neighbors,
    found: Finding,
    /// Advertisements of the burst still to send.
    burst: u8,
    next_advertisement: Option<Instant>,
    advertised: Option<Instant>,
    /// Questions still to ask while nobody is heard.
    questions: u8,
    asked: Option<Instant>,
    started: Instant,
    random: u64,
}

impl Interface {
    /// An interface that has just come up; `seed` makes its jitter.
    pub fn new(config: Config, own: Own, seed: u64, now: Instant) -> Self {
        Self {
            config,
            own,
            neighbors: Neighbors::default(),
            found: Finding::Nobody,
            burst: BURST,
            next_advertisement: Some(now),
            advertised: None,
            questions: QUESTIONS,
            asked: None,
            started: now,
            random: seed,
        }
    }

    /// Takes in an event; effects are appended.
    pub fn handle(&mut self, now: Instant, event: Event, effects: &mut Vec<Effect>) {
        match event {
            Event::Received { source, .. } if source == self.own.link_local => {}
            Event::Received { message: Message::Solicitation(_), .. } => self.answer(now),
            Event::Received { source, message: Message::Advertisement(ra) } => {
                let life = ra.router_lifetime;
                // It may be new because it has just come up: then it has not heard us yet.
                if self.neighbors.advertised(source, ra.link_layer, life, now) {
                    self.answer(now);
                }
            }
            Event::Heard(source) => {
                self.neighbors.heard(source, None, now);
            }
            Event::Vouched(address) => self.neighbors.vouch(address, now),
            Event::Own(own) => {
                if own != self.own {
                    self.own = own;
                    self.burst = BURST;
                    self.next_advertisement = Some(now);
                }
            }
            Event::SendFailed => {
                // An address that is not ready, a link that is going: soon again.
                self.burst = self.burst.saturating_add(1).min(BURST);
                self.next_advertisement = Some(now + BURST_PAUSE);
            }
            Event::Stop => {
                self.next_advertisement = None;
                // RFC 4861 section 6.2.5; there is nothing to take back when it was 0 before.
                if self.config.router_lifetime > 0 {
                    effects.push(Effect::Advertise(self.advertisement(0)));
                }
                return;
            }
        }
        self.poll(now, effects);
    }

    /// Does what is due; effects are appended.
    pub fn poll(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        self.neighbors.expire(now);
        let found = self.neighbors.finding();
        if found != self.found {
            self.found = found;
            if found == Finding::Nobody {
                self.questions = QUESTIONS;
            }
            effects.push(Effect::Found(found));
        }
        if self.next_advertisement.is_some_and(|at| at <= now) {
            effects.push(Effect::Advertise(self.advertisement(self.config.router_lifetime)));
            self.advertised = Some(now);
            self.burst = self.burst.saturating_sub(1);
            self.next_advertisement = Some(now + self.pause());
        }
        if self.next_question().is_some_and(|at| at <= now) {
            let link_layer = self.own.link_layer;
            effects.push(Effect::Solicit(Message::Solicitation(RouterSolicitation { link_layer })));
            self.questions = self.questions.saturating_sub(1);
            self.asked = Some(now);
            self.neighbors.asked(now);
        }
    }

    /// When [`poll`](Self::poll) has something to do.
    pub fn next_deadline(&self) -> Option<Instant> {
        [self.next_advertisement, self.next_question(), self.neighbors.next_expiry()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Who is there, as last said by [`Effect::Found`].
    pub fn finding(&self) -> Finding {
        self.found
    }

    /// Who was heard.
    pub fn neighbors(&self) -> &Neighbors {
        &self.neighbors
    }

    /// An advertisement is wanted soon.
    fn answer(&mut self, now: Instant) {
        let wanted = now + self.fraction(ANSWER_DELAY);
        let allowed = self.advertised.map_or(now, |at| at + MIN_DELAY);
        let at = wanted.max(allowed);
        self.next_advertisement = self.next_advertisement.map(|planned| planned.min(at));
    }

    fn next_question(&self) -> Option<Instant> {
        // A stopped interface asks nothing.
        self.next_advertisement?;
        let wanted = match self.found {
            Finding::Nobody => {
                let first = self.asked.map_or(self.started, |at| at + QUESTION_PAUSE);
                (self.questions > 0).then_some(first)
            }
            _ => self.neighbors.next_question(self.asked),
        };
        let allowed = self.asked.map(|at| at + MIN_QUESTION_PAUSE);
        wanted.map(|at| allowed.map_or(at, |allowed| at.max(allowed)))
    }

    fn advertisement(&self, router_lifetime: u16) -> Message {
        let link_layer = self.own.link_layer;
        Message::Advertisement(RouterAdvertisement {
            router_lifetime,
            link_layer,
            ..RouterAdvertisement::default()
        })
    }

    /// Until the next unsolicited advertisement.
    fn pause(&mut self) -> Duration {
        if self.burst > 0 {
            return BURST_PAUSE;
        }
        let least = self.config.interval.mul_f64(0.75);
        least + self.fraction(self.config.interval - least)
    }

    /// A random part of `whole`.
    fn fraction(&mut self, whole: Duration) -> Duration {
        // splitmix64
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        whole.mul_f64(((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64)
    }
}

#[cfg(test)]
mod tests;
