//! What holds for every config, every sequence of calls and every moment.

mod backoff;
mod corpus;
mod determinism;
mod exploration;
mod found;
mod invariants;
mod random;
