//! What callers ask of the world: ERPs, banks, gateways, people, and their repeats.

use std::sync::Arc;

use super::auditor::{ADDRESS_MARK, Audited};
use super::collectors::is_ordered;
use super::mutation::Mutation;
use super::world::World;
use crate::customer::{self, Gives, Kind, Profile};
use crate::machine::Tell;
use crate::partition::{DirectoryKey, DirectoryValue, Entity, Envelope, Origin};
use crate::payment_request::{self, AttemptReport, AttemptResult, RefundOrder, Terms};
use crate::transfer::{self, Details, Evidence, ReferenceHit, ReferenceKind};
use crate::values::{
    AttemptId, CreditorReference, Currency, CustomerId, EmailAddress, EntityId, Language, Money, PaymentRequestId,
    PayoutId, PhoneNumber, Reading, ReferenceKey, RemittanceInformation, ShortReference, Timestamp, TransferId,
};

impl World {
    pub(super) fn customers(&self) -> Vec<CustomerId> {
        let values = self.directory.iter().filter(|(key, _)| matches!(key, DirectoryKey::CustomerExternalRef(..)));
        values
            .filter_map(|(_, value)| if let DirectoryValue::Customer(id) = value { Some(*id) } else { None })
            .collect()
    }

    pub(super) fn pick<T: Copy>(&mut self, from: &[T]) -> Option<T> {
        let place = self.random.place(from.len());
        from.get(place).copied()
    }

    pub(super) fn register(&mut self) -> Audited {
        let number = self.random.below(24);
        self.note(format!("register C-{number}"));
        let key = DirectoryKey::CustomerExternalRef(self.tenant.clone(), format!("C-{number}").into());
        let id = match self.directory.get(&key) {
            Some(DirectoryValue::Customer(id)) => *id,
            _ => CustomerId::new(self.now, self.fresh(), self.lane()),
        };
        let profile = Profile {
            external_ref: format!("C-{number}").into(),
            kind: if number.is_multiple_of(2) { Kind::Business } else { Kind::Consumer },
            name: format!("Customer {number}").into(),
            email: EmailAddress::parse(&format!("c{number}{ADDRESS_MARK}")).ok().filter(|_| !self.random.once_in(5)),
            phone: PhoneNumber::parse(&format!("+336000000{number:02}"), None)
                .ok()
                .filter(|_| number.is_multiple_of(3)),
            language: Language::Fr,
        };
        let profile = Arc::new(profile);
        let register = customer::Command::Register { id, profile, gives: Gives::ALL, zone: None, virtual_iban: None };
        self.ask(Tell::Customer(id, register), Origin::Api)
    }

    pub(super) fn issue(&mut self) -> Audited {
        let customers = self.customers();
        let Some(customer) = self.pick(&customers) else { return self.register() };
        // A row of a file may come again in another file.
        let number = self.random.below(60);
        self.note(format!("issue F-{number} to {customer}"));
        let key = DirectoryKey::RequestExternalRef(self.tenant.clone(), format!("F-{number}").into());
        let known = self.directory.get(&key).filter(|_| self.mutation != Some(Mutation::ForgetDirectory));
        let (id, customer) = match known {
            Some(DirectoryValue::Request(id, customer)) => (*id, *customer),
            _ => (PaymentRequestId::new(self.now, self.fresh(), customer.partition()), customer),
        };
        let today = self.now.date_in(&self.policies.zone);
        let short_reference = ShortReference::of(number, ReferenceKey::from_seed(7));
        let leak = self.mutation == Some(Mutation::LeakAddress);
        let description = if leak { format!("write to x{ADDRESS_MARK}") } else { String::new() };
        let days = i32::try_from(self.random.below(25)).unwrap_or(0);
        let amount = Money::from_minor(1_000 + i64::try_from(self.random.below(5) * 500).unwrap_or(0), Currency::EUR);
        let Ok(creditor_reference) = CreditorReference::of(&short_reference.compact()) else { return Ok(()) };
        let terms = Terms {
            id,
            customer,
            external_ref: format!("F-{number}").into(),
            amount,
            issued_on: today,
            created_at: self.now,
            due_on: today.plus_days(days),
            description: description.into(),
            short_reference,
            creditor_reference,
            scenario: (!self.random.once_in(6)).then(|| "standard".into()),
        };
        let issue = payment_request::Command::Issue { terms, dated: self.random.once_in(2), number: None };
        let origin = if self.random.once_in(2) { Origin::Api } else { Origin::File { digest: 1, row: number } };
        self.ask(Tell::PaymentRequest(id, issue), origin)
    }

    pub(super) fn transfer(&mut self) -> Audited {
        let open = self.auditor.open();
        let Some((request, outstanding)) = self.pick(&open) else { return Ok(()) };
        let Some((_, entity)) = self.auditor.model.get(&EntityId::PaymentRequest(request)) else { return Ok(()) };
        let Some(terms) = entity.as_payment_request().and_then(|state| state.terms.clone()) else { return Ok(()) };
        let factor = [100, 100, 100, 50, 130, 7];
        let factor = factor.get(self.random.place(factor.len())).copied().unwrap_or(100);
        let amount = Money::from_minor((outstanding.minor() * factor / 100).max(1), Currency::EUR);
        let by_account = self.random.once_in(2);
        let known = !self.random.once_in(8);
        let reading = if self.random.once_in(4) { Reading::Corrected } else { Reading::Exact };
        let customer = terms.customer;
        let hit = ReferenceHit { kind: ReferenceKind::Short, reading, request, customer };
        let otherwise = self.random.below(3);
        let evidence = Evidence {
            virtual_iban_owner: (known && by_account && otherwise == 0).then_some(customer),
            payer_iban_owner: (known && by_account && otherwise == 1).then_some(customer),
            name_owner: (known && by_account && otherwise == 2).then_some(customer),
            order_owner: None,
            guess: None,
            doubt: None,
            guesses: Vec::new(),
            hits: if known && !by_account { vec![hit] } else { Vec::new() },
        };
        // The same entry comes again in the next statement.
        let number = self.random.below(80);
        let entry_key = format!("E-{number}-{}", amount.minor());
        let key = DirectoryKey::TransferEntry(self.tenant.clone(), entry_key.as_str().into());
        let id = match self.directory.get(&key) {
            Some(DirectoryValue::Transfer(id)) => *id,
            _ => TransferId::new(self.now, self.fresh(), if known { customer.partition() } else { self.lane() }),
        };
        if id.partition() != customer.partition() && known {
            return Ok(());
        }
        self.note(format!("transfer {entry_key} of {amount} for {request}, known {known}"));
        let details = Details {
            id,
            entry_key,
            account: None,
            amount,
            booked_on: self.now.date_in(&self.policies.zone),
            payer_name: Some("Erika Mustermann".to_owned()),
            payer_iban: Some(super::people::account()?),
            end_to_end_id: None,
            remittance: RemittanceInformation::default(),
        };
        let receive = transfer::Command::Receive { details: Arc::new(details), particulars: None, evidence };
        self.ask(Tell::Transfer(id, receive), Origin::File { digest: 2, row: number })
    }

    pub(super) fn attempt(&mut self) -> Audited {
        let requests: Vec<PaymentRequestId> = self.auditor.model.keys().filter_map(request_of).collect();
        let Some(request) = self.pick(&requests) else { return Ok(()) };
        let Some((_, entity)) = self.auditor.model.get(&EntityId::PaymentRequest(request)) else { return Ok(()) };
        let Some(state) = entity.as_payment_request() else { return Ok(()) };
        let Some(terms) = state.terms.clone() else { return Ok(()) };
        let left = state.outstanding().map_or(1, Money::minor).max(1);
        // The gateway reports an attempt once, and sometimes again.
        let before = state.attempts.keys().filter(|attempt| !is_ordered(request, **attempt)).count();
        let made = self.auditor.made.entry(request).or_insert(before);
        let again = self.random.once_in(4) && *made > 0;
        if !again {
            *made += 1;
        }
        let number = u64::try_from(*made).unwrap_or(0);
        let salt = if self.mutation == Some(Mutation::RepeatAttempt) { self.fresh() } else { 0 };
        let attempt = AttemptId::new(Timestamp::default(), number + (salt << 8), request.partition());
        // How it ended and of how much follows from which attempt it is.
        let failed = !number.is_multiple_of(3);
        let amount = Money::from_minor(if failed { 500 } else { left.min(terms.amount.minor()) }, Currency::EUR);
        let reason_code = if number.is_multiple_of(2) { "AM04" } else { "MS03" };
        let result = if failed {
            AttemptResult::Failed { reason_code: reason_code.into(), advice: None }
        } else {
            AttemptResult::Succeeded
        };
        self.note(format!("attempt {number} of {request}, again {again}, failed {failed}"));
        let report = payment_request::Command::ReportAttempt(AttemptReport { attempt, amount, result });
        self.ask(Tell::PaymentRequest(request, report), Origin::Api)
    }

    pub(super) fn refund_or_cancel(&mut self) -> Audited {
        let requests: Vec<PaymentRequestId> = self.auditor.model.keys().filter_map(request_of).collect();
        let Some(request) = self.pick(&requests) else { return Ok(()) };
        let command = match self.random.below(8) {
            0..=2 => payment_request::Command::Cancel { reason: "asked".into() },
            3 => payment_request::Command::WriteOff { reason: "given up".into() },
            4 => payment_request::Command::UndoWriteOff { reason: "asked again".into() },
            5 => {
                let Some((_, entity)) = self.auditor.model.get(&EntityId::PaymentRequest(request)) else {
                    return Ok(());
                };
                let terms = entity.as_payment_request().and_then(|state| state.terms.clone());
                let Some(terms) = terms else { return Ok(()) };
                self.note(format!("credit for {request}"));
                return self
                    .ask(Tell::Customer(terms.customer, customer::Command::UseCredit { request }), Origin::Api);
            }
            _ => return self.refund(Some(request)),
        };
        self.note(format!("{} {request}", command.name()));
        self.ask(Tell::PaymentRequest(request, command), Origin::Api)
    }

    /// Somebody has money given back: noted, or by who has collected it; most often of what a card has paid.
    pub(super) fn refund(&mut self, otherwise: Option<PaymentRequestId>) -> Audited {
        let refundable = |(id, (_, entity)): (&EntityId, &(u64, Entity))| {
            Some((request_of(id)?, entity.as_payment_request()?.refundable_at_once(&self.policies)?))
        };
        let by_card: Vec<(PaymentRequestId, Money)> = self.auditor.model.iter().filter_map(refundable).collect();
        let (request, most) = match self.pick(&by_card).filter(|_| !self.random.once_in(4)) {
            Some(picked) => picked,
            None => match otherwise {
                Some(request) => (request, Money::from_minor(500, Currency::EUR)),
                None => return Ok(()),
            },
        };
        // A part, all of it, or a cent too much.
        let minor = match self.random.below(4) {
            0 => most.minor(),
            1 => most.minor() + 1,
            _ => most.minor() / 2,
        };
        let (key, amount) = (format!("r{}", self.random.below(5)).into(), Money::from_minor(minor, most.currency()));
        let order = (!self.random.once_in(4)).then(|| RefundOrder {
            payout: PayoutId::new(self.now, self.fresh(), request.partition()),
            creditor: "somebody".into(),
            by: "ana".into(),
            reason: "story".into(),
        });
        let command = payment_request::Command::InitiateRefund { key, amount, order };
        self.note(format!("{} {request} {amount}", command.name()));
        self.ask(Tell::PaymentRequest(request, command), Origin::Api)
    }

    pub(super) fn card(&mut self) -> Audited {
        let customers = self.customers();
        let Some(customer) = self.pick(&customers) else { return Ok(()) };
        let number = self.random.below(3);
        let days = i32::try_from(self.random.below(120)).unwrap_or(0);
        let expires_on = self.now.date_in(&self.policies.zone).plus_days(days).month_end();
        self.note(format!("card {number} of {customer}"));
        let (token, last4) = (format!("tok{number}").into(), format!("424{number}").into());
        let add =
            customer::Command::AddPaymentMethod { token, last4, expires_on, backs_recurring: true, scheme: None };
        self.ask(Tell::Customer(customer, add), Origin::Api)
    }

    /// A caller who has heard nothing, or too much, sends the same again.
    pub(super) fn repeat(&mut self) -> Audited {
        let place = self.random.place(self.unanswered.len() + self.answered.len());
        let envelope = self.unanswered.iter().chain(&self.answered).nth(place).cloned();
        let Some(envelope) = envelope else { return Ok(()) };
        if !self.admits(&envelope.tell) {
            return Ok(());
        }
        self.note(format!("again {}", envelope.command_id));
        let envelope = Envelope { at: self.now, ..envelope };
        self.submit(envelope, None)
    }
}

fn request_of(id: &EntityId) -> Option<PaymentRequestId> {
    if let EntityId::PaymentRequest(id) = id { Some(*id) } else { None }
}
