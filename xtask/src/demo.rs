//! `cargo xtask demo`: the whole thing once, as a user would do it.

use crate::{guests, tools, ui, workspace};
use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::{
    env,
    fs::{self, File},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

const DAG: &str = "weather_etl";
/// The example's components, by the last part of their name.
const COMPONENTS: [&str; 6] = ["fetch", "climate", "clean", "aggregate", "anomalies", "report"];

/// How long the server may take to answer: the first start makes a database.
const START: Duration = Duration::from_secs(120);
/// How long it may take to stop.
const STOP: Duration = Duration::from_secs(40);

/// Builds everything, starts `cofferdam dev`, and runs the weather example with the command line client. With `once`, the server is
/// stopped and its data removed; without, it goes on until it is interrupted.
pub fn run(once: bool) -> Result<()> {
    let postgres = tools::postgres()?;
    let components = guests::run()?;
    ui::build(workspace::root(), false)?;
    workspace::run("server", workspace::cargo().args(["build", "--locked", "--package", "cofferdam-cli"]))?;

    let temporary = if once { Some(tempfile::Builder::new().prefix("cofferdam-demo-").tempdir()?) } else { None };
    let data_dir = temporary.as_ref().map_or_else(|| workspace::root().join(".cofferdam"), |dir| dir.path().join("data"));
    let cofferdam = Cofferdam { binary: workspace::target_dir().join("debug/cofferdam"), data_dir, postgres };
    let mut server = Server::start(&cofferdam, if once { 0 } else { 8080 })?;
    server.wait_until_ready(&cofferdam)?;

    for name in COMPONENTS {
        let file = components.get(&format!("weather-{name}")).with_context(|| format!("the component {name} was not built"))?;
        cofferdam.run(&["component", "push", &file.to_string_lossy(), "--name", &format!("weather/{name}")])?;
    }
    cofferdam.run(&["dag", "apply", "examples/weather-etl/dag.yaml"])?;
    let began = Instant::now();
    cofferdam.run(&["dag", "trigger", DAG, "--wait", "--timeout", "2m"])?;
    println!("\nTriggered and finished in {:.2} s.\n", began.elapsed().as_secs_f32());
    print_receipts(&serde_json::from_str(&cofferdam.read(&["run", "show", DAG, "--output", "json"])?)?)?;

    let report: Value = serde_json::from_str(&cofferdam.read(&["run", "xcom", DAG, "--task", "report", "--output", "json"])?)?;
    let report = report["value"].as_str().context("the task `report` returned no text")?;
    println!("\n{report}");
    ensure!(report.starts_with("# The weather of Seattle, 2012 to 2015"), "that is not the report");

    if once {
        return server.stop();
    }
    let sign_in = DevSession::read(&cofferdam.data_dir)?;
    println!("The console is at {}", sign_in.url);
    println!("Sign in as {} with {}", sign_in.username, sign_in.password);
    println!("The server's log is {}; Ctrl-C stops it.", server.log.display());
    ensure!(server.child.wait()?.success(), "the server stopped with an error; see {}", server.log.display());
    Ok(())
}

/// The state and the receipt of each task.
fn print_receipts(run: &Value) -> Result<()> {
    let tasks = run["task_instances"].as_array().context("the run has no tasks")?;
    ensure!(tasks.len() == COMPONENTS.len(), "the run has {} tasks", tasks.len());
    println!(
        "{:<10} {:<8} {:>3} {:>14} {:>12} {:>10} {:>10} {:>10} {:>8}",
        "task", "state", "try", "fuel", "peak memory", "wall ms", "cpu ms", "bytes in", "out"
    );
    for task in tasks {
        let receipt = &task["receipt"];
        let number = |field: &str| receipt[field].as_f64().unwrap_or_default();
        println!(
            "{:<10} {:<8} {:>3} {:>14} {:>8.1} MiB {:>10.2} {:>10.2} {:>10} {:>8}",
            task["task_id"].as_str().unwrap_or_default(),
            task["state"].as_str().unwrap_or_default(),
            task["try_number"],
            number("fuel"),
            number("peak_memory_bytes") / f64::from(1 << 20),
            number("wall_us") / 1e3,
            number("cpu_us") / 1e3,
            number("input_bytes"),
            number("output_bytes"),
        );
        ensure!(task["state"] == "success", "the task {} did not succeed", task["task_id"]);
        ensure!(number("fuel") > 0.0, "the task {} has no receipt", task["task_id"]);
    }
    Ok(())
}

/// The binary, and what it is told by the environment.
struct Cofferdam {
    binary: PathBuf,
    data_dir: PathBuf,
    postgres: PathBuf,
}

impl Cofferdam {
    /// Nothing of the user's own configuration: the demo is the same everywhere.
    fn command(&self) -> Command {
        let mut command = Command::new(&self.binary);
        command.current_dir(workspace::root());
        for (name, _) in env::vars_os() {
            if name.to_string_lossy().starts_with("COFFERDAM_") {
                command.env_remove(name);
            }
        }
        command.env("XDG_CONFIG_HOME", self.data_dir.join("config"));
        command.env("COFFERDAM_STD_DIR", workspace::target_dir().join("guests/std"));
        command.env("COFFERDAM_DATA_DIR", &self.data_dir).env("COFFERDAM_POSTGRES_BIN", &self.postgres);
        command
    }

    fn run(&self, args: &[&str]) -> Result<()> {
        println!("\n$ cofferdam {}", args.join(" "));
        let status = self.command().args(args).status()?;
        ensure!(status.success(), "`cofferdam {}` failed ({status})", args.join(" "));
        Ok(())
    }

    fn read(&self, args: &[&str]) -> Result<String> {
        let output = self.command().args(args).stderr(Stdio::inherit()).output()?;
        ensure!(output.status.success(), "`cofferdam {}` failed ({})", args.join(" "), output.status);
        Ok(String::from_utf8(output.stdout)?)
    }
}

/// What `cofferdam dev` leaves in its data directory.
#[derive(serde::Deserialize)]
struct DevSession {
    url: String,
    username: String,
    password: String,
}

impl DevSession {
    fn read(data_dir: &Path) -> Result<Self> {
        Ok(serde_json::from_slice(&fs::read(data_dir.join("dev.json"))?)?)
    }
}

/// A running `cofferdam dev`. It is stopped when this is dropped.
struct Server {
    child: Child,
    log: PathBuf,
}

impl Server {
    /// Starts it on this port when it is free, else on another one.
    fn start(cofferdam: &Cofferdam, port: u16) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", port)).or_else(|_| TcpListener::bind(("127.0.0.1", 0)))?;
        let address = listener.local_addr()?.to_string();
        drop(listener);
        fs::create_dir_all(&cofferdam.data_dir)?;
        // The one of an earlier server would be taken for this one's.
        if let Err(error) = fs::remove_file(cofferdam.data_dir.join("dev.json"))
            && error.kind() != std::io::ErrorKind::NotFound
        {
            bail!("cannot remove the traces of an earlier demo: {error}");
        }
        let log = cofferdam.data_dir.join("dev.log");
        let file = File::create(&log)?;
        eprintln!("==> cofferdam dev on {address}");
        let child = cofferdam
            .command()
            .args(["dev", "--listen", &address])
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .context("cannot start the server")?;
        Ok(Self { child, log })
    }

    fn wait_until_ready(&mut self, cofferdam: &Cofferdam) -> Result<()> {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                bail!("the server stopped ({status}):\n{}", self.log_end());
            }
            let ready = || {
                let health = cofferdam.command().arg("health").stdout(Stdio::null()).stderr(Stdio::null()).status();
                health.is_ok_and(|status| status.success())
            };
            if cofferdam.data_dir.join("dev.json").exists() && ready() {
                eprintln!("    ready after {:.1} s", began.elapsed().as_secs_f32());
                return Ok(());
            }
            ensure!(began.elapsed() < START, "the server is not ready after {} s:\n{}", START.as_secs(), self.log_end());
            thread::sleep(Duration::from_millis(100));
        }
    }

    fn log_end(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }

    /// Asks it to stop, as an operator would, and waits for that.
    fn stop(mut self) -> Result<()> {
        let status = self.terminate()?.context("the server does not stop")?;
        ensure!(status.success(), "the server stopped with an error ({status}):\n{}", self.log_end());
        Ok(())
    }

    fn terminate(&mut self) -> Result<Option<std::process::ExitStatus>> {
        if let Some(status) = self.child.try_wait()? {
            return Ok(Some(status));
        }
        Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status()?;
        let began = Instant::now();
        while began.elapsed() < STOP {
            if let Some(status) = self.child.try_wait()? {
                return Ok(Some(status));
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(None)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if !matches!(self.terminate(), Ok(Some(_))) && self.child.kill().is_ok() {
            drop(self.child.wait());
        }
    }
}
