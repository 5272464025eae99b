//! What waits for a host. Commands that arrive one by one while it decides others are decided together:
//! one message, one append and one release for all of them, and no wait when it is idle.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use actix::prelude::SendError;
use actix::{Addr, Message};

use super::host::{Host, Submit};
use crate::limits;

/// Commands on their way to one host, in order. Admission bounds them.
#[derive(Default)]
pub(super) struct Inbox {
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    submits: VecDeque<Submit>,
    /// Whether the host has been called and will look.
    called: bool,
}

impl Inbox {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // The queue is whole between two statements, so a panic elsewhere cannot have torn it.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds commands, and calls the host unless it will look anyway.
    pub fn push(self: &Arc<Self>, submit: Submit, host: &Addr<Host>) {
        {
            let mut waiting = self.lock();
            waiting.submits.push_back(submit);
            if std::mem::replace(&mut waiting.called, true) {
                return;
            }
        }
        Call { inbox: Some(Arc::clone(self)) }.send(host);
    }

    /// The oldest commands, so many that an append is worth while, and whether others are left.
    fn take(&self) -> (Vec<Submit>, bool) {
        let mut waiting = self.lock();
        let (mut taken, mut commands) = (Vec::new(), 0);
        while commands < limits::DECIDED_AT_ONCE_MIN
            && let Some(submit) = waiting.submits.pop_front()
        {
            commands += submit.asked.len();
            taken.push(submit);
        }
        waiting.called = !waiting.submits.is_empty();
        (taken, waiting.called)
    }
}

/// Something waits.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Call {
    inbox: Option<Arc<Inbox>>,
}

impl Call {
    /// Calls the host.
    pub fn send(self, host: &Addr<Host>) {
        match host.try_send(self) {
            Err(SendError::Full(call)) => {
                #[expect(clippy::disallowed_methods, reason = "one call at a time, and the commands are not in it")]
                host.do_send(call);
            }
            // A call that a stopped host refuses is dropped, and whoever waits hears of it.
            Ok(()) | Err(SendError::Closed(_)) => {}
        }
    }

    /// The oldest commands, and a call for those left.
    pub fn answer(mut self) -> (Vec<Submit>, Option<Self>) {
        let Some(inbox) = self.inbox.take() else { return (Vec::new(), None) };
        let (taken, left) = inbox.take();
        (taken, left.then(|| Self { inbox: Some(inbox) }))
    }
}

impl Drop for Call {
    /// Nobody answers: the host has stopped, and what waits for it is dropped, so that its senders hear so.
    fn drop(&mut self) {
        if let Some(inbox) = self.inbox.take() {
            let unheard = {
                let mut waiting = inbox.lock();
                waiting.called = false;
                std::mem::take(&mut waiting.submits)
            };
            drop(unheard);
        }
    }
}
