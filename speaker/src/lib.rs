//! The embedded BGP engine: sessions, tables and kernel routes in one process.
