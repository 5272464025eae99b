//! What the page of a request says, in the payer's language.

use quittance_actors::values::Language;
use serde_json::Value as Json;

/// The texts that do not change: name, French, English.
const TEXTS: [(&str, &str, &str); 49] = [
    ("page", "page de paiement", "payment page"),
    ("due", "Montant dû", "Amount due"),
    ("invoice", "Facture", "Invoice"),
    ("deadline", "échéance", "due"),
    ("by_transfer", "Payer par virement", "Pay by bank transfer"),
    ("beneficiary", "Bénéficiaire", "Beneficiary"),
    ("reference", "Référence", "Reference"),
    (
        "alone",
        "Ce numéro de compte n’est qu’à vous : un virement y est reconnu aussitôt, sans référence.",
        "This account number is yours alone: a transfer to it is recognised at once, with no reference.",
    ),
    (
        "with_reference",
        "Indiquez cette référence dans le libellé de votre virement.",
        "Put this reference with your transfer.",
    ),
    (
        "short",
        "Si votre banque n’a pas de champ pour elle, la référence courte suffit :",
        "If your bank has no field for it, the short reference will do:",
    ),
    (
        "scan",
        "À scanner avec votre application bancaire : tout est déjà rempli.",
        "Scan it with your banking app: everything is filled in.",
    ),
    ("scan_alt", "QR code de virement", "Credit transfer QR code"),
    ("copy", "Copier", "Copy"),
    ("copied", "Copié", "Copied"),
    ("others", "Autres factures ouvertes", "Other open invoices"),
    ("answer", "Répondre", "Answer"),
    ("already", "J’ai déjà payé", "I have already paid"),
    (
        "already_why",
        "Nous attendons votre virement et ne vous relançons pas d’ici là.",
        "We wait for your transfer and do not remind you until then.",
    ),
    ("already_do", "Le signaler", "Tell us"),
    ("promise", "Je paierai plus tard", "I will pay later"),
    ("promise_day", "Je paierai au plus tard le", "I will pay by"),
    ("promise_do", "Promettre", "Promise"),
    ("dispute", "Je ne suis pas d’accord", "I do not agree"),
    (
        "dispute_why",
        "Dites pourquoi : quelqu’un vous répondra, et les relances s’arrêtent.",
        "Say why: somebody will answer you, and reminders stop.",
    ),
    ("dispute_reason", "Votre raison", "Your reason"),
    ("dispute_do", "Envoyer", "Send"),
    ("paid_of", "payés sur", "paid of"),
    ("of", "sur", "of"),
    ("thanks", "Payé, merci", "Paid, thank you"),
    ("receipt", "Reçu", "Receipt"),
    ("paid_on", "Payé le", "Paid on"),
    ("amount", "Montant", "Amount"),
    ("cancelled", "Rien n’est à payer", "Nothing is to be paid"),
    ("cancelled_why", "Cette facture a été annulée.", "This invoice was cancelled."),
    ("disputed", "Vous n’êtes pas d’accord", "You do not agree"),
    (
        "disputed_why",
        "Nous avons noté votre raison et reviendrons vers vous.",
        "We have noted your reason and will come back to you.",
    ),
    ("promised", "Nous attendons votre paiement", "We wait for your payment"),
    ("promised_until", "au plus tard le", "by"),
    (
        "collecting",
        "Un prélèvement est en cours : ne payez pas une seconde fois.",
        "A direct debit or card payment is under way: do not pay a second time.",
    ),
    ("planned", "Le montant sera prélevé le", "The amount will be collected on"),
    (
        "planned_why",
        "Ne le payez pas par virement, il le serait deux fois.",
        "Do not pay it by transfer: it would be paid twice.",
    ),
    ("expired", "Ce lien n’est plus valable", "This link is no longer valid"),
    (
        "expired_why",
        "Répondez au message qui vous l’a donné, ou écrivez à",
        "Answer the message that gave it to you, or write to",
    ),
    ("unknown", "Il n’y a rien à cette adresse", "There is nothing at this address"),
    ("contact", "Une question ? Écrivez à", "A question? Write to"),
    ("other_language", "English", "Français"),
    ("part", "échéance", "part"),
    ("late", "de retard", "late"),
    ("language", "fr", "en"),
];

/// The texts that do not change.
pub(super) fn texts(language: Language) -> Json {
    let of = |(name, french, english): (&str, &str, &str)| {
        let text = if language == Language::Fr { french } else { english };
        (name.to_owned(), Json::String(text.to_owned()))
    };
    Json::Object(TEXTS.into_iter().map(of).collect())
}

/// `3 jours de retard`.
pub(super) fn late(days: i32, language: Language) -> String {
    match (language, days) {
        (Language::Fr, 1) => "1 jour de retard".to_owned(),
        (Language::Fr, _) => format!("{days} jours de retard"),
        (Language::En, 1) => "1 day late".to_owned(),
        (Language::En, _) => format!("{days} days late"),
    }
}

/// What a form came to.
pub(super) fn said(what: &str, language: Language) -> Option<&'static str> {
    Some(match (what, language) {
        ("noted", Language::Fr) => "C’est noté.",
        ("noted", Language::En) => "Noted.",
        ("day", Language::Fr) => "Ce jour ne peut pas être choisi.",
        ("day", Language::En) => "That day cannot be chosen.",
        ("reason", Language::Fr) => "Dites pourquoi, en 200 signes au plus.",
        ("reason", Language::En) => "Say why, in 200 characters at most.",
        ("often", Language::Fr) => "Vous l’avez déjà dit plusieurs fois : écrivez-nous.",
        ("often", Language::En) => "You have said so several times: write to us.",
        ("not", Language::Fr) => "Ce n’est plus possible pour cette facture.",
        ("not", Language::En) => "That is no longer possible for this invoice.",
        _ => return None,
    })
}
