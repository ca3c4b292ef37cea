//! Rules of the PDF: the same bytes each time, headings repeated, nothing lost, nothing that breaks it.

#![expect(clippy::unwrap_used, reason = "a panic here is a failed test")]

mod sample;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use lopdf::{Document, Object, ObjectId};
use sealbook_controls::outcome::{ControlStatus, TestResult};
use sealbook_frameworks::Catalogue;
use sealbook_reports::model::{Block, Cell, Inline};
use sealbook_reports::{Report, pdf};

fn report(findings: u64) -> Report {
    let catalogue = Catalogue::builtin().unwrap();
    let assessment = sample::assessment(&catalogue, findings);
    Report::assessment(&assessment, &catalogue, &sample::context(&assessment)).unwrap()
}

/// The sample as PDF, made once.
fn sample_document() -> &'static Document {
    static DOCUMENT: OnceLock<Document> = OnceLock::new();
    DOCUMENT.get_or_init(|| Document::load_mem(&pdf(&report(2)).unwrap()).unwrap())
}

fn page_texts(document: &Document) -> Vec<String> {
    let pages: Vec<u32> = document.get_pages().into_keys().collect();
    pages.iter().map(|page| document.extract_text(&[*page]).unwrap()).collect()
}

/// Words without white space, as extraction may put lines anywhere.
fn squeezed(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

#[test]
fn the_same_report_gives_the_same_bytes() {
    let first = pdf(&report(2)).unwrap();
    let second = pdf(&report(2)).unwrap();
    assert!(first == second, "{} and {} bytes", first.len(), second.len());
}

#[test]
fn another_report_has_another_id() {
    let id = |bytes: &[u8]| Document::load_mem(bytes).unwrap().trailer.get(b"ID").unwrap().clone();
    let mut changed = report(2);
    changed.cover.number.push('x');
    assert_ne!(id(&pdf(&report(2)).unwrap()), id(&pdf(&changed).unwrap()));
}

#[test]
fn every_page_of_a_long_table_repeats_the_heading() {
    let mut report = report(1);
    let rows = (0..400)
        .map(|n| vec![Cell::Text(vec![Inline::plain(format!("row {n}"))]), Cell::Text(vec![Inline::plain("x")])]);
    let columns = ["Heading of the first", "Heading of the second"].map(|title| sealbook_reports::model::Column {
        title: title.to_owned(),
        width: sealbook_reports::model::Width::Share(1.0),
        right: false,
    });
    let table = sealbook_reports::model::Table { columns: columns.to_vec(), rows: rows.collect() };
    report.sections.truncate(1);
    report.sections[0].blocks = vec![Block::Table(table)];
    report.cover.facts.clear();
    let document = Document::load_mem(&pdf(&report).unwrap()).unwrap();
    let texts = page_texts(&document);
    assert!(texts.len() > 8, "{} pages", texts.len());
    for (number, text) in texts.iter().enumerate().skip(1) {
        assert!(squeezed(text).contains("Headingofthefirst"), "page {}: {text}", number + 1);
    }
    let all = squeezed(&texts.concat());
    assert!((0..400).all(|n| all.contains(&format!("row{n}"))), "a row is missing");
}

#[test]
fn every_page_but_the_cover_says_which_of_how_many_it_is() {
    let document = sample_document();
    let texts = page_texts(document);
    for (number, text) in texts.iter().enumerate().skip(1) {
        let line = format!("Page{}of{}", number + 1, texts.len());
        assert!(squeezed(text).contains(&line), "page {} lacks {line}", number + 1);
    }
}

#[test]
fn every_figure_of_the_summary_equals_the_assessment() {
    let catalogue = Catalogue::builtin().unwrap();
    let assessment = sample::assessment(&catalogue, 5);
    let report = Report::assessment(&assessment, &catalogue, &sample::context(&assessment)).unwrap();
    let controls: u64 = assessment.frameworks.iter().map(|framework| framework.controls.len() as u64).sum();
    assert_eq!(report.figures.controls.values().sum::<u64>(), controls);
    for (status, id) in [
        (ControlStatus::NotSatisfied, "not-satisfied"),
        (ControlStatus::NoEvidence, "no-evidence"),
        (ControlStatus::Supported, "supported"),
    ] {
        let counted: u64 = assessment.frameworks.iter().map(|framework| framework.summary[&status]).sum();
        assert_eq!(report.figures.controls[id], counted, "{id}");
    }
    let failed = assessment.tests.iter().filter(|test| test.result == TestResult::Fail).count() as u64;
    assert_eq!(report.figures.tests["fail"], failed);
    let open: u64 = assessment.tests.iter().map(|test| test.fail - test.covered).sum();
    assert_eq!(report.figures.open_deviations, open);
    let cards: Vec<String> = report.sections[0]
        .blocks
        .iter()
        .filter_map(|block| if let Block::Cards(cards) = block { Some(cards) } else { None })
        .flatten()
        .map(|card| card.value.clone())
        .collect();
    assert!(
        cards.contains(&failed.to_string()) && cards.contains(&report.figures.controls["not-satisfied"].to_string())
    );
}

#[test]
fn a_void_assessment_says_so_on_the_cover_and_in_the_summary() {
    let catalogue = Catalogue::builtin().unwrap();
    let mut assessment = sample::assessment(&catalogue, 1);
    assessment.void = true;
    assessment.tests[0].result = TestResult::Fail;
    let context = sample::context(&assessment);
    let bytes = pdf(&Report::assessment(&assessment, &catalogue, &context).unwrap()).unwrap();
    let texts = page_texts(&Document::load_mem(&bytes).unwrap());
    for page in [0, 1] {
        assert!(texts[page].contains("VOID"), "page {}: {}", page + 1, texts[page]);
    }
}

#[test]
fn hostile_text_in_every_place_renders() {
    let hostile = [
        "\u{202E}\u{2066}x\u{0}\u{7}\u{1b}[31m\r\n\t",
        &"𒀀".repeat(200),
        &"W".repeat(3_000),
        &"e\u{301}\u{302}\u{303}\u{304}\u{305}".repeat(60),
        "العربية English עברית 中文 ไทย हिन्दी \u{1F469}\u{200D}\u{1F680}",
        "</rdf:li>&\"'(\\)",
        "",
    ];
    let catalogue = Catalogue::builtin().unwrap();
    for text in hostile {
        let mut assessment = sample::assessment(&catalogue, 1);
        let mut context = sample::context(&assessment);
        assessment.origin = text.chars().take(300).collect();
        for source in &mut assessment.sources {
            source.source = text.to_owned();
        }
        for test in &mut assessment.tests {
            for finding in &mut test.findings {
                (finding.subject, finding.reason) = (text.to_owned(), text.to_owned());
            }
        }
        for field in [&mut context.organisation, &mut context.number, &mut context.product, &mut context.checkpoint] {
            *field = text.to_owned();
        }
        context.title = Some(text.to_owned());
        context.classification = Some(text.to_owned());
        let bytes = pdf(&Report::assessment(&assessment, &catalogue, &context).unwrap()).unwrap();
        Document::load_mem(&bytes).unwrap();
    }
}

#[test]
fn every_font_is_embedded_as_a_subset() {
    let document = sample_document();
    let mut descriptors = 0;
    for object in document.objects.values() {
        let Ok(dictionary) = object.as_dict() else { continue };
        if dictionary.get(b"Type").and_then(Object::as_name).is_ok_and(|name| name == b"FontDescriptor") {
            descriptors += 1;
            assert!(dictionary.has(b"FontFile2") || dictionary.has(b"FontFile3"));
            let name = dictionary.get(b"FontName").and_then(Object::as_name).unwrap();
            assert_eq!(name[6], b'+', "{}", String::from_utf8_lossy(name));
        }
    }
    assert!(descriptors >= 4);
}

#[test]
fn every_link_and_bookmark_leads_to_a_page() {
    let document = sample_document();
    let pages: BTreeSet<ObjectId> = document.get_pages().into_values().collect();
    let mut found = BTreeMap::new();
    for object in document.objects.values() {
        let Ok(dictionary) = object.as_dict() else { continue };
        let Ok(target) = dictionary.get(b"Dest").and_then(Object::as_array) else { continue };
        assert!(pages.contains(&target[0].as_reference().unwrap()));
        let kind = if dictionary.has(b"Rect") { "link" } else { "bookmark" };
        *found.entry(kind).or_insert(0) += 1;
    }
    assert!(found["link"] > 100 && found["bookmark"] > 50, "{found:?}");
}

#[test]
fn the_tree_of_meaning_covers_every_page() {
    let document = sample_document();
    let catalog = document.catalog().unwrap();
    assert!(catalog.get(b"MarkInfo").unwrap().as_dict().unwrap().get(b"Marked").unwrap().as_bool().unwrap());
    let root = document.get_dictionary(catalog.get(b"StructTreeRoot").unwrap().as_reference().unwrap()).unwrap();
    let parents = document.get_dictionary(root.get(b"ParentTree").unwrap().as_reference().unwrap()).unwrap();
    let numbers = parents.get(b"Nums").unwrap().as_array().unwrap();
    for page in 0..document.get_pages().len() {
        assert_eq!(numbers[2 * page].as_i64().unwrap(), page as i64);
        assert!(!numbers[2 * page + 1].as_array().unwrap().is_empty(), "page {} has no meaning", page + 1);
    }
}

#[test]
fn headings_do_not_skip_a_level_and_pictures_have_words() {
    let document = sample_document();
    let root = document.catalog().unwrap().get(b"StructTreeRoot").unwrap().as_reference().unwrap();
    let mut open = vec![document.get_dictionary(root).unwrap().get(b"K").unwrap().as_reference().unwrap()];
    let (mut level, mut figures, mut heads) = (0, 0, 0);
    while let Some(id) = open.pop() {
        let node = document.get_dictionary(id).unwrap();
        match node.get(b"S").and_then(Object::as_name).unwrap() {
            [b'H', digit] => {
                let next = i32::from(digit - b'0');
                assert!(next <= level + 1, "a heading of level {next} follows one of level {level}");
                level = next;
            }
            b"Figure" => {
                figures += 1;
                assert!(!node.get(b"Alt").unwrap().as_str().unwrap().is_empty());
            }
            b"TH" => {
                heads += 1;
                assert!(node.get(b"A").unwrap().as_dict().unwrap().has(b"Scope"));
            }
            _ => {}
        }
        let kids = node.get(b"K").unwrap().as_array().unwrap();
        open.extend(kids.iter().rev().filter_map(|kid| kid.as_reference().ok()));
    }
    assert!(figures >= 5 && heads > 20, "{figures} pictures, {heads} heading cells");
}

#[test]
fn a_report_of_two_hundred_pages_renders() {
    let document = Document::load_mem(&pdf(&report(80)).unwrap()).unwrap();
    assert!(document.get_pages().len() > 200, "{} pages", document.get_pages().len());
}
