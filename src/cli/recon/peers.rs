//! How others reconcile, restated in a few lines each, over the same set: what they read, what they
//! compare, and when they decide by themselves.
//!
//! Sources: OCA `account_reconcile_model` (tokens of digits, exact amount, else accumulate); Stripe,
//! customer balance, automatic reconciliation (account number, exact group of at most five, else oldest
//! first); ERPNext bank reconciliation tool (rank by amount, party and reference; a person clicks).

use std::collections::BTreeMap;

use super::{Invoice, Pays, Set, Transfer};

/// What a peer does with a transfer.
pub(in super::super) enum Answer {
    /// It places it.
    Placed(Vec<Pays>),
    /// It shows this to a person first.
    Suggested(Option<Pays>),
}

/// What is open of each customer, the oldest first.
pub(in super::super) struct Books<'a> {
    open: BTreeMap<&'a str, Vec<(&'a Invoice, i64)>>,
    owner: BTreeMap<&'a str, &'a str>,
    numbers: BTreeMap<String, Vec<&'a Invoice>>,
}

/// The digits of the words of a text of at least four symbols.
fn digit_tokens(text: &str) -> Vec<String> {
    let digits = |word: &str| word.chars().filter(char::is_ascii_digit).collect::<String>();
    let words = text.split_whitespace().filter(|word| word.len() >= 4);
    words.map(digits).filter(|digits| !digits.is_empty()).collect()
}

impl<'a> Books<'a> {
    pub fn new(set: &'a Set) -> Self {
        let mut open: BTreeMap<&str, Vec<(&Invoice, i64)>> = BTreeMap::new();
        let mut numbers: BTreeMap<String, Vec<&Invoice>> = BTreeMap::new();
        for invoice in &set.invoices {
            open.entry(&invoice.customer).or_default().push((invoice, invoice.amount));
            for token in digit_tokens(&invoice.invoice) {
                numbers.entry(token).or_default().push(invoice);
            }
        }
        for invoices in open.values_mut() {
            invoices.sort_by(|(a, _), (b, _)| (&a.due_on, &a.invoice).cmp(&(&b.due_on, &b.invoice)));
        }
        let own =
            |customer: &'a super::Customer| Some((customer.virtual_iban.as_deref()?, customer.customer.as_str()));
        Self { open, owner: set.customers.iter().filter_map(own).collect(), numbers }
    }

    /// Takes what was placed off what is open.
    pub fn take(&mut self, pays: &[Pays]) {
        for part in pays {
            for invoices in self.open.values_mut() {
                if let Some((_, left)) = invoices.iter_mut().find(|(invoice, _)| invoice.invoice == part.invoice) {
                    *left -= part.amount;
                }
                invoices.retain(|(_, left)| *left > 0);
            }
        }
    }

    fn of(&self, customer: &str) -> &[(&'a Invoice, i64)] {
        self.open.get(customer).map_or(&[], Vec::as_slice)
    }

    fn payer(&self, transfer: &Transfer) -> Option<&'a str> {
        self.owner.get(transfer.account.as_deref()?).copied()
    }

    /// Odoo with the virtual IBAN as partner: digit tokens of the text among the digit tokens of the numbers;
    /// the exact amount wins, else the hits are taken until the amount is covered.
    pub fn odoo(&self, transfer: &Transfer) -> Answer {
        let partner = self.payer(transfer);
        let mut hits: Vec<(&Invoice, i64)> = Vec::new();
        for token in digit_tokens(&transfer.text) {
            for invoice in self.numbers.get(&token).into_iter().flatten() {
                let open = self.of(&invoice.customer).iter().find(|(known, _)| known.invoice == invoice.invoice);
                let fits = partner.is_none_or(|partner| partner == invoice.customer);
                hits.extend(open.filter(|_| fits).copied());
            }
        }
        hits.sort_by(|(a, _), (b, _)| (&a.due_on, &a.invoice).cmp(&(&b.due_on, &b.invoice)));
        hits.dedup_by(|(a, _), (b, _)| a.invoice == b.invoice);
        if let Some((invoice, left)) = hits.iter().find(|(_, left)| *left == transfer.amount) {
            return Answer::Placed(vec![Pays { invoice: invoice.invoice.clone(), amount: *left }]);
        }
        if hits.is_empty() {
            let first = partner.and_then(|partner| self.of(partner).first());
            return Answer::Suggested(
                first.map(|(invoice, left)| Pays { invoice: invoice.invoice.clone(), amount: *left }),
            );
        }
        Answer::Placed(fill(&hits, transfer.amount))
    }

    /// Stripe: the account number is the customer; a group of one to five that is exact, the fewest, then the oldest;
    /// else the oldest first as far as the money goes.
    pub fn stripe(&self, transfer: &Transfer) -> Answer {
        let Some(customer) = self.payer(transfer) else { return Answer::Suggested(None) };
        let open = self.of(customer);
        for size in 1..=5 {
            if let Some(group) = group(open, transfer.amount, size) {
                return Answer::Placed(group);
            }
        }
        match open.is_empty() {
            true => Answer::Suggested(None),
            false => Answer::Placed(fill(open, transfer.amount)),
        }
    }

    /// ERPNext: 1 for the amount, 1 for the party, 1 for the reference; a person takes the best.
    pub fn erpnext(&self, transfer: &Transfer) -> Answer {
        let partner = self.payer(transfer);
        let all = self.open.values().flatten().filter(|(_, left)| *left <= transfer.amount || partner.is_none());
        let rank = |(invoice, left): &(&Invoice, i64)| {
            u32::from(*left == transfer.amount)
                + u32::from(partner == Some(invoice.customer.as_str()))
                + u32::from(transfer.text.contains(&invoice.invoice))
        };
        let best = all.max_by_key(|candidate| rank(candidate));
        Answer::Suggested(best.map(|(invoice, left)| Pays { invoice: invoice.invoice.clone(), amount: *left }))
    }
}

fn fill(open: &[(&Invoice, i64)], amount: i64) -> Vec<Pays> {
    let mut rest = amount;
    let mut pays = Vec::new();
    for (invoice, left) in open {
        let part = rest.min(*left);
        if part > 0 {
            pays.push(Pays { invoice: invoice.invoice.clone(), amount: part });
            rest -= part;
        }
    }
    pays
}

/// The first group of exactly `size` open invoices that makes the amount.
fn group(open: &[(&Invoice, i64)], amount: i64, size: usize) -> Option<Vec<Pays>> {
    if size == 0 {
        return (amount == 0).then(Vec::new);
    }
    // Beyond some number of open invoices it would take for ever; the peer stops as well.
    let open = open.get(..open.len().min(24)).unwrap_or_default();
    for (at, (invoice, left)) in open.iter().enumerate() {
        if *left <= amount
            && let Some(mut rest) = group(open.get(at + 1..).unwrap_or_default(), amount - left, size - 1)
        {
            rest.push(Pays { invoice: invoice.invoice.clone(), amount: *left });
            return Some(rest);
        }
    }
    None
}
