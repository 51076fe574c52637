//! Several files as one table: the columns are those of the first.

use std::fmt::Display;
use std::path::PathBuf;

use super::block::Counts;
use super::error::{DataError, Problem};
use super::options::{Features, ReadOptions};
use super::source::{self, Source};

/// Opens files that are read one after the other, each closed until it is its turn. Every file must have the features of the
/// first; what is to be told about other columns is the second result.
///
/// # Errors
/// [`DataError`] for the first thing wrong.
///
/// # Panics
/// When there are no paths.
pub(crate) fn open(paths: &[PathBuf], options: &ReadOptions) -> Result<(Vec<Source>, Vec<String>), DataError> {
    let mut sources = vec![Source::open(&paths[0], options)?];
    let guessed =
        |source: &Source| source.notes.iter().map(|note| format!("{}: {note}", source.name)).collect::<Vec<_>>();
    let mut notes = guessed(&sources[0]);
    sources[0].close();
    let features = Features::OfFirst(sources[0].feature_names.clone());
    let others = ReadOptions { features, ..later(options) };
    for path in &paths[1..] {
        let mut source = Source::open(path, &others)?;
        notes.extend(guessed(&source));
        source.close();
        sources.push(source);
    }
    // Whoever names the features leaves the other columns out.
    if options.features == Features::All {
        notes.extend(other_columns(&sources, &options.ignore));
    }
    Ok((sources, notes))
}

/// How the files after the first are read: a column to ignore that they have not is no fault of theirs.
pub(crate) fn later(options: &ReadOptions) -> ReadOptions {
    ReadOptions { ignore: vec![], ..options.clone() }
}

/// Refuses pipes where files are read again: a second reader of a pipe waits for rows that never come.
pub(crate) fn refuse_pipes(paths: &[PathBuf]) -> Result<(), DataError> {
    let why = "rows with text, times or missing cells are read twice; write them to a file";
    let pipe =
        paths.iter().find(|path| path.metadata().is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir()));
    match pipe {
        Some(path) => Err(DataError { file: path.display().to_string(), problem: Problem::ReadOnce(why) }),
        None => Ok(()),
    }
}

/// A sentence for each column that the first file has not.
fn other_columns(sources: &[Source], ignore: &[String]) -> Vec<String> {
    let mut columns: Vec<(&String, Vec<&String>)> = Vec::new();
    for source in sources {
        for column in source.extra_columns.iter().filter(|&column| !ignore.contains(column)) {
            match columns.iter_mut().find(|(known, _)| *known == column) {
                Some((_, files)) => files.push(&source.name),
                None => columns.push((column, vec![&source.name])),
            }
        }
    }
    let first = &sources[0].name;
    let note = |(column, files): (&String, Vec<&String>)| {
        let has = if files.len() == 1 { "has" } else { "have" };
        format!("`{column}`: left out, because {first}, the first file, has no such column and {} {has}", named(&files))
    };
    columns.into_iter().map(note).collect()
}

/// A sentence that names files without a row; nothing where each has some.
pub(crate) fn without_rows<'a>(files: impl Iterator<Item = (&'a String, u64)>) -> Option<String> {
    let empty: Vec<&String> = files.filter(|(_, rows)| *rows == 0).map(|(name, _)| name).collect();
    (!empty.is_empty()).then(|| format!("{}: a header and no rows", named(&empty)))
}

/// The error of files that hold nothing to use, if that is what the counts of all of them say.
pub(super) fn check_counts(sources: &[Source], counts: Counts) -> Result<(), DataError> {
    source::check_counts(&named(&sources.iter().map(|source| &source.name).collect::<Vec<_>>()), counts)
}

/// The file, or the first of several and how many more.
pub(crate) fn named(files: &[impl Display]) -> String {
    match files {
        [] => String::new(),
        [file] => file.to_string(),
        [file, _] => format!("{file} and 1 more file"),
        [file, others @ ..] => format!("{file} and {} more files", others.len()),
    }
}
