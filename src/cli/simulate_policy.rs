//! `quittance simulate policy`: what a retry policy does about a collection that keeps failing.

use std::collections::BTreeMap;

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use quittance_actors::collection::{Foresight, Method, RetryPolicy};
use quittance_actors::policies::Policies;
use quittance_actors::values::{Date, TenantId};
use serde_json::{Value as Json, json};

use super::exit;
use super::simulate::unknown;
use crate::simulate::policy::{Asked, method_in_words, outcome};
use crate::{assemble, clock};

#[derive(Clone, Copy, ValueEnum)]
enum By {
    Card,
    DirectDebit,
}

/// What keeps failing, and whose policy is asked.
#[derive(Args)]
pub(super) struct Options {
    /// The policy; the tenant's usual one without a name.
    name: Option<String>,
    /// Whose.
    #[arg(long)]
    tenant: String,
    /// How it is collected; by direct debit, where the policy knows that.
    #[arg(long, value_enum)]
    method: Option<By>,
    /// The reason of each failure, such as AM04 or 51.
    #[arg(long)]
    code: Option<String>,
    /// The scheme's advice beside it, such as 24 of Mastercard.
    #[arg(long)]
    advice: Option<String>,
    /// The deadline; today without it.
    #[arg(long)]
    due: Option<String>,
    /// The configuration that is tried: the one in use, or a draft of the next.
    #[arg(short, long, default_value = "config/quittance.toml")]
    config: PathBuf,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(options: &Options) -> anyhow::Result<u8> {
    let (loaded, findings) = assemble::load(&options.config);
    let Some((config, _)) = loaded else {
        print!("{}", findings.render(false));
        return Ok(exit::CONFIGURATION);
    };
    let id = TenantId::parse(&options.tenant)?;
    let tenant = config.service.tenant(&id).with_context(|| format!("there is no tenant \"{id}\""))?;
    let policies = config.policies(tenant).context("the tenant's calendar is not there")?;
    let (in_use, tried_out) = (&policies.collections.policies, &policies.collections.tried_out);
    let known: BTreeMap<&str, &RetryPolicy> =
        in_use.iter().chain(tried_out).map(|(name, policy)| (name.as_str(), policy)).collect();
    let usual = policies.collections.default_policy.as_deref();
    let name = options.name.as_deref().or(usual).or(in_use.keys().next().map(String::as_str));
    let name = name.context("there is no retry policy: they are written in collections.toml")?;
    let policy = known.get(name).ok_or_else(|| unknown("retry policy", name, known.keys().copied()))?;
    let method = options.method.map(|by| match by {
        By::Card => Method::Card,
        By::DirectDebit => Method::DirectDebit,
    });
    let today = || clock::system_now().date_in(&policies.zone);
    let due_on = options.due.as_deref().map(|day| Date::parse(day).with_context(|| format!("--due {day}")));
    let due_on = due_on.transpose()?.unwrap_or_else(today);
    let asked = Asked::new(policy, &policies, method, (options.code.as_deref(), options.advice.as_deref()), due_on);
    anyhow::ensure!(
        policy.connector(asked.method).is_some(),
        "{name} does not collect by {}",
        method_in_words(asked.method)
    );
    let found = asked.foresee(policy, &policies);
    print!(
        "{}",
        if options.json { as_json(&asked, policy, &found)? } else { as_text(&asked, policy, &policies, &found)? }
    );
    Ok(0)
}

fn as_text(asked: &Asked, policy: &RetryPolicy, policies: &Policies, found: &Foresight) -> anyhow::Result<String> {
    let mut text = String::new();
    let advice = asked.advice.as_ref().map(|advice| format!(" (advice {advice})")).unwrap_or_default();
    let (name, method, code) = (&policy.name, method_in_words(asked.method), &asked.code);
    writeln!(text, "policy \"{name}\", {method} due on {}, refused each time with {code}{advice}", asked.due_on)?;
    writeln!(text, "\n  attempt  order leaves       collected")?;
    for (attempt, number) in found.attempts.iter().zip(1..) {
        let (hour, minute) = attempt.due.local_time(&policies.zone);
        let ordered = attempt.due.date_in(&policies.zone);
        writeln!(text, "  {number:>7}  {ordered} {hour:02}:{minute:02}   {}", attempt.collects_on)?;
    }
    writeln!(text, "\n  {}", outcome(found, policy))?;
    Ok(text)
}

fn as_json(asked: &Asked, policy: &RetryPolicy, found: &Foresight) -> anyhow::Result<String> {
    let attempts: Vec<Json> = found
        .attempts
        .iter()
        .map(|attempt| json!({ "due_at": attempt.due.to_string(), "collects_on": attempt.collects_on }))
        .collect();
    let told = json!({
        "policy": policy.name, "method": asked.method, "reason_code": asked.code, "advice_code": asked.advice,
        "class": found.class.name(), "attempts": attempts, "waits_until": found.waits_until,
        "exhausted": found.exhausted, "then": outcome(found, policy),
    });
    Ok(serde_json::to_string_pretty(&told)? + "\n")
}
