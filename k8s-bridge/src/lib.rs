//! Kubernetes objects to intent and verdicts, and status back.
