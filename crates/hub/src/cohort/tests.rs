//! Sheets as people make them: what is read, what is told, and that no value is ever repeated.

use std::io::Write;

use super::*;

const TODAY: &str = "2026-11-21";

/// An NHS number of the 999 range, which belongs to no one, with its check digit.
pub(super) fn nhs(n: u32) -> String {
    (n..)
        .find_map(|n| {
            let body = format!("999{n:06}");
            (0..10).map(|check| format!("{body}{check}")).find(|number| NhsNumber::parse(number).is_ok())
        })
        .unwrap()
}

fn nccid() -> Project {
    Project::named("nccid").unwrap()
}

fn options(project: &Project) -> Import<'_> {
    Import {
        project,
        map: &[],
        dates: None,
        issuer: None,
        arm: None,
        worksheet: None,
        placeholders: &[],
        today: TODAY.parse().unwrap(),
        sheet_bytes_max: 1 << 20,
        sheet_rows_max: 1000,
    }
}

fn read(bytes: impl AsRef<[u8]>) -> Sheet {
    import(bytes.as_ref(), &options(&nccid()), &Custody::mint()).unwrap()
}

fn codes(sheet: &Sheet) -> Vec<(u32, &'static str)> {
    sheet.problems.iter().map(|p| (p.row, p.code.code())).collect()
}

const HEAD: &str = "NHS Number,DOB,Status,Swab Date";

/// One data row below the usual headings; its problems.
fn told(row: &str) -> Vec<&'static str> {
    read(format!("{HEAD}\n{row}\n")).problems.iter().map(|p| p.code.code()).collect()
}

#[test]
fn a_plain_sheet_gives_its_rows() {
    let custody = Custody::mint();
    let sheet = read(format!(
        "{HEAD}\n{},1950-01-02,positive,2020-03-15\n{},1960-01-02,0,2020-03-16\n",
        nhs(1),
        nhs(2)
    ));
    assert_eq!(codes(&sheet), []);
    let [first, second] = &sheet.rows[..] else { panic!() };
    assert_eq!((first.number, first.arm.as_str()), (2, "positive"));
    assert_eq!((second.number, second.arm.as_str()), (3, "negative"));
    assert_eq!(first.anchor.expose(&custody).to_string(), "2020-03-15");
    assert_eq!(first.nhs_number.as_ref().unwrap().expose(&custody).digits(), nhs(1));
    assert_eq!(first.date_of_birth.as_ref().unwrap().expose(&custody).to_string(), "1950-01-02");
}

#[test]
fn title_rows_blank_rows_semicolons_and_windows_1252_do_no_harm() {
    let text = format!(
        "Radiologie-\u{dc}bersicht;;;\n\nNHS no.;Date of Birth;Swab result;Date of Positive Covid Swab\n\"{}\";1950-01-02;Pos;2020-03-15\n\n;;;\n{};1950-01-03;Pos;2020-03-15\n",
        nhs(1),
        nhs(2)
    );
    let bytes: Vec<u8> = text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    let sheet = read(bytes);
    assert_eq!(codes(&sheet), []);
    assert_eq!(
        sheet.rows.iter().map(|r| r.number).collect::<Vec<_>>(),
        [4, 7],
        "rows as the spreadsheet shows them"
    );
}

#[test]
fn what_spreadsheets_do_to_nhs_numbers_is_told_apart() {
    let row = |number: &str| told(&format!("{number},1950-01-02,1,2020-03-15"));
    assert_eq!(row("9.99E+09"), ["nhs-number-scientific"]);
    assert_eq!(row("9990000018.0"), ["nhs-number-decimal"]);
    assert_eq!(row("999000001"), ["nhs-number-nine-digits"]);
    assert_eq!(row("99900000181"), ["nhs-number-not-ten-digits"]);
    assert_eq!(row("9990000019"), ["nhs-number-check-digit"]);
    assert_eq!(row("9999999999"), ["nhs-number-placeholder"]);
    assert_eq!(row("unknown"), ["nhs-number-not-ten-digits"]);
    assert_eq!(row(""), ["no-identity"]);
    assert_eq!(row("999 000 0018"), [] as [&str; 0]);
    assert_eq!(row("\"=\"\"9990000018\"\"\""), [] as [&str; 0]);
    assert_eq!(row("'9990000018"), [] as [&str; 0]);
}

#[test]
fn a_placeholder_of_this_hub_is_no_identity() {
    let project = nccid();
    let placeholders = [nhs(7)];
    let import_options = Import { placeholders: &placeholders, ..options(&project) };
    let text = format!("{HEAD}\n{},1950-01-02,1,2020-03-15\n", nhs(7));
    let sheet = import(text.as_bytes(), &import_options, &Custody::mint()).unwrap();
    assert_eq!(codes(&sheet), [(2, "nhs-number-placeholder")]);
}

#[test]
fn every_problem_of_a_row_is_told_with_its_column_and_good_rows_go_on() {
    let sheet =
        read(format!("{HEAD}\n9990000019,04/03/1950,maybe,2030-01-01\n{},1950-01-02,1,2020-03-15\n", nhs(1)));
    let told: Vec<_> = sheet.problems.iter().map(|p| (p.column.clone().unwrap(), p.code.code())).collect();
    let expected = [
        ("NHS Number", "nhs-number-check-digit"),
        ("DOB", "date-ambiguous"),
        ("Status", "arm-unknown"),
        ("Swab Date", "date-in-future"),
    ];
    assert_eq!(told, expected.map(|(column, code)| (column.to_owned(), code)));
    assert_eq!(sheet.rows.len(), 1);
    assert_eq!(sheet.rows_read, 2);
}

#[test]
fn no_problem_and_no_debug_repeats_a_value() {
    let project = nccid();
    let text = format!(
        "Surname,{HEAD},Hospital number,Issuer\nSENTINEL,9990000019,04/03/1917,SENTINEL,SENTINEL,SENT*NEL,\n\
         SENTINEL,{},1950-01-02,1,2020-03-15,SENTINEL7,SENTINEL-PAS\n",
        nhs(1)
    );
    let sheet = import(text.as_bytes(), &options(&project), &Custody::mint()).unwrap();
    assert_eq!(sheet.rows.len(), 1);
    let shown: String = sheet.problems.iter().map(|p| format!("{p}\n{p:?}\n")).collect();
    for value in ["SENT", "999000", "1917", "04/03"] {
        assert!(!shown.contains(value), "{shown}");
    }
    let rows = format!("{:?}", sheet.rows);
    for value in ["SENTINEL7", "999000", "1950", "2020"] {
        assert!(!rows.contains(value), "{rows}");
    }
}

#[test]
fn a_date_order_is_declared_for_the_whole_sheet() {
    let project = nccid();
    let text = format!("{HEAD}\n{},02/01/1950,1,03/04/2020\n", nhs(1));
    assert_eq!(told(&format!("{},1950-01-02,1,03/04/2020", nhs(1))), ["date-ambiguous"]);
    let custody = Custody::mint();
    for (order, anchor) in [(DateOrder::DayMonthYear, "2020-04-03"), (DateOrder::MonthDayYear, "2020-03-04")]
    {
        let declared = Import { dates: Some(order), ..options(&project) };
        let sheet = import(text.as_bytes(), &declared, &custody).unwrap();
        assert_eq!(sheet.rows[0].anchor.expose(&custody).to_string(), anchor);
    }
}

#[test]
fn the_sheet_of_id_status_date_is_read() {
    // The Scottish uploader's form: no second identifier, so the project must have recorded why none is needed.
    let text = Project::text_named("nccid").unwrap();
    let project = Project::parse(&text.replace(
        "any_of = [\"date-of-birth\", \"local-id\"]",
        "not_needed = \"CHI numbers are checked at source\"",
    ))
    .unwrap();
    let sheet = format!(
        "ID,Status,Date\n{},1,2020-03-15\n{},negative,2020-03-16\n{},7,2020-03-16\n",
        nhs(1),
        nhs(2),
        nhs(3)
    );
    let read = import(sheet.as_bytes(), &options(&project), &Custody::mint()).unwrap();
    assert_eq!(read.rows.iter().map(|r| r.arm.as_str()).collect::<Vec<_>>(), ["positive", "negative"]);
    assert_eq!(codes(&read), [(4, "arm-unknown")]);
    let strict = import(sheet.as_bytes(), &options(&nccid()), &Custody::mint()).unwrap();
    assert_eq!(codes(&strict)[0], (2, "second-identifier-missing"));
}

#[test]
fn local_ids_need_an_issuer_and_never_hold_wild_cards() {
    let project = nccid();
    let custody = Custody::mint();
    let text = "MRN,DOB,Status,Date\nA12345,1950-01-02,1,2020-03-15\nA1*,1950-01-02,1,2020-03-15\nUNKNOWN,1950-01-02,1,2020-03-15\n";
    let without = import(text.as_bytes(), &options(&project), &custody).unwrap();
    assert_eq!(
        codes(&without),
        [(2, "issuer-missing"), (3, "local-id-invalid"), (4, "local-id-placeholder")]
    );
    let with = Import { issuer: Some("RX1-PAS"), ..options(&project) };
    let sheet = import(text.as_bytes(), &with, &custody).unwrap();
    let local = sheet.rows[0].local_id.as_ref().unwrap();
    assert_eq!((local.issuer.as_str(), local.id.expose(&custody).as_str()), ("RX1-PAS", "A12345"));
}

#[test]
fn an_nhs_number_and_a_local_id_confirm_each_other() {
    let sheet = read(format!("NHS Number,MRN,Issuer,Status,Date\n{},A12345,RX1-PAS,1,2020-03-15\n", nhs(1)));
    assert_eq!(codes(&sheet), []);
    assert_eq!(sheet.rows[0].second_identifiers(), [Identifier::LocalId]);
    assert_eq!(sheet.rows[0].keys().len(), 2);
}

#[test]
fn a_template_of_one_arm_needs_no_arm_column() {
    let project = nccid();
    let text = format!("NHS Number,DOB,SwabDate\n{},1950-01-02,2020-03-15\n", nhs(1));
    let negative = Import { arm: Some("negative"), ..options(&project) };
    assert_eq!(import(text.as_bytes(), &negative, &Custody::mint()).unwrap().rows[0].arm, "negative");
    let unknown = Import { arm: Some("neutral"), ..options(&project) };
    let error = import(text.as_bytes(), &unknown, &Custody::mint()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "sheet-no-such-arm: the project has no such arm; it has positive, negative"
    );
}

#[test]
fn columns_can_be_named_by_hand() {
    let project = nccid();
    let map = [
        ("Nummer".to_owned(), Field::NhsNumber),
        ("Geboren".to_owned(), Field::named("date-of-birth", &project).unwrap()),
        ("Abstrich".to_owned(), Field::named("swab", &project).unwrap()),
    ];
    let text = format!("Nummer,Geboren,Status,Abstrich,Date\n{},1950-01-02,1,2020-03-15,garbage\n", nhs(1));
    let by_hand = Import { map: &map, ..options(&project) };
    assert_eq!(import(text.as_bytes(), &by_hand, &Custody::mint()).unwrap().rows.len(), 1);
    let lost = [("Nirgends".to_owned(), Field::Sex)];
    let by_hand = Import { map: &lost, ..options(&project) };
    let text = format!("{HEAD}\n{},1950-01-02,1,2020-03-15\n", nhs(1));
    let error = import(text.as_bytes(), &by_hand, &Custody::mint()).unwrap_err();
    assert_eq!(error, Unreadable::NoSuchColumn { heading: "Nirgends".into() });
    assert_eq!(Field::named("colour", &project), None);
}

#[test]
fn rows_about_one_person_must_agree() {
    let (a, b) = (nhs(1), nhs(2));
    let sheet = |rows: &[String]| read(format!("{HEAD}\n{}\n", rows.join("\n")));
    let row = |n: &str, dob: &str, arm: &str, date: &str| format!("{n},{dob},{arm},{date}");
    let good = row(&b, "1960-01-02", "1", "2020-03-15");
    let first = row(&a, "1950-01-02", "1", "2020-03-15");

    let twice = sheet(&[first.clone(), good.clone(), first.clone()]);
    assert_eq!(codes(&twice), [(4, "duplicate")]);
    assert_eq!(twice.rows.len(), 2);

    let arms = sheet(&[first.clone(), good.clone(), row(&a, "1950-01-02", "0", "2020-03-15")]);
    assert_eq!(codes(&arms), [(2, "arm-conflict"), (4, "arm-conflict")]);
    assert_eq!(arms.rows.len(), 1, "neither is guessed to be right");
    assert!(arms.problems[0].to_string().ends_with("(see row 4)"));

    let births = sheet(&[first.clone(), good.clone(), row(&a, "1951-01-02", "1", "2020-03-15")]);
    assert_eq!(codes(&births), [(2, "date-of-birth-conflict"), (4, "date-of-birth-conflict")]);

    let dates = sheet(&[first, good, row(&a, "1950-01-02", "1", "2020-03-20")]);
    assert_eq!(codes(&dates), [(2, "date-conflict"), (4, "date-conflict")]);
}

#[test]
fn one_local_id_with_two_nhs_numbers_is_nobody() {
    let sheet = read(format!(
        "NHS Number,MRN,Issuer,DOB,Status,Date\n{},A12345,RX1,1950-01-02,1,2020-03-15\n{},A12345,RX1,1950-01-02,1,2020-03-15\n{},A12345,RX2,1950-01-02,1,2020-03-15\n",
        nhs(1),
        nhs(2),
        nhs(3)
    ));
    assert_eq!(codes(&sheet), [(2, "identity-conflict"), (3, "identity-conflict")]);
    assert_eq!(sheet.rows.len(), 1, "the same id of another issuer is another person");
}

#[test]
fn impossible_dates_are_told() {
    let row = |dob: &str, date: &str| told(&format!("{},{dob},1,{date}", nhs(1)));
    assert_eq!(row("1850-01-02", "2020-03-15"), ["date-implausible"]);
    assert_eq!(row("2021-01-02", "2020-03-15"), ["date-implausible"], "born after the swab");
    assert_eq!(row("1950-01-02", ""), ["date-missing"]);
    assert_eq!(row("1950-01-02", "43909"), ["date-bare-number"]);
    assert_eq!(row("1950-01-02", "15/03/20"), ["date-two-digit-year"]);
    assert_eq!(row("", "2020-03-15"), ["second-identifier-missing"]);
}

#[test]
fn a_project_with_an_anchor_per_arm_takes_each_arms_own_date() {
    let custody = Custody::mint();
    let project = Project::named("mammography").unwrap();
    let text = format!(
        "NHS Number,Date of birth,Group,Screening Date,Date of Diagnosis\n{},1950-01-02,cancer,2019-01-01,2019-02-01\n{},1951-01-02,normal,2019-01-01,\n",
        nhs(1),
        nhs(2)
    );
    let sheet = import(text.as_bytes(), &options(&project), &custody).unwrap();
    let dates: Vec<_> = sheet.rows.iter().map(|r| r.anchor.expose(&custody).to_string()).collect();
    assert_eq!(dates, ["2019-02-01", "2019-01-01"]);
}

#[test]
fn what_is_no_sheet_gets_one_clear_answer() {
    let project = nccid();
    let error = |bytes: &[u8]| import(bytes, &options(&project), &Custody::mint()).unwrap_err();
    assert_eq!(error(b""), Unreadable::Empty);
    assert_eq!(error(b"  \r\n"), Unreadable::Empty);
    assert_eq!(error(b"%PDF-1.7\n"), Unreadable::NotASheet);
    assert_eq!(error(&[0, 1, 2, 3, 255]), Unreadable::NotASheet);
    assert_eq!(error(b"PK\x03\x04 not really"), Unreadable::Damaged);
    assert_eq!(error(&[0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1, 0]), Unreadable::Damaged);
    assert!(matches!(error(b"9990000018,1,2020-03-15\n"), Unreadable::NoHeadings { rows_looked_at: 1, .. }));
    assert_eq!(error(format!("{HEAD}\n,,,\n").as_bytes()), Unreadable::NoRows);
    assert!(matches!(error(b"NHS No,NHS Number,Status,Date\n1,2,3,4\n"), Unreadable::TwoColumns { .. }));
    assert!(!error(b"9990000018,1,2020-03-15\n").to_string().contains("999"));
    let long = vec![b'a'; (1 << 20) + 1];
    assert!(matches!(error(&long), Unreadable::TooLong { .. }));
    let rows = format!("{HEAD}\n{}", "x,x,x,x\n".repeat(1001));
    assert_eq!(error(rows.as_bytes()), Unreadable::TooManyRows { sheet_rows_max: 1000 });
}

/// A workbook as spreadsheet programs write it: parts in a zip archive.
fn zipped(parts: &[(&str, &str)]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, text) in parts {
        zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// Cells as OOXML: `#` before a number, `@` before a date's serial number, anything else inline text.
fn xlsx(rows: &[&[&str]]) -> Vec<u8> {
    let mut data = String::new();
    for (r, row) in rows.iter().enumerate() {
        data += &format!("<row r=\"{}\">", r + 1);
        for (c, cell) in row.iter().enumerate() {
            let at = format!("{}{}", char::from(b'A' + u8::try_from(c).unwrap()), r + 1);
            data += &match (cell.strip_prefix('#'), cell.strip_prefix('@')) {
                (Some(number), _) => format!("<c r=\"{at}\"><v>{number}</v></c>"),
                (_, Some(serial)) => format!("<c r=\"{at}\" s=\"1\"><v>{serial}</v></c>"),
                _ => format!("<c r=\"{at}\" t=\"inlineStr\"><is><t>{cell}</t></is></c>"),
            };
        }
        data += "</row>";
    }
    let main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    let relations = "http://schemas.openxmlformats.org/package/2006/relationships";
    let office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    zipped(&[
        (
            "[Content_Types].xml",
            r#"<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="xml" ContentType="application/xml"/></Types>"#,
        ),
        (
            "_rels/.rels",
            &format!(
                r#"<Relationships xmlns="{relations}"><Relationship Id="r1" Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>"#
            ),
        ),
        (
            "xl/workbook.xml",
            &format!(
                r#"<workbook xmlns="{main}" xmlns:r="{office}"><sheets><sheet name="Cases" sheetId="1" r:id="r1"/></sheets></workbook>"#
            ),
        ),
        (
            "xl/_rels/workbook.xml.rels",
            &format!(
                r#"<Relationships xmlns="{relations}"><Relationship Id="r1" Type="{office}/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="r2" Type="{office}/styles" Target="styles.xml"/></Relationships>"#
            ),
        ),
        (
            "xl/styles.xml",
            &format!(
                r#"<styleSheet xmlns="{main}"><cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="14" applyNumberFormat="1"/></cellXfs></styleSheet>"#
            ),
        ),
        (
            "xl/worksheets/sheet1.xml",
            &format!(r#"<worksheet xmlns="{main}"><sheetData>{data}</sheetData></worksheet>"#),
        ),
    ])
}

fn ods(rows: &[&[&str]]) -> Vec<u8> {
    let mut data = String::new();
    for row in rows {
        data += "<table:table-row>";
        for cell in *row {
            data += &match (cell.strip_prefix('#'), cell.strip_prefix('@')) {
                (Some(n), _) => format!(
                    r#"<table:table-cell office:value-type="float" office:value="{n}"><text:p>{n}</text:p></table:table-cell>"#
                ),
                (_, Some(d)) => format!(
                    r#"<table:table-cell office:value-type="date" office:date-value="{d}"><text:p>{d}</text:p></table:table-cell>"#
                ),
                _ => format!(
                    r#"<table:table-cell office:value-type="string"><text:p>{cell}</text:p></table:table-cell>"#
                ),
            };
        }
        data += "</table:table-row>";
    }
    let open = "urn:oasis:names:tc:opendocument:xmlns";
    zipped(&[
        ("mimetype", "application/vnd.oasis.opendocument.spreadsheet"),
        (
            "META-INF/manifest.xml",
            &format!(
                r#"<manifest:manifest xmlns:manifest="{open}:manifest:1.0"><manifest:file-entry manifest:full-path="/" manifest:media-type="application/vnd.oasis.opendocument.spreadsheet"/></manifest:manifest>"#
            ),
        ),
        (
            "content.xml",
            &format!(
                r#"<office:document-content xmlns:office="{open}:office:1.0" xmlns:table="{open}:table:1.0" xmlns:text="{open}:text:1.0"><office:body><office:spreadsheet><table:table table:name="Cases">{data}</table:table></office:spreadsheet></office:body></office:document-content>"#
            ),
        ),
    ])
}

#[test]
fn a_workbook_with_numbers_and_date_cells_is_read() {
    let custody = Custody::mint();
    let number = format!("#{}", nhs(1));
    let head: &[&str] = &["NHS Number", "DOB", "Status", "Swab Date"];
    // Day 18265 is 2 January 1950, day 43905 is 15 March 2020.
    let excel = xlsx(&[
        &["Cohort of spring"],
        head,
        &[&number, "@18265", "#1", "@43905"],
        &["#999000001", "#18264", "#5", "@43905"],
    ]);
    let open = ods(&[
        &["Cohort of spring"],
        head,
        &[&number, "@1950-01-02", "#1", "@2020-03-15"],
        &["#999000001", "#18264", "#5", "@2020-03-15"],
    ]);
    for book in [excel, open] {
        let sheet = read(book);
        let expected = [(4, "nhs-number-nine-digits"), (4, "date-bare-number"), (4, "arm-unknown")];
        assert_eq!(codes(&sheet), expected);
        let row = &sheet.rows[0];
        assert_eq!((row.number, row.arm.as_str()), (3, "positive"));
        assert_eq!(row.nhs_number.as_ref().unwrap().expose(&custody).digits(), nhs(1));
        assert_eq!(row.date_of_birth.as_ref().unwrap().expose(&custody).to_string(), "1950-01-02");
        assert_eq!(row.anchor.expose(&custody).to_string(), "2020-03-15");
    }
}

#[test]
fn a_workbook_that_inflates_beyond_all_measure_is_refused() {
    let project = nccid();
    let bomb = xlsx(&[&[&"0".repeat(30 << 20)]]);
    assert!(bomb.len() < 1 << 20);
    let error = import(&bomb, &options(&project), &Custody::mint()).unwrap_err();
    assert!(matches!(error, Unreadable::TooLong { .. }));
}

#[test]
fn two_far_corners_of_a_workbook_do_not_fill_the_memory() {
    let book = xlsx(&[&["NHS Number"]]);
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(book)).unwrap();
    let mut parts = Vec::new();
    for i in 0..archive.len() {
        let mut entry = archive.by_index(i).unwrap();
        let mut text = String::new();
        std::io::Read::read_to_string(&mut entry, &mut text).unwrap();
        let far = r#"</row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>"#;
        parts.push((entry.name().unwrap().into_owned(), text.replace("</row></sheetData>", far)));
    }
    let parts: Vec<_> = parts.iter().map(|(n, t)| (n.as_str(), t.as_str())).collect();
    let project = nccid();
    let error = import(&zipped(&parts), &options(&project), &Custody::mint()).unwrap_err();
    assert!(matches!(error, Unreadable::NoHeadings { .. }));
}

#[test]
fn repeated_cells_of_an_open_document_do_not_fill_the_memory() {
    let project = nccid();
    let plain = ods(&[&["NHS Number"]]);
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(plain)).unwrap();
    let mut text = String::new();
    std::io::Read::read_to_string(&mut archive.by_name("content.xml").unwrap(), &mut text).unwrap();
    let with = |row: &str| {
        let content = text.replace("</table:table>", &format!("{row}</table:table>"));
        let kind = "application/vnd.oasis.opendocument.spreadsheet";
        let manifest =
            r#"<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>"#;
        let book =
            zipped(&[("mimetype", kind), ("META-INF/manifest.xml", manifest), ("content.xml", &content)]);
        import(&book, &options(&project), &Custody::mint()).unwrap_err()
    };
    let filled = r#"<table:table-row table:number-rows-repeated="1000000"><table:table-cell table:number-columns-repeated="16000" office:value-type="float" office:value="1"><text:p>1</text:p></table:table-cell></table:table-row>"#;
    assert_eq!(with(filled), Unreadable::Damaged);
    let empty = r#"<table:table-row table:number-rows-repeated="1048575"><table:table-cell table:number-columns-repeated="16384"/></table:table-row>"#;
    assert!(
        matches!(with(empty), Unreadable::NoHeadings { .. }),
        "as every spreadsheet program ends a table"
    );
}

#[test]
fn every_code_is_its_own_and_has_a_remedy() {
    let codes: std::collections::BTreeSet<_> = Code::ALL.iter().map(|c| c.code()).collect();
    assert_eq!(codes.len(), Code::ALL.len());
    assert!(Code::ALL.iter().all(|c| c.what_to_do().len() > 10));
}

mod laws {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
            let _ = import(&bytes, &options(&nccid()), &Custody::mint());
        }

        #[test]
        fn arbitrary_rows_give_rows_or_problems_and_never_a_value(
            cells in proptest::collection::vec("[ -~]{0,12}", 4..40)
        ) {
            let mut text = format!("{HEAD}\n");
            for row in cells.chunks(4) {
                let quoted: Vec<_> = row.iter().map(|c| format!("\"{}\"", c.replace('"', "\"\""))).collect();
                text += &format!("{}\n", quoted.join(","));
            }
            if let Ok(sheet) = import(text.as_bytes(), &options(&nccid()), &Custody::mint()) {
                prop_assert!(sheet.rows_read as usize >= sheet.rows.len());
                for problem in &sheet.problems {
                    prop_assert!(problem.column.as_deref().is_none_or(|c| HEAD.contains(c)));
                }
            }
        }

        #[test]
        fn a_damaged_workbook_never_panics(at in 0usize..4000, byte in any::<u8>(), cut in 0usize..4000) {
            let number = format!("#{}", nhs(1));
            let rows: &[&[&str]] = &[&["NHS Number", "DOB", "Status", "Date"], &[&number, "@18265", "#1", "@43905"]];
            for mut book in [xlsx(rows), ods(rows)] {
                let length = book.len();
                book[at % length] = byte;
                let _ = import(&book, &options(&nccid()), &Custody::mint());
                book.truncate(cut % length);
                let _ = import(&book, &options(&nccid()), &Custody::mint());
            }
        }
    }
}

#[test]
fn a_person_may_stand_at_two_trusts_and_twice_at_one_only_in_agreement() {
    let head = "NHS Number,Hospital Number,Issuer,Trust ID,Trust,DOB,Status,Swab Date";
    let row = |n: u32, trust: &str, status: &str, date: &str| {
        format!("{},M{n},{trust}-PAS,77,{trust},1950-01-02,{status},{date}", nhs(n))
    };
    let sheet = read(
        [
            head.to_owned(),
            row(1, "RX1", "positive", "2020-03-15"),
            row(1, "RX2", "negative", "2020-04-01"),
            row(1, "rx2", "negative", "2020-04-01"),
            row(2, "RX1", "positive", "2020-03-15"),
            row(2, "RX1", "positive", "2020-03-16"),
            row(2, "RX2", "positive", "2020-03-17"),
        ]
        .join("\n"),
    );
    assert_eq!(codes(&sheet), [(4, "duplicate"), (5, "date-conflict"), (6, "date-conflict")]);
    assert_eq!(sheet.rows.iter().map(|row| row.number).collect::<Vec<_>>(), [2, 3, 7]);
    assert_eq!(sheet.rows[0].local_id.as_ref().unwrap().issuer, "RX1-PAS");
}

#[test]
fn a_number_on_every_row_of_a_long_sheet_is_told_in_few_words() {
    let rows: Vec<String> = (0..900).map(|n| format!("{},1950-01-02,{},2020-03-15", nhs(1), n % 2)).collect();
    let sheet = read(format!("{HEAD}\n{}", rows.join("\n")));
    assert_eq!((sheet.rows.len(), sheet.problems.len()), (0, 900));
    assert!(sheet.problems.iter().all(|p| p.code == Code::ArmConflict && p.other_rows.len() < 10));
    assert!(sheet.problems[0].to_string().ends_with("(see rows 3, 4, 5, 6, 7, …)"));
}
