//! Connections to a mail relay, kept for the next mail. A command leaves at once: the pool that comes with the SMTP
//! client has each mail wait for a delayed acknowledgement, 40 ms of nothing.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use lettre::address::Envelope;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, AsyncTokioStream, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::response::{Category, Code, Detail, Response, Severity};
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_rustls::client::TlsStream;

use super::tls;
use crate::config::{Smtp, SmtpTls};

/// Connections at once.
const CONNECTIONS_MAX: usize = 32;
/// How long it may take until a relay has taken a mail, and until it answers a call.
const ANSWER: Duration = Duration::from_secs(30);
const CONNECT: Duration = Duration::from_secs(10);
/// A connection that rested this long is asked whether it is still there, and one that rested longer is left.
const ASKED_AFTER: Duration = Duration::from_secs(1);
const LEFT_AFTER: Duration = Duration::from_secs(60);
/// The relay closes the connection. Source: RFC 5321 §3.8.
const CLOSING: Code =
    Code { severity: Severity::TransientNegativeCompletion, category: Category::Connections, detail: Detail::One };

/// Why a mail did not leave.
#[derive(Debug)]
pub(super) enum Failure {
    /// There is no session: nothing was said of the mail, and whatever it is, it is not the mail's fault.
    Unreachable(String),
    /// It did not answer in time.
    Silent,
    /// What it said of the mail.
    Refused(Error),
}

/// One relay.
pub(super) struct Relay {
    host: String,
    port: u16,
    tls: SmtpTls,
    credentials: Option<Credentials>,
    hello: ClientId,
    places: Semaphore,
    idle: Mutex<Vec<(AsyncSmtpConnection, Instant)>>,
}

impl Relay {
    pub(super) fn new(settings: &Smtp) -> Self {
        let credentials = settings.user.clone().zip(settings.password.as_ref());
        Self {
            host: settings.host.clone(),
            port: settings.port,
            tls: settings.tls,
            credentials: credentials.map(|(user, password)| Credentials::new(user, password.reveal().to_owned())),
            hello: ClientId::default(),
            places: Semaphore::new(CONNECTIONS_MAX),
            idle: Mutex::default(),
        }
    }

    /// Sends a mail by a connection that rests, or by a new one.
    pub(super) async fn send(&self, envelope: &Envelope, mail: &[u8]) -> Result<Response, Failure> {
        let Ok(_place) = self.places.acquire().await else {
            return Err(Failure::Unreachable("the service is stopping".to_owned()));
        };
        let sending = async {
            let rested = self.rested().await;
            let (mut connection, was_open) = match rested {
                Some(connection) => (connection, true),
                None => (self.connect().await?, false),
            };
            let mut sent = connection.send(envelope, mail).await;
            // It has had enough of this connection, and has taken nothing.
            if was_open && sent.as_ref().is_err_and(|error| error.status().is_some_and(|code| code == CLOSING)) {
                connection = self.connect().await?;
                sent = connection.send(envelope, mail).await;
            }
            let sent = sent.map_err(Failure::Refused)?;
            self.idle.lock().push((connection, Instant::now()));
            Ok(sent)
        };
        tokio::time::timeout(ANSWER, sending).await.unwrap_or(Err(Failure::Silent))
    }

    /// A connection that is still there; the one that rested least comes first.
    async fn rested(&self) -> Option<AsyncSmtpConnection> {
        loop {
            let (mut connection, since) = self.idle.lock().pop()?;
            let rested = since.elapsed();
            if rested < ASKED_AFTER || (rested < LEFT_AFTER && connection.test_connected().await) {
                return Some(connection);
            }
            // Those below have rested longer.
            if rested >= LEFT_AFTER {
                self.idle.lock().clear();
            }
        }
    }

    /// A connection on which mail may be sent.
    async fn connect(&self) -> Result<AsyncSmtpConnection, Failure> {
        let connecting = tokio::time::timeout(CONNECT, TcpStream::connect((self.host.as_str(), self.port))).await;
        let unreachable = Failure::Unreachable;
        let session = |error: Error| Failure::Unreachable(plain(&error));
        let stream = connecting.map_err(|_| unreachable("it does not answer".to_owned()))?;
        let stream = stream.map_err(|_| unreachable("it cannot be reached".to_owned()))?;
        stream.set_nodelay(true).map_err(|error| unreachable(error.to_string()))?;
        let stream: Box<dyn AsyncTokioStream> = match self.tls {
            SmtpTls::Implicit => {
                Box::new(Encrypted(tls::session(stream, &self.host, CONNECT).await.map_err(unreachable)?))
            }
            SmtpTls::StartTls | SmtpTls::None => Box::new(stream),
        };
        let connected = AsyncSmtpConnection::connect_with_transport(stream, &self.hello).await;
        let mut connection = connected.map_err(session)?;
        if self.tls == SmtpTls::StartTls {
            let parameters = TlsParameters::new(self.host.clone()).map_err(session)?;
            connection.starttls(parameters, &self.hello).await.map_err(session)?;
        }
        if let Some(credentials) = &self.credentials {
            connection.auth(DEFAULT_MECHANISMS, credentials).await.map_err(session)?;
        }
        Ok(connection)
    }
}

/// What went wrong, without the relay's words: they repeat the recipient's address.
pub(super) fn plain(error: &Error) -> String {
    match error.status() {
        Some(code) => format!("status {code}"),
        None if error.is_timeout() => "it did not answer in time".to_owned(),
        None if error.is_tls() => "the TLS session could not be opened".to_owned(),
        None if error.is_response() => "its answer is not SMTP".to_owned(),
        None if error.is_client() => "the session could not be started".to_owned(),
        None => "it cannot be reached, or the connection broke".to_owned(),
    }
}

/// A TLS session as the SMTP client takes it.
struct Encrypted(TlsStream<TcpStream>);

impl fmt::Debug for Encrypted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Encrypted(…)")
    }
}

impl AsyncTokioStream for Encrypted {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.get_ref().0.peer_addr()
    }
}

impl AsyncRead for Encrypted {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Encrypted {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().0).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_shutdown(cx)
    }
}
