//! `sealbook frameworks`: the catalogues, and whether control tests do what they say.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use sealbook_frameworks::{Catalogue, Control, Framework, Item, Lookup};
use serde_json::{Value, json};

use crate::output::{self, Exit};
use crate::progress::Talk;

/// Arguments of `frameworks`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// List the frameworks.
    List {
        /// Print as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show a framework, or one of its controls by any name that it goes by.
    #[command(
        after_help = "Examples:\n  sealbook frameworks show nist-csf-2.0\n  sealbook frameworks show nist-csf-2.0 PR.AC-4\n  \
        sealbook frameworks show owasp-nhi-top10-2025 NHI-01"
    )]
    Show {
        /// Framework id.
        framework: String,
        /// Control, group, or an older id of one.
        control: Option<String>,
        /// Print as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Check a catalogue and run the fixtures of every control test in it.
    Check {
        /// A folder laid over the built-in catalogue. Without it: the built-in one alone.
        dir: Option<PathBuf>,
    },
}

/// Lists, shows or checks.
///
/// # Errors
/// When a framework or a control is unknown, or a folder cannot be read.
pub fn run(args: &Args, talk: Talk) -> anyhow::Result<Exit> {
    match &args.what {
        What::List { json } => list(*json),
        What::Show { framework, control, json } => show(framework, control.as_deref(), *json),
        What::Check { dir } => check(dir.as_deref(), talk),
    }
}

fn list(as_json: bool) -> anyhow::Result<Exit> {
    let catalogue = Catalogue::builtin()?;
    let rows = catalogue.frameworks().iter().map(|framework| (framework, framework.controls().len()));
    if as_json {
        let rows: Vec<Value> = rows
            .map(|(framework, controls)| {
                let Framework { id, title, version, publisher, sha256, .. } = framework;
                json!({ "id": id, "title": title, "version": version, "publisher": publisher, "controls": controls, "sha256": sha256 })
            })
            .collect();
        output::json(&rows)?;
    } else {
        for (framework, controls) in rows {
            output::line(format!(
                "{:<24} {controls:>4} controls  {} ({})",
                framework.id, framework.title, framework.publisher
            ))?;
        }
    }
    Ok(Exit::Yes)
}

fn show(id: &str, control: Option<&str>, as_json: bool) -> anyhow::Result<Exit> {
    let catalogue = Catalogue::builtin()?;
    let known = || catalogue.frameworks().iter().map(|framework| framework.id.as_str()).collect::<Vec<_>>().join(", ");
    let framework =
        catalogue.framework(id).with_context(|| format!("no framework has the id {id:?}; known: {}", known()))?;
    let Some(query) = control else { return show_framework(framework, as_json) };
    let lookup = catalogue.lookup(id, query).with_context(|| format!("no framework has the id {id:?}"))?;
    let (found, why) = match &lookup {
        Lookup::Exact(item) => (vec![*item], None),
        Lookup::Alias { to, why, .. } => (vec![*to], Some(why.clone())),
        Lookup::Withdrawn { to, why, .. } => (to.clone(), Some(why.clone())),
        Lookup::Unknown { suggestions, .. } => {
            let near = suggestions.join(", ");
            bail!(
                "{query:?} is no control of {id}{}",
                if near.is_empty() { String::new() } else { format!("; near it: {near}") }
            );
        }
    };
    if as_json {
        let items: Vec<Value> = found.iter().map(|item| item_json(&catalogue, framework, item)).collect();
        output::json(&json!({ "query": query, "why": why, "items": items }))?;
        return Ok(Exit::Yes);
    }
    if let Some(why) = why {
        output::line(why)?;
    }
    for item in &found {
        match item {
            Item::Control(control) => show_control(&catalogue, framework, control)?,
            Item::Group(group) => {
                output::line(format!("{}  {}", group.display, group.title))?;
                for control in group.controls_deep() {
                    output::line(format!("  {:<12} {}", control.display, control.title))?;
                }
            }
        }
    }
    Ok(Exit::Yes)
}

fn show_framework(framework: &Framework, as_json: bool) -> anyhow::Result<Exit> {
    if as_json {
        let controls: Vec<Value> = framework
            .controls()
            .into_iter()
            .map(|c| json!({ "id": c.id, "display": c.display, "title": c.title, "statement": c.statement }))
            .collect();
        output::json(&json!({ "id": framework.id, "title": framework.title, "controls": controls }))?;
        return Ok(Exit::Yes);
    }
    output::line(format!("{} — {} ({})", framework.id, framework.title, framework.publisher))?;
    for control in framework.controls() {
        output::line(format!("  {:<14} {}", control.display, control.title))?;
    }
    Ok(Exit::Yes)
}

fn show_control(catalogue: &Catalogue, framework: &Framework, control: &Control) -> anyhow::Result<()> {
    output::line(format!("{}  {}", control.display, control.title))?;
    output::line(format!("  {}", control.statement))?;
    let Some(row) = catalogue.mapping(&framework.id).and_then(|mapping| mapping.row(&control.id)) else {
        return Ok(());
    };
    output::line(format!("  ceiling: {}", row.ceiling.as_str()))?;
    output::line(format!("  a ledger cannot show: {}", row.not_shown))?;
    for id in &row.tests {
        let question = catalogue.test(id).map_or("not written yet", |test| test.question.as_str());
        output::line(format!("  {id:<12} {question}"))?;
    }
    Ok(())
}

fn item_json(catalogue: &Catalogue, framework: &Framework, item: &Item<'_>) -> Value {
    let Item::Control(control) = item else {
        return json!({ "id": item.id(), "title": item.title() });
    };
    let row = catalogue.mapping(&framework.id).and_then(|mapping| mapping.row(&control.id));
    json!({
        "id": control.id, "display": control.display, "title": control.title, "statement": control.statement,
        "ceiling": row.map(|row| row.ceiling.as_str()), "tests": row.map(|row| &row.tests), "not_shown": row.map(|row| &row.not_shown),
    })
}

fn check(dir: Option<&std::path::Path>, talk: Talk) -> anyhow::Result<Exit> {
    let catalogue = match dir {
        Some(dir) => Catalogue::builtin_with(dir)?,
        None => Catalogue::builtin()?,
    };
    let mut wrong = 0;
    for problem in catalogue.check() {
        output::line(problem.to_string())?;
        wrong += 1;
    }
    for test in catalogue.tests() {
        for fault in sealbook_controls::check_fixtures(test) {
            output::line(fault.to_string())?;
            wrong += 1;
        }
    }
    for id in catalogue.unwritten_tests() {
        talk.say(format!("note: {id} is mapped but not written; controls that need it cannot be satisfied"));
    }
    output::line(format!(
        "{} control tests, each with a passing and a failing fixture: {wrong} problems",
        catalogue.tests().len()
    ))?;
    Ok(if wrong == 0 { Exit::Yes } else { Exit::No })
}
