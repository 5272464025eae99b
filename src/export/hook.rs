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

/// An event as an endpoint hears it; in the words of a template when there is one, which are the `data` of CloudEvents.
pub fn hook_body(
    event: &Published, format: Format, tells: Tells, own: Option<String>,
) -> serde_json::Result<HookBody> {
    let of_event = || {
        let cloud_event = CloudEvent::of(event, tells);
        match &own {
            Some(own) => serde_json::from_str(own).map(|data| cloud_event.telling(data)),
            None => Ok(cloud_event),
        }
    };
    let (bytes, content_type, headers) = match format {
        Format::Standard => match own {
            Some(own) => (own.into_bytes(), JSON, Vec::new()),
            None => (serde_json::to_vec(&written(event, tells))?, JSON, Vec::new()),
        },
        Format::CloudEventsStructured => {
            (serde_json::to_vec(&of_event()?.structured())?, "application/cloudevents+json", Vec::new())
        }
        Format::CloudEventsBinary => {
            let (headers, data) = of_event()?.binary();
            (serde_json::to_vec(&data)?, JSON, headers)
        }
    };
    Ok(HookBody { bytes, content_type, headers })
}
