//! BFD with real neighbours: FRR's bfdd, BIRD, and ourselves. GoBGP has no BFD and is not here.
//!
//! Both ends hang on a bridge of a third namespace: taking a port out of it cuts the path while the
//! links of both ends stay up, so that only BFD can notice. Detection times are printed, from the cut
//! to the line in our log that says why the session ended; what is asserted is the reason, not a time.

#![expect(clippy::unwrap_used, reason = "a test's set-up fails the test")]

#[path = "bfd/lab.rs"]
mod lab;
#[path = "bfd/life.rs"]
mod life;
#[path = "bfd/strict.rs"]
mod strict;
