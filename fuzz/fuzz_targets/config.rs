//! Config files: any text is understood and repeats itself, or is an error with a message.
#![no_main]

use edgevae_trainer::config::Config;
use edgevae_trainer::data::synthetic::Synthetic;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match toml::from_str::<Config>(text) {
        Err(error) => assert!(!error.to_string().is_empty()),
        Ok(config) => {
            let options = config.options();
            let is_valid = options.validate().is_ok();
            let _ = config.synth.as_deref().unwrap_or("").parse::<Synthetic>();
            let resolved = config.resolved();
            let Ok(written) = toml::to_string(&resolved) else { return };
            let read: Config = toml::from_str(&written).expect("what was written reads back");
            if is_valid {
                assert_eq!(read, resolved);
                assert_eq!(read.options(), options);
            }
        }
    }
});
