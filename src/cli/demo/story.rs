//! The story, and the voice that tells it.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use quittance_actors::rules::{EventType, Field, Published, Value};
use quittance_actors::values::{Language, TenantId};
use serde_json::{Value as Json, json};
use tokio::sync::broadcast::error::RecvError;

use super::super::samples::Played;
use super::Stage;
use crate::api::App;
use crate::render::money_in_words;

/// How long a step of the story may take before it is told that it did not happen.
const PATIENCE: Duration = Duration::from_secs(20);

/// Plays the story from the first file to the last reminder.
pub(super) async fn play(stage: &Stage, started: Instant) -> anyhow::Result<()> {
    chapter("An ERP drops its invoices");
    drop_file(stage, "invoices-0302.csv", "data/erp/in").await?;
    cards(stage).await?;
    chapter("Time passes: requests and reminders leave");
    advance(stage, "1d").await?;
    advance(stage, "3d").await?;
    chapter("The bank sends a statement");
    drop_file(stage, "statement-0306.xml", "data/bank/in").await?;
    drop_file(stage, "invoices-0306.csv", "data/erp/in").await?;
    println!("          (first mail, hook and match after {:.1} s)", started.elapsed().as_secs_f64());
    chapter("A direct debit fails, a customer is refunded, a card will be collected from, another subscribes");
    attempts(stage).await?;
    collection(stage).await?;
    chapter("More time passes, and another statement comes");
    advance(stage, "5d").await?;
    drop_file(stage, "statement-0311.xml", "data/bank/in").await?;
    chapter("The same statement again: nothing happens twice");
    drop_file(stage, "statement-0306.xml", "data/bank/in").await?;
    chapter("The card is declined on the deadline, and tried again three days later");
    for days in ["3d", "3d"] {
        advance(stage, days).await?;
        tokio::time::sleep(Duration::from_millis(1_500)).await; // The provider is asked once a second.
    }
    chapter("A week later");
    advance(stage, "8d").await
}

fn chapter(title: &str) {
    println!("\n── {title}");
}

/// Drops a file as an ERP or a bank would, and waits until it has been read.
async fn drop_file(stage: &Stage, name: &str, folder: &str) -> anyhow::Result<()> {
    let file = Played::get(name).ok_or_else(|| anyhow::Error::msg(format!("{name} is not there")))?;
    let text = fill(stage, &String::from_utf8(file.data.into_owned())?).await?;
    let folder = stage.folder.join(folder);
    let aside = folder.join(format!("{name}.part"));
    std::fs::write(&aside, &text)?;
    std::fs::rename(aside, folder.join(name))?;
    let sha256 = crate::digest::hex(&crate::digest::sha256(text.as_bytes()));
    let before = finished_reports(&folder);
    let waiting = Instant::now();
    while finished_reports(&folder) == before {
        if waiting.elapsed() > PATIENCE {
            anyhow::bail!("{name} was not read in time");
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let status = loop {
        let status = stage.client.get(&format!("/v1/files/{sha256}")).await?;
        if status.get("state").and_then(Json::as_str) == Some("finished") || waiting.elapsed() > PATIENCE {
            break status;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let report = status.get("report").cloned().unwrap_or_default();
    println!("          file      {name}: {}", report.get("summary").and_then(Json::as_str).unwrap_or_default());
    for error in report.get("errors").and_then(Json::as_array).into_iter().flatten() {
        println!("                    {}", error.get("message").and_then(Json::as_str).unwrap_or_default());
    }
    tokio::time::sleep(Duration::from_millis(700)).await;
    Ok(())
}

fn finished_reports(folder: &Path) -> usize {
    let count = |name: &str| std::fs::read_dir(folder.join(name)).map_or(0, Iterator::count);
    count("done") + count("rejected")
}

/// Fills in account numbers and references, which were given out when invoices came in:
/// `{{viban:CUSTOMER}}`, `{{rf:INVOICE}}`, `{{short:INVOICE}}`.
async fn fill(stage: &Stage, text: &str) -> anyhow::Result<String> {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}").unwrap_or((after, ""));
        filled.push_str(before);
        let value = match name.split_once(':') {
            Some(("viban", customer)) => find(stage, "customers", customer, "virtual_iban").await?,
            Some(("rf", invoice)) => find(stage, "payment-requests", invoice, "creditor_reference").await?,
            Some(("short", invoice)) => find(stage, "payment-requests", invoice, "short_reference").await?,
            _ => String::new(),
        };
        filled.push_str(&value);
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

/// A field of the customer or request with an external reference, from the API's lists.
async fn find(stage: &Stage, list: &str, external_ref: &str, field: &str) -> anyhow::Result<String> {
    let waiting = Instant::now();
    loop {
        let page = stage.client.get(&format!("/v1/{list}?limit=500")).await?;
        let items = page.get("data").and_then(Json::as_array).cloned().unwrap_or_default();
        let is = |item: &&Json| item.get("external_ref").and_then(Json::as_str) == Some(external_ref);
        if let Some(value) = items.iter().find(is).and_then(|item| item.get(field)).and_then(Json::as_str) {
            return Ok(value.to_owned());
        }
        if waiting.elapsed() > PATIENCE {
            anyhow::bail!("{external_ref} was not found in time");
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn advance(stage: &Stage, by: &str) -> anyhow::Result<()> {
    let clock = stage.client.post("/v1/clock/advance", &json!({ "by": by })).await?;
    let now = clock.get("now").and_then(Json::as_str).unwrap_or_default();
    let fired = clock.get("timers_fired").and_then(Json::as_u64).unwrap_or(0);
    println!("          clock     {now}, {fired} timers fired");
    tokio::time::sleep(Duration::from_millis(900)).await;
    Ok(())
}

/// Two customers have a card: one pays a subscription with it, one does not.
async fn cards(stage: &Stage) -> anyhow::Result<()> {
    for (customer, last4, recurring) in [("411SAULE", "4242", true), ("411CEDRE", "1881", false)] {
        let Ok(id) = find_now(stage, customer).await else { continue };
        let card = json!({
            "token": format!("tok_{last4}"), "last4": last4,
            "expires_year": 2026, "expires_month": 3, "backs_recurring": recurring,
        });
        stage.client.post(&format!("/v1/customers/{id}/payment-methods"), &card).await?;
    }
    Ok(())
}

async fn find_now(stage: &Stage, external_ref: &str) -> anyhow::Result<String> {
    tokio::time::sleep(Duration::from_millis(1_100)).await; // Lists are as of the last checkpoint.
    let page = stage.client.get("/v1/customers?limit=500").await?;
    let items = page.get("data").and_then(Json::as_array).cloned().unwrap_or_default();
    let is = |item: &&Json| item.get("external_ref").and_then(Json::as_str) == Some(external_ref);
    let id = items.iter().find(is).and_then(|item| item.get("id")).and_then(Json::as_str);
    id.map(str::to_owned).ok_or_else(|| anyhow::Error::msg("not there"))
}

async fn attempts(stage: &Stage) -> anyhow::Result<()> {
    let failing = find(stage, "payment-requests", "F-2026-2303", "id").await?;
    let amount = json!({ "amount": 306_000, "currency": "EUR" });
    let failed = json!({ "attempt_ref": "sdd-1", "amount": amount, "result": "failed", "reason_code": "MD01" });
    stage.client.post(&format!("/v1/payment-requests/{failing}/attempts"), &failed).await?;
    let refunded = find(stage, "payment-requests", "F-2026-2292", "id").await?;
    let refund = json!({ "refund_ref": "avoir-17", "amount": { "amount": 4_275, "currency": "EUR" } });
    stage.client.post(&format!("/v1/payment-requests/{refunded}/refunds"), &refund).await?;
    tokio::time::sleep(Duration::from_millis(600)).await;
    Ok(())
}

/// Invoices are collected on their deadline: from a card that has no funds the first time, from a card that
/// is lost, and by direct debit.
async fn collection(stage: &Stage) -> anyhow::Result<()> {
    for (customer, invoice, token, last4) in
        [("411BRIGHT", "F-2026-2312", "tok_fail-51-1", "7005"), ("411CEDRE", "F-2026-2310", "tok_fail-41", "0341")]
    {
        let customer = find(stage, "customers", customer, "id").await?;
        let card = json!({ "token": token, "last4": last4, "expires_year": 2028, "expires_month": 9,
            "backs_recurring": true, "scheme": "visa" });
        stage.client.post(&format!("/v1/customers/{customer}/payment-methods"), &card).await?;
        collect(stage, invoice, &format!("card:{token}")).await?;
    }
    let customer = find(stage, "customers", "411LEMOINE", "id").await?;
    let mandate = json!({ "reference": "RUM-LEMOINE-1", "iban": "FR7630006000011234567890189",
        "signed_on": "2026-01-12", "notice_days": 5 });
    stage.client.post(&format!("/v1/customers/{customer}/mandates"), &mandate).await?;
    collect(stage, "F-2026-2311", "mandate:RUM-LEMOINE-1").await?;
    subscription(stage).await
}

/// A customer subscribes, and is charged on the 12th of each month from the card that has no funds at first.
async fn subscription(stage: &Stage) -> anyhow::Result<()> {
    let plan = json!({ "external_ref": "ABO-411", "customer_ref": "411BRIGHT", "every": "1m", "first_due_on": "2026-03-12",
        "amount": { "amount": 4_900, "currency": "EUR" }, "collect_from": "card:tok_fail-51-1",
        "description": "Maintenance", "on_exhausted": "ask" });
    stage.client.post("/v1/plans", &plan).await.map(|_| ())
}

async fn collect(stage: &Stage, invoice: &str, instrument: &str) -> anyhow::Result<()> {
    let request = find(stage, "payment-requests", invoice, "id").await?;
    let path = format!("/v1/payment-requests/{request}/collection");
    stage.client.post(&path, &json!({ "instrument": instrument })).await.map(|_| ())
}

/// Tells what happens, as it becomes durable.
pub(super) async fn narrate(app: Arc<App>, tenant: TenantId, started: Instant) {
    let mut events = app.service.live.subscribe();
    loop {
        match events.recv().await {
            Ok(record) if record.tenant == tenant => {
                for place in 0..record.published.len() {
                    let told = app.service.router.tell(Arc::clone(&record), place).await;
                    if let Some(line) = told.ok().flatten().as_ref().and_then(line) {
                        println!("{:>7.1} s  {line}", started.elapsed().as_secs_f64());
                    }
                }
            }
            Ok(_) | Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return,
        }
    }
}

fn line(event: &Published) -> Option<String> {
    let text = |field| match event.fact(field) {
        Some(Value::Text(text)) => text.clone(),
        Some(Value::Money(amount)) => money_in_words(*amount, Language::En),
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::Date(date)) => date.to_string(),
        _ => String::new(),
    };
    let invoice = text(Field::RequestExternalRef);
    Some(match event.event {
        EventType::PaymentRequestIssued => format!("request   {invoice} {} asked for", text(Field::RequestAmount)),
        EventType::ReminderSent => {
            format!("reminder  {invoice} \"{}\" by {}", text(Field::ReminderStep), text(Field::ReminderChannel))
        }
        EventType::ReminderSuppressed => format!("reminder  {invoice} held back: {}", text(Field::Reason)),
        EventType::TransferMatched => {
            format!("transfer  {} matched by {}", text(Field::TransferAmount), text(Field::TransferExplanation))
        }
        EventType::TaskOpened => {
            format!("task      {} for a person: {}", text(Field::TransferAmount), text(Field::Reason))
        }
        EventType::PaymentRequestPartiallyPaid => {
            format!("request   {invoice} partly paid, {} left", text(Field::RequestOutstanding))
        }
        EventType::PaymentRequestSettled => format!("request   {invoice} settled, reminders stopped"),
        EventType::PaymentRequestOverdue => {
            format!("request   {invoice} is overdue, {} open", text(Field::RequestOutstanding))
        }
        EventType::CustomerCreditChanged => {
            format!("credit    {} kept for the customer", text(Field::TransferCredit))
        }
        EventType::AttemptFailed => format!("attempt   {invoice} refused: {}", text(Field::AttemptReasonCode)),
        EventType::AttemptScheduled => format!("attempt   {invoice} planned for {}", text(Field::AttemptCollectsOn)),
        EventType::RetryScheduled => {
            format!("attempt   {invoice} planned again for {}", text(Field::AttemptCollectsOn))
        }
        EventType::AttemptOrdered => {
            format!("attempt   {invoice} {} ordered", text(Field::AttemptAmount))
        }
        EventType::RetryStopped | EventType::RetryExhausted => {
            format!("attempt   {invoice} is for a person: {}", text(Field::Reason))
        }
        EventType::PlanCreated => format!("plan      {} agreed", text(Field::PlanExternalRef)),
        EventType::PlanCycleIssued => format!("plan      {invoice} asked for, its cycle {}", text(Field::PlanCycle)),
        EventType::PlanPastDue => {
            format!("plan      {} is behind: {}", text(Field::PlanExternalRef), text(Field::Reason))
        }
        EventType::PlanRecovered => format!("plan      {} is behind no more", text(Field::PlanExternalRef)),
        EventType::AttemptSucceeded => format!("attempt   {invoice} {} collected", text(Field::AttemptAmount)),
        EventType::RefundInitiated => format!("refund    {invoice} {} initiated", text(Field::RefundAmount)),
        EventType::PaymentMethodExpiring => {
            format!(
                "card      ending {} expires in {} days",
                text(Field::MethodLast4),
                text(Field::MethodDaysToExpiry)
            )
        }
        _ => return None,
    })
}
