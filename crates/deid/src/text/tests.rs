//! What stays of free text and what goes, by tables and by laws; the verifier is the judge.

use super::*;
use dicom::charset::{CharacterSet, Delimiters};
use proptest::prelude::*;
use residue::{Form, Patterns, Searcher};
use submission::names::Day;

fn cleaned(text: &str, dates: DatesInText, identifiers: &[Identifier]) -> Cleaned {
    TextCleaner::new(identifiers, dates, Arc::default()).clean(text)
}

fn clean(text: &str) -> String {
    cleaned(text, DatesInText::Remove, &[]).text
}

/// The lines of a table that do not come out as they should.
fn failures(table: &str) -> Vec<String> {
    let judge = |line: &str| {
        let (before, after) = line.split_once(" →").unwrap_or((line, line));
        let (got, after) = (clean(before), if line == before { after } else { after.trim() });
        (got != after).then(|| format!("{before:?} gave {got:?} and not {after:?}"))
    };
    table.lines().filter_map(judge).collect()
}

#[test]
fn what_says_nothing_of_anybody_stays_as_it_is() {
    assert_eq!(failures(include_str!("tests/stays.txt")), [""; 0]);
    assert_eq!(failures(include_str!("tests/stays_second.txt")), [""; 0]);
    assert_eq!(failures(include_str!("tests/stays_third.txt")), [""; 0]);
    assert_eq!(failures(include_str!("tests/stays_fourth.txt")), [""; 0]);
}

#[test]
fn what_identifies_goes_and_the_rest_stays() {
    assert_eq!(failures(include_str!("tests/goes.txt")), [""; 0]);
    assert_eq!(failures(include_str!("tests/goes_second.txt")), [""; 0]);
    assert_eq!(failures(include_str!("tests/goes_third.txt")), [""; 0]);
    assert_eq!(failures(include_str!("tests/goes_fourth.txt")), [""; 0]);
}

/// The commonest fault of character sets: UTF-8 in an object that declares another.
#[test]
fn a_name_in_utf8_that_was_read_as_another_character_set_goes_altogether() {
    let names = [
        "Müller",
        "Søndergaard",
        "Özdemir",
        "Łukaszewski",
        "Núñez",
        "Świątek",
        "Nguyễn",
        "Ó Súilleabháin",
        "O’Brien",
    ];
    for name in names {
        for term in ["ISO_IR 100", "ISO_IR 101", "ISO_IR 109", "ISO_IR 148"] {
            let set = CharacterSet::from_terms(&[term]);
            let misread = set.decode(name.as_bytes(), Delimiters::PersonName).text.into_owned();
            // What the object itself misreads, and what the linkage knows better.
            let knows =
                |spelled: &str| [Identifier { kind: IdentifierKind::Name, text: format!("{spelled}^X") }];
            let text = format!("CT {misread} head");
            assert_eq!(
                cleaned(&text, DatesInText::Remove, &knows(&misread)).text,
                "CT head",
                "{name} in {term}"
            );
            if term == "ISO_IR 100" {
                assert_eq!(
                    cleaned(&text, DatesInText::Remove, &knows(name)).text,
                    "CT head",
                    "{name} in {term}"
                );
            }
        }
    }
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

fn needle(kind: NeedleKind, text: &str) -> Needle {
    Needle::new(kind, text)
}

/// Persons whose names are words of the vocabulary, short, accented, compound, or not of the Latin alphabet.
fn people() -> Vec<Vec<Needle>> {
    let person = |name: &str, id: &str, born: &str, address: &str| {
        vec![
            needle(NeedleKind::Name, name),
            needle(NeedleKind::Other, id),
            needle(NeedleKind::Number, "999 000 0018"),
            needle(NeedleKind::Date, born),
            needle(NeedleKind::Address, address),
            needle(NeedleKind::Uid, "1.2.826.0.1.3680043.8.498.12"),
        ]
    };
    vec![
        person("Young^May^Head^^Dr", "RXH1234567", "19530412", "12 High View, Hill Park, LS1 4AP"),
        person("Chest^Bone", "001234", "1940-12-31", "1 Left Road\nReading"),
        person("O'Brien-Smithers^Seán", "A12", "01/02/2003", "Flat 2, The Chest House, Leeds"),
        person("Müller-Lüdenscheidt^Jörg", "AB-12-34", "19991110", "7 Müller Straße, Right Lane"),
        person("de la Cruz^María José", "512", "20110301", "Normal Cottage, Lower Back"),
        person("McDonald^Ng Li", "E-777", "19740509", "10 Downing Street"),
        person("Yamada^Tarou=山田^太郎=やまだ^たろう", "T1W55", "19670807", "山田町 5, Tokyo"),
        person("Ante^Rior", "12 34 56", "19450101", "100 Spine Street"),
        person("Small Large", "1.5T", "19880229", "Upper Lobe"),
        person("SMITH JOHN MR", "120", "19770615", "1 A B C D"),
        person("An^In^Of", "MR1", "19330303", "5 Series View"),
        person("Ångström^Øyvind=ANGSTROM^OYVIND", "0000123", "19601020", "2 Ålesund Vei"),
    ]
}

/// What else stands in texts: words that stay, numbers, separators, and what nobody knows.
fn filling() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "CT",
        "chest",
        "MRI",
        "no",
        "evidence",
        "of",
        "Thorax_AP",
        "1.25mm",
        "512x512",
        "T1W",
        "b1000",
        "L",
        "R",
        "the",
        "120",
        "kV",
        "Dr",
        "Mr",
        "for",
        "by",
        "Reported by",
        "DOB",
        "NHS No",
        "14:30",
        "2019",
        "12",
        "04",
        "April",
        "X-ray",
        "anterior",
        "view",
        "left",
        "Qzzyx",
        "Name:",
        "ID",
        "-",
        "of the",
        "0113",
        "496",
        "at",
        "A",
        "J",
        "lungs.",
        "in",
        "high",
        "\n",
        "small",
        "S1",
        "4AP",
        "large",
        "999",
        "000",
    ]);
    words.prop_map(str::to_owned)
}

/// One spelling of something of this person, as people write it.
fn spelling(person: Vec<Needle>) -> impl Strategy<Value = String> {
    (0..person.len(), any::<u64>()).prop_map(move |(which, seed)| spelled(&person[which], seed))
}

fn spelled(needle: &Needle, seed: u64) -> String {
    let pick = |shift: u32, count: u64| (seed >> shift) % count;
    let text = match needle.kind {
        NeedleKind::Name => {
            let groups: Vec<&str> = needle.text.split('=').collect();
            let group = groups[usize::try_from(pick(0, 7)).unwrap() % groups.len()];
            let mut parts: Vec<String> =
                group.split('^').filter(|part| !part.is_empty()).map(str::to_owned).collect();
            if pick(3, 2) == 0 {
                parts.reverse();
            }
            if pick(4, 3) == 0 {
                let last = parts.len() - 1;
                parts[last] = parts[last].chars().next().into_iter().collect();
            }
            parts.truncate(1 + usize::try_from(pick(6, 3)).unwrap());
            parts.join([" ", "^", ", ", "_", "-", "", ".", "  "][usize::try_from(pick(8, 8)).unwrap()])
        }
        NeedleKind::Number | NeedleKind::Other => {
            let bare: String = needle.text.chars().filter(|c| c.is_alphanumeric()).collect();
            let separator = [" ", "-", ".", "", "/"][usize::try_from(pick(8, 5)).unwrap()];
            match pick(3, 3) {
                0 => needle.text.clone(),
                1 if bare.len() == 10 => [&bare[..3], &bare[3..6], &bare[6..]].join(separator),
                _ => bare,
            }
        }
        NeedleKind::Date => spelled_day(&needle.text, seed),
        NeedleKind::Address => {
            let lines: Vec<&str> = needle.text.split([',', '\n']).map(str::trim).collect();
            let line = lines[usize::try_from(pick(3, 7)).unwrap() % lines.len()];
            line.split(' ')
                .collect::<Vec<_>>()
                .join([" ", "_", "", "-", ", "][usize::try_from(pick(8, 5)).unwrap()])
        }
        NeedleKind::Uid => needle.text.clone(),
    };
    match pick(16, 4) {
        0 => text.to_uppercase(),
        1 => text.to_lowercase(),
        _ => text,
    }
}

/// In the orders, with the separators and the names of months that people use.
fn spelled_day(text: &str, seed: u64) -> String {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let (y, m, d) = if text.contains('/') {
        (&digits[4..], &digits[2..4], &digits[..2])
    } else {
        (&digits[..4], &digits[4..6], &digits[6..])
    };
    let (month, day): (usize, usize) = (m.parse().unwrap(), d.parse().unwrap());
    let name = MONTHS[month - 1];
    let sep = ["/", "-", ".", " "][usize::try_from((seed >> 8) % 4).unwrap()];
    match (seed >> 3) % 12 {
        0 => format!("{y}{m}{d}"),
        1 => format!("{d}{m}{y}"),
        2 => [y, m, d].join(sep),
        3 => [d, m, y].join(sep),
        4 => [m, d, y].join(sep),
        5 => format!("{day}{sep}{month}{sep}{y}"),
        6 if sep != " " => [d, m, &y[2..]].join(sep),
        7 => format!("{day} {name} {y}"),
        8 => format!("{d}-{}-{y}", &name[..3]),
        9 => format!("{name} {day}, {y}"),
        10 => format!("{day}{}{y}", &name[..3]),
        _ => format!("{month}{sep}{day}{sep}{y}"),
    }
}

fn texts() -> impl Strategy<Value = (Vec<Needle>, String)> {
    prop::sample::select(people()).prop_flat_map(|person| {
        let piece = prop_oneof![3 => filling(), 2 => spelling(person.clone())];
        let joint =
            prop::sample::select(vec![" ", " ", " ", " ", "_", "-", ", ", ". ", "\n", "/", "", " (", ") "]);
        let text = prop::collection::vec((piece, joint), 1..14).prop_map(|pieces| {
            pieces.into_iter().flat_map(|(piece, joint)| [piece, joint.to_owned()]).collect::<String>()
        });
        (Just(person), text)
    })
}

fn days() -> impl Strategy<Value = DatesInText> {
    prop_oneof![
        Just(DatesInText::Remove),
        Just(DatesInText::Keep),
        (-3650..0_i32).prop_map(DatesInText::Shift)
    ]
}

fn lawful(needles: &[Needle], text: &str, dates: DatesInText) -> Result<(), TestCaseError> {
    let identifiers: Vec<Identifier> = needles.iter().map(Identifier::from).collect();
    let once = cleaned(text, dates, &identifiers);
    prop_assert!(once.text.chars().count() <= text.chars().count(), "longer: {:?}", once.text);
    prop_assert_eq!(
        once.removed == 0,
        once.text == text || matches!(dates, DatesInText::Shift(_)) && once.removed == 0
    );
    let found =
        Searcher::new(needles, Patterns::all()).search_bytes(once.text.as_bytes(), Form::Text).unwrap();
    prop_assert!(found.is_empty(), "{found} in {:?} from {:?}", once.text, text);
    if !matches!(dates, DatesInText::Shift(_)) {
        prop_assert_eq!(&cleaned(&once.text, dates, &identifiers).text, &once.text);
    }
    Ok(())
}

/// Notations that people use, of which the first four keep their length.
fn written_day(day: Day, notation: usize) -> String {
    let (y, m, d) = day.parts();
    let name = MONTHS[usize::from(m) - 1];
    match notation {
        0 => format!("{y:04}{m:02}{d:02}"),
        1 => format!("{d:02}/{m:02}/{y:04}"),
        2 => format!("{d:02}.{m:02}.{:02}", y % 100),
        3 => format!("{y:04}-{m:02}-{d:02}"),
        4 => format!("{d:02}-{}-{y:04}", &name[..3]),
        5 => format!("{} {d:02}, {y:04}", name[..3].to_uppercase()),
        6 => format!("{y:04}{m:02}{d:02}143000"),
        _ => format!("{} {y:04}", &name[..3]),
    }
}

#[test]
fn a_moved_date_that_would_be_longer_is_written_shorter_or_goes() {
    let shifted = |text: &str| cleaned(text, DatesInText::Shift(-1), &[]).text;
    assert_eq!(shifted("CT 1 May 2019"), "CT 30 Apr 19");
    assert_eq!(shifted("CT 1/5/2019"), "CT 30/4/19");
    assert_eq!(shifted("CT 1/5/19, chest"), "CT, chest");
    assert_eq!(shifted("CT 12th May 2019"), "CT 11th May 2019");
    assert_eq!(shifted("Schädel 12. März 2019"), "Schädel 11. März 2019");
    assert_eq!(shifted("CT 04/2019 and 2019-04-12T14:30"), "CT 03/2019 and 2019-04-11T14:30");
}

/// Dates and their parts in rows, with whatever stands between dates.
fn dated() -> impl Strategy<Value = String> {
    let tokens = [
        "12",
        "3",
        "31",
        "2019",
        "19",
        "0412",
        "March",
        "Apr",
        "may",
        "th",
        "of",
        "and",
        "to",
        "T",
        "IV",
        "20190403",
        "2019-04-03",
        "03/04/19",
        "5 Feb 20",
        "15 March 2019",
        "10-22-11",
        "chest",
        "T1",
        "b",
        "JG",
        "hess",
    ];
    let token = prop::sample::select(tokens.to_vec());
    let joint = prop::sample::select(vec!["", " ", "-", "/", ".", "_", ", ", " - ", " / ", "\n", " and "]);
    prop::collection::vec((token, joint), 1..14)
        .prop_map(|parts| parts.into_iter().flat_map(|(token, joint)| [token, joint]).collect())
}

proptest! {
    #[test]
    fn rows_of_dates_are_cleaned_once_and_for_all(text in dated()) {
        let born = [Identifier { kind: IdentifierKind::Date, text: "19610504".into() }];
        for dates in [DatesInText::Remove, DatesInText::Keep] {
            let once = cleaned(&text, dates, &born).text;
            prop_assert!(once.len() <= text.len());
            prop_assert_eq!(cleaned(&once, dates, &born).text, once);
        }
        let moved = cleaned(&text, DatesInText::Shift(-1_000), &born).text;
        prop_assert!(moved.chars().count() <= text.chars().count());
    }
}

#[test]
fn dates_in_the_names_of_series_are_moved_and_their_times_stay() {
    let shifted = |text: &str| cleaned(text, DatesInText::Shift(-1), &[]).text;
    assert_eq!(shifted("CT_2019_04_03"), "CT_2019_04_02");
    assert_eq!(shifted("T1_03_04_2019"), "T1_02_04_2019");
    assert_eq!(shifted("CT_03_Apr_2019"), "CT_02_Apr_2019");
    assert_eq!(shifted("2019-04-03_10-22-11"), "2019-04-02_10-22-11");
    assert_eq!(shifted("3/4/2019-5/4/2019"), "2/4/2019-4/4/2019");
    assert_eq!(shifted("prior 2019-04"), "prior 2019-03");
    assert_eq!(shifted("12 and 15 March 2019"), "14 March 2019");
    // A short year in front would read as a day.
    assert_eq!(shifted("CT 2019/5/1"), "CT");
}

#[test]
fn parts_of_the_date_of_birth_go_where_other_dates_stay() {
    let born = [Identifier { kind: IdentifierKind::Date, text: "19610504".into() }];
    for text in ["05-1961", "1961-05", "05/1961", "May 1961", "4 May", "4th May", "4 May 1961", "04.05.61"] {
        for dates in [DatesInText::Keep, DatesInText::Shift(-100)] {
            assert_eq!(cleaned(&format!("chest {text}"), dates, &born).text, "chest", "{text}");
        }
    }
    for text in ["06/1961", "May 1962", "5 May"] {
        let text = format!("chest {text}");
        assert_eq!(cleaned(&text, DatesInText::Keep, &born).text, text);
    }
}

#[test]
fn a_day_of_the_study_goes_however_it_is_written() {
    let done = [Identifier { kind: IdentifierKind::Day, text: "20190403".into() }];
    for dates in [DatesInText::Remove, DatesInText::Shift(-1)] {
        for text in ["03 04 19", "3 4 19", "19 04 03", "3 4 2019"] {
            assert_eq!(cleaned(&format!("chest {text}"), dates, &done).text, "chest", "{text}");
        }
        assert_eq!(cleaned("chest 03 05 19", dates, &done).text, "chest 03 05 19", "three numbers");
    }
    assert_eq!(cleaned("chest 03/04/19", DatesInText::Shift(-1), &done).text, "chest 02/04/19");
}

#[test]
fn a_date_without_its_year_cannot_be_moved() {
    assert_eq!(cleaned("scan on 12th April", DatesInText::Shift(-100), &[]).text, "scan");
    assert_eq!(cleaned("scan on 12th April", DatesInText::Keep, &[]).text, "scan on 12th April");
}

/// The most frequent names of the United Kingdom and the United States, by hand from public lists.
const FREQUENT_NAMES: &str = "smith jones taylor brown williams wilson johnson davies robinson wright thompson evans walker \
    roberts green hall wood jackson clarke patel khan lewis james phillips mason mitchell rose davis rodriguez martinez hernandez \
    lopez gonzalez anderson thomas moore martin lee clark allen king scott hill adams baker nelson carter turner parker collins \
    edwards stewart morris murphy cook rogers reed cooper bailey bell kelly cox howard watson brooks bennett hughes price myers \
    foster begum ali hussain ahmed singh kaur shah murray harris harrison graham simpson mary john james robert patricia jennifer \
    linda elizabeth barbara susan jessica sarah margaret karen nancy lisa betty dorothy helen emma olivia amelia isla oliver \
    george harry jack jacob noah charlie muhammad mohammed thomas oscar william david richard joseph charles peter paul mark \
    andrew stephen steven kenneth daniel matthew anthony donald grace faith hope joy ruby pearl daisy lily holly ivy jade amber \
    april june august dawn summer robin grant dean guy miles drew bill bob jim joe tom tim dan sam ben ken ron";

#[test]
fn names_are_no_words_of_the_vocabulary_but_for_the_listed_ones() {
    let listed: Vec<&str> = include_str!("../../../../profiles/vocabulary-names.csv")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split(',').next().unwrap())
        .collect();
    let words: Vec<&str> = include_str!("../../../../profiles/vocabulary.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect();
    assert!(words.is_sorted() && listed.is_sorted() && words.len() > 5_000);
    let set: BTreeSet<&str> = words.into_iter().collect();
    assert_eq!(listed.iter().filter(|word| !set.contains(*word)).collect::<Vec<_>>(), [&""; 0]);
    let leaks = FREQUENT_NAMES.split_whitespace().filter(|name| set.contains(name) && !listed.contains(name));
    assert_eq!(leaks.collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn no_frequent_name_is_an_eponym_but_before_words_of_its_own() {
    let common = FREQUENT_NAMES.split_whitespace().filter(|name| vocabulary::is_common_eponym(name));
    assert_eq!(common.collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn a_reviewer_adds_words_but_identifiers_win() {
    let allowed = Arc::new(BTreeSet::from(["qzzyx".to_owned()]));
    let smith = Identifier { kind: IdentifierKind::Name, text: "Qzzyx^Anna".into() };
    let clean = |identifiers: &[Identifier]| {
        TextCleaner::new(identifiers, DatesInText::Remove, Arc::clone(&allowed))
            .clean("CT Qzzyx protocol")
            .text
    };
    assert_eq!(clean(&[]), "CT Qzzyx protocol");
    assert_eq!(clean(&[smith]), "CT protocol");
}

#[test]
fn runs_are_counted() {
    let counted = |text| cleaned(text, DatesInText::Remove, &[]).removed;
    assert_eq!((counted("CT chest"), counted("CT Qzzyx Qzzyx chest Qzzyx"), counted("Qzzyx")), (0, 2, 1));
}

proptest! {
    #[test]
    fn a_date_is_moved_in_its_notation(at in 0..36_000_i32, days in -3650..0_i32, notation in 0..8_usize) {
        let day = Day::from_days_since_1970(at - 20_000).unwrap();
        let first = if notation == 7 { Day::new(day.parts().0, day.parts().1, 1).unwrap() } else { day };
        let text = format!("CT chest {} 14:30", written_day(day, notation));
        let moved = cleaned(&text, DatesInText::Shift(days), &[]).text;
        prop_assert_eq!(moved, format!("CT chest {} 14:30", written_day(first.plus_days(days).unwrap(), notation)));
        prop_assert_eq!(cleaned(&text, DatesInText::Keep, &[]).text, text);
    }

    #[test]
    fn no_identifier_survives_in_any_spelling_or_place((needles, text) in texts(), dates in days()) {
        lawful(&needles, &text, dates)?;
    }

    #[test]
    fn no_pattern_survives_in_any_text(text in "[ -~]{0,60}", dates in days()) {
        lawful(&people()[0], &text, dates)?;
    }

    #[test]
    fn any_characters_do_no_harm(text in any::<String>(), dates in days()) {
        lawful(&people()[6], &text, dates)?;
    }

    #[test]
    fn numbers_in_groups_are_no_hiding_place(text in "([0-9]{1,4}[ .()+/-]{1,2}){1,8}", dates in days()) {
        lawful(&people()[7], &text, dates)?;
    }
}
