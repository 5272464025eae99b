//! How the other side of a lane does: its breaker, and what its tenant is told when it fails for long.

use smol_str::{SmolStr, format_smolstr};
use tracing::warn;

use super::Router;
use super::intake::derived_from;
use super::trying::Tried;
use crate::delivery::{Breaker, Fault, Outcome, Route, Window};
use crate::feed;
use crate::machine::Tell;
use crate::partition::Origin;
use crate::runtime::Priority;
use crate::values::{FeedId, TenantId, Timestamp};

/// How the other side does.
#[derive(Debug)]
pub(super) struct Health {
    /// Whether anything may be tried.
    pub breaker: Breaker,
    /// How many tries may be under way.
    pub window: Window,
    /// Whether there is one other side, of whose answers that follows: a recipient of a mail says nothing of the next one.
    adapts: bool,
    /// Since when nothing has succeeded.
    failing_since: Option<Timestamp>,
    /// What its tenant was told last, since the program started.
    said: Option<bool>,
}

/// What a tenant is told of the other side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum News {
    /// Nothing has succeeded for long.
    Fails {
        /// Since when.
        since: Timestamp,
        /// The last error.
        error: SmolStr,
    },
    /// It does well.
    Well,
}

impl Health {
    /// Of the other side of a route, of which nothing is known, and to which so many tries may be under way.
    pub fn new(route: &Route, in_flight_max: usize) -> Self {
        let (breaker, window) = (Breaker::default(), Window::new(in_flight_max));
        let adapts = matches!(route, Route::Endpoint(..));
        Self { breaker, window, adapts, failing_since: None, said: None }
    }

    /// Hears of a try when it ends, not when it is recorded; so many were under way, it included.
    pub fn hear(&mut self, tried: &Tried, under_way: usize, now: Timestamp, failing_after_ms: i64) -> Option<News> {
        match tried {
            Tried::Ended(Outcome::RetryAt { error, .. } | Outcome::Dead { error }) => {
                // One message that is wrong, or one recipient, is no failure of who takes them.
                let fault = Fault::told(error).0;
                // Who is busy with many at once may take fewer; one that is asked whether it is there again is alone.
                let is_open = self.breaker.opens_at().is_some();
                let too_many = self.adapts && !is_open && under_way > 1 && fault == Some(Fault::Busy);
                if self.adapts {
                    self.window.failed(fault, under_way);
                }
                match fault.map_or(Some(false), Fault::of_peer) {
                    Some(true) => self.succeeded(),
                    Some(false) => {
                        if !too_many {
                            self.breaker.failed(now);
                        }
                        self.failed(error, now, failing_after_ms)
                    }
                    None => None,
                }
            }
            Tried::Declined(outcome) => {
                self.window.ended();
                self.breaker.declined(now);
                let error = match outcome {
                    Outcome::RetryAt { error, .. } | Outcome::Dead { error } => error.as_str(),
                    _ => "it wants nothing more",
                };
                self.failed(error, now, failing_after_ms)
            }
            Tried::Ended(Outcome::Delivered { .. }) | Tried::Answered(_) => {
                self.window.succeeded();
                self.succeeded()
            }
            // Withheld, or a failure of ours: it says nothing about the other side.
            Tried::Ended(Outcome::Suppressed { .. } | Outcome::Claimed | Outcome::HeldBack { .. })
            | Tried::Aside(_) => {
                self.window.ended();
                None
            }
        }
    }

    /// What was to be told was not recorded: the next try tells it.
    pub fn untold(&mut self) {
        self.said = None;
    }

    fn succeeded(&mut self) -> Option<News> {
        self.breaker.succeeded();
        self.failing_since = None;
        // Once after each start: it may have been told of as failing before that.
        (self.said.replace(false) != Some(false)).then_some(News::Well)
    }

    fn failed(&mut self, error: &str, now: Timestamp, failing_after_ms: i64) -> Option<News> {
        let since = *self.failing_since.get_or_insert(now);
        if self.said == Some(true) || now < since.plus_millis(failing_after_ms) {
            return None;
        }
        self.said = Some(true);
        Some(News::Fails { since, error: error.into() })
    }
}

/// The way of a route, and the name of who is on the other side, if it has one.
pub(super) fn way_of(route: &Route) -> (&'static str, SmolStr) {
    match route {
        Route::StatusExport(_) => ("status_file", SmolStr::default()),
        Route::Channel(channel) => (channel.name(), SmolStr::default()),
        Route::Endpoint(_, name) => ("hook", name.clone()),
        Route::Feed(_, name) => ("file", name.clone()),
        Route::Connector(_, name) => ("collection", name.clone()),
        Route::Payouts(_, name) => ("payout", name.clone()),
        Route::Inquiries(_, name) => ("inquiry", name.clone()),
    }
}

/// Has the tenant told; whether that is recorded.
pub(super) async fn tell(router: &Router, tenant: &TenantId, route: &Route, news: News, now: Timestamp) -> bool {
    let (way, name) = way_of(route);
    let feed = FeedId::of(tenant, &format_smolstr!("outgoing {way} {name}"));
    let command = match news {
        News::Fails { since, error } => feed::Command::ReportFailing { way: way.into(), name, since, error },
        News::Well => feed::Command::ReportWell { way: way.into(), name },
    };
    let id = derived_from(&[tenant.as_str(), way, &route.to_string(), &now.to_string(), command.name()]);
    let told = router.submit(tenant, Tell::Feed(feed, command), id, 0, Origin::System, Priority::Patient).await;
    told.inspect_err(|error| warn!(lane = %route, %error, "how the other side does could not be told")).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_for_long_is_told_once_and_so_is_that_it_does_well_again() {
        let at = Timestamp::from_unix_millis;
        let failed = Tried::Ended(Outcome::RetryAt { at: at(0), error: "timeout: no answer".to_owned() });
        let done = Tried::Ended(Outcome::Delivered { detail: String::new() });
        let wrong = Tried::Ended(Outcome::Dead { error: "content: too large".to_owned() });
        let mut health = Health::new(&Route::Channel(crate::delivery::Channel::Email), 16);
        assert_eq!(health.hear(&done, 1, at(0), 60_000), Some(News::Well), "it may have failed before the start");
        assert_eq!(health.hear(&done, 1, at(1), 60_000), None);
        assert_eq!(health.hear(&failed, 1, at(1_000), 60_000), None);
        assert_eq!(health.hear(&failed, 1, at(60_999), 60_000), None);
        let told = health.hear(&failed, 1, at(61_000), 60_000);
        assert_eq!(told, Some(News::Fails { since: at(1_000), error: "timeout: no answer".into() }));
        assert_eq!(health.hear(&failed, 1, at(99_000), 60_000), None);
        assert_eq!(
            health.hear(&wrong, 1, at(99_001), 60_000),
            None,
            "a message that is wrong says nothing of who takes it"
        );
        assert_eq!(health.hear(&done, 1, at(99_002), 60_000), Some(News::Well));
        assert_eq!(health.hear(&failed, 1, at(100_000), 60_000), None, "counted anew");
    }
}
