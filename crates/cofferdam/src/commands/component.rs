use super::follow::plain;
use super::session::Session;
use crate::cli::{ComponentCommand, PageArgs};
use crate::failure::{Exit, Failure};
use crate::output::style::{Tone, paint};
use crate::output::{Table, progress, table};
use cofferdam_client::api::{
    ComponentCollection, ComponentDetail, ComponentImpact, ComponentKind, ComponentUpload, ComponentVersion,
    ComponentVersionDetail, Page,
};
use cofferdam_ids::{ComponentName, Digest};
use std::io::Read;
use std::path::Path;
use std::time::Duration;

/// The most bytes that an upload sends at once.
const LAST_PIECE: u64 = 64 << 10;

/// Uploads components and shows them.
pub async fn run(session: &Session, command: ComponentCommand) -> Result<(), Failure> {
    match command {
        ComponentCommand::Push { file, name, label, approve } => {
            let version = upload(session, &file, name, label, approve).await?;
            session.output.say(&version, pushed)
        }
        ComponentCommand::List { page } => list(session, page).await,
        ComponentCommand::Show { name } => show(session, &name).await,
        ComponentCommand::Approve { name, digest } => approve(session, &name, digest.as_deref()).await,
        ComponentCommand::Inspect { name, digest, wit } => inspect(session, &name, digest.as_deref(), wit).await,
    }
}

/// Uploads a file; without a name, under the one that the file's name makes.
pub async fn upload(
    session: &Session,
    file: &Path,
    name: Option<ComponentName>,
    label: Option<String>,
    approve: bool,
) -> Result<ComponentVersion, Failure> {
    let name = match name {
        Some(name) => name,
        None => name_of(file)?,
    };
    let bytes = read(file)?;
    let client = session.client().await?;
    let total = bytes.len() as u64;
    let bar = progress::upload(&session.output, name.as_str(), total);
    let drawn = bar.clone();
    let sent = move |sent| {
        drawn.set_position(sent);
        // The last piece is not reported by itself: when it is on its way, the server compiles.
        if total - sent <= LAST_PIECE {
            drawn.set_position(total);
            drawn.set_message("compiling");
            drawn.enable_steady_tick(Duration::from_millis(100));
        }
    };
    let version = client.upload_component(&ComponentUpload { name, label, approve }, bytes.into(), sent).await;
    bar.finish_and_clear();
    version.map_err(|error| {
        let mut failure = session.failure(error);
        failure.place = failure.place.map(|place| format!("{}, sent to {place}", file.display()));
        failure
    })
}

fn pushed(version: &ComponentVersion) -> String {
    let what = if version.created { "Pushed" } else { "Already there:" };
    let adapted = match &version.adapted_from {
        Some(module) => {
            format!("\n  a component was made of the core module sha256:{}; the digest is the component's", short(module))
        }
        None => String::new(),
    };
    let compiled = version.compile_ms.map_or_else(String::new, |ms| format!(", compiled in {ms} ms"));
    let text = format!(
        "{what} {} ({}, {}{compiled}){adapted}\n  digest  {}\n  imports {}\n  may ask for {}",
        version.name,
        kind(version.kind),
        table::bytes(version.size_bytes),
        version.digest,
        if version.imports.is_empty() { "nothing".to_owned() } else { version.imports.join(", ") },
        listed(&version.permissions)
    );
    let text = if version.needs_approval { format!("{text}\n{}", waiting(version)) } else { text };
    match version.impact.as_ref().and_then(broken) {
        Some(broken) => format!("{text}\n{broken}"),
        None => text,
    }
}

/// The dags that would be refused with a version, and why.
fn broken(impact: &ComponentImpact) -> Option<String> {
    if impact.broken.is_empty() {
        return None;
    }
    let head = match impact.broken.len() {
        1 => "1 dag would be refused with this version when it is applied next; until then nothing changes for it:".to_owned(),
        many => format!("{many} dags would be refused with this version when they are applied next; until then nothing changes:"),
    };
    let mut lines = vec![paint(Tone::Warn, &head)];
    for dag in &impact.broken {
        for problem in &dag.diagnostics {
            lines.push(format!("  {} {}: {}", paint(Tone::Strong, dag.dag_id.as_str()), problem.pointer, problem.message));
        }
    }
    Some(lines.join("\n"))
}

fn listed(permissions: &[String]) -> String {
    if permissions.is_empty() { "nothing".to_owned() } else { permissions.join(", ") }
}

/// Why dags cannot use a version yet, and what would let them.
fn waiting(version: &ComponentVersion) -> String {
    let more =
        paint(Tone::Warn, &format!("It asks for more than the approved version before it: {}.", version.asks_more.join(", ")));
    let command = format!("cofferdam component approve {} --digest {}", version.name, short(&version.digest));
    format!("{more}\nDags cannot use it until an administrator runs `{command}`.")
}

async fn approve(session: &Session, name: &ComponentName, digest: Option<&str>) -> Result<(), Failure> {
    let client = session.client().await?;
    let component = client.get_component(name).await.map_err(|error| session.failure(error))?;
    let digest = choose(&component, digest)?;
    let version = client.approve_component(name, &digest).await.map_err(|error| session.failure(error))?;
    session.output.say(&version, |version| {
        format!("Approved {} version {}; it may ask for {}", version.name, version.version_number, listed(&version.permissions))
    })
}

/// `weather_clean.wasm` is `weather-clean`.
fn name_of(file: &Path) -> Result<ComponentName, Failure> {
    let stem = file.file_stem().map(|stem| stem.to_string_lossy().to_lowercase().replace('_', "-")).unwrap_or_default();
    stem.parse().map_err(|error: cofferdam_ids::NameError| {
        Failure::usage(format!("no name can be made from the file's name: {error}"))
            .at(file.display().to_string())
            .remedy("give --name")
    })
}

/// Reads a component from a file, or from standard input when the path is `-`.
pub fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    let read = if file == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        std::fs::read(file)
    };
    read.map_err(|error| {
        let exit = if error.kind() == std::io::ErrorKind::NotFound { Exit::NotFound } else { Exit::Usage };
        Failure::new(exit, "the component cannot be read").at(file.display().to_string()).because(&error)
    })
}

async fn list(session: &Session, page: PageArgs) -> Result<(), Failure> {
    let page = Page { limit: page.limit, offset: page.offset };
    let components = session.client().await?.list_components(&page).await.map_err(|error| session.failure(error))?;
    session.output.print(&components, component_table)
}

fn component_table(components: &ComponentCollection) -> Table {
    let mut rows = Table::new(
        &["name", "kind", "versions", "size", "digest", "uploaded"],
        "There are no components; `cofferdam component push FILE` uploads one.",
    );
    for component in &components.components {
        let latest = &component.latest;
        rows.row([
            component.name.to_string(),
            kind(latest.kind).to_owned(),
            component.version_count.to_string(),
            table::bytes(latest.size_bytes),
            short(&latest.digest),
            table::time(latest.created_at),
        ]);
    }
    rows
}

async fn show(session: &Session, name: &ComponentName) -> Result<(), Failure> {
    let component = session.client().await?.get_component(name).await.map_err(|error| session.failure(error))?;
    session.output.print(&component, version_table)
}

fn version_table(component: &ComponentDetail) -> Table {
    let mut rows = Table::new(&["digest", "label", "kind", "size", "uploaded", "approved"], "There are no versions.");
    for version in &component.versions {
        rows.row([
            version.digest.to_string(),
            version.label.clone().unwrap_or_else(|| "-".to_owned()),
            kind(version.kind).to_owned(),
            table::bytes(version.size_bytes),
            table::time(version.created_at),
            if version.needs_approval { paint(Tone::Warn, "no") } else { "yes".to_owned() },
        ]);
    }
    rows
}

async fn inspect(session: &Session, name: &ComponentName, digest: Option<&str>, wit: bool) -> Result<(), Failure> {
    let client = session.client().await?;
    let component = client.get_component(name).await.map_err(|error| session.failure(error))?;
    let digest = choose(&component, digest)?;
    let version = client.inspect_component(name, &digest).await.map_err(|error| session.failure(error))?;
    if wit {
        return session.output.say(&version.wit, |wit| wit.trim_end().to_owned());
    }
    session.output.say(&version, inspected)
}

/// The version whose digest begins so, or the newest.
fn choose(component: &ComponentDetail, prefix: Option<&str>) -> Result<Digest, Failure> {
    let prefix = prefix.unwrap_or_default().trim_start_matches("sha256:");
    let mut found = component.versions.iter().filter(|version| version.digest.as_str().starts_with(prefix));
    let first = found.next().ok_or_else(|| {
        Failure::new(Exit::NotFound, format!("{} has no version whose digest begins with '{prefix}'", component.name))
            .remedy(format!("`cofferdam component show {}` lists its versions", component.name))
    })?;
    if !prefix.is_empty() && found.next().is_some() {
        return Err(Failure::usage(format!("'{prefix}' is the beginning of several digests")).remedy("give more of it"));
    }
    Ok(first.digest.clone())
}

fn inspected(detail: &ComponentVersionDetail) -> String {
    let version = &detail.version;
    let mut text = Table::properties(vec![
        ("name", version.name.to_string()),
        ("label", version.label.clone().unwrap_or_else(|| "-".to_owned())),
        ("kind", kind(version.kind).to_owned()),
        ("size", table::bytes(version.size_bytes)),
        ("digest", version.digest.to_string()),
        ("uploaded", table::time(version.created_at)),
        ("may ask for", listed(&version.permissions)),
        ("approved", version.approved_by.clone().unwrap_or_else(|| if version.needs_approval { "no" } else { "yes" }.to_owned())),
    ])
    .to_string();
    if version.needs_approval {
        text += &format!("\n\n{}", waiting(version));
    }
    let mut imports = Table::new(&["imports", "gives", "offered"], "It imports nothing.");
    for import in &detail.imported {
        let offered = if import.offered { "yes".to_owned() } else { paint(Tone::Warn, "no: calls to it fail") };
        imports.row([import.interface.clone(), import.capability.clone(), offered]);
    }
    text += &format!("\n\n{imports}");
    let mut functions = Table::new(&["function", "type"], "It exports no functions that a task can call.");
    for function in &detail.functions {
        let kind = match &function.refused {
            None => function.signature.clone(),
            Some(why) => paint(Tone::Warn, &format!("cannot be called: {why}")),
        };
        functions.row([function.name.clone(), kind]);
    }
    text += &format!("\n\n{functions}");
    for function in &detail.functions {
        if let Some(docs) = &function.docs {
            text += &format!("\n\n{}\n{}", paint(Tone::Dim, &function.name), plain(docs.trim()));
        }
    }
    text + &format!("\n\n{}", detail.wit.trim_end())
}

const fn kind(kind: ComponentKind) -> &'static str {
    match kind {
        ComponentKind::Task => "task",
        ComponentKind::Command => "command",
        ComponentKind::Library => "library",
    }
}

fn short(digest: &Digest) -> String {
    digest.as_str().chars().take(12).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_from_files() {
        assert_eq!(name_of(Path::new("/x/Weather_Clean.wasm")).unwrap().as_str(), "weather-clean");
        let failure = name_of(Path::new("/x/a b.wasm")).unwrap_err();
        assert_eq!((failure.exit, failure.remedy.as_deref()), (Exit::Usage, Some("give --name")));
    }

    #[test]
    fn a_file_that_is_not_there_is_not_found() {
        assert_eq!(read(Path::new("/nowhere/x.wasm")).unwrap_err().exit, Exit::NotFound);
    }
}
