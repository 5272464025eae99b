//! `quittance template`.

use std::io::IsTerminal as _;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use quittance_actors::delivery::Channel;
use quittance_actors::values::{Language, TenantId};

use super::exit;
use crate::api::{channel_of_people, channel_of_template};
use crate::diagnostics::nearest;
use crate::render::Listed;
use crate::{assemble, gsm, render};

#[derive(Args)]
pub(super) struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Shows a template as its reader would see it, with an example of each fact.
    Render(Render),
    /// Brings a template of CentralPay over, whose facts are tags such as #MERCHANT_NAME#.
    Import(Import),
}

#[derive(Args)]
struct Render {
    /// The template, such as `reminder_late`.
    name: String,
    /// The configuration file.
    #[arg(short, long, default_value = "config/quittance.toml")]
    config: PathBuf,
    /// Whose, when the merchant has templates of its own.
    #[arg(long, value_parser = |text: &str| TenantId::parse(text))]
    tenant: Option<TenantId>,
    /// As an e-mail, an SMS, or what hooks and files tell.
    #[arg(long, default_value = "email", value_parser = channel_of_template)]
    channel: Channel,
    /// In which language.
    #[arg(long, default_value = "fr", value_parser = |text: &str| Language::parse(text))]
    language: Language,
    /// Writes the HTML of the mail to this file too.
    #[arg(long)]
    html: Option<PathBuf>,
}

#[derive(Args)]
struct Import {
    /// The text with its tags.
    file: PathBuf,
    /// As an e-mail or an SMS.
    #[arg(long, default_value = "email", value_parser = channel_of_people)]
    channel: Channel,
    /// The subject of a mail, which may have tags too.
    #[arg(long, default_value = "#MERCHANT_NAME#")]
    subject: String,
    /// Where it is written, such as config/templates/reminder.fr.email.hbs; shown without it.
    #[arg(long)]
    out: Option<PathBuf>,
}

pub(super) fn run(options: &Options) -> anyhow::Result<u8> {
    match &options.what {
        What::Render(render) => shown(render),
        What::Import(import) => imported(import),
    }
}

fn shown(options: &Render) -> anyhow::Result<u8> {
    let Render { name, config, tenant, channel, language, html } = options;
    let (loaded, findings) = assemble::load(config);
    let Some((config, wording)) = loaded else {
        eprint!("{}", findings.render(std::io::stderr().is_terminal()));
        return Ok(exit::CONFIGURATION);
    };
    let tenants = || config.service.tenants.iter().map(|tenant| tenant.id.as_str());
    let known = match tenant {
        Some(tenant) => config.service.tenant(tenant),
        None => config.service.tenants.first(),
    };
    let known = known.with_context(|| {
        format!("there is no such tenant; there are: {}", tenants().collect::<Vec<_>>().join(", "))
    })?;
    let templates = wording.of(&known.id);
    let found = match channel {
        Channel::Hook => templates.told(name, None),
        channel => templates.render(name, *channel, *language, |language| render::example(language, *channel)),
    };
    let message = match found {
        Ok(message) => message,
        Err(error) => {
            let near = nearest(name, templates.all().map(|template| template.name)).filter(|near| near != name);
            let near = near.map(|near| format!(", did you mean \"{near}\"?")).unwrap_or_default();
            anyhow::bail!("{error}{near}");
        }
    };
    let is_it =
        |of: Listed<'_>| of.name == name && of.channel == *channel && of.language.is_none_or(|of| of == *language);
    let there = templates.all().any(is_it);
    if !there {
        eprintln!("there is none in this language: this is another one's");
    }
    if !message.subject.is_empty() {
        println!("Subject: {}\n", message.subject);
    }
    println!("{}", message.text.trim_end());
    if *channel == Channel::Sms {
        let alphabet = if gsm::is_gsm(&message.text) { "GSM 7 bit" } else { "UCS-2" };
        let (characters, segments) = (message.text.chars().count(), gsm::segments(&message.text));
        let messages = if segments == 1 { "1 message".to_owned() } else { format!("{segments} messages") };
        eprintln!("\n{characters} characters, {alphabet}, {messages}");
    }
    if let Some(path) = html {
        let page = message.page().context("it has no HTML: an SMS is text")?;
        std::fs::write(path, page).with_context(|| path.display().to_string())?;
    }
    Ok(0)
}

fn imported(options: &Import) -> anyhow::Result<u8> {
    let Import { file, channel, subject, out } = options;
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let imported = render::import_tags(&file.display().to_string(), &text, subject, *channel);
    if !imported.findings.all().is_empty() {
        eprint!("{}", imported.findings.render(std::io::stderr().is_terminal()));
    }
    match out {
        Some(path) => {
            let mut target = std::fs::File::create_new(path).with_context(|| path.display().to_string())?;
            std::io::Write::write_all(&mut target, imported.text.as_bytes())?;
        }
        None => print!("{}", imported.text),
    }
    Ok(if imported.findings.has_errors() { exit::FINDINGS } else { 0 })
}
