//! Files of SEPA direct debits for a bank: each order stands in exactly one, however often it is tried.
//!
//! ```text
//! batch ─► .NAME.part, whole and synced ─► ledger of the message, whole and synced ─► marked as published ─► NAME
//! ```
//!
//! The ledger is beside the data: a folder per month, a file per message. What stands in it is never
//! written again: its file is published, or its part is and gets its name first. When neither is there,
//! a person looks whether the bank has it. A process that died before the ledger leaves a part that
//! nothing names, and it is written over.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use quittance_actors::collection::{InstrumentDetails, Mandate, MandateKind};
use quittance_actors::payment_request::end_to_end_id;
use quittance_actors::ports::{CollectionAnswer, CollectionOrder};
use quittance_actors::values::{AttemptId, Calendar, Currency, Timestamp, Zone};
use serde::{Deserialize, Serialize};

use super::super::{accepted, file, later, never};
use super::{Said, only};
use crate::digest;
use crate::formats::orders::{DirectDebit, Envelope, Initiator, Scheme, Sequence, pain008};

/// Writes the orders of one connector.
pub struct DebitFiles {
    folder: PathBuf,
    state: PathBuf,
    initiator: Initiator,
    calendar: Calendar,
    zone: Zone,
    /// Whether a `.sha256` stands beside each file.
    checksums: bool,
    /// The message of each order, by the month in whose folder it stands; one batch at a time.
    known: Mutex<BTreeMap<String, HashMap<AttemptId, String>>>,
}

/// The ledger of a message: what stands in it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ledger {
    message: String,
    orders: Vec<Line>,
}

/// An order, and the batch it stands in.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    attempt: AttemptId,
    end_to_end: String,
    batch: String,
}

/// What every id of a message of ours begins with.
const MESSAGE_PREFIX: &str = "QT-";

/// The name of a message's file.
fn file_of(message: &str) -> String {
    format!("pain.008-{message}.xml")
}

fn invalid(path: &Path, error: &serde_json::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{} cannot be read: {error}", path.display()))
}

fn read(path: &Path) -> io::Result<Ledger> {
    serde_json::from_slice(&fs::read(path)?).map_err(|error| invalid(path, &error))
}

/// The folders of a ledger, or nothing when there is none yet.
fn folders(state: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(state) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        found => found?.map(|entry| Ok(entry?.path())).collect(),
    }
}

/// The end-to-end ids that stand in a message, or in one batch of it, as the ledgers below `state` have
/// them.
pub fn ordered(state: &Path, message: &str, batch: Option<&str>) -> io::Result<Vec<String>> {
    let plain = message.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if !message.starts_with(MESSAGE_PREFIX) || !plain {
        return Ok(Vec::new()); // Of somebody else.
    }
    for connector in folders(state)? {
        for month in folders(&connector)? {
            let path = month.join(format!("{message}.json"));
            if path.exists() {
                let lines = read(&path)?.orders.into_iter();
                let fits = |line: &Line| batch.is_none_or(|batch| line.batch == batch);
                return Ok(lines.filter(fits).map(|line| line.end_to_end).collect());
            }
        }
    }
    Ok(Vec::new())
}

impl DebitFiles {
    /// Writes files of `initiator` into `folder`, with a ledger in `state` that has a folder per month of
    /// `zone`; banks collect on the days of `calendar`.
    pub fn new(folder: PathBuf, state: PathBuf, initiator: Initiator, calendar: Calendar, zone: Zone) -> Self {
        Self { folder, state, initiator, calendar, zone, checksums: true, known: Mutex::default() }
    }

    /// Writes nothing beside the files, for a bank that takes everything in the folder for an order.
    #[must_use]
    pub fn without_checksums(self) -> Self {
        Self { checksums: false, ..self }
    }

    /// Writes orders as one file; gives an answer to each, in order.
    pub(super) fn collect(&self, orders: &[CollectionOrder]) -> Vec<CollectionAnswer> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match self.write(orders, &mut known) {
            Ok(answers) => answers,
            Err(error) => {
                known.clear(); // What was written before it broke is read again.
                let why = format!("{}: {error}", self.folder.display());
                orders.iter().map(|_| only(later(why.clone()))).collect()
            }
        }
    }

    /// The month in which an order was made. Its message is of that month or a later one.
    fn month(&self, order: &CollectionOrder) -> String {
        let (year, month, _) = order.delivery.event.at.date_in(&self.zone).parts();
        format!("{year:04}-{month:02}")
    }

    /// Reads the ledgers from the month of the oldest order on, as far as they are not known.
    fn learn(
        &self, orders: &[CollectionOrder], known: &mut BTreeMap<String, HashMap<AttemptId, String>>,
    ) -> io::Result<()> {
        let oldest = orders.iter().map(|order| self.month(order)).min().unwrap_or_default();
        for folder in folders(&self.state)? {
            let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if name < oldest || known.contains_key(&name) {
                continue;
            }
            let mut of_month = HashMap::new();
            for path in folders(&folder)? {
                if path.extension().is_some_and(|ending| ending == "json") {
                    let Ledger { message, orders } = read(&path)?;
                    of_month.extend(orders.into_iter().map(|line| (line.attempt, message.clone())));
                }
            }
            known.insert(name, of_month);
        }
        known.retain(|name, _| *name >= oldest);
        Ok(())
    }

    fn write(
        &self, orders: &[CollectionOrder], known: &mut BTreeMap<String, HashMap<AttemptId, String>>,
    ) -> io::Result<Vec<CollectionAnswer>> {
        fs::create_dir_all(&self.state)?;
        fs::create_dir_all(&self.folder)?;
        self.learn(orders, known)?;
        let (mut answers, mut fresh) = (Vec::with_capacity(orders.len()), Vec::new());
        let mut published: BTreeMap<String, Result<(), String>> = BTreeMap::new();
        for order in orders {
            let message = known.values().find_map(|of_month| of_month.get(&order.attempt));
            if let Some(message) = message {
                let again = published.entry(message.clone()).or_insert_with(|| self.publish_again(message));
                answers.push(match again {
                    Ok(()) => only(accepted(&file_of(message))),
                    Err(why) => only(later(why.clone())),
                });
                continue;
            }
            match debit(order) {
                Ok(debit)
                    if fresh.iter().all(|(known, _): &(&CollectionOrder, _)| known.attempt != order.attempt) =>
                {
                    fresh.push((order, debit));
                    answers.push(only(accepted("")));
                }
                Ok(_) => answers.push(only(accepted("in the same file"))),
                Err(why) => answers.push(only(never(why))),
            }
        }
        if fresh.is_empty() {
            return Ok(answers);
        }
        let message = self.write_new(&fresh, known)?;
        for (order, answer) in orders.iter().zip(&mut answers) {
            if fresh.iter().any(|(written, _)| written.attempt == order.attempt) {
                *answer = only(accepted(&file_of(&message)));
            }
        }
        Ok(answers)
    }

    /// Writes a new batch and publishes it; gives the message's id.
    fn write_new(
        &self, fresh: &[(&CollectionOrder, DirectDebit)], known: &mut BTreeMap<String, HashMap<AttemptId, String>>,
    ) -> io::Result<String> {
        let latest: Timestamp = fresh.iter().map(|(order, _)| order.delivery.event.at).max().unwrap_or_default();
        let month = fresh.iter().map(|(order, _)| self.month(order)).max().unwrap_or_default();
        let members: Vec<u8> = fresh.iter().flat_map(|(order, _)| order.attempt.to_bytes()).collect();
        let hash = digest::hex(&digest::sha256(&members));
        let message_id = format!("{MESSAGE_PREFIX}{}", hash.get(..24).unwrap_or_default());
        let (initiator, calendar) = (self.initiator.clone(), &self.calendar);
        let envelope = Envelope { message_id: message_id.clone(), created_at: latest, initiator, calendar };
        let debits: Vec<DirectDebit> = fresh.iter().map(|(_, debit)| debit.clone()).collect();
        let bytes = pain008::write(&envelope, &debits);
        let name = file_of(&message_id);
        let mut part = File::create(self.part(&name))?;
        part.write_all(&bytes)?;
        part.sync_all()?;
        if self.checksums {
            let sum = format!("{}  {name}\n", digest::hex(&digest::sha256(&bytes)));
            file::write_whole(&self.folder, &format!("{name}.sha256"), sum.as_bytes())?;
        }
        let lines = fresh.iter().zip(pain008::batches_of(&envelope, &debits));
        let orders = lines
            .map(|((order, debit), batch)| Line {
                attempt: order.attempt,
                end_to_end: debit.end_to_end_id.clone(),
                batch,
            })
            .collect();
        let ledger = Ledger { message: message_id.clone(), orders };
        let text = serde_json::to_vec(&ledger).map_err(io::Error::other)?;
        // From here on the orders are those of this message.
        file::write_whole(&self.state.join(&month), &format!("{message_id}.json"), &text)?;
        File::open(&self.state)?.sync_all()?;
        let of_month = known.entry(month).or_default();
        of_month.extend(fresh.iter().map(|(order, _)| (order.attempt, message_id.clone())));
        self.publish(&message_id)?;
        Ok(message_id)
    }

    fn part(&self, name: &str) -> PathBuf {
        self.folder.join(format!(".{name}.part"))
    }

    fn mark(&self, message: &str) -> PathBuf {
        self.state.join(".published").join(message)
    }

    /// Notes that a message is published, and gives its file its name: the bank may take it away at once.
    fn publish(&self, message: &str) -> io::Result<()> {
        let name = file_of(message);
        file::write_whole(&self.state.join(".published"), message, b"")?;
        fs::rename(self.part(&name), self.folder.join(&name))?;
        File::open(&self.folder)?.sync_all()
    }

    /// Finishes what a process that died may have left of a message that stands in the ledger.
    fn publish_again(&self, message: &str) -> Result<(), String> {
        let name = file_of(message);
        if self.part(&name).exists() {
            return self.publish(message).map_err(|error| format!("{}: {error}", self.folder.display()));
        }
        if self.mark(message).exists() || self.folder.join(&name).exists() {
            return Ok(());
        }
        Err(format!("{name} is not there any more: find out whether the bank has it"))
    }
}

fn debit(order: &CollectionOrder) -> Result<DirectDebit, String> {
    let said = Said::of(order).ok_or("the order does not say what to collect")?;
    let InstrumentDetails::Mandate(reference, mandate) = &order.instrument else {
        return Err("a card is not collected by a file of direct debits".to_owned());
    };
    if said.amount.currency() != Currency::EUR {
        return Err(format!("SEPA collects euros, not {}", said.amount.currency()));
    }
    let Mandate { kind, iban, bic, signed_on, .. } = mandate;
    let (scheme, sequence) = match kind {
        // A new attempt is recurrent too; a single one stays single. Source: EPC clarification paper.
        MandateKind::CoreRecurrent => (Scheme::Core, Sequence::Recurrent),
        MandateKind::CoreOneOff => (Scheme::Core, Sequence::OneOff),
        MandateKind::B2bRecurrent => (Scheme::B2b, Sequence::Recurrent),
        MandateKind::B2bOneOff => (Scheme::B2b, Sequence::OneOff),
    };
    let debit = DirectDebit {
        end_to_end_id: end_to_end_id(order.request, said.number),
        amount: said.amount,
        due_on: said.collects_on,
        scheme,
        sequence,
        mandate_id: reference.to_string(),
        signed_on: *signed_on,
        debtor: order.customer.name.to_string(),
        iban: iban.clone(),
        bic: bic.as_ref().map(ToString::to_string),
        remittance: format!("{} {}", said.external_ref, said.description).trim().to_owned(),
    };
    pain008::check(&debit).map(|()| debit)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use quittance_actors::customer::{Kind, Profile};
    use quittance_actors::delivery::{Channel, Delivery, Guard, Recipient};
    use quittance_actors::rules::{EventId, EventType, Field, Published, Value};
    use quittance_actors::values::{
        CustomerId, Date, DeliveryId, EntityId, Iban, Language, Money, PaymentRequestId, TenantId,
    };

    use super::*;

    fn order(number: u64, day: &str, name: &str) -> CollectionOrder {
        let zone = Zone::parse("Europe/Paris").unwrap();
        let request = PaymentRequestId::new(Timestamp::from_unix_millis(1), number, 7);
        let customer = CustomerId::new(Timestamp::default(), number, 7);
        let attempt = AttemptId::new(Timestamp::default(), number, 7);
        let tenant = TenantId::parse("shop").unwrap();
        let event = Published {
            id: EventId { partition: 7, sequence: number, index: 0 },
            tenant: tenant.clone(),
            event: EventType::AttemptOrdered,
            at: Date::parse(day).unwrap().at(6, 0, &zone),
            entity: EntityId::PaymentRequest(request),
            customer: Some(customer),
            request: Some(request),
            facts: vec![
                (Field::AttemptNumber, Value::Number(1)),
                (Field::AttemptAmount, Value::Money(Money::from_minor(1_000, Currency::EUR))),
                (Field::AttemptCollectsOn, Value::Date(Date::parse("2026-04-02").unwrap())),
                (Field::RequestExternalRef, Value::Text(format!("F-{number}"))),
            ],
        };
        let profile = Profile {
            external_ref: "C-1".into(),
            kind: Kind::Consumer,
            name: name.into(),
            email: None,
            phone: None,
            language: Language::Fr,
        };
        let mandate = Mandate {
            kind: MandateKind::CoreRecurrent,
            iban: Iban::parse("FR1420041010050500013M02606").unwrap(),
            bic: None,
            signed_on: Date::parse("2026-01-10").unwrap(),
            notice_days: 2,
        };
        CollectionOrder {
            delivery: Delivery {
                id: DeliveryId::new(Timestamp::default(), number, 7),
                tenant,
                channel: Channel::Collection,
                template: None,
                recipient: Recipient::Connector("bank".into()),
                guard: Guard::AttemptWanted(request, attempt),
                event,
                cause: "collection".into(),
            },
            request,
            attempt,
            customer: Arc::new(profile),
            instrument: InstrumentDetails::Mandate("RUM-1".into(), mandate),
        }
    }

    fn files(root: &Path) -> DebitFiles {
        let initiator = Initiator {
            name: "Shop".to_owned(),
            iban: Iban::parse("FR1420041010050500013M02606").unwrap(),
            bic: None,
            creditor_id: Some("FR72ZZZ123456".to_owned()),
        };
        let calendar = Calendar::new("week", 1, vec![6, 7], vec![], vec![], vec![]).unwrap();
        let zone = Zone::parse("Europe/Paris").unwrap();
        DebitFiles::new(root.join("out"), root.join("connectors/bank"), initiator, calendar, zone)
    }

    fn written(root: &Path) -> Vec<PathBuf> {
        let mut found: Vec<PathBuf> = folders(&root.join("out")).unwrap();
        found.retain(|path| path.extension().is_some_and(|ending| ending == "xml"));
        found.sort();
        found
    }

    fn taken(answers: &[CollectionAnswer]) -> usize {
        let accepted = |answer: &&CollectionAnswer| {
            matches!(answer.verdict, quittance_actors::delivery::Verdict::Accepted { .. })
        };
        answers.iter().filter(accepted).count()
    }

    #[test]
    fn an_order_stands_in_one_file_wherever_the_process_dies() {
        let root = std::env::temp_dir().join(format!("quittance-debits-{}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        // Ordered on both sides of the end of a month, and the same one twice.
        let orders = [order(1, "2026-03-31", "A"), order(2, "2026-04-01", "B"), order(1, "2026-03-31", "A")];
        assert_eq!(taken(&files(&root).collect(&orders)), 3);
        let first = written(&root);
        assert_eq!(first.len(), 1);
        let text = fs::read_to_string(&first[0]).unwrap();
        assert_eq!(text.matches("<EndToEndId>").count(), 2);
        // Nobody recorded that it had left; the bank has collected it.
        fs::remove_file(&first[0]).unwrap();
        assert_eq!(taken(&files(&root).collect(&orders)), 3);
        assert_eq!(written(&root).len(), 0);
        // The process died after the ledger and before the file had its name.
        let message = text.split("<MsgId>").nth(1).unwrap().split('<').next().unwrap();
        let again = files(&root);
        fs::write(again.part(&file_of(message)), &text).unwrap();
        fs::remove_file(again.mark(message)).unwrap();
        assert_eq!(taken(&again.collect(&orders[..1])), 1);
        assert_eq!(written(&root), first);
        // Between the mark and its name.
        fs::rename(&first[0], again.part(&file_of(message))).unwrap();
        assert!(again.mark(message).exists());
        assert_eq!(taken(&files(&root).collect(&orders[..1])), 1);
        assert_eq!(written(&root), first);
        // Neither part nor file nor mark: a person finds out, and nothing is ordered a second time.
        fs::remove_file(again.mark(message)).unwrap();
        fs::remove_file(&first[0]).unwrap();
        assert_eq!(taken(&files(&root).collect(&orders)), 0);
        // Before the ledger: a half of a file is left, and is written over. Others go on.
        fs::write(root.join("out/.pain.008-x.xml.part"), b"half").unwrap();
        assert_eq!(taken(&files(&root).collect(&[order(3, "2026-04-01", "C")])), 1);
        assert_eq!(written(&root).len(), 1);
        // What was ordered is found by message and batch, and nobody else's.
        let known = |message: &str, batch| ordered(&root.join("connectors"), message, batch).unwrap().len();
        assert_eq!(known(message, None), 2);
        let (one, two) = (format!("{message}-1"), format!("{message}-2"));
        assert_eq!(known(message, Some(one.as_str())), 2);
        assert_eq!(known(message, Some(two.as_str())), 0);
        assert_eq!(known("QT-../../etc", None), 0);
        fs::remove_dir_all(&root).unwrap();
    }

    #[test]
    fn what_a_bank_would_refuse_stands_in_no_file() {
        let root = std::env::temp_dir().join(format!("quittance-debits-refused-{}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        let answers = files(&root).collect(&[order(1, "2026-03-31", " / "), order(2, "2026-03-31", "B")]);
        assert_eq!(taken(&answers), 1);
        let text = fs::read_to_string(&written(&root)[0]).unwrap();
        assert_eq!(text.matches("<EndToEndId>").count(), 1);
        fs::remove_dir_all(&root).unwrap();
    }
}
