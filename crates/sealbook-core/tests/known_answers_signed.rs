//! Known answers of other implementations: witnesses, cosignatures, COSE receipts.
//! Needs `../shared/specs/vectors` beside the repository; where it is absent, that is said and nothing is tested.

mod support;

use std::collections::BTreeMap;
use std::fs;

use sealbook_core::checkpoint::Checkpoint;
use sealbook_core::cosignature::{AddCheckpoint, Answer, SIZE_CONTENT_TYPE, cosignatures};
use sealbook_core::hash::{TreeHash, hex, sha256};
use sealbook_core::note::{Note, NoteError, VerifierKey, decode_base64};
use sealbook_core::policy::Policy;
use sealbook_core::proof::TlogProof;
use sealbook_core::receipt::{Receipt, ReceiptError};
use sealbook_core::tree::{empty_root, leaf_hash, range_hash, verify_consistency};
use support::Leaves;
use support::vectors::{entry_of_600, files, json, unhex, vectors};

/// What a witness remembers: the last size and root of each log it knows, and the log's key.
type Memory = BTreeMap<String, (VerifierKey, u64, TreeHash)>;

/// The answer of a witness (C2SP tlog-witness), with the checks of the core.
fn witness(memory: &mut Memory, body: &[u8]) -> (u16, String) {
    let refused = |status: u16| (status, String::new());
    let Ok(request) = AddCheckpoint::parse(body) else { return refused(400) };
    let Ok(note) = Note::parse(request.checkpoint.as_bytes()) else { return refused(400) };
    let Ok(checkpoint) = Checkpoint::parse(note.unverified_text()) else { return refused(400) };
    let Some((key, size, root)) = memory.get_mut(&checkpoint.origin) else { return refused(404) };
    if note.verify(std::slice::from_ref(key)).is_err() {
        return refused(403);
    }
    if request.old != *size {
        return (409, format!("{size}\n"));
    }
    if verify_consistency(*size, checkpoint.size, root, &checkpoint.root, &request.proof).is_err() {
        return refused(422);
    }
    (*size, *root) = (checkpoint.size, checkpoint.root);
    refused(200)
}

#[test]
fn requests_to_a_real_witness_are_judged_as_it_did() {
    let Some(dir) = vectors() else { return };
    let public = unhex(&"ffdc2d4d98e4124d3feaf788c0c2f9abfd796083d1f0495437f302ec79cf100f".into());
    let origin = format!("sigsum.org/v1/tree/{}", hex(&sha256(&public)));
    let sigsum = VerifierKey::new(&origin, &public.try_into().unwrap()).unwrap();
    let sumdb = VerifierKey::parse("sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8").unwrap();
    let mut memory: Memory = [(origin, sigsum), ("go.sum database tree".to_owned(), sumdb)]
        .map(|(origin, key)| (origin, (key, 0, empty_root())))
        .into();
    let mut statuses = Vec::new();
    for name in ["litewitness.txt", "sumdb.txt"] {
        let text = fs::read_to_string(dir.join("witness-http").join(name)).unwrap();
        for session in text.split("/add-checkpoint\n```\n").skip(1) {
            let (body, answer) = session.split_once("```\nHTTP ").unwrap();
            let recorded: u16 = answer[..3].parse().unwrap();
            // The recording is older than the rule that an unknown log is 404.
            let expected = if answer.contains("unknown log") { 404 } else { recorded };
            // That witness did not mind bits behind the end of base64; here they are another spelling, so malformed.
            let spelled = body.replace("6gx=\n", "6gw=\n");
            if spelled != body {
                assert_eq!(witness(&mut memory, body.as_bytes()).0, 400);
            }
            let (status, content) = witness(&mut memory, spelled.as_bytes());
            assert_eq!(status, expected, "{body}");
            if status == 409 {
                assert!(answer.contains(&format!("{content:?}")), "{answer}");
                let known = Answer::parse(409, SIZE_CONTENT_TYPE, content.as_bytes()).unwrap();
                assert_eq!(known, Answer::LastSeen(content.trim().parse().unwrap()));
            }
            statuses.push(recorded);
        }
    }
    assert_eq!(statuses, [200, 403, 403, 422, 422, 200, 409, 200, 409, 200]);
}

#[test]
fn cosignatures_of_a_real_witness_are_accepted_beside_lines_of_unknown_kinds() {
    let Some(dir) = vectors() else { return };
    let dir = dir.join("sunlight-log");
    let keys: Vec<VerifierKey> = files(&dir)
        .iter()
        .filter(|path| path.to_str().unwrap().ends_with(".v0.json"))
        .flat_map(|path| json(path)["verifier_keys"].as_array().unwrap().clone())
        .map(|key| VerifierKey::parse(key.as_str().unwrap()).unwrap())
        .collect();
    assert_eq!(keys.len(), 3);
    let (mut cosigned, mut logs_own, mut decoys) = (0, 0, 0);
    for path in files(&dir).iter().filter(|path| path.ends_with("checkpoint")) {
        let Ok(note) = Note::parse(&fs::read(path).unwrap()) else {
            decoys += 1;
            continue;
        };
        assert_eq!(Checkpoint::parse(note.unverified_text()).unwrap().size, 300);
        match cosignatures(&note, &keys, None).unwrap().as_slice() {
            [] => logs_own += 1,
            [one] => {
                assert_eq!(one.time(), 1_767_139_200);
                cosigned += 1;
            }
            more => unreachable!("{more:?}"),
        }
    }
    assert_eq!((cosigned, logs_own, decoys), (3, 1, 2));
}

#[test]
fn a_witness_of_another_implementation_makes_a_quorum() {
    let Some(dir) = vectors() else { return };
    let kat = json(&dir.join("generated/kat.json"));
    let text = |name: &str| kat[name].as_str().unwrap();
    let lines = format!("log {}\nwitness w1 {}\nquorum w1\n", text("log_vkey"), text("witness_vkey"));
    let policy = Policy::parse(lines.as_bytes()).unwrap();
    let mut proofs = 0;
    for index in [0u64, 255, 256, 599] {
        let proof =
            TlogProof::parse(&fs::read(dir.join(format!("generated/leaf{index}.tlog-proof"))).unwrap()).unwrap();
        let trusted = policy.verify(proof.checkpoint.as_bytes(), &[], kat["cosig_timestamp"].as_u64()).unwrap();
        assert_eq!(trusted.cosignatures()[0].time(), 1_767_225_600);
        proof.verify_in(entry_of_600(index).as_bytes(), trusted.checkpoint().clone()).unwrap();
        assert!(policy.verify(proof.checkpoint.as_bytes(), &[], Some(1_767_225_599)).is_err());
        proofs += 1;
    }
    assert_eq!(proofs, 4);
}

#[test]
fn a_cosignature_by_a_kind_of_key_that_is_not_known_here_is_passed_over() {
    let Some(dir) = vectors() else { return };
    let v = json(&dir.join("generated/mldsa44_cosignature.json"));
    let key = v["vkey"].as_str().unwrap();
    assert_eq!(VerifierKey::parse(key), Err(NoteError::BadKey("the key is not of a known type")));
    let id: [u8; 4] = unhex(&v["key_id_hex"]).try_into().unwrap();
    let checkpoint = fs::read_to_string(dir.join("generated/log600/checkpoint.600")).unwrap();
    let blob = [&v["timestamp"].as_u64().unwrap().to_be_bytes()[..], &[7; 2420]].concat();
    let line = sealbook_core::note::signature_line(v["name"].as_str().unwrap(), id, &blob);
    let kat = json(&dir.join("generated/kat.json"));
    let log = VerifierKey::parse(kat["log_vkey"].as_str().unwrap()).unwrap();
    let note = Note::parse(format!("{checkpoint}{line}").as_bytes()).unwrap();
    assert!(note.verify(&[log]).unwrap().starts_with(v["origin"].as_str().unwrap()));
    let policy = format!("witness pq {key}\nquorum pq\n");
    assert!(Policy::parse(policy.as_bytes()).unwrap_err().problem.contains("known type"));
}

#[test]
fn receipts_of_another_implementation_verify_and_tell_no_position_by_themselves() {
    let Some(dir) = vectors() else { return };
    let kat = json(&dir.join("generated/kat.json"));
    let log = VerifierKey::parse(kat["log_vkey"].as_str().unwrap()).unwrap();
    let pem = fs::read_to_string(dir.join("generated/log_pub.pem")).unwrap();
    let der = decode_base64(pem.lines().nth(1).unwrap()).unwrap();
    assert!(der.ends_with(log.public()), "the same key in another wrapping");
    let leaves = Leaves((0..600).map(|n| leaf_hash(entry_of_600(n).as_bytes())).collect());
    let (mut verified, mut without_path) = (0, 0);
    for v in kat["receipts"].as_array().unwrap() {
        let bytes = unhex(&v["receipt_hex"]);
        let (size, index) = (v["size"].as_u64().unwrap(), v["index"].as_u64().unwrap());
        if size == 1 {
            assert!(matches!(Receipt::parse(&bytes), Err(ReceiptError::Malformed(why)) if why.contains("empty")));
            without_path += 1;
            continue;
        }
        let receipt = Receipt::parse(&bytes).unwrap();
        let entry = v["entry_utf8"].as_str().unwrap().as_bytes();
        let signed = receipt.verify_inclusion(entry, std::slice::from_ref(&log)).unwrap();
        assert_eq!(signed.root().to_string(), v["root"].as_str().unwrap());
        assert_eq!(signed.root(), range_hash(&leaves, 0, size).unwrap());
        assert_eq!(signed.claims().issuer.as_deref(), Some("https://audit.example"));
        assert_eq!(signed.claims().subject.as_deref(), Some("svc-000"));
        assert!(receipt.verify_inclusion(entry_of_600(index + 1).as_bytes(), std::slice::from_ref(&log)).is_err());
        if size == 257 {
            let note = fs::read(dir.join("generated/log600/checkpoint.257")).unwrap();
            let checkpoint = sealbook_core::checkpoint::verify(&note, std::slice::from_ref(&log)).unwrap();
            assert_eq!(signed.at(&checkpoint).unwrap().index(), index);
        }
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 0x40;
            let verdict = Receipt::parse(&flipped).and_then(|r| r.verify_inclusion(entry, std::slice::from_ref(&log)));
            assert!(verdict.is_err(), "byte {at}");
        }
        verified += 1;
    }
    assert_eq!((verified, without_path), (5, 1));
}

#[test]
fn the_examples_of_the_specification_are_read_but_for_their_algorithm() {
    let Some(dir) = vectors() else { return };
    let key = VerifierKey::new(
        "any.example",
        &[
            0x8a, 0x88, 0xe3, 0xdd, 0x74, 0x09, 0xf1, 0x95, 0xfd, 0x52, 0xdb, 0x2d, 0x3c, 0xba, 0x5d, 0x72, 0xca, 0x67,
            0x09, 0xbf, 0x1d, 0x94, 0x12, 0x1b, 0xf3, 0x74, 0x88, 0x01, 0xb4, 0x0f, 0x6f, 0x5c,
        ],
    )
    .unwrap();
    let mut read = 0;
    for (name, alone) in [("inclusion", true), ("consistency", false)] {
        let mut bytes = fs::read(dir.join(format!("rfc9942/{name}-receipt.cbor"))).unwrap();
        assert!(matches!(Receipt::parse(&bytes), Err(ReceiptError::Malformed(why)) if why.contains("EdDSA")));
        // ES256, -7, is 26; EdDSA, -8, is 27.
        let at = bytes.windows(2).position(|pair| pair == [0x01, 0x26]).unwrap() + 1;
        bytes[at] = 0x27;
        let receipt = Receipt::parse(&bytes).unwrap();
        let inclusion = receipt.verify_inclusion(b"entry", std::slice::from_ref(&key)).map(|_| ());
        let consistency = receipt.verify_consistency(&TreeHash([7; 32]), std::slice::from_ref(&key)).map(|_| ());
        let (fits, other) = if alone { (inclusion, consistency) } else { (consistency, inclusion) };
        assert!(matches!(fits, Err(ReceiptError::NotSigned | ReceiptError::Proof(_))), "{fits:?}");
        assert!(matches!(other, Err(ReceiptError::Malformed(_))), "{other:?}");
        read += 1;
    }
    assert_eq!(read, 2);
}
