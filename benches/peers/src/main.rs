//! The work W1 of `quittance bench ingest` on PostgreSQL and on Redis: the same events, as durable,
//! on the same machine. Each event: known already? count the attempt on its request, evaluate three
//! rules, keep a notification for every second one; acknowledged when it is synced.
//!
//! `quittance-peers postgres URL one|BATCH SECONDS` · `quittance-peers redis URL PIPELINE SECONDS`

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use postgres::{Client, NoTls};

const REQUESTS: u64 = 200_000;

/// The request of an event, in no order that a cache could like.
fn request(number: u64) -> i64 {
    (number.wrapping_mul(0x9e37_79b9_7f4a_7c15) % REQUESTS) as i64
}

fn reason(number: u64) -> &'static str {
    if number % 2 == 0 { "AM04" } else { "MS03" }
}

fn report(name: &str, started: Instant, mut waits_us: Vec<u64>, events: u64) {
    waits_us.sort_unstable();
    let at = |per_mille: usize| waits_us[(waits_us.len() - 1) * per_mille / 1_000] as f64 / 1_000.0;
    let rate = events as f64 / started.elapsed().as_secs_f64();
    println!("{name:<44} {rate:>9.0} events/s   p50 {:.2} ms, p99 {:.2} ms", at(500), at(990));
}

const SCHEMA: &str = "
drop table if exists request, attempt, seen, outbox cascade;
create table request (id bigint primary key, customer bigint not null, attempts int not null default 0,
  outstanding bigint not null, status smallint not null default 0) with (fillfactor = 50);
create table attempt (request bigint not null, attempt bigint not null, amount bigint not null, reason text not null,
  primary key (request, attempt));
create table seen (command bigint primary key);
create table outbox (id bigserial primary key, request bigint not null, template text not null);
insert into request (id, customer, outstanding) select n, n % 100000, 100000 from generate_series(0, 199999) n;
analyze request;
create or replace function report(commands bigint[], requests bigint[], reasons text[]) returns bigint language plpgsql as $$
declare recorded bigint;
begin
  with fresh as (
    insert into seen select unnest(commands) on conflict do nothing returning command
  ), event as (
    select c, r, why from unnest(commands, requests, reasons) as given(c, r, why) join fresh on fresh.command = c
  ), kept as (
    insert into attempt select r, c, 1000, why from event on conflict do nothing returning request
  ), counted as (
    update request set attempts = attempts + n from (select request as id, count(*) as n from kept group by 1) by_request
    where request.id = by_request.id and request.status = 0 returning 1
  ), told as (
    insert into outbox (request, template) select r, 'attempt_failed' from event
    where why = 'AM04' or (why = 'never' and r < 0) or (why = 'settled') returning 1
  ) select count(*) into recorded from event;
  return recorded;
end $$;
";

fn postgres(url: &str, batch: u64, seconds: u64) -> Result<()> {
    let mut client = Client::connect(url, NoTls)?;
    client.batch_execute(SCHEMA)?;
    let setting = |client: &mut Client, name: &str| -> Result<String> { Ok(client.query_one(&format!("show {name}"), &[])?.get(0)) };
    let (fsync, commit) = (setting(&mut client, "fsync")?, setting(&mut client, "synchronous_commit")?);
    if fsync != "on" || commit != "on" {
        bail!("fsync is {fsync}, synchronous_commit is {commit}: this would not be as durable");
    }
    let workers = if batch == 1 { 32 } else { 4 };
    let next = AtomicU64::new(0);
    let started = Instant::now();
    let end = started + Duration::from_secs(seconds);
    let worker = || -> Result<(Vec<u64>, u64)> {
        let mut client = Client::connect(url, NoTls)?;
        let call = client.prepare("select report($1, $2, $3)")?;
        let (mut waits, mut events) = (Vec::new(), 0);
        while Instant::now() < end {
            let first = next.fetch_add(batch, Ordering::Relaxed);
            let numbers = first..first + batch;
            let commands: Vec<i64> = numbers.clone().map(|number| number as i64).collect();
            let requests: Vec<i64> = numbers.clone().map(request).collect();
            let reasons: Vec<&str> = numbers.map(reason).collect();
            let asked = Instant::now();
            // Two batches may meet on the same requests in another order: the loser tries again.
            loop {
                match client.query_one(&call, &[&commands, &requests, &reasons]) {
                    Ok(row) => {
                        events += row.get::<_, i64>(0) as u64;
                        break;
                    }
                    Err(error) if error.code().is_some_and(|code| code.code() == "40P01") => {}
                    Err(error) => return Err(error.into()),
                }
            }
            waits.push(asked.elapsed().as_micros() as u64);
        }
        Ok((waits, events))
    };
    let (mut waits, mut events) = (Vec::new(), 0);
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..workers).map(|_| scope.spawn(worker)).collect();
        for running in running {
            let (waited, recorded) = running.join().map_err(|_| anyhow::anyhow!("a worker failed"))??;
            waits.extend(waited);
            events += recorded;
        }
        Ok::<(), anyhow::Error>(())
    })?;
    let how = if batch == 1 { "one transaction an event, 32 connections".to_owned() } else { format!("batches of {batch}, 4 connections") };
    report(&format!("PostgreSQL, {how}"), started, waits, events);
    Ok(())
}

const SCRIPT: &str = "
if redis.call('SET', 's:' .. ARGV[1], '1', 'NX') then
  if redis.call('HSETNX', 'r:' .. ARGV[2], 'a' .. ARGV[1], '1000 ' .. ARGV[3]) == 1 then
    redis.call('HINCRBY', 'r:' .. ARGV[2], 'attempts', 1)
  end
  if ARGV[3] == 'AM04' or (ARGV[3] == 'never' and ARGV[2] == '-1') or ARGV[3] == 'settled' then
    redis.call('RPUSH', 'outbox', ARGV[2])
  end
  return 1
end
return 0";

fn redis(url: &str, pipeline: u64, seconds: u64) -> Result<()> {
    let client = redis::Client::open(url)?;
    let mut connection = client.get_connection()?;
    redis::cmd("FLUSHALL").query::<()>(&mut connection)?;
    let durable: Vec<String> = redis::cmd("CONFIG").arg("GET").arg("appendfsync").query(&mut connection)?;
    if durable.get(1).map(String::as_str) != Some("always") {
        bail!("appendfsync is {durable:?}: this would not be as durable");
    }
    let hash: String = redis::cmd("SCRIPT").arg("LOAD").arg(SCRIPT).query(&mut connection)?;
    let next = AtomicU64::new(0);
    let started = Instant::now();
    let end = started + Duration::from_secs(seconds);
    let worker = || -> Result<(Vec<u64>, u64)> {
        let mut connection = client.get_connection()?;
        let (mut waits, mut events) = (Vec::new(), 0);
        while Instant::now() < end {
            let first = next.fetch_add(pipeline, Ordering::Relaxed);
            let mut calls = redis::pipe();
            for number in first..first + pipeline {
                calls.cmd("EVALSHA").arg(&hash).arg(0).arg(number).arg(request(number)).arg(reason(number));
            }
            let asked = Instant::now();
            let recorded: Vec<u64> = calls.query(&mut connection)?;
            waits.push(asked.elapsed().as_micros() as u64);
            events += recorded.iter().sum::<u64>();
        }
        Ok((waits, events))
    };
    let (mut waits, mut events) = (Vec::new(), 0);
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..8).map(|_| scope.spawn(worker)).collect();
        for running in running {
            let (waited, recorded) = running.join().map_err(|_| anyhow::anyhow!("a worker failed"))??;
            waits.extend(waited);
            events += recorded;
        }
        Ok::<(), anyhow::Error>(())
    })?;
    report(&format!("Redis, Lua, pipelines of {pipeline}, 8 connections"), started, waits, events);
    Ok(())
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [peer, url, how, seconds] = arguments.as_slice() else { bail!("PEER URL one|BATCH SECONDS") };
    let how = if how == "one" { 1 } else { how.parse().context("one, or a number")? };
    match peer.as_str() {
        "postgres" => postgres(url, how, seconds.parse()?),
        "redis" => redis(url, how, seconds.parse()?),
        other => bail!("unknown peer {other}"),
    }
}
