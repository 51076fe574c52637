//! Raspberry Pi Pico: windows of the chip's own temperature sensor, the board's lamp for anomalies and faults.
#![no_std]
#![no_main]

use defmt_rtt as _;
use edgevae_core::{Detector, Model, ScoreError, Verdict};
use edgevae_firmware::{Board, State, Window, watch};
use embedded_hal::digital::{OutputPin as _, PinState};
use panic_probe as _;
use rp2040_hal::adc::{Adc, TempSense};
use rp2040_hal::gpio::bank0::Gpio25;
use rp2040_hal::gpio::{FunctionSioOutput, Pin, Pins, PullDown};
use rp2040_hal::{Sio, Watchdog, clocks, entry, pac};

include!(concat!(env!("OUT_DIR"), "/model.rs"));

/// Second stage of the boot loader: sets up the flash chip that the program runs from.
#[unsafe(link_section = ".boot2")]
#[used]
static BOOT2: [u8; 256] = rp2040_boot2::BOOT_LOADER_GENERIC_03H;

const CRYSTAL_HZ: u32 = 12_000_000;

#[entry]
fn main() -> ! {
    let mut peripherals = pac::Peripherals::take().expect("taken once, here");
    let mut watchdog = Watchdog::new(peripherals.WATCHDOG);
    let clocks = clocks::init_clocks_and_plls(
        CRYSTAL_HZ,
        peripherals.XOSC,
        peripherals.CLOCKS,
        peripherals.PLL_SYS,
        peripherals.PLL_USB,
        &mut peripherals.RESETS,
        &mut watchdog,
    );
    assert!(clocks.is_ok(), "the crystal does not start");
    let sio = Sio::new(peripherals.SIO);
    let pins = Pins::new(peripherals.IO_BANK0, peripherals.PADS_BANK0, sio.gpio_bank0, &mut peripherals.RESETS);
    let mut converter = Adc::new(peripherals.ADC, &mut peripherals.RESETS);
    let input = converter.take_temp_sensor().expect("taken once, here");
    let mut board = Pico { converter, input, lamp: pins.gpio25.into_push_pull_output() };

    let model = Model::from_bytes(MODEL).unwrap_or_else(|error| panic!("{error}"));
    let mut detector = Detector::<IN, WIDTH, MEMORY>::new(&model).unwrap_or_else(|error| panic!("{error}"));
    let Ok(()) = watch(|sample| detector.score(sample), &mut board);
    unreachable!("the converter has always one more sample")
}

struct Pico {
    converter: Adc,
    input: TempSense,
    lamp: Pin<Gpio25, FunctionSioOutput, PullDown>,
}

impl Board<IN> for Pico {
    type Error = core::convert::Infallible;

    fn sample(&mut self, sample: &mut [f32; IN]) -> Result<bool, Self::Error> {
        let mut window = Window::default();
        loop {
            // The converter never fails; without a reading there is only another try.
            let reading: Option<u16> = self.converter.read(&mut self.input).ok();
            if let Some(complete) = reading.and_then(|reading| window.push(f32::from(reading))) {
                *sample = *complete;
                return Ok(true);
            }
        }
    }

    fn show(&mut self, outcome: Result<Verdict, ScoreError>) -> Result<(), Self::Error> {
        let lit = State::from(outcome) != State::Normal;
        self.lamp.set_state(PinState::from(lit))?;
        if let Ok(Verdict { score, is_anomaly: true, .. }) = outcome {
            defmt::warn!("anomaly, score {}", score);
        }
        Ok(())
    }
}
