//! Reading pages written in Markdown.

use std::fs;
use std::path::{Path, PathBuf};

/// The folder of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap()
}

/// A page, by its path from the folder of the repository.
pub struct Page {
    pub path: PathBuf,
    pub text: String,
}

/// A block of code between fences.
pub struct Block {
    /// The page, and the line on which the block begins.
    pub place: String,
    /// The word behind the fence.
    pub language: String,
    pub text: String,
}

impl Page {
    pub fn read(path: &str) -> Self {
        let path = PathBuf::from(path);
        let text = fs::read_to_string(root().join(&path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self { path, text }
    }

    /// The pages of `docs`, and those at the top of the repository and of its parts.
    pub fn all() -> Vec<Self> {
        let mut pages = Vec::new();
        for folder in ["", "docs", "docs/decisions", "docs/errors", "sdk/rust", "sdk/python", "sdk/js", "sdk/go", "sdk/c"] {
            for entry in fs::read_dir(root().join(folder)).unwrap() {
                let path = entry.unwrap().path();
                if path.extension().is_some_and(|extension| extension == "md") {
                    pages.push(Self::read(path.strip_prefix(root()).unwrap().to_str().unwrap()));
                }
            }
        }
        pages.sort_by(|one, other| one.path.cmp(&other.path));
        pages
    }

    /// Its blocks of code.
    pub fn blocks(&self) -> Vec<Block> {
        let mut blocks: Vec<Block> = Vec::new();
        let mut open = false;
        for (number, line) in self.text.lines().enumerate() {
            match line.strip_prefix("```") {
                Some(_) if open => open = false,
                Some(language) => {
                    let place = format!("{}:{}", self.path.display(), number + 1);
                    blocks.push(Block { place, language: language.trim().to_owned(), text: String::new() });
                    open = true;
                }
                None if open => {
                    let block = blocks.last_mut().unwrap();
                    block.text.push_str(line);
                    block.text.push('\n');
                }
                None => {}
            }
        }
        assert!(!open, "{} has a block without an end", self.path.display());
        blocks
    }

    /// Its lines outside of blocks of code.
    pub fn prose(&self) -> impl Iterator<Item = &str> {
        let mut open = false;
        self.text.lines().filter(move |line| {
            let fence = line.starts_with("```");
            open ^= fence;
            !fence && !open
        })
    }

    /// The anchors of its headings, as they are made where Markdown is shown.
    pub fn anchors(&self) -> Vec<String> {
        let headings = self.prose().filter_map(|line| line.strip_prefix('#')).map(|line| line.trim_start_matches('#').trim());
        let anchor = |heading: &str| {
            let kept = heading
                .to_lowercase()
                .chars()
                .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
                .collect::<String>();
            kept.replace(' ', "-")
        };
        headings.map(anchor).collect()
    }
}

/// Where the links of a line lead.
pub fn links(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| rest.split(')').next())
}
