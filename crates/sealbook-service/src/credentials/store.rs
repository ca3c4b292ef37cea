//! The tokens' file: one line for each change, only ever added to. What a line says becomes an entry of the ledger before
//! it counts, except that a withdrawal counts at once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sealbook_core::limits::{IDENTIFIER_BYTES_MAX, LABEL_VALUE_BYTES_MAX, PROSE_BYTES_MAX};
use sealbook_core::time::Micros;
use sealbook_disk::{World, read_file, replace_file};
use serde::{Deserialize, Serialize};

use super::account::Actor;
use super::error::CredentialError;
use super::scope::{SCOPES_MAX, Scope};
use super::secret::{Digest, generate};

/// Folder of the store in a ledger.
pub const STORE: &str = "credentials";
/// The file in it.
const FILE: &str = "tokens.jsonl";
/// Held while the file is changed.
const LOCK: &str = "lock";
/// Bytes of the file: about half a kilobyte for a change.
const FILE_BYTES_MAX: u64 = 64 << 20;
/// Tokens that are neither withdrawn nor expired.
pub const TOKENS_MAX: usize = 10_000;
/// How often, and after which pause, the lock of the store is asked for.
const LOCK_TRIES: (u32, Duration) = (50, Duration::from_millis(100));

/// A token as it is kept: not the secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Public name: the first sixteen digits of the digest.
    pub id: String,
    /// SHA-256 of the token, in hexadecimal digits.
    pub digest: String,
    /// What its maker calls it.
    pub name: String,
    /// What it allows.
    pub scopes: Vec<Scope>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// When it was made.
    pub created_at: Micros,
    /// When it ends; `None` means never.
    pub expires_at: Option<Micros>,
    /// Who made it.
    pub by: Actor,
}

/// One line of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A token was made.
    Created(Token),
    /// A token was withdrawn.
    Revoked {
        /// Its id.
        token: String,
        /// Why.
        reason: Option<String>,
        /// When.
        at: Micros,
        /// By whom.
        by: Actor,
    },
}

/// A token and whether it still stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The token.
    pub token: Token,
    /// When it was withdrawn, and by whom.
    pub revoked: Option<(Micros, Actor)>,
}

impl Standing {
    /// One word: `active`, `expired` or `revoked`.
    #[must_use]
    pub fn word(&self, now: Micros) -> &'static str {
        match &self.revoked {
            Some(_) => "revoked",
            None if self.token.expires_at.is_some_and(|end| end <= now) => "expired",
            None => "active",
        }
    }
}

/// What a new token is to be.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// What to call it.
    pub name: String,
    /// What it allows.
    pub scopes: Vec<Scope>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// When it ends.
    pub expires_at: Option<Micros>,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "lowercase", deny_unknown_fields)]
enum Line {
    Created {
        token: String,
        digest: String,
        name: String,
        scopes: Vec<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        owner: Option<String>,
        at: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        expires_at: Option<String>,
        by: String,
        account: String,
    },
    Revoked {
        token: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        at: String,
        by: String,
        account: String,
    },
}

impl Line {
    fn of(change: &Change) -> Self {
        match change.clone() {
            Change::Created(token) => Self::Created {
                token: token.id,
                digest: token.digest,
                name: token.name,
                scopes: token.scopes.iter().map(ToString::to_string).collect(),
                owner: token.owner,
                at: token.created_at.to_string(),
                expires_at: token.expires_at.map(|end| end.to_string()),
                by: token.by.id,
                account: token.by.account,
            },
            Change::Revoked { token, reason, at, by } => {
                Self::Revoked { token, reason, at: at.to_string(), by: by.id, account: by.account }
            }
        }
    }

    fn change(self) -> Result<Change, String> {
        match self {
            Self::Created { token: id, digest, name, scopes, owner, at, expires_at, by, account } => {
                let known = Digest::parse(&digest).ok_or("the digest is not 64 hexadecimal digits")?;
                if known.id() != id {
                    return Err(format!("the token {id} is not the one of its digest"));
                }
                let scopes: Result<Vec<Scope>, _> = scopes.iter().map(|scope| scope.parse()).collect();
                Ok(Change::Created(Token {
                    id,
                    digest,
                    name,
                    scopes: scopes.map_err(|error: super::ScopeError| error.to_string())?,
                    owner,
                    created_at: Micros::parse(&at)?,
                    expires_at: expires_at.map(|end| Micros::parse(&end)).transpose()?,
                    by: Actor { id: by, account },
                }))
            }
            Self::Revoked { token, reason, at, by, account } => {
                Ok(Change::Revoked { token, reason, at: Micros::parse(&at)?, by: Actor { id: by, account } })
            }
        }
    }
}

/// The store of one ledger.
#[derive(Clone)]
pub struct TokenStore {
    world: World,
    dir: PathBuf,
}

impl core::fmt::Debug for TokenStore {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "TokenStore({})", self.dir.display())
    }
}

impl TokenStore {
    /// The store of the ledger at `root`; it need not exist.
    #[must_use]
    pub fn of(world: &World, root: &Path) -> Self {
        Self { world: world.clone(), dir: root.join(STORE) }
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.dir.join(FILE)
    }

    /// Bytes of the file, 0 where there is none: it only grows, so this says whether it changed.
    ///
    /// # Errors
    /// As the system says.
    pub fn length(&self) -> Result<u64, CredentialError> {
        let path = self.path();
        if !self.world.disk.exists(&path) {
            return Ok(0);
        }
        let length = self.world.disk.open(&path, false).and_then(|file| file.length());
        length.map_err(CredentialError::io(&path))
    }

    /// Every change, oldest first.
    ///
    /// # Errors
    /// When the file cannot be read; the error names the line.
    pub fn changes(&self) -> Result<Vec<Change>, CredentialError> {
        let path = self.path();
        if !self.world.disk.exists(&path) {
            return Ok(Vec::new());
        }
        let bytes = read_file(&*self.world.disk, &path, FILE_BYTES_MAX).map_err(CredentialError::io(&path))?;
        let lines = bytes.split(|byte| *byte == b'\n').enumerate().filter(|(_, line)| !line.is_empty());
        let read = |(n, line): (usize, &[u8])| {
            let read = serde_json::from_slice::<Line>(line).map_err(|error| error.to_string()).and_then(Line::change);
            read.map_err(|problem| CredentialError::Damaged { path: path.clone(), line: n + 1, problem })
        };
        lines.map(read).collect()
    }

    /// Every token there ever was, oldest first.
    ///
    /// # Errors
    /// As [`Self::changes`].
    pub fn tokens(&self) -> Result<Vec<Standing>, CredentialError> {
        Ok(standings(&self.changes()?))
    }

    /// Makes a token and keeps its digest; gives what was kept and the token itself, which is nowhere else.
    ///
    /// # Errors
    /// When what is asked for cannot be, or the store cannot be changed.
    pub fn create(&self, new: NewToken, by: Actor) -> Result<(Token, String), CredentialError> {
        let now = Micros(self.world.clock.now());
        check(&new, now)?;
        let _held = self.lock()?;
        let mut changes = self.changes()?;
        let standing = standings(&changes);
        if standing.iter().filter(|standing| standing.word(now) == "active").count() >= TOKENS_MAX {
            return Err(CredentialError::Refused(format!("there are {TOKENS_MAX} tokens already; withdraw some")));
        }
        let (secret, digest) = loop {
            let secret = generate(&*self.world.entropy).map_err(CredentialError::io(&self.path()))?;
            let digest = Digest::of(&secret);
            if standing.iter().all(|standing| standing.token.id != digest.id()) {
                break (secret, digest);
            }
        };
        let NewToken { name, mut scopes, owner, expires_at } = new;
        scopes.sort();
        scopes.dedup();
        let token =
            Token { id: digest.id(), digest: digest.hex(), name, scopes, owner, created_at: now, expires_at, by };
        changes.push(Change::Created(token.clone()));
        self.write(&changes)?;
        Ok((token, secret))
    }

    /// Withdraws the token with this id or this name.
    ///
    /// # Errors
    /// When there is no such token, several have the name, it is withdrawn already, or the store cannot be changed.
    pub fn revoke(&self, which: &str, reason: Option<String>, by: Actor) -> Result<Token, CredentialError> {
        if reason.as_ref().is_some_and(|reason| reason.len() > PROSE_BYTES_MAX) {
            return Err(CredentialError::Refused(format!("a reason has at most {PROSE_BYTES_MAX} bytes")));
        }
        let _held = self.lock()?;
        let mut changes = self.changes()?;
        let all = standings(&changes);
        let named = |standing: &&Standing| standing.token.id == which || standing.token.name == which;
        let found: Vec<&Standing> = all.iter().filter(named).collect();
        let open: Vec<&&Standing> = found.iter().filter(|standing| standing.revoked.is_none()).collect();
        let token = match (found.as_slice(), open.as_slice()) {
            (_, [one]) => one.token.clone(),
            ([], _) => return Err(CredentialError::Refused(format!("no token has the id or the name {which:?}"))),
            (_, []) => return Err(CredentialError::Refused(format!("the token {which:?} is withdrawn already"))),
            (_, many) => {
                let ids: Vec<&str> = many.iter().map(|standing| standing.token.id.as_str()).collect();
                let detail = format!("several tokens have the name {which:?}; say which: {}", ids.join(", "));
                return Err(CredentialError::Refused(detail));
            }
        };
        let at = Micros(self.world.clock.now());
        changes.push(Change::Revoked { token: token.id.clone(), reason, at, by });
        self.write(&changes)?;
        Ok(token)
    }

    fn lock(&self) -> Result<Box<dyn Send + Sync>, CredentialError> {
        self.world.disk.create_dir_all(&self.dir).map_err(CredentialError::io(&self.dir))?;
        let path = self.dir.join(LOCK);
        for _ in 0..LOCK_TRIES.0 {
            match self.world.disk.lock(&path) {
                Ok(held) => return Ok(held),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => std::thread::sleep(LOCK_TRIES.1),
                Err(error) => return Err(CredentialError::io(&path)(error)),
            }
        }
        Err(CredentialError::Busy { path: self.path() })
    }

    fn write(&self, changes: &[Change]) -> Result<(), CredentialError> {
        let path = self.path();
        let mut bytes = Vec::new();
        for change in changes {
            let line = serde_json::to_vec(&Line::of(change));
            bytes.extend(line.map_err(|error| CredentialError::io(&path)(error.into()))?);
            bytes.push(b'\n');
        }
        if bytes.len() as u64 > FILE_BYTES_MAX {
            let detail = format!("{} would have more than {FILE_BYTES_MAX} bytes", path.display());
            return Err(CredentialError::Refused(detail));
        }
        replace_file(&*self.world.disk, &path, &bytes, true).map_err(CredentialError::io(&path))
    }
}

fn check(new: &NewToken, now: Micros) -> Result<(), CredentialError> {
    let refuse = |detail: String| Err(CredentialError::Refused(detail));
    let scopes = new.scopes.iter().map(|scope| scope.to_string().len() + 1).sum::<usize>();
    if new.scopes.is_empty() || new.scopes.len() > SCOPES_MAX || scopes > LABEL_VALUE_BYTES_MAX {
        return refuse(format!("a token has 1 to {SCOPES_MAX} scopes of {LABEL_VALUE_BYTES_MAX} bytes together"));
    }
    let printable = |text: &str, max: usize| {
        !text.is_empty() && text.len() <= max && text.trim() == text && !text.chars().any(char::is_control)
    };
    if !printable(&new.name, 128) {
        return refuse(format!("{:?} is no name: 1 to 128 bytes without control characters", new.name));
    }
    if new.owner.as_ref().is_some_and(|owner| !printable(owner, IDENTIFIER_BYTES_MAX)) {
        return refuse("the owner is the id of a person or a team".to_owned());
    }
    if let Some(end) = new.expires_at.filter(|end| *end <= now) {
        return refuse(format!("the token would end at {end}, which is past"));
    }
    Ok(())
}

/// What stands after these changes.
pub(crate) fn standings(changes: &[Change]) -> Vec<Standing> {
    let mut all: Vec<Standing> = Vec::new();
    let mut by_id: BTreeMap<&str, usize> = BTreeMap::new();
    for change in changes {
        match change {
            Change::Created(token) => {
                by_id.insert(&token.id, all.len());
                all.push(Standing { token: token.clone(), revoked: None });
            }
            Change::Revoked { token, at, by, .. } => {
                if let Some(standing) = by_id.get(token.as_str()).and_then(|n| all.get_mut(*n)) {
                    standing.revoked.get_or_insert((*at, by.clone()));
                }
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sealbook_disk::{SeededEntropy, SetClock, SimulatedDisk};

    use super::*;

    fn store() -> (TokenStore, Actor) {
        let world = World {
            disk: Arc::new(SimulatedDisk::default()),
            clock: Arc::new(SetClock::new(1_790_000_000_000_000)),
            entropy: Arc::new(SeededEntropy::new(3)),
        };
        let actor = Actor { id: "ines@prod.example".into(), account: "uid:7@host".into() };
        (TokenStore::of(&world, Path::new("/ledger")), actor)
    }

    fn new(name: &str) -> NewToken {
        let scopes = vec!["ingest:opa".parse().unwrap(), "read".parse().unwrap()];
        NewToken { name: name.into(), scopes, owner: Some("team-a".into()), expires_at: Some(Micros(i64::MAX / 1_000)) }
    }

    #[test]
    fn a_token_is_kept_without_its_secret_and_survives_the_file() {
        let (store, actor) = store();
        assert_eq!((store.tokens().unwrap(), store.length().unwrap()), (vec![], 0));
        let (token, secret) = store.create(new("opa"), actor.clone()).unwrap();
        let bytes = read_file(&*store.world.disk, &store.path(), 1 << 20).unwrap();
        assert!(!String::from_utf8(bytes).unwrap().contains(&secret[8..]));
        assert_eq!(store.tokens().unwrap(), [Standing { token: token.clone(), revoked: None }]);
        assert!(Digest::of(&secret).is(&Digest::parse(&token.digest).unwrap()));
        let revoked = store.revoke("opa", Some("lost".into()), actor).unwrap();
        assert_eq!(revoked, token);
        assert_eq!(store.tokens().unwrap()[0].word(Micros(0)), "revoked");
    }

    #[test]
    fn what_to_withdraw_must_be_clear() {
        let (store, actor) = store();
        let (one, _) = store.create(new("twice"), actor.clone()).unwrap();
        let (two, _) = store.create(new("twice"), actor.clone()).unwrap();
        let error = store.revoke("twice", None, actor.clone()).unwrap_err().to_string();
        assert!(error.contains(&one.id) && error.contains(&two.id), "{error}");
        store.revoke(&one.id, None, actor.clone()).unwrap();
        assert!(store.revoke(&one.id, None, actor.clone()).unwrap_err().to_string().contains("already"));
        // Only one of that name is left.
        assert_eq!(store.revoke("twice", None, actor.clone()).unwrap().id, two.id);
        assert!(store.revoke("nobody", None, actor).is_err());
    }

    #[test]
    fn what_cannot_be_a_token_is_refused() {
        let (store, actor) = store();
        let refused = |change: fn(&mut NewToken)| {
            let mut wanted = new("n");
            change(&mut wanted);
            assert!(matches!(store.create(wanted, actor.clone()), Err(CredentialError::Refused(_))));
        };
        refused(|new| new.scopes.clear());
        refused(|new| new.name = " a".into());
        refused(|new| new.name = "a\nb".into());
        refused(|new| new.owner = Some(String::new()));
        refused(|new| new.expires_at = Some(Micros(5)));
        assert_eq!(store.length().unwrap(), 0);
    }

    #[test]
    fn a_changed_line_is_named() {
        let (store, actor) = store();
        store.create(new("a"), actor.clone()).unwrap();
        store.create(new("b"), actor).unwrap();
        let text = String::from_utf8(read_file(&*store.world.disk, &store.path(), 1 << 20).unwrap()).unwrap();
        let id = store.tokens().unwrap()[1].token.id.clone();
        for changed in [text.replace(&format!("\"token\":\"{id}"), "\"token\":\"0000000000000000"), format!("{text}x")]
        {
            replace_file(&*store.world.disk, &store.path(), changed.as_bytes(), true).unwrap();
            let error = store.changes().unwrap_err();
            let line = if changed.ends_with('x') { 3 } else { 2 };
            assert!(matches!(error, CredentialError::Damaged { line: found, .. } if found == line), "{error}");
        }
    }
}
