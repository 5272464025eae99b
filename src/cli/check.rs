//! `quittance check`.

use std::io::IsTerminal as _;
use std::path::Path;
use std::time::Instant;

use super::exit;
use crate::assemble;

pub(super) fn run(config: &Path) -> anyhow::Result<u8> {
    let started = Instant::now();
    let (loaded, findings) = assemble::load(config);
    let colours = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    println!("{} ({} ms)", findings.render(colours), started.elapsed().as_millis());
    if let Some((config, _)) = &loaded {
        let shared = &config.shared.automation;
        let (rules, scenarios) = (shared.rules.all().len(), shared.scenarios.len());
        let (tenants, tests) = (config.service.tenants.len(), shared.rule_tests);
        let count = |number: usize, one: &str| format!("{number} {one}{}", if number == 1 { "" } else { "s" });
        println!(
            "{}, {} ({} passed), {}: ready to serve",
            count(tenants, "tenant"),
            count(rules, "rule"),
            count(tests, "test"),
            count(scenarios, "scenario"),
        );
        for (tenant, own) in &config.own {
            let (rules, scenarios) = (own.automation.rules.all().len(), own.automation.scenarios.len());
            println!("  {tenant} with its own files: {}, {}", count(rules, "rule"), count(scenarios, "scenario"));
        }
    }
    Ok(if loaded.is_some() { 0 } else { exit::FINDINGS })
}
