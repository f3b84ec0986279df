//! Pings that do not stop, and which of them got lost.
//!
//! A ping every 10 ms goes over what a test does to the speakers. Every sequence number up to the last
//! answered one has to be answered; what is still on its way at the end is not counted.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::netns::NetNs;
use crate::process::Process;
use crate::wait;

/// Answers that tell that pings go through.
const SOME: u32 = 20;

/// Pings from one address to another.
#[derive(Debug)]
pub struct Pings {
    words: String,
    process: Process,
    _folder: TempDir,
}

impl Pings {
    /// Starts them in `from`, and waits until some are answered.
    ///
    /// # Errors
    /// When there is no `ping`, or nobody answers.
    pub fn start(from: &NetNs, source: &str, to: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let args = ["-n", "-i", "0.01", "-I", source, to].map(str::to_owned);
        let log = folder.path().join("ping");
        let process = from.spawn(Path::new("/usr/bin/ping"), &args, &log)?;
        let pings = Self { words: format!("{source} to {to}"), process, _folder: folder };
        pings.wait_more()?;
        Ok(pings)
    }

    /// Waits for some more answers.
    ///
    /// # Errors
    /// When none come, with what `ping` said last.
    pub fn wait_more(&self) -> Result<()> {
        let before = self.last();
        wait::eventually(&format!("answers to pings from {}", self.words), || {
            let last = self.last();
            let output = self.process.output();
            let said = output.lines().next_back().unwrap_or_default();
            ensure!(last >= before + SOME, "{before}, then {last}: {said}");
            Ok(())
        })
    }

    /// Ends them after some more answers: how many were sent by then, and the numbers of those that
    /// were not answered.
    ///
    /// # Errors
    /// When pings are not answered any more.
    pub fn finish(self) -> Result<(u32, BTreeSet<u32>)> {
        self.wait_more()?;
        self.process.signal(Signal::SIGINT)?;
        let answered = answered(&self.process.output());
        let sent = *answered.last().context("there were some")?;
        Ok((sent, (1..=sent).filter(|number| !answered.contains(number)).collect()))
    }

    /// Ends them after some more answers.
    ///
    /// # Errors
    /// When one got no answer.
    pub fn none_is_lost(self) -> Result<()> {
        self.one_gap(0)
    }

    /// Ends them after some more answers.
    ///
    /// # Errors
    /// When more than `most` got no answer, or some that do not follow each other.
    pub fn one_gap(self, most: usize) -> Result<()> {
        let words = self.words.clone();
        let (sent, lost) = self.finish()?;
        let gap = lost.first().zip(lost.last()).map_or(0, |(first, last)| last - first + 1);
        ensure!(
            lost.len() <= most && lost.len() == gap as usize,
            "of {sent} pings from {words} these are lost: {lost:?}"
        );
        Ok(())
    }

    fn last(&self) -> u32 {
        answered(&self.process.output()).last().copied().unwrap_or(0)
    }
}

fn answered(output: &str) -> BTreeSet<u32> {
    let numbers = output.lines().filter_map(|line| {
        let (_, rest) = line.split_once("icmp_seq=")?;
        line.contains("bytes from").then_some(())?;
        rest.split_whitespace().next()?.parse().ok()
    });
    numbers.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_answers_count() {
        let output = "PING 10.0.0.1 (10.0.0.1) 56(84) bytes of data.\n\
                      64 bytes from 10.0.0.1: icmp_seq=1 ttl=64 time=0.03 ms\n\
                      From 192.0.2.2 icmp_seq=2 Destination Host Unreachable\n\
                      ping: sendmsg: Network is unreachable\n\
                      64 bytes from 10.0.0.1: icmp_seq=4 ttl=64 time=0.03 ms\n";
        assert_eq!(answered(output), BTreeSet::from([1, 4]));
    }
}
