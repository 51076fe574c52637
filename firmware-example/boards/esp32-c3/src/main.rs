//! ESP32-C3: windows of the voltage at GPIO4, a lamp that is connected to GPIO8 for anomalies and faults.
#![no_std]
#![no_main]

use core::convert::Infallible;

use defmt_rtt as _;
use edgevae_core::{Detector, Model, ScoreError, Verdict};
use edgevae_firmware::{Board, State, Window, watch};
use esp_hal::Blocking;
use esp_hal::analog::adc::{Adc, AdcConfig, AdcPin, Attenuation};
use esp_hal::gpio::{Level, Output, OutputConfig};
use esp_hal::peripherals::{ADC1, GPIO4};

include!(concat!(env!("OUT_DIR"), "/model.rs"));

// The boot loader of ESP-IDF asks for a description of the program.
esp_bootloader_esp_idf::esp_app_desc!();

#[esp_hal::main]
fn main() -> ! {
    let peripherals = esp_hal::init(esp_hal::Config::default());
    let mut config = AdcConfig::new();
    let input = config.enable_pin(peripherals.GPIO4, Attenuation::_11dB);
    let mut board = Esp {
        converter: Adc::new(peripherals.ADC1, config),
        input,
        lamp: Output::new(peripherals.GPIO8, Level::Low, OutputConfig::default()),
    };

    let model = Model::from_bytes(MODEL).unwrap_or_else(|error| panic!("{error}"));
    let mut detector = Detector::<IN, WIDTH, MEMORY>::new(&model).unwrap_or_else(|error| panic!("{error}"));
    let Ok(()) = watch(|sample| detector.score(sample), &mut board);
    unreachable!("the converter has always one more sample")
}

/// Of the drivers and of this file; nothing in `edgevae-core` panics.
#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    defmt::error!("{}", defmt::Display2Format(info));
    loop {
        core::hint::spin_loop();
    }
}

struct Esp {
    converter: Adc<'static, ADC1<'static>, Blocking>,
    input: AdcPin<GPIO4<'static>, ADC1<'static>>,
    lamp: Output<'static>,
}

impl Board<IN> for Esp {
    type Error = Infallible;

    fn sample(&mut self, sample: &mut [f32; IN]) -> Result<bool, Infallible> {
        let mut window = Window::default();
        loop {
            // A reading that is not there yet is asked for again.
            let reading = nb::block!(self.converter.read_oneshot(&mut self.input)).ok();
            if let Some(complete) = reading.and_then(|reading| window.push(f32::from(reading))) {
                *sample = *complete;
                return Ok(true);
            }
        }
    }

    fn show(&mut self, outcome: Result<Verdict, ScoreError>) -> Result<(), Infallible> {
        let lit = State::from(outcome) != State::Normal;
        self.lamp.set_level(if lit { Level::High } else { Level::Low });
        if let Ok(Verdict { score, is_anomaly: true, .. }) = outcome {
            defmt::warn!("anomaly, score {}", score);
        }
        Ok(())
    }
}
