//! Durable jobs: leased, retried with back-off, buried when they cannot succeed.
