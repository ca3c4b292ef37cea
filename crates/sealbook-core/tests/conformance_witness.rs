//! What C2SP tlog-cosignature, tlog-witness (its client) and tlog-policy ask, one rule a test.

mod support;

use sealbook_core::checkpoint;
use sealbook_core::cosignature::{AddCheckpoint, Answer, SIZE_CONTENT_TYPE, add_cosignatures, cosignatures};
use sealbook_core::note::{Note, NoteError, VerifierKey, signature_line};
use sealbook_core::policy::{Distrust, Policy};
use sealbook_core::proof::TlogProof;
use sealbook_core::tree::{consistency_proof, inclusion_proof};
use support::{Leaves, Signer, entry};

const NOW: u64 = 1_800_000_000;

fn log() -> Signer {
    Signer::new("log.example/a", 1)
}

fn witness(n: u8) -> Signer {
    Signer::new(&format!("w{n}.example"), 10 + n)
}

fn text() -> String {
    Leaves::numbered(5).checkpoint("log.example/a", 5).text()
}

/// The checkpoint, signed by the log and with these further lines.
fn with(lines: &[String]) -> String {
    format!("{}{}", log().note(&text()), lines.concat())
}

fn times(note: &str, witnesses: &[VerifierKey]) -> Result<Vec<u64>, NoteError> {
    let found = cosignatures(&Note::parse(note.as_bytes())?, witnesses, Some(NOW + 60))?;
    Ok(found.iter().map(|cosignature| cosignature.time()).collect())
}

#[test]
fn a_cosignature_tells_who_and_when() {
    let w = witness(1);
    assert_eq!(times(&with(&[w.cosign(&text(), NOW)]), std::slice::from_ref(&w.witness)).unwrap(), [NOW]);
    assert_eq!(times(&with(&[]), &[w.witness]).unwrap(), [0u64; 0]);
}

#[test]
fn a_time_of_zero_and_one_beyond_two_to_the_63_are_refused() {
    let w = witness(1);
    for time in [0, 1 << 63, u64::MAX] {
        let spoilt = times(&with(&[w.cosign(&text(), time)]), std::slice::from_ref(&w.witness));
        assert_eq!(spoilt, Err(NoteError::BadSignature { name: "w1.example".into() }), "{time}");
    }
}

#[test]
fn a_time_ahead_of_the_clock_does_not_count() {
    let w = witness(1);
    let note = with(&[w.cosign(&text(), NOW + 61)]);
    assert_eq!(times(&note, std::slice::from_ref(&w.witness)).unwrap(), [0u64; 0]);
    assert_eq!(times(&with(&[w.cosign(&text(), NOW + 60)]), std::slice::from_ref(&w.witness)).unwrap(), [NOW + 60]);
    let any = cosignatures(&Note::parse(note.as_bytes()).unwrap(), &[w.witness], None).unwrap();
    assert_eq!(any[0].time(), NOW + 61);
}

#[test]
fn the_newest_of_several_cosignatures_by_one_witness_counts() {
    let w = witness(1);
    let note = with(&[w.cosign(&text(), NOW - 9), w.cosign(&text(), NOW), w.cosign(&text(), NOW - 5)]);
    assert_eq!(times(&note, &[w.witness]).unwrap(), [NOW]);
}

#[test]
fn a_key_of_a_log_is_no_key_of_a_witness_and_the_other_way_round() {
    let w = witness(1);
    assert_ne!(w.log.id(), w.witness.id());
    // Under the witness's name and id, but over the text alone as a log signs.
    let signed = [&NOW.to_be_bytes()[..], &w.sign(text().as_bytes())].concat();
    let crossed = signature_line(w.witness.name(), w.witness.id(), &signed);
    assert!(times(&with(&[crossed]), std::slice::from_ref(&w.witness)).is_err());
    assert_eq!(times(&with(&[w.line(&text())]), &[w.log.clone(), w.witness.clone()]).unwrap(), [0u64; 0]);
    let note = Note::parse(with(&[w.cosign(&text(), NOW)]).as_bytes()).unwrap();
    assert_eq!(note.verify(&[w.log]), Err(NoteError::NotSigned));
}

#[test]
fn a_cosignature_alone_makes_no_checkpoint_of_the_log() {
    let w = witness(1);
    let note = with(&[w.cosign(&text(), NOW)]);
    let verify = |keys: &[VerifierKey]| checkpoint::verify(note.as_bytes(), keys).map(|checkpoint| checkpoint.size);
    assert_eq!(verify(&[log().log, w.witness.clone()]), Ok(5));
    assert_eq!(verify(&[log().log]), Ok(5));
    assert_eq!(verify(&[w.witness]), Err(NoteError::NotSigned));
}

#[test]
fn the_same_key_under_two_names_counts_once() {
    let (a, b) = (Signer::new("a.example", 11), Signer::new("b.example", 11));
    let note = with(&[a.cosign(&text(), NOW - 5), b.cosign(&text(), NOW)]);
    assert_eq!(times(&note, &[a.witness.clone(), b.witness.clone()]).unwrap(), [NOW]);
    let twice = policy(&format!("witness A {}\nwitness B {}\ngroup g all A B\nquorum g\n", a.witness, b.witness));
    assert!(twice.unwrap_err().contains("that of another witness"));
}

#[test]
fn a_cosignature_of_another_checkpoint_spoils_the_note() {
    let w = witness(1);
    let other = Leaves::numbered(6).checkpoint("log.example/a", 6).text();
    assert!(times(&with(&[w.cosign(&other, NOW)]), &[w.witness]).is_err());
}

#[test]
fn a_request_reads_back_and_63_hashes_are_the_most() {
    let leaves = Leaves::numbered(70);
    let proof = consistency_proof(&leaves, 5, 70).unwrap();
    let request = AddCheckpoint { old: 5, proof: proof.clone(), checkpoint: log().checkpoint(&leaves, 70) };
    assert_eq!(AddCheckpoint::parse(request.to_string().as_bytes()).unwrap(), request);
    let of = |count: usize| AddCheckpoint { proof: vec![proof[0]; count], ..request.clone() }.to_string();
    assert_eq!(AddCheckpoint::parse(of(63).as_bytes()).unwrap().proof.len(), 63);
    assert!(AddCheckpoint::parse(of(64).as_bytes()).is_err());
    let good = request.to_string();
    for bad in
        [good.replace("old 5", "old 05"), good.replace("old 5", "5"), good.replace("=\n", "\n"), "old 5\n".into()]
    {
        assert!(AddCheckpoint::parse(bad.as_bytes()).is_err(), "{bad}");
    }
}

#[test]
fn an_answer_with_cosignatures_is_believed_only_by_its_signatures() {
    let (w, stranger) = (witness(1), witness(2));
    let body = format!("{}{}", stranger.cosign(&text(), NOW), w.cosign(&text(), NOW));
    let Answer::Cosigned(lines) = Answer::parse(200, "", body.as_bytes()).unwrap() else { unreachable!() };
    let note = add_cosignatures(&with(&[]), &lines, std::slice::from_ref(&w.witness)).unwrap();
    assert_eq!(note, with(&[w.cosign(&text(), NOW)]), "lines by strangers are left out");
    assert_eq!(
        add_cosignatures(&note, &lines, std::slice::from_ref(&w.witness)).unwrap(),
        note,
        "nothing is added twice"
    );
    assert_eq!(
        add_cosignatures(&with(&[]), &stranger.cosign(&text(), NOW), std::slice::from_ref(&w.witness)),
        Err(NoteError::NotSigned)
    );
    assert_eq!(add_cosignatures(&with(&[]), &w.line(&text()), std::slice::from_ref(&w.log)), Err(NoteError::NotSigned));
    let old = w.cosign("another text\n", NOW);
    assert_eq!(
        add_cosignatures(&with(&[]), &old, &[w.witness]),
        Err(NoteError::BadSignature { name: "w1.example".into() })
    );
}

#[test]
fn an_answer_of_409_names_the_size_that_the_witness_saw_last() {
    let of = |content_type: &str, body: &str| Answer::parse(409, content_type, body.as_bytes());
    assert_eq!(of(SIZE_CONTENT_TYPE, "3\n").unwrap(), Answer::LastSeen(3));
    assert_eq!(of(SIZE_CONTENT_TYPE, "0\n").unwrap(), Answer::LastSeen(0));
    for bad in ["3", "", "\n", "03\n", "-3\n", "3\n3\n", "9223372036854775808\n"] {
        assert!(of(SIZE_CONTENT_TYPE, bad).is_err(), "{bad:?}");
    }
    assert_eq!(of("text/plain", "conflict\n").unwrap(), Answer::Refused(409));
}

#[test]
fn every_other_status_is_a_refusal_and_a_success_without_lines_is_none() {
    for status in [400, 403, 404, 422, 429, 500, 503, 204, 302] {
        assert_eq!(Answer::parse(status, "text/plain", b"why\n").unwrap(), Answer::Refused(status));
    }
    for bad in [&b""[..], b"\n", b"ok\n", b"\xff\n"] {
        assert!(Answer::parse(200, "", bad).is_err());
    }
    let line = witness(1).cosign(&text(), NOW);
    assert!(Answer::parse(200, "", line.trim_end().as_bytes()).is_err());
}

fn policy(lines: &str) -> Result<Policy, String> {
    Policy::parse(lines.as_bytes()).map_err(|error| error.to_string())
}

/// Three witnesses, two of which are enough, and one more, all of which are needed.
fn nested() -> String {
    let [a, b, c, d] = [1, 2, 3, 4].map(|n| witness(n).witness.to_string());
    format!(
        "# who\tis trusted\nlog {}  https://log.example/a \n\n\twitness X1 {a}\nwitness X2 {b} https://x2.example\nwitness X3 {c}\n\
         group X 2 X1 X2 X3\nwitness Y {d}\ngroup XY all X Y\nquorum XY\n",
        log().log
    )
}

#[test]
fn a_quorum_of_groups_is_counted_as_it_is_written() {
    let policy = policy(&nested()).unwrap();
    assert_eq!((policy.logs().len(), policy.witnesses().len()), (1, 4));
    assert_eq!(policy.witnesses()[1].url.as_deref(), Some(&b"https://x2.example"[..]));
    for by in 0u8..16 {
        let who: Vec<u8> = (1..=4).filter(|n| by >> (n - 1) & 1 == 1).collect();
        let note = with(&who.iter().map(|n| witness(*n).cosign(&text(), NOW)).collect::<Vec<_>>());
        let enough = (by & 7).count_ones() >= 2 && by & 8 != 0;
        match policy.verify(note.as_bytes(), &[], Some(NOW)) {
            Ok(trusted) => {
                assert!(enough && trusted.cosignatures().len() == who.len() && trusted.checkpoint().size == 5)
            }
            Err(Distrust::NoQuorum { by }) => assert!(!enough && by.len() == who.len()),
            Err(other) => unreachable!("{other}"),
        }
    }
}

#[test]
fn cosignatures_of_the_future_and_of_strangers_make_no_quorum() {
    let (w, policy) =
        (witness(1), policy(&format!("log {}\nwitness w {}\nquorum w\n", log().log, witness(1).witness)).unwrap());
    let verify = |lines: &[String]| policy.verify(with(lines).as_bytes(), &[], Some(NOW));
    assert!(verify(&[w.cosign(&text(), NOW)]).is_ok());
    for lines in
        [vec![], vec![w.cosign(&text(), NOW + 1)], vec![witness(2).cosign(&text(), NOW)], vec![w.line(&text())]]
    {
        assert_eq!(verify(&lines), Err(Distrust::NoQuorum { by: vec![] }));
    }
}

#[test]
fn a_bad_line_of_a_known_witness_spoils_even_a_quorum_without_it() {
    let two = format!(
        "log {}\nwitness a {}\nwitness b {}\ngroup g any a b\nquorum g\n",
        log().log,
        witness(1).witness,
        witness(2).witness
    );
    let note = with(&[witness(1).cosign(&text(), NOW), witness(2).cosign("other\n", NOW)]);
    let refused = policy(&two).unwrap().verify(note.as_bytes(), &[], None);
    assert_eq!(refused, Err(Distrust::Note(NoteError::BadSignature { name: "w2.example".into() })));
}

#[test]
fn the_log_must_be_listed_under_the_origin_and_have_signed_itself() {
    let none = policy("quorum none\n").unwrap();
    let note = with(&[]);
    assert_eq!(none.verify(note.as_bytes(), &[], None), Err(Distrust::UnknownLog { origin: "log.example/a".into() }));
    assert!(none.verify(note.as_bytes(), &[log().log], None).is_ok(), "a log that is known otherwise");
    // A witness's signature does not stand for the log's.
    let w = witness(1);
    let only_witness = format!("{}\n{}", text(), w.cosign(&text(), NOW));
    let listed = policy(&format!("log {}\nwitness w {}\nquorum w\n", log().log, w.witness)).unwrap();
    assert_eq!(listed.verify(only_witness.as_bytes(), &[], None), Err(Distrust::Note(NoteError::NotSigned)));
    // Another log that signs a checkpoint under this origin.
    let other = Signer::new("other.example/b", 2);
    let foreign = other.note(&text());
    let both = policy(&format!("log {}\nlog {}\nquorum none\n", log().log, other.log)).unwrap();
    assert_eq!(both.verify(foreign.as_bytes(), &[], None), Err(Distrust::Note(NoteError::NotSigned)));
}

#[test]
fn a_proof_is_believed_by_the_policy_that_believes_its_checkpoint() {
    let leaves = Leaves::numbered(5);
    let checkpoint = with(&[witness(1).cosign(&text(), NOW)]);
    let proof = TlogProof { index: 3, hashes: inclusion_proof(&leaves, 3, 5).unwrap(), checkpoint };
    let policy = policy(&format!("log {}\nwitness w {}\nquorum w\n", log().log, witness(1).witness)).unwrap();
    let trusted = policy.verify(proof.checkpoint.as_bytes(), &[], None).unwrap();
    let included = proof.verify_in(entry(3).as_bytes(), trusted.checkpoint().clone()).unwrap();
    assert_eq!((included.index(), included.checkpoint().size), (3, 5));
    assert!(proof.verify_in(entry(2).as_bytes(), trusted.checkpoint().clone()).is_err());
}

#[test]
fn every_line_that_is_wrong_is_named() {
    let (l, w1, w2) = (log().log.to_string(), witness(1).witness.to_string(), witness(2).witness.to_string());
    let same_key = Signer::new("renamed.example", 11).witness;
    for (bad, line, why) in [
        (format!("log {l}\n"), 0, "no quorum"),
        ("quorum none\nquorum none\n".into(), 2, "second quorum"),
        ("quorum w\n".into(), 1, "not defined before"),
        (format!("quorum a\nwitness a {w1}\n"), 1, "not defined before"),
        (format!("witness a {w1}\nwitness a {w2}\nquorum a\n"), 2, "taken"),
        (format!("witness none {w1}\nquorum none\n"), 1, "taken"),
        (format!("witness a {w1}\nwitness b {same_key}\nquorum a\n"), 2, "another witness"),
        (format!("log {l}\nlog {l}\nquorum none\n"), 2, "another log"),
        (format!("log {w1}\nquorum none\n"), 1, "signature type 4"),
        (format!("witness a {l}\nquorum a\n"), 1, "signature type 1"),
        (format!("witness a {w1}\ngroup g 2 a\nquorum g\n"), 2, "from 1 to"),
        (format!("witness a {w1}\ngroup g 0 a\nquorum g\n"), 2, "from 1 to"),
        (format!("witness a {w1}\ngroup g 01 a\nquorum g\n"), 2, "from 1 to"),
        (format!("witness a {w1}\ngroup g some a\nquorum g\n"), 2, "from 1 to"),
        (format!("witness a {w1}\ngroup g any\nquorum g\n"), 2, "no log, witness"),
        (format!("witness a {w1}\ngroup g all a a\nquorum g\n"), 2, "in a group already"),
        (format!("witness a {w1}\ngroup g any a\ngroup h any a\nquorum g\n"), 3, "in a group already"),
        (format!("witness a {w1}\ngroup g any g\nquorum g\n"), 2, "not defined before"),
        ("group g any none\nquorum none\n".into(), 1, "not defined before"),
        (format!("log {l} https://a https://b\nquorum none\n"), 1, "no log, witness"),
        ("log not-a-key\nquorum none\n".into(), 1, "not a verifier key"),
        ("weight 3\nquorum none\n".into(), 1, "\"weight\""),
        ("quorum none\r\n".into(), 1, "control character"),
        ("# \u{7f}\nquorum none\n".into(), 1, "control character"),
        ("quorum none extra\n".into(), 1, "no log, witness"),
    ] {
        let error = Policy::parse(bad.as_bytes()).unwrap_err();
        assert_eq!(error.line, line, "{bad}{error}");
        assert!(error.problem.contains(why), "{bad}{error}");
    }
}

#[test]
fn names_are_bytes_and_comments_may_be_in_any_script() {
    let w = witness(1).witness.to_string();
    let text = [&b"# caf\xe9\n witness \xff\xfe "[..], w.as_bytes(), b"\nquorum \xff\xfe\n"].concat();
    assert_eq!(Policy::parse(&text).unwrap().witnesses().len(), 1);
    let kelvin = format!("witness \u{212a} {w}\nquorum K\n");
    assert!(policy(&kelvin).unwrap_err().contains("not defined before"));
}

#[test]
fn a_hundred_logs_witnesses_and_groups_are_read_and_a_thousand_are_not() {
    let many = |count: u8, rounds: u8| {
        let mut lines = String::new();
        for round in 0..rounds {
            for n in 0..count {
                let signer = Signer::new(&format!("p{round}-{n}.example"), n);
                let key = if round == 0 { signer.log.to_string() } else { signer.witness.to_string() };
                let line = if round == 0 {
                    format!("log {key}\n")
                } else {
                    format!("witness w{n} {key}\ngroup g{n} any w{n}\n")
                };
                lines.push_str(&line);
            }
        }
        format!("{lines}quorum g0\n")
    };
    assert_eq!(policy(&many(100, 2)).unwrap().witnesses().len(), 100);
    let groups: String = (0..600).map(|n| format!("witness x{n} {}\n", witness(1).witness)).collect();
    assert!(policy(&format!("{groups}quorum none\n")).is_err());
    let mut chain = format!("witness g0 {}\n", witness(1).witness);
    (1..600).for_each(|n| chain.push_str(&format!("group g{n} any g{}\n", n - 1)));
    assert!(policy(&format!("{chain}quorum none\n")).unwrap_err().contains("more than 512"));
}
