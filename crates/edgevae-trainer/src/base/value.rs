//! Values that are given as text: what forms they have, how they are read and shown.

use std::path::PathBuf;

/// How many values an option takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `true` where it is given, or `true` or `false`.
    Switch,
    /// One value.
    One,
    /// Values between commas.
    List,
    /// Values one after the other.
    Several,
}

/// A type that an option may have.
pub trait Value: Sized {
    /// How many values it takes.
    const KIND: Kind = Kind::One;
    /// The words that it may be.
    const CHOICES: &'static [(&'static str, &'static str)] = &[];

    /// Reads one value.
    ///
    /// # Errors
    /// What was found and what is expected.
    fn read(text: &str) -> Result<Self, String>;

    /// Adds the text of one value.
    ///
    /// # Errors
    /// What was found and what is expected.
    fn put(slot: &mut Option<Self>, text: &str) -> Result<(), String> {
        *slot = Some(Self::read(text)?);
        Ok(())
    }

    /// The value as text.
    fn show(&self) -> String;
}

macro_rules! values {
    ($($type:ty: $expected:literal,)*) => {$(
        impl Value for $type {
            fn read(text: &str) -> Result<Self, String> {
                text.parse().map_err(|_| format!(concat!("found {:?}, expected ", $expected), text))
            }

            fn show(&self) -> String {
                self.to_string()
            }
        }
    )*};
}

values! {
    f32: "a number",
    f64: "a number",
    u8: "a whole number from 0 to 255",
    u16: "a whole number from 0 to 65535",
    u32: "a whole number, 0 or above",
    u64: "a whole number, 0 or above",
    usize: "a whole number, 0 or above",
}

/// A type with a form of its own, which its `FromStr` explains.
macro_rules! parsed {
    ($($type:ty),* $(,)?) => {$(
        impl $crate::base::value::Value for $type {
            fn read(text: &str) -> Result<Self, String> {
                text.parse()
            }

            fn show(&self) -> String {
                self.to_string()
            }
        }
    )*};
}
pub(crate) use parsed;

/// A type that files hold as its text: for `#[serde(try_from = "String", into = "String")]`.
macro_rules! written_as_text {
    ($type:ty) => {
        impl TryFrom<String> for $type {
            type Error = String;

            fn try_from(text: String) -> Result<Self, String> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(value: $type) -> Self {
                value.to_string()
            }
        }
    };
}
pub(crate) use written_as_text;

impl Value for String {
    fn read(text: &str) -> Result<Self, String> {
        Ok(text.to_owned())
    }

    fn show(&self) -> String {
        self.clone()
    }
}

impl Value for bool {
    const KIND: Kind = Kind::Switch;
    const CHOICES: &'static [(&'static str, &'static str)] = &[("true", ""), ("false", "")];

    fn read(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| format!("found {text:?}, expected true or false"))
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Value for PathBuf {
    const KIND: Kind = Kind::Several;

    fn read(text: &str) -> Result<Self, String> {
        Ok(text.into())
    }

    fn show(&self) -> String {
        self.display().to_string()
    }
}

impl<T: Value> Value for Vec<T> {
    const KIND: Kind = if matches!(T::KIND, Kind::Several) { Kind::Several } else { Kind::List };
    const CHOICES: &'static [(&'static str, &'static str)] = T::CHOICES;

    fn read(text: &str) -> Result<Self, String> {
        Ok(vec![T::read(text)?])
    }

    fn put(slot: &mut Option<Self>, text: &str) -> Result<(), String> {
        slot.get_or_insert_default().push(T::read(text)?);
        Ok(())
    }

    fn show(&self) -> String {
        self.iter().map(T::show).collect::<Vec<_>>().join(",")
    }
}

/// One of several words: an enum whose variants have a word and a meaning each.
macro_rules! choice {
    ($(#[$meta:meta])* pub enum $name:ident {
        $($(#[doc = $doc:literal])+ $(#[default $($default:tt)*])? $variant:ident = $word:literal,)+
    }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $($(#[doc = $doc])+ $(#[default $($default)*])? #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// Every choice, in the order of help texts.
            pub const ALL: [Self; [$($word),+].len()] = [$(Self::$variant),+];

            /// Its word on the command line and in files.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                let found = Self::ALL.into_iter().find(|choice| choice.name() == text);
                let words = || Self::ALL.map(|choice| choice.name()).join(", ");
                found.ok_or_else(|| format!("found {text:?}, expected one of {}", words()))
            }
        }

        impl $crate::base::value::Value for $name {
            const CHOICES: &'static [(&'static str, &'static str)] = &[$(($word, concat!($($doc,)+)),)+];

            fn read(text: &str) -> Result<Self, String> {
                text.parse()
            }

            fn show(&self) -> String {
                self.to_string()
            }
        }
    };
}
pub(crate) use choice;
