//! Finds a control or group by whatever people call it, and says how it was found.

use crate::catalogue::Catalogue;
use crate::crosswalk::{Crosswalk, CrosswalkRow, Relation};
use crate::framework::{Control, Framework, Group};
use crate::names::{comparable, edits};

/// Longest query looked at, in bytes; no id or alias comes near it.
const QUERY_BYTES_MAX: usize = 200;
/// Most suggestions given for an unknown id.
const SUGGESTIONS_MAX: usize = 3;

/// A control or a group of a framework.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// A control.
    Control(&'a Control),
    /// A group: function, category, tenets, …
    Group(&'a Group),
}

/// What a query led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup<'a> {
    /// The query is the id, the OSCAL token or the display form.
    Exact(Item<'a>),
    /// The query is another name of exactly one item.
    Alias {
        /// The query.
        from: String,
        /// What it leads to.
        to: Item<'a>,
        /// How, as a sentence without a full stop.
        why: String,
    },
    /// The query is an id of an older version that leads to several items, or to none.
    Withdrawn {
        /// The query.
        from: String,
        /// What the publisher names as its successors.
        to: Vec<Item<'a>>,
        /// What became of it, as a sentence without a full stop.
        why: String,
    },
    /// Nothing is called that.
    Unknown {
        /// The query.
        query: String,
        /// Ids that look like it, nearest first.
        suggestions: Vec<String>,
    },
}

impl<'a> Item<'a> {
    /// The id.
    #[must_use]
    pub fn id(self) -> &'a str {
        match self {
            Self::Control(control) => &control.id,
            Self::Group(group) => &group.id,
        }
    }

    /// The title.
    #[must_use]
    pub fn title(self) -> &'a str {
        match self {
            Self::Control(control) => &control.title,
            Self::Group(group) => &group.title,
        }
    }

    fn official_names(self) -> [&'a str; 3] {
        match self {
            Self::Control(control) => [&control.id, &control.display, &control.oscal_id],
            Self::Group(group) => [&group.id, &group.display, &group.oscal_id],
        }
    }

    fn aliases(self) -> &'a [String] {
        match self {
            Self::Control(control) => &control.aliases,
            Self::Group(_) => &[],
        }
    }

    /// Every name in the form in which names are compared.
    pub(crate) fn comparable_names(self) -> Vec<String> {
        let names = self.official_names().into_iter().chain(self.aliases().iter().map(String::as_str));
        let mut names: Vec<_> = names.map(comparable).collect();
        names.sort();
        names.dedup();
        names
    }
}

impl Catalogue {
    /// Finds a control or group of one framework by id, by another spelling or name of it, or by an id of an older
    /// version. `None` when there is no such framework.
    #[must_use]
    pub fn lookup(&self, framework_id: &str, query: &str) -> Option<Lookup<'_>> {
        let framework = self.framework(framework_id)?;
        let crosswalks: Vec<_> = self.crosswalks(&framework.id).collect();
        Some(look_up(framework, &crosswalks, query.trim()))
    }

    /// Looks in every framework: each one that knows the query, with what it leads to there.
    #[must_use]
    pub fn find(&self, query: &str) -> Vec<(&Framework, Lookup<'_>)> {
        let looked_up = self.frameworks().iter().filter_map(|f| Some((f, self.lookup(&f.id, query)?)));
        looked_up.filter(|(_, found)| !matches!(found, Lookup::Unknown { .. })).collect()
    }
}

/// Groups and controls, in the order of the catalogue.
pub(crate) fn items(framework: &Framework) -> impl Iterator<Item = Item<'_>> {
    framework
        .groups_deep()
        .into_iter()
        .flat_map(|group| std::iter::once(Item::Group(group)).chain(group.controls.iter().map(Item::Control)))
}

fn look_up<'a>(framework: &'a Framework, crosswalks: &[&Crosswalk], query: &str) -> Lookup<'a> {
    if let Some(item) = items(framework).find(|item| item.official_names().contains(&query)) {
        return Lookup::Exact(item);
    }
    let from = query.to_owned();
    if query.len() > QUERY_BYTES_MAX {
        return Lookup::Unknown { query: from, suggestions: Vec::new() };
    }
    let wanted = comparable(query);
    for crosswalk in crosswalks {
        if let Some(row) = crosswalk.rows.iter().find(|row| comparable(&row.id) == wanted) {
            return through_crosswalk(framework, crosswalk, row, from);
        }
    }
    // A name that two items share decides nothing; the check of the catalogue reports it.
    let mut named = items(framework).filter(|item| item.comparable_names().contains(&wanted));
    match (named.next(), named.next()) {
        (Some(to), None) => Lookup::Alias { why: format!("{from} is another name of {}", to.id()), from, to },
        _ => Lookup::Unknown { suggestions: nearest(framework, crosswalks, &wanted), query: from },
    }
}

fn through_crosswalk<'a>(
    framework: &'a Framework,
    crosswalk: &Crosswalk,
    row: &CrosswalkRow,
    from: String,
) -> Lookup<'a> {
    let targets: Vec<_> = row.to.iter().filter_map(|id| items(framework).find(|item| item.id() == id)).collect();
    let same_id_in_other_writing = row.relation == Relation::SameId && row.id != from;
    match targets.as_slice() {
        // `pr.ds` and `Pr.Ds-1` are misspelt, not old.
        [to] if same_id_in_other_writing => {
            Lookup::Alias { why: format!("{from} is another name of {}", to.id()), from, to: *to }
        }
        [to] => Lookup::Alias { from, to: *to, why: crosswalk.in_words(row) },
        _ => Lookup::Withdrawn { from, to: targets, why: crosswalk.in_words(row) },
    }
}

/// Ids that look like the query: those within a third of its length in edits, nearest first.
fn nearest(framework: &Framework, crosswalks: &[&Crosswalk], wanted: &str) -> Vec<String> {
    let edits_max = wanted.chars().count().div_ceil(3);
    let ids = items(framework).flat_map(|item| item.comparable_names().into_iter().map(move |name| (name, item.id())));
    let old_ids =
        crosswalks.iter().flat_map(|crosswalk| &crosswalk.rows).map(|row| (comparable(&row.id), row.id.as_str()));
    let mut scored: Vec<(usize, &str)> = ids
        .chain(old_ids)
        .map(|(name, id)| (edits(wanted, &name), id))
        .filter(|(distance, _)| *distance <= edits_max)
        .collect();
    // The sort is stable: among equals, the order of the catalogue.
    scored.sort_by_key(|(distance, _)| *distance);
    let mut suggestions: Vec<String> = Vec::new();
    for (_, id) in scored {
        if suggestions.len() < SUGGESTIONS_MAX && !suggestions.iter().any(|known| known == id) {
            suggestions.push(id.to_owned());
        }
    }
    suggestions
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(framework: &str, query: &str) -> (String, String) {
        let catalogue = Catalogue::builtin().unwrap();
        match catalogue.lookup(framework, query).unwrap() {
            Lookup::Exact(item) => (item.id().to_owned(), "exact".to_owned()),
            Lookup::Alias { to, why, .. } => (to.id().to_owned(), why),
            Lookup::Withdrawn { to, why, .. } => (to.iter().map(|item| item.id()).collect::<Vec<_>>().join(" "), why),
            Lookup::Unknown { suggestions, .. } => (suggestions.join(" "), "unknown".to_owned()),
        }
    }

    #[test]
    fn an_id_is_found_as_it_is_and_in_other_spellings() {
        assert_eq!(found("nist-csf-2.0", "PR.AA-05"), ("PR.AA-05".into(), "exact".into()));
        assert_eq!(
            found("nist-csf-2.0", " pr.aa-5"),
            ("PR.AA-05".into(), "pr.aa-5 is another name of PR.AA-05".into())
        );
        assert_eq!(found("nist-csf-2.0", "PR.AA").1, "exact");
        for query in ["NHI-01", "NHI1", "nhi1:2025", "nhi01", "nhi 1"] {
            let (id, why) = found("owasp-nhi-top10-2025", query);
            assert_eq!((id.as_str(), why), ("NHI1:2025", format!("{query} is another name of NHI1:2025")));
        }
        assert_eq!(found("owasp-nhi-top10-2025", "nhi10-2025"), ("NHI10:2025".into(), "exact".into()));
        for query in ["4.2", "§4.2", "s4.2", "section 4.2", "SP 800-207 4.2"] {
            assert_eq!(found("nist-sp-800-207", query).0, "sp800-207.s4.2", "{query}");
        }
        for query in ["tenet 3", "t3", "Tenet-03", "sp800-207.T3", "SP 800-207 §2.1 Tenet 3"] {
            assert_eq!(found("nist-sp-800-207", query).0, "sp800-207.t3", "{query}");
        }
        assert_eq!(found("nist-sp-800-207", "pe").0, "sp800-207.c.pe");
        for query in ["govern 1.1", "GOVERN-1.1", "GV-1.1", "gv 1.1"] {
            assert_eq!(found("nist-ai-rmf-1.0", query).0, "GOVERN 1.1", "{query}");
        }
        assert_eq!(found("nist-ai-rmf-1.0", "measure-2.10").0, "MEASURE 2.10");
    }

    #[test]
    fn a_csf_1_1_id_leads_to_its_successor_and_says_so() {
        let moved = ("PR.AA-05".to_owned(), "PR.AC-4 is a CSF 1.1 id; NIST moved it to PR.AA-05".to_owned());
        for query in ["PR.AC-4", "PR.AC-04", "pr.ac-4"] {
            assert_eq!(found("nist-csf-2.0", query), moved);
        }
        assert_eq!(found("nist-csf-2.0", "PR.AC-5").1, "PR.AC-5 is a CSF 1.1 id; NIST incorporated it into PR.IR-01");
        assert_eq!(found("nist-csf-2.0", "ID.AM-1").1, "ID.AM-1 is how CSF 1.1 writes ID.AM-01; NIST kept it");
        assert_eq!(found("nist-csf-2.0", "ID.AM-01").1, "exact");
        let (targets, why) = found("nist-csf-2.0", "PR.AC-1");
        assert_eq!(targets, "PR.AA-01 PR.AA-05");
        assert_eq!(why, "PR.AC-1 is a CSF 1.1 id; NIST incorporated it into PR.AA-01, PR.AA-05");
        assert_eq!(
            found("nist-csf-2.0", "PR.IP"),
            (String::new(), "PR.IP is a CSF 1.1 id; NIST withdrew it and names no successor".into())
        );
        assert_eq!(
            found("nist-csf-2.0", "PR.AC"),
            ("PR.AA".into(), "PR.AC is a CSF 1.1 id; NIST moved it to PR.AA".into())
        );
    }

    #[test]
    fn an_unknown_id_gets_suggestions_and_never_a_guess() {
        let (suggestions, how) = found("nist-csf-2.0", "PR.AA-55");
        assert_eq!(how, "unknown");
        assert!(suggestions.contains("PR.AA-05"), "{suggestions}");
        assert_eq!(found("nist-csf-2.0", "completely different words"), (String::new(), "unknown".into()));
        assert_eq!(found("nist-csf-2.0", ""), (String::new(), "unknown".into()));
        assert_eq!(found("nist-csf-2.0", &"x".repeat(5_000)).1, "unknown");
        assert!(Catalogue::builtin().unwrap().lookup("no-such-framework", "PR.AA-05").is_none());
    }

    #[test]
    fn a_search_in_every_framework_names_the_one_that_knows() {
        let catalogue = Catalogue::builtin().unwrap();
        let frameworks = |query| catalogue.find(query).iter().map(|(f, _)| f.id.clone()).collect::<Vec<_>>();
        assert_eq!(frameworks("PR.AC-4"), ["nist-csf-2.0"]);
        assert_eq!(frameworks("NHI7"), ["owasp-nhi-top10-2025"]);
        assert_eq!(frameworks("tenet 4"), ["nist-sp-800-207"]);
        assert_eq!(frameworks("nothing"), [""; 0]);
    }
}
