//! What Entra ID activities and Azure operations mean.

use sealbook_core::event::CredentialType::{Secret, Token};
use sealbook_core::event::ElevationVerb::{Ended, Requested, Started};
use sealbook_core::event::ExceptionVerb::{Closed, Opened};
use sealbook_core::event::LifecycleVerb::{Changed, Disabled, Offboarded, Provisioned};

use crate::meaning::Meaning::{
    self, Approval, Decision, Elevation, Exception, Issuance, Lifecycle, Ownership, Policy, Review, Revocation,
    Rotation,
};
use crate::meaning::{Words, find};

/// Activities in lower case, blanks as `_`.
pub(super) const ACTIVITIES: &Words = &[
    ("*request_approved_(pim* *request_denied_(pim*", Approval),
    ("*requested_(pim*", Elevation(Requested)),
    ("*completed_(pim*", Elevation(Started)),
    ("*expired_(pim* remove_member_from_role*", Elevation(Ended)),
    ("update_*certificates_and_secrets_management*", Rotation(Secret)),
    ("*certificates_and_secrets_management* add_service_principal_credentials*", Issuance(Secret)),
    ("remove_service_principal_credentials*", Revocation(Secret)),
    ("revoke_sign-in_sessions* *stsrefreshtoken*", Revocation(Token)),
    ("*access_review*", Review),
    ("add_owner_* remove_owner_* add_registered_owner_* remove_registered_owner_*", Ownership),
    ("recover_device_local_administrator_password* add_delegated_permission_grant*", Elevation(Started)),
    ("remove_delegated_permission_grant*", Elevation(Ended)),
    (
        "add_member_to_role* add_app_role_assignment* consent_to_application* *elevated_their_access* *elevateaccess/action",
        Elevation(Started),
    ),
    ("*microsoft.authorization/policyexemptions/delete", Exception(Closed)),
    ("*microsoft.authorization/policyexemptions/*", Exception(Opened)),
    (
        "*microsoft.authorization/roleassignments/* *microsoft.authorization/roledefinitions/* *microsoft.authorization/policyassignments/*",
        Policy,
    ),
    (
        "*conditional_access_policy* *methods_policy* *authorization_policy* update_policy* add*_policy* delete_policy* *role_assignment*",
        Policy,
    ),
    ("set_federation_settings* set_domain_authentication* *verified_domain* verify_domain*", Policy),
    (
        "add_user* add_application* add_service_principal* add_group* add_device* create_application* invite_external_user*",
        Lifecycle(Provisioned),
    ),
    (
        "delete_user* delete_application* delete_service_principal* delete_group* delete_device* hard_delete_*",
        Lifecycle(Offboarded),
    ),
    ("disable_account*", Lifecycle(Disabled)),
    ("reset_*password* change_*password*", Rotation(Secret)),
    (
        "update_user* update_application* update_service_principal* update_group* update_device* enable_account* restore_* *member_to_group* *member_from_group* *registered_users_*",
        Lifecycle(Changed),
    ),
];

/// Categories of diagnostic logs whose every record means the same.
const CATEGORIES: &Words = &[
    ("RiskyUsers UserRiskEvents RiskyServicePrincipals ServicePrincipalRiskEvents", Exception(Opened)),
    ("ProvisioningLogs", Lifecycle(Changed)),
    ("*SignInLogs MicrosoftGraphActivityLogs", Decision),
];

/// The form in which activities are compared.
pub(super) fn plain(activity: &str) -> String {
    activity.trim().to_lowercase().replace(' ', "_")
}

/// Categories of which every record without a row of its own is a call that was let in or refused.
const CALLS: &[&str] = &["AuditEvent", "StorageRead", "StorageWrite", "StorageDelete"];

/// What a record means; `None` where no rule says it.
pub(super) fn meaning(category: Option<&str>, activity: Option<&str>, by_service: Option<&str>) -> Option<Meaning> {
    if let Some(found) = category.and_then(|category| find(CATEGORIES, category)) {
        return Some(found);
    }
    if by_service == Some("Access Reviews") {
        return Some(Review);
    }
    // Operations of resource providers are calls: `Microsoft.Compute/virtualMachines/write`.
    let call = category.is_some_and(|category| CALLS.contains(&category))
        || activity.is_some_and(|activity| activity.contains('/'));
    activity.and_then(|activity| find(ACTIVITIES, &plain(activity))).or(call.then_some(Decision))
}
