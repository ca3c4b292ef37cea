//! Scopes: what a credential allows, and what an endpoint asks for.

use core::fmt;
use core::str::FromStr;

use sealbook_core::limits::SOURCE_ID_BYTES_MAX;
use sealbook_log::SELF_SOURCE;

/// Scopes of one credential.
pub(crate) const SCOPES_MAX: usize = 16;

/// One thing that a credential allows. None of them implies another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// To send events as a source: `ingest:SOURCE`, or only in one format, `ingest:SOURCE@FORMAT`.
    Ingest {
        /// Source id of the entries.
        source: String,
        /// Name of the format, where it is held to one.
        format: Option<String>,
    },
    /// To read checkpoint, tiles, entries (sealed fields stay closed), dashboard, metrics.
    Read,
    /// To ask for coverage, reports and packs.
    Report,
    /// To open sealed values.
    Admin,
}

/// Why a text is no scope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no scope: {problem}; write ingest:SOURCE, ingest:SOURCE@FORMAT, read, report or admin")]
pub struct ScopeError {
    text: String,
    problem: String,
}

impl FromStr for Scope {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, ScopeError> {
        let bad = |problem: String| Err(ScopeError { text: text.to_owned(), problem });
        let Some(rest) = text.strip_prefix("ingest:") else {
            return match text {
                "read" => Ok(Self::Read),
                "report" => Ok(Self::Report),
                "admin" => Ok(Self::Admin),
                _ => bad("it is none that is known".to_owned()),
            };
        };
        let (source, format) = match rest.rsplit_once('@') {
            Some((source, format)) => (source, Some(format)),
            None => (rest, None),
        };
        if source == SELF_SOURCE {
            return bad(format!("the source {SELF_SOURCE:?} is the ledger's own"));
        }
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-._/:".contains(&byte);
        if source.is_empty() || source.len() > SOURCE_ID_BYTES_MAX || !source.bytes().all(letter) {
            return bad(format!("a source has 1 to {SOURCE_ID_BYTES_MAX} letters, digits or any of - . _ / :"));
        }
        if let Some(format) = format
            && (format.is_empty() || !format.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)))
        {
            return bad("a format is named as in /v1/sources/FORMAT".to_owned());
        }
        Ok(Self::Ingest { source: source.to_owned(), format: format.map(str::to_owned) })
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ingest { source, format: None } => write!(f, "ingest:{source}"),
            Self::Ingest { source, format: Some(format) } => write!(f, "ingest:{source}@{format}"),
            Self::Read => f.write_str("read"),
            Self::Report => f.write_str("report"),
            Self::Admin => f.write_str("admin"),
        }
    }
}

/// What an endpoint asks of whoever calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Nothing: whether the service is alive says nothing about the ledger.
    Open,
    /// Any credential that is valid.
    Known,
    /// `read`, unless the operator made checkpoint and tiles public.
    Log,
    /// `read`.
    Read,
    /// `report`.
    Report,
    /// `admin`.
    Admin,
    /// `ingest:…`; which source is decided when the format is known.
    Ingest,
}

impl Need {
    /// Whether these scopes are enough.
    #[must_use]
    pub fn is_met_by(self, scopes: &[Scope]) -> bool {
        match self {
            Self::Open | Self::Known => true,
            Self::Log | Self::Read => scopes.contains(&Scope::Read),
            Self::Report => scopes.contains(&Scope::Report),
            Self::Admin => scopes.contains(&Scope::Admin),
            Self::Ingest => scopes.iter().any(|scope| matches!(scope, Scope::Ingest { .. })),
        }
    }

    /// The scope's name, as the documents and the refusals say it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Open => "none",
            Self::Known => "any",
            Self::Log | Self::Read => "read",
            Self::Report => "report",
            Self::Admin => "admin",
            Self::Ingest => "ingest:SOURCE",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_written_as_they_are_read() {
        for text in ["read", "report", "admin", "ingest:opa-prod", "ingest:opa/eu:1@opa", "ingest:sealbook-2"] {
            assert_eq!(text.parse::<Scope>().unwrap().to_string(), text);
        }
        for text in ["", "write", "Read", "ingest", "ingest:", "ingest:sealbook", "ingest:a b", "ingest:a@", "ingest:é"]
        {
            let error = text.parse::<Scope>().unwrap_err().to_string();
            assert!(error.contains("ingest:SOURCE@FORMAT"), "{error}");
        }
        assert!(format!("ingest:{}", "x".repeat(SOURCE_ID_BYTES_MAX + 1)).parse::<Scope>().is_err());
    }

    #[test]
    fn no_scope_implies_another() {
        let needs = [Need::Read, Need::Report, Need::Admin, Need::Ingest];
        for (n, text) in ["read", "report", "admin", "ingest:a"].into_iter().enumerate() {
            let scopes = [text.parse().unwrap()];
            for (m, need) in needs.into_iter().enumerate() {
                assert_eq!(need.is_met_by(&scopes), n == m, "{text} {need:?}");
            }
        }
    }
}
