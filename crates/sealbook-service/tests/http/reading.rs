//! The read side: tiles, entries, description, dashboard.

use sealbook_core::checkpoint::verify;
use sealbook_core::tile::split_bundle;
use serde_json::json;
use tlog_tiles::{Hash, TileHashReader, TileReader, record_hash, stored_hash_index, tree_hash};

use crate::support::{Service, event, hash, service};

/// Another implementation of tlog-tiles, reading over HTTP.
struct Client<'s>(&'s Service);

impl TileReader for Client<'_> {
    fn height(&self) -> u8 {
        8
    }

    fn read_tiles(&self, tiles: &[tlog_tiles::Tile]) -> Result<Vec<Vec<u8>>, tlog_tiles::Error> {
        // The path of that crate begins with the height, which the HTTP API leaves out.
        let fetch = |tile: &tlog_tiles::Tile| {
            let path = tile.path().replacen("tile/8/", "tile/", 1);
            let answer = self.0.get(&format!("/{path}"));
            assert_eq!(answer.status, 200, "{path}: {}", answer.text());
            answer.body
        };
        Ok(tiles.iter().map(fetch).collect())
    }

    fn save_tiles(&self, _: &[tlog_tiles::Tile], _: &[Vec<u8>]) {}
}

#[test]
fn another_client_derives_the_same_root_from_the_tiles() {
    use tlog_tiles::HashReader;
    let service = service();
    for batch in 0..3 {
        let lines: Vec<String> = (0..250).map(|n| event(&format!("e{batch}-{n}"))).collect();
        assert_eq!(service.post("/v1/events", &[], lines.join("\n")).status, 201);
    }
    let answer = service.get("/checkpoint");
    assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
    let checkpoint = verify(&answer.body, std::slice::from_ref(&service.key)).unwrap();
    let client = Client(&service);
    let reader = TileHashReader::new(checkpoint.size, Hash(checkpoint.root.0), &client);
    assert_eq!(tree_hash(checkpoint.size, &reader).unwrap(), Hash(checkpoint.root.0));
    // Every entry of every bundle is the leaf at its place.
    for bundle in 0..checkpoint.size.div_ceil(256) {
        let width = (checkpoint.size - bundle * 256).min(256);
        let path = if width == 256 { format!("{bundle:03}") } else { format!("{bundle:03}.p/{width}") };
        let answer = service.get(&format!("/tile/entries/{path}"));
        assert_eq!(answer.header("content-type"), "application/octet-stream");
        assert_eq!(answer.header("cache-control"), "public, max-age=31536000, immutable");
        let entries = split_bundle(&answer.body).unwrap();
        assert_eq!(entries.len() as u64, width);
        let indexes: Vec<u64> = (0..width).map(|n| stored_hash_index(0, bundle * 256 + n)).collect();
        let leaves = reader.read_hashes(&indexes).unwrap();
        for (entry, leaf) in entries.iter().zip(leaves) {
            assert_eq!(record_hash(entry), leaf);
        }
    }
}

#[test]
fn tiles_that_are_not_there_or_are_spelled_otherwise_are_not_found() {
    let service = service();
    service.post("/v1/events", &[], event("a"));
    for path in [
        "0/000",
        "0/000.p/9",
        "0/001",
        "1/000",
        "9/000",
        "0/0",
        "0/x000/000",
        "entries/000",
        "data/000",
        "0/%30%30%30",
        "0/000.p/256",
    ] {
        assert_eq!(service.get(&format!("/tile/{path}")).problem(), (404, "no-such-tile".to_owned()), "{path}");
    }
    // Every width up to the size is there, whether or not it was ever a checkpoint's.
    for width in 1..=service.size() {
        assert_eq!(service.get(&format!("/tile/0/000.p/{width}")).body.len() as u64, 32 * width);
    }
}

#[test]
fn an_entry_shows_its_open_fields_and_sealed_ones_only_on_demand() {
    let service = service();
    let receipt = service.post("/v1/events", &[], event("a")).json();
    let index = receipt["entries"][0]["index"].as_u64().unwrap();
    let size = service.size();
    let shown = service.get(&format!("/v1/entries/{index}")).json();
    assert_eq!(shown["event"]["subject"]["id"], "spiffe://prod.example/billing");
    assert!(shown["event"].get("reason").is_none() && shown["raw"].get("base64").is_none());
    assert_eq!((&shown["sealed"][0]["path"], &shown["sealed"][0]["state"]), (&json!("reason"), &json!("sealed")));
    assert_eq!(hash(&shown["leaf"]), hash(&receipt["entries"][0]["leaf"]));
    assert_eq!(service.size(), size);
    // Reading what is sealed is itself an entry, each time.
    for n in 1..=2 {
        let opened = service.get(&format!("/v1/entries/{index}?open=true")).json();
        assert_eq!(opened["event"]["reason"], "because a");
        assert_eq!(service.size(), size + n);
    }
    let act = service.get(&format!("/v1/entries/{size}")).json();
    assert_eq!(act["event"]["action"], "sealed.read");
    assert_eq!(act["event"]["labels"]["entry"], index.to_string());
}

#[test]
fn entries_are_found_by_what_they_say_page_by_page() {
    let service = service();
    let lines: Vec<String> = (0..30)
        .map(|n| event(&format!("e{n}")).replace("billing", if n % 3 == 0 { "orders" } else { "billing" }))
        .collect();
    service.post("/v1/events", &[], lines.join("\n"));
    let mut from = 0;
    let mut found = Vec::new();
    loop {
        let path = format!("/v1/entries?identity=spiffe%3A%2F%2Fprod.example%2Forders&limit=4&from={from}");
        let page = service.get(&path).json();
        let entries = page["entries"].as_array().unwrap();
        assert!(entries.len() <= 4);
        found.extend(entries.iter().map(|entry| entry["event"]["id"].as_str().unwrap().to_owned()));
        match page["next"].as_u64() {
            Some(next) => from = next,
            None => break,
        }
    }
    assert_eq!(found, (0..30).step_by(3).map(|n| format!("e{n}")).collect::<Vec<_>>());
    let of = |query: &str| service.get(&format!("/v1/entries?{query}")).json()["entries"].as_array().unwrap().len();
    assert_eq!(of("kind=decision"), 30);
    assert_eq!(of("kind=decision&outcome=deny"), 0);
    assert_eq!(of("source=native&limit=7"), 7);
    assert_eq!(of("from=18446744073709551615"), 0);
}

#[test]
fn the_description_names_every_route_and_only_those() {
    let service = service();
    let document = service.get("/openapi.json").json();
    assert_eq!(document, sealbook_service::openapi());
    let paths = document["paths"].as_object().unwrap();
    assert!(paths.len() >= 15);
    let mut names = std::collections::BTreeSet::new();
    for (path, operations) in paths {
        let concrete = path
            .replace("{path}", "0/000.p/1")
            .replace("{index}", "0")
            .replace("{name}", "kubernetes")
            .replace("{id}", "test.example%2Fledger")
            .replace("{partition}", "p");
        assert!(!concrete.contains('{'), "{path}");
        for (method, operation) in operations.as_object().unwrap() {
            assert!(names.insert(operation["operationId"].as_str().unwrap().to_owned()), "{path} repeats a name");
            let answer = if method == "get" { service.get(&concrete) } else { service.post(&concrete, &[], "x") };
            let expected = if method == "get" { 200 } else { 400 };
            assert_eq!(answer.status, expected, "{method} {path}: {}", answer.text());
            // The media type is the one that is promised, and so are the statuses.
            if method == "get" {
                let promised = operation["responses"]["200"]["content"].as_object().unwrap();
                let promised = promised.keys().next().unwrap();
                assert!(answer.header("content-type").starts_with(promised.as_str()), "{path}");
            }
            assert!(operation["responses"].get(expected.to_string()).is_some(), "{path}: {expected} is not promised");
        }
        let other = if operations.get("get").is_some() { "post" } else { "get" };
        let answer = if other == "get" { service.get(&concrete) } else { service.post(&concrete, &[], "x") };
        assert_eq!(answer.status, 405, "{other} {path}");
    }
}

#[test]
fn the_dashboard_shows_hostile_names_as_text_and_allows_nothing_else() {
    let service = service();
    let hostile = event("a").replace("spiffe://prod.example/billing", "<img src=x onerror=alert(1)>");
    assert_eq!(service.post("/v1/events?source=%3Cb%3E", &[], hostile).status, 201);
    let page = service.get("/");
    let html = page.text();
    assert!(html.contains("&lt;img src=x onerror=alert(1)&gt;") && html.contains("&lt;b&gt;"));
    assert!(!html.contains("<img") && !html.contains("<b>") && !html.contains("<script"));
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-") && !policy.contains("unsafe"), "{policy}");
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    assert!(html.contains(crate::support::ORIGIN));
}
