//! Why a frameworks folder or a policy file could not be taken: what, where, and what to do.

use std::path::PathBuf;

/// A frameworks folder or one of its files that could not be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The folder, or a file in it, could not be read.
    #[error("cannot read the frameworks folder {path}: {cause}")]
    Read {
        /// The folder that was given.
        path: PathBuf,
        /// What the operating system or the walk said, with the path it concerns.
        cause: std::io::Error,
    },
    /// The policy file could not be read.
    #[error("cannot read the policy {path}: {cause}")]
    ReadPolicy {
        /// The file that was given.
        path: PathBuf,
        /// What the operating system said.
        cause: std::io::Error,
    },
    /// A file is larger than any catalogue, mapping or test needs to be.
    #[error("{file}: {bytes} bytes; it may have at most {max}")]
    TooLarge {
        /// Path inside the folder.
        file: String,
        /// Its size.
        bytes: u64,
        /// The limit.
        max: u64,
    },
    /// A file is not text.
    #[error("{file}: not UTF-8 text from byte {offset} on")]
    NotText {
        /// Path inside the folder.
        file: String,
        /// Bytes before the first one that is wrong.
        offset: usize,
    },
    /// A file that no rule of the folder's shape explains.
    #[error(
        "{file}: no such file is expected here; a frameworks folder holds <framework>/framework.toml, mapping.toml and \
         crosswalk-*.toml, tests/<test>/test.toml, test.sql, pass.ndjson and fail.ndjson, and policy.default.toml"
    )]
    Unexpected {
        /// Path inside the folder.
        file: String,
    },
    /// A folder lacks a file that its kind must have.
    #[error("{folder}: {missing} is missing")]
    Missing {
        /// Folder inside the frameworks folder.
        folder: String,
        /// Name of the file.
        missing: &'static str,
    },
    /// A TOML file does not parse, has an unknown or missing key, or a value of the wrong type.
    #[error("{file}, {place}: {message}")]
    Toml {
        /// Path inside the folder.
        file: String,
        /// Where in it.
        place: Place,
        /// What is wrong there.
        message: String,
    },
    /// A file parses but says something that cannot be.
    #[error("{file}: {message}")]
    Invalid {
        /// Path inside the folder.
        file: String,
        /// What is wrong, and what to do.
        message: String,
    },
}

/// A place in a text file, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Line.
    pub line: usize,
    /// Column, in characters.
    pub column: usize,
}

impl Place {
    /// The place of a byte offset in `text`; an offset past the end is the end.
    #[must_use]
    pub fn of(text: &str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            line: before.matches('\n').count() + 1,
            column: before.get(line_start..).unwrap_or_default().chars().count() + 1,
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// Parses one TOML file strictly, with the place, and where it can be told the key, in the error.
pub(crate) fn parse_toml<T: serde::de::DeserializeOwned>(file: &str, text: &str) -> Result<T, LoadError> {
    toml::from_str(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        let message = match key_before(text, offset) {
            Some(key) => format!("{key}: {}", error.message()),
            None => error.message().to_owned(),
        };
        LoadError::Toml { file: file.to_owned(), place: Place::of(text, offset), message }
    })
}

/// The key whose value stands at `offset`, when both are on one line.
fn key_before(text: &str, offset: usize) -> Option<&str> {
    let line = text.get(..offset)?.rsplit('\n').next()?;
    let (key, _) = line.split_once('=')?;
    Some(key.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_key_whose_value_is_wrong() {
        let error =
            parse_toml::<std::collections::BTreeMap<String, i64>>("f.toml", "a = 1\nbee = \"x\"\n").unwrap_err();
        let message = error.to_string();
        assert!(message.starts_with("f.toml, line 2, column 7: bee: invalid type: string \"x\""), "{message}");
    }

    #[test]
    fn a_place_counts_lines_and_characters_from_one() {
        let text = "a = 1\nü = \"é\" x\n";
        assert_eq!(Place::of(text, 0), Place { line: 1, column: 1 });
        let offset = text.find('x').unwrap();
        assert_eq!(Place::of(text, offset), Place { line: 2, column: 9 });
        assert_eq!(Place::of(text, 999), Place { line: 3, column: 1 });
    }
}
