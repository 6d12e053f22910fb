//! The compile process alone, for the tests of this crate. The product has it as a hidden command.

use std::process::ExitCode;

fn main() -> ExitCode {
    cofferdam_sandbox::compile::child_main()
}
