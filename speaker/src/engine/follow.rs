//! The task that keeps neighbours named by an interface in step with the interfaces.
//!
//! One a speaker. Woken by the kernel's events, by `nd`, by the ends of sessions, by connections of
//! strangers, and from time to time (for what sends no events: a right that was missing, a namespace
//! without netlink). Each time it compares and acts on the difference.
//!
//! Invariants: takes the lock that serialises `apply`, so that the two never work on one neighbour at
//! the same time; ends with the speaker.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::{Notify, mpsc, watch};
use tracing::debug;

use super::Engine;
use crate::links;
use crate::listener::Stranger;

/// Pause between two looks without the kernel's events.
const LOOK: Duration = Duration::from_secs(1);
/// The same with them: for what has no event.
const LOOK_SELDOM: Duration = Duration::from_secs(5);

/// See the module's documentation.
pub(super) async fn follow(
    engine: Weak<Engine>,
    mut kernel: Option<watch::Receiver<u64>>,
    wake: Arc<Notify>,
    mut strangers: mpsc::Receiver<Stranger>,
) {
    let pause = if kernel.is_some() { LOOK_SELDOM } else { LOOK };
    loop {
        let mut stranger = None;
        tokio::select! {
            () = changed(&mut kernel) => {}
            () = wake.notified() => {}
            () = tokio::time::sleep(pause) => {}
            knock = strangers.recv() => match knock {
                Some(knock) => stranger = Some(knock),
                // The listeners' side is gone, and with it the speaker.
                None => return,
            },
        }
        let Some(engine) = engine.upgrade() else { return };
        if let Some(stranger) = &stranger {
            engine.links.heard(stranger.ifindex, stranger.source).await;
        }
        engine.step().await;
        if let Some(stranger) = stranger
            && let Some(why) = engine.directory.admit(stranger)
        {
            debug!("{why}");
        }
    }
}

impl Engine {
    /// Compares and acts.
    pub(super) async fn step(&self) {
        let applied = self.applied.lock().await;
        if applied.stopped {
            return;
        }
        let routers = self.routers();
        let mut unnumbered = Vec::new();
        for router in &routers {
            unnumbered.extend(router.unnumbered().await);
        }
        self.links.update(&links::wanted(unnumbered)).await;
        for router in &routers {
            router.follow_links(&applied.listeners).await;
        }
    }
}

/// The kernel says something new; never without one.
async fn changed(kernel: &mut Option<watch::Receiver<u64>>) {
    let told = match kernel {
        Some(kernel) => kernel.changed().await.is_ok(),
        None => false,
    };
    if !told {
        std::future::pending().await
    }
}
