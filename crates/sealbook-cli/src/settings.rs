//! Settings on the command line: one flag for each, and the file that they come before.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::{Arg, ArgAction, ArgMatches, Command, FromArgMatches};
use sealbook_service::settings::{Holds, SETTINGS, Settings};

/// The flags that were given, by the keys of their settings.
#[derive(Clone, Debug, Default)]
pub struct Flags(Vec<(&'static str, String)>);

impl Flags {
    /// Only this one.
    pub fn one(key: &'static str, value: impl ToString) -> Self {
        Self(vec![(key, value.to_string())])
    }

    /// Puts them together with the environment and a file.
    ///
    /// # Errors
    /// When the file cannot be read, or with everything that is wrong in what was set.
    pub fn gather(&self, file: Option<&Path>) -> anyhow::Result<Settings> {
        let text =
            file.map(|path| std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display())));
        let text = text.transpose()?;
        let file = file.zip(text.as_deref());
        match Settings::gather(file, |name| std::env::var(name).ok(), &self.0) {
            Ok(settings) => Ok(settings),
            Err(errors) => {
                let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
                bail!("{}", errors.join("\nerror: "))
            }
        }
    }
}

impl FromArgMatches for Flags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = |key| {
            let values: Option<Vec<String>> = matches.get_many::<String>(key).map(|values| values.cloned().collect());
            values.map(|values| (key, values.join(",")))
        };
        Ok(Self(SETTINGS.iter().filter_map(|setting| given(setting.key)).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl clap::Args for Flags {
    fn augment_args(command: Command) -> Command {
        SETTINGS.iter().fold(command, |command, setting| {
            let (name, action) = match setting.holds {
                Holds::Address => ("ADDR", ArgAction::Set),
                Holds::File => ("FILE", ArgAction::Set),
                Holds::Text => ("TEXT", ArgAction::Set),
                Holds::Truth => ("BOOL", ArgAction::Set),
                Holds::Number(..) => ("N", ArgAction::Set),
                Holds::Word(_) => ("WORD", ArgAction::Set),
                Holds::List => ("NAME", ArgAction::Append),
            };
            let mut help = setting.meaning.to_owned();
            if !setting.default.is_empty() {
                help.push_str(&format!(" [default: {}]", setting.default));
            }
            let arg = Arg::new(setting.key).long(setting.flag()).value_name(name).action(action).help(help);
            let arg = arg.help_heading("Settings");
            command.arg(match setting.holds {
                Holds::Truth => arg.num_args(0..=1).require_equals(true).default_missing_value("true"),
                _ => arg,
            })
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

/// The file and the flags: the same arguments wherever settings are gathered.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct SettingArgs {
    /// Configuration file; flags and `SEALBOOK_…` variables count before it.
    #[arg(long, env = "SEALBOOK_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The flags.
    #[command(flatten)]
    pub flags: Flags,
}
