//! The words of a story: a verb, its words, and texts in quotes.

/// One line.
pub struct Line {
    /// The verb.
    pub verb: String,
    /// What follows.
    pub words: Vec<String>,
}

impl Line {
    /// Reads a line; `None` for a blank one or a remark.
    pub fn parse(line: &str) -> Result<Option<Self>, String> {
        let mut words: Vec<String> = Vec::new();
        let mut rest = line.trim();
        while !rest.is_empty() && !rest.starts_with('#') {
            if let Some(quoted) = rest.strip_prefix('"') {
                let (text, after) = quoted.split_once('"').ok_or("a quote is not closed")?;
                words.push(text.to_owned());
                rest = after.trim_start();
            } else {
                let (word, after) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
                words.push(word.to_owned());
                rest = after.trim_start();
            }
        }
        if words.is_empty() {
            return Ok(None);
        }
        let verb = words.remove(0);
        Ok(Some(Self { verb, words }))
    }

    /// The word at `at`.
    pub fn word(&self, at: usize) -> Result<&str, String> {
        self.words.get(at).map(String::as_str).ok_or_else(|| format!("{} needs {} words", self.verb, at + 1))
    }

    /// The word after `key`.
    pub fn after(&self, key: &str) -> Option<&str> {
        let at = self.words.iter().position(|word| word == key)?;
        self.words.get(at + 1).map(String::as_str)
    }

    /// Whether a word stands in the line.
    pub fn has(&self, word: &str) -> bool {
        self.words.iter().any(|known| known == word)
    }
}
