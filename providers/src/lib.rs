//! One trait over the engines that run BGP, and the native one.
