//! STM32F4-Discovery: windows of the voltage at PA1, the red lamp for anomalies, the orange one for a sensor fault.
#![no_std]
#![no_main]

use cortex_m_rt::entry;
use defmt_rtt as _;
use edgevae_core::{Detector, Model, ScoreError, Verdict};
use edgevae_firmware::{Board, State, Window, watch};
use panic_probe as _;
use stm32f4xx_hal::adc::Adc;
use stm32f4xx_hal::adc::config::{AdcConfig, SampleTime};
use stm32f4xx_hal::gpio::{Analog, Output, PA1, PD13, PD14};
use stm32f4xx_hal::pac::{ADC1, Peripherals};
use stm32f4xx_hal::prelude::*;

include!(concat!(env!("OUT_DIR"), "/model.rs"));

#[entry]
fn main() -> ! {
    let peripherals = Peripherals::take().expect("taken once, here");
    let mut rcc = peripherals.RCC.constrain();
    let (gpioa, gpiod) = (peripherals.GPIOA.split(&mut rcc), peripherals.GPIOD.split(&mut rcc));
    let mut board = Discovery {
        converter: Adc::new(peripherals.ADC1, true, AdcConfig::default(), &mut rcc),
        input: gpioa.pa1.into_analog(),
        anomaly: gpiod.pd14.into_push_pull_output(),
        fault: gpiod.pd13.into_push_pull_output(),
    };

    let model = Model::from_bytes(MODEL).unwrap_or_else(|error| panic!("{error}"));
    let mut detector = Detector::<IN, WIDTH, MEMORY>::new(&model).unwrap_or_else(|error| panic!("{error}"));
    let Ok(()) = watch(|sample| detector.score(sample), &mut board);
    unreachable!("the converter has always one more sample")
}

struct Discovery {
    converter: Adc<ADC1>,
    input: PA1<Analog>,
    anomaly: PD14<Output>,
    fault: PD13<Output>,
}

impl Board<IN> for Discovery {
    type Error = core::convert::Infallible;

    fn sample(&mut self, sample: &mut [f32; IN]) -> Result<bool, Self::Error> {
        let mut window = Window::default();
        loop {
            let reading = self.converter.convert(&self.input, SampleTime::Cycles_480);
            if let Some(complete) = window.push(f32::from(reading)) {
                *sample = *complete;
                return Ok(true);
            }
        }
    }

    fn show(&mut self, outcome: Result<Verdict, ScoreError>) -> Result<(), Self::Error> {
        let state = State::from(outcome);
        self.anomaly.set_state((state == State::Anomaly).into());
        self.fault.set_state((state == State::SensorFault).into());
        if let Ok(Verdict { score, is_anomaly: true, .. }) = outcome {
            defmt::warn!("anomaly, score {}", score);
        }
        Ok(())
    }
}
