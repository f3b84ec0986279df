//! Routing policy: which routes are accepted and advertised, and with which attributes.
