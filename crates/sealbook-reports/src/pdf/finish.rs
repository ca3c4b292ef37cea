//! What the engine cannot say: fixed ids, version, properties, bookmarks, links, meaning, colour intent.

use std::collections::BTreeMap;

use lopdf::{Dictionary, Document, Object, ObjectId, Stream, StringFormat, dictionary};
use sha2::{Digest, Sha256};

use super::meaning::{self, LinkObject};
use super::{colour_profile, metadata};
use crate::error::ReportError;
use crate::layout::page::{OutlineEntry, PAGE_HEIGHT, Paged, Place};
use crate::model::Cover;

/// Finishes a drawn document and gives its bytes.
pub(super) fn finish(mut document: Document, paged: &Paged, cover: &Cover) -> Result<Vec<u8>, ReportError> {
    let pages: Vec<ObjectId> = document.get_pages().into_values().collect();
    if pages.len() != paged.pages.len() {
        return Err(ReportError::Pdf(format!("{} pages drawn of {}", pages.len(), paged.pages.len())));
    }
    let links = add_links(&mut document, paged, &pages)?;
    let tree = meaning::write(&mut document, paged, &pages, &links)?;
    let outline = add_outline(&mut document, &paged.outline, &pages);
    let xmp = Stream::new(dictionary! { "Type" => "Metadata", "Subtype" => "XML" }, metadata::xmp(cover)?.into_bytes());
    let xmp = document.add_object(xmp.with_compression(false));
    let profile = Stream::new(dictionary! { "N" => 3, "Alternate" => "DeviceRGB" }, colour_profile::srgb());
    let profile = document.add_object(profile);
    let intent = document.add_object(dictionary! {
        "Type" => "OutputIntent", "S" => "GTS_PDFA1", "OutputConditionIdentifier" => Object::string_literal("sRGB"),
        "Info" => Object::string_literal("sRGB IEC61966-2.1"), "DestOutputProfile" => profile,
    });
    let catalog = document.catalog_mut().map_err(pdf_error)?;
    catalog.remove(b"PageLayout");
    catalog.set("PageMode", "UseOutlines");
    catalog.set("Lang", text_string(&cover.language));
    catalog.set("MarkInfo", dictionary! { "Marked" => true });
    catalog.set("ViewerPreferences", dictionary! { "DisplayDocTitle" => true });
    catalog.set("StructTreeRoot", tree);
    catalog.set("Metadata", xmp);
    catalog.set("OutputIntents", vec![intent.into()]);
    if let Some(outline) = outline {
        catalog.set("Outlines", outline);
    }
    replace_info(&mut document, cover)?;
    document.compress();
    document.version = "1.7".to_owned();
    save_with_id(document)
}

/// Our document properties in the place of the engine's.
fn replace_info(document: &mut Document, cover: &Cover) -> Result<(), ReportError> {
    let info = metadata::info(cover)?;
    match document.trailer.get(b"Info").and_then(Object::as_reference) {
        Ok(id) => {
            document.objects.insert(id, info.into());
        }
        Err(_) => {
            let id = document.add_object(info);
            document.trailer.set("Info", id);
        }
    }
    Ok(())
}

/// Link annotations, and for each page its place in the tree of meaning.
fn add_links(document: &mut Document, paged: &Paged, pages: &[ObjectId]) -> Result<Vec<LinkObject>, ReportError> {
    let mut objects = Vec::new();
    let mut key = i64::try_from(pages.len()).map_err(pdf_error)?;
    for (number, (page, id)) in (0_i64..).zip(paged.pages.iter().zip(pages)) {
        let mut annotations = Vec::new();
        for link in &page.links {
            let Some(place) = paged.anchors.get(&link.anchor) else {
                return Err(ReportError::Pdf(format!(
                    "a link leads to {}, which is nowhere in the report",
                    link.anchor
                )));
            };
            let rect = [link.x, PAGE_HEIGHT - link.y - link.height, link.x + link.width, PAGE_HEIGHT - link.y];
            let rect: Vec<Object> = rect.iter().map(|value| Object::Real((value * 100.0).round() / 100.0)).collect();
            let alt = if link.alt.is_empty() { &link.anchor } else { &link.alt };
            let mut annotation = dictionary! {
                "Type" => "Annot", "Subtype" => "Link", "Rect" => rect, "F" => 4, "Contents" => text_string(alt),
                "Border" => vec![0.into(), 0.into(), 0.into()], "Dest" => destination(*place, pages),
            };
            if link.element.is_some() {
                annotation.set("StructParent", key);
            }
            let annotation = document.add_object(annotation);
            annotations.push(Object::Reference(annotation));
            objects.push(LinkObject { element: link.element, page: *id, annotation, key });
            key += 1;
        }
        let page = document.get_dictionary_mut(*id).map_err(pdf_error)?;
        page.set("StructParents", number);
        page.set("Tabs", "S");
        if annotations.is_empty() {
            page.remove(b"Annots");
        } else {
            page.set("Annots", annotations);
        }
    }
    Ok(objects)
}

fn destination(place: Place, pages: &[ObjectId]) -> Object {
    let Some(page) = pages.get(place.page) else { return Object::Null };
    // A little above the place, so that the heading is not glued to the window's edge.
    let top = (PAGE_HEIGHT - place.y + 12.0).round().min(PAGE_HEIGHT);
    vec![Object::Reference(*page), "XYZ".into(), Object::Null, Object::Real(top), Object::Null].into()
}

/// Nested bookmarks; only the first level is open.
fn add_outline(document: &mut Document, entries: &[OutlineEntry], pages: &[ObjectId]) -> Option<ObjectId> {
    let root = document.new_object_id();
    let ids: Vec<ObjectId> = entries.iter().map(|_| document.new_object_id()).collect();
    let kids = kids_of(entries);
    for (parent, siblings) in &kids {
        let parent = parent.and_then(|parent| ids.get(parent).copied()).unwrap_or(root);
        for (position, kid) in siblings.iter().enumerate() {
            let (Some(entry), Some(id)) = (entries.get(*kid), ids.get(*kid)) else { continue };
            let mut node = dictionary! {
                "Title" => text_string(&entry.title), "Parent" => parent, "Dest" => destination(entry.place, pages),
            };
            let neighbour = |at: Option<usize>| at.and_then(|at| siblings.get(at)).and_then(|other| ids.get(*other));
            if let Some(previous) = neighbour(position.checked_sub(1)) {
                node.set("Prev", *previous);
            }
            if let Some(next) = neighbour(Some(position + 1)) {
                node.set("Next", *next);
            }
            set_family(&mut node, kids_at(&kids, Some(*kid)), &ids, -1);
            document.objects.insert(*id, node.into());
        }
    }
    let mut node = dictionary! { "Type" => "Outlines" };
    set_family(&mut node, kids_at(&kids, None), &ids, 1);
    document.objects.insert(root, node.into());
    (!entries.is_empty()).then_some(root)
}

/// First and last kid, and their number: positive where they are shown open.
fn set_family(node: &mut Dictionary, kids: &[usize], ids: &[ObjectId], sign: i64) {
    let id = |kid: Option<&usize>| kid.and_then(|kid| ids.get(*kid)).copied();
    if let (Some(first), Some(last), Ok(count)) = (id(kids.first()), id(kids.last()), i64::try_from(kids.len())) {
        node.set("First", first);
        node.set("Last", last);
        node.set("Count", sign * count);
    }
}

fn kids_at(kids: &BTreeMap<Option<usize>, Vec<usize>>, parent: Option<usize>) -> &[usize] {
    kids.get(&parent).map_or(&[], Vec::as_slice)
}

/// Positions of the entries below each entry, and below none.
fn kids_of(entries: &[OutlineEntry]) -> BTreeMap<Option<usize>, Vec<usize>> {
    let mut open: Vec<(u8, usize)> = Vec::new();
    let mut kids: BTreeMap<Option<usize>, Vec<usize>> = BTreeMap::new();
    for (index, entry) in entries.iter().enumerate() {
        while open.last().is_some_and(|(level, _)| *level >= entry.level) {
            open.pop();
        }
        kids.entry(open.last().map(|(_, parent)| *parent)).or_default().push(index);
        open.push((entry.level, index));
    }
    kids
}

/// Saves with an id taken from the content: the same content has the same id.
fn save_with_id(mut document: Document) -> Result<Vec<u8>, ReportError> {
    document.trailer.remove(b"ID");
    let mut bytes = Vec::new();
    document.save_modern(&mut bytes).map_err(pdf_error)?;
    let digest = Sha256::digest(&bytes);
    let half: Vec<u8> = digest.iter().take(16).copied().collect();
    let id = Object::String(half, StringFormat::Hexadecimal);
    document.trailer.set("ID", vec![id.clone(), id]);
    bytes.clear();
    document.save_modern(&mut bytes).map_err(pdf_error)?;
    Ok(bytes)
}

/// A text string of the PDF format: plain where it is ASCII, UTF-16 elsewhere.
pub(super) fn text_string(text: &str) -> Object {
    let shown = crate::layout::visible(text, |_| true);
    if shown.is_ascii() {
        return Object::string_literal(shown.as_bytes());
    }
    let mut bytes = vec![0xFE, 0xFF];
    bytes.extend(shown.encode_utf16().flat_map(u16::to_be_bytes));
    Object::String(bytes, StringFormat::Hexadecimal)
}

fn pdf_error(error: impl std::fmt::Display) -> ReportError {
    ReportError::Pdf(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bookmarks_nest_by_level() {
        let entry = |level| OutlineEntry { level, title: String::new(), place: Place { page: 0, y: 0.0 } };
        let kids = kids_of(&[entry(1), entry(2), entry(3), entry(2), entry(1)]);
        assert_eq!(kids_at(&kids, None), [0, 4]);
        assert_eq!(kids_at(&kids, Some(0)), [1, 3]);
        assert_eq!(kids_at(&kids, Some(1)), [2]);
    }

    #[test]
    fn text_strings_keep_every_character() {
        assert_eq!(text_string("a(b)"), Object::string_literal("a(b)"));
        let Object::String(bytes, _) = text_string("Zoë") else { panic!("not a string") };
        assert_eq!(bytes, [0xFE, 0xFF, 0, b'Z', 0, b'o', 0, 0xEB]);
    }
}
