//! Tokens of sessions: random, held by the browser in a cookie; we keep a digest. What guards forms follows from the token.

use data_encoding::{BASE32_NOPAD, HEXLOWER};
use ring::digest::{SHA256, digest};
use ring::error::Unspecified;
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};

/// Random bytes of a token.
const TOKEN_BYTES: usize = 32;
/// Letters of a token in a cookie.
const TOKEN_CHARS: usize = 52;
const FORM_PURPOSE: &[u8] = b"tributary form 1";

/// The secret of a session. It does not print.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// A new one.
    pub fn generate() -> Result<Self, Unspecified> {
        let mut bytes = [0u8; TOKEN_BYTES];
        SystemRandom::new().fill(&mut bytes)?;
        Ok(Self(BASE32_NOPAD.encode(&bytes)))
    }

    /// One that a browser sent; `None` where it cannot be one.
    pub fn parse(text: &str) -> Option<Self> {
        let formed = text.len() == TOKEN_CHARS && text.bytes().all(|b| b.is_ascii_alphanumeric());
        formed.then(|| Self(text.to_owned()))
    }

    /// What is stored: who reads the table cannot take over a session.
    pub fn digest(&self) -> String {
        HEXLOWER.encode(digest(&SHA256, self.0.as_bytes()).as_ref())
    }

    /// What a form of this session carries, so that no other site can make the browser send it.
    pub fn form(&self) -> String {
        HEXLOWER.encode(hmac::sign(&self.key(), FORM_PURPOSE).as_ref())
    }

    /// Whether a form is one of this session, in constant time.
    pub fn is_own_form(&self, sent: &str) -> bool {
        let sent = HEXLOWER.decode(sent.as_bytes()).unwrap_or_default();
        hmac::verify(&self.key(), FORM_PURPOSE, &sent).is_ok()
    }

    fn key(&self) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, self.0.as_bytes())
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
}

/// The Set-Cookie value that hands a token to the browser: for this site's own requests only, out of reach of scripts.
pub fn cookie(name: &str, token: &Token, is_tls: bool) -> String {
    let secure = if is_tls { "; Secure" } else { "" };
    format!("{name}={}; Path=/; HttpOnly; SameSite=Strict{secure}", token.0)
}

/// The Set-Cookie value that takes it back.
pub fn cookie_removed(name: &str) -> String {
    format!("{name}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0")
}

/// The value of a cookie in a Cookie header.
pub fn cookie_of<'h>(header: &'h str, name: &str) -> Option<&'h str> {
    let pairs = header.split(';').filter_map(|pair| pair.trim().split_once('='));
    pairs.into_iter().find(|(own, _)| *own == name).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_comes_back_from_its_cookie_and_knows_its_own_forms() {
        let (token, other) = (Token::generate().unwrap(), Token::generate().unwrap());
        let set = cookie("session", &token, true);
        assert!(set.contains("HttpOnly") && set.contains("SameSite=Strict") && set.contains("Secure"));
        let header = format!("other=1; {}", set.split(';').next().unwrap());
        let back = Token::parse(cookie_of(&header, "session").unwrap()).unwrap();
        assert_eq!(back.digest(), token.digest());
        assert!(back.is_own_form(&token.form()));
        assert!(!other.is_own_form(&token.form()) && !token.is_own_form("") && !token.is_own_form("zz"));
        assert_ne!(token.digest(), other.digest());
        assert!(!format!("{token:?}").contains(&token.0) && !token.form().contains(&token.0));
        assert!(Token::parse("short").is_none() && Token::parse(&"-".repeat(TOKEN_CHARS)).is_none());
    }
}
