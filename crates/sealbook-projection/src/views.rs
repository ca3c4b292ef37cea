//! The public views, as portable SQL over `entries` and `labels`.

use std::fmt::Write as _;

/// Version of the column contract in `docs/views.md`.
pub const VIEWS_VERSION: u32 = 1;

/// A view derived from entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// Its name.
    pub name: &'static str,
    /// A `SELECT` over `entries`, `labels`, the kind views and the views before it.
    pub sql: &'static str,
    /// The column by which other queries look rows up.
    pub(crate) key: &'static str,
}

macro_rules! view {
    ($name:literal, $key:literal) => {
        View { name: $name, sql: include_str!(concat!("../views/", $name, ".sql")), key: $key }
    };
}

/// The derived views, each after those that it reads.
pub const VIEWS: [View; 6] = [
    view!("owners", "owned"),
    view!("identity_intervals", "id"),
    view!("identities", "id"),
    view!("credentials", "id"),
    view!("exception_intervals", "id"),
    view!("open_exceptions", "id"),
];

/// Kinds of events and the views of them, in the order of `Kind::WORDS`.
pub(crate) const KIND_VIEWS: [(&str, &str); 12] = [
    ("decision", "decisions"),
    ("approval", "approvals"),
    ("issuance", "issuances"),
    ("rotation", "rotations"),
    ("revocation", "revocations"),
    ("exception", "exceptions"),
    ("elevation", "elevations"),
    ("lifecycle", "lifecycle"),
    ("review", "reviews"),
    ("policy", "policies"),
    ("ownership", "ownership"),
    ("attestation", "attestations"),
];

/// `CREATE VIEW` statements for the kind views.
pub(crate) fn kind_views() -> String {
    let view = |(kind, view)| format!("CREATE VIEW {view} AS SELECT * FROM entries WHERE kind = '{kind}';\n");
    KIND_VIEWS.map(view).concat()
}

/// `CREATE VIEW` statements for every kind view and derived view, for an engine that already has `entries` and `labels`.
#[must_use]
pub fn portable_script() -> String {
    let mut script = kind_views();
    for view in VIEWS {
        let _ = writeln!(script, "CREATE VIEW {} AS\n{};", view.name, view.sql.trim());
    }
    script
}

#[cfg(test)]
mod tests {
    use sealbook_core::event::Kind;

    use super::*;

    #[test]
    fn every_kind_has_a_view() {
        assert_eq!(KIND_VIEWS.map(|(kind, _)| kind).as_slice(), Kind::WORDS);
    }
}
