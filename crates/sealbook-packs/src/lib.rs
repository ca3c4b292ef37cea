//! Binds a report to its proofs; checks a pack and re-runs its tests.
