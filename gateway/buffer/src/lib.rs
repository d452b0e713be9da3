//! Where batches settle and wait until every destination has confirmed them.
