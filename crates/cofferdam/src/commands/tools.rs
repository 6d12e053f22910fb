//! The programs that commands call: where they are, and how to get those that are not there.

use crate::config::Environment;
use crate::failure::{Exit, Failure};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Finds programs on `PATH`.
#[derive(Debug)]
pub struct Tools {
    folders: Vec<PathBuf>,
    python_path: Option<String>,
}

impl Tools {
    /// As the environment has them.
    pub fn new(environment: &Environment) -> Self {
        Self {
            folders: environment.get("PATH").map(|path| std::env::split_paths(path).collect()).unwrap_or_default(),
            python_path: environment.get("PYTHONPATH").map(str::to_owned),
        }
    }

    /// Where Python looks for modules besides its own folders.
    pub fn python_path(&self) -> Vec<PathBuf> {
        self.python_path.as_deref().map(|path| std::env::split_paths(path).collect()).unwrap_or_default()
    }

    /// A program, when it is there.
    pub fn find(&self, name: &str) -> Option<PathBuf> {
        self.folders.iter().map(|folder| folder.join(name)).find(|file| file.is_file())
    }

    /// A program, or how to get it.
    ///
    /// # Errors
    /// When it is not there.
    pub fn need(&self, name: &str, remedy: &str) -> Result<PathBuf, Failure> {
        self.find(name).ok_or_else(|| missing(name, remedy))
    }
}

/// A tool is missing.
pub fn missing(what: &str, remedy: &str) -> Failure {
    Failure::new(Exit::Failed, format!("{what} is needed and not installed")).remedy(remedy)
}

/// Runs a tool to its end. What it says goes to standard error, since standard output is for the result.
///
/// # Errors
/// When it cannot be started or fails.
pub fn run(command: &mut Command) -> Result<(), Failure> {
    let name = name_of(command);
    let status = command
        .stdin(Stdio::null())
        .stdout(std::io::stderr())
        .status()
        .map_err(|error| Failure::new(Exit::Failed, format!("{name} cannot be started")).because(&error))?;
    if status.success() { Ok(()) } else { Err(failed(&name)) }
}

/// Runs a tool to its end and returns what it wrote to standard output.
///
/// # Errors
/// When it cannot be started or fails.
pub fn output(command: &mut Command) -> Result<Vec<u8>, Failure> {
    let output = to_its_end(command)?;
    if output.status.success() { Ok(output.stdout) } else { Err(failed(&name_of(command))) }
}

/// Runs a tool to its end, whatever that is. What it says on standard error is shown.
///
/// # Errors
/// When it cannot be started.
pub fn to_its_end(command: &mut Command) -> Result<Output, Failure> {
    let name = name_of(command);
    let command = command.stdin(Stdio::null()).stderr(Stdio::inherit());
    command.output().map_err(|error| Failure::new(Exit::Failed, format!("{name} cannot be started")).because(&error))
}

/// Whether a tool succeeds; what it says is dropped.
pub fn succeeds(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

fn failed(name: &str) -> Failure {
    Failure::new(Exit::Failed, format!("the build failed: {name} found errors, see above"))
}

fn name_of(command: &Command) -> String {
    Path::new(command.get_program()).file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
