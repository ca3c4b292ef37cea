//! A log as a stored projection reads it.

use sealbook_core::entry::Entry;
use sealbook_core::note::encode_base64;
use sealbook_core::tree::range_hash;
use sealbook_log::Reader;
use sealbook_projection::{BuildError, Log, Position, SourceError};

/// A reader, for [`sealbook_projection::Projection::keep`].
#[derive(Clone, Copy, Debug)]
pub struct ReaderLog<'r>(pub &'r Reader);

impl Log for ReaderLog<'_> {
    fn position(&self) -> Result<Position, SourceError> {
        Ok(crate::position(self.0, &self.0.checkpoint()))
    }

    fn root_at(&self, size: u64) -> Result<Option<String>, SourceError> {
        if size > self.0.size() {
            return Ok(None);
        }
        Ok(Some(encode_base64(&range_hash(self.0, 0, size)?.0)))
    }

    fn entries(
        &self,
        first: u64,
        end: u64,
        each: &mut dyn FnMut(&Entry) -> Result<(), BuildError>,
    ) -> Result<(), SourceError> {
        for stored in self.0.entries(first, end) {
            each(&stored?.entry()?)?;
        }
        Ok(())
    }
}
