//! `quittance password`.

use std::io::{IsTerminal as _, stdin};

use crate::password::{BYTES_MAX, CHARACTERS_MIN, hash};

pub(super) fn run() -> anyhow::Result<u8> {
    let typed = if stdin().is_terminal() {
        let typed = rpassword::prompt_password("Password: ")?;
        anyhow::ensure!(rpassword::prompt_password("Once more: ")? == typed, "the two are not the same");
        typed
    } else {
        let mut line = String::new();
        stdin().read_line(&mut line)?;
        line.trim_end_matches(['\r', '\n']).to_owned()
    };
    let fits = typed.chars().count() >= CHARACTERS_MIN && typed.len() <= BYTES_MAX;
    anyhow::ensure!(fits, "a password has at least {CHARACTERS_MIN} characters; a sentence is easy to remember");
    println!("{}", hash(&typed).map_err(anyhow::Error::msg)?);
    Ok(0)
}
