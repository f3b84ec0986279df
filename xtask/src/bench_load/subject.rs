//! What is measured: one driver a daemon, each writing the configuration that is best for it.
//!
//! Common to all: wait for connections, accept and pass on everything, hold time long enough for a
//! loaded machine, no kernel routes, no logging of routes. What a daemon needs beyond that to be at its
//! best stands in its driver, with the reason.

mod bird;
mod cosmos;
mod frr;
mod gobgp;
mod openbgpd;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, bail};
use testkit::netns::NetNs;

pub(super) use self::bird::Bird;
pub(super) use self::cosmos::Cosmos;
#[cfg(test)]
pub(super) use self::cosmos::build;
use super::plan::Plan;
use super::root::{Daemon, Root};
use crate::out;

/// A daemon that can be started.
pub(super) trait Subject: fmt::Debug {
    /// Name, version and what sets it apart from another of the same name.
    fn label(&self) -> String;

    /// Whether it is the one the others are compared with.
    fn is_ours(&self) -> bool {
        false
    }

    /// Starts it for `plan` in `ns`, on core `pin` if given.
    fn start(&self, plan: &Plan, ns: &Arc<NetNs>, pin: Option<u32>) -> Result<Daemon>;
}

/// Everything that is installed, ours first. What is left out is said.
pub(super) fn all(
    workspace: &Path,
    binary: Option<&Path>,
    roots: Option<&Path>,
) -> Result<Vec<Box<dyn Subject>>> {
    let mut all: Vec<Box<dyn Subject>> = vec![Box::new(Cosmos::find(workspace, binary)?)];
    for root in Root::all(roots)? {
        let is_host = root == Root::HOST;
        let missing = |name: &str| {
            if is_host {
                out::line(&format!("left out: {name} is not installed"));
            }
        };
        let bird = Bird::find(&root)?;
        let frr = frr::Frr::find(&root)?;
        let gobgp = gobgp::Gobgp::find(&root)?;
        let openbgpd = openbgpd::Openbgpd::find(&root)?;
        if bird.is_empty() {
            missing("BIRD");
        }
        all.extend(bird.into_iter().map(|s| Box::new(s) as Box<dyn Subject>));
        match frr {
            Some(subject) => all.push(Box::new(subject)),
            None => missing("FRR"),
        }
        match gobgp {
            Some(subject) => all.push(Box::new(subject)),
            None => missing("GoBGP"),
        }
        match openbgpd {
            Some(subject) => all.push(Box::new(subject)),
            None => missing("OpenBGPD"),
        }
    }
    Ok(all)
}

/// The subjects whose label holds one of `parts`, in any case of letters; all without a part.
pub(super) fn chosen(
    subjects: Vec<Box<dyn Subject>>,
    parts: &[String],
) -> Result<Vec<Box<dyn Subject>>> {
    let holds = |label: &str, part: &str| label.to_lowercase().contains(&part.to_lowercase());
    for part in parts {
        if !subjects.iter().any(|subject| holds(&subject.label(), part)) {
            let labels: Vec<_> = subjects.iter().map(|subject| subject.label()).collect();
            bail!("no subject has {part:?} in its name; there are {}", labels.join("; "));
        }
    }
    let is_chosen = |label: &str| parts.is_empty() || parts.iter().any(|part| holds(label, part));
    Ok(subjects.into_iter().filter(|subject| is_chosen(&subject.label())).collect())
}

/// The word after `before` in a line of a version.
fn version(line: &str, before: &str) -> String {
    let rest = line.split_once(before).map_or(line, |(_, rest)| rest);
    rest.split_whitespace().next().unwrap_or("of unknown version").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_words_in_lines() {
        assert_eq!(version("BIRD version 3.4.0", "version "), "3.4.0");
        assert_eq!(version("OpenBGPD 9.3", "OpenBGPD "), "9.3");
        assert_eq!(version("", "version "), "of unknown version");
    }
}
