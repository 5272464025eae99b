//! What the API takes and gives, written down once: the OpenAPI document, the page at `/docs/api`, and the tests that
//! hold both to the service that runs.
//!
//! A file of `operations/` for each part of the API. A new route is one `[[operation]]` there; `tests/it/reference.rs`
//! says when one is missing, or when its fields are not those that the service asks for.

mod kind;
mod openapi;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use actix_web::HttpResponse;
use actix_web::web::ServiceConfig;
use serde::Deserialize;

pub use kind::Kind;
pub use openapi::{document, problem};

/// A part of the API: what can be asked, and the shapes of what is given.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Its name.
    pub tag: String,
    /// What it is about.
    pub says: String,
    /// What can be asked.
    #[serde(rename = "operation")]
    pub operations: Vec<Operation>,
    /// Shapes of answers, by name.
    #[serde(default, rename = "schema")]
    pub schemas: BTreeMap<String, Vec<Field>>,
}

/// Something that can be asked.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operation {
    /// The method and the path: `POST /v1/customers`.
    pub call: String,
    /// Its name in generated clients.
    pub id: String,
    /// What it does.
    pub says: String,
    /// What may stand in the path.
    #[serde(default)]
    pub path: Vec<Field>,
    /// What may stand in the query.
    #[serde(default)]
    pub query: Vec<Field>,
    /// The fields of the body, if one is read as JSON.
    pub body: Option<Vec<Field>>,
    /// The content type of the body, if it is no JSON object of fields.
    pub takes: Option<String>,
    /// Whether it may come without its body.
    #[serde(default)]
    pub body_optional: bool,
    /// Whether a key makes that it is done once.
    #[serde(default)]
    pub once: bool,
    /// Whether anybody may ask it.
    #[serde(default)]
    pub open: bool,
    /// What is given when all is well.
    pub answers: Vec<Answer>,
    /// Statuses of problems beside those that every call may have.
    #[serde(default)]
    pub problems: Vec<u16>,
}

impl Operation {
    /// The method, in capitals, and the path.
    pub fn method_and_path(&self) -> (&str, &str) {
        self.call.split_once(' ').unwrap_or(("GET", &self.call))
    }
}

/// What is given.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// A shape (`Customer`), `page of Customer`, `data of Feed`, a content type, or nothing.
    #[serde(default)]
    pub gives: String,
    /// What it means.
    pub says: String,
}

/// A field of a body, of a query or of an answer.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// What it is: see [`Kind`].
    #[serde(rename = "type")]
    pub kind: Kind,
    /// Whether it must be there, or always is.
    #[serde(default)]
    pub required: bool,
    /// Whether it may be null.
    #[serde(default)]
    pub nullable: bool,
    /// What it means.
    #[serde(default)]
    pub says: String,
    /// What stands in it, when it is an object or a list of objects.
    #[serde(default)]
    pub fields: Vec<Field>,
}

/// The files of the parts, in the order of the page.
const FILES: [&str; 10] = [
    include_str!("operations/customers.toml"),
    include_str!("operations/payment_requests.toml"),
    include_str!("operations/plans.toml"),
    include_str!("operations/transfers.toml"),
    include_str!("operations/payouts.toml"),
    include_str!("operations/files.toml"),
    include_str!("operations/events.toml"),
    include_str!("operations/messages.toml"),
    include_str!("operations/configuration.toml"),
    include_str!("operations/service.toml"),
];

/// Every part, or what is wrong in one.
pub fn parts() -> &'static Result<Vec<Part>, String> {
    static PARTS: OnceLock<Result<Vec<Part>, String>> = OnceLock::new();
    PARTS.get_or_init(|| FILES.iter().map(|text| toml::from_str(text).map_err(|error| error.to_string())).collect())
}

pub(super) fn routes(config: &mut ServiceConfig) {
    config.route("/openapi.json", actix_web::web::get().to(served));
}

/// `GET /openapi.json`: nothing of it is anybody's.
async fn served() -> HttpResponse {
    static TEXT: OnceLock<String> = OnceLock::new();
    let text = TEXT.get_or_init(|| document().to_string());
    HttpResponse::Ok()
        .content_type("application/json")
        .insert_header(("Access-Control-Allow-Origin", "*"))
        .body(text.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_can_be_read_and_every_shape_that_is_named_is_there() {
        let parts = parts().as_ref().unwrap();
        let shapes: Vec<&String> = parts.iter().flat_map(|part| part.schemas.keys()).collect();
        let mut named = Vec::new();
        fn of_fields<'a>(fields: &'a [Field], named: &mut Vec<&'a str>) {
            for field in fields {
                named.extend(field.kind.shape());
                of_fields(&field.fields, named);
            }
        }
        for part in parts {
            for operation in &part.operations {
                for answer in &operation.answers {
                    let shape = answer.gives.rsplit(' ').next().unwrap_or_default();
                    named.extend(Some(shape).filter(|shape| shape.starts_with(char::is_uppercase)));
                }
                of_fields(operation.body.as_deref().unwrap_or_default(), &mut named);
                of_fields(&operation.query, &mut named);
                let (method, path) = operation.method_and_path();
                assert!(["GET", "POST"].contains(&method) && path.starts_with('/'), "{}", operation.call);
                let in_path = path.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name);
                let told: Vec<&str> = operation.path.iter().map(|field| field.name.as_str()).collect();
                assert_eq!(in_path.collect::<Vec<_>>(), told, "{}", operation.call);
            }
            part.schemas.values().for_each(|fields| of_fields(fields, &mut named));
        }
        for shape in named {
            assert!(shapes.iter().any(|known| *known == shape), "there is no schema {shape}");
        }
    }
}
