//! Who may import whom, and other rules that the source must keep.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, MetadataCommand};
use sealbook_tests::repository;

/// Crate, and the crates of ours that it may import. Everything else is forbidden.
const ALLOWED: [(&str, &[&str]); 15] = [
    ("core", &[]),
    ("disk", &[]),
    ("log", &["core", "disk"]),
    ("index", &["core", "log"]),
    ("sources", &["core"]),
    ("projection", &["core"]),
    ("frameworks", &[]),
    ("controls", &["frameworks", "projection"]),
    ("reports", &["frameworks", "controls"]),
    ("packs", &["core", "log", "projection", "frameworks", "controls", "reports"]),
    ("replay", &["core", "log", "index"]),
    (
        "service",
        &[
            "core",
            "disk",
            "log",
            "index",
            "sources",
            "projection",
            "frameworks",
            "controls",
            "reports",
            "packs",
            "replay",
        ],
    ),
    ("simulate", &["core"]),
    ("verifier", &["core"]),
    (
        "cli",
        &[
            "core",
            "disk",
            "log",
            "index",
            "sources",
            "projection",
            "frameworks",
            "controls",
            "reports",
            "packs",
            "replay",
            "service",
            "simulate",
            "verifier",
        ],
    ),
];

/// Crates of others that only these of ours may link, tests aside.
const DOORS: [(&str, &[&str]); 6] = [
    ("tokio", &["service", "cli"]),
    ("axum", &["service"]),
    ("rusqlite", &["projection"]),
    ("sled", &["index"]),
    ("printpdf", &["reports"]),
    ("getrandom", &["disk"]),
];

fn dependencies() -> BTreeMap<String, Vec<String>> {
    let metadata = MetadataCommand::new().manifest_path(repository().join("Cargo.toml")).no_deps().exec().unwrap();
    let of = |package: &cargo_metadata::Package| {
        let normal = package.dependencies.iter().filter(|dependency| dependency.kind == DependencyKind::Normal);
        normal.map(|dependency| dependency.name.clone()).collect()
    };
    let crates = metadata.packages.iter().filter(|package| package.manifest_path.as_str().contains("/crates/"));
    crates.map(|package| (package.name.trim_start_matches("sealbook-").to_owned(), of(package))).collect()
}

#[test]
fn crates_import_only_what_the_design_allows() {
    let found = dependencies();
    let allowed: BTreeMap<_, _> = ALLOWED.into_iter().collect();
    assert_eq!(found.keys().map(String::as_str).collect::<Vec<_>>(), allowed.keys().copied().collect::<Vec<_>>());
    for (name, dependencies) in found {
        for ours in dependencies.iter().filter_map(|dependency| dependency.strip_prefix("sealbook-")) {
            assert!(allowed[name.as_str()].contains(&ours), "sealbook-{name} must not import sealbook-{ours}");
        }
    }
}

#[test]
fn heavy_or_dangerous_libraries_have_one_door_each() {
    let found = dependencies();
    for (library, doors) in DOORS {
        for (name, dependencies) in &found {
            let links = dependencies.iter().any(|dependency| dependency == library);
            assert!(!links || doors.contains(&name.as_str()), "sealbook-{name} must not link {library}");
        }
    }
}

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("target") {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn every_file_opens_with_its_one_job_and_every_crate_says_what_it_takes_gives_and_never_does() {
    let mut files = Vec::new();
    for dir in ["crates", "tests", "benches"] {
        sources(&repository().join(dir), &mut files);
    }
    assert!(files.len() > 100);
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.starts_with("//! "), "{} does not open with its one job", file.display());
        let shell = file.ends_with("crates/sealbook-cli/src/main.rs");
        if (file.ends_with("src/lib.rs") && file.to_string_lossy().contains("/crates/")) || shell {
            for word in ["//! Takes:", "//! Gives:", "//! Never:", "//! Next:"] {
                assert!(text.contains(word), "{} does not say {word}", file.display());
            }
        }
    }
}

#[test]
fn sql_stands_where_it_may() {
    let mut files = Vec::new();
    sources(&repository().join("crates"), &mut files);
    for file in files {
        let path = file.to_string_lossy().into_owned();
        if ["sealbook-projection", "sealbook-controls", "/tests/"].iter().any(|may| path.contains(may)) {
            continue;
        }
        let text = std::fs::read_to_string(&file).unwrap();
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//") && !line.contains("after_help"));
        let sql =
            code.filter(|line| line.contains("SELECT ") && line.contains(" FROM ") && !line.contains("sealbook query"));
        assert_eq!(sql.collect::<Vec<_>>(), Vec::<&str>::new(), "{path} has SQL of its own");
    }
}

#[test]
fn every_dependency_has_a_licence_that_deny_toml_allows() {
    let text = std::fs::read_to_string(repository().join("deny.toml")).unwrap();
    let deny: toml::Table = text.parse().unwrap();
    let allowed: Vec<spdx::Licensee> = deny["licenses"]["allow"]
        .as_array()
        .unwrap()
        .iter()
        .map(|id| spdx::Licensee::parse(id.as_str().unwrap()).unwrap())
        .collect();
    let metadata = MetadataCommand::new().manifest_path(repository().join("Cargo.toml")).exec().unwrap();
    assert!(metadata.packages.len() > 100);
    for package in metadata.packages {
        let licence = package.license.unwrap_or_else(|| panic!("{} names no licence", package.name));
        let expression = spdx::Expression::parse_mode(&licence, spdx::ParseMode::LAX).unwrap();
        let fits = expression.evaluate(|wanted| allowed.iter().any(|licensee| licensee.satisfies(wanted)));
        assert!(fits, "{} {}: {licence} is not allowed", package.name, package.version);
    }
}
