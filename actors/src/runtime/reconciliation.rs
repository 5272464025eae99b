//! The reconciliation supervisor: looks up the owner of the account number and the requests
//! that references name, then hands the transfer to the lane of its payer.

use std::collections::BTreeSet;
use std::sync::Arc;

use actix::{Actor, Context, Handler, Message, ResponseFuture};
use smol_str::SmolStr;
use tracing::warn;

use super::intake::{BankEntry, IntakeError, derived_from, fingerprint_of_entry, transfer_id};
use super::orders::{OrderReturned, admit_returned, are_collected, came_back};
use super::payouts::{PaidOut, admit_booked, concerned};
use super::recalls::{TakenBack, tell_recalled};
use super::{Ports, Priority, Router};
use crate::limits;
use crate::machine::Tell;
use crate::partition::{DirectoryKey, DirectoryValue, Origin, Receipt};
use crate::transfer::{
    self, Details, Doubt, Evidence, Nature, Particulars, ReferenceHit, ReferenceKind, awaited_numbers, payer,
};
use crate::values::{
    CommandId, CreditorReference, CustomerId, EntityId, NumberText, PaymentRequestId, PayoutId, Reading,
    ReferenceKey, ShortReference, TenantId, TransferId, canonical_number, is_telling_number, name_key,
};

/// Open requests shown of each customer who may have paid.
const LIKELY_OF_ONE_MAX: usize = 3;
/// Last digits of numbers that are looked up when nothing else says anything.
const GUESSED_TAILS_MAX: usize = 8;

/// Routes transfers to their payer.
pub struct ReconciliationSupervisor {
    router: Arc<Router>,
}

impl ReconciliationSupervisor {
    /// A supervisor that submits through `router`.
    pub fn new(router: Arc<Router>) -> Self {
        Self { router }
    }
}

impl Actor for ReconciliationSupervisor {
    type Context = Context<Self>;
}

/// Admit an entry of money received.
#[derive(Message)]
#[rtype(result = "Result<(TransferId, Receipt), IntakeError>")]
pub struct Admit {
    /// Whose.
    pub tenant: TenantId,
    /// The entry.
    pub entry: BankEntry,
    /// The command id.
    pub command: CommandId,
    /// Where it came from.
    pub origin: Origin,
    /// What to do when too much is under way.
    pub priority: Priority,
}

impl Handler<Admit> for ReconciliationSupervisor {
    type Result = ResponseFuture<Result<(TransferId, Receipt), IntakeError>>;

    fn handle(&mut self, admit: Admit, _: &mut Self::Context) -> Self::Result {
        let router = Arc::clone(&self.router);
        Box::pin(async move { admit_entry(&router, admit).await })
    }
}

async fn admit_entry(router: &Arc<Router>, admit: Admit) -> Result<(TransferId, Receipt), IntakeError> {
    let Admit { tenant, mut entry, command, origin, priority } = admit;
    let returned = came_back(&entry);
    let paid_out = PaidOut::of(&entry);
    let payouts = match &paid_out {
        Some(paid_out) => concerned(router, &tenant, paid_out).await?,
        None => Vec::new(),
    };
    // An order of ours is the other way round; it is told of.
    let taken_back = TakenBack::of(&entry).filter(|_| returned.is_none() && payouts.is_empty());
    let paid_out = paid_out.as_ref().map(|paid_out| (paid_out, payouts.as_slice()));
    let says = Says { returned, paid_out, taken_back };
    if let Some(id) = counted(router, &tenant, &entry).await? {
        // The same money in another file, divided otherwise, or read again after a crash: counted once, and
        // what it says of orders and of other transfers may not have been told.
        tell_others(router, &tenant, id, says).await?;
        return Ok((id, Receipt { partition: id.partition(), sequence: 0, fingerprint: 0 }));
    }
    // The money of collections of ours settles their requests, and is no transfer of a payer.
    let collected = are_collected(router, &tenant, &entry).await?;
    // Nor is what we had paid out ourselves, and came back.
    let received = entry.particulars.nature == Nature::Received && !collected && payouts.is_empty();
    let evidence = if received { evidence(router, &tenant, &entry).await? } else { Evidence::default() };
    let lane = evidence.lane();
    let of_nobody = received && evidence.hits.is_empty() && payer(&evidence).is_err();
    let mut held = transfer_id(router, &tenant, &entry.details.entry_key, lane)?;
    let DirectoryValue::Transfer(id) = held.value else {
        return Err(IntakeError::UnknownCustomer(entry.details.entry_key));
    };
    entry.details.id = id;
    let fingerprint = fingerprint_of_entry(&entry);
    // A hit in another lane contradicts or is alone: the transfer's machine sees only its facts.
    let (details, particulars) = (Arc::new(entry.details), Arc::new(entry.particulars));
    let named = Arc::clone(&details);
    let receive = match received {
        true => {
            let particulars = (!particulars.is_empty()).then_some(particulars);
            transfer::Command::Receive { details, particulars, evidence }
        }
        false => transfer::Command::Note { details, particulars },
    };
    let tell = Tell::Transfer(id, receive);
    let submitted = router.submit(&tenant, tell, command, fingerprint, origin, priority);
    let receipt = held.until(submitted).await?;
    if of_nobody {
        tell_named(router, &tenant, id, &named).await;
    }
    tell_others(router, &tenant, id, says).await?;
    Ok((id, receipt))
}

/// The transfer as which the money of an entry is counted already under another key than its own.
async fn counted(
    router: &Arc<Router>, tenant: &TenantId, entry: &BankEntry,
) -> Result<Option<TransferId>, IntakeError> {
    let directory = &router.ports().directory;
    let find = |key: &SmolStr| directory.find(&DirectoryKey::TransferEntry(tenant.clone(), key.clone()));
    for key in &entry.counted_as {
        if let Some(DirectoryValue::Transfer(id)) = find(key)? {
            return Ok(Some(id));
        }
    }
    let Some(key) = &entry.same_as else { return Ok(None) };
    let Some(DirectoryValue::Transfer(id)) = find(key)? else { return Ok(None) };
    // Two payments may have the same key, of a bank that gives many of them one id: then what else is said tells.
    let (_, entity, _) = router.read(EntityId::Transfer(id), 0).await?;
    let Some(state) = entity.as_transfer() else { return Ok(None) };
    let by_ids = state.particulars.as_ref().is_none_or(|known| known.may_be(&entry.particulars));
    let by_words = state.details.as_ref().is_some_and(|known| known.may_say_of(&entry.details));
    Ok((by_ids && by_words).then_some(id))
}

/// Tells the transfer of nobody that named an invoice before it came in, if there is one. Nothing is lost when
/// that fails: the transfer is a person's task already.
pub(super) async fn tell_awaited(
    router: &Arc<Router>, tenant: &TenantId, invoice: (PaymentRequestId, CustomerId), number: &str,
) {
    let key = DirectoryKey::AwaitedNumber(tenant.clone(), canonical_number(number));
    if let Ok(Some(DirectoryValue::Transfer(id))) = router.ports().directory.find(&key) {
        named_late(router, tenant, id, invoice, number).await;
    }
}

/// An invoice may have come in while the transfer was looked up: whichever is recorded second sees the other.
async fn tell_named(router: &Arc<Router>, tenant: &TenantId, id: TransferId, details: &Details) {
    for number in awaited_numbers(details) {
        let key = DirectoryKey::InvoiceNumber(tenant.clone(), number.clone());
        if let Ok(Some(DirectoryValue::Request(request, customer))) = router.ports().directory.find(&key) {
            named_late(router, tenant, id, (request, customer), &number).await;
        }
    }
}

async fn named_late(
    router: &Arc<Router>, tenant: &TenantId, id: TransferId, (request, customer): (PaymentRequestId, CustomerId),
    number: &str,
) {
    let read = router.read(EntityId::PaymentRequest(request), 0).await;
    let outstanding = read.ok().and_then(|(_, entity, _)| entity.as_payment_request()?.outstanding());
    let Some(amount) = outstanding else { return };
    let command = derived_from(&[&id.to_string(), &request.to_string(), "late"]);
    let late = transfer::Command::NameLate { request, customer, number: number.into(), amount };
    let tell = Tell::Transfer(id, late);
    if let Err(error) = router.submit(tenant, tell, command, 0, Origin::System, Priority::Patient).await {
        warn!(%id, %request, %error, "a transfer could not be weighed again by its late invoice");
    }
}

/// What an entry says of others than itself.
struct Says<'a> {
    /// An order that came back.
    returned: Option<OrderReturned>,
    /// Payouts that it is the money of.
    paid_out: Option<(&'a PaidOut, &'a [PayoutId])>,
    /// Money received that it takes back.
    taken_back: Option<TakenBack>,
}

/// Tells others what an entry says of them, once it is recorded; the same again changes nothing.
async fn tell_others(
    router: &Arc<Router>, tenant: &TenantId, id: TransferId, says: Says<'_>,
) -> Result<(), IntakeError> {
    let Says { returned, paid_out, taken_back } = says;
    if let Some(taken_back) = taken_back {
        tell_recalled(router, tenant, id, &taken_back).await?;
    }
    if let Some(returned) = returned {
        let command = derived_from(&[&id.to_string(), "returned"]);
        admit_returned(router, tenant, &returned, command, Origin::System).await?;
    }
    if let Some((paid_out, ids)) = paid_out {
        admit_booked(router, tenant, paid_out, ids).await?;
    }
    Ok(())
}

/// What is open of customers who may have paid, though nothing says so surely: for a person to look at first.
async fn look_at_likely(
    router: &Arc<Router>, details: &Details, likely: &[CustomerId], evidence: &mut Evidence,
) -> Result<(), IntakeError> {
    if likely.is_empty() || payer(evidence).is_ok() {
        return Ok(());
    }
    let mut fits: Vec<(PaymentRequestId, CustomerId)> = Vec::new();
    for customer in likely {
        let (_, entity, _) = router.read(EntityId::Customer(*customer), 0).await?;
        let open = entity.as_customer().into_iter().flat_map(|state| state.open_requests.iter());
        let fitting = open.filter(|(_, open)| open.outstanding == details.amount);
        fits.extend(fitting.take(LIKELY_OF_ONE_MAX).map(|(request, _)| (*request, *customer)));
    }
    let nobody = payer(evidence) == Err(Doubt::UnknownPayer);
    match fits.as_slice() {
        [] => {}
        [only] if nobody => (evidence.guess, evidence.guesses) = (Some(*only), Vec::new()),
        _ => {
            let known = evidence.guess.take().into_iter().map(|(request, _)| request);
            let all = fits.iter().map(|(request, _)| *request).chain(known).chain(evidence.guesses.iter().copied());
            let mut seen = BTreeSet::new();
            evidence.guesses = all.filter(|request| seen.insert(*request)).collect();
        }
    }
    Ok(())
}

/// Everything that says who paid what.
async fn evidence(router: &Arc<Router>, tenant: &TenantId, entry: &BankEntry) -> Result<Evidence, IntakeError> {
    let (mut evidence, likely) = looked_up(router, tenant, &entry.details, &entry.particulars)?;
    if evidence.doubt.is_none() {
        evidence.doubt = of_another_before(router, &evidence, &entry.details).await?;
    }
    if evidence.doubt.is_none() {
        evidence.doubt = restated(router, tenant, entry).await?;
    }
    look_at_likely(router, &entry.details, &likely, &mut evidence).await?;
    Ok(evidence)
}

/// What the directory says, and who may have paid beside.
fn looked_up(
    router: &Arc<Router>, tenant: &TenantId, details: &Details, said: &Particulars,
) -> Result<(Evidence, Vec<CustomerId>), IntakeError> {
    let directory = &router.ports().directory;
    let mut likely: Vec<CustomerId> = Vec::new();
    let account = details.account.clone();
    let account = account.map(|account| directory.find(&DirectoryKey::VirtualIban(tenant.clone(), account)));
    let Named { mut hits, order_owner, shared } = references(router, tenant, details, said)?;
    let virtual_iban_owner = match account.transpose()?.flatten() {
        Some(DirectoryValue::Customer(customer)) => Some(customer),
        // The number of a request says which one, whatever else is named beside it.
        Some(DirectoryValue::Request(request, customer)) => {
            hits.retain(|hit| is_sure(hit) && hit.request != request);
            let (kind, reading) = (ReferenceKind::Account, Reading::Exact);
            hits.insert(0, ReferenceHit { kind, reading, request, customer });
            Some(customer)
        }
        _ => None,
    };
    let sure = virtual_iban_owner.is_some() || hits.iter().any(is_sure);
    let (mut payer_iban_owner, mut name_owner) = (None, None);
    if !sure {
        let iban = details.payer_iban.clone().map(|iban| DirectoryKey::PayerIban(tenant.clone(), iban));
        // Behind a provider of payments stands who pays.
        let behind = Some(said.ultimate_payer.as_str()).filter(|name| !name.is_empty());
        let name = behind.or(details.payer_name.as_deref()).and_then(name_key);
        let name = name.map(|name| DirectoryKey::Name(tenant.clone(), name));
        for (key, owner) in [(iban, &mut payer_iban_owner), (name, &mut name_owner)] {
            match key.map(|key| directory.find(&key)).transpose()?.flatten() {
                Some(DirectoryValue::Customer(customer)) => {
                    *owner = Some(customer);
                    likely.push(customer);
                }
                Some(DirectoryValue::Customers(customers, count)) => {
                    likely.extend(customers.iter().take(usize::from(count)));
                }
                _ => {}
            }
        }
    }
    likely.extend(order_owner);
    let nobody =
        !sure && hits.is_empty() && order_owner.is_none() && payer_iban_owner.is_none() && name_owner.is_none();
    let (guess, guesses) = if nobody { guessed(router, tenant, details)? } else { (None, Vec::new()) };
    let of_account = match virtual_iban_owner {
        Some(_) => None,
        None => doubt_of_account(router, tenant, details)?,
    };
    let doubt = of_account.or((shared && !sure).then_some(Doubt::SharedReference));
    let evidence =
        Evidence { virtual_iban_owner, payer_iban_owner, name_owner, order_owner, hits, guess, guesses, doubt };
    Ok((evidence, likely))
}

/// What is wrong with an account number that is nobody's here.
fn doubt_of_account(
    router: &Arc<Router>, tenant: &TenantId, details: &Details,
) -> Result<Option<Doubt>, IntakeError> {
    let Some(account) = &details.account else { return Ok(None) };
    let Ports { tenants, directory, .. } = router.ports();
    for other in tenants.all().into_iter().filter(|other| other != tenant) {
        if directory.find(&DirectoryKey::VirtualIban(other, account.clone()))?.is_some() {
            return Ok(Some(Doubt::AccountOfAnotherMerchant));
        }
    }
    let Some(policies) = tenants.policies(tenant) else { return Ok(None) };
    let own = &policies.matching.own_accounts;
    Ok(match &policies.account_numbers {
        Some(numbers) if numbers.holds(account) => Some(Doubt::AccountOfNobody),
        _ if !own.is_empty() && !own.contains(account) => Some(Doubt::AccountNotOurs),
        _ => None,
    })
}

/// Whether the number of a request was still another's on the day of booking.
async fn of_another_before(
    router: &Arc<Router>, evidence: &Evidence, details: &Details,
) -> Result<Option<Doubt>, IntakeError> {
    let by_account = evidence.hits.first().filter(|hit| hit.kind == ReferenceKind::Account);
    let (Some(hit), Some(account)) = (by_account, &details.account) else { return Ok(None) };
    let (_, entity, _) = router.read(EntityId::PaymentRequest(hit.request), 0).await?;
    let was = entity.as_payment_request().is_some_and(|state| state.was_paid_at(account, details.booked_on));
    Ok((!was).then_some(Doubt::AccountOfAnother))
}

/// Whether the same entry came before with another amount.
async fn restated(router: &Arc<Router>, tenant: &TenantId, entry: &BankEntry) -> Result<Option<Doubt>, IntakeError> {
    let Some(key) = DirectoryKey::restated(tenant, &entry.details, &entry.particulars) else { return Ok(None) };
    let Some(DirectoryValue::Transfer(known)) = router.ports().directory.find(&key)? else { return Ok(None) };
    let (_, entity, _) = router.read(EntityId::Transfer(known), 0).await?;
    let before = entity.as_transfer().and_then(|state| state.details.as_ref()).map(|details| details.amount);
    Ok(before.filter(|before| *before != entry.details.amount).map(|_| Doubt::Restated))
}

type Guessed = (Option<(PaymentRequestId, CustomerId)>, Vec<PaymentRequestId>);

/// The request that may be meant when nothing says who paid, or the few that may be, the likeliest first:
/// a person looks at them, none of them is ever paid without one.
fn guessed(router: &Arc<Router>, tenant: &TenantId, details: &Details) -> Result<Guessed, IntakeError> {
    let directory = &router.ports().directory;
    let remittance = &details.remittance;
    let texts = || remittance.structured().iter().map(String::as_str).chain([remittance.unstructured()]);
    let written = NumberText::new(texts());
    let telling = written.runs().into_iter().filter(|run| run.len() >= limits::TELLING_TAIL_DIGITS_MIN);
    let tails = telling.take(GUESSED_TAILS_MAX).map(|run| DirectoryKey::NumberTail(tenant.clone(), run.into()));
    let reference_key = router.ports().tenants.reference_key(tenant);
    let references = texts().flat_map(|text| ShortReference::guesses(text, reference_key));
    let references = references.map(|reference| DirectoryKey::ShortReference(tenant.clone(), reference));
    let (currency, minor) = (details.amount.currency(), details.amount.minor());
    let amount = DirectoryKey::Amount(tenant.clone(), currency, minor);
    let (mut only, mut guesses) = (None, Vec::new());
    for key in tails.chain(references).chain([amount]) {
        match directory.find(&key)? {
            Some(DirectoryValue::Request(request, customer)) => {
                only = Some((request, customer));
                guesses.push(request);
            }
            Some(DirectoryValue::Requests(requests, count)) => {
                guesses.extend(requests.iter().take(usize::from(count)));
            }
            _ => {}
        }
    }
    let first = guesses.first().copied();
    let alone = guesses.iter().all(|guess| Some(*guess) == first);
    let mut seen = BTreeSet::new();
    guesses.retain(|guess| seen.insert(*guess));
    Ok(if alone { (only, Vec::new()) } else { (None, guesses) })
}

/// What the payer wrote names.
struct Named {
    /// Requests.
    hits: Vec<ReferenceHit>,
    /// The only customer of an order.
    order_owner: Option<CustomerId>,
    /// Whether it names what several customers have.
    shared: bool,
}

/// What the payer wrote names.
fn references(
    router: &Arc<Router>, tenant: &TenantId, details: &Details, said: &Particulars,
) -> Result<Named, IntakeError> {
    let directory = &router.ports().directory;
    let mut hits: Vec<ReferenceHit> = Vec::new();
    let mut shared = false;
    let mut add = |kind, reading, key| -> Result<(), IntakeError> {
        match directory.find(&key)? {
            Some(DirectoryValue::Request(request, customer)) if !hits.iter().any(|hit| hit.request == request) => {
                hits.push(ReferenceHit { kind, reading, request, customer });
            }
            Some(DirectoryValue::Several) if kind != ReferenceKind::WeakNumber => shared = true,

            _ => {}
        }
        Ok(())
    };
    let remittance = &details.remittance;
    let end_to_end = details.end_to_end_id.as_ref().map_or("", |id| id.as_str());
    let texts = || remittance.structured().iter().map(String::as_str).chain([remittance.unstructured(), end_to_end]);
    for reference in texts().flat_map(CreditorReference::scan) {
        let key = DirectoryKey::CreditorReference(tenant.clone(), reference.as_str().into());
        add(ReferenceKind::Creditor, Reading::Exact, key)?;
        // One that the ERP prints, however it is grouped.
        let number = canonical_number(reference.as_str());
        add(ReferenceKind::Creditor, Reading::Exact, DirectoryKey::InvoiceNumber(tenant.clone(), number))?;
    }
    let reference_key = router.ports().tenants.reference_key(tenant);
    for found in texts().flat_map(|text| ShortReference::scan(text, reference_key)) {
        let key = DirectoryKey::ShortReference(tenant.clone(), found.reference);
        add(ReferenceKind::Short, found.reading, key)?;
    }
    for number in NumberText::new(texts()).candidates() {
        let kind = if is_telling_number(&number) { ReferenceKind::Number } else { ReferenceKind::WeakNumber };
        add(kind, Reading::Exact, DirectoryKey::InvoiceNumber(tenant.clone(), number))?;
    }
    let mut orders: BTreeSet<CustomerId> = BTreeSet::new();
    // Beside a whole reference or the number of an invoice an order says nothing more.
    if !hits.iter().any(is_sure) {
        for number in NumberText::new(texts()).candidates().into_iter().filter(|number| is_telling_number(number)) {
            let key = DirectoryKey::Order(tenant.clone(), number);
            if let Some(DirectoryValue::Customer(customer)) = directory.find(&key)? {
                orders.insert(customer);
            }
        }
    }
    // Where the payer's own words name nothing, what banks carry beside them may.
    if hits.is_empty() && !shared {
        let beside =
            || [&said.instruction_id, &said.transaction_id, &said.additional].into_iter().map(SmolStr::as_str);
        for (kind, key) in beside().flat_map(|text| named_beside(tenant, text, reference_key)) {
            if let Some(DirectoryValue::Request(request, customer)) = directory.find(&key)?
                && !hits.iter().any(|hit| hit.request == request)
            {
                hits.push(ReferenceHit { kind, reading: Reading::Exact, request, customer });
            }
        }
    }
    // A corrected reading is worth nothing beside an exact one, nor a short number beside a whole one.
    if hits.iter().any(is_sure) {
        hits.retain(is_sure);
    }
    // Orders of several customers name none of them.
    let order_owner = orders.first().copied().filter(|_| orders.len() == 1);
    Ok(Named { hits, order_owner, shared })
}

/// What a text of a bank's may name: whole references and telling numbers, read exactly.
fn named_beside(tenant: &TenantId, text: &str, key: ReferenceKey) -> Vec<(ReferenceKind, DirectoryKey)> {
    let number = |number: SmolStr| DirectoryKey::InvoiceNumber(tenant.clone(), number);
    let creditor = CreditorReference::scan(text).into_iter().map(|reference| {
        (ReferenceKind::Creditor, DirectoryKey::CreditorReference(tenant.clone(), reference.as_str().into()))
    });
    let exact = ShortReference::scan(text, key).into_iter().filter(|found| found.reading == Reading::Exact);
    let short =
        exact.map(|found| (ReferenceKind::Short, DirectoryKey::ShortReference(tenant.clone(), found.reference)));
    let telling =
        NumberText::new(std::iter::once(text)).candidates().into_iter().filter(|text| is_telling_number(text));
    creditor.chain(short).chain(telling.map(|text| (ReferenceKind::Number, number(text)))).collect()
}

/// Whether a hit needs nothing else that agrees with it.
fn is_sure(hit: &ReferenceHit) -> bool {
    hit.reading == Reading::Exact && hit.kind != ReferenceKind::WeakNumber
}
