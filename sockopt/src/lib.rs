//! TCP MD5, GTSM and bind-to-device socket options; the only unsafe code.
