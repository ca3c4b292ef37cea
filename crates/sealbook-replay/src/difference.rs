//! What began, ended and changed between two times.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::standing::{DisabledIdentity, LiveCredential, OpenException, Ownership, RunningElevation, Standing};
use crate::when::When;

/// What differs between two states.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The first time.
    pub before: When,
    /// The second time.
    pub after: When,
    /// Credentials that became live or ceased to be.
    pub credentials: Changes<LiveCredential>,
    /// Exceptions that were opened or closed, renewed or expired.
    pub exceptions: Changes<OpenException>,
    /// Elevations that began or ended.
    pub elevations: Changes<RunningElevation>,
    /// Who began or ceased to answer for something.
    pub owners: Changes<Ownership>,
    /// Identities that were switched off, or on again.
    pub disabled: Changes<DisabledIdentity>,
}

/// What differs among things of one sort.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Changes<T> {
    /// There after, not before.
    pub began: Vec<T>,
    /// There before, not after.
    pub ended: Vec<T>,
    /// There both times, but different.
    pub changed: Vec<Changed<T>>,
}

/// One thing at two times.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Changed<T> {
    /// As it was.
    pub before: T,
    /// As it is.
    pub after: T,
}

impl<T> Changes<T> {
    /// Whether nothing differs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.began.is_empty() && self.ended.is_empty() && self.changed.is_empty()
    }
}

impl Difference {
    /// Whether nothing differs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.credentials.is_empty()
            && self.exceptions.is_empty()
            && self.elevations.is_empty()
            && self.owners.is_empty()
            && self.disabled.is_empty()
    }
}

/// What differs between two states.
#[must_use]
pub fn difference(before: &Standing, after: &Standing) -> Difference {
    Difference {
        before: before.at,
        after: after.at,
        credentials: changes(&before.credentials, &after.credentials, |c| c.id.clone()),
        exceptions: changes(&before.exceptions, &after.exceptions, |e| e.id.clone()),
        elevations: changes(&before.elevations, &after.elevations, |e| e.id.clone()),
        owners: changes(&before.owners, &after.owners, |o| (o.owned.clone(), o.role)),
        disabled: changes(&before.disabled, &after.disabled, |d| d.id.clone()),
    }
}

fn changes<T: Clone + PartialEq, K: Ord>(before: &[T], after: &[T], key: impl Fn(&T) -> K) -> Changes<T> {
    let mut old: BTreeMap<K, &T> = before.iter().map(|item| (key(item), item)).collect();
    let mut changes = Changes { began: Vec::new(), ended: Vec::new(), changed: Vec::new() };
    for item in after {
        match old.remove(&key(item)) {
            None => changes.began.push(item.clone()),
            Some(was) if was == item => {}
            Some(was) => changes.changed.push(Changed { before: was.clone(), after: item.clone() }),
        }
    }
    changes.ended = old.into_values().cloned().collect();
    changes
}
