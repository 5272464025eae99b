//! Ways to break an invariant on purpose: each must be found by the auditor.

/// One mistake that the world makes whenever it can.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutation {
    /// A recorded allocation is larger than what was decided.
    GrowAllocation,
    /// A placed transfer loses its credit.
    LosePayment,
    /// A delivery whose guard no longer holds leaves all the same.
    IgnoreGuard,
    /// The same attempt is counted under another id.
    RepeatAttempt,
    /// A checkpoint does not store what waits in the outbox.
    LoseOutboxRow,
    /// Effects leave before their record is synced.
    ReleaseEarly,
    /// A change is left out when the tail of the log is replayed.
    SkipChange,
    /// Receipts are not stored.
    ForgetReceipts,
    /// Timers fire before they are due.
    FireEarly,
    /// A checkpoint does not store timers.
    LoseTimers,
    /// The directory forgets what rows are known.
    ForgetDirectory,
    /// An address of a customer stands in a request.
    LeakAddress,
    /// A record is written twice.
    RepeatRecord,
    /// An attempt is made from another card than the customer's.
    OtherInstrument,
    /// What may have arrived is sent again after a crash.
    SendAgain,
    /// A checkpoint forgets how many events of a customer were told.
    ForgetNumbers,
    /// A plan asks for the cycle before once more.
    RepeatCycle,
}

impl Mutation {
    /// Every mistake, with the invariants of which one must be found broken.
    pub const ALL: &'static [(Mutation, &'static [&'static str])] = &[
        (Mutation::GrowAllocation, &["INV-01", "INV-02", "INV-08"]),
        (Mutation::LosePayment, &["INV-02"]),
        (Mutation::IgnoreGuard, &["INV-03"]),
        (Mutation::RepeatAttempt, &["INV-04"]),
        (Mutation::LoseOutboxRow, &["INV-06", "INV-13"]),
        (Mutation::ReleaseEarly, &["INV-07"]),
        (Mutation::SkipChange, &["INV-08"]),
        (Mutation::ForgetReceipts, &["INV-09"]),
        (Mutation::FireEarly, &["INV-10"]),
        (Mutation::LoseTimers, &["INV-10"]),
        (Mutation::ForgetDirectory, &["INV-11"]),
        (Mutation::LeakAddress, &["INV-12"]),
        (Mutation::RepeatRecord, &["INV-13"]),
        (Mutation::OtherInstrument, &["INV-05"]),
        (Mutation::SendAgain, &["INV-14"]),
        (Mutation::ForgetNumbers, &["INV-15"]),
        (Mutation::RepeatCycle, &["INV-16"]),
    ];
}
