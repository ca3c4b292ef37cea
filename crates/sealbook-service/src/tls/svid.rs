//! The SPIFFE ID of a client certificate, by the rules for X.509-SVIDs.

use sealbook_core::hash::{hex, sha256};
use sealbook_core::time::Micros;
use x509_cert::Certificate;
use x509_cert::der::Decode as _;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{BasicConstraints, KeyUsage, SubjectAltName};

/// Bytes of a SPIFFE ID (SPIFFE-ID §2.3).
const ID_BYTES_MAX: usize = 2_048;
/// Bytes of a trust domain (SPIFFE-ID §2.1).
const DOMAIN_BYTES_MAX: usize = 255;

/// What a client certificate says, once its chain was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Svid {
    /// The whole id.
    pub(crate) id: SpiffeId,
    /// When the certificate ends.
    pub(crate) not_after: Micros,
    /// SHA-256 of the certificate.
    pub(crate) fingerprint: String,
}

/// A SPIFFE ID of a workload: `spiffe://DOMAIN/PATH`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SpiffeId {
    text: String,
    domain: String,
}

/// Why a certificate or a text is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SvidError(String);

impl SpiffeId {
    /// Reads the id of a workload: scheme and trust domain in lower case, a path that is not empty (SPIFFE-ID §2).
    ///
    /// # Errors
    /// Says which rule it breaks.
    pub fn parse(text: &str) -> Result<Self, SvidError> {
        let bad = |rule: &str| Err(SvidError(format!("{text:?} is no SPIFFE ID of a workload: {rule}")));
        if text.len() > ID_BYTES_MAX {
            return bad("it has more than 2048 bytes");
        }
        let Some((domain, path)) = text.strip_prefix("spiffe://").and_then(|rest| rest.split_once('/')) else {
            return bad("it is written spiffe://DOMAIN/PATH");
        };
        let in_domain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._".contains(&byte);
        if domain.is_empty() || domain.len() > DOMAIN_BYTES_MAX || !domain.bytes().all(in_domain) {
            return bad("a trust domain has 1 to 255 of a-z 0-9 - . _");
        }
        let in_path = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        let segment = |part: &str| !part.is_empty() && part != "." && part != ".." && part.bytes().all(in_path);
        if !path.split('/').all(segment) {
            return bad("a path has segments of A-Z a-z 0-9 - . _, none of them empty, . or ..");
        }
        Ok(Self { text: text.to_owned(), domain: domain.to_owned() })
    }

    /// The whole id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Its trust domain.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.domain
    }
}

/// Whether a text names a trust domain.
pub(crate) fn is_domain(text: &str) -> bool {
    SpiffeId::parse(&format!("spiffe://{text}/x")).is_ok_and(|id| id.domain == text)
}

impl Svid {
    /// Reads a leaf certificate (X509-SVID §4.1, §5.2): exactly one URI among its names and that a SPIFFE ID of a
    /// workload; no authority; its key signs, and signs neither certificates nor revocation lists.
    pub(crate) fn of(der: &[u8]) -> Result<Self, SvidError> {
        let bad = |problem: &str| SvidError(problem.to_owned());
        let unreadable = |what: &str| SvidError(format!("the certificate's {what} cannot be read"));
        let certificate = Certificate::from_der(der).map_err(|_| unreadable("outer form"))?;
        let tbs = certificate.tbs_certificate();
        let names = tbs.get_extension::<SubjectAltName>().map_err(|_| unreadable("subject alternative name"))?;
        let (_, SubjectAltName(names)) = names.ok_or_else(|| bad("the certificate names no SPIFFE ID"))?;
        let mut uris = names.iter().filter_map(|name| match name {
            GeneralName::UniformResourceIdentifier(uri) => Some(uri.as_str()),
            _ => None,
        });
        let id = match (uris.next(), uris.next()) {
            (Some(uri), None) => SpiffeId::parse(uri)?,
            (None, _) => return Err(bad("the certificate names no SPIFFE ID")),
            (Some(_), Some(_)) => return Err(bad("the certificate has more than one URI among its names")),
        };
        let constraints = tbs.get_extension::<BasicConstraints>().map_err(|_| unreadable("basic constraints"))?;
        if constraints.is_some_and(|(_, constraints)| constraints.ca) {
            return Err(bad("the certificate is one of an authority, not of a workload"));
        }
        let usage = tbs.get_extension::<KeyUsage>().map_err(|_| unreadable("key usage"))?;
        let (_, usage) = usage.ok_or_else(|| bad("the certificate does not say what its key is for"))?;
        if !usage.digital_signature() || usage.key_cert_sign() || usage.crl_sign() {
            return Err(bad(
                "the certificate's key must be for digital signatures, and not for certificates or revocation lists",
            ));
        }
        let end = tbs.validity().not_after.to_unix_duration().as_micros();
        let not_after = Micros(i64::try_from(end).unwrap_or(i64::MAX));
        Ok(Self { id, not_after, fingerprint: hex(&sha256(der)) })
    }
}

/// When a certificate ends, whatever else it says.
pub(crate) fn end_of(der: &[u8]) -> Option<Micros> {
    let certificate = Certificate::from_der(der).ok()?;
    let end = certificate.tbs_certificate().validity().not_after.to_unix_duration().as_micros();
    i64::try_from(end).ok().map(Micros)
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair, KeyUsagePurpose, SanType};

    use super::*;

    fn of(change: impl FnOnce(&mut CertificateParams)) -> Result<String, String> {
        let mut params = CertificateParams::default();
        params.subject_alt_names =
            vec![uri("spiffe://prod.example/gate"), SanType::DnsName("gate".try_into().unwrap())];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        change(&mut params);
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        Svid::of(certificate.der()).map(|svid| svid.id.as_str().to_owned()).map_err(|error| error.to_string())
    }

    fn uri(text: &str) -> SanType {
        SanType::URI(text.try_into().unwrap())
    }

    #[test]
    fn a_certificate_names_exactly_one_workload() {
        assert_eq!(of(|_| {}).unwrap(), "spiffe://prod.example/gate");
        let refused = |change: fn(&mut CertificateParams), why: &str| {
            let error = of(change).unwrap_err();
            assert!(error.contains(why), "{error}");
        };
        refused(|params| params.subject_alt_names.clear(), "no SPIFFE ID");
        refused(|params| params.subject_alt_names.push(uri("spiffe://prod.example/door")), "more than one");
        refused(|params| params.subject_alt_names.push(uri("https://prod.example/")), "more than one");
        refused(|params| params.subject_alt_names = vec![uri("https://prod.example/")], "no SPIFFE ID");
        refused(|params| params.subject_alt_names = vec![uri("spiffe://prod.example")], "no SPIFFE ID");
        refused(|params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained), "authority");
        refused(|params| params.key_usages.clear(), "what its key is for");
        refused(|params| params.key_usages.push(KeyUsagePurpose::KeyCertSign), "must be for digital signatures");
        refused(|params| params.key_usages.push(KeyUsagePurpose::CrlSign), "must be for digital signatures");
        refused(|params| params.key_usages = vec![KeyUsagePurpose::KeyAgreement], "must be for digital signatures");
        assert!(Svid::of(b"nonsense").is_err());
    }

    #[test]
    fn ids_keep_the_rules() {
        let long = format!("spiffe://a/{}", "x".repeat(ID_BYTES_MAX));
        for bad in [
            "spiffe://a",
            "spiffe://a/",
            "spiffe:///b",
            "spiffe://A/b",
            "SPIFFE://a/b",
            "spiffe://a:80/b",
            "spiffe://u@a/b",
            "spiffe://a/b/",
            "spiffe://a//b",
            "spiffe://a/../b",
            "spiffe://a/./b",
            "spiffe://a/b?c",
            "spiffe://a/b#c",
            "spiffe://a/%41",
            "https://a/b",
            &long,
        ] {
            assert!(SpiffeId::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(SpiffeId::parse("spiffe://prod.example/ns/A_b/sa/c.d-1").unwrap().domain(), "prod.example");
        assert!(is_domain("prod.example") && !is_domain("a/b") && !is_domain("") && !is_domain("A"));
    }
}
