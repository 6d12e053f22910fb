//! `crates/store/.sqlx`: what PostgreSQL says of each checked query, so that the store builds without a server.
//!
//! A private server gets the migrations; the store is compiled against it, and sqlx's macros write one file per query.

use crate::{tools, workspace};
use anyhow::{Context, Result, bail, ensure};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Write,
    os::unix::{fs::chown, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant, SystemTime},
};

/// PostgreSQL refuses to run as root, so it becomes this user, `nobody`.
const NOBODY: u32 = 65534;

/// How long the server may take to start.
const START: Duration = Duration::from_secs(60);

/// Writes `crates/store/.sqlx` again; with `check`, fails when it differs from what is there.
pub fn run(check: bool) -> Result<()> {
    let root = workspace::root();
    let kept = root.join("crates/store/.sqlx");
    let derived = describe_queries(root)?;
    let present = read_folder(&kept)?;
    if check {
        let stale = present.keys().filter(|name| !derived.contains_key(*name)).count();
        let missing = derived.iter().filter(|(name, content)| present.get(*name) != Some(*content)).count();
        ensure!(
            stale == 0 && missing == 0,
            "crates/store/.sqlx: {missing} queries are missing or differ, {stale} are not used any more; run `cargo xtask gen`"
        );
        return Ok(());
    }
    fs::create_dir_all(&kept)?;
    for name in present.keys().filter(|name| !derived.contains_key(*name)) {
        fs::remove_file(kept.join(name))?;
    }
    for (name, content) in derived.iter().filter(|(name, content)| present.get(*name) != Some(*content)) {
        fs::write(kept.join(name), content)?;
    }
    Ok(())
}

/// The files that sqlx writes, by name.
fn describe_queries(root: &Path) -> Result<BTreeMap<String, String>> {
    let server = Server::start(&root.join("migrations"))?;
    let queries = tempfile::tempdir()?;
    // Cargo does not know that the macros look at the environment; an argument that is new each time makes it compile.
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_nanos();
    workspace::run(
        "compile the store against the server",
        workspace::cargo()
            .args(["rustc", "--package", "cofferdam-store", "--lib", "--", "--cfg"])
            .arg(format!("derived_at=\"{now}\""))
            .env("SQLX_OFFLINE", "false")
            .env("SQLX_OFFLINE_DIR", queries.path())
            .env("DATABASE_URL", server.url()),
    )?;
    read_folder(queries.path())
}

fn read_folder(folder: &Path) -> Result<BTreeMap<String, String>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("query-") {
            files.insert(name, fs::read_to_string(entry.path())?);
        }
    }
    Ok(files)
}

/// A server with the schema, gone when the value is dropped.
struct Server {
    child: Child,
    folder: tempfile::TempDir,
}

impl Server {
    fn start(migrations: &Path) -> Result<Self> {
        let bin = tools::postgres()?;
        let folder = tempfile::Builder::new().prefix("cofferdam-gen-").tempdir_in("/tmp")?;
        let postgres = Postgres { bin, data: folder.path().join("data"), as_nobody: tools::is_root() };
        if postgres.as_nobody {
            chown(folder.path(), Some(NOBODY), Some(NOBODY))?;
        }
        let mut initdb = postgres.program("initdb");
        initdb.args(["--username=cofferdam", "--auth=trust", "--no-locale", "--encoding=UTF8", "--no-sync", "--no-instructions"]);
        workspace::run("make a database", initdb.stdout(Stdio::null()))?;
        postgres.apply(migrations)?;
        let log = File::create(folder.path().join("log"))?;
        let mut server = postgres.program("postgres");
        server.arg("-k").arg(folder.path()).args(["-c", "listen_addresses=", "-c", "fsync=off"]);
        let child = server.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().context("cannot start postgres")?;
        let mut server = Self { child, folder };
        server.wait_until_ready()?;
        Ok(server)
    }

    fn url(&self) -> String {
        format!("postgresql:///postgres?host={}&user=cofferdam", self.folder.path().display().to_string().replace('/', "%2F"))
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let began = Instant::now();
        let says_ready = || {
            fs::read_to_string(self.folder.path().join("data/postmaster.pid"))
                .is_ok_and(|text| text.lines().nth(7).is_some_and(|line| line.trim() == "ready"))
        };
        while !says_ready() {
            if self.child.try_wait()?.is_some() || began.elapsed() > START {
                bail!("postgres did not start: {}", fs::read_to_string(self.folder.path().join("log")).unwrap_or_default());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nothing in it is worth keeping, so it is not asked to write anything. Its processes notice that it is gone.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// PostgreSQL's programs and one folder for its files.
struct Postgres {
    bin: PathBuf,
    data: PathBuf,
    as_nobody: bool,
}

impl Postgres {
    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.bin.join(name));
        command.arg("-D").arg(&self.data).current_dir("/");
        if self.as_nobody {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }

    /// Applies the migrations with the server's single-user mode, which needs no client.
    fn apply(&self, migrations: &Path) -> Result<()> {
        let mut files: Vec<PathBuf> = fs::read_dir(migrations)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
        files.retain(|file| file.extension().is_some_and(|extension| extension == "sql"));
        files.sort();
        let mut script = String::new();
        for file in &files {
            script += &fs::read_to_string(file)?;
            // A semicolon and an empty line end a command in this mode.
            script += "\n\n";
        }
        let mut command = Command::new(self.bin.join("postgres"));
        command
            .args(["--single", "-j", "-D"])
            .arg(&self.data)
            .args(["-c", "exit_on_error=on", "-c", "fsync=off", "postgres"])
            .current_dir("/");
        if self.as_nobody {
            command.uid(NOBODY).gid(NOBODY);
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let mut stdin = child.stdin.take().context("stdin is a pipe")?;
        let writer = std::thread::spawn(move || stdin.write_all(script.as_bytes()));
        let output = child.wait_with_output()?;
        let written = writer.join().expect("writing does not panic");
        ensure!(output.status.success(), "the migrations do not apply:\n{}", String::from_utf8_lossy(&output.stderr));
        written.context("the migrations could not be handed over")
    }
}
