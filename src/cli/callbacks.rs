//! `quittance callbacks`.

use std::path::Path;

use super::exit;
use crate::assemble;
use crate::callbacks::About;

pub(super) fn run(config: &Path) -> anyhow::Result<u8> {
    let (loaded, findings) = assemble::load(config);
    let Some((config, _)) = loaded else {
        eprintln!("{}", findings.render(false));
        return Ok(exit::CONFIGURATION);
    };
    let Some(callbacks) = assemble::callbacks(&config) else {
        eprintln!("others may call only when [server] has a public_url and a callback_key");
        return Ok(exit::CONFIGURATION);
    };
    for tenant in &config.service.tenants {
        println!("{}  SMS that come in: {}", tenant.id, callbacks.address(&tenant.id, About::Incoming));
        println!("{}  mail that comes back: {}", tenant.id, callbacks.address(&tenant.id, About::Mail));
    }
    Ok(0)
}
