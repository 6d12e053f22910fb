use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $status:literal, $title:literal;)*) => {
        /// Every kind of error that the API answers with. Append-only: a released code keeps its name and its meaning.
        /// Each has a page in `docs/errors/`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
        #[serde(rename_all = "snake_case")]
        pub enum ErrorCode { $($(#[$doc])* $name,)* }

        impl ErrorCode {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The code as it is sent.
            #[must_use]
            pub const fn as_str(self) -> &'static str { match self { $(Self::$name => $text,)* } }

            /// Reads what [`ErrorCode::as_str`] wrote.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> { match text { $($text => Some(Self::$name),)* _ => None } }

            /// The HTTP status that it comes with.
            #[must_use]
            pub const fn status(self) -> u16 { match self { $(Self::$name => $status,)* } }

            /// What it is, in a few words that are the same each time.
            #[must_use]
            pub const fn title(self) -> &'static str { match self { $(Self::$name => $title,)* } }
        }
    };
}

codes! {
    /// No credentials, or credentials that are not valid any more.
    Unauthenticated = "unauthenticated", 401, "Sign in first";
    /// The name, the password, or both are wrong.
    InvalidCredentials = "invalid_credentials", 401, "Sign-in failed";
    /// The refresh token is unknown, expired, or has been used before.
    InvalidRefreshToken = "invalid_refresh_token", 401, "The session has ended";
    /// Too many attempts to sign in.
    TooManyAttempts = "too_many_attempts", 429, "Too many attempts to sign in";
    /// The role does not include this.
    RoleTooLow = "role_too_low", 403, "Your role does not allow this";
    /// An approval that others are asked for.
    NotAsked = "not_asked", 403, "Others are asked to decide this";
    /// A change that came with a cookie, but not from the console.
    CrossSiteRequest = "cross_site_request", 403, "The request comes from another site";
    /// There is no such thing, or it belongs to somebody else.
    NotFound = "not_found", 404, "Not found";
    /// The path exists, and not with this method.
    MethodNotAllowed = "method_not_allowed", 405, "Method not allowed";
    /// The body is not JSON (or not YAML where that is allowed).
    MalformedBody = "malformed_body", 400, "The body cannot be read";
    /// The body is readable, and a field of it is missing, unknown, or not of its type.
    InvalidBody = "invalid_body", 422, "A field of the body is not valid";
    /// A part of the path or of the query is not valid.
    InvalidParameter = "invalid_parameter", 400, "A parameter is not valid";
    /// The body has a media type that this endpoint does not take.
    UnsupportedMediaType = "unsupported_media_type", 415, "The media type is not supported";
    /// The body is larger than allowed.
    PayloadTooLarge = "payload_too_large", 413, "The body is too large";
    /// Something of that name is there already, or the state does not allow it.
    Conflict = "conflict", 409, "It conflicts with what is there";
    /// `If-Match` names another revision than the current one.
    PreconditionFailed = "precondition_failed", 412, "It was changed meanwhile";
    /// The request must say which revision it changes, with `If-Match` or `version`.
    PreconditionRequired = "precondition_required", 428, "Say which version is changed";
    /// The same `Idempotency-Key` came with another body before.
    IdempotencyKeyReused = "idempotency_key_reused", 409, "The idempotency key was used for something else";
    /// What was uploaded is not WebAssembly.
    NotWasm = "not_wasm", 422, "This is not WebAssembly";
    /// What was uploaded is a core module, not a component.
    CoreModule = "core_module", 422, "This is a core module, not a component";
    /// What was uploaded is a core module of which no component can be made.
    CoreModuleUnadaptable = "core_module_unadaptable", 422, "No component can be made of this core module";
    /// What was uploaded is a component in another version of the binary format.
    UnsupportedComponentVersion = "unsupported_component_version", 422, "The component's format is not supported";
    /// The component has more bytes than allowed.
    ComponentTooLarge = "component_too_large", 413, "The component is too large";
    /// What was uploaded stops in the middle.
    ComponentTruncated = "component_truncated", 422, "The component is truncated";
    /// The component breaks the rules of the format, or uses features that are not enabled.
    ComponentInvalid = "component_invalid", 422, "The component is not valid";
    /// The component has more functions than allowed.
    TooManyFunctions = "too_many_functions", 422, "The component has too many functions";
    /// The component has more types than allowed.
    TooManyTypes = "too_many_types", 422, "The component has too many types";
    /// The component has more imports than allowed.
    TooManyImports = "too_many_imports", 422, "The component has too many imports";
    /// The component has more modules inside than allowed.
    TooManyModules = "too_many_modules", 422, "The component has too many modules";
    /// A function of the component is too large to be compiled in reasonable time.
    FunctionTooLarge = "function_too_large", 422, "A function of the component is too large";
    /// The component imports something that no task can be given.
    UnknownImport = "unknown_import", 422, "The component imports something that is not offered";
    /// The imports and exports of the component cannot be written in WIT.
    ComponentIndescribable = "component_indescribable", 422, "The component cannot be described";
    /// Compiling the component takes more time or memory than allowed.
    ComponentTooExpensive = "component_too_expensive", 422, "The component takes too much to compile";
    /// The compiler gave up on the component.
    ComponentNotCompilable = "component_not_compilable", 422, "The component could not be compiled";
    /// The process that compiles could not be started.
    CompileUnavailable = "compile_unavailable", 503, "Compiling is not possible right now";
    /// The component exports no such function, or one that cannot be called with JSON.
    UnknownFunction = "unknown_function", 422, "There is no such function to call";
    /// As many functions are being tried as may be at once.
    TooManyTrials = "too_many_trials", 429, "Too many functions are being tried";
    /// A webhook has received as many events as it takes in a minute.
    TooManyEvents = "too_many_events", 429, "Too many events";
    /// A workflow component failed, or wrote something that is no JSON.
    WorkflowFailed = "workflow_failed", 422, "The program wrote no dags down";
    /// The dag definition has mistakes; `diagnostics` lists them.
    InvalidDag = "invalid_dag", 422, "The dag has mistakes";
    /// A part that Cofferdam needs (database, queue, objects) does not answer.
    Unavailable = "unavailable", 503, "Try again later";
    /// A defect in Cofferdam. The request id finds it in the logs.
    Internal = "internal", 500, "Something went wrong";
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What every error is answered with: a problem document ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Problem {
    /// The page that explains it: `/errors/<code>`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it is, the same words each time.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub title: Cow<'static, str>,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong this time and, where known, what would mend it.
    pub detail: String,
    /// The machine-readable kind. A code that this version does not know reads as `internal`.
    #[serde(deserialize_with = "known_or_internal")]
    pub code: ErrorCode,
    /// The place in the body that is meant: a JSON Pointer ([RFC 6901](https://www.rfc-editor.org/rfc/rfc6901)).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// All mistakes, when there may be several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub diagnostics: Vec<Diagnostic>,
    /// Finds the request in the logs.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub request_id: String,
}

fn known_or_internal<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<ErrorCode, D::Error> {
    let text = Cow::<str>::deserialize(deserializer)?;
    Ok(ErrorCode::parse(&text).unwrap_or(ErrorCode::Internal))
}

impl Problem {
    /// A problem of a kind, with what is wrong this time.
    #[must_use]
    pub fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("/errors/{}", code.as_str()),
            title: Cow::Borrowed(code.title()),
            status: code.status(),
            detail: detail.into(),
            code,
            pointer: None,
            diagnostics: Vec::new(),
            request_id: String::new(),
        }
    }

    /// The same, pointing at a place in the body.
    #[must_use]
    pub fn at(mut self, pointer: impl Into<String>) -> Self {
        self.pointer = Some(pointer.into());
        self
    }

    /// The same, with all mistakes.
    #[must_use]
    pub fn with_diagnostics(mut self, diagnostics: Vec<Diagnostic>) -> Self {
        self.diagnostics = diagnostics;
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.title, self.detail)
    }
}

impl std::error::Error for Problem {}

/// How bad a mistake is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// It stands in the way.
    Error,
    /// It will work, and perhaps not as meant.
    Warning,
}

/// One mistake in a dag definition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// The machine-readable kind.
    pub code: String,
    /// The place in the definition: a JSON Pointer.
    pub pointer: String,
    /// What is wrong.
    pub message: String,
    /// What would mend it, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// Where it stands in the text that was sent.
    #[serde(default, skip_serializing_if = "Option::is_none", flatten)]
    pub span: Option<TextSpan>,
    /// Where in the text that `pointer` leads to, when it is about a part of it: a line of a script.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<TextPlace>,
    /// What is to be said of single places. One at `pointer` itself says it of that.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<DiagnosticLabel>,
    /// What to write instead, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<DiagnosticSuggestion>,
    /// The lines of the file at `span` and around it: kept with what is wrong with a file of a bundle, whose text is not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub source: Vec<SourceLine>,
}

/// A line of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SourceLine {
    /// Its number, from 1.
    pub line: u32,
    /// What stands there, at most 200 characters of it.
    pub text: String,
}

/// A stretch of the text that was sent. Lines and columns count from 1, columns in characters; the end is the first place behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct TextSpan {
    /// The line of its first character.
    pub line: u32,
    /// The column of its first character.
    pub column: u32,
    /// The line in which it ends.
    pub end_line: u32,
    /// The column before which it ends.
    pub end_column: u32,
}

/// What is to be said of a place in a dag definition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DiagnosticLabel {
    /// The place in the definition: a JSON Pointer.
    pub pointer: String,
    /// What is said, in a few words.
    pub message: String,
    /// Where it stands in the text that was sent.
    #[serde(default, skip_serializing_if = "Option::is_none", flatten)]
    pub span: Option<TextSpan>,
}

/// What to write in a place of a dag definition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DiagnosticSuggestion {
    /// The place in the definition: a JSON Pointer.
    pub pointer: String,
    /// Whether the key is meant that stands there, rather than its value.
    pub is_key: bool,
    /// The key, or the text that is the value.
    pub replacement: String,
    /// What of the text that was sent it replaces.
    #[serde(default, skip_serializing_if = "Option::is_none", flatten)]
    pub span: Option<TextSpan>,
}

/// A place in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct TextPlace {
    /// The line, counted from 1.
    pub line: u32,
    /// The column, counted from 1.
    pub column: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_read_back_and_are_sent_as_they_are_named() {
        for code in ErrorCode::ALL {
            assert_eq!(ErrorCode::parse(code.as_str()), Some(*code));
            assert_eq!(serde_json::to_value(code).unwrap(), serde_json::json!(code.as_str()));
            assert!((400..600).contains(&code.status()), "{code}");
        }
    }

    #[test]
    fn a_problem_of_a_later_version_can_be_read() {
        let text = r#"{"type":"/errors/brand_new","title":"New","status":418,"detail":"later","code":"brand_new","request_id":"r","more":1}"#;
        let problem: Problem = serde_json::from_str(text).unwrap();
        assert_eq!((problem.code, problem.status, problem.title.as_ref()), (ErrorCode::Internal, 418, "New"));
    }
}
