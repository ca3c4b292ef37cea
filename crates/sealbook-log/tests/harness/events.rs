//! Events of a schedule: small and large, new, repeated and contradicting.

use sealbook_core::entry::Source;
use sealbook_core::event::{Event, Identity, IdentityType, Kind, Outcome};
use sealbook_disk::Dice;
use sealbook_log::Submission;

/// Source and event id: what makes an event the same event.
pub type Id = (String, String);

pub fn id_of(submission: &Submission) -> Id {
    (submission.source.id.clone(), submission.event.id.clone())
}

/// Whether two submissions with the same id say the same.
pub fn same_content(a: &Submission, b: &Submission) -> bool {
    match (&a.raw, &b.raw) {
        (Some((a, _)), Some((b, _))) => a == b,
        (None, None) => a.event == b.event,
        _ => false,
    }
}

fn text(dice: &mut Dice, bytes_max: u64) -> String {
    let length = 1 + dice.below(bytes_max);
    (0..length).map(|_| char::from(b'a' + u8::try_from(dice.below(26)).unwrap())).collect()
}

/// The `n`-th event of a schedule.
pub fn submission(dice: &mut Dice, n: u64) -> Submission {
    let source = ["iam", "vault", "mesh"][usize::try_from(dice.below(3)).unwrap()];
    let subject = Identity::new(format!("subject-{}", dice.below(4)), IdentityType::Workload);
    let mut event = Event::new(format!("e{n}"), Kind::Decision, subject, Outcome::Allow);
    if dice.one_in(2) {
        event.reason = Some(text(dice, 40));
    }
    if dice.one_in(4) {
        event.action = Some(text(dice, 200));
    }
    let raw = match dice.below(64) {
        0 => Some(bytes(dice, 150_000)),
        1..=4 => Some(bytes(dice, 6_000)),
        5..=20 => Some(bytes(dice, 200)),
        _ => None,
    };
    Submission {
        source: Source { id: source.to_owned(), format: "native".to_owned(), version: 1, sequence: None },
        event,
        raw: raw.map(|raw| (raw, "application/json".to_owned())),
    }
}

/// Bytes without zeros, so that no sector of them looks like room that nothing was written to.
fn bytes(dice: &mut Dice, bytes_max: u64) -> Vec<u8> {
    let length = usize::try_from(1 + dice.below(bytes_max)).unwrap();
    let mut bytes: Vec<u8> = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        bytes.extend_from_slice(&(dice.roll() | 0x0101_0101_0101_0101).to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// The same id with other content.
pub fn contradicting(original: &Submission, dice: &mut Dice) -> Submission {
    let mut other = original.clone();
    other.event.action = Some(format!("other-{}", dice.below(1_000)));
    if let Some((raw, _)) = &mut other.raw {
        raw.push(b'x');
    }
    other
}
