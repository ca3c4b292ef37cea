//! The words of events: every enumeration with its CBOR code and the word for it in JSON, SQL and reports.

use crate::record::vocabulary;

vocabulary! {
    /// What an event is about.
    Kind {
        /// Access was allowed or denied (by a policy decision or enforcement point).
        1 Decision "decision",
        /// A person or a rule granted or refused a request.
        2 Approval "approval",
        /// A credential was minted.
        3 Issuance "issuance",
        /// A credential replaced another.
        4 Rotation "rotation",
        /// A credential, session or grant was withdrawn.
        5 Revocation "revocation",
        /// A policy exception was opened, renewed, used or closed.
        6 Exception "exception",
        /// Emergency or just-in-time privilege was requested, started or ended.
        7 Elevation "elevation",
        /// An identity was provisioned, changed, disabled, offboarded or handed over; also the ledger's own acts.
        8 Lifecycle "lifecycle",
        /// A human or machine privilege was reviewed.
        9 Review "review",
        /// A policy version was published, changed or retired.
        10 Policy "policy",
        /// Somebody became accountable for a policy, an identity or a control.
        11 Ownership "ownership",
        /// A person states that a control is met.
        12 Attestation "attestation",
    }
}

vocabulary! {
    /// How it ended.
    Outcome {
        /// Access was allowed.
        1 Allow "allow",
        /// Access was denied.
        2 Deny "deny",
        /// The act succeeded.
        3 Success "success",
        /// The act failed.
        4 Failure "failure",
        /// Something broke before there was an outcome.
        5 Error "error",
        /// The source does not say.
        6 Unknown "unknown",
    }
}

vocabulary! {
    /// What sort of identity it is.
    IdentityType {
        /// A person.
        1 Human "human",
        /// An account that a program uses.
        2 ServiceAccount "service-account",
        /// An attested workload, for example by its SPIFFE ID.
        3 Workload "workload",
        /// An API key acting as an identity of its own.
        4 ApiKey "api-key",
        /// A token acting as an identity of its own.
        5 Token "token",
        /// A certificate acting as an identity of its own.
        6 Certificate "certificate",
        /// A role that others assume.
        7 Role "role",
        /// An AI agent.
        8 Agent "agent",
        /// A group.
        9 Group "group",
        /// The platform itself, or this ledger.
        10 System "system",
        /// The source does not say.
        11 Unknown "unknown",
    }
}

vocabulary! {
    /// What sort of credential it is.
    CredentialType {
        /// X.509 certificate with a SPIFFE ID.
        1 X509Svid "x509-svid",
        /// JWT with a SPIFFE ID.
        2 JwtSvid "jwt-svid",
        /// Token of an OpenID Connect provider.
        3 OidcToken "oidc-token",
        /// API key.
        4 ApiKey "api-key",
        /// Access key of a cloud provider.
        5 CloudKey "cloud-key",
        /// Password.
        6 Password "password",
        /// Secret of a store.
        7 Secret "secret",
        /// SSH key or certificate.
        8 SshKey "ssh-key",
        /// Any other certificate.
        9 Certificate "certificate",
        /// Any other token.
        10 Token "token",
    }
}

vocabulary! {
    /// Answer to a request.
    ApprovalDecision {
        /// The request was granted.
        1 Granted "granted",
        /// The request was refused.
        2 Refused "refused",
    }
}

vocabulary! {
    /// What happened to a policy exception.
    ExceptionVerb {
        /// It began.
        1 Opened "opened",
        /// Its term was extended.
        2 Renewed "renewed",
        /// It ended.
        3 Closed "closed",
        /// Access was given because of it.
        4 Used "used",
    }
}

vocabulary! {
    /// What happened to an elevation.
    ElevationVerb {
        /// It was asked for.
        1 Requested "requested",
        /// It began.
        2 Started "started",
        /// It ended.
        3 Ended "ended",
    }
}

vocabulary! {
    /// What happened to an identity.
    LifecycleVerb {
        /// It came to be.
        1 Provisioned "provisioned",
        /// It changed.
        2 Changed "changed",
        /// It was switched off.
        3 Disabled "disabled",
        /// It was removed for good.
        4 Offboarded "offboarded",
        /// It was handed to another owner.
        5 Transferred "transferred",
    }
}

vocabulary! {
    /// What a review decided.
    ReviewDecision {
        /// The privilege stays.
        1 Keep "keep",
        /// The privilege must go.
        2 Revoke "revoke",
        /// The privilege must change.
        3 Change "change",
    }
}

vocabulary! {
    /// What an owner answers for.
    OwnershipRole {
        /// The rules of a domain.
        1 PolicyOwner "policy-owner",
        /// The life of an identity.
        2 LifecycleOwner "lifecycle-owner",
        /// A control.
        3 ControlOwner "control-owner",
        /// Enforcing the rules of a domain.
        4 Enforcement "enforcement",
    }
}
