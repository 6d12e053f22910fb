//! Builds the console: cargo for WebAssembly, wasm-bindgen as a library, names with a hash of the content. Node
//! makes one file of it, the text editor.

use crate::{editor, workspace};
use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

const TARGET: &str = "wasm32-unknown-unknown";
const CRATE: &str = "cofferdam-ui";

/// Where the page names the files whose names carry a hash.
const STYLE: &str = "{{style}}";
const SCRIPT: &str = "{{script}}";
const WASM: &str = "{{wasm}}";
const BOOT: &str = "{{boot}}";
const EDITOR: &str = "{{editor}}";

/// Builds `ui/` into `ui/dist`, from where the server embeds or reads it.
///
/// With `release` the code is optimised for size and every file also gets a `.br` and a `.gz`.
///
/// # Errors
/// When the crate does not compile, or a file cannot be read or written.
pub fn build(root: &Path, release: bool) -> Result<()> {
    crate::tools::wasm_target(TARGET)?;
    let compiled = compile(root, release)?;
    let stage = tempfile::tempdir().context("no directory for the output of wasm-bindgen")?;
    bind(&compiled, stage.path(), release)?;
    let files = assemble(root, stage.path())?;
    let dist = root.join("ui/dist");
    if dist.exists() {
        fs::remove_dir_all(&dist).with_context(|| format!("cannot clear {}", dist.display()))?;
    }
    for (name, bytes) in &files {
        write(&dist.join(name), bytes)?;
        if release {
            let (brotli, gzip) = (brotli(bytes)?, gzip(bytes)?);
            println!("{name:<28} {:>8} bytes, gzip {:>7}, brotli {:>7}", bytes.len(), gzip.len(), brotli.len());
            write(&dist.join(format!("{name}.br")), &brotli)?;
            write(&dist.join(format!("{name}.gz")), &gzip)?;
        }
    }
    println!("the console is in {}", dist.display());
    Ok(())
}

/// Compiles the crate and returns the path of the WebAssembly file.
fn compile(root: &Path, release: bool) -> Result<PathBuf> {
    let (profile, folder) = if release { ("ui", "ui") } else { ("dev", "debug") };
    let status = workspace::cargo()
        .current_dir(root)
        .args(["build", "--package", CRATE, "--target", TARGET, "--profile", profile])
        .status()
        .context("cannot start cargo")?;
    ensure!(status.success(), "the console does not compile");
    Ok(workspace::target_dir().join(TARGET).join(folder).join(format!("{CRATE}.wasm")))
}

/// Writes `ui.js` and `ui_bg.wasm` into `stage`.
fn bind(wasm: &Path, stage: &Path, release: bool) -> Result<()> {
    let mut bindgen = wasm_bindgen_cli_support::Bindgen::new();
    bindgen
        .input_path(wasm)
        .web(true)?
        .typescript(false)
        .debug(!release)
        .keep_debug(!release)
        .remove_name_section(release)
        .remove_producers_section(true)
        .out_name("ui");
    bindgen.generate_output().context("wasm-bindgen refuses the module")?.emit(stage)
}

/// The files of the console with their names. Every name but `index.html` changes with the content, so all but that one
/// can be cached for ever.
fn assemble(root: &Path, stage: &Path) -> Result<Vec<(String, Vec<u8>)>> {
    let wasm = read(&stage.join("ui_bg.wasm"))?;
    let wasm_name = hashed("ui", "wasm", &wasm);
    let script = String::from_utf8(read(&stage.join("ui.js"))?)?.replace("ui_bg.wasm", &wasm_name);
    let script_name = hashed("ui", "js", script.as_bytes());
    let style = style(&root.join("ui/style"))?;
    let style_name = hashed("ui", "css", style.as_bytes());
    let editor = editor::bundle()?;
    let editor_name = hashed("editor", "js", &editor);
    let boot = String::from_utf8(read(&root.join("ui/boot.js"))?)?
        .replace(SCRIPT, &script_name)
        .replace(WASM, &wasm_name)
        .replace(EDITOR, &editor_name);
    let boot_name = hashed("boot", "js", boot.as_bytes());
    let icon = read(&root.join("ui/icon.svg"))?;
    let icon_name = hashed("icon", "svg", &icon);
    let page = String::from_utf8(read(&root.join("ui/index.html"))?)?
        .replace(STYLE, &style_name)
        .replace(SCRIPT, &script_name)
        .replace(WASM, &wasm_name)
        .replace(BOOT, &boot_name)
        .replace("{{icon}}", &icon_name);
    Ok(vec![
        (wasm_name, wasm),
        (script_name, script.into_bytes()),
        (style_name, style.into_bytes()),
        (boot_name, boot.into_bytes()),
        (editor_name, editor),
        (icon_name, icon),
        ("index.html".to_owned(), page.into_bytes()),
    ])
}

/// All style sheets in one, in the order of their names. `@layer` decides what wins, not this order.
fn style(folder: &Path) -> Result<String> {
    let mut paths = fs::read_dir(folder)
        .with_context(|| format!("cannot list {}", folder.display()))?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "css"));
    paths.sort();
    let mut all = String::new();
    for path in paths {
        all.push_str(&String::from_utf8(read(&path)?)?);
        all.push('\n');
    }
    Ok(all)
}

fn hashed(stem: &str, extension: &str, bytes: &[u8]) -> String {
    let mut name = format!("{stem}-");
    for byte in Sha256::digest(bytes).iter().take(6) {
        let _ = write!(name, "{byte:02x}");
    }
    name.push('.');
    name.push_str(extension);
    name
}

fn brotli(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    {
        let mut writer = brotli::CompressorWriter::new(&mut out, 1 << 16, 11, 22);
        writer.write_all(bytes)?;
    }
    Ok(out)
}

fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    writer.write_all(bytes)?;
    Ok(writer.finish()?)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_changes_with_the_content() {
        assert_ne!(hashed("ui", "css", b"a"), hashed("ui", "css", b"b"));
        assert_eq!(hashed("ui", "css", b"a"), "ui-ca978112ca1b.css");
    }

    #[test]
    fn style_sheets_are_joined_in_the_order_of_their_names() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("20-b.css"), "b").unwrap();
        fs::write(folder.path().join("10-a.css"), "a").unwrap();
        fs::write(folder.path().join("notes.txt"), "x").unwrap();
        assert_eq!(style(folder.path()).unwrap(), "a\nb\n");
    }
}
