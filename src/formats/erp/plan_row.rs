//! A row that says what was agreed: a subscription, or an amount in instalments.

use quittance_actors::collection::PARTS_MAX;
use quittance_actors::plan::{Amounts, CYCLES_MAX, Interval, OnExhausted};
use quittance_actors::runtime::{PLAN_AHEAD_DAYS_MAX, PLAN_REFERENCE_CHARACTERS_MAX, PlanRow};
use quittance_actors::values::Money;

use super::fields::Key;
use super::rows::{Fields, Row, Sign};
use crate::formats::FieldError;

impl<R: Row> Fields<'_, R> {
    /// A plan. `amount` is that of each cycle; with `parts` it is the whole, one part a cycle. `due_on` is the deadline
    /// of the first one.
    pub(super) fn plan(&mut self) -> Option<PlanRow> {
        let external_ref = self.text(const { Key::of("plan") }, PLAN_REFERENCE_CHARACTERS_MAX);
        let customer_ref = self.reference(const { Key::of("customer") });
        let amounts = self.amounts();
        let every = self.parse(
            const { Key::of("every") },
            "days, weeks, months or years, as in 14d, 2w, 1m or 1y, within ten years",
            |text| Interval::parse(text).ok(),
        );
        let starts_on = self.date(const { Key::of("due_on") }, true);
        let deposit_due_on = self.date(const { Key::of("deposit_due_on") }, false);
        if amounts.is_some_and(|amounts| amounts.deposit.is_none())
            && let Some(cell) = self.cell(const { Key::of("deposit_due_on") }).filter(|cell| !cell.text.is_empty())
        {
            let error = FieldError::wrong(self.row.line(), cell.column, &cell.name, "there is no deposit");
            self.errors.push(error);
        }
        let description = self.description();
        let ahead_days = self.whole(const { Key::of("ask_days_before") }, 0..=PLAN_AHEAD_DAYS_MAX);
        let collect_from = self.collect_from();
        let policy =
            self.optional(const { Key::of("policy") }, "the name of a retry policy", |text| Some(text.to_owned()));
        let scenario =
            self.optional(const { Key::of("scenario") }, "the name of a scenario", |text| Some(text.to_owned()));
        let expected = "keep_charging, hold_collection, suspend, cancel or ask";
        let on_exhausted =
            self.optional(const { Key::of("on_exhausted") }, expected, |text| OnExhausted::parse(text).ok());
        Some(PlanRow {
            customer_ref: customer_ref?,
            external_ref: external_ref?,
            description: description.unwrap_or_default(),
            amounts: amounts?,
            deposit_due_on,
            every: every?,
            starts_on: starts_on?,
            ahead_days,
            collect_from,
            policy: policy.map(Into::into),
            scenario: scenario.map(Into::into),
            on_exhausted,
        })
    }

    fn optional_amount(&mut self, field: Key) -> Option<Money> {
        self.cell(field).filter(|cell| !cell.text.is_empty())?;
        self.amount(field, Sign::Plus)
    }

    fn amounts(&mut self) -> Option<Amounts> {
        let amount = self.amount(const { Key::of("amount") }, Sign::Plus);
        let deposit = self.optional_amount(const { Key::of("deposit") });
        let fee = self.optional_amount(const { Key::of("fee") });
        let cycles = self.whole(const { Key::of("cycles") }, 1..=CYCLES_MAX);
        let parts = self.whole(const { Key::of("parts") }, 1..=PARTS_MAX);
        let amounts = match (cycles, parts) {
            (cycles, None) => Amounts::repeated(amount?, deposit, fee, cycles).map_err(|error| error.to_string()),
            (None, Some(parts)) => Amounts::parted(amount?, deposit, fee, parts).map_err(|error| error.to_string()),
            (Some(_), Some(_)) => {
                Err("a plan has cycles (the amount is that of each) or parts (it is the whole), not both".to_owned())
            }
        };
        match amounts {
            Ok(amounts) => Some(amounts),
            Err(why) => {
                let field = if parts.is_some() { const { Key::of("parts") } } else { const { Key::of("amount") } };
                let (column, name) =
                    self.cell(field).map_or((0, field.name().into()), |cell| (cell.column, cell.name));
                self.errors.push(FieldError::wrong(self.row.line(), column, &name, why));
                None
            }
        }
    }
}
