//! Facts that are not entries: what a verification found, and what the operator's policy says.

use rusqlite::Connection;

/// The checkpoint that the entries were verified against.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Origin of the ledger.
    pub origin: String,
    /// Entries in the ledger.
    pub size: u64,
    /// Merkle root, standard base64.
    pub root: String,
}

/// One range of entries that a verification looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedRange {
    /// `inclusion`, `consistency`, `completeness`, `signature`, `chain`.
    pub check: String,
    /// First index.
    pub first_index: u64,
    /// One past the last index.
    pub end_index: u64,
    /// What it found.
    pub ok: bool,
    /// In words.
    pub detail: String,
}

/// A source that must report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFact {
    /// Source id.
    pub id: String,
    /// Longest silence, in seconds.
    pub heartbeat_seconds: u64,
    /// What it is.
    pub description: Option<String>,
}

/// Who answers for a domain, by the policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyOwner {
    /// The domain.
    pub domain: String,
    /// In which role.
    pub role: String,
    /// The person.
    pub owner: String,
    /// Team of the person.
    pub team: Option<String>,
}

/// A team, by the policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TeamFact {
    /// Its name.
    pub team: String,
    /// What it does to access.
    pub roles: Vec<String>,
    /// Its members.
    pub members: Vec<String>,
}

/// Everything that tests read and no entry says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The checkpoint in force, where there is one.
    pub position: Option<Position>,
    /// What was verified. Empty: nothing was.
    pub verified: Vec<VerifiedRange>,
    /// Sources that must report.
    pub sources: Vec<SourceFact>,
    /// Owners by the policy.
    pub owners: Vec<PolicyOwner>,
    /// Teams by the policy.
    pub teams: Vec<TeamFact>,
}

/// Their tables, which are temporary: a stored projection outlives neither a verification nor a policy.
pub(crate) const TABLES: [&str; 6] =
    ["ledger", "verified_ranges", "inventory_sources", "policy_owners", "policy_teams", "policy_team_members"];

const CREATE: &str = "
    CREATE TEMP TABLE ledger (origin TEXT, size INTEGER, root TEXT, first_entry INTEGER, end_entry INTEGER,
      first_recorded_at INTEGER, last_recorded_at INTEGER);
    CREATE TEMP TABLE verified_ranges (check_id TEXT, first_index INTEGER, end_index INTEGER, ok INTEGER, detail TEXT);
    CREATE TEMP TABLE inventory_sources (id TEXT, heartbeat_seconds INTEGER, description TEXT);
    CREATE TEMP TABLE policy_owners (domain TEXT, role TEXT, owner TEXT, team TEXT);
    CREATE TEMP TABLE policy_teams (team TEXT, role TEXT);
    CREATE TEMP TABLE policy_team_members (team TEXT, member TEXT);";

const LEDGER: &str = "
    INSERT INTO temp.ledger (origin, size, root, first_entry, end_entry, first_recorded_at, last_recorded_at)
    SELECT ?1, ?2, ?3, MIN(entry), MAX(entry) + 1, MIN(recorded_at), MAX(recorded_at) FROM entries";

/// Replaces the facts that a connection carries.
pub(crate) fn write(conn: &Connection, facts: &Facts) -> rusqlite::Result<()> {
    for table in TABLES {
        conn.execute_batch(&format!("DROP TABLE IF EXISTS temp.{table}"))?;
    }
    conn.execute_batch(CREATE)?;
    let position = facts.position.as_ref();
    let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    conn.execute(
        LEDGER,
        (position.map(|p| p.origin.as_str()), position.map(|p| number(p.size)), position.map(|p| p.root.as_str())),
    )?;
    let mut insert = conn.prepare("INSERT INTO temp.verified_ranges VALUES (?1, ?2, ?3, ?4, ?5)")?;
    for range in &facts.verified {
        let (first, end) = (number(range.first_index), number(range.end_index));
        insert.execute((&range.check, first, end, range.ok, &range.detail))?;
    }
    let mut insert = conn.prepare("INSERT INTO temp.inventory_sources VALUES (?1, ?2, ?3)")?;
    for source in &facts.sources {
        insert.execute((&source.id, number(source.heartbeat_seconds), &source.description))?;
    }
    let mut insert = conn.prepare("INSERT INTO temp.policy_owners VALUES (?1, ?2, ?3, ?4)")?;
    for owner in &facts.owners {
        insert.execute((&owner.domain, &owner.role, &owner.owner, &owner.team))?;
    }
    let mut roles = conn.prepare("INSERT INTO temp.policy_teams VALUES (?1, ?2)")?;
    let mut members = conn.prepare("INSERT INTO temp.policy_team_members VALUES (?1, ?2)")?;
    for team in &facts.teams {
        for role in &team.roles {
            roles.execute((&team.team, role))?;
        }
        for member in &team.members {
            members.execute((&team.team, member))?;
        }
    }
    Ok(())
}
