//! One BGP peering as a pure state machine, RFC 4271 section 8.
