//! Payers of sixteen kinds, and what each one truly pays.

use std::collections::BTreeMap;

use quittance_actors::values::{Agreement, ShortReference, names_agree};

use super::generate::World;
use super::words::{FIRSTS, STRANGERS, SURNAMES};
use super::{Invoice, Pays, Transfer, Truth, writing};

/// A transfer being written.
struct Draft {
    class: &'static str,
    owner: Option<usize>,
    own_account: bool,
    payer_name: String,
    payer_iban: Option<String>,
    amount: i64,
    structured: Vec<String>,
    text: String,
    pays: Vec<(usize, i64)>,
    credit: i64,
    auto: bool,
}

impl World {
    /// Adds a transfer of a class, unless the customer picked does not lend itself to it.
    pub(super) fn transfer(&mut self, class: &'static str) -> anyhow::Result<()> {
        let draft = match class {
            "unrelated" => self.unrelated(),
            "duplicate" => self.duplicate(),
            _ => {
                let owner = self.random.place(self.open.len());
                self.of_customer(class, owner)
            }
        };
        if let Some(draft) = draft {
            self.add(draft)?;
        }
        Ok(())
    }

    fn add(&mut self, draft: Draft) -> anyhow::Result<()> {
        let Draft { class, owner, own_account, payer_name, payer_iban, amount, structured, text, pays, credit, auto } =
            draft;
        let customer = owner.and_then(|owner| self.set.customers.get(owner));
        let account = customer.filter(|_| own_account).and_then(|customer| customer.virtual_iban.clone());
        let customer = customer.map(|customer| customer.customer.clone());
        let transfer = format!("T{:06}", self.set.transfers.len() + 1);
        let payer_iban = match payer_iban {
            Some(known) => Some(known),
            None => Some(self.iban("30003")?),
        };
        if let (Some(owner), true) = (owner, auto && (own_account || class == "exact_ref"))
            && let Some(known) = self.accounts.get_mut(owner)
        {
            known.clone_from(&payer_iban);
        }
        if let Some(open) = owner.and_then(|owner| self.open.get_mut(owner)) {
            for (invoice, part) in &pays {
                if let Some(known) = open.iter_mut().find(|open| open.invoice == *invoice) {
                    known.left -= part;
                    // What a duplicate pays again was named without a doubt the first time.
                    if known.left == 0 && matches!(class, "exact_ref" | "invoice_no") {
                        self.paid.push(*invoice);
                    }
                }
            }
            open.retain(|open| open.left > 0);
        }
        let name = |invoice: usize| {
            self.set.invoices.get(invoice).map(|invoice| invoice.invoice.clone()).unwrap_or_default()
        };
        let pays = pays.iter().map(|(invoice, amount)| Pays { invoice: name(*invoice), amount: *amount }).collect();
        let written = Transfer {
            transfer: transfer.clone(),
            account,
            payer_name: Some(payer_name),
            payer_iban,
            amount,
            booked_on: self.day.to_string(),
            end_to_end_id: None,
            structured,
            text,
        };
        self.set.transfers.push(written);
        self.set.truth.push(Truth { transfer, class: class.to_owned(), customer, pays, credit, auto });
        Ok(())
    }

    fn unrelated(&mut self) -> Option<Draft> {
        let payer_name = (*self.random.pick(STRANGERS)).to_owned();
        let amount = self.random.within(500, 300_000);
        let text = format!(
            "{} {}",
            self.random.pick(&["REMB", "AVOIR", "SALAIRE", "DOSSIER", "CAUTION"]),
            self.random.below(100_000)
        );
        Some(Draft {
            owner: None,
            own_account: false,
            auto: false,
            ..self.draft("unrelated", payer_name, amount, text)
        })
    }

    fn duplicate(&mut self) -> Option<Draft> {
        if self.paid.is_empty() {
            return None;
        }
        let invoice = *self.random.pick(&self.paid);
        let known = self.set.invoices.get(invoice)?;
        let (amount, reference, customer) = (known.amount, known.reference.clone(), known.customer.clone());
        let owner = self.set.customers.iter().position(|known| known.customer == customer)?;
        let (structured, text) = writing::exact(&mut self.random, &reference);
        let name = self.payer(owner, 100);
        let own_account = self.has_own(owner) && self.random.percent(40);
        Some(Draft {
            owner: Some(owner),
            own_account,
            structured,
            auto: false,
            ..self.draft("duplicate", name, amount, text)
        })
    }

    fn draft(&self, class: &'static str, payer_name: String, amount: i64, text: String) -> Draft {
        let (structured, pays) = (Vec::new(), Vec::new());
        let (owner, own_account, payer_iban, credit, auto) = (None, false, None, 0, true);
        Draft { class, owner, own_account, payer_name, payer_iban, amount, structured, text, pays, credit, auto }
    }

    fn has_own(&self, owner: usize) -> bool {
        self.set.customers.get(owner).is_some_and(|customer| customer.virtual_iban.is_some())
    }

    /// The customer's name as a bank writes it, or another one: a spouse, a holding.
    fn payer(&mut self, owner: usize, own_percent: u64) -> String {
        let name = self.set.customers.get(owner).map(|customer| customer.name.clone()).unwrap_or_default();
        if self.random.percent(own_percent) {
            writing::banked(&mut self.random, &name)
        } else {
            // Of no customer's name: that would be evidence for somebody else.
            let [first, second] = [SURNAMES, SURNAMES].map(|names| *self.random.pick(names));
            format!("{} {first}-{second}", self.random.pick(FIRSTS)).to_uppercase()
        }
    }

    fn lefts(&self, owner: usize) -> Vec<(usize, i64)> {
        self.open
            .get(owner)
            .map(|open| open.iter().map(|open| (open.invoice, open.left)).collect())
            .unwrap_or_default()
    }

    fn of_customer(&mut self, class: &'static str, owner: usize) -> Option<Draft> {
        let open = self.lefts(owner);
        if open.is_empty() {
            return None;
        }
        let (invoice, left) = *self.random.pick(&open);
        let known = self.set.invoices.get(invoice)?.clone();
        let own = self.has_own(owner);
        let alone = open.iter().filter(|(_, other)| *other == left).count() == 1;
        let hard = self.hard;
        let one = |world: &mut Self, class, text: String, own_account| {
            let name = world.payer(owner, 80);
            Draft {
                owner: Some(owner),
                own_account,
                pays: vec![(invoice, left)],
                ..world.draft(class, name, left, text)
            }
        };
        match class {
            "exact_ref" => {
                let (structured, text) = writing::exact(&mut self.random, &known.reference);
                let own_account = own && self.random.percent(50);
                Some(Draft { structured, ..one(self, class, text, own_account) })
            }
            "ref_typo" => {
                let text = writing::slipped(&mut self.random, &known.reference, hard);
                let own_account = own && self.random.percent(60);
                let mut draft = one(self, class, text, own_account);
                if !own_account {
                    draft.payer_name = self.payer(owner, 85);
                }
                draft.auto = alone && (own_account || self.names(owner, &draft.payer_name));
                Some(draft)
            }
            "invoice_no" => {
                let text = writing::number(&mut self.random, &known.invoice);
                let own_account = own && self.random.percent(50);
                Some(one(self, class, text, own_account))
            }
            "invoice_no_mangled" => {
                let (text, only_digits) = writing::mangled(&mut self.random, &known.invoice, hard);
                let own_account = own && self.random.percent(50);
                let mut draft = one(self, class, text, own_account);
                draft.auto = !only_digits || own_account || self.names(owner, &draft.payer_name) && alone;
                Some(draft)
            }
            "viban_only" => (own && alone).then(|| {
                let text = writing::useless(&mut self.random);
                one(self, class, text, true)
            }),
            "twin_amount" => {
                let twins: Vec<_> = open.iter().filter(|(_, other)| *other == left).collect();
                let (oldest, _) = **twins.first()?;
                (own && twins.len() > 1).then(|| {
                    let text = writing::useless(&mut self.random);
                    Draft { pays: vec![(oldest, left)], ..one(self, class, text, true) }
                })
            }
            "name_only" => (alone && self.set.customers.get(owner)?.name.len() > 6).then(|| {
                let text = writing::useless(&mut self.random);
                let payer_name = self.payer(owner, 100);
                Draft { payer_name, ..one(self, class, text, false) }
            }),
            "known_iban" => {
                let account = self.accounts.get(owner)?.clone()?;
                alone.then(|| {
                    let text = writing::useless(&mut self.random);
                    let payer_name = self.payer(owner, 30);
                    Draft { payer_name, payer_iban: Some(account), ..one(self, class, text, false) }
                })
            }
            "wrong_ref" => {
                let other = self.random.place(self.open.len());
                let (wrong, _) = *self.lefts(other).first()?;
                let reference = self.set.invoices.get(wrong)?.reference.clone();
                (own && other != owner).then(|| {
                    let (structured, text) = writing::exact(&mut self.random, &reference);
                    Draft { structured, pays: Vec::new(), auto: false, ..one(self, class, text, true) }
                })
            }
            _ => self.of_amounts(class, owner, &open, &known, (invoice, left)),
        }
    }

    /// Classes whose amount is not that of one invoice.
    fn of_amounts(
        &mut self, class: &'static str, owner: usize, open: &[(usize, i64)], known: &Invoice,
        (invoice, left): (usize, i64),
    ) -> Option<Draft> {
        let own = self.has_own(owner);
        let own_account = own && self.random.percent(50);
        let name = self.payer(owner, 80);
        match class {
            "partial" | "fee_short" | "overpay" => {
                let amount = match class {
                    "partial" => left * self.random.within(20, 80) / 100,
                    "fee_short" => left - self.random.within(100, 1_500),
                    _ => left + self.random.within(100, 30_000),
                };
                if amount <= 0 || open.iter().any(|(_, other)| *other == amount || *other == amount - left) {
                    return None;
                }
                let (structured, text) = writing::exact(&mut self.random, &known.reference);
                let pays = vec![(invoice, amount.min(left))];
                let credit = (amount - left).max(0);
                Some(Draft {
                    owner: Some(owner),
                    own_account,
                    structured,
                    pays,
                    credit,
                    ..self.draft(class, name, amount, text)
                })
            }
            "multi_ref" => {
                let count = 2 + self.random.place(3);
                let pays = self.some_of(open, count)?;
                let item = |(invoice, _): &(usize, i64)| {
                    let invoice = self.set.invoices.get(*invoice)?;
                    Some((
                        invoice.invoice.clone(),
                        ShortReference::try_from(invoice.reference.clone()).ok()?.to_string(),
                    ))
                };
                let items: Vec<_> = pays.iter().map(item).collect::<Option<_>>()?;
                let text = writing::several(&mut self.random, &items);
                let amount = pays.iter().map(|(_, left)| left).sum();
                Some(Draft { owner: Some(owner), own_account, pays, ..self.draft(class, name, amount, text) })
            }
            "viban_combined" => {
                let count = 2 + self.random.place(5);
                let pays = match self.random.percent(50) {
                    true => open.get(..count)?.to_vec(),
                    false => self.some_of(open, count)?,
                };
                let amount: i64 = pays.iter().map(|(_, left)| left).sum();
                let amounts: Vec<i64> = open.iter().map(|(_, left)| *left).collect();
                let text = writing::useless(&mut self.random);
                let auto = ways(&amounts, amount, 6) == 1;
                own.then(|| Draft {
                    owner: Some(owner),
                    own_account: true,
                    pays,
                    auto,
                    ..self.draft(class, name, amount, text)
                })
            }
            _ => None,
        }
    }

    fn some_of(&mut self, open: &[(usize, i64)], count: usize) -> Option<Vec<(usize, i64)>> {
        if open.len() < count {
            return None;
        }
        let mut places = BTreeMap::new();
        while places.len() < count {
            let place = self.random.place(open.len());
            places.insert(place, *open.get(place)?);
        }
        Some(places.into_values().collect())
    }

    fn names(&self, owner: usize, payer: &str) -> bool {
        self.set.customers.get(owner).is_some_and(|customer| names_agree(&customer.name, payer) == Agreement::Full)
    }
}

/// In how many ways up to `most` of the amounts make a sum, counted to two.
fn ways(amounts: &[i64], sum: i64, most: usize) -> usize {
    fn count(sorted: &[i64], sum: i64, most: usize, found: &mut usize, steps: &mut u32) {
        *steps += 1;
        if sum == 0 {
            *found += 1;
        }
        if sum <= 0 || most == 0 || *found > 1 || *steps > 300_000 {
            return;
        }
        for (at, amount) in sorted.iter().enumerate() {
            // The largest come first: what even they cannot reach is out of reach.
            let reach: i64 = sorted.get(at..).unwrap_or_default().iter().take(most).sum();
            if reach < sum {
                return;
            }
            if *amount <= sum {
                count(sorted.get(at + 1..).unwrap_or_default(), sum - amount, most - 1, found, steps);
            }
        }
    }
    let mut sorted = amounts.to_vec();
    sorted.sort_unstable_by(|a, b| b.cmp(a));
    let (mut found, mut steps) = (0, 0);
    count(&sorted, sum, most, &mut found, &mut steps);
    // What could not be searched is not known to be the only way.
    if steps > 300_000 { 2 } else { found }
}
