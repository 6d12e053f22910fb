//! The pages that problem documents name as their `type`.

use crate::error::ApiError;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use cofferdam_api_types::ErrorCode;
use http::{HeaderValue, header};

const PAGE: &str = include_str!("../../../../docs/errors/README.md");

/// The section of one code, as Markdown.
pub(crate) async fn handler(Path(code): Path<String>) -> Result<Response, ApiError> {
    let code = ErrorCode::parse(&code).ok_or_else(|| ApiError::not_found(format!("The error code '{code}'")))?;
    let kind = HeaderValue::from_static("text/markdown; charset=utf-8");
    Ok(([(header::CONTENT_TYPE, kind)], section(code).unwrap_or_default()).into_response())
}

fn section(code: ErrorCode) -> Option<&'static str> {
    let start = PAGE.find(&format!("\n## {code}\n"))? + 1;
    let rest = &PAGE[start..];
    let end = rest[3..].find("\n## ").map_or(rest.len(), |end| end + 4);
    Some(&rest[..end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam_domain::ending::Reason;

    #[test]
    fn every_code_has_a_section_with_its_status() {
        for code in ErrorCode::ALL {
            let section = section(*code).unwrap_or_else(|| panic!("docs/errors/README.md has no section '{code}'"));
            assert!(section.contains(&format!("Status {}.", code.status())), "{section}");
            assert!(section.len() > 80 && section.matches("## ").count() == 1, "{section}");
        }
        for line in PAGE.lines().filter_map(|line| line.strip_prefix("## ")) {
            assert!(ErrorCode::parse(line).is_some(), "the section '{line}' is of no code");
        }
    }

    #[test]
    fn every_reason_has_a_section() {
        let page = include_str!("../../../../docs/errors/reasons.md");
        for reason in Reason::ALL {
            assert!(page.contains(&format!("\n## {reason}\n")), "docs/errors/reasons.md has no section '{reason}'");
        }
    }
}
