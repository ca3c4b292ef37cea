//! Why a report could not be made.

/// Why a report could not be made: what, where, and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// A report definition (`reports/*.toml`) does not parse.
    #[error("report definition {file}: {detail}")]
    Definition {
        /// File name of the definition.
        file: &'static str,
        /// What is wrong, with the line.
        detail: String,
    },
    /// An assessment names a framework whose catalogue was not given.
    #[error("framework {id} is in the assessment, but its catalogue was not given to the report")]
    MissingFramework {
        /// Framework id.
        id: String,
    },
    /// An assessment names a control that the catalogue does not have.
    #[error("control {control} of framework {framework} is in the assessment, but not in the catalogue")]
    UnknownControl {
        /// Framework id.
        framework: String,
        /// Control id.
        control: String,
    },
    /// A time lies outside the years that a calendar can print.
    #[error("time {micros} µs since 1970 cannot be printed as a date")]
    Time {
        /// The time, µs since the Unix epoch.
        micros: i64,
    },
    /// A vendored font does not parse or cannot be cut down to the glyphs used.
    #[error("font {face}: {detail}")]
    Font {
        /// File name of the font.
        face: &'static str,
        /// What failed.
        detail: String,
    },
    /// A QR code cannot hold its text.
    #[error("QR code: {0}")]
    Qr(String),
    /// Page references did not settle.
    #[error("page numbers did not settle after {passes} layout passes; report this with the assessment that caused it")]
    Unsettled {
        /// Layout passes made.
        passes: usize,
    },
    /// The report is longer than the limit.
    #[error("the report would have more than {max} pages; choose a shorter period or fewer frameworks")]
    TooLong {
        /// The limit.
        max: usize,
    },
    /// An assessment cannot be written as OSCAL.
    #[error("OSCAL: {0}")]
    Oscal(String),
    /// The PDF engine failed.
    #[error("PDF: {0}")]
    Pdf(String),
}
