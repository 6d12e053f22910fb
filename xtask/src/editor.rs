//! The text editor of the console: CodeMirror and what `ui/editor/editor.js` makes of it, in one file that pages fetch when they need it.

use crate::{languages, tools, workspace};
use anyhow::{Context, Result, bail};
use std::{fs, process::Command};

const FOLDER: &str = "ui/editor";
/// What the file is made of. The lock file names the version of every package, that of the bundler too.
const SOURCES: [&str; 2] = ["package-lock.json", "editor.js"];

/// The file. It is kept in the cache under a hash of its sources, so that Node runs only when one of them has changed.
pub fn bundle() -> Result<Vec<u8>> {
    let folder = workspace::root().join(FOLDER);
    let sources = SOURCES.map(|name| folder.join(name));
    let kept = workspace::cache_dir().join("editor").join(format!("{}.js", languages::hash(&sources)?));
    if !kept.is_file() {
        let packages = languages::packages(&folder, "editor", &["ci"])?;
        fs::create_dir_all(kept.parent().context("the cache has a folder")?)?;
        let partial = kept.with_extension(format!("{}.partial", std::process::id()));
        let Some(node) = tools::on_path("node") else {
            bail!("Node 20 or later is needed: install it (Debian: `apt-get install nodejs npm`)")
        };
        let mut bundler = Command::new(node);
        bundler.current_dir(&folder).arg(packages.join("esbuild/bin/esbuild")).arg("editor.js");
        bundler.args(["--bundle", "--minify", "--format=esm", "--target=es2022", "--log-level=warning"]);
        bundler.arg(format!("--outfile={}", partial.display()));
        // The packages are not beside the source, where they would be looked for first.
        bundler.env("NODE_PATH", &packages);
        workspace::run("text editor of the console", &mut bundler)?;
        fs::rename(&partial, &kept)?;
    }
    fs::read(&kept).with_context(|| format!("cannot read {}", kept.display()))
}
