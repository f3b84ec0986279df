//! Where a daemon is installed: on the host, or in a root of another Debian suite.
//!
//! A daemon of another root runs by `chroot` in the daemon's namespace, with the host's `/proc` and
//! `/dev` in a mount namespace of its own. Its configuration lies in that root's `/tmp`. Every wrapper
//! `exec`s, so that the process that is measured is the daemon.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;
use testkit::netns::NetNs;
use testkit::process::{Process, Usage};

/// A place with programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Root {
    folder: Option<PathBuf>,
}

impl Root {
    /// This machine.
    pub(super) const HOST: Self = Self { folder: None };

    /// The host, and every root in `roots`, by name.
    pub(super) fn all(roots: Option<&Path>) -> Result<Vec<Self>> {
        let mut all = vec![Self::HOST];
        let Some(roots) = roots else { return Ok(all) };
        let entries = std::fs::read_dir(roots).with_context(|| format!("{}", roots.display()))?;
        let mut folders = Vec::new();
        for entry in entries {
            let folder = std::path::absolute(entry?.path())?;
            if folder.join("usr/bin").is_dir() {
                folders.push(folder);
            }
        }
        ensure!(
            !folders.is_empty(),
            "{}: no root in it; make one with `cargo xtask bench-roots {} sid`",
            roots.display(),
            roots.display()
        );
        folders.sort();
        all.extend(folders.into_iter().map(|folder| Self { folder: Some(folder) }));
        Ok(all)
    }

    /// Whether `program` is there.
    pub(super) fn has(&self, program: &str) -> bool {
        self.on_host(program).exists()
    }

    /// Makes a folder that the daemon needs and nothing of ours removes.
    pub(super) fn make_folder(&self, path: &str) -> Result<()> {
        std::fs::create_dir_all(self.on_host(path)).with_context(|| format!("make {path}"))
    }

    /// First line of `program option`, whichever stream it goes to.
    pub(super) fn first_line(&self, program: &str, option: &str) -> Result<String> {
        let mut command = match &self.folder {
            None => Command::new(program),
            Some(folder) => {
                let mut command = Command::new("chroot");
                command.arg(folder).arg(program);
                command
            }
        };
        let output = command.arg(option).output().with_context(|| format!("run {program}"))?;
        let text = [output.stdout, output.stderr].concat();
        Ok(String::from_utf8_lossy(&text).lines().next().unwrap_or_default().to_owned())
    }

    /// A place for the files of one start.
    pub(super) fn desk(&self) -> Result<Desk> {
        let folder = match &self.folder {
            None => tempfile::tempdir(),
            Some(folder) => tempfile::tempdir_in(folder.join("tmp")),
        };
        Ok(Desk { root: self.clone(), folder: folder.context("a folder for the daemon's files")? })
    }

    fn on_host(&self, path: &str) -> PathBuf {
        match &self.folder {
            None => path.into(),
            Some(folder) => folder.join(path.trim_start_matches('/')),
        }
    }
}

/// The files of one daemon, removed with it.
#[derive(Debug)]
pub(super) struct Desk {
    root: Root,
    folder: TempDir,
}

impl Desk {
    /// Writes a file; its name as the daemon sees it.
    pub(super) fn write(&self, name: &str, text: &str) -> Result<String> {
        std::fs::write(self.folder.path().join(name), text).context("write the configuration")?;
        Ok(self.path(name))
    }

    /// A name in the folder as the daemon sees it.
    pub(super) fn path(&self, name: &str) -> String {
        let path = self.folder.path().join(name);
        let seen = match &self.root.folder {
            None => path,
            Some(root) => path
                .strip_prefix(root)
                .map_or_else(|_| path.clone(), |inside| Path::new("/").join(inside)),
        };
        seen.display().to_string()
    }

    /// Makes a folder in the folder.
    pub(super) fn folder(&self, name: &str) -> Result<String> {
        std::fs::create_dir(self.folder.path().join(name)).context("make a folder")?;
        Ok(self.path(name))
    }

    /// Starts the daemon.
    pub(super) fn start(
        self,
        ns: &Arc<NetNs>,
        pin: Option<u32>,
        program: &str,
        args: &[String],
    ) -> Result<Daemon> {
        let mut words: Vec<String> = Vec::new();
        if let Some(core) = pin {
            words.extend(["/usr/bin/taskset".into(), "-c".into(), core.to_string()]);
        }
        if let Some(root) = &self.root.folder {
            let script = "mount --rbind /proc \"$0/proc\" && mount --rbind /dev \"$0/dev\" \
                          && exec chroot \"$0\" \"$@\"";
            words.extend(["/usr/bin/unshare", "-m", "sh", "-c", script].map(str::to_owned));
            words.push(root.display().to_string());
        }
        words.push(program.to_owned());
        words.extend_from_slice(args);
        let (program, args) = words.split_first().context("a program")?;
        let log = self.folder.path().join("log");
        let mut process = ns.spawn(Path::new(program), args, &log)?;
        process.check_running()?;
        Ok(Daemon { process, _desk: self })
    }
}

/// A started daemon with its files.
#[derive(Debug)]
pub(super) struct Daemon {
    process: Process,
    _desk: Desk,
}

impl Daemon {
    /// CPU and memory of all its processes.
    pub(super) fn usage(&self) -> Result<Usage> {
        Usage::of_tree(self.process.id()).with_context(|| self.last_words())
    }

    /// The end of what it printed.
    pub(super) fn last_words(&self) -> String {
        let output = self.process.output();
        let lines: Vec<_> = output.lines().collect();
        lines[lines.len().saturating_sub(5)..].join(" | ")
    }
}
