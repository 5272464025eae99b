//! Lines of a file of any size, through a buffer of bounded size.
//!
//! A line ends in a line feed, a carriage return, or both; a last line needs no end. Text that
//! is not UTF-8 is read as Windows-1252, which holds ISO 8859-1.

use std::borrow::Cow;
use std::io::{self, Read};

use super::FieldError;

/// Bytes read at once.
const WINDOW_BYTES: usize = 256 << 10;
/// Bytes of one line; above it a file is hostile or broken.
const LINE_BYTES_MAX: usize = 1 << 20;

/// Reads line by line.
pub(super) struct Lines<R> {
    source: R,
    /// What is read stands from `from` to `to`.
    window: Vec<u8>,
    from: usize,
    to: usize,
    line: u64,
    bytes: u64,
    at_end: bool,
}

impl<R: Read> Lines<R> {
    /// The lines of `source`.
    pub fn new(source: R) -> Self {
        Self { source, window: Vec::new(), from: 0, to: 0, line: 0, bytes: 0, at_end: false }
    }

    /// The number of the line that was given last, from 1.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// Bytes read so far.
    pub fn bytes_read(&self) -> u64 {
        self.bytes
    }

    /// The next line and its number, without its end.
    pub fn next(&mut self) -> Option<Result<(u64, &[u8]), FieldError>> {
        let mut searched = 0;
        loop {
            let rest = self.window.get(self.from + searched..self.to).unwrap_or_default();
            if let Some(found) = memchr::memchr2(b'\n', b'\r', rest) {
                let end = self.from + searched + found;
                let carriage = self.window.get(end) == Some(&b'\r');
                if carriage && end + 1 == self.to && !self.at_end {
                    // The line feed of the pair may come with the next bytes.
                    searched = end - self.from;
                    if let Err(error) = self.fill() {
                        return Some(Err(error));
                    }
                    continue;
                }
                let pair = carriage && self.held().get(end + 1 - self.from) == Some(&b'\n');
                return Some(Ok(self.take(end, if pair { end + 2 } else { end + 1 })));
            }
            searched = self.to - self.from;
            if self.at_end {
                let end = self.to;
                return (end > self.from).then(|| Ok(self.take(end, end)));
            }
            if let Err(error) = self.fill() {
                return Some(Err(error));
            }
        }
    }

    /// The next `length` bytes after any line ends: a record of a file that has none. `None` at
    /// the end; shorter when the file or a line ends before.
    pub fn record(&mut self, length: usize) -> Option<Result<(u64, &[u8]), FieldError>> {
        loop {
            let rest = self.held();
            let ends = rest.iter().take_while(|byte| matches!(byte, b'\n' | b'\r')).count();
            if ends > 0 {
                self.from += ends;
                continue;
            }
            if rest.len() > length || self.at_end {
                break;
            }
            if let Err(error) = self.fill() {
                return Some(Err(error));
            }
        }
        let rest = self.held();
        if rest.is_empty() {
            return None;
        }
        let rest = rest.get(..length).unwrap_or(rest);
        let end = self.from + memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
        Some(Ok(self.take(end, end)))
    }

    /// Whether a line end comes within the next `bytes`, or the file ends.
    pub fn breaks_within(&mut self, bytes: usize) -> Result<bool, FieldError> {
        while self.to - self.from < bytes && !self.at_end {
            self.fill()?;
        }
        let rest = self.held();
        Ok(rest.len() < bytes || memchr::memchr2(b'\n', b'\r', rest.get(..bytes).unwrap_or_default()).is_some())
    }

    /// What is read and not taken.
    fn held(&self) -> &[u8] {
        self.window.get(self.from..self.to).unwrap_or_default()
    }

    fn take(&mut self, end: usize, next: usize) -> (u64, &[u8]) {
        let from = std::mem::replace(&mut self.from, next);
        self.line += 1;
        (self.line, self.window.get(from..end).unwrap_or_default())
    }

    fn fill(&mut self) -> Result<(), FieldError> {
        let wrong = |what: String| FieldError::wrong(self.line + 1, 0, "", what);
        if self.from > 0 {
            self.window.copy_within(self.from..self.to, 0);
            (self.from, self.to) = (0, self.to - self.from);
        }
        if self.to > LINE_BYTES_MAX {
            return Err(wrong(format!("a line is longer than {} KiB", LINE_BYTES_MAX >> 10)));
        }
        if self.window.len() < self.to + WINDOW_BYTES {
            self.window.resize(self.to + WINDOW_BYTES, 0);
        }
        let held = self.to;
        while self.to < held + WINDOW_BYTES {
            match self.source.read(self.window.get_mut(self.to..held + WINDOW_BYTES).unwrap_or_default()) {
                Ok(0) => {
                    self.at_end = true;
                    break;
                }
                Ok(read) => self.to += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(wrong(error.to_string())),
            }
        }
        self.bytes += u64::try_from(self.to - held).unwrap_or(u64::MAX);
        if self.line == 0 && self.held().starts_with(b"\xef\xbb\xbf") {
            self.from = 3;
        }
        Ok(())
    }
}

/// The text of bytes: UTF-8, or Windows-1252 when they are not.
pub(super) fn text(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes).0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_as_any_machine_ends_them() {
        let mut lines = Lines::new("one\r\ntwo\rthree\n\nfour".as_bytes());
        let mut found = Vec::new();
        while let Some(line) = lines.next() {
            found.push(text(line.unwrap().1).into_owned());
        }
        assert_eq!(found, ["one", "two", "three", "", "four"]);
        assert_eq!(lines.line(), 5);
    }

    #[test]
    fn records_need_no_line_ends() {
        let mut lines = Lines::new("aaaabbbb\r\ncc".as_bytes());
        let mut found = Vec::new();
        while let Some(record) = lines.record(4) {
            found.push(text(record.unwrap().1).into_owned());
        }
        assert_eq!(found, ["aaaa", "bbbb", "cc"]);
    }

    #[test]
    fn an_endless_line_is_refused() {
        let mut lines = Lines::new(std::io::repeat(b'x'));
        assert!(lines.next().unwrap().unwrap_err().to_string().contains("longer than 1024 KiB"));
    }
}
