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
    let (method, path) = (request.method().clone(), request.path().to_owned());
    let mut response = next.call(request).await?;
    if response.status().is_server_error() && response.status().as_u16() != 503 {
        error!(request_id = id.to_str().unwrap_or_default(), %method, path, status = response.status().as_u16(), "a call failed");
    }
    response.headers_mut().insert(NAME, id);
    Ok(response)
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
