//! `quittance simulate`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use quittance_actors::rules::{Leaf, Rule};
use serde_json::{Value as Json, json};

use super::data::Days;
use super::exit;
use crate::config::{Config, Tenant};
use crate::export::Period;
use crate::simulate::rule::{Asked, Example, Simulated, simulate};
use crate::simulate::scenario::{self, Foreseen};
use crate::steps::TEAM;
use crate::{assemble, diagnostics};

#[derive(Args)]
pub(super) struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Rules, on events that the log tells.
    Rule(Draft),
    /// Reminder scenarios, on the requests open at a moment, by a clock that runs on from there.
    Scenario(Draft),
    /// A retry policy, on a collection that keeps failing.
    Policy(super::simulate_policy::Options),
}

/// What is tried, and on what.
#[derive(Args)]
struct Draft {
    /// The rule or scenario; every one without a name.
    name: Option<String>,
    #[command(flatten)]
    days: Days,
    /// The configuration that is tried: the one in use, or a draft of the next.
    #[arg(short, long, default_value = "config/quittance.toml")]
    config: PathBuf,
    /// The data directory, when it is not the configuration's.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Events or messages shown.
    #[arg(long, default_value_t = 5)]
    show: usize,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(options: &Options) -> anyhow::Result<u8> {
    let draft = match &options.what {
        What::Policy(options) => return super::simulate_policy::run(options),
        What::Rule(draft) | What::Scenario(draft) => draft,
    };
    let (loaded, findings) = assemble::load(&draft.config);
    let Some((config, _)) = loaded else {
        print!("{}", findings.render(false));
        return Ok(exit::CONFIGURATION);
    };
    let (tenant, period) = draft.days.of(&config)?;
    anyhow::ensure!(period.from <= period.to, "the period ends before it begins");
    let data = draft.data.clone().unwrap_or_else(|| config.path(&config.service.data.dir));
    let told = match &options.what {
        What::Rule(_) => rules(draft, &config, (tenant, period), &data)?,
        What::Scenario(_) | What::Policy(_) => scenarios(draft, &config, (tenant, period), &data)?,
    };
    match told {
        Ok(text) => {
            print!("{text}");
            Ok(0)
        }
        Err(error) => {
            eprintln!("quittance: {error}");
            Ok(exit::FINDINGS)
        }
    }
}

/// What there is to say, or why the log does not tell.
type Told = Result<String, String>;

pub(super) fn unknown<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str>) -> anyhow::Error {
    let near = diagnostics::nearest(name, known);
    let near = near.map(|near| format!(", did you mean \"{near}\"?")).unwrap_or_default();
    anyhow::anyhow!("there is no {what} \"{name}\"{near}")
}

fn scenarios(
    draft: &Draft, config: &Config, (tenant, period): (&Tenant, Period), data: &Path,
) -> anyhow::Result<Told> {
    let policies = config.policies(tenant).ok_or_else(|| anyhow::anyhow!("the tenant's calendar is not there"))?;
    let scenario = draft.name.as_deref();
    if let Some(name) = scenario.filter(|name| !policies.scenarios.contains_key(*name)) {
        return Err(unknown("scenario", name, policies.scenarios.keys().map(String::as_str)));
    }
    let asked = scenario::Asked { tenant: &tenant.id, policies: &policies, scenario, period, examples: draft.show };
    let found = match scenario::foresee(data, &asked) {
        Ok(found) => found,
        Err(error) => return Ok(Err(error)),
    };
    Ok(Ok(match draft.json {
        true => serde_json::to_string_pretty(&foreseen_json(&found))? + "\n",
        false => foreseen(&found, scenario, period)?,
    }))
}

fn foreseen(
    found: &Foreseen, scenario: Option<&str>, Period { from, to }: Period,
) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    let of = scenario.map_or("every scenario".to_owned(), |name| format!("scenario \"{name}\""));
    writeln!(text, "{of}, {from} to {to}, as if nothing else happened; nothing left")?;
    writeln!(text, "  requests open      {:>8}", found.open)?;
    writeln!(text, "  messages           {:>8}", found.messages())?;
    let busiest = found.days.iter().max_by_key(|(day, count)| (**count, std::cmp::Reverse(**day)));
    if let Some((day, count)) = busiest {
        writeln!(text, "  busiest day        {count:>8}  {day}")?;
    }
    let most = found.customers.iter().max_by_key(|(id, count)| (**count, std::cmp::Reverse(**id)));
    if let Some((customer, count)) = most {
        writeln!(text, "  most to a customer {count:>8}  {customer}")?;
    }
    let width = found.steps.keys().map(|name| name.chars().count()).max().unwrap_or(0).max(4);
    writeln!(text, "\n  {:<width$}    email      sms     team  not sent    waits  left then", "step")?;
    for (name, step) in in_order(found) {
        let by = |channel: &str| step.sent.get(channel).copied().unwrap_or(0);
        let not_sent: u64 = step.not_sent.values().sum();
        let scenario::Step { deferred, left, .. } = step;
        let (email, sms, team) = (by("email"), by("sms"), by(TEAM));
        writeln!(text, "  {name:<width$} {email:>8} {sms:>8} {team:>8} {not_sent:>9} {deferred:>8} {left:>10}")?;
    }
    for (name, step) in in_order(found) {
        for (reason, count) in &step.not_sent {
            writeln!(text, "  {name} not sent {count} times: {reason}")?;
        }
    }
    for scenario::Message { at, request, number, step, channel } in &found.examples {
        writeln!(text, "\n  {at}  {step} by {channel}  {number}  {request}")?;
    }
    Ok(text)
}

fn in_order(found: &Foreseen) -> impl Iterator<Item = (&String, &scenario::Step)> {
    found.order.iter().filter_map(|name| Some((name, found.steps.get(name)?)))
}

fn foreseen_json(found: &Foreseen) -> Json {
    let steps: Vec<Json> = in_order(found)
        .map(|(name, step)| {
            let scenario::Step { sent, not_sent, deferred, left } = step;
            json!({ "step": name, "sent": sent, "not_sent": not_sent, "waits": deferred, "left": left })
        })
        .collect();
    let days: Vec<Json> =
        found.days.iter().map(|(day, count)| json!({ "day": day.to_string(), "messages": count })).collect();
    let examples: Vec<Json> = found
        .examples
        .iter()
        .map(|scenario::Message { at, request, number, step, channel }| {
            json!({
                "at": at.to_string(), "payment_request": request.to_string(), "external_ref": number, "step": step,
                "channel": channel,
            })
        })
        .collect();
    json!({ "open": found.open, "messages": found.messages(), "steps": steps, "days": days, "examples": examples })
}

fn rules(draft: &Draft, config: &Config, (tenant, period): (&Tenant, Period), data: &Path) -> anyhow::Result<Told> {
    let rules = wanted(config.conduct(&tenant.id).automation.rules.all(), draft.name.as_deref())?;
    let policies = config.policies(tenant).ok_or_else(|| anyhow::anyhow!("the tenant's calendar is not there"))?;
    let asked = Asked { tenant: &tenant.id, policies: &policies, period, examples: draft.show };
    let found = match simulate(data, &rules, &asked) {
        Ok(found) => found,
        Err(error) => return Ok(Err(error)),
    };
    if draft.json {
        let all: Vec<Json> = rules.iter().zip(&found).map(|(rule, found)| as_json(rule, found)).collect();
        return Ok(Ok(serde_json::to_string_pretty(&all)? + "\n"));
    }
    Ok(Ok(match (rules.as_slice(), found.as_slice()) {
        ([rule], [found]) => one(rule, found, period)?,
        _ => table(&rules, &found, period)?,
    }))
}

fn wanted(rules: &[Rule], name: Option<&str>) -> anyhow::Result<Vec<Rule>> {
    let Some(name) = name else { return Ok(rules.to_vec()) };
    match rules.iter().find(|rule| *rule.name == *name) {
        Some(rule) => Ok(vec![rule.clone()]),
        None => Err(unknown("rule", name, rules.iter().map(|rule| &*rule.name))),
    }
}

fn one(rule: &Rule, found: &Simulated, Period { from, to }: Period) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    let on: Vec<&str> = rule.on.iter().map(|event| event.name()).collect();
    writeln!(text, "rule \"{}\" on {}, {from} to {to}", rule.name, on.join(", "))?;
    writeln!(text, "  events             {:>8}", found.events)?;
    writeln!(text, "  fires              {:>8}", found.fires)?;
    for (field, count) in &found.unknown {
        writeln!(text, "  cannot be said     {count:>8}  {field} is not known")?;
    }
    if found.held_back > 0 {
        writeln!(text, "  held back          {:>8}  it had fired a while before", found.held_back)?;
    }
    write!(text, "  messages           {:>8}", found.messages)?;
    match found.unreachable {
        0 => writeln!(text)?,
        count => writeln!(text, "  and {count} to customers who cannot be reached")?,
    }
    if found.deeds > 0 {
        writeln!(text, "  does               {:>8}", found.deeds)?;
    }
    writeln!(
        text,
        "  beside what left   {:>8}  events the same, {} more, {} no more",
        found.same, found.more, found.less
    )?;
    if let Some((day, count)) = found.busiest_day() {
        writeln!(text, "  busiest day        {count:>8}  {day}")?;
    }
    if let Some((customer, count)) = found.busiest_customer() {
        writeln!(text, "  most to a customer {count:>8}  {customer}")?;
    }
    for Example { at, id, event, leaves } in &found.examples {
        let said: Vec<String> = leaves.iter().map(Leaf::to_string).collect();
        let why = if said.is_empty() { "always".to_owned() } else { said.join(", ") };
        writeln!(text, "\n  {at}  {}  {id}\n    {why}", event.name())?;
    }
    Ok(text)
}

fn table(rules: &[Rule], found: &[Simulated], Period { from, to }: Period) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    writeln!(text, "{from} to {to}; nothing left")?;
    let width = rules.iter().map(|rule| rule.name.chars().count()).max().unwrap_or(0).max(4);
    writeln!(text, "  {:<width$}  events   fires  unsaid  messages    same    more  no more", "rule")?;
    for (rule, found) in rules.iter().zip(found) {
        let Simulated { events, fires, unknown, messages, same, more, less, .. } = found;
        let unsaid: u64 = unknown.values().sum();
        writeln!(
            text,
            "  {:<width$} {events:>7} {fires:>7} {unsaid:>7} {messages:>9} {same:>7} {more:>7} {less:>8}",
            rule.name
        )?;
    }
    Ok(text)
}

fn as_json(rule: &Rule, found: &Simulated) -> Json {
    let days: Vec<Json> =
        found.days.iter().map(|(day, count)| json!({ "day": day.to_string(), "fires": count })).collect();
    let examples: Vec<Json> = found
        .examples
        .iter()
        .map(|Example { at, id, event, leaves }| {
            let why: Vec<String> = leaves.iter().map(Leaf::to_string).collect();
            json!({ "at": at.to_string(), "id": id, "type": event.name(), "why": why })
        })
        .collect();
    let most = found.busiest_customer().map(|(id, count)| json!({ "customer": id.to_string(), "messages": count }));
    json!({
        "rule": *rule.name,
        "on": rule.on.iter().map(|event| event.name()).collect::<Vec<_>>(),
        "events": found.events,
        "fires": found.fires,
        "cannot_be_said": found.unknown,
        "messages": found.messages,
        "does": found.deeds,
        "unreachable": found.unreachable,
        "held_back": found.held_back,
        "beside_what_left": { "same": found.same, "more": found.more, "no_more": found.less },
        "days": days,
        "most_to_a_customer": most,
        "examples": examples,
    })
}
