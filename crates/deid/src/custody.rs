//! Who may read what identifies a person: `Sensitive` values open only to a holder of `Custody`.

use std::fmt;

/// The right to read identifying values. Minted once, in the composition root of the binary, and lent from there:
/// a search for this word answers who can see names.
pub struct Custody(());

impl Custody {
    /// Mints the right. `xtask tidy` allows this in the binary's composition root and in tests only.
    pub fn mint() -> Self {
        Self(())
    }
}

impl fmt::Debug for Custody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Custody")
    }
}

/// A value that identifies a person. It does not print, serialise or dereference, so that no log line, job payload,
/// web answer or audit entry can hold it by accident.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sensitive<T>(T);

impl<T> Sensitive<T> {
    /// Puts a value behind the wall.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// Reads the value, with custody.
    pub fn expose(&self, _: &Custody) -> &T {
        &self.0
    }

    /// Reads the value inside this crate, which never lets it out uncleaned.
    pub(crate) fn inside(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Sensitive<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sensitive(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sensitive_value_prints_nothing_of_itself_and_opens_with_custody() {
        let name = Sensitive::new("SENTINEL^ANNA".to_owned());
        assert_eq!(format!("{name:?} {:?}", Some(&name)), "Sensitive(…) Some(Sensitive(…))");
        assert_eq!(name.expose(&Custody::mint()), "SENTINEL^ANNA");
    }
}
