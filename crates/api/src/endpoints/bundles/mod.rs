//! Bundles: directories and git repositories that dags come from.

mod delete;
mod files;
mod get;
mod list;
mod sync;

use crate::App;
use cofferdam_api_types::{Bundle, BundleKind, BundleSource};
use cofferdam_ids::BundleName;
use cofferdam_store::bundles;
use serde::Deserialize;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list::handler))
        .routes(routes!(get::handler, delete::handler))
        .routes(routes!(files::handler))
        .routes(routes!(sync::handler))
}

/// Names a bundle.
#[derive(Deserialize)]
struct BundlePath {
    bundle_name: BundleName,
}

fn wire(bundle: bundles::Bundle) -> Bundle {
    Bundle {
        name: bundle.name,
        source: BundleSource {
            kind: if bundle.source.is_git { BundleKind::Git } else { BundleKind::Directory },
            location: bundle.source.location,
            reference: bundle.source.reference,
            commit: bundle.commit,
        },
        is_watched: bundle.watched,
        problem: bundle.problem,
        checked_at: bundle.checked_at,
        synced_at: bundle.synced_at,
        created_at: bundle.created_at,
        files: bundle.files,
        broken_files: bundle.broken_files,
        dags: bundle.dags,
        stale_dags: bundle.stale_dags,
    }
}
