//! What a template may cost, found before it is ever rendered: how deep it is, how often it repeats, and which
//! pieces it takes in. A template is somebody else's text; one that never ends would take the service with it.

use std::collections::BTreeMap;

use handlebars::Template;
use handlebars::template::{HelperTemplate, Parameter, TemplateElement};

/// Blocks of one text: an upper bound of how deep it is, before it is parsed.
const BLOCKS_MAX: usize = 200;
/// Brackets of one tag.
const BRACKETS_MAX: usize = 16;
/// Elements that one rendering looks at, with everything it repeats and takes in.
const COST_MAX: u64 = 100_000;
/// Times that `each` is taken to repeat: facts of a group.
const REPEATS: u64 = 64;
/// The content of a piece that is used as a frame.
const CONTENT: &str = "@partial-block";

/// What is wrong with a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    /// The byte of the text.
    pub at: usize,
    /// What is wrong.
    pub message: String,
}

/// What a text is made of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Shape {
    /// Elements of its own, as often as they are repeated.
    cost: u64,
    /// The pieces it takes in.
    takes: Vec<Take>,
    /// How often it gives the content that it is a frame of.
    gives: u64,
}

/// A piece that is taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Take {
    name: String,
    at: usize,
    times: u64,
    /// What it is a frame of.
    content: Shape,
}

/// Looks at a text. One that does not parse has no shape: whoever registers it says why.
pub(super) fn shape(source: &str, is_piece: bool) -> Result<Shape, Fault> {
    before_parsing(source)?;
    let mut walk = Walk { source, is_piece, found: Shape::default() };
    if let Ok(template) = Template::compile(source) {
        walk.template(&template, 1, false)?;
    }
    Ok(walk.found)
}

/// The parser goes as deep as the text does.
fn before_parsing(source: &str) -> Result<(), Fault> {
    let openings = ["{{#", "{{~#", "{{^", "{{~^", "{{{{"];
    let mut blocks: Vec<usize> =
        openings.iter().flat_map(|opening| source.match_indices(opening).map(|(at, _)| at)).collect();
    blocks.sort_unstable();
    if let Some(at) = blocks.get(BLOCKS_MAX) {
        return Err(Fault { at: *at, message: format!("a template has at most {BLOCKS_MAX} blocks") });
    }
    for (at, _) in source.match_indices("{{") {
        let tag = source.get(at..).unwrap_or_default();
        let tag = tag.get(..end_of_tag(tag)).unwrap_or_default();
        if tag.bytes().filter(|byte| *byte == b'(').count() > BRACKETS_MAX {
            return Err(Fault { at, message: format!("a tag has at most {BRACKETS_MAX} brackets") });
        }
    }
    Ok(())
}

/// Where a tag ends: at its closing braces, which do not count within quotes.
fn end_of_tag(tag: &str) -> usize {
    let bytes = tag.as_bytes();
    let (mut at, mut quote) = (0, None);
    while let Some(byte) = bytes.get(at) {
        match (quote, byte) {
            (Some(_), b'\\') => at += 1,
            (Some(open), byte) if open == *byte => quote = None,
            (None, b'"' | b'\'') => quote = Some(*byte),
            (None, b'}') if bytes.get(at + 1) == Some(&b'}') => return at,
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

struct Walk<'a> {
    source: &'a str,
    is_piece: bool,
    found: Shape,
}

impl Walk<'_> {
    fn template(&mut self, template: &Template, times: u64, in_content: bool) -> Result<(), Fault> {
        for (element, mapping) in template.elements.iter().zip(&template.mapping) {
            let at = super::place(self.source, Some((mapping.0, mapping.1)));
            self.found.cost = self.found.cost.saturating_add(times);
            self.element(element, at, times, in_content)?;
        }
        Ok(())
    }

    fn element(&mut self, element: &TemplateElement, at: usize, times: u64, in_content: bool) -> Result<(), Fault> {
        match element {
            TemplateElement::HelperBlock(block) => self.block(block, times, in_content),
            TemplateElement::PartialExpression(piece) => {
                self.take(&piece.name, at, times, (in_content, Shape::default()))
            }
            TemplateElement::PartialBlock(piece) => {
                let mut content = Walk { source: self.source, is_piece: self.is_piece, found: Shape::default() };
                if let Some(template) = &piece.template {
                    content.template(template, 1, true)?;
                }
                self.take(&piece.name, at, times, (in_content, content.found))
            }
            TemplateElement::DecoratorExpression(_) | TemplateElement::DecoratorBlock(_) => {
                let message =
                    "a piece is a file of its own, NAME.LANGUAGE.partial.hbs: none is made inside a template";
                Err(Fault { at, message: message.to_owned() })
            }
            _ => Ok(()),
        }
    }

    fn block(&mut self, block: &HelperTemplate, times: u64, in_content: bool) -> Result<(), Fault> {
        let repeats = block.name.as_name() == Some("each");
        let inside = if repeats { times.saturating_mul(REPEATS) } else { times };
        for (part, times) in [(&block.template, inside), (&block.inverse, times)] {
            if let Some(part) = part {
                self.template(part, times, in_content)?;
            }
        }
        Ok(())
    }

    fn take(
        &mut self, name: &Parameter, at: usize, times: u64, (in_content, content): (bool, Shape),
    ) -> Result<(), Fault> {
        let Some(name) = name.as_name() else {
            return Err(Fault { at, message: "the name of a piece is written out".to_owned() });
        };
        if name != CONTENT {
            self.found.takes.push(Take { name: name.to_owned(), at, times, content });
            return Ok(());
        }
        self.found.gives = self.found.gives.saturating_add(times);
        if !self.is_piece || in_content {
            return Err(Fault { at, message: format!("{CONTENT} stands in a piece that is used as a frame only") });
        }
        Ok(())
    }
}

/// Whether everything a text takes in is there, ends, and costs what a message may. The fault's place is in the
/// text itself.
pub(super) fn ends(shape: &Shape, pieces: &BTreeMap<String, Shape>) -> Result<(), Fault> {
    let mut path = Vec::new();
    let cost = cost(shape, pieces, &mut path)?;
    if cost > COST_MAX {
        let message = format!("it repeats and takes in more than {COST_MAX} elements");
        return Err(Fault { at: shape.takes.first().map_or(0, |take| take.at), message });
    }
    Ok(())
}

fn cost<'a>(shape: &'a Shape, pieces: &'a BTreeMap<String, Shape>, path: &mut Vec<&'a str>) -> Result<u64, Fault> {
    let mut total = shape.cost;
    for Take { name, at, times, content } in &shape.takes {
        if path.contains(&name.as_str()) {
            return Err(Fault { at: *at, message: format!("the piece `{name}` takes itself in") });
        }
        let Some(piece) = pieces.get(name) else {
            return Err(Fault { at: *at, message: format!("there is no piece `{name}`") });
        };
        path.push(name);
        let of_piece = cost(piece, pieces, path).map_err(|fault| Fault { at: *at, ..fault })?;
        path.pop();
        // What a frame is around is looked at even when the frame never gives it.
        let of_content = cost(content, pieces, path).map_err(|fault| Fault { at: *at, ..fault })?;
        let of_content = of_content.saturating_mul(piece.gives.max(1));
        total = total.saturating_add(of_piece.saturating_add(of_content).saturating_mul(*times));
        if total > COST_MAX {
            break; // Enough is known.
        }
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(text: &str, pieces: &[(&str, &str)]) -> Result<(), String> {
        let pieces: BTreeMap<String, Shape> = pieces
            .iter()
            .map(|(name, text)| ((*name).to_owned(), shape(text, true).expect("the piece is well made")))
            .collect();
        shape(text, false)
            .and_then(|shape| ends(&shape, &pieces))
            .map_err(|fault| format!("{}: {}", fault.at, fault.message))
    }

    #[test]
    fn pieces_and_frames_are_taken_in() {
        let pieces = [("sign", "-- {{merchant.name}}"), ("frame", "A {{> @partial-block}} {{> sign}}")];
        assert_eq!(judged("Hello {{> sign}}", &pieces), Ok(()));
        assert_eq!(judged("{{#> frame}}{{#if a}}{{> sign}}{{/if}}{{/frame}}", &pieces), Ok(()));
    }

    #[test]
    fn what_would_never_end_is_refused_where_it_begins() {
        let loops = [("a", "x{{> b}}"), ("b", "{{#if y}}{{> a}}{{/if}}")];
        assert_eq!(judged("Hi {{> a}}", &loops), Err("3: the piece `a` takes itself in".to_owned()));
        assert!(judged("{{#*inline \"a\"}}x{{> a}}{{/inline}}{{> a}}", &[]).unwrap_err().contains("file of its own"));
        assert!(judged("Hi {{> @partial-block}}", &[]).unwrap_err().starts_with("3: @partial-block"));
        assert!(judged("{{> (lookup this \"x\")}}", &[]).unwrap_err().contains("written out"));
        assert_eq!(judged("{{> nobody}}", &[]), Err("0: there is no piece `nobody`".to_owned()));
        let frame = [("frame", "{{> @partial-block}}")];
        assert!(judged("{{#> frame}}{{> @partial-block}}{{/frame}}", &frame).unwrap_err().contains("only"));
    }

    #[test]
    fn what_would_take_for_ever_is_refused() {
        let each = |text: &str| format!("{{{{#each this}}}}{text}{{{{/each}}}}");
        assert_eq!(judged(&each(&each("x")), &[]), Ok(()));
        assert!(judged(&each(&each(&each("x"))), &[]).unwrap_err().contains("more than"));
        let ten = |name: &str| format!("{{{{> {name}}}}}").repeat(10);
        let (a, b, c, d, e) = (ten("b"), ten("c"), ten("d"), ten("e"), "x".repeat(10));
        let laughs = [("a", a.as_str()), ("b", &b), ("c", &c), ("d", &d), ("e", &e)];
        assert!(judged(&ten("a"), &laughs).unwrap_err().contains("more than"), "ten by ten by ten…");
        let often = [("often", "{{#each this}}{{#each this}}{{> @partial-block}}{{/each}}{{/each}}")];
        let framed = |content: &str| judged(&format!("{{{{#> often}}}}{content}{{{{/often}}}}"), &often);
        assert_eq!(framed("x"), Ok(()));
        assert!(framed(&each("{{a}}{{b}}")).unwrap_err().contains("more than"), "a frame repeats its content");
        let deep = format!("{}x{}", "{{#if a}}".repeat(201), "{{/if}}".repeat(201));
        assert!(judged(&deep, &[]).unwrap_err().contains("at most 200 blocks"));
        let brackets = format!("{{{{a {}b{}}}}}", "(b ".repeat(5_000), ")".repeat(5_000));
        assert!(judged(&brackets, &[]).unwrap_err().contains("brackets"));
        // Braces within quotes end nothing.
        for hides in ["\"}}\"", "'}}'", "\"\\\"}}\"", "\"'}}\""] {
            let brackets = format!("{{{{a {hides} {}b{}}}}}", "(b ".repeat(5_000), ")".repeat(5_000));
            assert!(judged(&brackets, &[]).unwrap_err().contains("brackets"), "{hides}");
        }
        assert_eq!(
            judged("{{a \"}} (((((((((((((((((\"}} it's (fine)", &[]).map_err(|_| ()),
            Err(()),
            "they count within quotes too"
        );
    }
}
