//! CloudTrail event names and what they mean.

use sealbook_core::event::CredentialType::{ApiKey, Certificate, CloudKey, Password, Secret, SshKey, Token};
use sealbook_core::event::ElevationVerb::Started;
use sealbook_core::event::ExceptionVerb::{Closed, Opened};
use sealbook_core::event::LifecycleVerb::{Changed, Offboarded, Provisioned};

use crate::json::{self, Value};
use crate::meaning::Meaning::{
    self, Decision, Elevation, Exception, Issuance, Lifecycle, Policy, Review, Revocation, Rotation,
};
use crate::meaning::fits;

/// Whom an event is about, when not its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum About {
    /// The caller.
    Caller,
    /// The user, role or group that the request names.
    Named,
    /// The role whose ARN the request names.
    RoleArn,
    /// The principal to whom a grant is given.
    Grantee,
    /// The person or group of the identity store that the request or its answer names.
    Stored,
}
use About::{Caller, Grantee, Named, RoleArn, Stored};

/// Source without `.amazonaws.com` (`*`: any), names separated by blanks (`*` stands for any letters), meaning.
pub(super) type Rule = (&'static str, &'static str, Meaning, About);

/// The first rule that fits holds; where none fits the event is a decision about its caller.
pub(super) const RULES: &[Rule] = &[
    // Credentials are minted.
    ("sts", "AssumeRole AssumeRoleWithSAML AssumeRoleWithWebIdentity", Issuance(CloudKey), RoleArn),
    ("sts", "AssumeRoot", Elevation(Started), Caller),
    ("sts", "GetSessionToken GetFederationToken", Issuance(CloudKey), Caller),
    ("sso", "GetRoleCredentials", Issuance(CloudKey), Caller),
    ("sso-oauth", "CreateToken CreateTokenWithIAM", Issuance(Token), Caller),
    ("cognito-identity", "GetCredentialsForIdentity", Issuance(CloudKey), Caller),
    ("rolesanywhere", "CreateSession", Issuance(CloudKey), RoleArn),
    ("iam", "CreateAccessKey", Issuance(CloudKey), Named),
    ("iam", "CreateServiceSpecificCredential", Issuance(ApiKey), Named),
    ("iam", "CreateLoginProfile", Issuance(Password), Named),
    ("iam", "UploadServerCertificate UploadSigningCertificate", Issuance(Certificate), Named),
    ("iam", "UploadSSHPublicKey", Issuance(SshKey), Named),
    ("acm", "RequestCertificate ImportCertificate", Issuance(Certificate), Caller),
    ("acm-pca", "IssueCertificate", Issuance(Certificate), Caller),
    ("secretsmanager", "CreateSecret", Issuance(Secret), Caller),
    ("ec2", "CreateKeyPair ImportKeyPair", Issuance(SshKey), Caller),
    ("ec2-instance-connect", "SendSSHPublicKey SendSerialConsoleSSHPublicKey", Issuance(SshKey), Caller),
    // Credentials replace others.
    (
        "secretsmanager",
        "RotateSecret RotationStarted RotationSucceeded RotationFailed PutSecretValue",
        Rotation(Secret),
        Caller,
    ),
    ("iam", "UpdateLoginProfile ChangePassword", Rotation(Password), Named),
    ("iam", "ResetServiceSpecificCredential", Rotation(ApiKey), Named),
    ("iam", "UpdateAccessKey", Rotation(CloudKey), Named),
    ("kms", "RotateKey RotateKeyOnDemand", Rotation(Secret), Caller),
    ("acm", "RenewCertificate", Rotation(Certificate), Caller),
    // Credentials are withdrawn.
    ("iam", "DeleteAccessKey", Revocation(CloudKey), Named),
    ("iam", "DeactivateMFADevice DeleteVirtualMFADevice", Revocation(Token), Named),
    ("iam", "DeleteLoginProfile", Revocation(Password), Named),
    ("iam", "DeleteServiceSpecificCredential", Revocation(ApiKey), Named),
    ("iam", "DeleteServerCertificate DeleteSigningCertificate", Revocation(Certificate), Named),
    ("iam", "DeleteSSHPublicKey", Revocation(SshKey), Named),
    ("acm-pca", "RevokeCertificate", Revocation(Certificate), Caller),
    ("acm", "RevokeCertificate DeleteCertificate", Revocation(Certificate), Caller),
    ("secretsmanager", "DeleteSecret EndSecretVersionDelete", Revocation(Secret), Caller),
    ("kms", "ScheduleKeyDeletion DisableKey DeleteKey", Revocation(Secret), Caller),
    ("ec2", "DeleteKeyPair", Revocation(SshKey), Caller),
    // Trust in somebody outside begins: everything that party signs is let in from now on.
    ("rolesanywhere", "CreateTrustAnchor", Elevation(Started), Caller),
    ("iam", "CreateSAMLProvider CreateOpenIDConnectProvider", Elevation(Started), Caller),
    // Identities come, change and go.
    ("iam", "CreateUser CreateRole CreateServiceLinkedRole CreateGroup", Lifecycle(Provisioned), Named),
    ("iam", "DeleteUser DeleteRole DeleteServiceLinkedRole DeleteGroup", Lifecycle(Offboarded), Named),
    ("iam", "UpdateUser UpdateRole UpdateRoleDescription UpdateGroup", Lifecycle(Changed), Named),
    ("iam", "AddUserToGroup RemoveUserFromGroup", Lifecycle(Changed), Named),
    ("iam", "AddRoleToInstanceProfile RemoveRoleFromInstanceProfile", Lifecycle(Changed), Named),
    ("iam", "TagRole TagUser UntagRole UntagUser", Lifecycle(Changed), Named),
    ("iam", "EnableMFADevice CreateVirtualMFADevice", Lifecycle(Changed), Named),
    ("identitystore", "CreateUser CreateGroup", Lifecycle(Provisioned), Stored),
    ("identitystore", "DeleteUser DeleteGroup", Lifecycle(Offboarded), Stored),
    // Watching stops or starts again.
    ("cloudtrail", "StopLogging DeleteTrail PutEventSelectors UpdateTrail", Exception(Opened), Caller),
    ("cloudtrail", "StartLogging", Exception(Closed), Caller),
    ("guardduty", "DeleteDetector", Exception(Opened), Caller),
    ("securityhub", "DisableSecurityHub", Exception(Opened), Caller),
    (
        "config",
        "StopConfigurationRecorder DeleteConfigurationRecorder DeleteDeliveryChannel",
        Exception(Opened),
        Caller,
    ),
    ("config", "StartConfigurationRecorder", Exception(Closed), Caller),
    ("ec2", "DeleteFlowLogs", Exception(Opened), Caller),
    ("route53resolver", "DeleteResolverQueryLogConfig", Exception(Opened), Caller),
    // Privileges are looked at.
    ("access-analyzer", "ValidatePolicy", Review, Caller),
    ("iam", "GenerateServiceLastAccessedDetails GenerateCredentialReport", Review, Caller),
    ("verifiedpermissions", "CreatePolicy* UpdatePolicy* DeletePolicy* PutSchema", Policy, Caller),
    // Names with "Policy" that say nothing about access.
    ("*", "*ScalingPolicy *LifecyclePolicy *RetentionPolicy", Decision, Caller),
    // Policies.
    ("iam", "PutUserPolicy PutRolePolicy PutGroupPolicy", Policy, Named),
    ("iam", "AttachUserPolicy AttachRolePolicy AttachGroupPolicy", Policy, Named),
    ("iam", "DetachUserPolicy DetachRolePolicy DetachGroupPolicy", Policy, Named),
    ("iam", "DeleteUserPolicy DeleteRolePolicy DeleteGroupPolicy UpdateAssumeRolePolicy", Policy, Named),
    (
        "iam",
        "PutUserPermissionsBoundary PutRolePermissionsBoundary DeleteUserPermissionsBoundary DeleteRolePermissionsBoundary",
        Policy,
        Named,
    ),
    (
        "iam",
        "CreatePolicy* DeletePolicy* SetDefaultPolicyVersion UpdateSAMLProvider DeleteSAMLProvider",
        Policy,
        Caller,
    ),
    ("kms", "CreateGrant", Policy, Grantee),
    ("kms", "RetireGrant RevokeGrant", Policy, Caller),
    ("lambda", "AddPermission* RemovePermission*", Policy, Caller),
    ("s3", "PutBucketAcl PutObjectAcl PutBucketPublicAccessBlock DeleteBucketPublicAccessBlock", Policy, Caller),
    (
        "ec2",
        "AuthorizeSecurityGroup* RevokeSecurityGroup* ModifySnapshotAttribute ModifyImageAttribute",
        Policy,
        Caller,
    ),
    ("rds", "ModifyDBSnapshotAttribute ModifyDBClusterSnapshotAttribute", Policy, Caller),
    ("sso", "CreatePermissionSet DeletePermissionSet CreateAccountAssignment DeleteAccountAssignment", Policy, Caller),
    ("rolesanywhere", "CreateProfile DeleteProfile DeleteTrustAnchor", Policy, Caller),
    (
        "*",
        "Put*Policy Delete*Policy Attach*Policy Detach*Policy Create*Policy Update*Policy Set*Policy",
        Policy,
        Caller,
    ),
];

/// Managed policies that let their holder do everything, or give itself everything.
const ADMIN_POLICIES: [&str; 2] = ["AdministratorAccess", "IAMFullAccess"];

/// Inline policy that the console writes to end all older sessions of a role.
const REVOKE_SESSIONS: &str = "AWSRevokeOlderSessions";

/// What `name` of `source` means, before its parameters are looked at.
pub(super) fn rule(source: &str, name: &str) -> Option<&'static Rule> {
    let name = unversioned(name);
    RULES.iter().find(|(s, names, ..)| (*s == "*" || *s == source) && names.split(' ').any(|n| fits(n, name)))
}

/// The rule's meaning, changed where the parameters say more than the name.
pub(super) fn meaning(rule: &Rule, name: &str, request: &Value<'_>) -> Meaning {
    let inactive = request.get("status").text() == Some("Inactive");
    match rule.2 {
        Rotation(CloudKey) if name == "UpdateAccessKey" && inactive => Revocation(CloudKey),
        Policy if name == "PutRolePolicy" && request.get("policyName").text() == Some(REVOKE_SESSIONS) => {
            Revocation(Token)
        }
        Policy if gives_everything(name, request) => Elevation(Started),
        Lifecycle(Changed) if name.starts_with("Tag") && owner_tag(request).is_some() => Meaning::Ownership,
        other => other,
    }
}

/// Value of the first tag whose key tells the owner.
pub(super) fn owner_tag<'v>(request: &'v Value<'_>) -> Option<&'v str> {
    request.get("tags").items().iter().find_map(|tag| {
        let key = tag.get("key").text()?;
        key.to_ascii_lowercase().starts_with("owner").then(|| tag.get("value").text()).flatten()
    })
}

fn gives_everything(name: &str, request: &Value<'_>) -> bool {
    if name.starts_with("Attach") {
        let attached = request.get("policyArn").text().unwrap_or_default();
        return ADMIN_POLICIES.iter().any(|admin| attached.rsplit('/').next() == Some(admin));
    }
    let inline = name.starts_with("Put").then(|| request.get("policyDocument").text());
    inline
        .flatten()
        .and_then(|document| json::parse(document.as_bytes()).ok())
        .is_some_and(|document| allows_all(document.get("Statement")))
}

fn allows_all(statement: &Value<'_>) -> bool {
    if let Value::List(statements) = statement {
        return statements.iter().any(allows_all);
    }
    let holds_star =
        |value: &Value<'_>| value.text() == Some("*") || value.items().iter().any(|item| item.text() == Some("*"));
    statement.get("Effect").text() == Some("Allow")
        && holds_star(statement.get("Action"))
        && holds_star(statement.get("Resource"))
}

/// Lambda writes its API version behind the name: `AddPermission20150331v2`.
fn unversioned(name: &str) -> &str {
    let end = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == 'v');
    if name.len() - end.len() >= 8 { end } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_has_a_golden_record() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/cloudtrail/golden");
        let mut bodies = String::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.to_string_lossy().ends_with(".in.json") {
                bodies += &std::fs::read_to_string(path).unwrap();
            }
        }
        for (source, names, ..) in RULES {
            let shown = names.split(' ').any(|pattern| {
                let (name, _) = pattern.split_once('*').unwrap_or((pattern, ""));
                *source == "*" || bodies.contains(&format!("\"eventName\": \"{name}"))
            });
            assert!(shown, "no golden record for {source} {names}");
        }
    }

    #[test]
    fn patterns_and_versions_are_matched() {
        let meaning_of = |source, name| rule(source, name).map(|r| r.2);
        assert_eq!(meaning_of("lambda", "AddPermission20150331v2"), Some(Policy));
        assert_eq!(meaning_of("s3", "PutBucketPolicy"), Some(Policy));
        assert_eq!(meaning_of("autoscaling", "PutScalingPolicy"), Some(Decision));
        assert_eq!(meaning_of("s3", "GetBucketPolicy"), None);
        assert_eq!(meaning_of("iam", "CreatePolicyVersion"), Some(Policy));
        assert_eq!(meaning_of("s3", "GetObject"), None);
        assert_eq!(unversioned("Version2"), "Version2");
    }

    #[test]
    fn a_policy_that_allows_all_is_an_elevation_and_a_denial_of_all_is_not() {
        let request = |effect: &str, action: &str| {
            format!(
                r#"{{"policyDocument":"{{\"Statement\":{{\"Effect\":\"{effect}\",\"Action\":{action},\"Resource\":\"*\"}}}}"}}"#
            )
        };
        let of = |text: String| {
            let value = json::parse(text.as_bytes()).unwrap();
            meaning(rule("iam", "PutUserPolicy").unwrap(), "PutUserPolicy", &value)
        };
        assert_eq!(of(request("Allow", r#"[\"a:b\",\"*\"]"#)), Elevation(Started));
        assert_eq!(of(request("Deny", r#"\"*\""#)), Policy);
        assert_eq!(of(request("Allow", r#"\"s3:*\""#)), Policy);
        assert_eq!(of(r#"{"policyDocument":"not json"}"#.into()), Policy);
    }
}
