//! `quittance import`.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value as Json;

use super::client::{self, Client, Connection};
use super::exit;

#[derive(Args)]
pub(super) struct Options {
    #[command(flatten)]
    connection: Connection,
    /// The feed that reads it.
    #[arg(long)]
    feed: String,
    /// The file.
    file: PathBuf,
    /// Prints the report as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(options: &Options) -> anyhow::Result<u8> {
    client::run(import(options))
}

async fn import(options: &Options) -> anyhow::Result<u8> {
    let bytes = std::fs::read(&options.file).with_context(|| options.file.display().to_string())?;
    let name = options.file.file_name().and_then(|name| name.to_str()).unwrap_or("import");
    let client = Client::new(options.connection.clone())?;
    let query: String = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("feed", &options.feed)
        .append_pair("name", name)
        .finish();
    let bar = ProgressBar::new(u64::try_from(bytes.len())?);
    if let Ok(style) = ProgressStyle::with_template("{spinner} {bar:32} {percent:>3} %  {msg}  {elapsed}, {eta} left")
    {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(100));
    bar.set_message(format!("{name}: uploading {} bytes", bytes.len()));
    let uploaded = client.upload(&format!("/v1/files?{query}"), bytes).await?;
    let sha256 = uploaded.get("sha256").and_then(Json::as_str).unwrap_or_default().to_owned();
    let mut quiet = 0;
    let report = loop {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let state = client.get(&format!("/v1/files/{sha256}")).await.unwrap_or_default();
        match state.get("state").and_then(Json::as_str) {
            Some("finished") => break state.get("report").cloned().unwrap_or_default(),
            Some("reading") => {
                let count = |key: &str| state.get(key).and_then(Json::as_u64).unwrap_or(0);
                let rows = count("rows");
                bar.set_position(count("bytes"));
                bar.set_message(format!("{name}: {rows} rows read"));
            }
            _ => bar.set_message(format!("{name}: waiting until it rests")),
        }
        quiet += 1;
        if !std::io::stderr().is_terminal() && quiet % 25 == 0 {
            eprintln!("{}", bar.message());
        }
    };
    bar.finish_and_clear();
    show(&report, options.json)
}

fn show(report: &Json, as_json: bool) -> anyhow::Result<u8> {
    let text = |key: &str| report.get(key).and_then(Json::as_str).unwrap_or_default();
    if as_json {
        println!("{}", serde_json::to_string_pretty(report)?);
    } else {
        println!("{}: {}: {}", text("file"), text("outcome").replace('_', " "), text("summary"));
        let errors = report.get("errors").and_then(Json::as_array).cloned().unwrap_or_default();
        for error in errors.iter().take(20) {
            println!("  {}", error.get("message").and_then(Json::as_str).unwrap_or_default());
        }
        if errors.len() > 20 {
            println!("  … and {} more in the report", errors.len() - 20);
        }
    }
    Ok(if matches!(text("outcome"), "accepted" | "duplicate") { 0 } else { exit::FINDINGS })
}
