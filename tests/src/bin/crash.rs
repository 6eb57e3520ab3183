//! The crash laboratory as a program; `cargo xtask crash` builds and runs it.

use runledger_tests::laboratory::explorer::{Coverage, explore};
use runledger_tests::laboratory::workload::Workload;

fn main() {
    let started = std::time::Instant::now();
    let mut states = 0;
    for life in 0..2000 {
        let seed = runledger_tests::laboratory::choice::derived_seed(1, life);
        match explore(&Workload::random(seed), Coverage::Sample(6)) {
            Ok(tally) => states += tally.states,
            Err(finding) => {
                println!("life {life}: {} {:?} {:?}", finding.violation, finding.end, finding.workload);
                let finding = runledger_tests::laboratory::shrink::shrink(*finding);
                println!("smaller: {} {:?} {:?}", finding.violation, finding.end, finding.workload);
                break;
            }
        }
    }
    println!("{states} states in {:?}", started.elapsed());
}
