//! The console: files that `cargo xtask ui` built, inside the binary. A debug build reads them from `ui/dist` at run time.

use crate::endpoints;
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "../../ui/dist"]
#[allow_missing = true]
struct Files;

/// Scripts, styles and connections from here only; `wasm-unsafe-eval` lets the console's own WebAssembly be compiled.
const POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; \
    frame-ancestors 'none'";

const NOT_BUILT: &str = "<!doctype html><html lang=\"en\"><title>Cofferdam</title>\
    <h1>Cofferdam runs, without its console</h1>\
    <p>The console was not built into this binary. Run <code>cargo xtask ui</code>, then build again.</p>\
    <p>The API is at <a href=\"/api/openapi.json\">/api/openapi.json</a>.</p>";

/// Serves a file of the console; any other path outside the API is a page of it.
pub(crate) async fn serve(request: Request) -> Response {
    let path = request.uri().path().trim_start_matches('/');
    let ours =
        ["api/", "v1/", "health/", "metrics"].iter().any(|prefix| path.starts_with(prefix)) || path == "api" || path == "health";
    if ours {
        return endpoints::not_found(request).await.into_response();
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return endpoints::method_not_allowed().await.into_response();
    }
    // The console's files lie side by side; a dot further down belongs to a name, as in `/dags/billing.close`.
    let is_file = !path.contains('/') && path.contains('.');
    let file = if is_file { path } else { "index.html" };
    match find(file, request.headers()) {
        Some((encoding, bytes)) => answer(file, encoding, bytes),
        None if is_file => endpoints::not_found(request).await.into_response(),
        None => page(StatusCode::OK, "text/html; charset=utf-8", "no-cache", Body::from(NOT_BUILT)),
    }
}

/// The smallest form of a file that the client takes.
fn find(file: &str, headers: &HeaderMap) -> Option<(Option<&'static str>, std::borrow::Cow<'static, [u8]>)> {
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    [("br", "br"), ("gzip", "gz")]
        .into_iter()
        .filter(|(encoding, _)| accepts(accepted, encoding))
        .find_map(|(encoding, ending)| Files::get(&format!("{file}.{ending}")).map(|found| (Some(encoding), found.data)))
        .or_else(|| Files::get(file).map(|found| (None, found.data)))
}

fn accepts(accepted: &str, encoding: &str) -> bool {
    accepted.split(',').any(|item| {
        let mut parts = item.split(';');
        let named = parts.next().is_some_and(|name| name.trim().eq_ignore_ascii_case(encoding));
        let refused = parts.any(|parameter| matches!(parameter.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000"));
        named && !refused
    })
}

fn answer(file: &str, encoding: Option<&'static str>, bytes: std::borrow::Cow<'static, [u8]>) -> Response {
    let kind = match file.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "wasm" => "application/wasm",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "json" | "webmanifest" => "application/json",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    };
    // Names of built files carry a hash of their content, so they never change.
    let cache = if is_hashed(file) { "public, max-age=31536000, immutable" } else { "no-cache" };
    let mut response = page(StatusCode::OK, kind, cache, Body::from(bytes));
    if let Some(encoding) = encoding {
        response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    response
}

/// Whether a file's name has a part of at least eight hexadecimal digits, as in `console-1f2e3d4c.js`.
fn is_hashed(file: &str) -> bool {
    file.split(['-', '.', '_', '/']).any(|part| part.len() >= 8 && part.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn page(status: StatusCode, kind: &'static str, cache: &'static str, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoding_is_used_when_it_is_accepted() {
        assert!(accepts("gzip, deflate, br", "br"));
        assert!(accepts("GZIP;q=0.5", "gzip"));
        assert!(!accepts("br;q=0, gzip", "br"));
        assert!(!accepts("brotli", "br"));
    }

    #[test]
    fn only_hashed_files_are_kept_for_ever() {
        assert!(is_hashed("console-1f2e3d4c_bg.wasm"));
        assert!(!is_hashed("index.html"));
        assert!(!is_hashed("favicon.svg"));
    }

    #[tokio::test]
    async fn a_path_of_the_api_is_never_a_page() {
        for path in ["/api/v1/nothing", "/v1/nothing", "/health/nothing", "/metrics/x", "/none.js"] {
            let request = Request::builder().uri(path).body(Body::empty()).unwrap();
            assert_eq!(serve(request).await.status(), StatusCode::NOT_FOUND, "{path}");
        }
        let request = Request::builder().uri("/dags/billing.close").body(Body::empty()).unwrap();
        assert_eq!(serve(request).await.status(), StatusCode::OK);
        let request = Request::builder().uri("/dags/example/runs").body(Body::empty()).unwrap();
        let response = serve(request).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert!(response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap().contains("'wasm-unsafe-eval'"));
    }
}
