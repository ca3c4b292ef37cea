//! Measures building and asking: `cargo run --release -p sealbook-projection --example measure_projection -- 1000000 /tmp/p.sqlite`.
#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "an example that measures and tells")]

use std::error::Error;
use std::path::PathBuf;
use std::time::Instant;

use sealbook_core::entry::{Entry, SEALED_BY_DEFAULT, Source, Thread, seal};
use sealbook_core::event::{
    Context, Correlation, Credential, CredentialType, Event, Identity, IdentityType, Kind, Lifecycle, LifecycleVerb,
    Outcome, Policy, Resource,
};
use sealbook_core::hash::ChainValue;
use sealbook_core::time::Micros;
use sealbook_projection::{Builder, Door, Place, Query, VIEWS};

fn main() -> Result<(), Box<dyn Error>> {
    let count: u64 = std::env::args().nth(1).map_or(Ok(100_000), |n| n.parse())?;
    let file = std::env::args().nth(2).map(PathBuf::from);
    let place = file.clone().map_or(Place::Temporary, Place::File);
    let made = Instant::now();
    for n in 0..count {
        std::hint::black_box(entry(n));
    }
    let making = made.elapsed();
    let start = Instant::now();
    let mut builder = Builder::new(&place)?;
    for n in 0..count {
        builder.push(&entry(n))?;
    }
    let pushed = start.elapsed();
    let projection = builder.finish()?;
    let seconds = (start.elapsed() - making).as_secs_f64();
    println!("made {making:?}, pushed {:?}, finished {:?}", pushed - making, start.elapsed() - pushed);
    println!("{count} entries in {seconds:.2} s: {:.0} entries/s", f64::from(u32::try_from(count)?) / seconds);
    if let Some(file) = file {
        println!("{} bytes an entry", std::fs::metadata(file)?.len() / count);
    }
    for view in VIEWS {
        let start = Instant::now();
        let rows = projection.query(&Query::new(view.sql, Door::Portable), &mut |_, _| {})?;
        println!("{:?}: {} worked out again, {rows} rows", start.elapsed(), view.name);
    }
    for sql in [
        "SELECT COUNT(*) FROM decisions WHERE outcome = 'allow'",
        "SELECT COUNT(DISTINCT subject_id) FROM decisions",
        "SELECT COUNT(*) FROM entries WHERE event_at >= 0 AND subject_id LIKE 'svc%'",
        "SELECT COUNT(*) FROM decisions d JOIN labels l ON l.entry = d.entry AND l.name = 'permission' WHERE l.value = 'read'",
        "SELECT COUNT(*) FROM decisions d JOIN credentials c ON c.id = d.credential_id WHERE d.event_at > c.expires_at",
        "SELECT COUNT(*) FROM entries a JOIN identities i ON i.id = a.subject_id WHERE i.machine = 1",
        "SELECT MAX(n) FROM (SELECT ROW_NUMBER() OVER (PARTITION BY subject_id ORDER BY event_at, entry) AS n FROM decisions) t",
    ] {
        let start = Instant::now();
        projection.query(&Query::new(sql, Door::Portable), &mut |_, _| {})?;
        println!("{:?}: {sql}", start.elapsed());
    }
    Ok(())
}

/// Something like a day of a company: decisions above all.
fn entry(n: u64) -> Entry {
    let who = n * 7919 % 5_000;
    let kind = match n % 20 {
        0 | 1 => Kind::Issuance,
        2 => Kind::Lifecycle,
        3 => Kind::Revocation,
        _ => Kind::Decision,
    };
    let subject = Identity {
        team: Some(format!("team-{}", who % 40)),
        ..Identity::new(format!("svc:payments/batch-{who}"), IdentityType::ServiceAccount)
    };
    let mut event = Event::new(format!("ev-{n:012}"), kind, subject, Outcome::Allow);
    event.occurred_at = Some(Micros(i64::try_from(n).unwrap_or(0) * 1_000_000));
    event.reason = Some("rule matched".into());
    event.action = Some(format!("s3:{}", if n.is_multiple_of(3) { "GetObject" } else { "PutObject" }));
    event.resource = Some(Resource {
        id: Some(format!("arn:aws:s3:::bucket-{}/key", n % 900)),
        kind: Some("bucket".into()),
        environment: Some("production".into()),
        account: Some(format!("aws:{}", n % 12)),
    });
    event.credential = Some(Credential {
        id: Some(format!("cred-{:08x}", n / 12)),
        kind: Some(CredentialType::X509Svid),
        expires_at: Some(Micros(i64::try_from(n + 3_600).unwrap_or(0) * 1_000_000)),
        ..Credential::default()
    });
    if kind == Kind::Lifecycle {
        event.lifecycle =
            Some(Lifecycle { verb: Some(LifecycleVerb::Provisioned), owner: Some(format!("human:{}", who % 200)) });
    }
    if kind == Kind::Decision {
        event.policy = Some(Policy {
            id: Some(format!("pol-{}", n % 60)),
            version: Some("12".into()),
            digest: Some(format!("sha256:{:064x}", n % 60)),
            decision_point: Some("opa/payments".into()),
            ..Policy::default()
        });
        event.context = Some(Context { source_ip: Some("10.0.0.1".into()), mfa: Some(false), ..Context::default() });
        event.correlation = Some(Correlation { request: Some(format!("req-{n:016x}")), ..Correlation::default() });
        event.labels.insert("permission".into(), "read".into());
        event.labels.insert("domain".into(), "payments".into());
    }
    let paths = SEALED_BY_DEFAULT.map(str::to_owned);
    let (commitments, _) = seal(&mut event, &paths, &mut || [0; 16]);
    Entry {
        index: n,
        recorded_at: Micros(i64::try_from(n).unwrap_or(0) * 1_000_000 + 5),
        prev: ChainValue([0; 32]),
        source: Source { id: "opa/payments".into(), format: "native".into(), version: 1, sequence: Some(n) },
        event,
        commitments,
        raw: None,
        thread: Thread { n: 1, prev: None },
        genesis: None,
        successor: None,
    }
}
