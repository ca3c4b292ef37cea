//! Progress on a terminal, silence in a pipe.

use std::io::IsTerminal as _;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Says things on standard error unless it was told to be quiet.
#[derive(Clone, Copy, Debug)]
pub struct Talk {
    quiet: bool,
}

impl Talk {
    /// A voice.
    pub fn new(quiet: bool) -> Self {
        Self { quiet }
    }

    /// Says a line.
    #[expect(clippy::print_stderr, reason = "talk goes to standard error")]
    pub fn say(self, text: impl AsRef<str>) {
        if !self.quiet {
            eprintln!("{}", text.as_ref());
        }
    }

    /// A bar over `total` steps; hidden unless standard error is a terminal.
    pub fn bar(self, total: u64, what: &str) -> ProgressBar {
        let bar = ProgressBar::new(total);
        let hidden = self.quiet || !std::io::stderr().is_terminal();
        bar.set_draw_target(if hidden { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() });
        if let Ok(style) = ProgressStyle::with_template("{msg:24} {bar:32} {human_pos}/{human_len} {eta}") {
            bar.set_style(style);
        }
        bar.set_message(what.to_owned());
        bar
    }
}
