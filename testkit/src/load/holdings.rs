//! What one receiver holds, and what it should.
//!
//! Every prefix of the [`Universe`] has a digest it should have ([`ABSENT`]: it should not be there)
//! and one it has. Wrong ones are counted as routes come and go, so that "all right" is one comparison.
//! Prefixes outside the universe are kept by name: one is enough to be incomplete.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};

use super::Universe;
use super::digest::{self, ABSENT, Nlri};
use super::universe::name;

/// What came in so far, and how far from right it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// UPDATE messages.
    pub updates: u64,
    /// Prefixes announced, repetitions included.
    pub announced: u64,
    /// Prefixes withdrawn, repetitions included.
    pub withdrawn: u64,
    /// Prefixes that are as wanted.
    pub right: usize,
    /// Prefixes there are.
    pub of: usize,
    /// Prefixes held that are not in the universe.
    pub strangers: usize,
}

/// A change of a watched prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// Its number.
    pub number: usize,
    /// Its new digest.
    pub digest: u32,
    /// When the octets were read.
    pub at: Instant,
}

/// The table of one receiver.
#[derive(Debug)]
pub struct Holdings {
    universe: Arc<Universe>,
    want: Arc<[u32]>,
    have: Vec<u32>,
    wrong: usize,
    strangers: HashSet<u64>,
    /// From this number on, changes are noted.
    watched: usize,
    sightings: Vec<Sighting>,
    counts: Counts,
    guess: usize,
    last: (Vec<u8>, u64),
    /// Own routes that may come back, and with which digest.
    echoes: (Range<usize>, Arc<[u32]>),
}

impl Holdings {
    /// An empty table that should become `want`: a digest for each number.
    ///
    /// # Panics
    /// When `want` is not as long as the universe.
    #[must_use]
    pub fn new(universe: &Arc<Universe>, want: Arc<[u32]>) -> Self {
        let mut holdings = Self {
            universe: Arc::clone(universe),
            want: Arc::from([]),
            have: vec![ABSENT; universe.len()],
            wrong: 0,
            strangers: HashSet::new(),
            watched: universe.len(),
            sightings: Vec::new(),
            counts: Counts::default(),
            guess: 0,
            last: (Vec::new(), 0),
            echoes: (0..0, Arc::from([])),
        };
        holdings.want(want);
        holdings
    }

    /// Notes changes of prefixes from number `first` on.
    #[must_use]
    pub const fn watching(mut self, first: usize) -> Self {
        self.watched = first;
        self
    }

    /// The receiver's own routes, by number: a speaker may send them back as they must look then (a
    /// digest for each number of the universe), which says nothing to a peer that finds its own AS in
    /// the path (RFC 4271 section 9.1.2). They count as not held.
    #[must_use]
    pub fn with_echoes(mut self, own: Range<usize>, digests: Arc<[u32]>) -> Self {
        self.echoes = (own, digests);
        self
    }

    /// Changes what the table should be.
    ///
    /// # Panics
    /// As [`Holdings::new`].
    pub fn want(&mut self, want: Arc<[u32]>) {
        assert_eq!(want.len(), self.universe.len(), "one digest a prefix");
        self.want = want;
        self.wrong = self.have.iter().zip(&*self.want).filter(|(have, want)| have != want).count();
    }

    /// Forgets what is held: all of it must come again.
    pub fn forget(&mut self) {
        self.have.fill(ABSENT);
        self.strangers.clear();
        self.wrong = self.want.iter().filter(|want| **want != ABSENT).count();
    }

    /// Whether every prefix is as wanted, and no other there.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.wrong == 0 && self.strangers.is_empty()
    }

    /// The counts now.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let right = self.have.len() - self.wrong;
        Counts { right, of: self.have.len(), strangers: self.strangers.len(), ..self.counts }
    }

    /// Takes the noted changes away.
    pub fn take_sightings(&mut self) -> Vec<Sighting> {
        std::mem::take(&mut self.sightings)
    }

    /// The last noted change of `number`.
    #[must_use]
    pub fn last_sighting(&self, number: usize) -> Option<Sighting> {
        self.sightings.iter().rev().find(|s| s.number == number).copied()
    }

    /// Up to `limit` prefixes that are not as wanted, in words.
    #[must_use]
    pub fn wrong(&self, limit: usize) -> String {
        let pairs = self.have.iter().zip(&*self.want).enumerate();
        let words = pairs.filter(|(_, (have, want))| have != want).map(|(number, pair)| {
            let prefix = self.universe.name(number);
            match pair {
                (&ABSENT, _) => format!("{prefix} is missing"),
                (_, &ABSENT) => format!("{prefix} should not be there"),
                _ => format!("{prefix} has other attributes"),
            }
        });
        let strangers = self.strangers.iter().map(|key| format!("{} is not ours", name(*key)));
        words.chain(strangers).take(limit).collect::<Vec<_>>().join(", ")
    }

    /// Applies the body of an UPDATE that was read at `now`.
    ///
    /// # Errors
    /// When it is malformed, or of a family that no load uses.
    pub fn update(&mut self, body: &[u8], now: Instant) -> Result<()> {
        self.counts.updates += 1;
        let (withdrawn, rest) = counted(body)?;
        let (section, nlri) = counted(rest)?;
        if !withdrawn.is_empty() {
            self.plain(withdrawn, ABSENT, now)?;
        }
        if section.is_empty() {
            return Ok(());
        }
        if !nlri.is_empty() && self.last.0 == section {
            return self.plain(nlri, digest::fold(self.last.1, 0), now);
        }
        let scan = digest::scan(section)?;
        if let Some(unreach) = scan.unreach {
            self.multiprotocol(unreach, None, now)?;
        }
        if let Some(reach) = scan.reach {
            self.multiprotocol(reach, Some(scan.sum), now)?;
        } else if !nlri.is_empty() {
            self.last.0.clear();
            self.last.0.extend_from_slice(section);
            self.last.1 = scan.sum;
            self.plain(nlri, digest::fold(scan.sum, 0), now)?;
        }
        Ok(())
    }

    fn multiprotocol(&mut self, nlri: Nlri<'_>, sum: Option<u64>, now: Instant) -> Result<()> {
        match nlri.safi {
            1 => self.plain(nlri.octets, sum.map_or(ABSENT, |sum| digest::fold(sum, 0)), now),
            128 => self.labelled(nlri.octets, sum, now),
            other => bail!("prefixes of SAFI {other}"),
        }
    }

    fn plain(&mut self, mut octets: &[u8], have: u32, now: Instant) -> Result<()> {
        while let Some((&len, rest)) = octets.split_first() {
            let (address, rest) = address(len, rest)?;
            octets = rest;
            self.set(Universe::key(address, len), have, now);
        }
        Ok(())
    }

    /// RFC 4364 section 4.3.4: label, route distinguisher, prefix; one label.
    fn labelled(&mut self, mut octets: &[u8], sum: Option<u64>, now: Instant) -> Result<()> {
        while let Some((&len, rest)) = octets.split_first() {
            let (&[l0, l1, l2], rest) = rest.split_first_chunk().context("label")?;
            let (rd, rest) = rest.split_first_chunk::<8>().context("route distinguisher")?;
            let len = len.checked_sub(88).context("a VPN prefix below 88 bits")?;
            let (address, rest) = address(len, rest)?;
            octets = rest;
            let label = u32::from_be_bytes([0, l0, l1, l2]) >> 4;
            let have = sum.map_or(ABSENT, |sum| digest::fold(sum, label));
            self.set(self.universe.vpn_key(*rd, address, len), have, now);
        }
        Ok(())
    }

    fn set(&mut self, key: u64, have: u32, now: Instant) {
        if have == ABSENT {
            self.counts.withdrawn += 1;
        } else {
            self.counts.announced += 1;
        }
        let Some(number) = self.universe.find(key, self.guess) else {
            if have == ABSENT {
                self.strangers.remove(&key);
            } else {
                self.strangers.insert(key);
            }
            return;
        };
        self.guess = number + 1;
        let is_echo = self.echoes.0.contains(&number) && self.echoes.1[number] == have;
        let have = if is_echo { ABSENT } else { have };
        let was = std::mem::replace(&mut self.have[number], have);
        let want = self.want[number];
        self.wrong = self.wrong + usize::from(have != want) - usize::from(was != want);
        if number >= self.watched {
            self.sightings.push(Sighting { number, digest: have, at: now });
        }
    }
}

/// An address of `len` bits, and the rest.
fn address(len: u8, octets: &[u8]) -> Result<(u32, &[u8])> {
    let count = usize::from(len).div_ceil(8);
    let (some, rest) = octets.split_at_checked(count).context("prefix cut")?;
    let mut full = [0; 4];
    full.get_mut(..count).context("an IPv4 prefix beyond 32 bits")?.copy_from_slice(some);
    Ok((u32::from_be_bytes(full), rest))
}

fn counted(bytes: &[u8]) -> Result<(&[u8], &[u8])> {
    let (len, rest) = bytes.split_first_chunk::<2>().context("length")?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*len))).context("too short")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Attributes, encode, take};
    use crate::load::vpn;
    use crate::wait::clock;

    fn nets() -> Vec<ipnet::IpNet> {
        ["10.0.0.0/8", "10.0.0.0/9", "0.0.0.0/0"].iter().map(|p| p.parse().unwrap()).collect()
    }

    fn attributes(community: u32) -> Attributes {
        let mut a = Attributes::new(&[65001], "192.0.2.1".parse().unwrap());
        a.communities = vec![community];
        a
    }

    fn feed(holdings: &mut Holdings, frames: &[u8]) {
        let mut rest = frames;
        while let Some((_, body)) = take(&mut rest).unwrap() {
            holdings.update(body, clock()).unwrap();
        }
    }

    #[test]
    fn complete_means_every_route_with_its_own_attributes_and_no_other() {
        let nets = nets();
        let universe = Arc::new(Universe::unicast(nets[..2].iter().copied()));
        let want: Arc<[u32]> = [digest::of(&attributes(1)), digest::of(&attributes(2))].into();
        let mut holdings = Holdings::new(&universe, Arc::clone(&want)).watching(1);
        let mut send = |community: u32, net: usize| {
            let mut frames = Vec::new();
            encode::update(&attributes(community), &nets[net..=net], &mut frames);
            feed(&mut holdings, &frames);
            (holdings.is_complete(), holdings.wrong(1))
        };
        assert_eq!(send(1, 0), (false, "10.0.0.0/9 is missing".into()));
        assert_eq!(send(1, 1), (false, "10.0.0.0/9 has other attributes".into()));
        assert_eq!(send(2, 1), (true, String::new()));
        assert_eq!(send(2, 2), (false, "0.0.0.0/0 is not ours".into()));
        let mut frames = Vec::new();
        encode::withdraw(&nets[2..], &mut frames);
        feed(&mut holdings, &frames);
        assert!(holdings.is_complete());
        assert_eq!(holdings.take_sightings().len(), 2, "changes of number 1");
        holdings.want([ABSENT, ABSENT].into());
        assert!(holdings.wrong(1).contains("should not be there"));
        holdings.forget();
        assert!(holdings.is_complete());
        holdings.want(want);
        assert_eq!((holdings.counts().right, holdings.counts().of), (0, 2));
    }

    #[test]
    fn own_routes_may_come_back_as_they_are_and_not_otherwise() {
        let net = nets()[0];
        let universe = Arc::new(Universe::unicast([net]));
        let echo = [digest::of(&attributes(1))].into();
        let mut holdings = Holdings::new(&universe, [ABSENT].into()).with_echoes(0..1, echo);
        for (community, is_complete) in [(1, true), (2, false)] {
            let mut frames = Vec::new();
            encode::update(&attributes(community), &[net], &mut frames);
            feed(&mut holdings, &frames);
            assert_eq!(holdings.is_complete(), is_complete);
        }
    }

    #[test]
    fn vpn_routes_are_told_apart_by_distinguisher_and_label() {
        let net = nets()[0];
        let (one, two) = ([0, 0, 0, 1, 0, 0, 0, 1], [0, 0, 0, 1, 0, 0, 0, 2]);
        let universe = Arc::new(Universe::vpn([(one, net), (two, net)]));
        let a = attributes(1);
        let route = |rd, label| vpn::Route { rd, label, prefix: net };
        let want = [vpn::digest(&a, 16), vpn::digest(&a, 17)].into();
        let mut holdings = Holdings::new(&universe, want);
        let mut send = |routes: &[vpn::Route]| {
            let mut frames = Vec::new();
            vpn::update(&a, routes, &mut frames);
            feed(&mut holdings, &frames);
            holdings.is_complete()
        };
        assert!(!send(&[route(one, 16), route(two, 16)]));
        assert!(send(&[route(two, 17)]));
        let mut frames = Vec::new();
        vpn::withdraw(&[route(one, 16), route(two, 17)], &mut frames);
        feed(&mut holdings, &frames);
        assert_eq!(holdings.counts().right, 0);
    }

    #[test]
    fn malformed_updates_are_errors() {
        let universe = Arc::new(Universe::unicast(nets()));
        let mut holdings = Holdings::new(&universe, [1, 2, 3].into());
        for body in
            [&[0][..], &[0, 1], &[0, 0, 0, 9], &[0, 0, 0, 4, 0x40, 1, 1, 0, 33, 1, 2, 3, 4, 5]]
        {
            assert!(holdings.update(body, clock()).is_err(), "{body:02x?}");
        }
    }
}
