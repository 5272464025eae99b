//! What a story expects, and what must hold at the end of each.

use std::collections::BTreeSet;

use quittance_actors::delivery::{Channel, Delivery, Recipient};
use quittance_actors::machine::Purpose;
use quittance_actors::payment_request::Status;
use quittance_actors::transfer::{self};
use quittance_actors::values::{Currency, EntityId, Money};

use crate::script::Line;

use super::{Stage, money};

impl Stage {
    pub(super) fn expect(&mut self, line: &Line) -> Result<(), String> {
        match line.word(0)? {
            "mail" | "sms" | "hook" | "file" | "inquiry" | "cancellation" | "payout" => self.expect_delivery(line),
            "order" => self.expect_order(line),
            "no" => match self.orders.first() {
                Some(order) => Err(format!("{} is ordered", self.ordered(order))),
                None => Ok(()),
            },
            "silence" => match self.left.first() {
                Some(delivery) => Err(format!("{} was not expected", describe(delivery))),
                None => Ok(()),
            },
            "refused" => match self.refused.take() {
                Some(refused) if refused.contains(line.word(1)?) => Ok(()),
                Some(refused) => Err(format!("refused, but because {refused}")),
                None => Err("it was not refused".to_owned()),
            },
            "credit" => {
                let entity = self.entity(EntityId::Customer(self.customers[line.word(1)?]))?;
                let state = entity.as_customer().ok_or("not a customer")?;
                let held = state.rare.credit.get(&Currency::EUR).copied().unwrap_or(0);
                same("credit", held, money(line.word(2)?)?.minor())
            }
            "tasks" => {
                let entity = self.entity(EntityId::Customer(self.customers[line.word(1)?]))?;
                let state = entity.as_customer().ok_or("not a customer")?;
                same("tasks", state.rare.tasks.len(), line.word(2)?.parse().unwrap_or(usize::MAX))
            }
            "timers" => same("timers", self.live_timers()?, line.word(1)?.parse().unwrap_or(usize::MAX)),
            name if self.requests.contains_key(name) => self.expect_request(line),
            name if self.transfers.contains_key(name) => self.expect_transfer(line),
            name if self.plans.contains_key(name) => self.expect_plan(line),
            name if self.payouts.contains_key(name) => self.expect_payout(line),
            name => Err(format!("nothing is called {name}")),
        }
    }

    /// Reminder timers that would still do something.
    fn live_timers(&mut self) -> Result<usize, String> {
        let mut live = 0;
        for timer in self.timers.clone() {
            if let (EntityId::PaymentRequest(_), Purpose::Reminder) = (timer.entity, timer.purpose)
                && let entity = self.entity(timer.entity)?
                && let Some(state) = entity.as_payment_request()
                && state.reminders.next.is_some()
                && state.reminders.generation == timer.generation
            {
                live += 1;
            }
        }
        Ok(live)
    }

    fn expect_delivery(&mut self, line: &Line) -> Result<(), String> {
        let (kind, whom, what) = (line.word(0)?, line.word(1)?, line.word(2)?);
        let found = self.left.iter().position(|delivery| {
            let channel = match delivery.channel {
                Channel::Email => "mail",
                Channel::Sms => "sms",
                Channel::Hook => "hook",
                Channel::File => "file",
                Channel::Partition => "partition",
                Channel::Collection => "collection",
                Channel::Payout => "payout",
                Channel::Inquiry => "inquiry",
                Channel::Cancellation => "cancellation",
            };
            let to = match &delivery.recipient {
                Recipient::Customer(id) => {
                    self.customers.iter().find(|(_, known)| *known == id).map(|(name, _)| name.as_str())
                }
                Recipient::List(name)
                | Recipient::Endpoint(name)
                | Recipient::Feed(name)
                | Recipient::Connector(name) => Some(name.as_str()),
                Recipient::StatusExport | Recipient::DecidedCustomer => None,
            };
            let said = delivery.template.as_deref().unwrap_or(delivery.event.event.name());
            channel == kind && to == Some(whom) && said == what
        });
        match found {
            Some(at) => {
                self.left.remove(at);
                Ok(())
            }
            None => {
                let left: Vec<String> = self.left.iter().map(describe).collect();
                Err(format!("not among what left: [{}]", left.join(", ")))
            }
        }
    }

    fn expect_request(&mut self, line: &Line) -> Result<(), String> {
        let name = line.word(0)?;
        let entity = self.entity(EntityId::PaymentRequest(self.request(name)?))?;
        let state = entity.as_payment_request().ok_or("not a request")?;
        let status = match state.status {
            Status::Open if state.overdue => "overdue",
            Status::Open => "open",
            Status::Settled => "settled",
            Status::Cancelled => "cancelled",
        };
        if status != line.word(1)? {
            return Err(format!("{name} is {status}"));
        }
        if let Some(stage) = line.after("collection") {
            self.expect_stage(name, state, stage)?;
        }
        // `expect R1 settled 0.00 number released`: the account number of its own is in quarantine.
        if let Some(number) = line.after("number") {
            let (own, former) = (state.own_number().is_some(), state.former_number().is_some());
            let said = if own {
                "own"
            } else if former {
                "released"
            } else {
                "none"
            };
            same("number", said, number)?;
        }
        match line.words.get(2).filter(|word| *word != "collection") {
            Some(left) => same("outstanding", state.outstanding().map(Money::minor), Some(money(left)?.minor())),
            None => Ok(()),
        }
    }

    fn expect_transfer(&mut self, line: &Line) -> Result<(), String> {
        let name = line.word(0)?;
        let entity = self.entity(EntityId::Transfer(self.transfers[name]))?;
        let state = entity.as_transfer().ok_or("not a transfer")?;
        let said = match state.status {
            transfer::Status::Noted => "noted",
            transfer::Status::Matched => "matched",
            transfer::Status::NeedsDecision => "task",
            transfer::Status::Received => "received",
            transfer::Status::SetAside => "set_aside",
            transfer::Status::GivenBack => "given_back",
            transfer::Status::Recalled => "recalled",
            transfer::Status::Divided => "divided",
        };
        if line.word(1)? == "overdue" || line.word(1)? == "in_time" {
            let overdue = state.overdue_since.is_some();
            return same("overdue", overdue, line.word(1)? == "overdue");
        }
        let why = line.words.get(2).map_or("", String::as_str);
        let explained = state.refused.as_ref().unwrap_or(&state.explanation);
        if said == line.word(1)? && explained.contains(why) {
            Ok(())
        } else {
            Err(format!("{name} is {said}: {}", state.explanation))
        }
    }

    /// What must hold at the end of every story.
    pub fn audit(&mut self) -> Result<(), String> {
        if let Some(refused) = &self.refused {
            return Err(format!("the last line was refused: {refused}"));
        }
        if let Some(delivery) = self.left.first() {
            return Err(format!("at the end: {} was not expected", describe(delivery)));
        }
        if let Some(order) = self.orders.first() {
            return Err(format!("at the end: {} was not expected", self.ordered(order)));
        }
        let mut again = self.rebuilt()?;
        let ids: BTreeSet<EntityId> =
            self.commits.iter().flat_map(|commit| commit.changes.iter().map(|change| change.entity)).collect();
        for id in ids {
            let (live, folded) = (self.lane.activate(id), again.activate(id));
            if live != folded {
                return Err(format!("INV-08 {id}: {live:?}\n    from the records: {folded:?}"));
            }
        }
        if again.outbox().count() != 0 {
            return Err("INV-06 a delivery has neither ended nor died".to_owned());
        }
        Ok(())
    }
}

pub(super) fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: T, expected: T) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("{what} is {found:?}, not {expected:?}")) }
}

pub(super) fn describe(delivery: &Delivery) -> String {
    let said = delivery.template.as_deref().unwrap_or(delivery.event.event.name());
    format!("{} {said} to {:?}", delivery.channel.name(), delivery.recipient)
}
