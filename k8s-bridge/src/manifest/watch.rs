//! Reading a folder again whenever it changes.
//!
//! **For**: edits apply without restart. **Sits**: one task of its own; consumers hold a
//! `tokio::sync::watch` receiver and always see the latest state only.
//!
//! **How it works**: inotify (through `notify`) wakes the task; it waits until nothing has happened
//! for a moment, so that an editor's rename dance is over, and reads the whole folder again.
//! A slow look at names, sizes and times catches what inotify cannot see: a folder
//! that was replaced, the far side of a symbolic link, network file systems. A volume swapped by
//! the kubelet shows as a rename of `..data` in the folder.
//! **Invariants**: one wake-up at most is queued; dropping every receiver ends the task.
//! **References**: inotify(7); Kubernetes atomic volume updates.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Duration,
};

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};

use super::{Loaded, load::manifest_files, load_dir};

/// How long nothing must happen before the folder is read.
const QUIET: Duration = Duration::from_millis(60);
/// Changes that never stop do not keep us from reading for longer than this.
const PATIENCE: Duration = Duration::from_millis(600);
/// Between looks at what inotify may have missed.
const LOOK: Duration = Duration::from_secs(2);

/// Why a folder cannot be watched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WatchError {
    /// The kernel gives no inotify instance; raise `fs.inotify.max_user_instances`.
    #[error(
        "cannot watch for changes: {0}; see sysctl fs.inotify.max_user_instances and max_user_watches"
    )]
    Notify(#[from] notify::Error),
}

/// A watched folder.
#[derive(Debug)]
pub struct ManifestWatch {
    state: watch::Receiver<Loaded>,
    task: JoinHandle<()>,
}

impl ManifestWatch {
    /// The latest state, and a way to wait for the next. The first one is there already.
    pub fn state(&self) -> watch::Receiver<Loaded> {
        self.state.clone()
    }
}

impl Drop for ManifestWatch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Reads the folder, then again at every change, within a tenth of a second or so. The folder may be
/// absent for a time: that is an error in the state, and everything read before is kept. Must be
/// called in a tokio runtime with time enabled.
pub fn watch(dir: impl Into<PathBuf>) -> Result<ManifestWatch, WatchError> {
    let dir = dir.into();
    let (wake, woken) = mpsc::channel(1);
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // Our own reading is not a change. A full queue means a wake-up is due anyway.
        if !event.is_ok_and(|event| event.kind.is_access()) {
            _ = wake.try_send(());
        }
    })?;
    // Where the folder is not there yet, the look will find it.
    let watched = watcher.watch(&dir, RecursiveMode::NonRecursive).is_ok();
    let fingerprint = Fingerprint::of(&dir);
    let (publish, state) = watch::channel(load_dir(&dir));
    let task = Task { dir, watcher, watched, woken, fingerprint, publish };
    Ok(ManifestWatch { state, task: tokio::spawn(task.run()) })
}

struct Task {
    dir: PathBuf,
    watcher: RecommendedWatcher,
    watched: bool,
    woken: mpsc::Receiver<()>,
    fingerprint: Fingerprint,
    publish: watch::Sender<Loaded>,
}

impl Task {
    async fn run(mut self) {
        loop {
            tokio::select! {
                Some(()) = self.woken.recv() => self.settle().await,
                () = tokio::time::sleep(LOOK) => {}
                () = self.publish.closed() => return,
            }
            let dir = self.dir.clone();
            let look = move || (Fingerprint::of(&dir), dir);
            let Ok((now, dir)) = tokio::task::spawn_blocking(look).await else { return };
            if now == self.fingerprint {
                continue;
            }
            if now.folder != self.fingerprint.folder || !self.watched {
                self.watch_anew();
            }
            self.fingerprint = now;
            let Ok(mut loaded) = tokio::task::spawn_blocking(move || load_dir(&dir)).await else {
                return;
            };
            self.publish.send_if_modified(|last| {
                loaded.retain_good(last);
                let changed = *last != loaded;
                *last = loaded;
                changed
            });
        }
    }

    /// Returns when nothing has happened for a moment.
    async fn settle(&mut self) {
        let quiet = async {
            while let Ok(Some(())) = tokio::time::timeout(QUIET, self.woken.recv()).await {}
        };
        _ = tokio::time::timeout(PATIENCE, quiet).await;
    }

    /// The folder under this name is another one by now.
    fn watch_anew(&mut self) {
        _ = self.watcher.unwatch(&self.dir);
        self.watched = self.watcher.watch(&self.dir, RecursiveMode::NonRecursive).is_ok();
    }
}

/// What a folder looks like from outside: enough to see that something was written.
#[derive(Debug, PartialEq, Eq)]
struct Fingerprint {
    /// Device and inode of the folder.
    folder: Option<(u64, u64)>,
    files: Vec<(PathBuf, Option<FileState>)>,
}

#[derive(Debug, PartialEq, Eq)]
struct FileState {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Fingerprint {
    fn of(dir: &Path) -> Self {
        let state = |file: &Path| {
            let m = fs::metadata(dir.join(file)).ok()?;
            Some(FileState {
                device: m.dev(),
                inode: m.ino(),
                size: m.size(),
                modified: (m.mtime(), m.mtime_nsec()),
                changed: (m.ctime(), m.ctime_nsec()),
            })
        };
        let files = manifest_files(dir).unwrap_or_default().into_iter();
        Self {
            folder: fs::metadata(dir).ok().map(|m| (m.dev(), m.ino())),
            files: files.map(|file| (state(&file), file)).map(|(s, f)| (f, s)).collect(),
        }
    }
}
