//! Which message an SMSC speaks of: receipts name it by the SMSC's own id.

use std::collections::{HashMap, VecDeque};
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use quittance_actors::values::{CustomerId, DeliveryId, TenantId};

use super::super::About;

/// Messages whose ids are remembered; receipts come within days.
const REMEMBERED_MAX: usize = 200_000;
/// Characters of an SMSC's id. Source: SMPP 3.4 §5.2.23.
const ID_CHARACTERS_MAX: usize = 65;

/// The ids that an SMSC gave, in memory and in a file that survives the process. What a full disk loses is a receipt.
pub struct Ids {
    known: HashMap<String, About>,
    order: VecDeque<String>,
    file: Option<File>,
}

impl Ids {
    /// The ids of a file, the newest; a longer one is written anew.
    pub fn open(path: &Path) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let mut ids = Self { known: HashMap::new(), order: VecDeque::new(), file: None };
        let mut lines = 0;
        if let Ok(file) = File::open(path) {
            for line in BufReader::new(file).lines().map_while(Result::ok) {
                lines += 1;
                if let Some((id, about)) = read(&line) {
                    ids.remember(id, about);
                }
            }
        }
        let options = |truncate: bool| {
            OpenOptions::new().create(true).append(!truncate).write(true).truncate(truncate).mode(0o600).open(path)
        };
        let anew = lines > REMEMBERED_MAX * 2;
        let mut file = options(anew)?;
        if anew {
            for id in &ids.order {
                if let Some(about) = ids.known.get(id) {
                    write(&mut file, id, about)?;
                }
            }
        }
        ids.file = Some(file);
        Ok(ids)
    }

    /// An SMSC has taken a message under an id.
    pub fn note(&mut self, id: &str, about: &About) -> io::Result<()> {
        let fits = !id.is_empty() && id.len() <= ID_CHARACTERS_MAX && !id.contains(char::is_whitespace);
        if !fits {
            return Ok(()); // No receipt can name it.
        }
        self.remember(id.to_owned(), about.clone());
        self.file.as_mut().map_or(Ok(()), |file| write(file, id, about))
    }

    fn remember(&mut self, id: String, about: About) {
        if self.known.insert(id.clone(), about).is_none() {
            self.order.push_back(id);
        }
        while self.order.len() > REMEMBERED_MAX {
            if let Some(oldest) = self.order.pop_front() {
                self.known.remove(&oldest);
            }
        }
    }

    /// The message of an id: as it was given, or in decimals what was given in hexadecimals, as some do.
    pub fn find(&self, id: &str) -> Option<&About> {
        let id = id.trim();
        if let Some(about) = self.known.get(id) {
            return Some(about);
        }
        let hex = id.parse::<u64>().ok().map(|number| format!("{number:x}"));
        let decimal = u64::from_str_radix(id, 16).ok().map(|number| number.to_string());
        let forms = hex.into_iter().flat_map(|hex| [hex.to_uppercase(), format!("{hex:0>8}"), hex]).chain(decimal);
        forms.into_iter().find_map(|form| self.known.get(&form))
    }
}

fn write(file: &mut File, id: &str, About { tenant, customer, delivery }: &About) -> io::Result<()> {
    file.write_all(format!("{id} {tenant} {customer} {delivery}\n").as_bytes())
}

fn read(line: &str) -> Option<(String, About)> {
    let mut words = line.split(' ');
    let id = words.next()?.to_owned();
    let tenant = TenantId::parse(words.next()?).ok()?;
    let customer = CustomerId::parse(words.next()?).ok()?;
    let delivery = DeliveryId::parse(words.next()?).ok()?;
    Some((id, About { tenant, customer, delivery }))
}

#[cfg(test)]
mod tests {
    use quittance_actors::values::Timestamp;

    use super::*;

    #[test]
    fn a_message_is_found_again_by_its_id_however_it_is_written() {
        let path = std::env::temp_dir().join(format!("quittance-smpp-{}.ids", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let about = |number| About {
            tenant: TenantId::parse("shop").unwrap(),
            customer: CustomerId::new(Timestamp::default(), number, 1),
            delivery: DeliveryId::new(Timestamp::default(), number, 1),
        };
        let mut ids = Ids::open(&path).unwrap();
        for (number, id) in [(1, "4f2A"), (2, "1a2b"), (3, "0000001F"), (4, ""), (5, "two words")] {
            ids.note(id, &about(number)).unwrap();
        }
        drop(ids);
        let ids = Ids::open(&path).unwrap();
        assert_eq!(ids.find("4f2A"), Some(&about(1)));
        assert_eq!(ids.find("6699"), Some(&about(2)), "1a2b in decimals");
        for unknown in ["", "two words", "6700", "x"] {
            assert_eq!(ids.find(unknown), None, "{unknown}");
        }
        std::fs::remove_file(&path).unwrap();
    }
}
