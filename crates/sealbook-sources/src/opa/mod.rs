//! Open Policy Agent decision logs: upload bodies (a JSON array, gzip undone before), one event per line, console lines.
//!
//! What `input` and `result` mean is up to the author of the policy. The usual places are looked at in a fixed order;
//! where none of them speaks, subject and outcome are `unknown`, which is an answer too.

mod input;
mod result;

use sealbook_core::event::{Context, Correlation, Event, Kind, Policy};

use self::input::{Input, hidden};
use self::result::{outcome, reason};
use crate::address::host;
use crate::draft::{Draft, filled, own};
use crate::item::Unmapped;
use crate::json::Value;
use crate::source::JsonSource;
use crate::when::rfc3339;

/// The source `opa`.
pub(crate) static SOURCE: JsonSource = JsonSource { name: "opa", version: 1, envelopes: &[], recognises, map };

fn recognises(event: &Value<'_>) -> bool {
    event.get("decision_id").text().is_some()
        && ["path", "query", "labels", "input", "result", "error"].iter().any(|name| !event.get(name).is_null())
}

fn map(event: &Value<'_>, raw: &[u8], emit: &mut dyn FnMut(Event)) -> Result<(), Unmapped> {
    let id = event.get("decision_id").text().ok_or_else(|| Unmapped::missing("decision_id"))?;
    let input = Input::of(event);
    let mut draft = Draft::new(Some(id.to_owned()), raw, Kind::Decision, input.subject(), outcome(event));
    labels(&mut draft, event);

    let to = &mut draft.event;
    to.occurred_at = rfc3339(event.get("timestamp").text()).or_else(|| rfc3339(event.get("time").text()));
    to.action = own(input.action());
    to.resource = filled(input.resource());
    to.reason = own(reason(event));
    to.policy = filled(Policy {
        id: own(event.get("path").text().or_else(|| event.get("query").text())),
        version: version(event),
        decision_point: event.at("labels.id").text().map(|id| format!("opa:{id}")),
        ..Policy::default()
    });
    to.credential = filled(input.credential());
    to.approval = filled(input.approval());
    to.context = filled(Context {
        source_ip: event.get("requested_by").text().map(|address| host(address).to_owned()),
        mfa: input.mfa(),
        ..Context::default()
    });
    to.correlation = filled(Correlation {
        request: own(input.request_id()),
        session: own(input.session()),
        trace: own(event.get("trace_id").text()),
    });
    emit(draft.finish());
    Ok(())
}

/// Revisions of all bundles that took part, in one order.
fn version(event: &Value<'_>) -> Option<String> {
    let mut revisions: Vec<&str> =
        event.get("bundles").pairs().iter().filter_map(|(_, bundle)| bundle.get("revision").text()).collect();
    revisions.sort_unstable();
    if revisions.is_empty() {
        return own(event.get("revision").text());
    }
    Some(revisions.join(","))
}

fn labels(draft: &mut Draft, event: &Value<'_>) {
    // What the agent removed must stay visible: a hidden value is not an absent one.
    for list in ["erased", "masked"] {
        let pointers: Vec<&str> = hidden(event, list).collect();
        draft.label(list, Some(&pointers.join(",")));
    }
    draft.label("error_code", event.at("error.code").text());
    draft.label("batch_decision", event.get("batch_decision_id").text());
    for (name, value) in event.get("labels").pairs() {
        if name != "id" {
            draft.label(&format!("opa.{name}"), value.text());
        }
    }
}
