//! Source bytes to events, pure.
