//! The fields that a row of an ERP may have, by name and by place.

/// Fields a row may have: the name, and whether an invoice needs it.
pub const FIELDS: [(&str, bool); 37] = [
    ("invoice", true),
    ("customer", true),
    ("amount", true),
    ("due_on", true),
    ("issued_on", false),
    ("name", false),
    ("email", false),
    ("phone", false),
    ("language", false),
    ("description", false),
    ("kind", false),
    ("credit_note", false),
    ("reason", false),
    ("scenario", false),
    ("customer_kind", false),
    ("collect_from", false),
    ("payment_reference", false),
    ("mandate", false),
    ("iban", false),
    ("bic", false),
    ("signed_on", false),
    ("mandate_kind", false),
    ("notice_days", false),
    ("zone", false),
    ("plan", false),
    ("every", false),
    ("cycles", false),
    ("parts", false),
    ("deposit", false),
    ("deposit_due_on", false),
    ("fee", false),
    ("policy", false),
    ("ask_days_before", false),
    ("on_exhausted", false),
    ("order", false),
    ("virtual_iban_range", false),
    ("request_virtual_iban_range", false),
];

/// A field by its place in [`FIELDS`]: rows look dozens of them up, by a number and not by its letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Key(usize);

impl Key {
    /// The field of a name, when the program is built; a name that is none does not build.
    #[expect(clippy::indexing_slicing, reason = "it is evaluated when the program is built")]
    pub(super) const fn of(name: &str) -> Self {
        let mut at = 0;
        loop {
            if same(FIELDS[at].0.as_bytes(), name.as_bytes()) {
                return Self(at);
            }
            at += 1;
        }
    }

    /// Its name.
    pub(super) fn name(self) -> &'static str {
        FIELDS.get(self.0).map_or("", |(name, _)| name)
    }

    /// Its place among the fields.
    pub(super) fn place(self) -> usize {
        self.0
    }
}

#[expect(clippy::indexing_slicing, reason = "it is evaluated when the program is built")]
const fn same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut at = 0;
    while at < a.len() {
        if a[at] != b[at] {
            return false;
        }
        at += 1;
    }
    true
}
