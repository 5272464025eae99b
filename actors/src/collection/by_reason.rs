//! What a policy does otherwise for some reasons: other days, fewer new attempts, another class.

use smol_str::SmolStr;

use super::policy::{PolicyError, RetryPolicy};
use super::reason::{Advised, ReasonClass};
use super::schedule::Schedule;

/// What is different for some codes, or for the codes of some classes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ByReason {
    /// The codes, in capitals.
    pub codes: Vec<SmolStr>,
    /// The classes, as the table of codes has them.
    pub classes: Vec<ReasonClass>,
    /// What they allow here, whatever the table says.
    pub treat_as: Option<ReasonClass>,
    /// After so many new attempts nothing more is tried when the last failure is one of these.
    pub retries: Option<u16>,
    /// When the next one is made.
    pub schedule: Option<Schedule>,
    /// How long a new or corrected instrument is waited for.
    pub wait_days: Option<u16>,
}

/// What a policy answers to a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer<'a> {
    /// What the reason allows.
    pub class: ReasonClass,
    /// New attempts in all.
    pub retries: u16,
    /// When the next one is made.
    pub schedule: &'a Schedule,
    /// How long a new or corrected instrument is waited for.
    pub wait_days: u16,
}

impl ByReason {
    /// Whether it can be meant beside its policy.
    pub(super) fn check(&self, policy: &RetryPolicy) -> Result<(), PolicyError> {
        if self.codes.is_empty() == self.classes.is_empty() {
            return Err(PolicyError::ReasonsNamed);
        }
        let fixed = |class: &ReasonClass| matches!(class, ReasonClass::Never | ReasonClass::Deceased);
        if self.classes.iter().chain(&self.treat_as).any(fixed) {
            return Err(PolicyError::ReasonFixed);
        }
        let retries = self.retries.unwrap_or(policy.retries);
        if retries > policy.retries {
            return Err(PolicyError::ReasonAttempts(policy.retries));
        }
        self.schedule.as_ref().map_or(Ok(()), |schedule| schedule.check(retries))
    }
}

impl RetryPolicy {
    /// What follows a failure with this code, which the table has in `class`. What a scheme forbids and who has died
    /// are not the policy's to decide.
    pub fn answer(&self, code: &str, class: ReasonClass) -> Answer<'_> {
        let whole = Answer { class, retries: self.retries, schedule: &self.schedule, wait_days: self.wait_days };
        if matches!(class, ReasonClass::Never | ReasonClass::Deceased) {
            return whole;
        }
        let of_code = |rule: &&ByReason| rule.codes.iter().any(|known| known.eq_ignore_ascii_case(code));
        let of_class = |rule: &&ByReason| rule.classes.contains(&class);
        let rule = self.by_reason.iter().find(of_code).or_else(|| self.by_reason.iter().find(of_class));
        rule.map_or(whole, |rule| Answer {
            class: rule.treat_as.unwrap_or(class),
            retries: rule.retries.unwrap_or(self.retries),
            schedule: rule.schedule.as_ref().unwrap_or(&self.schedule),
            wait_days: rule.wait_days.unwrap_or(self.wait_days),
        })
    }

    /// What follows a failure, the advice of its scheme considered: what that forbids no policy allows.
    pub fn answer_to(&self, code: &str, advised: &Advised) -> Answer<'_> {
        let answer = self.answer(code, advised.class);
        if advised.by_advice { Answer { class: advised.class, ..answer } } else { answer }
    }

    /// What holds beside any failure.
    pub fn anyway(&self) -> Answer<'_> {
        Answer {
            class: ReasonClass::Retry,
            retries: self.retries,
            schedule: &self.schedule,
            wait_days: self.wait_days,
        }
    }

    /// Whether any of its schedules asks when the customer has money.
    pub fn learns_paydays(&self) -> bool {
        let mut own = self.by_reason.iter().filter_map(|rule| rule.schedule.as_ref());
        self.schedule.learns_paydays() || own.any(Schedule::learns_paydays)
    }
}

#[cfg(test)]
mod tests {
    use super::super::policy::tests::policy as usual;
    use super::*;

    fn policy(by_reason: Vec<ByReason>) -> RetryPolicy {
        RetryPolicy { by_reason, ..usual(Schedule::Gaps(vec![3, 5, 7])) }
    }

    #[test]
    fn a_code_comes_before_its_class_and_the_first_that_fits_counts() {
        let soon = ByReason {
            codes: vec!["AM04".into()],
            retries: Some(2),
            schedule: Some(Schedule::Gaps(vec![1])),
            ..ByReason::default()
        };
        let class =
            ByReason { classes: vec![ReasonClass::Retry], schedule: Some(Schedule::Even(20)), ..ByReason::default() };
        let stops = ByReason { codes: vec!["91".into()], treat_as: Some(ReasonClass::Stop), ..ByReason::default() };
        let policy = policy(vec![class, soon, stops]).checked().unwrap();
        let answer = policy.answer("am04", ReasonClass::Retry);
        assert_eq!((answer.retries, answer.schedule), (2, &Schedule::Gaps(vec![1])));
        assert_eq!(policy.answer("MS03", ReasonClass::Retry).schedule, &Schedule::Even(20));
        assert_eq!(policy.answer("91", ReasonClass::Retry).class, ReasonClass::Stop);
        assert_eq!(
            policy.answer("AC04", ReasonClass::Renew),
            Answer { class: ReasonClass::Renew, ..policy.anyway() }
        );
    }

    #[test]
    fn nothing_lifts_what_a_scheme_forbids() {
        let lifts = ByReason { codes: vec!["41".into()], treat_as: Some(ReasonClass::Retry), ..ByReason::default() };
        let policy_of = |rule| policy(vec![rule]).checked();
        let lifted = policy_of(lifts).unwrap();
        assert_eq!(lifted.answer("41", ReasonClass::Never).class, ReasonClass::Never);
        let never = ByReason { classes: vec![ReasonClass::Never], ..ByReason::default() };
        assert_eq!(policy_of(never), Err(PolicyError::ReasonFixed));
        let more = ByReason { codes: vec!["51".into()], retries: Some(4), ..ByReason::default() };
        assert_eq!(policy_of(more), Err(PolicyError::ReasonAttempts(3)));
        assert_eq!(policy_of(ByReason::default()), Err(PolicyError::ReasonsNamed));
    }
}
