//! Which duty each form of the pages asks for. What is not named here nobody but who may do everything can do.

use crate::config::Duty;

/// What a form asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asks {
    /// Only that its sender has signed in: it changes nothing.
    Nothing,
    /// A duty.
    Duty(Duty),
}

/// What a form sent to `path` asks for; `None` when nobody said so.
pub(super) fn of(path: &str) -> Option<Asks> {
    let below = path.strip_prefix("/bo/")?;
    let (room, rest) = below.split_once('/').unwrap_or((below, ""));
    Some(match room {
        "tenant" | "sign-out" => Asks::Nothing,
        "configuration" if rest == "preview" => Asks::Nothing,
        "configuration" => Asks::Duty(Duty::Configure),
        "reconciliation" if rest.ends_with("/give-back") => Asks::Duty(Duty::Refund),
        "reconciliation" => Asks::Duty(Duty::Reconcile),
        "payouts" => Asks::Duty(Duty::Approve),
        "requests" | "customers" | "plans" => Asks::Duty(Duty::Collect),
        "messages" | "clock" => Asks::Duty(Duty::Operate),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_asks_for_its_duty_and_an_unknown_one_is_nobodys() {
        let expected = [
            ("/bo/tenant", Some(Asks::Nothing)),
            ("/bo/configuration/preview", Some(Asks::Nothing)),
            ("/bo/configuration/edit", Some(Asks::Duty(Duty::Configure))),
            ("/bo/configuration/editions/3/restore", Some(Asks::Duty(Duty::Configure))),
            ("/bo/reconciliation/trf_1/decide", Some(Asks::Duty(Duty::Reconcile))),
            ("/bo/reconciliation/trf_1/give-back", Some(Asks::Duty(Duty::Refund))),
            ("/bo/payouts/pay_1/approve", Some(Asks::Duty(Duty::Approve))),
            ("/bo/requests/prq_1/do/write-off", Some(Asks::Duty(Duty::Collect))),
            ("/bo/clock/advance", Some(Asks::Duty(Duty::Operate))),
            ("/bo/vault/open", None),
            ("/v1/payouts", None),
        ];
        for (path, asks) in expected {
            assert_eq!(of(path), asks, "{path}");
        }
    }
}
