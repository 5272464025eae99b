//! `quittance events`.

use std::fmt::Write as _;
use std::io::Write as _;

use clap::Args;
use quittance_actors::rules::{EventType, Field};

use crate::export::event_type_json;

#[derive(Args)]
pub(super) struct Options {
    /// An event type such as `payment_request.settled`, or the beginning of some.
    name: Option<String>,
    /// With JSON Schema and example, as the API gives it.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(options: &Options) -> anyhow::Result<u8> {
    let wanted = options.name.as_deref().unwrap_or_default();
    let found: Vec<EventType> =
        EventType::ALL.iter().copied().filter(|event| event.name().starts_with(wanted)).collect();
    if found.is_empty() {
        let near = crate::diagnostics::nearest(wanted, EventType::ALL.iter().map(|event| event.name()));
        let near = near.map(|near| format!(", did you mean {near}?")).unwrap_or_default();
        anyhow::bail!("there is no event type \"{wanted}\"{near}");
    }
    match std::io::stdout().write_all(shown(&found, options.json)?.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => return Err(error.into()),
        _ => {} // Whoever reads it has read enough.
    }
    if found.len() > 1 && !options.json {
        eprintln!("\nquittance events TYPE shows what a condition can ask of it.");
    }
    Ok(0)
}

fn shown(found: &[EventType], as_json: bool) -> anyhow::Result<String> {
    if as_json {
        let all: Vec<_> = found.iter().copied().map(event_type_json).collect();
        return Ok(serde_json::to_string_pretty(&all)? + "\n");
    }
    let mut text = String::new();
    if let [one] = found {
        writeln!(text, "{}  {}\n", one.name(), one.describes())?;
        let listed = |text: &mut String, field: Field| {
            writeln!(text, "  {:<28} {:<14} {}", field.path(), field.kind().name(), field.describes())
        };
        one.fields().into_iter().try_for_each(|field| listed(&mut text, field))?;
        writeln!(text, "\nIn conditions only, whatever happened:\n")?;
        Field::OF_THE_MOMENT.into_iter().try_for_each(|field| listed(&mut text, field))?;
    } else {
        for event in found {
            writeln!(text, "{:<38} {}", event.name(), event.describes())?;
        }
    }
    Ok(text)
}
