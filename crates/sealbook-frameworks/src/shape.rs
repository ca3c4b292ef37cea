//! The shape of a frameworks folder: what each file is for, told by its path alone.

use crate::test_definition::TestFiles;

/// Name of the default policy inside a frameworks folder.
pub const DEFAULT_POLICY_FILE: &str = "policy.default.toml";

/// What a file is for, told by its path alone.
pub(crate) enum Role<'a> {
    Framework,
    Mapping,
    Crosswalk,
    Test { folder: &'a str, file: TestFile },
    DefaultPolicy,
}

/// One of the four files of a test.
#[derive(Clone, Copy)]
pub(crate) enum TestFile {
    Toml,
    Sql,
    Pass,
    Fail,
}

impl<'a> Role<'a> {
    pub(crate) fn of(path: &'a str) -> Option<Self> {
        if path == DEFAULT_POLICY_FILE {
            return Some(Self::DefaultPolicy);
        }
        let (folder, name) = path.rsplit_once('/')?;
        if folder.strip_prefix("tests/").is_some_and(|id| !id.contains('/')) {
            let file = match name {
                "test.toml" => TestFile::Toml,
                "test.sql" => TestFile::Sql,
                "pass.ndjson" => TestFile::Pass,
                "fail.ndjson" => TestFile::Fail,
                _ => return None,
            };
            return Some(Self::Test { folder, file });
        }
        match name {
            _ if folder.contains('/') || folder == "tests" => None,
            "framework.toml" => Some(Self::Framework),
            "mapping.toml" => Some(Self::Mapping),
            _ if name.starts_with("crosswalk-") && name.ends_with(".toml") => Some(Self::Crosswalk),
            _ => None,
        }
    }
}

impl<'a> TestFiles<'a> {
    pub(crate) fn put(&mut self, file: TestFile, text: &'a str) {
        match file {
            TestFile::Toml => self.toml = Some(text),
            TestFile::Sql => self.sql = Some(text),
            TestFile::Pass => self.pass = Some(text),
            TestFile::Fail => self.fail = Some(text),
        }
    }
}
