//! `quittance serve`.

use std::io::IsTerminal as _;
use std::path::Path;
use std::sync::Arc;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{error, info};

use super::exit;
use crate::{api, assemble, editions, observe, server};

pub(super) fn run(path: &Path) -> anyhow::Result<u8> {
    observe::start_logs("info");
    editions::finish(path)?;
    let (loaded, findings) = assemble::load(path);
    if !findings.all().is_empty() {
        eprintln!("{}", findings.render(std::io::stderr().is_terminal()));
    }
    let Some((config, templates)) = loaded else { return Ok(exit::CONFIGURATION) };
    let listen = config.service.server.listen;
    let public_url = config.service.server.public_url.clone();
    actix_web::rt::System::new().block_on(async move {
        // From the first moment on: a hangup would end the process.
        let hangups = signal(SignalKind::hangup())?;
        let service = assemble::assemble(config, templates, fatal()).await.map_err(anyhow::Error::msg)?;
        let bound = server::bind(service, listen).map_err(anyhow::Error::msg)?;
        let base = public_url.unwrap_or_else(|| format!("http://{}/", bound.address));
        let back_office = match &bound.login {
            Some(login) => format!("{base}bo?login={login}  (works once)"),
            None => format!("{base}bo/sign-in"),
        };
        eprintln!("Quittance {} · listening on {}", env!("CARGO_PKG_VERSION"), bound.address);
        eprintln!("  Back office  {back_office}");
        eprintln!("  API          {base}v1/");
        let handle = bound.server.handle();
        let running = actix::spawn(bound.server);
        actix::spawn(hear_hangups(hangups, Arc::clone(&bound.app)));
        stop_signal().await?;
        info!("stopping");
        handle.stop(true).await;
        let _ = running.await; // It was asked to stop.
        bound.app.service.stop().await;
        Ok(0)
    })
}

/// Reads the files of the configuration again at each SIGHUP.
async fn hear_hangups(mut hangups: Signal, app: Arc<api::App>) {
    while hangups.recv().await.is_some() {
        match api::reload(&app).await {
            Ok(reloaded) if reloaded.findings.all().is_empty() => {}
            Ok(reloaded) => eprintln!("{}", reloaded.findings.render(std::io::stderr().is_terminal())),
            Err(error) => error!(%error, "the configuration could not be read again"),
        }
    }
}

/// Ends the process when the log or the store has failed: nothing is acknowledged after it.
pub(super) fn fatal() -> Arc<dyn Fn(String) + Send + Sync> {
    Arc::new(|reason| {
        error!(reason, "the service stops");
        eprintln!("quittance: {reason}; the service stops, nothing was acknowledged after it");
        std::process::exit(exit::FATAL);
    })
}

/// Waits for Ctrl-C or SIGTERM.
pub(super) async fn stop_signal() -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
