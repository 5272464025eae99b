//! The command line: one file per command. Data goes to stdout, talk to stderr.

mod backup;
mod bench;
mod callbacks;
mod check;
mod client;
mod clock;
mod config;
mod data;
mod demo;
mod doctor;
mod events;
mod explain;
mod export;
mod generate;
mod import;
mod init;
mod listen;
mod man;
mod openapi;
mod order;
mod password;
mod recon;
mod replay;
mod resend;
mod samples;
mod secret;
mod serve;
mod simulate;
mod simulate_policy;
mod template;
mod trigger;

use std::path::PathBuf;

use clap::{CommandFactory as _, Parser, Subcommand};

/// Exit codes, the same for every command.
mod exit {
    /// Findings, or a part failed.
    pub const FINDINGS: u8 = 1;
    /// The configuration cannot be used.
    pub const CONFIGURATION: u8 = 3;
    /// The service cannot be reached.
    pub const UNREACHABLE: u8 = 4;
    /// The log or the store failed while running.
    pub const FATAL: i32 = 74;
}

/// Payment automation: requests, reminders, collections, reconciliation, hooks.
#[derive(Parser)]
#[command(name = "quittance", version, propagate_version = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Plays one invoice's whole life with sample files, in a temporary directory.
    #[command(after_help = "Examples:\n  quittance demo\n  quittance demo --port 8080 --keep ./demo-data")]
    Demo(demo::Options),
    /// Runs the service.
    #[command(
        after_help = "Examples:\n  quittance serve -c config/quittance.toml\n  QUITTANCE_LOG=debug quittance serve -c shop/quittance.toml"
    )]
    Serve {
        /// The configuration file.
        #[arg(short, long, default_value = "config/quittance.toml")]
        config: PathBuf,
    },
    /// Writes a configuration with fresh secrets, ready to be served.
    #[command(after_help = "Examples:\n  quittance init my-shop\n  quittance init my-shop --force")]
    Init(init::Options),
    /// Makes a fresh signing secret for hooks, or with --asymmetric a private key and the public one to hand out.
    #[command(after_help = "Examples:\n  quittance secret\n  quittance secret --asymmetric")]
    Secret(secret::Options),
    /// Makes the hash of a password that somebody signs in to the back office with.
    #[command(
        after_help = "Examples:\n  quittance password\n  printf 'quatre lampes sur un quai' | quittance password"
    )]
    Password,
    /// Prints the addresses that gateways are given for what people write back.
    #[command(after_help = "Examples:\n  quittance callbacks -c shop/quittance.toml")]
    Callbacks {
        /// The configuration file.
        #[arg(short, long, default_value = "config/quittance.toml")]
        config: PathBuf,
    },
    /// Checks a configuration, its rules, scenarios and templates.
    #[command(after_help = "Examples:\n  quittance check\n  quittance check shop/quittance.toml")]
    Check {
        /// The configuration file.
        #[arg(default_value = "config/quittance.toml")]
        config: PathBuf,
    },
    /// Hands a file to a running service and watches it being read.
    #[command(
        after_help = "Examples:\n  quittance import --feed invoices invoices.csv\n  quittance import --feed bank statement.xml --json"
    )]
    Import(import::Options),
    /// Writes direct debits (pain.008) or credit transfers (pain.001) for a bank.
    Order(order::Options),
    /// Shows why a transfer pays what it pays, and what else was considered.
    #[command(after_help = "Examples:\n  quittance explain trf_01KJPRZB00FX98K3AKA8MP2043")]
    Explain(explain::Options),
    /// Writes what the record log tells of a period: receipts for an accounting system, reconciled
    /// transfers as camt.054, statuses of payment requests.
    #[command(
        after_help = "Examples:\n  quittance export accounting --tenant shop --from 2026-03-01 --to 2026-03-31\n  quittance export statuses --format jsonl --tenant shop --from 2026-03-01 --to 2026-03-31 --out /erp/in"
    )]
    Export(export::Options),
    /// Lists the events that rules fire on, and what a condition can ask of each.
    #[command(
        after_help = "Examples:\n  quittance events\n  quittance events payment_request.settled\n  quittance events attempt. --json"
    )]
    Events(events::Options),
    /// Prints the OpenAPI 3.1 document of the API and of the hooks, as a running service has it at /openapi.json.
    #[command(after_help = "Examples:\n  quittance openapi > openapi.json")]
    Openapi,
    /// Prints completions for a shell.
    #[command(
        after_help = "Examples:\n  quittance completions bash > /etc/bash_completion.d/quittance\n  quittance completions zsh > ~/.zfunc/_quittance"
    )]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Writes a manual page of each command.
    #[command(after_help = "Examples:\n  quittance man /usr/local/share/man/man1")]
    Man {
        /// The folder.
        folder: PathBuf,
    },
    /// Shows a template with examples, or brings one of CentralPay over.
    #[command(
        after_help = "Examples:\n  quittance template render reminder_late --language en\n  quittance template render reminder_late --channel sms\n  quittance template import relance.txt --subject 'Rappel de #MERCHANT_NAME#' --out config/templates/relance.fr.email.hbs"
    )]
    Template(template::Options),
    /// Shows events as they come, or hands them on to an address of one's own, signed as hooks are.
    #[command(
        after_help = "Examples:\n  quittance listen --types 'payment_request.*'\n  quittance listen --forward-to http://127.0.0.1:3000/hooks\n  quittance listen --after 0 --count 100 --json"
    )]
    Listen(listen::Options),
    /// Calls an endpoint with an event that never happened, with examples of every fact or one's own.
    #[command(
        after_help = "Examples:\n  quittance trigger payment_request.settled --endpoint erp\n  quittance trigger payment_method.expiring --endpoint erp --set method.days_to_expiry=10 --set customer.external_ref=C-9"
    )]
    Trigger(trigger::Options),
    /// Has an endpoint sent once more what it was sent, with the same ids, and shows how far it is.
    #[command(
        after_help = "Examples:\n  quittance resend erp --since 2026-03-01T00:00:00+01:00\n  quittance resend erp --after 0 --types 'payment_request.*'"
    )]
    Resend(resend::Options),
    /// Tries rules on what happened, and scenarios on what is open: what would leave, beside what left. Nothing leaves.
    #[command(
        after_help = "Examples:\n  quittance simulate rule --tenant shop --from 2026-03-01 --to 2026-03-31\n  quittance simulate rule large_transfer -c draft/quittance.toml --data data --tenant shop --from 2026-03-01 --to 2026-03-31\n  quittance simulate scenario standard -c draft/quittance.toml --data data --tenant shop --from 2026-04-01 --to 2026-04-30\n  quittance simulate policy --tenant shop --method card --code 51 --advice 24"
    )]
    Simulate(simulate::Options),
    /// Checks, tries, publishes and takes back a tenant's own configuration files, while the service runs.
    #[command(
        after_help = "Examples:\n  quittance config show\n  quittance config pull shop\n  quittance config check shop\n  quittance config foresee shop --days 30\n  quittance config publish shop --note 'a week more'\n  quittance config restore 3"
    )]
    Config(config::Options),
    /// Shows or moves the test clock of a sandbox.
    #[command(after_help = "Examples:\n  quittance clock show\n  quittance clock advance 30d")]
    Clock(clock::Options),
    /// Copies the record log, while the service runs, with a manifest of checksums.
    #[command(
        after_help = "Examples:\n  quittance backup /backups/today\n  quittance backup /backups/today --data /var/lib/quittance"
    )]
    Backup(backup::Options),
    /// Restores a backup into an empty data directory.
    #[command(after_help = "Examples:\n  quittance restore /backups/today --data /var/lib/quittance")]
    Restore(backup::Options),
    /// Looks a data directory over, and says what is hurt and what to do.
    #[command(after_help = "Examples:\n  quittance doctor\n  quittance doctor --data /var/lib/quittance")]
    Doctor(doctor::DoctorOptions),
    /// Verifies checksums, the chain and the store of a data directory.
    #[command(after_help = "Examples:\n  quittance verify\n  quittance verify --deep")]
    Verify(doctor::VerifyOptions),
    /// Builds the state again from the first record of the log.
    #[command(after_help = "Examples:\n  quittance replay --verify\n  quittance replay --digests")]
    Replay(replay::Options),
    /// Writes sets with a known truth.
    #[command(
        after_help = "Examples:\n  quittance generate recon --seed 7 ./set && quittance bench recon ./set --peers"
    )]
    Generate(generate::Options),
    /// Measures the engine on this machine.
    #[command(after_help = "Examples:\n  quittance bench ingest\n  quittance bench ingest --events 2000000")]
    Bench(bench::Options),
}

/// The exit code of a program of which nobody reads on, as a shell gives it: 128 and SIGPIPE.
const NOBODY_READS: i32 = 141;

/// Has the program end without a word when whoever reads what it prints, such as `head`, has read enough.
fn end_when_nobody_reads() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let said = panic.payload_as_str().unwrap_or_default();
        if said.starts_with("failed printing to stdout") && said.contains("Broken pipe") {
            std::process::exit(NOBODY_READS);
        }
        before(panic);
    }));
}

/// Runs the command; gives the exit code.
pub fn run() -> anyhow::Result<u8> {
    let command = Arguments::parse().command;
    // A service goes on whoever reads what it says.
    if !matches!(command, Command::Serve { .. } | Command::Demo(_)) {
        end_when_nobody_reads();
    }
    match command {
        Command::Demo(options) => demo::run(&options),
        Command::Serve { config } => serve::run(&config),
        Command::Init(options) => init::run(&options),
        Command::Secret(options) => secret::run(&options),
        Command::Password => password::run(),
        Command::Openapi => openapi::run(),
        Command::Man { folder } => man::run(Arguments::command(), &folder),
        Command::Listen(options) => listen::run(&options),
        Command::Template(options) => template::run(&options),
        Command::Completions { shell } => {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "quittance", &mut text);
            print!("{}", String::from_utf8_lossy(&text));
            Ok(0)
        }
        Command::Callbacks { config } => callbacks::run(&config),
        Command::Check { config } => check::run(&config),
        Command::Import(options) => import::run(&options),
        Command::Order(options) => order::run(&options),
        Command::Explain(options) => explain::run(&options),
        Command::Export(options) => export::run(&options),
        Command::Events(options) => events::run(&options),
        Command::Resend(options) => resend::run(&options),
        Command::Trigger(options) => trigger::run(&options),
        Command::Simulate(options) => simulate::run(&options),
        Command::Clock(options) => clock::run(&options),
        Command::Config(options) => config::run(&options),
        Command::Backup(options) => backup::take(&options),
        Command::Restore(options) => backup::restore(&options),
        Command::Doctor(options) => doctor::doctor(&options),
        Command::Verify(options) => doctor::verify(&options),
        Command::Replay(options) => replay::run(&options),
        Command::Generate(options) => generate::run(&options),
        Command::Bench(options) => bench::run(&options),
    }
}
