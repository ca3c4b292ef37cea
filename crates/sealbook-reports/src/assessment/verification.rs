//! How a reader checks the report: commands, key, checkpoint, QR code.

use super::{Builder, borrowed};
use crate::error::ReportError;
use crate::format::count;
use crate::model::{Block, Inline, QrBlock};

impl Builder<'_> {
    pub(super) fn verification(&self) -> Result<Vec<Block>, ReportError> {
        let d = &self.definition;
        let pack = self.context.pack_file.as_str();
        let commands = ["verify-command-pack", "verify-command-standalone"].map(|key| d.say(key, &[("pack", pack)]));
        Ok(vec![
            self.text("verify-text")?,
            self.heading("verify-commands-title")?,
            Block::Code(commands.into_iter().collect::<Result<_, _>>()?),
            self.text("verify-commands-text")?,
            self.heading("verify-key-title")?,
            Block::Qr(self.qr()?),
            self.heading("verify-checkpoint-title")?,
            self.text("verify-checkpoint-text")?,
            Block::Code(self.context.checkpoint.lines().map(str::to_owned).collect()),
            self.heading("verify-compare-title")?,
            self.text("verify-compare")?,
        ])
    }

    fn qr(&self) -> Result<QrBlock, ReportError> {
        let d = &self.definition;
        let a = self.assessment;
        let context = self.context;
        let places = [
            ("ledger", a.origin.clone()),
            ("size", a.size.to_string()),
            ("root", a.root.clone()),
            ("fingerprint", context.key_fingerprint.clone()),
            ("results", context.results_sha256.clone()),
        ];
        Ok(QrBlock {
            text: d.say("verify-qr-text", &borrowed(&places))?,
            alt: d.word("verify-qr-alt")?.to_owned(),
            facts: vec![
                self.fact("fact-ledger", Inline::mono(&a.origin))?,
                self.fact("verify-size", Inline::plain(count(a.size)))?,
                self.fact("verify-root", Inline::mono(&a.root))?,
                self.fact("verify-key", Inline::mono(&context.verifier_key))?,
                self.fact("verify-fingerprint", Inline::mono(&context.key_fingerprint))?,
                self.fact("verify-results", Inline::mono(&context.results_sha256))?,
            ],
        })
    }
}
