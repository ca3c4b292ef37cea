//! The command line: every command with its arguments.

use clap::{Parser, Subcommand};

use crate::commands::{
    config, coverage, demo, export, frameworks, import, init, keys, log, pack, prove, query, rebuild, replay, report,
    serve, simulate, tokens, verify,
};

/// Append-only audit ledger for Zero Trust and non-human identities, and the reporter that turns it into evidence.
#[derive(Debug, Parser)]
#[command(name = "sealbook", version, propagate_version = true, arg_required_else_help = true)]
#[command(after_help = "Exit status: 0 yes or done, 1 the evidence says no, 2 could not tell.\n\
    Try `sealbook demo` first: it shows the whole way on a simulated organisation.")]
pub struct Args {
    /// Print only data and errors.
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show the whole way on a simulated organisation: ledger, verification, coverage, evidence pack, report.
    Demo(demo::Args),
    /// Create a ledger and its signing key; print the verifier key.
    Init(init::Args),
    /// Commit files of a known source format.
    Import(import::Args),
    /// Run the ingestion service and the read API.
    Serve(serve::Args),
    /// Check a ledger folder, an evidence pack or a proof file.
    Verify(verify::Args),
    /// Write an entry and the proof that it is in the ledger.
    Prove(prove::Args),
    /// List entries.
    Log(log::Args),
    /// Replay what an identity, credential, resource, session or approval went through; or what stood at a time.
    Replay(replay::Args),
    /// Say what the entries show about the controls of each framework.
    Coverage(coverage::Args),
    /// Make an evidence pack.
    Pack(pack::Args),
    /// Make the PDF report alone.
    Report(report::Args),
    /// Ask the ledger in SQL.
    Query(query::Args),
    /// Look at the catalogues; check control tests.
    Frameworks(frameworks::Args),
    /// Show the verifier key.
    Keys(keys::Args),
    /// Check the settings of the service and print what they come to.
    Config(config::Args),
    /// Make, list and withdraw the tokens with which others use the service.
    Tokens(tokens::Args),
    /// Write the log as a static tlog-tiles tree.
    Export(export::Args),
    /// Throw the derived stores away and make them anew from the log.
    Rebuild(rebuild::Args),
    /// Write the events of the model organisation as NDJSON.
    Simulate(simulate::Args),
    /// Print a completion script for a shell.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
}
