//! `quittance demo`: one invoice's whole life on real files, narrated.
//!
//! The story goes through the doors that everybody uses: files into watched directories, calls
//! to the API, a hook receiver that verifies signatures. Only the bank and the payers are
//! played; the account numbers and references in their statement are filled in when it is dropped.

mod receiver;
mod story;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use quittance_actors::values::TenantId;

use super::client::{Client, Connection};
use super::{samples, serve};
use crate::{assemble, clock, digest, observe, server};

#[derive(Args)]
pub(super) struct Options {
    /// The port of the back office and the API; 0 for any that is free.
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// Keep everything in this folder instead of a temporary one.
    #[arg(long)]
    keep: Option<PathBuf>,
    /// Stop when the story is told.
    #[arg(long)]
    once: bool,
}

/// What the story needs.
pub(super) struct Stage {
    pub client: Client,
    pub tenant: TenantId,
    pub folder: PathBuf,
}

pub(super) fn run(options: &Options) -> anyhow::Result<u8> {
    observe::start_logs("warn");
    let started = std::time::Instant::now();
    let (folder, temporary) = match &options.keep {
        Some(folder) => (folder.clone(), false),
        None => {
            let name = format!("quittance-demo-{}", digest::hex(&clock::random_bytes::<6>()));
            (std::env::temp_dir().join(name), true)
        }
    };
    std::fs::create_dir_all(&folder)?;
    let told = actix_web::rt::System::new().block_on(play(options, &folder, temporary, started));
    if temporary {
        let _ = std::fs::remove_dir_all(&folder); // What cannot be removed is in the temporary folder.
    }
    told.map(|()| 0)
}

async fn play(options: &Options, folder: &Path, temporary: bool, started: std::time::Instant) -> anyhow::Result<()> {
    let receiver = receiver::Receiver::start()?;
    let hooks = format!("http://{}/hooks/erp", receiver.address);
    let port = match options.port {
        // Links in messages name it, so it is chosen before anything is written.
        0 => std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port(),
        port => port,
    };
    let public = format!("http://127.0.0.1:{port}");
    let fresh = samples::fresh(|text| {
        text.replace("http://127.0.0.1:8089/hooks/erp", &hooks).replace("http://127.0.0.1:8080", &public)
    })?;
    receiver.expect(&fresh.hook_secret)?;
    let config_folder = folder.join("config");
    samples::write(&config_folder, &fresh.files)?;
    let (loaded, findings) = assemble::load(&config_folder.join("quittance.toml"));
    let (config, templates) =
        loaded.ok_or_else(|| anyhow::Error::msg(format!("the sample is wrong:\n{}", findings.render(false))))?;
    let tenant = config.service.tenants.first().map(|tenant| tenant.id.clone());
    let tenant = tenant.ok_or_else(|| anyhow::Error::msg("the sample has no tenant"))?;
    let service = assemble::assemble(config, templates, serve::fatal()).await.map_err(anyhow::Error::msg)?;
    let listen = SocketAddr::from(([127, 0, 0, 1], port));
    let bound = server::bind(service, listen)
        .map_err(|error| anyhow::Error::msg(format!("{error}; --port 0 takes any that is free")))?;
    let base = format!("http://{}", bound.address);
    let (handle, app) = (bound.server.handle(), Arc::clone(&bound.app));
    actix::spawn(bound.server);
    let kept = if temporary { "removed at the end" } else { "kept" };
    println!("Quittance {} · demo · data in {} ({kept})", env!("CARGO_PKG_VERSION"), folder.display());
    println!("  Back office    {base}/bo?login={}   (works once)", bound.login.unwrap_or_default());
    println!("  Caught mail    {base}/bo/messages");
    println!("  API            {base}/v1/   key {}", fresh.api_key);
    println!("  Drop a file    {}", folder.join("data/erp/in").display());
    println!();
    let connection = Connection { url: base, key: Some(fresh.api_key) };
    let stage = Stage { client: Client::new(connection)?, tenant, folder: folder.to_owned() };
    let narrator = actix::spawn(story::narrate(Arc::clone(&app), stage.tenant.clone(), started));
    let ending = async {
        story::play(&stage, started).await?;
        if !options.once {
            println!("\n  The story is told. Return: one day later · Ctrl-C: the end");
            wait_for_days(&stage).await;
        }
        anyhow::Ok(())
    };
    let outcome = tokio::select! {
        outcome = ending => outcome,
        stopped = serve::stop_signal() => stopped.map_err(Into::into),
    };
    narrator.abort();
    handle.stop(false).await;
    app.service.stop().await;
    println!("\nThe end{}.", if temporary { ", everything is removed" } else { "" });
    outcome
}

/// Moves the clock a day for every line that is typed.
async fn wait_for_days(stage: &Stage) {
    let (typed, mut lines) = tokio::sync::mpsc::channel(1);
    // A thread of its own, because a read of the terminal cannot be broken off: it must not
    // keep the end of the demo waiting.
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if typed.blocking_send(line).is_err() {
                return;
            }
        }
    });
    while lines.recv().await.is_some() {
        let day = serde_json::json!({ "by": "1d" });
        if let Err(error) = stage.client.post("/v1/clock/advance", &day).await {
            println!("{error}");
        }
    }
    // No terminal: the pages stay up until Ctrl-C.
    std::future::pending::<()>().await;
}
