//! How a CSV file is written, as its first lines show it.

use super::form::{Decimal, FileForm};

/// Bytes that divide cells in the wild; of several that fit the first wins.
const DELIMITERS: [u8; 4] = *b"\t;,|";
/// Rows that are looked at.
const ROWS: usize = 50;

/// The form of a file and what of it is a guess.
pub(super) struct Detected {
    pub form: FileForm,
    pub notes: Vec<String>,
}

/// Fills what `given` leaves open where the first bytes of a file leave no doubt.
pub(super) fn form(head: &[u8], given: &FileForm) -> Detected {
    let (mut form, mut notes) = (given.clone(), Vec::new());
    let text = String::from_utf8_lossy(head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head));
    let is_whole = head.len() < 60 << 10;
    let mut lines: Vec<&str> = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)).collect();
    if !is_whole {
        lines.pop();
    }
    if form.skip_rows.is_none() {
        let skipped = above_header(&lines, &mut form);
        if skipped > 0 {
            notes.push(format!(
                "the first {} above the column names {} skipped (--skip-rows N says how many)",
                if skipped == 1 { "line".to_owned() } else { format!("{skipped} lines") },
                if skipped == 1 { "is" } else { "are" },
            ));
            form.skip_rows = Some(skipped as u32);
        }
    }
    let lines: Vec<&str> =
        lines.into_iter().skip(form.skip_rows.unwrap_or(0) as usize).filter(|line| !line.is_empty()).collect();
    let lines: Vec<String> = lines.into_iter().map(without_quoted).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    if lines.len() > 1 {
        if form.delimiter.is_none() {
            form.delimiter = fitting(&lines);
        }
        let delimiter = form.delimiter.unwrap_or(b',');
        if form.lines_below == 0 && is_units(&lines, delimiter) {
            form.lines_below = 1;
            notes.push(format!("the line below the column names ({}) holds units and is passed over", lines[1]));
        }
        let cells: Vec<&str> =
            lines[1..].iter().take(ROWS).flat_map(|line| line.split(char::from(delimiter))).map(str::trim).collect();
        marks(&cells, delimiter, &mut form, &mut notes);
    }
    Detected { form, notes }
}

/// The line with what stands between quotes blotted out; a quote that is not closed leaves the rest.
fn without_quoted(line: &str) -> String {
    let mut parts = line.split('"');
    let mut text = parts.next().unwrap_or_default().to_owned();
    while let Some(quoted) = parts.next() {
        match parts.next() {
            Some(plain) => text.extend(["x", plain]),
            None => text += quoted,
        }
    }
    text
}

/// Whether the line below the names holds words where all others hold numbers: units.
fn is_units(lines: &[&str], delimiter: u8) -> bool {
    let cells =
        |line: &str| -> Vec<String> { line.split(char::from(delimiter)).map(|cell| cell.trim().to_owned()).collect() };
    let is_number = |cell: &String| {
        let digits = cell.replace(',', ".").replace('\u{2212}', "-");
        digits.parse::<f64>().is_ok_and(f64::is_finite)
    };
    let (names, units) = (cells(lines[0]), cells(lines[1]));
    let rows: Vec<Vec<String>> = lines[2..].iter().take(ROWS).map(|line| cells(line)).collect();
    let of_numbers = |at: usize| rows.iter().all(|row| row.get(at).is_some_and(is_number));
    let is_unit = |cell: &String| !is_number(cell) && cell.chars().count() <= 12 && !cell.contains(':');
    let columns: Vec<usize> = (0..names.len()).filter(|&at| of_numbers(at)).collect();
    let words = units.iter().filter(|cell| !cell.is_empty()).count();
    let is_missing = |cell: &String| crate::table::csv::cell::is_missing_number(cell.as_bytes());
    rows.len() >= 3
        && names.len() == units.len()
        && !columns.is_empty()
        && units.iter().all(is_unit)
        && words > 0
        && columns.iter().filter(|&&at| !is_missing(&units[at])).count() * 2 > columns.len()
}

/// Lines above the column names: `sep=;`, and remarks that begin with `#`.
fn above_header(lines: &[&str], form: &mut FileForm) -> usize {
    let mut skipped = 0;
    if let Some(&[delimiter]) = lines.first().and_then(|line| line.strip_prefix("sep=")).map(str::as_bytes) {
        form.delimiter = form.delimiter.or(Some(delimiter));
        skipped = 1;
    }
    // What data loggers of two kinds write: the names, then their units and what was done to the readings.
    if lines.first().is_some_and(|line| line.starts_with("TOA5") || line.starts_with("\"TOA5\"")) {
        form.lines_below = 2;
        return 1;
    }
    if lines.first().is_some_and(|line| line.starts_with("LabVIEW Measurement")) {
        let end = lines.iter().rposition(|line| line.starts_with("***End_of_Header***"));
        return end.map_or(0, |end| end + 1);
    }
    let remarks = lines[skipped..].iter().take_while(|line| line.starts_with('#')).count();
    // A single one right above rows of numbers is the header itself: `# time,temperature`.
    let is_header = remarks > 0
        && lines.get(skipped + remarks).is_some_and(|next| {
            next.split([',', ';', '\t', '|', ' '])
                .filter(|cell| !cell.is_empty())
                .all(|cell| cell.trim().parse::<f64>().is_ok())
        });
    skipped + remarks - usize::from(is_header)
}

/// The delimiter that gives header and rows the same number of cells, two or more; `None` where none does.
fn fitting(lines: &[&str]) -> Option<u8> {
    let cells = |line: &str, delimiter: u8| 1 + line.bytes().filter(|&byte| byte == delimiter).count();
    let fits = |delimiter: u8| {
        let columns = cells(lines[0], delimiter);
        let is_same = lines[1..].iter().take(ROWS).all(|line| cells(line, delimiter) == columns);
        (columns > 1 && is_same).then_some(columns)
    };
    // A decimal comma fits, too, where every cell has one: the file is divided by what it is not in numbers.
    DELIMITERS.into_iter().find(|&delimiter| fits(delimiter).is_some())
}

/// What a cell with a mark looks like.
#[derive(Clone, Copy, PartialEq)]
enum Marked {
    /// One mark that cannot divide groups of three digits: `1,5`.
    Decimal,
    /// `1,234`: either.
    Either,
    /// Several marks: `1,234,567`.
    Groups,
}

/// How the mark stands in a cell that is a number but for it.
fn marked(cell: &str, mark: char, other: char) -> Option<Marked> {
    let digits = cell.strip_prefix(['-', '+']).unwrap_or(cell);
    let mut parts: Vec<&str> = digits.split(mark).collect();
    let plain = parts[0].replace(other, "");
    if parts[0].split(other).skip(1).all(|group| group.len() == 3) {
        parts[0] = &plain;
    }
    let whole = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let last = parts.last()?.split(other).next()?;
    if parts.len() < 2 || !parts[..parts.len() - 1].iter().all(|part| whole(part)) || !whole(last) {
        return None;
    }
    let is_group = parts[1..].iter().all(|part| part.split(other).next().is_some_and(|part| part.len() == 3));
    let leads = (1..=3).contains(&parts[0].len()) && parts[0] != "0";
    match parts.len() {
        2 if is_group && leads => Some(Marked::Either),
        2 => Some(Marked::Decimal),
        _ if is_group && leads => Some(Marked::Groups),
        _ => None,
    }
}

/// Decimal mark and separator of thousands, where the cells leave no doubt; a note where they do.
fn marks(cells: &[&str], delimiter: u8, form: &mut FileForm, notes: &mut Vec<String>) {
    let count = |mark: char, other: char, kind: Marked| {
        cells.iter().filter(|cell| marked(cell, mark, other) == Some(kind)).count()
    };
    let [comma, comma_either, comma_groups] =
        [Marked::Decimal, Marked::Either, Marked::Groups].map(|kind| count(',', '.', kind));
    let [point, point_either, point_groups] =
        [Marked::Decimal, Marked::Either, Marked::Groups].map(|kind| count('.', ',', kind));
    let asked = (form.decimal, form.thousands);
    let blanks = ['\u{a0}', '\u{2009}', '\u{202f}', ' '];
    let is_grouped = |cell: &&&str| {
        let plain = cell.replace(&blanks[..3], " ");
        [('.', ','), (',', '.')]
            .iter()
            .any(|&(mark, _)| matches!(marked(&plain, ' ', mark), Some(Marked::Either | Marked::Groups)))
    };
    if form.thousands.is_none() && cells.iter().filter(is_grouped).count() > 0 {
        form.thousands = Some(' ');
        notes.push("numbers have blanks between thousands".into());
    }
    if delimiter != b',' && form.decimal.is_none() && comma > 0 && point == 0 {
        form.decimal = Some(Decimal::Comma);
        notes.push("numbers have a decimal comma (--decimal . says otherwise)".into());
    }
    // Whatever a model remembers of other files: here the point is the mark.
    if form.decimal.is_none() && point > 0 && comma == 0 && form.thousands != Some('.') {
        form.decimal = Some(Decimal::Point);
    }
    if form.thousands.is_none() {
        let is_comma = form.decimal == Some(Decimal::Comma);
        let (groups, mark) = if is_comma { (point_groups + point_either, '.') } else { (comma_groups, ',') };
        // With a decimal comma a point can only divide thousands.
        if groups > 0 && (is_comma || (delimiter != b',' && comma == 0)) {
            form.thousands = Some(mark);
            notes.push(format!("numbers have {mark} between thousands"));
        } else if point_groups > 0 && point == 0 && !is_comma {
            form.thousands = Some('.');
            notes.push("numbers have . between thousands".into());
        }
    }
    if asked == (None, None) && form.decimal != Some(Decimal::Comma) && form.thousands.is_none() {
        let whole =
            cells.iter().filter(|cell| cell.bytes().all(|byte| byte.is_ascii_digit()) && !cell.is_empty()).count();
        let example = |mark, other| cells.iter().find(|cell| marked(cell, mark, other) == Some(Marked::Either));
        if point_either > 0
            && point == 0
            && whole > 0
            && let Some(cell) = example('.', ',')
        {
            notes.push(format!(
                "{cell} is read with a decimal point; where the point divides thousands, say --thousands ."
            ));
        } else if comma_either > 0
            && delimiter != b','
            && let Some(cell) = example(',', '.')
        {
            notes.push(format!("{cell} can be read two ways: say --decimal , or --thousands ,"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> (FileForm, String) {
        let Detected { form, notes } = form(text.as_bytes(), &FileForm::default());
        (form, notes.join("\n"))
    }

    #[test]
    fn the_delimiter_fits_header_and_rows() {
        for (text, delimiter) in [
            ("a, in C;b, in bar\n1;2\n3;4\n", b';'),
            ("a|b|c\n1|2|3\n", b'|'),
            ("a\tb,c\n1\t2\n", b'\t'),
            ("a,b\n1,2\n", b','),
            ("a;b\n1,5;2,5\n2,5;3,5\n", b';'),
            ("sep=|\na|b\n1|2\n", b'|'),
        ] {
            assert_eq!(found(text).0.delimiter, Some(delimiter), "{text}");
        }
        assert_eq!(found("alone\n1\n2\n").0.delimiter, None);
    }

    #[test]
    fn a_decimal_comma_and_thousands_are_found_where_they_are_certain() {
        let marks = |text: &str| {
            let form = found(text).0;
            (form.decimal, form.thousands)
        };
        let comma = Some(Decimal::Comma);
        assert_eq!(marks("a;b\n1,5;2\n"), (comma, None));
        assert_eq!(marks("a;b\n1.234,5;2\n"), (comma, Some('.')));
        assert_eq!(marks("a\tb\n-0,125\t2\n"), (comma, None));
        assert_eq!(marks("a;b\n1,234,567;2\n"), (None, Some(',')));
        assert_eq!(marks("a;b\n1.234.567;2\n"), (None, Some('.')));
        assert_eq!(marks("a;b\n1.5;2,345\n"), (Some(Decimal::Point), None));
        assert_eq!(marks("a,b\n1.5,2\n"), (Some(Decimal::Point), None));
        let (form, notes) = found("p;q\n902;1\n1.054;2\n");
        assert_eq!((form.thousands, notes.contains("--thousands .")), (None, true), "{notes}");
        let (form, notes) = found("p;q\n902;1\n1,054;2\n");
        assert_eq!((form.decimal, notes.contains("--decimal , or --thousands ,")), (None, true), "{notes}");
    }

    #[test]
    fn a_line_of_units_and_blanks_between_thousands_are_found() {
        assert!(found("t;p\ndegC;hPa\n1;2\n3;4\n5;6\n").0.lines_below == 1);
        assert!(found("t;p\nNA;NA\n1;2\n3;4\n5;6\n").0.lines_below == 0, "missing cells");
        assert!(found("t;n\ndegC;1/min\n1,5;2\n3,5;4\n5,5;6\n").0.lines_below == 1);
        assert!(found("t;p\n1;2\n3;4\n5;6\n7;8\n").0.lines_below == 0);
        for text in ["p,q\n1 013,5\n998,6\n", "p,q\n1\u{a0}013.5,5\n998.5,6\n", "p;q\n1\u{202f}013,25;5\n998,5;6\n"] {
            assert_eq!(found(text).0.thousands, Some(' '), "{text}");
        }
    }

    #[test]
    fn lines_above_the_header_are_skipped_and_said() {
        let skipped = |text: &str| found(text).0.skip_rows;
        assert_eq!(skipped("# logger 3\n# site B\na,b\n1,2\n"), Some(2));
        assert_eq!(skipped("sep=;\na;b\n1;2\n"), Some(1));
        assert_eq!(skipped("#a,b\n1,2\n"), None, "a header that begins with #");
        assert_eq!(skipped("#group,false,true\n#datatype,long,double\n,t,v\n,1,2\n"), Some(2));
        assert_eq!(skipped("a,b\n#1,2\n"), None);
        assert_eq!(skipped("LabVIEW Measurement\nDate\t2024\n***End_of_Header***\nX\tY\n1\t2\n"), Some(3));
        let (toa5, _) = found("\"TOA5\",\"CR1000\"\n\"T\",\"P\"\n\"C\",\"hPa\"\n\"Avg\",\"Avg\"\n1,2\n");
        assert_eq!((toa5.skip_rows, toa5.lines_below), (Some(1), 2));
    }
}
