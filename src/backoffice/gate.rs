//! Who may see the pages: whoever opened the one-time link that the start printed.

use actix_web::cookie::{Cookie, SameSite};
use actix_web::{HttpRequest, HttpResponse};
use parking_lot::Mutex;
use serde_json::json;
use subtle::ConstantTimeEq as _;

use super::Pages;
use crate::{clock, digest};

const COOKIE: &str = "quittance_session";

/// Sessions of one process.
pub struct Gate {
    login: Mutex<Option<String>>,
    session: String,
}

fn random() -> String {
    digest::hex(&clock::random_bytes::<24>())
}

fn same(a: &str, b: &str) -> bool {
    bool::from(a.as_bytes().ct_eq(b.as_bytes()))
}

impl Default for Gate {
    fn default() -> Self {
        Self { login: Mutex::new(Some(random())), session: random() }
    }
}

impl Gate {
    /// The token of the one-time link.
    pub fn login_token(&self) -> Option<String> {
        self.login.lock().clone()
    }

    #[expect(clippy::result_large_err, reason = "the answer is sent at once")]
    /// Lets a session in, turns the one-time link into a session, and answers anybody else.
    pub(super) fn check(&self, pages: &Pages, request: &HttpRequest) -> Result<(), HttpResponse> {
        if request.cookie(COOKIE).is_some_and(|cookie| same(cookie.value(), &self.session)) {
            return self.same_origin(request);
        }
        let shown = request.query_string().split('&').find_map(|pair| pair.strip_prefix("login="));
        let mut login = self.login.lock();
        if let (Some(shown), Some(token)) = (shown, login.as_ref())
            && same(shown, token)
        {
            *login = None;
            let cookie = Cookie::build(COOKIE, self.session.clone())
                .path("/bo")
                .http_only(true)
                .same_site(SameSite::Strict)
                .finish();
            let to = request.path().to_owned();
            return Err(HttpResponse::SeeOther().cookie(cookie).insert_header(("Location", to)).finish());
        }
        let text =
            "Open the link that the service printed when it started. It works once; start again for a new one.";
        let page = pages.render("gate", &json!({ "title": "This page needs a session", "text": text }));
        let html = page.unwrap_or_default();
        Err(HttpResponse::Unauthorized().content_type("text/html; charset=utf-8").body(html))
    }

    #[expect(clippy::result_large_err, reason = "the answer is sent at once")]
    /// A form must come from our own pages.
    fn same_origin(&self, request: &HttpRequest) -> Result<(), HttpResponse> {
        if request.method() != actix_web::http::Method::POST {
            return Ok(());
        }
        let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
        let host = header("Host").unwrap_or_default();
        let origin = header("Origin").and_then(|origin| origin.split("://").nth(1));
        if origin.is_some_and(|origin| origin == host) { Ok(()) } else { Err(HttpResponse::Forbidden().finish()) }
    }
}
