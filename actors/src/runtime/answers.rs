//! Answers to commands that were asked side by side, over several partitions: whoever asked
//! hears once, when the last of them is durable.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::SubmitError;
use crate::partition::Receipt;

/// An answer.
pub type Answer = Result<Receipt, SubmitError>;

/// Gathers answers.
pub(super) struct Answers {
    open: Mutex<Open>,
}

struct Open {
    answers: Vec<Option<Answer>>,
    left: usize,
    asker: Option<oneshot::Sender<Vec<Answer>>>,
    /// The places of admission, given back with the last answer.
    admitted: Option<OwnedSemaphorePermit>,
}

impl Answers {
    /// Room for `count` answers, and where they arrive.
    pub fn new(count: usize, admitted: OwnedSemaphorePermit) -> (Arc<Self>, oneshot::Receiver<Vec<Answer>>) {
        let (asker, receiver) = oneshot::channel();
        let open = Open { answers: vec![None; count], left: count, asker: Some(asker), admitted: Some(admitted) };
        (Arc::new(Self { open: Mutex::new(open) }), receiver)
    }

    /// Takes answers by their places.
    pub fn give(&self, answers: impl IntoIterator<Item = (usize, Answer)>) {
        // The table is whole between two statements, so a panic elsewhere cannot have torn it.
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        for (place, answer) in answers {
            if let Some(slot) = open.answers.get_mut(place)
                && slot.is_none()
            {
                *slot = Some(answer);
                open.left = open.left.saturating_sub(1);
            }
        }
        if open.left == 0 {
            drop(open.admitted.take());
            let answers = std::mem::take(&mut open.answers).into_iter().flatten().collect();
            if let Some(asker) = open.asker.take() {
                let _ = asker.send(answers); // The caller may have left.
            }
        }
    }
}
