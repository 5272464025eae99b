//! What stories say of cards, mandates, attempts, holds, promises and disputes.

use quittance_actors::collection::{CardScheme, Hold, Instrument, Mandate, MandateKind};
use quittance_actors::customer;
use quittance_actors::delivery::{Channel, Delivery, Guard};
use quittance_actors::machine::Tell;
use quittance_actors::payment_request::{
    AttemptNews, AttemptReport, AttemptResult, Command, PaymentRequest, Stage as CollectionStage,
};
use quittance_actors::rules::{Field, Value};
use quittance_actors::values::{AttemptId, Date, EntityId, Iban, PaymentRequestId};

use super::{Stage, money};
use crate::script::Line;

fn date(text: &str) -> Result<Date, String> {
    Date::parse(text).map_err(|error| error.to_string())
}

impl Stage {
    pub(super) fn scheme(&self, line: &Line) -> Option<CardScheme> {
        line.after("scheme").and_then(|scheme| CardScheme::parse(scheme).ok())
    }

    pub(super) fn collection(&mut self, line: &Line) -> Result<(), String> {
        let text = |at: usize| line.word(at);
        match line.verb.as_str() {
            "mandate" => self.mandate(line),
            "end" => {
                let customer = self.customer(text(0)?, None)?;
                let instrument = Instrument::parse(text(1)?)?;
                let reason = "revoked".into();
                self.ask(Tell::Customer(customer, customer::Command::EndInstrument { instrument, reason }))
            }
            "collect" => {
                let request = self.request(text(0)?)?;
                let (customer, instrument) = (self.owner(request)?, Instrument::parse(text(1)?)?);
                let policy = line.after("policy").map(Into::into);
                let collect = customer::Command::Collect { request, instrument, policy, again: true };
                self.ask(Tell::Customer(customer, collect))
            }
            "result" => {
                let request = self.request(text(0)?)?;
                let (attempt, amount) = self.latest(request, |state, id| state.attempts[id].status.is_in_flight())?;
                let result = match text(1)? {
                    "succeeded" => AttemptResult::Succeeded,
                    code => AttemptResult::Failed {
                        reason_code: code.into(),
                        advice: line.after("advice").map(Into::into),
                    },
                };
                let report = AttemptReport { attempt, amount, result };
                self.ask(Tell::PaymentRequest(request, Command::ReportAttempt(report)))
            }
            "stop_collection" => {
                let reason = "the payer transfers".into();
                self.of_request(text(0)?, Command::StopCollection { reason })
            }
            "bank_return" => {
                let request = self.request(text(0)?)?;
                let (attempt, _) = self.latest(request, |_, _| true)?;
                let reason_code = text(1)?.into();
                self.ask(Tell::PaymentRequest(request, Command::ReturnAttempt { attempt, reason_code }))
            }
            "connector_silent" => {
                let request = self.request(text(0)?)?;
                let (attempt, _) = self.latest(request, |state, id| state.attempts[id].status.is_in_flight())?;
                let reason = "no answer".into();
                self.ask(Tell::PaymentRequest(request, Command::GiveUpAttempt { attempt, reason }))
            }
            "connector_says" => {
                let request = self.request(text(0)?)?;
                let (attempt, _) = self.latest(request, |_, _| true)?;
                let news = match text(1)? {
                    "missing" => AttemptNews::Missing,
                    "cancelled" => AttemptNews::Cancelled,
                    "pending" => AttemptNews::UnderWay,
                    "nothing" => AttemptNews::Unheard { reason: "still under way".into() },
                    "succeeded" => AttemptNews::Ended(AttemptResult::Succeeded),
                    code => AttemptNews::Ended(AttemptResult::Failed { reason_code: code.into(), advice: None }),
                };
                self.ask(Tell::PaymentRequest(request, Command::HearOfAttempt { attempt, news }))
            }
            "hold" => {
                let customer = self.customer(text(0)?, None)?;
                let until = line.after("until").map(date).transpose()?;
                let hold = Hold::parse(text(1)?)?;
                self.ask(Tell::Customer(customer, customer::Command::PlaceHold { hold, until }))
            }
            "lift" => {
                let customer = self.customer(text(0)?, None)?;
                let hold = Hold::parse(text(1)?)?;
                self.ask(Tell::Customer(customer, customer::Command::LiftHold { hold }))
            }
            "resume" => {
                let customer = self.customer(text(0)?, None)?;
                self.ask(Tell::Customer(customer, customer::Command::ResumeRecurring))
            }
            "opt_out" => {
                let customer = self.customer(text(0)?, None)?;
                let channel = if text(1)? == "sms" { Channel::Sms } else { Channel::Email };
                self.ask(Tell::Customer(customer, customer::Command::SetOptOut { channel, out: true }))
            }
            "promise" => self.of_request(text(0)?, Command::Promise { on: date(text(1)?)? }),
            "follow" => {
                let scenario = text(1)?;
                let scenario = (scenario != "none").then(|| scenario.into());
                self.of_request(
                    text(0)?,
                    Command::FollowScenario { scenario, reason: "ana: other words".into(), by_rule: false },
                )
            }
            "review" => self.of_request(text(0)?, Command::ReviewReminders),
            "dispute" => self.of_request(text(0)?, Command::Dispute { reason: text(1)?.into() }),
            _ => self.of_request(text(0)?, Command::EndDispute { outcome: text(1)?.into() }),
        }
    }

    fn of_request(&mut self, name: &str, command: Command) -> Result<(), String> {
        let request = self.request(name)?;
        self.ask(Tell::PaymentRequest(request, command))
    }

    /// `mandate C1 M1 signed 2026-01-10 notice 2 [one_off] [from DE]`.
    fn mandate(&mut self, line: &Line) -> Result<(), String> {
        let customer = self.customer(line.word(0)?, None)?;
        let iban = match line.after("from") {
            Some("DE") => "DE89370400440532013000",
            _ => "FR1420041010050500013M02606",
        };
        let mandate = Mandate {
            kind: if line.has("one_off") { MandateKind::CoreOneOff } else { MandateKind::CoreRecurrent },
            iban: Iban::parse(iban).map_err(|error| error.to_string())?,
            bic: None,
            signed_on: date(line.after("signed").unwrap_or("2026-01-10"))?,
            notice_days: line.after("notice").map_or(Ok(2), str::parse).map_err(|_| "notice is not a number")?,
        };
        let reference = line.word(1)?.into();
        self.ask(Tell::Customer(customer, customer::Command::SignMandate { reference, mandate }))
    }

    /// The latest attempt of a request that was ordered here.
    fn latest(
        &mut self, request: PaymentRequestId, fits: impl Fn(&PaymentRequest, &AttemptId) -> bool,
    ) -> Result<(AttemptId, quittance_actors::values::Money), String> {
        let entity = self.entity(EntityId::PaymentRequest(request))?;
        let state = entity.as_payment_request().ok_or("not a request")?;
        let numbered = (1..=50).rev().map(|number| quittance_actors::payment_request::attempt_of(request, number));
        let found = numbered.into_iter().find(|id| state.attempts.contains_key(id) && fits(state, id));
        let id = found.ok_or("no such attempt")?;
        Ok((id, state.attempts[&id].amount))
    }

    /// A connector takes an order: claimed first.
    pub(super) fn claim(&mut self, order: Delivery) -> Result<(), String> {
        let Guard::AttemptWanted(request, attempt) = order.guard else {
            return Err("an order names its attempt".to_owned());
        };
        self.orders.push(order);
        self.ask(Tell::PaymentRequest(request, Command::ClaimAttempt { attempt }))?;
        match self.orders_unanswered {
            true => Ok(()),
            false => self.ask(Tell::PaymentRequest(request, Command::AcceptAttempt { attempt })),
        }
    }

    pub(super) fn ordered(&self, order: &Delivery) -> String {
        let printed = |field| match order.event.fact(field) {
            Some(Value::Money(amount)) => amount.decimal(),
            Some(Value::Date(date)) => date.to_string(),
            Some(Value::Number(number)) => number.to_string(),
            Some(Value::Text(text)) => text.clone(),
            _ => String::new(),
        };
        let words = [Field::RequestExternalRef, Field::AttemptAmount, Field::AttemptCollectsOn, Field::AttemptNumber];
        let [name, amount, on, number] = words.map(printed);
        format!("order {name} {amount} on {on} number {number}")
    }

    /// `expect order R1 120.00 on 2026-03-10 number 2`.
    pub(super) fn expect_order(&mut self, line: &Line) -> Result<(), String> {
        money(line.word(2)?)?;
        let wanted = line.words.join(" ");
        if self.orders.is_empty() {
            return Err("nothing is ordered".to_owned());
        }
        let order = self.orders.remove(0);
        match self.ordered(&order) {
            found if found == wanted || found.starts_with(&format!("{wanted} ")) => Ok(()),
            found => Err(format!("found {found}")),
        }
    }

    pub(super) fn expect_stage(&self, name: &str, state: &PaymentRequest, wanted: &str) -> Result<(), String> {
        let stage = state.collection.as_ref().map(|collection| &collection.stage);
        let said = match stage {
            None => "none",
            Some(CollectionStage::Idle) => "idle",
            Some(CollectionStage::Planned { .. }) => "planned",
            Some(CollectionStage::Running { .. }) => "running",
            Some(CollectionStage::Waits { .. }) => "waits",
            Some(CollectionStage::Ended { .. }) => "ended",
        };
        if said == wanted { Ok(()) } else { Err(format!("the collection of {name} is {stage:?}")) }
    }
}
