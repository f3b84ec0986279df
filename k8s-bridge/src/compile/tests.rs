//! What samples of both models come to.
