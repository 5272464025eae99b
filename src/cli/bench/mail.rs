//! Mail to a relay on this machine: rendered, sent, each try recorded.

#![expect(clippy::float_arithmetic, clippy::cast_precision_loss, reason = "figures for people")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::Args;
use futures_util::{StreamExt as _, stream};

use super::world::{self, Folder, Pace, Setup};
use crate::channels::email::bare_client;

#[derive(Args)]
pub(super) struct Options {
    /// Mails.
    #[arg(long, default_value_t = 40_000)]
    mails: u64,
}

/// How long it may take at most.
const PATIENCE: Duration = Duration::from_secs(300);
/// Connections of the client alone.
const CONNECTIONS: usize = 32;

const RULE: &str = r#"
[[rule]]
name = "failed"
on = ["attempt.failed"]
[[rule.then]]
notify = "customer"
channel = "email"
template = "attempt_failed"
"#;

/// A relay: one thread a connection, which takes whatever comes.
struct Relay {
    address: SocketAddr,
    taken: Arc<AtomicU64>,
    connections: Arc<AtomicU64>,
}

impl Relay {
    fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let relay = Self { address: listener.local_addr()?, taken: Arc::default(), connections: Arc::default() };
        let (taken, connections) = (Arc::clone(&relay.taken), Arc::clone(&relay.connections));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                connections.fetch_add(1, Ordering::Relaxed);
                let taken = Arc::clone(&taken);
                std::thread::spawn(move || serve(stream, &taken));
            }
        });
        Ok(relay)
    }
}

/// One session. Source: RFC 5321 §4.
fn serve(stream: TcpStream, taken: &AtomicU64) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut reader = BufReader::with_capacity(64 << 10, stream);
    let mut line = Vec::new();
    let mut answer: &[u8] = b"220 relay\r\n";
    loop {
        reader.get_mut().write_all(answer).ok()?;
        line.clear();
        reader.read_until(b'\n', &mut line).ok().filter(|length| *length > 0)?;
        answer = match line.get(..4).unwrap_or_default().to_ascii_uppercase().as_slice() {
            b"EHLO" => b"250-relay\r\n250 8BITMIME\r\n",
            b"QUIT" => return reader.get_mut().write_all(b"221 bye\r\n").ok(),
            b"DATA" => {
                reader.get_mut().write_all(b"354 go on\r\n").ok()?;
                loop {
                    line.clear();
                    reader.read_until(b'\n', &mut line).ok().filter(|length| *length > 0)?;
                    if line == b".\r\n" {
                        break;
                    }
                }
                taken.fetch_add(1, Ordering::Relaxed);
                b"250 taken\r\n"
            }
            _ => b"250 fine\r\n",
        };
    }
}

pub(super) fn run(options: &Options) -> anyhow::Result<u8> {
    actix_web::rt::System::new().block_on(measure(options.mails)).map(|()| 0)
}

async fn measure(mails: u64) -> anyhow::Result<()> {
    let relay = Relay::start()?;
    let port = relay.address.port();
    println!("mail: {mails} mails to a relay on this machine");
    let folder = Folder::new();
    world::configure(&folder.0, Setup { real_time: true, ..Setup::default() })?;
    let path = folder.0.join("config/quittance.toml");
    let smtp = format!("transport = \"smtp\"\nhost = \"127.0.0.1\"\nport = {port}\ntls = \"none\"");
    std::fs::write(&path, std::fs::read_to_string(&path)?.replace("transport = \"catch\"", &smtp))?;
    std::fs::write(folder.0.join("config/rules.toml"), RULE)?;
    let (service, tenant, entities) = world::start_sending(&folder.0).await?;

    let (cpu, started) = (world::cpu_us(), Instant::now());
    let pace = Pace { in_flight: 16_000, batch: 500, rate: None, first_id: 0 };
    world::drive(&service, &tenant, mails, pace, |number| Ok(entities.attempt(number))).await?;
    while relay.taken.load(Ordering::Relaxed) < mails {
        let taken = relay.taken.load(Ordering::Relaxed);
        anyhow::ensure!(started.elapsed() < PATIENCE, "{taken} of {mails} mails came");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let seconds = started.elapsed().as_secs_f64();
    let per_second = mails as f64 / seconds;
    println!("  mails/s           {per_second:>10.0}   each rendered and recorded, the relay on the same cores");
    println!("  CPU per mail      {:>10.2} µs, the relay included", world::per_event(world::cpu_us() - cpu, mails));
    println!("  connections       {:>10}", relay.connections.load(Ordering::Relaxed));
    service.stop().await;
    drop(service);

    let started = Instant::now();
    bare(port, mails).await?;
    let bare = mails as f64 / started.elapsed().as_secs_f64();
    println!(
        "  bare client       {bare:>10.0} mails/s over {CONNECTIONS} connections, one small mail again and again, unrecorded; ratio {:.3}",
        per_second / bare
    );
    Ok(())
}

/// The same client with one small mail again and again, and nothing around it.
async fn bare(port: u16, mails: u64) -> anyhow::Result<()> {
    let client = bare_client(port).map_err(anyhow::Error::msg)?;
    let mail = format!("Subject: Bare\r\n\r\n{}", "Nothing to say.\r\n".repeat(40));
    let each = stream::iter(0..mails).map(|_| client.send(mail.as_bytes()));
    let taken = each.buffer_unordered(CONNECTIONS).filter(|sent| std::future::ready(*sent)).count().await;
    anyhow::ensure!(u64::try_from(taken)? == mails, "{taken} of {mails} mails were taken");
    Ok(())
}
