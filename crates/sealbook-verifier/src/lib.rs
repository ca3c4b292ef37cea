//! The auditor's checks of ledgers, packs and proofs, and the small binary around them.
