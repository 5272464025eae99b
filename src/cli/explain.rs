//! `quittance explain`.

use clap::Args;
use serde_json::Value as Json;

use super::client::{Client, Connection, run as run_call};

#[derive(Args)]
pub(super) struct Options {
    /// The transfer, `trf_…`.
    transfer: String,
    /// As the API gives it.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

fn money(value: &Json) -> String {
    let minor = value.get("amount").and_then(Json::as_i64).unwrap_or(0);
    let code = value.get("currency").and_then(Json::as_str).unwrap_or_default();
    match quittance_actors::values::Currency::parse(code) {
        Ok(currency) => quittance_actors::values::Money::from_minor(minor, currency).to_string(),
        Err(_) => value.to_string(),
    }
}

fn text<'a>(value: &'a Json, key: &str) -> &'a str {
    value.get(key).and_then(Json::as_str).unwrap_or("—")
}

fn parts(pays: Option<&Json>) -> String {
    let part = |part: &Json| {
        format!("{} of {}", part.get("amount").map(money).unwrap_or_default(), text(part, "payment_request"))
    };
    let parts: Vec<String> = pays.and_then(Json::as_array).into_iter().flatten().map(part).collect();
    if parts.is_empty() { "nothing".to_owned() } else { parts.join(", ") }
}

fn explain(transfer: &Json) {
    let amount = transfer.get("amount").map(money).unwrap_or_default();
    println!("{}  {amount}  booked {}", text(transfer, "id"), text(transfer, "booked_on"));
    let payer = transfer.get("payer").cloned().unwrap_or_default();
    println!("  payer        {} {}", text(&payer, "name"), text(&payer, "iban"));
    let remittance = transfer.get("remittance").cloned().unwrap_or_default();
    println!("  text         {}", text(&remittance, "unstructured"));
    println!("  structured   {}", remittance.get("structured").cloned().unwrap_or_default());
    println!("  stands       {}: {}", text(transfer, "status"), text(transfer, "explanation"));
    println!("  customer     {}", text(transfer, "customer"));
    println!("  pays         {}", parts(transfer.get("allocations")));
    if let Some(credited) = transfer.get("credited").filter(|credited| credited.get("amount") != Some(&Json::from(0)))
    {
        println!("  credit       {}", money(credited));
    }
    if let Some(reason) = transfer.get("refused") {
        println!("  refused      {reason}");
    }
    for (key, said) in transfer.get("bank_says").and_then(Json::as_object).into_iter().flatten() {
        println!("  bank says    {} {}", key.replace('_', " "), said.as_str().unwrap_or_default());
    }
    for points in transfer.get("evidence").and_then(Json::as_array).into_iter().flatten() {
        let request = points.get("payment_request").and_then(Json::as_str);
        let request = request.map(|request| format!(", {request}")).unwrap_or_default();
        println!("  points to    {}{request}, by {}", text(points, "customer"), text(points, "by"));
    }
    let Some(decision) = transfer.get("decision") else { return };
    println!("  payer known  by {}", text(decision, "identified_by").replace('_', " "));
    let chance = decision.get("accidental_ppm").and_then(Json::as_u64).unwrap_or(0);
    if chance > 0 {
        println!("  chance       {chance} of a million that such a sum fits by accident");
    }
    let score = |way: &Json| way.get("score").and_then(Json::as_u64).unwrap_or(0);
    if let Some(taken) = decision.get("taken").filter(|taken| taken.is_object()) {
        let margin = decision.get("margin").and_then(Json::as_u64).unwrap_or(0);
        println!("  taken        0.{:03}  {}, 0.{margin:03} before the next", score(taken), text(taken, "why"));
    }
    for other in decision.get("others").and_then(Json::as_array).into_iter().flatten() {
        println!("  considered   0.{:03}  {}: {}", score(other), text(other, "why"), parts(other.get("pays")));
    }
}

pub(super) fn run(options: &Options) -> anyhow::Result<u8> {
    let client = Client::new(options.connection.clone())?;
    run_call(async {
        let transfer = client.get(&format!("/v1/decisions/{}", options.transfer)).await?;
        if options.json {
            println!("{}", serde_json::to_string_pretty(&transfer)?);
        } else {
            explain(&transfer);
        }
        Ok(0)
    })
}
