//! BGP tables: interned attributes, best path, multipath, policy, update groups.
