//! Who called, from `userIdentity`; and the identities that requests name.

use sealbook_core::event::{Identity, IdentityType};

use super::rules::About;
use crate::draft::nobody;
use crate::identity::{aws_arn, mail, oidc, recognise};
use crate::json::Value;

/// The principal that called.
pub(super) struct Caller {
    pub identity: Identity,
    /// Name of the role session.
    pub session: Option<String>,
    /// The identity that stands behind the principal, where the session carries it.
    pub behind: Option<Identity>,
    /// The role's ARN as written, where the canonical id left its path out.
    pub full_arn: Option<String>,
}

pub(super) fn caller(record: &Value<'_>) -> Caller {
    let who = record.get("userIdentity");
    let issuer = who.at("sessionContext.sessionIssuer.arn").text();
    let own = who.get("arn").text();
    let (mut identity, mut session) = principal(record, who);
    let mut full_arn = None;
    if let Some((role, _)) = issuer.and_then(aws_arn) {
        session = own.and_then(aws_arn).and_then(|(_, s)| s).or(session);
        identity = role;
    }
    if let Some(arn) = issuer.or(own)
        && arn.contains(":iam:")
        && arn != identity.id
    {
        full_arn = Some(arn.to_owned());
    }
    if identity.name.is_none() {
        identity.name = who.get("userName").text().map(str::to_owned);
    }
    Caller { identity, session: session.map(str::to_owned), behind: behind(who), full_arn }
}

fn principal<'v>(record: &'v Value<'_>, who: &'v Value<'_>) -> (Identity, Option<&'v str>) {
    let text = |name: &str| who.get(name).text();
    let sort = text("type").unwrap_or_default();
    match (sort, text("identityProvider"), text("userName")) {
        ("WebIdentityUser", Some(provider), Some(subject)) => {
            return (oidc(provider_host(provider), subject), None);
        }
        ("SAMLUser", Some(provider), Some(name)) => {
            let person = mail(name).unwrap_or_else(|| Identity::new(format!("{provider}#{name}"), IdentityType::Human));
            return (person, None);
        }
        _ => {}
    }
    if let Some((mut identity, session)) = text("arn").and_then(aws_arn) {
        if sort == "IAMUser" && by_person(record, who) {
            identity.kind = IdentityType::Human;
        }
        return (identity, session);
    }
    if let ("IAMUser", Some(account), Some(name)) = (sort, text("accountId"), text("userName")) {
        let kind = if by_person(record, who) { IdentityType::Human } else { IdentityType::ServiceAccount };
        let id = format!("arn:aws:iam::{account}:user/{name}");
        return (Identity::new(id, kind), None);
    }
    if let Some(principal) = text("principalId") {
        let (unique, session) = principal.split_once(':').unwrap_or((principal, ""));
        let kind = match unique.get(..4) {
            Some("AROA") => IdentityType::Role,
            Some("AIDA") => IdentityType::ServiceAccount,
            _ => IdentityType::Unknown,
        };
        let id = format!("aws:{}:{unique}", text("accountId").unwrap_or_default());
        return (Identity::new(id, kind), Some(session).filter(|s| !s.is_empty()));
    }
    (service(record, who), None)
}

/// An AWS service that acts by itself.
fn service(record: &Value<'_>, who: &Value<'_>) -> Identity {
    who.get("invokedBy")
        .text()
        .or_else(|| record.get("eventSource").text())
        .or_else(|| record.at("insightDetails.eventSource").text())
        .map_or_else(nobody, |host| Identity::new(host, IdentityType::System))
}

/// Whether the event shows that a person uses this IAM user: a console sign-in, a console session or a second factor.
fn by_person(record: &Value<'_>, who: &Value<'_>) -> bool {
    let console = matches!(record.get("eventType").text(), Some("AwsConsoleSignIn" | "AwsConsoleAction"));
    console
        || record.get("sessionCredentialFromConsole").flag() == Some(true)
        || who.at("sessionContext.attributes.mfaAuthenticated").flag() == Some(true)
}

fn provider_host(provider: &str) -> &str {
    provider.split_once(":oidc-provider/").map_or(provider, |(_, host)| host)
}

/// `sourceIdentity`, the subject of a federated token, or the person of IAM Identity Center.
fn behind(who: &Value<'_>) -> Option<Identity> {
    let context = who.get("sessionContext");
    if let Some(source) = context.get("sourceIdentity").text() {
        return Some(recognise(source).unwrap_or_else(|| Identity::new(source, IdentityType::Unknown)));
    }
    let federation = context.get("webIdFederationData");
    let subject = federation.get("attributes").pairs().iter().find_map(|(name, value)| {
        let is_subject = name == "sub" || name.ends_with(":sub");
        is_subject.then(|| value.text()).flatten()
    });
    if let (Some(provider), Some(subject)) = (federation.get("federatedProvider").text(), subject) {
        return Some(oidc(provider_host(provider), subject));
    }
    let person = who.get("onBehalfOf");
    let (store, user) = (person.get("identityStoreArn").text()?, person.get("userId").text()?);
    Some(Identity::new(format!("{store}#{user}"), IdentityType::Human))
}

/// The identity that an event is about, where its request names another than the caller.
pub(super) fn named(record: &Value<'_>, about: About) -> Option<Identity> {
    let request = record.get("requestParameters");
    let response = record.get("responseElements");
    match about {
        About::Caller => None,
        About::RoleArn => aws_arn(request.get("roleArn").text()?).map(|(role, _)| role),
        About::Stored => {
            let store = request.get("identityStoreId").text().unwrap_or_default();
            let fields = [("userId", IdentityType::Human), ("groupId", IdentityType::Group)];
            let known = fields.iter().find_map(|(field, kind)| {
                let id = response.get(field).text().or_else(|| request.get(field).text())?;
                Some(Identity::new(format!("aws:identitystore:{store}:{id}"), *kind))
            });
            Some(known.unwrap_or_else(nobody))
        }
        About::Grantee => {
            let grantee = request.get("granteePrincipal").text()?;
            Some(recognise(grantee).unwrap_or_else(|| Identity::new(grantee, IdentityType::System)))
        }
        About::Named => {
            let made = ["user.arn", "role.arn", "group.arn"].iter().find_map(|path| aws_arn(response.at(path).text()?));
            if let Some((identity, _)) = made {
                return Some(identity);
            }
            let (sort, name, kind) = [
                ("user", "userName", IdentityType::ServiceAccount),
                ("role", "roleName", IdentityType::Role),
                ("group", "groupName", IdentityType::Group),
            ]
            .into_iter()
            .find_map(|(sort, field, kind)| Some((sort, request.get(field).text()?, kind)))?;
            let account = account(record)?;
            let partition = partition(record);
            Some(Identity::new(format!("arn:{partition}:iam::{account}:{sort}/{name}"), kind))
        }
    }
}

/// Account in which the event happened.
pub(super) fn account<'v>(record: &'v Value<'_>) -> Option<&'v str> {
    record.get("recipientAccountId").text().or_else(|| record.at("userIdentity.accountId").text())
}

fn partition(record: &Value<'_>) -> &'static str {
    match record.get("awsRegion").text() {
        Some(region) if region.starts_with("cn-") => "aws-cn",
        Some(region) if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}
