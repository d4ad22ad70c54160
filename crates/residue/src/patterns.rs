//! What looks like an identifier of anybody: NHS numbers, e-mail addresses, postcodes, telephone numbers.
//!
//! Decided: a number counts only as a whole run of digits that is the only one in its word (so that no digest and no
//! UID yields one), never next to a decimal point. Ten equal digits pass Modulus 11 but identify nobody: not matched.

/// Which patterns to look for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patterns {
    /// Ten digits that satisfy Modulus 11, plain or in the groups 3-3-4.
    pub nhs_numbers: bool,
    /// Something at a domain.
    pub emails: bool,
    /// A UK postcode, in capitals and with its space.
    pub postcodes: bool,
    /// A UK telephone number, national or with +44.
    pub phones: bool,
}

impl Patterns {
    /// All of them.
    pub fn all() -> Self {
        Self { nhs_numbers: true, emails: true, postcodes: true, phones: true }
    }

    /// None of them.
    pub fn none() -> Self {
        Self { nhs_numbers: false, emails: false, postcodes: false, phones: false }
    }
}

/// What a pattern recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PatternKind {
    /// A valid NHS number.
    NhsNumber,
    /// An e-mail address.
    Email,
    /// A UK postcode.
    Postcode,
    /// A UK telephone number.
    Phone,
}

/// The areas of UK postcodes (the letters before the first digit).
const POSTCODE_AREAS: &str = " AB AL B BA BB BD BH BL BN BR BS BT CA CB CF CH CM CO CR CT CV CW DA DD DE DG DH DL DN DT DY E EC \
     EH EN EX FK FY G GL GU GY HA HD HG HP HR HS HU HX IG IM IP IV JE KA KT KW KY L LA LD LE LL LN LS LU M ME MK ML N NE NG \
     NN NP NR NW OL OX PA PE PH PL PO PR RG RH RM S SA SE SG SK SL SM SN SO SP SR SS ST SW SY TA TD TF TN TQ TR TS TW UB W WA \
     WC WD WF WN WR WS WV YO ZE ";

/// Calls `found` for each match with its kind, start and end.
pub(crate) fn find(bytes: &[u8], wanted: Patterns, mut found: impl FnMut(PatternKind, usize, usize)) {
    let mut at = 0;
    while at < bytes.len() {
        let mut next = at + 1;
        let starts_run = at == 0 || !bytes[at - 1].is_ascii_digit();
        match bytes[at] {
            b'0'..=b'9' | b'+' if starts_run => {
                if wanted.nhs_numbers
                    && let Some(end) = nhs_number(bytes, at)
                {
                    found(PatternKind::NhsNumber, at, end);
                    next = end;
                } else if wanted.phones
                    && let Some(end) = phone(bytes, at)
                {
                    found(PatternKind::Phone, at, end);
                    next = end;
                }
            }
            b'@' if wanted.emails && email(bytes, at) => found(PatternKind::Email, at, at + 1),
            b' ' if wanted.postcodes
                && let Some((start, end)) = postcode(bytes, at) =>
            {
                found(PatternKind::Postcode, start, end);
            }
            _ => {}
        }
        at = next;
    }
}

/// Modulus 11 of the NHS Data Dictionary, and not ten equal digits.
pub(crate) fn is_nhs_number(digits: &[u8]) -> bool {
    let [first, .., check] = digits else { return false };
    if digits.len() != 10
        || !digits.iter().all(u8::is_ascii_digit)
        || digits.iter().all(|digit| digit == first)
    {
        return false;
    }
    let sum: u32 =
        digits.iter().zip((2..=10_u32).rev()).map(|(digit, weight)| u32::from(digit - b'0') * weight).sum();
    let expected = match 11 - sum % 11 {
        11 => 0,
        other => other,
    };
    expected == u32::from(check - b'0')
}

fn nhs_number(bytes: &[u8], at: usize) -> Option<usize> {
    let run = bytes[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, end) = match run {
        10 => (bytes[at..at + 10].to_vec(), at + 10),
        3 => {
            let &[a, b, c, sep @ (b' ' | b'-' | b'.'), d, e, f, again, g, h, i, j] =
                bytes.get(at..at + 12)?
            else {
                return None;
            };
            if again != sep {
                return None;
            }
            (vec![a, b, c, d, e, f, g, h, i, j], at + 12)
        }
        _ => return None,
    };
    (is_nhs_number(&digits) && stands_alone(bytes, at, end)).then_some(end)
}

/// No digit, decimal or UID component on either side, and no other run of digits in the same word.
fn stands_alone(bytes: &[u8], start: usize, end: usize) -> bool {
    let word_has_digits = |word: &mut dyn Iterator<Item = &u8>| {
        word.take_while(|byte| byte.is_ascii_alphanumeric()).any(u8::is_ascii_digit)
    };
    if word_has_digits(&mut bytes[..start].iter().rev()) || word_has_digits(&mut bytes[end..].iter()) {
        return false;
    }
    let joined =
        |joint: Option<&u8>, next: Option<&u8>| joint == Some(&b'.') && next.is_some_and(u8::is_ascii_digit);
    let (mut left, mut right) = (bytes[..start].iter().rev(), bytes[end..].iter());
    !joined(left.next(), left.next()) && !joined(right.next(), right.next())
}

/// `0` and ten digits, or `+44`/`0044` and ten digits, with single spaces, hyphens or brackets between them.
fn phone(bytes: &[u8], at: usize) -> Option<usize> {
    let mut digits = Vec::with_capacity(14);
    let mut end = at;
    let mut separators = 0;
    for (offset, byte) in bytes[at..].iter().enumerate() {
        match byte {
            b'+' if offset == 0 => {}
            b'0'..=b'9' => {
                digits.push(*byte);
                (separators, end) = (0, at + offset + 1);
            }
            b' ' | b'-' | b'(' | b')' if separators < 2 => separators += 1,
            _ => break,
        }
        if digits.len() > 15 {
            return None;
        }
    }
    let international = bytes[at] == b'+';
    let national = match digits.as_slice() {
        [b'4', b'4', b'0', rest @ ..] | [b'4', b'4', rest @ ..] if international => rest,
        [b'0', b'0', b'4', b'4', rest @ ..] => rest,
        [b'0', rest @ ..] if !international => rest,
        _ => return None,
    };
    let shaped = national.len() == 10 && matches!(national[0], b'1' | b'2' | b'3' | b'7');
    (shaped && stands_alone(bytes, at, end)).then_some(end)
}

fn email(bytes: &[u8], at: usize) -> bool {
    let local = at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_');
    let domain: Vec<u8> = bytes[at + 1..]
        .iter()
        .take(255)
        .copied()
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'))
        .collect();
    let mut labels = domain.split(|byte| *byte == b'.').rev().skip_while(|label| label.is_empty());
    let top = labels.next().is_some_and(|top| top.len() >= 2 && top.iter().all(u8::is_ascii_alphabetic));
    local && top && labels.next().is_some_and(|label| !label.is_empty())
}

/// The outward and the inward code around the space at `space`.
fn postcode(bytes: &[u8], space: usize) -> Option<(usize, usize)> {
    let inward = bytes.get(space + 1..space + 4)?;
    let letter = |byte: u8| byte.is_ascii_uppercase() && !b"CIKMOV".contains(&byte);
    if !(inward[0].is_ascii_digit() && letter(inward[1]) && letter(inward[2])) {
        return None;
    }
    let word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte >= 0x80;
    if bytes.get(space + 4).is_some_and(word) {
        return None;
    }
    let outward_len = bytes[..space].iter().rev().take_while(|byte| word(byte)).count();
    let outward = bytes.get(space.checked_sub(outward_len)?..space)?;
    let letters = outward.iter().take_while(|byte| byte.is_ascii_uppercase()).count();
    let (area, district) = outward.split_at(letters);
    let shaped = match district {
        [digit] | [digit, b'A'..=b'Z'] => digit.is_ascii_digit(),
        [first, second] => first.is_ascii_digit() && second.is_ascii_digit(),
        _ => false,
    };
    let area = std::str::from_utf8(area).ok().filter(|area| !area.is_empty())?;
    let known = POSTCODE_AREAS.split(' ').any(|known| known == area);
    (shaped && known).then_some((space - outward_len, space + 4))
}

/// Whether the bytes are a SNOMED CT identifier and nothing else: the partition of a concept or a description, and Verhoeff's check digit.
/// One number in some hundred is by chance.
pub(crate) fn is_snomed_ct(bytes: &[u8]) -> bool {
    let digits = bytes.trim_ascii();
    let partition = digits.len().checked_sub(3).and_then(|at| digits.get(at..at + 2));
    let is_known = matches!(partition, Some(b"00" | b"01" | b"10" | b"11"));
    is_known && (6..=18).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit) && {
        // The dihedral group of ten: the first five turn, the others turn over.
        let product = |a: usize, b: usize| match (a < 5, b < 5) {
            (true, true) => (a + b) % 5,
            (true, false) => 5 + (a + b) % 5,
            (false, true) => 5 + (a - b) % 5,
            (false, false) => (a + 5 - b) % 5,
        };
        const TURNS: [usize; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
        let turned =
            |digit: u8, times: usize| (0..times % 8).fold(usize::from(digit - b'0'), |d, _| TURNS[d]);
        digits.iter().rev().enumerate().fold(0, |sum, (place, digit)| product(sum, turned(*digit, place)))
            == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snomed_ct_is_known_by_partition_and_check_digit() {
        for code in ["399208008", "1017210004", "1162890002", "51185008", "71388002", "138875005 "] {
            assert!(is_snomed_ct(code.as_bytes()), "{code}");
        }
        for other in ["399208009", "9990000018", "9434765919", "", "12", "39920800a"] {
            assert!(!is_snomed_ct(other.as_bytes()), "{other}");
        }
    }

    fn kinds(text: &str) -> Vec<PatternKind> {
        let mut kinds = Vec::new();
        find(text.as_bytes(), Patterns::all(), |kind, _, _| kinds.push(kind));
        kinds
    }

    #[test]
    fn nhs_numbers_are_whole_runs_of_digits() {
        for text in ["9991234578", "NHS 999 123 4578", "999-123-4578,", "id=9991234578.", "NHS9991234578"] {
            assert_eq!(kinds(text), [PatternKind::NhsNumber], "{text}");
        }
        for text in [
            "9991234577",
            "19991234578",
            "99912345780",
            "1.2.9991234578",
            "0.9991234578",
            "ab12cd9991234578ef",
            "999 123-4578",
        ] {
            assert_eq!(kinds(text), [], "{text}");
        }
    }

    #[test]
    fn placeholders_are_nobody() {
        assert_eq!(kinds("0000000000 1111111111 999 999 9999"), []);
    }

    #[test]
    fn postcodes_have_a_known_area() {
        assert_eq!(kinds("Leeds LS1 4AP"), [PatternKind::Postcode]);
        assert_eq!(kinds("at SW1A 1AA."), [PatternKind::Postcode]);
        assert_eq!(kinds("T1 3DT, FLASH 3DT, XX1 2AB, LS1 4APX"), []);
    }

    #[test]
    fn phones_and_emails() {
        assert_eq!(kinds("call 0113 496 0999"), [PatternKind::Phone]);
        assert_eq!(kinds("+44 (0)7700 900123"), [PatternKind::Phone]);
        assert_eq!(kinds("jane.doe@example.nhs.uk"), [PatternKind::Email]);
        assert_eq!(kinds("120 kV @ 2.5 mm, a@b, 01134960999123"), []);
    }
}
