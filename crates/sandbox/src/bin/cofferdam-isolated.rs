//! A process for sandboxes alone, for the tests and benches of this crate: it gives up nothing. The product has it as a hidden
//! command.

use std::process::ExitCode;

fn main() -> ExitCode {
    cofferdam_sandbox::isolation::child_main(|_| Vec::new())
}
