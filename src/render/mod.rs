//! Templates of messages: handlebars, strict, bounded, in the language of the reader.
//!
//! A template is a file `NAME.LANGUAGE.CHANNEL.hbs` with TOML between `+++` lines in front
//! (`subject`, `payment_box`, `attach`, `gsm`). It sees the facts of its event as words, the customer's and the
//! merchant's name, and the account number to pay to. Pieces that several share are files
//! `NAME.LANGUAGE.partial.hbs`, taken in by `{{> NAME}}` or used as frames by `{{#> NAME}}…{{/NAME}}`. What
//! would never end is refused when it is loaded (`bounds`); what a payer wrote is escaped where it
//! becomes HTML. What machines are told in a form of their own is `NAME.json.hbs` (`body`).

mod body;
mod bounds;
mod check;
mod context;
mod html;
mod message;
mod scan;
mod tags;
mod words;

pub(crate) use context::insert;
pub use context::{Subject, context, example};
pub use message::{Message, SCAN};
pub use scan::{Transfer as ScanToPay, picture as scan_picture};
pub use tags::{Imported, import as import_tags};
pub use words::{date as date_in_words, money as money_in_words};

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use handlebars::Handlebars;
use quittance_actors::delivery::Channel;
use quittance_actors::rules::Published;
use quittance_actors::values::Language;
use serde_json::Value as Json;
use thiserror::Error;

use self::body::Bodies;
use self::bounds::{Fault, Shape};
use crate::config::{File, Sources};
use crate::diagnostics::{Finding, Findings, Severity, byte_at, nearest};
use crate::digest;
use crate::gsm::{in_gsm, is_gsm};

/// Bytes of one rendered text.
const RENDERED_BYTES_MAX: usize = 200 << 10;
/// Characters of the digest that names an edition of a template.
const EDITION_CHARACTERS: usize = 12;
/// Characters of a subject; more is no subject.
const SUBJECT_CHARACTERS_MAX: usize = 250;
/// How the name of a piece's file ends.
const PIECE: &str = ".partial.hbs";
/// Bytes of one template.
const TEMPLATE_BYTES_MAX: usize = 256 << 10;

/// Why a message could not be rendered.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[expect(missing_docs, reason = "the message of each variant says what it means")]
pub enum Error {
    #[error("there is no template '{0}' for {1}")]
    Missing(String, &'static str),
    #[error("template '{name}': {detail}")]
    Render {
        /// The template.
        name: String,
        /// What went wrong, with its place.
        detail: String,
    },
}

struct Template {
    file: String,
    language: Language,
    channel: Channel,
    payment_box: bool,
    /// The invoice itself goes with it.
    attach: bool,
    /// It lists what a customer has open.
    lists: bool,
    /// Written in the alphabet of SMS.
    gsm: bool,
    body_offset: usize,
    edition: String,
}

/// Every template.
#[derive(Default)]
pub struct Templates {
    /// One for each language: a piece has its language's words.
    engines: BTreeMap<&'static str, Handlebars<'static>>,
    /// Pieces by language and name.
    pieces: BTreeMap<&'static str, BTreeMap<String, Shape>>,
    /// Their texts, one after the other.
    piece_texts: BTreeMap<&'static str, Vec<u8>>,
    known: BTreeMap<(String, &'static str, &'static str), Template>,
    /// What machines are told.
    bodies: Bodies,
}

/// A template that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listed<'a> {
    /// Its name.
    pub name: &'a str,
    /// As what it leaves; [`Channel::Hook`] for a body of hooks and files.
    pub channel: Channel,
    /// In which language; none for machines.
    pub language: Option<Language>,
    /// A digest of its text.
    pub edition: &'a str,
}

impl Listed<'_> {
    /// The name of its file, without `.hbs`.
    pub fn file_name(&self) -> String {
        match self.language {
            Some(language) => format!("{}.{}.{}", self.name, language.code(), self.channel.name()),
            None => format!("{}.{}", self.name, body::ENDING),
        }
    }
}

fn key(name: &str, language: Language, channel: Channel) -> (String, &'static str, &'static str) {
    (name.to_owned(), language.code(), channel.name())
}

impl Templates {
    /// The texts of a folder of templates, each with the name of its file.
    pub fn texts(sources: &Sources, folder: &Path, findings: &mut Findings) -> Vec<(String, String)> {
        let mut texts = Vec::new();
        for path in sources.files(folder, "hbs") {
            let file = path.display().to_string();
            match sources.read(&path) {
                Ok(text) => texts.push((file, text)),
                Err(error) => report(findings, &file, "Q0200", 0..0, format!("it cannot be read: {error}"), None),
            }
        }
        texts
    }

    /// Templates that all share, and a tenant's own: one of the same file name takes its place.
    pub fn with_own(shared: &[(String, String)], own: Vec<(String, String)>, findings: &mut Findings) -> Self {
        let name = |file: &str| Path::new(file).file_name().map(|name| name.to_string_lossy().into_owned());
        let replaced: Vec<Option<String>> = own.iter().map(|(file, _)| name(file)).collect();
        let kept = shared.iter().filter(|(file, _)| !replaced.contains(&name(file))).cloned();
        Self::of(kept.chain(own).collect(), findings)
    }

    /// The templates of texts, each with the name of its file; each is rendered once with an example of every fact.
    pub fn of(mut texts: Vec<(String, String)>, findings: &mut Findings) -> Self {
        let mut templates = Self::default();
        for language in Language::ALL {
            let mut engine = Handlebars::new();
            engine.set_strict_mode(true);
            engine.register_escape_fn(handlebars::no_escape);
            // It would write names and addresses into the log of the service.
            engine.unregister_helper("log");
            templates.engines.insert(language.code(), engine);
        }
        // Pieces first: what takes them in is tried out when it is added.
        let order = |file: &str| (!file.ends_with(PIECE), Path::new(file).file_name().map(ToOwned::to_owned));
        texts.sort_by_key(|(file, _)| order(file));
        for (file, text) in texts {
            findings.source(&file, &text);
            templates.add(&file, &text, findings);
        }
        templates
    }

    fn add(&mut self, file: &str, text: &str, findings: &mut Findings) {
        let stem = Path::new(file).file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let parts: Vec<&str> = stem.split('.').collect();
        let is_large = text.len() > TEMPLATE_BYTES_MAX;
        if let ([name, body::ENDING], false) = (parts.as_slice(), is_large) {
            return self.bodies.add(name, file, text, findings);
        }
        let named = match parts.as_slice() {
            [name, language, "email"] => Some((*name, *language, Some(Channel::Email))),
            [name, language, "sms"] => Some((*name, *language, Some(Channel::Sms))),
            [name, language, "partial"] => Some((*name, *language, None)),
            _ => None,
        };
        let named = named.and_then(|(name, language, of)| Some((name, Language::parse(language).ok()?, of)));
        let Some((name, language, of)) = named else {
            let message = format!("\"{stem}.hbs\" does not say what it is");
            let help = "name it NAME.LANGUAGE.CHANNEL.hbs, as in reminder_1.fr.email.hbs; a piece is NAME.LANGUAGE.partial.hbs, and what machines are told NAME.json.hbs";
            return report(findings, file, "Q0200", 0..0, message, Some(help));
        };
        if is_large {
            let message = format!("the template is larger than {} KiB", TEMPLATE_BYTES_MAX >> 10);
            return report(findings, file, "Q0200", 0..0, message, None);
        }
        match of {
            Some(channel) => self.add_message(file, text, (name, language, channel), findings),
            None => self.add_piece(file, text, (name, language), findings),
        }
    }

    fn add_piece(&mut self, file: &str, text: &str, (name, language): (&str, Language), findings: &mut Findings) {
        let shape = match bounds::shape(text, true) {
            Ok(shape) => shape,
            Err(Fault { at, message }) => return report(findings, file, "Q0205", at..at + 1, message, None),
        };
        let Some(engine) = self.engines.get_mut(language.code()) else { return };
        if let Err(error) = engine.register_partial(name, text) {
            let at = place(text, error.pos());
            return report(findings, file, "Q0201", at..at + 1, plain(&error.reason().to_string()), None);
        }
        self.pieces.entry(language.code()).or_default().insert(name.to_owned(), shape);
        self.piece_texts.entry(language.code()).or_default().extend_from_slice(text.as_bytes());
    }

    fn add_message(
        &mut self, file: &str, text: &str, (name, language, channel): (&str, Language, Channel),
        findings: &mut Findings,
    ) {
        let (front, body) = match text.strip_prefix("+++\n").and_then(|rest| rest.split_once("\n+++\n")) {
            Some((front, body)) => (front, body),
            None => ("", text),
        };
        let body_offset = text.len() - body.len();
        let (settings, found) = File::read(file, front, |root| {
            let subject = root.text("subject").unwrap_or_default().to_owned();
            let gsm = channel == Channel::Sms && root.flag("gsm", false);
            let attach = channel == Channel::Email && root.flag("attach", false);
            Some((subject, root.flag("payment_box", false), attach, gsm))
        });
        for finding in found.all() {
            let span = finding.span.start + 4..finding.span.end + 4;
            report(findings, file, finding.code, span, finding.message.clone(), finding.help.as_deref());
        }
        let Some((subject, payment_box, attach, gsm)) = settings else { return };
        if channel == Channel::Email && subject.is_empty() {
            let help = "put subject = \"…\" between +++ lines at the top";
            return report(
                findings,
                file,
                "Q0203",
                0..3.min(text.len()),
                "an e-mail needs a subject".into(),
                Some(help),
            );
        }
        let id = format!("{name}.{}.{}", language.code(), channel.name());
        for (id, source, offset) in [(id.clone(), body, body_offset), (format!("{id}#subject"), subject.as_str(), 4)]
        {
            let of_language = self.pieces.entry(language.code()).or_default();
            if let Err(Fault { at, message }) =
                bounds::shape(source, false).and_then(|shape| bounds::ends(&shape, of_language))
            {
                return report(findings, file, "Q0205", at + offset..at + offset + 1, message, None);
            }
            let Some(engine) = self.engines.get_mut(language.code()) else { return };
            if let Err(error) = engine.register_template_string(&id, source) {
                let at = place(source, error.pos()) + offset;
                return report(findings, file, "Q0201", at..at + 1, plain(&error.reason().to_string()), None);
            }
        }
        let pieces = self.piece_texts.get(language.code()).map(Vec::as_slice).unwrap_or_default();
        let mut edition = digest::hex(&digest::sha256(&[text.as_bytes(), pieces].concat()));
        edition.truncate(EDITION_CHARACTERS);
        let lists = ["customer.late", "customer.open"].iter().any(|list| body.contains(&format!("each {list}")));
        let file = file.to_owned();
        let template =
            Template { file: file.clone(), language, channel, payment_box, attach, lists, gsm, body_offset, edition };
        self.known.insert(key(name, language, channel), template);
        if channel == Channel::Sms
            && let Some((at, letter)) = body.char_indices().find(|(_, c)| dear(*c, gsm))
        {
            let span = at + body_offset..at + body_offset + letter.len_utf8();
            findings.push(Finding {
                code: "Q0207",
                severity: Severity::Warning,
                file,
                span,
                message: format!(
                    "'{letter}' is not in the GSM alphabet: a message holds 70 characters instead of 160"
                ),
                label: "every such SMS costs more".to_owned(),
                help: (!gsm).then(|| "gsm = true between +++ lines at the top writes the nearest letters".to_owned()),
            });
        }
        self.try_out(name, language, channel, text, findings);
    }

    /// Renders with an example of every fact; an unknown name is found here and not at night.
    fn try_out(&self, name: &str, language: Language, channel: Channel, text: &str, findings: &mut Findings) {
        let example = context::example(language, channel);
        let id = format!("{name}.{}.{}", language.code(), channel.name());
        let Some(template) = self.known.get(&key(name, language, channel)) else { return };
        let (front, body) = text.split_at_checked(template.body_offset).unwrap_or(("", text));
        // The subject stands somewhere in the front.
        for (id, part, offset) in [(id.clone(), body, template.body_offset), (format!("{id}#subject"), front, 0)] {
            let Err(error) = self.run(language, &id, &example) else { continue };
            let unknown = unknown_name(&error);
            let at = match (&unknown, error.line_no.zip(error.column_no)) {
                (Some(unknown), _) if part.contains(unknown.as_str()) => part.find(unknown.as_str()).unwrap_or(0),
                (_, place_of) => place(part, place_of),
            };
            let at = at + offset;
            let width = unknown.as_ref().map_or(1, String::len);
            let known = context::names(&example);
            let near = unknown.as_ref().and_then(|u| nearest(u, known.iter().map(String::as_str)));
            findings.push(Finding {
                code: "Q0202",
                severity: Severity::Error,
                file: template.file.clone(),
                span: at..at + width,
                message: match &unknown {
                    Some(unknown) => format!("unknown variable `{unknown}`"),
                    None => plain(&error.to_string()),
                },
                label: near.map_or("not known here".to_owned(), |near| format!("did you mean `{near}`?")),
                help: None,
            });
        }
    }

    /// What a template can tell: the names of every fact.
    pub fn names() -> Vec<String> {
        context::names(&context::example(Language::default(), Channel::Email))
    }

    /// Every template, those for people first.
    pub fn all(&self) -> impl Iterator<Item = Listed<'_>> {
        let of_people = self.known.iter().map(|((name, ..), template)| {
            let Template { channel, language, edition, .. } = template;
            Listed { name, channel: *channel, language: Some(*language), edition }
        });
        let bodies = self.bodies.all();
        of_people.chain(bodies.map(|(name, edition)| Listed {
            name,
            channel: Channel::Hook,
            language: None,
            edition,
        }))
    }

    /// What a system is told, in the place of what a person reads.
    pub fn told(&self, name: &str, event: Option<(&Published, &str)>) -> Result<Message, Error> {
        let text = self.body(name, event)?;
        let edition = self.bodies.all().find(|(of, _)| *of == name).map(|(_, edition)| edition.to_owned());
        let edition = edition.unwrap_or_default();
        Ok(Message { subject: String::new(), text, html: None, scan: None, attached: None, edition })
    }

    /// What a system is told of an event by a template, as JSON; of an example of every fact without one. With the
    /// merchant's name.
    pub fn body(&self, name: &str, event: Option<(&Published, &str)>) -> Result<String, Error> {
        self.bodies.render(name, event)
    }

    /// Renders a message, in the reader's language or the nearest that is there.
    pub fn render(
        &self, name: &str, channel: Channel, language: Language, context: impl Fn(Language) -> Json,
    ) -> Result<Message, Error> {
        let order = [language].into_iter().chain(Language::ALL);
        let found = order
            .into_iter()
            .find_map(|language| self.known.get(&key(name, language, channel)).map(|template| (language, template)));
        let (language, template) = found.ok_or_else(|| Error::Missing(name.to_owned(), channel.name()))?;
        let data = context(language);
        let id = format!("{name}.{}.{}", template.language.code(), template.channel.name());
        let failed = |error: handlebars::RenderError| Error::Render {
            name: id.clone(),
            detail: match unknown_name(&error) {
                Some(unknown) => format!("variable `{unknown}` is missing in this event"),
                None => plain(&error.to_string()),
            },
        };
        let text = self.run(language, &id, &data).map_err(failed)?.trim().to_owned();
        let text = if template.gsm { in_gsm(&text) } else { text };
        let subject = self.run(language, &format!("{id}#subject"), &data).map_err(failed)?;
        let subject = subject.chars().map(|c| if c.is_control() { ' ' } else { c });
        let subject: String = subject.take(SUBJECT_CHARACTERS_MAX).collect();
        let shows_scan = template.payment_box && channel == Channel::Email;
        let scan = html::scan(&data).filter(|_| shows_scan).map(str::to_owned);
        let shown = html::Shown { payment_box: template.payment_box, scan: scan.is_some() };
        let html = (channel == Channel::Email).then(|| html::page(&subject, &text, &data, language, shown));
        let text = if template.payment_box && channel == Channel::Email {
            format!("{text}\n\n{}", html::payment_lines(&data, language))
        } else {
            text
        };
        // The name is given by who attaches it.
        let attached = template.attach.then(String::new);
        Ok(Message { subject, text, html, scan, attached, edition: template.edition.clone() })
    }

    fn run(&self, language: Language, id: &str, data: &Json) -> Result<String, handlebars::RenderError> {
        let mut bounded = Bounded(Vec::new());
        let missing = || handlebars::RenderErrorReason::TemplateNotFound(id.to_owned());
        self.engines.get(language.code()).ok_or_else(missing)?.render_to_write(id, data, &mut bounded)?;
        Ok(String::from_utf8_lossy(&bounded.0).into_owned())
    }
}

/// Whether a letter has a whole SMS written in the dearer alphabet.
fn dear(letter: char, gsm: bool) -> bool {
    let letter = letter.to_string();
    !is_gsm(&if gsm { in_gsm(&letter) } else { letter })
}

fn report(
    findings: &mut Findings, file: &str, code: &'static str, span: std::ops::Range<usize>, message: String,
    help: Option<&str>,
) {
    let (file, label, help) = (file.to_owned(), "here".to_owned(), help.map(str::to_owned));
    findings.push(Finding { code, severity: Severity::Error, file, span, message, label, help });
}

/// A writer that refuses more than a message may hold.
struct Bounded(Vec<u8>);

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > RENDERED_BYTES_MAX {
            let text = format!("the message is larger than {} KiB", RENDERED_BYTES_MAX >> 10);
            return Err(io::Error::other(text));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn unknown_name(error: &handlebars::RenderError) -> Option<String> {
    match error.reason() {
        handlebars::RenderErrorReason::MissingVariable(name) => name.clone(),
        _ => None,
    }
}

/// The byte of a place that the engine names.
fn place(text: &str, at: Option<(usize, usize)>) -> usize {
    let (line, column) = at.unwrap_or((1, 1));
    byte_at(text, line, column)
}

/// The first line of an engine's message, in plain words where we know them.
fn plain(message: &str) -> String {
    let first = message.lines().map(str::trim).rfind(|line| line.starts_with('='));
    match first {
        Some(grammar) if grammar.contains("expected") => {
            "the template ends or goes on where a closing }} or a name was expected".to_owned()
        }
        _ => message.lines().next().unwrap_or("not a template").to_owned(),
    }
}
