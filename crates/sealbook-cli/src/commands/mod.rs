//! One file per command.

pub mod config;
pub mod coverage;
pub mod demo;
pub mod export;
pub mod frameworks;
pub mod import;
pub mod init;
pub mod keys;
pub mod log;
pub mod pack;
pub mod prove;
pub mod query;
pub mod rebuild;
pub mod replay;
pub mod report;
pub mod serve;
pub mod simulate;
pub mod tokens;
pub mod verify;

use clap::CommandFactory as _;

use crate::args::{Args, Command};
use crate::output::Exit;
use crate::progress::Talk;

/// Runs the command.
///
/// # Errors
/// Whatever kept it from an answer.
pub fn run(args: Args) -> anyhow::Result<Exit> {
    let talk = Talk::new(args.quiet);
    match args.command {
        Command::Demo(args) => demo::run(&args, talk),
        Command::Init(args) => init::run(&args),
        Command::Import(args) => import::run(&args, talk),
        Command::Serve(args) => serve::run(&args, talk),
        Command::Verify(args) => verify::run(&args, talk),
        Command::Prove(args) => prove::run(&args, talk),
        Command::Log(args) => log::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::Coverage(args) => coverage::run(&args, talk),
        Command::Pack(args) => pack::run(&args, talk),
        Command::Report(args) => report::run(&args, talk),
        Command::Query(args) => query::run(&args, talk),
        Command::Frameworks(args) => frameworks::run(&args, talk),
        Command::Keys(args) => keys::run(&args, talk),
        Command::Config(args) => config::run(&args),
        Command::Tokens(args) => tokens::run(&args, talk),
        Command::Export(args) => export::run(&args, talk),
        Command::Rebuild(args) => rebuild::run(&args, talk),
        Command::Simulate(args) => simulate::run(&args),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Args::command(), "sealbook", &mut script);
            crate::output::write(&String::from_utf8_lossy(&script))?;
            Ok(Exit::Yes)
        }
    }
}
