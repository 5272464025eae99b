//! W1 over HTTP, with the load generator on the same machine: batches of lines, single lines over
//! many connections, and one at a time.

#![expect(clippy::float_arithmetic, clippy::cast_precision_loss, reason = "figures for people")]

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use clap::Args;

use super::world::{self, Folder, Setup, World};
use crate::server;

#[derive(Args)]
pub(super) struct Options {
    /// Seconds of each part.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Lines of a batch.
    #[arg(long, default_value_t = 1_000)]
    batch: usize,
}

/// One part: connections, lines a call.
struct Part {
    name: &'static str,
    connections: usize,
    lines: usize,
}

pub(super) fn run(options: &Options) -> anyhow::Result<u8> {
    let folder = Folder::new();
    let key = world::configure(&folder.0, Setup::default())?;
    let (ready, started) = mpsc::channel();
    let place = folder.0.clone();
    let serving = std::thread::spawn(move || {
        actix_web::rt::System::new().block_on(async move {
            let (service, _) = world::start(&place).await?;
            let tenant = world::tenant()?;
            let service = Arc::new(service);
            let entities = World::new(&service, &tenant, 50_000, 100_000);
            world::settle(&service, &tenant, entities).await?;
            let service = Arc::into_inner(service).ok_or_else(|| anyhow::anyhow!("still in use"))?;
            let bound = server::bind(service, ([127, 0, 0, 1], 0).into()).map_err(anyhow::Error::msg)?;
            ready.send((bound.address, entities, bound.server.handle()))?;
            bound.server.await?;
            bound.app.service.stop().await;
            Ok::<(), anyhow::Error>(())
        })
    });
    let (address, entities, handle) = started.recv()?;
    println!("W1 over HTTP: POST /v1/attempts, {} s each", options.seconds);
    let next = AtomicU64::new(0);
    for part in [
        Part { name: "batches", connections: 6, lines: options.batch },
        Part { name: "single lines, 128 connections", connections: 128, lines: 1 },
        Part { name: "one at a time", connections: 1, lines: 1 },
    ] {
        let (lines, mut waits) = load(address, &key, entities, &part, options.seconds, &next)?;
        waits.sort_unstable();
        let at = |per_mille: usize| {
            waits.get(waits.len().saturating_sub(1) * per_mille / 1_000).copied().unwrap_or(0) as f64 / 1_000.0
        };
        println!(
            "  {:<30} {:>9.0} events/s   p50 {:.2} ms, p99 {:.2} ms",
            part.name,
            lines as f64 / options.seconds as f64,
            at(500),
            at(990)
        );
    }
    actix_web::rt::System::new().block_on(handle.stop(true));
    serving.join().map_err(|_| anyhow::anyhow!("the service failed"))??;
    Ok(0)
}

/// Calls until the time is over; gives lines recorded and the wait of each call.
fn load(
    address: SocketAddr, key: &str, world: World, part: &Part, seconds: u64, next: &AtomicU64,
) -> anyhow::Result<(u64, Vec<u64>)> {
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut lines = 0;
    let mut waits = Vec::new();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..part.connections)
            .map(|_| scope.spawn(|| connection(address, key, world, part.lines, end, next)))
            .collect();
        for worker in workers {
            let (recorded, waited) = worker.join().map_err(|_| anyhow::anyhow!("a connection failed"))??;
            lines += recorded;
            waits.extend(waited);
        }
        Ok::<(), anyhow::Error>(())
    })?;
    Ok((lines, waits))
}

fn connection(
    address: SocketAddr, key: &str, world: World, lines: usize, end: Instant, next: &AtomicU64,
) -> anyhow::Result<(u64, Vec<u64>)> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let mut answers = BufReader::with_capacity(256 << 10, stream.try_clone()?);
    let (mut recorded, mut waits) = (0, Vec::new());
    let (mut body, mut answer) = (String::new(), Vec::new());
    while Instant::now() < end {
        body.clear();
        let first = next.fetch_add(u64::try_from(lines)?, Ordering::Relaxed);
        for number in first..first + u64::try_from(lines)? {
            let id = world.request(number.wrapping_mul(0x9e37_79b9_7f4a_7c15) % world.requests);
            let reason = if (number >> 1).is_multiple_of(2) { "AM04" } else { "MS03" };
            writeln!(
                body,
                r#"{{"payment_request":"{id}","attempt_ref":"a{number}","amount":{{"amount":1000,"currency":"EUR"}},"result":"failed","reason_code":"{reason}"}}"#
            )?;
        }
        let asked = Instant::now();
        let head = format!(
            "POST /v1/attempts HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {key}\r\nContent-Type: application/x-ndjson\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(&[head.as_bytes(), body.as_bytes()].concat())?;
        let status = read_answer(&mut answers, &mut answer)?;
        waits.push(u64::try_from(asked.elapsed().as_micros())?);
        if status == 200 {
            recorded += u64::try_from(memchr::memmem::find_iter(&answer, b"\"recorded\"").count())?;
        } else {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    Ok((recorded, waits))
}

/// Reads one answer with a Content-Length; gives its status.
fn read_answer(answers: &mut BufReader<TcpStream>, body: &mut Vec<u8>) -> anyhow::Result<u16> {
    let (mut status, mut length) = (0, 0);
    let mut line = String::new();
    loop {
        line.clear();
        anyhow::ensure!(answers.read_line(&mut line)? > 0, "the service closed the connection");
        let text = line.trim_end();
        if let Some(rest) = text.strip_prefix("HTTP/1.1 ") {
            status = rest.get(..3).unwrap_or_default().parse()?;
        } else if let Some(value) = text.to_ascii_lowercase().strip_prefix("content-length: ") {
            length = value.parse()?;
        } else if text.is_empty() {
            body.resize(length, 0);
            answers.read_exact(body)?;
            return Ok(status);
        }
    }
}
