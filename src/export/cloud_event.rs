//! A public event as CloudEvents has it. Source: CloudEvents 1.0.2, its HTTP and JSON bindings, and its extensions
//! Partitioning and Sequence.

use quittance_actors::rules::Published;
use serde_json::{Map, Value as Json};

use super::API_VERSION;
use super::published::{Tells, facts};

/// An event: what is said about it, and what it tells.
#[derive(Debug)]
pub struct CloudEvent {
    /// Attributes by their names, which are of small letters and digits; all of ASCII.
    attributes: Vec<(&'static str, String)>,
    /// The facts, as `data` of an event has them.
    data: Json,
}

impl CloudEvent {
    /// The event: `source` and `partitionkey` name its ordering key, `subject` what it happened to, and `sequence` is its
    /// number among the events of that source, written so that letters order it; events of before events were numbered have none.
    pub fn of(event: &Published, tells: Tells) -> Self {
        let mut attributes = vec![
            ("specversion", "1.0".to_owned()),
            ("id", event.id.to_string()),
            ("source", format!("/tenants/{}/{}", event.tenant, event.key)),
            ("type", format!("com.quittance.{}", event.event.name())),
            ("subject", event.entity.to_string()),
            ("time", event.at.to_string()),
            ("datacontenttype", "application/json".to_owned()),
            ("partitionkey", event.key.to_string()),
            ("apiversion", API_VERSION.to_owned()),
        ];
        attributes.extend(event.key_seq.map(|number| ("sequence", format!("{number:020}"))));
        Self { attributes, data: Json::Object(facts(event, tells)) }
    }

    /// The same event, which tells something else.
    pub fn telling(self, data: Json) -> Self {
        Self { data, ..self }
    }

    /// The whole as one body of `application/cloudevents+json`.
    pub fn structured(self) -> Json {
        let attributes = self.attributes.into_iter().map(|(name, value)| (name.to_owned(), Json::String(value)));
        let mut whole: Map<String, Json> = attributes.collect();
        whole.insert("data".to_owned(), self.data);
        Json::Object(whole)
    }

    /// Attributes as headers, without `datacontenttype`, which is the body's own, and the body.
    pub fn binary(self) -> (Vec<(String, String)>, Json) {
        let of_body = |(name, _): &(&str, String)| *name == "datacontenttype";
        let headers = self.attributes.into_iter().filter(|attribute| !of_body(attribute));
        (headers.map(|(name, value)| (format!("ce-{name}"), value)).collect(), self.data)
    }
}
