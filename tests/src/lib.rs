//! End-to-end tests against parts that no one here wrote.
