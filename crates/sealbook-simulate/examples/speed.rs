//! Counts the events of a simulation, so that its speed and memory can be measured from outside: `-- 1000000`.
#![expect(clippy::print_stdout, reason = "an example that tells what it found")]

use sealbook_core::time::Micros;
use sealbook_simulate::{Config, ConfigError, Simulation};

fn main() -> Result<(), ConfigError> {
    let asked = std::env::args().nth(1).and_then(|text| text.parse().ok());
    let config = Config {
        seed: 1,
        entries: asked.unwrap_or(1_000_000),
        start: Micros(1_767_225_600_000_000),
        days: 90,
        faults: true,
    };
    let simulation = Simulation::new(config)?;
    let faults = simulation.faults().len();
    println!("{} events, {faults} faults", simulation.count());
    Ok(())
}
