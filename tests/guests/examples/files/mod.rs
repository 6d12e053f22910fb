//! What a program does with the files that it sees, step by step.

mod handles;

use serde_json::{Value, json};
use std::fs;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What came of each step: a list of an operation and its arguments.
pub fn steps(steps: &Value) -> Value {
    json!(steps.as_array().into_iter().flatten().map(step).collect::<Vec<_>>())
}

/// Text with points for zeros, which a result cannot have.
fn shown(read: &[u8]) -> Value {
    json!(String::from_utf8_lossy(read).replace('\0', "."))
}

fn step(step: &Value) -> Value {
    let text = |at: usize| step[at].as_str().unwrap_or("");
    let number = |at: usize| step[at].as_u64().unwrap_or(0);
    match touch(text(0), text, number) {
        Ok(value) => value,
        Err(error) => json!(kind(&error)),
    }
}

/// The kind of an error. The C library makes an I/O error (29) of what a stream refuses, whatever the host said.
fn kind(error: &io::Error) -> String {
    if error.raw_os_error() == Some(29) { "StorageFull".to_owned() } else { format!("{:?}", error.kind()) }
}

fn touch<'a>(what: &str, text: impl Fn(usize) -> &'a str, number: impl Fn(usize) -> u64) -> io::Result<Value> {
    let path = text(1);
    let done = |_: ()| json!("ok");
    match what {
        "write" => fs::write(path, text(2)).map(done),
        "fill" => fs::write(path, vec![b'x'; usize::try_from(number(2)).unwrap_or(0)]).map(done),
        "append" => fs::OpenOptions::new().append(true).open(path)?.write_all(text(2).as_bytes()).map(done),
        "create_new" => fs::OpenOptions::new().write(true).create_new(true).open(path).map(|_| json!("ok")),
        "write_at" => {
            let mut file = fs::OpenOptions::new().write(true).open(path)?;
            file.seek(SeekFrom::Start(number(2)))?;
            file.write_all(text(3).as_bytes()).map(done)
        }
        "read_at" => {
            let mut file = fs::File::open(path)?;
            file.seek(SeekFrom::Start(number(2)))?;
            let mut read = vec![0; usize::try_from(number(3)).unwrap_or(0)];
            file.read_exact(&mut read)?;
            Ok(shown(&read))
        }
        "read" => fs::read(path).map(|read| shown(&read)),
        "set_len" => fs::OpenOptions::new().write(true).open(path)?.set_len(number(2)).map(done),
        "rename" => fs::rename(path, text(2)).map(done),
        "mkdir" => fs::create_dir(path).map(done),
        "mkdirs" => fs::create_dir_all(path).map(done),
        "rmdir" => fs::remove_dir(path).map(done),
        "rm" => fs::remove_file(path).map(done),
        "rm_all" => fs::remove_dir_all(path).map(done),
        "ls" => {
            let mut names = Vec::new();
            for entry in fs::read_dir(path)? {
                names.push(entry?.file_name().to_string_lossy().into_owned());
            }
            names.sort();
            Ok(json!(names))
        }
        "stat" => {
            let stat = fs::metadata(path)?;
            let seconds = |time: io::Result<SystemTime>| Some(time.ok()?.duration_since(UNIX_EPOCH).ok()?.as_secs());
            Ok(json!({ "dir": stat.is_dir(), "len": stat.len(), "modified": seconds(stat.modified()) }))
        }
        "set_modified" => {
            let times = fs::FileTimes::new().set_modified(UNIX_EPOCH + Duration::from_secs(number(2)));
            fs::OpenOptions::new().write(true).open(path)?.set_times(times).map(done)
        }
        "set_accessed" => {
            let times = fs::FileTimes::new().set_accessed(UNIX_EPOCH + Duration::from_secs(number(2)));
            fs::OpenOptions::new().write(true).open(path)?.set_times(times).map(done)
        }
        // Whether it was modified, and read, after 2001.
        "touched" => {
            let stat = fs::metadata(path)?;
            let recently = |time: io::Result<SystemTime>| {
                time.is_ok_and(|time| time.duration_since(UNIX_EPOCH).is_ok_and(|since| since.as_secs() > 1_000_000_000))
            };
            Ok(json!([recently(stat.modified()), recently(stat.accessed())]))
        }
        "copy" => fs::copy(path, text(2)).map(|bytes| json!(bytes)),
        // In the order in which they come, each with what it is.
        "entries" => {
            let mut entries = Vec::new();
            for entry in fs::read_dir(path)? {
                let entry = entry?;
                entries.push(json!([entry.file_name().to_string_lossy(), entry.file_type()?.is_dir()]));
            }
            Ok(json!(entries))
        }
        "count" => Ok(json!(fs::read_dir(path)?.filter(Result::is_ok).count())),
        // Each file as its name comes, so that the list changes while it is read.
        "empty" => {
            let mut removed = 0;
            for entry in fs::read_dir(path)? {
                fs::remove_file(entry?.path())?;
                removed += 1;
            }
            Ok(json!(removed))
        }
        "deep" => {
            let folder = format!("{path}{}", "/d".repeat(usize::try_from(number(2)).unwrap_or(0)));
            fs::create_dir_all(&folder)?;
            fs::write(format!("{folder}/f"), "bottom")?;
            fs::read_to_string(format!("{folder}/../d/f")).map(|read| json!(read))
        }
        "working_directory" => std::env::current_dir().map(|path| json!(path)),
        "hard_link" => fs::hard_link(path, text(2)).map(done),
        "symlink" => {
            #[cfg(not(target_env = "p1"))]
            let linked = {
                let root = wasip2::filesystem::preopens::get_directories();
                root.first().map(|(root, _)| root.symlink_at(path, text(2)))
            };
            // The standard library offers none for preview 1 in this edition.
            #[cfg(target_env = "p1")]
            let linked = io::ErrorKind::Unsupported;
            Ok(json!(format!("{linked:?}")))
        }
        // Removed while it is open: it can be read until it is closed.
        "rm_open" => {
            let mut file = fs::File::open(path)?;
            fs::remove_file(path)?;
            let mut read = String::new();
            file.read_to_string(&mut read)?;
            Ok(json!(read))
        }
        // Until it does not fit any more.
        "files" => {
            for count in 0..number(2) {
                if let Err(error) = fs::write(format!("{path}/{count}"), text(3)) {
                    return Ok(json!([count, kind(&error)]));
                }
            }
            Ok(json!(number(2)))
        }
        other => handles::touch(other, path, text(2)),
    }
}
