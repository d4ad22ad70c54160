//! The forms that codes have, by their scheme (PS3.16 §8).

/// The form of the codes of a scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CodeForm {
    /// A SNOMED CT identifier: 6 to 18 digits, the last a Verhoeff check digit.
    Sctid,
    /// Letters, a hyphen, digits and letters: SNOMED RT.
    SnomedRt,
    /// Digits, a hyphen, a check digit; before them LA, LL, LP or LG: answers, lists, parts and groups.
    Loinc,
    /// Six digits (PS3.16 Annex D); its words are judged as text.
    Dicom,
    /// A unit of measurement (UCUM).
    Unit,
    /// Up to nine digits, perhaps after the partition of a scheme: `2:24240`.
    Digits,
    /// One or two letters, RID or RPID, then digits.
    Number,
    /// A letter or digit, two digits, perhaps a point and more.
    Icd,
    /// Numbers of one or two digits with points and hyphens between them.
    Lead,
    /// Two or three letters, perhaps a region.
    Language,
    /// Four to six capitals, perhaps a digit last: `CCHES`, `XCHES2`.
    Nicip,
    /// Up to four pieces of up to three letters and six digits, hyphens between them: `GEU-106-17`.
    Maker,
    /// Allowed words only: no form of its own.
    Word,
}

impl CodeForm {
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "sctid" => Self::Sctid,
            "snomed-rt" => Self::SnomedRt,
            "loinc" => Self::Loinc,
            "dicom" => Self::Dicom,
            "unit" => Self::Unit,
            "digits" => Self::Digits,
            "number" => Self::Number,
            "icd" => Self::Icd,
            "lead" => Self::Lead,
            "language" => Self::Language,
            "nicip" => Self::Nicip,
            "maker" => Self::Maker,
            "word" => Self::Word,
            _ => return None,
        })
    }

    /// Whether the value has this form.
    pub(crate) fn fits(self, value: &str) -> bool {
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let capitals = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_uppercase());
        match self {
            Self::Sctid => (6..=18).contains(&value.len()) && digits(value) && verhoeff(value),
            Self::SnomedRt => value.split_once('-').is_some_and(|(axis, rest)| {
                let hexadecimal = |b: u8| b.is_ascii_digit() || (b'A'..=b'F').contains(&b);
                let is_axis =
                    matches!(axis.as_bytes(), [b'A'..=b'Z'] | [b'A'..=b'Z', b'A'..=b'Z' | b'0'..=b'9']);
                is_axis && (3..=6).contains(&rest.len()) && {
                    // A few end in a letter of their own, as T-AA000Z does not: digits first.
                    rest.bytes().all(hexadecimal) && rest.bytes().any(|b| b.is_ascii_digit())
                }
            }),
            Self::Loinc => value.split_once('-').is_some_and(|(number, check)| {
                let parts = ["LA", "LL", "LP", "LG"];
                let number = parts.iter().find_map(|part| number.strip_prefix(part)).unwrap_or(number);
                number.len() <= 7 && check.len() == 1 && digits(number) && digits(check)
            }),
            Self::Dicom => value.len() == 6 && digits(value),
            Self::Unit => is_unit(value),
            Self::Digits => {
                let (partition, number) = value.split_once(':').unwrap_or(("0", value));
                partition.len() == 1 && digits(partition) && number.len() <= 9 && digits(number)
            }
            Self::Number => {
                let letters = value.bytes().take_while(u8::is_ascii_uppercase).count();
                let (front, rest) = value.split_at(letters);
                ((1..=2).contains(&letters) || matches!(front, "RID" | "RPID"))
                    && rest.len() <= 8
                    && digits(rest)
            }
            Self::Icd => {
                let (front, rest) = value.split_once('.').unwrap_or((value, "0"));
                let ordinary = |b: u8| b.is_ascii_alphanumeric();
                front.len() == 3
                    && front.bytes().skip(1).all(|b| b.is_ascii_digit())
                    && front.bytes().all(ordinary)
                    && (1..=4).contains(&rest.len())
                    && rest.bytes().all(ordinary)
            }
            Self::Lead => {
                let numbers: Vec<&str> = value.split(['.', '-']).collect();
                numbers.len() <= 6 && numbers.iter().all(|number| number.len() <= 2 && digits(number))
            }
            Self::Language => {
                let (language, region) = value.split_once(['-', '_']).unwrap_or((value, "XX"));
                let letters = |text: &str| {
                    (2..=3).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphabetic())
                };
                letters(language) && letters(region)
            }
            Self::Nicip => {
                let letters = value.strip_suffix(|c: char| c.is_ascii_digit()).unwrap_or(value);
                (4..=6).contains(&letters.len()) && capitals(letters)
            }
            Self::Maker => {
                let pieces = || value.split('-');
                let is_piece = |piece: &str| {
                    let letters = piece.bytes().take_while(u8::is_ascii_uppercase).count();
                    let rest = &piece[letters..];
                    letters <= 3
                        && rest.len() <= 6
                        && rest.bytes().all(|b| b.is_ascii_digit())
                        && !piece.is_empty()
                };
                pieces().count() <= 4 && pieces().all(is_piece) && value.bytes().any(|b| b.is_ascii_digit())
            }
            Self::Word => false,
        }
    }
}

/// A unit as UCUM writes it: its atoms and its numbers are short, so that no name and no number of a person hides in one.
fn is_unit(value: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "./*^%[]_{}'\"()+-:".contains(c);
    let atoms = value.split(|c: char| !c.is_ascii_alphabetic());
    let digits = value.bytes().filter(u8::is_ascii_digit).count();
    !value.is_empty() && value.len() <= 24 && digits <= 4 && value.chars().all(allowed) && {
        let known = ["pixels", "counts", "ratio", "arbitrary", "Celsius", "events", "index", "nodes"];
        let mut long = atoms.filter(|atom| atom.len() > 4 || (value.contains('{') && atom.len() > 3));
        long.all(|atom| known.contains(&atom))
    }
}

/// Verhoeff's check: the dihedral group D5, each digit permuted by its place from the right.
fn verhoeff(digits: &str) -> bool {
    const PERMUTED: [[usize; 10]; 8] = [
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        [1, 5, 7, 6, 2, 8, 3, 0, 9, 4],
        [5, 8, 0, 3, 7, 9, 6, 1, 4, 2],
        [8, 9, 1, 6, 0, 4, 3, 5, 2, 7],
        [9, 4, 5, 3, 1, 2, 6, 8, 7, 0],
        [4, 2, 8, 6, 5, 7, 3, 9, 0, 1],
        [2, 7, 9, 3, 8, 0, 6, 4, 1, 5],
        [7, 0, 4, 6, 9, 1, 3, 2, 5, 8],
    ];
    // The product in D5: rotations 0 to 4, reflections 5 to 9.
    let product = |a: usize, b: usize| match (a < 5, b < 5) {
        (true, true) => (a + b) % 5,
        (true, false) => 5 + (a + b) % 5,
        (false, true) => 5 + (a + 5 - b) % 5,
        (false, false) => (a + 5 - b) % 5,
    };
    let check = digits.bytes().rev().enumerate().fold(0, |check, (place, digit)| {
        product(check, PERMUTED[place % 8][usize::from(digit.wrapping_sub(b'0') % 10)])
    });
    check == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_the_standard_have_their_form_and_names_have_none() {
        for (form, values) in [
            (CodeForm::Sctid, ["51185008", "39607008", "113345001", "260421001"]),
            (CodeForm::SnomedRt, ["T-D3000", "R-10202", "P5-09051", "DD-60002"]),
            (CodeForm::Loinc, ["18748-4", "LA29518-0", "8302-2", "LP29684-5"]),
            (CodeForm::Unit, ["mm", "mg/ml", "[hnsf'U]", "{pixels}"]),
            (CodeForm::Maker, ["GEU-106-17", "T5205-01", "125901", "GEU-1005-1"]),
            (CodeForm::Number, ["RID1301", "C0817096", "C12366", "RPID145"]),
            (CodeForm::Icd, ["C34.1", "J18", "U07.1", "I21.09"]),
        ] {
            for value in values {
                assert!(form.fits(value), "{value}");
            }
            for bad in ["SMITH", "SMITH^ANNA", "19530412", "9990000018", "RXH1234567", "{SMITH}", ""] {
                assert!(!form.fits(bad), "{form:?} {bad}");
            }
        }
        assert!(!CodeForm::Sctid.fits("51185009"), "a check digit that is not its own");
    }
}
