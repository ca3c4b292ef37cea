//! What a source's word means in Sealbook's vocabulary: the kind of event and the verb that goes with it.

use sealbook_core::event::{CredentialType, ElevationVerb, Event, ExceptionVerb, Kind, LifecycleVerb, Outcome};

/// A kind with its verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    Decision,
    Approval,
    Issuance(CredentialType),
    Rotation(CredentialType),
    Revocation(CredentialType),
    Exception(ExceptionVerb),
    Elevation(ElevationVerb),
    Lifecycle(LifecycleVerb),
    Review,
    Policy,
    Ownership,
}

impl Meaning {
    pub fn kind(self) -> Kind {
        match self {
            Self::Decision => Kind::Decision,
            Self::Approval => Kind::Approval,
            Self::Issuance(_) => Kind::Issuance,
            Self::Rotation(_) => Kind::Rotation,
            Self::Revocation(_) => Kind::Revocation,
            Self::Exception(_) => Kind::Exception,
            Self::Elevation(_) => Kind::Elevation,
            Self::Lifecycle(_) => Kind::Lifecycle,
            Self::Review => Kind::Review,
            Self::Policy => Kind::Policy,
            Self::Ownership => Kind::Ownership,
        }
    }

    /// Writes the verb, and the type of the credential, into the event's own record for it.
    pub fn apply(self, event: &mut Event) {
        match self {
            Self::Issuance(kind) | Self::Rotation(kind) | Self::Revocation(kind) => {
                event.credential.get_or_insert_default().kind = Some(kind);
            }
            Self::Exception(verb) => event.exception.get_or_insert_default().verb = Some(verb),
            Self::Elevation(verb) => event.elevation.get_or_insert_default().verb = Some(verb),
            Self::Lifecycle(verb) => event.lifecycle.get_or_insert_default().verb = Some(verb),
            Self::Decision | Self::Approval | Self::Review | Self::Policy | Self::Ownership => {}
        }
    }

    /// What an act that went well is called: a decision allows, everything else succeeds.
    pub fn went_well(self) -> Outcome {
        match self {
            Self::Decision => Outcome::Allow,
            // Asked for; the answer is another event.
            Self::Elevation(ElevationVerb::Requested) => Outcome::Unknown,
            _ => Outcome::Success,
        }
    }
}

/// Words of a source, separated by blanks (`*` stands for any letters), and what they mean. The first row that fits holds.
pub(crate) type Words = [(&'static str, Meaning)];

/// What a word means, where the table knows it.
pub(crate) fn find(table: &Words, word: &str) -> Option<Meaning> {
    table
        .iter()
        .find(|(patterns, _)| patterns.split(' ').any(|pattern| fits(pattern, word)))
        .map(|(_, meaning)| *meaning)
}

/// Whether a word has the form of a pattern, in which every `*` stands for any letters.
pub(crate) fn fits(pattern: &str, word: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else {
        return pattern == word;
    };
    let Some(mut word) = word.strip_prefix(start) else {
        return false;
    };
    let mut parts = rest.split('*').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return word.ends_with(part);
        }
        match word.find(part) {
            Some(at) => word = word.get(at + part.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    true
}

/// Every row of a table must be shown by a golden input: `pick` gives the word of an element.
#[cfg(test)]
pub(crate) fn assert_rows_are_shown(table: &Words, source: &str, pick: fn(&crate::json::Value<'_>) -> Option<String>) {
    let folder = format!("{}/src/{source}/golden", env!("CARGO_MANIFEST_DIR"));
    let mut words = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.to_string_lossy().ends_with(".in.json") {
            let body = std::fs::read(path).unwrap();
            let elements = crate::frame::split(&body, &[&["records"], &["Records"]]).unwrap();
            let values = elements.iter().filter_map(|e| crate::json::parse(e.raw).ok());
            words.extend(values.filter_map(|value| pick(&value)));
        }
    }
    for (n, (patterns, _)) in table.iter().enumerate() {
        // The row must be the first that fits, else it is dead.
        let first =
            |word: &&String| table.iter().position(|(p, _)| p.split(' ').any(|pattern| fits(pattern, word))) == Some(n);
        assert!(words.iter().any(|word| first(&word)), "{source}: no golden input for {patterns}");
    }
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn stars_stand_for_any_letters() {
        assert!(fits("a.*", "a.b.c") && fits("*.b", "a.b") && fits("a*c*e", "abcde") && fits("a", "a"));
        assert!(!fits("a.*", "ab") && !fits("*.b", "a.bc") && !fits("a*c*e", "abde") && !fits("a", "ab"));
        assert!(fits("a*", "a") && !fits("ab*b", "ab"));
    }
}
