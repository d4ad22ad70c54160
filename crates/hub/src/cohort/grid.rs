//! From the bytes of a file to cells: workbooks by calamine, anything else as delimited text.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};

use calamine::{Data, Ods, Reader, Xls, Xlsx};
use chrono::NaiveDate;
use encoding_rs::{Encoding, WINDOWS_1252};
use quick_xml::events::Event;

use super::problem::Unreadable;

/// Columns beyond this one are not looked at.
const COLUMNS_MAX: usize = 1000;
/// A workbook may inflate to this many times `sheet_bytes_max`.
const INFLATION_MAX: u64 = 20;
/// Cells of an OpenDocument, empty ones between filled ones included.
const CELLS_MAX: u64 = 20_000_000;

/// What of a file is read, and how much.
#[derive(Clone, Copy)]
pub(super) struct Bounds<'a> {
    pub(super) worksheet: Option<&'a str>,
    pub(super) bytes_max: u64,
    pub(super) rows_max: u32,
}

/// A cell, as far as it matters here.
#[derive(Clone, PartialEq)]
pub(super) enum Cell {
    Empty,
    Text(String),
    Number(f64),
    Date(NaiveDate),
    Error,
}

impl Cell {
    /// Nothing, or nothing but blanks.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Text(text) => text.trim().is_empty(),
            _ => false,
        }
    }
}

/// A row of the file. Debug is absent on purpose: cells hold names.
pub(super) struct Line {
    /// As a spreadsheet program numbers it.
    pub(super) number: u32,
    pub(super) cells: Vec<Cell>,
}

impl Line {
    pub(super) fn cell(&self, column: usize) -> &Cell {
        self.cells.get(column).unwrap_or(&Cell::Empty)
    }
}

/// The worksheets of a workbook, or the one table of a text file.
pub(super) fn read(bytes: &[u8], bounds: Bounds<'_>) -> Result<Vec<Vec<Line>>, Unreadable> {
    const OLE: &[u8] = &[0xd0, 0xcf, 0x11, 0xe0];
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > bounds.bytes_max {
        return Err(Unreadable::TooLong { sheet_bytes_max: bounds.bytes_max });
    }
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(Unreadable::Empty);
    }
    if !bytes.starts_with(b"PK") && !bytes.starts_with(OLE) {
        return Ok(vec![delimited(bytes, bounds.rows_max)?]);
    }
    if bytes.starts_with(b"PK") {
        check_inflation(bytes, bounds.bytes_max.saturating_mul(INFLATION_MAX))?;
    }
    // A foreign reader over bytes that anyone may have written: should it panic, the workbook is damaged.
    catch_unwind(AssertUnwindSafe(|| workbook(bytes, bounds))).unwrap_or(Err(Unreadable::Damaged))
}

/// A small archive can inflate to fill a memory; what it inflates to is counted before anyone keeps it.
fn check_inflation(bytes: &[u8], inflated_bytes_max: u64) -> Result<(), Unreadable> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|_| Unreadable::Damaged)?;
    let mut left = inflated_bytes_max;
    for i in 0..archive.len() {
        let entry = archive.by_index(i).map_err(|_| Unreadable::Damaged)?;
        let is_open_document = entry.name().is_ok_and(|name| name == "content.xml");
        let mut entry = entry.take(left + 1);
        let inflated = if is_open_document {
            let mut content = Vec::new();
            let inflated = entry.read_to_end(&mut content).map_err(|_| Unreadable::Damaged)?;
            if !is_well_formed(&content)
                || open_document_cells(&String::from_utf8_lossy(&content)) > CELLS_MAX
            {
                return Err(Unreadable::Damaged);
            }
            u64::try_from(inflated).unwrap_or(u64::MAX)
        } else {
            std::io::copy(&mut entry, &mut std::io::sink()).map_err(|_| Unreadable::Damaged)?
        };
        left =
            left.checked_sub(inflated).ok_or(Unreadable::TooLong { sheet_bytes_max: inflated_bytes_max })?;
    }
    Ok(())
}

/// Whether every element of an XML document ends, in its turn: calamine waits for ends that never come.
fn is_well_formed(xml: &[u8]) -> bool {
    let mut reader = quick_xml::Reader::from_reader(xml);
    let mut depth = 0_u64;
    loop {
        match reader.read_event() {
            Ok(Event::Start(_)) => depth += 1,
            // The reader has seen to it that there was a start of this name.
            Ok(Event::End(_)) => depth = depth.saturating_sub(1),
            Ok(Event::Eof) => return depth == 0,
            Ok(_) => {}
            Err(_) => return false,
        }
    }
}

/// An upper bound of the cells that a reader makes of an OpenDocument's content: `number-rows-repeated` and
/// `number-columns-repeated` let a hundred bytes stand for a billion cells.
fn open_document_cells(content: &str) -> u64 {
    let (mut rows, mut last_filled, mut width) = (0_u64, 0_u64, 0_u64);
    for row in content.split("<table:table-row").skip(1) {
        let head = row.split('>').next().unwrap_or("");
        rows = rows.saturating_add(repeats(head, "number-rows-repeated"));
        let mut columns = 0_u64;
        for cell in row.split("table-cell").skip(1) {
            let head = cell.split('>').next().unwrap_or("");
            columns = columns.saturating_add(repeats(head, "number-columns-repeated"));
            if head.contains("office:") || head.contains("formula") || !head.ends_with('/') {
                last_filled = rows;
                width = width.max(columns);
            }
        }
    }
    last_filled.saturating_mul(width)
}

fn repeats(head: &str, attribute: &str) -> u64 {
    let Some((_, value)) = head.split_once(attribute) else {
        return 1;
    };
    let value = value.trim_start_matches([' ', '=']);
    value.split(['"', '\'']).nth(1).and_then(|v| v.parse().ok()).unwrap_or(u64::MAX)
}

fn workbook(bytes: &[u8], bounds: Bounds<'_>) -> Result<Vec<Vec<Line>>, Unreadable> {
    // XLSX cell by cell: its two corners alone, filled, would make a range of all cells between them.
    if let Ok(mut xlsx) = Xlsx::new(Cursor::new(bytes)) {
        let names = chosen(xlsx.sheet_names(), bounds)?;
        return names.iter().map(|name| xlsx_lines(&mut xlsx, name, bounds.rows_max)).collect();
    }
    // XLSB is not read: a range of its cells knows no bounds.
    if let Ok(ods) = Ods::new(Cursor::new(bytes)) {
        return ranges(ods, bounds);
    }
    ranges(Xls::new(Cursor::new(bytes)).map_err(|_| Unreadable::Damaged)?, bounds)
}

fn ranges<'b>(
    mut book: impl Reader<Cursor<&'b [u8]>>,
    bounds: Bounds<'_>,
) -> Result<Vec<Vec<Line>>, Unreadable> {
    let names = chosen(book.sheet_names(), bounds)?;
    names
        .iter()
        .map(|name| {
            let range = book.worksheet_range(name).map_err(|_| Unreadable::Damaged)?;
            let (top, left) = range.start().unwrap_or((0, 0));
            let left = usize::try_from(left).unwrap_or(0).min(COLUMNS_MAX);
            let lines = (top.saturating_add(1)..).zip(range.rows());
            Ok(lines
                .map(|(number, row)| {
                    let before = std::iter::repeat_n(Cell::Empty, left);
                    Line { number, cells: before.chain(row.iter().map(cell)).take(COLUMNS_MAX).collect() }
                })
                .collect())
        })
        .collect()
}

fn chosen(names: Vec<String>, bounds: Bounds<'_>) -> Result<Vec<String>, Unreadable> {
    match bounds.worksheet {
        None => Ok(names),
        Some(wanted) if names.iter().any(|n| n == wanted) => Ok(vec![wanted.to_owned()]),
        Some(_) => Err(Unreadable::NoWorksheet { count: names.len() }),
    }
}

fn xlsx_lines(
    xlsx: &mut Xlsx<Cursor<&[u8]>>,
    name: &str,
    sheet_rows_max: u32,
) -> Result<Vec<Line>, Unreadable> {
    let mut lines: BTreeMap<u32, Vec<Cell>> = BTreeMap::new();
    // A chart sheet has no cells to read.
    let Ok(mut reader) = xlsx.worksheet_cells_reader(name) else {
        return Ok(Vec::new());
    };
    while let Some(found) = reader.next_cell().map_err(|_| Unreadable::Damaged)? {
        let (row, column) = found.get_position();
        let column = usize::try_from(column).unwrap_or(usize::MAX);
        let value = cell(&Data::from(found.get_value().clone()));
        if column >= COLUMNS_MAX || value.is_empty() {
            continue;
        }
        let cells = lines.entry(row).or_default();
        if cells.len() <= column {
            cells.resize(column + 1, Cell::Empty);
        }
        cells[column] = value;
        if lines.len() > usize::try_from(sheet_rows_max).unwrap_or(usize::MAX).saturating_add(100) {
            return Err(Unreadable::TooManyRows { sheet_rows_max });
        }
    }
    Ok(lines.into_iter().map(|(row, cells)| Line { number: row.saturating_add(1), cells }).collect())
}

fn cell(data: &Data) -> Cell {
    match data {
        Data::Empty => Cell::Empty,
        Data::String(text) => Cell::Text(text.clone()),
        // Whole numbers up to 2^53 are exact, and no identifier is longer than that without being text.
        #[expect(clippy::cast_precision_loss, reason = "beyond 2^53 it is no identifier")]
        Data::Int(number) => Cell::Number(*number as f64),
        Data::Float(number) => Cell::Number(*number),
        Data::Bool(true) => Cell::Text("true".into()),
        Data::Bool(false) => Cell::Text("false".into()),
        Data::DateTime(serial) if serial.is_datetime() => {
            let (year, month, day, ..) = serial.to_ymd_hms_milli();
            NaiveDate::from_ymd_opt(year.into(), month.into(), day.into()).map_or(Cell::Error, Cell::Date)
        }
        Data::DateTime(serial) => Cell::Number(serial.as_f64()),
        Data::DateTimeIso(text) => text
            .get(..10)
            .and_then(|date| date.parse().ok())
            .map_or_else(|| Cell::Text(text.clone()), Cell::Date),
        Data::DurationIso(text) => Cell::Text(text.clone()),
        Data::Error(_) => Cell::Error,
    }
}

fn delimited(bytes: &[u8], sheet_rows_max: u32) -> Result<Vec<Line>, Unreadable> {
    let text = text_of(bytes)?;
    let delimiter = delimiter(&text);
    if let Some(row) = quote_left_open(text.as_bytes(), delimiter) {
        return Err(Unreadable::Quote { row });
    }
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .from_reader(text.as_bytes());
    let mut lines = Vec::new();
    let mut counter = RowCounter { text: text.as_bytes(), at: 0, row: 1 };
    for record in reader.records() {
        let record = record.map_err(|_| Unreadable::NotASheet)?;
        let start = record.position().map_or(0, csv::Position::byte);
        lines.push(Line {
            number: counter.row_at(usize::try_from(start).unwrap_or(usize::MAX)),
            cells: record
                .iter()
                .take(COLUMNS_MAX)
                .map(|field| Cell::Text(unquoted(field).to_owned()))
                .collect(),
        });
        if lines.len() > usize::try_from(sheet_rows_max).unwrap_or(usize::MAX).saturating_add(100) {
            return Err(Unreadable::TooManyRows { sheet_rows_max });
        }
    }
    Ok(lines)
}

/// The row of the first cell whose quotes do not enclose it whole (RFC 4180 §2): the reader would take what follows, rows too,
/// for its text.
fn quote_left_open(text: &[u8], delimiter: u8) -> Option<u32> {
    let is_end = |byte: Option<&u8>| byte.is_none_or(|b| *b == delimiter || matches!(b, b'\r' | b'\n'));
    let mut counter = RowCounter { text, at: 0, row: 1 };
    let (mut at, mut begins_cell) = (0, true);
    while let Some(byte) = text.get(at) {
        if *byte != b'"' || !begins_cell {
            begins_cell = is_end(Some(byte));
            at += 1;
            continue;
        }
        let opened = at;
        loop {
            let length = text[at + 1..].iter().position(|b| *b == b'"');
            let Some(length) = length else { return Some(counter.row_at(opened)) };
            at += length + 2;
            // Two quotes are one within the cell.
            if text.get(at) != Some(&b'"') {
                break;
            }
        }
        let blanks = text[at..].iter().take_while(|b| **b == b' ').count();
        at += blanks;
        if !is_end(text.get(at)) {
            return Some(counter.row_at(opened));
        }
    }
    None
}

/// Counts rows as a spreadsheet program does: the reader skips empty ones, and counts a line feed after the record it ends.
struct RowCounter<'t> {
    text: &'t [u8],
    at: usize,
    row: u32,
}

impl RowCounter<'_> {
    /// The row of the record that starts at or, past line ends, after `start`. Asked in rising order.
    fn row_at(&mut self, start: usize) -> u32 {
        let blank = |b: &&u8| matches!(**b, b'\r' | b'\n');
        let start = start.min(self.text.len());
        let first = start + self.text[start..].iter().take_while(blank).count();
        let passed = &self.text[self.at..first];
        let returns = (0..passed.len()).filter(|i| passed[*i] == b'\r' && passed.get(i + 1) != Some(&b'\n'));
        let feeds = passed.iter().filter(|b| **b == b'\n').count();
        self.row = self.row.saturating_add(u32::try_from(feeds + returns.count()).unwrap_or(u32::MAX));
        self.at = first;
        self.row
    }
}

/// What people write to keep a spreadsheet from changing a number: `="0123"` or `'0123`.
fn unquoted(field: &str) -> &str {
    let field = field.trim();
    let formula = field.strip_prefix("=\"").and_then(|f| f.strip_suffix('"'));
    formula.unwrap_or_else(|| field.strip_prefix('\'').unwrap_or(field))
}

/// A byte order mark decides; else UTF-8 where it is valid; else Windows-1252, which spreadsheets still write.
fn text_of(bytes: &[u8]) -> Result<String, Unreadable> {
    let text = match Encoding::for_bom(bytes) {
        Some((encoding, mark)) => encoding.decode_without_bom_handling(&bytes[mark..]).0.into_owned(),
        None => match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned(),
        },
    };
    let binary = |c: char| {
        c.is_control() && !matches!(c, '\t' | '\r' | '\n' | '\u{c}' | '\u{1a}' | '\u{80}'..='\u{9f}')
    };
    if text.chars().any(binary) || text.starts_with("%PDF") || text.starts_with("{\\rtf") {
        return Err(Unreadable::NotASheet);
    }
    Ok(text)
}

/// The delimiter that occurs most often outside quotes in the first lines.
fn delimiter(text: &str) -> u8 {
    let mut counts = [(b',', 0), (b';', 0), (b'\t', 0), (b'|', 0)];
    let mut quoted = false;
    for byte in text.lines().take(20).flat_map(str::bytes) {
        quoted ^= byte == b'"';
        for (delimiter, count) in &mut counts {
            *count += u32::from(!quoted && byte == *delimiter);
        }
    }
    // The first of equals: a comma, where there is no delimiter at all.
    counts.iter().rev().max_by_key(|(_, count)| *count).map_or(b',', |(delimiter, _)| *delimiter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delimiter_is_told_from_the_text() {
        assert_eq!(delimiter("a,b,c\n1,2,3"), b',');
        assert_eq!(delimiter("a;b;c\n1,5;2,5;3"), b';');
        assert_eq!(delimiter("a\tb\n\"x,y,z,u\"\t1"), b'\t');
        assert_eq!(delimiter("alone"), b',');
    }

    #[test]
    fn a_quote_that_would_swallow_rows_is_named_by_its_row() {
        let rows = |text: &str| quote_left_open(text.as_bytes(), b',');
        assert_eq!(rows("a,b\n1,\"x\n2,y\n"), Some(2));
        assert_eq!(rows("a,b\n1,\"x\n2,\"y\"\n"), Some(2), "closed by the quote of a later cell");
        assert_eq!(rows("a,b\r\n\"1\",\"x\r\ny \"\"z\"\"\" \r\n2,5\" nail\n=\"3\",w"), None);
        assert!(matches!(delimited(b"a,b\n1,x\n2,\"y\n3,z\n", 9), Err(Unreadable::Quote { row: 3 })));
    }

    #[test]
    fn the_encoding_is_told_from_the_bytes() {
        assert_eq!(text_of(b"\xef\xbb\xbfNHS").unwrap(), "NHS");
        assert_eq!(text_of("J\u{f6}rg".as_bytes()).unwrap(), "J\u{f6}rg");
        assert_eq!(text_of(b"J\xf6rg").unwrap(), "J\u{f6}rg");
        assert_eq!(text_of(b"\xff\xfeN\0H\0S\0").unwrap(), "NHS");
        assert_eq!(text_of(b"\0\x01\x02DICM"), Err(Unreadable::NotASheet));
    }
}
