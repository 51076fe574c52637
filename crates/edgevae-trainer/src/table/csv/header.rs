//! The header line: which delimiter it uses, which columns it names, and which of them are wanted.

use super::cell::{self, Looks, NoNumber};
use crate::table::error::{Problem, Role, list};
use crate::table::options::{Features, ReadOptions};
use std::collections::HashMap;

/// Bytes that divide cells in the wild; of equally common ones the first wins, for a comma may stand in a name:
/// `Temp (a,b);Speed`.
const CANDIDATES: [u8; 3] = *b"\t;,";

const SAVE_AS_CSV: &str = "save the table as CSV (UTF-8)";

/// What the first line shows before anything is parsed.
pub(super) struct FirstLine {
    /// The line ends within the bytes seen.
    pub complete: bool,
    /// Bytes up to its end, blank lines before it included.
    pub length: usize,
    /// The likeliest delimiter: the candidate that stands most often outside quotes.
    pub delimiter: u8,
}

/// Looks at the first line that is not blank; line ends and delimiters within quotes do not count.
pub(super) fn first_line(bytes: &[u8]) -> FirstLine {
    let mut counts = [0usize; CANDIDATES.len()];
    let mut quoted = false;
    let mut may_open = true;
    let mut complete = false;
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let blank = text.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    let mut length = bytes.len();
    for (at, &byte) in text.iter().enumerate().skip(blank) {
        // A quote opens at the start of a cell only. A doubled quote closes and, at once, opens again.
        let opens = byte == b'"' && !quoted && may_open;
        let closes = byte == b'"' && quoted;
        let candidate = CANDIDATES.iter().position(|&candidate| candidate == byte).filter(|_| !quoted);
        if !quoted && matches!(byte, b'\r' | b'\n') {
            complete = true;
            length = bytes.len() - text.len() + at;
            break;
        }
        if let Some(candidate) = candidate {
            counts[candidate] += 1;
        }
        quoted = opens || (quoted && !closes);
        may_open = closes || candidate.is_some();
    }
    let most = counts.into_iter().max().unwrap_or_default();
    let winner = CANDIDATES.into_iter().zip(counts).find(|&(_, count)| count > 0 && count == most);
    FirstLine { complete, length, delimiter: winner.map_or(b',', |(delimiter, _)| delimiter) }
}

/// What bytes that are no UTF-8 text begin like; `None` when nothing speaks against text.
pub(in crate::table) fn not_text(bytes: &[u8]) -> Option<Problem> {
    let no_text = |found, way_out| Some(Problem::NotText { found, way_out });
    match bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => no_text("text in UTF-16", SAVE_AS_CSV),
        [0x1f, 0x8b, ..] => no_text(
            "a gzip archive",
            "unpack it with gunzip; `gunzip -c FILE | edgevae score --data -` does without a second file",
        ),
        [b'P', b'K', 3, 4, ..] => {
            no_text("a ZIP archive or an Excel workbook", "unpack the archive, or save the sheet as CSV (UTF-8)")
        }
        [b'P', b'A', b'R', b'1', ..] => {
            no_text("a Parquet file", "choose --format parquet, or name it with the extension .parquet")
        }
        [0x89, b'P', b'N', b'G', ..] => no_text("a PNG image", SAVE_AS_CSV),
        // In the header only, wherever the stream was cut: what is said must not depend on that.
        _ if bytes.iter().take_while(|&byte| !b"\r\n".contains(byte)).any(|&byte| byte == 0) => {
            no_text("bytes that are no text", SAVE_AS_CSV)
        }
        _ => None,
    }
}

/// Column names without blanks around them: none empty but the first, as tables with row names have it; none twice, not all
/// of them numbers.
///
/// `are_names` says that they are names even where they look like data.
pub(super) fn names<'a>(
    cells: impl Iterator<Item = &'a [u8]>,
    line: u64,
    are_names: bool,
) -> Result<Vec<String>, Problem> {
    let texts: Result<Vec<&str>, _> = cells.map(|cell| str::from_utf8(cell.trim_ascii())).collect();
    let texts = texts.map_err(|_| Problem::NotText { found: "bytes that are no UTF-8", way_out: SAVE_AS_CSV })?;
    let names: Vec<String> = texts.into_iter().map(str::to_owned).collect();
    let is_row_names = names.len() > 1 && names[0].is_empty();
    let from = usize::from(is_row_names);
    if let Some(blank) = names[from..].iter().position(String::is_empty) {
        return Err(Problem::BlankName { column: from + blank + 1, columns: names.len() });
    }
    // Ahead of the search for duplicates, because data repeat values and "two columns are named 0" would mislead.
    if !are_names && is_data(&names) {
        return Err(Problem::HeaderIsData { line, found: list(&names) });
    }
    let mut seen = HashMap::new();
    for (column, name) in names.iter().enumerate() {
        if let Some(first) = seen.insert(name, column) {
            return Err(Problem::DuplicateName { name: name.clone(), first: first + 1, second: column + 1 });
        }
    }
    Ok(names)
}

/// Whether the names are a row of data: all are numbers, times or empty, and they are not rising numbers alone, as column
/// numbers and wavelengths are; or half of them are numbers with a fraction.
fn is_data(names: &[String]) -> bool {
    let number = |name: &String| cell::number(name.as_bytes()).ok();
    let is_time = |name: &&String| cell::number(name.as_bytes()) == Err(NoNumber::Text(Looks::Time));
    let values: Vec<f32> = names.iter().filter_map(number).collect();
    let times = names.iter().filter(is_time).count();
    let fractions = names.iter().filter(|name| number(name).is_some_and(|value| value.fract() != 0.0)).count();
    let is_rising = times == 0 && values.len() > 1 && values.is_sorted_by(|a, b| a < b);
    !values.is_empty() && !is_rising && (values.len() + times == names.len() || 2 * fractions >= names.len())
}

/// Where the wanted columns stand in a row.
#[derive(Debug)]
pub(crate) struct Selection {
    /// Position of each feature, in the order of features.
    pub features: Vec<usize>,
    /// Position of the label.
    pub label: Option<usize>,
    /// Positions of columns that nobody asked for or asked to ignore.
    pub extra: Vec<usize>,
}

/// Finds the wanted columns by name.
pub(crate) fn select(names: &[String], options: &ReadOptions) -> Result<Selection, Problem> {
    let positions: HashMap<&str, usize> = names.iter().enumerate().map(|(i, name)| (name.as_str(), i)).collect();
    let mut roles: Vec<Option<Role>> = vec![None; names.len()];
    let mut claim = |name: &String, role: Role| -> Result<usize, Problem> {
        let &column = positions.get(name.as_str()).ok_or_else(|| Problem::NoSuchColumn {
            name: name.clone(),
            role,
            similar: similar(name, names),
            columns: list(names),
        })?;
        match roles[column].replace(role) {
            // To ignore a column twice is no contradiction.
            Some(first) if (first, role) != (Role::Ignored, Role::Ignored) => {
                Err(Problem::AskedTwice { name: name.clone(), first, second: role })
            }
            _ => Ok(column),
        }
    };
    let label = options.label.as_ref().map(|name| claim(name, Role::Label)).transpose()?;
    for name in &options.ignore {
        claim(name, Role::Ignored)?;
    }
    let features = match &options.features {
        Features::All => None,
        Features::Named(wanted) => Some((wanted, Role::Feature)),
        Features::OfFirst(wanted) => Some((wanted, Role::FirstFileFeature)),
        Features::OfModel(wanted) => Some((wanted, Role::ModelFeature)),
    };
    let features: Option<Vec<usize>> = features
        .map(|(wanted, role)| wanted.iter().map(|name| claim(name, role)).collect::<Result<_, _>>())
        .transpose()?;
    let is_free = |&column: &usize| roles[column].is_none() && !names[column].is_empty();
    let unclaimed: Vec<usize> = (0..names.len()).filter(is_free).collect();
    let (features, extra) = match features {
        Some(features) => (features, unclaimed),
        None => (unclaimed, vec![]),
    };
    if features.is_empty() {
        return Err(Problem::NoFeatures { columns: list(names) });
    }
    Ok(Selection { features, label, extra })
}

/// The column whose name is nearly `wanted`: equal but for case and punctuation, or else one or two typing errors away.
pub(crate) fn similar(wanted: &str, names: &[String]) -> Option<String> {
    let plain =
        |name: &str| name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect::<String>();
    let target = plain(wanted);
    // One error for four letters: "Rpm" is not a misspelt "Temp".
    let tolerated = (target.chars().count() / 4).min(2);
    let near = names.iter().map(|name| (edits(&target, &plain(name)), name));
    near.filter(|(errors, _)| *errors <= tolerated).min_by_key(|(errors, _)| *errors).map(|(_, name)| name.clone())
}

/// Levenshtein distance: insertions, deletions and substitutions that make one text the other.
fn edits(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, &b) in to.iter().enumerate() {
            let substituted = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delimiter_is_the_commonest_candidate_outside_quotes() {
        let detect = |text: &str| first_line(text.as_bytes()).delimiter;
        assert_eq!(detect("a,b;c,d\n"), b',');
        assert_eq!(detect("a;b;c\n1,5;2,5;3,5\n"), b';');
        assert_eq!(detect("\u{feff}a\tb\n"), b'\t');
        assert_eq!(detect("\"a,b,c\";\"d\"\"e,f,g\";h\n"), b';');
        assert_eq!(detect("5\" pipe,6\" pipe;7\",x\n"), b',');
        assert_eq!(detect("Temp (a,b);Speed\n"), b';');
        assert_eq!(detect("5\"\",6;7;8\n"), b';');
        assert_eq!(detect("\r\n\na;b\n"), b';');
        assert_eq!(detect("alone\n1;2\n"), b',');
    }

    #[test]
    fn the_first_line_ends_at_the_first_line_end_outside_quotes() {
        let complete = |text: &str| first_line(text.as_bytes()).complete;
        assert!(complete("a,b\n"));
        assert!(complete("a,b\r"));
        assert!(complete("\"a\nb\",c\n"));
        assert!(!complete("\"a\n\"\"b,c\n"));
        assert!(!complete("\n\na,b"));
        assert!(!complete("\u{feff}\r\n"));
    }

    #[test]
    fn distances_are_those_of_levenshtein() {
        assert_eq!(edits("kitten", "sitting"), 3);
        assert_eq!((edits("", "abc"), edits("abc", ""), edits("abc", "abc")), (3, 3, 0));
    }

    #[test]
    fn a_near_name_is_suggested_and_a_far_one_is_not() {
        let names: Vec<String> = ["Temp_C", "pressure", "rpm"].map(String::from).into();
        assert_eq!(similar("temp c", &names), Some("Temp_C".into()));
        assert_eq!(similar("presure", &names), Some("pressure".into()));
        assert_eq!(similar("RPM", &names), Some("rpm".into()));
        assert_eq!(similar("r", &names), None);
        assert_eq!(similar("voltage", &names), None);
    }
}
