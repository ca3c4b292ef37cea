//! The model organisation: deterministic events with planted faults.
