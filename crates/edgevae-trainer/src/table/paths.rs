//! Which files a user means: files, folders of files, patterns.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::error::{DataError, Problem};

/// Extensions of the files that a folder stands for.
const EXTENSIONS: [&str; 6] = ["csv", "tsv", "jsonl", "ndjson", "parquet", "pq"];

/// Files in the order of the arguments, those of a folder or pattern sorted by name, numbers in it by their value; a folder's subfolders are left alone,
/// and a file that several arguments stand for is taken once.
///
/// # Errors
/// [`DataError`] for a pattern or a folder without a file of rows. A plain path is not looked at: opening it tells more.
pub fn expand(arguments: &[PathBuf]) -> Result<Vec<PathBuf>, DataError> {
    let (mut paths, mut seen) = (Vec::new(), HashSet::new());
    for argument in arguments {
        let files = if argument.is_dir() {
            of_folder(argument)
        } else if !argument.exists() && is_pattern(argument) {
            of_pattern(argument)
        } else if is_list(argument) {
            Err(Problem::NoFiles("no such file, and each part of it is one: name each with a --data of its own"))
        } else if argument == Path::new("-") && !argument.exists() {
            Err(Problem::NoFiles("standard input is not read here, because rows are read more than once"))
        } else {
            Ok(vec![argument.clone()])
        };
        let files = files.map_err(|problem| DataError { file: argument.display().to_string(), problem })?;
        paths
            .extend(files.into_iter().filter(|path| seen.insert(path.canonicalize().unwrap_or_else(|_| path.clone()))));
    }
    Ok(paths)
}

fn is_pattern(path: &Path) -> bool {
    path.to_string_lossy().contains(['*', '?', '['])
}

/// Whether it is no file but several with commas between them, as other options take lists.
fn is_list(path: &Path) -> bool {
    let text = path.to_string_lossy();
    text.contains(',') && !path.exists() && text.split(',').all(|part| Path::new(part).exists())
}

fn of_folder(folder: &Path) -> Result<Vec<PathBuf>, Problem> {
    let entries = std::fs::read_dir(folder).map_err(|error| Problem::CannotOpen { error })?;
    let known = |path: &PathBuf| {
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        EXTENSIONS.iter().any(|known| extension.eq_ignore_ascii_case(known)) && path.is_file()
    };
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).filter(known).collect();
    files.sort_by(|a, b| natural(a, b));
    if files.is_empty() { Err(Problem::NoFiles("the folder holds no file of rows")) } else { Ok(files) }
}

fn of_pattern(pattern: &Path) -> Result<Vec<PathBuf>, Problem> {
    let matches =
        glob::glob(&pattern.to_string_lossy()).map_err(|_| Problem::NoFiles("the pattern is not understood"))?;
    let mut files: Vec<PathBuf> = matches.filter_map(Result::ok).filter(|path| path.is_file()).collect();
    files.sort_by(|a, b| natural(a, b));
    if files.is_empty() { Err(Problem::NoFiles("no file matches the pattern")) } else { Ok(files) }
}

/// The order of names in which `log_2` stands before `log_10`.
fn natural(a: &Path, b: &Path) -> Ordering {
    let parts = |path: &Path| -> Vec<(String, u64)> {
        let (mut parts, mut in_number) = (vec![(String::new(), 0_u64)], false);
        for found in path.to_string_lossy().chars() {
            let last = parts.len() - 1;
            match found.to_digit(10) {
                Some(digit) => parts[last].1 = parts[last].1.saturating_mul(10).saturating_add(digit.into()),
                None if in_number => parts.push((found.into(), 0)),
                None => parts[last].0.push(found),
            }
            in_number = found.is_ascii_digit();
        }
        parts
    };
    parts(a).cmp(&parts(b)).then_with(|| a.cmp(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_names_are_ordered_by_their_value() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["log_10.csv", "log_2.csv", "log_1.csv", "log_02b.csv"] {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        for argument in [dir.path().to_owned(), dir.path().join("*.csv")] {
            let paths = super::expand(&[argument]).unwrap();
            let names: Vec<_> = paths.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
            assert_eq!(names, ["log_1.csv", "log_2.csv", "log_02b.csv", "log_10.csv"]);
        }
    }

    #[test]
    fn folders_and_patterns_stand_for_their_files_in_order() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["b.csv", "a.CSV", "c.parquet", "notes.txt", "d.jsonl"] {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        std::fs::create_dir(dir.path().join("e.csv")).unwrap();
        let expand = |name: &str| -> Result<Vec<String>, String> {
            let paths = expand(&[dir.path().join(name)]).map_err(|error| error.to_string())?;
            Ok(paths.iter().map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect())
        };
        assert_eq!(expand("").unwrap(), ["a.CSV", "b.csv", "c.parquet", "d.jsonl"]);
        assert_eq!(expand("*.csv").unwrap(), ["b.csv"]);
        let twice = super::expand(&[dir.path().join("*.csv"), dir.path().join("b.csv"), dir.path().join("b.csv")]);
        assert_eq!(twice.unwrap().len(), 1);
        assert_eq!(expand("absent.csv").unwrap(), ["absent.csv"]);
        let list = format!("{0},{0}", dir.path().join("b.csv").display());
        let error = super::expand(&[list.into()]).unwrap_err().to_string();
        assert!(error.contains("--data of its own"), "{error}");
        let error = super::expand(&["-".into()]).unwrap_err().to_string();
        assert!(error.starts_with("-: standard input is not read here"), "{error}");
        assert!(expand("*.tsv").unwrap_err().contains("no file matches the pattern"));
        assert!(expand("e.csv").unwrap_err().contains("the folder holds no file of rows"));
    }
}
