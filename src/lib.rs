//! The service around the machines: what comes in, what goes out, what is kept.
//!
//! | Module | Is |
//! |---|---|
//! | `cli` | the command line |
//! | `config`, `diagnostics` | configuration, and findings with file, line and column |
//! | `journal` | the record log: the truth |
//! | `store` | checkpoints of the log in an LSM store: derived, rebuildable |
//! | `backup`, `replay` | copies of the log, and the state it tells, built again and compared |
//! | `watch`, `formats` | directories and the files in them |
//! | `channels`, `render`, `dispatch` | e-mail, SMS, hooks, files, and what they say |
//! | `inbound`, `smsc`, `mail_report` | what comes back about messages |
//! | `api`, `backoffice`, `server` | HTTP for machines and for people |
//! | `export` | events as JSON, and files of a period that the log tells |
//! | `observe`, `overview` | logs, metrics, live figures |
//! | `clock` | the only caller of the system clock and of randomness |
//! | `recovery` | a start: the store opened or rebuilt, the tail of the log folded |
//! | `assemble` | wiring: adapters meet here and through the log, never directly |

#![forbid(unsafe_code)]

pub mod api;
pub mod assemble;
pub mod backoffice;
pub mod backup;
pub mod callbacks;
pub mod channels;
pub mod cli;
pub mod clock;
pub mod config;
pub mod diagnostics;
pub mod digest;
pub mod dispatch;
pub mod documents;
pub mod editions;
pub mod examples;
pub mod export;
pub mod feeds;
pub mod formats;
pub mod gsm;
pub mod in_use;
mod inbound;
pub mod journal;
pub mod late;
pub mod mail_report;
pub mod observe;
pub mod overview;
pub mod password;
pub mod portal;
pub mod preview;
pub mod priority;
pub mod recovery;
pub mod render;
pub mod replay;
mod returned;
mod review;
pub mod server;
pub mod simulate;
mod smsc;
pub mod steps;
pub mod store;
mod tactics;
pub mod trial;
pub mod watch;
pub mod watermark;
mod whole_file;
