//! Whether templates fit what names them: rules by their events, and steps of scenarios.

use std::path::Path;

use quittance_actors::delivery::Channel;
use quittance_actors::rules::EventType;
use quittance_actors::values::Language;

use super::{Template, Templates, context, key, unknown_name};
use crate::config::Reference;
use crate::diagnostics::{Finding, Findings, Severity, nearest};

impl Templates {
    /// Reports templates that rules or scenarios name and that are not there in every language, or need what their
    /// events never tell.
    pub fn check_references(&self, references: &[Reference], findings: &mut Findings) {
        // One that is named for the same events a second time says nothing new.
        let mut seen: Vec<&crate::config::Target> = Vec::new();
        for reference in references {
            if seen.contains(&&reference.target) {
                continue;
            }
            seen.push(&reference.target);
            let (name, channel, events) = match &reference.target {
                crate::config::Target::Template(name, channel, events) => (name, channel, events.as_slice()),
                crate::config::Target::TemplateOfAll(name, channel) => {
                    self.check_of_all(reference, name, *channel, findings);
                    (name, channel, &[][..])
                }
                crate::config::Target::Body(name, events) => {
                    self.check_body(reference, name, events, findings);
                    continue;
                }
                _ => continue,
            };
            for language in Language::ALL {
                if let Some(template) = self.known.get(&key(name, language, *channel)) {
                    let never =
                        events.iter().find_map(|event| Some((*event, self.never_told(name, template, *event)?)));
                    if let Some((event, unknown)) = never {
                        let file = Path::new(&template.file).file_name().unwrap_or_default().to_string_lossy();
                        let message = format!("{file} tells `{unknown}`, which is never known of {}", event.name());
                        let help =
                            format!("`quittance events {}` lists what is; {{{{#if}}}} asks first", event.name());
                        let (span, label) = (reference.span.clone(), "it would never leave".to_owned());
                        let (file, severity) = (reference.file.clone(), Severity::Error);
                        findings.push(Finding {
                            code: "Q0206",
                            severity,
                            file,
                            span,
                            message,
                            label,
                            help: Some(help),
                        });
                    }
                    continue;
                }
                let names = self.known.keys().map(|(name, ..)| name.as_str());
                let near = nearest(name, names).filter(|near| near != name);
                findings.push(Finding {
                    code: "Q0204",
                    severity: Severity::Error,
                    file: reference.file.clone(),
                    span: reference.span.clone(),
                    message: format!("there is no template {name}.{}.{}.hbs", language.code(), channel.name()),
                    label: near.map_or("not there".to_owned(), |near| format!("did you mean \"{near}\"?")),
                    help: None,
                });
            }
        }
    }

    /// Reports what a system is to be told by a template that is not there, or that tells what its events never do.
    fn check_body(&self, reference: &Reference, name: &str, events: &[EventType], findings: &mut Findings) {
        let report = |code: &'static str, message: String, label: String| Finding {
            code,
            severity: Severity::Error,
            file: reference.file.clone(),
            span: reference.span.clone(),
            message,
            label,
            help: None,
        };
        let Some(file) = self.bodies.file(name) else {
            let near = nearest(name, self.bodies.all().map(|(name, _)| name));
            let label = near.map_or("not there".to_owned(), |near| format!("did you mean \"{near}\"?"));
            return findings.push(report("Q0204", format!("there is no template {name}.json.hbs"), label));
        };
        let never = events.iter().find_map(|event| Some((event, self.bodies.never_tells(name, *event)?)));
        if let Some((event, why)) = never {
            let file = Path::new(file).file_name().unwrap_or_default().to_string_lossy();
            let message = format!("{file} cannot tell of {}: {why}", event.name());
            findings.push(report("Q0206", message, "it would never leave".to_owned()));
        }
    }

    /// Reports a template of one message that tells a customer of all requests when it lists none, or speaks of one.
    fn check_of_all(&self, reference: &Reference, name: &str, channel: Channel, findings: &mut Findings) {
        for language in Language::ALL {
            let Some(template) = self.known.get(&key(name, language, channel)) else { continue };
            let id = format!("{name}.{}.{}", language.code(), channel.name());
            let told = context::of_all(context::example_of(EventType::ReminderSent, language, channel));
            let wrong = match [id.clone(), format!("{id}#subject")]
                .iter()
                .find_map(|id| self.run(language, id, &told).err().as_ref().and_then(unknown_name))
            {
                Some(unknown) => format!("speaks of one request, by `{unknown}`"),
                None if !template.lists => {
                    "lists no requests: {{#each customer.late}} or {{#each customer.open}}".to_owned()
                }
                None => continue,
            };
            let file = Path::new(&template.file).file_name().unwrap_or_default().to_string_lossy();
            findings.push(Finding {
                code: "Q0117",
                severity: Severity::Error,
                file: reference.file.clone(),
                span: reference.span.clone(),
                message: format!("{file} {wrong}"),
                label: "one message tells of all here".to_owned(),
                help: Some("customer.late, customer.open, customer.late_total and customer.open_total".to_owned()),
            });
        }
    }

    /// What a template needs and an event never tells, if the template says so with everything else known. One that
    /// cannot be rendered at all was reported when it was tried out.
    fn never_told(&self, name: &str, template: &Template, event: EventType) -> Option<String> {
        let Template { language, channel, .. } = template;
        let id = format!("{name}.{}.{}", language.code(), channel.name());
        let told = context::example_of(event, *language, *channel);
        [id.clone(), format!("{id}#subject")].iter().find_map(|id| {
            let error = self.run(*language, id, &told).err()?;
            // A name that nothing has was reported when it was tried out.
            let known = context::names(&context::example(*language, *channel));
            unknown_name(&error).filter(|name| !context::names(&told).contains(name) && known.contains(name))
        })
    }
}
