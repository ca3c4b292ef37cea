//! Faults of credentials (CRED).

use sealbook_core::event::{CredentialType, Kind};

use crate::draft::{DAY, HOUR, MINUTE, Minted};
use crate::organisation::{Holder, KEPT_LIFE, Role, component, creator, person};
use crate::plan::Plan;
use crate::stories::access::{closing, nth, nth_person, sign_on};
use crate::stories::baseline::{equip, provision, tick};
use crate::stories::elevations::ids_since;
use crate::stories::exceptions::{Departure, opened};
use crate::stories::response::leak;
use crate::stories::rotations::{rotate, rotate_until};
use crate::words::{
    DATA, DOMAIN_COUNT, IDENTITY, PARTNERS, PAYMENTS, PLATFORM, SECURITY, Source, TOKEN_ISSUER, TOKEN_STORE, TRUSTS,
};

/// A key that was withdrawn still works two days later.
pub(super) fn used_after_revocation(plan: &mut Plan) {
    let mut machine = plan.machine("invoice-mail", Role::Service, PAYMENTS, 31);
    let at = plan.at(20, 9, 20);
    let Some(old) = machine.credential_at(at).cloned() else { return };
    let new = Minted::new(&mut plan.pen.ids, old.kind, at - HOUR, KEPT_LIFE);
    let draft = plan.minting(at - HOUR, Kind::Issuance, "credential.issue", &machine, &new);
    plan.push(draft);
    machine.credentials.push(new);
    let draft = plan.withdraw(at, Source::OPENBAO, &machine.who, &old, &creator());
    let mut events = vec![plan.push(draft)];
    if let Some(grant) = machine.grants.first() {
        for k in 0..2 {
            let late = at + 2 * DAY + k * 50 * MINUTE;
            events.extend(plan.act_with(&machine, grant, late, Some(&old), |_| ()));
        }
    }
    let sentence = "A cloud key was accepted two days after it was revoked.";
    plan.fault("CT-CRED-01", &[&machine.who.id, &old.id], events, sentence);
    plan.holders.push(machine);
}

/// A machine with a key from long before the period that nobody rotates.
fn old_key(plan: &mut Plan, name: &str, d: usize) -> (Holder, Minted, Vec<String>) {
    let owner = person(d + 2 * DOMAIN_COUNT);
    let mut machine = Holder::named(name, Role::Service, d, (21, owner), (plan.start, i64::MAX));
    let at = tick(plan);
    let draft = provision(plan, at, &machine).label("inventory", "baseline");
    plan.push(draft);
    equip(plan, &mut machine);
    let at = tick(plan);
    let key = Minted::new(&mut plan.pen.ids, CredentialType::CloudKey, at - 212 * DAY, 730 * DAY);
    let draft = plan.minting(at, Kind::Issuance, "credential.issue", &machine, &key).label("inventory", "baseline");
    let events = vec![plan.push(draft)];
    machine.credentials.push(key.clone());
    plan.work(&machine);
    plan.quiet.push(machine.clone());
    (machine, key, events)
}

pub(super) fn never_rotated(plan: &mut Plan) {
    let (machine, key, events) = old_key(plan, "legacy-export", DATA);
    let sentence = "A cloud key was 212 days old when the period began and was not rotated in it.";
    plan.fault("CT-CRED-03", &[&machine.who.id, &key.id], events, sentence);
}

pub(super) fn never_rotated_by_exception(plan: &mut Plan) {
    let (machine, key, events) = old_key(plan, "mainframe-bridge", PLATFORM);
    let at = plan.at(3, 11, 0);
    let scope = "CT-CRED-03 CT-CRED-04";
    let it = Departure::new(plan, &machine.who, PLATFORM, scope, at + 89 * DAY);
    opened(plan, at, &it);
    let sentence =
        "A cloud key was 212 days old when the period began and was not rotated in it; an exception is open.";
    plan.fault("CT-CRED-03", &[&machine.who.id, &key.id, &it.id], events, sentence);
    plan.covered(&it.id);
}

/// A key without an end.
pub(super) fn no_expiry(plan: &mut Plan) {
    let mut machine = plan.machine("status-page", Role::Supplier, PARTNERS, 62);
    let at = plan.at(14, 10, 8);
    let key = Minted::new(&mut plan.pen.ids, CredentialType::ApiKey, at, KEPT_LIFE);
    let mut draft = plan.minting(at, Kind::Issuance, "credential.issue", &machine, &key);
    if let Some(credential) = &mut draft.event.credential {
        credential.expires_at = None;
    }
    let events = vec![plan.push(draft)];
    let sentence = "An API key was issued without an end.";
    plan.fault("CT-CRED-04", &[&machine.who.id, &key.id], events, sentence);
    machine.credentials.insert(0, key);
    plan.holders.push(machine);
}

/// A rotation after which the old secret stays, and is used.
pub(super) fn old_secret_stays(plan: &mut Plan) {
    let mut machine = plan.machine("price-sync", Role::Service, PARTNERS, 60);
    let at = plan.at(18, 3, 35);
    let Some(old) = machine.credential_at(at).cloned() else { return };
    let mut events = rotate(plan, &mut machine, at, &old, None);
    if let Some(grant) = machine.grants.first() {
        let late = at + 3 * DAY + 8 * HOUR;
        events.extend(plan.act_with(&machine, grant, late, Some(&old), |_| ()));
    }
    let sentence = "After a rotation the old secret was never revoked, and was used three days later.";
    plan.fault("CT-CRED-05", &[&machine.who.id, &old.id], events, sentence);
    plan.holders.push(machine);
}

/// A leak that was answered after two days.
pub(super) fn slow_answer_to_leak(plan: &mut Plan) {
    let mut machine = plan.machine("crash-upload", Role::Service, SECURITY, 30);
    let at = plan.at(66, 8, 41);
    rotate_until(plan, &mut machine, at - 5 * DAY);
    let Some(old) = machine.credential_at(at).cloned() else { return };
    let events = leak(plan, &mut machine, at, 2 * DAY);
    let sentence = "A leaked secret stayed in force for two days after the leak was reported.";
    plan.fault("CT-CRED-06", &[&machine.who.id, &old.id], events, sentence);
    plan.holders.push(machine);
}

/// A secret handed over in a chat.
pub(super) fn unmanaged_store(plan: &mut Plan) {
    let mut machine = plan.machine("demo-portal", Role::Service, IDENTITY, 90);
    let at = plan.at(26, 16, 45);
    let Some(old) = machine.credential_at(at).cloned() else { return };
    let first = plan.drafts.len();
    rotate(plan, &mut machine, at, &old, Some(4 * HOUR));
    let new = machine.credential_at(at).map(|c| c.id.clone()).unwrap_or_default();
    if let Some(draft) = plan.drafts.get_mut(first) {
        *draft = draft.clone().label("store", "chat/direct-message");
    }
    let events = ids_since(plan, first).into_iter().take(1).collect();
    let sentence = "A secret was handed over in a chat instead of through an approved store.";
    plan.fault("CT-CRED-07", &[&machine.who.id, &new], events, sentence);
    plan.holders.push(machine);
}

fn password(plan: &mut Plan, n: usize, at: i64) -> Option<(String, usize, Vec<String>)> {
    let person = nth_person(plan, n)?;
    let mut drafts = Vec::new();
    let session = sign_on(&mut plan.pen, &person, at, "interactive", &mut drafts);
    let mut events = Vec::new();
    for (n, mut draft) in drafts.into_iter().enumerate() {
        if n == 1 {
            draft = draft.label("auth_method", "password").label("assurance", "1");
            if let Some(context) = &mut draft.event.context {
                context.mfa = Some(false);
            }
            events.push(draft.event.id.clone());
        }
        plan.push(draft);
    }
    let draft = closing(&mut plan.pen, at + 12 * MINUTE, &person.who, &session, "closed");
    plan.push(draft);
    Some((person.who.id, person.domain, events))
}

/// A sign-on with a password alone.
pub(super) fn weak_sign_on(plan: &mut Plan) {
    let at = plan.at(36, 8, 17);
    if let Some((who, _, events)) = password(plan, 13, at) {
        let sentence = "A person signed on with a password alone where two factors are the least.";
        plan.fault("CT-CRED-08", &[&who], events, sentence);
    }
}

pub(super) fn weak_sign_on_by_exception(plan: &mut Plan) {
    let at = plan.at(57, 8, 33);
    let Some(person) = nth_person(plan, 15) else { return };
    let it = Departure::new(plan, &person.who, person.domain, "CT-CRED-08", at + 5 * DAY);
    opened(plan, at - HOUR, &it);
    if let Some((who, _, events)) = password(plan, 15, at) {
        let sentence =
            "A person signed on with a password alone; an exception was open after the loss of a security key.";
        plan.fault("CT-CRED-08", &[&who, &it.id], events, sentence);
        plan.covered(&it.id);
    }
}

/// A token exchange under a condition that anything meets.
pub(super) fn wildcard_trust(plan: &mut Plan) {
    let at = plan.at(43, 12, 12);
    let Some(pipeline) = nth(plan, Role::Pipeline, 0) else { return };
    let [trust, ..] = &TRUSTS;
    let token = Minted::new(&mut plan.pen.ids, CredentialType::OidcToken, at, HOUR);
    let approval = pipeline.grants.first().map_or("", |g| g.approval.as_str());
    let draft = plan
        .draft(at, Source::AWS, Kind::Issuance, "token.exchange", &pipeline.who)
        .by(&component(TOKEN_ISSUER))
        .about("credential", &token.id)
        .credential(&token)
        .under(approval, None)
        .label("store", TOKEN_STORE)
        .label("binding", "oidc-claims")
        .label("auth_method", "oidc-federation")
        .label("assurance", "2")
        .label("assurance_min", "2")
        .label("trust", trust.id)
        .label("issuer", trust.issuer)
        .label("audience", trust.audience)
        .label("subject_condition", "repo:corvane/*");
    let events = vec![plan.push(draft)];
    let sentence = "A token was exchanged under a wildcard condition instead of the registered one.";
    plan.fault("CT-CRED-09", &[&pipeline.who.id, trust.id, &token.id], events, sentence);
}

/// A secret issued without approval and without proof of who gets it.
pub(super) fn unbound(plan: &mut Plan) {
    let at = plan.at(24, 13, 27);
    let machine = plan.machine("loadtest-runner", Role::Service, PLATFORM, 45);
    let secret = Minted::new(&mut plan.pen.ids, CredentialType::Secret, at, 20 * DAY);
    let mut draft = plan.minting(at, Kind::Issuance, "credential.issue", &machine, &secret);
    draft.event.approval = None;
    draft.event.labels.remove("binding");
    let events = vec![plan.push(draft)];
    let draft = plan.withdraw(at + 18 * DAY, Source::OPENBAO, &machine.who, &secret, &creator());
    plan.push(draft);
    let sentence = "A secret was issued without an approval and without proof of who receives it.";
    plan.fault("CT-CRED-10", &[&machine.who.id, &secret.id], events, sentence);
    plan.holders.push(machine);
}
