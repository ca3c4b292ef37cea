//! Every maximum of the formats, with its unit and its reason.

/// Bytes of one encoded entry. A tlog-tiles entry bundle stores lengths in 16 bits (C2SP tlog-tiles).
pub const ENTRY_BYTES_MAX: usize = 65_535;

/// Bytes of a producer's event id, a name of an identity, a credential or any other identifier.
/// ARNs reach 2,048 characters, SPIFFE IDs 2,048 bytes; event ids are kept shorter because they are index keys.
pub const IDENTIFIER_BYTES_MAX: usize = 2_048;

/// Bytes of a producer's event id.
pub const EVENT_ID_BYTES_MAX: usize = 128;

/// Bytes of a short text such as an action, a version or a role.
pub const TEXT_BYTES_MAX: usize = 1_024;

/// Bytes of a free text such as a reason, a justification or a statement.
pub const PROSE_BYTES_MAX: usize = 8_192;

/// Labels of one event.
pub const LABELS_MAX: usize = 32;

/// Bytes of the name of a label.
pub const LABEL_NAME_BYTES_MAX: usize = 64;

/// Bytes of the value of a label.
pub const LABEL_VALUE_BYTES_MAX: usize = 1_024;

/// Fields that one event can seal: every text field of an event and every label, rounded up.
pub const SEALED_FIELDS_MAX: usize = 128;

/// Bytes of the original that are kept beside an entry. An audit event of a real system is below 100 KiB
/// (Kubernetes truncates there); a larger one is refused by name, never cut.
pub const RAW_BYTES_MAX: usize = 1 << 20;

/// Bytes of a source id.
pub const SOURCE_ID_BYTES_MAX: usize = 128;

/// Bytes of a ledger's origin. C2SP signed-note allows any length; a name is a schema-less URL.
pub const ORIGIN_BYTES_MAX: usize = 255;

/// Bytes of a signed note that a reader accepts (as Go's `sumdb/note`).
pub const NOTE_BYTES_MAX: usize = 1_000_000;

/// Signatures of a note that a reader accepts (as Go's `sumdb/note`; the specification asks for at least 16).
pub const NOTE_SIGNATURES_MAX: usize = 100;

/// Hashes of an inclusion or consistency proof: one per level of a tree of 2^63 leaves.
pub const PROOF_HASHES_MAX: usize = 63;

/// Bytes of a COSE receipt that a reader accepts: [`PROOF_HASHES_MAX`] hashes, issuer, subject, and room for the headers of
/// other issuers.
pub const RECEIPT_BYTES_MAX: usize = 1 << 16;

/// Bytes of a tlog-policy that a reader accepts: more keys than anyone names.
pub const POLICY_BYTES_MAX: usize = 1 << 20;

/// Logs, witnesses and groups of a tlog-policy, each (the specification asks for at least 32).
pub const POLICY_NAMES_MAX: usize = 256;
