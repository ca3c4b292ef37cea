//! CloudTrail digest files: AWS signs each hour's log files, and each digest names the one before. A chain that holds
//! anchors outside of the ledger what CloudTrail said.

use std::collections::{BTreeMap, HashMap};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use sealbook_core::event::{Attestation, Event, Identity, IdentityType, Kind, Outcome, Resource};
use sealbook_core::time::Micros;

use crate::draft::{Draft, filled, own};
use crate::item::{Item, Reason, Unmapped};
use crate::json::{self, Value};
use crate::source::{JSON, check_size};
use crate::when::rfc3339;

/// The format of the entries.
pub const NAME: &str = "cloudtrail-digest";
/// Version of the mapping.
pub const VERSION: u32 = 1;

/// The only algorithms that CloudTrail uses.
const SIGNATURE: &str = "SHA256withRSA";
const HASH: &str = "SHA-256";
/// Who signs.
const SIGNER: &str = "cloudtrail.amazonaws.com";

/// A public key of AWS and when it signs.
struct Key {
    /// DER of PKCS #1.
    der: Vec<u8>,
    from: Option<Micros>,
    to: Option<Micros>,
}

/// One digest file, still unverified.
struct Digest {
    name: String,
    raw: Vec<u8>,
    hash: String,
    value: Value<'static>,
    end: Option<Micros>,
}

/// Files that belong together: digests, their signatures, the public keys, and the log files that are at hand.
#[derive(Default)]
pub struct DigestFiles {
    digests: Vec<Digest>,
    /// By name up to the first dot: an object's metadata lies beside it.
    signatures: HashMap<String, String>,
    /// By fingerprint.
    keys: BTreeMap<String, Key>,
    /// SHA-256 of every other file, by name without `.gz`.
    logs: HashMap<String, String>,
}

impl core::fmt::Debug for DigestFiles {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "DigestFiles({} digests, {} log files)", self.digests.len(), self.logs.len())
    }
}

impl DigestFiles {
    /// Takes a file, decompressed. What it is shows in its content: a digest, the answer of `ListPublicKeys`, the
    /// metadata of a digest's object (`x-amz-meta-signature`, or what `head-object` gives), or else a log file.
    pub fn add(&mut self, name: &str, bytes: &[u8]) {
        let name = name.rsplit('/').next().unwrap_or(name);
        if let Ok(value) = json::parse(bytes) {
            if !value.get("PublicKeyList").is_null() {
                self.keys.extend(value.get("PublicKeyList").items().iter().filter_map(key));
                return;
            }
            let signature = [value.get("x-amz-meta-signature"), value.at("Metadata.signature")];
            if let Some(signature) = signature.iter().find_map(|value| value.text()) {
                self.signatures.insert(stem(name).to_owned(), signature.to_ascii_lowercase());
                return;
            }
            if value.get("digestEndTime").text().is_some() && !value.get("logFiles").is_null() {
                let end = rfc3339(value.get("digestEndTime").text());
                let (hash, raw, value) = (sha256(bytes), bytes.to_vec(), value.into_owned());
                self.digests.push(Digest { name: name.to_owned(), raw, hash, value, end });
                return;
            }
        }
        self.logs.insert(name.trim_end_matches(".gz").to_owned(), sha256(bytes));
    }

    /// Whether there is anything to verify.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.digests.is_empty()
    }

    /// Verifies every digest, oldest first: an event for each that holds, a refusal for each that does not.
    #[must_use]
    pub fn verify(mut self) -> Vec<Item> {
        self.digests.sort_by(|a, b| (a.end, &a.name).cmp(&(b.end, &b.name)));
        let mut items = Vec::with_capacity(self.digests.len());
        for (n, one) in self.digests.iter().enumerate() {
            let item = check_size(&one.raw).and_then(|()| self.one(n, one)).and_then(|event| {
                event.check()?;
                Ok(Item::of(event, &one.raw, JSON, None))
            });
            items.push(item.unwrap_or_else(|error| {
                let error = Unmapped { problem: format!("{}: {}", one.name, error.problem), ..error };
                Item::Refused { reason: error.at(n + 1, None, 0), raw: one.raw.clone() }
            }));
        }
        items
    }

    fn one(&self, n: usize, one: &Digest) -> Result<Event, Unmapped> {
        let end = text(&one.value, "digestEndTime")?;
        let object = text(&one.value, "digestS3Object")?;
        let account = text(&one.value, "awsAccountId")?;
        let first = self.follows(n, one)?;
        let (present, absent) = self.log_files(one)?;
        let signed = self.signed(n, one)?;
        let subject = Identity::new(SIGNER, IdentityType::System);
        let outcome = if signed { Outcome::Success } else { Outcome::Unknown };
        let id = Some(format!("sha256:{}", one.hash));
        let mut draft = Draft::new(id, &one.raw, Kind::Attestation, subject, outcome);
        draft.label("anchor", Some(NAME));
        draft.label("signature", Some(if signed { "verified" } else { "no public key given" }));
        draft.label("chain", Some(if first { "begins here" } else { "follows the digest before" }));
        draft.label("log_files_verified", Some(&present.to_string()));
        draft.label("log_files_absent", Some(&absent.to_string()));
        draft.label("key", one.value.get("digestPublicKeyFingerprint").text());
        draft.label("from", one.value.get("digestStartTime").text());
        draft.label("to", Some(end));
        draft.label("previous_sha256", one.value.get("previousDigestHashValue").text());
        let event = &mut draft.event;
        event.occurred_at = one.end;
        event.action = Some("cloudtrail:digest-verified".to_owned());
        event.resource = filled(Resource {
            id: Some(format!("arn:aws:s3:::{}/{object}", text(&one.value, "digestS3Bucket")?)),
            kind: own(Some("cloudtrail-digest")),
            environment: None,
            account: own(Some(account)),
        });
        event.attestation =
            filled(Attestation { document: Some(format!("sha256:{}", one.hash)), ..Attestation::default() });
        Ok(draft.finish())
    }

    /// Compares with the digest before; true where there is none at hand and none is missing in between.
    fn follows(&self, n: usize, one: &Digest) -> Result<bool, Unmapped> {
        let Some(previous) = n.checked_sub(1).and_then(|n| self.digests.get(n)) else { return Ok(true) };
        let named = one.value.get("previousDigestS3Object").text();
        if named.is_none() {
            return Err(broken(
                "previousDigestS3Object",
                format!("names no digest, but {} lies before it", previous.name),
            ));
        }
        if named != previous.value.get("digestS3Object").text() {
            let named = named.unwrap_or_default();
            return Err(broken("previousDigestS3Object", format!("names {named}, which is missing here")));
        }
        check_algorithm(one.value.get("previousDigestHashAlgorithm"), HASH, "previousDigestHashAlgorithm")?;
        if one.value.get("previousDigestHashValue").text() != Some(previous.hash.as_str()) {
            let problem = format!("is not the SHA-256 of {}, which is {}", previous.name, previous.hash);
            return Err(broken("previousDigestHashValue", problem));
        }
        if one.value.get("digestStartTime").text() != previous.value.get("digestEndTime").text() {
            return Err(broken("digestStartTime", "is not the time at which the digest before ends"));
        }
        Ok(false)
    }

    /// How many of the log files that it names are at hand and unchanged, and how many are not at hand.
    fn log_files(&self, one: &Digest) -> Result<(usize, usize), Unmapped> {
        let (mut present, mut absent) = (0, 0);
        for (n, file) in one.value.get("logFiles").items().iter().enumerate() {
            let path = format!("logFiles.{n}.hashValue");
            check_algorithm(file.get("hashAlgorithm"), HASH, &format!("logFiles.{n}.hashAlgorithm"))?;
            let object = text(file, "s3Object")?;
            let name = object.rsplit('/').next().unwrap_or(object).trim_end_matches(".gz");
            match self.logs.get(name) {
                None => absent += 1,
                Some(hash) if file.get("hashValue").text() == Some(hash.as_str()) => present += 1,
                Some(hash) => return Err(broken(&path, format!("is not the SHA-256 of {name}, which is {hash}"))),
            }
        }
        Ok((present, absent))
    }

    /// Verifies the signature; false where no public key was given at all.
    fn signed(&self, n: usize, one: &Digest) -> Result<bool, Unmapped> {
        if self.keys.is_empty() {
            return Ok(false);
        }
        check_algorithm(one.value.get("digestSignatureAlgorithm"), SIGNATURE, "digestSignatureAlgorithm")?;
        let fingerprint = text(&one.value, "digestPublicKeyFingerprint")?;
        let key = self.keys.get(fingerprint).ok_or_else(|| {
            broken("digestPublicKeyFingerprint", format!("{fingerprint} is none of the public keys that were given"))
        })?;
        if key.from.zip(one.end).is_some_and(|(from, end)| end < from)
            || key.to.zip(one.end).is_some_and(|(to, end)| end > to)
        {
            return Err(broken("digestPublicKeyFingerprint", "this key was not valid when the digest ended"));
        }
        // The next digest repeats the signature, where the object's metadata are not at hand.
        let repeated = || self.digests.get(n + 1)?.value.get("previousDigestSignature").text();
        let signature = self.signatures.get(stem(&one.name)).map(String::as_str).or_else(repeated);
        let signature = signature.and_then(unhex).ok_or_else(|| {
            broken("signature", "is not at hand: neither the object's metadata nor the next digest is here")
        })?;
        let before = one.value.get("previousDigestSignature").text().unwrap_or("null");
        let place = format!("{}/{}", text(&one.value, "digestS3Bucket")?, text(&one.value, "digestS3Object")?);
        let signed = format!("{}\n{place}\n{}\n{before}", text(&one.value, "digestEndTime")?, one.hash);
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &key.der)
            .verify(signed.as_bytes(), &signature)
            .map_err(|_| broken("signature", format!("does not hold with the public key {fingerprint}")))?;
        Ok(true)
    }
}

fn broken(path: &str, problem: impl Into<String>) -> Unmapped {
    Unmapped::new(Reason::Broken, path, problem)
}

fn text<'v>(value: &'v Value<'_>, name: &str) -> Result<&'v str, Unmapped> {
    value.get(name).text().ok_or_else(|| Unmapped::missing(name))
}

fn check_algorithm(value: &Value<'_>, wanted: &str, path: &str) -> Result<(), Unmapped> {
    match value.text() {
        Some(text) if text == wanted => Ok(()),
        found => Err(broken(path, format!("is {found:?}; only {wanted} is known"))),
    }
}

fn key(entry: &Value<'_>) -> Option<(String, Key)> {
    let der = STANDARD.decode(entry.get("Value").text()?).ok()?;
    let time = |name: &str| rfc3339(entry.get(name).text());
    let key = Key { der, from: time("ValidityStartTime"), to: time("ValidityEndTime") };
    Some((entry.get("Fingerprint").text()?.to_owned(), key))
}

/// The name of a file up to its first dot.
fn stem(name: &str) -> &str {
    name.split('.').next().unwrap_or(name)
}

fn sha256(bytes: &[u8]) -> String {
    digest(&SHA256, bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes().chunks(2);
    digits.map(|pair| u8::from_str_radix(core::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/cloudtrail/digests");

    fn files() -> Vec<(String, Vec<u8>)> {
        let listed = std::fs::read_dir(FOLDER).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<_> = listed
            .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(path).unwrap()))
            .collect();
        files.sort();
        files
    }

    /// What is said of each digest, after a change of the files.
    fn verify(change: impl Fn(&str, &mut Vec<u8>) -> bool) -> Vec<String> {
        let mut set = DigestFiles::default();
        for (name, mut bytes) in files() {
            if change(&name, &mut bytes) {
                set.add(&name, &bytes);
            }
        }
        let said = |item: Item| match item {
            Item::Event(mapped) => {
                let labels = &mapped.event.labels;
                let [signature, files, absent, chain] =
                    ["signature", "log_files_verified", "log_files_absent", "chain"].map(|name| labels[name].as_str());
                format!("{} {signature} {files}+{absent} {chain}", mapped.event.outcome.word())
            }
            Item::Refused { reason, .. } => format!("{} {}: {}", reason.reason.code(), reason.path, reason.problem),
        };
        set.verify().into_iter().map(said).collect()
    }

    fn swap(bytes: &mut Vec<u8>, from: &str, to: &str) -> bool {
        let text = String::from_utf8(bytes.clone()).unwrap();
        assert!(text.contains(from), "{from}");
        *bytes = text.replacen(from, to, 1).into_bytes();
        true
    }

    #[test]
    fn a_chain_that_holds_is_an_event_for_each_digest() {
        let follows = "follows the digest before";
        let expected = [
            "success verified 2+0 begins here".to_owned(),
            format!("success verified 0+0 {follows}"),
            format!("success verified 1+1 {follows}"),
        ];
        assert_eq!(verify(|_, _| true), expected);
        // Without the public keys the hashes are still compared.
        let unsigned = verify(|name, _| name != "keys.json");
        assert_eq!(unsigned[2], format!("unknown no public key given 1+1 {follows}"));
        // Without metadata the next digest tells the signature, and the last has none.
        let bare = verify(|name, _| !name.contains("metadata"));
        assert_eq!(bare[..2], expected[..2]);
        assert!(bare[2].starts_with("broken-chain signature: "), "{bare:?}");
    }

    #[test]
    fn whatever_is_changed_removed_or_forged_breaks_the_chain_where_it_is() {
        let said = verify(|name, bytes| name != "log-a.json" || swap(bytes, "GetObject", "PutObject"));
        assert!(
            said[0].starts_with("broken-chain logFiles.0.hashValue: digest-0.json: is not the SHA-256 of log-a.json")
        );
        let said = verify(|name, bytes| name != "digest-1.json" || swap(bytes, "shop-trail", "shop-trial"));
        assert!(said[1].starts_with("broken-chain signature: "), "{said:?}");
        assert!(said[2].starts_with("broken-chain previousDigestHashValue: "), "{said:?}");
        let said = verify(|name, _| name != "digest-1.json");
        assert!(said[1].contains("previousDigestS3Object") && said[1].contains("which is missing here"), "{said:?}");
        let said =
            verify(|name, bytes| name != "keys.json" || swap(bytes, "\"Fingerprint\": \"", "\"Fingerprint\": \"0"));
        assert!(said.iter().all(|one| one.starts_with("broken-chain digestPublicKeyFingerprint: ")), "{said:?}");
        let said = verify(|name, bytes| name != "keys.json" || swap(bytes, "2026-12-31", "2026-09-01"));
        assert!(said[0].contains("was not valid"), "{said:?}");
        let said = verify(|name, bytes| {
            name != "digest-0.metadata.json" || swap(bytes, "signature\": \"", "signature\": \"00")
        });
        assert!(said[0].starts_with("broken-chain signature: "), "{said:?}");
    }
}
