//! SMS by SMPP 3.4: one bind to an SMSC for all lanes, kept alive, opened again when it ends.
//!
//! ```text
//! text ─► parts (GSM 7 bit or UCS-2, with a header that joins them) ─► submit_sm, so many at once ─► id ─► noted
//! deliver_sm ─► a receipt: of which message │ what somebody writes ─► handed on, acknowledged when it is recorded
//! ```
//!
//! What the SMSC may have taken is not sent a second time by itself: no key would tell it that it is the same.

mod ids;

pub use ids::Ids;

use std::str::FromStr as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use futures_util::StreamExt as _;
use parking_lot::Mutex;
use quittance_actors::delivery::{Fault, Verdict};
use rusmpp::pdus::{BindTransceiver, DeliverSm, DeliverSmResp, SubmitSm};
use rusmpp::types::{COctetString, OctetString};
use rusmpp::values::{
    DataCoding, EsmClass, InterfaceVersion, IntermediateNotification, MCDeliveryReceipt, MessageType, Npi,
    RegisteredDelivery, SmeOriginatedAcknowledgement, Ton,
};
use rusmpp::{Command, CommandStatus, Pdu};
use rusmppc::error::Error;
use rusmppc::{Client, ConnectionBuilder, Event};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tracing::{info, warn};

use super::{About, Sms, later, never, tls};
use crate::config::Smpp;
use crate::gsm::{Written, written};

/// How long an answer is waited for.
const ANSWER: Duration = Duration::from_secs(15);
/// How long it may take until somebody answers a call.
const CONNECT: Duration = Duration::from_secs(5);
/// The pause between two signs of life, and between two tries to bind.
const ALIVE: Duration = Duration::from_secs(30);
const AGAIN: Duration = Duration::from_secs(5);
/// Tries of a further part that the SMSC is too busy for: what was begun is brought to an end.
const PART_TRIES: usize = 5;
/// The pause between them.
const PART_PAUSE: Duration = Duration::from_secs(1);
/// The header that joins the parts of a text: its length, what it is, and the length of that. Source: 3GPP TS 23.040 §9.2.3.24.1.
const HEADER_BYTES: u8 = 5;
const JOINED: u8 = 0;
const JOINED_BYTES: u8 = 3;
/// What came in and waits for being recorded.
const TOLD_MAX: usize = 1_024;
/// Bytes of a command that comes in.
const COMMAND_BYTES_MAX: usize = 64 << 10;

/// What an SMSC tells of its own accord. It is acknowledged once the answer says that it was recorded.
#[derive(Debug)]
pub enum Told {
    /// What became of a message.
    Receipt {
        /// The SMSC's id of it.
        id: String,
        /// The status, such as `DELIVRD`.
        status: String,
        /// The error, as the SMSC numbers them.
        error: String,
    },
    /// What somebody writes.
    Text {
        /// Who.
        from: String,
        /// To which number.
        to: String,
        /// What.
        text: String,
    },
}

/// Something told, and where it is said that it was recorded.
pub type Heard = (Told, oneshot::Sender<()>);

/// The bind to an SMSC.
pub struct SmppLink {
    settings: Smpp,
    client: tokio::sync::Mutex<Option<Client>>,
    window: Semaphore,
    ids: Mutex<Ids>,
    heard: mpsc::Sender<Heard>,
    reference: AtomicU16,
}

impl SmppLink {
    /// A link that is opened when it is needed, and what comes in by it.
    pub fn new(settings: Smpp, ids: Ids) -> (Arc<Self>, mpsc::Receiver<Heard>) {
        let (heard, told) = mpsc::channel(TOLD_MAX);
        let window = Semaphore::new(usize::from(settings.window));
        let reference = AtomicU16::new(u16::from_be_bytes(crate::clock::random_bytes::<2>()));
        let client = tokio::sync::Mutex::new(None);
        (Arc::new(Self { settings, client, window, ids: Mutex::new(ids), heard, reference }), told)
    }

    /// Keeps the link open, so that receipts come whether or not anything is sent.
    pub async fn keep(self: Arc<Self>) {
        let mut told = false;
        loop {
            match self.bound().await {
                Ok(client) => {
                    told = false;
                    client.closed().await;
                }
                Err(why) if !told => {
                    warn!(smsc = %self.settings.address, %why, "the SMSC cannot be bound to, it is tried again");
                    told = true;
                }
                Err(_) => {}
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// Which message an SMSC's id names.
    pub fn about(&self, id: &str) -> Option<About> {
        self.ids.lock().find(id).cloned()
    }

    /// The bind, opened if there is none.
    async fn bound(&self) -> Result<Client, String> {
        let mut held = self.client.lock().await;
        if let Some(client) = held.as_ref().filter(|client| client.is_active()) {
            return Ok(client.clone());
        }
        let Smpp { address, user, password, system_type, .. } = &self.settings;
        let connecting = tokio::time::timeout(CONNECT, TcpStream::connect(address.as_str())).await;
        let stream = connecting.map_err(|_| "no connection".to_owned())?.map_err(|error| error.to_string())?;
        let _ = stream.set_nodelay(true); // Only slower without.
        let builder = ConnectionBuilder::new()
            .max_command_length(COMMAND_BYTES_MAX)
            .response_timeout(ANSWER)
            .enquire_link_interval(ALIVE)
            .enquire_link_response_timeout(ANSWER)
            .disable_interface_version_check();
        let (client, events) = match &self.settings.tls_name {
            None => {
                let (client, events) = builder.connected(stream);
                (client, events.boxed())
            }
            Some(name) => {
                let tls = tls::session(tls::config(), stream, name, CONNECT).await?;
                let (client, events) = builder.connected(tls);
                (client, events.boxed())
            }
        };
        let text = |text: &str| COctetString::from_str(text).map_err(|error| error.to_string());
        let bind = BindTransceiver::builder()
            .system_id(text(user)?)
            .password(COctetString::from_str(password.reveal()).map_err(|error| error.to_string())?)
            .system_type(COctetString::from_str(system_type).map_err(|error| error.to_string())?)
            .interface_version(InterfaceVersion::Smpp3_4)
            .build();
        client.bind_transceiver(bind).await.map_err(|error| said(&error))?;
        info!(smsc = %address, "bound to the SMSC");
        tokio::spawn(listen(client.clone(), events, self.heard.clone()));
        *held = Some(client.clone());
        Ok(client)
    }

    /// Sends once.
    pub async fn send(&self, sms: &Sms<'_>) -> Verdict {
        let parts = match self.parts(sms) {
            Ok(parts) => parts,
            Err(why) => return never(Fault::Content, format!("it cannot be written as an SMS: {why}")),
        };
        let client = match self.bound().await {
            Ok(client) => client,
            Err(why) => return later(Fault::Connection, format!("SMSC, {why}")),
        };
        let Ok(_place) = self.window.acquire().await else { return later(Fault::Service, "it is stopping") };
        let (count, mut first) = (parts.len(), None);
        for (place, part) in parts.into_iter().enumerate() {
            match self.submitted(&client, part, place).await {
                Ok(id) => {
                    self.noted(&id, sms);
                    first.get_or_insert(id);
                }
                // Nothing of it was taken.
                Err(verdict) if place == 0 => return verdict,
                Err(Verdict::Later { error, .. } | Verdict::Never { error, .. } | Verdict::Declined { error }) => {
                    let told = format!("{place} of {count} parts were taken, then: {error}; not sent again");
                    return never(Fault::Unheard, told);
                }
                Err(Verdict::Accepted { .. }) => {}
            }
        }
        Verdict::Accepted { detail: first.unwrap_or_default().chars().take(60).collect() }
    }

    /// Submits a part; a further one is brought to an end when the SMSC is only busy.
    async fn submitted(&self, client: &Client, part: SubmitSm, place: usize) -> Result<String, Verdict> {
        for left in (0..PART_TRIES).rev() {
            if !client.is_active() {
                return Err(later(Fault::Connection, "the link to the SMSC has ended"));
            }
            match client.submit_sm(part.clone()).await {
                Ok(answer) => return Ok(answer.message_id().to_string()),
                Err(Error::UnexpectedResponse { response }) => {
                    let status = response.status();
                    let busy = matches!(status, CommandStatus::EsmeRthrottled | CommandStatus::EsmeRmsgqful);
                    if busy && place > 0 && left > 0 {
                        tokio::time::sleep(PART_PAUSE).await;
                        continue;
                    }
                    let told = format!("{status:?}");
                    return Err(if busy {
                        later(Fault::Busy, format!("SMSC, {told}"))
                    } else {
                        never(Fault::Refused, format!("by the SMSC, {told}"))
                    });
                }
                Err(Error::Encode(error)) => {
                    return Err(never(Fault::Content, format!("it cannot be written as SMPP: {error}")));
                }
                // It may have been heard.
                Err(_) => return Err(never(Fault::Unheard, "the SMSC may have taken it; not sent again")),
            }
        }
        Err(later(Fault::Busy, "SMSC"))
    }

    fn noted(&self, id: &str, sms: &Sms<'_>) {
        if let Some(about) = &sms.about
            && let Err(error) = self.ids.lock().note(id, about)
        {
            warn!(delivery = %about.delivery, %error, "what becomes of an SMS will not be known");
        }
    }

    /// The commands of a text.
    fn parts(&self, sms: &Sms<'_>) -> Result<Vec<SubmitSm>, String> {
        let (ton, npi) = sender(sms.from);
        let text = |text: &str| COctetString::from_str(text).map_err(|error| error.to_string());
        let receipt = RegisteredDelivery::new(
            MCDeliveryReceipt::McDeliveryReceiptRequestedWhereFinalDeliveryOutcomeIsSuccessOrFailure,
            SmeOriginatedAcknowledgement::default(),
            IntermediateNotification::default(),
            0,
        );
        let submit = SubmitSm::builder()
            .source_addr_ton(ton)
            .source_addr_npi(npi)
            .source_addr(text(sms.from.trim_start_matches('+'))?)
            .dest_addr_ton(Ton::International)
            .dest_addr_npi(Npi::Isdn)
            .destination_addr(text(sms.to.as_str().trim_start_matches('+'))?)
            .esm_class(EsmClass::default())
            .registered_delivery(receipt)
            .short_message(OctetString::empty())
            .build();
        let (coding, parts) = match written(sms.text) {
            Written::Gsm(parts) => (DataCoding::McSpecific, parts),
            Written::Ucs2(parts) => (DataCoding::Ucs2, parts),
        };
        let reference = self.reference.fetch_add(1, Ordering::Relaxed);
        let [_, reference] = reference.to_be_bytes();
        let count = u8::try_from(parts.len()).map_err(|_| format!("it has {} parts", parts.len()))?;
        let command = |(place, part): (u8, Vec<u8>)| {
            let mut submit = submit.clone();
            submit.data_coding = coding;
            let mut bytes = part;
            if count > 1 {
                submit.esm_class = submit.esm_class.with_udhi_indicator();
                bytes.splice(..0, [HEADER_BYTES, JOINED, JOINED_BYTES, reference, count, place]);
            }
            submit.set_short_message(OctetString::from_vec(bytes).map_err(|error| error.to_string())?);
            Ok(submit)
        };
        (1..=count).zip(parts).map(command).collect()
    }
}

/// What kind of number a sender is. Source: SMPP 3.4 §5.2.5; a short code is of its network.
fn sender(from: &str) -> (Ton, Npi) {
    let digits = from.trim_start_matches('+');
    match digits.bytes().all(|byte| byte.is_ascii_digit()) {
        false => (Ton::Alphanumeric, Npi::Unknown),
        true if digits.len() <= 6 => (Ton::NetworkSpecific, Npi::Unknown),
        true => (Ton::International, Npi::Isdn),
    }
}

/// What went wrong, without what was sent.
fn said(error: &Error) -> String {
    match error {
        Error::UnexpectedResponse { response } => format!("{:?}", response.status()),
        other => other.to_string().chars().take(120).collect(),
    }
}

/// Hands on what the SMSC tells, until the link ends.
async fn listen(
    client: Client, mut events: futures_util::stream::BoxStream<'static, Event>, heard: mpsc::Sender<Heard>,
) {
    while let Some(event) = events.next().await {
        let Event::Incoming(command) = event else { continue };
        let number = command.sequence_number();
        let told = told(&command);
        match (command.pdu(), told) {
            (Some(Pdu::DeliverSm(_)), told) => {
                let recorded = match told {
                    Some(told) => hand_on(&heard, told).await,
                    None => true, // Of no kind that anybody here reads.
                };
                // What is not recorded is not acknowledged: the SMSC tells it again.
                if recorded {
                    let _ = client.deliver_sm_resp(number, DeliverSmResp::default()).await;
                }
            }
            (Some(Pdu::Unbind), _) => {
                let _ = client.unbind_resp(number).await;
                let _ = client.close().await;
            }
            _ => {}
        }
    }
    warn!("the link to the SMSC has ended");
}

async fn hand_on(heard: &mpsc::Sender<Heard>, told: Told) -> bool {
    let (recorded, answer) = oneshot::channel();
    heard.send((told, recorded)).await.is_ok() && answer.await.is_ok()
}

fn told(command: &Command) -> Option<Told> {
    let Some(Pdu::DeliverSm(deliver)) = command.pdu() else { return None };
    let text = text_of(deliver);
    if deliver.esm_class.message_type == MessageType::ShortMessageContainsMCDeliveryReceipt {
        return receipt(&text);
    }
    let from = deliver.source_addr.to_string();
    Some(Told::Text { from, to: deliver.destination_addr.to_string(), text })
}

/// The text of a message: UCS-2 says so, everything else is read as far as it is ASCII, which STOP is.
fn text_of(deliver: &DeliverSm) -> String {
    let bytes = deliver.short_message().as_ref();
    if u8::from(deliver.data_coding) == 8 {
        let units = bytes
            .chunks_exact(2)
            .map(|pair| u16::from_be_bytes([pair.first().copied().unwrap_or(0), pair.last().copied().unwrap_or(0)]));
        return char::decode_utf16(units).map(|c| c.unwrap_or('?')).collect();
    }
    bytes.iter().map(|byte| if byte.is_ascii() { char::from(*byte) } else { '?' }).collect()
}

/// Reads `id:… sub:… dlvrd:… submit date:… done date:… stat:DELIVRD err:000 text:…`. Source: SMPP 3.4 appendix B.
fn receipt(text: &str) -> Option<Told> {
    let field = |name: &str| {
        let rest = text.split_once(name)?.1;
        rest.split_whitespace().next().map(str::to_owned)
    };
    Some(Told::Receipt { id: field("id:")?, status: field("stat:")?, error: field("err:").unwrap_or_default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_says_of_which_message_it_is_and_what_became_of_it() {
        let text =
            "id:0a1b sub:001 dlvrd:001 submit date:2603021000 done date:2603021001 stat:UNDELIV err:006 text:Votre";
        match receipt(text) {
            Some(Told::Receipt { id, status, error }) => {
                assert_eq!((id.as_str(), status.as_str(), error.as_str()), ("0a1b", "UNDELIV", "006"));
            }
            other => panic!("{other:?}"),
        }
        assert!(receipt("Bonjour").is_none());
    }

    #[test]
    fn a_sender_is_a_name_a_short_code_or_a_number() {
        assert_eq!(sender("QUITTANCE"), (Ton::Alphanumeric, Npi::Unknown));
        assert_eq!(sender("36180"), (Ton::NetworkSpecific, Npi::Unknown));
        assert_eq!(sender("+33700000000"), (Ton::International, Npi::Isdn));
    }
}
