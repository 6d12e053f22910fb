//! A program that works with files as POSIX has them, and with nothing else: it is also built for WASI preview 1.
//!
//! Its input is `{"steps": [[operation, arguments..]..]}`, its output what came of each.

#[cfg(target_family = "wasm")]
mod files;

#[cfg(target_family = "wasm")]
fn main() {
    let input: serde_json::Value = serde_json::from_reader(std::io::stdin()).expect("the input is JSON");
    println!("{}", files::steps(&input["steps"]));
}

#[cfg(not(target_family = "wasm"))]
fn main() {}
