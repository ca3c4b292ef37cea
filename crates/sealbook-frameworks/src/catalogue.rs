//! Everything in a frameworks folder, loaded and found by id.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::crosswalk::Crosswalk;
use crate::error::LoadError;
use crate::files::{self, Files, sha256_hex};
use crate::framework::Framework;
use crate::mapping::Mapping;
use crate::shape::Role;
use crate::test_definition::{TestDefinition, TestFiles};

/// Frameworks, mappings, crosswalks and control tests, with the files that they came from.
#[derive(Clone, Debug)]
pub struct Catalogue {
    files: Files,
    frameworks: Vec<Framework>,
    mappings: Vec<Mapping>,
    crosswalks: Vec<Crosswalk>,
    tests: Vec<TestDefinition>,
}

impl Catalogue {
    /// The catalogue that the binary carries.
    ///
    /// # Errors
    /// When an embedded file is wrong, which the tests of this crate rule out for a release.
    pub fn builtin() -> Result<Self, LoadError> {
        Self::from_texts(files::embedded())
    }

    /// A folder of the same shape as the project's `frameworks/`, and nothing else.
    ///
    /// # Errors
    /// When the folder cannot be read, or a file in it is unknown, missing, too large or wrong.
    pub fn load_dir(path: &Path) -> Result<Self, LoadError> {
        Self::from_texts(files::read(path)?)
    }

    /// The catalogue that the binary carries, with a folder laid over it: a file of the folder stands in for the
    /// built-in file of the same path, which its digest then shows.
    ///
    /// # Errors
    /// As [`Catalogue::load_dir`].
    pub fn builtin_with(path: &Path) -> Result<Self, LoadError> {
        let mut files = files::embedded();
        files.extend(files::read(path)?);
        Self::from_texts(files)
    }

    /// A catalogue from files in memory, for example from an evidence pack: path inside the folder, bytes.
    ///
    /// # Errors
    /// As [`Catalogue::load_dir`].
    pub fn from_files(files: impl IntoIterator<Item = (String, Vec<u8>)>) -> Result<Self, LoadError> {
        let texts = files.into_iter().map(|(path, bytes)| {
            let text = files::text(&path, bytes)?;
            Ok((path, Cow::Owned(text)))
        });
        Self::from_texts(texts.collect::<Result<_, LoadError>>()?)
    }

    /// Every framework, in id order.
    #[must_use]
    pub fn frameworks(&self) -> &[Framework] {
        &self.frameworks
    }

    /// The framework with this id.
    #[must_use]
    pub fn framework(&self, id: &str) -> Option<&Framework> {
        self.frameworks.iter().find(|framework| framework.id == id)
    }

    /// The mapping of a framework.
    #[must_use]
    pub fn mapping(&self, framework_id: &str) -> Option<&Mapping> {
        self.mappings.iter().find(|mapping| mapping.framework == framework_id)
    }

    /// Every mapping, in the order of the frameworks' ids.
    #[must_use]
    pub fn mappings(&self) -> &[Mapping] {
        &self.mappings
    }

    /// The crosswalks that lead to a framework.
    pub fn crosswalks<'a>(&'a self, framework_id: &'a str) -> impl Iterator<Item = &'a Crosswalk> {
        self.crosswalks.iter().filter(move |crosswalk| crosswalk.framework == framework_id)
    }

    /// Every test that has a folder: integrity tests first, then in id order.
    #[must_use]
    pub fn tests(&self) -> &[TestDefinition] {
        &self.tests
    }

    /// The test with this id.
    #[must_use]
    pub fn test(&self, id: &str) -> Option<&TestDefinition> {
        self.tests.iter().find(|test| test.id == id)
    }

    /// Tests that a mapping names and that have no folder yet.
    #[must_use]
    pub fn unwritten_tests(&self) -> BTreeSet<&str> {
        let mapped = self.mappings.iter().flat_map(|mapping| &mapping.rows).flat_map(|row| &row.tests);
        mapped.map(String::as_str).filter(|id| self.test(id).is_none()).collect()
    }

    /// Tests that have a folder and that no mapping names.
    #[must_use]
    pub fn unmapped_tests(&self) -> BTreeSet<&str> {
        let is_mapped = |id: &str| self.mappings.iter().any(|mapping| mapping.rows_of_test(id).next().is_some());
        self.tests.iter().map(|test| test.id.as_str()).filter(|id| !is_mapped(id)).collect()
    }

    /// Every file as used: path inside the folder and bytes, in the order of the paths.
    pub fn files(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.files.iter().map(|(path, text)| (path.as_str(), text.as_bytes()))
    }

    /// One file as used.
    #[must_use]
    pub fn file(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(AsRef::as_ref)
    }

    /// SHA-256 of one file as used, lower-case hex.
    #[must_use]
    pub fn file_sha256(&self, path: &str) -> Option<String> {
        self.file(path).map(|text| sha256_hex(text.as_bytes()))
    }

    fn from_texts(files: Files) -> Result<Self, LoadError> {
        let mut frameworks = Vec::new();
        let mut mappings = Vec::new();
        let mut crosswalks = Vec::new();
        let mut test_folders: BTreeMap<&str, TestFiles<'_>> = BTreeMap::new();
        for (path, text) in &files {
            let text: &str = text;
            let digest = || sha256_hex(text.as_bytes());
            match Role::of(path) {
                Some(Role::Framework) => frameworks.push(Framework::parse(path, text, digest())?),
                Some(Role::Mapping) => mappings.push(Mapping::parse(path, text, digest())?),
                Some(Role::Crosswalk) => crosswalks.push(Crosswalk::parse(path, text, digest())?),
                Some(Role::Test { folder, file }) => test_folders.entry(folder).or_default().put(file, text),
                // Read by `Policy::default_documented`.
                Some(Role::DefaultPolicy) => {}
                None => return Err(LoadError::Unexpected { file: path.clone() }),
            }
        }
        for folder in mappings.iter().map(|m| &m.framework).chain(crosswalks.iter().map(|c| &c.framework)) {
            if !frameworks.iter().any(|framework| framework.id == *folder) {
                return Err(LoadError::Missing { folder: folder.clone(), missing: "framework.toml" });
            }
        }
        let mut tests = test_folders
            .iter()
            .map(|(folder, files)| TestDefinition::parse(folder, files))
            .collect::<Result<Vec<_>, LoadError>>()?;
        tests.sort_by(|a, b| b.integrity.cmp(&a.integrity).then_with(|| a.id.cmp(&b.id)));
        Ok(Self { files, frameworks, mappings, crosswalks, tests })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape::DEFAULT_POLICY_FILE;

    const TEST_TOML: &str = r#"
id = "CT-X-01"
title = "t"
question = "q"
population = "p"
severity = "high"
fail_entries = [1]
[parameters.max_age_days]
default = 90
unit = "days"
meaning = "m"
"#;

    fn with(changes: &[(&str, &str)]) -> Result<Catalogue, LoadError> {
        let mut files: BTreeMap<String, String> = [
            ("tests/CT-X-01/test.toml", TEST_TOML),
            ("tests/CT-X-01/test.sql", "SELECT $max_age_days"),
            ("tests/CT-X-01/pass.ndjson", "{}\n"),
            ("tests/CT-X-01/fail.ndjson", "{}\n{}\n"),
        ]
        .map(|(path, text)| (path.to_owned(), text.to_owned()))
        .into();
        for (path, text) in changes {
            if text.is_empty() {
                files.remove(*path);
            } else {
                files.insert((*path).to_owned(), (*text).to_owned());
            }
        }
        Catalogue::from_files(files.into_iter().map(|(path, text)| (path, text.into_bytes())))
    }

    fn refusal(changes: &[(&str, &str)]) -> String {
        with(changes).unwrap_err().to_string()
    }

    #[test]
    fn a_test_folder_is_loaded_whole() {
        let catalogue = with(&[]).unwrap();
        let test = catalogue.test("CT-X-01").unwrap();
        assert_eq!(test.parameters["max_age_days"].default, crate::ParameterValue::Integer(90));
        assert_eq!((test.fail_entries.as_slice(), test.integrity), ([1].as_slice(), false));
        assert_eq!(test.sql_sha256, catalogue.file_sha256("tests/CT-X-01/test.sql").unwrap());
        assert!(test.uses_parameter("max_age_days") && !test.uses_parameter("max_age"));
    }

    #[test]
    fn an_unknown_key_is_refused_with_file_and_line() {
        let toml = TEST_TOML.replace("severity", "colour = 1\nseverity");
        let message = refusal(&[("tests/CT-X-01/test.toml", &toml)]);
        assert!(message.starts_with("tests/CT-X-01/test.toml, line 6, column 1: unknown field `colour`"), "{message}");
        let toml = TEST_TOML.replace("unit", "units");
        assert!(refusal(&[("tests/CT-X-01/test.toml", &toml)]).contains("unknown field `units`"));
    }

    #[test]
    fn a_missing_file_is_refused_by_name() {
        for file in ["test.toml", "test.sql", "pass.ndjson", "fail.ndjson"] {
            let message = refusal(&[(&format!("tests/CT-X-01/{file}"), "")]);
            assert_eq!(message, format!("tests/CT-X-01: {file} is missing"));
        }
    }

    #[test]
    fn a_file_without_a_role_is_refused() {
        for path in
            ["stray.toml", "tests/CT-X-01/notes.txt", "a/b/framework.toml", "nist/extra.toml", "tests/mapping.toml"]
        {
            assert!(refusal(&[(path, "x")]).starts_with(&format!("{path}: no such file is expected here")));
        }
    }

    #[test]
    fn an_id_that_differs_from_its_folder_is_refused() {
        let toml = TEST_TOML.replace("CT-X-01", "CT-X-02");
        assert!(refusal(&[("tests/CT-X-01/test.toml", &toml)]).contains("not the name of its folder"));
    }

    #[test]
    fn a_fail_entry_beyond_the_events_is_refused() {
        let toml = TEST_TOML.replace("[1]", "[2]");
        assert!(refusal(&[("tests/CT-X-01/test.toml", &toml)]).contains("names event 2, but fail.ndjson has 2 events"));
    }

    #[test]
    fn a_parameter_of_another_type_or_name_is_refused() {
        let toml = TEST_TOML.replace("default = 90", "default = 9.5");
        assert!(refusal(&[("tests/CT-X-01/test.toml", &toml)]).contains("test.toml, line 9"));
        let toml = TEST_TOML.replace("max_age_days", "from");
        let message = refusal(&[("tests/CT-X-01/test.toml", &toml)]);
        assert!(message.contains("bound to the period"), "{message}");
        let toml = TEST_TOML.replace("max_age_days", "Max");
        assert!(refusal(&[("tests/CT-X-01/test.toml", &toml)]).contains("parameter \"Max\""));
    }

    #[test]
    fn a_file_that_is_not_text_is_refused_with_the_offset() {
        let files = [("tests/A/test.sql".to_owned(), b"ab\xff".to_vec())];
        assert_eq!(
            Catalogue::from_files(files).unwrap_err().to_string(),
            "tests/A/test.sql: not UTF-8 text from byte 2 on"
        );
    }

    #[test]
    fn a_mapping_without_its_framework_is_refused() {
        let mapping = "framework = \"f\"\ncontrol = []";
        assert_eq!(refusal(&[("f/mapping.toml", mapping)]), "f: framework.toml is missing");
    }

    #[test]
    fn the_project_folder_and_the_binary_say_the_same() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../frameworks");
        let (read, built_in) = (Catalogue::load_dir(&folder).unwrap(), Catalogue::builtin().unwrap());
        assert!(read.files().eq(built_in.files()));
        assert!(built_in.file(DEFAULT_POLICY_FILE).is_some());
    }

    #[test]
    fn a_folder_laid_over_the_built_in_files_stands_in_for_them() {
        let folder = std::env::temp_dir().join(format!("sealbook-frameworks-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(DEFAULT_POLICY_FILE), "# mine\n").unwrap();
        let catalogue = Catalogue::builtin_with(&folder).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(catalogue.file(DEFAULT_POLICY_FILE), Some("# mine\n"));
        assert!(catalogue.framework("owasp-nhi-top10-2025").is_some());
    }

    #[test]
    fn a_folder_that_does_not_exist_is_an_error_that_names_it() {
        let message = Catalogue::load_dir(Path::new("/nonexistent/frameworks")).unwrap_err().to_string();
        assert!(message.contains("/nonexistent/frameworks"), "{message}");
    }
}
