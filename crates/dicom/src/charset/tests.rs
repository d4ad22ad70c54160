//! The examples of PS3.5 Annexes H, I, J and K, and laws against encoding_rs.

use super::*;
use proptest::prelude::*;

fn name(terms: &[&str], bytes: &[u8]) -> String {
    let decoded = CharacterSet::from_terms(terms).decode(bytes, Delimiters::PersonName);
    assert!(decoded.certain, "{terms:?}");
    decoded.text.into_owned()
}

#[test]
fn ps3_5_h_3_1_japanese_with_kanji_in_g0() {
    assert_eq!(
        name(
            &["", "ISO 2022 IR 87"],
            b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B"
        ),
        "Yamada^Tarou=山田^太郎=やまだ^たろう"
    );
}

#[test]
fn ps3_5_h_3_2_japanese_with_katakana_in_g1() {
    assert_eq!(
        name(
            &["ISO 2022 IR 13", "ISO 2022 IR 87"],
            b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J=\x1b$B$d$^$@\x1b(J^\x1b$B$?$m$&\x1b(J"
        ),
        "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう"
    );
}

#[test]
fn ps3_5_i_2_korean() {
    assert_eq!(
        name(
            &["", "ISO 2022 IR 149"],
            b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf"
        ),
        "Hong^Gildong=洪^吉洞=홍^길동"
    );
}

#[test]
fn ps3_5_i_3_korean_long_text_is_designated_anew_on_each_line() {
    let set = CharacterSet::from_terms(&["", "ISO 2022 IR 149"]);
    let text = b"\x1b$)CThe 1st line includes \xb1\xe6\xb5\xbf.\r\n\x1b$)C\xb1\xe6\xb5\xbf, too.\r\nNone.";
    let decoded = set.decode(text, Delimiters::Controls);
    assert_eq!(decoded.text, "The 1st line includes 길동.\r\n길동, too.\r\nNone.");
    assert!(decoded.certain);
}

#[test]
fn a_korean_writer_that_designates_once_only_is_understood() {
    assert_eq!(name(&["", "ISO 2022 IR 149"], b"\x1b$)C\xfb\xf3^\xd1\xce\xd4\xd7"), "洪^吉洞");
}

#[test]
fn ps3_5_j_chinese_in_utf8_and_gb18030() {
    assert_eq!(name(&["ISO_IR 192"], "Wang^XiaoDong=王^小東=".as_bytes()), "Wang^XiaoDong=王^小東=");
    assert_eq!(name(&["GB18030"], b"Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab="), "Wang^XiaoDong=王^小东=");
}

#[test]
fn ps3_5_k_chinese_with_gb2312_in_g1() {
    assert_eq!(
        name(&["", "ISO 2022 IR 58"], b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab="),
        "Zhang^XiaoDong=张^小东="
    );
}

#[test]
fn a_second_byte_that_looks_like_a_delimiter_is_none() {
    // 0x5C as the trail of GBK, and as the trail of a JIS X 0208 pair.
    let gbk = encoding_rs::GBK.encode("俓\\李").0;
    assert!(gbk.iter().filter(|&&b| b == b'\\').count() == 2);
    let decoded = CharacterSet::from_terms(&["GBK"]).decode(&gbk, Delimiters::Values);
    assert_eq!(decoded.text, "俓\\李");
}

#[test]
fn ps3_5_6_1_2_5_3_the_initial_set_returns_at_delimiters() {
    // Cyrillic invoked in the family name only; the given name is Latin-1 again.
    assert_eq!(name(&["ISO 2022 IR 100", "ISO 2022 IR 144"], b"\x1b-L\xbb\xee\xda^J\xf6rg"), "Люк^Jörg");
}

#[test]
fn single_byte_sets_of_table_c_12_2() {
    for (term, bytes, text) in [
        ("ISO_IR 100", &b"Buc^J\xe9r\xf4me"[..], "Buc^Jérôme"),
        ("ISO_IR 101", b"W\xb1\xbfsinski", "Wążsinski"),
        ("ISO_IR 109", b"\xa1", "Ħ"),
        ("ISO_IR 110", b"\xbe", "ž"),
        ("ISO_IR 144", b"\xbb\xee", "Лю"),
        ("ISO_IR 127", b"\xe2\xc8\xc7\xe6\xea", "قباني"),
        ("ISO_IR 126", b"\xc4\xe9\xef\xed\xf5\xf3\xe9\xef\xf2", "Διονυσιος"),
        ("ISO_IR 138", b"\xf9\xf8\xe5\xef", "שרון"),
        ("ISO_IR 148", b"\xc7avu\xfeo\xf0lu", "Çavuşoğlu"),
        ("ISO_IR 203", b"\xa4", "€"),
        ("ISO_IR 166", b"\xc7\xd1\xb9\xb7\xd5\xe8", "วันที่"),
        ("ISO_IR 13", b"\xd4\xcf", "ﾔﾏ"),
    ] {
        assert_eq!(name(&[term], bytes), text, "{term}");
    }
}

#[test]
fn common_misspellings_mean_what_was_meant() {
    let latin1 = CharacterSet::from_terms(&["ISO_IR 100"]);
    for term in
        ["ISO-IR 100", "ISO_IR_100", "ISO 2022 IR 100", "ISO IR 100", "iso_ir 100 ", "ISO8859-1", "100"]
    {
        assert_eq!(CharacterSet::from_terms(&[term]), latin1, "{term}");
    }
    for term in ["UTF8", "UTF-8", "ISO_IR 192", "ISO-IR 192", "ISO 2022 IR 192"] {
        assert_eq!(CharacterSet::from_terms(&[term]), CharacterSet::utf8(), "{term}");
    }
    assert!(!CharacterSet::from_terms(&["KLINGON"]).is_understood());
    assert_eq!(CharacterSet::from_terms(&[] as &[&str]), CharacterSet::default());
}

#[test]
fn undeclared_bytes_are_utf8_or_latin1_and_reported() {
    let default = CharacterSet::default();
    let decoded = default.decode("Jörg".as_bytes(), Delimiters::PersonName);
    assert_eq!((&*decoded.text, decoded.certain), ("Jörg", false));
    let decoded = default.decode(b"J\xf6rg", Delimiters::PersonName);
    assert_eq!((&*decoded.text, decoded.certain), ("Jörg", false));
    let decoded = CharacterSet::utf8().decode(b"J\xf6rg", Delimiters::PersonName);
    assert_eq!((&*decoded.text, decoded.certain), ("Jörg", false));
    // An escape that nobody declared still names its set.
    assert_eq!(default.decode(b"\x1b$B;3ED\x1b(B", Delimiters::Values).text, "山田");
}

#[test]
fn torn_and_unknown_sequences_are_reported_not_dropped() {
    let kanji = CharacterSet::from_terms(&["", "ISO 2022 IR 87"]);
    let decoded = kanji.decode(b"\x1b$B;3E", Delimiters::PersonName);
    assert_eq!((&*decoded.text, decoded.certain), ("山\u{FFFD}", false));
    let decoded = kanji.decode(b"\x1b%/I", Delimiters::PersonName);
    assert_eq!((&*decoded.text, decoded.certain), ("\u{1B}%/I", false));
    // The writer forgot ESC ( B before the delimiter.
    assert_eq!(kanji.decode(b"\x1b$B;3ED^\x1b$BB@O:", Delimiters::PersonName).text, "山田^太郎");
}

#[test]
fn shift_jis_under_iso_ir_13_is_read() {
    let bytes = encoding_rs::SHIFT_JIS.encode("山田^太郎").0;
    let decoded = CharacterSet::from_terms(&["ISO_IR 13"]).decode(&bytes, Delimiters::PersonName);
    assert_eq!((&*decoded.text, decoded.certain), ("山田^太郎", false));
}

proptest! {
    /// Text that encoding_rs writes as ISO-2022-JP comes back, with `^`, `=` and `\` inside its pairs.
    #[test]
    fn iso_2022_jp_round_trip(text in "[ぁ-んァ-ヶ亜-腕a-zA-Z ^=\\\\]{0,40}") {
        let (bytes, _, lossy) = encoding_rs::ISO_2022_JP.encode(&text);
        prop_assume!(!lossy);
        prop_assert_eq!(name(&["", "ISO 2022 IR 87"], &bytes), text);
    }

    #[test]
    fn euc_kr_in_g1_round_trip(text in "[가-힝a-z ^=]{0,40}") {
        let (bytes, _, lossy) = encoding_rs::EUC_KR.encode(&text);
        // KS X 1001 proper: both bytes high.
        prop_assume!(!lossy && bytes.split(u8::is_ascii).all(|run| run.len() % 2 == 0));
        prop_assume!(encoding_rs::EUC_KR.decode(&bytes).0 == text);
        let decoded = CharacterSet::from_terms(&["", "ISO 2022 IR 149"]).decode(&bytes, Delimiters::PersonName);
        if decoded.certain { prop_assert_eq!(decoded.text, text.as_str()); }
    }

    #[test]
    fn gb18030_round_trip(text in "\\PC{0,40}") {
        let (bytes, _, lossy) = encoding_rs::GB18030.encode(&text);
        prop_assume!(!lossy && encoding_rs::GB18030.decode(&bytes).0 == text);
        prop_assert_eq!(name(&["GB18030"], &bytes), text);
    }

    /// Any bytes under any declaration decode to something that is not shorter than its parts allow.
    #[test]
    fn decoding_is_total(
        bytes in proptest::collection::vec(any::<u8>(), 0..80),
        terms in proptest::collection::vec(
            prop_oneof![Just(""), Just("ISO_IR 13"), Just("ISO 2022 IR 87"), Just("ISO 2022 IR 149"),
                Just("ISO 2022 IR 58"), Just("ISO_IR 166"), Just("GB18030"), Just("ISO_IR 192"), Just("?")], 0..4),
    ) {
        let set = CharacterSet::from_terms(&terms);
        for delimiters in [Delimiters::Controls, Delimiters::Values, Delimiters::PersonName] {
            let decoded = set.decode(&bytes, delimiters);
            prop_assert!(bytes.is_empty() || !decoded.text.is_empty() || bytes.contains(&ESC));
        }
    }
}
