//! Parts of a state that most never have.

use std::fmt;
use std::ops::{Deref, DerefMut};

use serde::{Deserialize, Serialize};

/// What is kept of a part while nothing of it was said.
pub trait Unsaid: Default + 'static {
    /// The part without anything said.
    const UNSAID: &'static Self;
}

/// A part of a state of which nothing is kept until something of it is said: a million states are small then. It reads
/// like the part itself; writing to it keeps it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seldom<T>(Option<Box<T>>);

impl<T> Default for Seldom<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Seldom<T> {
    /// Whether anything of it was ever said.
    pub fn is_said(&self) -> bool {
        self.0.is_some()
    }

    /// The part to take something back from, if anything of it was said.
    pub fn said(&mut self) -> Option<&mut T> {
        self.0.as_deref_mut()
    }
}

impl<T: Unsaid> Deref for Seldom<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_deref().unwrap_or(T::UNSAID)
    }
}

impl<T: Unsaid> DerefMut for Seldom<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.get_or_insert_default()
    }
}

/// What was said and taken back is as if it had never been said.
impl<T: Unsaid + PartialEq> PartialEq for Seldom<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Unsaid + Eq> Eq for Seldom<T> {}

impl<T: Unsaid + fmt::Debug> fmt::Debug for Seldom<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
    struct Part {
        words: Vec<String>,
    }

    impl Unsaid for Part {
        const UNSAID: &'static Self = &Self { words: Vec::new() };
    }

    #[test]
    fn it_is_small_and_reads_like_the_part() {
        assert_eq!(size_of::<Seldom<Part>>(), size_of::<usize>());
        let (mut seldom, never) = (Seldom::<Part>::default(), Seldom::<Part>::default());
        assert!(seldom.words.is_empty() && seldom.said().is_none());
        seldom.words.push("said".to_owned());
        assert_ne!(seldom, never);
        seldom.words.clear();
        assert_eq!(seldom, never);
    }
}
