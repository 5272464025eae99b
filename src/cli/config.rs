//! `quittance config`: a tenant's own configuration files against a running service.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Value as Json, json};

use super::client::{self, Client, Connection};
use super::exit;
use crate::editions::OWN_FILES;

/// Where a folder says of which edition it is: who publishes it changes that one and no later one.
const PULLED: &str = ".edition";

#[derive(Args)]
pub(super) struct Options {
    #[command(flatten)]
    connection: Connection,
    #[command(subcommand)]
    action: Action,
}

/// The draft: files of a folder, named as they are below it.
#[derive(Args)]
struct Drafted {
    /// The folder: rules.toml, scenarios.toml, collections.toml, acceptance.toml and templates/. What is not in it is not
    /// the tenant's own any more.
    folder: PathBuf,
}

#[derive(Subcommand)]
enum Action {
    /// Shows the edition in use and every edition there has been.
    Show,
    /// Writes the files of the edition in use into a folder.
    Pull(Drafted),
    /// Says what is wrong with a folder and what it changes.
    Check(Drafted),
    /// Says what a folder would have done with the events of the last days, and which reminders it moves.
    Foresee {
        #[command(flatten)]
        drafted: Drafted,
        /// Days of events.
        #[arg(long, default_value_t = 7)]
        days: u16,
    },
    /// Puts a folder into use as the next edition.
    Publish {
        #[command(flatten)]
        drafted: Drafted,
        /// Why.
        #[arg(long, default_value = "")]
        note: String,
    },
    /// Puts an earlier edition into use again; 0 for no files of one's own.
    Restore {
        /// Its number.
        edition: u64,
        /// Why.
        #[arg(long, default_value = "")]
        note: String,
    },
}

pub(super) fn run(options: &Options) -> anyhow::Result<u8> {
    client::run(async {
        let client = Client::new(options.connection.clone())?;
        let state = client.get("/v1/configuration").await?;
        match &options.action {
            Action::Show => show(&client, &state).await,
            Action::Pull(drafted) => pull(&client, &state, &drafted.folder).await,
            Action::Check(drafted) => {
                let body = json!({ "files": files(&drafted.folder, &state)? });
                let said = client.post("/v1/configuration/check", &body).await?;
                Ok(checked(&said))
            }
            Action::Foresee { drafted, days } => {
                let body = json!({ "files": files(&drafted.folder, &state)?, "days": days });
                let said = client.post("/v1/configuration/foresee", &body).await?;
                foreseen(&said);
                Ok(0)
            }
            Action::Publish { drafted, note } => {
                let known = drafted.folder.join(PULLED);
                let expected: u64 = match std::fs::read_to_string(&known) {
                    Ok(text) => text.trim().parse()?,
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => 0,
                    Err(error) => return Err(error.into()),
                };
                let mut body = json!({ "files": files(&drafted.folder, &state)?, "expected_edition": expected });
                let number = published(&client, "/v1/configuration/editions", &mut body, note).await?;
                std::fs::write(known, format!("{number}\n"))?;
                Ok(0)
            }
            Action::Restore { edition, note } => {
                let path = format!("/v1/configuration/editions/{edition}/restore");
                published(&client, &path, &mut json!({}), note).await.map(|_| 0)
            }
        }
    })
}

fn text<'a>(of: &'a Json, key: &str) -> &'a str {
    of.get(key).and_then(Json::as_str).unwrap_or_default()
}

fn number(of: &Json, key: &str) -> u64 {
    of.get(key).and_then(Json::as_u64).unwrap_or(0)
}

fn all<'a>(of: &'a Json, key: &str) -> impl Iterator<Item = &'a Json> {
    of.get(key).and_then(Json::as_array).into_iter().flatten()
}

/// The draft that a folder is: its files, and null for what the tenant has and the folder has not.
fn files(folder: &Path, state: &Json) -> anyhow::Result<BTreeMap<String, Json>> {
    anyhow::ensure!(folder.is_dir(), "{} is no folder", folder.display());
    let mut files: BTreeMap<String, Json> =
        all(state, "files").map(|file| (text(file, "name").to_owned(), Json::Null)).collect();
    for name in OWN_FILES {
        let path = folder.join(name);
        if path.is_file() {
            files.insert(name.to_owned(), std::fs::read_to_string(&path)?.into());
        }
    }
    for entry in std::fs::read_dir(folder.join("templates")).into_iter().flatten() {
        let path = entry?.path();
        if path.extension().is_some_and(|known| known == "hbs") {
            let name = path.strip_prefix(folder).unwrap_or(&path).to_string_lossy().into_owned();
            files.insert(name, std::fs::read_to_string(&path)?.into());
        }
    }
    Ok(files)
}

async fn show(client: &Client, state: &Json) -> anyhow::Result<u8> {
    println!("edition {} in use", number(state, "edition"));
    for file in all(state, "files") {
        println!("  {:>7} bytes  {}", number(file, "bytes"), text(file, "name"));
    }
    if state.get("files_changed_since") == Some(&Json::Bool(true)) {
        println!("  the files in the folder are others: somebody has changed them since");
    }
    let editions = client.get("/v1/configuration/editions").await?;
    for edition in all(&editions, "data") {
        let restored = edition.get("restores").and_then(Json::as_u64);
        let what = restored.map_or(text(edition, "origin").to_owned(), |number| format!("{number} again"));
        let (at, by, note) = (text(edition, "at"), text(edition, "by"), text(edition, "note"));
        println!("{:>5}  {at}  {what:<10}  {by}  {note}", number(edition, "edition"));
    }
    Ok(0)
}

async fn pull(client: &Client, state: &Json, folder: &Path) -> anyhow::Result<u8> {
    let number = number(state, "edition");
    std::fs::create_dir_all(folder)?;
    let edition = match number {
        0 => json!({}),
        number => client.get(&format!("/v1/configuration/editions/{number}")).await?,
    };
    let of_edition = edition.get("files").and_then(Json::as_object);
    // What the edition has not is not to be published again.
    for name in files(folder, state)?.keys().filter(|name| of_edition.is_none_or(|of| !of.contains_key(*name))) {
        let path = folder.join(name);
        if path.is_file() {
            std::fs::remove_file(&path)?;
            eprintln!("  {} removed", path.display());
        }
    }
    for (name, content) in of_edition.into_iter().flatten() {
        let path = folder.join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(&path, content.as_str().unwrap_or_default())?;
        eprintln!("  {}", path.display());
    }
    std::fs::write(folder.join(PULLED), format!("{number}\n"))?;
    Ok(0)
}

fn finding(of: &Json) {
    let help = of.get("help").and_then(Json::as_str).map(|help| format!("\n    help: {help}")).unwrap_or_default();
    println!(
        "{}[{}]: {}\n  {}:{}:{} {}{help}",
        text(of, "severity"),
        text(of, "code"),
        text(of, "message"),
        text(of, "file"),
        number(of, "line"),
        number(of, "column"),
        text(of, "label"),
    );
}

fn checked(said: &Json) -> u8 {
    all(said, "findings").for_each(finding);
    print!("{}", text(said, "differences"));
    for change in all(said, "changes") {
        println!("{}: {} {}", text(change, "how"), text(change, "what"), text(change, "name"));
    }
    let usable = said.get("usable") == Some(&Json::Bool(true));
    println!("{}", if usable { "it can be used" } else { "it cannot be used" });
    if usable { 0 } else { exit::FINDINGS }
}

fn foreseen(said: &Json) {
    for change in all(said, "changes") {
        println!("{}: {} {}", text(change, "how"), text(change, "what"), text(change, "name"));
    }
    for rule in all(said, "rules") {
        println!(
            "rule {}: fires {} times, would {}; sends {}, would {}, to {} customers",
            text(rule, "rule"),
            number(rule, "fires_now"),
            number(rule, "would_fire"),
            number(rule, "messages_now"),
            number(rule, "would_send"),
            number(rule, "customers"),
        );
    }
    for scenario in all(said, "scenarios") {
        println!(
            "scenario {}: {} requests have a step to come, {} stay, {} would have a message within a day",
            text(scenario, "scenario"),
            number(scenario, "requests"),
            number(scenario, "stay"),
            number(scenario, "soon"),
        );
        for of in all(scenario, "moves") {
            let to = of.get("to").and_then(Json::as_str).unwrap_or("the end");
            println!("  {:>7}  {} -> {to}", number(of, "requests"), text(of, "from"));
        }
    }
    for policy in all(said, "policies") {
        println!(
            "retry policy {}: {} open requests are collected by it, of {} an attempt is planned and stays",
            text(policy, "policy"),
            number(policy, "collections"),
            number(policy, "planned"),
        );
        let said = policy.get("otherwise").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str);
        said.for_each(|said| println!("  {said}"));
        for of in all(policy, "reasons") {
            let count =
                |key: &str| of.get(key).and_then(Json::as_i64).map_or_else(|| "-".to_owned(), |n| n.to_string());
            let side = |times: &str, days: &str, words: &str| {
                format!("{} new attempts until D+{}, {}", count(times), count(days), text(of, words))
            };
            println!("  {} {}: {}", text(of, "method"), text(of, "code"), side("retries_now", "days_now", "now"));
            println!("    would be: {}", side("would_retry", "would_take", "then"));
        }
    }
}

async fn published(client: &Client, path: &str, body: &mut Json, note: &str) -> anyhow::Result<u64> {
    if let Some(body) = body.as_object_mut().filter(|_| !note.is_empty()) {
        body.insert("note".to_owned(), note.into());
    }
    let said = client.post(path, body).await?;
    all(&said, "findings").for_each(finding);
    let number = number(&said, "edition");
    println!("edition {number} is in use");
    Ok(number)
}
