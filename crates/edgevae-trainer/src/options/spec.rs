//! How an option is described: the table of [`Config`] is the one place where an option is defined.

use super::OptionError;
use super::config::Config;
use crate::base::value::{Kind, Value};

/// What an option is about; help texts are grouped by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Which rows there are, and which of them only evaluation sees.
    Rows,
    /// How files and their columns are read; generated rows have none of it.
    Files,
    /// The network.
    Network,
    /// Its training.
    Training,
    /// The score and its threshold.
    Score,
    /// What is written.
    Output,
}

impl Group {
    /// The heading of the group in help texts.
    pub fn heading(self) -> &'static str {
        match self {
            Self::Rows | Self::Files => "Data",
            Self::Network => "Network",
            Self::Training => "Training",
            Self::Score => "Score",
            Self::Output => "Output",
        }
    }
}

/// One option of [`Config`].
#[derive(Clone, Copy, Debug)]
pub struct OptionSpec {
    /// Name of the flag and of the key in a config file: `batch-size`.
    pub name: &'static str,
    /// What it is about.
    pub group: Group,
    /// Whether the preset `auto` chooses it where it is not given.
    pub chosen_by_auto: bool,
    /// Form of its value, as in `WIDTH,...`; empty for one of [`OptionSpec::choices`].
    pub form: &'static str,
    /// What it means.
    pub help: &'static str,
    /// How many values it takes.
    pub kind: Kind,
    /// The words that it may be, each with its meaning; empty where it has another form.
    pub choices: &'static [(&'static str, &'static str)],
    /// The default as text, where it is a constant.
    pub default: fn() -> Option<String>,
    pub(super) put: fn(&mut Config, &str) -> Result<(), String>,
    pub(super) check: fn(&Config) -> Result<(), OptionError>,
    pub(super) is_given: fn(&Config) -> bool,
    pub(super) clear: fn(&mut Config),
}

impl OptionSpec {
    /// Sets the option from the text of one value; of a list the value is added to those before it.
    ///
    /// # Errors
    /// What was found and what is expected.
    pub fn put(&self, config: &mut Config, text: &str) -> Result<(), String> {
        (self.put)(config, text)
    }

    /// Whether the option is given.
    pub fn is_given(&self, config: &Config) -> bool {
        (self.is_given)(config)
    }
}

/// `batch_size` as `batch-size`.
pub(super) const fn kebab<const LEN: usize>(name: &str) -> [u8; LEN] {
    let (from, mut to, mut at) = (name.as_bytes(), [0; LEN], 0);
    while at < LEN {
        to[at] = if from[at] == b'_' { b'-' } else { from[at] };
        at += 1;
    }
    to
}

/// The names of fields as options have them.
macro_rules! option_name {
    ($field:ident) => {{
        const NAME: [u8; stringify!($field).len()] = $crate::options::spec::kebab(stringify!($field));
        match std::str::from_utf8(&NAME) {
            Ok(name) => name,
            Err(_) => panic!("identifiers are UTF-8"),
        }
    }};
}
pub(crate) use option_name;

/// Checks a value that is given.
pub(super) fn check<T: Value>(
    name: &'static str,
    value: Option<&T>,
    in_range: impl Fn(&T) -> bool,
    expected: &'static str,
) -> Result<(), OptionError> {
    match value {
        Some(value) if !in_range(value) => Err(OptionError { name, found: value.show(), expected }),
        _ => Ok(()),
    }
}

/// Whether the word `auto` stands there.
macro_rules! is_auto {
    () => {
        false
    };
    (auto) => {
        true
    };
}
pub(crate) use is_auto;

/// Defines [`Config`], what is given, and [`Options`](super::Options), what that comes to, from one table.
///
/// An entry is `/// help`, `name: Type [Group auto, "FORM"] = default, if |value| range, "what is expected";`. `auto` marks
/// what the preset `auto` chooses; an entry with a default is a field of `Options` too; the rest of those is `derived`.
macro_rules! options {
    (
        $(
            $(#[doc = $doc:literal])+ $(#[serde($($serde:tt)*)])?
            $field:ident: $type:ty [$group:ident $($auto:ident)? $(, $form:literal)?] $(= $default:expr)?
            $(, if $range:expr, $expected:literal)?;
        )*
        derived {
            $($(#[doc = $derived_doc:literal])+ $derived:ident: $derived_type:ty = $derive:expr;)*
        }
    ) => {
        /// What a user asks of a training run, by the names of flags and of keys in a config file; `None` is not given.
        #[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
        pub struct Config {
            $(
                $(#[doc = $doc])+
                $(#[serde($($serde)*)])? #[serde(skip_serializing_if = "Option::is_none")]
                pub $field: Option<$type>,
            )*
        }

        /// All options of a training run with their values; `auto` is not yet resolved.
        #[derive(Clone, Debug, PartialEq)]
        pub struct Options {
            $($(
                #[doc = concat!("[`Config::", stringify!($field), "`], `", stringify!($default), "` where it is not given.")]
                pub $field: $type,
            )?)*
            $($(#[doc = $derived_doc])+ pub $derived: $derived_type,)*
        }

        /// Every option, in the order of config files.
        pub const SPECS: &[OptionSpec] = &[$(
            OptionSpec {
                name: option_name!($field),
                group: Group::$group,
                chosen_by_auto: is_auto!($($auto)?),
                form: concat!($($form)?),
                help: concat!($($doc,)+),
                kind: <$type as Value>::KIND,
                choices: <$type as Value>::CHOICES,
                default: || {
                    $(
                        let default: $type = $default;
                        return Some(default.show());
                    )?
                    #[allow(unreachable_code)]
                    None
                },
                put: |config, text| <$type as Value>::put(&mut config.$field, text),
                check: |config| {
                    $($crate::options::spec::check::<$type>(option_name!($field), config.$field.as_ref(), $range, $expected)?;)?
                    let _ = config;
                    Ok(())
                },
                is_given: |config| config.$field.is_some(),
                clear: |config| config.$field = None,
            },
        )*];

        impl Config {
            $(
                $(#[doc = $doc])+
                pub fn $field(mut self, value: impl Into<$type>) -> Self {
                    self.$field = Some(value.into());
                    self
                }
            )*

            /// Takes from `other` what is not given here.
            pub(super) fn filled(self, other: Self) -> Self {
                Self { $($field: self.$field.or(other.$field),)* }
            }

            /// The options of the run; what is not given has its default. Where the preset is `auto`, they are not yet
            /// those of the fit: [`run::auto::plan`](crate::run::auto::plan) completes them when the data are known.
            pub fn options(&self) -> Options {
                fn derive<T>(of: impl Fn(&Config) -> T, config: &Config) -> T {
                    of(config)
                }
                Options {
                    $($($field: self.$field.clone().unwrap_or_else(|| $default),)?)*
                    $($derived: derive($derive, self),)*
                }
            }

            /// What is given, with the values of `options` for what has a default; what `auto` chooses only where
            /// `with_auto`.
            pub(super) fn with_defaults(&self, options: &Options, with_auto: bool) -> Self {
                let mut config = self.clone();
                $(
                    let taken = with_auto || !is_auto!($($auto)?);
                    $(
                        // The default is what makes it a field of both.
                        let _: fn() -> $type = || $default;
                        if taken {
                            config.$field = Some(options.$field.clone());
                        }
                    )?
                    let _ = taken;
                )*
                config
            }
        }
    };
}
pub(crate) use options;
