//! TLS over a connection that is there, as SMSCs and mail relays speak it: certificates of the system's authorities.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// Opens a TLS session with a server of this name, within a time.
pub(super) async fn session(stream: TcpStream, name: &str, within: Duration) -> Result<TlsStream<TcpStream>, String> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let config = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let name = rustls::pki_types::ServerName::try_from(name.to_owned()).map_err(|error| error.to_string())?;
    let connecting = tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream);
    let connected = tokio::time::timeout(within, connecting).await;
    connected.map_err(|_| "TLS: no answer".to_owned())?.map_err(|error| format!("TLS: {error}"))
}
