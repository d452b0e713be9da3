//! When each link is polled, and what happens when it does not answer.
