//! A set from a seed: customers with open invoices, and payers of sixteen kinds. The truth is what
//! somebody would do who sees everything; what even they could not know is not knowable.

use std::collections::BTreeSet;

use quittance_actors::values::{Date, ReferenceKey, ShortReference, french_iban};

use super::random::Random;
use super::words::{FIRSTS, FORMS, PLACES, SURNAMES, TRADES};
use super::{About, Customer, Invoice, Set};

/// How large a set is and how nasty.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Size {
    pub seed: u64,
    pub customers: usize,
    pub transfers: usize,
    pub hard: bool,
}

/// Classes and how often each comes, of a thousand.
const CLASSES: [(&str, u64); 16] = [
    ("exact_ref", 210),
    ("ref_typo", 80),
    ("invoice_no", 120),
    ("invoice_no_mangled", 80),
    ("viban_only", 120),
    ("viban_combined", 60),
    ("multi_ref", 50),
    ("partial", 40),
    ("fee_short", 30),
    ("overpay", 40),
    ("name_only", 40),
    ("known_iban", 40),
    ("twin_amount", 30),
    ("wrong_ref", 20),
    ("duplicate", 20),
    ("unrelated", 20),
];

pub(super) struct Open {
    pub invoice: usize,
    pub left: i64,
}

pub(super) struct World {
    pub random: Random,
    pub hard: bool,
    pub set: Set,
    pub open: Vec<Vec<Open>>,
    /// Accounts a customer has surely paid from.
    pub accounts: Vec<Option<String>>,
    pub paid: Vec<usize>,
    pub day: Date,
    pub next_account: u64,
}

/// The set of a seed.
pub(in super::super) fn generate(size: Size) -> anyhow::Result<Set> {
    let Size { seed, customers, transfers, hard } = size;
    let mut random = Random::new(seed);
    let reference_seed = random.next() & 0xffff_ffff;
    let about = About { shape: 1, reference_seed, currency: "EUR".to_owned() };
    let set = Set { about, customers: Vec::new(), invoices: Vec::new(), transfers: Vec::new(), truth: Vec::new() };
    let mut world = World {
        random,
        hard,
        set,
        open: Vec::new(),
        accounts: vec![None; customers],
        paid: Vec::new(),
        day: Date::parse("2026-04-01")?,
        next_account: 0,
    };
    world.people(customers)?;
    world.invoices(transfers)?;
    while world.set.transfers.len() < transfers {
        let before = world.set.transfers.len();
        let class = world.class();
        for _ in 0..40 {
            world.transfer(class)?;
            if world.set.transfers.len() > before {
                break;
            }
        }
        if world.set.transfers.len() == before {
            world.transfer("unrelated")?;
        }
        if world.random.percent(1) {
            world.day = world.day.plus_days(1);
        }
    }
    Ok(world.set)
}

impl World {
    fn class(&mut self) -> &'static str {
        let mut at = self.random.below(CLASSES.iter().map(|(_, weight)| weight).sum());
        for (class, weight) in CLASSES {
            if at < weight {
                return class;
            }
            at -= weight;
        }
        "exact_ref"
    }

    pub fn iban(&mut self, bank: &str) -> anyhow::Result<String> {
        self.next_account += 1 + self.random.below(7);
        let account = format!("{:011}", self.next_account.wrapping_mul(7_919) % 100_000_000_000);
        Ok(french_iban(bank, "01005", &account)?.electronic().to_owned())
    }

    fn people(&mut self, count: usize) -> anyhow::Result<()> {
        let mut names = BTreeSet::new();
        while self.set.customers.len() < count {
            let [trade, surname, place] = [TRADES, SURNAMES, PLACES].map(|words| *self.random.pick(words));
            let name = match self.random.below(10) {
                // A franchise: the place alone tells them apart.
                0..=2 if self.hard => format!("Boulangerie Paul {place} {}", self.random.below(50)),
                0..=2 => format!("{} {surname}", self.random.pick(FIRSTS)),
                3..=6 => format!("{trade} {surname} {place} {}", self.random.pick(FORMS)),
                _ => format!("{trade} {place} {surname}"),
            };
            // The same words in another order or form are the same name.
            let name = match quittance_actors::values::name_key(&name) {
                Some(key) if names.insert(key) => name,
                _ => {
                    let name = format!("{name} {}", 100 + self.set.customers.len());
                    names.extend(quittance_actors::values::name_key(&name));
                    name
                }
            };
            let own = self.random.percent(if self.hard { 30 } else { 70 });
            let virtual_iban = if own { Some(self.iban("20041")?) } else { None };
            let customer = format!("C{:05}", self.set.customers.len() + 1);
            self.set.customers.push(Customer { customer, name, virtual_iban });
            self.open.push(Vec::new());
        }
        Ok(())
    }

    fn invoices(&mut self, transfers: usize) -> anyhow::Result<()> {
        let key = ReferenceKey::from_seed(self.set.about.reference_seed);
        let style = self.random.below(5);
        let prices: Vec<i64> = (0..25).map(|at| 1_990 + 1_700 * at).collect();
        let wanted = transfers * 2 + self.set.customers.len() * 3;
        let many: Vec<usize> = (0..self.set.customers.len()).filter(|_| self.random.percent(4)).collect();
        let mut used = BTreeSet::new();
        while self.set.invoices.len() < wanted {
            let busy = self.hard && !many.is_empty() && self.random.percent(45);
            let owner = if busy { *self.random.pick(&many) } else { self.random.place(self.set.customers.len()) };
            let most = if self.hard && many.contains(&owner) { 200 } else { 14 };
            if self.open.get(owner).is_none_or(|open| open.len() >= most) && !self.random.percent(5) {
                continue;
            }
            let serial = self.set.invoices.len() + 1;
            let invoice = match style {
                0 => format!("FA-2026-{serial:06}"),
                1 => format!("F2026/{serial:05}"),
                2 => format!("INV-{serial:06}"),
                3 => format!("2026{serial:07}"),
                _ => format!("R-26-{serial:06}"),
            };
            let amount = if self.hard && self.random.percent(60) {
                *self.random.pick(&prices)
            } else {
                let scale = *self.random.pick(&[5_000, 40_000, 200_000, 900_000]);
                self.random.within(990, scale)
            };
            let mut index = self.random.next();
            while !used.insert(index % ShortReference::COUNT) {
                index = self.random.next();
            }
            let issued = Date::parse("2026-01-05")?;
            let issued = issued.plus_days(i32::try_from(self.random.below(80))?);
            let due = issued.plus_days(*self.random.pick(&[14, 30, 30, 45]));
            let customer =
                self.set.customers.get(owner).map(|customer| customer.customer.clone()).unwrap_or_default();
            let reference = ShortReference::of(index, key).compact();
            let (issued_on, due_on) = (issued.to_string(), due.to_string());
            self.set.invoices.push(Invoice { invoice, customer, amount, issued_on, due_on, reference });
            if let Some(open) = self.open.get_mut(owner) {
                open.push(Open { invoice: serial - 1, left: amount });
            }
        }
        for open in &mut self.open {
            open.sort_by_key(|open| {
                let invoice = self.set.invoices.get(open.invoice);
                invoice.map(|invoice| (invoice.due_on.clone(), invoice.invoice.clone()))
            });
        }
        Ok(())
    }
}
