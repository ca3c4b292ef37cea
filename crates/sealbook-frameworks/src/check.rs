//! Checks a catalogue against itself: nothing missing, nothing twice, nothing that leads nowhere.

use std::collections::BTreeMap;

use crate::catalogue::Catalogue;
use crate::crosswalk::{Crosswalk, Relation};
use crate::framework::Framework;
use crate::lookup::items;
use crate::mapping::{Ceiling, Mapping};
use crate::test_definition::TestDefinition;

/// Something in a catalogue that contradicts itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The file, as a path inside the folder.
    pub file: String,
    /// What is wrong there.
    pub message: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.file, self.message)
    }
}

impl Catalogue {
    /// Everything in the catalogue that contradicts itself, by file.
    ///
    /// A test that a mapping names and that has no folder yet is no contradiction: see
    /// [`Catalogue::unwritten_tests`].
    #[must_use]
    pub fn check(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        for framework in self.frameworks() {
            check_framework(framework, &mut problems);
            match self.mapping(&framework.id) {
                Some(mapping) => check_mapping(framework, mapping, &mut problems),
                None => problems.push(Problem {
                    file: format!("{}/framework.toml", framework.id),
                    message: "there is no mapping.toml beside it, so no control has a ceiling".to_owned(),
                }),
            }
            for crosswalk in self.crosswalks(&framework.id) {
                check_crosswalk(framework, crosswalk, &mut problems);
            }
        }
        for test in self.tests() {
            check_test(test, &mut problems);
        }
        problems.sort();
        problems
    }
}

fn check_framework(framework: &Framework, problems: &mut Vec<Problem>) {
    let mut say = |message| problems.push(Problem { file: format!("{}/framework.toml", framework.id), message });
    if !is_oscal_token(&framework.id) {
        say(format!("the id {:?} is not an OSCAL token", framework.id));
    }
    let mut names: BTreeMap<String, &str> = BTreeMap::new();
    for item in items(framework) {
        // Two items that share a name in any spelling could not be told apart in a lookup.
        for name in item.comparable_names() {
            if let Some(other) = names.insert(name.clone(), item.id()) {
                say(format!("{} and {} are both called {name:?}", other, item.id()));
            }
        }
        let (oscal_id, statement) = match item {
            crate::lookup::Item::Control(control) => (&control.oscal_id, &control.statement),
            crate::lookup::Item::Group(group) => (&group.oscal_id, &group.statement),
        };
        if !is_oscal_token(oscal_id) {
            say(format!("{}: the oscal_id {oscal_id:?} is not an OSCAL token", item.id()));
        }
        if item.title().trim().is_empty() || statement.trim().is_empty() {
            say(format!("{}: the title or the statement is empty", item.id()));
        }
    }
    for group in framework.groups_deep() {
        if group.groups.is_empty() && group.controls.is_empty() {
            say(format!("{}: the group is empty", group.id));
        }
    }
}

fn check_mapping(framework: &Framework, mapping: &Mapping, problems: &mut Vec<Problem>) {
    let mut say = |message| problems.push(Problem { file: format!("{}/mapping.toml", framework.id), message });
    for control in framework.controls() {
        match mapping.rows.iter().filter(|row| row.control == control.id).count() {
            1 => {}
            0 => say(format!("{} has no row", control.id)),
            rows => say(format!("{} has {rows} rows", control.id)),
        }
    }
    for row in &mapping.rows {
        let id = &row.control;
        if framework.control(id).is_none() {
            say(format!("{id} is not a control of the framework"));
        }
        match (row.ceiling, row.tests.is_empty()) {
            (Ceiling::None, false) => say(format!("{id} has tests, so its ceiling cannot be none")),
            (Ceiling::Full | Ceiling::Partial, true) => {
                say(format!("{id} has no tests, so its ceiling cannot be {}", row.ceiling.as_str()));
            }
            _ => {}
        }
        if row.not_shown.trim().is_empty() {
            say(format!("{id} does not say what is not shown"));
        }
        for (position, test) in row.tests.iter().enumerate() {
            if row.tests.iter().take(position).any(|earlier| earlier == test) {
                say(format!("{id} names {test} twice"));
            }
        }
    }
}

fn check_crosswalk(framework: &Framework, crosswalk: &Crosswalk, problems: &mut Vec<Problem>) {
    let mut say = |message| {
        problems.push(Problem { file: format!("{} (crosswalk from {})", framework.id, crosswalk.from), message })
    };
    let mut seen = std::collections::BTreeSet::new();
    for row in &crosswalk.rows {
        if !seen.insert(&row.id) {
            say(format!("{} has two rows", row.id));
        }
        for target in row.to.iter().filter(|target| !items(framework).any(|item| item.id() == target.as_str())) {
            say(format!("{} leads to {target}, which the framework does not have", row.id));
        }
        if row.to.is_empty() != (row.relation == Relation::Withdrawn) {
            say(format!("{}: an id leads nowhere exactly when its relation is withdrawn", row.id));
        }
        if row.relation == Relation::SameId && row.to.len() != 1 {
            say(format!("{}: an id that was kept leads to exactly one", row.id));
        }
    }
}

fn check_test(test: &TestDefinition, problems: &mut Vec<Problem>) {
    let mut say = |message| problems.push(Problem { file: format!("tests/{}/test.toml", test.id), message });
    for name in test.parameters.keys().filter(|name| !test.uses_parameter(name)) {
        say(format!("the SQL does not use the parameter {name}, so changing it would change nothing"));
    }
    if test.fail_entries.is_empty() {
        say("fail_entries is empty, so nothing shows that the test can fail".to_owned());
    }
    for text in [&test.title, &test.question, &test.population] {
        if text.trim().is_empty() {
            say("the title, question or population is empty".to_owned());
        }
    }
}

/// Whether a text is an OSCAL token: a letter or `_`, then letters, digits, `.`, `-` and `_`.
fn is_oscal_token(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAMEWORK: &str = r#"
id = "f"
version = "1"
title = "F"
short = "F"
publisher = "p"
publication = "p"
source = "s"
published = "2025"
control_word = "control"
group_titles = "own"
control_titles = "own"
[[group]]
id = "G"
display = "G"
oscal_id = "g"
kind = "list"
title = "t"
statement = "s"
[[group.control]]
id = "G-1"
display = "G-1"
oscal_id = "g-1"
title = "t"
statement = "s"
[[group.control]]
id = "G-2"
display = "G-2"
oscal_id = "g-2"
title = "t"
statement = "s"
"#;
    const MAPPING: &str = r#"
framework = "f"
[[control]]
id = "G-1"
ceiling = "partial"
tests = ["CT-X-01"]
not_shown = "n"
[[control]]
id = "G-2"
ceiling = "none"
tests = []
not_shown = "n"
"#;
    const CROSSWALK: &str = r#"
framework = "f"
from = "F 0"
authority = "P"
source = "s"
[[map]]
id = "OLD-1"
relation = "moved_to"
to = ["G-2"]
"#;

    fn problems_after(file: &str, from: &str, to: &str) -> Vec<String> {
        let files = [("f/framework.toml", FRAMEWORK), ("f/mapping.toml", MAPPING), ("f/crosswalk-0.toml", CROSSWALK)];
        let changed = files.map(|(path, text)| {
            let text = if path.ends_with(file) { text.replacen(from, to, 1) } else { text.to_owned() };
            (path.to_owned(), text.into_bytes())
        });
        Catalogue::from_files(changed).unwrap().check().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_sound_catalogue_has_no_problem_and_names_its_unwritten_tests() {
        assert_eq!(problems_after("", "", ""), [""; 0]);
        let files = [("f/framework.toml", FRAMEWORK), ("f/mapping.toml", MAPPING)];
        let catalogue = Catalogue::from_files(files.map(|(p, t)| (p.to_owned(), t.as_bytes().to_vec()))).unwrap();
        assert_eq!(catalogue.unwritten_tests().into_iter().collect::<Vec<_>>(), ["CT-X-01"]);
    }

    /// File, text in it, what to put there instead, and the problem that must then be reported.
    const CONTRADICTIONS: &[(&str, &str, &str, &str)] = &[
        ("mapping.toml", "id = \"G-2\"", "id = \"G-1\"", "f/mapping.toml: G-1 has 2 rows"),
        ("mapping.toml", "id = \"G-2\"", "id = \"G-3\"", "f/mapping.toml: G-3 is not a control of the framework"),
        ("mapping.toml", "id = \"G-2\"", "id = \"G-3\"", "f/mapping.toml: G-2 has no row"),
        ("mapping.toml", "\"none\"", "\"full\"", "f/mapping.toml: G-2 has no tests, so its ceiling cannot be full"),
        ("mapping.toml", "\"partial\"", "\"none\"", "f/mapping.toml: G-1 has tests, so its ceiling cannot be none"),
        ("mapping.toml", "\"n\"", "\"\"", "f/mapping.toml: G-1 does not say what is not shown"),
        ("mapping.toml", "[\"CT-X-01\"]", "[\"A\", \"A\"]", "f/mapping.toml: G-1 names A twice"),
        ("framework.toml", "\"G-2\"", "\"G-1\"", "f/framework.toml: G-1 and G-1 are both called \"g1\""),
        ("framework.toml", "\"g-1\"", "\"g 1\"", "f/framework.toml: G-1: the oscal_id \"g 1\" is not an OSCAL token"),
        ("framework.toml", "\"s\"\n[[g", "\"\"\n[[g", "f/framework.toml: G: the title or the statement is empty"),
        (
            "crosswalk-0.toml",
            "G-2",
            "G-9",
            "f (crosswalk from F 0): OLD-1 leads to G-9, which the framework does not have",
        ),
        (
            "crosswalk-0.toml",
            "[\"G-2\"]",
            "[]",
            "f (crosswalk from F 0): OLD-1: an id leads nowhere exactly when its relation is withdrawn",
        ),
    ];

    #[test]
    fn each_contradiction_is_reported() {
        for (file, from, to, expected) in CONTRADICTIONS {
            let problems = problems_after(file, from, to);
            assert!(problems.iter().any(|problem| problem == expected), "wanted {expected:?} in {problems:#?}");
        }
    }

    #[test]
    fn oscal_tokens_are_told_from_other_ids() {
        for good in ["PR.AA-05", "nhi7-2025", "govern-1.1", "sp800-207.t3", "_x"] {
            assert!(is_oscal_token(good), "{good}");
        }
        for bad in ["NHI7:2025", "GOVERN 1.1", "4.2", "", "-x", "a§"] {
            assert!(!is_oscal_token(bad), "{bad}");
        }
    }

    #[test]
    fn the_shipped_catalogue_has_no_problem() {
        let problems: Vec<_> = Catalogue::builtin().unwrap().check().iter().map(ToString::to_string).collect();
        assert!(problems.is_empty(), "{}", problems.join("\n"));
    }
}
