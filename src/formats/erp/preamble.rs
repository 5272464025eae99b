//! Decoded text as the CSV parser is to see it: what stands before the header is blank lines, and every line ends in a
//! line feed, so that its line numbers are those of the file.

use std::io::{self, BufRead, Read};

/// A reader of text in which a number of lines are blank.
pub(super) struct Preamble<R> {
    inner: R,
    /// Lines to be passed over.
    left: usize,
    /// Line feeds to be given in their place.
    owed: usize,
    /// Whether lines end in a carriage return alone; `None` until it is seen.
    mac: Option<bool>,
}

impl<R: BufRead> Preamble<R> {
    /// Passes over `lines` lines of `inner`, and a line `sep=;` before them.
    pub fn new(inner: R, lines: usize) -> Self {
        Self { inner, left: lines, owed: 0, mac: None }
    }

    /// Makes line feeds of line ends; gives how many bytes are left.
    fn line_ends(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let (mut kept, mut from) = (0, 0);
        while let Some(at) = memchr::memchr(b'\r', bytes.get(from..).unwrap_or_default()).map(|at| from + at) {
            if memchr::memchr(b'\n', bytes.get(from..at).unwrap_or_default()).is_some() {
                self.mac.get_or_insert(false);
            }
            bytes.copy_within(from..at, kept);
            kept += at - from;
            let next = match bytes.get(at + 1) {
                Some(next) => Some(*next),
                None => self.inner.fill_buf()?.first().copied(),
            };
            if next != Some(b'\n') {
                let mac = *self.mac.get_or_insert(true);
                if let Some(place) = bytes.get_mut(kept) {
                    *place = if mac { b'\n' } else { b'\r' };
                }
                kept += 1;
            }
            self.mac.get_or_insert(false);
            from = at + 1;
        }
        if self.mac.is_none() && memchr::memchr(b'\n', bytes).is_some() {
            self.mac = Some(false);
        }
        let length = bytes.len();
        bytes.copy_within(from..length, kept);
        Ok(kept + length - from)
    }
}

/// How spreadsheets begin the line in which they say their separator.
const SEPARATOR_LINE: &[u8] = b"sep=";

/// Passes over so many lines, and a line `sep=;` before them, and hands each out without its end.
pub(super) fn pass_lines(reader: &mut impl BufRead, lines: usize, mut with: impl FnMut(Vec<u8>)) -> io::Result<()> {
    let (mut left, mut first) = (lines, true);
    while left > 0 {
        let Some(line) = next_line(reader)? else { return Ok(()) };
        left -= usize::from(!(first && line.starts_with(SEPARATOR_LINE)));
        first = false;
        with(line);
    }
    Ok(())
}

/// A line without its end, which is of whatever kind; `None` after the last.
fn next_line(reader: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    let mut any = false;
    loop {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            return Ok(any.then_some(line));
        }
        any = true;
        let end = memchr::memchr2(b'\n', b'\r', buffer);
        let length = end.unwrap_or(buffer.len());
        line.extend_from_slice(buffer.get(..length).unwrap_or_default());
        let Some(end) = end else {
            reader.consume(length);
            continue;
        };
        let carriage = buffer.get(end) == Some(&b'\r');
        reader.consume(end + 1);
        if carriage && reader.fill_buf()?.first() == Some(&b'\n') {
            reader.consume(1);
        }
        return Ok(Some(line));
    }
}

impl<R: BufRead> Read for Preamble<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let (passed, owed) = (std::mem::take(&mut self.left), &mut self.owed);
        pass_lines(&mut self.inner, passed, |_| *owed += 1)?;
        if self.owed > 0 {
            let length = self.owed.min(to.len());
            to.iter_mut().take(length).for_each(|byte| *byte = b'\n');
            self.owed -= length;
            return Ok(length);
        }
        loop {
            let read = self.inner.read(to)?;
            let kept = self.line_ends(to.get_mut(..read).unwrap_or_default())?;
            // A carriage return alone says nothing of the end.
            if kept > 0 || read == 0 {
                return Ok(kept);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_before_a_header_are_blank_and_old_ends_are_line_feeds() {
        for (text, lines, wanted) in [
            ("a\nb\nc;d\n1;2\n", 2, "\n\nc;d\n1;2\n"),
            ("a\r\nb\r\nc;d\r\n1;2\r\n", 2, "\n\nc;d\n1;2\n"),
            ("c;d\r\n1;\"2\r3\"\r\n", 0, "c;d\n1;\"2\r3\"\n"),
            ("a\rb\rc;d\r1;2\r", 2, "\n\nc;d\n1;2\n"),
            ("sep=;\r\na \"b\r\nc;d\r\n", 1, "\n\nc;d\n"),
            ("a\n", 3, "\n"),
            ("c;d\n1;2", 0, "c;d\n1;2"),
        ] {
            for size in [1, 3, 64] {
                let mut read = String::new();
                Preamble::new(io::BufReader::with_capacity(size, text.as_bytes()), lines)
                    .read_to_string(&mut read)
                    .unwrap();
                assert_eq!(read, wanted, "{text:?} by {size}");
            }
        }
    }
}
