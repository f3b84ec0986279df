//! Update groups: what is advertised to peers, encoded once for all which get the same.
