//! Sets with a known truth: who is found, what is placed, and that nobody else's money is.

use std::path::Path;
use std::process::Command;

use crate::support::running::BINARY;
use crate::support::scratch::Scratch;

fn run(arguments: &[&str], folder: &Path) -> String {
    let run = Command::new(BINARY).args(arguments).arg(folder).output().unwrap();
    let text = String::from_utf8_lossy(&run.stdout).into_owned();
    assert!(run.status.success(), "{text}{}", String::from_utf8_lossy(&run.stderr));
    text
}

/// The columns of a class: count, knowable, right, wrong, crossed.
fn columns(table: &str, class: &str) -> [f64; 7] {
    let line = table.lines().find(|line| line.trim_start().starts_with(&format!("{class} "))).unwrap();
    let numbers: Vec<f64> = line.split_whitespace().skip(1).map(|word| word.parse().unwrap()).collect();
    numbers.get(..7).unwrap().try_into().unwrap()
}

#[test]
fn a_seed_is_one_set_and_what_can_be_known_is_found() {
    let scratch = Scratch::new("recon");
    for (name, seed, more) in [("normal", "11", &[][..]), ("hard", "12", &["--hard"])] {
        let (set, again) = (scratch.path().join(name), scratch.path().join(format!("{name}-again")));
        let size = ["generate", "recon", "--seed", seed, "--customers", "1000", "--transfers", "4000"];
        run(&[&size[..], more].concat(), &set);
        run(&[&size[..], more].concat(), &again);
        for file in ["customers.jsonl", "invoices.jsonl", "transfers.jsonl", "truth.jsonl"] {
            assert_eq!(std::fs::read(set.join(file)).unwrap(), std::fs::read(again.join(file)).unwrap(), "{file}");
        }
        let said = run(&["bench", "recon", "--in-flight", "16", "--wrong", "5"], &set);
        let [_, knowable, right, wrong, crossed, precision, recall] = columns(&said, "all");
        assert!(knowable > 3_000.0 && right > 3_000.0, "{said}");
        assert_eq!(crossed, 0.0, "nobody else's request is ever paid\n{said}");
        let precise = if more.is_empty() { 0.9998 } else { 0.998 };
        assert!(precision >= precise && recall >= 0.985, "{wrong} wrong, {precision} {recall}\n{said}");
        for trap in ["wrong_ref", "duplicate", "unrelated"] {
            let [count, _, right, wrong, crossed, ..] = columns(&said, trap);
            assert!(count > 0.0 && right + wrong + crossed == 0.0, "{trap}\n{said}");
        }
    }
}

#[test]
fn the_logic_of_others_errs_on_the_same_set() {
    let scratch = Scratch::new("recon-peers");
    let set = scratch.path().join("set");
    run(&["generate", "recon", "--seed", "3", "--customers", "200", "--transfers", "600"], &set);
    let said = run(&["bench", "recon", "--peers"], &set);
    for name in ["Odoo/OCA logic", "Stripe logic", "ERPNext rank", "Quittance"] {
        assert!(said.contains(name), "{name}\n{said}");
    }
    let table = |name: &str| columns(said.split(name).nth(1).unwrap(), "all");
    let ours = table("  Quittance\n");
    let [.., odoo] = table("Odoo/OCA logic");
    let [_, _, _, _, crossed, precision, stripe] = table("Stripe logic");
    assert!(ours[6] > odoo && ours[6] > stripe && ours[5] > precision && crossed > 0.0, "{said}");
}
