//! The tokens of a window: tags, and the texts between them.

use super::{DEPTH_MAX, Handler, Lines, Names, Place, Start, local};
use crate::formats::FieldError;

/// What one step has read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    /// Something whole.
    Whole,
    /// The start of something that the window cuts.
    Cut,
}

/// The tokens of a window.
pub(super) struct Tokens<'a> {
    pub lines: &'a mut Lines,
    pub names: &'a mut Names,
    pub text: &'a mut String,
    pub roots: &'a mut u32,
    pub text_bytes_max: usize,
    pub window: &'a str,
    pub at: usize,
}

impl<'a> Tokens<'a> {
    fn place(&mut self, at: usize) -> Place<'_> {
        Place { lines: self.lines, window: self.window, at, names: self.names }
    }

    pub fn wrong(&mut self, what: impl Into<String>) -> FieldError {
        let at = self.at;
        self.place(at).wrong(what)
    }

    fn ill_formed(&mut self, what: &str) -> FieldError {
        self.wrong(format!("not well-formed XML: {what}"))
    }

    fn rest(&self, from: usize) -> &'a str {
        self.window.get(from..).unwrap_or_default()
    }

    /// Reads the text before the next tag, and the tag; nothing at the end of the window.
    pub fn next(&mut self, handler: &mut impl Handler) -> Result<Option<Token>, FieldError> {
        let rest = self.rest(self.at);
        let Some(length) = memchr::memchr(b'<', rest.as_bytes()) else {
            self.append(rest)?;
            self.at = self.window.len();
            return Ok(None);
        };
        if length > 0 {
            self.append(rest.get(..length).unwrap_or_default())?;
            self.at += length;
        }
        let tag = self.rest(self.at + 1);
        let token = match tag.as_bytes().first() {
            Some(b'/') => self.end(tag.get(1..).unwrap_or_default(), handler)?,
            Some(b'?') => self.skip(tag, "?>"),
            Some(b'!') => self.markup(tag)?,
            Some(_) => self.start(tag, handler)?,
            None => Token::Cut,
        };
        Ok(Some(token))
    }

    /// Passes over a comment or an instruction.
    fn skip(&mut self, tag: &str, until: &str) -> Token {
        match memchr::memmem::find(tag.as_bytes(), until.as_bytes()) {
            Some(end) => {
                self.at += 1 + end + until.len();
                Token::Whole
            }
            None => Token::Cut,
        }
    }

    /// `<!…`: a comment, a section of plain text, or what is not accepted.
    fn markup(&mut self, tag: &str) -> Result<Token, FieldError> {
        if tag.starts_with("!--") {
            return Ok(self.skip(tag, "-->"));
        }
        if let Some(section) = tag.strip_prefix("![CDATA[") {
            let Some(end) = memchr::memmem::find(section.as_bytes(), b"]]>") else { return Ok(Token::Cut) };
            self.append_plain(section.get(..end).unwrap_or_default())?;
            self.at += 1 + "![CDATA[".len() + end + "]]>".len();
            return Ok(Token::Whole);
        }
        if ["!DOCTYPE", "!ENTITY", "!ELEMENT"].iter().any(|declaration| tag.starts_with(declaration)) {
            return Err(self.wrong("a document type declaration is not accepted: bank files have none"));
        }
        if tag.len() < "![CDATA[".len() {
            Ok(Token::Cut)
        } else {
            Err(self.ill_formed("unknown markup after \"<!\""))
        }
    }

    fn end(&mut self, tag: &str, handler: &mut impl Handler) -> Result<Token, FieldError> {
        let Some(length) = memchr::memchr(b'>', tag.as_bytes()) else { return Ok(Token::Cut) };
        let name = tag.get(..length).unwrap_or_default().trim_ascii_end();
        if !self.names.ends_with(name) {
            let what = format!("</{name}> ends <{}>", self.names.last().unwrap_or("nothing"));
            return Err(self.ill_formed(&what));
        }
        let text = std::mem::take(self.text);
        let at = self.at;
        handler.close(&mut self.place(at), text.trim_ascii())?;
        *self.text = text;
        self.text.clear();
        self.names.pop();
        self.at += 2 + length + 1;
        Ok(Token::Whole)
    }

    /// Where a start tag ends: at the first `>` outside of quotes.
    fn end_of_start(bytes: &[u8]) -> Option<usize> {
        let mut quote = None;
        for (at, byte) in bytes.iter().enumerate() {
            match (quote, byte) {
                (None, b'"' | b'\'') => quote = Some(*byte),
                (None, b'>') => return Some(at),
                (Some(open), byte) if open == *byte => quote = None,
                _ => {}
            }
        }
        None
    }

    fn start(&mut self, tag: &'a str, handler: &mut impl Handler) -> Result<Token, FieldError> {
        let bytes = tag.as_bytes();
        let ends = |byte: &u8| matches!(byte, b'>' | b'/' | b' ' | b'\t' | b'\n' | b'\r');
        let Some(name_length) = bytes.iter().position(ends) else { return Ok(Token::Cut) };
        let (length, attributes, empty) = match bytes.get(name_length) {
            Some(b'>') => (name_length, "", false),
            _ => {
                let rest = tag.get(name_length..).unwrap_or_default();
                let Some(length) = Self::end_of_start(rest.as_bytes()) else { return Ok(Token::Cut) };
                let inner = rest.get(..length).unwrap_or_default();
                let (inner, empty) = inner.strip_suffix('/').map_or((inner, false), |inner| (inner, true));
                (name_length + length, inner, empty)
            }
        };
        let name = tag.get(..name_length).unwrap_or_default();
        let begins = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80;
        let within = |byte: u8| !matches!(byte, b'<' | b'&' | b'=' | b'"' | b'\'');
        if !name.bytes().next().is_some_and(begins) || !name.bytes().all(within) {
            return Err(self.ill_formed(&format!("\"<{}\" is no tag", name.chars().take(20).collect::<String>())));
        }
        if self.names.starts.len() >= DEPTH_MAX {
            return Err(self.wrong(format!("elements are nested more than {DEPTH_MAX} deep")));
        }
        if self.names.starts.is_empty() {
            *self.roots += 1;
            if *self.roots > 1 {
                return Err(self.ill_formed("a second element after the first one has ended"));
            }
        }
        self.names.push(name);
        let at = self.at;
        handler.open(&mut self.place(at), local(name), &Start(attributes))?;
        self.text.clear();
        self.at += 1 + length + 1;
        if empty {
            handler.close(&mut self.place(at), "")?;
            self.names.pop();
            return Ok(Token::Whole);
        }
        self.leaf(name, handler)?;
        Ok(Token::Whole)
    }

    /// Takes the text and the end of an element that holds nothing else, if both are there.
    fn leaf(&mut self, name: &str, handler: &mut impl Handler) -> Result<(), FieldError> {
        let rest = self.rest(self.at);
        let bytes = rest.as_bytes();
        let Some(length) = memchr::memchr2(b'<', b'&', bytes) else { return Ok(()) };
        let end = length + 2 + name.len();
        let ends = bytes.get(length..length + 2) == Some(b"</")
            && bytes.get(length + 2..end) == Some(name.as_bytes())
            && bytes.get(end) == Some(&b'>');
        if !ends {
            return Ok(());
        }
        let text = rest.get(..length).unwrap_or_default();
        self.check(text, 0)?;
        let at = self.at + length;
        handler.close(&mut self.place(at), text.trim_ascii())?;
        self.names.pop();
        self.at += end + 1;
        Ok(())
    }

    fn check(&mut self, text: &str, held: usize) -> Result<(), FieldError> {
        if held + text.len() > self.text_bytes_max {
            return Err(self.wrong(format!("a text is longer than {} KiB", self.text_bytes_max >> 10)));
        }
        if !text.is_ascii() && text.contains('\u{fffd}') {
            return Err(self.wrong("a text is not in the encoding that the file declares"));
        }
        Ok(())
    }

    fn append_plain(&mut self, more: &str) -> Result<(), FieldError> {
        self.check(more, self.text.len())?;
        self.text.push_str(more);
        Ok(())
    }

    /// Appends a text in which characters may be written as references.
    fn append(&mut self, more: &str) -> Result<(), FieldError> {
        if self.text.is_empty() && more.bytes().all(|byte| byte.is_ascii_whitespace()) {
            return Ok(()); // Indentation: texts are trimmed.
        }
        if self.names.starts.is_empty() {
            return Err(self.ill_formed("a text outside of the element"));
        }
        let mut rest = more;
        while let Some((before, after)) = rest.split_once('&') {
            self.append_plain(before)?;
            let Some((name, after)) = after.split_once(';') else {
                return Err(self.ill_formed("\"&\" begins no reference"));
            };
            let character = match name {
                "amp" => Some('&'),
                "lt" => Some('<'),
                "gt" => Some('>'),
                "quot" => Some('"'),
                "apos" => Some('\''),
                _ => numbered(name),
            };
            let Some(character) = character else {
                let name: String = name.chars().take(20).collect();
                return Err(self.wrong(format!("entity \"&{name};\" is not accepted")));
            };
            self.append_plain(character.encode_utf8(&mut [0; 4]))?;
            rest = after;
        }
        self.append_plain(rest)
    }
}

/// The character of `#1234` or `#x12AB`, if XML has it.
fn numbered(name: &str) -> Option<char> {
    let number = name.strip_prefix('#')?;
    let code = match number.strip_prefix('x') {
        Some(hex) if hex.bytes().all(|byte| byte.is_ascii_hexdigit()) => u32::from_str_radix(hex, 16).ok()?,
        None if number.bytes().all(|byte| byte.is_ascii_digit()) => number.parse().ok()?,
        _ => return None,
    };
    char::from_u32(code).filter(|character| matches!(character, '\t' | '\n' | '\r' | ' '..))
}
