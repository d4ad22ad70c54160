//! Values: whether they are valid for their value representation, and what stands in for one (PS3.5 §6.2).

use crate::dates;
use dicom::tag::{self, VR};

/// Whether the bytes are a valid value of this VR. Empty is valid.
pub(crate) fn is_valid(vr: VR, bytes: &[u8]) -> bool {
    if tag::is_text(vr) {
        let Ok(text) = std::str::from_utf8(bytes) else { return false };
        let text = text.trim_end_matches(['\0', ' ']);
        if !tag::is_multi_valued_text(vr) {
            return is_valid_text(vr, text);
        }
        return text.split('\\').all(|value| is_valid_text(vr, value.trim_matches(' ')));
    }
    if spells_text(vr, bytes) {
        return false;
    }
    match vr {
        VR::US | VR::SS => bytes.len().is_multiple_of(2),
        VR::UL | VR::SL | VR::FL | VR::AT => bytes.len().is_multiple_of(4),
        VR::FD | VR::SV | VR::UV => bytes.len().is_multiple_of(8),
        VR::OW => bytes.len().is_multiple_of(2),
        VR::OF | VR::OL => bytes.len().is_multiple_of(4),
        VR::OD | VR::OV => bytes.len().is_multiple_of(8),
        _ => true,
    }
}

/// Whether the bytes of a binary number read as text throughout: words hide there, and hardly a number looks so.
fn spells_text(vr: VR, bytes: &[u8]) -> bool {
    let printable_min = match vr {
        VR::US | VR::SS | VR::UL | VR::SL | VR::UV | VR::SV | VR::AT => 4,
        // The two top bytes of most floating-point numbers are printable, so a short run says little.
        VR::FL | VR::FD | VR::OF | VR::OD | VR::OL => 12,
        _ => return false,
    };
    let bytes = bytes.trim_ascii_end();
    let bytes = &bytes[..bytes.iter().rposition(|b| *b != 0).map_or(0, |at| at + 1)];
    bytes.len() >= printable_min && bytes.iter().all(|b| (b' '..=b'~').contains(b))
}

/// Text, each value cut behind a word where it is longer than its VR allows: some writers do not count.
pub(crate) fn cut(vr: VR, text: String) -> String {
    let chars_max = match vr {
        VR::SH | VR::AE | VR::CS => 16,
        VR::LO => 64,
        VR::ST => 1_024,
        VR::LT => 10_240,
        _ => return text,
    };
    let cut_value = |value: &str| {
        let Some((end, _)) = value.char_indices().nth(chars_max) else { return value.to_owned() };
        let words = value[..end].rfind(char::is_whitespace).unwrap_or(0);
        value[..words].trim_end().to_owned()
    };
    if !tag::is_multi_valued_text(vr) {
        return cut_value(&text);
    }
    text.split('\\').map(cut_value).collect::<Vec<_>>().join("\\")
}

/// Whether one value of a text VR is valid; the empty value is.
fn is_valid_text(vr: VR, value: &str) -> bool {
    if value.is_empty() {
        return true;
    }
    let chars = || value.chars().count();
    let plain = || !value.chars().any(char::is_control);
    let ascii = |allowed: fn(u8) -> bool| value.bytes().all(allowed);
    match vr {
        VR::AE => value.len() <= 16 && value.is_ascii() && plain(),
        VR::AS => age(value).is_some(),
        VR::CS => {
            value.len() <= 16
                && ascii(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || matches!(b, b' ' | b'_'))
        }
        VR::DA => dates::parse_da(value).is_some(),
        VR::DT => dates::is_dt(value),
        VR::TM => dates::is_tm(value),
        VR::DS => (value.len() <= 16 || is_long_decimal(value)) && is_decimal(value),
        VR::IS => (value.len() <= 12 && value.parse::<i32>().is_ok()) || is_whole_decimal(value),
        VR::UI => dicom::uid::Uid::parse(value).is_ok(),
        VR::LO => chars() <= 64 && plain(),
        VR::SH => chars() <= 16 && plain(),
        VR::PN => value.split('=').all(|group| group.chars().count() <= 64) && plain(),
        VR::ST => chars() <= 1_024,
        VR::LT => chars() <= 10_240,
        VR::UR => value.is_ascii() && plain() && !value.contains(' '),
        _ => true,
    }
}

/// Whether this could be meant as a coded string: too long for one, or with small letters, hyphens and points. The words must then be
/// looked at as text is.
pub(crate) fn is_loose_code(value: &str) -> bool {
    value.len() <= 64 && value.bytes().all(|b| (b' '..=b'~').contains(&b))
}

fn is_decimal(value: &str) -> bool {
    value.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E'))
        && value.parse::<f64>().is_ok_and(f64::is_finite)
}

/// Many writers put more digits behind the point than DS has room for (16 characters); more before it are no measurement.
fn is_long_decimal(value: &str) -> bool {
    let whole = value.split('.').next().unwrap_or_default().trim_start_matches(['+', '-']);
    value.len() <= 32 && value.contains('.') && whole.len() <= 6
}

/// Some write an exposure of 500 ms as `500.0`, which is no IS and as good as one.
fn is_whole_decimal(value: &str) -> bool {
    value.len() <= 12 && value.contains('.') && is_long_decimal(value) && is_decimal(value)
}

/// An age: its number and its unit, `D`, `W`, `M` or `Y` (PS3.5 §6.2, AS).
pub(crate) fn age(value: &str) -> Option<(u16, char)> {
    let unit = value.chars().last().map(|unit| unit.to_ascii_uppercase());
    let unit = unit.filter(|unit| matches!(unit, 'D' | 'W' | 'M' | 'Y'))?;
    // Three digits; some write fewer.
    let digits = value.get(..value.len() - 1).filter(|digits| (1..=3).contains(&digits.len()))?;
    let digits = Some(digits).filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))?;
    Some((digits.parse().ok()?, unit))
}

/// The value that stands in for another under action D: fixed, valid, and saying nothing.
///
/// UI, sequences and dates under an option for dates never come here: they are mapped, descended and moved.
pub(crate) fn dummy(vr: VR) -> &'static [u8] {
    match vr {
        VR::AE | VR::CS | VR::LO | VR::LT | VR::PN | VR::SH | VR::ST | VR::UC | VR::UT => b"REMOVED",
        VR::AS => b"000Y",
        VR::DA => b"19000101",
        VR::DT => b"19000101000000",
        VR::TM => b"000000",
        VR::DS | VR::IS => b"0",
        VR::UR => b"urn:removed",
        VR::US | VR::SS | VR::OB | VR::OW | VR::UN => &[0; 2],
        VR::UL | VR::SL | VR::FL | VR::AT | VR::OF | VR::OL => &[0; 4],
        VR::FD | VR::SV | VR::UV | VR::OD | VR::OV => &[0; 8],
        _ => &[],
    }
}

/// Whether the bytes are a colour profile as far as its header says (ISO 15076-1 §7.2): its length, and `acsp`.
pub(crate) fn is_icc_profile(bytes: &[u8]) -> bool {
    let len = bytes.first_chunk().map(|len| u32::from_be_bytes(*len));
    let is_as_long =
        len.is_some_and(|len| len >= 128 && u64::from(len).next_multiple_of(2) >= bytes.len() as u64);
    is_as_long && bytes.get(36..40) == Some(b"acsp")
}

/// Whether elements of VR `found` may be read as what the dictionary calls `listed`: the same, or one of the
/// alternatives of PS3.6 §6 ("US or SS", "OB or OW"), of which the dictionary gives one.
pub(crate) fn is_compatible(listed: VR, found: VR) -> bool {
    match (listed, found) {
        (VR::US, VR::SS) | (VR::OW, VR::US | VR::SS | VR::OB) | (VR::OB, VR::OW) => true,
        _ => listed == found,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stand_in_is_valid_for_its_vr() {
        for vr in [
            VR::AE,
            VR::AS,
            VR::AT,
            VR::CS,
            VR::DA,
            VR::DS,
            VR::DT,
            VR::FD,
            VR::FL,
            VR::IS,
            VR::LO,
            VR::LT,
            VR::OB,
            VR::OD,
            VR::OF,
            VR::OL,
            VR::OV,
            VR::OW,
            VR::PN,
            VR::SH,
            VR::SL,
            VR::SS,
            VR::ST,
            VR::SV,
            VR::TM,
            VR::UC,
            VR::UL,
            VR::UN,
            VR::UR,
            VR::US,
            VR::UT,
            VR::UV,
        ] {
            assert!(!dummy(vr).is_empty() && is_valid(vr, dummy(vr)), "{vr}");
        }
    }

    #[test]
    fn text_among_binary_numbers_is_no_number() {
        assert!(!is_valid(VR::US, b"SENTINEL^ANNA\0"));
        assert!(!is_valid(VR::FD, b"SENTINEL^ANNA   "));
        assert!(is_valid(VR::US, &[0, 16, 0, 0, 16, 0]));
        assert!(is_valid(VR::FD, &1.2_f64.to_le_bytes()) && is_valid(VR::UL, &[0x20, 0x20, 0, 0]));
    }

    #[test]
    fn ps3_5_6_2_numbers_and_ages() {
        assert!(is_valid(VR::DS, b"1.5\\-2e-3\\ 4 "));
        assert!(is_valid(VR::IS, b"-2147483648"));
        assert!(is_valid(VR::DS, b"0.35156250000000001\\-0.35156250000000001") && is_valid(VR::IS, b"500.0"));
        for (vr, bad) in [
            (VR::IS, "9990000018"),
            (VR::DS, "SMITH"),
            (VR::DS, "nan"),
            (VR::DS, "12345678901234567"),
            (VR::DS, "99900000180.12345"),
            (VR::IS, "9990000018.0"),
        ] {
            assert!(!is_valid(vr, bad.as_bytes()), "{bad}");
        }
        assert_eq!(age("045Y"), Some((45, 'Y')));
        for (written, read) in [("45Y", (45, 'Y')), ("7m", (7, 'M'))] {
            assert_eq!(age(written), Some(read));
        }
        for bad in ["Y", "045", "0045Y", "ABCY", "é5Y"] {
            assert_eq!(age(bad), None);
        }
    }
}
