//! The files that a task left, to be saved.

use crate::components::feedback::{Skeleton, loaded};
use crate::components::time::Ago;
use crate::core::query::query;
use crate::core::{format, paths};
use cofferdam_api_types::{API_BASE, Artifact, ArtifactCollection};
use leptos::prelude::*;

/// See the module. Shows nothing when there are none.
#[component]
pub fn Artifacts(
    /// The API's path of the task instance.
    path: String,
    /// The query that names the position in a mapped task, with its `?`.
    at: String,
    /// Grows with every change of the task.
    changed: Memo<String>,
) -> impl IntoView {
    let artifacts = query::<ArtifactCollection>({
        let (path, at) = (path.clone(), at.clone());
        move || {
            // Read, not only tracked: a memo that nobody reads never learns of changes.
            let _ = changed.get();
            Some(format!("{path}/artifacts{at}"))
        }
    });
    view! {
        {loaded(artifacts, Skeleton::Lines, move |list| {
            let (path, at) = (path.clone(), at.clone());
            move || {
                let list = list.get();
                (!list.artifacts.is_empty()).then(|| {
                    let rows = list.artifacts.iter().map(|artifact| row(&path, &at, artifact)).collect_view();
                    view! {
                        <section class="body stack" aria-label="Artifacts">
                            <h3>"Artifacts"</h3>
                            {rows}
                        </section>
                    }
                })
            }
        })}
    }
}

fn row(path: &str, at: &str, artifact: &Artifact) -> impl IntoView + use<> {
    let name = artifact.name.to_string();
    let link = format!("{API_BASE}{path}/artifacts/{}/content{at}", paths::segment(&name));
    let about = format!("{} · {}", artifact.content_type, format::bytes(artifact.size_bytes));
    let sum = format!("SHA-256 {}", artifact.sha256);
    view! {
        <div class="row wrap">
            <a href=link download=artifact.name.file_name().to_owned() title=sum rel="external"><code>{name}</code></a>
            <span class="tag">{about}</span>
            <span class="grow"></span>
            <span class="small faint"><Ago at=artifact.created_at/></span>
        </div>
    }
}
