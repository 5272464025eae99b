//! `quittance secret`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;

use crate::channels::hook::key_pair;
use crate::clock::random_bytes;

#[derive(Args)]
pub(super) struct Options {
    /// A key pair: who verifies by the public key cannot sign.
    #[arg(long)]
    asymmetric: bool,
}

pub(super) fn run(options: &Options) -> anyhow::Result<u8> {
    if options.asymmetric {
        let (private, public) = key_pair(&random_bytes::<32>())?;
        println!("private_key  {private}");
        println!("public key   {public}");
    } else {
        println!("{}", fresh());
    }
    Ok(0)
}

/// A fresh secret.
pub(super) fn fresh() -> String {
    format!("whsec_{}", STANDARD.encode(random_bytes::<32>()))
}
