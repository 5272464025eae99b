//! A public event as an endpoint hears it.

use quittance_actors::rules::Published;

use super::cloud_event::CloudEvent;
use super::published::{Tells, written};

const JSON: &str = "application/json";

/// How an event is written to an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// As Standard Webhooks has it.
    Standard,
    /// As one body of CloudEvents.
    CloudEventsStructured,
    /// As a body of facts, and headers of CloudEvents, which no signature covers.
    CloudEventsBinary,
}

impl Format {
    /// Every format, by its name in the configuration.
    pub const NAMES: [(&str, Format); 3] = [
        ("standard", Format::Standard),
        ("cloudevents-structured", Format::CloudEventsStructured),
        ("cloudevents-binary", Format::CloudEventsBinary),
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, format)| *format == self).map_or("", |(name, _)| name)
    }
}

/// What a hook says of an event.
pub struct HookBody {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// What they are.
    pub content_type: &'static str,
    /// Headers of its own.
    pub headers: Vec<(String, String)>,
}

/// An event as an endpoint hears it.
pub fn hook_body(event: &Published, format: Format, tells: Tells) -> serde_json::Result<HookBody> {
    let (json, content_type, headers) = match format {
        Format::Standard => (written(event, tells), JSON, Vec::new()),
        Format::CloudEventsStructured => {
            (CloudEvent::of(event, tells).structured(), "application/cloudevents+json", Vec::new())
        }
        Format::CloudEventsBinary => {
            let (headers, data) = CloudEvent::of(event, tells).binary();
            (data, JSON, headers)
        }
    };
    Ok(HookBody { bytes: serde_json::to_vec(&json)?, content_type, headers })
}
