//! One log record with its resource and scope, whatever form it came in.

use sealbook_core::event::{Event, Identity, IdentityType};
use serde_json::Value as Json;

use super::Attributes;
use crate::carried::Wrapping;
use crate::generic::Facts;
use crate::identity::recognise;
use crate::when::epoch_nanos;

/// Attributes of the resource that say something about every record of it.
const OF_RESOURCE: &[&str] = &["deployment.environment.name", "deployment.environment", "cloud.account.id"];
/// Attributes of the resource that are kept as labels.
const KEPT: &[&str] = &["service.name", "service.namespace", "k8s.namespace.name", "k8s.pod.name", "host.name"];
/// Methods with which an access log may begin a line.
const METHODS: &[&str] = &["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT", "TRACE"];

/// A log record.
#[derive(Debug, PartialEq)]
pub(super) struct Record {
    /// Nanoseconds since the Unix epoch; 0: unknown.
    pub time: u64,
    pub observed: u64,
    pub severity: String,
    pub body: Json,
    pub attributes: Attributes,
    pub resource: Attributes,
    /// Name, version, attributes.
    pub scope: (String, String, Attributes),
    pub trace: Option<String>,
    pub span: Option<String>,
    pub event_name: String,
}

fn find<'a>(attributes: &'a Attributes, name: &str) -> Option<&'a Json> {
    attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value)
}

fn scalar(value: &Json) -> Option<String> {
    match value {
        Json::String(text) if !text.is_empty() => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        Json::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

impl Record {
    /// The body where it is an object, or text that begins as one, as JSON.
    pub fn object(&self) -> Option<Vec<u8>> {
        match &self.body {
            Json::Object(_) => serde_json::to_vec(&self.body).ok(),
            Json::String(text) if text.trim_start().starts_with('{') && json_object(text) => Some(text.trim().into()),
            _ => None,
        }
    }

    /// What a record says about any event that it carries.
    pub fn wrapping(&self) -> Wrapping {
        let mut labels: Vec<(String, String)> =
            KEPT.iter().filter_map(|name| Some(((*name).to_owned(), scalar(find(&self.resource, name)?)?))).collect();
        let (name, version, _) = &self.scope;
        labels.push(("scope".to_owned(), if version.is_empty() { name.clone() } else { format!("{name} {version}") }));
        labels.push(("severity".to_owned(), self.severity.clone()));
        labels.extend(self.span.iter().map(|span| ("span".to_owned(), span.clone())));
        let time = epoch_nanos(self.time).or_else(|| epoch_nanos(self.observed));
        Wrapping { carrier: "otlp/1", time, trace: self.trace.clone(), request: None, labels }
    }

    /// The event that the attributes tell.
    pub fn event(&self, id: String, original: &[u8]) -> Option<Event> {
        let name = Some(self.event_name.as_str()).filter(|name| !name.is_empty());
        let named = find(&self.attributes, "event.name").and_then(Json::as_str);
        let value = |name: &str| self.value(name);
        let facts = Facts { value: &value, name: name.or(named), speaker: self.speaker(), about: None };
        let own_id = find(&self.attributes, "log.record.uid").and_then(scalar);
        facts.event(own_id.or(Some(id)), original)
    }

    fn value(&self, name: &str) -> Option<String> {
        let own = find(&self.attributes, name).and_then(scalar);
        own.or_else(|| scalar(find(&self.scope.2, name)?))
            .or_else(|| scalar(self.body.as_object()?.get(name)?))
            .or_else(|| scalar(find(&self.resource, OF_RESOURCE.iter().find(|known| **known == name)?)?))
            .or_else(|| self.in_line(name))
    }

    /// Method and path of a body such as `GET /orders/7 200`.
    fn in_line(&self, name: &str) -> Option<String> {
        let mut words = self.body.as_str()?.split(' ');
        let method = words.next().filter(|word| METHODS.contains(word))?;
        let path = words.next().filter(|word| word.starts_with('/'))?;
        match name {
            "http.request.method" => Some(method.to_owned()),
            // The query may hold secrets and is left to the original.
            "url.path" => path.split('?').next().map(str::to_owned),
            _ => None,
        }
    }

    /// The workload that wrote the record.
    fn speaker(&self) -> Option<Identity> {
        let text = |name: &str| find(&self.resource, name).and_then(scalar);
        let spiffe = text("spiffe.id").and_then(|id| recognise(&id));
        spiffe.or_else(|| {
            let name = text("service.name").filter(|name| !name.starts_with("unknown_service"))?;
            let namespace = text("service.namespace").map(|space| format!("{space}/")).unwrap_or_default();
            Some(Identity::new(format!("otel:{namespace}{name}"), IdentityType::Workload))
        })
    }
}

/// Whether a text is one JSON object; a line that only begins like one is text.
fn json_object(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text.trim()).is_ok()
}
