//! Signing in and out, and who is signed in.

use super::form::{Posted, fields_of};
use super::page::{Frame, Problem, page_as};
use super::{Arc, Desk};
use crate::accounts::{CHAIN, Role, is_password};
use crate::store::Account;
use askama::Template;
use axum::extract::{FromRequestParts, Query, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use platform::audit::{self, Details};
use platform::clock::Timestamp;
use platform::web::{Token, cookie, cookie_of, cookie_removed};
use serde::Deserialize;
use std::time::Duration;

const COOKIE: &str = "tributary-session";
/// A session ends when nothing was asked for so long.
const IDLE_MAX: Duration = Duration::from_secs(30 * 60);
/// A session ends after this, whatever is asked.
const SESSION_MAX: Duration = Duration::from_secs(10 * 3600);
/// The last request is written down no more often than this.
const SEEN_EVERY: Duration = Duration::from_secs(60);

const WRONG: &str = "The account name or the password is wrong";
const WAIT: &str = "Too many wrong passwords: wait 15 minutes, then try again";

/// Who sent a request.
pub(super) struct SignedIn {
    pub(super) account: String,
    pub(super) role: Role,
    pub(super) token: Token,
}

impl SignedIn {
    pub(super) fn is_approver(&self) -> bool {
        self.role == Role::Approver
    }

    /// Who is signed in; else the way to the page where one does.
    pub(super) async fn of(parts: &mut Parts, desk: &Arc<Desk>) -> Result<Self, Response> {
        match Self::known(parts, desk).await {
            Ok(Some(known)) => Ok(known),
            Ok(None) => Err(Redirect::to("/sign-in").into_response()),
            Err(problem) => Err(problem.into_response()),
        }
    }

    async fn known(parts: &Parts, desk: &Desk) -> Result<Option<Self>, Problem> {
        let cookies = parts.headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let token = cookies.filter_map(|header| cookie_of(header, COOKIE)).find_map(Token::parse);
        let Some(token) = token else { return Ok(None) };
        let (store, now, digest) = (&desk.hub.store, desk.hub.clock.now(), token.digest());
        let Some(session) = store.session(&digest).await? else { return Ok(None) };
        let is_over = now.since(session.seen) >= IDLE_MAX || now.since(session.opened) >= SESSION_MAX;
        let Some(role) = Role::parse(&session.role).filter(|_| !is_over) else {
            let mut tx = store.write().await?;
            store.session_closed(&mut tx, &digest).await?;
            tx.commit().await?;
            return Ok(None);
        };
        if now.since(session.seen) >= SEEN_EVERY {
            let mut tx = store.write().await?;
            store.session_seen(&mut tx, &digest, now).await?;
            tx.commit().await?;
        }
        Ok(Some(Self { account: session.account, role, token }))
    }
}

impl FromRequestParts<Arc<Desk>> for SignedIn {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, desk: &Arc<Desk>) -> Result<Self, Response> {
        Self::of(parts, desk).await
    }
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    frame: Frame,
    name: String,
}

fn sign_in_form(
    status: StatusCode,
    name: &str,
    wrong: Option<&str>,
    said: Option<&'static str>,
) -> Result<Response, Problem> {
    let frame = Frame::signed_out("Sign in");
    let frame = Frame { wrong: wrong.map(str::to_owned), said, ..frame };
    page_as(status, &SignInPage { frame, name: name.to_owned() })
}

#[derive(Deserialize)]
pub(super) struct SignInQuery {
    #[serde(default)]
    said: String,
}

pub(super) async fn sign_in_page(Query(query): Query<SignInQuery>) -> Result<Response, Problem> {
    let said = (query.said == "signed-out").then_some("You are signed out");
    sign_in_form(StatusCode::OK, "", None, said)
}

pub(super) async fn sign_in(State(desk): State<Arc<Desk>>, request: Request) -> Result<Response, Response> {
    let fields = fields_of(request, &desk).await?;
    let (name, password) = (fields.get("name").trim().to_lowercase(), fields.get("password").to_owned());
    signed_in(&desk, &name, password).await.map_err(IntoResponse::into_response)
}

async fn signed_in(desk: &Desk, name: &str, password: String) -> Result<Response, Problem> {
    let (store, now) = (&desk.hub.store, desk.hub.clock.now());
    // Who sends many at once has each counted before the next is looked at.
    let Ok(_turn) = desk.passwords.acquire().await else { return Err(Problem::Failed) };
    if desk.attempts().must_wait(name, now) {
        return sign_in_form(StatusCode::TOO_MANY_REQUESTS, name, Some(WAIT), None);
    }
    let account = store.account(name).await?;
    let looked_at = account.clone();
    let is_right = tokio::task::spawn_blocking(move || is_password(looked_at.as_ref(), &password));
    let is_right = is_right.await.unwrap_or(false);
    if !is_right {
        desk.attempts().failed(name, now);
    }
    let account = match account {
        Some(account) if is_right => account,
        account => {
            // A name that is none may be a password, typed into the wrong field: it is not written down.
            if let Some(account) = account {
                noted(desk, &account, "sign-in refused", now).await?;
            }
            return sign_in_form(StatusCode::UNAUTHORIZED, name, Some(WRONG), None);
        }
    };
    desk.attempts().succeeded(name);
    let token = Token::generate().map_err(|_| Problem::Failed)?;
    let mut tx = store.write().await?;
    store.session_opened(&mut tx, &token.digest(), &account.name, now, now.minus(SESSION_MAX)).await?;
    audit::append(&mut tx, CHAIN, &account.name, "signed in", &Details::new(), now).await?;
    tx.commit().await?;
    Ok(with_cookie(Redirect::to("/review"), &cookie(COOKIE, &token, desk.is_tls)))
}

async fn noted(desk: &Desk, account: &Account, event: &'static str, now: Timestamp) -> Result<(), Problem> {
    let mut tx = desk.hub.store.write().await?;
    audit::append(&mut tx, CHAIN, &account.name, event, &Details::new(), now).await?;
    Ok(tx.commit().await?)
}

pub(super) async fn sign_out(State(desk): State<Arc<Desk>>, posted: Posted) -> Result<Response, Problem> {
    let (store, now) = (&desk.hub.store, desk.hub.clock.now());
    let mut tx = store.write().await?;
    store.session_closed(&mut tx, &posted.by.token.digest()).await?;
    audit::append(&mut tx, CHAIN, &posted.by.account, "signed out", &Details::new(), now).await?;
    tx.commit().await?;
    Ok(with_cookie(Redirect::to("/sign-in?said=signed-out"), &cookie_removed(COOKIE)))
}

fn with_cookie(to: Redirect, cookie: &str) -> Response {
    let mut response = to.into_response();
    if let Ok(value) = HeaderValue::from_str(cookie) {
        response.headers_mut().insert(header::SET_COOKIE, value);
    }
    response
}
