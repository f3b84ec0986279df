//! Test support: namespaces, real peers, scripted peers, tables, oracles.
