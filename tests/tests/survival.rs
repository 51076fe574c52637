//! Training that is killed, runs out of disk or may not write: nothing is lost, nothing is wrong.
#![cfg(unix)]

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use edgevae_tests::{binary, edgevae, names};
use edgevae_trainer::checkpoint::RunCheckpoint;
use edgevae_trainer::model_file::ModelFile;

/// Epochs are short and many, so that a kill falls anywhere: in an epoch, in a checkpoint, in the results.
const TRAIN: &str = "train --data rows.csv --label label --epochs 60 --hidden 8 --latent 2 --batch-size 16 --patience 50 --quiet --out run";
const KILLS: usize = 60;

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

#[test]
fn sixty_kills_at_random_moments_lose_no_checkpoint_and_change_no_bit() {
    let whole = tempfile::tempdir().unwrap();
    edgevae(whole.path(), "synth --rows 1200 --features 4 --out rows.csv").ok();
    edgevae(whole.path(), TRAIN).ok();
    let expected = results(whole.path());

    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    fs::copy(whole.path().join("rows.csv"), dir.join("rows.csv")).unwrap();
    let checkpoint = dir.join("run.checkpoint");
    let (mut kills, mut runs, mut epochs, mut random) = (0, 0, 0, 0x2545_f491_4f6c_dd1d_u64);
    while kills < KILLS || runs == 0 || checkpoint.exists() {
        let words = if checkpoint.exists() {
            "train --resume run.checkpoint --quiet".to_owned()
        } else {
            format!("{TRAIN} --checkpoint-every 1")
        };
        let mut child = start(dir, &words);
        // xorshift64: a moment within the first milliseconds of work, where the process starts included.
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        std::thread::sleep(Duration::from_micros(random % 90_000));
        let killed = kills < KILLS && child.try_wait().unwrap().is_none();
        if killed {
            child.kill().unwrap();
            kills += 1;
        }
        let status = child.wait().unwrap();
        if checkpoint.exists() {
            let read = RunCheckpoint::read(&checkpoint).expect("a checkpoint is whole at every moment");
            assert!(read.fit.epochs() >= epochs, "a later checkpoint is never lost");
            epochs = read.fit.epochs();
        }
        if dir.join("run").exists() {
            assert_eq!(results(dir), expected, "results are whole, and those of the run that nobody killed");
            ModelFile::open(&dir.join("run/model.evae")).unwrap();
            fs::remove_dir_all(dir.join("run")).unwrap();
            // A kill between the results and the removal of the checkpoint leaves both.
            let _ = fs::remove_file(&checkpoint);
            (runs, epochs) = (runs + 1, 0);
        } else {
            assert!(killed || !status.success(), "a run that ends well has results");
        }
    }
    eprintln!("{kills} kills, {runs} complete runs");
    let left: Vec<String> = names(dir).into_iter().filter(|name| !name.ends_with(".partial")).collect();
    assert_eq!(left, ["rows.csv"], "no checkpoint is left of a complete run");
}

#[test]
fn a_checkpoint_goes_with_its_run_and_its_data_only() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    edgevae(dir, "synth --rows 300 --features 3 --out rows.csv").ok();
    let train = "train --data rows.csv --label label --epochs 100000 --hidden 4 --latent 1 --quiet --out run --checkpoint-every 1";
    let mut child = start(dir, train);
    while !dir.join("run.checkpoint").exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();

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
    edgevae(dir, "synth --rows 300 --features 3 --seed 9 --out rows.csv").ok();
    edgevae(dir, resume).fails_with(&["rows.csv", "other rows or options"]);
    assert!(RunCheckpoint::read(&dir.join("run.checkpoint")).is_ok(), "a refusal keeps the checkpoint");
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
    assert_eq!(names(dir), ["run"]);
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
