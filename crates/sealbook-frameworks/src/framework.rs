//! A framework's catalogue: groups and controls in one uniform tree.

use serde::{Deserialize, Serialize};

use crate::error::{LoadError, parse_toml};

/// Whose words a framework's titles are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TitleOrigin {
    /// The publisher's own title.
    Official,
    /// Our short title, where the publisher gives none apart from the text.
    Own,
}

/// One framework, complete.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Framework {
    /// Our id, which is the folder's name, for example `nist-csf-2.0`.
    pub id: String,
    /// The publisher's version.
    pub version: String,
    /// Official title.
    pub title: String,
    /// Short name for tables, for example `CSF 2.0`.
    pub short: String,
    /// Who publishes it.
    pub publisher: String,
    /// The publication's number or name.
    pub publication: String,
    /// Where it is published (URL).
    pub source: String,
    /// When it was published: year, year-month or date.
    pub published: String,
    /// What the publisher calls one control, for example `subcategory`.
    pub control_word: String,
    /// Whose titles the groups carry.
    pub group_titles: TitleOrigin,
    /// Whose titles the controls carry. Statements are always ours.
    pub control_titles: TitleOrigin,
    /// Top of the tree: functions, tenets, components, …
    #[serde(rename = "group")]
    pub groups: Vec<Group>,
    /// SHA-256 of the file, lower-case hex.
    #[serde(skip)]
    pub sha256: String,
}

/// A function, category or other heading.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Official id, or ours where there is none.
    pub id: String,
    /// How to print it.
    pub display: String,
    /// The id as an OSCAL token.
    pub oscal_id: String,
    /// What it is, in one word: `function`, `category`, `tenets`, …
    pub kind: String,
    /// Title.
    pub title: String,
    /// What it is about, in our words.
    pub statement: String,
    /// Groups below it.
    #[serde(rename = "group", default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<Group>,
    /// Controls directly in it.
    #[serde(rename = "control", default, skip_serializing_if = "Vec::is_empty")]
    pub controls: Vec<Control>,
}

/// One thing that a framework asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Control {
    /// Official id, or ours where the publisher numbers but does not name (SP 800-207).
    pub id: String,
    /// How to print it.
    pub display: String,
    /// The id as an OSCAL token.
    pub oscal_id: String,
    /// Title, official or ours as [`Framework::control_titles`] says.
    pub title: String,
    /// What it asks for, in our words.
    pub statement: String,
    /// Other names that people use for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
}

impl Framework {
    pub(crate) fn parse(file: &str, text: &str, sha256: String) -> Result<Self, LoadError> {
        let mut framework: Self = parse_toml(file, text)?;
        if file.split('/').next() != Some(framework.id.as_str()) {
            let message = format!("its id is {:?}, which is not the name of its folder", framework.id);
            return Err(LoadError::Invalid { file: file.to_owned(), message });
        }
        framework.sha256 = sha256;
        Ok(framework)
    }

    /// Every control, in the order of the catalogue.
    #[must_use]
    pub fn controls(&self) -> Vec<&Control> {
        self.groups_deep().into_iter().flat_map(|group| &group.controls).collect()
    }

    /// Every group, a parent before its children, in the order of the catalogue.
    #[must_use]
    pub fn groups_deep(&self) -> Vec<&Group> {
        let mut ordered = Vec::new();
        let mut pending: Vec<&Group> = self.groups.iter().rev().collect();
        while let Some(group) = pending.pop() {
            ordered.push(group);
            pending.extend(group.groups.iter().rev());
        }
        ordered
    }

    /// The control with exactly this id.
    #[must_use]
    pub fn control(&self, id: &str) -> Option<&Control> {
        self.controls().into_iter().find(|control| control.id == id)
    }

    /// The group with exactly this id.
    #[must_use]
    pub fn group(&self, id: &str) -> Option<&Group> {
        self.groups_deep().into_iter().find(|group| group.id == id)
    }

    /// The groups above a control, outermost first; empty where there is no such control.
    #[must_use]
    pub fn path_to(&self, control_id: &str) -> Vec<&Group> {
        let mut path = Vec::new();
        let mut level = &self.groups;
        while let Some(group) = level.iter().find(|group| group.holds(control_id)) {
            path.push(group);
            level = &group.groups;
        }
        path
    }
}

impl Group {
    /// Every control in this group and the groups below it, in the order of the catalogue's tree.
    #[must_use]
    pub fn controls_deep(&self) -> Vec<&Control> {
        let mut found: Vec<&Control> = self.controls.iter().collect();
        for group in &self.groups {
            found.extend(group.controls_deep());
        }
        found
    }

    fn holds(&self, control_id: &str) -> bool {
        self.controls_deep().iter().any(|control| control.id == control_id)
    }
}

#[cfg(test)]
mod tests {
    use crate::Catalogue;

    #[test]
    fn the_shipped_frameworks_have_their_official_numbers_of_groups_and_controls() {
        let catalogue = Catalogue::builtin().unwrap();
        let count = |id: &str| {
            let framework = catalogue.framework(id).unwrap();
            let below: usize = framework.groups.iter().map(|group| group.groups.len()).sum();
            (framework.groups.len(), below, framework.controls().len())
        };
        assert_eq!(count("nist-csf-2.0"), (6, 22, 106));
        assert_eq!(count("nist-ai-rmf-1.0"), (4, 19, 72));
        assert_eq!(count("owasp-nhi-top10-2025"), (1, 0, 10));
        assert_eq!(count("nist-sp-800-207"), (6, 2, 7 + 6 + 11 + 10 + 5 + 7));
        let zta = catalogue.framework("nist-sp-800-207").unwrap();
        let sizes: Vec<_> = zta.groups.iter().map(|group| group.controls_deep().len()).collect();
        assert_eq!(sizes, [7, 6, 3 + 8, 10, 5, 7]);
    }

    #[test]
    fn the_path_to_a_control_leads_from_the_outermost_group() {
        let catalogue = Catalogue::builtin().unwrap();
        let path = |framework: &str, control: &str| -> Vec<String> {
            let groups = catalogue.framework(framework).unwrap().path_to(control);
            groups.into_iter().map(|group| group.id.clone()).collect()
        };
        assert_eq!(path("nist-csf-2.0", "PR.AA-05"), ["PR", "PR.AA"]);
        assert_eq!(path("nist-ai-rmf-1.0", "MEASURE 2.10"), ["MEASURE", "MEASURE 2"]);
        assert_eq!(path("nist-sp-800-207", "sp800-207.t3"), ["sp800-207.s2.1"]);
        assert!(path("nist-csf-2.0", "PR.AA").is_empty());
    }
}
