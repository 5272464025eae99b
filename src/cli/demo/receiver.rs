//! The ERP's end of the hook: a receiver that verifies every signature.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use subtle::ConstantTimeEq as _;

use crate::channels::hook::SigningKey;

type Key = Arc<OnceLock<SigningKey>>;

/// A hook receiver on this machine.
pub(super) struct Receiver {
    /// Where it listens.
    pub address: SocketAddr,
    key: Key,
}

impl Receiver {
    /// Starts it on any free port.
    pub(super) fn start() -> anyhow::Result<Self> {
        let key: Key = Arc::default();
        let shared = web::Data::new(Arc::clone(&key));
        let server =
            HttpServer::new(move || App::new().app_data(shared.clone()).route("/hooks/erp", web::post().to(receive)));
        let server = server.workers(1).disable_signals().bind(("127.0.0.1", 0))?;
        let address = server.addrs().first().copied();
        actix::spawn(server.run());
        let address = address.ok_or_else(|| anyhow::Error::msg("the receiver has no address"))?;
        Ok(Self { address, key })
    }

    /// Names the secret that signatures are verified with.
    pub(super) fn expect(&self, secret: &str) -> anyhow::Result<()> {
        let _ = self.key.set(SigningKey::parse(secret)?);
        Ok(())
    }
}

async fn receive(key: web::Data<Key>, request: HttpRequest, body: web::Bytes) -> HttpResponse {
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (id, shown) = (header("webhook-id"), header("webhook-signature"));
    let timestamp_s: i64 = header("webhook-timestamp").parse().unwrap_or(0);
    let verified =
        key.get().is_some_and(|key| bool::from(key.sign(id, timestamp_s, &body).as_bytes().ct_eq(shown.as_bytes())));
    let event: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    let kind = event.get("type").and_then(|kind| kind.as_str()).unwrap_or("?");
    let invoice = event.pointer("/data/request/external_ref").and_then(|text| text.as_str()).unwrap_or("");
    if verified {
        println!("          hook      {kind} {invoice} → the ERP's receiver, signature verified, 204");
        HttpResponse::NoContent().finish()
    } else {
        println!("          hook      {kind} {invoice} → the ERP's receiver, signature wrong, 401");
        HttpResponse::Unauthorized().finish()
    }
}
