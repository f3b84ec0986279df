//! Bidirectional Forwarding Detection as a pure state machine, RFC 5880 to 5883.
