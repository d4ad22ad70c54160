//! Web plumbing for pages that people sign in to: a listener with limits, headers that every answer bears, tokens and cookies.
//!
//! Plain HTTP is served on the loopback address only; elsewhere it takes a certificate.

mod guard;
mod serve;
mod token;

pub use guard::{Expected, guard};
pub use serve::{WebError, WebServer};
pub use token::{Token, cookie, cookie_of, cookie_removed};
