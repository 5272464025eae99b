//! What stories change of the scenario while it runs.

use quittance_actors::delivery::Channel;
use quittance_actors::payment_request::{Anchor, Offset, OnReopen, Scenario, Step};
use quittance_actors::rules::{Condition, Field, Operator, RuleBook, Value};

use super::{Stage, money};
use crate::script::Line;

impl Stage {
    /// Changes the scenario while it runs.
    ///
    /// ```text
    /// step_when late_3 50.00                      it leaves only when as much is open
    /// step_put late_5 reminder_late due 5 before late_10
    /// step_day late_10 20                         it leaves twenty days after the deadline
    /// step_gone before
    /// together yes                                one message a day tells a customer of all
    /// try_out yes                                 it is tried out only, and the rules too; no: they are in use
    /// ```
    pub(super) fn change_step(&mut self, line: &Line) -> Result<(), String> {
        let known = self.policies.scenarios.get("standard").ok_or("no scenario")?;
        let mut steps = known.steps().to_vec();
        let place = |name: &str| steps.iter().position(|step| step.name == name).ok_or(format!("no step {name}"));
        let days = |at: usize| line.word(at)?.parse::<i32>().map(Offset::Days).map_err(|error| error.to_string());
        let (mut shadow, mut together) = (known.shadow, known.together);
        let mut rests = known.rests_after_part_days;
        let mut on_reopen = known.on_reopen.clone();
        match line.verb.as_str() {
            "together" => together = line.word(0)? == "yes",
            "rests" => rests = line.word(0)?.parse().map_err(|_| "so many days")?,
            "on_reopen" => {
                on_reopen = match line.word(0)? {
                    "go_on" => OnReopen::GoOn,
                    "stop" => OnReopen::Stop,
                    other => OnReopen::Follow(other.into()),
                }
            }
            "try_out" => {
                shadow = line.word(0)? == "yes";
                let rules = self.policies.rules.all().iter().cloned().map(|rule| rule.tried_out(shadow));
                self.policies.rules = RuleBook::new(rules.collect()).map_err(|error| error.to_string())?;
            }
            "step_when" => {
                let least = Value::Money(money(line.word(1)?)?);
                let at = place(line.word(0)?)?;
                steps[at].when = Condition::Compare(Field::RequestOutstanding, Operator::GreaterOrEqual, least);
            }
            "step_put" => {
                let at = place(line.after("before").ok_or("before which step?")?)?;
                let anchor = if line.word(2)? == "due" { Anchor::Due } else { Anchor::Issued };
                let (name, template, offset) = (line.word(0)?.into(), line.word(1)?.into(), days(3)?);
                steps.insert(at, Step { name, template, anchor, offset, ..steps[at].clone() });
                steps[at].channels = vec![Channel::Email];
            }
            "step_day" => {
                let at = place(line.word(0)?)?;
                let moved = Step { offset: days(1)?, ..steps.remove(at) };
                // Behind those that are due before it.
                let is_later = |step: &Step| {
                    matches!((step.anchor, step.offset, moved.offset),
                    (Anchor::Due, Offset::Days(day), Offset::Days(new)) if day > new)
                };
                let at = steps.iter().position(is_later).unwrap_or(steps.len());
                steps.insert(at, moved);
            }
            _ => {
                steps.remove(place(line.word(0)?)?);
            }
        }
        let changed = Scenario::new("standard", steps, known.late_within_ms).map(|changed| {
            changed.tried_out(shadow).once_for_all(together).resting_after_part(rests).reopening(on_reopen)
        });
        self.policies.scenarios.insert("standard".to_owned(), changed.map_err(|error| error.to_string())?);
        Ok(())
    }
}
