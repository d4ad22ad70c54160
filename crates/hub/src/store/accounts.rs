//! Accounts of the review pages and their sessions.

use super::{Result, Store};
use platform::clock::Timestamp;
use platform::db::{DbError, Row, Tx, sql};

/// Who may sign in.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    /// What they sign in with.
    pub name: String,
    /// `reviewer` or `approver`.
    pub role: String,
    /// The hashed password, a PHC string.
    pub password: String,
    /// When it was made.
    pub made: Timestamp,
    /// Since when nobody signs in with it.
    pub disabled: Option<Timestamp>,
}

/// Who is signed in, and since when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The account.
    pub account: String,
    /// Its role.
    pub role: String,
    /// When they signed in.
    pub opened: Timestamp,
    /// When they last asked for anything.
    pub seen: Timestamp,
}

impl Account {
    fn read(row: &Row) -> std::result::Result<Self, DbError> {
        Ok(Self {
            name: row.get("name")?,
            role: row.get("role")?,
            password: row.get("password")?,
            made: row.get("made_us")?,
            disabled: row.get("disabled_us")?,
        })
    }
}

/// Without the hash.
impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Account({}, {})", self.name, self.role)
    }
}

impl Store {
    /// Makes an account; `false`: there is one of that name.
    pub async fn account_made(&self, tx: &mut Tx, account: &Account) -> Result<bool> {
        let query = sql("/* store: account made */ INSERT INTO account (name, role, password, made_us)
            VALUES ($1, $2, $3, $4) ON CONFLICT (name) DO NOTHING");
        let query = query.bind(&account.name).bind(&account.role).bind(&account.password).bind(account.made);
        Ok(query.run(tx).await? == 1)
    }

    /// An account by its name.
    pub async fn account(&self, name: &str) -> Result<Option<Account>> {
        self.one("/* store: account */ SELECT * FROM account WHERE name = $1", &[name], Account::read).await
    }

    /// All accounts, by name.
    pub async fn accounts(&self) -> Result<Vec<Account>> {
        self.all("/* store: accounts */ SELECT * FROM account ORDER BY name", &[], Account::read).await
    }

    /// Nobody signs in with it from now on, and who is signed in is so no longer; `false`: there is none in use.
    pub async fn account_disabled(&self, tx: &mut Tx, name: &str, at: Timestamp) -> Result<bool> {
        let query = sql("/* store: account disabled */ UPDATE account SET disabled_us = $2
            WHERE name = $1 AND disabled_us IS NULL");
        let is_changed = query.bind(name).bind(at).run(tx).await? == 1;
        self.sessions_closed(tx, name).await?;
        Ok(is_changed)
    }

    /// It has another password, and who is signed in is so no longer; `false`: there is none in use.
    pub async fn account_password(&self, tx: &mut Tx, name: &str, password: &str) -> Result<bool> {
        let query = sql("/* store: account password */ UPDATE account SET password = $2
            WHERE name = $1 AND disabled_us IS NULL");
        let is_changed = query.bind(name).bind(password).run(tx).await? == 1;
        self.sessions_closed(tx, name).await?;
        Ok(is_changed)
    }

    async fn sessions_closed(&self, tx: &mut Tx, account: &str) -> Result<()> {
        let query = sql("/* store: sessions closed */ DELETE FROM session WHERE account = $1");
        query.bind(account).run(tx).await.map(drop)
    }

    /// Somebody signed in. Sessions opened before `expired` are forgotten.
    pub async fn session_opened(
        &self,
        tx: &mut Tx,
        digest: &str,
        account: &str,
        at: Timestamp,
        expired: Timestamp,
    ) -> Result<()> {
        sql("/* store: sessions expired */ DELETE FROM session WHERE opened_us < $1")
            .bind(expired)
            .run(tx)
            .await?;
        sql("/* store: session opened */ INSERT INTO session (digest, account, opened_us, seen_us) VALUES ($1, $2, $3, $3)")
            .bind(digest)
            .bind(account)
            .bind(at)
            .run(tx)
            .await?;
        Ok(())
    }

    /// Whose session this is, unless the account is disabled.
    pub async fn session(&self, digest: &str) -> Result<Option<Session>> {
        self.one(
            "/* store: session */ SELECT s.account, a.role, s.opened_us, s.seen_us FROM session s
               JOIN account a ON a.name = s.account WHERE s.digest = $1 AND a.disabled_us IS NULL",
            &[digest],
            |row| {
                Ok(Session {
                    account: row.get("account")?,
                    role: row.get("role")?,
                    opened: row.get("opened_us")?,
                    seen: row.get("seen_us")?,
                })
            },
        )
        .await
    }

    /// Its holder has asked for something.
    pub async fn session_seen(&self, tx: &mut Tx, digest: &str, at: Timestamp) -> Result<()> {
        let query = sql("/* store: session seen */ UPDATE session SET seen_us = $2 WHERE digest = $1");
        query.bind(digest).bind(at).run(tx).await.map(drop)
    }

    /// Its holder has signed out, or it has expired.
    pub async fn session_closed(&self, tx: &mut Tx, digest: &str) -> Result<()> {
        let query = sql("/* store: session closed */ DELETE FROM session WHERE digest = $1");
        query.bind(digest).run(tx).await.map(drop)
    }
}
