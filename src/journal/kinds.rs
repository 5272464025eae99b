//! The table of record kinds. A released kind is never renumbered, removed or given a new
//! meaning (N8); `fixtures/stored` holds the bytes of each, and of every event.

/// A kind of record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// What one command led to.
    Commit,
}

/// Every kind: number, newest version, name.
pub const KINDS: &[(Kind, u16, u16, &str)] = &[(Kind::Commit, 1, 2, "commit")];

impl Kind {
    fn row(self) -> (u16, u16) {
        let row = KINDS.iter().find(|(kind, ..)| *kind == self);
        row.map_or((0, 0), |(_, number, version, _)| (*number, *version))
    }

    /// The number in the record's header.
    pub fn number(self) -> u16 {
        self.row().0
    }

    /// The newest version, which is written.
    pub fn version(self) -> u16 {
        self.row().1
    }

    /// Finds a kind by its number.
    pub fn of(number: u16) -> Option<Kind> {
        KINDS.iter().find(|(_, known, ..)| *known == number).map(|(kind, ..)| *kind)
    }
}
