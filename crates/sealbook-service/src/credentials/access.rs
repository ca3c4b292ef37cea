//! Who a request is from and whether that is enough for what it asks.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use axum::body::Body;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::WWW_AUTHENTICATE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};
use axum::middleware::Next;
use axum::response::IntoResponse;
use sealbook_core::event::{Identity, IdentityType};
use sealbook_core::time::Micros;

use super::presented::token;
use super::record::token_identity;
use super::scope::{Need, Scope};
use super::secret::{Digest, has_form};
use super::store::Token;
use crate::app::App;
use crate::body::drain;
use crate::config::Config;
use crate::params::Params;
use crate::problem::Problem;
use crate::tls::{SpiffeId, Svid};

/// What is known of the other end of a connection.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    /// Its certificate, whose chain was checked at the handshake.
    pub(crate) certificate: Option<Arc<Svid>>,
}

/// Who a request is from. Where the service has no credentials, everybody on this machine is the same and may do
/// everything.
#[derive(Clone, Debug)]
pub(crate) struct Principal(Arc<Known>);

#[derive(Debug)]
struct Known {
    identity: Identity,
    /// `None`: everything.
    scopes: Option<Vec<Scope>>,
}

impl Principal {
    fn new(identity: Identity, scopes: Option<Vec<Scope>>) -> Self {
        Self(Arc::new(Known { identity, scopes }))
    }

    /// Anybody on this machine.
    fn local() -> Self {
        Self::new(Identity::new("loopback", IdentityType::Unknown), None)
    }

    /// Nobody that is known.
    pub(crate) fn unidentified() -> Self {
        Self::new(Identity::new("unidentified", IdentityType::Unknown), Some(Vec::new()))
    }

    /// As whom its acts are recorded.
    pub(crate) fn identity(&self) -> &Identity {
        &self.0.identity
    }

    /// Whether it may do this.
    pub(crate) fn require(&self, need: Need) -> Result<(), Problem> {
        match &self.0.scopes {
            Some(scopes) if !need.is_met_by(scopes) => {
                let word = need.word();
                let detail = format!("{} does not have the scope {word:?}, which this needs", self.identity().id);
                Err(Problem::new(StatusCode::FORBIDDEN, "scope-required", detail))
            }
            _ => Ok(()),
        }
    }

    /// As which source it sends in `format`. The credential decides: where it allows several, `?source=` or the name of
    /// the endpoint says which. Without credentials the sender is believed.
    pub(crate) fn source(&self, params: &Params, format: &str, endpoint: &str) -> Result<String, Problem> {
        let Some(scopes) = &self.0.scopes else { return params.source(endpoint) };
        let fits = |scope: &Scope| match scope {
            Scope::Ingest { source, format: only } if only.as_ref().is_none_or(|only| only == format) => {
                Some(source.clone())
            }
            _ => None,
        };
        let mut granted: Vec<String> = scopes.iter().filter_map(fits).collect();
        granted.dedup();
        let asked = params.get("source");
        let wanted = asked.or_else(|| (granted.len() != 1).then_some(endpoint));
        match wanted {
            None => Ok(granted.pop().unwrap_or_default()),
            Some(wanted) if granted.iter().any(|source| source == wanted) => Ok(wanted.to_owned()),
            Some(wanted) => {
                let list = if granted.is_empty() { "no source".to_owned() } else { granted.join(", ") };
                let who = &self.identity().id;
                let detail = format!("{who} may send {format} as {list}, not as {wanted:?}; say which with ?source=");
                let mut problem = Problem::new(StatusCode::FORBIDDEN, "source-not-granted", detail);
                problem.field = Some("source".to_owned());
                Err(problem)
            }
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Principal {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        // Every route passes through `authorize`, which puts it there.
        parts.extensions.get::<Self>().cloned().ok_or_else(|| {
            Problem::new(StatusCode::UNAUTHORIZED, "credential-required", "nobody said who the request is from")
        })
    }
}

/// A token as requests are compared with it.
struct Held {
    digest: Digest,
    principal: Principal,
    expires_at: Option<Micros>,
    revoked: bool,
}

/// Every credential that counts now.
#[derive(Default)]
pub(crate) struct Access {
    /// By their ids, which are no secret.
    tokens: RwLock<HashMap<String, Held>>,
    /// What the workloads with these SPIFFE IDs may do.
    workloads: HashMap<String, Principal>,
    /// Set by the first credential and never taken back while the service runs.
    required: AtomicBool,
    /// Checkpoint and tiles are for everybody.
    public_log: bool,
}

impl Access {
    /// With the workloads of a configuration, and no token yet.
    pub(crate) fn new(config: &Config) -> Self {
        let workload = |(id, scopes): &(SpiffeId, Vec<Scope>)| {
            let identity = Identity::new(id.as_str(), IdentityType::Workload);
            (id.as_str().to_owned(), Principal::new(identity, Some(scopes.clone())))
        };
        let workloads: HashMap<_, _> = config.identities.iter().map(workload).collect();
        let required = AtomicBool::new(!workloads.is_empty());
        Self { workloads, required, public_log: config.public_log, ..Self::default() }
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<String, Held>> {
        self.tokens.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<String, Held>> {
        self.tokens.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on a credential is needed.
    pub(crate) fn require(&self) {
        self.required.store(true, Relaxed);
    }

    /// Whether one is needed.
    pub(crate) fn is_required(&self) -> bool {
        self.required.load(Relaxed)
    }

    /// From now on this token counts, unless it was withdrawn.
    pub(crate) fn admit(&self, token: &Token) {
        let Some(digest) = Digest::parse(&token.digest) else { return };
        let mut identity = token_identity(&token.id);
        identity.owner.clone_from(&token.owner);
        let principal = Principal::new(identity, Some(token.scopes.clone()));
        let mut tokens = self.write();
        let revoked = tokens.get(&token.id).is_some_and(|held| held.revoked);
        tokens.insert(token.id.clone(), Held { digest, principal, expires_at: token.expires_at, revoked });
    }

    /// From now on this token does not count. One that was not admitted yet never will be.
    pub(crate) fn withdraw(&self, token: &Token) {
        self.admit(token);
        if let Some(held) = self.write().get_mut(&token.id) {
            held.revoked = true;
        }
    }

    /// Tokens that count at `now`.
    pub(crate) fn active(&self, now: Micros) -> usize {
        self.read().values().filter(|held| !held.revoked && held.expires_at.is_none_or(|end| end > now)).count()
    }

    /// Who a request is from, and what keeps it from being answered, where something does. A token that is presented
    /// decides, good or bad; else the certificate does.
    fn identify(&self, headers: &HeaderMap, peer: Option<&Peer>, now: Micros) -> (Principal, Result<(), Problem>) {
        if !self.is_required() {
            return (Principal::local(), Ok(()));
        }
        match (token(headers), peer.and_then(|peer| peer.certificate.as_ref())) {
            (Some(token), _) => self.by_token(&token, now),
            (None, Some(svid)) => self.by_certificate(svid, now),
            (None, None) => {
                let detail = "send Authorization: Bearer TOKEN, or show a client certificate that is known";
                (Principal::unidentified(), Err(unauthorized("credential-required", detail)))
            }
        }
    }

    /// A workload that nobody bound is known and may do nothing.
    fn by_certificate(&self, svid: &Svid, now: Micros) -> (Principal, Result<(), Problem>) {
        let id = svid.id.as_str();
        let unbound = || Principal::new(Identity::new(id, IdentityType::Workload), Some(Vec::new()));
        let who = self.workloads.get(id).cloned().unwrap_or_else(unbound);
        // A connection may live longer than the certificate with which it was made.
        let result = if svid.not_after <= now {
            let detail = format!("the certificate of {id} ended at {}; connect with the next one", svid.not_after);
            Err(unauthorized("certificate-expired", &detail))
        } else {
            Ok(())
        };
        (who, result)
    }

    fn by_token(&self, token: &str, now: Micros) -> (Principal, Result<(), Problem>) {
        let nobody = |code, detail: &str| (Principal::unidentified(), Err(unauthorized(code, detail)));
        let digest = Digest::of(token);
        let tokens = self.read();
        let found = tokens.get(&digest.id()).filter(|held| has_form(token) && held.digest.is(&digest));
        let Some(held) = found else {
            return nobody("unknown-token", "no such token; `sealbook tokens list` shows those that there are");
        };
        let who = held.principal.clone();
        let refused = |code, how: &str| Err(unauthorized(code, &format!("{} {how}", who.identity().id)));
        let result = if held.revoked {
            refused("token-revoked", "was withdrawn")
        } else if held.expires_at.is_some_and(|end| end <= now) {
            refused("token-expired", "has expired")
        } else {
            Ok(())
        };
        (who, result)
    }
}

fn unauthorized(code: &'static str, detail: &str) -> Problem {
    let ask = HeaderValue::from_static("Bearer realm=\"sealbook\", Basic realm=\"sealbook\"");
    Problem::new(StatusCode::UNAUTHORIZED, code, detail).header(WWW_AUTHENTICATE, ask)
}

/// Lets a request through to an endpoint that has this need, or refuses it. Who it is from stands in the extensions of
/// request and answer.
pub(crate) async fn authorize(
    State((app, need)): State<(Arc<App>, Need)>,
    mut request: Request,
    next: Next,
) -> Response<Body> {
    let access = &app.access;
    let peer = request.extensions().get::<Peer>().cloned();
    let open = need == Need::Open || need == Need::Log && access.public_log;
    let (principal, result) = match access.identify(request.headers(), peer.as_ref(), Micros(app.world.clock.now())) {
        (principal, _) if open => (principal, Ok(())),
        (principal, result) => {
            let result = result.and_then(|()| principal.require(need));
            (principal, result)
        }
    };
    let mut response = match result {
        Ok(()) => {
            request.extensions_mut().insert(principal.clone());
            next.run(request).await
        }
        Err(problem) => {
            drain(request.body_mut()).await;
            problem.into_response()
        }
    };
    response.extensions_mut().insert(principal);
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credentials::Actor;

    fn token(secret: &str, scopes: &[&str], expires_at: Option<Micros>) -> Token {
        let digest = Digest::of(secret);
        Token {
            id: digest.id(),
            digest: digest.hex(),
            name: "t".into(),
            scopes: scopes.iter().map(|scope| scope.parse().unwrap()).collect(),
            owner: None,
            created_at: Micros(0),
            expires_at,
            by: Actor { id: "a".into(), account: "b".into() },
        }
    }

    fn secret(digit: char) -> String {
        format!("sbk_{}", digit.to_string().repeat(64))
    }

    fn ask(access: &Access, secret: &str, now: i64) -> (String, Option<&'static str>) {
        let mut headers = HeaderMap::new();
        if !secret.is_empty() {
            headers.insert("authorization", format!("Bearer {secret}").parse().unwrap());
        }
        let (who, result) = access.identify(&headers, None, Micros(now));
        (who.identity().id.clone(), result.err().map(|problem| problem.code))
    }

    #[test]
    fn a_token_counts_from_its_admission_to_its_end_or_withdrawal() {
        let access = Access::default();
        assert_eq!(ask(&access, "", 0), ("loopback".into(), None));
        access.require();
        assert_eq!(ask(&access, "", 0), ("unidentified".into(), Some("credential-required")));
        let (one, two) = (token(&secret('1'), &["read"], Some(Micros(10))), token(&secret('2'), &["read"], None));
        assert_eq!(ask(&access, &secret('1'), 0).1, Some("unknown-token"));
        access.admit(&one);
        let id = format!("token:{}", one.id);
        assert_eq!(ask(&access, &secret('1'), 9), (id.clone(), None));
        assert_eq!(ask(&access, &secret('1'), 10), (id.clone(), Some("token-expired")));
        access.withdraw(&one);
        assert_eq!(ask(&access, &secret('1'), 9), (id, Some("token-revoked")));
        // A token that was withdrawn before it was admitted stays so.
        access.withdraw(&two);
        access.admit(&two);
        assert_eq!(ask(&access, &secret('2'), 0).1, Some("token-revoked"));
        assert_eq!(access.active(Micros(0)), 0);
    }

    fn source(scopes: &[&str], format: &str, endpoint: &str, query: &str) -> Result<String, &'static str> {
        let scopes = scopes.iter().map(|scope| scope.parse().unwrap()).collect();
        let principal = Principal::new(token_identity("x"), Some(scopes));
        let params = Params::of(&format!("/{query}").parse().unwrap()).unwrap();
        principal.source(&params, format, endpoint).map_err(|problem| problem.code)
    }

    #[test]
    fn the_credential_says_who_the_source_is() {
        let good = |source: &str| Ok(source.to_owned());
        let refused = Err("source-not-granted");
        // The only one, whatever the endpoint is called.
        assert_eq!(source(&["ingest:opa-eu"], "opa", "opa", ""), good("opa-eu"));
        assert_eq!(source(&["ingest:opa-eu", "read"], "native", "native", "?source=opa-eu"), good("opa-eu"));
        assert_eq!(source(&["ingest:opa-eu"], "opa", "opa", "?source=opa"), refused);
        // Held to a format.
        assert_eq!(source(&["ingest:opa-eu@opa"], "opa", "opa", ""), good("opa-eu"));
        assert_eq!(source(&["ingest:opa-eu@opa"], "vault", "vault", ""), refused);
        // Of several, the one that is asked for or that the endpoint is called after.
        let several = ["ingest:opa", "ingest:opa-us", "ingest:vault@vault"];
        assert_eq!(source(&several, "opa", "opa", ""), good("opa"));
        assert_eq!(source(&several, "opa", "opa", "?source=opa-us"), good("opa-us"));
        assert_eq!(source(&several, "vault", "vault", ""), good("vault"));
        assert_eq!(source(&several, "opa", "opa", "?source=vault"), refused);
        assert_eq!(source(&["ingest:a", "ingest:b"], "opa", "opa", ""), refused);
        assert_eq!(source(&["ingest:a@opa", "ingest:a@envoy"], "opa", "opa", ""), good("a"));
    }
}
