//! The tree of meaning (tagged PDF): which part of each page belongs to which element.

use std::collections::BTreeMap;

use lopdf::{Dictionary, Document, Object, ObjectId, dictionary};

use super::finish::text_string;
use crate::error::ReportError;
use crate::layout::page::{Element, ElementId, Item, Paged, Role};

/// Items of one element that stand together on a page.
pub(super) struct Run<'a> {
    /// Structure type and number on the page; decoration has none.
    pub(super) marked: Option<(&'static str, i64)>,
    pub(super) items: &'a [Item],
    element: Option<ElementId>,
}

/// Cuts a page's items into runs of one element, numbered from 0.
pub(super) fn marked_runs<'a>(paged: &Paged, items: &'a [Item]) -> Vec<Run<'a>> {
    let mut next = 0;
    let runs = items.chunk_by(|a, b| a.element == b.element).map(|items| {
        let element = items.first().and_then(|item| item.element);
        let marked = element.and_then(|id| paged.elements.get(id)).map(|element| {
            next += 1;
            (tag(&element.role), next - 1)
        });
        Run { marked, items, element }
    });
    runs.collect()
}

const fn tag(role: &Role) -> &'static str {
    match role {
        Role::Document => "Document",
        Role::Section => "Sect",
        Role::Heading(1) => "H1",
        Role::Heading(2) => "H2",
        Role::Heading(3) => "H3",
        Role::Heading(_) => "H4",
        Role::Paragraph => "P",
        Role::Contents => "TOC",
        Role::ContentsItem => "TOCI",
        Role::Table => "Table",
        Role::Row => "TR",
        Role::HeaderCell => "TH",
        Role::Cell => "TD",
        Role::Code => "Code",
        Role::Link => "Link",
        Role::Figure(_) => "Figure",
    }
}

/// A link annotation with the element that it belongs to.
pub(super) struct LinkObject {
    pub(super) element: Option<ElementId>,
    pub(super) page: ObjectId,
    pub(super) annotation: ObjectId,
    /// Its key in the parent tree.
    pub(super) key: i64,
}

/// Writes the tree and gives its root. Page `n` has the key `n` in the parent tree.
pub(super) fn write(
    document: &mut Document,
    paged: &Paged,
    pages: &[ObjectId],
    links: &[LinkObject],
) -> Result<ObjectId, ReportError> {
    let root = document.new_object_id();
    let ids: Vec<ObjectId> = paged.elements.iter().map(|_| document.new_object_id()).collect();
    let mut kids: BTreeMap<ElementId, Vec<Object>> = BTreeMap::new();
    let mut first_page: BTreeMap<ElementId, ObjectId> = BTreeMap::new();
    let mut parents: BTreeMap<i64, Object> = BTreeMap::new();
    for (key, (page, page_id)) in (0_i64..).zip(paged.pages.iter().zip(pages)) {
        let mut owners = Vec::new();
        for run in marked_runs(paged, &page.items) {
            let (Some((_, number)), Some(element)) = (run.marked, run.element) else { continue };
            let owner = ids
                .get(element)
                .copied()
                .ok_or_else(|| ReportError::Pdf("content of an unknown element".to_owned()))?;
            owners.push(Object::Reference(owner));
            first_page.entry(element).or_insert(*page_id);
            let place = dictionary! { "Type" => "MCR", "Pg" => *page_id, "MCID" => number };
            kids.entry(element).or_default().push(place.into());
        }
        parents.insert(key, owners.into());
    }
    for link in links {
        let Some(element) = link.element else { continue };
        let object = dictionary! { "Type" => "OBJR", "Pg" => link.page, "Obj" => link.annotation };
        kids.entry(element).or_default().push(object.into());
        if let Some(id) = ids.get(element) {
            parents.insert(link.key, Object::Reference(*id));
        }
    }
    for (id, element) in paged.elements.iter().enumerate().skip(1) {
        if let Some(object) = ids.get(id) {
            kids.entry(element.parent).or_default().push(Object::Reference(*object));
        }
    }
    for ((id, element), object) in paged.elements.iter().enumerate().zip(&ids) {
        let parent = if id == 0 { Some(root) } else { ids.get(element.parent).copied() };
        let node = node(element, parent, kids.remove(&id).unwrap_or_default(), first_page.get(&id));
        document.objects.insert(*object, node.into());
    }
    let numbers: Vec<Object> = parents.into_iter().flat_map(|(key, value)| [Object::Integer(key), value]).collect();
    let next_key = i64::try_from(pages.len() + links.len()).map_err(|error| ReportError::Pdf(error.to_string()))?;
    let parent_tree = document.add_object(dictionary! { "Nums" => numbers });
    let top = ids.first().copied().ok_or_else(|| ReportError::Pdf("a document without elements".to_owned()))?;
    let tree = dictionary! {
        "Type" => "StructTreeRoot", "K" => top, "ParentTree" => parent_tree, "ParentTreeNextKey" => next_key,
    };
    document.objects.insert(root, tree.into());
    Ok(root)
}

fn node(element: &Element, parent: Option<ObjectId>, kids: Vec<Object>, page: Option<&ObjectId>) -> Dictionary {
    let mut node = dictionary! { "Type" => "StructElem", "S" => tag(&element.role) };
    if let Some(parent) = parent {
        node.set("P", parent);
    }
    if let Some(page) = page {
        node.set("Pg", *page);
    }
    match &element.role {
        Role::Figure(alt) => {
            node.set("Alt", text_string(alt));
        }
        Role::HeaderCell => node.set("A", dictionary! { "O" => "Table", "Scope" => "Column" }),
        _ => {}
    }
    node.set("K", kids);
    node
}
