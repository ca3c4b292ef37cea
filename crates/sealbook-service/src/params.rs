//! Query parameters, read strictly.

use std::collections::BTreeMap;

use axum::extract::Query;
use axum::http::{StatusCode, Uri};
use sealbook_core::limits::SOURCE_ID_BYTES_MAX;
use sealbook_log::SELF_SOURCE;

use crate::problem::Problem;

/// The parameters of a request.
pub(crate) struct Params(BTreeMap<String, String>);

impl Params {
    /// Reads those of `uri`.
    pub(crate) fn of(uri: &Uri) -> Result<Self, Problem> {
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri)
            .map_err(|error| Problem::bad_request("bad-query", format!("the query cannot be read: {error}")))?;
        let mut params = BTreeMap::new();
        for (name, value) in pairs {
            if let Some((name, _)) = params.insert(name.clone(), value).map(|earlier| (name, earlier)) {
                return Err(Problem::bad_request("bad-query", format!("the parameter {name:?} appears twice")));
            }
        }
        Ok(Self(params))
    }

    /// Refuses every parameter that is not `known`.
    pub(crate) fn only(self, known: &[&str]) -> Result<Self, Problem> {
        match self.0.keys().find(|name| !known.contains(&name.as_str())) {
            None => Ok(self),
            Some(name) => {
                let detail = format!("unknown parameter {name:?}; known here: {}", known.join(", "));
                let mut problem = Problem::bad_request("unknown-parameter", detail);
                problem.field = Some(name.clone());
                Err(problem)
            }
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    fn bad(name: &str, detail: String) -> Problem {
        let mut problem = Problem::bad_request("bad-parameter", detail);
        problem.field = Some(name.to_owned());
        problem
    }

    /// A number up to `max`.
    pub(crate) fn number(&self, name: &str, default: u64, max: u64) -> Result<u64, Problem> {
        let Some(text) = self.get(name) else { return Ok(default) };
        match text.parse() {
            Ok(number) if number <= max => Ok(number),
            _ => Err(Self::bad(name, format!("{name}={text:?} is no whole number up to {max}"))),
        }
    }

    /// One of a few words.
    pub(crate) fn word<'w>(&self, name: &str, words: &[&'w str]) -> Result<Option<&'w str>, Problem> {
        let Some(text) = self.get(name) else { return Ok(None) };
        match words.iter().find(|word| **word == text) {
            Some(word) => Ok(Some(word)),
            None => Err(Self::bad(name, format!("{name}={text:?} is none of {}", words.join(", ")))),
        }
    }

    /// Who sends, where the endpoint leaves it open: printable ASCII without spaces, and not the ledger itself.
    pub(crate) fn source(&self, default: &str) -> Result<String, Problem> {
        let source = self.get("source").unwrap_or(default);
        if source == SELF_SOURCE {
            let detail = format!("{SELF_SOURCE:?} is the name of the ledger's own acts; choose another source");
            let mut problem = Problem::new(StatusCode::FORBIDDEN, "reserved-source", detail);
            problem.field = Some("source".to_owned());
            return Err(problem);
        }
        if source.is_empty()
            || source.len() > SOURCE_ID_BYTES_MAX
            || !source.bytes().all(|byte| byte.is_ascii_graphic())
        {
            let detail =
                format!("source={source:?} is no source name: 1 to {SOURCE_ID_BYTES_MAX} printable ASCII characters");
            return Err(Self::bad("source", detail));
        }
        Ok(source.to_owned())
    }
}
