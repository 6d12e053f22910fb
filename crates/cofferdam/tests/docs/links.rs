//! Links between pages.

use super::page::{Page, links, root};
use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

/// Where a link of a page leads within the repository, without `..`.
fn target(page: &Path, link: &str) -> PathBuf {
    let mut path = page.parent().unwrap().to_owned();
    for part in Path::new(link).components() {
        match part {
            Component::ParentDir => _ = path.pop(),
            Component::CurDir => {}
            part => path.push(part),
        }
    }
    path
}

#[test]
fn every_link_leads_to_something() {
    let mut broken = Vec::new();
    for page in Page::all() {
        for link in page.prose().flat_map(links).filter(|link| !link.contains("://") && !link.starts_with("mailto:")) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let path = if file.is_empty() { page.path.clone() } else { target(&page.path, file) };
            let found = root().join(&path).exists();
            let is_page = path.extension().is_some_and(|extension| extension == "md");
            if !found
                || (!anchor.is_empty()
                    && is_page
                    && !Page::read(path.to_str().unwrap()).anchors().iter().any(|known| known == anchor))
            {
                broken.push(format!("{}: {link}", page.path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "these lead nowhere:\n{}", broken.join("\n"));
}

#[test]
fn every_page_is_found_from_another() {
    let pages = Page::all();
    let linked: BTreeSet<PathBuf> = pages
        .iter()
        .flat_map(|page| {
            let files = page.prose().flat_map(links).filter_map(|link| link.split('#').next()).filter(|file| !file.is_empty());
            files.map(|file| target(&page.path, file)).filter(|path| *path != page.path).collect::<Vec<_>>()
        })
        .collect();
    let docs = pages.iter().map(|page| &page.path).filter(|path| path.parent() == Some(Path::new("docs")));
    let lost: Vec<_> = docs.filter(|path| !linked.contains(*path)).collect();
    assert!(lost.is_empty(), "no page links to these: {lost:?}");
}
