//! What `quittance.toml` says: the service, its tenants, and where things come in and go out.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use ipnet::IpNet;
use quittance_actors::account_numbers::AccountNumbers;
use quittance_actors::feed::Expectation;
use quittance_actors::payment_request::{Finality, LateTerms};
use quittance_actors::policies::{Contact, LINK_DAYS, Payouts};
use quittance_actors::values::{EmailAddress, Iban, Language, TenantId, Timestamp, Zone};

use super::endpoints::Endpoint;
use super::person::Person;
use super::sms::SmsProvider;
use super::sms_price::SmsPrice;
use crate::export::{Accounts, Layout, StatusFormat};
use crate::formats::orders::Initiator;

/// The service.
#[derive(Debug, Clone)]
pub struct Service {
    /// The HTTP server.
    pub server: Server,
    /// Where things are kept.
    pub data: Data,
    /// How e-mail leaves.
    pub email: EmailTransport,
    /// How SMS leave.
    pub sms: SmsProvider,
    /// What one message by it costs.
    pub sms_price: Option<SmsPrice>,
    /// How hooks leave.
    pub hooks: Hooks,
    /// Merchants.
    pub tenants: Vec<Tenant>,
    /// Hook endpoints.
    pub endpoints: Vec<Endpoint>,
    /// Directories watched.
    pub feeds: Vec<Feed>,
    /// Directories written.
    pub outgoing: Vec<Outgoing>,
    /// Who collects, and who pays out.
    pub connectors: Vec<Connector>,
    /// Who signs in to the back office; whoever has the one-time link when nobody does.
    pub people: Vec<Person>,
    /// Whether some tenant could not be read.
    pub(super) incomplete: bool,
}

/// The HTTP server.
#[derive(Debug, Clone)]
pub struct Server {
    /// The address; loopback unless a proxy with TLS stands in front.
    pub listen: SocketAddr,
    /// How people reach it, for links.
    pub public_url: Option<String>,
    /// What makes the codes of addresses that others call.
    pub callback_key: Option<Secret>,
    /// Whether a proxy with TLS stands in front.
    pub behind_tls_proxy: bool,
}

/// Where things are kept.
#[derive(Debug, Clone)]
pub struct Data {
    /// The data directory.
    pub dir: String,
    /// How often a checkpoint is offered.
    pub checkpoint_every_ms: u64,
    /// Entities kept in memory at most, apart from those not checkpointed yet.
    pub resident_entities: usize,
}

/// How e-mail leaves.
#[derive(Debug, Clone)]
pub enum EmailTransport {
    /// It is caught and shown.
    Catch,
    /// By SMTP.
    Smtp(Smtp),
}

/// An SMTP relay.
#[derive(Debug, Clone)]
pub struct Smtp {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Whether and how TLS is used.
    pub tls: SmtpTls,
    /// The user, if it asks for one.
    pub user: Option<String>,
    /// The password of the user.
    pub password: Option<Secret>,
    /// Who is told when a mail does not arrive, if not the sender.
    pub bounces_to: Option<EmailAddress>,
    /// Whether that address says of which mail each is: `bounces+ID@…`.
    pub verp: bool,
    /// The maildir in which a mail server puts what comes back.
    pub bounces_maildir: Option<String>,
    /// The keys by which mail is signed.
    pub dkim: Vec<Dkim>,
    /// Mails in a minute at most to the mailboxes of a domain.
    pub per_minute: BTreeMap<String, u32>,
}

/// A key by which the mail of a domain is signed.
#[derive(Debug, Clone)]
pub struct Dkim {
    /// The domain of senders.
    pub domain: String,
    /// The name under which the public key stands in the DNS: `SELECTOR._domainkey.DOMAIN`.
    pub selector: String,
    /// The private key, in PEM.
    pub key: Secret,
}

/// TLS towards the relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpTls {
    /// From the start.
    Implicit,
    /// By STARTTLS, required.
    StartTls,
    /// None: a relay on this machine.
    None,
}

/// How hooks leave.
#[derive(Debug, Clone)]
pub struct Hooks {
    /// Networks that may be called although they are private.
    pub allow: Vec<IpNet>,
    /// Whether plain HTTP is allowed.
    pub allow_http: bool,
    /// The one deadline of a call.
    pub timeout_ms: u64,
    /// Waits between tries; `None` for the default ladder.
    pub retry_ms: Option<Vec<i64>>,
    /// How long nothing may arrive by a way until people are told.
    pub failing_after_seconds: i64,
}

/// A secret, and where it comes from. `Debug` never shows it.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Takes a secret.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    /// The secret, for the one place that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// A merchant.
#[derive(Debug, Clone)]
pub struct Tenant {
    /// Its id.
    pub id: TenantId,
    /// Its name on messages and screens.
    pub name: String,
    /// Its zone.
    pub zone: Zone,
    /// Its calendar.
    pub calendar: String,
    /// The language of its team.
    pub language: Language,
    /// Where its test clock starts; `None` for real time.
    pub test_clock: Option<Timestamp>,
    /// The sender of its e-mail.
    pub email_from: EmailAddress,
    /// The sender of its SMS.
    pub sms_from: String,
    /// The scenario of requests that name none.
    pub default_scenario: Option<String>,
    /// The retry policy of collections that name none.
    pub default_retry_policy: Option<String>,
    /// When people may be written to by reminders.
    pub contact: Contact,
    /// Days before a card's end at which it is announced.
    pub card_notices_days: Vec<i32>,
    /// The seed of its short references; it never changes.
    pub reference_seed: u64,
    /// Its virtual IBANs, and who is given one.
    pub virtual_ibans: Option<AccountNumbers>,
    /// Whose orders to banks are: name, account, creditor identifier.
    pub initiator: Option<Initiator>,
    /// Lists of addresses by name.
    pub lists: BTreeMap<String, Vec<EmailAddress>>,
    /// Where the ERP's status file is written.
    pub status_export: Option<String>,
    /// How it is written.
    pub status_format: StatusFormat,
    /// The merchant's own accounts; all are its own when none is named.
    pub own_accounts: Vec<Iban>,
    /// How money is given back.
    pub payouts: Payouts,
    /// How long a payment may come back.
    pub finality: Finality,
    /// Within how many business days a task should be decided.
    pub task_business_days: Option<u16>,
    /// How many days the words of what was written to people are kept; for ever without it.
    pub keep_messages_days: Option<u16>,
    /// What late business payers owe it beside the amount.
    pub late_terms: Option<LateTerms>,
    /// What payers may do on the page of a request.
    pub portal: Portal,
    /// The accounts of its books.
    pub accounts: Accounts,
    /// Who may call the API.
    pub api_keys: Vec<ApiKey>,
}

/// What payers may do on the page of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Portal {
    /// So many days after the request came in the page is there.
    pub days: u16,
    /// At most so many days ahead a payment may be promised; nothing may be with 0.
    pub promise_days: u16,
    /// How often, for one request.
    pub most_promises: u16,
    /// Whether a request may be disputed.
    pub disputes: bool,
}

impl Default for Portal {
    fn default() -> Self {
        Self { days: LINK_DAYS, promise_days: 14, most_promises: 3, disputes: true }
    }
}

/// A key of the API.
#[derive(Debug, Clone)]
pub struct ApiKey {
    /// Its name.
    pub id: String,
    /// SHA-256 of the key, in hexadecimal.
    pub sha256: String,
    /// Whether who has it may publish rules, scenarios, policies and templates.
    pub configures: bool,
    /// Whether who has it may approve what is given back; unless it says, only where no people sign in.
    pub approves: Option<bool>,
    /// Whether who has it only looks.
    pub reads_only: bool,
    /// How many calls it makes in a minute at most.
    pub per_minute: Option<u32>,
}

/// A directory watched.
#[derive(Debug, Clone)]
pub struct Feed {
    /// Whose.
    pub tenant: TenantId,
    /// Its name.
    pub name: String,
    /// The directory.
    pub dir: String,
    /// What it brings.
    pub format: FeedFormat,
    /// When a file is complete.
    pub ready: Ready,
    /// Whether one wrong row refuses the whole file.
    pub all_or_nothing: bool,
    /// When files are expected, if they are.
    pub expectation: Option<Expectation>,
}

impl Feed {
    /// How long a file of it rests before it is complete.
    pub fn settles_for(&self) -> Duration {
        match self.ready {
            Ready::Stable(millis) => Duration::from_millis(millis),
            Ready::Rename | Ready::Marker(_) | Ready::Manifest => Duration::ZERO,
        }
    }
}

/// What a feed brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeedFormat {
    /// Invoices, customers, credit notes and cancellations of an ERP: columns, JSON lines or XML.
    Invoices {
        /// The mapping of columns.
        mapping: String,
    },
    /// Statements and status reports of a bank, each in the format its first bytes say.
    Bank,
}

/// When a file is complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ready {
    /// Its size and time rest this long, in milliseconds.
    Stable(u64),
    /// It is renamed into place, away from `.part` or `.tmp`.
    Rename,
    /// A file with this ending stands beside it.
    Marker(String),
    /// A file `name.sha256` beside it holds its digest, as `sha256sum` writes it.
    Manifest,
}

/// A directory written.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// Whose.
    pub tenant: TenantId,
    /// Its name.
    pub name: String,
    /// The directory.
    pub dir: String,
    /// Files of many events; a file an event without.
    pub batch: Option<EventFiles>,
}

/// Files of many events.
#[derive(Debug, Clone)]
pub struct EventFiles {
    /// So long after its first event a file is written at the latest.
    pub seconds: i64,
    /// Events of a file at most.
    pub rows: usize,
    /// What stands in it.
    pub layout: Layout,
}

/// Who collects.
#[derive(Debug, Clone)]
pub struct Connector {
    /// Whose.
    pub tenant: TenantId,
    /// Its name.
    pub name: String,
    /// How it is asked.
    pub kind: ConnectorKind,
}

/// What a payment provider can be asked beside collecting, and what it tells of itself.
#[derive(Debug, Clone, Default)]
pub struct AskedBy {
    /// Where it says what became of an attempt.
    pub inquire_url: Option<String>,
    /// Where it leaves an attempt.
    pub cancel_url: Option<String>,
    /// Where it pays back.
    pub refund_url: Option<String>,
    /// How long after an attempt has left it is first asked about, in milliseconds.
    pub first_inquiry_ms: i64,
    /// The key by which its callbacks are signed.
    pub callback_secret: Option<Secret>,
}

/// How a connector is asked to collect.
#[derive(Debug, Clone)]
pub enum ConnectorKind {
    /// A signed call to a payment provider, or to a service in front of one.
    Http {
        /// Its address.
        url: String,
        /// The signing secret, `whsec_…`.
        secret: Secret,
        /// What else it can be asked.
        asked: AskedBy,
    },
    /// Files of SEPA direct debits for a bank (pain.008).
    DirectDebitFile {
        /// Where they are written.
        dir: String,
        /// Whether a `.sha256` stands beside each: a courier checks it, a bank may take it for an order.
        checksum: bool,
    },
    /// Files of SEPA credit transfers for a bank (pain.001): money that is given back.
    CreditTransferFile {
        /// Where they are written.
        dir: String,
        /// Whether a `.sha256` stands beside each.
        checksum: bool,
    },
    /// Nobody: answers follow from the instrument's name, for sandboxes and tests.
    Simulator {
        /// How long after an attempt has left it is first asked about, in milliseconds; it is not, when `None`.
        first_inquiry_ms: Option<i64>,
    },
}

impl ConnectorKind {
    /// Whether it pays back.
    pub fn pays_out(&self) -> bool {
        match self {
            ConnectorKind::CreditTransferFile { .. } | ConnectorKind::Simulator { .. } => true,
            ConnectorKind::Http { asked, .. } => asked.refund_url.is_some(),
            ConnectorKind::DirectDebitFile { .. } => false,
        }
    }
}

impl Service {
    /// Finds a tenant.
    pub fn tenant(&self, id: &TenantId) -> Option<&Tenant> {
        self.tenants.iter().find(|tenant| tenant.id == *id)
    }
}
