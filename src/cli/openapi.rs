//! `quittance openapi`.

use crate::api::reference::document;

pub(super) fn run() -> anyhow::Result<u8> {
    println!("{}", serde_json::to_string_pretty(&document())?);
    Ok(0)
}
