//! Accounts of the review pages: names and roles, hashed passwords, and how often a wrong one may be tried.

use crate::context::{Hub, HubError};
use crate::store::Account;
use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use platform::audit::{self, AuditError, Details};
use platform::clock::Timestamp;
use platform::db::DbError;
use platform::keys::random_id;
use std::collections::BTreeMap;
use std::time::Duration;

/// The audit's chain for accounts, sessions and device rules, which belong to no trust.
pub const CHAIN: &str = "portal";

/// Letters of a password, at least; any letters.
pub const PASSWORD_CHARS_MIN: usize = 12;
/// Bytes of a password, at most.
pub const PASSWORD_BYTES_MAX: usize = 256;
/// Letters of a name, at most.
const NAME_CHARS_MAX: usize = 40;

/// Wrong passwords for one name within [`ATTEMPTS_WINDOW`], before it has to wait.
const ATTEMPTS_MAX: usize = 5;
/// How long a wrong password counts.
const ATTEMPTS_WINDOW: Duration = Duration::from_secs(15 * 60);
/// Names remembered; beyond them all have to wait.
const NAMES_MAX: usize = 1_000;

/// A hash that no password has: what a name without an account is compared with, so that it takes as long as one with.
const NOBODYS: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$dHJpYnV0YXJ5LW5vYm9keQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// What an account may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Looks at images, decides, proposes rules.
    Reviewer,
    /// That, and approves rules that another account proposed.
    Approver,
}

impl Role {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reviewer => "reviewer",
            Self::Approver => "approver",
        }
    }

    /// Reads one.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Reviewer, Self::Approver].into_iter().find(|role| role.as_str() == text)
    }
}

/// An account that cannot be made or changed so.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// Not a name.
    #[error(
        "a name has 1 to {NAME_CHARS_MAX} lower-case letters, digits, dots and hyphens, and begins with a letter"
    )]
    Name,
    /// Too short.
    #[error("a password has at least {PASSWORD_CHARS_MIN} characters: several words are good")]
    Short,
    /// Too long.
    #[error("a password has at most {PASSWORD_BYTES_MAX} bytes")]
    Long,
    /// It says nothing that others do not know.
    #[error("a password is not the account's name")]
    IsName,
    /// There is one.
    #[error("there is an account {0} already, in use or disabled")]
    Exists(String),
    /// There is none.
    #[error("there is no account {0} in use")]
    Unknown(String),
    /// The password could not be hashed.
    #[error("the password could not be hashed")]
    Hash,
    /// The hub.
    #[error(transparent)]
    Hub(#[from] HubError),
}

impl From<DbError> for AccountError {
    fn from(error: DbError) -> Self {
        Self::Hub(error.into())
    }
}

impl From<AuditError> for AccountError {
    fn from(error: AuditError) -> Self {
        Self::Hub(error.into())
    }
}

type Result<T> = std::result::Result<T, AccountError>;

/// Makes an account.
pub async fn add(hub: &Hub, name: &str, role: Role, password: &str, actor: &str) -> Result<()> {
    if !is_name(name) {
        return Err(AccountError::Name);
    }
    let (password, now) = (hashed(name, password)?, hub.clock.now());
    let (name, role) = (name.to_owned(), role.as_str().to_owned());
    let account = Account { name, role, password, made: now, disabled: None };
    let mut tx = hub.store.write().await?;
    if !hub.store.account_made(&mut tx, &account).await? {
        return Err(AccountError::Exists(account.name));
    }
    let details = Details::new().word("account", &account.name)?.word("role", &account.role)?;
    audit::append(&mut tx, CHAIN, actor, "account made", &details, now).await?;
    Ok(tx.commit().await?)
}

/// Nobody signs in with it from now on; who is signed in is signed out.
pub async fn disable(hub: &Hub, name: &str, actor: &str) -> Result<()> {
    let now = hub.clock.now();
    let mut tx = hub.store.write().await?;
    if !hub.store.account_disabled(&mut tx, name, now).await? {
        return Err(AccountError::Unknown(name.to_owned()));
    }
    let details = Details::new().word("account", name)?;
    audit::append(&mut tx, CHAIN, actor, "account disabled", &details, now).await?;
    Ok(tx.commit().await?)
}

/// Gives it another password; who is signed in is signed out.
pub async fn set_password(hub: &Hub, name: &str, password: &str, actor: &str) -> Result<()> {
    let (hashed, now) = (hashed(name, password)?, hub.clock.now());
    let mut tx = hub.store.write().await?;
    if !hub.store.account_password(&mut tx, name, &hashed).await? {
        return Err(AccountError::Unknown(name.to_owned()));
    }
    let details = Details::new().word("account", name)?;
    audit::append(&mut tx, CHAIN, actor, "account password", &details, now).await?;
    Ok(tx.commit().await?)
}

fn is_name(text: &str) -> bool {
    text.len() <= NAME_CHARS_MAX
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b".-".contains(&b))
}

/// The password as it is kept: argon2id with 19 MiB, two passes, one lane (the least that OWASP recommends).
fn hashed(name: &str, password: &str) -> Result<String> {
    match () {
        () if password.chars().count() < PASSWORD_CHARS_MIN => return Err(AccountError::Short),
        () if password.len() > PASSWORD_BYTES_MAX => return Err(AccountError::Long),
        () if password.to_lowercase() == name => return Err(AccountError::IsName),
        () => {}
    }
    let salt = random_id().map_err(HubError::from)?;
    let hash: PasswordHash = Argon2::default()
        .hash_password_with_salt(password.as_bytes(), salt.as_bytes())
        .map_err(|_| AccountError::Hash)?;
    Ok(hash.to_string())
}

/// Whether this is the account's password; `None`: there is no such account in use, which takes as long. It takes a core for
/// some tens of milliseconds: call it where that holds up nobody.
pub fn is_password(account: Option<&Account>, password: &str) -> bool {
    let in_use = account.filter(|account| account.disabled.is_none());
    let kept = in_use.map_or(NOBODYS, |account| &account.password);
    let Ok(hash) = PasswordHash::new(kept) else { return false };
    let within = password.len() <= PASSWORD_BYTES_MAX;
    within && Argon2::default().verify_password(password.as_bytes(), &hash).is_ok() && in_use.is_some()
}

/// Wrong passwords of the last minutes, by name, whether there is such an account or not.
#[derive(Debug, Default)]
pub struct Attempts(BTreeMap<String, Vec<Timestamp>>);

impl Attempts {
    /// Whether this name has to wait before another password is looked at.
    pub fn must_wait(&mut self, name: &str, now: Timestamp) -> bool {
        let counts = |at: &Timestamp| now.since(*at) < ATTEMPTS_WINDOW;
        self.0.retain(|_, times| {
            times.retain(counts);
            !times.is_empty()
        });
        let known = self.0.get(name);
        known.map_or(self.0.len() >= NAMES_MAX, |times| times.len() >= ATTEMPTS_MAX)
    }

    /// A password was wrong.
    pub fn failed(&mut self, name: &str, now: Timestamp) {
        self.0.entry(name.to_owned()).or_default().push(now);
    }

    /// A password was right: what went before is forgotten.
    pub fn succeeded(&mut self, name: &str) {
        self.0.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(password: &str) -> Account {
        let password = hashed("ann", password).unwrap();
        Account {
            name: "ann".into(),
            role: "reviewer".into(),
            password,
            made: Timestamp::MIN,
            disabled: None,
        }
    }

    #[test]
    fn a_password_opens_its_account_and_no_other_does() {
        let ann = account("correct horse battery");
        assert!(ann.password.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", ann.password);
        assert!(is_password(Some(&ann), "correct horse battery"));
        assert!(!is_password(Some(&ann), "correct horse batterz") && !is_password(None, "anything at all"));
        assert!(!is_password(
            Some(&Account { disabled: Some(Timestamp::MIN), ..ann }),
            "correct horse battery"
        ));
        assert!(PasswordHash::new(NOBODYS).is_ok(), "a name without an account takes as long");
        assert_ne!(account("correct horse battery").password, account("correct horse battery").password);
    }

    #[test]
    fn what_is_no_name_or_no_password_is_refused() {
        for bad in ["", "Ann", "9ann", "ann smith", "ann@x", &"a".repeat(41)] {
            assert!(!is_name(bad), "{bad}");
        }
        assert!(is_name("ann.smith-2"));
        assert!(matches!(hashed("ann", "too short"), Err(AccountError::Short)));
        assert!(matches!(hashed("ann", &"x".repeat(257)), Err(AccountError::Long)));
        assert!(matches!(hashed("ann.smith-two", "Ann.Smith-Two"), Err(AccountError::IsName)));
    }

    #[test]
    fn after_five_wrong_passwords_a_name_waits_a_quarter_of_an_hour() {
        let (mut attempts, start) = (Attempts::default(), Timestamp::from_micros(0));
        for _ in 0..5 {
            assert!(!attempts.must_wait("ann", start));
            attempts.failed("ann", start);
        }
        assert!(attempts.must_wait("ann", start) && !attempts.must_wait("ben", start));
        assert!(attempts.must_wait("ann", start.plus(ATTEMPTS_WINDOW - Duration::from_secs(1))));
        assert!(!attempts.must_wait("ann", start.plus(ATTEMPTS_WINDOW)));
        for n in 0..NAMES_MAX {
            attempts.failed(&format!("n{n}"), start);
        }
        assert!(attempts.must_wait("somebody-new", start), "a flood of names is no way round");
        attempts.succeeded("n1");
        assert!(!attempts.must_wait("somebody-new", start));
    }
}
