//! What an operator sees of a running service: what was set, and the counts of everything that is not an event.

use sealbook_core::time::Micros;
use sealbook_disk::{read_file, replace_file};

use crate::app::App;
use crate::credentials::STORE;
use crate::log::Level;
use crate::metrics::{head, label, line, metric};
use crate::server::ServeError;
use crate::tls::Tls;

/// The act that says that the service starts with other settings than before.
const CHANGED: &str = "configuration.changed";
/// Holds the digest of the settings of the last start; where it is lost, they are recorded again.
const FILE: &str = "configuration.sha256";

/// Records the digest of the settings, where it is another one than at the last start.
pub(crate) async fn record_configuration(app: &App, digest: &str) -> Result<(), ServeError> {
    if digest.is_empty() {
        return Ok(());
    }
    let failed = |detail: String| ServeError::Record { act: CHANGED, detail };
    let dir = app.reader.layout().root().join(STORE);
    let (disk, path) = (&*app.world.disk, dir.join(FILE));
    let before = read_file(disk, &path, 128).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    if before.as_deref() == Some(digest) {
        return Ok(());
    }
    let mut labels = vec![("digest", format!("sha256:{digest}")), ("account", app.actor.account.clone())];
    labels.extend(before.as_ref().map(|before| ("digest_before", format!("sha256:{before}"))));
    let recorded = app.record(CHANGED, &app.actor.identity(), &labels).await;
    recorded.map_err(|problem| failed(problem.detail.clone()))?;
    app.log.event(Level::Info, CHANGED, &[("digest", &digest)]);
    let kept = disk.create_dir_all(&dir).and_then(|()| replace_file(disk, &path, digest.as_bytes(), true));
    kept.map_err(|error| failed(format!("{}: {error}", path.display())))
}

/// The Prometheus text of everything that [`crate::metrics`] does not count itself.
pub(crate) fn metrics(app: &App) -> String {
    let mut out = String::new();
    let mut gauge = |name: &str, help: &str, value: u64| metric(&mut out, name, "gauge", help, value);
    let lag = app.reader.size().saturating_sub(app.follower.through());
    gauge("sealbook_index_lag_entries", "Entries that the index does not cover yet.", lag);
    let open = app.limits.connections.saturating_sub(app.places.available_permits()) as u64;
    gauge("sealbook_connections", "Connections that are open.", open);
    let active = app.access.active(Micros(app.world.clock.now())) as u64;
    gauge("sealbook_tokens_active", "Tokens that count.", active);
    let (room, level) = app.watched.seen();
    gauge("sealbook_disk_bytes", "Bytes of the ledger's disk.", room.bytes);
    gauge("sealbook_disk_free_bytes", "Bytes that are left on it.", room.free_bytes);
    gauge("sealbook_disk_warnings", "Warnings that stand: 1 from 75 % in use, 2 from 90 %.", level);
    if let Some(tls) = app.tls.get() {
        let ends = u64::try_from(tls.ends().0 / 1_000_000).unwrap_or_default();
        gauge("sealbook_tls_certificate_end_seconds", "When the certificate ends, since 1970.", ends);
    }
    let failures = app.store_state.failures();
    metric(&mut out, "sealbook_token_store_failures_total", "counter", "Times the tokens could not be read.", failures);
    let failures = app.tls.get().map_or(0, |tls: &std::sync::Arc<Tls>| tls.state.failures());
    let help = "Times new TLS files could not be used; the old ones stay.";
    metric(&mut out, "sealbook_tls_reload_failures_total", "counter", help, failures);
    let name = "sealbook_refusals_total";
    head(&mut out, name, "counter", "Requests and handshakes refused (401, 403), by code.");
    for (code, count) in app.refusals.totals() {
        line(&mut out, format_args!("{name}{{code=\"{}\"}} {count}", label(code)));
    }
    out
}
