//! What every request must show and every answer bears, whatever the page: against other sites, and against caches.

use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::net::IpAddr;

/// How the pages are reached.
#[derive(Debug, Clone, Copy)]
pub struct Expected {
    /// Over TLS: then the certificate says who we are. Without, only the loopback names are ours.
    pub is_tls: bool,
}

/// Everything comes from ourselves; nothing is framed, embedded, or run from elsewhere.
const HEADERS: &[(&str, &str)] = &[
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
         form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    ),
    ("cache-control", "no-store"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    // Not "no-referrer": then a browser would send forms without saying where they come from.
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
];

/// Middleware: turns away what another site sends through a person's browser, and sets the headers.
pub async fn guard(State(expected): State<Expected>, request: Request, next: Next) -> Response {
    let mut response = match refusal(expected, request.method(), request.headers()) {
        Some(refusal) => refusal.into_response(),
        None => next.run(request).await,
    };
    for (name, value) in HEADERS {
        response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if expected.is_tls {
        let year = HeaderValue::from_static("max-age=31536000");
        response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, year);
    }
    response
}

type Refusal = (StatusCode, &'static str);

fn refusal(expected: Expected, method: &Method, headers: &HeaderMap) -> Option<Refusal> {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let Some(host) = text(header::HOST).and_then(|host| host.parse::<Authority>().ok()) else {
        return Some((StatusCode::BAD_REQUEST, "this request names no host"));
    };
    // A name that somebody else's DNS points at us is not ours.
    if !expected.is_tls && !is_loopback(host.host()) {
        return Some((StatusCode::MISDIRECTED_REQUEST, "these pages are served on this machine only"));
    }
    if matches!(*method, Method::GET | Method::HEAD) {
        return None;
    }
    let scheme = if expected.is_tls { "https" } else { "http" };
    let own = format!("{scheme}://{host}");
    let is_own = match text(header::ORIGIN) {
        Some(origin) => origin == own,
        None => text(HeaderName::from_static("sec-fetch-site")) == Some("same-origin"),
    };
    (!is_own).then_some((StatusCode::FORBIDDEN, "a form of another site"))
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(is_tls: bool, method: &Method, headers: &[(&'static str, &str)]) -> Option<StatusCode> {
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()));
        refusal(Expected { is_tls }, method, &headers.collect()).map(|(status, _)| status)
    }

    #[test]
    fn what_another_site_sends_is_turned_away() {
        let here = ("host", "127.0.0.1:8470");
        let own = ("origin", "http://127.0.0.1:8470");
        assert_eq!(asked(false, &Method::GET, &[here]), None);
        assert_eq!(asked(false, &Method::POST, &[here, own]), None);
        assert_eq!(asked(false, &Method::POST, &[here, ("sec-fetch-site", "same-origin")]), None);
        for foreign in ["http://127.0.0.1:1", "null", "https://127.0.0.1:8470", "http://evil.example"] {
            assert_eq!(
                asked(false, &Method::POST, &[here, ("origin", foreign)]),
                Some(StatusCode::FORBIDDEN),
                "{foreign}"
            );
        }
        assert_eq!(asked(false, &Method::POST, &[here]), Some(StatusCode::FORBIDDEN));
    }

    #[test]
    fn a_foreign_name_for_the_loopback_address_is_not_ours() {
        for host in ["localhost:1", "127.0.0.1", "[::1]:8470"] {
            assert_eq!(asked(false, &Method::GET, &[("host", host)]), None, "{host}");
        }
        for host in ["rebound.example:8470", "192.0.2.1:8470", "localhost.evil.example"] {
            let refused = Some(StatusCode::MISDIRECTED_REQUEST);
            assert_eq!(asked(false, &Method::GET, &[("host", host)]), refused, "{host}");
        }
        assert_eq!(asked(true, &Method::GET, &[("host", "review.example")]), None);
        assert_eq!(asked(false, &Method::GET, &[]), Some(StatusCode::BAD_REQUEST));
    }
}
