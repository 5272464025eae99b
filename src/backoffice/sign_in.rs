//! Where people sign in and out.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::json;

use super::SharedPages;
use super::gate::Refused;
use crate::api::Problem;

/// Bytes of the form.
pub(super) const FORM_BYTES_MAX: usize = 8 << 10;

/// What somebody types.
#[derive(serde::Deserialize)]
pub(super) struct Typed {
    id: String,
    password: String,
    #[serde(default)]
    to: String,
}

/// A page of ours, whatever an address says.
fn page_of_ours(to: &str) -> &str {
    let is_ours = to == "/bo" || to.starts_with("/bo/") || to.starts_with("/bo?");
    let is_plain = !to.chars().any(|c| c.is_control() || c == '\\');
    if is_ours && is_plain && !to.starts_with("/bo/sign-") { to } else { "/bo" }
}

/// `GET /bo/sign-in`.
pub(super) async fn page(pages: SharedPages, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let query = web::Query::<BTreeMap<String, String>>::from_query(request.query_string());
    let query = query.map(web::Query::into_inner).unwrap_or_default();
    let to = query.get("to").map(String::as_str).unwrap_or_default();
    let said = query.contains_key("out").then_some("You have signed out.");
    shown(&pages, to, "", said, None, actix_web::http::StatusCode::OK)
}

fn shown(
    pages: &SharedPages, to: &str, id: &str, said: Option<&str>, failed: Option<&str>,
    status: actix_web::http::StatusCode,
) -> Result<HttpResponse, Problem> {
    if !pages.gate.has_people() {
        return Ok(HttpResponse::SeeOther().insert_header(("Location", "/bo")).finish());
    }
    let data = json!({ "to": page_of_ours(to), "id": id, "said": said, "failed": failed });
    let html = pages.render("sign_in", &data)?;
    Ok(HttpResponse::build(status).content_type("text/html; charset=utf-8").body(html))
}

/// `POST /bo/sign-in`.
pub(super) async fn enter(
    pages: SharedPages, request: HttpRequest, typed: web::Form<Typed>,
) -> Result<HttpResponse, Problem> {
    if let Err(answer) = pages.gate.same_origin(&request) {
        return Ok(answer);
    }
    let id = typed.id.trim();
    let (why, status) = match pages.gate.sign_in(id, &typed.password, &request).await {
        Ok([session, known]) => {
            let to = page_of_ours(&typed.to).to_owned();
            let mut answer = HttpResponse::SeeOther();
            return Ok(answer.cookie(session).cookie(known).insert_header(("Location", to)).finish());
        }
        Err(Refused::Wrong) => ("The name or the password is wrong.".to_owned(), 401),
        Err(Refused::Waits(seconds)) => {
            let unit = if seconds == 1 { "second" } else { "seconds" };
            (format!("Too many wrong passwords: wait {seconds} {unit}, then try again."), 429)
        }
    };
    let status = actix_web::http::StatusCode::from_u16(status).unwrap_or_default();
    shown(&pages, &typed.to, id, None, Some(&why), status)
}

/// `POST /bo/sign-out`.
pub(super) async fn leave(pages: SharedPages, request: HttpRequest) -> Result<HttpResponse, Problem> {
    if let Err(answer) = pages.gate.same_origin(&request) {
        return Ok(answer);
    }
    let cookie = pages.gate.sign_out(&request);
    Ok(HttpResponse::SeeOther().cookie(cookie).insert_header(("Location", "/bo/sign-in?out=1")).finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_away_from_our_pages() {
        for to in ["/bo", "/bo/payouts", "/bo?x=1", "/bo/customers?q=a%20b"] {
            assert_eq!(page_of_ours(to), to);
        }
        for to in [
            "",
            "//evil.example",
            "https://evil.example",
            "/bo/\\evil",
            "/bother",
            "/bo/sign-out",
            "/bo\r\nX: y",
            "/bo/\0",
            "/bo/\u{7f}",
        ] {
            assert_eq!(page_of_ours(to), "/bo", "{to}");
        }
    }
}
