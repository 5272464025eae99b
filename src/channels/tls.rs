//! TLS over a connection that is there, as SMSCs and mail relays speak it: certificates of the system's authorities.

use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// What is trusted; read once, for all sessions.
pub(super) fn config() -> Arc<ClientConfig> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth())
}

/// Opens a TLS session with a server of this name, within a time.
pub(super) async fn session(
    config: Arc<ClientConfig>, stream: TcpStream, name: &str, within: Duration,
) -> Result<TlsStream<TcpStream>, String> {
    let name = rustls::pki_types::ServerName::try_from(name.to_owned()).map_err(|error| error.to_string())?;
    let connecting = tokio_rustls::TlsConnector::from(config).connect(name, stream);
    let connected = tokio::time::timeout(within, connecting).await;
    connected.map_err(|_| "TLS: no answer".to_owned())?.map_err(|error| format!("TLS: {error}"))
}
