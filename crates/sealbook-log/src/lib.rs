//! A ledger directory: segments, the one writer, commit, recovery, tiles, checkpoints, signing.
