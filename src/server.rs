//! The HTTP server over a running service.

use std::net::SocketAddr;
use std::sync::Arc;

use actix_web::dev::Server;
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, web};

use crate::api::{self, Keys, Replays, resume_replays};
use crate::assemble::Service;
use crate::backoffice::{self, Gate, Pages};
use crate::portal::{self, Page};

/// Workers of the server; a request costs microseconds and then waits for a sync.
const WORKERS: usize = 2;

/// A server that is bound and not yet run.
pub struct Bound {
    /// The server, to be awaited.
    pub server: Server,
    /// Where it listens.
    pub address: SocketAddr,
    /// The shared state.
    pub app: Arc<api::App>,
    /// The one-time link's token; people sign in where there is none.
    pub login: Option<String>,
}

/// Binds `listen` and serves the API and the pages.
pub fn bind(service: Service, listen: SocketAddr) -> Result<Bound, String> {
    let replays = Replays::open(service.config.path(&service.config.service.data.dir).join("replays"));
    let rates = api::Rates::of(&service.config);
    let app = Arc::new(api::App { service, keys: Keys::default(), replays, rates });
    resume_replays(&app);
    let pages = web::Data::new(Pages::new(Gate::new(&app.service.config.service)?)?);
    let page = web::Data::new(Page::new()?);
    let login = pages.gate.login_token();
    let shared = web::Data::new(Arc::clone(&app));
    let server = HttpServer::new(move || {
        App::new()
            .app_data(shared.clone())
            .app_data(pages.clone())
            .app_data(page.clone())
            .app_data(web::JsonConfig::default())
            .wrap(from_fn(api::with_id))
            .configure(api::routes)
            .configure(backoffice::routes)
            .configure(portal::routes)
    })
    .workers(WORKERS)
    .disable_signals()
    .shutdown_timeout(5)
    .bind(listen)
    .map_err(|error| format!("cannot listen on {listen}: {error}"))?;
    let address = server.addrs().first().copied().unwrap_or(listen);
    Ok(Bound { server: server.run(), address, app, login })
}
