//! The bodies of every source, packed and unpacked.

use sealbook_sources::{Item, Source, all, decompress, detect};

use crate::bounds::{bounded, located};

/// Bytes that a body may unpack to.
const UNPACKED_BYTES_MAX: usize = 1 << 16;

/// Everything that reads a source's body: the first byte says which, the rest is the body.
pub fn check(data: &[u8]) {
    bounded(data, |data| {
        let Some((which, packed)) = data.split_first() else { return };
        let source = all()[usize::from(*which) % all().len()];
        let body = match decompress(packed, UNPACKED_BYTES_MAX) {
            Ok(body) => body,
            Err(error) => {
                assert!(!error.to_string().is_empty());
                return;
            }
        };
        assert!(body.len() <= UNPACKED_BYTES_MAX);
        if let Some(detected) = detect(&body) {
            assert!(detected.recognises(&body));
        }
        // A packed body may be long for few bytes: what it takes is measured against what comes out.
        bounded(&body, |body| {
            let items = read(source, body);
            assert_eq!(items, read(source, body), "{} reads differently the second time", source.name());
        });
    });
}

/// Reads a body and checks what every source promises about its items.
pub fn read(source: &dyn Source, body: &[u8]) -> Vec<Item> {
    let mut items = Vec::new();
    let result = source.read(body, &mut |item| items.push(item));
    if let Err(error) = result {
        located(error.offset, body, &error);
        assert!(items.is_empty(), "{} gave items of a body that it cannot read", source.name());
    }
    // These keep of an element what it carried: decoded, or with nothing but its own surroundings.
    let carrier = ["otlp", "firehose"].contains(&source.name());
    let (mut last, mut from) = (0, 0);
    for item in &items {
        let raw = match item {
            Item::Event(mapped) => {
                assert_eq!(mapped.event.check(), Ok(()), "{}", source.name());
                &mapped.raw
            }
            Item::Refused { reason, raw } => {
                located(reason.offset, body, &reason.problem);
                assert!(last < reason.element, "{} counts elements backwards", source.name());
                last = reason.element;
                raw
            }
        };
        if carrier {
            continue;
        }
        // Items come in the order of the body, each with its exact bytes.
        let found = body[from..].windows(raw.len().max(1)).position(|part| part == raw);
        from += found.unwrap_or_else(|| panic!("{}: not the bytes of the body: {raw:02x?}", source.name()));
    }
    items
}
