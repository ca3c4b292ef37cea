//! The ledger's own acts, as events.

use sealbook_core::entry::Source;
use sealbook_core::event::{Event, Identity, IdentityType, Kind, Outcome};
use sealbook_core::time::Micros;

use crate::prepare::Submission;

/// Source id of what the ledger records about itself. No producer may use it.
pub const SELF_SOURCE: &str = "sealbook";

/// An act of the ledger: `action` (such as `ledger.opened`), an id that makes it unique, and labels with the details.
#[must_use]
pub fn act(origin: &str, action: &str, id: &str, occurred_at: Micros, labels: &[(&str, String)]) -> Submission {
    let subject = Identity::new(origin, IdentityType::System);
    let mut event = Event::new(format!("{action}/{id}"), Kind::Lifecycle, subject, Outcome::Success);
    event.action = Some(action.to_owned());
    event.occurred_at = Some(occurred_at);
    event.labels = labels.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    let source = Source { id: SELF_SOURCE.to_owned(), format: "sealbook".to_owned(), version: 1, sequence: None };
    Submission { source, event, raw: None }
}
