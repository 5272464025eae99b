//! XML in windows: a file of any size is read through a buffer of bounded size, and its texts
//! borrow from it.
//!
//! Elements are known by their local names. What no bank file needs is refused: document types,
//! entities, endless elements, deep nesting. Names of ends are checked against their starts.
//! The tokenizer is ours because an element that holds only text, which nearly all of a statement
//! is made of, is one step here and three events of a library; a test holds it to `quick-xml`.
//! Source: Extensible Markup Language 1.0, fifth edition.

mod tokens;
mod writer;

use std::io::{self, Read};

use encoding_rs_io::{DecodeReaderBytes, DecodeReaderBytesBuilder};

pub(crate) use self::writer::Writer;

use self::tokens::{Token, Tokens};
use super::FieldError;

/// Bytes read at once.
const WINDOW_BYTES: usize = 128 << 10;
/// Bytes of one element or comment; above it a file is hostile or broken.
const ELEMENT_BYTES_MAX: usize = 1 << 20;
/// Depth of elements; real files stay below 20.
pub(super) const DEPTH_MAX: usize = 64;
/// Bytes of one text.
const TEXT_BYTES_MAX: usize = 64 << 10;
/// Bytes of one text of an invoice, in which a document may be embedded.
const EMBEDDED_BYTES_MAX: usize = 24 << 20;

/// Takes what a document says, element by element.
pub(super) trait Handler {
    /// An element begins. What is wrong with it ends the file.
    fn open(&mut self, place: &mut Place<'_>, name: &str, start: &Start<'_>) -> Result<(), FieldError>;

    /// An element ends; `text` is what stood in it, trimmed, without that of its children.
    fn close(&mut self, place: &mut Place<'_>, text: &str) -> Result<(), FieldError>;

    /// Whether enough is known for now; the rest of the window is read later.
    fn full(&self) -> bool;
}

/// The attributes of a start tag, as they are written.
pub(super) struct Start<'a>(&'a str);

impl<'a> Start<'a> {
    /// The value of an attribute.
    pub fn attribute(&self, wanted: &str) -> Option<&'a str> {
        let mut rest = self.0;
        while let Some((name, after)) = rest.split_once('=') {
            let after = after.trim_ascii_start();
            let quote = after.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
            let (value, after) = after.get(1..)?.split_once(quote)?;
            if name.trim_ascii() == wanted {
                return Some(value);
            }
            rest = after;
        }
        None
    }
}

/// Where a handler is called: the line, and the names of the open elements.
pub(super) struct Place<'a> {
    lines: &'a mut Lines,
    window: &'a str,
    at: usize,
    names: &'a Names,
}

impl Place<'_> {
    /// The line, from 1.
    pub fn line(&mut self) -> u64 {
        self.lines.at(self.window.as_bytes(), self.at)
    }

    /// An error at this place.
    pub fn wrong(&mut self, what: impl Into<String>) -> FieldError {
        let line = self.line();
        FieldError::wrong(line, self.lines.column(self.at), &self.names.path(), what)
    }

    /// A value that is not what was expected, in the innermost open element.
    pub fn expected(&mut self, value: &str, expected: impl Into<String>) -> FieldError {
        FieldError::expected(self.line(), 0, &self.names.path(), value, expected)
    }
}

/// Counts lines when they are asked for.
#[derive(Default)]
struct Lines {
    before_window: u64,
    counted_to: usize,
    counted: u64,
    /// Bytes before the window, and before the line that was counted last.
    window_at: u64,
    line_at: u64,
}

impl Lines {
    fn at(&mut self, window: &[u8], at: usize) -> u64 {
        if at > self.counted_to {
            let more = window.get(self.counted_to..at).unwrap_or_default();
            self.counted += count(memchr::memchr_iter(b'\n', more).count());
            if let Some(last) = memchr::memrchr(b'\n', more) {
                self.line_at = self.window_at + count(self.counted_to + last + 1);
            }
            self.counted_to = at;
        }
        self.before_window + self.counted + 1
    }

    /// The column of a place whose line was asked for, from 1.
    fn column(&self, at: usize) -> u64 {
        (self.window_at + count(at)).saturating_sub(self.line_at) + 1
    }

    /// What was counted lies before `consumed`: events are taken in order.
    fn next_window(&mut self, window: &[u8], consumed: usize) {
        self.at(window, consumed);
        self.before_window += self.counted;
        self.window_at += count(consumed);
        (self.counted_to, self.counted) = (0, 0);
    }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// The names of the open elements, without prefixes for people and with them for their ends.
#[derive(Default)]
struct Names {
    text: Vec<u8>,
    starts: Vec<usize>,
}

impl Names {
    fn push(&mut self, name: &str) {
        self.starts.push(self.text.len());
        self.text.extend_from_slice(name.as_bytes());
    }

    fn last(&self) -> Option<&str> {
        std::str::from_utf8(self.text.get(*self.starts.last()?..)?).ok()
    }

    fn ends_with(&self, name: &str) -> bool {
        self.starts.last().is_some_and(|start| self.text.get(*start..) == Some(name.as_bytes()))
    }

    fn pop(&mut self) {
        if let Some(start) = self.starts.pop() {
            self.text.truncate(start);
        }
    }

    fn nth_last(&self, back: usize) -> Option<&str> {
        let index = self.starts.len().checked_sub(back + 1)?;
        let end = self.starts.get(index + 1).copied().unwrap_or(self.text.len());
        std::str::from_utf8(self.text.get(*self.starts.get(index)?..end)?).ok().map(local)
    }

    /// The path from the first element below the message on, which is what a person looks for.
    fn path(&self) -> String {
        let names: Vec<&str> = (0..self.starts.len()).rev().filter_map(|back| self.nth_last(back)).collect();
        names.get(2..).filter(|rest| !rest.is_empty()).unwrap_or(&names).join("/")
    }
}

fn local(name: &str) -> &str {
    name.bytes().position(|byte| byte == b':').and_then(|at| name.get(at + 1..)).unwrap_or(name)
}

/// A document read through a window.
pub(super) struct Document<R> {
    source: Source<R>,
    window: Vec<u8>,
    consumed: usize,
    at_end: bool,
    lines: Lines,
    names: Names,
    text: String,
    bytes: u64,
    roots: u32,
    text_bytes_max: usize,
}

/// Bytes as they are, or decoded.
enum Source<R> {
    Utf8(R),
    Other(Box<DecodeReaderBytes<R, Vec<u8>>>, &'static str),
}

impl<R: Read> Source<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Source::Utf8(source) => source.read(buffer),
            Source::Other(source, _) => source.read(buffer),
        }
    }

    fn encoding(&self) -> &'static str {
        match self {
            Source::Utf8(_) => "UTF-8",
            Source::Other(_, name) => name,
        }
    }
}

/// The encoding of a document by its first bytes: a byte order mark, or what its declaration names.
fn encoding(head: &[u8]) -> Option<&'static encoding_rs::Encoding> {
    if let Some((encoding, _)) = encoding_rs::Encoding::for_bom(head) {
        return Some(encoding);
    }
    let head = head.get(..200).unwrap_or(head);
    let at = memchr::memmem::find(head, b"encoding=")? + "encoding=".len();
    let quote = *head.get(at)?;
    let rest = head.get(at + 1..)?;
    encoding_rs::Encoding::for_label(rest.get(..memchr::memchr(quote, rest)?)?)
}

impl<R: io::BufRead> Document<R> {
    /// A document of `source`, in the encoding its first bytes name.
    pub fn new(mut source: R) -> Self {
        let encoding = source.fill_buf().ok().and_then(encoding);
        let source = match encoding {
            None => Source::Utf8(source),
            Some(encoding) if encoding == encoding_rs::UTF_8 => Source::Utf8(source),
            Some(encoding) => {
                let mut builder = DecodeReaderBytesBuilder::new();
                builder.encoding(Some(encoding)).bom_override(true);
                Source::Other(
                    Box::new(builder.build_with_buffer(source, vec![0; 64 << 10]).unwrap_or_else(|_| {
                        unreachable!("the buffer is larger than the four bytes that are asked for")
                    })),
                    encoding.name(),
                )
            }
        };
        Self {
            source,
            window: Vec::new(),
            consumed: 0,
            at_end: false,
            lines: Lines::default(),
            names: Names::default(),
            text: String::new(),
            bytes: 0,
            roots: 0,
            text_bytes_max: TEXT_BYTES_MAX,
        }
    }

    /// Takes texts in which a document is embedded.
    pub fn with_embedded(mut self) -> Self {
        self.text_bytes_max = EMBEDDED_BYTES_MAX;
        self
    }

    /// Bytes read so far, after decoding.
    pub fn bytes_read(&self) -> u64 {
        self.bytes
    }

    /// Reads on until the handler has enough or the document ends; gives whether it has ended.
    pub fn read(&mut self, handler: &mut impl Handler) -> Result<bool, FieldError> {
        loop {
            let (ended, consumed) = self.events(handler)?;
            self.consumed = consumed;
            if ended {
                return self.finish();
            }
            if handler.full() {
                return Ok(false);
            }
            self.fill()?;
        }
    }

    /// Slides the window on and reads more into it.
    fn fill(&mut self) -> Result<(), FieldError> {
        let text = self.window.get(..self.consumed).unwrap_or_default();
        if !text.is_empty() {
            self.lines.next_window(&self.window, self.consumed);
            self.window.drain(..self.consumed);
            self.consumed = 0;
        }
        let element_bytes_max = ELEMENT_BYTES_MAX.max(self.text_bytes_max + WINDOW_BYTES);
        if self.window.len() > element_bytes_max {
            let what = format!("an element is longer than {} KiB", element_bytes_max >> 10);
            return Err(self.wrong(0, what));
        }
        let held = self.window.len();
        self.window.resize(held + WINDOW_BYTES, 0);
        let mut filled = held;
        while filled < self.window.len() {
            let room = self.window.get_mut(filled..).unwrap_or_default();
            match self.source.read(room) {
                Ok(0) => {
                    self.at_end = true;
                    break;
                }
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.window.truncate(filled);
                    return Err(self.wrong(0, error.to_string()));
                }
            }
        }
        self.window.truncate(filled);
        self.bytes += count(filled - held);
        if self.bytes == count(filled) && self.window.starts_with(b"\xef\xbb\xbf") {
            self.window.drain(..3);
        }
        Ok(())
    }

    fn wrong(&mut self, at: usize, what: impl Into<String>) -> FieldError {
        let line = self.lines.at(&self.window, at);
        FieldError::wrong(line, self.lines.column(at), &self.names.path(), what)
    }

    fn misencoded(&mut self, at: usize) -> FieldError {
        let encoding = self.source.encoding();
        self.wrong(at, format!("a text is not in {encoding}, the encoding that the file declares"))
    }

    /// Hands over the whole events of the window; gives whether the document ended, and where.
    fn events(&mut self, handler: &mut impl Handler) -> Result<(bool, usize), FieldError> {
        // What follows the last end of a tag may be cut; nothing before it is, but for comments.
        let mut end = match self.at_end {
            true => self.window.len(),
            false => memchr::memrchr(b'>', &self.window).map_or(0, |last| last + 1),
        };
        let mut at_end = self.at_end;
        let mut bad = None;
        let bytes = self.window.get(..end).unwrap_or_default();
        let window = match std::str::from_utf8(bytes) {
            Ok(window) => window,
            Err(error) => {
                let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
                let at = valid.len();
                match memchr::memrchr(b'>', valid.get(self.consumed..).unwrap_or_default()) {
                    // What comes before is taken first, so that the error knows its element.
                    Some(last) => (end, at_end, bad) = (self.consumed + last + 1, false, Some(at)),
                    None => return Err(self.misencoded(at)),
                }
                std::str::from_utf8(valid.get(..end).unwrap_or_default()).unwrap_or_default()
            }
        };
        let mut tokens = Tokens {
            lines: &mut self.lines,
            names: &mut self.names,
            text: &mut self.text,
            roots: &mut self.roots,
            text_bytes_max: self.text_bytes_max,
            window,
            at: self.consumed,
        };
        while let Some(token) = tokens.next(handler)? {
            if token == Token::Cut {
                if let Some(at) = bad {
                    return Err(self.misencoded(at)); // Within a comment, a section or a tag.
                }
                if at_end {
                    return Err(tokens.wrong("the file ends inside a tag: it is cut short"));
                }
                return Ok((false, tokens.at));
            }
            if handler.full() {
                return Ok((false, tokens.at));
            }
        }
        Ok((at_end, tokens.at))
    }

    fn finish(&mut self) -> Result<bool, FieldError> {
        let at = self.window.len();
        if self.names.starts.is_empty() {
            return match self.roots {
                0 => Err(self.wrong(at, "not XML: the file holds no element")),
                _ => Ok(true),
            };
        }
        let open = self.names.path();
        Err(self.wrong(at, format!("the file ends inside {open}: it is cut short")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes down what it is told.
    #[derive(Default)]
    struct Told(Vec<String>);

    impl Handler for Told {
        fn open(&mut self, _: &mut Place<'_>, name: &str, start: &Start<'_>) -> Result<(), FieldError> {
            self.0.push(format!("+{name} {}", start.attribute("Ccy").unwrap_or_default()));
            Ok(())
        }

        fn close(&mut self, _: &mut Place<'_>, text: &str) -> Result<(), FieldError> {
            self.0.push(format!("-{text}"));
            Ok(())
        }

        fn full(&self) -> bool {
            false
        }
    }

    fn ours(bytes: &[u8]) -> Result<Vec<String>, String> {
        let mut told = Told::default();
        let mut document = Document::new(bytes);
        loop {
            match document.read(&mut told) {
                Ok(true) => return Ok(told.0),
                Ok(false) => {}
                Err(error) => return Err(error.to_string()),
            }
        }
    }

    /// The same by the library.
    fn theirs(text: &str) -> Vec<String> {
        use quick_xml::events::Event;
        let mut xml = quick_xml::Reader::from_str(text);
        let (mut told, mut held) = (Vec::new(), String::new());
        let attribute = |start: &quick_xml::events::BytesStart<'_>| {
            let found = start.attributes().flatten().find(|attribute| attribute.key.as_ref() == "Ccy");
            found.map(|attribute| attribute.value.into_owned()).unwrap_or_default()
        };
        loop {
            match xml.read_event().unwrap() {
                Event::Start(start) => {
                    told.push(format!("+{} {}", start.local_name().as_ref(), attribute(&start)));
                    held.clear();
                }
                Event::Empty(start) => {
                    told.push(format!("+{} {}", start.local_name().as_ref(), attribute(&start)));
                    told.push("-".to_owned());
                    held.clear();
                }
                Event::End(_) => {
                    told.push(format!("-{}", held.trim_ascii()));
                    held.clear();
                }
                Event::Text(text) => held.push_str(&text),
                Event::CData(data) => held.push_str(&data),
                Event::GeneralRef(reference) => match reference.resolve_char_ref().unwrap() {
                    Some(character) => held.push(character),
                    None => held.push_str(quick_xml::escape::resolve_predefined_entity(&reference).unwrap()),
                },
                Event::Eof => return told,
                _ => {}
            }
        }
    }

    #[test]
    fn documents_read_as_the_library_reads_them() {
        for text in [
            "<a/>",
            "<a>x</a>",
            "<?xml version=\"1.0\"?>\n<!-- > -->\n<p:a xmlns:p='u>v'><p:Amt Ccy = \"EUR\" x='>'>1.00</p:Amt ><b/></p:a>\n",
            "<a>1<b>2</b>3</a>",
            "<a>x &amp; y &#65;&#x42; <![CDATA[ <raw> & ]]></a>",
            "<a>\n  <b>\n</b>\n  <c>  two words  </c>\n</a>",
            "<a>é<b>œ</b></a>",
        ] {
            assert_eq!(ours(text.as_bytes()).unwrap(), theirs(text), "{text}");
        }
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/bank/camt");
        let mut seen = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "xml")
                && let Ok(text) = std::fs::read_to_string(&path)
            {
                assert_eq!(ours(text.as_bytes()).unwrap(), theirs(&text), "{}", path.display());
                seen += 1;
            }
        }
        assert!(seen > 10);
    }

    #[test]
    fn what_is_not_well_formed_is_refused() {
        for (text, part) in [
            ("", "no element"),
            ("<a>", "cut short"),
            ("<a", "cut short"),
            ("<a b=\"", "cut short"),
            ("<a></b>", "</b> ends <a>"),
            ("</a>", "</a> ends <nothing>"),
            ("<a/><b/>", "second element"),
            ("x<a/>", "outside"),
            ("<a/>x", "outside"),
            ("<a>&nbsp;</a>", "entity"),
            ("<a>&#0;</a>", "entity"),
            ("<a>A & B</a>", "begins no reference"),
            ("<1/>", "no tag"),
            ("<a><!DOCTYPE x></a>", "document type"),
            ("<a><!-- </a>", "cut short"),
            ("<a><![CDATA[ </a>", "cut short"),
            ("<a>\u{fffd}</a>", "encoding"),
        ] {
            let error = ours(text.as_bytes()).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn bytes_of_another_encoding_end_the_file_wherever_they_stand() {
        for bytes in [
            b"<a><!-- x -> \xe9 --></a>".as_slice(),
            b"<a><![CDATA[ > \xe9 ]]></a>",
            b"<a b='>\xe9'/>",
            b"<a>\xe9</a>",
            b"\xe9",
            b"<a/>\xe9",
        ] {
            let error = ours(bytes).unwrap_err();
            assert!(error.contains("not in UTF-8") || error.contains("outside"), "{bytes:?}: {error}");
        }
    }

    #[test]
    fn a_window_may_cut_anywhere() {
        let entry = "<b Ccy='EUR' y=\"a>b\">text &amp; more</b><!-- a > b --><c><![CDATA[>]]></c>\n";
        let text = format!("<a>{}</a>", entry.repeat(WINDOW_BYTES / entry.len() * 3));
        for skip in 0..entry.len() {
            let shifted = format!("{}{text}", " ".repeat(skip));
            assert_eq!(ours(shifted.as_bytes()).unwrap().len(), theirs(&text).len(), "{skip}");
        }
    }
}
