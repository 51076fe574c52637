//! The options of a training run as flags, made from the library's table: an option of the table is a flag without a line
//! here.

use clap::builder::{PossibleValue, PossibleValuesParser, ValueParser};
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use edgevae_trainer::base::value::{Kind, Value};
use edgevae_trainer::options::Config;
use edgevae_trainer::options::config::SPECS;
use edgevae_trainer::options::spec::OptionSpec;

/// The options that most users need: those of `-h`; `--help` has all.
const COMMON: [&str; 13] = [
    "data",
    "label",
    "ignore",
    "missing",
    "window",
    "time",
    "split",
    "contamination",
    "flash-budget",
    "quantile",
    "score",
    "quantize",
    "seed",
];

/// What was given of them.
#[derive(Clone, Debug, Default)]
pub struct ConfigArgs(pub Config);

/// A type of the library as the value of a flag of another command.
pub fn value<T: Value + Clone + Send + Sync + 'static>() -> ValueParser {
    match T::CHOICES {
        [] => ValueParser::new(|text: &str| T::read(text)),
        choices => {
            use clap::builder::TypedValueParser as _;
            ValueParser::new(words(choices).try_map(|text| T::read(&text)))
        }
    }
}

/// The words that an option may be, with their meanings.
fn words(choices: &[(&'static str, &'static str)]) -> PossibleValuesParser {
    PossibleValuesParser::new(choices.iter().map(|&(word, help)| match help {
        "" => PossibleValue::new(word),
        help => PossibleValue::new(word).help(sentence(help)),
    }))
}

/// The text of a comment as a help text: in one piece, without the last full stop.
fn sentence(doc: &str) -> String {
    let text = doc.split_whitespace().collect::<Vec<_>>().join(" ");
    text.strip_suffix('.').map_or(text.clone(), str::to_owned)
}

/// The help text of an option with its default.
fn help(spec: &OptionSpec) -> String {
    let text = sentence(spec.help);
    match (spec.default)() {
        Some(default) if !text.contains("[default") && !default.is_empty() => format!("{text} [default: {default}]"),
        _ => text,
    }
}

/// One option as a flag.
pub fn arg(spec: &'static OptionSpec) -> Arg {
    let arg = Arg::new(spec.name).long(spec.name).help(help(spec)).help_heading(spec.group.heading());
    let form = if spec.form.is_empty() { spec.name.to_uppercase().replace('-', "_") } else { spec.form.to_owned() };
    let arg = arg.value_name(form).hide_short_help(!COMMON.contains(&spec.name));
    let arg = match spec.kind {
        Kind::Switch => {
            arg.hide_possible_values(true).num_args(0..=1).default_missing_value("true").require_equals(true)
        }
        Kind::One => arg,
        Kind::List => arg.value_delimiter(',').action(ArgAction::Append),
        Kind::Several => arg.num_args(1..).action(ArgAction::Append),
    };
    match spec.choices {
        [] => arg.value_parser(move |text: &str| spec.put(&mut Config::default(), text).map(|()| text.to_owned())),
        choices => arg.value_parser(words(choices)),
    }
}

impl Args for ConfigArgs {
    fn augment_args(command: Command) -> Command {
        command.args(SPECS.iter().map(|spec| match spec.name {
            "synth" => arg(spec).conflicts_with("data"),
            "sentinel" => arg(spec).allow_hyphen_values(true),
            _ => arg(spec),
        }))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for ConfigArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut config = Config::default();
        for spec in SPECS {
            for text in matches.get_many::<String>(spec.name).into_iter().flatten() {
                spec.put(&mut config, text)
                    .map_err(|error| clap::Error::raw(clap::error::ErrorKind::ValueValidation, format!("{error}\n")))?;
            }
        }
        Ok(Self(config))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
