//! Templates: texts with places that are filled in when a task runs, in the language of Jinja with Airflow's names.
//!
//! minijinja parses them; [`Template::text`] looks at the syntax tree for names that do not exist and for what has to be read
//! before it is rendered ([`Uses`]). They are evaluated here and not by minijinja, whose fuel counts instructions and not what
//! they make: a text that is doubled forty times would take the memory of the server. See `docs/templates.md`.

mod evaluate;
mod filters;
mod item;
mod methods;
mod names;
mod scope;
#[cfg(test)]
mod tests;
mod times;
mod uses;

pub use names::NAMES;
pub use scope::{ConnectionFacts, DagFacts, Happened, PreviousSuccess, RunScope, Scope, TaskScope, VariableFacts};
pub use uses::{Used, Uses};

use crate::definition::TextPlace;
use minijinja::machinery::{Span, Token, WhitespaceConfig, ast, parse, tokenize};
use minijinja::syntax::SyntaxConfig;
use serde_json::Value;
use std::fmt;
use std::sync::Arc;

/// Bytes that the source of a template may have.
pub const MAX_TEMPLATE: usize = 64 << 10;
/// Words and signs between one `{{` or `{%` and its end.
const MAX_TOKENS: usize = 1_000;

/// Whether a text is a template: whether it contains `{{` or `{%`.
#[must_use]
pub fn is_template(text: &str) -> bool {
    text.contains("{{") || text.contains("{%")
}

/// A template that has been read and looked through.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    source: Arc<str>,
    form: Form,
    uses: Uses,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// Text with `{{ }}` and `{% %}`; it makes a text.
    Text,
    /// One expression without braces; it makes any value.
    Expression,
}

/// What an expression is read behind.
const OPEN: &str = "{{ ";

impl Form {
    /// A place in what was read as the place in what was written.
    fn place(self, place: TextPlace) -> TextPlace {
        match self {
            Self::Expression if place.line == 1 => {
                let before = u32::try_from(OPEN.len()).unwrap_or(0);
                TextPlace { column: place.column.saturating_sub(before).max(1), ..place }
            }
            Self::Text | Self::Expression => place,
        }
    }
}

/// What is wrong with a template before it is rendered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TemplateError {
    /// Where in its text.
    pub place: TextPlace,
    /// Whether it is about a name; else the template cannot be read.
    pub about_name: bool,
    /// What is wrong, in a sentence without full stop.
    pub message: String,
    /// What would mend it.
    pub help: Option<String>,
}

/// Why a template cannot be rendered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where in its text.
    pub place: TextPlace,
    /// What is wrong, in a sentence without full stop.
    pub message: String,
    /// What would mend it.
    pub help: Option<String>,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {} of the template: {}", self.place.line, self.place.column, self.message)?;
        match &self.help {
            Some(help) => write!(f, " ({help})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Fault {}

impl Template {
    /// Reads a text with `{{ }}` and `{% %}` in it.
    ///
    /// # Errors
    /// Everything that is wrong with it; never an empty list.
    pub fn text(source: &str) -> Result<Self, Vec<TemplateError>> {
        Self::read(source, Form::Text)
    }

    /// Reads an expression, without braces.
    ///
    /// # Errors
    /// Everything that is wrong with it; never an empty list.
    pub fn expression(source: &str) -> Result<Self, Vec<TemplateError>> {
        Self::read(source, Form::Expression)
    }

    fn read(source: &str, form: Form) -> Result<Self, Vec<TemplateError>> {
        // minijinja's reader of bare expressions panics at a brace too many.
        let source: Arc<str> = match form {
            Form::Text => source.into(),
            Form::Expression => format!("{OPEN}{source} }}}}").into(),
        };
        let mut errors = Vec::new();
        let uses = bounds(&source).and_then(|()| tree(&source)).and_then(|tree| match form {
            Form::Text => Ok(uses::of_text(&tree, &mut errors)),
            Form::Expression => Ok(uses::of_expression(only(&tree)?, &mut errors)),
        });
        match uses {
            Ok(uses) if errors.is_empty() => Ok(Self { source, form, uses }),
            Ok(_) => Err(errors.into_iter().map(|error| TemplateError { place: form.place(error.place), ..error }).collect()),
            Err(error) => Err(vec![TemplateError { place: form.place(error.place), ..error }]),
        }
    }

    /// Whether it makes a text, whatever is in it.
    pub(crate) fn makes_text(&self) -> bool {
        self.form == Form::Text
    }

    /// What it takes from outside.
    #[must_use]
    pub fn uses(&self) -> &Uses {
        &self.uses
    }

    /// Fills it in. A text makes a text, whatever is in it; an expression makes what it evaluates to.
    ///
    /// # Errors
    /// When a name is not defined, an operation has no meaning, or it costs more than a template may.
    pub fn render(&self, scope: &Scope<'_>) -> Result<Value, Fault> {
        // It was read before, so it can be read again. It is not kept: its tree would borrow from it.
        let again = |error: TemplateError| Fault { place: error.place, message: error.message, help: error.help };
        let tree = tree(&self.source).map_err(again)?;
        let rendered = match self.form {
            Form::Text => evaluate::text(&tree, scope).map(Value::String),
            Form::Expression => evaluate::expression(only(&tree).map_err(again)?, scope),
        };
        rendered.map_err(|fault| Fault { place: self.form.place(fault.place), ..fault })
    }
}

/// Refuses what would make a syntax tree so deep that walking it takes all of the stack.
fn bounds(source: &str) -> Result<(), TemplateError> {
    let refused = |place, message: String| TemplateError { place, about_name: false, message, help: None };
    if source.len() > MAX_TEMPLATE {
        let message = format!("a template has at most {MAX_TEMPLATE} bytes; this has {}", source.len());
        return Err(refused(TextPlace { line: 1, column: 1 }, message));
    }
    let mut count = 0;
    for token in tokenize(source, false, SyntaxConfig, WhitespaceConfig::default()) {
        // What is no token is told by the parser.
        let Ok((token, span)) = token else { return Ok(()) };
        match token {
            Token::VariableStart | Token::BlockStart => count = 0,
            _ => count += 1,
        }
        if count > MAX_TOKENS {
            let message = format!("an expression has at most {MAX_TOKENS} words and signs");
            return Err(refused(place(span), message));
        }
    }
    Ok(())
}

fn tree(source: &str) -> Result<ast::Stmt<'_>, TemplateError> {
    let whitespace = WhitespaceConfig { keep_trailing_newline: true, ..WhitespaceConfig::default() };
    parse(source, "template", SyntaxConfig, whitespace).map_err(|error| unreadable(&error))
}

/// The one expression that a tree is.
fn only<'x, 'a>(tree: &'x ast::Stmt<'a>) -> Result<&'x ast::Expr<'a>, TemplateError> {
    match tree {
        ast::Stmt::Template(template) => match template.children.as_slice() {
            [ast::Stmt::EmitExpr(emit)] => Ok(&emit.expr),
            _ => Err(no_expression()),
        },
        _ => Err(no_expression()),
    }
}

fn no_expression() -> TemplateError {
    TemplateError {
        place: TextPlace { line: 1, column: 1 },
        about_name: false,
        message: "this is not one expression".to_owned(),
        help: Some("write what would stand between {{ and }}, without these".to_owned()),
    }
}

fn unreadable(error: &minijinja::Error) -> TemplateError {
    let line = error.line().and_then(|line| u32::try_from(line).ok()).unwrap_or(1);
    let message = error.detail().map_or_else(|| "the template cannot be read".to_owned(), ToOwned::to_owned);
    TemplateError { place: TextPlace { line, column: 1 }, about_name: false, message, help: None }
}

fn place(span: Span) -> TextPlace {
    TextPlace { line: u32::from(span.start_line).max(1), column: u32::from(span.start_col) + 1 }
}
