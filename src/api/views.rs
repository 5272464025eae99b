//! Entities as JSON.

use quittance_actors::collection::Instrument;
use quittance_actors::customer::Customer;
use quittance_actors::payment_request::{
    Collection, Gate, LateCharges, PaymentRequest, Source, Stage, Status, end_to_end_id,
};
use quittance_actors::transfer::{DividedPart, Means, Nature, Proposal, Transfer, Weighed};
use quittance_actors::values::{Currency, CustomerId, Date, Iban, Money, PaymentRequestId, TransferId};
use serde_json::{Value as Json, json};

use super::refunds;
use crate::late::percent;
use crate::steps::{Progress, Standing, TEAM, channels};

/// A step of a reminder scenario.
pub(super) fn step(progress: &Progress<'_>) -> Json {
    let Progress { step, due, standing } = progress;
    let (at, channel, reason) = match standing {
        Standing::Sent { at, channel } => (Some(at), Some(channel), None),
        Standing::NotSent { at, reason } => (Some(at), None, Some(reason.as_str())),
        Standing::Paused { reason } => (None, None, Some(*reason)),
        Standing::Waits { reason } | Standing::NotReached { reason } => (None, None, Some(reason.as_str())),
        Standing::Next | Standing::ToCome | Standing::Passed => (None, None, None),
    };
    json!({
        "step": step.name,
        "template": step.template,
        "channels": channels(step),
        "due": due.to_string(),
        "status": standing.name(),
        "at": at.map(ToString::to_string),
        "channel": channel,
        "reason": reason.filter(|reason| !reason.is_empty()),
        "gates": match standing {
            Standing::Sent { channel, .. } if channel != TEAM => gates(None),
            Standing::NotSent { reason, .. } | Standing::Waits { reason } => gates(Some(reason)),
            _ => Vec::new(),
        },
    })
}

/// What each gate said of a reminder that left (no reason) or was kept back.
pub(super) fn gates(reason: Option<&str>) -> Vec<Json> {
    let said = |(gate, opened): (Gate, Option<bool>)| {
        let said = opened.map_or("not_asked", |opened| if opened { "passed" } else { "stopped" });
        json!({ "gate": gate.name(), "said": said })
    };
    Gate::said(reason).into_iter().map(said).collect()
}

/// What is owed beside the amount; amounts are zero when nothing is.
pub(super) fn late_charges(charges: Option<&LateCharges>, until: Date) -> Json {
    let zero = Money::zero(Currency::EUR);
    let spans = charges.map_or(&[][..], |charges| charges.spans.as_slice());
    let spans: Vec<Json> = spans
        .iter()
        .map(|span| {
            json!({
                "from": span.from,
                "to": span.to,
                "days": span.days(),
                "balance": span.balance,
                "rate_percent": span.rate.map(percent),
            })
        })
        .collect();
    json!({
        "until": until,
        "days_late": charges.map_or(0, |charges| charges.days),
        "indemnity": charges.map_or(zero, |charges| charges.indemnity),
        "interest": charges.map_or(zero, |charges| charges.interest),
        "total": charges.map_or(zero, LateCharges::total),
        "spans": spans,
    })
}

pub(super) fn customer(id: CustomerId, state: &Customer) -> Json {
    let Some(profile) = &state.profile else { return Json::Null };
    let methods: Vec<Json> = state
        .payment_methods
        .values()
        .map(|method| {
            json!({
                "token": method.token,
                "last4": method.last4,
                "expires_on": method.expires_on,
                "backs_recurring": state.backs_recurring(method),
            })
        })
        .collect();
    let open: Vec<Json> = state
        .open_requests
        .iter()
        .map(|(request, open)| json!({ "id": request, "outstanding": open.outstanding, "due_on": open.due_on }))
        .collect();
    let ended = |instrument| state.ledgers.get(&instrument).and_then(|ledger| ledger.ended.clone());
    let mandates: Vec<Json> = state
        .mandates
        .iter()
        .map(|(reference, mandate)| {
            json!({
                "reference": reference,
                "kind": mandate.kind,
                "iban": mandate.iban.masked(),
                "signed_on": mandate.signed_on,
                "notice_days": mandate.notice_days,
                "ended": ended(Instrument::Mandate(reference.clone())),
            })
        })
        .collect();
    let holds: Vec<Json> =
        state.rare.holds.iter().map(|(hold, until)| json!({ "kind": hold, "until": until })).collect();
    let money = |(currency, minor): (&Currency, &i64)| Money::from_minor(*minor, *currency);
    json!({
        "id": id,
        "external_ref": profile.external_ref,
        "kind": profile.kind,
        "name": profile.name,
        "zone": state.rare.zone,
        "plans": state.rare.plans.keys().collect::<Vec<_>>(),
        "email": profile.email,
        "phone": profile.phone,
        "language": profile.language,
        "former_virtual_ibans": state.rare.former_numbers.iter().map(|former| json!({
            "virtual_iban": former.virtual_iban.iban().electronic(),
            "until": former.until,
            "free_on": former.free_on,
        })).collect::<Vec<_>>(),
        "virtual_iban": state.virtual_iban.as_ref().map(|number| number.iban().electronic().to_owned()),
        "payment_methods": methods,
        "open_requests": open,
        "credit": state.rare.credit.iter().map(money).collect::<Vec<_>>(),
        "mandates": mandates,
        "holds": holds,
        "opted_out": state.rare.opted_out.keys().collect::<Vec<_>>(),
        "unreachable": state.rare.unreachable.keys().collect::<Vec<_>>(),
        "recurring_suspended": state.rare.suspended,
        "tags": state.rare.tags.keys().collect::<Vec<_>>(),
        "tasks": super::notes::tasks(state),
    })
}

pub(super) fn payment_request(id: PaymentRequestId, state: &PaymentRequest) -> Json {
    let Some(terms) = &state.terms else { return Json::Null };
    let allocations: Vec<Json> = state
        .allocations
        .iter()
        .map(|(source, amount)| match source {
            Source::Transfer(transfer) => json!({ "transfer": transfer, "amount": amount }),
            Source::Attempt(attempt) => json!({ "attempt": attempt, "amount": amount }),
            Source::CreditNote(_) => json!({ "credit_note": true, "amount": amount }),
            Source::Credit(_) => json!({ "credit": true, "amount": amount }),
        })
        .collect();
    let attempts: Vec<Json> = state
        .numbered_attempts()
        .into_iter()
        .map(|(number, attempt, record)| {
            json!({
                "id": attempt,
                "number": number,
                "end_to_end_id": number.map(|number| end_to_end_id(id, number)),
                "amount": record.amount,
                "result": record.status,
                "reason_code": record.reason_code,
            })
        })
        .collect();
    json!({
        "id": id,
        "customer": terms.customer,
        "external_ref": terms.external_ref,
        "amount": terms.amount,
        "paid": state.paid(),
        "outstanding": state.outstanding(),
        "written_off": Money::from_minor(state.rare.written_off_minor, terms.amount.currency()),
        "refunded": Money::from_minor(state.rare.refunded_minor, terms.amount.currency()),
        "refunds": refunds::shown(id, state),
        "status": state.status,
        "overdue": state.overdue,
        "issued_on": terms.issued_on,
        "due_on": terms.due_on,
        "settled_at": state.settled_at,
        "is_final": state.status == Status::Settled && state.final_on.is_none(),
        "final_on": state.final_on,
        "description": terms.description,
        "short_reference": terms.short_reference.to_string(),
        "creditor_reference": terms.creditor_reference,
        "payment_reference": state.rare.payment_reference,
        "order": state.rare.order,
        "virtual_iban": state.own_number().map(Iban::electronic),
        "former_virtual_iban": state.former_number().map(|(iban, until, free_on)| json!({
            "virtual_iban": iban.electronic(), "until": until, "free_on": free_on,
        })),
        "scenario": terms.scenario,
        "next_reminder_at": state.reminders.next.filter(|_| state.awaits_approval().is_none()).map(|(_, due)| due),
        "awaits_approval": state.awaits_approval().map(|waits| json!({ "step": waits.step, "since": waits.since })),
        "allocations": allocations,
        "attempts": attempts,
        "collection": state.collection.as_deref().map(collection),
        "promise": state.rare.promise.as_ref().map(|promise| json!({ "on": promise.on })),
        "dispute": state.rare.dispute,
        "plan": state.rare.plan.map(|joined| json!({ "id": joined.plan, "cycle": joined.number })),
    })
}

/// How a request is collected, and what is next.
fn collection(state: &Collection) -> Json {
    let mut view = json!({ "instrument": state.usage.instrument.to_string(), "policy": state.policy });
    let Some(fields) = view.as_object_mut() else { return view };
    let stage = match &state.stage {
        Stage::Idle => "idle",
        Stage::Planned { number, due, collects_on } => {
            fields.insert("next".to_owned(), json!({ "number": number, "at": due, "collects_on": collects_on }));
            "planned"
        }
        Stage::Running { attempt, number, collects_on } => {
            let running = json!({ "attempt": attempt, "number": number, "collects_on": collects_on });
            fields.insert("running".to_owned(), running);
            "running"
        }
        Stage::Waits { reason, until } => {
            fields.insert("waits".to_owned(), json!({ "for": reason, "until": until }));
            "waits"
        }
        Stage::Ended { reason } => {
            fields.insert("ended".to_owned(), json!(reason));
            "ended"
        }
    };
    fields.insert("stage".to_owned(), json!(stage));
    view
}

pub(super) fn transfer(id: TransferId, state: &Transfer) -> Json {
    let Some(details) = &state.details else { return Json::Null };
    let allocations: Vec<Json> = state
        .allocations
        .iter()
        .map(|(request, amount)| json!({ "payment_request": request, "amount": amount }))
        .collect();
    let mut view = json!({
        "id": id,
        "entry_key": details.entry_key,
        "means": Means::of(details).name(),
        "amount": details.amount,
        "booked_on": details.booked_on,
        "account": details.account,
        "payer": { "name": details.payer_name, "iban": details.payer_iban.as_ref().map(|iban| iban.masked()) },
        "end_to_end_id": details.end_to_end_id,
        "remittance": {
            "structured": details.remittance.structured(),
            "unstructured": details.remittance.unstructured(),
        },
        "customer": state.customer,
        "status": state.status,
        "explanation": state.explanation,
        "allocations": allocations,
        "credited": Money::from_minor(state.credited_minor, details.amount.currency()),
        "unallocated": state.unallocated(),
        "doubt": state.doubt,
        "candidates": state.candidates,
    });
    if let Some(fields) = view.as_object_mut() {
        if let Some(weighed) = &state.weighed {
            fields.insert("decision".to_owned(), decision(weighed, state.taken()));
        }
        if let Some(pointers) = &state.pointers {
            let one = |(by, request, customer): (&str, Option<PaymentRequestId>, CustomerId)| json!({ "by": by, "payment_request": request, "customer": customer });
            fields.insert("evidence".to_owned(), pointers.each().map(one).collect());
        }
        if let Some(said) = &state.particulars {
            let all = [
                ("additional", &said.additional),
                ("instruction_id", &said.instruction_id),
                ("transaction_id", &said.transaction_id),
                ("servicer_reference", &said.servicer_reference),
                ("ultimate_payer", &said.ultimate_payer),
                ("purpose", &said.purpose),
                ("code", &said.code),
            ];
            let said = all.into_iter().filter(|(_, text)| !text.is_empty());
            let said: serde_json::Map<String, Json> =
                said.map(|(key, text)| (key.to_owned(), Json::from(text.as_str()))).collect();
            fields.insert("bank_says".to_owned(), Json::Object(said));
        }
        if state.status == quittance_actors::transfer::Status::NeedsDecision {
            let claim = state.claim.as_ref().map(|claim| json!({ "by": claim.by, "until": claim.until }));
            let task =
                json!({ "assigned_to": state.assigned_to, "claim": claim, "overdue_since": state.overdue_since });
            fields.insert("task".to_owned(), task);
        }
        if let Some(recall) = &state.recall {
            fields.insert("recall".to_owned(), json!({ "entry": recall.entry, "reason": recall.reason }));
        }
        if state.nature() != Nature::Received {
            fields.insert("nature".to_owned(), json!(state.nature()));
        }
        let (part_of, parts) = state.divided();
        if let Some(whole) = part_of {
            fields.insert("part_of".to_owned(), json!(whole));
        }
        if !parts.is_empty() {
            let part = |part: &DividedPart| json!({ "transfer": part.id, "amount": part.amount });
            fields.insert("parts".to_owned(), parts.iter().map(part).collect());
        }
        if let Some(payout) = state.given_back_by {
            fields.insert("payout".to_owned(), json!(payout));
        }
        if state.pending.is_some() {
            fields.insert("deciding".to_owned(), Json::Bool(true));
        }
        if let Some(reason) = &state.refused {
            fields.insert("refused".to_owned(), json!(reason));
        }
    }
    view
}

/// What was weighed: who is thought to have paid, and every way of placing it that was considered beside the
/// one taken. Scores are of 1,000.
fn decision(weighed: &Weighed, taken: Option<(&Proposal, u16)>) -> Json {
    let shown = |proposal: &Proposal| {
        let parts: Vec<Json> = proposal
            .parts
            .iter()
            .map(|(request, amount)| json!({ "payment_request": request, "amount": amount }))
            .collect();
        json!({
            "pays": parts,
            "credit": proposal.credit,
            "score": proposal.score,
            "rung": proposal.rung,
            "why": proposal.rung.text(),
        })
    };
    let others = weighed.proposals.iter().skip(usize::from(taken.is_some()));
    json!({
        "identified_by": weighed.identified_by,
        "accidental_ppm": weighed.accidental_ppm,
        "taken": taken.map(|(taken, _)| shown(taken)),
        "margin": taken.map(|(_, margin)| margin),
        "others": others.map(shown).collect::<Vec<Json>>(),
    })
}
