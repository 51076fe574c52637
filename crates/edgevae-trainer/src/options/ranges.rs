//! The range of each option, and options in range that go badly together.

use super::{Options, Score};

/// More epochs than any fit takes; their records stay in memory.
pub const MOST_EPOCHS: usize = 1_000_000;

/// More threads than a workstation has cores help nobody, and 100,000 of them stop the machine.
pub const MOST_THREADS: u16 = 1024;

/// An option outside its range.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("--{name} is {found}; expected {expected}")]
pub struct OptionError {
    /// Name of the flag and of the key in a config file.
    pub name: &'static str,
    /// What was given.
    pub found: String,
    /// What is possible.
    pub expected: &'static str,
}

impl Options {
    /// Checks every option's range.
    ///
    /// # Errors
    /// The first option that is outside its range.
    pub fn validate(&self) -> Result<(), OptionError> {
        self.check_network()?;
        self.check_counts()?;
        self.check_numbers()?;
        self.check_without()?;
        self.check_fractions()
    }

    /// What a model file has room for, all members joined: 16 bits for the width of a layer, and 16 layers, those of the
    /// decoder as many as the encoder's.
    fn check_network(&self) -> Result<(), OptionError> {
        check((1..=16).contains(&self.members), "members", self.members, "a number from 1 to 16")?;
        let most = usize::from(u16::MAX) / self.members;
        let fits = (1..=7).contains(&self.hidden.len()) && self.hidden.iter().all(|width| (1..=most).contains(width));
        let widths = "widths from 1 to 65535, of all members together, at most 7 of them, as in 64,32";
        check(fits, "hidden", join(&self.hidden), widths)?;
        let latents = "a number from 1 to 65535, of all members together";
        check((1..=most).contains(&self.latent), "latent", self.latent, latents)
    }

    fn check_counts(&self) -> Result<(), OptionError> {
        let epochs = (1..=MOST_EPOCHS).contains(&self.epochs);
        check(epochs, "epochs", self.epochs, "a whole number from 1 to 1000000")?;
        let cyclical = "at least 8 with --beta-schedule cyclical: two for each of its four cycles";
        check(self.schedule().check(self.epochs).is_ok(), "epochs", self.epochs, cyclical)?;
        let whole = "a whole number above 0";
        check(self.batch_size > 0, "batch-size", self.batch_size, whole)?;
        let threads = (1..=usize::from(MOST_THREADS)).contains(&self.threads);
        check(threads, "threads", self.threads, "a number from 1 to 1024")?;
        check(self.patience != Some(0), "patience", 0, whole)?;
        check(self.sizes.draws > 0, "draws", self.sizes.draws, "a number from 1 to 255")
    }

    fn check_numbers(&self) -> Result<(), OptionError> {
        check(self.lr.is_finite() && self.lr > 0.0, "lr", self.lr, "a number above 0, usually 1e-3")?;
        check(self.beta.is_finite() && self.beta >= 0.0, "beta", self.beta, "a number of at least 0")?;
        let noise = self.input_noise.is_finite() && self.input_noise >= 0.0;
        check(noise, "input-noise", self.input_noise, "a number of at least 0, usually below 1")?;
        let clips = self.clip.is_none_or(|clip| clip.is_finite() && clip > 0.0);
        check(clips, "clip", self.clip.unwrap_or(0.0), "a number above 0, usually 32")
    }

    fn check_without(&self) -> Result<(), OptionError> {
        let heads = self.score_or_auto().heads(self.likelihood, self.sizes);
        let is_head = |without: &Score| heads.iter().any(|kind| kind.name() == without.name());
        let some_left = self.without.is_empty() || self.without.len() < heads.len();
        let heads_only = some_left && self.without.iter().all(is_head);
        let names = self.without.iter().map(|without| without.name()).collect::<Vec<_>>().join(",");
        check(heads_only, "without", names, "some heads of the score, not all of them")
    }

    fn check_fractions(&self) -> Result<(), OptionError> {
        let share = "a fraction of at least 0 and below 1";
        for (name, fraction) in [
            ("test-fraction", self.test_fraction),
            ("contamination", self.trim),
            ("calibration-fraction", self.calibration_fraction),
            ("validation-fraction", self.validation_fraction),
        ] {
            check((0.0..1.0).contains(&fraction), name, fraction, share)?;
        }
        let validates = self.patience.is_none() || self.validation_fraction > 0.0;
        let above = "a fraction above 0 with --patience: it watches the objective of these rows";
        check(validates, "validation-fraction", self.validation_fraction, above)?;
        let quantile = "a quantile above 0 and below 1, as in 0.95";
        check(self.quantile > 0.0 && self.quantile < 1.0, "quantile", self.quantile, quantile)
    }

    /// What options that are each in range do to each other, where that is rarely meant: a beta that does not rise to its
    /// value within the epochs.
    pub fn warning(&self) -> Option<String> {
        let Self { epochs, beta, beta_warmup, .. } = self;
        let last = self.schedule().at(*beta, epochs.saturating_sub(1), *epochs);
        (last < *beta).then(|| {
            let waits = if self.patience.is_some() { ", and --patience waits for the full beta" } else { "" };
            format!(
                "beta ends at {last:.2} of {beta}: --beta-warmup {beta_warmup} is longer than --epochs {epochs}{waits}"
            )
        })
    }
}

fn check(ok: bool, name: &'static str, found: impl ToString, expected: &'static str) -> Result<(), OptionError> {
    if ok { Ok(()) } else { Err(OptionError { name, found: found.to_string(), expected }) }
}

fn join(numbers: &[usize]) -> String {
    numbers.iter().map(usize::to_string).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Schedule;

    #[test]
    fn the_defaults_are_in_range() {
        assert_eq!(Options::default().validate(), Ok(()));
    }

    #[test]
    fn a_cyclical_schedule_takes_eight_epochs() {
        let options = Options { epochs: 8, beta_schedule: Schedule::Cyclical, ..Options::default() };
        assert_eq!(options.validate(), Ok(()));
    }

    #[test]
    fn a_beta_that_does_not_rise_to_its_value_is_told() {
        let short = Options { epochs: 5, ..Options::default() };
        let told = "beta ends at 0.17 of 1: --beta-warmup 30 is longer than --epochs 5";
        assert_eq!(short.warning().as_deref(), Some(told));
        assert!(Options { patience: Some(3), ..short.clone() }.warning().unwrap().contains("--patience"));
        assert_eq!(Options { beta_warmup: 5, ..short.clone() }.warning(), None);
        assert_eq!(Options { beta: 0.0, ..short.clone() }.warning(), None);
        assert_eq!(Options { beta_schedule: Schedule::Constant, ..short }.warning(), None);
    }

    #[test]
    fn each_option_outside_its_range_is_named() {
        type Break = fn(&mut Options);
        let broken: [(&str, Break); 30] = [
            ("hidden", |o| o.hidden = vec![]),
            ("hidden", |o| o.hidden = vec![64, 0]),
            ("hidden", |o| o.hidden = vec![8; 8]),
            ("latent", |o| o.latent = 0),
            ("hidden", |o| (o.hidden, o.members) = (vec![40_000], 2)),
            ("members", |o| o.members = 0),
            ("members", |o| o.members = 17),
            ("input-noise", |o| o.input_noise = -0.1),
            ("input-noise", |o| o.input_noise = f32::INFINITY),
            ("without", |o| o.without = vec![Score::Mse]),
            ("without", |o| (o.score, o.without) = (Score::Density, vec![Score::Isolation])),
            ("epochs", |o| o.epochs = 0),
            ("epochs", |o| o.epochs = MOST_EPOCHS + 1),
            ("epochs", |o| (o.epochs, o.beta_schedule) = (7, Schedule::Cyclical)),
            ("validation-fraction", |o| (o.patience, o.validation_fraction) = (Some(3), 0.0)),
            ("batch-size", |o| o.batch_size = 0),
            ("threads", |o| o.threads = 0),
            ("threads", |o| o.threads = 1025),
            ("patience", |o| o.patience = Some(0)),
            ("draws", |o| o.sizes.draws = 0),
            ("lr", |o| o.lr = 0.0),
            ("lr", |o| o.lr = f32::NAN),
            ("beta", |o| o.beta = -1.0),
            ("beta", |o| o.beta = f32::INFINITY),
            ("test-fraction", |o| o.test_fraction = 1.0),
            ("test-fraction", |o| o.test_fraction = -0.1),
            ("validation-fraction", |o| o.validation_fraction = f64::NAN),
            ("calibration-fraction", |o| o.calibration_fraction = 2.0),
            ("quantile", |o| o.quantile = 0.0),
            ("quantile", |o| o.quantile = 1.0),
        ];
        for (name, break_it) in broken {
            let mut options = Options::default();
            break_it(&mut options);
            assert_eq!(options.validate().map_err(|error| error.name), Err(name));
        }
    }
}
