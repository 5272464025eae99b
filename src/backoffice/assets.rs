//! Files inside the binary: pages, styles, scripts, fonts.

use actix_web::{HttpRequest, HttpResponse, web};
use rust_embed::RustEmbed;

use crate::digest;

#[derive(RustEmbed)]
#[folder = "ui/"]
#[exclude = "*.toml"]
struct Ui;

/// The pages' templates by name.
pub(super) fn templates() -> Vec<(String, String)> {
    Ui::iter()
        .filter_map(|path| {
            let name = path.strip_prefix("templates/")?.strip_suffix(".hbs")?.to_owned();
            let text = String::from_utf8(Ui::get(&path)?.data.into_owned()).ok()?;
            Some((name, text))
        })
        .collect()
}

/// Serves an asset with its tag, so that a browser asks only whether it changed.
pub(super) async fn serve(request: HttpRequest, path: web::Path<String>) -> HttpResponse {
    let kind = match path.rsplit('.').next() {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("woff2") => "font/woff2",
        _ => return HttpResponse::NotFound().finish(),
    };
    let Some(file) = Ui::get(&path) else { return HttpResponse::NotFound().finish() };
    let hash = file.metadata.sha256_hash();
    let tag = format!("\"{}\"", digest::hex(hash.get(..8).unwrap_or_default()));
    let known = request.headers().get("If-None-Match").is_some_and(|value| value.as_bytes() == tag.as_bytes());
    if known {
        return HttpResponse::NotModified().insert_header(("ETag", tag)).finish();
    }
    HttpResponse::Ok()
        .content_type(kind)
        .insert_header(("ETag", tag))
        .insert_header(("Cache-Control", "no-cache"))
        .insert_header(("X-Content-Type-Options", "nosniff"))
        .body(file.data.into_owned())
}
