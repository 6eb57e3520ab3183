//! Plants the bug that the environment names, in the processes that write: so that it can be seen which test finds it.

use runledger_wal::{Bug, plant};

/// Names a bug, in words with hyphens.
const VARIABLE: &str = "RUNLEDGER_PLANTED_BUG";

/// Plants the bug that the environment names, if it names one.
///
/// # Panics
///
/// If there is no bug of this name.
pub fn plant_by_environment() {
    let Ok(name) = std::env::var(VARIABLE) else { return };
    let bug = Bug::ALL.iter().find(|bug| bug.name() == name);
    plant(Some(*bug.unwrap_or_else(|| panic!("there is no bug {name}"))));
}
