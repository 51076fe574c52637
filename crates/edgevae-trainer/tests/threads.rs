//! A run starts the threads that it is told to start and no others.

use std::ops::ControlFlow;

use edgevae_core::format::Missing;
use edgevae_trainer::options::Options;
use edgevae_trainer::run::auto;
use edgevae_trainer::run::{self, Fitted};
use edgevae_trainer::table::synthetic::Synthetic;

/// The only test of its binary: the pool is the process's.
#[test]
fn a_run_leaves_the_pool_of_all_cores_alone() {
    let dataset = Synthetic { rows: 400, ..Synthetic::default() }.generate().unwrap();
    let options = Options { epochs: 1, members: 2, trim: 0.1, patience: Some(1), threads: 1, ..Options::default() };
    let (options, _) = auto::plan(&options, &dataset, Missing::Error, 0);
    let on_epoch = &mut |_: &_| ControlFlow::Continue(());
    let fitted = Fitted::new(&dataset, Missing::Error, &options, on_epoch).unwrap();
    let trained = fitted.finish(&options).unwrap();
    assert!(!run::compare_scores(&fitted, &options).0.is_empty());
    run::compare_baselines(&fitted, &trained, &options);
    // It exists from the moment when dfdx is used outside of a pool, and a process that gets no such thread panics.
    assert!(rayon::ThreadPoolBuilder::new().num_threads(1).build_global().is_ok());
}
