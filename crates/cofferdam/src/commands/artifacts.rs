use super::session::Session;
use crate::failure::Failure;
use crate::output::{Table, table};
use cofferdam_client::api::ArtifactCollection;
use cofferdam_client::{Client, TaskInstanceRef};
use cofferdam_ids::ArtifactName;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Lists the files that a task left.
pub async fn list(session: &Session, client: &Client, task: &TaskInstanceRef) -> Result<(), Failure> {
    let listed = client.list_artifacts(task).await.map_err(|error| session.failure(error))?;
    session.output.print(&listed, rows)
}

/// Saves one of them. A file that is there already is not replaced.
pub async fn save(
    session: &Session,
    client: &Client,
    task: &TaskInstanceRef,
    name: &ArtifactName,
    to: Option<PathBuf>,
) -> Result<(), Failure> {
    let to = to.unwrap_or_else(|| PathBuf::from(name.file_name()));
    let mut download = client.download_artifact(task, name).await.map_err(|error| session.failure(error))?;
    let unwritable =
        |error: std::io::Error| Failure::usage("the file cannot be written").at(to.display().to_string()).because(&error);
    let mut file: Box<dyn Write> = if to == Path::new("-") {
        Box::new(std::io::stdout().lock())
    } else {
        Box::new(File::create_new(&to).map_err(unwritable)?)
    };
    let mut bytes = 0;
    while let Some(chunk) = download.chunk().await.map_err(|error| session.failure(error))? {
        file.write_all(&chunk).map_err(unwritable)?;
        bytes += chunk.len();
    }
    file.flush().map_err(unwritable)?;
    session.output.note(&format!("{bytes} bytes saved as {}", to.display()));
    Ok(())
}

fn rows(artifacts: &ArtifactCollection) -> Table {
    let mut rows = Table::new(&["name", "type", "bytes", "try", "left"], "It has left no files.");
    for artifact in &artifacts.artifacts {
        rows.row([
            artifact.name.to_string(),
            artifact.content_type.clone(),
            artifact.size_bytes.to_string(),
            artifact.try_number.to_string(),
            table::time(artifact.created_at),
        ]);
    }
    rows
}
