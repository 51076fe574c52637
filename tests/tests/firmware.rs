//! The firmware example in its emulators: the bits of the desk on every board, and an end for every run.
//!
//! They need cross targets and QEMU, which `./ci.sh firmware` sets up; without them they are ignored and not passed.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::{env, fs, thread};

use edgevae_core::{QuantizedDetector, QuantizedModel, ScoreError, SliceQuantizedDetector};
use edgevae_tests::{Ran, binary, edgevae, real_data};
use edgevae_trainer::export::model_file::{AlignedBytes, ModelFile};
use edgevae_trainer::options::Score;

const WHY: &str = "run `./ci.sh firmware`";

fn firmware() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../firmware-example").canonicalize().expect(WHY)
}

/// Names of the emulated boards.
fn boards() -> Vec<String> {
    let table = fs::read_to_string(firmware().join("boards/qemu/boards.csv")).expect(WHY);
    table.lines().skip(1).map(|line| line.split(',').next().expect("a name").to_owned()).collect()
}

/// `12345` as `12,345`.
fn grouped(number: &str) -> String {
    let groups: Vec<&str> =
        number.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap()).collect();
    groups.join(",")
}

#[test]
fn the_table_in_the_readme_is_the_budget() {
    let budget = fs::read_to_string(firmware().join("../crates/edgevae-trainer/src/inspect/budget.csv")).unwrap();
    let readme = fs::read_to_string(firmware().join("README.md")).unwrap();
    let mut lines = budget.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let names = lines.next().expect("a header");
    for fields in lines {
        let field = |name: &str| fields[names.iter().position(|column| *column == name).expect("a column")];
        assert_eq!(field("static_ram"), "0", "{fields:?}: the README says that there are none");
        let row = |columns: &str| {
            let figures: Vec<String> = columns.split_whitespace().map(|name| grouped(field(name))).collect();
            format!("| `{}` | {} | {} |", field("board"), field("core"), figures.join(" | "))
        };
        let float = row("code_flash code_flash_all load_stack load_stack_all score_stack score_stack_all \
             load_instructions score_instructions score_instructions_all score_instructions_most");
        let int8 =
            row("code_flash_int8 load_stack_int8 score_stack_int8 load_instructions_int8 score_instructions_int8");
        for row in [float, int8] {
            assert!(readme.contains(&row), "README.md of the firmware example lacks this row:\n{row}");
        }
    }
}

/// Runs a script of the firmware example.
fn script(folder: &Path, name: &str, words: &[&str], variables: &[(&str, &str)]) -> Ran {
    let output = Command::new(firmware().join(name))
        .args(words)
        .current_dir(folder)
        .env("EDGEVAE_BIN", binary())
        .env_remove("CARGO_TARGET_DIR")
        .envs(variables.iter().copied())
        .output()
        .expect("bash runs");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ran { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// Scores a file on boards, two at a time, and compares with the desk.
fn assert_boards_equal_the_desk(boards: Vec<String>, folder: &Path, model: &str, data: &str, rows: usize) {
    let desk = edgevae(folder, &format!("score --model {model} --data {data} --quiet")).ok();
    assert!(desk.lines().count() > rows, "{} rows are too few", desk.lines().count() - 1);
    let queue = Mutex::new(boards);
    let next = || queue.lock().expect("no thread panics with it").pop();
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(board) = next() {
                    let ran = script(folder, "run.sh", &["--board", &board, "--model", model, "--data", data], &[]);
                    assert_eq!(ran.code, Some(0), "{board}: {}", ran.stderr);
                    for (line, (found, expected)) in ran.stdout.lines().zip(desk.lines()).enumerate() {
                        // A score is the shortest decimal that reads back to the same bits: equal text, equal bits.
                        assert_eq!(found, expected, "{board}, line {}", line + 1);
                    }
                    assert_eq!(ran.stdout.len(), desk.len(), "{board}");
                    eprintln!("{board}: {} rows equal the desk to the bit", desk.lines().count() - 1);
                }
            });
        }
    });
}

#[test]
#[ignore = "needs targets and emulators: ./ci.sh firmware"]
fn every_board_gives_the_bits_of_the_desk() {
    let dir = tempfile::tempdir().unwrap();
    edgevae(dir.path(), "synth --rows 1200 --out rows.csv").ok();
    edgevae(dir.path(), "train --data rows.csv --label label --hidden 16 --latent 3 --epochs 3 --quiet --out run").ok();
    assert_boards_equal_the_desk(boards(), dir.path(), "run/model.evae", "rows.csv", 1200);
}

/// Categories, missing readings, a time of day and windows: the encoder runs on the board.
#[test]
#[ignore = "needs targets and emulators: ./ci.sh firmware"]
fn every_board_encodes_raw_rows_to_the_bits_of_the_desk() {
    let dir = tempfile::tempdir().unwrap();
    let row = |row: usize| {
        let (hour, minute) = (row / 60 % 24, row % 60);
        let mode = ["run", "idle", "run", "stop"][row * 37 / 10 % 4];
        let load =
            if row.is_multiple_of(41) { String::new() } else { format!("{:.3}", (row * 37 % 101) as f32 / 29.0) };
        format!(
            "2024-02-01 {hour:02}:{minute:02}:00,{mode},{load},{:.3},{}\n",
            (row * 53 % 97) as f32 - 40.0,
            row.is_multiple_of(3)
        )
    };
    let text = (0..1200).map(row).collect::<String>();
    fs::write(dir.path().join("rows.csv"), format!("time,mode,load,heat,valve\n{text}")).unwrap();
    let flags = "--cyclic time:day --missing indicator --window 4 --hidden 8 --latent 2 --epochs 2 --quiet";
    edgevae(dir.path(), &format!("train --data rows.csv {flags} --out run")).ok();
    assert_boards_equal_the_desk(boards(), dir.path(), "run/model.evae", "rows.csv", 1197);
}

/// What `edgevae score` writes has the score as `f32`; the integer itself is compared here.
#[test]
#[ignore = "needs targets and emulators: ./ci.sh firmware"]
fn every_board_gives_the_integer_scores_of_the_desk() {
    let dir = tempfile::tempdir().unwrap();
    edgevae(dir.path(), "synth --rows 1000 --out rows.csv").ok();
    let flags = "--label label --hidden 19,9 --latent 3 --epochs 2 --quiet --quantize";
    edgevae(dir.path(), &format!("train --data rows.csv {flags} --out run")).ok();
    edgevae(dir.path(), "samples --model run/model-int8.evae --data rows.csv --out samples.bin").ok();
    let desk = edgevae(dir.path(), "score --model run/model-int8.evae --data rows.csv --quiet").ok();
    let integers = integers_on_the_desk(dir.path());
    assert_eq!(integers.len(), 8 * 1000);
    let model = dir.path().join("run/model-int8.evae").display().to_string();
    for board in boards() {
        let folder = dir.path().join(&board);
        fs::create_dir(&folder).unwrap();
        fs::copy(dir.path().join("samples.bin"), folder.join("samples.bin")).unwrap();
        let image = script(&folder, "tools/build.sh", &[&board, "score"], &[("EDGEVAE_MODEL", &model)]).ok();
        script(&folder, "tools/emulate.sh", &[&board, image.trim()], &[]).ok();
        assert!(fs::read(folder.join("integers.bin")).unwrap() == integers, "{board}: other integers");
        assert_eq!(fs::read_to_string(folder.join("scores.csv")).unwrap(), desk, "{board}");
    }
}

/// Readings that are `i32` and `i16`, of a firmware that has no `f32`: the score is that of the desk, which is that of the same
/// number as `f32`.
#[test]
#[ignore = "needs targets and emulators: ./ci.sh firmware"]
fn every_board_scores_integer_readings_as_the_desk_does() {
    let dir = tempfile::tempdir().unwrap();
    // Two columns within 16 bits and one beyond; every number is one of `f32` too.
    let row = |row: i32| [row * 37 % 101 - 50, row * 5_501 % 32_768, 100_000 + row * 7_919 % 1_000_000];
    let rows: Vec<[i32; 3]> = (0..600).map(row).chain([[i32::MAX, i32::MIN, 0], [-1, 32_767, -32_768]]).collect();
    let lines: String = rows[..600].iter().map(|[a, b, c]| format!("{a},{b},{c}\n")).collect();
    fs::write(dir.path().join("rows.csv"), format!("a,b,c\n{lines}")).unwrap();
    edgevae(dir.path(), "train --data rows.csv --hidden 19,9 --latent 2 --epochs 2 --quiet --quantize --out run").ok();
    let file = ModelFile::open(&dir.path().join("run/model-int8.evae")).unwrap();
    let model = file.quantized().unwrap();
    let mut detector = QuantizedDetector::<3, 19>::new(&model).unwrap();
    let mut expected = Vec::new();
    for row in &rows {
        let low = row.map(|reading| reading as i16);
        let (wide, narrow) = (detector.score(row).unwrap(), detector.score(&low).unwrap());
        assert_eq!(detector.score(&low.map(f32::from)).unwrap(), narrow);
        if row.iter().all(|reading| reading.unsigned_abs() < 1 << 24) {
            assert_eq!(detector.score(&row.map(|reading| reading as f32)).unwrap(), wide);
        }
        expected.extend([wide.score, narrow.score].map(u64::to_le_bytes));
    }
    let readings: Vec<u8> = rows.iter().flatten().flat_map(|reading| reading.to_le_bytes()).collect();
    fs::write(dir.path().join("readings.bin"), readings).unwrap();
    let model = dir.path().join("run/model-int8.evae").display().to_string();
    for board in boards() {
        let image = script(dir.path(), "tools/build.sh", &[&board, "integers"], &[("EDGEVAE_MODEL", &model)]).ok();
        script(dir.path(), "tools/emulate.sh", &[&board, image.trim()], &[]).ok();
        assert!(fs::read(dir.path().join("integers.bin")).unwrap() == expected.concat(), "{board}: other integers");
        fs::remove_file(dir.path().join("integers.bin")).unwrap();
    }
}

/// Nets of every small shape, of random words and of the widest ones, against the definition of the arithmetic.
#[test]
#[ignore = "needs targets and emulators: ./ci.sh firmware"]
fn the_int8_kernel_of_every_board_is_the_one_defined() {
    let dir = tempfile::tempdir().unwrap();
    for board in boards() {
        let words = [&board, "kernels"];
        let image = script(dir.path(), "tools/build.sh", &words, &[("EDGEVAE_NUMBERS", "int8")]).ok();
        let said = script(dir.path(), "tools/emulate.sh", &[&board, image.trim()], &[]).ok();
        let kernel = match board.as_str() {
            "microbit" => "thumb1",
            "lm3s6965evb" => "portable",
            "an547" => "helium",
            "virt" | "sifive_e" | "virt_imc" => "riscv",
            _ => "dsp",
        };
        assert_eq!(said.trim(), format!("kernel {kernel}: 800 nets as defined"), "{board}");
    }
}

/// Scores of `samples.bin` by the core, one row after the other, little-endian.
fn integers_on_the_desk(folder: &Path) -> Vec<u8> {
    let file = ModelFile::open(&folder.join("run/model-int8.evae")).unwrap();
    let model = file.quantized().unwrap();
    let mut scratch = vec![0; model.scratch_len()];
    let mut detector = SliceQuantizedDetector::new(&model, &mut scratch).unwrap();
    let samples = fs::read(folder.join("samples.bin")).unwrap();
    let rows = samples.chunks_exact(4 + 4 * model.inputs());
    let score = |row: &[u8]| {
        let (words, _) = row[4..].as_chunks();
        let sample: Vec<f32> = words.iter().map(|word| f32::from_le_bytes(*word)).collect();
        detector.score(&sample).unwrap().score.to_le_bytes()
    };
    rows.flat_map(score).collect()
}

#[test]
#[ignore = "needs targets and emulators: ./ci.sh firmware"]
fn every_board_gives_the_bits_of_the_desk_on_a_real_data_set() {
    let Some(data) = real_data("cardio") else { return };
    let dir = tempfile::tempdir().unwrap();
    let data = data.canonicalize().unwrap().display().to_string();
    edgevae(
        dir.path(),
        &format!("train --data {data} --label label --hidden 24,12 --latent 4 --epochs 3 --quiet --out run"),
    )
    .ok();
    assert_boards_equal_the_desk(boards(), dir.path(), "run/model.evae", &data, 1000);
}

#[test]
#[ignore = "needs targets and emulators: ./ci.sh firmware"]
fn likelihood_and_mahalanobis_combined_give_the_bits_of_the_desk_with_and_without_a_floating_point_unit() {
    let dir = tempfile::tempdir().unwrap();
    edgevae(dir.path(), "synth --rows 1000 --out rows.csv").ok();
    let flags = "--likelihood gaussian --score combined --hidden 16 --latent 3 --epochs 2 --quiet";
    edgevae(dir.path(), &format!("train --data rows.csv --label label {flags} --out run")).ok();
    let boards = ["microbit", "an386", "virt"].map(str::to_owned).to_vec();
    assert_boards_equal_the_desk(boards, dir.path(), "run/model.evae", "rows.csv", 999);

    // A firmware without those heads says which one it lacks.
    let model = dir.path().join("run/model.evae").display().to_string();
    edgevae(dir.path(), "samples --model run/model.evae --data rows.csv --out samples.bin").ok();
    let words = ["an386", "score", "--no-default-features"];
    let image = script(dir.path(), "tools/build.sh", &words, &[("EDGEVAE_MODEL", &model)]).ok().trim().to_owned();
    let ran = script(dir.path(), "tools/emulate.sh", &["an386", &image], &[]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(ran.stderr.contains("the model is refused: the model needs the head `combination`"), "{}", ran.stderr);
}

#[test]
#[ignore = "needs targets and emulators: ./ci.sh firmware"]
fn every_score_gives_the_bits_of_the_desk_on_the_m4f() {
    let dir = tempfile::tempdir().unwrap();
    edgevae(dir.path(), "synth --rows 1000 --out train.csv").ok();
    edgevae(dir.path(), "synth --rows 200 --seed 1 --out rows.csv").ok();
    for score in Score::ALL.map(Score::name) {
        let flags = format!("--likelihood gaussian --score {score} --hidden 16 --latent 3 --epochs 2 --quiet");
        edgevae(dir.path(), &format!("train --data train.csv --label label {flags} --out {score}")).ok();
        let model = format!("{score}/model.evae");
        assert_boards_equal_the_desk(vec!["an386".to_owned()], dir.path(), &model, "rows.csv", 200);
    }
}

/// What it is, the bits of the sample, the bits of its score or the error: the table of the core's own `faults` test.
const FAULTS: [(&str, [u32; 3], Result<u32, ScoreError>); 19] =
    include!("../../crates/edgevae-core/tests/data/faults.in");

#[test]
#[ignore = "needs targets and emulators: ./ci.sh firmware"]
fn numerical_faults_have_the_stated_outcome_on_every_board() {
    let dir = tempfile::tempdir().unwrap();
    let model = |name: &str| firmware().join("../crates/edgevae-core/tests/data").join(name).display().to_string();
    let samples: Vec<u8> =
        (1_u32..).zip(FAULTS).flat_map(|(row, (_, [a, b, c], _))| [row, a, b, c]).flat_map(u32::to_le_bytes).collect();
    fs::write(dir.path().join("samples.bin"), samples).unwrap();
    let float: Vec<(usize, u32)> =
        FAULTS.iter().enumerate().filter_map(|(at, (_, _, outcome))| Some((at + 1, outcome.ok()?))).collect();
    let bytes = AlignedBytes::new(&fs::read(model("small-int8-v1.evae")).unwrap());
    let quantized = QuantizedModel::from_bytes(bytes.as_slice()).unwrap();
    let mut detector = QuantizedDetector::<3, 5>::new(&quantized).unwrap();
    let int8: Vec<(usize, u32)> = (1..)
        .zip(FAULTS)
        .filter_map(|(row, (_, bits, _))| {
            let verdict = detector.score(&bits.map(f32::from_bits)).ok()?;
            Some((row, quantized.rendered(verdict.score).to_bits()))
        })
        .collect();
    let kinds = [("small-v1.evae", &float), ("small-int8-v1.evae", &int8)];
    for (board, (name, scores)) in boards().into_iter().flat_map(|board| kinds.map(|kind| (board.clone(), kind))) {
        let words = [&board, "score"];
        let built = script(dir.path(), "tools/build.sh", &words, &[("EDGEVAE_MODEL", &model(name))]);
        let image = built.ok().trim().to_owned();
        let ran = script(dir.path(), "tools/emulate.sh", &[&board, &image], &[]);
        let faults = format!("{} rows without a score", FAULTS.len() - scores.len());
        assert!(ran.code == Some(3) && ran.stderr.contains(&faults), "{board}: {}", ran.stderr);
        let found: Vec<(usize, u32)> = fs::read_to_string(dir.path().join("scores.csv"))
            .unwrap()
            .lines()
            .skip(1)
            .map(|line| line.split(',').collect::<Vec<_>>())
            .map(|fields| (fields[0].parse().unwrap(), fields[1].parse::<f32>().unwrap().to_bits()))
            .collect();
        assert_eq!(&found, scores, "{board}, {name}: a row that is an error has no score");
    }
}

#[test]
#[ignore = "needs targets and emulators: ./ci.sh firmware"]
fn a_row_without_a_score_fails_the_run_and_the_others_are_written() {
    let dir = tempfile::tempdir().unwrap();
    edgevae(dir.path(), "synth --rows 60 --features 3 --out rows.csv").ok();
    let flags = "--label label --hidden 8 --latent 2 --epochs 1 --quiet";
    edgevae(dir.path(), &format!("train --data rows.csv {flags} --out run")).ok();
    let header = fs::read_to_string(dir.path().join("rows.csv")).unwrap().lines().next().unwrap().to_owned();
    let row = |value: &str| format!("{value},{value},{value},0\n");
    fs::write(dir.path().join("far.csv"), format!("{header}\n{}{}{}", row("0.5"), row("3e38"), row("0.25"))).unwrap();
    let words = ["--board", "an386", "--model", "run/model.evae", "--data", "far.csv"];
    let ran = script(dir.path(), "run.sh", &words, &[]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(ran.stderr.lines().any(|line| line == "1 row without a score"), "{}", ran.stderr);
    let rows: Vec<&str> = ran.stdout.lines().map(|line| line.split(',').next().unwrap()).collect();
    assert_eq!(rows, ["row", "1", "3"]);
    assert_eq!(
        script(dir.path(), "run.sh", &words[..5], &[]).code,
        Some(2),
        "a flag without its value is a usage error"
    );
}

#[test]
#[ignore = "needs targets and emulators: ./ci.sh firmware"]
fn one_input_and_two_thousand_run_on_the_m4f() {
    let dir = tempfile::tempdir().unwrap();
    for features in [1, 2000] {
        edgevae(dir.path(), &format!("synth --rows 60 --features {features} --out {features}.csv")).ok();
        edgevae(
            dir.path(),
            &format!(
                "train --data {features}.csv --label label --hidden 16 --latent 2 --epochs 1 --quiet --out {features}"
            ),
        )
        .ok();
        let (model, data) = (format!("{features}/model.evae"), format!("{features}.csv"));
        let desk = edgevae(dir.path(), &format!("score --model {model} --data {data} --quiet")).ok();
        let board = script(dir.path(), "run.sh", &["--board", "an386", "--model", &model, "--data", &data], &[]).ok();
        assert_eq!(board, desk, "{features} inputs");
    }
}

#[test]
#[ignore = "needs targets and emulators: ./ci.sh firmware"]
fn the_anomaly_detection_shape_of_mlperf_tiny_takes_at_most_400_000_instructions_on_the_m4f() {
    let dir = tempfile::tempdir().unwrap();
    let train = "train --synth rows=2000,features=640 --hidden 128,128,128,128 --latent 8 --epochs 4 --beta-warmup 4 --quantize";
    edgevae(dir.path(), &format!("{train} --quiet --out run")).ok();
    let words = ["an386", "run/model-int8.evae", "--no-default-features"];
    let counted = script(dir.path(), "tools/count.sh", &words, &[]).ok();
    let score = counted.lines().find_map(|line| line.strip_prefix("score_instructions ")).unwrap();
    assert!(score.parse::<u32>().unwrap() <= 400_000, "{counted}");
}

#[test]
#[ignore = "needs targets and emulators: ./ci.sh firmware"]
fn a_damaged_model_and_one_that_does_not_fit_are_refused_with_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    edgevae(dir.path(), "synth --rows 60 --features 3 --out rows.csv").ok();
    let train = |hidden: &str, out: &str| {
        let flags = "--label label --latent 2 --epochs 1 --quiet";
        edgevae(dir.path(), &format!("train --data rows.csv --hidden {hidden} {flags} --out {out}")).ok();
    };
    train("8", "small");
    train("1500", "wide");
    edgevae(dir.path(), "samples --model small/model.evae --data rows.csv --out samples.bin").ok();
    let mut bytes = fs::read(dir.path().join("small/model.evae")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(dir.path().join("damaged.evae"), bytes).unwrap();

    let refused = |board: &str, model: &str| {
        let model = dir.path().join(model).display().to_string();
        let built = script(dir.path(), "tools/build.sh", &[board, "score"], &[("EDGEVAE_MODEL", &model)]);
        let image = built.ok().trim().to_owned();
        let ran = script(dir.path(), "tools/emulate.sh", &[board, &image], &[]);
        assert_eq!(ran.code, Some(1), "{}", ran.stderr);
        ran.stderr
    };
    let said = refused("an386", "damaged.evae");
    assert!(said.contains("the model is refused: damaged: checksum"), "{said}");
    let said = refused("microbit", "wide/model.evae");
    assert!(
        said.contains("the model is a Detector::<3, 1500, 0> (inputs, widest layer, memory of its heads)"),
        "{said}"
    );
    assert!(said.contains("this one is a Detector::<3, "), "{said}");

    // What does not fit into flash does not link, and the linker says by how much.
    edgevae(dir.path(), "synth --rows 60 --features 2000 --out many.csv").ok();
    let flags = "--hidden 32 --label label --latent 2 --epochs 1 --quiet";
    edgevae(dir.path(), &format!("train --data many.csv {flags} --out many")).ok();
    let ran =
        script(dir.path(), "run.sh", &["--board", "microbit", "--model", "many/model.evae", "--data", "many.csv"], &[]);
    assert_ne!(ran.code, Some(0));
    assert!(ran.stderr.contains("will not fit in region 'FLASH'"), "{}", ran.stderr);
}

#[test]
#[ignore = "needs targets and emulators: ./ci.sh firmware"]
fn a_panic_a_fault_and_a_hang_end_the_run_and_say_where() {
    let dir = tempfile::tempdir().unwrap();
    for board in ["an386", "virt"] {
        let image = script(dir.path(), "tools/build.sh", &[board, "misbehave"], &[]).ok().trim().to_owned();
        let run = |what| script(dir.path(), "tools/emulate.sh", &[board, &image, what], &[("EDGEVAE_TIME_LIMIT", "3")]);
        for (what, code, said) in [
            ("panic", 101, "misbehave.rs:"),
            ("fault", 102, "misbehave::fault"),
            ("hang", 124, "has not ended after 3 s: at pc 0x"),
            ("hang", 124, "misbehave::hang"),
        ] {
            let ran = run(what);
            assert_eq!(ran.code, Some(code), "{board}, {what}: {}", ran.stderr);
            assert!(ran.stderr.contains(said), "{board}, {what}: `{said}` is not in: {}", ran.stderr);
        }
    }
}

#[test]
#[ignore = "needs targets and emulators: ./ci.sh firmware"]
fn inspect_foretells_image_and_memory_within_three_percent() {
    let dir = tempfile::tempdir().unwrap();
    edgevae(dir.path(), "synth --rows 200 --features 6 --out rows.csv").ok();
    let text: String = fs::read_to_string(dir.path().join("rows.csv"))
        .unwrap()
        .lines()
        .enumerate()
        .map(|(at, line)| match at {
            0 => format!("mode,{line}\n"),
            _ => format!("{},{line}\n", ["run", "idle", "stop"][at % 3]),
        })
        .collect();
    fs::write(dir.path().join("raw.csv"), text).unwrap();
    let flags = "--label label --hidden 40,20 --latent 4 --epochs 1 --quiet";
    for (data, more) in [
        ("rows.csv", "--quantize --out run"),
        ("rows.csv", "--likelihood gaussian --score combined --out heads"),
        ("raw.csv", "--window 3 --out raw"),
    ] {
        edgevae(dir.path(), &format!("train --data {data} {flags} {more}")).ok();
    }
    let alone = &["--no-default-features"][..];
    let encoded = &["--no-default-features", "--features", "encoding"][..];
    for (board, target) in [("an386", "cortex-m4f"), ("microbit", "cortex-m0"), ("virt_imc", "rv32imc")] {
        for (model, cargo) in [
            ("run/model.evae", alone),
            ("run/model-int8.evae", alone),
            ("heads/model.evae", &[]),
            ("raw/model.evae", encoded),
        ] {
            let told = edgevae(dir.path(), &format!("inspect {model} --target {target} --json")).ok();
            let told: serde_json::Value = serde_json::from_str(&told).unwrap();
            let told = |name: &str| told["target"][name].as_f64().unwrap();
            let path = dir.path().join(model).display().to_string();
            let words = [&[board, "footprint,measure"], cargo].concat();
            let images = script(dir.path(), "tools/build.sh", &words, &[("EDGEVAE_MODEL", &path)]).ok();
            let (footprint, measure) = images.trim().split_once('\n').unwrap();
            let sections = Command::new("size").arg(footprint).output().expect("binutils are installed").stdout;
            let sections = String::from_utf8(sections).unwrap();
            let linked: f64 = sections.lines().nth(1).unwrap().split_whitespace().next().unwrap().parse().unwrap();
            let measured = script(dir.path(), "tools/emulate.sh", &[board, measure, "stack"], &[]).ok();
            let measured = |name: &str| -> f64 {
                let line = measured.lines().find_map(|line| line.strip_prefix(name)).expect(name);
                line.trim().parse().unwrap()
            };
            let stack = measured("load_stack").max(measured("score_stack"));
            for (what, told, found) in [
                ("image", told("image_bytes"), linked),
                ("model", told("model_view_bytes"), measured("model_ram")),
                ("detector", told("detector_bytes"), measured("detector_ram")),
                ("stack", told("stack_bytes"), stack),
            ] {
                // Of a stack that is deeper than this model's there is a share unused.
                let least = if what == "stack" { 0.8 } else { 0.97 };
                assert!(
                    (least..=1.03).contains(&(found / told)),
                    "{target}, {model}: inspect says {what} {told} bytes, found are {found}"
                );
            }
        }
    }
}

#[test]
#[ignore = "needs targets, emulators and C tools: ./ci.sh firmware"]
fn a_fault_of_the_c_example_says_where() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("main.c"), "int main(void) {\n  __asm volatile(\"udf #0\");\n  return 0;\n}\n").unwrap();
    let source = firmware().join("../crates/edgevae-capi/example").canonicalize().expect(WHY);
    let core = ["-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"];
    let output = Command::new("arm-none-eabi-gcc")
        .current_dir(dir.path())
        .args(core)
        .args(["-O2", "-g", "-ffreestanding", "-nostdlib", "-o", "fault.elf", "main.c", "-T"])
        .args([source.join("an386.ld"), source.join("startup.c")])
        .output()
        .expect("the compiler is there once setup.sh --c has run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let ran = script(dir.path(), "tools/emulate.sh", &["an386", "fault.elf"], &[]);
    assert_eq!(ran.code, Some(102), "{}", ran.stderr);
    for said in ["hard fault at pc 0x", "main.c:2"] {
        assert!(ran.stderr.contains(said), "`{said}` is not in: {}", ran.stderr);
    }
}

#[test]
#[ignore = "needs targets, emulators and C tools: ./ci.sh firmware"]
fn the_c_example_gives_the_bits_of_the_desk() {
    let dir = tempfile::tempdir().unwrap();
    edgevae(dir.path(), "synth --rows 1000 --out rows.csv").ok();
    edgevae(dir.path(), "train --data rows.csv --label label --hidden 16 --latent 3 --epochs 2 --quiet --out run").ok();
    edgevae(dir.path(), "samples --model run/model.evae --data rows.csv --out samples.bin").ok();
    let toolchain = script(dir.path(), "setup.sh", &["--toolchain"], &[]).ok();
    let cargo = ["cargo", toolchain.trim()].join(";");
    let source = firmware().join("../crates/edgevae-capi/example");
    let run = |program: &str, words: &[&str]| {
        let output = Command::new(program).args(words).current_dir(dir.path()).env_remove("RUSTUP_TOOLCHAIN").output();
        let output = output.expect("CMake is there once setup.sh --c has run");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let model = dir.path().join("run/model.evae");
    run(
        "cmake",
        &[
            "-S",
            &source.display().to_string(),
            "-B",
            "build",
            &format!("-DCMAKE_TOOLCHAIN_FILE={}", source.join("arm-none-eabi.cmake").display()),
            &format!("-DEDGEVAE_MODEL={}", model.display()),
            &format!("-DEDGEVAE_CARGO={}", cargo.trim_end_matches(';')),
        ],
    );
    run("cmake", &["--build", "build"]);
    script(dir.path(), "tools/emulate.sh", &["an386", "build/example.elf"], &[]).ok();

    let results = fs::read(dir.path().join("scores.bin")).unwrap();
    let (results, rest) = results.as_chunks::<12>();
    assert!(rest.is_empty());
    let desk = edgevae(dir.path(), "score --model run/model.evae --data rows.csv --quiet").ok();
    assert_eq!(results.len(), 1000);
    for (result, line) in results.iter().zip(desk.lines().skip(1)) {
        let word = |at: usize| u32::from_le_bytes(result[at..at + 4].try_into().unwrap());
        let fields: Vec<&str> = line.split(',').collect();
        let score: f32 = fields[1].parse().unwrap();
        assert_eq!(
            (word(0), word(4), word(8)),
            (fields[0].parse().unwrap(), score.to_bits(), fields[2].parse().unwrap())
        );
    }
}
