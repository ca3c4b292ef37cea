//! Canonical ids: one text form per identity, so that the same identity from two sources is the same subject.
//!
//! | identity | canonical id | `type` |
//! |---|---|---|
//! | SPIFFE ID | `spiffe://trust-domain/path`, scheme and trust domain in lower case | `workload` |
//! | Kubernetes service account | `system:serviceaccount:namespace:name`, also from an OIDC token or a Vault login of it | `service-account` |
//! | other Kubernetes component or node | its user name, `system:node:n1` | `system` |
//! | AWS role, and every session of it | `arn:aws:iam::account:role/Name`: without path, since the name is unique in the account and session ARNs have no path | `role` |
//! | AWS user | `arn:aws:iam::account:user/Name`, without path for the same reason | `human` or `service-account`, by the evidence of the event |
//! | AWS root user | `arn:aws:iam::account:root` | `human` |
//! | AWS, Azure or Google service | its host name, `ec2.amazonaws.com` | `system` |
//! | OIDC subject | `https://issuer#subject`, the issuer without trailing `/`; a subject that is a Kubernetes service account or a SPIFFE ID stands by itself, with the issuer in `issuer` | by the source |
//! | mail address, user principal name, Google service account | the address in lower case | `human`; `service-account` below `gserviceaccount.com` |
//! | Vault or OpenBao entity | `vault:entity:uuid`, unless its login shows one of the above | by the login |
//! | nothing known | `unknown` | `unknown` |
//!
//! A name inside one system that is unique only there is prefixed by that system (`vault:…`, `okta:…`).

use sealbook_core::event::{Identity, IdentityType};

/// Prefix of Kubernetes service accounts as user names.
pub(crate) const SERVICE_ACCOUNT: &str = "system:serviceaccount:";

/// The canonical form of an id in any spelling that this crate knows; other texts come back as they are.
#[must_use]
pub fn canonical(id: &str) -> String {
    recognise(id).map_or_else(|| id.to_owned(), |identity| identity.id)
}

/// The identity of an id whose form shows what it is.
pub(crate) fn recognise(id: &str) -> Option<Identity> {
    spiffe(id)
        .or_else(|| aws_arn(id).map(|(identity, _)| identity))
        .or_else(|| service_account(id))
        .or_else(|| mail(id))
}

/// A SPIFFE ID (SPIFFE-ID §2): lower-case trust domain, path segments of letters, digits, `.`, `-`, `_`.
pub(crate) fn spiffe(id: &str) -> Option<Identity> {
    let (scheme, rest) = id.split_once("://")?;
    if !scheme.eq_ignore_ascii_case("spiffe") {
        return None;
    }
    let (domain, path) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    let domain = domain.to_ascii_lowercase();
    let letter = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    let domain_fits = !domain.is_empty() && domain.bytes().all(letter);
    let path_fits = path.is_empty()
        || path
            .split('/')
            .skip(1)
            .all(|segment| !segment.is_empty() && segment != "." && segment != ".." && segment.bytes().all(letter));
    (domain_fits && path_fits).then(|| Identity::new(format!("spiffe://{domain}{path}"), IdentityType::Workload))
}

/// A Kubernetes service account by its user name.
pub(crate) fn service_account(id: &str) -> Option<Identity> {
    let (namespace, name) = id.strip_prefix(SERVICE_ACCOUNT)?.split_once(':')?;
    (!namespace.is_empty() && !name.is_empty() && !name.contains(':'))
        .then(|| Identity::new(id, IdentityType::ServiceAccount))
}

/// A mail address or user principal name.
pub(crate) fn mail(id: &str) -> Option<Identity> {
    let (local, domain) = id.split_once('@')?;
    let plain = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b".!#$%&'*+-/=?^_`{|}~".contains(&b))
    };
    if !plain(local) || !plain(domain) || !domain.contains('.') {
        return None;
    }
    let kind = if domain.ends_with("gserviceaccount.com") { IdentityType::ServiceAccount } else { IdentityType::Human };
    Some(Identity::new(id.to_ascii_lowercase(), kind))
}

/// An AWS principal by its ARN, and the name of its session where it is one.
pub(crate) fn aws_arn(arn: &str) -> Option<(Identity, Option<&str>)> {
    let mut parts = arn.splitn(6, ':');
    let (scheme, partition) = (parts.next()?, parts.next()?);
    let (service, region, account) = (parts.next()?, parts.next()?, parts.next()?);
    let resource = parts.next()?;
    if scheme != "arn" || !partition.starts_with("aws") || !region.is_empty() {
        return None;
    }
    let iam = |sort: &str, name: &str, kind| {
        let id = format!("arn:{partition}:iam::{account}:{sort}/{name}");
        Identity::new(id, kind)
    };
    let (sort, rest) = resource.split_once('/').unwrap_or((resource, ""));
    let last = rest.rsplit('/').next().filter(|name| !name.is_empty());
    match (service, sort) {
        ("iam" | "sts", "root") => Some((Identity::new(arn, IdentityType::Human), None)),
        ("iam", "role") => Some((iam("role", last?, IdentityType::Role), None)),
        ("iam", "user") => Some((iam("user", last?, IdentityType::ServiceAccount), None)),
        ("iam", "group") => Some((iam("group", last?, IdentityType::Group), None)),
        ("sts", "assumed-role") => {
            let (role, session) = rest.split_once('/').unwrap_or((rest, ""));
            let session = Some(session).filter(|s| !s.is_empty());
            (!role.is_empty()).then(|| (iam("role", role, IdentityType::Role), session))
        }
        ("sts", "federated-user") => Some((Identity::new(arn, IdentityType::Unknown), None)),
        _ => None,
    }
}

/// An OIDC subject. `issuer` may lack its scheme, as in the ARNs of AWS identity providers.
pub(crate) fn oidc(issuer: &str, subject: &str) -> Identity {
    let issuer = issuer.trim_end_matches('/');
    let issuer = if issuer.contains("://") { issuer.to_owned() } else { format!("https://{issuer}") };
    let mut identity = spiffe(subject)
        .or_else(|| service_account(subject))
        .unwrap_or_else(|| Identity::new(format!("{issuer}#{subject}"), IdentityType::Workload));
    identity.issuer = Some(issuer);
    identity
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(identity: Option<Identity>) -> Option<String> {
        identity.map(|i| i.id)
    }

    #[test]
    fn spiffe_ids_have_one_spelling_and_bad_ones_are_none() {
        assert_eq!(canonical("SPIFFE://Prod.Example/ns/A/sa/b"), "spiffe://prod.example/ns/A/sa/b");
        assert_eq!(canonical("spiffe://td"), "spiffe://td");
        for bad in
            ["spiffe://", "spiffe://td/", "spiffe://td/a//b", "spiffe://td/../x", "spiffe://t d/x", "https://td/x"]
        {
            assert_eq!(id(spiffe(bad)), None, "{bad}");
        }
    }

    #[test]
    fn a_role_and_its_sessions_are_one_identity() {
        let role = "arn:aws:iam::111122223333:role/Deploy";
        let (session, name) = aws_arn("arn:aws:sts::111122223333:assumed-role/Deploy/run-7").unwrap();
        assert_eq!((session.id.as_str(), name), (role, Some("run-7")));
        assert_eq!(session.kind, IdentityType::Role);
        assert_eq!(canonical("arn:aws:iam::111122223333:role/team/ci/Deploy"), role);
        assert_eq!(canonical(role), role);
        assert_eq!(canonical("arn:aws:iam::111122223333:user/eu/ann"), "arn:aws:iam::111122223333:user/ann");
        assert_eq!(canonical("arn:aws-cn:iam::1:root"), "arn:aws-cn:iam::1:root");
        assert_eq!(aws_arn("arn:aws:s3:::bucket"), None);
        assert_eq!(aws_arn("arn:aws:iam::1:role/"), None);
        assert_eq!(aws_arn("arn:aws"), None);
    }

    #[test]
    fn an_oidc_subject_is_issuer_and_subject_unless_it_names_itself() {
        let github = oidc("token.example.dev/", "repo:o/r:ref:refs/heads/main");
        assert_eq!(github.id, "https://token.example.dev#repo:o/r:ref:refs/heads/main");
        let pod = oidc("https://oidc.example/id/9", "system:serviceaccount:pay:api");
        assert_eq!(pod.id, "system:serviceaccount:pay:api");
        assert_eq!(pod.issuer.as_deref(), Some("https://oidc.example/id/9"));
        assert_eq!(oidc("x", "spiffe://TD/a").id, "spiffe://td/a");
    }

    #[test]
    fn mail_addresses_are_lower_case() {
        assert_eq!(canonical("Ann.B@Corp.Example"), "ann.b@corp.example");
        let robot = mail("ci@p1.iam.gserviceaccount.com").unwrap();
        assert_eq!(robot.kind, IdentityType::ServiceAccount);
        for bad in ["a@b", "@x.y", "a b@x.y", "plain", "a@b@c.d"] {
            assert_eq!(id(mail(bad)), None, "{bad}");
        }
    }

    #[test]
    fn canonical_is_idempotent_and_leaves_other_texts_alone() {
        for text in
            ["spiffe://A/b", "arn:aws:sts::1:assumed-role/R/s", "A@b.C", "system:serviceaccount:n:a", "root", ""]
        {
            let once = canonical(text);
            assert_eq!(canonical(&once), once);
        }
        assert_eq!(canonical("system:serviceaccount:only"), "system:serviceaccount:only");
    }
}
