//! Config files: any text is understood and repeats itself, or is an error with a message; what is in range trains.
#![no_main]

use std::ops::ControlFlow;

use edgevae_core::format::Missing;
use edgevae_trainer::options::config::Config;
use edgevae_trainer::table::synthetic::Synthetic;
use edgevae_trainer::options::{MOST_EPOCHS, Options};
use edgevae_trainer::run::{self, auto};
use libfuzzer_sys::fuzz_target;

/// Whether one epoch of a few rows takes no time.
fn is_small(options: &Options) -> bool {
    options.members <= 2 && options.latent <= 8 && options.hidden.iter().all(|width| *width <= 16)
}

fuzz_target!(|text: &str| {
    match toml::from_str::<Config>(text) {
        Err(error) => assert!(!error.to_string().is_empty()),
        Ok(config) => {
            let options = config.options();
            let valid = config.validate();
            let _ = config.synth.as_deref().unwrap_or("").parse::<Synthetic>();
            let _ = (config.request(), config.flags_for_reference());
            let resolved = config.resolved();
            let Ok(written) = toml::to_string(&resolved) else { return };
            let read: Config = toml::from_str(&written).expect("what was written reads back");
            if let Err(error) = valid {
                assert!(!error.to_string().is_empty());
                return;
            }
            assert_eq!(read, resolved);
            assert_eq!(read.options(), options);
            assert!(options.epochs <= MOST_EPOCHS && config.data.as_ref().is_none_or(|data| !data.is_empty()));
            if is_small(&options) {
                let rows =
                    Synthetic { rows: 24, features: 2, ..Synthetic::default() }.generate().expect("a valid recipe");
                let (options, _) = auto::plan(&Options { threads: 1, ..options }, &rows, Missing::Error, 0);
                if is_small(&options) {
                    // One epoch of however many there are.
                    let _ = run::train(&rows, Missing::Error, &options, &mut |_| ControlFlow::Break(()));
                }
            }
        }
    }
});
