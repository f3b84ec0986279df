//! A network namespace held by a thread that lives in it.
//!
//! Namespaces belong to threads, and whatever a thread starts is born where the thread is: so one
//! thread a router, asked to do things, is all that is needed. Processes it starts, sockets it
//! opens and netlink requests it makes are inside. The namespace ends with the last of them; no
//! name is left on the machine.
//!
//! Invariant: the thread outlives the processes it started, which die with it
//! (`PR_SET_PDEATHSIG` watches the thread that started them).

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use nix::sched::{CloneFlags, unshare};

use super::net::Net;

type Job = Box<dyn FnOnce(&mut Net) + Send>;

/// A network namespace and the thread inside it.
#[derive(Debug)]
pub(super) struct Namespace {
    jobs: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
    /// Keeps the namespace nameable for netlink requests of the others.
    file: File,
}

impl Namespace {
    /// Makes an empty namespace.
    pub(super) fn new(name: &str) -> io::Result<Self> {
        let (jobs, todo) = sync_channel::<Job>(16);
        let (ready, made) = sync_channel(1);
        let thread = std::thread::Builder::new().name(format!("netns-{name}")).spawn(
            move || match enter() {
                Ok((file, net)) => {
                    if ready.send(Ok(file)).is_ok() {
                        work(&todo, net);
                    }
                }
                Err(e) => drop(ready.send(Err(e))),
            },
        )?;
        let file = made.recv().map_err(|_| io::Error::other("the namespace's thread died"))??;
        Ok(Self { jobs: Some(jobs), thread: Some(thread), file })
    }

    /// Does something inside and waits for it.
    pub(super) fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Net) -> T + Send + 'static,
    ) -> T {
        let (answer, done) = sync_channel(1);
        let job: Job = Box::new(move |net| {
            // The asker waits, so that the only failure is its own end.
            let _ = answer.send(job(net));
        });
        let jobs = self.jobs.as_ref().expect("taken only by drop");
        jobs.send(job).expect("the thread ends only when this is dropped");
        done.recv().expect("a job that panics is a bug here, not of the machine")
    }

    /// The namespace as a descriptor, valid as long as `self`.
    pub(super) fn fd(&self) -> RawFd {
        self.file.as_raw_fd()
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn enter() -> io::Result<(File, Net)> {
    unshare(CloneFlags::CLONE_NEWNET)?;
    Ok((File::open("/proc/thread-self/ns/net")?, Net::open()?))
}

fn work(todo: &Receiver<Job>, mut net: Net) {
    while let Ok(job) = todo.recv() {
        job(&mut net);
    }
}
