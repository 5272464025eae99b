//! Tests of the service, in one binary so that everything links once.

mod api;
mod config;
mod crash;
mod formats;
mod journal;
mod recovery;
mod service;
mod stored;
mod support;
mod tidy;
