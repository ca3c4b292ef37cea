//! What a report says, before it has pages: sections of blocks. Every figure in it is already text.

use std::collections::BTreeMap;

/// A finished report model. Renderers lay it out and compute nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// First page, headers, footers and document properties.
    pub cover: Cover,
    /// The sections in reading order.
    pub sections: Vec<Section>,
    /// Words and colours of the definition.
    pub theme: Theme,
    /// The figures that the summary prints, as numbers, so that they can be compared with their source.
    pub figures: Figures,
}

/// The first page, and what every page repeats.
#[derive(Clone, Debug, PartialEq)]
pub struct Cover {
    /// Organisation that the ledger belongs to.
    pub organisation: String,
    /// Title of the report.
    pub title: String,
    /// The period in words.
    pub period: String,
    /// Report number.
    pub number: String,
    /// Handling words such as `CONFIDENTIAL`, printed on each page.
    pub classification: Option<String>,
    /// The verdict line.
    pub verdict: Callout,
    /// A word that every page carries, where the whole report must be read with it.
    pub banner: Option<String>,
    /// Facts under the title.
    pub facts: Vec<Fact>,
    /// Bytes drawn as the cover's pattern: the ledger's root, so that two ledgers look different.
    pub pattern: Vec<u8>,
    /// Document language, for example `en`.
    pub language: String,
    /// Name and version of the program that made the report.
    pub producer: String,
    /// Time of making, µs since the Unix epoch.
    pub generated_at: i64,
    /// One sentence for the document properties.
    pub subject: String,
}

/// The figures of a summary, as counted by the assessment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Controls per status, over all frameworks; keys are the status ids.
    pub controls: BTreeMap<String, u64>,
    /// Tests per result; keys are the result ids.
    pub tests: BTreeMap<String, u64>,
    /// Members that failed and that no exception covers.
    pub open_deviations: u64,
    /// Members that failed and that an exception covers.
    pub covered_deviations: u64,
    /// Members that could not be decided.
    pub undecided: u64,
}

/// A section: a first-level heading with what follows.
#[derive(Clone, Debug, PartialEq)]
pub struct Section {
    /// Where links to it lead.
    pub anchor: String,
    /// Title.
    pub title: String,
    /// Whether it starts on a new page.
    pub new_page: bool,
    /// Content.
    pub blocks: Vec<Block>,
}

/// A piece of a section.
#[derive(Clone, Debug, PartialEq)]
pub enum Block {
    /// A heading of level 2 to 4.
    Heading(Heading),
    /// A paragraph.
    Text(Vec<Inline>),
    /// A paragraph in small, quiet type.
    Note(Vec<Inline>),
    /// A box that must be seen.
    Callout(Callout),
    /// Labels with values.
    Facts(Vec<Fact>),
    /// A row of big figures.
    Cards(Vec<Card>),
    /// A table.
    Table(Table),
    /// One stacked bar per row.
    Bars(Bars),
    /// A ring with a legend.
    Donut(Donut),
    /// Tiles of controls by category.
    Heat(HeatMap),
    /// Columns over time.
    Columns(Columns),
    /// Lines of a command or a signed text.
    Code(Vec<String>),
    /// A QR code beside labels with values.
    Qr(QrBlock),
    /// The table of contents, made from the headings.
    Contents,
    /// A page break.
    NewPage,
}

/// A heading inside a section.
#[derive(Clone, Debug, PartialEq)]
pub struct Heading {
    /// 2 to 4.
    pub level: u8,
    /// Text.
    pub text: String,
    /// A badge after the text.
    pub badge: Option<Badge>,
    /// Where links to it lead.
    pub anchor: Option<String>,
}

/// How a piece of text is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Face {
    /// Body type.
    Plain,
    /// Emphasis.
    Strong,
    /// Ids, digests, commands.
    Mono,
    /// Secondary words.
    Quiet,
}

/// A piece of running text.
#[derive(Clone, Debug, PartialEq)]
pub struct Inline {
    /// The words. Characters that cannot be shown are replaced visibly when laid out.
    pub text: String,
    /// How they are set.
    pub face: Face,
    /// The anchor that a click leads to.
    pub link: Option<String>,
    /// When set, the text is the page number of this anchor.
    pub page_of: Option<String>,
}

impl Inline {
    /// Text in the given face.
    #[must_use]
    pub fn new(text: impl Into<String>, face: Face) -> Self {
        Self { text: text.into(), face, link: None, page_of: None }
    }

    /// Body text.
    #[must_use]
    pub fn plain(text: impl Into<String>) -> Self {
        Self::new(text, Face::Plain)
    }

    /// Emphasised text.
    #[must_use]
    pub fn strong(text: impl Into<String>) -> Self {
        Self::new(text, Face::Strong)
    }

    /// Fixed-width text.
    #[must_use]
    pub fn mono(text: impl Into<String>) -> Self {
        Self::new(text, Face::Mono)
    }

    /// Secondary text.
    #[must_use]
    pub fn quiet(text: impl Into<String>) -> Self {
        Self::new(text, Face::Quiet)
    }

    /// The same text, leading to an anchor.
    #[must_use]
    pub fn to(mut self, anchor: impl Into<String>) -> Self {
        self.link = Some(anchor.into());
        self
    }

    /// The page number of an anchor, leading there.
    #[must_use]
    pub fn page_of(anchor: impl Into<String>) -> Self {
        let anchor = anchor.into();
        Self { text: String::new(), face: Face::Plain, link: Some(anchor.clone()), page_of: Some(anchor) }
    }
}

/// What a colour stands for. Every use of one is accompanied by a sign or a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tone {
    /// Shown to be so.
    Good,
    /// Shown in part.
    Partial,
    /// Shown not to be so.
    Bad,
    /// Covered by an exception.
    Covered,
    /// Not known.
    Unknown,
    /// Stated by somebody.
    Stated,
    /// Outside of what is looked at.
    Outside,
    /// Neither good nor bad.
    Neutral,
}

/// A sign with a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Badge {
    /// The sign, one character.
    pub mark: String,
    /// The word.
    pub text: String,
    /// The colour.
    pub tone: Tone,
}

/// A box that must be seen.
#[derive(Clone, Debug, PartialEq)]
pub struct Callout {
    /// The colour.
    pub tone: Tone,
    /// White on the full colour: nobody may miss it.
    pub loud: bool,
    /// First line.
    pub title: String,
    /// What follows.
    pub text: Vec<Inline>,
}

/// A label with a value.
#[derive(Clone, Debug, PartialEq)]
pub struct Fact {
    /// The label.
    pub label: String,
    /// The value.
    pub value: Vec<Inline>,
}

/// A big figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Card {
    /// The figure.
    pub value: String,
    /// What it counts, with its sign.
    pub badge: Badge,
}

/// A table whose heading is repeated on every page that it covers.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// Columns.
    pub columns: Vec<Column>,
    /// Rows: one cell per column.
    pub rows: Vec<Vec<Cell>>,
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Heading.
    pub title: String,
    /// Width.
    pub width: Width,
    /// Whether the content stands at the right edge, for figures.
    pub right: bool,
}

/// Width of a column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Width {
    /// In points.
    Points(f32),
    /// Share of what fixed columns leave.
    Share(f32),
}

/// A cell of a table.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// Running text.
    Text(Vec<Inline>),
    /// A badge.
    Badge(Badge),
}

/// Stacked bars, one per row.
#[derive(Clone, Debug, PartialEq)]
pub struct Bars {
    /// What the picture shows, in words, for readers who cannot see it.
    pub alt: String,
    /// Meaning of the segments, in order.
    pub series: Vec<Badge>,
    /// Label and one value per series.
    pub rows: Vec<(String, Vec<u64>)>,
}

/// A ring of counts.
#[derive(Clone, Debug, PartialEq)]
pub struct Donut {
    /// What the picture shows, in words.
    pub alt: String,
    /// The figure in the middle.
    pub total: u64,
    /// What the figure in the middle counts.
    pub total_label: String,
    /// Parts with their meaning.
    pub parts: Vec<(Badge, u64)>,
}

/// Tiles of controls by category.
#[derive(Clone, Debug, PartialEq)]
pub struct HeatMap {
    /// What the picture shows, in words.
    pub alt: String,
    /// One tile per category.
    pub tiles: Vec<Tile>,
}

/// One category of a heat map.
#[derive(Clone, Debug, PartialEq)]
pub struct Tile {
    /// Id of the category.
    pub id: String,
    /// Title of the category.
    pub title: String,
    /// Counts in words.
    pub counts: String,
    /// Tone of the tile: the most pressing status in it.
    pub tone: Tone,
    /// One badge per control, in catalogue order, with the anchor of its page where it has one.
    pub controls: Vec<(Badge, Option<String>)>,
}

/// Columns over time.
#[derive(Clone, Debug, PartialEq)]
pub struct Columns {
    /// What the picture shows, in words.
    pub alt: String,
    /// Meaning of the segments, in order from the bottom.
    pub series: Vec<Badge>,
    /// Label and one value per series.
    pub points: Vec<(String, Vec<u64>)>,
}

/// A QR code beside labels with values.
#[derive(Clone, Debug, PartialEq)]
pub struct QrBlock {
    /// What is encoded.
    pub text: String,
    /// What the code is, in words.
    pub alt: String,
    /// What stands beside it.
    pub facts: Vec<Fact>,
}

/// Colours and repeated words.
#[derive(Clone, Debug, PartialEq)]
pub struct Theme {
    /// Colour of ink, per role and tone.
    pub colours: Colours,
    /// The page line: `{page}` and `{pages}` are replaced.
    pub page_of_pages: String,
}

/// An sRGB colour, each part from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Colour {
    /// Red.
    pub r: f32,
    /// Green.
    pub g: f32,
    /// Blue.
    pub b: f32,
}

impl Colour {
    /// White.
    pub const WHITE: Self = Self { r: 1.0, g: 1.0, b: 1.0 };

    /// This colour mixed with another: `share` 0 gives this one, 1 the other.
    #[must_use]
    pub fn mix(self, other: Self, share: f32) -> Self {
        let mix = |a: f32, b: f32| a + (b - a) * share;
        Self { r: mix(self.r, other.r), g: mix(self.g, other.g), b: mix(self.b, other.b) }
    }
}

/// Colours by use.
#[derive(Clone, Debug, PartialEq)]
pub struct Colours {
    /// Text.
    pub ink: Colour,
    /// Secondary text.
    pub quiet: Colour,
    /// Lines.
    pub line: Colour,
    /// Cover and table headings.
    pub brand: Colour,
    /// Links and accents.
    pub accent: Colour,
    /// Pale ground of rows and boxes.
    pub ground: Colour,
    /// One colour per tone.
    pub tones: BTreeMap<Tone, Colour>,
}

impl Colours {
    /// The colour of a tone; the ink where the definition has none.
    #[must_use]
    pub fn tone(&self, tone: Tone) -> Colour {
        self.tones.get(&tone).copied().unwrap_or(self.ink)
    }
}
