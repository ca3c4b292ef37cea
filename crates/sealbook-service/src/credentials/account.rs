//! Who acts: the account under which this process runs, or the identity that its operator gave it.

use sealbook_core::event::{Identity, IdentityType};

/// Number of the account that runs this process.
#[must_use]
pub fn this_account() -> u32 {
    rustix::process::getuid().as_raw()
}

/// Who acts, and under which account of the operating system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// Canonical id: what the operator named, else the account.
    pub id: String,
    /// `uid:NUMBER@HOST`, as the operating system says; it cannot be chosen.
    pub account: String,
}

impl Actor {
    /// Whoever runs this process, under the name `given` where there is one. A person who became root by `sudo` stays
    /// who they were; the account says root then.
    #[must_use]
    pub fn current(given: Option<&str>) -> Self {
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let uid = this_account();
        let account = format!("uid:{uid}@{host}");
        let before = (uid == 0).then(|| std::env::var("SUDO_UID").ok()).flatten();
        let before = before.filter(|uid| uid.parse::<u32>().is_ok()).map(|uid| format!("uid:{uid}@{host}"));
        let id = match given.filter(|given| !given.is_empty()) {
            Some(given) => sealbook_sources::canonical(given),
            None => before.unwrap_or_else(|| account.clone()),
        };
        Self { id, account }
    }

    /// The actor of an entry.
    #[must_use]
    pub fn identity(&self) -> Identity {
        let kind = match self.id.as_str() {
            id if id.starts_with("spiffe://") => IdentityType::Workload,
            id if id.starts_with("uid:") || id.starts_with("system:serviceaccount:") => IdentityType::ServiceAccount,
            id if id.contains('@') => IdentityType::Human,
            _ => IdentityType::ServiceAccount,
        };
        Identity::new(self.id.clone(), kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_account_is_the_systems_and_the_name_is_the_operators() {
        let plain = Actor::current(None);
        assert!(plain.account.starts_with("uid:") && plain.account.contains('@'), "{plain:?}");
        assert_eq!(Actor::current(Some("")), plain);
        let named = Actor::current(Some("SPIFFE://Prod.example/ledger"));
        assert_eq!((named.id.as_str(), &named.account), ("spiffe://prod.example/ledger", &plain.account));
        assert_eq!(named.identity().kind, IdentityType::Workload);
        assert_eq!(Actor::current(Some("ines@prod.example")).identity().kind, IdentityType::Human);
    }
}
