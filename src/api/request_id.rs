//! An id of each call: the caller's `X-Request-Id`, or one of ours. Every answer has it, and what is logged of a call that
//! failed by a mistake of ours.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use tracing::error;

use crate::clock::random_bytes;
use crate::digest;

const NAME: HeaderName = HeaderName::from_static("x-request-id");
/// Characters of an id that a caller gives.
const CHARACTERS_MAX: usize = 64;

/// What ids of this process begin with; a call costs no randomness.
static PROCESS: LazyLock<String> = LazyLock::new(|| digest::hex(&random_bytes::<6>()));
static CALLS: AtomicU64 = AtomicU64::new(0);

/// Answers with the id of the call.
pub(crate) async fn with_id(
    request: ServiceRequest, next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let id = given(&request).unwrap_or_else(fresh);
    let (method, path) = (request.method().clone(), shown(request.path()).to_owned());
    let mut response = next.call(request).await?;
    if response.status().is_server_error() && response.status().as_u16() != 503 {
        error!(request_id = id.to_str().unwrap_or_default(), %method, path, status = response.status().as_u16(), "a call failed");
    }
    response.headers_mut().insert(NAME, id);
    Ok(response)
}

/// What of an address is logged: pages of payers, links and callbacks have a code in it.
fn shown(path: &str) -> &str {
    if path.starts_with("/v1/") {
        return path;
    }
    let end = path.get(1..).and_then(|rest| rest.find('/')).map_or(path.len(), |at| at + 1);
    path.get(..end).unwrap_or("/")
}

/// The caller's id, if it can stand in a header and in a log.
fn given(request: &ServiceRequest) -> Option<HeaderValue> {
    let value = request.headers().get(&NAME)?;
    let fits = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(byte);
    let usable = (1..=CHARACTERS_MAX).contains(&value.len()) && value.as_bytes().iter().all(fits);
    usable.then(|| value.clone())
}

fn fresh() -> HeaderValue {
    let number = CALLS.fetch_add(1, Ordering::Relaxed);
    HeaderValue::from_str(&format!("{}-{number:x}", *PROCESS)).unwrap_or(HeaderValue::from_static("0"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_in_an_address_is_not_logged() {
        for (path, logged) in [
            ("/v1/transfers/trf_1", "/v1/transfers/trf_1"),
            ("/p/01KJPRZB00FTEABRTSRZAGR02Msecret", "/p"),
            ("/bo/login/secret", "/bo"),
            ("/callbacks/shop/sms/secret", "/callbacks"),
            ("/readyz", "/readyz"),
            ("/", "/"),
        ] {
            assert_eq!(shown(path), logged);
        }
    }
}
