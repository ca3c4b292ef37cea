//! Keys, signed notes, checkpoints, proof files, cosignatures and policies, right and wrong.

use sealbook_core::checkpoint::verify;
use sealbook_core::cosignature::cosignatures;
use sealbook_core::note::{Note, VerifierKey, encode_base64};
use sealbook_core::policy::Policy;
use sealbook_core::proof::TlogProof;
use sealbook_core::tree::inclusion_proof;
use serde_json::{Value, json};

use crate::support::{Leaves, Signer, entry};

const ORIGIN: &str = "ledger.example/a";
const TIME: u64 = 1_790_000_000;

fn log() -> Signer {
    Signer::new(ORIGIN, 1)
}

fn keys() -> Vec<Value> {
    let of = |key: &VerifierKey, kind: u8| json!({ "name": key.name(), "type": kind, "public": sealbook_core::hash::hex(key.public()), "vkey": key.to_string() });
    let (log, witness) = (log(), Signer::new("witness.example", 2));
    vec![of(&log.log, 1), of(&Signer::new(ORIGIN, 2).log, 1), of(&witness.witness, 4)]
}

fn notes() -> Vec<Value> {
    let key = log().log;
    let good = log().note("first\n\nsecond\n");
    let grease =
        format!("\u{2014} {ORIGIN} {}\n\u{2014} other.example AAAAAAECAwQ=\n", encode_base64(&[1, 2, 3, 4, 5]));
    let bad_line = log().line("another text\n");
    [
        ("a text with a blank line", good.clone()),
        ("lines of unknown keys", format!("first\n\nsecond\n\n{grease}{}", log().line("first\n\nsecond\n"))),
        ("a good signature twice", format!("{good}{}", log().line("first\n\nsecond\n"))),
        ("a bad signature beside a good one", format!("{good}{bad_line}")),
        ("a bad signature", format!("first\n\n{bad_line}")),
        ("another text", good.replace("second", "other")),
        ("a carriage return", log().note("first\r\n")),
        ("no line feed at the end", good.trim_end().to_owned()),
        ("a hyphen for the dash", good.replace('\u{2014}', "-")),
        ("no signature", "first\n\n".to_owned()),
        ("a hundred and one signatures", format!("{good}{}", grease.repeat(50))),
    ]
    .into_iter()
    .map(|(name, note)| {
        let holds = Note::parse(note.as_bytes()).is_ok_and(|note| note.verify(std::slice::from_ref(&key)).is_ok());
        json!({ "name": name, "note": note, "key": key.to_string(), "holds": holds })
    })
    .collect()
}

fn checkpoints(leaves: &Leaves) -> Vec<Value> {
    let key = log().log;
    let text = leaves.checkpoint(ORIGIN, 257).text();
    let empty = format!("{ORIGIN}\n0\n{}\n", encode_base64(&sealbook_core::tree::empty_root().0));
    [
        ("as it is written", text.clone()),
        ("an extension line", format!("{text}an extension\n")),
        ("nothing in it", empty.clone()),
        ("nothing in it and another root", text.replace("\n257\n", "\n0\n")),
        ("a leading zero", text.replace("257", "0257")),
        ("a sign", text.replace("257", "+257")),
        ("two to the 63", text.replace("257", "9223372036854775808")),
        ("a root of 31 bytes", format!("{ORIGIN}\n7\n{}\n", encode_base64(&[7; 31]))),
        ("a blank extension line", format!("{text}\nan extension\n")),
        ("no origin", text.replace(ORIGIN, "")),
    ]
    .into_iter()
    .map(|(name, text)| {
        let note = log().note(&text);
        let found = verify(note.as_bytes(), std::slice::from_ref(&key));
        let mut case = json!({ "name": name, "note": note, "key": key.to_string(), "holds": found.is_ok() });
        if let Ok(found) = found {
            case["size"] = json!(found.size);
            case["root"] = json!(found.root.to_string());
        }
        case
    })
    .collect()
}

fn proofs(leaves: &Leaves) -> Vec<Value> {
    let key = log().log;
    let of = |index, size| {
        let hashes = inclusion_proof(leaves, index, size).unwrap();
        TlogProof { index, hashes, checkpoint: log().checkpoint(leaves, size) }.to_string()
    };
    let good = of(3, 5);
    [
        ("a middle entry", of(3, 5), 3),
        ("a single entry", of(0, 1), 0),
        ("the first of a new tile", of(256, 257), 256),
        ("the last of many", of(599, 600), 599),
        ("another index", good.replace("index 3", "index 2"), 3),
        ("another entry", good.clone(), 2),
        ("another header", good.replace("@v1", "@v2"), 3),
        ("a leading zero", good.replace("index 3", "index 03"), 3),
        ("no index", good.replace("index 3\n", ""), 3),
        ("a hash too many", good.replacen("\n\n", &format!("\n{}\n\n", encode_base64(&[7; 32])), 1), 3),
    ]
    .into_iter()
    .map(|(name, file, n)| {
        let read = TlogProof::parse(file.as_bytes());
        let holds = read.and_then(|proof| proof.verify(entry(n).as_bytes(), std::slice::from_ref(&key))).is_ok();
        json!({ "name": name, "file": file, "entry": entry(n), "key": key.to_string(), "holds": holds })
    })
    .collect()
}

fn cosigned(leaves: &Leaves) -> Vec<Value> {
    let (text, witness) = (leaves.checkpoint(ORIGIN, 257).text(), Signer::new("witness.example", 2));
    let good = log().note(&text);
    let other = leaves.checkpoint(ORIGIN, 256).text();
    [
        ("a cosignature", format!("{good}{}", witness.cosign(&text, TIME)), vec![TIME]),
        (
            "the newest of two",
            format!("{good}{}{}", witness.cosign(&text, TIME), witness.cosign(&text, TIME - 60)),
            vec![TIME],
        ),
        ("none", good.clone(), vec![]),
        ("a signature of the type of logs", format!("{good}{}", witness.line(&text)), vec![]),
        ("of another checkpoint", format!("{good}{}", witness.cosign(&other, TIME)), vec![]),
        ("at time zero", format!("{good}{}", witness.cosign(&text, 0)), vec![]),
    ]
    .into_iter()
    .map(|(name, note, times)| {
        let found = cosignatures(&Note::parse(note.as_bytes()).unwrap(), std::slice::from_ref(&witness.witness), None);
        let found: Vec<u64> = found.unwrap_or_default().iter().map(|one| one.time()).collect();
        assert_eq!(found, times, "{name}");
        let key = witness.witness.to_string();
        json!({ "name": name, "note": note, "key": key, "holds": !found.is_empty(), "times": found })
    })
    .collect()
}

fn policies(leaves: &Leaves) -> Vec<Value> {
    let text = leaves.checkpoint(ORIGIN, 257).text();
    let w: Vec<_> = (2..5).map(|seed| Signer::new(&format!("w{seed}.example"), seed)).collect();
    let lines: String = w.iter().enumerate().map(|(n, w)| format!("witness w{n} {}\n", w.witness)).collect();
    let policy = format!("# two of three\nlog {}\n{lines}group g 2 w0 w1 w2\nquorum g\n", log().log);
    let note = |who: &[usize]| {
        let lines: String = who.iter().map(|n| w[*n].cosign(&text, TIME)).collect();
        format!("{}{lines}", log().note(&text))
    };
    [
        ("two of three", policy.clone(), note(&[0, 2])),
        ("all", policy.clone(), note(&[0, 1, 2])),
        ("no witness is asked for", format!("log {}\nquorum none\n", log().log), note(&[])),
        ("one of three", policy.clone(), note(&[1])),
        ("none of three", policy.clone(), note(&[])),
        ("a witness twice", policy.clone(), format!("{}{}", note(&[1]), w[1].cosign(&text, TIME - 1))),
        ("no quorum line", policy.replace("quorum g\n", ""), note(&[0, 1])),
        ("a log that is not listed", format!("{lines}quorum w0\n"), note(&[0])),
    ]
    .into_iter()
    .map(|(name, policy, note)| {
        let holds =
            Policy::parse(policy.as_bytes()).is_ok_and(|policy| policy.verify(note.as_bytes(), &[], None).is_ok());
        json!({ "name": name, "policy": policy, "note": note, "holds": holds })
    })
    .collect()
}

pub fn vectors() -> Value {
    let leaves = Leaves::numbered(600);
    let all = [
        ("notes", notes(), 3),
        ("checkpoints", checkpoints(&leaves), 3),
        ("proofs", proofs(&leaves), 4),
        ("cosignatures", cosigned(&leaves), 2),
        ("policies", policies(&leaves), 3),
    ];
    let mut out = json!({ "keys": keys() });
    for (name, cases, first) in all {
        // The first of each are right by construction, the others wrong.
        for (n, case) in cases.iter().enumerate() {
            assert_eq!(case["holds"], n < first, "{case}");
        }
        out[name] = Value::Array(cases);
    }
    out
}
