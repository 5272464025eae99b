//! The test clock of a sandbox tenant.

use actix_web::{HttpRequest, HttpResponse};
use quittance_actors::ports::Clock as _;
use quittance_actors::runtime::advance as advance_clock;
use quittance_actors::values::{TenantId, Timestamp};
use serde_json::{Value as Json, json};

use super::body::{Body, Received, received};
use super::{App, Problem, Shared, tenant};

fn view(app: &App, tenant: &TenantId, fired: Option<usize>) -> Json {
    let clocks = &app.service.clocks;
    json!({
        "now": clocks.now(tenant),
        "test_clock": clocks.test_clock(tenant).is_some(),
        "timers_fired": fired,
    })
}

pub(super) async fn read(app: Shared, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let tenant = tenant(&app, &request)?;
    Ok(HttpResponse::Ok().json(view(&app, &tenant, None)))
}

pub(super) async fn advance(app: Shared, request: HttpRequest, bytes: Received) -> Result<HttpResponse, Problem> {
    let bytes = received(bytes)?;
    let tenant = tenant(&app, &request)?;
    let mut body = Body::parse(&bytes)?;
    let by = body.optional("by", duration_ms);
    let to = body.optional("to", Timestamp::parse);
    body.finish()?;
    let fired = advance_tenant(&app, &tenant, by, to).await?;
    Ok(HttpResponse::Ok().json(view(&app, &tenant, Some(fired))))
}

/// Moves a tenant's test clock; gives how many timers fired.
pub(crate) async fn advance_tenant(
    app: &App, tenant: &TenantId, by_ms: Option<i64>, to: Option<Timestamp>,
) -> Result<usize, Problem> {
    let now = app.service.clocks.test_clock(tenant).ok_or_else(|| {
        Problem::conflict("no_test_clock", "this tenant lives in real time: only a sandbox has a test clock")
    })?;
    let to = match (by_ms, to) {
        (Some(by_ms), None) => now.plus_millis(by_ms),
        (None, Some(to)) if to >= now => to,
        (None, Some(_)) => return Err(Problem::conflict("backwards", "a test clock only moves forward")),
        _ => return Err(Problem::bad_request("say either by, as in \"30d\", or to")),
    };
    Ok(advance_clock(&app.service.router, &app.service.timers, tenant, to).await?)
}

/// Reads `30d`, `12h`, `45m` or `10s`.
pub(crate) fn duration_ms(text: &str) -> Result<i64, String> {
    let wrong = || format!("not a duration '{text}': expected a number and d, h, m or s, as in 30d");
    let unit = text.chars().last().ok_or_else(wrong)?;
    let number: i64 = text.strip_suffix(unit).and_then(|number| number.parse().ok()).ok_or_else(wrong)?;
    let unit_ms = match unit {
        'd' => 86_400_000,
        'h' => 3_600_000,
        'm' => 60_000,
        's' => 1_000,
        _ => return Err(wrong()),
    };
    if number < 0 {
        return Err(format!("'{text}' goes back: a test clock only goes forward"));
    }
    if (0..=3_650).contains(&(number.saturating_mul(unit_ms) / 86_400_000)) {
        Ok(number * unit_ms)
    } else {
        Err(format!("'{text}' is more than ten years"))
    }
}
