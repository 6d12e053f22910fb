use crate::config::Effective;
use crate::config::show::{Shown, shown};
use crate::failure::Failure;
use crate::output::style::{Tone, paint};
use crate::output::{Output, Table};

/// Prints every key with its value and where that comes from.
pub fn show(effective: &Effective, output: &Output) -> Result<(), Failure> {
    output.print(&shown(effective), |shown| table(shown))?;
    if !output.json {
        match &effective.file {
            Some(file) => output.note(&format!("\nRead from {}.", file.display())),
            None => output.note("\nNo cofferdam.toml was found; see docs/configuration.md."),
        }
        for variable in &effective.ignored_variables {
            output.note(&format!("The environment variable {variable} sets no key; is it misspelt?"));
        }
    }
    Ok(())
}

fn table(shown: &[Shown]) -> Table {
    let mut table = Table::new(&["key", "value", "source"], "");
    for entry in shown {
        let value = entry.value.clone().unwrap_or_else(|| paint(Tone::Dim, "-"));
        let source = if entry.value.is_some() { entry.source.clone() } else { paint(Tone::Dim, &entry.variable) };
        table.row([entry.key.to_owned(), value, source]);
    }
    table
}
