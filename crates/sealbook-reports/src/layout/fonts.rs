//! The vendored faces: which one has a character, and the glyphs and widths of a word.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use rustybuzz::{BufferClusterLevel, Direction, Feature, UnicodeBuffer, ttf_parser::Tag};

use crate::error::ReportError;

/// Number of vendored faces.
pub(crate) const FACES: usize = 6;

/// A vendored face.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum FaceId {
    Regular,
    SemiBold,
    Bold,
    Mono,
    Wide,
    Cjk,
}

impl FaceId {
    pub(crate) const ALL: [Self; FACES] =
        [Self::Regular, Self::SemiBold, Self::Bold, Self::Mono, Self::Wide, Self::Cjk];

    /// PostScript name, as it stands in the font.
    pub(crate) const fn postscript_name(self) -> &'static str {
        match self {
            Self::Regular => "Inter-Regular",
            Self::SemiBold => "Inter-SemiBold",
            Self::Bold => "Inter-Bold",
            Self::Mono => "DejaVuSansMono",
            Self::Wide => "DejaVuSans",
            Self::Cjk => "DroidSansFallback",
        }
    }

    /// The font file.
    pub(crate) const fn bytes(self) -> &'static [u8] {
        match self {
            Self::Regular => include_bytes!("../../../../reports/fonts/Inter-Regular.otf"),
            Self::SemiBold => include_bytes!("../../../../reports/fonts/Inter-SemiBold.otf"),
            Self::Bold => include_bytes!("../../../../reports/fonts/Inter-Bold.otf"),
            Self::Mono => include_bytes!("../../../../reports/fonts/DejaVuSansMono.ttf"),
            Self::Wide => include_bytes!("../../../../reports/fonts/DejaVuSans.ttf"),
            Self::Cjk => include_bytes!("../../../../reports/fonts/DroidSansFallback.ttf"),
        }
    }
}

/// A glyph with its place in a word, in thousandths of the type size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Glyph {
    /// Glyph id in its face.
    pub(crate) id: u16,
    /// How far the pen moves, kerning included.
    pub(crate) advance: i32,
    /// How far the pen moves by the face's own width of the glyph.
    pub(crate) width: i32,
    /// Shift of this glyph alone, right and up.
    pub(crate) shift: (i32, i32),
    /// Byte offset in the word of the character it shows.
    pub(crate) at: usize,
}

/// A shaped word.
#[derive(Debug, Default)]
pub(crate) struct Shaped {
    pub(crate) glyphs: Vec<Glyph>,
    /// Sum of the advances, in thousandths of the type size.
    pub(crate) width: i32,
}

struct Loaded {
    face: rustybuzz::Face<'static>,
    units_per_em: i32,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct ShapeKey {
    face: FaceId,
    rtl: bool,
    tabular: bool,
}

/// All faces, parsed, with what was shaped so far.
pub(crate) struct Fonts {
    loaded: Vec<Loaded>,
    shaped: HashMap<ShapeKey, HashMap<Box<str>, Rc<Shaped>>>,
    /// What each used glyph says, for copying and searching; the first use decides.
    said: BTreeMap<FaceId, BTreeMap<u16, String>>,
}

impl Fonts {
    pub(crate) fn load() -> Result<Self, ReportError> {
        let loaded = FaceId::ALL
            .iter()
            .map(|id| {
                let face = rustybuzz::Face::from_slice(id.bytes(), 0).ok_or_else(|| ReportError::Font {
                    face: id.postscript_name(),
                    detail: "the file does not parse".to_owned(),
                })?;
                let units_per_em = face.units_per_em();
                Ok(Loaded { face, units_per_em })
            })
            .collect::<Result<Vec<_>, ReportError>>()?;
        Ok(Self { loaded, shaped: HashMap::new(), said: BTreeMap::new() })
    }

    fn loaded(&self, id: FaceId) -> Option<&Loaded> {
        FaceId::ALL.iter().position(|face| *face == id).and_then(|at| self.loaded.get(at))
    }

    /// The face's tables, for the embedding.
    pub(crate) fn face(&self, id: FaceId) -> Option<&rustybuzz::Face<'static>> {
        self.loaded(id).map(|loaded| &loaded.face)
    }

    fn has(&self, id: FaceId, c: char) -> bool {
        self.loaded(id).is_some_and(|loaded| loaded.face.glyph_index(c).is_some_and(|glyph| glyph.0 != 0))
    }

    /// Whether some face shows the character.
    pub(crate) fn covers(&self, c: char) -> bool {
        [FaceId::Regular, FaceId::Wide, FaceId::Cjk].into_iter().any(|id| self.has(id, c))
    }

    /// The face that shows a character wanted in `first`.
    pub(crate) fn choose(&self, first: FaceId, c: char) -> FaceId {
        [first, FaceId::Regular, FaceId::Wide, FaceId::Cjk].into_iter().find(|id| self.has(*id, c)).unwrap_or(first)
    }

    /// What the glyphs used so far say.
    pub(crate) const fn said(&self) -> &BTreeMap<FaceId, BTreeMap<u16, String>> {
        &self.said
    }

    /// Shapes a word that one face shows.
    pub(crate) fn shape(&mut self, face: FaceId, text: &str, rtl: bool, tabular: bool) -> Rc<Shaped> {
        let key = ShapeKey { face, rtl, tabular };
        if let Some(found) = self.shaped.get(&key).and_then(|words| words.get(text)) {
            return Rc::clone(found);
        }
        let shaped = Rc::new(self.shape_new(key, text));
        self.remember(face, text, &shaped);
        self.shaped.entry(key).or_default().insert(text.into(), Rc::clone(&shaped));
        shaped
    }

    fn shape_new(&self, key: ShapeKey, text: &str) -> Shaped {
        let Some(loaded) = self.loaded(key.face) else { return Shaped::default() };
        let mut buffer = UnicodeBuffer::new();
        buffer.push_str(text);
        buffer.set_cluster_level(BufferClusterLevel::Characters);
        buffer.guess_segment_properties();
        buffer.set_direction(if key.rtl { Direction::RightToLeft } else { Direction::LeftToRight });
        let output = rustybuzz::shape(&loaded.face, &features(key.tabular), buffer);
        let scale = |units: i32| (units * 1000).div_euclid(loaded.units_per_em);
        let glyphs: Vec<Glyph> = output
            .glyph_infos()
            .iter()
            .zip(output.glyph_positions())
            .map(|(info, position)| {
                let id = u16::try_from(info.glyph_id).unwrap_or_default();
                let own = loaded.face.glyph_hor_advance(rustybuzz::ttf_parser::GlyphId(id)).map_or(0, i32::from);
                // The engine prints whole thousandths: taking them here keeps layout and page equal.
                let width = scale(own);
                let advance = if position.x_advance == own { width } else { scale(position.x_advance) };
                let at = usize::try_from(info.cluster).unwrap_or_default();
                Glyph { id, advance, width, shift: (scale(position.x_offset), scale(position.y_offset)), at }
            })
            .collect();
        let width = glyphs.iter().map(|glyph| glyph.advance).sum();
        Shaped { glyphs, width }
    }

    fn remember(&mut self, face: FaceId, text: &str, shaped: &Shaped) {
        let said = self.said.entry(face).or_default();
        let mut starts: Vec<usize> = shaped.glyphs.iter().map(|glyph| glyph.at).collect();
        starts.sort_unstable();
        starts.dedup();
        for glyph in &shaped.glyphs {
            let end = starts.iter().copied().find(|start| *start > glyph.at).unwrap_or(text.len());
            let part = text.get(glyph.at..end).unwrap_or_default();
            said.entry(glyph.id).or_insert_with(|| part.to_owned());
        }
    }
}

/// Kerning yes, ligatures no: `->` in evidence must stay `->`.
fn features(tabular: bool) -> Vec<Feature> {
    let feature = |tag: &[u8; 4], value| Feature::new(Tag::from_bytes(tag), value, ..);
    let mut all = vec![feature(b"liga", 0), feature(b"calt", 0), feature(b"clig", 0), feature(b"kern", 1)];
    if tabular {
        all.push(feature(b"tnum", 1));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_script_finds_a_face() {
        let fonts = Fonts::load().unwrap();
        assert_eq!(fonts.choose(FaceId::SemiBold, 'Ж'), FaceId::SemiBold);
        assert_eq!(fonts.choose(FaceId::Regular, 'ع'), FaceId::Wide);
        assert_eq!(fonts.choose(FaceId::Regular, '数'), FaceId::Cjk);
        assert!(!fonts.covers('\u{1F916}'));
    }

    #[test]
    fn arrows_in_evidence_are_not_turned_into_ligatures() {
        let mut fonts = Fonts::load().unwrap();
        assert_eq!(fonts.shape(FaceId::Regular, "a->b", false, false).glyphs.len(), 4);
    }

    #[test]
    fn arabic_letters_are_joined_and_run_from_the_right() {
        let mut fonts = Fonts::load().unwrap();
        let alone = fonts.shape(FaceId::Wide, "ع", true, false).glyphs[0].id;
        let word = fonts.shape(FaceId::Wide, "ععع", true, false);
        assert!(word.glyphs.iter().any(|glyph| glyph.id != alone));
        assert!(word.glyphs[0].at > word.glyphs[2].at);
    }
}
