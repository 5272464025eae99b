//! Cards and mandates, the gateways and banks that collect from them, and what keeps them back.

use std::collections::BTreeMap;

use super::auditor::{Audited, broken};
use super::world::World;
use crate::collection::{CardScheme, Hold, Instrument, Mandate, MandateKind};
use crate::customer;
use crate::delivery::{Channel, Guard, Outcome};
use crate::machine::Tell;
use crate::partition::{Commit, Origin, Preparation};
use crate::payment_request::{
    AttemptNews, AttemptReport, AttemptResult, AttemptStatus, Command, PaymentRequest, attempt_of,
};
use crate::values::{AttemptId, CustomerId, DeliveryId, EntityId, Iban, Money, PaymentRequestId};

/// What a gateway has been asked, and how each attempt ended there: the same answer for the same id.
pub(super) type Gateway = BTreeMap<AttemptId, (PaymentRequestId, Money, Option<AttemptResult>)>;

const CODES: [&str; 6] = ["AM04", "AM04", "AM04", "AC04", "MD06", "MD07"];

/// Whether an attempt was ordered here, and not by a gateway on its own.
pub(super) fn is_ordered(request: PaymentRequestId, attempt: AttemptId) -> bool {
    (1..=20).any(|number| attempt_of(request, number) == attempt)
}

impl World {
    /// A request is collected from a card or mandate of its customer, who first shows or signs one.
    pub(super) fn collect(&mut self) -> Audited {
        let open = self.auditor.open();
        let Some((request, _)) = self.pick(&open) else { return Ok(()) };
        let Some(customer) = self.auditor.customer_of(request) else { return Ok(()) };
        let known = self.auditor.instruments(customer);
        let place = self.random.place(known.len());
        match known.get(place) {
            Some(instrument) if !self.random.once_in(5) => {
                self.note(format!("collect {request} from {instrument}"));
                let collect =
                    customer::Command::Collect { request, instrument: instrument.clone(), policy: None, again: true };
                self.ask(Tell::Customer(customer, collect), Origin::Api)
            }
            _ if self.random.once_in(2) => self.sign(customer),
            _ => self.show_card(customer),
        }
    }

    fn sign(&mut self, customer: CustomerId) -> Audited {
        let Ok(iban) = Iban::parse("FR1420041010050500013M02606") else { return Ok(()) };
        let (number, ago) = (self.random.below(2), i32::try_from(self.random.below(40)).unwrap_or(0));
        let kind = if self.random.once_in(4) { MandateKind::CoreOneOff } else { MandateKind::CoreRecurrent };
        let signed_on = self.now.date_in(&self.policies.zone).plus_days(-ago);
        let mandate = Mandate { kind, iban, bic: None, signed_on, notice_days: 1 };
        self.note(format!("mandate M{number} of {customer}"));
        let sign = customer::Command::SignMandate { reference: format!("M{number}").into(), mandate };
        self.ask(Tell::Customer(customer, sign), Origin::Api)
    }

    fn show_card(&mut self, customer: CustomerId) -> Audited {
        let (number, days) = (self.random.below(2), i32::try_from(self.random.below(200)).unwrap_or(0));
        let expires_on = self.now.date_in(&self.policies.zone).plus_days(days).month_end();
        let scheme = if self.random.once_in(2) { Some(CardScheme::Visa) } else { None };
        self.note(format!("card card{number} of {customer}"));
        let (token, last4) = (format!("card{number}").into(), format!("000{number}").into());
        let add = customer::Command::AddPaymentMethod { token, last4, expires_on, backs_recurring: true, scheme };
        self.ask(Tell::Customer(customer, add), Origin::Api)
    }

    /// Somebody promises, disputes, is held, opts out, or is let go on.
    pub(super) fn keep_back(&mut self) -> Audited {
        let (open, customers) = (self.auditor.open(), self.customers());
        let (Some((request, _)), Some(customer)) = (self.pick(&open), self.pick(&customers)) else { return Ok(()) };
        let hold = Hold::ALL.get(self.random.place(Hold::ALL.len())).copied().unwrap_or(Hold::Manual);
        let today = self.now.date_in(&self.policies.zone);
        let soon = today.plus_days(i32::try_from(self.random.below(12)).unwrap_or(0));
        let of_request = |command| Tell::PaymentRequest(request, command);
        let of_customer = |command| Tell::Customer(customer, command);
        let tell = match self.random.below(14) {
            0 => of_request(Command::Promise { on: soon }),
            1 => of_request(Command::Dispute { reason: "broken".into() }),
            2 | 3 => of_request(Command::EndDispute { outcome: "mended".into() }),
            4 => of_customer(customer::Command::PlaceHold { hold, until: (hold != Hold::Deceased).then_some(soon) }),
            5 => of_customer(customer::Command::LiftHold { hold }),
            6 => of_customer(customer::Command::SetOptOut { channel: Channel::Email, out: self.random.once_in(2) }),
            7 => of_customer(customer::Command::ResumeRecurring),
            8 | 9 => of_request(Command::ApproveReminder { step: "late_10".into(), by: "ana".into() }),
            10 => of_request(Command::RejectReminder { step: "late_10".into(), said: "ana: not this one".into() }),
            11 | 12 => {
                let scenarios = [None, Some("other".into()), Some("other".into()), Some("standard".into())];
                let scenario = scenarios.get(self.random.place(scenarios.len())).cloned().flatten();
                of_request(Command::FollowScenario {
                    scenario,
                    reason: "ana: other words".into(),
                    by_rule: self.random.once_in(3),
                })
            }
            _ => of_customer(customer::Command::EndInstrument {
                instrument: Instrument::Mandate("M0".into()),
                reason: "revoked".into(),
            }),
        };
        self.note(tell.name());
        self.ask(tell, Origin::Api)
    }

    /// A gateway tells late how an attempt ended, or a bank takes back what had succeeded.
    pub(super) fn gateway_tells(&mut self) -> Audited {
        let asked: Vec<AttemptId> = self.gateway.keys().copied().collect();
        let Some(attempt) = self.pick(&asked) else { return Ok(()) };
        let Some((request, amount, result)) = self.gateway.get(&attempt).cloned() else { return Ok(()) };
        let command = match result {
            Some(result) if !self.random.once_in(6) => {
                Command::ReportAttempt(AttemptReport { attempt, amount, result })
            }
            _ => {
                let code = CODES.get(self.random.place(CODES.len())).copied().unwrap_or("AM04");
                self.gateway.insert(attempt, (request, amount, Some(failed(code))));
                Command::ReturnAttempt { attempt, reason_code: code.into() }
            }
        };
        self.note(format!("{} {attempt}", command.name()));
        self.ask(Tell::PaymentRequest(request, command), Origin::File { digest: 3, row: 1 })
    }

    /// Hands an order over, as the runtime does; gives how the try ended, or nothing when nobody here
    /// has heard.
    pub(super) fn hand_over(
        &mut self, id: DeliveryId, commit: &std::sync::Arc<Commit>, guard: Guard, prepared: Option<String>,
    ) -> Result<Option<Outcome>, super::auditor::Violation> {
        let Guard::AttemptWanted(request, attempt) = guard else { return broken("panic", "an order of nothing") };
        if let Some(reason) = prepared {
            self.give_up(request, attempt, &reason)?;
            return Ok(Some(Outcome::Suppressed { reason }));
        }
        self.ask(Tell::PaymentRequest(request, Command::ClaimAttempt { attempt }), Origin::System)?;
        let again = self.lanes.get_mut(&id.partition()).map(|lane| lane.prepare(id, Some(commit)));
        if !matches!(again, Some(Ok(Preparation::Ready(..)))) {
            self.give_up(request, attempt, "not wanted any more")?;
            return Ok(Some(Outcome::Suppressed { reason: "not wanted any more".to_owned() }));
        }
        self.auditor.collects(request, attempt)?;
        let Some((amount, status)) = self.auditor.attempt(request, attempt) else { return Ok(None) };
        if status != AttemptStatus::Submitted {
            // The claim was refused: the request has changed since.
            self.give_up(request, attempt, "refused")?;
            return Ok(Some(Outcome::Suppressed { reason: "refused".to_owned() }));
        }
        self.report.ordered += 1;
        let known = self.gateway.get(&attempt).map(|(.., result)| result.clone());
        let result = match known {
            Some(result) => result,
            None => {
                let result = match self.random.below(8) {
                    0..=2 => Some(AttemptResult::Succeeded),
                    3 | 4 => None,
                    _ => Some(failed(CODES.get(self.random.place(CODES.len())).copied().unwrap_or("AM04"))),
                };
                self.gateway.insert(attempt, (request, amount, result.clone()));
                result
            }
        };
        Ok(match self.random.below(10) {
            0 => Some(Outcome::RetryAt { at: self.now.plus_millis(60_000), error: "503".to_owned() }),
            1 => {
                self.give_up(request, attempt, "no answer")?;
                Some(Outcome::Dead { error: "no answer".to_owned() })
            }
            2 => None, // It has the order, and nobody here has heard so.
            _ => {
                if let Some(result) = result.filter(|_| !self.random.once_in(4)) {
                    let report = Command::ReportAttempt(AttemptReport { attempt, amount, result });
                    self.ask(Tell::PaymentRequest(request, report), Origin::System)?;
                } else {
                    self.ask(Tell::PaymentRequest(request, Command::AcceptAttempt { attempt }), Origin::System)?;
                }
                Some(Outcome::Delivered { detail: "taken".to_owned() })
            }
        })
    }

    /// Asks a gateway about an attempt, as the runtime does; gives how the try ended, or nothing when nobody here has heard.
    pub(super) fn ask_gateway(
        &mut self, channel: Channel, guard: Guard,
    ) -> Result<Option<Outcome>, super::auditor::Violation> {
        let Guard::AttemptInFlight(request, attempt) = guard else {
            return broken("panic", "a question about nothing");
        };
        if self.random.once_in(4) {
            return Ok(Some(Outcome::RetryAt { at: self.now.plus_millis(60_000), error: "503".to_owned() }));
        }
        let known = self.gateway.get(&attempt).map(|(.., result)| result.clone());
        let news = match known {
            Some(Some(result)) => AttemptNews::Ended(result),
            Some(None) if channel == Channel::Cancellation => {
                self.gateway.remove(&attempt);
                AttemptNews::Cancelled
            }
            Some(None) => {
                let result = if self.random.once_in(2) { AttemptResult::Succeeded } else { failed("AM04") };
                if let Some((.., told)) = self.gateway.get_mut(&attempt) {
                    *told = Some(result.clone());
                }
                AttemptNews::Ended(result)
            }
            None if channel == Channel::Inquiry => AttemptNews::Missing,
            None => return Ok(Some(Outcome::Delivered { detail: "too late".to_owned() })),
        };
        self.report.inquired += 1;
        self.ask(Tell::PaymentRequest(request, Command::HearOfAttempt { attempt, news }), Origin::System)?;
        Ok((!self.random.once_in(5)).then(|| Outcome::Delivered { detail: "told".to_owned() }))
    }

    fn give_up(&mut self, request: PaymentRequestId, attempt: AttemptId, reason: &str) -> Audited {
        let give_up = Command::GiveUpAttempt { attempt, reason: reason.into() };
        self.ask(Tell::PaymentRequest(request, give_up), Origin::System)
    }
}

fn failed(code: &str) -> AttemptResult {
    AttemptResult::Failed { reason_code: code.into(), advice: None }
}

impl super::auditor::Auditor {
    /// The cards and mandates of a customer.
    pub(super) fn instruments(&self, customer: CustomerId) -> Vec<Instrument> {
        let Some((_, entity)) = self.model.get(&EntityId::Customer(customer)) else { return Vec::new() };
        let Some(state) = entity.as_customer() else { return Vec::new() };
        let cards = state.payment_methods.values().map(|method| Instrument::Card(method.token.clone()));
        cards.chain(state.mandates.keys().map(|reference| Instrument::Mandate(reference.clone()))).collect()
    }

    /// An attempt of the log: its amount, and where it stands.
    pub(super) fn attempt(&self, request: PaymentRequestId, attempt: AttemptId) -> Option<(Money, AttemptStatus)> {
        let (_, entity) = self.model.get(&EntityId::PaymentRequest(request))?;
        let attempt = entity.as_payment_request()?.attempts.get(&attempt)?;
        Some((attempt.amount, attempt.status))
    }

    /// An order is handed to a gateway: it is the only one in flight.
    pub(super) fn collects(&self, request: PaymentRequestId, attempt: AttemptId) -> Audited {
        let state = self.model.get(&EntityId::PaymentRequest(request));
        let Some(state) = state.and_then(|(_, entity)| entity.as_payment_request()) else { return Ok(()) };
        one_in_flight(request, state, Some(attempt))
    }
}

/// At most one attempt of a request may collect at a time, and at most one more than the policy has
/// (INV-04).
pub(super) fn one_in_flight(request: PaymentRequestId, state: &PaymentRequest, this: Option<AttemptId>) -> Audited {
    let flying = |(id, attempt): &(&AttemptId, &_)| {
        let attempt: &crate::payment_request::Attempt = attempt;
        attempt.status.is_in_flight() && Some(**id) != this
    };
    let others = state.attempts.iter().filter(flying).count();
    if others + usize::from(this.is_some()) > 1 {
        return broken("INV-04", format!("{request}: two attempts are in flight"));
    }
    let made = state
        .attempts
        .iter()
        .filter(|(id, attempt)| attempt.status != AttemptStatus::Withdrawn && is_ordered(request, **id))
        .count();
    if made > 1 + usize::from(super::policies::RETRIES) {
        return broken("INV-04", format!("{request}: {made} attempts, and the policy has fewer"));
    }
    Ok(())
}
