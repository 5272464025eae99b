//! Errors as RFC 9457 problem+json, with pointers into the body.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use quittance_actors::limits;
use quittance_actors::runtime::{IntakeError, SubmitError};
use serde::Serialize;
use serde_json::Value as Json;

/// One thing wrong with a body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Detail {
    /// A JSON pointer (RFC 6901).
    pub pointer: String,
    /// What is wrong, and what was expected.
    pub detail: String,
}

/// An error as callers see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    code: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    detail: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Detail>,
    #[serde(skip_serializing_if = "<[Json]>::is_empty")]
    findings: Box<[Json]>,
    /// In how many seconds it may be tried again; 0 where that is not known.
    #[serde(skip)]
    again_in_s: u32,
}

impl Problem {
    fn of(status: u16, code: &'static str, title: &'static str, detail: impl Into<String>) -> Self {
        Self {
            kind: "about:blank",
            title,
            status,
            code,
            detail: detail.into(),
            errors: Vec::new(),
            findings: Box::default(),
            again_in_s: 0,
        }
    }

    /// 400: the request is not what the API understands.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::of(400, "bad_request", "The request is not understood", detail)
    }

    /// 401: no key, or an unknown one.
    pub fn unauthorized(detail: impl Into<String>) -> Self {
        Self::of(401, "unauthorized", "A valid API key is needed", detail)
    }

    /// 401: a call that is to be signed, and is not signed by whom it should be.
    pub fn unsigned(detail: impl Into<String>) -> Self {
        Self::of(401, "unauthorized", "A valid signature is needed", detail)
    }

    /// 403: the key is known, and may not do this.
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::of(403, "forbidden", "The API key may not do this", detail)
    }

    /// 404: nothing of this kind is known.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::of(404, "not_found", "Not found", detail)
    }

    /// 409: what is asked contradicts what is recorded.
    pub fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::of(409, code, "This contradicts what is recorded", detail)
    }

    /// 413: the body is too large.
    pub fn too_large() -> Self {
        Self::of(
            413,
            "too_large",
            "The body is too large",
            "it is larger than what this address takes: 256 KiB of most JSON",
        )
    }

    /// 413: something of the body is too large.
    pub fn too_large_for(detail: impl Into<String>) -> Self {
        Self::of(413, "too_large", "The body is too large", detail)
    }

    /// 413: the batch is too large.
    pub fn batch_too_large(megabytes: usize, lines: usize) -> Self {
        let detail = format!("a batch has at most {megabytes} MiB and {lines} lines");
        Self::of(413, "too_large", "The body is too large", detail)
    }

    /// 422: fields of the body cannot be used.
    pub fn invalid(errors: Vec<Detail>) -> Self {
        let detail = format!("{} field{} cannot be used", errors.len(), if errors.len() == 1 { "" } else { "s" });
        Self { errors, ..Self::of(422, "invalid", "The body cannot be used", detail) }
    }

    /// 422: files of the configuration cannot be used.
    pub fn invalid_files(findings: Vec<Json>) -> Self {
        let errors = findings.iter().filter(|finding| finding.get("severity").is_some_and(|s| s == "error")).count();
        let detail = format!("{errors} mistake{} in the files", if errors == 1 { "" } else { "s" });
        Self { findings: findings.into(), ..Self::of(422, "invalid", "The files cannot be used", detail) }
    }

    /// What is wrong with files.
    pub fn findings(&self) -> &[Json] {
        &self.findings
    }

    /// 422: the key was used before with another body.
    pub fn key_reused() -> Self {
        let detail = "this Idempotency-Key was already used with another content; use a new key";
        Self::of(422, "idempotency_key_reused", "The Idempotency-Key belongs to another request", detail)
    }

    /// 429: the caller makes too many calls, and may make the next in so many seconds.
    pub fn too_many(detail: impl Into<String>, again_in_s: u64) -> Self {
        let problem = Self::of(429, "too_many_calls", "Too many calls of this key", detail);
        Self { again_in_s: u32::try_from(again_in_s.max(1)).unwrap_or(u32::MAX), ..problem }
    }

    /// 503: too much is under way.
    pub fn overloaded(detail: impl Into<String>) -> Self {
        Self::of(503, "overloaded", "Try again in a moment", detail)
    }

    /// 500: a mistake of ours.
    pub fn internal(detail: impl Into<String>) -> Self {
        Self::of(500, "internal", "This is a mistake of the service", detail)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.status, self.title, self.detail)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        let seconds = match self.again_in_s {
            0 if self.status == 503 => limits::RETRY_AFTER_SECONDS,
            seconds => seconds,
        };
        if seconds > 0 {
            response.insert_header(("Retry-After", seconds.to_string()));
        }
        if self.status == 401 {
            response.insert_header(("WWW-Authenticate", "Bearer"));
        }
        let body = serde_json::to_vec(self).unwrap_or_default();
        response.content_type("application/problem+json").body(body)
    }
}

impl actix_web::Responder for Problem {
    type Body = actix_web::body::BoxBody;

    fn respond_to(self, _: &actix_web::HttpRequest) -> HttpResponse {
        self.error_response()
    }
}

impl From<SubmitError> for Problem {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::Rejected(rejection) if rejection.is_unknown() => Problem::not_found(rejection.to_string()),
            SubmitError::Rejected(rejection) => Problem::conflict("rejected", rejection.to_string()),
            SubmitError::FingerprintDiffers => Problem::key_reused(),
            SubmitError::UnknownTenant => Problem::not_found("unknown tenant"),
            SubmitError::DiskFull => Self::of(503, "disk_full", "Nothing can be recorded now", error.to_string()),
            SubmitError::Overloaded | SubmitError::NotOwner | SubmitError::Stopping => {
                Problem::overloaded(error.to_string())
            }
            SubmitError::Port(error) => Problem::overloaded(error.to_string()),
            SubmitError::Quarantined(_) => Problem::internal("the command was put aside for a person"),
        }
    }
}

impl From<IntakeError> for Problem {
    fn from(error: IntakeError) -> Self {
        match error {
            IntakeError::Submit(error) => error.into(),
            IntakeError::UnknownCustomer(_) => {
                Problem::invalid(vec![Detail { pointer: "/customer".to_owned(), detail: error.to_string() }])
            }
            IntakeError::UnknownInvoice(_) => Problem::not_found(error.to_string()),
            IntakeError::OtherCustomer(_) | IntakeError::OtherPlan(_) => {
                Problem::conflict("other_customer", error.to_string())
            }
            IntakeError::Pool(_) => Problem::conflict("pool_empty", error.to_string()),
            IntakeError::NoRange => Problem::conflict("no_pool", error.to_string()),
            IntakeError::UnknownRange(..) => Problem::invalid(vec![Detail {
                pointer: "/virtual_iban_range".to_owned(),
                detail: error.to_string(),
            }]),
        }
    }
}
