//! Provider-neutral desired state, observed state and reasons.
