//! Configuration files: strict TOML, errors that say file, line and key, units in the names, secrets as file paths.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use zeroize::Zeroizing;

/// What is wrong with a configuration, and where.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("config-unreadable: {path}: {source}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not what was expected.
    #[error("config-invalid: {path}, line {line}{key}: {detail}")]
    Invalid {
        /// The file.
        path: String,
        /// The line, from 1.
        line: usize,
        /// `, key "table.key"`, or nothing where the error is not at a key.
        key: String,
        /// What is wrong, and what would be right.
        detail: String,
    },
    /// A secret file that others may read.
    #[error("secret-exposed: {path}: others may read this secret (mode {mode:04o}); run: chmod 600 {path}")]
    Exposed {
        /// The file.
        path: String,
        /// Its permission bits.
        mode: u32,
    },
    /// A secret file with nothing in it.
    #[error("secret-empty: {path}: there is nothing in it")]
    Empty {
        /// The file.
        path: String,
    },
}

/// Reads a configuration file. Mark each struct `#[serde(deny_unknown_fields)]`: an unknown key is an error.
pub fn load<T: DeserializeOwned>(path: &Path) -> Result<T, ConfigError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| ConfigError::Unreadable { path: path.display().to_string(), source })?;
    parse(&text, &path.display().to_string())
}

/// Reads configuration from text; `path` is what errors call it.
pub fn parse<T: DeserializeOwned>(text: &str, path: &str) -> Result<T, ConfigError> {
    toml::from_str(text).map_err(|e| {
        let at = e.span().map_or(0, |span| span.start).min(text.len());
        let before = text.get(..at).unwrap_or(text);
        let key = key_at(text, before).map_or_else(String::new, |key| format!(", key {key:?}"));
        let line = before.matches('\n').count() + 1;
        let detail = e.message().replace('\n', "; ");
        ConfigError::Invalid { path: path.to_owned(), line, key, detail }
    })
}

/// The dotted key on the line where `before` ends: the table heading above it, and what stands left of `=`.
fn key_at(text: &str, before: &str) -> Option<String> {
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = text.get(start..)?.lines().next()?.trim();
    let heading = |line: &str| {
        let inner = line.trim().strip_prefix('[')?.split(']').next()?;
        Some(inner.trim_start_matches('[').trim().to_owned())
    };
    if let Some(table) = heading(line) {
        return Some(table);
    }
    let key = line.split_once('=')?.0.trim();
    let table = before.get(..start)?.lines().rev().find_map(heading);
    Some(table.map_or_else(|| key.to_owned(), |table| format!("{table}.{key}")))
}

/// A secret text: it prints nothing and is wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(Zeroizing<String>);

impl SecretText {
    /// Keeps a text secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The secret itself: only for handing to what needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(…)")
    }
}

/// The path of a file that holds a secret; the configuration never holds the secret itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct SecretFile(PathBuf);

impl SecretFile {
    /// A secret file at a path.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Reads the secret, without blanks around it. Refused if anyone but the owner may read the file.
    pub fn read(&self) -> Result<SecretText, ConfigError> {
        let path = self.0.display().to_string();
        let unreadable = |source| ConfigError::Unreadable { path: path.clone(), source };
        let mode = std::fs::metadata(&self.0).map_err(unreadable)?.permissions().mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(ConfigError::Exposed { path, mode });
        }
        let text = Zeroizing::new(std::fs::read_to_string(&self.0).map_err(unreadable)?);
        match text.trim() {
            "" => Err(ConfigError::Empty { path }),
            secret => Ok(SecretText::new(secret)),
        }
    }
}

macro_rules! spans {
    ($($(#[$doc:meta])+ $name:ident = $seconds:literal s;)+) => {$(
        $(#[$doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u32);

        impl $name {
            /// The same span of time.
            pub const fn duration(self) -> Duration {
                Duration::from_secs(self.0 as u64 * $seconds)
            }
        }
    )+};
}

spans! {
    /// A number of seconds; its key ends in `_s`.
    Seconds = 1 s;
    /// A number of minutes; its key ends in `_min`.
    Minutes = 60 s;
    /// A number of hours; its key ends in `_h`.
    Hours = 3_600 s;
    /// A number of days; its key ends in `_days`.
    Days = 86_400 s;
}

/// A number of mebibytes; its key ends in `_mib`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(transparent)]
pub struct Mebibytes(pub u32);

impl Mebibytes {
    /// The same size in bytes.
    pub const fn bytes(self) -> u64 {
        self.0 as u64 * 1024 * 1024
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TempDir;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        lease_s: Seconds,
        #[serde(default)]
        source: Vec<Source>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Source {
        #[expect(dead_code, reason = "only its parsing is tested")]
        pdu_bytes_max: u32,
    }

    #[test]
    fn a_good_file_is_read() {
        let sample: Sample = parse("lease_s = 90\n[[source]]\npdu_bytes_max = 1\n", "hub.toml").unwrap();
        assert_eq!((sample.lease_s.duration(), sample.source.len()), (Duration::from_secs(90), 1));
    }

    #[test]
    fn errors_name_the_file_the_line_and_the_key() {
        let text = "lease_s = 90\n\n[[source]]\npdu_bytes_max = 1\npdu_bites = 2\n";
        let error = parse::<Sample>(text, "hub.toml").unwrap_err().to_string();
        assert!(
            error.starts_with(
                "config-invalid: hub.toml, line 5, key \"source.pdu_bites\": unknown field `pdu_bites`"
            ),
            "{error}"
        );
        let error = parse::<Sample>("lease_s = \"long\"\n", "hub.toml").unwrap_err().to_string();
        assert!(
            error.starts_with("config-invalid: hub.toml, line 1, key \"lease_s\": invalid type"),
            "{error}"
        );
        let error = load::<Sample>(Path::new("/nowhere/hub.toml")).unwrap_err().to_string();
        assert!(error.starts_with("config-unreadable: /nowhere/hub.toml: "), "{error}");
    }

    #[test]
    fn a_secret_that_others_may_read_is_refused_and_none_is_printed() {
        let dir = TempDir::new();
        let path = dir.path().join("secret");
        std::fs::write(&path, "hush\n").unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).unwrap();
        let error = SecretFile::new(&path).read().unwrap_err();
        assert!(error.to_string().contains("mode 0640") && error.to_string().contains("chmod 600"));
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        let secret = SecretFile::new(&path).read().unwrap();
        assert_eq!((secret.expose(), format!("{secret:?}").contains("hush")), ("hush", false));
    }
}
