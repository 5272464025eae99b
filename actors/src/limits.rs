//! Every bound of the system, its unit in its name and its reason beside it (N11).

/// Open requests that one message lists; a customer with more is told of those due first, and of the others apart.
pub const OPEN_TOLD_MAX: usize = 200;
/// Tells of one step: a transfer that closes every request of a large customer stays far below.
pub const STEP_TELLS_MAX: usize = 2_000;
/// Deliveries of one step: rules and endpoints times events, bounded so that a bad rule cannot flood. A transfer that pays
/// two hundred requests tells of six hundred events.
pub const STEP_DELIVERIES_MAX: usize = 16_000;
/// Rows of an ordered lane that one partition names at once: the oldest of so many keys.
pub const HEADS_OF_A_PARTITION_MAX: usize = 256;
/// Rows of one key that are named at once: a key of which many wait goes on without asking for each.
pub const FOLLOWERS_OF_A_KEY_MAX: usize = 8;
/// Rows of an ordered lane below which it asks for more at once, and not at its next interval.
pub const LANE_TICKETS_FEW: usize = 64;
/// Entities a partition keeps in memory; above it the least recently used leave.
pub const RESIDENTS_PER_PARTITION_MAX: usize = 8_192;
/// Receipts a partition keeps in memory; older ones are looked up in the store.
pub const RECEIPTS_PER_PARTITION_MAX: usize = 2_048;
/// Commands admitted and not yet answered; above it callers hear "later", and files wait.
pub const ADMITTED_COMMANDS_MAX: usize = 16_384;
/// Timers turned into records at once: commands of callers come in between.
pub const FIRED_AT_ONCE_MAX: usize = 4_096;
/// Commands of several senders that a host decides before it appends them; others of its mailbox come in between.
pub const DECIDED_AT_ONCE_MIN: usize = 256;
/// Mailbox of the host of a core's lanes: admission is the real bound, this only sizes the queue.
pub const HOST_MAILBOX_MESSAGES: usize = 16_384;
/// Tries of one command whose handling panics, before it is quarantined.
pub const COMMAND_PANICS_MAX: u32 = 3;
/// Seconds a caller should wait after "later".
pub const RETRY_AFTER_SECONDS: u32 = 1;
/// Young deliveries of a partition whose records stay in memory; others are read from the log.
pub const OUTBOX_RECORDS_PER_PARTITION_MAX: usize = 64;
/// Deliveries a lane knows of at once; more wait in the outbox until it asks for them.
pub const LANE_TICKETS_MAX: usize = 16_384;
/// Tries of one lane that are not recorded: they would be repeated after a crash.
pub const LANE_UNRECORDED_MAX: usize = 256;
/// Deliveries of one lane in flight at once.
pub const LANE_IN_FLIGHT_MAX: usize = 16;
/// Consecutive failures that open the breaker of a lane.
pub const BREAKER_FAILURES: u32 = 20;
/// How long an endpoint is left alone that says that it wants nothing more.
pub const BREAKER_DECLINED_MS: i64 = 3_600_000;
/// How long an open breaker waits first; it doubles up to [`BREAKER_OPEN_MS_MAX`].
pub const BREAKER_OPEN_MS: i64 = 30_000;
/// The longest an open breaker waits.
pub const BREAKER_OPEN_MS_MAX: i64 = 900_000;
/// Rows of one file being decided at once.
pub const ROWS_IN_FLIGHT_MAX: usize = 512;
/// Open requests of one customer that a transfer is compared with.
pub const OPEN_REQUESTS_COMPARED_MAX: usize = 200;
/// Open requests of one customer; a customer above it is a mistake of the sender.
pub const OPEN_REQUESTS_MAX: usize = 10_000;
/// Uses of credit that are remembered, so that they can be taken back.
pub const CREDIT_USES_REMEMBERED_MAX: usize = 200;
/// Account numbers that one customer has had.
pub const FORMER_NUMBERS_MAX: usize = 50;
/// Parts that a transfer is divided into.
pub const DIVIDED_PARTS_MAX: usize = 32;
/// Numbers of a pool looked at for one that is free again.
pub const NUMBERS_LOOKED_AT_MAX: usize = 1_000;
/// Open tasks of one customer: a rule that opens more is a mistake.
pub const CUSTOMER_TASKS_MAX: usize = 100;
/// Characters of what a person is to do.
pub const TASK_CHARACTERS_MAX: usize = 200;
/// Days to the last day of a task, for it to be told that it is over.
pub const TASK_DAYS_MAX: i32 = 3_660;
/// Tags of one customer.
pub const TAGS_MAX: usize = 50;
/// Characters of a tag, or of the name of an event of a rule's own.
pub const TAG_CHARACTERS_MAX: usize = 32;
/// Cards and other payment methods of one customer.
pub const PAYMENT_METHODS_MAX: usize = 100;
/// Attempts kept on one request.
pub const ATTEMPTS_MAX: usize = 200;
/// Days ahead that a payer can promise to pay.
pub const PROMISE_DAYS_MAX: u16 = 60;
/// Transfers of one customer that wait for a person and are weighed again with a late invoice.
pub const UNPLACED_TRANSFERS_MAX: usize = 20;
/// Plans of one customer that go on.
pub const PLANS_MAX: usize = 100;
/// Closed cycles that a plan remembers; older ones are found by their invoice numbers.
pub const PLAN_CYCLES_KEPT_MAX: usize = 36;
/// Mandates of one customer.
pub const MANDATES_MAX: usize = 100;
/// Requests of one customer whose collection waits for the same thing; others wait for a person.
pub const WAITING_COLLECTIONS_MAX: usize = 1_000;
/// Contacts of one customer that are remembered: more than a cap counts.
pub const CONTACTS_REMEMBERED_MAX: usize = 64;
/// Steps of one reminder scenario.
pub const SCENARIO_STEPS_MAX: usize = 50;
/// Steps of a scenario within a day.
pub const SCENARIO_STEPS_A_DAY_MAX: usize = 3;
/// Nodes of one rule condition.
pub const CONDITION_NODES_MAX: usize = 200;
/// Depth of one rule condition.
pub const CONDITION_DEPTH_MAX: usize = 32;
/// Rules of one tenant.
pub const RULES_MAX: usize = 2_000;
/// Characters of a reference that an ERP gave.
pub const EXTERNAL_REFERENCE_CHARACTERS_MAX: usize = 64;
/// Characters of a name.
pub const NAME_CHARACTERS_MAX: usize = 140;
/// Characters of a description.
pub const DESCRIPTION_CHARACTERS_MAX: usize = 500;
/// The largest amount of one request or transfer, in minor units: ten thousand million euros.
pub const AMOUNT_MINOR_MAX: i64 = 1_000_000_000_000;

/// Bank statements, or reports of orders, of one record: some hundred bytes each.
pub const STATEMENTS_OF_A_RECORD_MAX: usize = 200;

/// Bank statements, and reports of orders, of one file: they are held until the file is read.
pub const STATEMENTS_OF_A_FILE_MAX: usize = 100_000;
/// Digits of the end of a number that may say whose it is when nothing else does: fewer are many people's.
pub const TELLING_TAIL_DIGITS_MIN: usize = 4;
/// Rules that a customer remembers to have fired.
pub const RULES_REMEMBERED_MAX: usize = 4_096;
