//! Supervision: a panic stays at its entity, three on one command put it aside, and a damaged
//! store is rebuilt from the log.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix::Actor as _;
use quittance::clock::Clocks;
use quittance_actors::customer::{Command, Gives, Kind, Profile};
use quittance_actors::delivery::{Delivery, Verdict};
use quittance_actors::machine::Tell;
use quittance_actors::partition::{
    ArmedTimer, Commit, DirectoryEntry, DirectoryKey, DirectoryValue, Lane, Origin, Receipt, Saved, SystemFact,
};
use quittance_actors::policies::Policies;
use quittance_actors::ports::{
    BoxFuture, CollectionAnswer, CollectionOrder, Directory, Dispatch, Found, Journal, Observer, OnDurable,
    Ownership, PayoutAnswer, PayoutOrder, PortError, Prepared, Round, Snapshots, Tenants,
};
use quittance_actors::runtime::{Checkpointer, Host, Offer, Ports, Priority, Release, Router, SubmitError, Timers};
use quittance_actors::values::{
    AccountPool, Calendar, CommandId, CustomerId, EntityId, Language, ReferenceKey, TenantId, Timestamp, Zone,
};
use serde_json::json;

use crate::support::http::call;
use crate::support::running::{Running, configure, sample};
use crate::support::scratch::{Scratch, wait_for};

/// A checkpoint that landed: the position of the log, and the sequence of each lane.
type Written = (u64, BTreeMap<u8, u64>);

/// Every port at once: durable at once, and a store that panics when it is told to.
#[derive(Default)]
struct Fake {
    panics_left: AtomicU32,
    records: Mutex<Vec<Arc<Commit>>>,
    appends: AtomicU32,
    /// In the order they landed.
    written: Mutex<Vec<Written>>,
}

impl Journal for Fake {
    fn append(&self, commits: &[Arc<Commit>], on_durable: OnDurable) -> Result<u64, PortError> {
        self.appends.fetch_add(1, Ordering::SeqCst);
        let mut records = self.records.lock().unwrap();
        let first = records.len() as u64 + 1;
        records.extend(commits.iter().cloned());
        drop(records);
        on_durable(Ok(first));
        Ok(first)
    }
    fn position(&self) -> u64 {
        self.records.lock().unwrap().len() as u64
    }
    fn barrier(&self, on_durable: OnDurable) {
        on_durable(Ok(0));
    }
    fn read(&self, position: u64) -> Result<Arc<Commit>, PortError> {
        Ok(Arc::clone(&self.records.lock().unwrap()[usize::try_from(position).unwrap() - 1]))
    }
}

impl Snapshots for Fake {
    fn load(&self, _: EntityId) -> Result<Option<Saved>, PortError> {
        Ok(None)
    }
    fn receipt(&self, _: CommandId) -> Result<Option<Receipt>, PortError> {
        let left = self.panics_left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        assert!(left.is_err(), "the store panics on purpose");
        Ok(None)
    }
    fn timers(&self, _: &TenantId, _: Timestamp, _: Timestamp) -> Result<Vec<ArmedTimer>, PortError> {
        Ok(vec![])
    }
    fn write(&self, round: &Round<'_>) -> Result<(), PortError> {
        if self.written.lock().unwrap().is_empty() {
            std::thread::sleep(Duration::from_millis(150)); // The first is slow: others overtake it.
        }
        let lanes = round.checkpoints.iter().map(|checkpoint| (checkpoint.partition, checkpoint.sequence)).collect();
        self.written.lock().unwrap().push((round.position, lanes));
        Ok(())
    }
}

impl Directory for Fake {
    fn find(&self, _: &DirectoryKey) -> Result<Option<DirectoryValue>, PortError> {
        Ok(None)
    }
    fn find_or_reserve(&self, _: &DirectoryKey, value: &DirectoryValue) -> Result<Found, PortError> {
        Ok(Found::Reserved(*value))
    }
    fn release(&self, _: &DirectoryKey) {}
    fn learn(&self, _: &[DirectoryEntry]) {}
    fn checkpointed(&self, _: &[DirectoryEntry]) {}
    fn next_pool_index(&self, _: &TenantId, _: &AccountPool) -> u64 {
        0
    }
    fn drawn_of_pool(&self, _: &TenantId, _: &AccountPool) -> u64 {
        0
    }
}

impl Ownership for Fake {
    fn owns(&self, partition: u8) -> bool {
        partition != 9
    }
}

impl Tenants for Fake {
    fn policies(&self, _: &TenantId) -> Option<Arc<Policies>> {
        let calendar = Calendar::new("none", 1, vec![], vec![], vec![], vec![]).unwrap();
        Some(Arc::new(Policies::quiet(Zone::utc(), calendar)))
    }
    fn reference_key(&self, _: &TenantId) -> ReferenceKey {
        ReferenceKey::from_seed(1)
    }
    fn all(&self) -> Vec<TenantId> {
        vec![]
    }
}

impl Dispatch for Fake {
    fn send(&self, _: Prepared) -> BoxFuture<'_, Verdict> {
        Box::pin(async { Verdict::Accepted { detail: String::new() } })
    }
    fn write_together(&self, _: Vec<Delivery>) -> BoxFuture<'_, Verdict> {
        Box::pin(async { Verdict::Accepted { detail: String::new() } })
    }
    fn pay_out(&self, _: Vec<PayoutOrder>) -> BoxFuture<'_, Vec<PayoutAnswer>> {
        Box::pin(async { Vec::new() })
    }
    fn collect(&self, _: Vec<CollectionOrder>) -> BoxFuture<'_, Vec<CollectionAnswer>> {
        Box::pin(async { Vec::new() })
    }
}

impl Observer for Fake {
    fn committed(&self, _: &[Arc<Commit>], _: u64) {}
    fn remembered(&self) -> Option<(u64, Vec<u8>)> {
        None
    }
    fn count(&self, _: &'static str, _: BTreeMap<&'static str, String>) {}
}

fn register(number: u64, partition: u8) -> Tell {
    let id = CustomerId::new(Timestamp::default(), number, partition);
    let profile = Profile {
        external_ref: format!("C{number}").into(),
        kind: Kind::Business,
        name: "X".into(),
        email: None,
        phone: None,
        language: Language::Fr,
    };
    Tell::Customer(
        id,
        Command::Register { id, profile: Arc::new(profile), gives: Gives::ALL, zone: None, virtual_iban: None },
    )
}

/// Every lane over one fake of everything around it.
fn lanes(fake: &Arc<Fake>) -> (Arc<Router>, Arc<Release>) {
    lanes_in(fake, &actix::Arbiter::current())
}

fn lanes_in(fake: &Arc<Fake>, arbiter: &actix::ArbiterHandle) -> (Arc<Router>, Arc<Release>) {
    let ports = Ports {
        journal: Arc::clone(fake) as _,
        ownership: Arc::clone(fake) as _,
        snapshots: Arc::clone(fake) as _,
        directory: Arc::clone(fake) as _,
        clock: Arc::new(Clocks::default()),
        tenants: Arc::clone(fake) as _,
        dispatch: Arc::clone(fake) as _,
        observer: Arc::clone(fake) as _,
    };
    let release = Arc::new(Release::new(ports.clone(), Arc::new(Timers::default())));
    let lanes = (0..=255).map(|partition| Lane::new(partition, 0, Arc::clone(fake) as _)).collect();
    let (of_host, of_release) = (ports.clone(), Arc::clone(&release));
    let host = Host::start_in_arbiter(arbiter, move |_| Host::new(lanes, of_host, of_release));
    (Router::new(ports, vec![host]), release)
}

#[test]
fn a_checkpoint_that_overtakes_another_never_moves_the_position_past_a_record() {
    let fake = Arc::new(Fake::default());
    actix::System::new().block_on(async {
        let (router, release) = lanes(&fake);
        let tenant = TenantId::parse("shop").unwrap();
        let submit = |number: u64, partition: u8| {
            let command = CommandId::new(Timestamp::default(), number, partition);
            router.submit(&tenant, register(number, partition), command, 0, Origin::Api, Priority::Interactive)
        };
        let failed = Arc::new(|error: String| panic!("{error}"));
        let checkpointer =
            Checkpointer::new(Arc::clone(&router), release, Arc::default(), Duration::from_millis(20), failed);
        let checkpointer = checkpointer.start();
        submit(1, 3).await.unwrap();
        let offered = actix::spawn(checkpointer.send(Offer));
        tokio::time::sleep(Duration::from_millis(50)).await;
        // While the first is being written: more in its lane, and something in another one.
        submit(2, 3).await.unwrap();
        submit(3, 4).await.unwrap();
        checkpointer.send(Offer).await.unwrap().unwrap();
        offered.await.unwrap().unwrap().unwrap();
    });
    let (records, written) = (fake.records.lock().unwrap(), fake.written.lock().unwrap());
    assert!(written.len() >= 2, "{written:?}");
    let mut covered = BTreeMap::new();
    for (position, lanes) in written.iter() {
        covered.extend(lanes.iter().map(|(lane, sequence)| (*lane, *sequence)));
        for record in &records[..usize::try_from(*position).unwrap()] {
            let held = covered.get(&record.partition).copied().unwrap_or(0);
            assert!(
                record.sequence <= held,
                "record {} of lane {} in {written:?}",
                record.sequence,
                record.partition
            );
        }
    }
}

#[test]
fn commands_that_arrive_one_by_one_are_recorded_together_and_in_order() {
    let fake = Arc::new(Fake::default());
    actix::System::new().block_on(async {
        let (router, _) = lanes(&fake);
        let tenant = TenantId::parse("shop").unwrap();
        let submit = |number: u64| {
            let command = CommandId::new(Timestamp::default(), number, 3);
            let (router, tenant) = (Arc::clone(&router), tenant.clone());
            actix::spawn(async move {
                router.submit(&tenant, register(number, 3), command, 0, Origin::Api, Priority::Patient).await
            })
        };
        for (place, answer) in (1..=1_000).map(submit).collect::<Vec<_>>().into_iter().enumerate() {
            assert_eq!(answer.await.unwrap().unwrap().sequence, place as u64 + 1);
        }
    });
    let appends = fake.appends.load(Ordering::SeqCst);
    assert!((1..=10).contains(&appends), "{appends} appends of 1,000 records");
}

#[test]
fn a_host_that_has_stopped_keeps_nobody_waiting() {
    let fake = Arc::new(Fake::default());
    actix::System::new().block_on(async {
        let arbiter = actix::Arbiter::new();
        let (router, _) = lanes_in(&fake, &arbiter.handle());
        let tenant = TenantId::parse("shop").unwrap();
        let submit = |number: u64| {
            let command = CommandId::new(Timestamp::default(), number, 3);
            let submitted = router.submit(&tenant, register(number, 3), command, 0, Origin::Api, Priority::Patient);
            tokio::time::timeout(Duration::from_secs(20), submitted)
        };
        submit(1).await.unwrap().unwrap();
        // On its way to a host that is stopping, or after it.
        arbiter.stop();
        for number in 2..=20 {
            let answer = submit(number).await.unwrap();
            assert!(matches!(answer, Ok(_) | Err(SubmitError::Stopping)), "{answer:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(submit(21).await.unwrap(), Err(SubmitError::Stopping));
        arbiter.join().unwrap();
    });
}

#[test]
fn a_panic_stays_at_its_entity_and_three_put_the_command_aside() {
    let fake = Arc::new(Fake::default());
    actix::System::new().block_on(async {
        let (router, _) = lanes(&fake);
        let tenant = TenantId::parse("shop").unwrap();
        let submit = |number: u64, partition: u8| {
            let command = CommandId::new(Timestamp::default(), number, partition);
            router.submit(&tenant, register(number, partition), command, 0, Origin::Api, Priority::Interactive)
        };
        // Two panics: the entity is opened again and the command goes through.
        fake.panics_left.store(2, Ordering::SeqCst);
        assert_eq!(submit(1, 3).await.unwrap().sequence, 1);
        // Three panics: the command is put aside, with a record that says so.
        fake.panics_left.store(3, Ordering::SeqCst);
        let error = submit(2, 3).await.unwrap_err();
        assert!(matches!(&error, SubmitError::Quarantined(why) if why.contains("on purpose")), "{error}");
        let last = fake.records.lock().unwrap().last().cloned().unwrap();
        assert!(matches!(&last.facts[0], SystemFact::Quarantined { command, .. } if command == "register_customer"));
        // What an entity holds beyond its snapshot outlives a command that is put aside.
        fake.panics_left.store(3, Ordering::SeqCst);
        let command = CommandId::new(Timestamp::default(), 99, 3);
        let again = router.submit(&tenant, register(1, 3), command, 0, Origin::Api, Priority::Interactive);
        assert!(matches!(again.await, Err(SubmitError::Quarantined(_))));
        let (_, entity, _) = router.read(register(1, 3).to(), 0).await.unwrap();
        assert!(entity.as_customer().unwrap().profile.is_some());
        // The lane and its neighbours go on.
        assert_eq!(submit(4, 3).await.unwrap().sequence, 4);
        assert_eq!(submit(5, 4).await.unwrap().sequence, 1);
        // A partition that is not ours is not written.
        assert_eq!(submit(6, 9).await.unwrap_err(), SubmitError::NotOwner);
    });
}

#[test]
fn a_store_that_is_lost_or_damaged_is_rebuilt_from_the_log() {
    let (scratch, mut running) = sample("rebuild", |text| text);
    let config = scratch.path().join("config/quittance.toml");
    let body = json!({
        "external_ref": "F-1", "amount": { "amount": 500, "currency": "EUR" }, "due_on": "2026-03-31",
        "customer": { "external_ref": "C-1", "name": "Jean", "email": "jean@example.org" },
    });
    let created = running.post("/v1/payment-requests", &body).json();
    let path = format!("/v1/payment-requests/{}", created["id"].as_str().unwrap());
    running.advance("1d");
    running.stop();
    let store = scratch.path().join("data/store");
    // Lost.
    std::fs::remove_dir_all(&store).unwrap();
    let mut running = Running::start(&config);
    let expected = running.get(&path).json();
    assert_eq!(expected["external_ref"], "F-1");
    assert_eq!(running.get("/v1/clock").json()["now"], "2026-03-03T08:00:00Z", "the test clock is where it was");
    wait_for("the list", || (running.list("/v1/payment-requests").len() == 1).then_some(()));
    running.stop();
    // Damaged.
    for entry in std::fs::read_dir(&store).unwrap().flatten() {
        if entry.path().is_file() {
            std::fs::write(entry.path(), b"not a store").unwrap();
        }
    }
    let running = Running::start(&config);
    assert_eq!(running.get(&path).json(), expected);
    assert_eq!(running.get("/readyz").json()["store"]["rebuilt_at_start"], true);
}

#[test]
fn a_test_clock_stands_where_it_was_whichever_lane_was_written_last() {
    let scratch = Scratch::new("clocks");
    let hash = quittance::digest::hex(&quittance::digest::sha256(b"qk_other"));
    let config = configure(scratch.path(), |text| {
        text + &format!(
            "\n[[tenant]]\nid = \"other-shop\"\nname = \"Other\"\nzone = \"Europe/Berlin\"\nemail_from = \"a@other.example\"\n\
             [[tenant.api_key]]\nid = \"other\"\nsha256 = \"{hash}\"\n"
        )
    });
    let mut running = Running::start(&config);
    assert_eq!(running.post("/v1/customers", &json!({ "external_ref": "C-1", "name": "X" })).status, 201);
    running.advance("30d");
    let expected = running.get("/v1/clock").json()["now"].clone();
    // The other tenant writes in every lane, so also in the one where the first was seen before.
    for number in 0..600 {
        let (body, key) =
            (json!({ "external_ref": format!("O-{number}"), "name": "X" }).to_string(), format!("o{number}"));
        let headers = [("Authorization", "Bearer qk_other"), ("Idempotency-Key", key.as_str())];
        let answer = call(running.address, "POST", "/v1/customers", &headers, body.as_bytes()).unwrap();
        assert_eq!(answer.status, 201, "{}", answer.text());
    }
    running.stop();
    let running = Running::start(&config);
    assert_eq!(running.get("/v1/clock").json()["now"], expected);
}

#[test]
fn one_data_directory_has_one_process_and_a_corrupt_log_stops_the_start() {
    let (scratch, mut running) = sample("lock", |text| text);
    let config = scratch.path().join("config/quittance.toml");
    let second = Running::try_start(&config).err().expect("a second process does not start");
    assert!(second.contains("another process has this data directory open"), "{second}");
    for number in 0..5 {
        let body = json!({ "external_ref": format!("C-{number}"), "name": "X" });
        assert_eq!(running.post("/v1/customers", &body).status, 201);
    }
    running.kill();
    std::fs::remove_dir_all(scratch.path().join("data/store")).unwrap();
    let log = scratch.path().join("data/log").join(format!("{:016x}.qlog", 1));
    let mut bytes = std::fs::read(&log).unwrap();
    bytes[600] ^= 1;
    std::fs::write(&log, bytes).unwrap();
    let said = Running::try_start(&config).err().expect("a corrupt log stops the start");
    assert!(said.contains("offset 512") && said.contains("corrupt, not torn"), "{said}");
}

#[test]
fn two_rounds_at_one_position_keep_the_timers_of_both() {
    use quittance::store::Store;
    use quittance_actors::machine::Purpose;
    use quittance_actors::partition::Checkpoint;
    let scratch = Scratch::new("rounds-at-one-position");
    let store = Store::open(&scratch.path().join("store")).unwrap();
    store.restore().unwrap();
    let tenant = TenantId::parse("shop").unwrap();
    let timer = |number: u64| ArmedTimer {
        due: Timestamp::from_unix_millis(7_200_000 + i64::try_from(number).unwrap()),
        entity: register(number, 3).to(),
        purpose: Purpose::CardExpiry(1),
        generation: 1,
    };
    for number in [1, 2] {
        let checkpoint = Checkpoint { armed: vec![(tenant.clone(), timer(number))], ..Checkpoint::default() };
        let round = Round { checkpoints: &[checkpoint], position: 5, fired_before: &[], remembered: None };
        store.write(&round).unwrap();
    }
    let until = Timestamp::from_unix_millis(20_000_000);
    let kept = store.timers(&tenant, Timestamp::default(), until).unwrap();
    assert_eq!(kept, [timer(1), timer(2)]);
    // An hour that has fired whole goes, and no other.
    let fired = [(tenant.clone(), Timestamp::from_unix_millis(7_200_000))];
    let checkpoint = Checkpoint { sequence: 1, ..Checkpoint::default() };
    let round = Round { checkpoints: &[checkpoint], position: 6, fired_before: &fired, remembered: None };
    store.write(&round).unwrap();
    assert_eq!(store.timers(&tenant, Timestamp::default(), until).unwrap().len(), 2);
    let fired = [(tenant.clone(), Timestamp::from_unix_millis(10_800_000))];
    let checkpoint = Checkpoint { sequence: 2, ..Checkpoint::default() };
    let round = Round { checkpoints: &[checkpoint], position: 7, fired_before: &fired, remembered: None };
    store.write(&round).unwrap();
    assert!(store.timers(&tenant, Timestamp::default(), until).unwrap().is_empty());
}
