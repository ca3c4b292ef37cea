//! The table of everything that can be asked: the router and the OpenAPI document are both made from it.

use std::sync::Arc;

use axum::Router;
use axum::routing::{MethodRouter, get, post};

use crate::app::App;
use crate::credentials::{Need, authorize};
use crate::speaks::Speaks;
use crate::{cloudevents, dashboard, entries, evidence, firehose, guard, hec, log_api, openapi, otlp, receive};

/// Whether a path takes or gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Get,
    Post,
}

/// One row: a method and path, what it is for, what it takes and gives, and who works on it.
pub(crate) struct Route {
    pub(crate) way: Way,
    /// As the router spells it.
    pub(crate) path: &'static str,
    /// A name for programs.
    pub(crate) name: &'static str,
    pub(crate) summary: &'static str,
    /// Media types of the body; empty where there is none.
    pub(crate) takes: &'static [&'static str],
    /// Media type of the answer.
    pub(crate) gives: &'static str,
    /// Query parameters and what they mean.
    pub(crate) query: &'static [(&'static str, &'static str)],
    /// Statuses of problems that it answers with, beside those that everything has.
    pub(crate) problems: &'static [u16],
    /// What whoever asks must be allowed.
    pub(crate) needs: Need,
    /// In whose words it answers.
    pub(crate) speaks: Speaks,
    handler: fn() -> MethodRouter<Arc<App>>,
}

const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";
const ANY: &[&str] = &["application/json", "application/x-ndjson", "*/*"];
const INGEST: &[u16] = &[400, 404, 408, 413, 415, 429, 503];
const SOURCE_QUERY: &[(&str, &str)] = &[
    ("source", "Source id of the entries, where one format has several senders; by default the name of the endpoint."),
    ("proof", "full (default) or none: whether the answer carries inclusion proofs."),
    (
        "sequence",
        "The sender's own number of the first element; the next ones follow. A number that is missing is then seen.",
    ),
];

const fn read(
    path: &'static str,
    name: &'static str,
    gives: &'static str,
    summary: &'static str,
    handler: fn() -> MethodRouter<Arc<App>>,
) -> Route {
    let (way, needs, speaks) = (Way::Get, Need::Read, Speaks::Sealbook);
    Route { way, path, name, summary, takes: &[], gives, query: &[], problems: &[], needs, speaks, handler }
}

const fn ingest(
    path: &'static str,
    name: &'static str,
    summary: &'static str,
    handler: fn() -> MethodRouter<Arc<App>>,
) -> Route {
    let (way, takes, query, needs) = (Way::Post, ANY, SOURCE_QUERY, Need::Ingest);
    let speaks = Speaks::Sealbook;
    Route { way, path, name, summary, takes, gives: JSON, query, problems: INGEST, needs, speaks, handler }
}

const fn hec(path: &'static str, name: &'static str, handler: fn() -> MethodRouter<Arc<App>>) -> Route {
    Route { speaks: Speaks::Hec, ..ingest(path, name, "Splunk HTTP Event Collector.", handler) }
}

const fn ask(
    path: &'static str,
    name: &'static str,
    gives: &'static str,
    summary: &'static str,
    handler: fn() -> MethodRouter<Arc<App>>,
) -> Route {
    let (takes, speaks): (&[&str], _) = (&[JSON], Speaks::Evidence);
    let (way, needs) = (Way::Post, Need::Report);
    Route { way, path, name, summary, takes, gives, query: &[], problems: &[], needs, speaks, handler }
}

/// Everything.
pub(crate) static ROUTES: &[Route] = &[
    Route {
        takes: &receive::NATIVE_TYPES,
        problems: &[400, 403, 408, 409, 413, 415, 422, 429, 503],
        ..ingest(
            "/v1/events",
            "postEvents",
            "Native events: one, an array, one per line, CBOR items in a row, or cloud events. All or nothing.",
            || post(receive::events).options(cloudevents::validate),
        )
    },
    Route {
        takes: &otlp::TYPES,
        speaks: Speaks::Otlp,
        ..ingest(
            "/v1/logs",
            "postOtlpLogs",
            "OpenTelemetry logs (OTLP/HTTP), protobuf or JSON, answered as an export response.",
            || post(otlp::logs),
        )
    },
    hec("/services/collector/event", "postHecEvent", || post(hec::event)),
    hec("/services/collector/event/1.0", "postHecEvent1", || post(hec::event)),
    hec("/services/collector", "postHec", || post(hec::event)),
    Route {
        summary: "Acknowledgements, which are not needed here.",
        ..hec("/services/collector/ack", "postHecAck", || post(hec::ack))
    },
    Route {
        needs: Need::Open,
        problems: &[503],
        speaks: Speaks::Hec,
        ..read("/services/collector/health", "getHecHealth", JSON, "Whether the collector takes events.", || {
            get(hec::health)
        })
    },
    Route {
        speaks: Speaks::Firehose,
        ..ingest("/v1/sources/firehose", "postFirehose", "Amazon Data Firehose deliveries.", || post(firehose::records))
    },
    ingest("/logs", "postOpaDefault", "OPA decision logs, where OPA sends them by default.", || post(receive::opa)),
    ingest("/logs/{partition}", "postOpaPartition", "OPA decision logs of a partition.", || post(receive::opa)),
    ingest("/v1/sources/opa/logs", "postOpa", "OPA decision logs (gzip JSON arrays).", || post(receive::source)),
    ingest("/v1/sources/opa/logs/{partition}", "postOpaLogsPartition", "OPA decision logs of a partition.", || {
        post(receive::source)
    }),
    ingest("/v1/sources/kubernetes/audit", "postKubernetes", "Kubernetes audit.k8s.io/v1 EventList.", || {
        post(receive::source)
    }),
    ingest(
        "/v1/sources/{name}",
        "postSource",
        "Any source's own JSON: one event, an array, its envelope, or one per line. An element that is no event is kept and counted, and never refuses the others.",
        || post(receive::source).options(cloudevents::validate),
    ),
    Route {
        needs: Need::Log,
        ..read("/checkpoint", "getCheckpoint", TEXT, "The newest signed checkpoint (C2SP tlog-tiles).", || {
            get(log_api::checkpoint)
        })
    },
    Route {
        needs: Need::Log,
        problems: &[404],
        ..read("/tile/{*path}", "getTile", "application/octet-stream", "A hash tile or an entry bundle.", || {
            get(log_api::tile)
        })
    },
    Route {
        query: &[
            ("identity", "Id of the subject or the actor."),
            ("kind", "Kind of event."),
            ("outcome", "Outcome."),
            ("source", "Source id."),
            ("from", "Index of the first entry to look at; the answer's `next` goes on."),
            ("limit", "Most entries of the answer, up to 1000; 100 by default."),
        ],
        problems: &[400],
        ..read("/v1/entries", "listEntries", JSON, "Entries that match, in order.", || get(entries::list))
    },
    Route {
        query: &[("open", "true also shows sealed values; that they were read is then an entry itself.")],
        problems: &[400, 404, 429, 503],
        ..read(
            "/v1/entries/{index}",
            "getEntry",
            JSON,
            "One entry; with Accept: application/cbor the bytes that are hashed.",
            || get(entries::one),
        )
    },
    Route {
        problems: &[400, 404],
        ..read(
            "/v1/entries/{index}/proof",
            "getProof",
            TEXT,
            "Its proof (C2SP tlog-proof); with Accept: application/cose a receipt (RFC 9942).",
            || get(entries::proof),
        )
    },
    Route {
        query: &[
            ("framework", "Framework ids, with commas between; without it, those of the policy's scope, else all."),
            ("from", "Start of the period: a date or an RFC 3339 time."),
            ("to", "End of the period, exclusive."),
        ],
        problems: &[400, 429],
        needs: Need::Report,
        speaks: Speaks::Evidence,
        ..read("/v1/coverage", "getCoverage", JSON, "Status of every control, by the entries.", || {
            get(evidence::coverage)
        })
    },
    Route {
        query: &[
            ("from", "Steps not before this time."),
            ("to", "Steps before this time."),
            ("limit", "Most steps of the answer, the newest; up to 10000, 1000 by default."),
        ],
        problems: &[400, 404],
        speaks: Speaks::Evidence,
        ..read("/v1/identities/{id}", "getIdentity", JSON, "What an identity went through.", || get(evidence::identity))
    },
    Route {
        problems: &[400, 413, 422, 429],
        ..ask("/v1/query", "postQuery", JSON, "One SELECT over the views: {\"sql\": …, \"rows\": …}.", || {
            post(evidence::query)
        })
    },
    Route {
        problems: &[400, 413, 429, 503],
        ..ask(
            "/v1/packs",
            "postPack",
            "application/zip",
            "An evidence pack: {\"frameworks\": […], \"from\": …, \"to\": …, \"disclose\": […], \"title\": …, \"classification\": …}.",
            || post(evidence::pack),
        )
    },
    Route { needs: Need::Open, ..read("/healthz", "getHealth", TEXT, "Alive.", || get(openapi::healthy)) },
    Route {
        needs: Need::Open,
        problems: &[503],
        ..read("/readyz", "getReady", TEXT, "Able to write.", || get(openapi::ready))
    },
    read("/metrics", "getMetrics", "text/plain; version=0.0.4", "Prometheus text.", || get(openapi::metrics)),
    Route {
        needs: Need::Known,
        ..read("/openapi.json", "getOpenApi", JSON, "This description.", || get(openapi::described))
    },
    read("/", "getDashboard", "text/html; charset=utf-8", "Dashboard.", || get(dashboard::page)),
];

/// The router of [`ROUTES`].
pub(crate) fn router(app: Arc<App>) -> Router {
    let mut router = Router::new();
    for route in ROUTES {
        let needs = (app.clone(), route.needs);
        let handler = (route.handler)().layer(axum::middleware::from_fn_with_state(needs, authorize));
        router = router.route(route.path, handler);
    }
    router
        .fallback(guard::nothing)
        .method_not_allowed_fallback(guard::wrong_method)
        .layer(axum::middleware::from_fn_with_state(app.clone(), guard::guard))
        .with_state(app)
}
