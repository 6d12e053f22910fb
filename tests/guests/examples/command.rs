//! A program. Its first argument says what to do: `echo` (stdin to stdout), `text` (plain text), `nothing`, `env` (arguments
//! and variables as JSON), `exit CODE`, `flood BYTES`.

use std::io::Write as _;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let argument = |position: usize| args.get(position).map_or("", String::as_str);
    match argument(1) {
        "echo" => {
            let copied = std::io::copy(&mut std::io::stdin(), &mut std::io::stdout());
            copied.expect("stdin can be copied");
        }
        "text" => println!("just text"),
        "nothing" => {}
        "env" => {
            let vars: Vec<_> = std::env::vars().collect();
            // Debug output of plain strings is JSON.
            let vars: Vec<_> = vars.iter().map(|(name, value)| format!("[{name:?},{value:?}]")).collect();
            println!("{{\"args\":{args:?},\"vars\":[{}]}}", vars.join(","));
        }
        "exit" => {
            eprintln!("leaving with {}", argument(2));
            std::process::exit(argument(2).parse().unwrap_or(1));
        }
        "flood" => {
            let line = [b'x'; 4096];
            for _ in 0..argument(2).parse::<u64>().unwrap_or(0) / 4096 {
                std::io::stdout().write_all(&line).expect("stdout takes everything");
            }
        }
        other => panic!("this program cannot {other:?}"),
    }
}
