//! Files that appear whole or not at all: written beside their place, then renamed.
//!
//! What is unfinished is registered here, so that Ctrl-C can remove it on the way out.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use tempfile::{NamedTempFile, PersistError, TempDir};

/// Unfinished things, each with the folders that were made for it.
static UNFINISHED: Mutex<Vec<(PathBuf, MadeFolders)>> = Mutex::new(Vec::new());

/// Removes every unfinished file and folder, and says whether there was one. For the Ctrl-C handler, just before the process
/// ends: results that are being put in their place are waited for, and from then on whoever begins or ends an output waits.
pub fn remove_unfinished() -> bool {
    let Ok(unfinished) = UNFINISHED.lock() else { return false };
    for (path, folders) in unfinished.iter() {
        remove(path, folders);
    }
    let any = !unfinished.is_empty();
    std::mem::forget(unfinished);
    any
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
    /// Makes something in `folder`, which is made where it is missing, and lists it.
    fn make<T: AsRef<Path>>(folder: &Path, make: impl FnOnce() -> io::Result<T>) -> io::Result<(T, Self)> {
        // Ctrl-C must not fall between the two.
        let mut unfinished = UNFINISHED.lock();
        let folders = MadeFolders::new(folder)?;
        let made = make().inspect_err(|_| folders.remove_empty())?;
        let path = made.as_ref().to_owned();
        if let Ok(unfinished) = &mut unfinished {
            unfinished.push((path.clone(), folders.clone()));
        }
        Ok((made, Self { path, folders }))
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

/// A folder for what only this run needs. It goes at the end of the run, and with Ctrl-C.
#[derive(Debug)]
pub struct Scratch {
    dir: TempDir,
    _unfinished: Unfinished,
}

impl Scratch {
    /// Makes it where the system keeps temporary files.
    ///
    /// # Errors
    /// [`OutputError::Scratch`].
    pub fn new() -> Result<Self, OutputError> {
        let parent = std::env::temp_dir();
        match Unfinished::make(&parent, || TempDir::new_in(&parent)) {
            Ok((dir, _unfinished)) => Ok(Self { dir, _unfinished }),
            Err(error) => Err(OutputError::Scratch { parent, error }),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.dir.path()
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
    /// There is no place for temporary files.
    #[error("{parent}: no temporary folder can be made: {error}; set TMPDIR to another folder", parent = parent.display())]
    Scratch {
        /// Where the system keeps temporary files.
        parent: PathBuf,
        /// What the system says.
        #[source]
        error: io::Error,
    },
    /// The output would replace what the command reads.
    #[error("--out {path} is the file of {input}, which would be replaced; name another --out", path = path.display())]
    IsInput {
        /// The output.
        path: PathBuf,
        /// The flag that names the same file.
        input: &'static str,
    },
    /// The system refused.
    #[error("{path}: cannot write: {source}; {}", way_out(source.kind()), path = path.display())]
    Write {
        /// What was to be written.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The system refused when files of an earlier run were being replaced.
    #[error(
        "{path}: cannot write: {source}; its folder may have no model now, and what is still to be moved there is in {rest}",
        path = path.display(),
        rest = rest.display()
    )]
    Halfway {
        /// What was to be replaced.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
        /// The folder of the new files that are not in their place.
        rest: PathBuf,
    },
}

/// What to do about a refusal of the system.
fn way_out(refusal: io::ErrorKind) -> &'static str {
    match refusal {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "free some space or name another --out",
        _ => "name another --out",
    }
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
        let make = || builder.prefix(".edgevae-").suffix(".partial").tempfile_in(parent);
        let (file, unfinished) = Unfinished::make(parent, make).map_err(failed(path))?;
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
    pub fn finish(self) -> Result<(), OutputError> {
        self.finish_by(NamedTempFile::persist)
    }

    /// Puts the finished file in its place, if nothing is there, not even a link to nothing.
    ///
    /// # Errors
    /// [`OutputError::Write`], with [`io::ErrorKind::AlreadyExists`] where something is there.
    pub fn finish_new(self) -> Result<(), OutputError> {
        self.finish_by(NamedTempFile::persist_noclobber)
    }

    fn finish_by(
        mut self,
        persist: impl FnOnce(NamedTempFile, PathBuf) -> Result<fs::File, PersistError>,
    ) -> Result<(), OutputError> {
        self.file.as_file_mut().flush().and_then(|()| self.file.as_file().sync_all()).map_err(failed(&self.path))?;
        persist(self.file, self.path.clone()).map_err(|error| failed(&self.path)(error.error))?;
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

/// A folder of results, written beside its place; within it where it exists, so that both are of one file system and what
/// may not be written is known at once.
#[derive(Debug)]
pub struct OutputDir {
    // Goes before the folders that were made for it.
    partial: TempDir,
    path: PathBuf,
    /// Files that a run may write.
    names: Vec<&'static str>,
    unfinished: Unfinished,
}

/// Whether a file is one that is loaded; the others tell about it.
fn is_model(name: &str) -> bool {
    name.ends_with(".evae")
}

impl OutputDir {
    /// Makes the folder's unfinished twin before the work starts. `names`: the files that may be written.
    ///
    /// # Errors
    /// [`OutputError::Exists`] without `force`; [`OutputError::Write`].
    pub fn create(
        path: &Path,
        force: bool,
        names: impl IntoIterator<Item = &'static str>,
    ) -> Result<Self, OutputError> {
        if path.exists() && !path.is_dir() {
            return Err(failed(path)(io::ErrorKind::NotADirectory.into()));
        }
        if path.exists() && !force {
            return Err(OutputError::Exists(path.to_owned()));
        }
        let names: Vec<&str> = names.into_iter().collect();
        if let Some(place) = names.iter().map(|name| path.join(name)).find(|place| place.is_dir()) {
            return Err(failed(&place)(io::ErrorKind::IsADirectory.into()));
        }
        let beside = if path.exists() { path } else { parent(path) };
        let mut builder = tempfile::Builder::new();
        // A temporary folder is for its owner only; results are as readable as any other file of the user.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o777));
        let make = || builder.prefix(".edgevae-").suffix(".partial").tempdir_in(beside);
        let (partial, unfinished) = Unfinished::make(beside, make).map_err(failed(path))?;
        Ok(Self { partial, path: path.to_owned(), names, unfinished })
    }

    /// Writes one file of the folder.
    ///
    /// # Errors
    /// [`OutputError::Write`].
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), OutputError> {
        debug_assert!(self.names.contains(&name), "{name} is not among the names");
        let path = self.partial.path().join(name);
        let written = fs::File::create(&path).and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        });
        written.map_err(failed(&self.path.join(name)))
    }

    /// Puts the finished folder in its place: at once where nothing is. In a folder that exists, files of its names are
    /// replaced or go, for they are of an earlier run: its models first and the new ones last, so that a model never lies
    /// among the files of another run, whenever this ends.
    ///
    /// # Errors
    /// [`OutputError::Write`]; [`OutputError::Halfway`] in a folder that exists: the new files are then kept.
    pub fn finish(mut self) -> Result<(), OutputError> {
        sync_folder(self.partial.path()).map_err(failed(&self.path))?;
        {
            // Ctrl-C waits here.
            let mut unfinished = UNFINISHED.lock();
            if self.path.exists() {
                self.replace()?;
            } else {
                fs::rename(self.partial.path(), &self.path).map_err(failed(&self.path))?;
                // It is gone from the place where the guard would remove it.
                self.partial.disable_cleanup(true);
            }
            if let Ok(unfinished) = &mut unfinished {
                unfinished.retain(|(path, _)| path != self.partial.path());
            }
        }
        drop(self.unfinished);
        sync_folder(parent(&self.path)).map_err(failed(&self.path))
    }

    fn replace(&mut self) -> Result<(), OutputError> {
        let (models, others): (Vec<&str>, Vec<&str>) = self.names.iter().partition(|name| is_model(name));
        // From here on the new files are the only ones that are whole.
        self.partial.disable_cleanup(true);
        let rest = self.partial.path();
        let halfway =
            |path: &Path, source| OutputError::Halfway { path: path.to_owned(), source, rest: rest.to_owned() };
        let sync = || sync_folder(&self.path).map_err(|error| halfway(&self.path, error));
        for place in models.iter().map(|name| self.path.join(name)) {
            remove_if_there(&place).map_err(|error| halfway(&place, error))?;
        }
        sync()?;
        for names in [others, models] {
            for name in names {
                let (new, place) = (rest.join(name), self.path.join(name));
                let put = if new.exists() { fs::rename(&new, &place) } else { remove_if_there(&place) };
                put.map_err(|error| halfway(&place, error))?;
            }
            sync()?;
        }
        fs::remove_dir(rest).map_err(failed(rest))
    }
}

/// Removes a file, if it is there.
fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
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
    fn a_new_file_never_replaces_what_came_in_the_meantime() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        let file = OutputFile::create(&path).unwrap();
        fs::write(&path, b"theirs").unwrap();
        let refused = file.finish_new().unwrap_err();
        assert!(
            matches!(&refused, OutputError::Write { source, .. } if source.kind() == io::ErrorKind::AlreadyExists),
            "{refused}"
        );
        assert_eq!(fs::read(&path).unwrap(), b"theirs");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn folders_made_for_an_output_go_with_it_when_it_is_not_finished() {
        let dir = tempfile::tempdir().unwrap();
        let here = |name: &str| dir.path().join(name);
        drop(OutputFile::create(&here("a/b/scores.csv")).unwrap());
        drop(OutputDir::create(&here("a/b/run"), false, []).unwrap());
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
        let create = |force| OutputDir::create(&path, force, ["a", "sometimes"]);
        let output = create(false).unwrap();
        output.write("a", b"1").unwrap();
        output.write("sometimes", b"1").unwrap();
        assert!(!path.exists());
        output.finish().unwrap();
        assert!(matches!(create(false), Err(OutputError::Exists(_))));

        fs::write(path.join("mine"), b"notes").unwrap();
        let output = create(true).unwrap();
        output.write("a", b"2").unwrap();
        assert_eq!(fs::read(path.join("a")).unwrap(), b"1");
        output.finish().unwrap();
        assert_eq!(fs::read(path.join("a")).unwrap(), b"2");
        assert!(!path.join("sometimes").exists(), "it is of the run before");
        assert_eq!(fs::read(path.join("mine")).unwrap(), b"notes");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left beside the folder");
        assert_eq!(fs::read_dir(&path).unwrap().count(), 2, "nor in it");

        fs::create_dir(path.join("sometimes")).unwrap();
        assert!(create(true).unwrap_err().to_string().contains("sometimes: cannot write: is a directory"));
    }

    #[test]
    fn a_model_never_lies_among_files_of_another_run_wherever_replacing_them_fails() {
        const NAMES: [&str; 4] = ["model.evae", "model-int8.evae", "config", "scores"];
        for fails_at in NAMES {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("run");
            let write = |output: &OutputDir, run: &str| {
                NAMES.iter().for_each(|name| output.write(name, run.as_bytes()).unwrap());
            };
            let output = OutputDir::create(&path, false, NAMES).unwrap();
            write(&output, "old");
            output.finish().unwrap();

            let output = OutputDir::create(&path, true, NAMES).unwrap();
            write(&output, "new");
            // A folder in the place of a file can neither be removed as a file nor be replaced by one.
            fs::remove_file(path.join(fails_at)).unwrap();
            fs::create_dir(path.join(fails_at)).unwrap();
            let error = output.finish().unwrap_err();
            let runs = |folder: &Path, names: &[&str]| -> Vec<String> {
                names.iter().filter_map(|name| fs::read_to_string(folder.join(name)).ok()).collect()
            };
            let (all, models) = (runs(&path, &NAMES), runs(&path, &NAMES[..2]));
            assert!(models.is_empty() || all.iter().all(|run| *run == all[0]), "{fails_at}: {all:?}, {error}");
            let OutputError::Halfway { rest, .. } = &error else { panic!("{fails_at}: {error}") };
            let new = [runs(rest, &NAMES), all].concat();
            assert_eq!(new.iter().filter(|run| *run == "new").count(), 4, "{fails_at}: no new file is lost");
        }
    }

    #[test]
    fn space_is_asked_for_where_it_is_what_is_missing() {
        let says = |kind: io::ErrorKind| failed(Path::new("run"))(kind.into()).to_string();
        assert!(says(io::ErrorKind::StorageFull).ends_with("; free some space or name another --out"));
        assert!(
            says(io::ErrorKind::ReadOnlyFilesystem)
                .ends_with("read-only filesystem or storage medium; name another --out")
        );
    }
}
