//! nRF52840-DK under embassy: one task samples at 1 kHz, another scores windows of readings.
//!
//! Scoring takes 17 thousand instructions for the reference net, below 1 ms at 64 MHz; the channel holds the window that
//! completes meanwhile, and a full channel is told and not hidden.
#![no_std]
#![no_main]

use defmt_rtt as _;
use edgevae_core::{Detector, Model};
use edgevae_firmware::{State, Window};
use embassy_executor::Spawner;
use embassy_nrf::gpio::{Level, Output, OutputDrive};
use embassy_nrf::saadc::{ChannelConfig, Config, InterruptHandler, Saadc};
use embassy_nrf::{bind_interrupts, config};
use embassy_sync::blocking_mutex::raw::ThreadModeRawMutex;
use embassy_sync::channel::Channel;
use embassy_time::{Duration, Ticker};
use panic_probe as _;

include!(concat!(env!("OUT_DIR"), "/model.rs"));

bind_interrupts!(struct Irqs {
    SAADC => InterruptHandler;
});

static SAMPLES: Channel<ThreadModeRawMutex, [f32; IN], 2> = Channel::new();

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    let peripherals = embassy_nrf::init(config::Config::default());
    let input = ChannelConfig::single_ended(peripherals.P0_03);
    let converter = Saadc::new(peripherals.SAADC, Irqs, Config::default(), [input]);
    spawner.spawn(defmt::unwrap!(sample(converter)));

    let model = Model::from_bytes(MODEL).unwrap_or_else(|error| panic!("{error}"));
    let mut detector = Detector::<IN, WIDTH, MEMORY>::new(&model).unwrap_or_else(|error| panic!("{error}"));
    // The lamps of the board are lit by a low level.
    let mut anomaly = Output::new(peripherals.P0_13, Level::High, OutputDrive::Standard);
    let mut fault = Output::new(peripherals.P0_14, Level::High, OutputDrive::Standard);
    loop {
        let outcome = detector.score(&SAMPLES.receive().await);
        let state = State::from(outcome);
        anomaly.set_level((state != State::Anomaly).into());
        fault.set_level((state != State::SensorFault).into());
        match outcome {
            Ok(verdict) if verdict.is_anomaly => defmt::warn!("anomaly, score {}", verdict.score),
            Ok(verdict) => defmt::debug!("normal, score {}", verdict.score),
            Err(_) => defmt::error!("the sample has no score: check the sensor"),
        }
    }
}

#[embassy_executor::task]
async fn sample(mut converter: Saadc<'static, 1>) {
    converter.calibrate().await;
    let mut window = Window::<IN>::default();
    let mut ticker = Ticker::every(Duration::from_millis(1));
    loop {
        ticker.next().await;
        let mut reading = [0];
        converter.sample(&mut reading).await;
        if let Some(complete) = window.push(f32::from(reading[0]))
            && SAMPLES.try_send(*complete).is_err()
        {
            defmt::warn!("a window is lost: scoring is slower than sampling");
        }
    }
}
