//! Training that is killed, runs out of disk or may not write: nothing is lost, nothing is wrong.
#![cfg(unix)]

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use edgevae_tests::{binary, edgevae, names};
use edgevae_trainer::export::model_file::ModelFile;
use edgevae_trainer::run::checkpoint::RunCheckpoint;

/// Epochs are short and many, so that a kill falls anywhere: in an epoch, in a checkpoint, in the results.
const TRAIN: &str = "train --data rows.csv --label label --epochs 60 --hidden 8 --latent 2 --batch-size 16 --patience 50 --quiet --out run";
/// Three members are fitted, the worst rows left out, and three fitted again: the default for data of one's own.
const AUTO: &str = "train --data rows.csv --label label --quiet --out run";
/// Several members on rows that are read again for each epoch.
const STREAMED: &str = "train --data rows.csv --label label --stream --epochs 40 --hidden 8 --latent 2 --batch-size 16 --members 3 --quiet --out run";

fn start(folder: &Path, words: &str) -> Child {
    let mut command = Command::new(binary());
    command.args(words.split_whitespace()).current_dir(folder).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("the binary starts")
}

/// Everything that is bits of the result: the history's seconds are not.
fn results(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let read = |name: &str| (name.to_owned(), fs::read(folder.join("run").join(name)).unwrap());
    ["model.evae", "scores.csv", "config.toml"].map(read).into()
}

/// Kills a run at random moments until it was complete several times, and holds what lies in the folder to the run that
/// nobody killed. With `--force` among the words the folder holds the results of another run from the start.
fn survives(train: &str, rows: usize, kills: usize) {
    let whole = tempfile::tempdir().unwrap();
    edgevae(whole.path(), &format!("synth --rows {rows} --features 4 --out rows.csv")).ok();
    let force = if train.contains("--force") { "--force" } else { "" };
    let began = Instant::now();
    edgevae(whole.path(), train).ok();
    // Half of the runs would be killed, were none to go on.
    let longest = 2 * u64::try_from(began.elapsed().as_micros()).unwrap() / 3;
    let expected = results(whole.path());
    edgevae(whole.path(), &format!("{TRAIN} --seed 9 --force")).ok();
    let other = results(whole.path());

    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    fs::copy(whole.path().join("rows.csv"), dir.join("rows.csv")).unwrap();
    let checkpoint = dir.join("run.checkpoint");
    let clear = || {
        let _ = fs::remove_dir_all(dir.join("run"));
        // A kill between the results and the removal of the checkpoint leaves both.
        let _ = fs::remove_file(&checkpoint);
        if !force.is_empty() {
            fs::create_dir(dir.join("run")).unwrap();
            other.iter().for_each(|(name, bytes)| fs::write(dir.join("run").join(name), bytes).unwrap());
        }
    };
    clear();
    let (mut killed, mut runs, mut resumes, mut place, mut random) = (0, 0, 0, (0, 0), 0x2545_f491_4f6c_dd1d_u64);
    while killed < kills || runs == 0 || checkpoint.exists() {
        let words = if checkpoint.exists() {
            resumes += 1;
            format!("train --resume run.checkpoint --quiet {force}")
        } else {
            format!("{train} --checkpoint-every 1")
        };
        let mut child = start(dir, &words);
        // xorshift64: a moment of a run, where the process starts included.
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        std::thread::sleep(Duration::from_micros(random % longest));
        let kill = killed < kills && child.try_wait().unwrap().is_none();
        if kill {
            child.kill().unwrap();
            killed += 1;
        }
        let status = child.wait().unwrap();
        assert!(kill || status.success(), "{words}");
        if checkpoint.exists() {
            let read = RunCheckpoint::read(&checkpoint).expect("a checkpoint is whole at every moment").fit;
            assert!((read.networks(), read.epochs()) >= place, "a later checkpoint is never lost");
            place = (read.networks(), read.epochs());
        }
        let is_there = dir.join("run/model.evae").exists();
        if is_there {
            ModelFile::open(&dir.join("run/model.evae")).unwrap();
            let found = results(dir);
            assert!(found == expected || (!force.is_empty() && found == other), "what loads is whole, and of one run");
        }
        assert!(is_there || kill, "a run that ends well has results");
        if is_there && results(dir) == expected {
            clear();
            (runs, place) = (runs + 1, (0, 0));
        }
    }
    eprintln!("{killed} kills, {resumes} runs that went on, {runs} complete");
    assert!(resumes > 0, "every kill fell before the first checkpoint or after the last: nothing was shown");
    let left: Vec<String> = names(dir).into_iter().filter(|name| !name.ends_with(".partial")).collect();
    assert_eq!(
        left,
        if force.is_empty() { vec!["rows.csv"] } else { vec!["rows.csv", "run"] },
        "no checkpoint is left"
    );
}

#[test]
fn sixty_kills_at_random_moments_lose_no_checkpoint_and_change_no_bit() {
    survives(TRAIN, 1200, 60);
}

#[test]
fn kills_of_a_run_of_several_members_that_leaves_rows_out_lose_none_of_them() {
    survives(AUTO, 300, 25);
}

#[test]
fn kills_of_a_streamed_run_of_several_members_lose_none_of_them() {
    survives(STREAMED, 600, 25);
}

#[test]
fn kills_of_a_run_over_the_results_of_another_leave_no_mixture() {
    survives(&format!("{TRAIN} --force"), 300, 40);
}

#[test]
fn an_interrupted_run_says_how_to_go_on_and_is_not_started_anew_by_chance() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let train = "train --synth rows=300 --epochs 100000 --hidden 4 --latent 1 --quiet --out run --checkpoint-every 1";
    let mut command = Command::new(binary());
    command.args(train.split_whitespace()).current_dir(dir).stdout(Stdio::null()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    while !dir.join("run.checkpoint").exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(said.contains("no results were written; go on with `edgevae train --resume run.checkpoint`"), "{said}");

    let before = fs::read(dir.join("run.checkpoint")).unwrap();
    let anew = ["run.checkpoint is of an interrupted run", "go on with --resume run.checkpoint", "another --out"];
    let short = train.replace("100000", "2");
    edgevae(dir, &short).fails_with(&anew);
    fs::copy(dir.join("run.checkpoint"), dir.join("copy.checkpoint")).unwrap();
    edgevae(dir, "train --resume copy.checkpoint --quiet").fails_with(&anew);
    assert_eq!(fs::read(dir.join("run.checkpoint")).unwrap(), before);
    edgevae(dir, &format!("{short} --force")).ok();
    assert_eq!(names(dir), ["copy.checkpoint", "run"], "--force starts anew, and the run is complete");
}

/// The same table with something else in it, each of which gives other files or other figures: cells that are scaled to
/// the same numbers, names, one label, one cell.
fn other_rows(rows: &str) -> Vec<(&'static str, String)> {
    let (header, body) = rows.split_once('\n').unwrap();
    let doubled = body.lines().map(|line| {
        let (cells, label) = line.rsplit_once(',').unwrap();
        let cells = cells.split(',').map(|cell| (2.0 * cell.parse::<f32>().unwrap()).to_string());
        format!("{},{label}\n", cells.collect::<Vec<_>>().join(","))
    });
    let doubled: String = doubled.collect();
    let (first, rest) = body.split_once('\n').unwrap();
    let (cells, label) = first.rsplit_once(',').unwrap();
    let label = if label == "1" { "0" } else { "1" };
    let rest_of_cells = cells.split_once(',').unwrap().1;
    let changes = vec![
        ("doubled", format!("{header}\n{doubled}")),
        ("a name", format!("{}\n{body}", header.replacen("f0", "g0", 1))),
        ("a label", format!("{header}\n{cells},{label}\n{rest}")),
        ("a cell", format!("{header}\n0.5,{rest_of_cells},{}\n{rest}", first.rsplit_once(',').unwrap().1)),
        ("a row", format!("{header}\n{body}{first}\n")),
    ];
    assert!(changes.iter().all(|(_, changed)| changed != rows), "{changes:?}");
    changes
}

/// A run of many epochs in a folder, killed after its first checkpoint.
fn interrupted(dir: &Path, more: &str) {
    edgevae(dir, "synth --rows 300 --features 3 --out rows.csv").ok();
    let train = "train --data rows.csv --label label --epochs 3000 --hidden 4 --latent 1 --quiet --out run --checkpoint-every 1";
    let mut child = start(dir, &format!("{train} {more}"));
    while !dir.join("run.checkpoint").exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_checkpoint_goes_with_its_rows_only() {
    for more in ["", "--stream"] {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        interrupted(dir, more);
        let rows = fs::read_to_string(dir.join("rows.csv")).unwrap();
        for (change, rows) in other_rows(&rows) {
            fs::write(dir.join("rows.csv"), rows).unwrap();
            let ran = edgevae(dir, "train --resume run.checkpoint --quiet");
            assert!(ran.stderr.contains("other rows or options"), "{change} {more}: {}", ran.stderr);
            ran.fails_with(&["run.checkpoint with rows.csv"]);
        }
        assert!(RunCheckpoint::read(&dir.join("run.checkpoint")).is_ok(), "a refusal keeps the checkpoint");
    }
}

#[test]
fn a_checkpoint_goes_with_its_options_only_and_says_what_is_wrong_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    interrupted(dir, "");
    let resume = "train --resume run.checkpoint --quiet";
    edgevae(dir, &format!("{resume} --lr 0.1")).fails_with(&["--resume takes the run's options", "run.checkpoint"]);
    edgevae(dir, &format!("{resume} --checkpoint-every 3")).fails_with(&["--checkpoint-every"]);
    edgevae(dir, "train --resume none.checkpoint").fails_with(&["none.checkpoint"]);
    edgevae(dir, "train --resume rows.csv").fails_with(&["rows.csv", "not a checkpoint"]);
    edgevae(dir, "train --checkpoint-every 0 --out other").fails_with(&["checkpoint-every"]);
    let mut bytes = fs::read(dir.join("run.checkpoint")).unwrap();
    bytes[100] ^= 1;
    fs::write(dir.join("damaged.checkpoint"), bytes).unwrap();
    edgevae(dir, "train --resume damaged.checkpoint").fails_with(&["damaged.checkpoint", "damaged"]);
}

/// A folder with a file system of its own; unmounted with the last of it.
struct Disk(tempfile::TempDir);

impl Disk {
    /// `None`, and a clear word, where mounting is not allowed.
    fn new(size: &str) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let options = format!("size={size}");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(dir.path()).output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self(dir));
        }
        eprintln!("SKIPPED: a file system of its own takes the right to mount one; run as root");
        None
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn remount(&self, options: &str) {
        let options = format!("remount,{options}");
        assert!(Command::new("mount").args(["-o", &options]).arg(self.path()).status().unwrap().success());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.path()).status();
    }
}

#[test]
fn a_full_disk_stops_the_run_with_its_last_checkpoint_and_more_space_lets_it_go_on() {
    let train = "train --synth rows=300 --epochs 20 --hidden 64,32 --quiet --out run";
    let whole = tempfile::tempdir().unwrap();
    edgevae(whole.path(), train).ok();
    let Some(disk) = Disk::new("128k") else { return };
    let dir = disk.path();
    // A checkpoint of the default network takes some 75 KiB: one has room, its successor beside it has not.
    edgevae(dir, &format!("{train} --checkpoint-every 3")).fails_with(&[
        "run.checkpoint",
        "No space left on device",
        "the checkpoint before it is kept",
        "after epoch 6",
    ]);
    assert_eq!(names(dir), ["run.checkpoint"], "nothing else is left");
    assert_eq!(RunCheckpoint::read(&dir.join("run.checkpoint")).unwrap().fit.epochs(), 3);

    disk.remount("size=8m");
    edgevae(dir, "train --resume run.checkpoint --quiet").ok();
    assert_eq!(names(dir), ["run"]);
    assert_eq!(results(dir), results(whole.path()));
}

#[test]
fn a_full_disk_keeps_the_results_that_are_there() {
    let train = "train --synth rows=300 --epochs 2 --beta-warmup 1 --hidden 4 --latent 1 --quiet --out run";
    let Some(disk) = Disk::new("8m") else { return };
    let dir = disk.path();
    edgevae(dir, train).ok();
    let before = results(dir);
    disk.remount(&format!("size={}k", used(dir) + 8));
    edgevae(dir, &format!("{train} --seed 5 --force")).fails_with(&[
        "run/",
        "No space left on device",
        "free some space",
    ]);
    assert_eq!((results(dir), names(dir)), (before, vec!["run".to_owned()]));
    let score = "score --model run/model.evae --data big.csv --out scores.csv --quiet";
    let rows = tempfile::tempdir().unwrap();
    edgevae(rows.path(), "synth --rows 20000 --out big.csv").ok();
    let score = score.replace("big.csv", rows.path().join("big.csv").to_str().unwrap());
    edgevae(dir, &score).fails_with(&["scores.csv", "No space left on device"]);
    edgevae(dir, "synth --rows 20000 --out big.csv").fails_with(&["big.csv", "cannot write", "free some space"]);
    assert_eq!(names(dir), ["run"]);
}

#[test]
fn a_folder_that_is_a_file_system_of_its_own_takes_results_and_is_refused_at_once_when_it_is_read_only() {
    let Some(disk) = Disk::new("8m") else { return };
    let dir = tempfile::tempdir().unwrap();
    let out = disk.path().to_str().unwrap();
    let train =
        format!("train --synth rows=300 --epochs 2 --beta-warmup 1 --hidden 4 --latent 1 --quiet --force --out {out}");
    edgevae(dir.path(), &train).ok();
    let model = fs::read(disk.path().join("model.evae")).unwrap();
    assert!(names(disk.path()).iter().all(|name| !name.ends_with(".partial")));

    disk.remount("ro");
    // A column that does not exist is found after the folder is opened.
    fs::write(dir.path().join("rows.csv"), "a,b\n1,2\n").unwrap();
    let late = format!("train --data rows.csv --label none --force --out {out}");
    edgevae(dir.path(), &late).fails_with(&[out, "Read-only file system", "name another --out"]);
    assert_eq!(fs::read(disk.path().join("model.evae")).unwrap(), model);
}

/// KiB in the files under a folder, each rounded up to a page.
fn used(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .map(|path| if path.is_dir() { used(&path) } else { path.metadata().unwrap().len().div_ceil(4096) * 4 })
        .sum()
}

#[test]
fn a_read_only_folder_is_named_before_the_work_begins() {
    let train = "train --synth rows=300 --epochs 100000 --hidden 4 --latent 1 --quiet --force --out run";
    let Some(disk) = Disk::new("8m") else { return };
    let dir = disk.path();
    fs::create_dir(dir.join("run")).unwrap();
    fs::write(dir.join("run/model.evae"), "mine").unwrap();
    disk.remount("ro");
    edgevae(dir, train).fails_with(&["run", "Read-only file system"]);
    edgevae(dir, "synth --out rows.csv").fails_with(&["rows.csv", "Read-only file system"]);
    edgevae(dir, "keygen --out key").fails_with(&["key", "Read-only file system"]);
    assert_eq!(fs::read_to_string(dir.join("run/model.evae")).unwrap(), "mine");
}
