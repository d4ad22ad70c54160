//! The review pages: people sign in, look at what is held, and decide. Served by the hub itself, inside the hospital.
//!
//! A page shows no value of a header but modality, SOP class, size and device. Pictures are decoded in memory, one frame for
//! each request, and no answer may be kept by a cache.

mod form;
mod instance;
mod page;
mod picture;
mod queue;
mod rules;
mod samples;
mod session;
mod words;

use crate::accounts::Attempts;
use crate::ae::{TlsFault, tls_acceptor};
use crate::context::Hub;
use axum::extract::DefaultBodyLimit;
use axum::http::header;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Redirect};
use axum::routing::{get, post};
use axum::{Router, http::StatusCode};
use platform::shutdown::Shutdown;
use platform::web::{Expected, WebError, WebServer, guard};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Semaphore;

/// Bytes of a form.
const FORM_BYTES_MAX: usize = 64 * 1024;
/// Passwords that are looked at, at once: each takes 19 MiB and a core.
const PASSWORDS_AT_ONCE_MAX: usize = 2;
/// Pictures that are decoded at once: each holds a frame in memory.
const PICTURES_AT_ONCE_MAX: usize = 2;

/// The pages cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum PortalError {
    /// The listener.
    #[error("review pages: {0}")]
    Web(#[from] WebError),
    /// The certificate.
    #[error("review pages: {0}")]
    Tls(#[from] TlsFault),
}

/// What every page works with.
struct Desk {
    hub: Arc<Hub>,
    attempts: Mutex<Attempts>,
    passwords: Semaphore,
    pictures: Arc<Semaphore>,
    is_tls: bool,
}

impl Desk {
    fn attempts(&self) -> MutexGuard<'_, Attempts> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The review pages, listening.
pub struct Portal {
    server: WebServer,
    desk: Arc<Desk>,
}

impl Portal {
    /// Listens, where the configuration has review pages.
    pub async fn start(hub: &Arc<Hub>) -> Result<Option<Self>, PortalError> {
        let Some(config) = &hub.config.portal else { return Ok(None) };
        let tls = config.tls.as_ref().map(tls_acceptor).transpose()?;
        let server = WebServer::bind(config.address, tls).await?;
        let desk = Desk {
            hub: Arc::clone(hub),
            attempts: Mutex::default(),
            passwords: Semaphore::new(PASSWORDS_AT_ONCE_MAX),
            pictures: Arc::new(Semaphore::new(PICTURES_AT_ONCE_MAX)),
            is_tls: server.is_tls(),
        };
        Ok(Some(Self { server, desk: Arc::new(desk) }))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Serves until it is told to stop.
    pub async fn serve(&self, shutdown: Shutdown) {
        self.server.serve(pages(Arc::clone(&self.desk)), shutdown).await;
    }
}

/// All pages.
fn pages(desk: Arc<Desk>) -> Router {
    let expected = Expected { is_tls: desk.is_tls };
    Router::new()
        .route("/", get(|| async { Redirect::to("/review") }))
        .route("/sign-in", get(session::sign_in_page).post(session::sign_in))
        .route("/sign-out", post(session::sign_out))
        .route("/review", get(queue::queue))
        .route("/review/{id}", get(instance::instance))
        .route("/review/{id}/frames/{frame}", get(instance::frame))
        .route("/review/{id}/release", post(instance::release))
        .route("/review/{id}/mask", post(instance::mask))
        .route("/review/{id}/reject", post(instance::reject))
        .route("/review/{id}/retry", post(instance::retry))
        .route("/review/{id}/rule", get(rules::propose_page).post(rules::propose))
        .route("/review/{id}/rule/picture", get(rules::proposed_picture))
        .route("/rules", get(rules::list))
        .route("/rules/{id}", get(rules::rule))
        .route("/rules/{id}/picture", get(rules::rule_picture))
        .route("/rules/{id}/approve", post(rules::approve))
        .route("/rules/{id}/withdraw", post(rules::withdraw))
        .route("/samples", get(samples::list))
        .route("/samples/{id}", get(samples::sample))
        .route("/samples/{id}/frames/{frame}", get(samples::frame))
        .route("/samples/{id}/clean", post(samples::clean))
        .route("/samples/{id}/leak", post(samples::leak))
        .route("/rates", get(samples::rates))
        .route("/devices/{id}/resume", post(samples::resume))
        .route("/assets/portal.css", get(|| asset("text/css", include_str!("portal/portal.css"))))
        .route("/assets/portal.js", get(|| asset("text/javascript", include_str!("portal/portal.js"))))
        .fallback(|| async { page::Problem::NotFound })
        .layer(DefaultBodyLimit::max(FORM_BYTES_MAX))
        .layer(from_fn_with_state(expected, guard))
        .with_state(desk)
}

async fn asset(kind: &'static str, text: &'static str) -> impl IntoResponse {
    (StatusCode::OK, [(header::CONTENT_TYPE, kind)], text)
}

#[cfg(test)]
mod tests;
