//! Files that appear whole or not at all: written beside their place, then renamed.
//!
//! What is unfinished is registered here, so that Ctrl-C can remove it on the way out.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use tempfile::{NamedTempFile, TempDir};

/// Unfinished things, each with the folders that were made for it.
static UNFINISHED: Mutex<Vec<(PathBuf, MadeFolders)>> = Mutex::new(Vec::new());

/// Removes every unfinished file and folder. For the Ctrl-C handler, just before the process ends.
pub fn remove_unfinished() {
    let unfinished = UNFINISHED.lock().map(|unfinished| unfinished.clone()).unwrap_or_default();
    for (path, folders) in unfinished {
        remove(&path, &folders);
    }
}

/// Removes something unfinished and the folders that were made for it.
fn remove(path: &Path, folders: &MadeFolders) {
    // The process is on its way out and has nobody to tell about a failure.
    let _ = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    folders.remove_empty();
}

/// Folders that were made to hold an output, the deepest first.
#[derive(Clone, Debug)]
struct MadeFolders(Vec<PathBuf>);

impl MadeFolders {
    /// Makes `folder` and those above it that are missing; all or none.
    fn new(folder: &Path) -> io::Result<Self> {
        let missing = folder.ancestors().take_while(|above| !above.as_os_str().is_empty() && !above.exists());
        let made = Self(missing.map(Path::to_owned).collect());
        match fs::create_dir_all(folder) {
            Ok(()) => Ok(made),
            Err(error) => {
                made.remove_empty();
                Err(error)
            }
        }
    }

    /// Removes those in which nothing is: the system refuses to remove the others.
    fn remove_empty(&self) {
        self.0.iter().for_each(|folder| _ = fs::remove_dir(folder));
    }
}

/// Keeps a path on the list of unfinished things while it lives; then what was made for it goes, unless it is in use.
#[derive(Debug)]
struct Unfinished {
    path: PathBuf,
    folders: MadeFolders,
}

impl Unfinished {
    fn new(path: &Path, folders: MadeFolders) -> Self {
        if let Ok(mut unfinished) = UNFINISHED.lock() {
            unfinished.push((path.to_owned(), folders.clone()));
        }
        Self { path: path.to_owned(), folders }
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Ok(mut unfinished) = UNFINISHED.lock() {
            unfinished.retain(|(path, _)| *path != self.path);
        }
        self.folders.remove_empty();
    }
}

/// Why an output cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// The output exists and may hold something that is still needed.
    #[error("{path} exists; pass --force to replace what is in it, or name another --out", path = .0.display())]
    Exists(PathBuf),
    /// The output is a device, a pipe or a socket.
    #[error("--out {path} is no regular file; name another --out, `-` for standard output", path = .0.display())]
    NoFile(PathBuf),
    /// The output would replace what the command reads.
    #[error("--out {path} is the file of {input}, which would be replaced; name another --out", path = path.display())]
    IsInput {
        /// The output.
        path: PathBuf,
        /// The flag that names the same file.
        input: &'static str,
    },
    /// The system refused.
    #[error("{path}: cannot write: {source}; name another --out or free some space", path = path.display())]
    Write {
        /// What was to be written.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> OutputError + '_ {
    move |source| OutputError::Write { path: path.to_owned(), source }
}

/// The folder that holds `path`; the current one for a bare name.
fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes a rename survive a power cut: without it the folder on disk may still hold the old name.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { fs::File::open(folder)?.sync_all() } else { Ok(()) }
}

/// Refuses an output that is one of the files that a command reads, whatever names they have. Each input goes with its
/// flag.
///
/// # Errors
/// [`OutputError::IsInput`].
pub fn refuse_inputs(out: &Path, inputs: &[(&'static str, &Path)]) -> Result<(), OutputError> {
    let Ok(place) = out.canonicalize() else { return Ok(()) };
    match inputs.iter().find(|(_, input)| input.canonicalize().is_ok_and(|input| input == place)) {
        Some(&(input, _)) => Err(OutputError::IsInput { path: out.to_owned(), input }),
        None => Ok(()),
    }
}

/// One file, written beside its place.
#[derive(Debug)]
pub struct OutputFile {
    // Goes before the folders that were made for it.
    file: NamedTempFile,
    path: PathBuf,
    unfinished: Unfinished,
}

impl OutputFile {
    /// Opens the file before the work starts, so that a place that cannot be written is known at once.
    ///
    /// # Errors
    /// [`OutputError::Write`].
    pub fn create(path: &Path) -> Result<Self, OutputError> {
        let mut builder = tempfile::Builder::new();
        // A temporary file is for its owner only; results are as readable as any other file of the user.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        Self::create_with(path, &mut builder)
    }

    /// As [`OutputFile::create`], for a file that nobody but its owner may read.
    ///
    /// # Errors
    /// [`OutputError::Write`].
    pub fn create_secret(path: &Path) -> Result<Self, OutputError> {
        Self::create_with(path, &mut tempfile::Builder::new())
    }

    fn create_with(path: &Path, builder: &mut tempfile::Builder<'_, '_>) -> Result<Self, OutputError> {
        if path.is_dir() {
            return Err(failed(path)(io::ErrorKind::IsADirectory.into()));
        }
        // A link stays, and what it names is replaced; a device or a pipe would be no more.
        let path = &path.canonicalize().unwrap_or_else(|_| path.to_owned());
        if path.metadata().is_ok_and(|found| !found.is_file()) {
            return Err(OutputError::NoFile(path.clone()));
        }
        let parent = parent(path);
        let folders = MadeFolders::new(parent).map_err(failed(path))?;
        let file = builder.prefix(".edgevae-").suffix(".partial").tempfile_in(parent);
        let file = file.inspect_err(|_| folders.remove_empty()).map_err(failed(path))?;
        let unfinished = Unfinished::new(file.path(), folders);
        Ok(Self { file, path: path.to_owned(), unfinished })
    }

    /// Writes all of the file's content.
    ///
    /// # Errors
    /// [`OutputError::Write`].
    pub fn put(&mut self, bytes: &[u8]) -> Result<(), OutputError> {
        self.file.as_file_mut().write_all(bytes).map_err(failed(&self.path))
    }

    /// Puts the finished file in its place.
    ///
    /// # Errors
    /// [`OutputError::Write`]; what was there before is then still there.
    pub fn finish(mut self) -> Result<(), OutputError> {
        self.file.as_file_mut().flush().and_then(|()| self.file.as_file().sync_all()).map_err(failed(&self.path))?;
        self.file.persist(&self.path).map_err(|error| failed(&self.path)(error.error))?;
        drop(self.unfinished);
        sync_folder(parent(&self.path)).map_err(failed(&self.path))
    }
}

/// An error names the file that is being made, not the unfinished one beside it.
impl Write for OutputFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.as_file_mut().write(bytes);
        written.map_err(|error| io::Error::new(error.kind(), failed(&self.path)(error)))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_file_mut().flush()
    }
}

/// A folder of results, written beside its place.
#[derive(Debug)]
pub struct OutputDir {
    // Goes before the folders that were made for it.
    partial: TempDir,
    path: PathBuf,
    unfinished: Unfinished,
}

impl OutputDir {
    /// Makes the folder's unfinished twin before the work starts.
    ///
    /// # Errors
    /// [`OutputError::Exists`] without `force`; [`OutputError::Write`].
    pub fn create(path: &Path, force: bool) -> Result<Self, OutputError> {
        if path.exists() && !path.is_dir() {
            return Err(failed(path)(io::ErrorKind::NotADirectory.into()));
        }
        if path.exists() && !force {
            return Err(OutputError::Exists(path.to_owned()));
        }
        let parent = parent(path);
        let folders = MadeFolders::new(parent).map_err(failed(path))?;
        let mut builder = tempfile::Builder::new();
        // A temporary folder is for its owner only; results are as readable as any other file of the user.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o777));
        let partial = builder.prefix(".edgevae-").suffix(".partial").tempdir_in(parent);
        let partial = partial.inspect_err(|_| folders.remove_empty()).map_err(failed(path))?;
        let unfinished = Unfinished::new(partial.path(), folders);
        Ok(Self { partial, path: path.to_owned(), unfinished })
    }

    /// Writes one file of the folder.
    ///
    /// # Errors
    /// [`OutputError::Write`].
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), OutputError> {
        let path = self.partial.path().join(name);
        let written = fs::File::create(&path).and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        });
        written.map_err(failed(&self.path.join(name)))
    }

    /// Puts the finished folder in its place, at once. Into a folder that exists, each file replaces the one of the same
    /// name, and files of `names` that were not written go: they are of an earlier run.
    ///
    /// # Errors
    /// [`OutputError::Write`].
    pub fn finish<'n>(mut self, names: impl IntoIterator<Item = &'n str>) -> Result<(), OutputError> {
        if self.path.exists() {
            let written = |name: &&str| self.partial.path().join(name).exists();
            let stale: Vec<PathBuf> =
                names.into_iter().filter(|name| !written(name)).map(|name| self.path.join(name)).collect();
            for entry in fs::read_dir(self.partial.path()).map_err(failed(&self.path))? {
                let entry = entry.map_err(failed(&self.path))?;
                let place = self.path.join(entry.file_name());
                fs::rename(entry.path(), &place).map_err(failed(&place))?;
            }
            for place in stale.iter().filter(|place| place.is_file()) {
                fs::remove_file(place).map_err(failed(place))?;
            }
            sync_folder(&self.path).map_err(failed(&self.path))?;
        } else {
            fs::rename(self.partial.path(), &self.path).map_err(failed(&self.path))?;
            // It is gone from the place where the guard would remove it.
            self.partial.disable_cleanup(true);
        }
        drop(self.unfinished);
        sync_folder(parent(&self.path)).map_err(failed(&self.path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_pipe_is_refused_and_a_link_stays_one() {
        let dir = tempfile::tempdir().unwrap();
        let [pipe, link, target] = ["pipe", "link", "target"].map(|name| dir.path().join(name));
        let _listener = std::os::unix::net::UnixListener::bind(&pipe).unwrap();
        assert!(matches!(OutputFile::create(&pipe), Err(OutputError::NoFile(_))));
        fs::write(&target, "old").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        let mut file = OutputFile::create(&link).unwrap();
        file.put(b"new").unwrap();
        file.finish().unwrap();
        assert!(link.is_symlink());
        assert_eq!(fs::read_to_string(&target).unwrap(), "new");
    }

    #[test]
    fn a_file_appears_only_when_it_is_finished() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep/er/scores.csv");
        let mut file = OutputFile::create(&path).unwrap();
        file.write_all(b"row\n").unwrap();
        assert!(!path.exists());
        file.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"row\n");

        drop(OutputFile::create(&path).unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"row\n", "an unfinished file leaves the old one");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "and nothing beside it");
    }

    #[test]
    fn folders_made_for_an_output_go_with_it_when_it_is_not_finished() {
        let dir = tempfile::tempdir().unwrap();
        let here = |name: &str| dir.path().join(name);
        drop(OutputFile::create(&here("a/b/scores.csv")).unwrap());
        drop(OutputDir::create(&here("a/b/run"), false).unwrap());
        assert!(!here("a").exists());

        fs::create_dir(here("mine")).unwrap();
        let (one, two) =
            (OutputFile::create(&here("mine/c/1")).unwrap(), OutputFile::create(&here("mine/c/2")).unwrap());
        one.finish().unwrap();
        drop(two);
        assert!(here("mine/c/1").exists() && !here("mine/c/2").exists());
        let OutputFile { unfinished, .. } = &OutputFile::create(&here("mine/d/1")).unwrap();
        remove(&unfinished.path, &unfinished.folders);
        assert!(here("mine").exists() && !here("mine/d").exists(), "as Ctrl-C leaves it");

        fs::write(here("file"), "").unwrap();
        OutputFile::create(&here("file/a/b")).unwrap_err();
    }

    #[test]
    fn an_output_that_is_an_input_is_refused_whatever_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let rows = dir.path().join("rows.csv");
        let other_name = dir.path().join("./rows.csv");
        assert!(refuse_inputs(&rows, &[("--data", &rows)]).is_ok(), "there is nothing to replace");
        fs::write(&rows, "").unwrap();
        let refused = refuse_inputs(&other_name, &[("--model", dir.path()), ("--data", &rows)]);
        assert!(matches!(refused, Err(OutputError::IsInput { input: "--data", .. })));
        assert!(refuse_inputs(&dir.path().join("scores.csv"), &[("--data", &rows)]).is_ok());
    }

    #[cfg(unix)]
    #[test]
    fn results_are_as_readable_as_other_files_and_secrets_are_not() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let mode = |name: &str| fs::metadata(dir.path().join(name)).unwrap().permissions().mode() & 0o777;
        OutputFile::create(&dir.path().join("result")).unwrap().finish().unwrap();
        OutputFile::create_secret(&dir.path().join("secret")).unwrap().finish().unwrap();
        fs::write(dir.path().join("other"), "").unwrap();
        assert_eq!((mode("result"), mode("secret")), (mode("other"), 0o600));
    }

    #[test]
    fn a_folder_that_exists_needs_force_and_keeps_what_is_not_of_a_run() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run");
        let output = OutputDir::create(&path, false).unwrap();
        output.write("a", b"1").unwrap();
        output.write("sometimes", b"1").unwrap();
        assert!(!path.exists());
        output.finish(["a", "sometimes"]).unwrap();
        assert!(matches!(OutputDir::create(&path, false), Err(OutputError::Exists(_))));

        fs::write(path.join("mine"), b"notes").unwrap();
        let output = OutputDir::create(&path, true).unwrap();
        output.write("a", b"2").unwrap();
        assert_eq!(fs::read(path.join("a")).unwrap(), b"1");
        output.finish(["a", "sometimes"]).unwrap();
        assert_eq!(fs::read(path.join("a")).unwrap(), b"2");
        assert!(!path.join("sometimes").exists(), "it is of the run before");
        assert_eq!(fs::read(path.join("mine")).unwrap(), b"notes");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left beside the folder");
    }
}
