//! What is written of the API is what the service does: every route, every field it asks for, every key it gives.

use std::collections::{BTreeMap, BTreeSet};

use quittance::api::reference::{Field, Kind, Operation, parts};
use serde_json::{Value as Json, json};

use crate::support::golden::project;
use crate::support::http::call;
use crate::support::running::{KEY, Running, drop_file, sample};
use crate::support::scratch::wait_for;
use crate::support::statement::statement;

fn operations() -> impl Iterator<Item = &'static Operation> {
    parts().as_ref().unwrap().iter().flat_map(|part| &part.operations)
}

/// Every method and path that the sources register, with `{}` for what varies.
fn registered() -> BTreeSet<(String, Vec<String>)> {
    let mut found = BTreeSet::new();
    for (file, under) in [("src/api/mod.rs", "/v1"), ("src/api/configuration.rs", "/v1/configuration")] {
        let text = std::fs::read_to_string(project().join(file)).unwrap();
        let text = text.split_whitespace().collect::<String>();
        let mut resource = "";
        for (at, _) in text.match_indices("route(").chain(text.match_indices("resource(")).collect::<BTreeMap<_, _>>()
        {
            let rest = &text[at..];
            if let Some(named) = rest.strip_prefix("resource(\"") {
                resource = named.split('"').next().unwrap();
                continue;
            }
            let rest = rest.strip_prefix("route(").unwrap();
            let (path, rest) = match rest.strip_prefix('"') {
                Some(named) => named.split_once("\",").unwrap(),
                None => (resource, rest),
            };
            let Some(method) = rest.strip_prefix("web::").and_then(|rest| rest.split('(').next()) else { continue };
            let alone = ["/healthz", "/readyz", "/metrics"].contains(&path);
            found.insert((method.to_uppercase(), pieces(&format!("{}{path}", if alone { "" } else { under }))));
        }
    }
    found
}

fn pieces(path: &str) -> Vec<String> {
    let piece = |piece: &str| if piece.starts_with('{') { "{}".to_owned() } else { piece.to_owned() };
    path.split('/').filter(|piece| !piece.is_empty()).map(piece).collect()
}

#[test]
fn every_route_is_written_down_and_nothing_else_is() {
    let registered = registered();
    assert!(registered.len() > 100, "the sources could not be read: {registered:?}");
    let fits = |route: &[String], told: &[String]| {
        route.len() == told.len() && route.iter().zip(told).all(|(route, told)| route == told || route == "{}")
    };
    let told: Vec<(String, Vec<String>)> = operations()
        .map(|operation| {
            let (method, path) = operation.method_and_path();
            (method.to_owned(), pieces(path))
        })
        .collect();
    for (method, route) in &registered {
        let is_told = told.iter().any(|(of, path)| of == method && fits(route, path));
        assert!(is_told, "src/api/reference/operations does not say what {method} /{} is", route.join("/"));
    }
    for (method, path) in &told {
        let is_there = registered.iter().any(|(of, route)| of == method && fits(route, path));
        assert!(is_there, "{method} /{} is written down, and there is no such route", path.join("/"));
    }
    let ids: BTreeSet<&str> = operations().map(|operation| operation.id.as_str()).collect();
    assert_eq!(ids.len(), told.len(), "each operation has an id of its own");
}

/// A merchant with one of everything, and what stands for each place of a path.
fn everything(name: &str) -> (crate::support::scratch::Scratch, Running, BTreeMap<&'static str, String>) {
    let (scratch, running) = sample(name, |text| text);
    let data = scratch.path().join("data");
    let invoices = "facture;client;nom;email;telephone;langue;montant;emission;echeance;libelle\n\
        F-1;C-1;Jean Dupont;jean@example.org;;fr;120,00;02/03/2026;10/03/2026;Conseil\n\
        F-2;C-1;Jean Dupont;jean@example.org;;fr;80,00;02/03/2026;10/03/2026;Conseil\n";
    drop_file(&data.join("erp/in"), "invoices.csv", invoices.as_bytes());
    let customer = running.find("/v1/customers", "C-1");
    let account = customer["virtual_iban"].as_str().unwrap().to_owned();
    let entries = [("120.00", account.as_str(), "", "F-1")];
    drop_file(&data.join("bank/in"), "first.xml", statement("S1", &entries).as_bytes());
    let id = |value: &Json| value["id"].as_str().unwrap().to_owned();
    let made = running.post(
        "/v1/plans",
        &json!({
            "customer_ref": "C-1", "external_ref": "P-1", "amount": { "amount": 2_000, "currency": "EUR" },
            "every": "1m", "first_due_on": "2026-04-01",
        }),
    );
    assert_eq!(made.status, 201, "{}", made.text());
    let request = wait_for("the invoice to be open", || {
        running.list("/v1/payment-requests").into_iter().find(|one| one["external_ref"] == "F-2")
    });
    let strange = json!({
        "entry_ref": "S-1", "amount": { "amount": 9_000, "currency": "EUR" }, "booked_on": "2026-03-02",
        "payer_name": "Erika Mustermann", "payer_iban": "DE89370400440532013000", "remittance": "for somebody else",
    });
    assert_eq!(running.post("/v1/transfers", &strange).status, 201);
    let task = wait_for("a task", || running.list("/v1/tasks").into_iter().next());
    let given_back = running
        .post(&format!("/v1/transfers/{}/give-back", id(&task)), &json!({ "by": "Anne", "reason": "not ours" }));
    assert_eq!(given_back.status, 201, "{}", given_back.text());
    let file = running.get("/v1/files").json()["data"][0]["sha256"].as_str().unwrap().to_owned();
    let delivery = wait_for("a delivery", || running.list("/v1/deliveries?status=any").into_iter().next());
    let message = wait_for("a message", || {
        let messages = running.get("/v1/messages").json();
        messages["data"].as_array().unwrap().first().map(id)
    });
    let places = [
        ("customers", id(&customer)),
        ("payment-requests", id(&request)),
        ("plans", id(&made.json())),
        ("transfers", id(&task)),
        ("decisions", id(&task)),
        ("tasks", id(&task)),
        ("payouts", given_back.json()["id"].as_str().unwrap().to_owned()),
        ("files", file),
        ("deliveries", id(&delivery)),
        ("messages", message),
        ("endpoints", "erp".to_owned()),
        ("templates", "reminder_late".to_owned()),
        ("exports", "accounting".to_owned()),
        ("replays", "rpl_00".to_owned()),
        ("configuration", "1".to_owned()),
    ];
    (scratch, running, places.into_iter().collect())
}

/// The path of an operation, with what the merchant has.
fn filled(operation: &Operation, places: &BTreeMap<&str, String>) -> String {
    let (_, path) = operation.method_and_path();
    let room = path.trim_start_matches("/v1/").split('/').next().unwrap();
    let mut path = path.to_owned();
    for field in &operation.path {
        let value = match field.name.as_str() {
            "step" => "first",
            "number" if room == "customers" => "1",
            "name" if room == "configuration" => "scenarios.toml",
            _ => places.get(room).map_or("unknown", String::as_str),
        };
        path = path.replace(&format!("{{{}}}", field.name), value);
    }
    path
}

#[test]
fn every_body_is_asked_for_the_fields_that_are_written_down() {
    let (_scratch, running, places) = everything("reference-bodies");
    let mut asked = 0;
    for operation in operations() {
        let Some(fields) = &operation.body else { continue };
        let path = filled(operation, &places);
        let answer = running.post(&path, &json!({ "zz_nothing_of_the_kind": 1 }));
        let told = answer.json();
        let errors = told["errors"].as_array().unwrap_or_else(|| panic!("{}: {told}", operation.call));
        let detail = |pointer: &str| {
            errors.iter().filter(|error| error["pointer"] == pointer).find_map(|error| error["detail"].as_str())
        };
        let known = detail("/zz_nothing_of_the_kind").unwrap_or_else(|| panic!("{}: {told}", operation.call));
        let known =
            known.strip_prefix("unknown field; known are ").unwrap_or_else(|| panic!("{}: {known}", operation.call));
        let known: BTreeSet<&str> = known.split(", ").filter(|name| !name.is_empty()).collect();
        let written: BTreeSet<&str> = fields.iter().map(|field| field.name.as_str()).collect();
        assert_eq!(known, written, "{}", operation.call);
        for field in fields {
            let is_missing = detail(&format!("/{}", field.name)) == Some("is missing");
            // Some must be there only when another one is not, and say so.
            let depends = !field.required && field.says.contains("without");
            assert!(is_missing == field.required || depends, "{} {}", operation.call, field.name);
        }
        asked += 1;
    }
    assert!(asked > 40, "{asked}");
}

/// What of a value is not as it is written.
fn differs(fields: &[Field], value: &Json, at: &str, wrong: &mut Vec<String>) {
    let Some(object) = value.as_object() else {
        wrong.push(format!("{at} is no object: {value}"));
        return;
    };
    for key in object.keys().filter(|key| !fields.iter().any(|field| field.name == **key)) {
        wrong.push(format!("{at}/{key} is not written down"));
    }
    for field in fields {
        let at = format!("{at}/{}", field.name);
        match object.get(&field.name) {
            None if field.required => wrong.push(format!("{at} is missing")),
            None => {}
            Some(Json::Null) if field.nullable => {}
            Some(value) => of_kind(&field.kind, &field.fields, value, &at, wrong),
        }
    }
}

fn of_kind(kind: &Kind, fields: &[Field], value: &Json, at: &str, wrong: &mut Vec<String>) {
    let fits = match kind {
        Kind::List(of) => match value.as_array() {
            Some(items) => {
                items.iter().enumerate().for_each(|(n, item)| of_kind(of, fields, item, &format!("{at}/{n}"), wrong));
                true
            }
            None => false,
        },
        Kind::Map(of, _) => match value.as_object() {
            Some(items) => {
                items.iter().for_each(|(name, item)| of_kind(of, fields, item, &format!("{at}/{name}"), wrong));
                true
            }
            None => false,
        },
        Kind::Object if fields.is_empty() => value.is_object(),
        Kind::Object => {
            differs(fields, value, at, wrong);
            true
        }
        Kind::Shape(name) => {
            differs(shape(name), value, at, wrong);
            true
        }
        Kind::Choice(words) => value.as_str().is_some_and(|word| words.iter().any(|known| known == word)),
        Kind::Integer(range) => {
            let number = value.as_i64().or_else(|| value.as_u64().map(|_| i64::MAX));
            number.is_some_and(|number| range.is_none_or(|(least, most)| (least..=most).contains(&number)))
        }
        Kind::Id(prefix) => value.as_str().is_some_and(|text| text.starts_with(&format!("{prefix}_"))),
        Kind::Text(range) => value.as_str().is_some_and(|text| {
            let count = u32::try_from(text.chars().count()).unwrap();
            range.is_none_or(|(least, most)| (least..=most).contains(&count))
        }),
        Kind::Word(word) => match word.as_str() {
            "any" => true,
            "flag" => value.is_boolean(),
            "number" => value.is_number(),
            "money" => value["amount"].is_i64() && value["currency"].as_str().is_some_and(|code| code.len() == 3),
            _ => value.is_string(),
        },
    };
    if !fits {
        wrong.push(format!("{at} is not {}: {value}", kind.words()));
    }
}

fn shape(name: &str) -> &'static [Field] {
    let parts = parts().as_ref().unwrap();
    parts.iter().find_map(|part| part.schemas.get(name)).unwrap_or_else(|| panic!("{name} is no shape"))
}

#[test]
fn every_answer_has_the_keys_that_are_written_down() {
    let (_scratch, running, places) = everything("reference-answers");
    running.advance("12d");
    let (mut looked, mut wrong) = (0, Vec::new());
    for operation in operations() {
        let (method, _) = operation.method_and_path();
        let gives: Vec<&str> = operation.answers.iter().map(|answer| answer.gives.as_str()).collect();
        if method != "GET" || gives.iter().any(|gives| gives.is_empty() || gives.contains('/')) {
            continue;
        }
        let answer = running.get(&filled(operation, &places));
        // A merchant without editions and replays has none to show.
        if answer.status == 404
            && ["/v1/replays/", "/v1/configuration/editions/"].iter().any(|of| operation.call.contains(of))
        {
            continue;
        }
        assert_eq!(answer.status, 200, "{}: {}", operation.call, answer.text());
        let told = answer.json();
        let of_one = |gives: &str| {
            let mut wrong = Vec::new();
            if let Some((_, name)) = gives.split_once(" of ") {
                for (n, item) in told["data"].as_array().unwrap().iter().enumerate() {
                    differs(shape(name), item, &format!("{} /data/{n}", operation.call), &mut wrong);
                }
            } else {
                differs(shape(gives), &told, &operation.call, &mut wrong);
            }
            wrong
        };
        // One of several shapes is enough.
        let least = gives.iter().map(|gives| of_one(gives)).min_by_key(Vec::len).unwrap();
        wrong.extend(least);
        looked += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(looked > 35, "{looked}");
}

#[test]
fn the_document_and_its_page_are_there_for_everybody_and_the_command_prints_the_same() {
    let (scratch, running) = sample("reference-served", |text| text);
    let served = call(running.address, "GET", "/openapi.json", &[], b"").unwrap();
    assert_eq!(served.status, 200);
    let document = served.json();
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(
        document["paths"].as_object().unwrap().values().map(|item| item.as_object().unwrap().len()).sum::<usize>(),
        operations().count()
    );
    assert!(document["webhooks"]["payment_request.settled"]["post"]["requestBody"].is_object());
    let printed = std::process::Command::new(crate::support::running::BINARY).arg("openapi").output().unwrap();
    assert_eq!(serde_json::from_slice::<Json>(&printed.stdout).unwrap(), document);
    if let Some(python) = std::env::var_os("QUITTANCE_RECEIVERS") {
        let file = scratch.path().join("openapi.json");
        std::fs::write(&file, &printed.stdout).unwrap();
        let judged =
            std::process::Command::new(python).args(["-m", "openapi_spec_validator"]).arg(&file).output().unwrap();
        assert!(judged.status.success(), "{}", String::from_utf8_lossy(&judged.stdout));
    }
    let page = call(running.address, "GET", "/docs/api", &[], b"").unwrap();
    assert_eq!(page.status, 200);
    for operation in operations() {
        assert!(page.text().contains(&format!("id=\"{}\"", operation.id)), "{}", operation.id);
    }
    assert!(!page.text().contains(KEY));
}
