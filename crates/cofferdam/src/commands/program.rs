//! Dags that a program writes down: `cofferdam dag apply sums.py`. See `docs/dags-as-code.md`.

use super::component;
use super::new::python_sdk;
use super::session::Session;
use super::tools::{self, Tools};
use crate::document::{Document, read_text};
use crate::failure::{Exit, Failure, Finding, Severity};
use cofferdam_client::api::{WrittenDag, WrittenDags};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the SDKs answer.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    Dags(Vec<Written>),
    Error { message: String, line: Option<usize> },
}

#[derive(Debug, Deserialize)]
struct Written {
    definition: Value,
    /// The lines of what stands in the definition, by JSON Pointers.
    #[serde(default)]
    places: BTreeMap<String, Option<usize>>,
}

/// The language of a file that is a program; none for one that is a definition itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Language {
    Python,
    Script,
}

impl Language {
    fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "py" => Some(Self::Python),
            "ts" | "mts" | "js" | "mjs" => Some(Self::Script),
            _ => None,
        }
    }
}

/// The dags of a file: of a definition itself, the one; of a program, those that it writes down when it is run.
///
/// # Errors
/// When the file cannot be read, or the program fails; the finding has its line.
pub fn read(path: &Path, tools: &Tools) -> Result<Vec<Document>, Failure> {
    let Some(language) = Language::of(path) else { return Ok(vec![Document::read(path)?]) };
    let name = path.display().to_string();
    let (text, dags) = run(path, language, tools)?;
    Ok(dags.into_iter().map(|dag| Document::written(&name, &text, dag.definition, &dag.lines)).collect())
}

/// The text of a program and the dags that it writes down when it is run.
///
/// # Errors
/// When the file is no program, cannot be read, or fails; the finding has its line.
pub fn written(path: &Path, tools: &Tools) -> Result<WrittenDags, Failure> {
    let language = Language::of(path).ok_or_else(|| Failure::usage("the file is no program").at(path.display().to_string()))?;
    let (text, dags) = run(path, language, tools)?;
    Ok(WrittenDags { text, dags })
}

fn run(path: &Path, language: Language, tools: &Tools) -> Result<(String, Vec<WrittenDag>), Failure> {
    let name = path.display().to_string();
    let text = read_text(path)?;
    let answer = match language {
        Language::Python => python(path, tools)?,
        Language::Script => script(path)?,
    };
    let answer: Answer = serde_json::from_slice(&answer)
        .map_err(|error| Failure::new(Exit::Failed, "the program did not write dags down").at(&name).because(&error))?;
    match answer {
        Answer::Dags(dags) => {
            let dags = dags.into_iter().map(|dag| {
                let lines = dag.places.into_iter().filter_map(|(pointer, line)| Some((pointer, line?))).collect();
                WrittenDag { definition: dag.definition, lines }
            });
            Ok((text, dags.collect()))
        }
        Answer::Error { message, line } => {
            let lines = line.map(|line| (String::new(), line)).into_iter().collect();
            let finding = Finding::new(Severity::Error, "invalid_program", String::new(), message);
            let mut failure = Failure::new(Exit::Failed, "the file wrote no dags down").at(&name);
            failure.findings = vec![Document::written(&name, &text, Value::Null, &lines).locate(finding)];
            Err(failure)
        }
    }
}

/// The dags of several files, workflow components among them: these are uploaded, and write their dags down on the server.
///
/// # Errors
/// When a file cannot be read or run.
pub async fn read_all(files: &[PathBuf], session: &Session) -> Result<Vec<Document>, Failure> {
    let mut documents = Vec::new();
    for file in files {
        if file.extension().is_some_and(|extension| extension == "wasm") {
            documents.extend(defined(file, session).await?);
        } else {
            documents.extend(read(file, &session.tools)?);
        }
    }
    Ok(documents)
}

/// The dags that a workflow component writes down.
async fn defined(file: &Path, session: &Session) -> Result<Vec<Document>, Failure> {
    let version = component::upload(session, file, None, None, false).await?;
    let defined = session.client().await?.define_dags(&version.name, &version.digest).await;
    let defined = defined.map_err(|error| session.failure(error).at(file.display().to_string()))?;
    eprint!("{}", defined.output);
    let name = file.display().to_string();
    Ok(defined.definitions.into_iter().map(|dag| Document::written(&name, "", dag, &BTreeMap::new())).collect())
}

/// Runs a file of Python, with the SDK that belongs to this program.
fn python(path: &Path, tools: &Tools) -> Result<Vec<u8>, Failure> {
    let python = tools
        .find("python3")
        .or_else(|| tools.find("python"))
        .ok_or_else(|| tools::missing("Python 3.10 or later", "install it, as by `apt-get install python3`"))?;
    let sdk =
        tempfile::tempdir().map_err(|error| Failure::new(Exit::Failed, "no temporary folder can be made").because(&error))?;
    python_sdk(sdk.path())?;
    let mut command = Command::new(python);
    command.args(["-m", "cofferdam.dags"]).arg(path);
    let paths = std::iter::once(sdk.path().to_owned()).chain(tools.python_path());
    let paths =
        std::env::join_paths(paths).map_err(|error| Failure::new(Exit::Failed, "PYTHONPATH cannot be set").because(&error))?;
    command.env("PYTHONPATH", paths).env("PYTHONDONTWRITEBYTECODE", "1");
    answer(&mut command)
}

/// Runs a file of TypeScript or JavaScript, with the SDK of its project.
fn script(path: &Path) -> Result<Vec<u8>, Failure> {
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder =
        folder.canonicalize().map_err(|error| Failure::new(Exit::NotFound, "the folder cannot be read").because(&error))?;
    let program: Option<PathBuf> =
        folder.ancestors().map(|above| above.join("node_modules/.bin/cofferdam-js")).find(|file| file.is_file());
    let program = program.ok_or_else(|| {
        tools::missing("the package @cofferdam/sdk", "run `npm install @cofferdam/sdk` in the project of the file")
    })?;
    answer(Command::new(program).arg("dags").arg(path))
}

/// What a program answers, whether it found dags or a mistake. What it prints besides goes to standard error.
fn answer(command: &mut Command) -> Result<Vec<u8>, Failure> {
    let output = tools::to_its_end(command)?;
    if output.stdout.is_empty() {
        let name = command.get_program().display();
        return Err(Failure::new(Exit::Failed, format!("{name} failed ({}), see above", output.status)));
    }
    Ok(output.stdout)
}
