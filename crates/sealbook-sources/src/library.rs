//! All sources of one service or one import: those of this crate, and those that its operator described.

use std::sync::Arc;

use crate::carried::Customs;
use crate::cloudevents::CloudEvents;
use crate::custom::Custom;
use crate::firehose::Firehose;
use crate::hec::Hec;
use crate::otlp::Otlp;
use crate::{SOURCES, Source};

/// Sources by name.
#[derive(Clone, Debug, Default)]
pub struct Library {
    customs: Customs,
    otlp: Otlp,
    hec: Hec,
    firehose: Firehose,
    cloudevents: CloudEvents,
}

impl Library {
    /// The sources of this crate and these. What a carrier brings is looked up among all of them.
    ///
    /// # Errors
    /// Names the source that two descriptions have.
    pub fn new(custom: Vec<Custom>) -> Result<Self, String> {
        for (n, one) in custom.iter().enumerate() {
            if custom.iter().take(n).any(|other| other.name() == one.name()) {
                return Err(format!("two descriptions have the name {:?}", one.name()));
            }
        }
        let customs = Customs(Some(Arc::from(custom)));
        Ok(Self {
            otlp: Otlp { customs: customs.clone() },
            hec: Hec { customs: customs.clone() },
            firehose: Firehose { customs: customs.clone() },
            cloudevents: CloudEvents { customs: customs.clone() },
            customs,
        })
    }

    fn carriers(&self) -> [&dyn Source; 4] {
        [&self.otlp, &self.hec, &self.firehose, &self.cloudevents]
    }

    /// The source with this name.
    #[must_use]
    pub fn by_name(&self, name: &str) -> Option<&dyn Source> {
        let custom = self.customs.all().iter().find(|custom| custom.name() == name);
        let carrier = || self.carriers().into_iter().find(|carrier| carrier.name() == name);
        let plain = || SOURCES.iter().copied().find(|source| source.name() == name);
        custom.map(|custom| custom as &dyn Source).or_else(carrier).or_else(plain)
    }

    /// The source that recognises a body by its beginning; see [`crate::detect`].
    #[must_use]
    pub fn detect(&self, head: &[u8]) -> Option<&dyn Source> {
        let custom = self.customs.all().iter().find(|custom| custom.recognises(head));
        custom.map(|custom| custom as &dyn Source).or_else(|| {
            let found = crate::detect(head)?;
            self.by_name(found.name())
        })
    }

    /// Names of all sources, the operator's last.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        SOURCES.iter().map(|source| source.name()).chain(self.customs.all().iter().map(|custom| custom.name()))
    }
}
