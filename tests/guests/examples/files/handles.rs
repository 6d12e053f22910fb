//! What a program does with files while it has them open.

use super::shown;
use serde_json::{Value, json};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};

/// One operation on a file that holds `0123456789` at its start, with the name of another file.
pub fn touch(what: &str, path: &str, other: &str) -> io::Result<Value> {
    fs::write(path, "0123456789")?;
    let both = || OpenOptions::new().read(true).write(true).open(path);
    let all = |mut file: &File| {
        let mut read = Vec::new();
        file.read_to_end(&mut read).map(|_| shown(&read))
    };
    match what {
        // What one writes the other sees, also that it is shorter now.
        "two_handles" => {
            let (mut one, mut two) = (both()?, both()?);
            one.seek(SeekFrom::Start(2))?;
            one.write_all(b"ab")?;
            let mut read = [0; 4];
            two.read_exact(&mut read)?;
            one.set_len(6)?;
            Ok(json!([shown(&read), all(&two)?]))
        }
        // Each write goes to the end as it is then.
        "append_in_turns" => {
            let append = || OpenOptions::new().append(true).open(path);
            let (mut one, mut two) = (append()?, append()?);
            one.write_all(b"a")?;
            two.write_all(b"b")?;
            one.write_all(b"c")?;
            fs::read(path).map(|read| shown(&read))
        }
        // One position for reading and writing.
        "seek" => {
            let mut file = both()?;
            let mut two = [0; 2];
            file.read_exact(&mut two)?;
            file.write_all(b"x")?;
            let after_write = file.stream_position()?;
            let from_end = file.seek(SeekFrom::End(-3))?;
            let rest = all(&file)?;
            let before_start = file.seek(SeekFrom::Start(0)).and_then(|_| file.seek(SeekFrom::Current(-1)));
            let past_end = file.seek(SeekFrom::End(5))?;
            let nothing = file.read(&mut two)?;
            let before_start = before_start.map_or_else(|error| json!(super::kind(&error)), |position| json!(position));
            Ok(json!([after_write, from_end, rest, before_start, past_end, nothing]))
        }
        // The handle goes with the file, not with the name.
        "rename_open" => {
            let mut file = both()?;
            fs::rename(path, other)?;
            file.write_all(b"moved")?;
            Ok(json!([fs::exists(path)?, shown(&fs::read(other)?)]))
        }
        // What was there before can still be read where it is open.
        "replace_open" => {
            let file = both()?;
            fs::write(other, "new")?;
            fs::rename(other, path)?;
            Ok(json!([all(&file)?, shown(&fs::read(path)?), fs::exists(other)?]))
        }
        // Only a handle for it can be written or read.
        "modes" => {
            let written = File::open(path)?.write_all(b"x").map_err(|error| super::kind(&error));
            let read = OpenOptions::new().write(true).open(path)?.read(&mut [0; 1]).map_err(|error| super::kind(&error));
            Ok(json!([written.is_err(), read.is_err(), shown(&fs::read(path)?)]))
        }
        "truncate" => {
            let mut file = OpenOptions::new().write(true).truncate(true).open(path)?;
            file.seek(SeekFrom::Start(3))?;
            file.write_all(b"x")?;
            fs::read(path).map(|read| shown(&read))
        }
        "sync" => {
            let mut file = both()?;
            file.write_all(b"x")?;
            file.sync_data()?;
            file.sync_all()?;
            Ok(json!("ok"))
        }
        "lock" => File::open(path)?.lock().map(|()| json!("ok")),
        // In small writes and reads, as programs with no buffers do.
        "small_pieces" => {
            let mut file = both()?;
            for number in 0..5_000_u32 {
                file.write_all(&number.to_le_bytes())?;
            }
            file.rewind()?;
            let mut piece = [0; 4];
            for number in 0..5_000_u32 {
                file.read_exact(&mut piece)?;
                if piece != number.to_le_bytes() {
                    return Ok(json!(number));
                }
            }
            Ok(json!("ok"))
        }
        other => panic!("there is no operation {other:?}"),
    }
}
