//! Files as people have them: each must give the model of the plain file, or say what is wrong.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use edgevae_tests::{Ran, edgevae};

/// Time, temperature, pressure and speed as a plain file has them.
fn cells(rows: usize) -> Vec<[String; 3]> {
    let row = |row: usize| {
        let t = (row * 37 % 101) as f32 / 101.0;
        let temp = 20.0 + 15.0 * t;
        [
            format!("{temp:.2}"),
            format!("{:.3}", temp / 4.0 + (row % 7) as f32 / 50.0),
            format!("{}", 900 + row * 53 % 400),
        ]
    };
    (0..rows).map(row).collect()
}

fn file(delimiter: &str, decimal: &str, header: &str) -> String {
    let row = |cells: [String; 3]| cells.map(|cell| cell.replace('.', decimal)).join(delimiter) + "\n";
    header.to_owned() + &cells(300).into_iter().map(row).collect::<String>()
}

const NAMES: &str = "temp,press,rpm\n";

/// Writes a file and trains on it; the bytes of the model, and what was said.
fn train(dir: &Path, name: &str, bytes: impl AsRef<[u8]>, flags: &str) -> (Option<Vec<u8>>, String) {
    fs::write(dir.join(name), bytes).unwrap();
    let words = format!("train --data {name} --epochs 2 --hidden 4 --latent 1 --out run --force {flags}");
    let Ran { code, stdout, stderr } = edgevae(dir, &words);
    let model = (code == Some(0)).then(|| fs::read(dir.join("run/model.evae")).unwrap());
    (model, stdout + &stderr)
}

#[test]
fn every_spelling_of_a_file_gives_the_model_of_the_plain_one() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let plain = file(",", ".", NAMES);
    let (expected, _) = train(dir, "plain.csv", &plain, "");
    let expected = expected.unwrap();
    let utf16: Vec<u8> = [0xff, 0xfe].into_iter().chain(plain.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(plain.as_bytes()).unwrap();
    let objects: Vec<String> =
        cells(300).iter().map(|[t, p, r]| format!("{{\"temp\": {t}, \"press\": {p}, \"rpm\": {r}}}")).collect();
    let cases: Vec<(&str, Vec<u8>, &str, &str)> = vec![
        ("pipe.csv", file("|", ".", "temp|press|rpm\n").into(), "", ""),
        ("tab.txt", file("\t", ".", "temp\tpress\trpm\n").into(), "", ""),
        ("sep.csv", (String::from("sep=;\n") + &file(";", ".", "temp;press;rpm\n")).into(), "", "first line above"),
        ("remarks.csv", (String::from("# logger 7\n# hall B\n") + &plain).into(), "", "first 2 lines above"),
        ("units.csv", file(",", ".", "temp,press,rpm\ndegC,bar,1/min\n").into(), "", "holds units"),
        ("skip.csv", (String::from("Hall B\n\n") + &plain).into(), "--skip-rows 2", ""),
        ("utf16.csv", utf16, "", ""),
        ("packed.csv.gz", gzip.finish().unwrap(), "", ""),
        ("lines.json", objects.join("\n").into(), "", ""),
        ("lines.csv", objects.join("\n").into(), "", ""),
        ("array.json", format!("[\n{}\n]\n", objects.join(",\n")).into(), "", ""),
        ("one_line.json", format!("[{}]", objects.join(",")).into(), "", ""),
    ];
    for (name, bytes, flags, note) in cases {
        let (model, said) = train(dir, name, bytes, flags);
        assert!(said.contains(note), "{name}: {said}");
        let model = model.unwrap_or_else(|| panic!("{name}: {said}"));
        // What the user said is remembered in the file.
        assert!(model == expected || !flags.is_empty(), "{name}: {said}");
    }
}

#[test]
fn a_decimal_comma_is_read_said_and_remembered() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    train(dir, "plain.csv", file(",", ".", NAMES), "");
    let score = |data: &str| edgevae(dir, &format!("score --model run/model.evae --data {data} --quiet")).ok();
    let expected = score("plain.csv");
    for header in ["temp;press;rpm\n", "temp, C;press, bar;rpm\n"] {
        let (model, said) = train(dir, "comma.csv", file(";", ",", header), "");
        assert!(model.is_some() && said.contains("decimal comma (--decimal . says otherwise)"), "{said}");
        assert_eq!(score("comma.csv"), expected);
        // A file of whole numbers shows no mark, and a pipe is not looked at: the model knows.
        let piped = edgevae_tests::edgevae_with(
            dir,
            "score --model run/model.evae --data - --quiet --delimiter ;",
            &fs::read(dir.join("comma.csv")).unwrap(),
        );
        assert_eq!(piped.ok(), expected);
    }
    // A file with points says so itself, whatever the model remembers.
    train(dir, "comma.csv", file(";", ",", "temp;press;rpm\n"), "");
    assert_eq!(score("plain.csv"), expected);
}

#[test]
fn what_can_be_read_two_ways_is_a_question() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let rows: String = cells(300).iter().map(|[t, p, r]| format!("{t};{p};{}\n", grouped(r, '.'))).collect();
    let (_, said) = train(dir, "thousands.csv", format!("temp;press;rpm\n{rows}"), "");
    assert!(said.contains("divides thousands") || said.contains("thousands"), "{said}");
    let rows: String = cells(300).iter().map(|[t, p, r]| format!("{t};{p};{}\n", grouped(r, ','))).collect();
    let (model, said) = train(dir, "us.csv", format!("temp;press;rpm\n{rows}"), "");
    assert!(model.is_none() && said.contains("--decimal ,") && said.contains("--thousands ,"), "{said}");
    let (model, said) = train(dir, "us.csv", format!("temp;press;rpm\n{rows}"), "--thousands ,");
    assert!(model.is_some(), "{said}");
    let cut: String =
        (0..300).map(|row| format!("{},{:02},{},{:03}\n", 20 + row % 9, row * 37 % 100, 4, row * 7 % 1000)).collect();
    let (_, said) = train(dir, "cut.csv", format!("t, C,p, bar\n{cut}"), "");
    assert!(said.contains("cut at it"), "{said}");
}

fn grouped(number: &str, mark: char) -> String {
    let at = number.len().saturating_sub(3);
    if at == 0 { number.to_owned() } else { format!("{}{mark}{}", &number[..at], &number[at..]) }
}

#[test]
fn rows_without_names_are_refused_and_read_where_the_user_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    for rows in [file(",", ".", ""), file(";", ".", ""), file("\t", ".", "")] {
        let (model, said) = train(dir, "rows.csv", &rows, "");
        assert!(
            model.is_none() && said.contains("line 1: found a row of data") && said.contains("--no-header"),
            "{said}"
        );
        let (model, said) = train(dir, "rows.csv", &rows, "--no-header");
        assert!(model.is_some() && said.contains("300 rows, 3 features"), "{said}");
        let scores = edgevae(dir, "score --model run/model.evae --data rows.csv --quiet").ok();
        assert_eq!(scores.lines().count(), 301, "the model remembers that there are no names");
    }
}

#[test]
fn words_and_units_are_no_categories() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    for word in ["unavailable", "OL", "None", "?", "\\N", "#DIV/0!", "-"] {
        let rows: String = cells(300)
            .iter()
            .enumerate()
            .map(|(row, [t, p, r])| format!("{t},{},{r}\n", if row % 10 == 3 { word } else { p }))
            .collect();
        let (model, said) = train(dir, "words.csv", NAMES.to_owned() + &rows, "--missing mean");
        assert!(model.is_some() && said.contains("3 features") && !said.contains("category"), "{word}: {said}");
    }
    let with = |word: &str| -> String {
        let row =
            |(row, [t, p, r]): (usize, &[String; 3])| format!("{t},{},{r}\n", if row % 10 == 3 { word } else { p });
        NAMES.to_owned() + &cells(300).iter().enumerate().map(row).collect::<String>()
    };
    let (model, said) = train(dir, "words.csv", with("defekt"), "--missing mean --missing-words defekt");
    assert!(model.is_some() && said.contains("3 features"), "{said}");
    let scores = edgevae(dir, "score --model run/model.evae --data words.csv --quiet").ok();
    assert_eq!(scores.lines().count(), 301, "the model remembers the word");

    for unit in ["%", " hPa", "°C"] {
        let rows: String = cells(300).iter().map(|[t, p, r]| format!("{t}{unit},{p},{r}\n")).collect();
        let (model, said) = train(dir, "units.csv", NAMES.to_owned() + &rows, "");
        let note = format!("`temp`: numbers in {}, read without the unit", unit.trim());
        assert!(model.is_some() && said.contains(&note) && said.contains("3 features"), "{said}");
        let score = |data: &str| edgevae(dir, &format!("score --model run/model.evae --data {data} --quiet"));
        assert_eq!(score("units.csv").ok().lines().count(), 301, "the model remembers the unit");
        fs::write(dir.join("other.csv"), (NAMES.to_owned() + &rows).replace(unit, " bar")).unwrap();
        score("other.csv").fails_with(&["other.csv", "line 2", "temp", "bar"]);
    }
}
