//! Elements one below the other, indented; texts are escaped.

use std::fmt::Write as _;

use quittance_actors::values::Money;

/// A document being written.
pub(crate) struct Writer {
    text: String,
    open: Vec<&'static str>,
}

impl Writer {
    /// A document of one message.
    pub fn new(schema: &str, message: &'static str) -> Self {
        let text = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:{schema}\">\n"
        );
        let mut writer = Self { text, open: Vec::new() };
        writer.open(message);
        writer
    }

    fn indent(&mut self) {
        for _ in 0..=self.open.len() {
            self.text.push_str("  ");
        }
    }

    /// Opens an element.
    pub fn open(&mut self, name: &'static str) {
        self.indent();
        let _ = writeln!(self.text, "<{name}>"); // A string takes everything.
        self.open.push(name);
    }

    /// Closes the innermost elements, as many as are named.
    pub fn close(&mut self, count: usize) {
        for _ in 0..count {
            if let Some(name) = self.open.pop() {
                self.indent();
                let _ = writeln!(self.text, "</{name}>"); // A string takes everything.
            }
        }
    }

    /// A text in a path of elements.
    pub fn leaf(&mut self, path: &[&str], text: &str) {
        self.indent();
        for name in path {
            let _ = write!(self.text, "<{name}>"); // A string takes everything.
        }
        for character in text.chars() {
            match character {
                '&' => self.text.push_str("&amp;"),
                '<' => self.text.push_str("&lt;"),
                '>' => self.text.push_str("&gt;"),
                // No document may hold these. Source: XML 1.0, production 2.
                '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {}
                other => self.text.push(other),
            }
        }
        for name in path.iter().rev() {
            let name = name.split(' ').next().unwrap_or_default();
            let _ = write!(self.text, "</{name}>"); // A string takes everything.
        }
        self.text.push('\n');
    }

    /// How many orders there are, and their sum.
    pub fn totals(&mut self, amounts: impl Iterator<Item = Money>) {
        let (mut count, mut sum) = (0_u64, None::<Money>);
        for amount in amounts {
            count += 1;
            let so_far = sum.map_or(0, Money::minor);
            sum = Some(Money::from_minor(so_far.saturating_add(amount.minor()), amount.currency()));
        }
        self.leaf(&["NbOfTxs"], &count.to_string());
        if let Some(sum) = sum {
            self.leaf(&["CtrlSum"], &sum.decimal());
        }
    }

    /// The bank of an account: its BIC, or that none is given.
    pub fn agent(&mut self, name: &'static str, bic: Option<&str>) {
        match bic {
            Some(bic) => self.leaf(&[name, "FinInstnId", "BICFI"], bic),
            None => self.leaf(&[name, "FinInstnId", "Othr", "Id"], "NOTPROVIDED"),
        }
    }

    /// The document, complete.
    pub fn finish(mut self) -> Vec<u8> {
        let open = self.open.len();
        self.close(open);
        self.text.push_str("</Document>\n");
        self.text.into_bytes()
    }
}
