//! From raw samples to few, true readings in numbered batches.
