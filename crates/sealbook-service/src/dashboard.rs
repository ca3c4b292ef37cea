//! A plain page for people: size, checkpoint, sources, newest entries. No script, nothing from elsewhere.

use std::fmt::Write;
use std::sync::{Arc, LazyLock};

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY};
use axum::http::{HeaderValue, Response};
use sealbook_core::entry::Entry;
use sealbook_core::hash::sha256;
use sealbook_core::note::encode_base64;

use crate::app::{App, beside};
use crate::log_api::answer;
use crate::problem::Problem;

/// Newest entries shown.
const NEWEST: u64 = 25;

/// The style; the policy names it by digest, so that no other is applied.
const STYLE: &str = "\
body{font:15px/1.45 system-ui,sans-serif;color:#1c2430;background:#fff;max-width:72rem;margin:2rem auto;padding:0 1rem}\
h1{font-size:1.5rem;margin:0 0 .25rem}h2{font-size:1.05rem;margin:2rem 0 .5rem}\
p{margin:.25rem 0;color:#4a5566}strong{color:#1c2430}\
table{border-collapse:collapse;width:100%}caption{text-align:left;color:#4a5566;padding-bottom:.25rem}\
th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #d9dee6;vertical-align:top;overflow-wrap:anywhere}\
th{font-weight:600}.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}\
pre{background:#f4f6f9;padding:.75rem;overflow-x:auto}code,pre{font:13px/1.4 ui-monospace,monospace}a{color:#0b5cad}";

static POLICY: LazyLock<String> = LazyLock::new(|| {
    let digest = encode_base64(&sha256(STYLE.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
});

/// `GET /`.
pub(crate) async fn page(State(app): State<Arc<App>>) -> Result<Response<Body>, Problem> {
    let shared = app.clone();
    let newest = beside(move || {
        let size = shared.reader.size();
        let mut newest = Vec::new();
        for stored in shared.reader.entries(size.saturating_sub(NEWEST), size) {
            let stored = stored?;
            let entry = stored.entry();
            newest.push(entry.map_err(|error| Problem::unreadable(format!("entry {}: {error}", stored.index)))?);
        }
        newest.reverse();
        Ok(newest)
    });
    let html = write(&app, &newest.await?);
    let mut response = answer(html, "text/html; charset=utf-8", "no-store");
    let headers = response.headers_mut();
    if let Ok(policy) = HeaderValue::from_str(&POLICY) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    Ok(response)
}

fn write(app: &App, newest: &[Entry]) -> String {
    let checkpoint = app.reader.checkpoint();
    let origin = Shown(app.reader.origin());
    let state = match app.ledger.poisoned() {
        Some(why) => format!("<strong>Cannot write:</strong> {}", Shown(&why)),
        None => "Able to write.".to_owned(),
    };
    let mut html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>{origin} · Sealbook</title><style>{STYLE}</style></head><body>\
         <h1>{origin}</h1><p><strong>{}</strong> entries. {state}</p>\
         <p><a href=\"/checkpoint\">checkpoint</a> · <a href=\"/v1/entries\">entries</a> · \
         <a href=\"/metrics\">metrics</a> · <a href=\"/openapi.json\">API</a></p>\
         <h2>Newest checkpoint</h2><pre>{}</pre>\
         <p>Keep a copy elsewhere: only an earlier checkpoint shows that nothing was rolled back.</p>",
        checkpoint.size,
        Shown(&checkpoint.note),
    );
    sources(&mut html, app);
    html.push_str("<h2>Newest entries</h2><table><thead><tr><th class=\"n\" scope=\"col\">Entry</th>");
    for name in ["Recorded", "Source", "Kind", "Subject", "Action", "Outcome"] {
        let _ = write!(html, "<th scope=\"col\">{name}</th>");
    }
    html.push_str("</tr></thead><tbody>");
    for entry in newest {
        let event = &entry.event;
        // Writing to a string cannot fail.
        let _ = write!(
            html,
            "<tr><td class=\"n\"><a href=\"/v1/entries/{0}\">{0}</a></td><td>{1}</td><td>{2}</td><td>{3}</td>\
             <td>{4}</td><td>{5}</td><td>{6}</td></tr>",
            entry.index,
            entry.recorded_at,
            Shown(&entry.source.id),
            event.kind.word(),
            Shown(&event.subject.id),
            Shown(event.action.as_deref().unwrap_or("")),
            event.outcome.word(),
        );
    }
    html.push_str("</tbody></table></body></html>");
    html
}

fn sources(html: &mut String, app: &App) {
    html.push_str("<h2>Sources</h2>");
    let sources = app.metrics.sources();
    if sources.is_empty() {
        html.push_str("<p>Nothing was received since this service started.</p>");
        return;
    }
    html.push_str("<table><caption>Since this service started</caption><thead><tr><th scope=\"col\">Source</th>");
    for name in ["Accepted", "Duplicate", "Quarantined", "Requests refused"] {
        let _ = write!(html, "<th class=\"n\" scope=\"col\">{name}</th>");
    }
    html.push_str("</tr></thead><tbody>");
    for (name, counts) in sources {
        let _ = write!(html, "<tr><td>{}</td>", Shown(&name));
        for count in [counts.accepted, counts.duplicate, counts.quarantined, counts.refused] {
            let _ = write!(html, "<td class=\"n\">{count}</td>");
        }
        html.push_str("</tr>");
    }
    html.push_str("</tbody></table>");
}

/// Text from outside: nothing in it is markup, and what cannot be seen is written out.
struct Shown<'t>(&'t str);

impl core::fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        for character in self.0.chars() {
            match character {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                '\n' => f.write_str("\n")?,
                hidden if hidden.is_control() || turns_text(hidden) => write!(f, "{}", hidden.escape_unicode())?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

/// Marks that change the direction of the text around them, or that have no width.
fn turns_text(character: char) -> bool {
    matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_is_never_markup() {
        let hostile = "<script>\"'&</script>\u{202e}gpj.exe\u{7}";
        let shown = Shown(hostile).to_string();
        assert_eq!(shown, "&lt;script&gt;&quot;&#39;&amp;&lt;/script&gt;\\u{202e}gpj.exe\\u{7}");
    }
}
