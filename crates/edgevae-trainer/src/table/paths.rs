//! Which files a user means: files, folders of files, patterns.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::error::{DataError, Problem};

/// Extensions of the files that a folder stands for.
const EXTENSIONS: [&str; 6] = ["csv", "tsv", "jsonl", "ndjson", "parquet", "pq"];

/// Files in the order of the arguments, those of a folder or pattern sorted by name; a folder's subfolders are left alone,
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
    files.sort();
    if files.is_empty() { Err(Problem::NoFiles("the folder holds no file of rows")) } else { Ok(files) }
}

fn of_pattern(pattern: &Path) -> Result<Vec<PathBuf>, Problem> {
    let matches =
        glob::glob(&pattern.to_string_lossy()).map_err(|_| Problem::NoFiles("the pattern is not understood"))?;
    // In alphabetical order, as the crate promises.
    let files: Vec<PathBuf> = matches.filter_map(Result::ok).filter(|path| path.is_file()).collect();
    if files.is_empty() { Err(Problem::NoFiles("no file matches the pattern")) } else { Ok(files) }
}

#[cfg(test)]
mod tests {
    use super::*;

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
