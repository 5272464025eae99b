//! Files of SEPA direct debits for a bank.

use std::path::PathBuf;

use quittance_actors::collection::{InstrumentDetails, Mandate, MandateKind};
use quittance_actors::payment_request::end_to_end_id;
use quittance_actors::ports::{CollectionAnswer, CollectionOrder};
use quittance_actors::values::{Calendar, Currency, Zone};

use super::order_files::{Order, OrderFiles, Written};
use super::{Said, only};
use crate::formats::orders::{DirectDebit, Envelope, Initiator, Scheme, Sequence, pain008};

/// Writes the orders of one connector.
pub struct DebitFiles {
    files: OrderFiles,
    initiator: Initiator,
    calendar: Calendar,
}

impl DebitFiles {
    /// Writes files of `initiator` into `folder`, with a ledger in `state` that has a folder per month of
    /// `zone`; banks collect on the days of `calendar`.
    pub fn new(folder: PathBuf, state: PathBuf, initiator: Initiator, calendar: Calendar, zone: Zone) -> Self {
        Self { files: OrderFiles::new(folder, state, "pain.008", zone), initiator, calendar }
    }

    /// Writes nothing beside the files, for a bank that takes everything in the folder for an order.
    #[must_use]
    pub fn without_checksums(self) -> Self {
        Self { files: self.files.without_checksums(), ..self }
    }

    /// Writes orders as one file; gives an answer to each, in order.
    pub(super) fn collect(&self, orders: &[CollectionOrder]) -> Vec<CollectionAnswer> {
        let orders: Vec<Order<DirectDebit>> = orders
            .iter()
            .map(|order| Order {
                key: order.attempt.to_string(),
                at: order.delivery.event.at,
                what: debit(order).map(|debit| (debit.end_to_end_id.clone(), debit)),
            })
            .collect();
        let verdicts = self.files.hand_over(&orders, |message_id, created_at, debits| {
            let (initiator, calendar) = (self.initiator.clone(), &self.calendar);
            let envelope = Envelope { message_id, created_at, initiator, calendar };
            Written { bytes: pain008::write(&envelope, debits), batches: pain008::batches_of(&envelope, debits) }
        });
        verdicts.into_iter().map(only).collect()
    }
}

fn debit(order: &CollectionOrder) -> Result<DirectDebit, String> {
    let said = Said::of(order).ok_or("the order does not say what to collect")?;
    let InstrumentDetails::Mandate(reference, mandate, amended) = &order.instrument else {
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
        amended: *amended,
        debtor: order.customer.name.to_string(),
        iban: iban.clone(),
        bic: bic.as_ref().map(ToString::to_string),
        remittance: format!("{} {}", said.external_ref, said.description).trim().to_owned(),
    };
    pain008::check(&debit).map(|()| debit)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::sync::Arc;

    use quittance_actors::customer::{Kind, Profile};
    use quittance_actors::delivery::{Channel, Delivery, Guard, Recipient};
    use quittance_actors::rules::{EventId, EventType, Field, Published, Value};
    use quittance_actors::values::{
        AttemptId, CustomerId, Date, DeliveryId, EntityId, Iban, Language, Money, PaymentRequestId, TenantId,
        Timestamp,
    };

    use super::super::order_files::{folders, ordered};
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
            key: EntityId::Customer(customer),
            key_seq: Some(number),
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
            instrument: InstrumentDetails::Mandate("RUM-1".into(), mandate, false),
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
        let part = root.join(format!("out/.pain.008-{message}.xml.part"));
        let mark = root.join("connectors/bank/.published").join(message);
        fs::write(&part, &text).unwrap();
        fs::remove_file(&mark).unwrap();
        assert_eq!(taken(&again.collect(&orders[..1])), 1);
        assert_eq!(written(&root), first);
        // Between the mark and its name.
        fs::rename(&first[0], &part).unwrap();
        assert!(mark.exists());
        assert_eq!(taken(&files(&root).collect(&orders[..1])), 1);
        assert_eq!(written(&root), first);
        // Neither part nor file nor mark: a person finds out, and nothing is ordered a second time.
        fs::remove_file(&mark).unwrap();
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
