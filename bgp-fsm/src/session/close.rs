//! The last second of a connection.
//!
//! A NOTIFICATION must reach the peer. So the connection is not just dropped: what is queued is
//! written, the write side is shut down, and the read side is drained until the peer closes too,
//! because the kernel answers data that nobody reads with an RST, on which the peer's kernel may
//! throw away what it has not yet read. All of it is bounded in time.

use std::net::Shutdown;
use std::sync::Arc;
use std::time::Duration;

use socket2::SockRef;
use tokio::time::timeout;

use super::link::Link;
use super::snapshot::View;

/// Ends a sealed connection cleanly, in two seconds at most.
pub(super) async fn close(mut link: Link, view: Arc<View>) {
    let flushed = timeout(FLUSH, async {
        while link.wants_to_write() {
            link.stream.writable().await?;
            link.flush(&view.sent)?;
        }
        SockRef::from(&*link.stream).shutdown(Shutdown::Write)
    });
    if !matches!(flushed.await, Ok(Ok(()))) {
        return;
    }
    let mut discard = vec![0; 16 << 10];
    // The result does not matter any more: either way the connection is gone after this.
    let _ = timeout(DRAIN, async {
        while link.stream.readable().await.is_ok() {
            match link.stream.try_read(&mut discard) {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(_) => break,
            }
        }
    })
    .await;
}

const FLUSH: Duration = Duration::from_secs(1);
const DRAIN: Duration = Duration::from_secs(1);
