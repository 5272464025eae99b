//! What stories say of money that is given back or given up.

use quittance_actors::machine::Tell;
use quittance_actors::payment_request::RefundOrder;
use quittance_actors::payout::{Command, Status};
use quittance_actors::values::{EntityId, Iban, PayoutId, Timestamp};
use quittance_actors::{customer, payment_request, transfer};

use super::{LANE, Stage, money, number};
use crate::script::Line;

/// The account of whoever is paid.
pub(super) fn account() -> Result<Iban, String> {
    Iban::parse("DE89370400440532013000").map_err(|error| error.to_string())
}

impl Stage {
    /// `give_back P1 T1 ana`, `pay_out P1 C1 10.00 ana`, `refund_card P1 R1 K1 10.00 ana`, `approve P1 bob`, `reject P1 bob`, `executed P1`,
    /// `failed P1 AC04`.
    pub(super) fn payout(&mut self, line: &Line) -> Result<(), String> {
        let name = line.word(0)?;
        let payout = PayoutId::new(Timestamp::default(), number(name), LANE);
        let reason = || "story".into();
        let tell = match line.verb.as_str() {
            "give_back" => {
                let (transfer, by) = (self.transfers[line.word(1)?], line.word(2)?.into());
                Tell::Transfer(transfer, transfer::Command::GiveBack { payout, by, reason: reason() })
            }
            "pay_out" => {
                let customer = self.customer(line.word(1)?, None)?;
                let (amount, by) = (money(line.word(2)?)?, line.word(3)?.into());
                let iban = account()?;
                let pay = customer::Command::PayOutCredit { payout, amount, iban, by, reason: reason() };
                Tell::Customer(customer, pay)
            }
            "refund_card" => {
                let (request, key) = (self.request(line.word(1)?)?, line.word(2)?.into());
                let (amount, by) = (money(line.word(3)?)?, line.word(4)?.into());
                let order = RefundOrder { payout, creditor: "Somebody".into(), by, reason: reason() };
                let order = Some(order);
                Tell::PaymentRequest(request, payment_request::Command::InitiateRefund { key, amount, order })
            }
            "approve" => Tell::Payout(payout, Command::Approve { by: line.word(1)?.into() }),
            "reject" => Tell::Payout(payout, Command::Reject { by: line.word(1)?.into(), reason: reason() }),
            "executed" => Tell::Payout(payout, Command::Execute { on: self.now.date_in(&self.policies.zone) }),
            _ => Tell::Payout(payout, Command::Fail { reason: line.word(1)?.into() }),
        };
        self.payouts.insert(name.to_owned(), payout);
        self.ask(tell)
    }

    pub(super) fn expect_payout(&mut self, line: &Line) -> Result<(), String> {
        let entity = self.entity(EntityId::Payout(self.payouts[line.word(0)?]))?;
        let state = entity.as_payout().filter(|state| state.details.is_some()).ok_or("nothing was asked for")?;
        let said = match state.status {
            Status::AwaitsApproval => "awaits",
            Status::Ordered => "ordered",
            Status::Executed => "executed",
            Status::Rejected => "rejected",
            Status::Failed => "failed",
        };
        if said == line.word(1)? { Ok(()) } else { Err(format!("it is {said}")) }
    }

    /// `write_off R1`, `undo_write_off R1`, `use_credit R1`, `credit_note R1 N1 10.00`.
    pub(super) fn given_up(&mut self, line: &Line) -> Result<(), String> {
        let id = self.request(line.word(0)?)?;
        let reason = "ana: story".into();
        let tell = match line.verb.as_str() {
            "credit_note" => {
                let (note, amount) = (number(line.word(1)?), money(line.word(2)?)?);
                let taken = customer::CreditNote { note, amount, request: Some(id) };
                Tell::Customer(self.owner(id)?, customer::Command::TakeCreditNote(taken))
            }
            "write_off" => Tell::PaymentRequest(id, payment_request::Command::WriteOff { reason }),
            "undo_write_off" => Tell::PaymentRequest(id, payment_request::Command::UndoWriteOff { reason }),
            _ => Tell::Customer(self.owner(id)?, customer::Command::UseCredit { request: id }),
        };
        self.ask(tell)
    }
}
