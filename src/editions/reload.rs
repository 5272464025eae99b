//! The files of the configuration read again while the service runs.

use std::io;
use std::path::Path;

use tracing::{info, warn};

use super::publish::Editions;
use crate::assemble::Service;
use crate::clock::system_now;
use crate::config::{self, Sources};
use crate::diagnostics::Findings;
use crate::digest;
use crate::in_use::Wording;

/// Writes the files of editions that a stop interrupted, so that a configuration is read whole.
pub fn finish(path: &Path) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new(""));
    // What is wrong with it is told when it is read in earnest.
    match config::data_folder(&Sources::of(folder), path) {
        Some(data) => Editions::finish(folder, &data),
        None => Ok(()),
    }
}

/// What a reload came to.
#[derive(Debug)]
pub struct Reloaded {
    /// Whether it is in use; otherwise what was in use goes on.
    pub in_use: bool,
    /// What was found.
    pub findings: Findings,
    /// Whether the service's own file has changed: what it says of servers, channels and tenants counts from the next start.
    pub waits_for_start: bool,
}

/// Takes the files into use as they stand in the folder: rules, scenarios, policies of collection, rules of acceptance and
/// templates, shared or of tenants. Reads files: not for a thread that serves.
pub fn reload(service: &Service) -> io::Result<Reloaded> {
    let path = &service.config.file;
    let _turn = service.editions.turn();
    // Of the data directory in use, whatever the file says by now.
    Editions::finish(&service.config.folder, &service.config.path(&service.config.service.data.dir))?;
    // It is checked by what the service has, which cannot change while it runs.
    let (anew, mut findings) = service.config.again();
    let sources = Sources::of(&service.config.folder);
    let wording = anew.as_ref().map(|anew| Wording::load(anew, &sources, &mut findings));
    let loaded = anew.zip(wording).filter(|_| !findings.has_errors());
    let waits_for_start = digest::sha256(&std::fs::read(path)?) != *service.config.sha256;
    let Some((anew, wording)) = loaded else {
        warn!("the configuration cannot be used as it stands: what was in use goes on");
        return Ok(Reloaded { in_use: false, findings, waits_for_start });
    };
    service.in_use.take_all(&service.config, &anew, wording);
    for tenant in &service.config.service.tenants {
        service.editions.note_files(&tenant.id, system_now())?;
    }
    info!(waits_for_start, "the configuration was read again and is in use");
    Ok(Reloaded { in_use: true, findings, waits_for_start })
}
