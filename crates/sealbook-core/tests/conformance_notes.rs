//! What C2SP signed-note and tlog-checkpoint ask of a reader, one rule a test.

mod support;

use sealbook_core::checkpoint::{Checkpoint, verify};
use sealbook_core::note::{Note, NoteError, VerifierKey, encode_base64};
use support::{Leaves, Signer};

const EMPTY_ROOT: &str = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

fn log() -> Signer {
    Signer::new("log.example/a", 1)
}

fn verified(note: &str) -> Result<String, NoteError> {
    Note::parse(note.as_bytes())?.verify(&[log().log]).map(str::to_owned)
}

#[test]
fn a_note_is_split_at_its_last_blank_line() {
    let text = "first part\n\nsecond part\n\n\nthird part\n";
    assert_eq!(verified(&log().note(text)).unwrap(), text);
}

#[test]
fn a_text_that_ends_in_a_blank_line_keeps_it() {
    let text = "ends in a blank line\n\n";
    assert_eq!(verified(&log().note(text)).unwrap(), text);
}

#[test]
fn control_characters_are_refused_even_under_a_good_signature() {
    for bad in ['\r', '\t', '\0', '\u{1b}'] {
        let note = log().note(&format!("a{bad}b\n"));
        assert!(matches!(verified(&note), Err(NoteError::Malformed(_))), "{bad:?}");
    }
}

#[test]
fn bytes_that_are_not_utf8_are_refused() {
    let mut note = log().note("text\n").into_bytes();
    note[1] = 0xff;
    assert!(matches!(Note::parse(&note), Err(NoteError::Malformed(_))));
}

#[test]
fn signatures_of_unknown_keys_are_passed_over_even_with_a_known_name_or_id() {
    let note = log().note("text\n");
    let id = encode_base64(&[&log().log.id()[..], &[7; 64]].concat());
    for line in [
        format!("\u{2014} other.example {id}\n"),
        format!("\u{2014} log.example/a {}\n", encode_base64(&[1, 2, 3, 4, 5])),
        Signer::new("log.example/a", 9).line("another text\n"),
    ] {
        assert_eq!(verified(&format!("{note}{line}")).unwrap(), "text\n");
    }
}

#[test]
fn one_bad_signature_of_a_known_key_spoils_the_note_wherever_it_stands() {
    let (good, bad) = (log().line("text\n"), log().line("another text\n"));
    for note in [format!("text\n\n{bad}"), format!("text\n\n{good}{bad}"), format!("text\n\n{bad}{good}")] {
        assert_eq!(verified(&note), Err(NoteError::BadSignature { name: "log.example/a".into() }));
    }
}

#[test]
fn a_good_signature_twice_is_a_good_signature() {
    let line = log().line("text\n");
    assert_eq!(verified(&format!("text\n\n{line}{line}")).unwrap(), "text\n");
}

#[test]
fn a_hundred_signatures_are_read_and_one_more_is_not() {
    let mut note = log().note("text\n");
    (1..100).for_each(|seed| note.push_str(&Signer::new("other.example", seed).line("text\n")));
    assert_eq!(verified(&note).unwrap(), "text\n");
    note.push_str(&log().line("text\n"));
    assert_eq!(verified(&note), Err(NoteError::Malformed("more than 100 signatures")));
}

#[test]
fn a_note_of_more_than_a_megabyte_is_refused() {
    let fits = log().note(&format!("{}\n", "x".repeat(999_000)));
    assert!(verified(&fits).is_ok());
    let too_large = log().note(&format!("{}\n", "x".repeat(1_000_000)));
    assert_eq!(verified(&too_large), Err(NoteError::Malformed("larger than a megabyte")));
}

#[test]
fn a_note_without_a_known_signature_is_not_believed() {
    assert_eq!(verified(&Signer::new("other.example", 2).note("text\n")), Err(NoteError::NotSigned));
    for bad in ["text\n\n", "text\n", "", "\n\n", "text\n\n\u{2014} log.example/a AAAA\n"] {
        assert!(matches!(verified(bad), Err(NoteError::Malformed(_))), "{bad:?}");
    }
}

#[test]
fn names_of_keys_have_no_white_space_of_any_script_and_no_plus_sign() {
    for bad in ["", "a b", "a\u{a0}b", "a\u{2003}b", "a+b", "a\nb", "a\u{85}b"] {
        assert!(VerifierKey::new(bad, log().log.public()).is_err(), "{bad:?}");
    }
    assert!(VerifierKey::new("journal-d\u{2019}audit.example", log().log.public()).is_ok());
}

#[test]
fn a_key_that_signs_everything_is_no_key() {
    // The point of order 1: with it a signature of zeros would verify for many messages.
    let mut weak = [0; 32];
    weak[0] = 1;
    let key = VerifierKey::new("weak.example", &weak).unwrap();
    let mut signature = [0; 64];
    signature[0] = 1;
    assert!(!key.verifies(b"anything", &signature));
}

#[test]
fn sizes_have_one_spelling_below_two_to_the_63() {
    let of = |size: &str| Checkpoint::parse(&format!("o\n{size}\nrKbDipCvhuX1GZ7g5BBe8sA6BbJ7ja/1nk427v383cs=\n"));
    assert_eq!(of("1").unwrap().size, 1);
    assert_eq!(of("9223372036854775807").unwrap().size, (1 << 63) - 1);
    for bad in
        ["01", "00", "+5", "-5", "", " 5", "5 ", "9223372036854775808", "18446744073709551616", "0x5", "5.0", "\u{665}"]
    {
        assert!(of(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn an_empty_tree_has_the_root_of_nothing_and_no_other() {
    assert_eq!(Checkpoint::parse(&format!("o\n0\n{EMPTY_ROOT}\n")).unwrap().size, 0);
    assert!(Checkpoint::parse("o\n0\nrKbDipCvhuX1GZ7g5BBe8sA6BbJ7ja/1nk427v383cs=\n").is_err());
}

#[test]
fn a_root_has_32_bytes_in_the_one_base64_spelling() {
    for length in [0usize, 31, 33, 64] {
        assert!(Checkpoint::parse(&format!("o\n7\n{}\n", encode_base64(&vec![7; length]))).is_err(), "{length}");
    }
    let good = encode_base64(&[0xff; 32]);
    assert!(Checkpoint::parse(&format!("o\n7\n{good}\n")).is_ok());
    for bad in [
        good.replace("8=", "9="),
        good.trim_end_matches('=').to_owned(),
        good.replace('/', "_"),
        format!(" {good}"),
        format!("{good} "),
        good.replace("8=", "8=="),
    ] {
        assert!(Checkpoint::parse(&format!("o\n7\n{bad}\n")).is_err(), "{bad:?}");
    }
}

#[test]
fn a_checkpoint_ends_in_a_line_feed_and_has_no_empty_line() {
    let good = format!("o\n7\n{}\n", encode_base64(&[7; 32]));
    assert!(Checkpoint::parse(&format!("{good}an extension\n")).is_ok());
    for bad in
        [good.trim_end().to_owned(), format!("{good}\n"), format!("{good}an extension\n\n"), good.replace("o\n", "\n")]
    {
        assert!(Checkpoint::parse(&bad).is_err(), "{bad:?}");
    }
}

#[test]
fn what_is_written_has_no_extension_lines_and_verifies() {
    let leaves = Leaves::numbered(5);
    let note = log().checkpoint(&leaves, 5);
    assert_eq!(note.lines().count(), 5);
    assert_eq!(*verify(note.as_bytes(), &[log().log]).unwrap(), leaves.checkpoint("log.example/a", 5));
}
