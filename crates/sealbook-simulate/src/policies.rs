//! Which version of which policy is in force when.

use sealbook_core::event::{Identity, Policy};

use crate::draft::{DAY, HOUR, MINUTE};
use crate::organisation::{domain, policy_owner};
use crate::rng::mix;
use crate::words::{DOMAIN_COUNT, IDENTITY, PLATFORM};

/// Number of policies: one per domain, and the three below.
pub(crate) const POLICY_COUNT: usize = DOMAIN_COUNT + 3;
/// The policy of sign-on and token exchange.
pub(crate) const SIGN_ON: usize = DOMAIN_COUNT;
/// The policy that the clouds enforce by themselves.
pub(crate) const CLOUD: usize = DOMAIN_COUNT + 1;
/// What holds while the decision service cannot be reached.
pub(crate) const FAILSAFE: usize = DOMAIN_COUNT + 2;

/// The policies of one simulation.
#[derive(Clone, Debug)]
pub(crate) struct Policies {
    pub(crate) seed: u64,
    pub(crate) start: i64,
    /// Time between two versions of a policy.
    pub(crate) interval: i64,
}

impl Policies {
    pub(crate) fn domain_of(policy: usize) -> usize {
        match policy {
            SIGN_ON => IDENTITY,
            CLOUD | FAILSAFE => PLATFORM,
            d => d,
        }
    }

    pub(crate) fn owner(policy: usize) -> Identity {
        policy_owner(Self::domain_of(policy))
    }

    /// When version `number` (1 or later) is published: at night, when there is no traffic.
    pub(crate) fn published(&self, policy: usize, number: i64) -> i64 {
        let first = (5 + i64::try_from(policy).unwrap_or(0)) * DAY;
        self.start + first + (number - 1) * self.interval + 3 * HOUR + 20 * MINUTE
    }

    /// Number of the version in force; 0 is the one that the first day finds.
    pub(crate) fn number(&self, policy: usize, at: i64) -> i64 {
        let since = at - self.published(policy, 1);
        if since < 0 { 0 } else { 1 + since / self.interval }
    }

    /// Id, version, digest and owner of a version.
    pub(crate) fn version(&self, policy: usize, number: i64) -> Policy {
        let id = match policy {
            SIGN_ON => "identity.sign-on".to_owned(),
            CLOUD => "platform.cloud".to_owned(),
            FAILSAFE => "platform.failsafe".to_owned(),
            d => format!("{}.access", domain(d).name),
        };
        let base = (policy as u64 + 1) << 32 | u64::try_from(number).unwrap_or(0);
        Policy {
            id: Some(id),
            version: Some(format!("{}.{number}", 3 + policy % 4)),
            digest: Some(digest(self.seed ^ mix(base))),
            owner: Some(Self::owner(policy).id),
            decision_point: None,
            enforcement_point: None,
        }
    }
}

/// Text of the form of a SHA-256 digest.
pub(crate) fn digest(of: u64) -> String {
    let (a, b, c, d) = (mix(of), mix(of ^ 1), mix(of ^ 2), mix(of ^ 3));
    format!("sha256:{a:016x}{b:016x}{c:016x}{d:016x}")
}
