//! VPN, EVPN and route target routes through us, with real neighbours: we are the route reflector, and what
//! arrives on the far side is what was sent.
//!
//! GoBGP and FRR originate and receive VPN-IPv4 and VPN-IPv6; EVPN routes come from GoBGP. BIRD 2.0.12 has no
//! way to give a VPN route to a session without the kernel's MPLS tables, so it takes no part. FRR 8.4 does not
//! know route target constraint.

#![expect(clippy::unwrap_used, reason = "a test's set-up fails the test")]

#[path = "families/lab.rs"]
mod lab;
#[path = "paths/lan.rs"]
#[expect(dead_code, reason = "another test uses the rest")]
mod lan;
#[path = "families/reflected.rs"]
mod reflected;
