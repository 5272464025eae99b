//! Connections to a mail relay, kept for the next mail. A command leaves at once: the pool that comes with the SMTP
//! client has each mail wait for a delayed acknowledgement, 40 ms of nothing.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use lettre::address::{Address, Envelope};
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, AsyncTokioStream, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt, Rset};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use lettre::transport::smtp::response::{Category, Code, Detail, Response, Severity};
use parking_lot::Mutex;
use rustls::ClientConfig;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_rustls::client::TlsStream;

use super::tls;
use crate::config::{Smtp, SmtpTls};

/// Connections at once.
const CONNECTIONS_MAX: usize = 32;
/// How long it may take until a relay answers a call, and a command.
const CONNECT: Duration = Duration::from_secs(10);
const ANSWER: Duration = Duration::from_secs(30);
/// How long until it says whether it has taken a mail: many look into it before they say. Whoever goes earlier sends it
/// twice. Source: RFC 5321 §4.5.3.2.6.
const TAKEN: Duration = Duration::from_secs(600);
/// A connection that rested this long is asked whether it is still there, and one that rested longer is left.
const ASKED_AFTER: Duration = Duration::from_secs(1);
const LEFT_AFTER: Duration = Duration::from_secs(60);
/// How long that answer is waited for, and the one that ends a mail which was refused.
const SHORTLY: Duration = Duration::from_secs(3);
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
    /// It says that nobody is at the address.
    Nobody(Error),
}

/// How the bytes are kept from others.
enum Security {
    Implicit(Arc<ClientConfig>),
    StartTls(TlsParameters),
    None,
}

/// One relay.
pub(super) struct Relay {
    host: String,
    port: u16,
    security: Security,
    credentials: Option<Credentials>,
    hello: ClientId,
    places: Semaphore,
    idle: Mutex<Vec<(AsyncSmtpConnection, Instant)>>,
}

impl Relay {
    pub(super) fn new(settings: &Smtp) -> Result<Self, String> {
        let credentials = settings.user.clone().zip(settings.password.as_ref());
        let security = match settings.tls {
            SmtpTls::Implicit => Security::Implicit(tls::config()),
            SmtpTls::StartTls => {
                Security::StartTls(TlsParameters::new(settings.host.clone()).map_err(|error| error.to_string())?)
            }
            SmtpTls::None => Security::None,
        };
        Ok(Self {
            host: settings.host.clone(),
            port: settings.port,
            security,
            credentials: credentials.map(|(user, password)| Credentials::new(user, password.reveal().to_owned())),
            hello: ClientId::default(),
            places: Semaphore::new(CONNECTIONS_MAX),
            idle: Mutex::default(),
        })
    }

    /// One on this machine that asks for nothing.
    pub(super) fn on_this_machine(port: u16) -> Result<Self, String> {
        Self::new(&Smtp {
            host: "127.0.0.1".to_owned(),
            port,
            tls: SmtpTls::None,
            user: None,
            password: None,
            bounces_to: None,
            verp: false,
            bounces_maildir: None,
            dkim: Vec::new(),
            per_minute: BTreeMap::new(),
        })
    }

    /// Sends a mail by a connection that rests, or by a new one.
    pub(super) async fn send(&self, envelope: &Envelope, mail: &[u8]) -> Result<Said, Failure> {
        let Ok(_place) = self.places.acquire().await else {
            return Err(Failure::Unreachable("the service is stopping".to_owned()));
        };
        if let Some(mut connection) = self.rested().await {
            match converse(&mut connection, envelope, mail).await {
                // It has had enough of this connection, and has taken nothing.
                Err((_, Taken::Nothing)) => {}
                Err((failure, Taken::Unknown)) => return Err(failure),
                Ok(said) => return self.keep(connection, said).await,
            }
        }
        let mut connection = tokio::time::timeout(ANSWER, self.connect()).await.unwrap_or(Err(Failure::Silent))?;
        let said = converse(&mut connection, envelope, mail).await.map_err(|(failure, _)| failure)?;
        self.keep(connection, said).await
    }

    /// Keeps a connection for the next mail; what was refused is put aside on it.
    async fn keep(&self, mut connection: AsyncSmtpConnection, said: Result<Said, NotTaken>) -> Result<Said, Failure> {
        let fit = said.is_ok() || within(SHORTLY, connection.command(Rset)).await.is_some_and(|said| said.is_ok());
        if fit {
            let mut idle = self.idle.lock();
            idle.retain(|(_, since)| since.elapsed() < LEFT_AFTER);
            idle.push((connection, Instant::now()));
        }
        said.map_err(|NotTaken { error, of_recipient }| match of_recipient {
            true => Failure::Nobody(error),
            false => Failure::Refused(error),
        })
    }

    /// A connection that is still there; the one that rested least comes first.
    async fn rested(&self) -> Option<AsyncSmtpConnection> {
        loop {
            let (mut connection, since) = self.idle.lock().pop()?;
            let rested = since.elapsed();
            if rested < ASKED_AFTER
                || (rested < LEFT_AFTER && within(SHORTLY, connection.test_connected()).await == Some(true))
            {
                return Some(connection);
            }
        }
    }

    /// A connection on which mail may be sent.
    async fn connect(&self) -> Result<AsyncSmtpConnection, Failure> {
        let connecting = within(CONNECT, TcpStream::connect((self.host.as_str(), self.port))).await;
        let unreachable = Failure::Unreachable;
        let session = |error: Error| Failure::Unreachable(plain(&error));
        let stream = connecting.ok_or_else(|| unreachable("it does not answer".to_owned()))?;
        let stream = stream.map_err(|_| unreachable("it cannot be reached".to_owned()))?;
        stream.set_nodelay(true).map_err(|error| unreachable(error.to_string()))?;
        let stream: Box<dyn AsyncTokioStream> = match &self.security {
            Security::Implicit(config) => {
                let session = tls::session(Arc::clone(config), stream, &self.host, CONNECT).await;
                Box::new(Encrypted(session.map_err(unreachable)?))
            }
            Security::StartTls(_) | Security::None => Box::new(stream),
        };
        let connected = AsyncSmtpConnection::connect_with_transport(stream, &self.hello).await;
        let mut connection = connected.map_err(session)?;
        if let Security::StartTls(parameters) = &self.security {
            connection.starttls(parameters.clone(), &self.hello).await.map_err(session)?;
        }
        if let Some(credentials) = &self.credentials {
            connection.auth(DEFAULT_MECHANISMS, credentials).await.map_err(session)?;
        }
        Ok(connection)
    }
}

/// What a relay may have of a mail that it did not answer.
enum Taken {
    Nothing,
    Unknown,
}

/// Says a mail on a connection: what the relay said of it, or why the connection is of no more use.
async fn converse(
    connection: &mut AsyncSmtpConnection, envelope: &Envelope, mail: &[u8],
) -> Result<Result<Said, NotTaken>, (Failure, Taken)> {
    let mut options = Vec::new();
    let is_ascii = |address: &Address| AsRef::<str>::as_ref(address).is_ascii();
    let wanted = [
        // Source: RFC 6531 §3.4.
        (
            !envelope.to().iter().chain(envelope.from()).all(is_ascii),
            Extension::SmtpUtfEight,
            MailParameter::SmtpUtfEight,
        ),
        // Source: RFC 6152.
        (!mail.is_ascii(), Extension::EightBitMime, MailParameter::Body(MailBodyParameter::EightBitMime)),
    ];
    for (_, extension, parameter) in wanted.into_iter().filter(|(wanted, ..)| *wanted) {
        if !connection.server_info().supports_feature(extension) {
            let why = format!("it does not know {extension}");
            return Err((Failure::Unreachable(why), Taken::Unknown)); // No other connection would.
        }
        options.push(parameter);
    }
    let said = command(connection, Mail::new(envelope.from().cloned(), options)).await?;
    if let Err(error) = said {
        return Ok(Err(NotTaken { error, of_recipient: false }));
    }
    // An address that is refused for good keeps nothing from the others; one that may be taken later would have them
    // read the mail twice.
    let mut refused = Vec::new();
    for to in envelope.to() {
        match command(connection, Rcpt::new(to.clone(), Vec::new())).await? {
            Ok(_) => {}
            Err(error) if error.is_permanent() => refused.push(error),
            Err(error) => return Ok(Err(NotTaken { error, of_recipient: false })),
        }
    }
    let left_out = refused.len();
    if left_out == envelope.to().len()
        && let Some(error) = refused.pop()
    {
        return Ok(Err(NotTaken { of_recipient: says_nobody(&error), error }));
    }
    if let Err(error) = command(connection, Data).await? {
        return Ok(Err(NotTaken { error, of_recipient: false }));
    }
    match within(TAKEN, connection.message(mail)).await {
        None => Err((Failure::Silent, Taken::Unknown)),
        Some(Err(error)) if closes(&error) => Err((Failure::Refused(error), Taken::Nothing)),
        Some(Err(error)) if error.status().is_none() => Err((Failure::Refused(error), Taken::Unknown)),
        Some(Ok(response)) => Ok(Ok(Said { response, left_out })),
        Some(Err(error)) => Ok(Err(NotTaken { error, of_recipient: false })),
    }
}

/// What a relay said of a mail that it took.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) response: Response,
    /// How many addresses it does not take mail for.
    pub(super) left_out: usize,
}

/// What a relay said of a mail that it did not take.
struct NotTaken {
    error: Error,
    /// Whether it says that nobody is at the address.
    of_recipient: bool,
}

/// Whether an answer says that nobody is at an address, and not that the relay wants no mail from here. Source: RFC 3463
/// §3.2, §3.3: X.1.1 to X.1.6 and X.1.10, bad addresses; X.2.1, a mailbox that is disabled.
fn says_nobody(error: &Error) -> bool {
    let told = error.to_string();
    let codes = ["5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"];
    told.split(|c: char| !c.is_ascii_digit() && c != '.').any(|word| codes.contains(&word))
}

/// A command before the mail itself: whatever becomes of the connection, nothing was taken.
async fn command(
    connection: &mut AsyncSmtpConnection, command: impl Display,
) -> Result<Result<Response, Error>, (Failure, Taken)> {
    match within(ANSWER, connection.command(command)).await {
        None => Err((Failure::Silent, Taken::Nothing)),
        Some(Err(error)) if error.status().is_none() || closes(&error) => {
            Err((Failure::Refused(error), Taken::Nothing))
        }
        Some(said) => Ok(said),
    }
}

fn closes(error: &Error) -> bool {
    error.status().is_some_and(|code| code == CLOSING)
}

async fn within<T>(time: Duration, waiting: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(time, waiting).await.ok()
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

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::net::{TcpListener, TcpStream};
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// What a relay does with what its connections bring.
    #[derive(Clone, Copy)]
    enum Manner {
        /// Hangs up after each mail, without a word.
        HangsUp,
        /// Says that it closes when a second mail comes.
        Closes,
        /// Refuses recipients whose name begins with `no`.
        Refuses,
        /// Lets nobody in.
        Locked,
    }

    #[derive(Default)]
    struct Seen {
        connections: AtomicUsize,
        mails: AtomicUsize,
    }

    fn relay(manner: Manner) -> (Relay, Arc<Seen>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Seen::default());
        let counted = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                counted.connections.fetch_add(1, Ordering::SeqCst);
                let counted = Arc::clone(&counted);
                std::thread::spawn(move || session(stream, manner, &counted));
            }
        });
        (Relay::on_this_machine(port).unwrap(), seen)
    }

    fn session(stream: TcpStream, manner: Manner, seen: &Seen) -> Option<()> {
        let mut reader = BufReader::new(stream);
        let (mut line, mut mails, mut answer) = (String::new(), 0, "220 relay");
        loop {
            reader.get_mut().write_all(format!("{answer}\r\n").as_bytes()).ok()?;
            line.clear();
            reader.read_line(&mut line).ok().filter(|length| *length > 0)?;
            answer = match line.get(..4)? {
                "EHLO" if matches!(manner, Manner::Locked) => "250-relay\r\n250 AUTH PLAIN",
                "AUTH" => "535 not you",
                "MAIL" if matches!(manner, Manner::Closes) && mails > 0 => "421 enough",
                "RCPT" if matches!(manner, Manner::Refuses) && line.contains("<not") => "550 5.7.1 not from you",
                "RCPT" if matches!(manner, Manner::Refuses) && line.contains("<no") => "550 5.1.1 nobody",
                "DATA" => {
                    reader.get_mut().write_all(b"354 go on\r\n").ok()?;
                    while line != ".\r\n" {
                        line.clear();
                        reader.read_line(&mut line).ok().filter(|length| *length > 0)?;
                    }
                    mails += 1;
                    seen.mails.fetch_add(1, Ordering::SeqCst);
                    if matches!(manner, Manner::HangsUp) {
                        return reader.get_mut().write_all(b"250 taken\r\n").ok();
                    }
                    "250 taken"
                }
                _ => "250 fine",
            };
        }
    }

    async fn send(relay: &Relay, to: &str) -> Result<Said, Failure> {
        let address = |user: &str| lettre::Address::new(user, "example.org").unwrap();
        let to = to.split(',').map(address).collect();
        let envelope = Envelope::new(Some(address("from")), to).unwrap();
        relay.send(&envelope, b"Subject: Hello\r\n\r\nWorld\r\n").await
    }

    #[tokio::test]
    async fn a_connection_that_ends_between_two_mails_costs_neither() {
        for manner in [Manner::HangsUp, Manner::Closes] {
            let (relay, seen) = relay(manner);
            for _ in 0..5 {
                send(&relay, "to").await.unwrap();
            }
            assert_eq!((seen.connections.load(Ordering::SeqCst), seen.mails.load(Ordering::SeqCst)), (5, 5));
        }
    }

    #[tokio::test]
    async fn a_refused_recipient_is_told_and_leaves_the_connection_to_the_next() {
        let (relay, seen) = relay(Manner::Refuses);
        for to in ["to", "nobody", "to", "nowhere", "not-from-us", "to"] {
            match (to, send(&relay, to).await) {
                ("nobody" | "nowhere", Err(Failure::Nobody(error))) => assert!(error.is_permanent(), "{error}"),
                ("not-from-us", Err(Failure::Refused(error))) => assert!(error.is_permanent(), "{error}"),
                ("to", Ok(_)) => {}
                (_, other) => panic!("{to}: {other:?}"),
            }
        }
        // Of a team, those who are there hear of it.
        let said = send(&relay, "ana,nobody,bob").await.unwrap();
        assert_eq!(said.left_out, 1);
        assert_eq!((seen.connections.load(Ordering::SeqCst), seen.mails.load(Ordering::SeqCst)), (1, 4));
    }

    #[tokio::test]
    async fn an_address_outside_ascii_waits_for_a_relay_that_takes_it() {
        let (relay, seen) = relay(Manner::Refuses);
        match send(&relay, "jérôme").await {
            Err(Failure::Unreachable(why)) => assert_eq!(why, "it does not know SMTPUTF8"),
            other => panic!("{other:?}"),
        }
        assert_eq!(seen.mails.load(Ordering::SeqCst), 0);
    }

    #[tokio::test]
    async fn a_password_that_is_refused_is_not_the_fault_of_the_mail() {
        let (mut relay, seen) = relay(Manner::Locked);
        relay.credentials = Some(Credentials::new("quittance".to_owned(), "old".to_owned()));
        match send(&relay, "to").await {
            Err(Failure::Unreachable(why)) => assert_eq!(why, "status 535"),
            other => panic!("{other:?}"),
        }
        assert_eq!(seen.mails.load(Ordering::SeqCst), 0);
    }

    #[tokio::test]
    async fn a_relay_that_is_not_there_is_said_to_be() {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let (mut relay, _) = relay(Manner::Refuses);
        relay.port = port;
        assert!(matches!(send(&relay, "to").await, Err(Failure::Unreachable(_))));
    }
}
