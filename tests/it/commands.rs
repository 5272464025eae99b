//! Commands as a shell calls them.

use std::io::Read as _;
use std::process::{Command, Stdio};

use crate::support::running::{BINARY, configure};
use crate::support::scratch::Scratch;

#[test]
fn a_command_of_which_nobody_reads_on_ends_without_a_word() {
    let mut command = Command::new(BINARY);
    command.arg("secret").stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!((child.wait().unwrap().code(), said.as_str()), (Some(141), ""));
}

fn run(folder: &std::path::Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(BINARY).args(arguments).current_dir(folder).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_template_is_brought_over_with_its_tags_and_shows_as_its_reader_would_see_it() {
    let scratch = Scratch::new("templates-by-command");
    configure(scratch.path(), |text| text);
    let folder = scratch.path();
    let (code, mail, _) = run(folder, &["template", "render", "reminder_late", "--language", "en"]);
    assert_eq!(code, Some(0));
    for part in ["Subject: Invoice F-2026-0118", "Dear Jean Dupont,", "Amount due: €3,120.50", "Maison Dupré"] {
        assert!(mail.contains(part), "{part}\n{mail}");
    }
    let (code, sms, size) = run(folder, &["template", "render", "reminder_late", "--channel", "sms"]);
    assert!(code == Some(0) && sms.contains("7AC-34K-MN9") && size.contains("GSM 7 bit, 1 message"), "{sms}{size}");
    let (code, _, said) = run(folder, &["template", "render", "reminder_lat"]);
    assert!(code == Some(1) && said.contains("did you mean \"reminder_late\"?"), "{said}");

    let tags = "Bonjour #CUSTOMER_FIRSTNAME# #CUSTOMER_LASTNAME#,\n\nIl reste #PAYMENT_REQUEST_TOTAL_AMOUNT_LEFT# \
                #PAYMENT_REQUEST_CURRENCY#, jusqu'au #PAYMENT_REQUEST_LINK_EXPIRATION_DATE#.\n#PAYMENT_LINK_BUTTON#\n";
    std::fs::write(folder.join("relance.txt"), tags).unwrap();
    let to = "config/templates/relance.fr.email.hbs";
    let import =
        ["template", "import", "relance.txt", "--subject", "Facture #MERCHANT_PAYMENT_REQUEST_ID#", "--out", to];
    let (code, _, said) = run(folder, &import);
    assert_eq!((code, said.as_str()), (Some(0), ""));
    let (code, mail, _) = run(folder, &["template", "render", "relance"]);
    assert_eq!(code, Some(0));
    for part in [
        "Subject: Facture F-2026-0118",
        "Bonjour Jean Dupont,",
        "3 120,50 €, jusqu'au 13 avril 2026",
        "Payer ou répondre",
    ] {
        assert!(mail.replace(['\u{a0}', '\u{202f}'], " ").contains(part), "{part}\n{mail}");
    }
    let (code, _, said) = run(folder, &import);
    assert!(code != Some(0) && said.contains("relance.fr.email.hbs"), "what is there is not overwritten: {said}");
    std::fs::write(folder.join("wrong.txt"), "Bonjour,\n  #PAYMENT_REQUEST_DEADLIN#\n").unwrap();
    let (code, _, said) = run(folder, &["template", "import", "wrong.txt"]);
    assert!(
        code == Some(1) && said.contains("wrong.txt:2:3") && said.contains("#PAYMENT_REQUEST_DEADLINE#"),
        "{said}"
    );
}
