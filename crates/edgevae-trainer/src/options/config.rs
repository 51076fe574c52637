//! The options of `train` as a user writes them: flags, a `config.toml`, or both; a flag wins over the file.

use std::path::{Path, PathBuf};

use super::spec::Group;
pub use super::table::{Config, SPECS};
use super::{Request, columns};
use crate::base::regular;
use crate::options::{OptionError, Preset, SplitBy};
use crate::table::form::{FileForm, parse_encoding, parse_thousands};
use crate::table::options::parse_delimiter;

/// Why a config file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It cannot be read.
    #[error("{path}: {source}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It names two sources of rows.
    #[error("{path}: found both `data` and `synth`; expected one of them: remove the other", path = .0.display())]
    TwoSources(PathBuf),
    /// It is no TOML, or holds a key or a value that `train` does not know; the message shows the line.
    #[error("{path}: {source}expected the names and values of `edgevae train --help` without the dashes", path = path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// What the parser said.
        source: Box<toml::de::Error>,
    },
}

impl Config {
    /// Options whose network, training and score the shape of the data and the flash budget choose.
    pub fn auto() -> Self {
        Self::default().preset(Preset::Auto)
    }

    /// Reads a config file.
    ///
    /// # Errors
    /// [`ConfigError`] with the line of a key or value that is not known, or for two sources of rows.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = regular::read_text(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        let config: Self = toml::from_str(&text)
            .map_err(|source| ConfigError::Parse { path: path.to_owned(), source: Box::new(source) })?;
        if config.data.is_some() && config.synth.is_some() {
            return Err(ConfigError::TwoSources(path.to_owned()));
        }
        Ok(config)
    }

    /// Takes from `other` what is not given here. Of its rows nothing where rows are given here, as files or as a recipe; of
    /// how files are read nothing where they are a recipe.
    pub fn or(self, other: Self) -> Self {
        let rows = self.data.is_some() || self.synth.is_some();
        let other = if rows { Self { data: None, synth: None, ..other } } else { other };
        let other = if self.synth.is_some() { other.without_files() } else { other };
        self.filled(other)
    }

    /// Checks what is given.
    ///
    /// # Errors
    /// Of an option outside its range, or one that says nothing without another.
    pub fn validate(&self) -> Result<(), OptionError> {
        if self.data.as_ref().is_some_and(Vec::is_empty) {
            return Err(OptionError { name: "data", found: "an empty list".into(), expected: "at least one file" });
        }
        SPECS.iter().try_for_each(|spec| (spec.check)(self))?;
        if let (Some(epochs), None | Some(false)) = (self.qat, self.quantize) {
            let found = format!("{epochs} without --quantize");
            return Err(OptionError { name: "qat", found, expected: "--quantize beside it, or no --qat" });
        }
        if let (None, Some(option)) =
            (self.window, self.stride.map(|_| "stride").or(self.window_features.map(|_| "window-features")))
        {
            let expected = "--window N beside it";
            return Err(OptionError { name: option, found: "given alone".into(), expected });
        }
        self.options().validate()
    }

    /// How the files are written, as far as it is said.
    ///
    /// # Errors
    /// A sentence that names the option and what it accepts.
    pub fn form(&self) -> Result<FileForm, String> {
        fn read<T>(
            text: &Option<String>,
            name: &str,
            parse: impl Fn(&str) -> Result<T, String>,
        ) -> Result<Option<T>, String> {
            text.as_deref().map(parse).transpose().map_err(|error| format!("--{name}: {error}"))
        }
        Ok(FileForm {
            delimiter: read(&self.delimiter, "delimiter", parse_delimiter)?,
            decimal: self.decimal,
            thousands: read(&self.thousands, "thousands", parse_thousands)?,
            missing_words: self.missing_words.clone().unwrap_or_default(),
            header: self.no_header.map(|none| !none),
            skip_rows: self.skip_rows,
            encoding: read(&self.encoding, "encoding", parse_encoding)?,
            sentinels: self.sentinel.clone().unwrap_or_default(),
            ..FileForm::default()
        })
    }

    /// The options given of network, training and score.
    pub(super) fn by_hand(&self) -> Vec<&'static str> {
        SPECS.iter().filter(|spec| spec.chosen_by_auto && spec.is_given(self)).map(|spec| spec.name).collect()
    }

    /// Without what is said about columns and files, which generated rows have not.
    fn without_files(mut self) -> Self {
        SPECS.iter().filter(|spec| spec.group == Group::Files).for_each(|spec| (spec.clear)(&mut self));
        self
    }

    /// The flags that make the preset `reference` for rows of files, where nobody named a preset.
    pub fn flags_for_reference(&self) -> Option<String> {
        let quantize = (self.quantize == Some(true)).then_some("quantize");
        let flags: Vec<String> = self.by_hand().into_iter().chain(quantize).map(|name| format!("--{name}")).collect();
        (self.data.is_some() && self.preset.is_none() && !flags.is_empty()).then(|| flags.join(", "))
    }

    pub(super) fn preset_or_default(&self) -> Preset {
        self.preset.unwrap_or(if self.data.is_some() { self.preset_for_data() } else { Preset::Reference })
    }

    /// The preset for rows of one's own, where none is given.
    pub(crate) fn preset_for_data(&self) -> Preset {
        // The scores that `auto` chooses among have no integer form.
        let auto = self.by_hand().is_empty() && self.quantize != Some(true);
        if auto { Preset::Auto } else { Preset::Reference }
    }

    /// What is said about columns and order.
    pub fn request(&self) -> Request {
        Request {
            time: self.time.clone(),
            group: columns::group_column(&self.split_or_default()),
            categorical: self.categorical.clone().unwrap_or_default(),
            cyclic: self.cyclic.clone().unwrap_or_default(),
            window: self.window_spec(),
        }
    }

    pub(super) fn split_or_default(&self) -> SplitBy {
        let default =
            if self.time.is_some() || self.window.is_some() { SplitBy::Chronological } else { SplitBy::Random };
        self.split.clone().unwrap_or(default)
    }

    /// The config file that repeats the run: what was given, and every option that was left to its default.
    pub fn resolved(&self) -> Self {
        let options = self.options();
        // What `auto` chooses depends on the data and is chosen again, the same; what was given stays.
        let by_hand = options.preset == Preset::Reference;
        Self {
            // Not given, it depends on the data: whether a number stands for missing readings.
            missing: self.missing,
            preset: Some(options.preset),
            contamination: Some(options.contamination),
            split: Some(options.split.clone()),
            draws: by_hand.then_some(options.sizes.draws).or(self.draws),
            ..self.with_defaults(&options, by_hand)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Schedule;

    fn parse(text: &str) -> Result<Config, ConfigError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        Config::read(file.path())
    }

    #[test]
    fn a_flag_wins_over_the_file_and_the_file_over_the_default() {
        let flags = Config { latent: Some(4), ..Config::default() };
        let merged = flags.or(parse("latent = 2\nhidden = [16]\nbeta-schedule = \"constant\"").unwrap());
        let options = merged.options();
        assert_eq!((options.latent, options.hidden, options.epochs), (4, vec![16], 50));
        assert_eq!(options.beta_schedule, Schedule::Constant);
    }

    #[test]
    fn rows_that_a_flag_names_replace_those_of_the_file() {
        let synth = Config { synth: Some("rows=300".into()), ..Config::default() };
        let merged = synth.clone().or(parse("data = \"a.csv\"\nlatent = 2").unwrap());
        assert_eq!((merged.data, merged.synth, merged.latent), (None, synth.synth, Some(2)));
        let data = Config { data: Some(vec!["b.csv".into()]), ..Config::default() };
        let merged = data.clone().or(parse("synth = \"rows=300\"").unwrap());
        assert_eq!((merged.data, merged.synth), (data.data, None));
        let error = parse("data = \"a.csv\"\nsynth = \"rows=300\"").unwrap_err().to_string();
        assert!(error.contains("`data`") && error.contains("`synth`"), "{error}");
    }

    #[test]
    fn a_window_of_a_file_has_the_range_of_the_flag() {
        let refused = |text: &str| parse(text).unwrap().validate().unwrap_err().to_string();
        assert_eq!(refused("window = 0"), "--window is 0; expected a whole number from 2 to 65535");
        assert_eq!(refused("window = 1"), "--window is 1; expected a whole number from 2 to 65535");
        assert_eq!(refused("window = 4\nstride = 0"), "--stride is 0; expected a whole number above 0");
        assert!(parse("window = 2").unwrap().validate().is_ok());
    }

    #[test]
    fn auto_is_for_data_without_options_of_the_network_and_leaves_those_that_are_given_beside_it() {
        let preset = |text: &str| parse(text).unwrap().options().preset;
        assert_eq!(preset("data = \"a.csv\""), Preset::Auto);
        assert_eq!(preset("data = \"a.csv\"\nseed = 3\ncontamination = 0\nclip = 5.0"), Preset::Auto);
        for by_hand in ["latent = 4", "quantize = true", "score = \"mse\"", "epochs = 9", "preset = \"reference\""] {
            assert_eq!(preset(&format!("data = \"a.csv\"\n{by_hand}")), Preset::Reference, "{by_hand}");
        }
        assert_eq!(preset("seed = 3"), Preset::Reference, "the reference data");
        let both = parse("data = \"a.csv\"\npreset = \"auto\"\nlatent = 4").unwrap();
        assert_eq!((both.options().preset, both.options().by_hand), (Preset::Auto, vec!["latent"]));
        assert_eq!(both.resolved().latent, Some(4), "the config file of the run repeats it");
        let score = parse("data = \"a.csv\"\npreset = \"auto\"\nscore = \"neighbours\"").unwrap();
        assert_eq!(score.options().by_hand, ["score"]);
    }

    #[test]
    fn fine_tuning_for_integers_goes_with_integers() {
        let check = |text: &str| parse(text).unwrap().validate().map_err(|error| error.to_string());
        assert_eq!(check("quantize = true\nqat = 10"), Ok(()));
        let expected = Err("--qat is 10 without --quantize; expected --quantize beside it, or no --qat".to_owned());
        assert_eq!((check("qat = 10"), check("qat = 10\nquantize = false")), (expected.clone(), expected));
    }

    #[test]
    fn the_resolved_config_reads_back_and_repeats_the_run() {
        let config = Config { latent: Some(4), label: Some("faulty".into()), ..Config::default() };
        let text = toml::to_string(&config.resolved()).unwrap();
        let read = parse(&text).unwrap();
        assert_eq!(read, config.resolved());
        assert_eq!(read.options(), config.options());
    }

    #[test]
    fn an_unknown_key_is_shown_with_its_line() {
        let error = parse("latent = 2\nlatents = 3").unwrap_err().to_string();
        assert!(error.contains("line 2") && error.contains("latents"), "{error}");
        let error = parse("beta-schedule = \"square\"").unwrap_err().to_string();
        assert!(error.contains("square") && error.contains("linear"), "{error}");
    }
}
