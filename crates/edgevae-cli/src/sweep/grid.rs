//! A grid over the options of `train`, made from their own definition: a new option is in it without a line here.

use std::borrow::Cow;
use std::fmt;

use clap::builder::Str;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};

use crate::args::ConfigArgs;
use edgevae_trainer::options::Config;

/// Options that a grid does not have: seeds have their own flag, and each run has one thread.
const NOT_IN_THE_GRID: [&str; 2] = ["seed", "threads"];
/// Options that change no figure of a sweep, which are those of the float model.
const OF_THE_INT8_FORM: [&str; 2] = ["quantize", "qat"];
/// Largest number of runs; a slip of the pen is likelier than a wish for more.
const MOST_RUNS: usize = 100_000;

/// Values of each option that a user gave, under the flags' names, in the order of the definition.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Grid {
    axes: Vec<(String, Vec<String>)>,
}

/// Why there are no runs to a grid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GridError {
    /// A value that `train` refuses.
    #[error("{0}")]
    Value(String),
    /// Seeds that are no numbers.
    #[error("--seeds is {0}; expected numbers as in 0,1,2 or the first and the last of a range as in 0..4")]
    Seeds(String),
    /// The same seed again, which would count one run twice.
    #[error("--seeds is {text}, which holds {seed} more than once; expected each seed once")]
    RepeatedSeed {
        /// What was given.
        text: String,
        /// The seed.
        seed: u64,
    },
    /// Two values that `train` reads alike.
    #[error("--{option} has {first} and {second}, which are the same value; expected each value once")]
    RepeatedValue {
        /// The option.
        option: String,
        /// The value as it was given first.
        first: String,
        /// As it was given again.
        second: String,
    },
    /// An option that has no figure to change.
    #[error(
        "--{0} is not for a sweep, whose figures are those of the float model; compare the int8 form of one setting by \
         `edgevae train --quantize`"
    )]
    OfTheInt8Form(String),
    /// Too many.
    #[error("{0} runs; expected at most {MOST_RUNS}: give fewer values")]
    TooMany(usize),
}

/// One run of a grid: its options, and those that vary over the grid as text.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// All options of the run.
    pub config: Config,
    /// Name and value of each option with more than one value, but for the seed.
    pub varied: Vec<(String, String)>,
    /// Its seed.
    pub seed: u64,
}

/// The options of one run, parsed as `train` parses them.
#[derive(clap::Parser)]
#[command(no_binary_name = true)]
struct One {
    #[command(flatten)]
    config: ConfigArgs,
}

/// What stands between two values of an option: a comma, or a semicolon where a value itself holds commas.
fn separator(arg: &Arg) -> char {
    let holds_commas = arg.get_value_names().unwrap_or_default().iter().any(|name| name.contains(','));
    if holds_commas { ';' } else { ',' }
}

/// The options of `train` that a grid has.
fn options() -> Vec<Arg> {
    let command = ConfigArgs::augment_args(Command::new("train"));
    let in_grid = |arg: &&Arg| !NOT_IN_THE_GRID.contains(&arg.get_id().as_str());
    command.get_arguments().filter(in_grid).cloned().collect()
}

impl Args for Grid {
    fn augment_args(command: Command) -> Command {
        options().into_iter().fold(command, |command, option| {
            let (separator, id) = (separator(&option), option.get_id().to_string());
            let names = option.get_value_names().unwrap_or_default().first().cloned().unwrap_or(Str::from("VALUE"));
            let mut help = option.get_help().map(ToString::to_string).unwrap_or_default();
            let values: Vec<String> = option.get_possible_values().iter().map(|v| v.get_name().to_owned()).collect();
            if !values.is_empty() {
                help += &format!(" [possible values: {}]", values.join(", "));
            }
            let long = option.get_long().map(str::to_owned).unwrap_or_else(|| id.clone());
            // Those are taken as `train` takes them, to be refused with the reason.
            let refused = OF_THE_INT8_FORM.contains(&id.as_str());
            let values = if refused { 0..=1 } else { 1..=1 };
            let arg = Arg::new(id).long(long).help(help).value_name(format!("{names}{separator}...")).num_args(values);
            let arg = if refused { arg.hide(true).default_missing_value("true") } else { arg };
            command.arg(
                arg.action(ArgAction::Set)
                    .allow_negative_numbers(true)
                    .help_heading("Options of train, each with one or several values"),
            )
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Grid {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let axes = options().into_iter().filter_map(|option| {
            let text = matches.get_one::<String>(option.get_id().as_str())?;
            let name = option.get_long().unwrap_or(option.get_id().as_str()).to_owned();
            Some((name, text.split(separator(&option)).map(|value| value.trim().to_owned()).collect()))
        });
        Ok(Self { axes: axes.collect() })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl fmt::Display for Grid {
    /// As flags, quoted for a shell where a value needs it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let options = options();
        let flags = self.axes.iter().map(|(name, values)| {
            let option = options.iter().find(|option| option.get_long() == Some(name));
            let text = values.join(&option.map_or(',', separator).to_string());
            format!("--{name} {}", shell_word(&text))
        });
        f.write_str(&flags.collect::<Vec<_>>().join(" "))
    }
}

/// Text as one word of a shell's command, in quotes where it needs them.
pub fn shell_word(text: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.,/=+:".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(format!("'{}'", text.replace('\'', "'\\''")))
}

/// The options of one combination of flags.
fn parse(words: impl Iterator<Item = String>) -> Result<Config, GridError> {
    let parsed = <One as clap::Parser>::try_parse_from(words).map_err(|error| GridError::Value(first_line(&error)))?;
    Ok(parsed.config.0)
}

impl Grid {
    /// Options with more than one value.
    pub fn varied(&self) -> Vec<&str> {
        self.axes.iter().filter(|(_, values)| values.len() > 1).map(|(name, _)| name.as_str()).collect()
    }

    /// Every combination of values and seeds, the last option varying fastest but for the seed, which varies faster
    /// still. What the grid does not name is taken from `base`.
    ///
    /// # Errors
    /// [`GridError`]: a value that `train` refuses, in its own words, one given twice, an option that changes no figure,
    /// or too many runs.
    pub fn points(&self, base: &Config, seeds: &[u64]) -> Result<Vec<Point>, GridError> {
        self.check_axes()?;
        let sizes = self.axes.iter().map(|(_, values)| values.len());
        let count = sizes.fold(seeds.len(), usize::saturating_mul);
        if count > MOST_RUNS {
            return Err(GridError::TooMany(count));
        }
        let mut combinations: Vec<Vec<(&str, &str)>> = vec![vec![]];
        for (name, values) in &self.axes {
            let longer = combinations.iter().flat_map(|combination| {
                values.iter().map(|value| [&combination[..], &[(name.as_str(), value.as_str())]].concat())
            });
            combinations = longer.collect();
        }
        let mut points = Vec::with_capacity(count);
        for combination in combinations {
            let words = combination.iter().map(|(name, value)| format!("--{name}={value}"));
            let config = parse(words)?.or(base.clone());
            config.validate().map_err(|error| GridError::Value(error.to_string()))?;
            let varies = |name: &str| self.axes.iter().any(|(axis, values)| axis == name && values.len() > 1);
            let varied: Vec<(String, String)> = combination
                .iter()
                .filter(|(name, _)| varies(name))
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect();
            points.extend(seeds.iter().map(|&seed| Point {
                config: Config { seed: Some(seed), threads: Some(1), ..config.clone() },
                varied: varied.clone(),
                seed,
            }));
        }
        Ok(points)
    }

    /// Each option is one that a sweep has, and each of its values is another one.
    fn check_axes(&self) -> Result<(), GridError> {
        for (name, values) in &self.axes {
            if OF_THE_INT8_FORM.contains(&name.as_str()) {
                return Err(GridError::OfTheInt8Form(name.clone()));
            }
            let mut read: Vec<(Config, &str)> = Vec::with_capacity(values.len());
            for value in values {
                let config = parse([format!("--{name}={value}")].into_iter())?;
                if let Some((_, first)) = read.iter().find(|(other, _)| *other == config) {
                    let (option, first, second) = (name.clone(), (*first).to_owned(), value.clone());
                    return Err(GridError::RepeatedValue { option, first, second });
                }
                read.push((config, value));
            }
        }
        Ok(())
    }
}

/// What clap has to say, without usage and hints at `--help` of a command that nobody called.
fn first_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let end = text.find("\n\n").unwrap_or(text.len());
    text[..end].trim_start_matches("error: ").trim().to_owned()
}

/// Reads `0,3,5` or `0..4`, of which the last is one of the seeds.
///
/// # Errors
/// [`GridError::Seeds`], [`GridError::RepeatedSeed`]
pub fn parse_seeds(text: &str) -> Result<Vec<u64>, GridError> {
    let wrong = || GridError::Seeds(text.to_owned());
    let number = |text: &str| text.trim().parse::<u64>().map_err(|_| wrong());
    if let Some((first, last)) = text.split_once("..") {
        let (first, last) = (number(first)?, number(last)?);
        return if first <= last && last - first < MOST_RUNS as u64 {
            Ok((first..=last).collect())
        } else {
            Err(wrong())
        };
    }
    let seeds = text.split(',').map(number).collect::<Result<Vec<u64>, _>>()?;
    match (1..seeds.len()).find(|&at| seeds[..at].contains(&seeds[at])) {
        Some(at) => Err(GridError::RepeatedSeed { text: text.to_owned(), seed: seeds[at] }),
        None => Ok(seeds),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use edgevae_trainer::options::Schedule;

    fn grid(words: &[&str]) -> Grid {
        let matches =
            Grid::augment_args(Command::new("sweep").no_binary_name(true)).try_get_matches_from(words).unwrap();
        Grid::from_arg_matches(&matches).unwrap()
    }

    #[test]
    fn every_option_of_train_but_seed_and_threads_is_in_the_grid() {
        let train = ConfigArgs::augment_args(Command::new("train"));
        let sweep = Grid::augment_args(Command::new("sweep"));
        for option in train.get_arguments() {
            let name = option.get_id().as_str();
            let found = sweep.get_arguments().any(|arg| arg.get_id() == name && arg.get_long() == option.get_long());
            assert_eq!(found, !NOT_IN_THE_GRID.contains(&name), "{name}");
        }
    }

    #[test]
    fn every_combination_is_a_run_and_what_is_not_named_comes_from_the_base() {
        let grid = grid(&["--beta", "0,0.5", "--beta-schedule=constant,linear", "--latent", "4"]);
        let base = Config { latent: Some(2), epochs: Some(7), ..Config::default() };
        let points = grid.points(&base, &[0, 1]).unwrap();
        let seen: Vec<_> = points.iter().map(|p| (p.config.beta, p.config.beta_schedule, p.seed)).collect();
        let (constant, linear) = (Some(Schedule::Constant), Some(Schedule::Linear));
        let expected = [(0.0, constant), (0.0, linear), (0.5, constant), (0.5, linear)];
        let expected = expected.map(|(beta, schedule)| [(Some(beta), schedule, 0), (Some(beta), schedule, 1)]).concat();
        assert_eq!(seen, expected);
        let first = &points[0];
        assert_eq!((first.config.latent, first.config.epochs, first.config.threads), (Some(4), Some(7), Some(1)));
        let varied = [("beta", "0"), ("beta-schedule", "constant")].map(|(name, value)| (name.into(), value.into()));
        assert_eq!(first.varied, varied);
        assert_eq!(grid.varied(), ["beta", "beta-schedule"]);
    }

    #[test]
    fn values_that_hold_commas_are_parted_by_semicolons() {
        let points = grid(&["--hidden", "64,32;16", "--synth", "rows=500,shift=2;rows=600"]);
        let points = points.points(&Config::default(), &[0]).unwrap();
        let hidden: Vec<_> = points.iter().map(|point| point.config.hidden.clone().unwrap()).collect();
        assert_eq!(hidden, [vec![64, 32], vec![16], vec![64, 32], vec![16]]);
        assert_eq!(points[0].config.synth.as_deref(), Some("rows=500,shift=2"));
        let words = ["--hidden", "64,32;16", "--beta", "0,1"];
        assert_eq!(grid(&words).to_string(), "--hidden '64,32;16' --beta 0,1");
    }

    #[test]
    fn a_value_that_train_refuses_is_refused_in_its_words() {
        let wrong = |words: &[&str]| grid(words).points(&Config::default(), &[0]).unwrap_err().to_string();
        assert!(wrong(&["--beta", "0,x"]).contains("invalid value 'x' for '--beta <WEIGHT>'"));
        assert!(wrong(&["--beta", "-1"]).contains("--beta is -1"));
        assert!(wrong(&["--score", "mse,best"]).contains("reconstruction-probability"), "the choices are named");
    }

    #[test]
    fn seeds_are_a_list_or_a_range_with_both_ends() {
        assert_eq!(parse_seeds("0..4"), Ok(vec![0, 1, 2, 3, 4]));
        assert_eq!(parse_seeds("7, 9"), Ok(vec![7, 9]));
        for bad in ["", "a", "4..0", "0..99999999999"] {
            assert_eq!(parse_seeds(bad), Err(GridError::Seeds(bad.into())));
        }
    }

    #[test]
    fn a_seed_or_a_value_that_is_given_twice_is_refused() {
        let repeated = parse_seeds("0,3,0").unwrap_err().to_string();
        assert_eq!(repeated, "--seeds is 0,3,0, which holds 0 more than once; expected each seed once");
        let points = |words: &[&str]| grid(words).points(&Config::default(), &[0]).map(|points| points.len());
        let repeated = points(&["--score", "mse,nll", "--beta", "0.5,1,1.0"]).unwrap_err().to_string();
        assert_eq!(repeated, "--beta has 1 and 1.0, which are the same value; expected each value once");
        assert!(points(&["--hidden", "64,32;64, 32"]).is_err());
        assert_eq!(points(&["--hidden", "64,32;32,64"]), Ok(2));
    }

    #[test]
    fn options_of_the_int8_form_are_refused_with_the_reason() {
        for (words, option) in
            [(&["--quantize", "true,false"][..], "quantize"), (&["--quantize"], "quantize"), (&["--qat", "0,5"], "qat")]
        {
            let refused = grid(words).points(&Config::default(), &[0]);
            assert_eq!(refused, Err(GridError::OfTheInt8Form(option.into())), "{words:?}");
        }
        let help = Grid::augment_args(Command::new("sweep")).render_help().to_string();
        assert!(help.contains("--draws") && !help.contains("--quantize"), "{help}");
    }

    #[test]
    fn a_word_is_quoted_where_a_shell_would_part_or_change_it() {
        let words = ["runs/a-1", "", "a b", "it's", "*.csv"].map(shell_word);
        assert_eq!(words, ["runs/a-1", "''", "'a b'", "'it'\\''s'", "'*.csv'"]);
    }
}
