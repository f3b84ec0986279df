//! The write queue: shared frames, a peer that does not read, KEEPALIVEs that must get through.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bgp_fsm::session::PushError;
use bgp_wire::{KEEPALIVE, MessageType};
use bytes::Bytes;

use crate::script::{Script, config, established, listener, open, snapshot_until, start, update};

#[tokio::test]
async fn frames_leave_in_order() {
    let (handle, log, mut script) = established(90).await;
    let outbox = log.up(1).await;
    for number in 0..500 {
        outbox.push(Bytes::from(update(number, 23 + (number % 200) as u16))).unwrap();
    }
    for number in 0..500 {
        assert_eq!(
            script.expect(MessageType::UPDATE).await,
            update(number, 23 + (number % 200) as u16)
        );
    }
    let counters = snapshot_until(&handle, |s| s.counters.sent.update == 500).await.counters;
    assert_eq!(counters.sent.open, 1);
}

#[tokio::test]
async fn several_messages_in_one_push_are_counted_one_by_one() {
    let (handle, log, mut script) = established(90).await;
    let outbox = log.up(1).await;
    outbox.push(Bytes::from([update(1, 40), update(2, 23), update(3, 4096)].concat())).unwrap();
    for (number, len) in [(1, 40), (2, 23), (3, 4096)] {
        assert_eq!(script.expect(MessageType::UPDATE).await, update(number, len));
    }
    snapshot_until(&handle, |s| s.counters.sent.update == 3).await;
}

/// A peer that sends but does not read: we go on reading, our KEEPALIVEs overtake the queue, and
/// nothing is torn when it reads at last.
#[tokio::test]
async fn a_blocked_writer_neither_stops_reading_nor_starves_keepalives() {
    let (listener, addr) = listener().await;
    let mut cfg = config(addr);
    cfg.send_buffer = Some(256 << 10);
    cfg.outbox_high = 64 << 20;
    cfg.peer.keepalive = std::num::NonZeroU16::new(1);
    let (handle, log) = start(cfg);
    let mut script = Script::accept(&listener).await;
    script.handshake(&open(90)).await;
    let outbox = log.up(1).await;

    let count = 6000;
    for number in 0..count {
        outbox.push(Bytes::from(update(number, 4096))).unwrap();
    }
    // Nothing is read until a KEEPALIVE is due; what is sent meanwhile is handled.
    let began = tokio::time::Instant::now();
    let mut sent = 0;
    while began.elapsed().as_millis() < 1200 {
        script.send(&[&KEEPALIVE[..], &update(sent, 23)].concat()).await;
        sent += 1;
        let wanted = sent as usize * 23;
        log.until(|seen| (seen.bursts.iter().map(Vec::len).sum::<usize>() == wanted).then_some(()))
            .await;
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert!(outbox.queued_bytes() > 4096 * 1000, "the writer is blocked");

    let (mut next, mut overtook) = (0, false);
    while next < count {
        let frame = script.frame().await.expect("the session is up");
        if frame[..] == KEEPALIVE {
            overtook |= next > 0;
            continue;
        }
        assert!(frame == update(next, 4096), "frame {next}");
        next += 1;
    }
    assert!(overtook, "no KEEPALIVE came before the end of the queue");
    log.with(|seen| assert!(seen.downs.is_empty()));
    assert_eq!(handle.snapshot().queued_bytes, 0);
}

#[tokio::test]
async fn the_low_watermark_resumes_the_sender() {
    let (listener, addr) = listener().await;
    let mut cfg = config(addr);
    cfg.outbox_high = 256 << 10;
    cfg.outbox_low = 64 << 10;
    let (_handle, log) = start(cfg);
    let mut script = Script::accept(&listener).await;
    script.handshake(&open(90)).await;
    let outbox = log.up(1).await;
    let calls = Arc::new(AtomicUsize::new(0));
    let (seen, resumed) = (Arc::clone(&calls), Arc::new(tokio::sync::Notify::new()));
    let wake = Arc::clone(&resumed);
    outbox.on_low_watermark(Arc::new(move || {
        seen.fetch_add(1, Ordering::Relaxed);
        wake.notify_one();
    }));

    let total = 12_000;
    let sender = async {
        let mut number = 0;
        while number < total {
            if outbox.has_room() {
                outbox.push(Bytes::from(update(number, 4096))).unwrap();
                number += 1;
                assert!(outbox.queued_bytes() <= (256 << 10) + 4096);
            } else {
                resumed.notified().await;
            }
        }
    };
    let reader = async {
        for number in 0..total {
            let frame = script.expect(MessageType::UPDATE).await;
            assert!(frame == update(number, 4096), "frame {number}");
        }
    };
    tokio::join!(sender, reader);
    assert!(calls.load(Ordering::Relaxed) > 0);
}

/// The Cease goes out at the next message boundary; UPDATEs behind it do not.
#[tokio::test]
async fn a_stop_overtakes_the_queue() {
    let (listener, addr) = listener().await;
    let mut cfg = config(addr);
    cfg.outbox_high = 64 << 20;
    let (handle, log) = start(cfg);
    let mut script = Script::accept(&listener).await;
    script.handshake(&open(90)).await;
    let outbox = log.up(1).await;
    for number in 0..8000 {
        assert!(outbox.has_room());
        outbox.push(Bytes::from(update(number, 4096))).unwrap();
    }
    // Blocked in the middle of the queue; some of it is with TCP already.
    snapshot_until(&handle, |s| s.counters.sent.update > 0).await;
    let stop = handle.stop(bgp_fsm::StopReason::PeerDeconfigured);
    let read = async {
        let mut updates = 0;
        loop {
            let frame = script.frame().await.expect("closed without a NOTIFICATION");
            if frame[18] == MessageType::NOTIFICATION.0 {
                assert_eq!(script.frame().await, None);
                return updates;
            }
            updates += 1;
        }
    };
    let (updates, ()) = tokio::join!(read, stop);
    assert!(updates < 8000, "{updates}");
    assert_eq!(outbox.push(Bytes::from_static(&KEEPALIVE)), Err(PushError::Closed));
}
