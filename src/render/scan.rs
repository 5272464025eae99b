//! "Scan to pay": a QR code that a banking application reads as a credit transfer.
//! Source: European Payments Council, EPC069-12 version 2.1, quick response code guidelines.

use qrcode::{EcLevel, QrCode, Version};
use quittance_actors::values::{Currency, Money};

/// Characters of a name.
const NAME_CHARACTERS_MAX: usize = 70;
/// Bytes of the whole.
const BYTES_MAX: usize = 331;
/// The largest amount, in cents.
const AMOUNT_MINOR_MAX: i64 = 99_999_999_999;
/// The largest version that the guidelines allow.
const VERSION_MAX: Version = Version::Normal(13);
/// Pixels of a module, and modules of the quiet zone around.
const MODULE_PIXELS: usize = 4;
const QUIET_MODULES: usize = 4;

/// What a code asks for.
pub struct Transfer<'a> {
    /// Whom to pay.
    pub name: &'a str,
    /// Where to.
    pub iban: &'a str,
    /// How much.
    pub amount: Money,
    /// The creditor reference, ISO 11649.
    pub reference: &'a str,
}

impl Transfer<'_> {
    /// The text of the code; none for what no such code can ask for: another currency than the euro, or nothing.
    pub fn text(&self) -> Option<String> {
        let minor = self.amount.minor();
        if self.amount.currency() != Currency::EUR || !(1..=AMOUNT_MINOR_MAX).contains(&minor) {
            return None;
        }
        let plain = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
        let one_line = |c: char| if c.is_control() { ' ' } else { c };
        let name: String = self.name.trim().chars().map(one_line).take(NAME_CHARACTERS_MAX).collect();
        let lines = [
            "BCD",
            "002",
            "1", // UTF-8
            "SCT",
            "", // The BIC, which version 2 does without.
            &name,
            &plain(self.iban),
            &format!("EUR{}", self.amount.decimal()),
            "", // The purpose.
            &plain(self.reference),
        ];
        let text = lines.join("\n");
        (!name.is_empty() && text.len() <= BYTES_MAX).then_some(text)
    }
}

/// The code of a text as a picture (PNG, one bit a pixel); none when it is too long for one.
pub fn picture(text: &str) -> Option<Vec<u8>> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
    if code.version().width() > VERSION_MAX.width() {
        return None;
    }
    let modules = code.width();
    let side = (modules + 2 * QUIET_MODULES) * MODULE_PIXELS;
    let colors = code.to_colors();
    let dark = |x: usize, y: usize| {
        let at = |pixel: usize| (pixel / MODULE_PIXELS).checked_sub(QUIET_MODULES).filter(|at| *at < modules);
        at(x).zip(at(y)).is_some_and(|(x, y)| colors.get(y * modules + x) == Some(&qrcode::Color::Dark))
    };
    let row_bytes = side.div_ceil(8);
    let mut pixels = vec![0xff_u8; row_bytes * side];
    for (y, row) in pixels.chunks_exact_mut(row_bytes).enumerate() {
        for x in (0..side).filter(|x| dark(*x, y)) {
            if let Some(byte) = row.get_mut(x / 8) {
                *byte &= !(0x80 >> (x % 8));
            }
        }
    }
    let side = u32::try_from(side).ok()?;
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, side, side);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::One);
    encoder.write_header().and_then(|mut writer| writer.write_image_data(&pixels)).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(name: &str, minor: i64) -> Option<String> {
        let amount = Money::from_minor(minor, Currency::EUR);
        let (iban, reference) = ("FR76 2004 1010 0504 2003 3333 394", "RF15 79D4 6DGC 4");
        Transfer { name, iban, amount, reference }.text()
    }

    #[test]
    fn the_text_is_that_of_the_guidelines() {
        let text = asked("Maison Dupré\nSARL", 100_005).unwrap();
        assert_eq!(
            text,
            "BCD\n002\n1\nSCT\n\nMaison Dupré SARL\nFR7620041010050420033333394\nEUR1000.05\n\nRF1579D46DGC4"
        );
        for (name, minor) in [("", 100), ("Maison", 0), ("Maison", -5), ("Maison", 100_000_000_000)] {
            assert_eq!(asked(name, minor), None, "{name} {minor}");
        }
        let dollars = Money::from_minor(100, Currency::parse("USD").unwrap());
        assert_eq!(Transfer { name: "M", iban: "FR76", amount: dollars, reference: "" }.text(), None);
        assert!(asked(&"é".repeat(300), 100).unwrap().len() <= BYTES_MAX);
    }

    /// Read back by a reader made by others.
    #[test]
    fn the_picture_reads_as_its_text() {
        for text in [asked("Maison Dupré", 100_005).unwrap(), asked(&"é".repeat(70), 1).unwrap()] {
            let bytes = picture(&text).unwrap();
            let mut reader = png::Decoder::new(std::io::Cursor::new(&bytes)).read_info().unwrap();
            let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
            let info = reader.next_frame(&mut pixels).unwrap();
            let (side, row) = (usize::try_from(info.width).unwrap(), info.line_size);
            let grey = |x: usize, y: usize| if pixels[y * row + x / 8] >> (7 - x % 8) & 1 == 1 { 255 } else { 0 };
            let mut image = rqrr::PreparedImage::prepare_from_greyscale(side, side, grey);
            let (_, content) = image.detect_grids()[0].decode().unwrap();
            assert_eq!(content, text);
        }
        // Whatever fits the guidelines has a picture.
        assert!(picture(&"é".repeat(BYTES_MAX / 2)).is_some() && picture(&"x".repeat(2_000)).is_none());
    }
}
