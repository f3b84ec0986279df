//! BGP message codec: bytes to typed messages and back, RFC 7606 verdicts.
