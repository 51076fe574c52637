//! Clopper and Pearson's intervals from 1 to 2^32 - 1 rows.

use edgevae_trainer::calibrate::threshold::{binomial_interval, clopper_pearson};

/// `tests/data/intervals.py` wrote the expected ends.
#[test]
fn intervals_equal_the_reference_from_one_row_to_four_thousand_million() {
    let mut checked = 0;
    for line in include_str!("data/intervals.csv").lines().skip(1) {
        let cells: Vec<f64> = line.split(',').map(|cell| cell.parse().unwrap()).collect();
        let [events, trials, low, high] = cells[..] else { panic!("{line}") };
        let found = binomial_interval(events as usize, trials as usize).unwrap();
        for (found, expected) in [(found.0, low), (found.1, high)] {
            assert!((found - expected).abs() <= 1e-7 * expected, "{line}: {found:?}");
        }
        checked += 1;
    }
    assert!(checked > 50, "{checked} intervals");
}

#[test]
fn ends_stand_in_order_and_move_with_the_events_at_every_size() {
    for power in 0..33 {
        let trials = (1_u64 << power).min(u64::from(u32::MAX)) as f64;
        let mut before = (-1.0, -1.0);
        for share in [0.0, 1e-9, 1e-6, 0.001, 0.05, 0.3, 0.5, 0.9, 0.999, 1.0] {
            let events = (share * trials).round();
            let (low, high) = clopper_pearson(events, trials).unwrap();
            assert!(0.0 <= low && low <= events / trials && events / trials <= high && high <= 1.0);
            assert!(low >= before.0 && high >= before.1, "{events} of {trials}: {low} {high}, before {before:?}");
            before = (low, high);
        }
    }
}

#[test]
fn counts_need_not_be_whole_and_nonsense_has_no_interval() {
    let (low, high) = clopper_pearson(8.35, 167.0).unwrap();
    let (fewer, more) = (clopper_pearson(8.0, 167.0).unwrap(), clopper_pearson(9.0, 167.0).unwrap());
    assert!(fewer.0 < low && low < more.0 && fewer.1 < high && high < more.1);
    let (low, high) = clopper_pearson(0.02, 0.4).unwrap();
    assert!(low < 0.05 && high > 0.97, "{low} {high}");
    for (events, trials) in [(0.0, 0.0), (2.0, 1.0), (-1.0, 1.0), (f64::NAN, 1.0), (1.0, f64::INFINITY)] {
        assert_eq!(clopper_pearson(events, trials), None);
    }
}
