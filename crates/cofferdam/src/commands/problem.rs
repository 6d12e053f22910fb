//! From the client's errors to failures: what, where, remedy, exit code.

use crate::failure::{Exit, Failure, Finding, FoundLabel, FoundSuggestion, Severity, Within, chain};
use cofferdam_client::ClientError;
use cofferdam_client::api::{Diagnostic, ErrorCode, Problem, Severity as ApiSeverity};

/// What an error of the client means to the person at the keyboard.
pub fn failure(url: &str, error: ClientError) -> Failure {
    match error {
        ClientError::Problem(problem) => refused(url, *problem),
        ClientError::Unreachable(source) => {
            let mut failure = Failure::new(Exit::Unreachable, "the server cannot be reached")
                .at(url)
                .remedy("check the address (--url, COFFERDAM_URL) and that the server runs; `cofferdam dev` starts one here");
            failure.causes = chain(&source);
            failure
        }
        ClientError::Unreadable { status, source } => {
            let exit = if status >= 500 { Exit::Server } else { Exit::Usage };
            let mut failure = Failure::new(exit, format!("the answer (status {status}) is not one of Cofferdam's API"))
                .at(url)
                .remedy("check that the address is that of a Cofferdam API, of the same version as this program");
            failure.causes = chain(source.as_ref());
            failure
        }
        ClientError::InvalidAddress(address) => Failure::usage(format!("'{address}' is not the address of a server"))
            .remedy("it looks like http://127.0.0.1:8080 (--url, COFFERDAM_URL)"),
        ClientError::Setup(source) => Failure::new(Exit::Failed, "the HTTP client cannot be set up").because(&source),
    }
}

fn refused(url: &str, problem: Problem) -> Failure {
    let mut failure = Failure::new(Exit::of_status(problem.status), problem.detail.clone());
    failure.code = Some(problem.code.as_str().to_owned());
    failure.place = Some(match (&problem.pointer, problem.request_id.as_str()) {
        (Some(pointer), _) => format!("{pointer} of what was sent to {url}"),
        (None, "") => url.to_owned(),
        (None, request) => format!("{url}, request {request}"),
    });
    failure.remedy = remedy(&problem);
    failure.findings = problem.diagnostics.into_iter().map(finding).collect();
    failure
}

fn remedy(problem: &Problem) -> Option<String> {
    let text = match problem.code {
        ErrorCode::Unauthenticated | ErrorCode::InvalidRefreshToken => "run `cofferdam login`, or check COFFERDAM_TOKEN",
        ErrorCode::NotAsked => "ask one of those whom the message names",
        ErrorCode::RoleTooLow => "ask an admin of the tenant for the role, or use another key",
        ErrorCode::CoreModule => {
            "build a component: `cargo build --target wasm32-wasip2`, or add its world with wasm-tools component embed"
        }
        ErrorCode::NotWasm | ErrorCode::ComponentTruncated => {
            "check that the file is the compiled component and that it is whole"
        }
        _ if problem.status >= 500 => "try again; if it stays, look for the request in the server's log",
        _ => return None,
    };
    Some(text.to_owned())
}

/// A diagnostic of the API. Its place in the document comes later.
pub fn finding(diagnostic: Diagnostic) -> Finding {
    let severity = match diagnostic.severity {
        ApiSeverity::Error => Severity::Error,
        ApiSeverity::Warning => Severity::Warning,
    };
    Finding {
        help: diagnostic.help,
        within: diagnostic.place.map(|place| Within { line: place.line, column: place.column }),
        labels: diagnostic.labels.into_iter().map(|label| FoundLabel::new(label.pointer, label.message)).collect(),
        suggestion: diagnostic.suggestion.map(|to| FoundSuggestion::new(to.pointer, to.is_key, to.replacement)),
        ..Finding::new(severity, diagnostic.code, diagnostic.pointer, diagnostic.message)
    }
}
