//! What went wrong, as a page: whoever looks at pages is not told in the words of the API.

use actix_web::body::{BoxBody, MessageBody as _};
use actix_web::dev::ServiceResponse;
use actix_web::http::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use actix_web::middleware::{ErrorHandlerResponse, ErrorHandlers};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value as Json, json};

use super::SharedPages;

/// Turns what went wrong into a page, for whoever takes pages.
pub(super) fn as_pages() -> ErrorHandlers<BoxBody> {
    ErrorHandlers::new()
        .default_handler(|response| Ok(ErrorHandlerResponse::Response(page(response).map_into_left_body())))
}

fn page(response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    let (request, answer) = response.into_parts();
    let is = |value: Option<&HeaderValue>, what: &str| {
        value.and_then(|value| value.to_str().ok()).is_some_and(|value| value.contains(what))
    };
    let takes_pages = is(request.headers().get(ACCEPT), "text/html");
    if !takes_pages || is(answer.headers().get(CONTENT_TYPE), "text/html") {
        return ServiceResponse::new(request, answer);
    }
    let status = answer.status();
    let told = answer.into_body().try_into_bytes().unwrap_or_default();
    let told: Json = serde_json::from_slice(&told).unwrap_or_default();
    let said = |key: &str| told.get(key).and_then(Json::as_str).filter(|text| !text.is_empty());
    let title = match status.as_u16() {
        404 => "There is nothing at this address",
        409 => "This cannot be done",
        _ if status.is_server_error() => "This did not work",
        _ => "This is not understood",
    };
    let text = said("detail").unwrap_or("The address may have a slip, or what was here is not kept any more.");
    let page = rendered(&request, title, text);
    let answer = HttpResponse::build(status).content_type("text/html; charset=utf-8").body(page);
    ServiceResponse::new(request, answer)
}

fn rendered(request: &HttpRequest, title: &str, text: &str) -> String {
    let pages = request.app_data::<SharedPages>();
    let page =
        pages.and_then(|pages| pages.render("gate", &json!({ "title": title, "text": text, "back": "/bo" })).ok());
    page.unwrap_or_else(|| format!("{title}. {text}"))
}
