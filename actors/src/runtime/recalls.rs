//! What a bank takes back of money that had come in: the transfer it was is found, and told.
//!
//! It is found by its UETR, or as the only one of this amount with a reference that the entry carries. What is not
//! found, or is not here any more, is a task of the entry itself: the money is gone either way.

use std::sync::Arc;

use smol_str::SmolStr;
use tokio::sync::Mutex;
use tracing::warn;

use super::intake::{BankEntry, IntakeError, derived_from};
use super::orders::DIRECT_DEBIT;
use super::{Priority, Router, SubmitError, conclude_decision};
use crate::machine::Tell;
use crate::partition::{DirectoryKey, DirectoryValue, Origin, Rejection};
use crate::transfer::{self, Command, Details, Doubt, Nature, Particulars, Recall, Status, references};
use crate::values::{Date, EntityId, Money, TenantId, TransferId, stable_hash};

/// Business transaction codes of direct debits and cheques that came back, and of direct debits in CFONB 120. Source: DK
/// table of business transaction codes; CFONB interbank operation codes.
const RETURNED_COLLECTIONS: [&str; 7] = ["108", "109", "181", "182", "183", "184", "08"];

/// Families of credit transfers received, and sub-families of charges and interest that stand in every family. Source:
/// ISO 20022 external code list of bank transactions.
const RECEIVED: [&str; 2] = ["RCDT", "RRCT"];
const CHARGES: [&str; 9] = ["CHRG", "COMM", "COME", "COMI", "COMT", "FEES", "INTR", "RIMB", "TAXE"];

/// Reasons for which only direct debits come back. Source: EPC guidance on reason codes of SEPA R-transactions.
const REASONS_OF_COLLECTIONS: [&str; 7] = ["AC13", "AM04", "MD01", "MD02", "MD06", "MD07", "SL01"];

/// Characters of a reason that are kept.
const REASON_CHARACTERS_MAX: usize = 140;

/// What an entry takes back.
pub(super) struct TakenBack {
    entry_key: SmolStr,
    uetr: SmolStr,
    references: Vec<SmolStr>,
    amount: Money,
    booked_on: Date,
    reason: SmolStr,
    /// Whether it is of a direct debit, as far as the bank says what it is of.
    of_collection: bool,
    /// Whether it is of something else than payments, or of another family than transfers.
    of_others: bool,
    /// Whether it is booked as money that leaves. Some banks book the correction of a credit as another credit.
    surely: bool,
}

impl TakenBack {
    /// What an entry takes back of money received, if it does.
    pub(super) fn of(entry: &BankEntry) -> Option<Self> {
        let BankEntry { details, particulars, .. } = entry;
        let surely = takes_back(entry);
        if !surely && particulars.nature != Nature::Reversed {
            return None;
        }
        Some(Self {
            entry_key: details.entry_key.as_str().into(),
            uetr: particulars.uetr.clone(),
            references: references(details, Some(particulars)).map(SmolStr::new).collect(),
            amount: details.amount,
            booked_on: details.booked_on,
            reason: reason(details, particulars),
            of_collection: is_of_collection(particulars),
            of_others: is_of_others(particulars),
            surely,
        })
    }
}

/// Why the bank takes it back, in its words.
fn reason(details: &Details, said: &Particulars) -> SmolStr {
    let returned = said.returned.as_ref().map_or(["", ""], |returned| [&returned.code, &returned.text]);
    let words = returned.into_iter().chain([said.additional.as_str(), details.remittance.unstructured()]);
    let words = words.map(str::trim).find(|words| !words.is_empty());
    words.unwrap_or_else(|| said.nature.text()).chars().take(REASON_CHARACTERS_MAX).collect()
}

/// Whether what a bank takes back is a direct debit or a cheque.
fn is_of_collection(said: &Particulars) -> bool {
    let of_creditor = !said.mandate_id.is_empty() || !said.creditor_id.is_empty();
    let code = said.code.rsplit('+').next().is_some_and(|code| RETURNED_COLLECTIONS.contains(&code));
    let returned = said.returned.as_ref().map(|returned| returned.code.as_str());
    let reason = returned.is_some_and(|code| REASONS_OF_COLLECTIONS.contains(&code));
    of_creditor || code || reason || said.code.contains(DIRECT_DEBIT)
}

/// Domain, family and sub-family of a bank transaction code of ISO 20022.
fn parts_of(said: &Particulars) -> Option<(&str, &str, &str)> {
    let (domain, rest) = said.code.split_once('/')?;
    let (family, sub_family) = rest.split_once('/').unwrap_or((rest, ""));
    Some((domain, family, sub_family))
}

/// Whether a debit takes money back that had come in: it says so, or is booked as a credit transfer received.
pub(super) fn takes_back(entry: &BankEntry) -> bool {
    let said = &entry.particulars;
    let (mut received, mut charged) = (false, false);
    if let Some((domain, family, sub_family)) = parts_of(said) {
        received = domain == "PMNT" && RECEIVED.contains(&family);
        charged = CHARGES.contains(&sub_family);
    }
    entry.debit && !charged && (received || matches!(said.nature, Nature::Returned | Nature::Reversed))
}

/// Whether a bank says that it is something else than a payment, or of another family than transfers.
fn is_of_others(said: &Particulars) -> bool {
    parts_of(said).is_some_and(|(domain, family, _)| {
        domain != "PMNT" || !(["NTAV", "OTHR", ""].contains(&family) || RECEIVED.contains(&family))
    })
}

/// Tells the transfer that an entry takes back, or makes the entry a task; the same again changes nothing.
pub(super) async fn tell_recalled(
    router: &Arc<Router>, tenant: &TenantId, entry: TransferId, taken_back: &TakenBack,
) -> Result<(), IntakeError> {
    if taken_back.of_collection {
        return Ok(()); // Whoever collected it hears of it; a transfer with the same reference is another payment.
    }
    let found = found(router, tenant, taken_back).await?;
    let doubt = if taken_back.surely { Doubt::NothingToRecall } else { Doubt::UnclearCorrection };
    let recalled = match found {
        found if !taken_back.surely => found.is_none(),
        Some(transfer) => {
            let recall = Recall { entry, reason: taken_back.reason.clone() };
            match recall_of(router, tenant, transfer, recall, taken_back.amount).await {
                Ok(goes) => goes,
                Err(SubmitError::Rejected(_)) => false,
                Err(error) => return Err(error.into()),
            }
        }
        None => taken_back.of_others,
    };
    if !recalled {
        let command = derived_from(&[&taken_back.entry_key, "nothing to recall"]);
        let question = Tell::Transfer(entry, Command::Question(doubt));
        router.submit(tenant, question, command, 0, Origin::System, Priority::Patient).await?;
    }
    Ok(())
}

/// One at a time: an entry takes back one transfer.
static BY_HAND: Mutex<()> = Mutex::const_new(());

/// A person says which transfer it is that an entry takes back: told, and the entry needs nobody any more.
///
/// # Errors
/// Either of them says why it is not so.
pub async fn recall_by_hand(
    router: &Arc<Router>, tenant: &TenantId, entry: TransferId, transfer: TransferId, by: &SmolStr,
) -> Result<(), SubmitError> {
    let rejected = |reason| SubmitError::Rejected(Rejection::Transfer(reason));
    // What was read before somebody else's turn is not what stands.
    let _turn = BY_HAND.lock().await;
    let (_, entity, _) = router.read(EntityId::Transfer(entry), 0).await?;
    let state = entity.as_transfer().ok_or_else(|| rejected(transfer::Rejection::Unknown))?;
    let details = state.details.as_ref().ok_or_else(|| rejected(transfer::Rejection::Unknown))?;
    let said = state.particulars.as_deref().filter(|said| said.nature != Nature::Received);
    let said = said.ok_or_else(|| rejected(transfer::Rejection::TakesNothingBack))?;
    let (_, named, _) = router.read(EntityId::Transfer(transfer), 0).await?;
    let known = named.as_transfer().and_then(|state| state.recall.as_ref());
    if known.is_none_or(|known| known.entry != entry) && state.status != Status::NeedsDecision {
        return Err(rejected(transfer::Rejection::NothingToDecide(state.status)));
    }
    let now = router.ports().clock.now(tenant);
    if let Some(claim) = state.claim.as_ref().filter(|claim| claim.until > now && claim.by != *by) {
        return Err(rejected(transfer::Rejection::Claimed(claim.by.clone(), claim.until)));
    }
    let recall = Recall { entry, reason: reason(details, said) };
    if !recall_of(router, tenant, transfer, recall, details.amount).await? {
        let (_, named, _) = router.read(EntityId::Transfer(transfer), 0).await?;
        let status = named.as_transfer().map(|state| state.status).unwrap_or_default();
        return Err(rejected(transfer::Rejection::NothingToRecall(status)));
    }
    if state.status == Status::NeedsDecision {
        let (by, reason) = (by.clone(), format!("it takes {transfer} back").into());
        let command = derived_from(&[&transfer.to_string(), &entry.to_string(), "recalled by hand"]);
        let aside = Tell::Transfer(entry, Command::SetAside { by, reason });
        router.submit(tenant, aside, command, 0, Origin::Api, Priority::Interactive).await?;
    }
    Ok(())
}

/// Has a recall recorded by the transfer, and what it had paid given back; whether its money is gone, or will be when
/// what is under way is answered.
async fn recall_of(
    router: &Arc<Router>, tenant: &TenantId, transfer: TransferId, recall: Recall, amount: Money,
) -> Result<bool, SubmitError> {
    let entry = recall.entry.to_string();
    let command = derived_from(&[&transfer.to_string(), &entry, "recall"]);
    let told = Tell::Transfer(transfer, Command::Recall { recall, amount });
    let fingerprint = stable_hash(&["recall", &entry]);
    router.submit(tenant, told, command, fingerprint, Origin::System, Priority::Patient).await?;
    if let Err(error) = conclude_decision(router, tenant, transfer).await {
        warn!(%transfer, %error, "the recall is recorded and will be concluded later");
    }
    is_gone(router, tenant, transfer).await
}

/// Whether the money of a transfer is gone, or will be when what is under way is answered; of one that was divided, that
/// of each part.
async fn is_gone(router: &Arc<Router>, tenant: &TenantId, transfer: TransferId) -> Result<bool, SubmitError> {
    let mut open = vec![transfer];
    while let Some(id) = open.pop() {
        let (_, entity, _) = router.read(EntityId::Transfer(id), 0).await?;
        let Some(state) = entity.as_transfer() else { return Ok(false) };
        if state.pending.is_some() {
            continue; // It will be.
        }
        if state.status != Status::Recalled {
            return Ok(false);
        }
        for part in state.divided().1 {
            if let Err(error) = conclude_decision(router, tenant, part.id).await {
                warn!(transfer = %part.id, %error, "the recall is recorded and will be concluded later");
            }
            open.push(part.id);
        }
    }
    Ok(true)
}

/// The transfer whose money an entry takes back.
async fn found(
    router: &Arc<Router>, tenant: &TenantId, taken_back: &TakenBack,
) -> Result<Option<TransferId>, IntakeError> {
    let TakenBack { uetr, references, amount, booked_on, .. } = taken_back;
    let by_uetr =
        (!uetr.is_empty()).then(|| DirectoryKey::TransferEntry(tenant.clone(), format!("uetr:{uetr}").into()));
    let by_reference = references.iter().map(|reference| DirectoryKey::received(tenant, *amount, reference));
    for key in by_uetr.into_iter().chain(by_reference) {
        let Some(DirectoryValue::Transfer(id)) = router.ports().directory.find(&key)? else { continue };
        let (_, entity, _) = router.read(EntityId::Transfer(id), 0).await?;
        // Of an equal key nothing follows: the money is looked at.
        let same = entity
            .as_transfer()
            .and_then(|state| state.details.as_ref())
            .is_some_and(|details| details.amount == *amount && details.booked_on <= *booked_on);
        if same {
            return Ok(Some(id));
        }
    }
    Ok(None)
}
