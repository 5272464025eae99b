//! What went wrong with a try, in a closed set of words that integrators can act on.

use std::fmt;

/// Why a try did not succeed. What is kept of a failed try begins with its word, a colon and a blank.
///
/// The set is closed: a receiver's address resolves to nothing, to somebody else or to nobody, and who reads this learns only
/// that no connection came about, so that a hook is no port scanner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// No connection came about.
    Connection,
    /// No answer came in time.
    Timeout,
    /// The call broke off, or its answer cannot be read.
    Broken,
    /// The other side answered with a status that is no success.
    Status,
    /// The other side takes nothing at the moment.
    Busy,
    /// The other side wants nothing more, this or another.
    Declined,
    /// The other side refuses this message.
    Refused,
    /// Nobody is at the recipient's address.
    Unreachable,
    /// It may have arrived, and nobody said so.
    Unheard,
    /// What was to be sent cannot be written.
    Content,
    /// The recipient has no address for it.
    Recipient,
    /// The configuration does not allow it.
    Settings,
    /// A file could not be written.
    File,
    /// The service itself was not ready.
    Service,
}

impl Fault {
    /// All of them.
    pub const ALL: [Fault; 14] = [
        Fault::Connection,
        Fault::Timeout,
        Fault::Broken,
        Fault::Status,
        Fault::Busy,
        Fault::Declined,
        Fault::Refused,
        Fault::Unreachable,
        Fault::Unheard,
        Fault::Content,
        Fault::Recipient,
        Fault::Settings,
        Fault::File,
        Fault::Service,
    ];

    /// The word on the wire.
    pub fn code(self) -> &'static str {
        match self {
            Fault::Connection => "connection",
            Fault::Timeout => "timeout",
            Fault::Broken => "broken",
            Fault::Status => "status",
            Fault::Busy => "busy",
            Fault::Declined => "declined",
            Fault::Refused => "refused",
            Fault::Unreachable => "unreachable",
            Fault::Unheard => "unheard",
            Fault::Content => "content",
            Fault::Recipient => "recipient",
            Fault::Settings => "settings",
            Fault::File => "file",
            Fault::Service => "service",
        }
    }

    /// What it says of the other side: that it fails, that it is there and answers, or nothing.
    pub fn of_peer(self) -> Option<bool> {
        match self {
            Fault::Refused | Fault::Unreachable => Some(true),
            Fault::Content | Fault::Recipient | Fault::Settings | Fault::Service => None,
            Fault::Connection
            | Fault::Timeout
            | Fault::Broken
            | Fault::Status
            | Fault::Busy
            | Fault::Declined
            | Fault::Unheard
            | Fault::File => Some(false),
        }
    }

    /// The word that an error begins with, if it is one of the set, and the rest.
    pub fn told(error: &str) -> (Option<Self>, &str) {
        let known = |(word, rest)| Some((Self::ALL.into_iter().find(|fault| fault.code() == word)?, rest));
        match error.split_once(": ").and_then(known) {
            Some((fault, rest)) => (Some(fault), rest),
            None => (None, error),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_tells_its_fault() {
        for fault in Fault::ALL {
            assert_eq!(Fault::told(&format!("{fault}: a: b")), (Some(fault), "a: b"));
        }
        // What was kept before there were such words.
        for old in ["503", "relay: it did not answer in time", "", "status"] {
            assert_eq!(Fault::told(old), (None, old));
        }
    }
}
