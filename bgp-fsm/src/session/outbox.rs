//! Where the tables put frames for an Established session.
//!
//! A queue of `Bytes`, each one or more whole messages, bounded by octets: at the bound
//! [`has_room`](Outbox::has_room) says no until the queue has fallen to the low watermark, when a
//! callback tells the owner to resume. Who asks only once a batch may push a batch beyond the
//! bound, up to [`OVERDRAFT`] times of it. Frames are shared, not copied: pushing the same `Bytes` to a
//! hundred members costs a hundred reference counts.
//!
//! Cost: a push is one uncontended lock and, only when the queue was empty, one wake-up.
//!
//! Invariant: a "no" is followed by one call of the callback, unless the session ends first.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;

/// How many times its bound an outbox takes before a push is refused.
pub const OVERDRAFT: usize = 16;

/// The sending side of a session; cheap to clone.
#[derive(Clone)]
pub struct Outbox(Arc<Shared>);

/// Why a frame was not taken.
#[derive(Copy, Clone, Eq, PartialEq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PushError {
    /// The bound is reached; wait for the low watermark.
    #[error("the peer's queue is full")]
    Full,
    /// The session has ended.
    #[error("the session has ended")]
    Closed,
}

struct Shared {
    queue: Mutex<Queue>,
    /// Copy of `Queue::octets`, to be read without the lock.
    octets: AtomicUsize,
    high: usize,
    low: usize,
    notify: Notify,
}

#[derive(Default)]
struct Queue {
    frames: VecDeque<Bytes>,
    octets: usize,
    closed: bool,
    /// Someone was told that there is no room and waits for the watermark.
    waiting: bool,
    on_low: Option<Arc<dyn Fn() + Send + Sync>>,
}

impl Outbox {
    /// A queue that is full at `high` octets and resumes at `low`; for tests and other shells. A
    /// session makes its own.
    pub fn new(high: usize, low: usize) -> Self {
        Self(Arc::new(Shared {
            queue: Mutex::default(),
            octets: AtomicUsize::new(0),
            high: high.max(1),
            low: low.min(high.saturating_sub(1)),
            notify: Notify::new(),
        }))
    }

    /// Queues `frame`: one or more whole encoded messages. A `Bytes` is sent without anything in
    /// between, so ones far above 64 KiB delay KEEPALIVEs.
    ///
    /// # Errors
    /// Nothing is queued when the outbox is full or closed.
    pub fn push(&self, frame: Bytes) -> Result<(), PushError> {
        let mut queue = self.queue();
        if queue.closed {
            return Err(PushError::Closed);
        }
        if queue.octets >= self.0.high.saturating_mul(OVERDRAFT) {
            queue.waiting = true;
            return Err(PushError::Full);
        }
        let was_empty = queue.frames.is_empty();
        queue.octets += frame.len();
        self.0.octets.store(queue.octets, Ordering::Relaxed);
        queue.frames.push_back(frame);
        drop(queue);
        if was_empty {
            self.0.notify.notify_one();
        }
        Ok(())
    }

    /// Whether the next push will be taken. After `false` the callback will be called.
    pub fn has_room(&self) -> bool {
        if self.queued_bytes() < self.0.high {
            return true;
        }
        let mut queue = self.queue();
        let room = queue.octets < self.0.high;
        queue.waiting |= !room;
        room
    }

    /// Octets that wait; those given to TCP do not count.
    pub fn queued_bytes(&self) -> usize {
        self.0.octets.load(Ordering::Relaxed)
    }

    /// Whether the session has ended.
    pub fn is_closed(&self) -> bool {
        self.queue().closed
    }

    /// Sets what is called, from the peer's task, when an outbox that was found full has fallen to
    /// its low watermark. It must be quick: typically it wakes the task that fills the outbox.
    pub fn on_low_watermark(&self, callback: Arc<dyn Fn() + Send + Sync>) {
        self.queue().on_low = Some(callback);
    }

    /// Moves up to `count` frames into `into`.
    pub(super) fn take(&self, count: usize, into: &mut VecDeque<Bytes>) {
        if count == 0 || self.queued_bytes() == 0 {
            return;
        }
        let mut queue = self.queue();
        let count = count.min(queue.frames.len());
        let mut taken = 0;
        for frame in queue.frames.drain(..count) {
            taken += frame.len();
            into.push_back(frame);
        }
        queue.octets -= taken;
        self.0.octets.store(queue.octets, Ordering::Relaxed);
        let resumed = queue.waiting && queue.octets <= self.0.low;
        let callback = if resumed { queue.on_low.clone() } else { None };
        queue.waiting &= !resumed;
        drop(queue);
        if let Some(callback) = callback {
            callback();
        }
    }

    /// Takes all that waits; for tests and other shells.
    pub fn drain(&self) -> Vec<Bytes> {
        let mut frames = VecDeque::new();
        self.take(usize::MAX, &mut frames);
        frames.into()
    }

    /// Ends it: what waits is dropped, further pushes are refused.
    pub(super) fn close(&self) {
        let mut queue = self.queue();
        *queue = Queue { closed: true, ..Queue::default() };
        self.0.octets.store(0, Ordering::Relaxed);
    }

    /// Waits until something was pushed to an empty queue.
    pub(super) async fn pushed(&self) {
        self.0.notify.notified().await;
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        // Nothing that runs under the lock can leave the queue half changed.
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox").field("queued_bytes", &self.queued_bytes()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bound_watermark_and_close() {
        let outbox = Outbox::new(100, 40);
        let calls = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&calls);
        outbox.on_low_watermark(Arc::new(move || {
            seen.fetch_add(1, Ordering::Relaxed);
        }));
        let frame = Bytes::from_static(&[0; 30]);
        for _ in 0..4 {
            assert!(outbox.has_room());
            outbox.push(frame.clone()).unwrap();
        }
        assert_eq!(outbox.queued_bytes(), 120);
        assert!(!outbox.has_room());
        let mut taken = VecDeque::new();
        outbox.take(2, &mut taken);
        assert_eq!((taken.len(), calls.load(Ordering::Relaxed)), (2, 0));
        outbox.take(1, &mut taken);
        assert_eq!((taken.len(), calls.load(Ordering::Relaxed)), (3, 1));
        outbox.take(5, &mut taken);
        assert_eq!((taken.len(), calls.load(Ordering::Relaxed)), (4, 1), "called once");
        assert!(outbox.drain().is_empty());
        assert_eq!(outbox.queued_bytes(), 0);

        let too_much = Bytes::from(vec![0; 100 * OVERDRAFT]);
        outbox.push(too_much).unwrap();
        assert_eq!(outbox.push(frame.clone()), Err(PushError::Full));
        outbox.close();
        assert!(outbox.is_closed());
        assert_eq!(outbox.queued_bytes(), 0);
        assert_eq!(outbox.push(frame), Err(PushError::Closed));
    }
}
