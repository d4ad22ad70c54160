//! One statement: its text, its values, and how its rows are read.

use super::error::DbError;
use super::{Conn, Dialect, Link};
use crate::clock::Timestamp;
use rusqlite::types::{FromSql, ValueRef};
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::{AssertSqlSafe, Column, Postgres, Row as _, TypeInfo};
use std::borrow::Cow;

/// A statement. The text is a literal, so no value can slip into it; it opens with `/* its name */`, which errors repeat.
pub fn sql(text: &'static str) -> Query {
    Query { name: name_of(text), text: Text::Literal(text), binds: Vec::new() }
}

/// A statement with its values, ready to run.
#[must_use]
pub struct Query {
    name: &'static str,
    text: Text,
    binds: Vec<Bind>,
}

enum Text {
    Literal(&'static str),
    Repeated { head: &'static str, row: usize, rows: usize, tail: &'static str },
}

/// A value: text, whole number, bytes, or the absence of one.
pub enum Bind {
    /// TEXT.
    Text(Option<String>),
    /// BIGINT: numbers, times in microseconds, 0 or 1.
    Int(Option<i64>),
    /// DOUBLE PRECISION.
    Real(Option<f64>),
    /// BLOB or BYTEA.
    Blob(Option<Vec<u8>>),
}

macro_rules! binds {
    ($($kind:ident: $($from:ty => $make:expr),+;)+) => {$($(
        impl From<$from> for Bind {
            fn from(value: $from) -> Self { Self::$kind(Some(($make)(value))) }
        }
        impl From<Option<$from>> for Bind {
            fn from(value: Option<$from>) -> Self { Self::$kind(value.map($make)) }
        }
    )+)+};
}

binds! {
    Text: &str => str::to_owned, &String => Clone::clone, String => |s| s, Box<str> => String::from;
    Int: i64 => |n| n, i32 => i64::from, u32 => i64::from, u16 => i64::from, u8 => i64::from, bool => i64::from,
        Timestamp => Timestamp::as_micros;
    Real: f64 => |x| x;
    Blob: &[u8] => <[u8]>::to_vec, Vec<u8> => |b| b, [u8; 32] => |b: [u8; 32]| b.to_vec(), &[u8; 32] => |b: &[u8; 32]| b.to_vec();
}

/// A 64-bit count; one beyond 2⁶³ (never a real size) is stored as the largest number.
impl From<u64> for Bind {
    fn from(value: u64) -> Self {
        Self::Int(Some(i64::try_from(value).unwrap_or(i64::MAX)))
    }
}

impl Query {
    /// The next value: `$1`, `$2`, …
    pub fn bind(mut self, value: impl Into<Bind>) -> Self {
        self.binds.push(value.into());
        self
    }

    /// A statement for many rows at once: `head` up to VALUES, `columns` parameters in each of `rows`, then `tail`
    /// (ON CONFLICT, RETURNING). Keep rows × columns under 30,000 (SQLite takes 32,766 parameters).
    pub fn many(head: &'static str, columns: usize, rows: usize, tail: &'static str) -> Self {
        let text = Text::Repeated { head, row: columns, rows, tail };
        Self { name: name_of(head), text, binds: Vec::with_capacity(columns * rows) }
    }

    /// Runs it and tells how many rows it changed.
    pub async fn run(self, on: &mut impl Conn) -> Result<u64, DbError> {
        let name = self.name;
        match on.link() {
            Link::Sqlite(own) => own.run(name, &self.text(Dialect::Sqlite)?, &self.binds),
            Link::Postgres(server) => {
                let done = self.ask()?.execute(server).await;
                Ok(done.map_err(|e| DbError::from_sqlx(name, e))?.rows_affected())
            }
        }
    }

    /// All rows, each made into a `T`.
    pub async fn all<T>(
        self,
        on: &mut impl Conn,
        mut read: impl FnMut(&Row<'_>) -> Result<T, DbError>,
    ) -> Result<Vec<T>, DbError> {
        let name = self.name;
        match on.link() {
            Link::Sqlite(own) => {
                let mut all = Vec::new();
                own.rows(name, &self.text(Dialect::Sqlite)?, &self.binds, |row| {
                    all.push(read(row)?);
                    Ok(true)
                })?;
                Ok(all)
            }
            Link::Postgres(server) => {
                let rows = self.ask()?.fetch_all(server).await.map_err(|e| DbError::from_sqlx(name, e))?;
                rows.iter().map(|row| read(&Row { inner: Inner::Postgres(row), name })).collect()
            }
        }
    }

    /// The first row, if there is one.
    pub async fn first<T>(
        self,
        on: &mut impl Conn,
        read: impl FnOnce(&Row<'_>) -> Result<T, DbError>,
    ) -> Result<Option<T>, DbError> {
        let name = self.name;
        match on.link() {
            Link::Sqlite(own) => {
                let (mut read, mut first) = (Some(read), None);
                own.rows(name, &self.text(Dialect::Sqlite)?, &self.binds, |row| {
                    first = read.take().map(|read| read(row)).transpose()?;
                    Ok(false)
                })?;
                Ok(first)
            }
            Link::Postgres(server) => {
                let row =
                    self.ask()?.fetch_optional(server).await.map_err(|e| DbError::from_sqlx(name, e))?;
                row.map(|row| read(&Row { inner: Inner::Postgres(&row), name })).transpose()
            }
        }
    }

    /// The one row that must be there.
    pub async fn one<T>(
        self,
        on: &mut impl Conn,
        read: impl FnOnce(&Row<'_>) -> Result<T, DbError>,
    ) -> Result<T, DbError> {
        let name = self.name;
        self.first(on, read).await?.ok_or_else(|| DbError::NoRow { doing: name.to_owned() })
    }

    /// The text that the database is asked. The log has its name at most, never a value.
    fn text(&self, dialect: Dialect) -> Result<Cow<'static, str>, DbError> {
        tracing::debug!(statement = self.name, "database");
        Ok(match self.text {
            Text::Literal(text) => dialect.speak(text),
            Text::Repeated { rows: 0, .. } => {
                return Err(DbError::Bug { doing: self.name.to_owned(), detail: "no rows to insert".into() });
            }
            Text::Repeated { head, row, rows, tail } => {
                let group = |r: usize| {
                    let places = (1..=row).map(|c| format!("${}", r * row + c));
                    format!("({})", places.collect::<Vec<_>>().join(","))
                };
                let groups: Vec<_> = (0..rows).map(group).collect();
                Cow::Owned(dialect.speak(&format!("{head} {} {tail}", groups.join(","))).into_owned())
            }
        })
    }

    fn ask<'q>(self) -> Result<sqlx::query::Query<'q, Postgres, PgArguments>, DbError> {
        let mut query = sqlx::query(AssertSqlSafe(self.text(Dialect::Postgres)?));
        for bind in self.binds {
            query = match bind {
                Bind::Text(value) => query.bind(value),
                Bind::Int(value) => query.bind(value),
                Bind::Real(value) => query.bind(value),
                Bind::Blob(value) => query.bind(value),
            };
        }
        Ok(query)
    }
}

/// A row of an answer: `row.get("column")?` as text, i64, f64, bytes, [`Timestamp`], bool, u64 or u32, or `Option` of these.
pub struct Row<'r> {
    inner: Inner<'r>,
    name: &'static str,
}

enum Inner<'r> {
    Sqlite(&'r rusqlite::Row<'r>),
    Postgres(&'r PgRow),
}

impl<'r> Row<'r> {
    pub(super) fn sqlite(row: &'r rusqlite::Row<'r>, name: &'static str) -> Self {
        Self { inner: Inner::Sqlite(row), name }
    }

    /// The column as a `T`.
    pub fn get<T: FromColumn>(&self, column: &str) -> Result<T, DbError> {
        T::read(self, column)
    }

    /// The column as one of the four types that both databases have; `None`: it is NULL.
    fn raw<T: Raw>(&self, column: &str) -> Result<Option<T>, DbError> {
        let off = || self.off(column, "has another type");
        match self.inner {
            Inner::Sqlite(row) => {
                match row.get_ref(column).map_err(|e| DbError::from_sqlite(self.name, e))? {
                    ValueRef::Null => Ok(None),
                    value => T::column_result(value).map(Some).map_err(|_| off()),
                }
            }
            Inner::Postgres(row) => T::of_postgres(row, column).map_err(|e| DbError::from_sqlx(self.name, e)),
        }
    }

    fn off(&self, column: &str, how: &str) -> DbError {
        DbError::Bug { doing: self.name.to_owned(), detail: format!("column {column} {how}") }
    }
}

/// The four types.
trait Raw: FromSql {
    fn of_postgres(row: &PgRow, column: &str) -> Result<Option<Self>, sqlx::Error>;
}

macro_rules! raw {
    ($($type:ty),+) => {$(
        impl Raw for $type {
            fn of_postgres(row: &PgRow, column: &str) -> Result<Option<Self>, sqlx::Error> {
                row.try_get(column)
            }
        }
    )+};
}

raw!(String, f64, Vec<u8>);

impl Raw for i64 {
    /// A number that a statement says itself, such as `CASE … THEN 1`, is an INTEGER there, half as wide.
    fn of_postgres(row: &PgRow, column: &str) -> Result<Option<Self>, sqlx::Error> {
        let at = row.try_column(column)?.ordinal();
        if row.column(at).type_info().name() == "INT4" {
            return Ok(row.try_get::<Option<i32>, _>(at)?.map(Self::from));
        }
        row.try_get(at)
    }
}

/// What a column can be read as.
pub trait FromColumn: Sized {
    #[doc(hidden)]
    fn read(row: &Row<'_>, column: &str) -> Result<Self, DbError>;
}

macro_rules! columns {
    ($($to:ty: $raw:ty, $make:expr;)+) => {$(
        impl FromColumn for $to {
            fn read(row: &Row<'_>, column: &str) -> Result<Self, DbError> {
                <Option<$to>>::read(row, column)?.ok_or_else(|| row.off(column, "is NULL"))
            }
        }
        impl FromColumn for Option<$to> {
            fn read(row: &Row<'_>, column: &str) -> Result<Self, DbError> {
                match row.raw::<$raw>(column)? {
                    None => Ok(None),
                    Some(raw) => ($make)(raw).map(Some).ok_or_else(|| row.off(column, "is out of range")),
                }
            }
        }
    )+};
}

columns! {
    String: String, Some;
    i64: i64, Some;
    f64: f64, Some;
    Vec<u8>: Vec<u8>, Some;
    u64: i64, |n| u64::try_from(n).ok();
    u32: i64, |n| u32::try_from(n).ok();
    i32: i64, |n| i32::try_from(n).ok();
    u16: i64, |n| u16::try_from(n).ok();
    bool: i64, |n| Some(n != 0);
    Timestamp: i64, |n| Some(Timestamp::from_micros(n));
    [u8; 32]: Vec<u8>, |b: Vec<u8>| <[u8; 32]>::try_from(b).ok();
}

/// The name in the comment that opens a statement.
fn name_of(text: &'static str) -> &'static str {
    let named = text.trim_start().strip_prefix("/*").and_then(|rest| rest.split_once("*/"));
    named.map_or("a statement", |(name, _)| name.trim())
}
