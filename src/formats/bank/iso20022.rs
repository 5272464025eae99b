//! Bank messages of ISO 20022: a document read into what it tells.

use std::io::BufRead;
use std::ops::ControlFlow;

use super::{Found, Stepped, Steps};
use crate::formats::FieldError;
use crate::formats::xml::{Document, Handler};

/// What a message is read into.
pub(super) trait Message: Handler + Default + Send {
    /// Pieces that are whole and not taken yet.
    fn found(&mut self) -> &mut Found;

    /// What must have been there when the document ends.
    fn end(&self) -> Result<(), FieldError> {
        Ok(())
    }
}

/// A document, and what was read of it.
struct Reading<R, M> {
    document: Document<R>,
    message: M,
}

/// The pieces of `source`, read into `M`.
pub(super) fn pieces<M: Message>(source: impl BufRead + Send) -> Stepped<impl Steps> {
    Stepped::new(Reading { document: Document::new(source), message: M::default() })
}

impl<R: BufRead + Send, M: Message> Steps for Reading<R, M> {
    fn step(&mut self) -> Result<ControlFlow<()>, FieldError> {
        if !self.document.read(&mut self.message)? {
            return Ok(ControlFlow::Continue(()));
        }
        self.message.end()?;
        Ok(ControlFlow::Break(()))
    }

    fn found(&mut self) -> &mut Found {
        self.message.found()
    }

    fn bytes_read(&self) -> u64 {
        self.document.bytes_read()
    }
}
