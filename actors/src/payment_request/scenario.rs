//! Reminder scenarios: ordered steps, each an anchor, an offset, a local time, channels and a
//! template.

use std::sync::Arc;

use smol_str::SmolStr;
use thiserror::Error;

use super::moments::{Anchor, Offset};
use crate::delivery::Channel;
use crate::limits;
use crate::rules::{Condition, Field};
use crate::values::Date;

/// Why a scenario was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[expect(missing_docs, reason = "the message of each variant says what it means")]
pub enum ScenarioError {
    #[error("a scenario has 1 to {0} steps")]
    StepCount(usize),
    #[error("step '{0}' stands twice")]
    DuplicateStep(SmolStr),
    #[error("step '{0}' has no channel")]
    NoChannel(SmolStr),
    #[error("step '{0}': a customer is reached by email or sms only")]
    MachineChannel(SmolStr),
    #[error("step '{0}' is due before the request is there: nothing counts backwards from its creation or issue")]
    BeforeCreation(SmolStr),
    #[error("step '{step}' is not due after '{after}', which stands before it: it would never leave")]
    Unreachable {
        /// The step.
        step: SmolStr,
        /// The one before it.
        after: SmolStr,
    },
    #[error("step '{0}' counts from the step before it: there must be one, and the offset is above zero")]
    NothingBefore(SmolStr),
    #[error(
        "step '{step}' has a time of its own and stands after '{after}', which counts from the step before it: it may be too late when its turn comes"
    )]
    AfterPrevious {
        /// The step.
        step: SmolStr,
        /// The one before it.
        after: SmolStr,
    },
    #[error("step '{0}' would be one of more than {1} messages within a day")]
    TooOften(SmolStr, usize),
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its name, unique in the scenario.
    pub name: SmolStr,
    /// What the offset counts from.
    pub anchor: Anchor,
    /// How far from the anchor, negative for before.
    pub offset: Offset,
    /// Local hour and minute; what counts hours does not read it.
    pub at: (i8, i8),
    /// Channels, the preferred first; the next is used when the customer has no such address. None, when it is for the team.
    pub channels: Vec<Channel>,
    /// The template; empty when it is for the team.
    pub template: Arc<str>,
    /// What must hold of the customer and the request when it leaves.
    pub when: Condition,
    /// Whether a person must approve it, each time.
    pub approval: bool,
}

impl Step {
    /// Whether the team is to do something, and nobody is written to.
    pub fn is_for_team(&self) -> bool {
        self.channels.is_empty()
    }

    /// Whether it asks once more for what was asked for.
    pub fn chases(&self) -> bool {
        !matches!(self.anchor, Anchor::Created | Anchor::Issued)
    }

    /// What a condition of a step may ask for.
    pub const FIELDS: [Field; 15] = [
        Field::CustomerId,
        Field::CustomerExternalRef,
        Field::CustomerKind,
        Field::CustomerLanguage,
        Field::CustomerOpenCount,
        Field::CustomerTags,
        Field::RequestId,
        Field::RequestExternalRef,
        Field::RequestAmount,
        Field::RequestPaid,
        Field::RequestOutstanding,
        Field::RequestIssuedOn,
        Field::RequestDueOn,
        Field::RequestDaysOverdue,
        Field::RequestDescription,
    ];
}

/// How reminders go on of what was paid and is open again: a payment was taken back.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum OnReopen {
    /// At the step they had come to.
    #[default]
    GoOn,
    /// Not at all: a person looks at it.
    Stop,
    /// By another scenario, from its first step.
    Follow(SmolStr),
}

/// A scenario, its steps in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scenario {
    name: String,
    steps: Vec<Step>,
    /// How late a step may still leave, in milliseconds.
    pub late_within_ms: i64,
    /// Whether it is tried out: its steps come to their gates, and none leaves.
    pub shadow: bool,
    /// Whether what is due on one day for several requests of a customer leaves as one message.
    pub together: bool,
    /// For so many days after a part was paid nothing is sent.
    pub rests_after_part_days: u16,
    /// How reminders go on of what was paid and is open again.
    pub on_reopen: OnReopen,
    /// As it was for requests that came in before a day, the earliest first.
    earlier: Vec<(Date, Scenario)>,
}

impl Scenario {
    /// A scenario; refuses no step, two steps of one name, and steps that cannot be sent.
    pub fn new(name: &str, steps: Vec<Step>, late_within_ms: i64) -> Result<Self, ScenarioError> {
        if steps.is_empty() || steps.len() > limits::SCENARIO_STEPS_MAX {
            return Err(ScenarioError::StepCount(limits::SCENARIO_STEPS_MAX));
        }
        for (at, step) in steps.iter().enumerate() {
            if steps.iter().skip(at + 1).any(|other| other.name == step.name) {
                return Err(ScenarioError::DuplicateStep(step.name.clone()));
            }
            if step.channels.is_empty() && !step.template.is_empty() {
                return Err(ScenarioError::NoChannel(step.name.clone()));
            }
            if step.channels.iter().any(|channel| !channel.reaches_people()) {
                return Err(ScenarioError::MachineChannel(step.name.clone()));
            }
        }
        for (at, step) in steps.iter().enumerate() {
            if step.anchor == Anchor::Previous && (at == 0 || !step.offset.is_after()) {
                return Err(ScenarioError::NothingBefore(step.name.clone()));
            }
            let moved = steps.iter().take(at).rfind(|earlier| earlier.anchor == Anchor::Previous);
            if let Some(after) = moved.filter(|_| step.anchor != Anchor::Previous) {
                let (step, after) = (step.name.clone(), after.name.clone());
                return Err(ScenarioError::AfterPrevious { step, after });
            }
            if !step.anchor.is_ahead() && step.offset.is_before() {
                return Err(ScenarioError::BeforeCreation(step.name.clone()));
            }
            let before = || steps.iter().take(at);
            let after = |earlier: &&Step| step.minutes_after(earlier).is_some_and(|minutes| minutes <= 0);
            if let Some(earlier) = before().find(after) {
                let (step, after) = (step.name.clone(), earlier.name.clone());
                return Err(ScenarioError::Unreachable { step, after });
            }
            let of_day =
                |earlier: &&Step| step.minutes_after(earlier).is_some_and(|minutes| minutes < MINUTES_OF_DAY);
            let soon = |step: &&Step| step.anchor == Anchor::Previous && step.offset.is_within_a_day();
            let in_a_row = steps.iter().take(at + 1).rev().take_while(soon).count();
            // Those that follow at once follow one that may itself be one of several of its day.
            let first = steps.get(at - in_a_row).filter(|_| in_a_row > 0);
            let beside = |earlier: &&Step| {
                first.and_then(|first| first.minutes_after(earlier)).is_some_and(|minutes| minutes < MINUTES_OF_DAY)
            };
            let in_a_row = in_a_row + steps.iter().take(at - in_a_row).filter(beside).count();
            if before().filter(of_day).count().max(in_a_row) >= limits::SCENARIO_STEPS_A_DAY_MAX {
                return Err(ScenarioError::TooOften(step.name.clone(), limits::SCENARIO_STEPS_A_DAY_MAX));
            }
        }
        Ok(Self {
            name: name.to_owned(),
            steps,
            late_within_ms,
            shadow: false,
            together: false,
            rests_after_part_days: 0,
            on_reopen: OnReopen::GoOn,
            earlier: Vec::new(),
        })
    }

    /// The same scenario, which is only tried out.
    #[must_use]
    pub fn tried_out(self, shadow: bool) -> Self {
        Self { shadow, ..self }
    }

    /// The same scenario, which writes to a customer once for all requests.
    #[must_use]
    pub fn once_for_all(self, together: bool) -> Self {
        Self { together, ..self }
    }

    /// The same scenario, which rests for so many days after a part was paid.
    #[must_use]
    pub fn resting_after_part(self, days: u16) -> Self {
        Self { rests_after_part_days: days, ..self }
    }

    /// The same scenario, which goes on so when what was paid is open again.
    #[must_use]
    pub fn reopening(self, on_reopen: OnReopen) -> Self {
        Self { on_reopen, ..self }
    }

    /// The same scenario, which was another one for requests that came in before a day.
    #[must_use]
    pub fn after(self, mut earlier: Vec<(Date, Scenario)>) -> Self {
        earlier.sort_by_key(|(day, _)| *day);
        Self { earlier, ..self }
    }

    /// As it is for a request that came in on a day.
    pub fn on(&self, created: Date) -> &Scenario {
        self.earlier.iter().find(|(before, _)| created < *before).map_or(self, |(_, earlier)| earlier)
    }

    /// Whether it, or an earlier form of it, is only tried out.
    pub fn is_tried_out(&self) -> bool {
        self.shadow || self.earlier.iter().any(|(_, earlier)| earlier.shadow)
    }

    /// As it was for requests that came in before a day, the earliest first.
    pub fn earlier(&self) -> &[(Date, Scenario)] {
        &self.earlier
    }

    /// Whether one message of this step tells of all requests. What announces a request does so for each.
    pub fn tells_of_all(&self, step: &Step) -> bool {
        self.together && step.chases() && !step.is_for_team()
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its steps.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Where the step of a name stands.
    pub fn place_of(&self, name: &str) -> Option<u16> {
        let place = self.steps.iter().position(|step| step.name == name)?;
        u16::try_from(place).ok()
    }

    /// The step at `index`.
    pub fn step(&self, index: u16) -> Option<&Step> {
        self.steps.get(usize::from(index))
    }
}

/// Minutes of a day.
const MINUTES_OF_DAY: i64 = 24 * 60;

impl Step {
    /// How many minutes after another step this one is due, when both count alike from the same day.
    fn minutes_after(&self, other: &Self) -> Option<i64> {
        let distance = match (self.offset, other.offset) {
            (Offset::Hours(own), Offset::Hours(other)) => i64::from(own - other) * 60,
            (Offset::Days(own), Offset::Days(other)) | (Offset::BusinessDays(own), Offset::BusinessDays(other)) => {
                i64::from(own - other) * MINUTES_OF_DAY
            }
            // A month has at least four weeks.
            (Offset::Months(own), Offset::Months(other)) => i64::from(own - other) * 28 * MINUTES_OF_DAY,
            _ => return None,
        };
        let clock = |(hour, minute): (i8, i8)| i64::from(hour) * 60 + i64::from(minute);
        // From its creation hours count from the moment, whatever the clock says.
        let from_moment = matches!(self.anchor, Anchor::Created | Anchor::Chosen);
        let by_clock = !(from_moment && matches!(self.offset, Offset::Hours(_)));
        let clocks = if by_clock { clock(self.at) - clock(other.at) } else { 0 };
        (self.anchor == other.anchor && self.anchor != Anchor::Previous).then_some(distance + clocks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scenario(steps: &[(Anchor, &str, (i8, i8))]) -> Result<Scenario, ScenarioError> {
        let step = |(number, (anchor, offset, at)): (usize, &(Anchor, &str, (i8, i8)))| Step {
            name: smol_str::format_smolstr!("s{number}"),
            anchor: *anchor,
            offset: Offset::parse(offset).unwrap(),
            at: *at,
            channels: vec![Channel::Email],
            template: "t".into(),
            when: Condition::Always(true),
            approval: false,
        };
        Scenario::new("s", steps.iter().enumerate().map(step).collect(), 0)
    }

    #[test]
    fn scenarios_of_which_a_step_would_never_or_too_often_leave_are_refused() {
        use Anchor::{Created, Due, Issued, Previous};
        let nine = (9, 0);
        for fine in [
            &[(Created, "0d", nine), (Due, "-3d", nine), (Due, "3d", nine), (Due, "3d", (17, 0)), (Due, "1m", nine)]
                [..],
            &[(Due, "2bd", nine), (Due, "3d", nine), (Issued, "0d", nine), (Due, "3bd", (8, 0))],
            &[(Created, "0h", nine), (Created, "1h", (8, 0)), (Created, "48h", nine)],
            &[(Due, "3d", nine), (Previous, "7d", nine), (Previous, "1bd", nine), (Previous, "2h", nine)],
        ] {
            assert!(scenario(fine).is_ok(), "{fine:?}: {:?}", scenario(fine));
        }
        for (wrong, part) in [
            (&[(Created, "-1d", nine)][..], "'s0' is due before the request is there"),
            (&[(Issued, "-2h", nine)], "'s0' is due before the request is there"),
            (&[(Due, "10d", nine), (Issued, "1d", nine), (Due, "3d", nine)], "'s2' is not due after 's0'"),
            (&[(Due, "3d", nine), (Due, "3d", nine)], "'s1' is not due after 's0'"),
            (&[(Due, "3d", nine), (Due, "3d", (8, 59))], "'s1' is not due after 's0'"),
            (&[(Issued, "0d", nine), (Previous, "0d", nine)], "'s1' counts from the step before it"),
            (&[(Previous, "3d", nine)], "'s0' counts from the step before it"),
            (
                &[(Due, "1h", nine), (Previous, "1h", nine), (Previous, "2h", nine), (Previous, "3h", nine)],
                "'s3' would be one of more than 3 messages within a day",
            ),
            (
                &[(Due, "1h", nine), (Due, "2h", nine), (Due, "3h", nine), (Previous, "2h", nine)],
                "'s3' would be one of more than 3 messages within a day",
            ),
            (&[(Due, "3d", nine), (Previous, "7d", nine), (Due, "14d", nine)], "'s2' has a time of its own"),
            (
                &[(Due, "1h", nine), (Due, "2h", nine), (Due, "3h", nine), (Due, "4h", nine)],
                "'s3' would be one of more than 3 messages within a day",
            ),
        ] {
            let said = scenario(wrong).unwrap_err().to_string();
            assert!(said.contains(part), "{wrong:?}: {said}");
        }
    }
}
