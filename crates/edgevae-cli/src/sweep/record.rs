//! One finished run of a sweep, kept in a file of its own: what makes a stopped sweep go on where it was.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use edgevae_trainer::base::output::{OutputError, OutputFile};
use edgevae_trainer::export::model_file::ModelFile;
use edgevae_trainer::inspect;
use edgevae_trainer::run::Trained;

/// Version of the store. A record of another one is run again: version 1 shared fits whose rows differ.
pub(super) const STORE: u32 = 2;

/// What determines a run: its resolved options, the checksum of its data and the tool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// Version of the store that holds the run.
    pub store: u32,
    /// `config.toml` of the run.
    pub config: String,
    /// CRC-32 of the data file; `None` for generated data.
    pub data: Option<u32>,
    /// Name and version of the tool.
    pub tool: String,
}

impl Key {
    /// Name of the run's file: a hash, with the whole key in the file to tell a collision.
    fn file_name(&self) -> String {
        // FNV-1a, 64 bits: short names; `read` compares the keys themselves.
        let bytes = self.config.bytes().chain(self.tool.bytes()).chain(self.data.unwrap_or(0).to_le_bytes());
        let hash = bytes
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
        format!("{hash:016x}.json")
    }
}

/// Numbers of a finished run; one that does not exist (a metric without labels) is `None`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Numbers {
    /// Of the last epoch, over the fitted rows.
    pub reconstruction_loss: f64,
    /// Of the last epoch.
    pub kl: f64,
    /// Of the last epoch.
    pub objective: f64,
    /// Latents whose KL is above the limit.
    pub active_latents: usize,
    /// Of the test rows.
    pub roc_auc: Option<f64>,
    /// Of the test rows.
    pub average_precision: Option<f64>,
    /// At the threshold.
    pub f1: Option<f64>,
    /// At the threshold.
    pub false_alarm_rate: Option<f64>,
    /// A score above it is an anomaly.
    pub threshold: f32,
    /// Of one score.
    pub multiply_adds: usize,
    /// Of the model file.
    pub model_bytes: usize,
    /// CRC-32 at the end of the model file, hexadecimal.
    pub model_checksum: String,
    /// Epochs run.
    pub epochs: usize,
    /// Wall time of the fit.
    pub fit_seconds: f64,
}

impl Numbers {
    /// Takes them from a run's result and the file that it writes.
    pub fn of(trained: &Trained, file: &ModelFile) -> Self {
        let last = trained.fit.history.last();
        let of_last = |value: fn(&edgevae_trainer::fit::EpochRecord) -> f64| last.map_or(f64::NAN, value);
        let quality = trained.quality();
        let model = trained.model.model().expect("training has loaded this model");
        Self {
            reconstruction_loss: of_last(|record| record.reconstruction_loss),
            kl: of_last(|record| record.kl),
            objective: of_last(|record| record.objective),
            active_latents: trained.fit.active_latents(),
            roc_auc: quality.roc_auc,
            average_precision: quality.average_precision,
            f1: quality.f1,
            false_alarm_rate: quality.false_alarm_rate,
            threshold: trained.calibration.threshold,
            multiply_adds: model.multiply_adds(),
            model_bytes: file.bytes().len(),
            model_checksum: inspect::checksum(file.bytes()),
            epochs: trained.fit.history.len(),
            fit_seconds: trained.fit_seconds,
        }
    }
}

/// A finished run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// What determined it.
    pub key: Key,
    /// Its numbers, or why it has none.
    pub outcome: Result<Numbers, String>,
}

/// The folder of a sweep's finished runs.
#[derive(Clone, Debug)]
pub struct Store(PathBuf);

impl Store {
    /// The runs of the sweep in `folder`.
    pub fn new(folder: &Path) -> Self {
        Self(folder.join("runs"))
    }

    /// The finished run with this key; `None` when there is none, it failed, or its file is not whole.
    pub fn read(&self, key: &Key) -> Option<Record> {
        let text = fs::read(self.0.join(key.file_name())).ok()?;
        let record = serde_json::from_slice::<Record>(&text).ok()?;
        (record.key == *key && record.outcome.is_ok()).then_some(record)
    }

    /// Keeps a finished run; the file appears whole or not at all.
    ///
    /// # Errors
    /// [`OutputError`]
    pub fn write(&self, record: &Record) -> Result<(), OutputError> {
        let path = self.0.join(record.key.file_name());
        let text = serde_json::to_string_pretty(record).expect("plain numbers and strings always serialize");
        let mut file = OutputFile::create(&path)?;
        file.put(text.as_bytes())?;
        file.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(config: &str) -> Record {
        let key = Key { store: STORE, config: config.into(), data: Some(7), tool: "edgevae test".into() };
        Record { key, outcome: Ok(numbers()) }
    }

    fn numbers() -> Numbers {
        Numbers {
            reconstruction_loss: 4.946_511_173_248_291,
            kl: 0.0,
            objective: 1.0 / 3.0,
            active_latents: 2,
            roc_auc: None,
            average_precision: None,
            f1: None,
            false_alarm_rate: None,
            threshold: 0.1,
            multiply_adds: 10,
            model_bytes: 100,
            model_checksum: "00000007".into(),
            epochs: 2,
            fit_seconds: 0.25,
        }
    }

    #[test]
    fn a_finished_run_is_found_again_and_another_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::new(dir.path());
        let a = record("beta = 1.0\n");
        assert_eq!(store.read(&a.key), None);
        store.write(&a).unwrap();
        assert_eq!(store.read(&a.key), Some(a.clone()));
        let numbers = Numbers { roc_auc: Some(0.935_897_435_897_436), kl: 0.1 + 0.2, ..numbers() };
        let b = Record { outcome: Ok(numbers), ..record("beta = 3.0\n") };
        store.write(&b).unwrap();
        assert_eq!(store.read(&b.key), Some(b), "to the bit");
        assert_eq!(store.read(&record("beta = 2.0\n").key), None);
        assert_eq!(store.read(&Key { data: Some(8), ..a.key.clone() }), None, "other data");
        let failed = Record { outcome: Err("epoch 1, batch 2: not finite".into()), ..record("beta = 4.0\n") };
        store.write(&failed).unwrap();
        assert_eq!(store.read(&failed.key), None, "a failed run is to be tried again");
    }

    #[test]
    fn a_file_that_is_not_whole_is_no_finished_run() {
        let dir = tempfile::tempdir().unwrap();
        let (store, a) = (Store::new(dir.path()), record("beta = 1.0\n"));
        store.write(&a).unwrap();
        let path = dir.path().join("runs").join(a.key.file_name());
        let text = fs::read(&path).unwrap();
        for len in 0..text.len() {
            fs::write(&path, &text[..len]).unwrap();
            assert_eq!(store.read(&a.key), None, "{len} bytes");
        }
    }
}
