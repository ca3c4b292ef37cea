//! Evidence over HTTP: coverage, SQL, the timeline of an identity, packs. What takes long is done one at a time.

use std::fs::File;
use std::io::{BufWriter, Seek as _, Write as _};
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::header::CONTENT_DISPOSITION;
use axum::http::{HeaderValue, Response, StatusCode, Uri};
use sealbook_core::event::sealable;
use sealbook_core::hash::{ChainValue, chain_value};
use sealbook_core::time::Micros;
use sealbook_core::tree::{Frontier, leaf_hash};
use sealbook_core::view::EntryView;
use sealbook_frameworks::{Catalogue, Policy};
use sealbook_log::{Group, Placed, Published, Reader};
use sealbook_packs::{MakeError, PackRequest, Plan, ReaderLog, Words, export_act, make};
use sealbook_projection::{Cell, Door, Limits, Projection, Query, QueryError};
use sealbook_replay::{Filter, ReplayError, timeline};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::io::ReaderStream;

use crate::app::{App, beside};
use crate::credentials::{Need, Principal};
use crate::gaps;
use crate::log_api::answer;
use crate::params::Params;
use crate::problem::Problem;
use crate::receipt;

/// Bytes of a question.
const QUESTION_BYTES_MAX: usize = 64 << 10;
/// Rows of an answer to SQL, and where nothing is asked for.
const ROWS_MAX: u64 = 100_000;
const ROWS: u64 = 1_000;
/// Time for one answer to SQL.
const QUERY_TIME: Duration = Duration::from_secs(30);
/// Steps of a timeline in one answer, and where nothing is asked for.
const STEPS_MAX: u64 = 10_000;
const STEPS: u64 = 1_000;
/// File name of a pack, as its reader will see it.
const PACK_FILE: &str = "evidence-pack.zip";
/// Name and version, as packs print it.
const PRODUCT: &str = concat!("Sealbook ", env!("CARGO_PKG_VERSION"));
/// The newest entries change every answer.
const NOT_KEPT: &str = "no-store";

type Answered = Result<Response<Body>, Problem>;

/// Whose turn it is at what takes long.
pub(crate) struct Desk(Arc<Semaphore>);

impl Default for Desk {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(1)))
    }
}

impl Desk {
    fn turn(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let busy =
            |_| Problem::overloaded("another question about the whole ledger is being answered; try again later");
        self.0.clone().try_acquire_owned().map_err(busy)
    }
}

/// Frameworks and period of an assessment; times are RFC 3339 or dates.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Asked {
    frameworks: Vec<String>,
    from: Option<String>,
    to: Option<String>,
}

/// A pack that is asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct PackAsked {
    frameworks: Vec<String>,
    from: Option<String>,
    to: Option<String>,
    /// Sealed fields whose values are disclosed.
    disclose: Vec<String>,
    title: Option<String>,
    classification: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sql {
    sql: String,
    #[serde(default)]
    rows: Option<u64>,
}

fn bad(field: &str, detail: String) -> Problem {
    let mut problem = Problem::bad_request("bad-parameter", detail);
    problem.field = Some(field.to_owned());
    problem
}

/// A time, or a date, which means its midnight in UTC.
fn time(field: &str, text: Option<&str>) -> Result<Option<i64>, Problem> {
    let Some(text) = text else { return Ok(None) };
    let full = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };
    let wrong = |error| bad(field, format!("{text:?} is neither 2026-01-31 nor 2026-01-31T12:00:00Z: {error}"));
    Micros::parse(&full).map(|time| Some(time.0)).map_err(wrong)
}

async fn question<T: DeserializeOwned>(body: Body) -> Result<T, Problem> {
    let too_large = |_| {
        let detail = format!("the question did not arrive whole, or has more than {QUESTION_BYTES_MAX} bytes");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body-too-large", detail)
    };
    let bytes = to_bytes(body, QUESTION_BYTES_MAX).await.map_err(too_large)?;
    serde_json::from_slice(&bytes).map_err(|error| Problem::bad_request("bad-question", error.to_string()))
}

/// What the controls are assessed against.
struct Rules {
    catalogue: Catalogue,
    policy: Policy,
}

impl Rules {
    fn load(app: &App) -> Result<Self, Problem> {
        let catalogue = Catalogue::builtin().map_err(|error| Problem::unreadable(error.to_string()))?;
        let policy = match gaps::policy(app).map_err(Problem::unreadable)? {
            Some(policy) => policy,
            None => Policy::default_documented().map_err(|error| Problem::unreadable(error.to_string()))?,
        };
        policy.check(&catalogue).map_err(|error| Problem::unreadable(error.to_string()))?;
        Ok(Self { catalogue, policy })
    }

    fn plan<'a>(&'a self, frameworks: &'a [String], period: (Option<i64>, Option<i64>)) -> Plan<'a> {
        let (from, to) = period;
        Plan { catalogue: &self.catalogue, policy: &self.policy, frameworks, from, to }
    }
}

/// Reads every entry under `checkpoint`, and finds that it signs exactly these: links, tree and signature. What a signed
/// tree holds is also what was committed, so sealed values need not be opened for it.
fn check(reader: &Reader, checkpoint: &Published) -> Result<(), Problem> {
    let wrong = |detail: String| Problem::unreadable(format!("{detail}; `sealbook verify` says more"));
    let (mut tree, mut chain) = (Frontier::default(), ChainValue::default());
    for stored in reader.entries(0, checkpoint.size) {
        let stored = stored?;
        let view =
            EntryView::decode(&stored.bytes).map_err(|error| wrong(format!("entry {}: {error}", stored.index)))?;
        if view.index != tree.size() || view.prev != chain {
            return Err(wrong(format!("entry {} does not follow the one before", stored.index)));
        }
        chain = chain_value(&stored.bytes);
        tree.append(leaf_hash(&stored.bytes), |_, _, _| {});
    }
    let key = reader.ring().at(checkpoint.size).clone();
    let signed = sealbook_core::checkpoint::verify(checkpoint.note.as_bytes(), &[key]);
    let signed = signed.map_err(|error| wrong(format!("the checkpoint: {error}")))?;
    if (signed.size, signed.root) != (tree.size(), tree.root()) {
        return Err(wrong("the checkpoint signs other entries".to_owned()));
    }
    Ok(())
}

fn unmade(error: MakeError) -> Problem {
    match error {
        MakeError::EmptyPeriod { .. } => bad("to", error.to_string()),
        MakeError::Assess(sealbook_controls::AssessError::Framework { .. }) => bad("framework", error.to_string()),
        error => Problem::unreadable(error.to_string()),
    }
}

/// `GET /v1/coverage`: every control of the frameworks asked for.
pub(crate) async fn coverage(State(app): State<Arc<App>>, uri: Uri) -> Answered {
    let params = Params::of(&uri)?.only(&["framework", "from", "to"])?;
    let named = params.get("framework").map(|names| names.split(',').map(str::to_owned).collect());
    let asked = Asked {
        frameworks: named.unwrap_or_default(),
        from: params.get("from").map(str::to_owned),
        to: params.get("to").map(str::to_owned),
    };
    let period = (time("from", asked.from.as_deref())?, time("to", asked.to.as_deref())?);
    let turn = app.desk.turn()?;
    let covered = beside(move || {
        let _turn = turn;
        let (rules, reader) = (Rules::load(&app)?, &app.reader);
        let checkpoint = reader.checkpoint();
        check(reader, &checkpoint)?;
        let entries = reader.entries(0, checkpoint.size).map(|stored| {
            let stored = stored.map_err(|error| error.to_string())?;
            stored.entry().map_err(|error| error.to_string())
        });
        let verified = |first| sealbook_packs::verified_ranges(reader, &checkpoint, first);
        let plan = rules.plan(&asked.frameworks, period);
        let assessed = sealbook_packs::assess(entries, sealbook_packs::position(reader, &checkpoint), verified, &plan);
        let assessment = assessed.map_err(unmade)?.assessment;
        sealbook_reports::json::coverage(&assessment).map_err(|error| Problem::unreadable(error.to_string()))
    });
    Ok(receipt::json(StatusCode::OK, &covered.await?))
}

/// `POST /v1/query`: one SELECT over the views.
pub(crate) async fn query(State(app): State<Arc<App>>, body: Body) -> Answered {
    let Sql { sql, rows } = question(body).await?;
    let rows_max = rows.unwrap_or(ROWS);
    if rows_max > ROWS_MAX {
        return Err(bad("rows", format!("rows={rows_max} is above {ROWS_MAX}")));
    }
    let turn = app.desk.turn()?;
    let found = beside(move || {
        let _turn = turn;
        let size = app.reader.size();
        let projection = projection(&app)?;
        let begun = Instant::now();
        let mut query = Query::new(&sql, Door::Adhoc);
        let time_is_up = Some(Arc::new(move || begun.elapsed() > QUERY_TIME) as Arc<dyn Fn() -> bool + Send + Sync>);
        query.limits = Limits { rows_max, time_is_up, ..Limits::default() };
        let mut columns = projection.columns_of(&query).map_err(unasked)?;
        let mut rows: Vec<Vec<Value>> = Vec::new();
        let each = &mut |names: &[String], cells: &[Cell<'_>]| {
            columns = names.to_vec();
            rows.push(cells.iter().map(cell).collect());
        };
        projection.query(&query, each).map_err(unasked)?;
        Ok(json!({ "size": size, "columns": columns, "rows": rows }))
    });
    Ok(receipt::json(StatusCode::OK, &found.await?))
}

/// The stored projection, brought up to date.
fn projection(app: &App) -> Result<Projection, Problem> {
    let dir = app.reader.layout().derived("sql");
    let unusable = |detail: String| Problem::unreadable(format!("{}: {detail}", dir.display()));
    std::fs::create_dir_all(&dir).map_err(|error| unusable(error.to_string()))?;
    let kept = Projection::keep(&dir.join("projection.sqlite"), &ReaderLog(&app.reader));
    kept.map(|(projection, _)| projection).map_err(|error| unusable(error.to_string()))
}

fn cell(cell: &Cell<'_>) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Integer(number) => (*number).into(),
        Cell::Real(number) => (*number).into(),
        Cell::Text(text) => (*text).into(),
    }
}

fn unasked(error: QueryError) -> Problem {
    match error {
        QueryError::Steps { .. } | QueryError::Time | QueryError::Rows { .. } | QueryError::Memory(_) => {
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "limit-exceeded", error.to_string())
        }
        error => {
            let mut problem = Problem::bad_request("bad-sql", error.to_string());
            problem.field = Some("sql".to_owned());
            problem
        }
    }
}

/// `GET /v1/identities/{id}`: what it went through, by the time at which it happened; the newest steps.
pub(crate) async fn identity(
    State(app): State<Arc<App>>,
    id: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Answered {
    let Path(id) = id.map_err(|error| bad("id", error.body_text()))?;
    let params = Params::of(&uri)?.only(&["from", "to", "limit"])?;
    let period = (time("from", params.get("from"))?, time("to", params.get("to"))?);
    let limit = usize::try_from(params.number("limit", STEPS, STEPS_MAX)?).unwrap_or(usize::MAX);
    let found = beside(move || {
        let index = app.follower.index(&app.reader).map_err(|error| Problem::unreadable(error.to_string()))?;
        let size = app.reader.size();
        let (from, to) = (period.0.map(Micros), period.1.map(Micros));
        let found = timeline(&app.reader, index, &Filter::Identity(id.clone()), from, to);
        let found = found.map_err(|error| match error {
            ReplayError::TooManySteps { .. } => bad("from", error.to_string()),
            error => Problem::unreadable(error.to_string()),
        })?;
        if found.steps.is_empty() {
            let detail = format!("none of the {size} entries names {id:?} within the time that was asked for");
            return Err(Problem::not_found("no-such-identity", detail));
        }
        let earlier = found.steps.len().saturating_sub(limit);
        let steps = found.steps.get(earlier..).unwrap_or_default();
        Ok(json!({
            "identity": id, "size": size, "earlier_steps": earlier, "disagreements": found.disagreements, "steps": steps,
        }))
    });
    Ok(receipt::json(StatusCode::OK, &found.await?))
}

/// `POST /v1/packs`: an evidence pack. That it was made, and by whom, is an entry that is in it.
pub(crate) async fn pack(State(app): State<Arc<App>>, principal: Principal, body: Body) -> Answered {
    let asked: PackAsked = question(body).await?;
    let period = (time("from", asked.from.as_deref())?, time("to", asked.to.as_deref())?);
    if let Some(path) = asked.disclose.iter().find(|path| !sealable(path)) {
        return Err(bad("disclose", format!("{path:?} is no field that can be sealed")));
    }
    if !asked.disclose.is_empty() {
        principal.require(Need::Admin)?;
    }
    let turn = app.desk.turn()?;
    let rules = Rules::load(&app)?;
    if let Some(unknown) = asked.frameworks.iter().find(|id| rules.catalogue.framework(id).is_none()) {
        return Err(bad("frameworks", format!("no framework has the id {unknown:?}")));
    }
    let (origin, id) = (app.reader.origin().to_owned(), format!("http/{}", app.reader.size()));
    let now = Micros(app.world.clock.now());
    let mut act = export_act(&origin, &id, now, &asked.frameworks, &asked.disclose);
    act.event.actor = Some(principal.identity().clone());
    let entries = vec![app.prepare(act)?];
    let committed = app.commit(Group { entries, all_or_nothing: true }).await?;
    let export = committed.placed.first().map(Placed::index);
    let file = beside(move || {
        let _turn = turn;
        write_pack(&app, &rules, &asked, period, export)
    });
    let stream = ReaderStream::new(tokio::fs::File::from_std(file.await?));
    let mut response = answer(Body::from_stream(stream), "application/zip", NOT_KEPT);
    let disposition = HeaderValue::from_static("attachment; filename=\"evidence-pack.zip\"");
    response.headers_mut().insert(CONTENT_DISPOSITION, disposition);
    Ok(response)
}

/// A pack in a file without a name: it is gone when it was sent.
fn write_pack(
    app: &App,
    rules: &Rules,
    asked: &PackAsked,
    period: (Option<i64>, Option<i64>),
    export: Option<u64>,
) -> Result<File, Problem> {
    let checkpoint = app.reader.checkpoint();
    check(&app.reader, &checkpoint)?;
    let key = app.ledger.load_key()?;
    let request = PackRequest {
        reader: &app.reader,
        checkpoint: &checkpoint,
        key: &key,
        plan: rules.plan(&asked.frameworks, period),
        first: 0,
        disclose: &asked.disclose,
        export,
        words: Words {
            number: String::new(),
            title: asked.title.clone(),
            classification: asked.classification.clone(),
            product: PRODUCT.to_owned(),
            pack_file: PACK_FILE.to_owned(),
            verification: None,
        },
    };
    let path = app.reader.layout().root().join("pack.unfinished");
    let unwritten = |error: std::io::Error| Problem::unreadable(format!("{}: {error}", path.display()));
    let options = File::options().read(true).write(true).create(true).truncate(true).open(&path);
    let file = options.map_err(unwritten)?;
    std::fs::remove_file(&path).map_err(unwritten)?;
    let mut out = BufWriter::new(file);
    make(&request, &mut out).map_err(unmade)?;
    out.flush().map_err(unwritten)?;
    let mut file = out.into_inner().map_err(|error| unwritten(error.into_error()))?;
    file.rewind().map_err(unwritten)?;
    Ok(file)
}
