//! What the columns of a file are, by their names and values.

use std::collections::BTreeMap;

use quittance_actors::values::{Currency, DecimalMark};

use super::super::written::{parse_date, written};

/// Names that columns have in the files of others, by field: lower case, letters and digits only.
const NAMES: [(&str, &[&str]); 14] = [
    (
        "order",
        &[
            "order",
            "orderno",
            "ordernumber",
            "orderref",
            "ponumber",
            "purchaseorder",
            "commande",
            "nocommande",
            "numcommande",
            "numerocommande",
            "boncommande",
            "bestellung",
            "bestellnummer",
            "auftrag",
            "auftragsnummer",
        ],
    ),
    (
        "invoice",
        &[
            "facture",
            "nofacture",
            "numfacture",
            "numerofacture",
            "invoice",
            "invoiceno",
            "invoicenumber",
            "invoiceid",
            "rechnung",
            "rechnungsnr",
            "rechnungsnummer",
            "piece",
            "numpiece",
            "reference",
            "documentno",
            "belegnr",
            "factuur",
            "factuurnummer",
            "number",
            "numero",
        ],
    ),
    (
        "customer",
        &[
            "client",
            "codeclient",
            "numclient",
            "noclient",
            "customer",
            "customerid",
            "customerno",
            "customercode",
            "kunde",
            "kundennr",
            "kundennummer",
            "compte",
            "comptetiers",
            "account",
            "debitor",
            "klant",
            "klantnummer",
            "partner",
        ],
    ),
    (
        "amount",
        &[
            "montant",
            "montantttc",
            "ttc",
            "totalttc",
            "amount",
            "total",
            "totalamount",
            "amountdue",
            "betrag",
            "bruttobetrag",
            "summe",
            "bedrag",
            "netapayer",
            "solde",
            "grossamount",
        ],
    ),
    (
        "due_on",
        &[
            "echeance",
            "dateecheance",
            "duedate",
            "due",
            "dueon",
            "faellig",
            "faelligam",
            "faelligkeit",
            "faelligkeitsdatum",
            "fallig",
            "falligkeit",
            "vervaldatum",
            "paymentdeadline",
        ],
    ),
    (
        "issued_on",
        &[
            "emission",
            "dateemission",
            "datefacture",
            "date",
            "invoicedate",
            "issuedate",
            "issuedon",
            "rechnungsdatum",
            "belegdatum",
            "datum",
            "factuurdatum",
            "datepiece",
        ],
    ),
    (
        "name",
        &[
            "nom",
            "nomclient",
            "raisonsociale",
            "name",
            "customername",
            "kundenname",
            "company",
            "societe",
            "firma",
            "naam",
            "intitule",
        ],
    ),
    ("email", &["email", "mail", "courriel", "emailaddress", "adressemail", "emailadresse"]),
    ("phone", &["telephone", "tel", "phone", "mobile", "portable", "telefon", "telefoon", "phonenumber", "handy"]),
    ("zone", &["timezone", "fuseau", "fuseauhoraire", "zeitzone", "tijdzone"]),
    ("language", &["langue", "language", "sprache", "taal", "lang"]),
    (
        "description",
        &[
            "libelle",
            "designation",
            "objet",
            "description",
            "text",
            "beschreibung",
            "verwendungszweck",
            "omschrijving",
            "label",
            "comment",
        ],
    ),
    ("currency", &["devise", "currency", "waehrung", "wahrung", "valuta", "ccy", "currencycode", "monnaie"]),
    ("kind", &["type", "kind", "typepiece", "documenttype", "belegart", "nature"]),
];

/// Date patterns that are tried.
const DATES: [&str; 9] =
    ["%Y-%m-%d", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%Y/%m/%d", "%Y%m%d", "%d/%m/%y", "%d.%m.%y"];

/// A header without the words that say nothing: articles, and that it is a number or a code.
fn without_fillers(name: &str) -> String {
    const FILLERS: [&str; 16] = [
        "de", "du", "des", "la", "le", "the", "of", "no", "nr", "n", "num", "numero", "numéro", "number", "code",
        "id",
    ];
    let words = name.split(|c: char| !c.is_alphanumeric());
    words.filter(|word| !FILLERS.contains(&word.to_lowercase().as_str())).collect()
}

/// A header as it is compared: lower case, without accents and signs.
fn plain(name: &str) -> String {
    let folded = name.to_lowercase();
    let mut text = String::new();
    for character in folded.chars() {
        match character {
            'à' | 'â' => text.push('a'),
            'é' | 'è' | 'ê' | 'ë' => text.push('e'),
            'î' | 'ï' => text.push('i'),
            'ô' => text.push('o'),
            'ù' | 'û' => text.push('u'),
            'ç' => text.push('c'),
            'ä' => text.push_str("ae"),
            'ö' => text.push_str("oe"),
            'ü' => text.push_str("ue"),
            'ß' => text.push_str("ss"),
            other if other.is_alphanumeric() => text.push(other),
            _ => {}
        }
    }
    text
}

/// A proposal under way.
pub(super) struct Proposal<'a> {
    pub header: Vec<String>,
    pub rows: Vec<&'a Vec<String>>,
    pub columns: BTreeMap<&'static str, String>,
    pub doubts: Vec<String>,
}

impl Proposal<'_> {
    fn values(&self, field: &str) -> Vec<&str> {
        let Some(place) =
            self.columns.get(field).and_then(|name| self.header.iter().position(|column| column == name))
        else {
            return Vec::new();
        };
        self.rows
            .iter()
            .filter_map(|row| row.get(place))
            .map(String::as_str)
            .filter(|text| !text.is_empty())
            .collect()
    }

    /// Finds the field of each column by its name; the earlier name of the table wins.
    pub fn name_columns(&mut self) {
        for (field, names) in NAMES {
            let named = |name: &&str| {
                let exact = self.header.iter().find(|column| plain(column) == *name);
                exact.or_else(|| self.header.iter().find(|column| plain(&without_fillers(column)) == *name))
            };
            let best = names.iter().find_map(named);
            if let Some(column) = best.filter(|column| !self.columns.values().any(|taken| taken == *column)) {
                self.columns.insert(field, column.clone());
            }
        }
    }

    /// The date pattern that every date fits.
    pub fn dates(&mut self) -> (&'static str, String) {
        let values: Vec<String> =
            ["due_on", "issued_on"].iter().flat_map(|field| self.values(field)).map(str::to_owned).collect();
        let fits =
            |pattern: &&&str| !values.is_empty() && values.iter().all(|value| parse_date(pattern, value).is_some());
        let fitting: Vec<&'static str> = DATES.iter().filter(fits).copied().collect();
        match fitting.as_slice() {
            [only] => (only, format!("all {} dates fit it and no other", values.len())),
            [] if values.is_empty() => {
                self.doubts.push("there is no date to learn the pattern from: say `date`".to_owned());
                ("%Y-%m-%d", "to be decided".to_owned())
            }
            [] => {
                // A slip in one date makes none of the others wrong: the only pattern that nearly all fit.
                let count =
                    |pattern: &str| values.iter().filter(|value| parse_date(pattern, value).is_some()).count();
                let most = DATES.iter().map(|pattern| count(pattern)).max().unwrap_or(0);
                let best: Vec<&'static str> =
                    DATES.iter().filter(|pattern| count(pattern) == most).copied().collect();
                let odd = |pattern: &str| values.iter().find(|value| parse_date(pattern, value).is_none()).cloned();
                match best.as_slice() {
                    [only] if most * 2 > values.len() => {
                        let odd = odd(only).unwrap_or_default();
                        (only, format!("{most} of {} dates fit it and no other; \"{odd}\" is none", values.len()))
                    }
                    _ => {
                        let first = values.first().cloned().unwrap_or_default();
                        self.doubts.push(format!("no pattern fits every date, the first is \"{first}\": say `date`"));
                        ("%Y-%m-%d", "to be decided".to_owned())
                    }
                }
            }
            [first, ..] => {
                let shown = values.first().cloned().unwrap_or_default();
                let readings: Vec<String> = fitting
                    .iter()
                    .filter_map(|pattern| Some(format!("{} ({})", parse_date(pattern, &shown)?, written(pattern))))
                    .collect();
                let what = format!(
                    "\"{shown}\" can be {}, and no date of the file decides: say `date`",
                    readings.join(" or ")
                );
                self.doubts.push(what);
                (first, "to be decided".to_owned())
            }
        }
    }

    /// The decimal mark of the amounts, and what groups thousands.
    pub fn decimals(&mut self) -> (DecimalMark, Option<char>, String) {
        let values: Vec<String> = self.values("amount").into_iter().map(str::to_owned).collect();
        let grouping = ['.', ',', '\'', '\u{2019}'];
        let both = values.iter().find(|value| value.contains('.') && value.contains(','));
        if let Some(value) = both {
            let comma = value.rfind(',') > value.rfind('.');
            let (mark, group) = if comma { (DecimalMark::Comma, '.') } else { (DecimalMark::Point, ',') };
            return (mark, Some(group), format!("\"{value}\" has both marks, the last one is decimal"));
        }
        let group = grouping.iter().skip(2).copied().find(|mark| values.iter().any(|value| value.contains(*mark)));
        let decided = |mark: char| {
            values.iter().find(|value| {
                value.rsplit_once(mark).is_some_and(|(_, decimals)| {
                    let digits = decimals.trim_end_matches('-');
                    (1..=2).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
                })
            })
        };
        match (decided(','), decided('.')) {
            (Some(value), None) => (DecimalMark::Comma, group, format!("as in \"{value}\"")),
            (None, Some(value)) => (DecimalMark::Point, group, format!("as in \"{value}\"")),
            (Some(one), Some(other)) => {
                self.doubts
                    .push(format!("amounts are written in two ways, \"{one}\" and \"{other}\": say `decimal`"));
                (DecimalMark::Comma, group, "to be decided".to_owned())
            }
            (None, None) => {
                let odd = values.iter().find(|value| value.contains([',', '.']));
                if let Some(value) = odd {
                    let what = format!(
                        "\"{value}\" may have thousands or three decimals, and no amount decides: say `decimal` and `thousands`"
                    );
                    self.doubts.push(what);
                    return (DecimalMark::Comma, group, "to be decided".to_owned());
                }
                (DecimalMark::Comma, group, "no amount has decimals".to_owned())
            }
        }
    }

    /// The column of currencies, or the constant.
    pub fn currency(&mut self) -> Option<Result<String, &'static str>> {
        let column = self.columns.remove("currency");
        let Some(column) = column else {
            return Some(Err("EUR"));
        };
        self.columns.insert("currency", column.clone());
        let codes = self.values("currency").iter().all(|code| Currency::parse(code).is_ok());
        self.columns.remove("currency");
        if codes {
            return Some(Ok(column));
        }
        self.doubts.push(format!("column \"{column}\" holds other values than ISO 4217 codes: say `currency`"));
        Some(Err("EUR"))
    }
}
