//! The laws of the search: what is planted anywhere is found, what is clean stays clean, and no bytes make it panic.

#![allow(clippy::unwrap_used, reason = "a test may fail so")]

use proptest::prelude::*;
use residue::{
    Finding, FindingKind, Findings, Form, Needle, NeedleKind, PatternKind, Patterns, SearchError, Searcher,
};
use std::io::Write;

const EXPLICIT: &str = "1.2.840.10008.1.2.1";
const DEFLATED: &str = "1.2.840.10008.1.2.1.99";
const NHS: &str = "9991234578";

/// An element in Explicit VR Little Endian.
fn element(tag: (u16, u16), vr: &str, value: &[u8]) -> Vec<u8> {
    let mut out = [tag.0.to_le_bytes(), tag.1.to_le_bytes()].concat();
    out.extend(vr.as_bytes());
    let padded = value.len() + value.len() % 2;
    if matches!(vr, "OB" | "OW" | "SQ" | "UN" | "UT" | "UC" | "UR" | "OF") {
        out.extend([0, 0]);
        out.extend(u32::try_from(padded).unwrap().to_le_bytes());
    } else {
        out.extend(u16::try_from(padded).unwrap().to_le_bytes());
    }
    out.extend(value);
    out.resize(out.len() + padded - value.len(), if matches!(vr, "UI" | "OB" | "UN") { 0 } else { b' ' });
    out
}

/// A sequence with one item; of undefined length where asked.
fn sequence(tag: (u16, u16), content: &[u8], undefined: bool) -> Vec<u8> {
    let item_len = if undefined { u32::MAX } else { u32::try_from(content.len()).unwrap() };
    let mut items = [&[0xFE, 0xFF, 0x00, 0xE0][..], &item_len.to_le_bytes(), content].concat();
    if !undefined {
        return element(tag, "SQ", &items);
    }
    items.extend([0xFE, 0xFF, 0x0D, 0xE0, 0, 0, 0, 0, 0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0]);
    let mut out = element(tag, "SQ", &[]);
    out.truncate(8);
    out.extend(u32::MAX.to_le_bytes());
    out.extend(items);
    out
}

fn file(preamble: &[u8], transfer_syntax: &str, meta: &[u8], data_set: &[u8]) -> Vec<u8> {
    let mut out = preamble.to_vec();
    out.resize(128, 0);
    out.extend(b"DICM");
    let group = [element((2, 0x10), "UI", transfer_syntax.as_bytes()), meta.to_vec()].concat();
    out.extend(element((2, 0), "UL", &u32::try_from(group.len()).unwrap().to_le_bytes()));
    out.extend(group);
    if transfer_syntax == DEFLATED {
        let mut deflate = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
        deflate.write_all(data_set).unwrap();
        out.extend(deflate.finish().unwrap());
    } else {
        out.extend(data_set);
    }
    out
}

/// What a de-identified CT looks like: UIDs, codes, numbers, shifted dates, a device with ten digits, pixels.
fn clean_elements() -> Vec<Vec<u8>> {
    let mut all = vec![
        element((0x0008, 0x0005), "CS", b"ISO_IR 192"),
        element((0x0008, 0x0008), "CS", b"ORIGINAL\\PRIMARY\\AXIAL"),
        element((0x0008, 0x0018), "UI", b"2.25.329800735698586629295641978511506172918"),
        element((0x0008, 0x0020), "DA", b"19500302"), // a shifted date that happens to be the day of birth
        element((0x0008, 0x0030), "TM", b"094347.659190"),
        element((0x0008, 0x002A), "DT", b"19500302094347.659190"),
        element((0x0008, 0x0060), "CS", b"CT"),
        element((0x0008, 0x0070), "LO", b"SIEMENS"),
        element((0x0010, 0x0010), "PN", b"TRIB-ABCDEFGHIJKLMNOPQRST"),
        element((0x0010, 0x0020), "LO", b"TRIB-ABCDEFGHIJKLMNOPQRST"),
        element((0x0010, 0x1010), "AS", b"070Y"),
        element((0x0018, 0x0015), "CS", b"CHEST"),
        element((0x0018, 0x0050), "DS", b"1.0\\9991234586"),
        element((0x0018, 0x1000), "LO", b"9991234586"), // a serial number that satisfies Modulus 11
        element((0x0018, 0x1210), "SH", b"B30f"),
        element((0x0020, 0x000D), "UI", b"2.25.9991234586"),
        element((0x0020, 0x0013), "IS", b"512"),
    ];
    for index in 0..200_u16 {
        all.push(element((0x0021, 0x1000 + index), "LO", format!("value number {index}").as_bytes()));
    }
    all
}

fn pixels() -> Vec<u8> {
    element((0x7FE0, 0x0010), "OW", format!("Sm0rgasb0rd^Xanthippe {NHS}").as_bytes())
}

fn needles() -> Vec<Needle> {
    vec![
        Needle::new(NeedleKind::Name, "Sørensen-Brontë^Xanthippe^^Dr=山田^太郎=김^희중"),
        Needle::new(NeedleKind::Number, NHS),
        Needle::new(NeedleKind::Date, "19500302"),
        Needle::new(NeedleKind::Address, "12 Larkspur Terrace, Leeds, LS1 4AP"),
        Needle::new(NeedleKind::Uid, "1.2.826.0.1.3680043.8.498.4711"),
        Needle::new(NeedleKind::Other, "RXF-004711"),
        Needle::new(NeedleKind::Other, "512"),
    ]
}

fn search(bytes: &[u8]) -> Findings {
    Searcher::new(&needles(), Patterns::all()).search_bytes(bytes, Form::Dicom).unwrap()
}

fn kinds(findings: &Findings) -> Vec<FindingKind> {
    findings.iter().map(|finding| finding.kind).collect()
}

fn wide(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(order).collect()
}

fn in_set(set: &str, text: &str) -> Vec<u8> {
    encoding_rs::Encoding::for_label(set.as_bytes()).unwrap().encode(text).0.into_owned()
}

/// A leak, and what it should be found as.
fn leaks() -> Vec<(Vec<u8>, NeedleKind)> {
    use NeedleKind::{Address, Date, Name, Number, Other, Uid};
    let mut leaks = vec![
        (in_set("iso-8859-1", "SØRENSEN-BRONTË^XANTHIPPE"), Name),
        (in_set("iso-8859-1", "seen: Xanthippe Sorensen-Bronte"), Name),
        (in_set("shift_jis", "山田様"), Name),
        (in_set("gb18030", "患者山田太郎"), Name),
        (in_set("euc-kr", "김희중"), Name),
        (b"YAMADA^TAROU=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B".to_vec(), Name),
        (b"Hong=\x1b$)C\xb1\xe8^\x1b$)C\xc8\xf1\xc1\xdf".to_vec(), Name),
        (wide("Sørensen", u16::to_le_bytes), Name),
        (wide("by xanthippe.", u16::to_be_bytes), Name),
        (wide(NHS, u16::to_le_bytes), Number),
        (in_set("shift_jis", "９９９１２３４５７８"), Number),
        (b"UmVwb3J0IG9mIFhBTlRISVBQRSBTT1JFTlNFTg==".to_vec(), Name), // base64
    ];
    let text = [
        ("Sorensen", Name),
        ("reported by Xanthippe", Name),
        ("xanthippesorensen.dcm", Name),
        ("XanthippeCT", Name),
        ("WardXanthippe2", Name),
        ("SOERENSEN,X", Name),
        ("Bronte", Name),
        ("NHS9991234578", Number),
        ("999 123 4578", Number),
        ("999-123-4578", Number),
        ("born 02.03.1950", Date),
        ("2 March 1950", Date),
        ("DOB:19500302", Date),
        ("02/03/1950", Date),
        ("of 12 larkspur terrace", Address),
        ("LS14AP", Address),
        ("1.2.826.0.1.3680043.8.498.4711.1", Uid),
        ("rxf-004711/2", Other),
        ("RXF004711", Other),
        ("room 512 left", Other),
    ];
    leaks.extend(text.map(|(text, kind)| (text.as_bytes().to_vec(), kind)));
    leaks
}

#[test]
fn a_clean_object_gives_nothing() {
    let data_set = [clean_elements().concat(), pixels()].concat();
    for syntax in [EXPLICIT, DEFLATED] {
        let findings = search(&file(&[], syntax, &[], &data_set));
        assert!(findings.is_empty(), "{findings}");
    }
}

#[test]
fn pixel_values_are_not_searched_at_any_depth() {
    let icon = sequence((0x0088, 0x0200), &pixels(), true);
    let mut encapsulated = element((0x7FE0, 0x0010), "OB", &[]);
    encapsulated.truncate(8);
    encapsulated.extend(u32::MAX.to_le_bytes());
    for (tag, content) in [(0xE000_u16, &b""[..]), (0xE000, NHS.as_bytes()), (0xE0DD, &b""[..])] {
        encapsulated.extend([0xFE, 0xFF]);
        encapsulated.extend(tag.to_le_bytes());
        encapsulated.extend(u32::try_from(content.len()).unwrap().to_le_bytes());
        encapsulated.extend(content);
    }
    let after = element((0xFFFC, 0xFFFC), "OB", b"Xanthippe");
    let findings = search(&file(&[], EXPLICIT, &[], &[icon, encapsulated, after].concat()));
    assert_eq!(findings.iter().map(|finding| finding.place.as_str()).collect::<Vec<_>>(), ["(FFFC,FFFC)"]);
}

#[test]
fn a_finding_says_where_and_how_but_not_what() {
    let inner = sequence(
        (0x0040, 0xA730),
        &element((0x0040, 0xA160), "UT", &wide("Xanthippe", u16::to_le_bytes)),
        true,
    );
    let findings = search(&file(&[], EXPLICIT, &[], &inner));
    let expected = Finding {
        kind: FindingKind::Needle(NeedleKind::Name),
        place: "(0040,A730)[1].(0040,A160)".into(),
        encoding: "UTF-16LE".into(),
    };
    assert_eq!(findings.iter().collect::<Vec<_>>(), [&expected]);
    assert!(!format!("{findings:?} {findings}").to_lowercase().contains("xanthippe"));
}

#[test]
fn compressed_values_are_searched() {
    let mut gzip = flate2::write::GzEncoder::new(vec![0, 1, 2], flate2::Compression::best());
    gzip.write_all(format!("{}Sørensen", "x ".repeat(70_000)).as_bytes()).unwrap();
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    zlib.write_all(&gzip.finish().unwrap()).unwrap();
    let data_set = element((0x0029, 0x1010), "OB", &zlib.finish().unwrap());
    let findings = search(&file(&[], EXPLICIT, &[], &data_set));
    assert_eq!(kinds(&findings), [FindingKind::Needle(NeedleKind::Name)]);
    assert_eq!(findings.iter().next().unwrap().encoding, "UTF-8 in zlib in gzip");
}

#[test]
fn a_match_across_windows_is_found_once() {
    for filling in (1_048_560..1_048_580).chain([3_000_000]) {
        let log = format!("{}Xanthippe {NHS}{}", " ".repeat(filling), " ".repeat(2_000_000));
        let searcher = Searcher::new(&needles(), Patterns::none());
        let findings = searcher.search_bytes(log.as_bytes(), Form::Text).unwrap();
        let places: Vec<&str> = findings.iter().map(|finding| finding.place.as_str()).collect();
        assert_eq!(places, [format!("byte {filling}"), format!("byte {}", filling + 10)]);
    }
}

#[test]
fn the_birth_date_counts_where_no_shifted_date_can_stand() {
    let date = |tag, vr| file(&[], EXPLICIT, &[], &element(tag, vr, b"19500302"));
    assert!(search(&date((0x0008, 0x0022), "DA")).is_empty());
    assert_eq!(kinds(&search(&date((0x0010, 0x0030), "DA"))), [FindingKind::Needle(NeedleKind::Date)]);
    assert_eq!(kinds(&search(&date((0x0020, 0x4000), "LT"))), [FindingKind::Needle(NeedleKind::Date)]);
    let searcher = Searcher::new(&needles(), Patterns::none());
    let json = |text: &str| searcher.search_bytes(text.as_bytes(), Form::Json).unwrap().len();
    assert_eq!(json(r#"{"SwabDate": "02/03/1950"}"#), 0);
    assert_eq!(json(r#"{"DateOfBirth": {"Value": ["02/03/1950"]}, "SwabDate": "02/03/1950"}"#), 1);
    assert_eq!(json(r#"{"SwabDate": "born 02/03/1950"}"#), 1);
}

#[test]
fn a_number_or_a_birth_date_that_is_a_whole_numeric_value_counts() {
    let needles = [Needle::new(NeedleKind::Other, "4711234"), Needle::new(NeedleKind::Date, "19500302")];
    let searcher = Searcher::new(&needles, Patterns::none());
    let found = |vr, text: &str| {
        let bytes = file(&[], EXPLICIT, &[], &element((0x0020, 0x0012), vr, text.as_bytes()));
        searcher.search_bytes(&bytes, Form::Dicom).unwrap().len()
    };
    assert_eq!([found("IS", "4711234 "), found("DS", "1\\4711234\\2"), found("IS", "19500302")], [1; 3]);
    assert_eq!([found("DS", "0.4711234"), found("DS", "-4711234.5"), found("DS", "1.19500302")], [0; 3]);
}

#[test]
fn common_words_and_short_names_count_only_where_names_stand() {
    let searcher = Searcher::new(&[Needle::new(NeedleKind::Name, "Chest^Li")], Patterns::none());
    let found = |vr, text: &str| {
        let bytes = file(&[], EXPLICIT, &[], &element((0x0019, 0x1001), vr, text.as_bytes()));
        !searcher.search_bytes(&bytes, Form::Dicom).unwrap().is_empty()
    };
    assert!(
        !found("LO", "CHEST ROUTINE")
            && !found("CS", "CHEST")
            && !found("LO", "lit")
            && !found("LO", "3.2 li-ion")
    );
    assert!(
        found("PN", "CHEST") && found("LO", "li chest") && found("LO", "chest,li") && found("LO", "for li")
    );
}

#[test]
fn patterns_need_no_needle_and_skip_uids_and_devices() {
    let searcher = Searcher::new(&[], Patterns::all());
    let data_set =
        [clean_elements().concat(), element((0x4008, 0x0040), "LT", b"ring 0113 496 0999, NHS 999 123 4578")]
            .concat();
    let findings = searcher.search_bytes(&file(&[], EXPLICIT, &[], &data_set), Form::Dicom).unwrap();
    let wanted = [PatternKind::Phone, PatternKind::NhsNumber].map(FindingKind::Pattern);
    assert_eq!(kinds(&findings), wanted);
    let wide_text = element((0x0029, 0x1010), "OB", &wide("no. 999 123 4578", u16::to_be_bytes));
    let findings = searcher.search_bytes(&file(&[], EXPLICIT, &[], &wide_text), Form::Dicom).unwrap();
    assert_eq!(kinds(&findings), [FindingKind::Pattern(PatternKind::NhsNumber)]);
}

#[test]
fn a_uid_names_somebody_by_a_whole_component_only() {
    let needles = [Needle::new(NeedleKind::Other, "7712345"), Needle::new(NeedleKind::Date, "19500302")];
    let found = |uid: &str| {
        let bytes = file(&[], EXPLICIT, &[], &element((0x0020, 0x000D), "UI", uid.as_bytes()));
        kinds(&Searcher::new(&needles, Patterns::all()).search_bytes(&bytes, Form::Dicom).unwrap())
    };
    for uid in ["1.2.826.0.1.7712345", "7712345.1.2.3.4", "1.2.826.0.1.5\\1.2.826.7712345.5"] {
        assert_eq!(found(uid), [FindingKind::Needle(NeedleKind::Other)], "{uid}");
    }
    assert_eq!(found("1.2.826.0.19500302.4"), [FindingKind::Needle(NeedleKind::Date)]);
    for uid in
        ["1.2.826.0.1.77123456", "1.2.826.0.1.17712345.2", "1.2.826.0.19500302101112.4", "1.2.771.2345"]
    {
        assert_eq!(found(uid), [], "{uid}");
    }
}

#[test]
fn a_code_may_pass_for_an_nhs_number_and_only_where_codes_stand_and_never_as_the_persons_own() {
    // A SNOMED CT identifier by its partition and check digit, and an NHS number by Modulus 11.
    let both = "9990018006";
    let found = |tag, vr, needles: &[Needle]| {
        let bytes = file(&[], EXPLICIT, &[], &element(tag, vr, both.as_bytes()));
        let searcher = Searcher::new(needles, Patterns::all());
        kinds(&searcher.search_bytes(&bytes, Form::Dicom).unwrap())
    };
    let nhs = FindingKind::Pattern(PatternKind::NhsNumber);
    assert_eq!(found((0x0008, 0x0100), "SH", &[]), []);
    assert_eq!(found((0x0008, 0x0104), "LO", &[]), [nhs]);
    let own = [Needle::new(NeedleKind::Number, both)];
    assert!(found((0x0008, 0x0100), "SH", &own).contains(&FindingKind::Needle(NeedleKind::Number)));
}

#[test]
fn what_cannot_be_walked_is_an_error() {
    let searcher = Searcher::new(&needles(), Patterns::all());
    let whole = file(&[], EXPLICIT, &[], &clean_elements().concat());
    assert!(matches!(searcher.search_bytes(b"hello", Form::Dicom), Err(SearchError::NotDicom)));
    let cut = searcher.search_bytes(&whole[..whole.len() - 3], Form::Dicom);
    assert!(matches!(cut, Err(SearchError::Unreadable { .. })));
    let huge = [&whole[..], &[0x29, 0, 0x10, 0x10, b'U', b'T', 0, 0, 0xFE, 0xFF, 0xFF, 0xFF]].concat();
    assert!(matches!(searcher.search_bytes(&huge, Form::Dicom), Err(SearchError::Unreadable { .. })));
    let opening =
        [&[0x40, 0, 0x30, 0xA7, b'S', b'Q', 0, 0][..], &[0xFF; 4], &[0xFE, 0xFF, 0, 0xE0], &[0xFF; 4]]
            .concat();
    let deep = file(&[], EXPLICIT, &[], &opening.repeat(10_000));
    assert!(matches!(searcher.search_bytes(&deep, Form::Dicom), Err(SearchError::TooMuch { .. })));
}

/// Where a leak can stand.
fn plant(leak: &[u8], site: usize, vr: &str) -> Vec<u8> {
    let clean = clean_elements().concat();
    let leaking = element((0x0031, 0x1010), vr, leak);
    let in_data_set = |data_set: &[u8]| file(&[], EXPLICIT, &[], data_set);
    match site {
        0 => in_data_set(&[leaking, clean].concat()),
        1 => in_data_set(&[clean, pixels(), element((0xFFFC, 0xFFFC), vr, leak)].concat()),
        2 => file(leak, EXPLICIT, &[], &clean),
        3 => file(&[], EXPLICIT, &element((2, 0x16), vr, leak), &clean),
        4 => file(&[], DEFLATED, &[], &[clean, leaking].concat()),
        5 => [file(&[], DEFLATED, &[], &clean), leak.to_vec()].concat(),
        6 => in_data_set(&[clean, sequence((0x0040, 0xA730), &leaking, true)].concat()),
        7 => in_data_set(&sequence((0x0040, 0xA730), &sequence((0x0040, 0xA730), &leaking, false), false)),
        _ => {
            // UN of undefined length holds implicit VR (PS3.5 §6.2.2)
            let implicit = |group: u16, content: &[u8]| {
                let mut out = [group.to_le_bytes(), 0x1010_u16.to_le_bytes()].concat();
                out.extend(u32::try_from(content.len()).unwrap().to_le_bytes());
                [out, content.to_vec()].concat()
            };
            let mut un = sequence((0x0033, 0x1010), &implicit(0x0035, leak), true);
            un[4..6].copy_from_slice(b"UN");
            in_data_set(&un)
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_planted_is_found(leak in 0..leaks().len(), site in 0..9_usize, vr in prop::sample::select(vec!["LO", "UT", "PN", "UN", "OB", "ST", "SH"])) {
        let (leak, kind) = leaks().swap_remove(leak);
        let findings = search(&plant(&leak, site, vr));
        let found = kinds(&findings).contains(&FindingKind::Needle(kind));
        // The preamble is no text: a word of three characters does not count there.
        prop_assert!(found || (site == 2 && leak == b"room 512 left"), "{kind:?} {site} {vr} {:?}", String::from_utf8_lossy(&leak));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..2000), syntax in prop::sample::select(vec![EXPLICIT, DEFLATED, "1.2.840.10008.1.2", "1.2.840.10008.1.2.2"])) {
        let searcher = Searcher::new(&needles(), Patterns::all());
        for form in [Form::Dicom, Form::Json, Form::Text] {
            let _ = searcher.search_bytes(&bytes, form);
        }
        let _ = searcher.search_bytes(&[file(&[], syntax, &[], &[]), bytes].concat(), Form::Dicom);
    }

    #[test]
    fn no_changed_byte_makes_it_panic(at in any::<prop::sample::Index>(), to in any::<u8>(), site in 0..9_usize) {
        let mut bytes = plant(b"Xanthippe", site, "LO");
        let at = at.index(bytes.len());
        bytes[at] = to;
        let _ = Searcher::new(&needles(), Patterns::all()).search_bytes(&bytes, Form::Dicom);
    }

    #[test]
    fn json_is_searched_string_by_string(text in "[a-z ]{0,12}", escaped in any::<bool>()) {
        let name = if escaped { "S\\u00f8rensen" } else { "Sørensen" };
        let json = format!("{{\"note\": [1, \"{text} {name}\"], \"999 123 4578\": 9991234578}}");
        let findings = Searcher::new(&needles(), Patterns::none()).search_bytes(json.as_bytes(), Form::Json).unwrap();
        prop_assert_eq!(kinds(&findings), [NeedleKind::Name, NeedleKind::Number, NeedleKind::Number].map(FindingKind::Needle));
    }
}

/// Figures, not asserted: `cargo test -p residue -- --ignored --nocapture speed`.
#[test]
#[ignore = "prints figures"]
fn speed() {
    let bytes = file(&[], EXPLICIT, &[], &[clean_elements().concat(), pixels()].concat());
    let started = std::time::Instant::now();
    for _ in 0..100 {
        let _ = Searcher::new(&needles(), Patterns::all());
    }
    let built_us = started.elapsed().as_micros() / 100;
    let searcher = Searcher::new(&needles(), Patterns::all());
    let started = std::time::Instant::now();
    for _ in 0..1000 {
        assert!(searcher.search_bytes(&bytes, Form::Dicom).unwrap().is_empty());
    }
    println!(
        "{searcher:?} built in {built_us} µs; a header searched in {} µs",
        started.elapsed().as_micros() / 1000
    );
}
