//! `sealbook tokens`: the tokens with which others may write to a ledger's service, and read from it.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use sealbook_core::time::Micros;
use sealbook_disk::World;
use sealbook_log::{Ledger, LogError, Reader, Sealing};
use sealbook_service::credentials::{
    Actor, Change, NewToken, Scope, Standing, TokenStore, find_recorded, record, this_account,
};
use serde_json::json;

use crate::output::{self, Exit};
use crate::progress::Talk;

/// How long, and how often, to wait for a running service to record a change.
const WAIT: (u32, Duration) = (100, Duration::from_millis(100));
/// µs of a day.
const DAY: i64 = 86_400_000_000;

/// Arguments of `tokens`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    sealbook tokens create L --name opa-prod --scope ingest:opa-prod@opa --days 90\n  \
    sealbook tokens list L\n  \
    sealbook tokens revoke L opa-prod --reason 'the machine is gone'\n\n\
    Every change is an entry of the ledger. A running service notices it by itself.")]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Make a token and print it; it is shown this once, and only its digest is kept.
    Create {
        /// Folder of the ledger.
        ledger: PathBuf,
        /// What to call it.
        #[arg(long)]
        name: String,
        /// What it allows: ingest:SOURCE, ingest:SOURCE@FORMAT, read, report or admin; repeat it for several.
        #[arg(long = "scope", required = true, value_name = "SCOPE")]
        scopes: Vec<Scope>,
        /// When it ends, as a date or an RFC 3339 time.
        #[arg(long, value_parser = crate::times::parse, value_name = "TIME", conflicts_with = "days")]
        expires: Option<Micros>,
        /// After how many days it ends. Without this and without `--expires` it does not.
        #[arg(long, value_parser = clap::value_parser!(i64).range(1..=36_500))]
        days: Option<i64>,
        /// Who answers for it: the id of a person or a team.
        #[arg(long, value_name = "ID")]
        owner: Option<String>,
        #[command(flatten)]
        who: Who,
        /// Print everything about it as JSON, the token among it.
        #[arg(long)]
        json: bool,
    },
    /// List the tokens there ever were; never the tokens themselves.
    List {
        /// Folder of the ledger.
        ledger: PathBuf,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Withdraw a token.
    Revoke {
        /// Folder of the ledger.
        ledger: PathBuf,
        /// Its id, or its name where only one that stands has it.
        token: String,
        /// Why.
        #[arg(long)]
        reason: Option<String>,
        #[command(flatten)]
        who: Who,
    },
}

#[derive(Debug, clap::Args)]
struct Who {
    /// Who does this, as an id; without it the account of the operating system.
    #[arg(long, env = "SEALBOOK_ACTOR", value_name = "ID")]
    actor: Option<String>,
}

/// Makes, lists or withdraws.
///
/// # Errors
/// When there is no ledger, the store cannot be changed, or nobody records the change.
pub fn run(args: &Args, talk: Talk) -> anyhow::Result<Exit> {
    let world = World::real();
    match &args.what {
        What::Create { ledger, name, scopes, expires, days, owner, who, json } => {
            let (store, from) = store(&world, ledger)?;
            let end = days.map(|days| Micros(world.clock.now() + days * DAY));
            let new = NewToken {
                name: name.clone(),
                scopes: scopes.clone(),
                owner: owner.clone(),
                expires_at: expires.or(end),
            };
            let (token, secret) = store.create(new, Actor::current(who.actor.as_deref()))?;
            // Shown first: whatever happens next, it is made.
            if *json {
                let standing = Standing { token: token.clone(), revoked: None };
                let mut shown = described(&standing, Micros(world.clock.now()));
                if let Some(object) = shown.as_object_mut() {
                    object.insert("token".to_owned(), secret.into());
                }
                output::json(&shown)?;
            } else {
                output::line(secret)?;
            }
            talk.say(format!("token {} ({name}); it is not shown again", token.id));
            recorded(&world, ledger, &store, &Change::Created(token), from, talk)
        }
        What::List { ledger, json } => {
            let (store, _) = store(&world, ledger)?;
            list(&store.tokens()?, Micros(world.clock.now()), *json)?;
            Ok(Exit::Yes)
        }
        What::Revoke { ledger, token, reason, who } => {
            let (store, from) = store(&world, ledger)?;
            let token = store.revoke(token, reason.clone(), Actor::current(who.actor.as_deref()))?;
            talk.say(format!("token {} ({}) is withdrawn", token.id, token.name));
            let id = token.id;
            let is_mine = |change: &Change| matches!(change, Change::Revoked { token, .. } if *token == id);
            let mine = store.changes()?.into_iter().find(is_mine).context("the change has gone from the store")?;
            recorded(&world, ledger, &store, &mine, from, talk)
        }
    }
}

/// The store of a ledger, and how many entries the ledger has now.
fn store(world: &World, ledger: &Path) -> anyhow::Result<(TokenStore, u64)> {
    let size = Reader::open(world, ledger)?.size();
    let owner = std::fs::metadata(ledger).with_context(|| format!("cannot look at {}", ledger.display()))?.uid();
    let account = this_account();
    if owner != account {
        bail!(
            "{} belongs to the account {owner}, and this runs as {account}: the service could not read what is written; run it as that account (sudo -u '#{owner}' sealbook tokens …)",
            ledger.display()
        );
    }
    Ok((TokenStore::of(world, ledger), size))
}

/// Makes sure that a change is an entry: commits it where nobody else writes, else waits for the service that does.
fn recorded(
    world: &World,
    ledger: &Path,
    store: &TokenStore,
    change: &Change,
    from: u64,
    talk: Talk,
) -> anyhow::Result<Exit> {
    for _ in 0..WAIT.0 {
        match Ledger::open(world, ledger, Sealing::default()) {
            Ok(open) => {
                // All of them: one whose command was cut off may not be there yet. What is there stays once.
                let changes = store.changes()?;
                let indices = record(&open, &changes)?;
                open.close()?;
                let mine = changes.iter().zip(indices).find(|(other, _)| *other == change);
                let (_, index) = mine.context("the change has gone from the store")?;
                talk.say(format!("recorded as entry {index}"));
                return Ok(Exit::Yes);
            }
            Err(LogError::Locked { .. }) => {}
            Err(error) => return Err(error).context("the change is stored and not yet recorded"),
        }
        let reader = Reader::open(world, ledger)?;
        if let Some(index) = find_recorded(&reader, change, from)? {
            talk.say(format!("recorded as entry {index} by the service that runs"));
            return Ok(Exit::Yes);
        }
        std::thread::sleep(WAIT.1);
    }
    talk.say(
        "the change is stored; whoever writes to the ledger has not recorded it yet, the next service that starts will",
    );
    Ok(Exit::CouldNotTell)
}

fn described(standing: &Standing, now: Micros) -> serde_json::Value {
    let token = &standing.token;
    let revoked = standing.revoked.as_ref();
    json!({
        "id": token.id, "name": token.name, "status": standing.word(now),
        "scopes": token.scopes.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "owner": token.owner, "created_at": token.created_at.to_string(), "created_by": token.by.id,
        "expires_at": token.expires_at.map(|end| end.to_string()),
        "revoked_at": revoked.map(|(at, _)| at.to_string()), "revoked_by": revoked.map(|(_, by)| by.id.clone()),
    })
}

fn list(all: &[Standing], now: Micros, json: bool) -> anyhow::Result<()> {
    if json {
        return output::json(&all.iter().map(|standing| described(standing, now)).collect::<Vec<_>>());
    }
    let rows = all.iter().map(|standing| {
        let token = &standing.token;
        let scopes: Vec<String> = token.scopes.iter().map(ToString::to_string).collect();
        let end = token.expires_at.map_or_else(|| "never".to_owned(), |end| end.to_string());
        [token.id.clone(), standing.word(now).to_owned(), end, token.name.clone(), scopes.join(" ")]
    });
    let head = ["ID", "STATUS", "ENDS", "NAME", "SCOPES"].map(str::to_owned);
    let rows: Vec<[String; 5]> = std::iter::once(head).chain(rows).collect();
    let width = |n: usize| rows.iter().filter_map(|row| row.get(n)).map(|cell| cell.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..5).map(width).collect();
    for row in &rows {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        output::line(cells.join("  ").trim_end())?;
    }
    Ok(())
}
