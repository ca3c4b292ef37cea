//! Credentials that are kept for long are rotated, with overlap.

use sealbook_core::event::Kind;

use crate::draft::{DAY, HOUR, MINUTE, Minted};
use crate::organisation::{Holder, KEPT_LIFE, KEPT_ROTATION, creator};
use crate::plan::Plan;
use crate::words::Source;

/// Rotates what everybody keeps, until the end of the period.
pub(crate) fn rotations(plan: &mut Plan) {
    let mut holders = std::mem::take(&mut plan.holders);
    let end = plan.end() - 2 * DAY;
    for holder in &mut holders {
        let until = end.min(holder.to.saturating_sub(2 * DAY));
        rotate_until(plan, holder, until);
    }
    plan.holders = holders;
}

/// Rotates what one machine keeps, where it is due before `until`.
pub(crate) fn rotate_until(plan: &mut Plan, holder: &mut Holder, until: i64) {
    while let Some(old) = holder.credentials.last().cloned() {
        // At night, when there is no traffic, so that nothing uses the old one afterwards.
        let due = old.from + KEPT_ROTATION;
        let night = plan.start + (due - plan.start).div_euclid(DAY) * DAY + 3 * HOUR + 30 * MINUTE;
        if night >= until {
            return;
        }
        let overlap = 2 * HOUR + plan.rng.below(16 * HOUR);
        rotate(plan, holder, night, &old, Some(overlap));
    }
}

/// Rotates one credential; the old one is revoked after `overlap`, if at all. Gives the ids of the events.
pub(crate) fn rotate(plan: &mut Plan, holder: &mut Holder, at: i64, old: &Minted, overlap: Option<i64>) -> Vec<String> {
    let new = Minted::new(&mut plan.pen.ids, old.kind, at, KEPT_LIFE);
    let draft = plan.minting(at, Kind::Rotation, "credential.rotate", holder, &new).replacing(old);
    let mut events = vec![plan.push(draft)];
    if let Some(overlap) = overlap {
        let draft = plan.withdraw(at + overlap, Source::OPENBAO, &holder.who, old, &creator());
        events.push(plan.push(draft));
    }
    holder.credentials.push(new);
    events
}
