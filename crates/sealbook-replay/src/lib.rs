//! Timeline, state at a time, and the difference between two times.
