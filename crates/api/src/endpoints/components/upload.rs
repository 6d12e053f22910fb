use super::wire;
use crate::App;
use crate::error::{ApiError, sentence};
use crate::extract::{Caller, Editor, QueryParams, media_type, read_body, too_large};
use crate::operators;
use axum::Json;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, Multipart, Request, State};
use cofferdam_api_types::{ComponentUpload, ComponentVersion, ErrorCode};
use cofferdam_domain::context::{Context, Role};
use cofferdam_ids::Digest;
use cofferdam_sandbox::compile::CompileError;
use cofferdam_sandbox::inspect::{Inspection, UploadError, adapt_and_inspect};
use cofferdam_store::audit::{self, Action};
use cofferdam_store::components::{self, NewVersion};
use http::StatusCode;
use serde_json::json;
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

impl From<UploadError> for ApiError {
    fn from(error: UploadError) -> Self {
        Self::new(ErrorCode::parse(error.code()).unwrap_or(ErrorCode::ComponentInvalid), sentence(&error))
    }
}

impl From<CompileError> for ApiError {
    fn from(error: CompileError) -> Self {
        let problem = Self::new(ErrorCode::parse(error.code()).unwrap_or(ErrorCode::ComponentNotCompilable), sentence(&error));
        match error {
            CompileError::Process { .. } => problem.because(error),
            CompileError::TooExpensive(_) | CompileError::Invalid(_) | CompileError::Crashed(_) => problem,
        }
    }
}

/// Uploads a component: inspects it, compiles it in a process with limits, and stores both. When this answers, the component
/// can be run. The body is the component itself, or `multipart/form-data` with it in the field `file`. The same bytes again
/// make no second version: the answer is then 200 with the first. A core module for WASI preview 1 is made a component first; the digest
/// is that of the component.
#[utoipa::path(
    post,
    path = "/api/v1/components",
    tag = "components",
    operation_id = "upload_component",
    params(ComponentUpload),
    request_body(content = Vec<u8>, content_type = "application/wasm", description = "The bytes of the component."),
    responses((status = 201, body = ComponentVersion), (status = 200, body = ComponentVersion))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Editor>,
    QueryParams(upload): QueryParams<ComponentUpload>,
    request: Request,
) -> Result<(StatusCode, Json<ComponentVersion>), ApiError> {
    if let Some(label) = &upload.label
        && (!(1..=120).contains(&label.chars().count()) || label.chars().any(char::is_control))
    {
        return Err(ApiError::new(ErrorCode::InvalidParameter, "A label has from 1 to 120 printable characters."));
    }
    if upload.approve {
        caller.context.require(Role::Admin)?;
    }
    if upload.name.as_str().starts_with(operators::PREFIX) {
        let detail = "Names under 'std/' are those of the installation's own operators. Give the component another name.";
        return Err(ApiError::new(ErrorCode::InvalidParameter, detail));
    }
    let received = receive(&app, request).await?;
    let version = put(&app, &caller.context, upload, received).await?;
    Ok((if version.created { StatusCode::CREATED } else { StatusCode::OK }, Json(version)))
}

/// Inspects a component, compiles it and stores both.
pub(crate) async fn put(
    app: &Arc<App>,
    context: &Context,
    upload: ComponentUpload,
    received: Bytes,
) -> Result<ComponentVersion, ApiError> {
    let caps = app.state.config.upload;
    let (bytes, inspection) = tokio::task::spawn_blocking(move || {
        let (component, inspection) = adapt_and_inspect(&received, &caps)?;
        let bytes = match component {
            Cow::Borrowed(_) => None,
            Cow::Owned(component) => Some(Bytes::from(component)),
        };
        Ok::<_, UploadError>((bytes.unwrap_or(received), inspection))
    })
    .await
    .map_err(ApiError::internal)??;

    let now = app.now();
    app.state.objects.put_component(context.tenant, &inspection.digest, bytes.clone()).await?;
    let compile_ms = compile(app, context.tenant, &inspection, &bytes).await?;

    let mut tx = app.state.store.begin(context).await?;
    let new = NewVersion {
        name: upload.name,
        digest: inspection.digest.clone(),
        label: upload.label,
        size_bytes: inspection.bytes,
        kind: kind(&inspection)?,
        inspection: serde_json::to_value(&inspection).map_err(ApiError::internal)?,
    };
    let (version, created) = components::create_version(&mut tx, &new, now).await?;
    components::mark_compiled(&mut tx, &inspection.digest, now).await?;
    let target = format!("{}@{}", new.name, inspection.digest);
    let done = Action { action: "component.upload", target_kind: "component", target: &target };
    let imports: Vec<&str> = inspection.imports.iter().map(|import| import.interface.as_str()).collect();
    let detail = json!({ "created": created, "label": new.label, "size_bytes": inspection.bytes, "imports": imports, "asks_more": version.asks_more });
    audit::append(&mut tx, done, &detail, now).await?;
    let version = if upload.approve && version.approved_at.is_none() {
        super::approve::approve(app, context, &mut tx, &new.name, &inspection.digest).await?
    } else {
        version
    };
    tx.commit().await?;
    tracing::info!(component.name = %new.name, component.digest = %inspection.digest, component.created = created, "component uploaded");
    metrics::counter!("cofferdam_uploads_total", "created" => if created { "true" } else { "false" }).increment(1);
    let impact = Some(super::impact::impact(app, context, &version).await?);
    Ok(ComponentVersion { created, compile_ms, impact, ..wire(version)? })
}

/// Reads the bytes, raw or from a form, and stops as soon as they are too many.
async fn receive(app: &Arc<App>, request: Request) -> Result<Bytes, ApiError> {
    let max = app.state.config.upload.bytes;
    let kind = media_type(request.headers());
    match kind.as_deref() {
        Some("multipart/form-data") => receive_form(app, request, max).await,
        None | Some("application/wasm" | "application/octet-stream") => {
            let (parts, body) = request.into_parts();
            read_body(&parts.headers, body, max).await
        }
        Some(other) => Err(ApiError::new(
            ErrorCode::UnsupportedMediaType,
            format!("Send the component as 'application/wasm' or as 'multipart/form-data', not as '{other}'."),
        )),
    }
}

async fn receive_form(app: &Arc<App>, mut request: Request, max: u64) -> Result<Bytes, ApiError> {
    // The limit of axum is for whole bodies; ours is below, for the file.
    DefaultBodyLimit::disable().apply(&mut request);
    let malformed = |error: axum::extract::multipart::MultipartError| {
        ApiError::new(ErrorCode::MalformedBody, "The form cannot be read.").because(error)
    };
    let mut form = Multipart::from_request(request, app)
        .await
        .map_err(|error| ApiError::new(ErrorCode::MalformedBody, "The form cannot be read.").because(error))?;
    while let Some(mut field) = form.next_field().await.map_err(malformed)? {
        if field.name() != Some("file") {
            continue;
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = field.chunk().await.map_err(malformed)? {
            if bytes.len() as u64 + chunk.len() as u64 > max {
                return Err(too_large(max));
            }
            bytes.extend_from_slice(&chunk);
        }
        return Ok(bytes.into());
    }
    Err(ApiError::new(ErrorCode::MalformedBody, "The form has no field 'file'."))
}

/// Compiles, unless the code is there already. Returns the milliseconds that it took.
async fn compile(
    app: &App,
    tenant: cofferdam_ids::TenantId,
    inspection: &Inspection,
    bytes: &Bytes,
) -> Result<Option<u64>, ApiError> {
    let (objects, compatibility) = (&app.state.objects, &app.state.compatibility_hash);
    if is_compiled(app, &inspection.digest).await {
        return Ok(None);
    }
    let started = Instant::now();
    let code = app.state.compile.compile(tenant, bytes).await?;
    objects.put_compiled(&inspection.digest, compatibility, code.bytes().clone()).await?;
    Ok(Some(u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX)))
}

/// Whether usable compiled code is stored. Code that is not authentic counts as none, and is compiled anew.
async fn is_compiled(app: &App, digest: &Digest) -> bool {
    match app.state.objects.get_compiled(digest, &app.state.compatibility_hash).await {
        Ok(code) => code.is_some(),
        Err(error) => {
            tracing::warn!(component.digest = %digest, "stored code is compiled again: {}", crate::error::chain(&error));
            false
        }
    }
}

/// The kind's word, as the engine reads it.
fn kind(inspection: &Inspection) -> Result<String, ApiError> {
    match serde_json::to_value(inspection.kind).map_err(ApiError::internal)? {
        serde_json::Value::String(kind) => Ok(kind),
        other => Ok(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_of_the_sandbox_has_a_code_of_its_own() {
        use cofferdam_sandbox::inspect::Countable;
        let errors = [
            UploadError::NotWasm { found: String::new(), remedy: "" },
            UploadError::CoreModule(cofferdam_sandbox::inspect::Origin::Unknown),
            UploadError::Unadaptable { message: String::new() },
            UploadError::UnsupportedVersion { version: 1 },
            UploadError::TooLarge { found: 1, max: 0 },
            UploadError::Truncated { offset: 0 },
            UploadError::Invalid { offset: 0, message: String::new() },
            UploadError::TooMany { what: Countable::Functions, max: 0 },
            UploadError::TooMany { what: Countable::Types, max: 0 },
            UploadError::TooMany { what: Countable::Imports, max: 0 },
            UploadError::TooMany { what: Countable::Modules, max: 0 },
            UploadError::FunctionTooLarge { offset: 0, found: 1, max: 0 },
            UploadError::UnknownImport { import: String::new() },
            UploadError::Indescribable { message: String::new() },
        ];
        for error in errors {
            assert_eq!(ErrorCode::parse(error.code()).map(ErrorCode::as_str), Some(error.code()));
        }
        for error in [CompileError::Invalid(String::new()), CompileError::Crashed(String::new())] {
            assert_eq!(ErrorCode::parse(error.code()).map(ErrorCode::as_str), Some(error.code()));
        }
    }
}
