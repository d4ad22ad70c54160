//! What is wrong with a sheet, in words that lead to mending it. No value of a cell is ever repeated.

use std::fmt;

/// Something to mend in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The row's number in the sheet, as a spreadsheet program shows it.
    pub row: u32,
    /// The column's heading, where one column is at fault.
    pub column: Option<String>,
    /// What is wrong.
    pub code: Code,
    /// The other rows of the sheet that have part in it.
    pub other_rows: Vec<u32>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "row {}", self.row)?;
        if let Some(column) = &self.column {
            write!(f, ", column {column:?}")?;
        }
        write!(f, ": {}: {}", self.code.code(), self.code.what_to_do())?;
        match self.other_rows.as_slice() {
            [] => Ok(()),
            [one] => write!(f, " (see row {one})"),
            many => {
                let rows: Vec<_> = many.iter().take(5).map(ToString::to_string).collect();
                write!(f, " (see rows {}{})", rows.join(", "), if many.len() > 5 { ", …" } else { "" })
            }
        }
    }
}

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $code:literal, $remedy:literal;)+) => {
        /// What is wrong with a row. Each code has a remedy.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Code { $($(#[doc = $doc])+ $name,)+ }

        impl Code {
            /// Every code, for the manual.
            pub const ALL: &[Code] = &[$(Code::$name,)+];

            /// The code, stable over versions.
            pub fn code(self) -> &'static str {
                match self { $(Code::$name => $code,)+ }
            }

            /// What to do about it.
            pub fn what_to_do(self) -> &'static str {
                match self { $(Code::$name => $remedy,)+ }
            }
        }
    };
}

codes! {
    /// Neither NHS number nor local id.
    NoIdentity = "no-identity", "give an NHS number, or a local id and its issuer";
    /// Not ten digits.
    NhsNotTenDigits = "nhs-number-not-ten-digits", "an NHS number has ten digits; blanks and hyphens between them do no harm";
    /// Nine digits.
    NhsNineDigits = "nhs-number-nine-digits", "nine digits: the spreadsheet may have dropped a leading zero; format the column as text and type the number again";
    /// 9.99E+09
    NhsScientific = "nhs-number-scientific", "the spreadsheet rounded the number to scientific notation and its digits are lost; format the column as text and paste the numbers again";
    /// 9990000018.0
    NhsDecimal = "nhs-number-decimal", "the number was saved with a decimal point; format the column as text and save again";
    /// Modulus 11.
    NhsCheckDigit = "nhs-number-check-digit", "the check digit does not agree: a digit is mistyped";
    /// Stands for nobody.
    NhsPlaceholder = "nhs-number-placeholder", "a placeholder, not a person's number: leave it empty and give a local id and its issuer";
    /// Stands for nobody, or cannot be an id.
    LocalIdPlaceholder = "local-id-placeholder", "a placeholder, not a person's id";
    /// Digits lost.
    LocalIdScientific = "local-id-scientific", "the spreadsheet rounded the id to scientific notation; format the column as text and paste the ids again";
    /// Not fit for a query.
    LocalIdInvalid = "local-id-invalid", "an id has at most 64 characters, and none of * ? \\ or control characters";
    /// Local id without issuer.
    IssuerMissing = "issuer-missing", "a local id means nothing without its issuer: add a column, or name the issuer when importing";
    /// The project asks for one.
    SecondIdentifierMissing = "second-identifier-missing", "the project asks for a second identifier, such as the date of birth, so that the right person is found";
    /// No arm.
    ArmMissing = "arm-missing", "say which arm the person is in";
    /// Not an arm.
    ArmUnknown = "arm-unknown", "none of the values that the project file lists for its arms";
    /// No anchor date.
    DateMissing = "date-missing", "give the date that the person's arm hangs on";
    /// Not a date.
    DateUnreadable = "date-unreadable", "not a date; write year-month-day, as 2020-03-31";
    /// Day and month could be swapped.
    DateAmbiguous = "date-ambiguous", "day or month first? write year-month-day, or declare the sheet's order with --dates dmy or --dates mdy";
    /// Not in the declared order.
    DateNotAsDeclared = "date-not-as-declared", "no such date in the order that was declared for this sheet";
    /// Two-digit year.
    DateTwoDigitYear = "date-two-digit-year", "write the year with four digits";
    /// A bare number.
    DateBareNumber = "date-bare-number", "a bare number: format the column as a date, or write year-month-day";
    /// After today.
    DateInFuture = "date-in-future", "lies after today";
    /// Cannot be.
    DateImplausible = "date-implausible", "before the person's birth, or more than 130 years ago";
    /// Not a sex.
    SexUnreadable = "sex-unreadable", "write F, M or O, or leave it empty";
    /// A cell in error.
    CellError = "cell-error", "the spreadsheet shows an error in this cell";
    /// The same row again.
    Duplicate = "duplicate", "the same person, arm and date stand in an earlier row; this one is left out";
    /// Two arms.
    ArmConflict = "arm-conflict", "one person stands in two arms; keep the row that is right";
    /// Two dates.
    DateConflict = "date-conflict", "one person has two dates in one arm; keep the row whose date counts";
    /// Two people under one id, or one person with two numbers.
    IdentityConflict = "identity-conflict", "one local id stands beside different NHS numbers; keep the row that is right";
    /// Two birth dates.
    BirthDateConflict = "date-of-birth-conflict", "one number stands beside different dates of birth; keep the row that is right";
    /// Two sexes.
    SexConflict = "sex-conflict", "one number stands beside different sexes; keep the row that is right";
}

/// Why nothing of a sheet could be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// No bytes.
    #[error("sheet-empty: the sheet is empty")]
    Empty,
    /// Above the limit.
    #[error("sheet-too-long: the sheet is longer than sheet_bytes_max = {sheet_bytes_max}")]
    TooLong {
        /// The limit.
        sheet_bytes_max: u64,
    },
    /// Above the limit.
    #[error("sheet-too-many-rows: the sheet has more rows than sheet_rows_max = {sheet_rows_max}; split it")]
    TooManyRows {
        /// The limit.
        sheet_rows_max: u32,
    },
    /// Not a sheet.
    #[error("sheet-unreadable: this is no sheet that can be read: save it as .xlsx, .ods or .csv")]
    NotASheet,
    /// A quote that is not closed where its cell ends would swallow the rows below it.
    #[error(
        "sheet-quote: row {row}: a cell begins with a quote that nothing closes, or that closes before the cell ends; mend it, or save the sheet as .xlsx"
    )]
    Quote {
        /// The row in which the cell begins.
        row: u32,
    },
    /// Begins like a workbook, but cannot be read.
    #[error(
        "sheet-damaged: the workbook is damaged or protected by a password: save it again, without a password, as .xlsx, .ods or .csv"
    )]
    Damaged,
    /// No such worksheet.
    #[error(
        "sheet-no-worksheet: there is no worksheet of the name that was given; the workbook has {count} worksheets"
    )]
    NoWorksheet {
        /// How many there are.
        count: usize,
    },
    /// More than one worksheet has headings.
    #[error(
        "sheet-several-worksheets: {count} worksheets look like cohort sheets: say which one with --worksheet"
    )]
    SeveralWorksheets {
        /// How many.
        count: usize,
    },
    /// No row of headings.
    #[error(
        "sheet-no-headings: no headings found in the first {rows_looked_at} rows: there must be one for the NHS number or a local id, and one for {needed}; or name the columns, as --map \"Column heading=nhs-number\""
    )]
    NoHeadings {
        /// How far was looked.
        rows_looked_at: usize,
        /// What is looked for besides.
        needed: String,
    },
    /// Two columns for one field.
    #[error(
        "sheet-two-columns: the columns {first:?} and {second:?} both read as {field}: rename one, or name the right one with --map"
    )]
    TwoColumns {
        /// The field.
        field: String,
        /// One heading.
        first: String,
        /// The other.
        second: String,
    },
    /// A column named by hand is not there.
    #[error("sheet-no-such-column: there is no column {heading:?}, which --map names")]
    NoSuchColumn {
        /// The heading as given.
        heading: String,
    },
    /// The arm given for all rows is not one of the project's.
    #[error("sheet-no-such-arm: the project has no such arm; it has {arms}")]
    NoSuchArm {
        /// The project's arms.
        arms: String,
    },
    /// Headings and nothing below.
    #[error("sheet-no-rows: there are headings, and no rows below them")]
    NoRows,
}
