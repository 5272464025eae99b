//! Which duty each form of the pages asks for. What is not named here nobody but who may do everything can do.

use actix_web::HttpRequest;

use crate::config::Duty;

/// What a form asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asks {
    /// Only that its sender has signed in: it changes nothing.
    Nothing,
    /// A duty.
    Duty(Duty),
    /// To configure, and to see every merchant: it touches all of them.
    ConfigureAll,
}

/// What the form of a request asks for, by where it was led to; `None` when nobody said so.
pub(super) fn of(request: &HttpRequest) -> Option<Asks> {
    asked(&request.match_pattern()?, request.match_info().get("what"))
}

fn asked(pattern: &str, what: Option<&str>) -> Option<Asks> {
    // Written otherwise than it is meant, it would be read otherwise here than there.
    if what.is_some_and(|what| what.contains('%')) {
        return None;
    }
    Some(match (pattern, what) {
        ("/bo/tenant" | "/bo/configuration/preview", _) => Asks::Nothing,
        ("/bo/configuration/reload", _) => Asks::ConfigureAll,
        ("/bo/configuration/edit" | "/bo/configuration/editions/{number}/restore", _) => Asks::Duty(Duty::Configure),
        ("/bo/reconciliation/{id}/{what}", Some("give-back")) | ("/bo/requests/{id}/do/{what}", Some("refund")) => {
            Asks::Duty(Duty::Refund)
        }
        ("/bo/reconciliation/{id}/{what}" | "/bo/requests/{id}/received", _) => Asks::Duty(Duty::Reconcile),
        ("/bo/payouts/{id}/{what}", _) => Asks::Duty(Duty::Approve),
        (
            "/bo/requests/{id}/reminder/{what}"
            | "/bo/requests/{id}/do/{what}"
            | "/bo/customers/{id}/{what}"
            | "/bo/plans/{id}/{what}",
            _,
        ) => Asks::Duty(Duty::Collect),
        (
            "/bo/messages/replays/{endpoint}"
            | "/bo/messages/replays/{endpoint}/{id}/stop"
            | "/bo/messages/undelivered/{id}"
            | "/bo/clock/advance",
            _,
        ) => Asks::Duty(Duty::Operate),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_asks_for_its_duty_and_an_unknown_one_is_nobodys() {
        let room = "/bo/reconciliation/{id}/{what}";
        let expected = [
            ("/bo/tenant", None, Some(Asks::Nothing)),
            ("/bo/configuration/edit", None, Some(Asks::Duty(Duty::Configure))),
            ("/bo/configuration/reload", None, Some(Asks::ConfigureAll)),
            (room, Some("decide"), Some(Asks::Duty(Duty::Reconcile))),
            (room, Some("give-back"), Some(Asks::Duty(Duty::Refund))),
            (room, Some("give%2Dback"), None),
            ("/bo/requests/{id}/do/{what}", Some("refund"), Some(Asks::Duty(Duty::Refund))),
            ("/bo/payouts/{id}/{what}", Some("approve"), Some(Asks::Duty(Duty::Approve))),
            ("/bo/requests/{id}/do/{what}", Some("write-off"), Some(Asks::Duty(Duty::Collect))),
            ("/bo/clock/advance", None, Some(Asks::Duty(Duty::Operate))),
            ("/bo/vault/{what}", Some("open"), None),
        ];
        for (pattern, what, asks) in expected {
            assert_eq!(asked(pattern, what), asks, "{pattern} {what:?}");
        }
    }
}
