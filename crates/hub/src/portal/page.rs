//! What all pages share: the frame around them, and what is shown when something cannot be.

use super::session::SignedIn;
use crate::context::HubError;
use crate::pipeline::review::ReviewError;
use askama::Template;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use platform::audit::AuditError;
use platform::clock::Timestamp;
use platform::db::DbError;

/// The frame around a page: who is signed in, and where we are.
pub(super) struct Frame {
    /// What the page is called, in its title and its heading.
    pub(super) title: String,
    /// Who is signed in.
    pub(super) account: String,
    /// What a form of this session carries.
    pub(super) form: String,
    /// The part of the navigation that this page is in.
    pub(super) part: &'static str,
    /// What was done just now.
    pub(super) said: Option<&'static str>,
    /// Where one may go on from there: an address, and what it says.
    pub(super) next: Option<(String, &'static str)>,
    /// What is wrong with what was sent.
    pub(super) wrong: Option<String>,
}

impl Frame {
    pub(super) fn new(by: &SignedIn, part: &'static str, title: impl Into<String>) -> Self {
        let (title, account, form) = (title.into(), by.account.clone(), by.token.form());
        Self { title, account, form, part, said: None, next: None, wrong: None }
    }

    /// For a page that is shown to nobody in particular.
    pub(super) fn signed_out(title: &str) -> Self {
        let (account, form) = (String::new(), String::new());
        Self { title: title.into(), account, form, part: "", said: None, next: None, wrong: None }
    }
}

/// After a mask: the way to a rule for the device. The handle comes from the address, so only its form is carried on.
pub(super) fn way_to_rule(said: &str, of: &str) -> Option<(String, &'static str)> {
    let is_handle = of.len() == 33 && of.bytes().all(|b| b.is_ascii_alphanumeric());
    (said == "masked" && is_handle)
        .then(|| (format!("/review/{of}/rule"), "Make a rule of it for the device"))
}

/// A page as an answer.
pub(super) fn page(template: &impl Template) -> Result<Response, Problem> {
    page_as(StatusCode::OK, template)
}

pub(super) fn page_as(status: StatusCode, template: &impl Template) -> Result<Response, Problem> {
    match template.render() {
        Ok(html) => Ok((status, Html(html)).into_response()),
        Err(error) => {
            tracing::error!(%error, "a page cannot be written");
            Err(Problem::Failed)
        }
    }
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage {
    frame: Frame,
    what: &'static str,
}

/// Why a page cannot be shown. What failed inside is in the log; the page says nothing of it.
#[derive(Debug)]
pub(super) enum Problem {
    NotFound,
    Forbidden,
    Failed,
}

impl Problem {
    fn told(&self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::NotFound => (
                StatusCode::NOT_FOUND,
                "Page not found",
                "There is no such page. What it showed may have gone on since: look in the queue.",
            ),
            Self::Forbidden => (
                StatusCode::FORBIDDEN,
                "You cannot do this",
                "Your account may not do this, or the form was too old. Go back to the queue and try again.",
            ),
            Self::Failed => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "Sorry, there is a problem",
                "Nothing was decided. Try again later; the hub's log says what happened.",
            ),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, title, what) = self.told();
        let shown = page_as(status, &ProblemPage { frame: Frame::signed_out(title), what });
        shown.unwrap_or_else(|_| status.into_response())
    }
}

macro_rules! logged {
    ($($error:ty),+) => {$(
        impl From<$error> for Problem {
            fn from(error: $error) -> Self {
                tracing::error!(%error, "a review page failed");
                Self::Failed
            }
        }
    )+};
}
logged!(DbError, HubError, AuditError);

/// A decision that cannot be taken is told on the page; what is left is a fault.
pub(super) fn refusal(error: ReviewError) -> Result<String, Problem> {
    match error {
        ReviewError::Hub(error) => Err(error.into()),
        ReviewError::Unknown(_) => Err(Problem::NotFound),
        other => Ok(sentence(&other.to_string())),
    }
}

/// Our errors begin small.
pub(super) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}", letters.as_str())
}

/// How long ago something was, in words.
pub(super) fn age(at: Timestamp, now: Timestamp) -> String {
    let minutes = now.since(at).as_secs() / 60;
    let told = |n: u64, unit: &str| format!("{n} {unit}{}", if n == 1 { "" } else { "s" });
    match minutes {
        0 => "less than a minute".into(),
        1..60 => told(minutes, "minute"),
        60..2880 => told(minutes / 60, "hour"),
        _ => told(minutes / 1440, "day"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_told_in_the_unit_that_fits() {
        let at = |minutes: i64| age(Timestamp::from_micros(0), Timestamp::from_micros(minutes * 60_000_000));
        assert_eq!(at(0), "less than a minute");
        assert_eq!(at(1), "1 minute");
        assert_eq!(at(59), "59 minutes");
        assert_eq!(at(60), "1 hour");
        assert_eq!(at(47 * 60), "47 hours");
        assert_eq!(at(48 * 60), "2 days");
    }
}
