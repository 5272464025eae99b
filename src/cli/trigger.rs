//! `quittance trigger`: calls an endpoint with an event that never happened.

use clap::Args;
use serde_json::{Map, Value as Json, json};

use super::client::{self, Client, Connection};
use super::exit;

#[derive(Args)]
pub(super) struct Options {
    #[command(flatten)]
    connection: Connection,
    /// The event type, such as `payment_request.settled`.
    event: String,
    /// The endpoint.
    #[arg(long)]
    endpoint: String,
    /// A fact of one's own instead of the example, as in `request.amount="EUR 12.50"`; nothing after the sign leaves it out.
    #[arg(long = "set", value_name = "FACT=VALUE", value_parser = fact)]
    facts: Vec<(String, Option<String>)>,
    /// The template that a rule would tell it by, `NAME` of `NAME.json.hbs`; the event itself without it.
    #[arg(long)]
    template: Option<String>,
    /// So many times, one after the other.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    count: u32,
}

fn fact(text: &str) -> Result<(String, Option<String>), String> {
    let (path, value) =
        text.split_once('=').ok_or("expected a fact and its value, as in request.external_ref=F-1")?;
    Ok((path.trim().to_owned(), (!value.is_empty()).then(|| value.to_owned())))
}

pub(super) fn run(options: &Options) -> anyhow::Result<u8> {
    client::run(async {
        let Options { connection, event, endpoint, facts, template, count } = options;
        let client = Client::new(connection.clone())?;
        let facts: Map<String, Json> = facts.iter().map(|(path, value)| (path.clone(), json!(value))).collect();
        let mut asked = json!({ "event": event, "facts": facts });
        if let (Some(asked), Some(template)) = (asked.as_object_mut(), template) {
            asked.insert("template".to_owned(), json!(template));
        }
        let name: String = url::form_urlencoded::byte_serialize(endpoint.as_bytes()).collect();
        let mut all_taken = true;
        for _ in 0..*count {
            let called = client.post(&format!("/v1/endpoints/{name}/test"), &asked).await?;
            let text = |key: &str| called.get(key).and_then(Json::as_str).unwrap_or_default();
            let taken = called.get("taken").and_then(Json::as_bool).unwrap_or(false);
            all_taken &= taken;
            println!("{}", text("body"));
            let how = if taken { "taken" } else { "not taken" };
            eprintln!("{}: {how}, {}", text("webhook_id"), text("said"));
        }
        Ok(if all_taken { 0 } else { exit::FINDINGS })
    })
}
