//! Account numbers of customers: a pool that runs low and out, numbers in quarantine, and free again.

use serde_json::json;

use crate::support::running::{drop_file, sample};
use crate::support::scratch::wait_for;

#[test]
fn a_number_is_nobodys_for_thirteen_months_and_then_anothers() {
    // A pool of a thousand.
    let (scratch, running) = sample("numbers", |text| {
        text.replace("prefix = \"04200\"", "prefix = \"04200000\"").replace("width = 6", "width = 3")
    });
    let header = "facture;client;nom;email;telephone;langue;montant;emission;echeance;libelle\n";
    let rows: String = (1..=1_000)
        .map(|number| format!("F-{number};C-{number};Client {number};;;fr;10,00;02/03/2026;10/03/2026;x\n"))
        .collect();
    let report = drop_file(&scratch.path().join("data/erp/in"), "all.csv", (header.to_owned() + &rows).as_bytes());
    assert_eq!(report["accepted"], 1_000, "{}", report["summary"]);
    // People hear of it before the pool is empty.
    wait_for("the accountants to be told", || {
        let caught = std::fs::read_dir(scratch.path().join("data/caught")).ok()?.flatten();
        let mut texts = caught.filter_map(|entry| std::fs::read_to_string(entry.path()).ok());
        texts.find(|text| text.contains("compta@maison-dupre.example") && text.contains("100"))
    });
    let profile =
        |number: &str| json!({ "external_ref": number, "name": "Late", "kind": "business", "language": "fr" });
    let late = running.post("/v1/customers", &profile("LATE-1"));
    assert!(late.status == 409 && late.text().contains("1000"), "{} {}", late.status, late.text());

    let first = running.find("/v1/customers", "C-7");
    let (id, number) = (first["id"].as_str().unwrap(), first["virtual_iban"].as_str().unwrap());
    let released = running.post(&format!("/v1/customers/{id}/virtual-iban/release"), &json!({ "reason": "closed" }));
    assert_eq!(released.status, 201, "{}", released.text());
    let former = &released.json()["former_virtual_ibans"][0];
    assert_eq!((&former["virtual_iban"], &former["free_on"]), (&number.into(), &"2027-04-02".into()), "{former}");
    assert_eq!(running.post("/v1/customers", &profile("LATE-1")).status, 409, "it is in quarantine");
    for _ in 0..13 {
        running.advance("30d");
    }
    assert_eq!(running.post("/v1/customers", &profile("LATE-1")).status, 409, "it still is");
    running.advance("10d");
    let late = running.post("/v1/customers", &profile("LATE-1"));
    assert_eq!(late.status, 201, "{}", late.text());
    assert_eq!(late.json()["virtual_iban"], number);
    // Who has none may have one again, once there is one.
    let again = running.post(&format!("/v1/customers/{id}/virtual-iban"), &json!({}));
    assert_eq!(again.status, 409, "{}", again.text());
}
