//! What a template takes from outside, found in its syntax tree before it is ever rendered.

use super::names::{ALL, Attributes, CONNECTION, MOMENT, OF_CALLBACKS, OF_INSTANCES, OF_MAPPED, instead_of};
use super::{TemplateError, filters, place};
use crate::definition::TextPlace;
use crate::definition::suggest::closest;
use cofferdam_ids::{ConnectionId, TaskId, VariableKey, XComKey};
use minijinja::machinery::{Span, ast};
use minijinja::value::ValueKind;

/// How deep expressions may be nested.
pub(super) const MAX_DEPTH: usize = 100;

/// What can be asked of an object, beside what is in it.
const METHODS: [&str; 4] = ["get", "items", "keys", "values"];

/// Something that a template takes from outside, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Used<T> {
    /// What.
    pub what: T,
    /// Where in the template.
    pub place: TextPlace,
}

/// What a template takes from outside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Uses {
    /// Parameters that have to be there.
    pub params: Vec<Used<String>>,
    /// Variables.
    pub variables: Vec<Used<VariableKey>>,
    /// Connections.
    pub connections: Vec<Used<ConnectionId>>,
    /// What other tasks left: these are upstream tasks.
    pub xcoms: Vec<Used<(TaskId, XComKey)>>,
    /// The dag's last successful run.
    pub previous: bool,
    /// Whether it takes anything but `params` and `dag_run.conf`.
    pub beyond_conf: bool,
    /// Names that only a callback has.
    pub happened: Vec<Used<String>>,
    /// Where it names what an instance was given, which only `map_index_template` can.
    pub input: Vec<Used<String>>,
    /// The items that it takes, which only what is mapped has; no name for all of them.
    pub items: Vec<Used<Option<String>>>,
}

pub(super) fn of_text(tree: &ast::Stmt<'_>, errors: &mut Vec<TemplateError>) -> Uses {
    let mut finder = Finder { uses: Uses::default(), errors, locals: vec![Vec::new()], depth: 0 };
    finder.statement(tree);
    finder.uses
}

pub(super) fn of_expression(tree: &ast::Expr<'_>, errors: &mut Vec<TemplateError>) -> Uses {
    let mut finder = Finder { uses: Uses::default(), errors, locals: vec![Vec::new()], depth: 0 };
    finder.expression(tree);
    finder.uses
}

struct Finder<'e> {
    uses: Uses,
    errors: &'e mut Vec<TemplateError>,
    locals: Vec<Vec<String>>,
    depth: usize,
}

/// A step from a name to what it leads to.
enum Step<'a> {
    Named(&'a str, Span),
    Computed(Span),
}

/// The part of an attribute's span that is its name.
fn of_name(span: Span, name: &str) -> Span {
    let letters = u16::try_from(name.chars().count()).unwrap_or(0);
    Span { start_line: span.end_line, start_col: span.end_col.saturating_sub(letters), ..span }
}

impl Finder<'_> {
    fn wrong(&mut self, span: Span, message: impl Into<String>, help: Option<String>) {
        self.errors.push(TemplateError { place: place(span), about_name: true, message: message.into(), help });
    }

    fn unreadable(&mut self, span: Span, message: impl Into<String>, help: Option<String>) {
        self.errors.push(TemplateError { place: place(span), about_name: false, message: message.into(), help });
    }

    fn body(&mut self, body: &[ast::Stmt<'_>]) {
        body.iter().for_each(|statement| self.statement(statement));
    }

    fn statement(&mut self, statement: &ast::Stmt<'_>) {
        if self.depth > MAX_DEPTH {
            return;
        }
        self.depth += 1;
        match statement {
            ast::Stmt::Template(template) => self.body(&template.children),
            ast::Stmt::EmitExpr(emit) => self.expression(&emit.expr),
            ast::Stmt::EmitRaw(_) => {}
            ast::Stmt::ForLoop(each) => {
                if each.recursive {
                    self.unreadable(each.span(), "a loop cannot be recursive", None);
                }
                self.expression(&each.iter);
                self.locals.push(vec!["loop".to_owned()]);
                self.target(&each.target);
                each.filter_expr.iter().for_each(|filter| self.expression(filter));
                self.body(&each.body);
                self.locals.pop();
                self.body(&each.else_body);
            }
            ast::Stmt::IfCond(cond) => {
                self.expression(&cond.expr);
                self.body(&cond.true_body);
                self.body(&cond.false_body);
            }
            ast::Stmt::WithBlock(with) => {
                with.assignments.iter().for_each(|(_, value)| self.expression(value));
                self.locals.push(Vec::new());
                with.assignments.iter().for_each(|(target, _)| self.target(target));
                self.body(&with.body);
                self.locals.pop();
            }
            ast::Stmt::Set(set) => {
                self.expression(&set.expr);
                self.target(&set.target);
            }
            ast::Stmt::SetBlock(set) => {
                self.body(&set.body);
                set.filter.iter().for_each(|filter| self.expression(filter));
                self.target(&set.target);
            }
            ast::Stmt::AutoEscape(escape) => self.unreadable(escape.span(), "{% autoescape %} is not known here", None),
            ast::Stmt::FilterBlock(filter) => {
                self.body(&filter.body);
                self.expression(&filter.filter);
            }
            ast::Stmt::Do(call) => self.unreadable(call.span(), "{% do %} is not known here", None),
        }
        self.depth -= 1;
    }

    /// A name that is given a value.
    fn target(&mut self, target: &ast::Expr<'_>) {
        match target {
            ast::Expr::Var(var) => {
                if let Some(names) = self.locals.last_mut() {
                    names.push(var.id.to_owned());
                }
            }
            ast::Expr::List(list) => list.items.iter().for_each(|item| self.target(item)),
            other => self.unreadable(other.span(), "only a name can be given a value", None),
        }
    }

    fn is_local(&self, name: &str) -> bool {
        self.locals.iter().any(|names| names.iter().any(|local| local == name))
    }

    fn expressions<'x, 'a: 'x>(&mut self, all: impl IntoIterator<Item = &'x ast::Expr<'a>>) {
        all.into_iter().for_each(|expression| self.expression(expression));
    }

    fn arguments(&mut self, arguments: &[ast::CallArg<'_>]) {
        for argument in arguments {
            match argument {
                ast::CallArg::Pos(value) | ast::CallArg::Kwarg(_, value) => self.expression(value),
                ast::CallArg::PosSplat(value) | ast::CallArg::KwargSplat(value) => {
                    self.unreadable(value.span(), "arguments cannot be unpacked with * here", None);
                }
            }
        }
    }

    fn expression(&mut self, expression: &ast::Expr<'_>) {
        if self.depth > MAX_DEPTH {
            let wrong = || format!("an expression is nested at most {MAX_DEPTH} levels deep");
            if !self.errors.iter().any(|error| error.message == wrong()) {
                self.unreadable(expression.span(), wrong(), Some("take it apart with {% set %}".to_owned()));
            }
            return;
        }
        self.depth += 1;
        match expression {
            ast::Expr::Var(_) | ast::Expr::GetAttr(_) | ast::Expr::GetItem(_) => self.chain(expression, false),
            ast::Expr::Const(_) => {}
            ast::Expr::Slice(slice) => {
                self.expression(&slice.expr);
                self.expressions([&slice.start, &slice.stop, &slice.step].into_iter().flatten());
            }
            ast::Expr::UnaryOp(op) => self.expression(&op.expr),
            ast::Expr::BinOp(op) => self.expressions([&op.left, &op.right]),
            ast::Expr::Compare(compare) => {
                self.expression(&compare.expr);
                self.expressions(compare.ops.iter().map(|op| &op.expr));
            }
            ast::Expr::IfExpr(cond) => {
                self.expressions([&cond.test_expr, &cond.true_expr]);
                self.expressions(cond.false_expr.iter());
            }
            ast::Expr::Filter(filter) => {
                match &filter.expr {
                    // What is not there has a default.
                    Some(operand) if matches!(filter.name, "default" | "d") => self.maybe_missing(operand),
                    Some(operand) => self.expression(operand),
                    None => {}
                }
                self.arguments(&filter.args);
                if !filters::FILTERS.contains(&filter.name) {
                    let help = suggestion(filter.name, filters::FILTERS, "filters");
                    self.wrong(filter.span(), format!("there is no filter '{}'", filter.name), Some(help));
                }
            }
            ast::Expr::Test(test) => {
                if matches!(test.name, "defined" | "undefined") {
                    self.maybe_missing(&test.expr);
                } else {
                    self.expression(&test.expr);
                }
                self.arguments(&test.args);
                if !filters::TESTS.contains(&test.name) {
                    let help = suggestion(test.name, filters::TESTS, "tests");
                    self.wrong(test.span(), format!("there is no test '{}'", test.name), Some(help));
                }
            }
            ast::Expr::Call(call) => self.call(call),
            ast::Expr::List(list) => self.expressions(&list.items),
            ast::Expr::Map(map) => {
                self.expressions(&map.keys);
                self.expressions(&map.values);
            }
        }
        self.depth -= 1;
    }

    fn maybe_missing(&mut self, operand: &ast::Expr<'_>) {
        match operand {
            ast::Expr::Var(_) | ast::Expr::GetAttr(_) | ast::Expr::GetItem(_) => self.chain(operand, true),
            other => self.expression(other),
        }
    }

    fn call(&mut self, call: &ast::Spanned<ast::Call<'_>>) {
        let (root, steps) = steps(&call.expr);
        if let Some((name @ ("ti" | "task_instance"), _)) = root
            && !self.is_local(name)
            && matches!(steps.as_slice(), [Step::Named("xcom_pull", _)])
        {
            self.uses.beyond_conf = true;
            self.xcom_pull(call);
        } else if let Some(("var", _)) = root
            && !self.is_local("var")
            && matches!(steps.as_slice(), [Step::Named("value" | "json", _), Step::Named("get", _)])
        {
            match call.args.first() {
                Some(ast::CallArg::Pos(name)) if constant(name).is_some() => {
                    self.variable(constant(name).unwrap_or_default(), name.span());
                }
                _ => self.unreadable(call.span(), "the name of the variable must be written out as a text", None),
            }
        } else if let Some(("conn", _)) = root
            && !self.is_local("conn")
            && matches!(steps.as_slice(), [Step::Named("get", _)])
        {
            match call.args.first() {
                Some(ast::CallArg::Pos(name)) if constant(name).is_some() => {
                    self.connection(constant(name).unwrap_or_default(), name.span());
                }
                _ => self.unreadable(call.span(), "the name of the connection must be written out as a text", None),
            }
        } else {
            self.expression(&call.expr);
        }
        self.arguments(&call.args);
    }

    /// A name and what follows it.
    fn chain(&mut self, expression: &ast::Expr<'_>, maybe_missing: bool) {
        // What is computed on the way, and what the chain begins with when that is no name.
        let mut at = expression;
        loop {
            match at {
                ast::Expr::GetAttr(attr) => at = &attr.expr,
                ast::Expr::GetItem(item) => {
                    self.expression(&item.subscript_expr);
                    at = &item.expr;
                }
                ast::Expr::Var(_) => break,
                other => return self.expression(other),
            }
        }
        let (Some((name, span)), steps) = steps(expression) else { return };
        if self.is_local(name) {
            return;
        }
        let Some(known) = ALL.iter().find(|known| known.name == name) else {
            if !maybe_missing || !steps.is_empty() {
                let names = ALL.iter().map(|known| known.name).chain(self.locals.iter().flatten().map(String::as_str));
                let help = instead_of(name).map(ToOwned::to_owned);
                let help = help.or_else(|| closest(name, names).map(|other| format!("did you mean '{other}'?")));
                let help = help.unwrap_or_else(|| "docs/templates.md has all names; text is written in quotes".to_owned());
                self.wrong(span, format!("there is no name '{name}'"), Some(help));
            }
            return;
        };
        if OF_CALLBACKS.contains(&name) {
            self.uses.happened.push(Used { what: name.to_owned(), place: place(span) });
        }
        if name == OF_INSTANCES {
            self.uses.input.push(Used { what: name.to_owned(), place: place(span) });
        }
        if name == OF_MAPPED {
            self.uses.items.push(match steps.first() {
                Some(Step::Named(key, at)) if !maybe_missing && !METHODS.contains(key) => {
                    Used { what: Some((*key).to_owned()), place: place(*at) }
                }
                _ => Used { what: None, place: place(span) },
            });
        }
        let of_conf = name == "params" || (name == "dag_run" && matches!(steps.first(), Some(Step::Named("conf", _))));
        self.uses.beyond_conf |= !of_conf && name != "range";
        self.uses.previous |= name.starts_with("prev_");
        match (&known.attributes, steps.as_slice()) {
            (Attributes::Moment, [Step::Named(attribute, span), ..]) if !MOMENT.contains(attribute) => {
                let help = match *attribute {
                    "format" => "write it as Python does: .strftime('%Y-%m-%d')".to_owned(),
                    "diff" => {
                        "subtract one moment from the other: (data_interval_end - data_interval_start).total_seconds()".to_owned()
                    }
                    other => suggestion(other, MOMENT, "attributes"),
                };
                self.wrong(*span, format!("'{name}' has no attribute '{attribute}'"), Some(help));
            }
            (Attributes::Value | Attributes::Moment, _)
            | (Attributes::These(_) | Attributes::Params, [])
            | (Attributes::Params, [Step::Computed(_), ..]) => {}
            (Attributes::These(attributes), [Step::Named(attribute, span), ..]) => {
                if !attributes.contains(attribute) {
                    let help = suggestion(attribute, attributes, "attributes");
                    self.wrong(*span, format!("'{name}' has no attribute '{attribute}'"), Some(help));
                } else if *attribute == "xcom_pull" {
                    self.unreadable(*span, "xcom_pull must be called: ti.xcom_pull(task_ids='…')", None);
                } else if *attribute == "state" {
                    self.uses.happened.push(Used { what: format!("{name}.state"), place: place(*span) });
                }
            }
            (Attributes::These(_), [Step::Computed(span), ..]) => {
                self.unreadable(*span, format!("the attribute of '{name}' must be written out"), None);
            }
            (Attributes::Params, [Step::Named(param, span), ..]) => {
                if !maybe_missing && !METHODS.contains(param) {
                    self.uses.params.push(Used { what: (*param).to_owned(), place: place(*span) });
                }
            }
            (Attributes::Variables, [Step::Named("value" | "json", _), Step::Named(name, span), ..]) => {
                self.variable(name, *span)
            }
            (Attributes::Variables, _) => {
                self.unreadable(span, "a variable is written as var.value.NAME or var.json.NAME", None);
            }
            (Attributes::Connections, [Step::Named(name, span), Step::Named(field, at), ..]) => {
                self.connection(name, *span);
                if !CONNECTION.contains(field) {
                    let help = match *field {
                        "extra" => "write conn.NAME.extra_dejson.KEY".to_owned(),
                        "get_uri" => "it would contain the password; put it together from host, port and schema".to_owned(),
                        other => suggestion(other, CONNECTION, "fields"),
                    };
                    self.wrong(*at, format!("a connection has no field '{field}'"), Some(help));
                }
            }
            (Attributes::Connections, _) => self.unreadable(span, "a connection is written as conn.NAME.FIELD", None),
        }
    }

    fn variable(&mut self, name: &str, span: Span) {
        self.uses.beyond_conf = true;
        match VariableKey::new(name) {
            Ok(what) => self.uses.variables.push(Used { what, place: place(span) }),
            Err(error) => self.wrong(span, error.to_string(), None),
        }
    }

    fn connection(&mut self, name: &str, span: Span) {
        self.uses.beyond_conf = true;
        match ConnectionId::new(name) {
            Ok(what) => self.uses.connections.push(Used { what, place: place(span) }),
            Err(error) => self.wrong(span, error.to_string(), None),
        }
    }

    fn xcom_pull(&mut self, call: &ast::Spanned<ast::Call<'_>>) {
        let mut tasks = Vec::new();
        let mut key = Some(XComKey::return_value());
        for (index, argument) in call.args.iter().enumerate() {
            match argument {
                ast::CallArg::Pos(value) if index == 0 => tasks = self.task_ids(value),
                ast::CallArg::Kwarg("task_ids", value) => tasks = self.task_ids(value),
                ast::CallArg::Kwarg("key", value) => {
                    key = constant(value).and_then(|name| XComKey::new(name).ok());
                    if key.is_none() {
                        self.unreadable(value.span(), "the key must be written out as a text", None);
                    }
                }
                ast::CallArg::Kwarg("default", _) => {}
                ast::CallArg::Pos(value)
                | ast::CallArg::Kwarg(_, value)
                | ast::CallArg::PosSplat(value)
                | ast::CallArg::KwargSplat(value) => {
                    self.unreadable(value.span(), "xcom_pull takes task_ids, key and default", None);
                }
            }
        }
        if tasks.is_empty() {
            let help = "name the task, so that it is known which tasks this one waits for";
            self.unreadable(begin(&call.expr), "xcom_pull needs task_ids: a text, or a list of texts", Some(help.to_owned()));
        }
        for (task, span) in tasks {
            if let Some(key) = &key {
                self.uses.xcoms.push(Used { what: (task, key.clone()), place: place(span) });
            }
        }
    }

    fn task_ids(&mut self, value: &ast::Expr<'_>) -> Vec<(TaskId, Span)> {
        let items: Vec<&ast::Expr<'_>> = match value {
            ast::Expr::List(list) => list.items.iter().collect(),
            one => vec![one],
        };
        let mut tasks = Vec::new();
        for item in items {
            match constant(item).map(TaskId::new) {
                Some(Ok(task)) => tasks.push((task, item.span())),
                Some(Err(error)) => self.wrong(item.span(), error.to_string(), None),
                None => self.unreadable(begin(item), "task_ids must be written out as a text or a list of texts", None),
            }
        }
        tasks
    }
}

/// The name that a chain of attributes begins with, and the steps that follow.
fn steps<'x, 'a>(expression: &'x ast::Expr<'a>) -> (Option<(&'a str, Span)>, Vec<Step<'x>>) {
    let mut steps = Vec::new();
    let mut at = expression;
    let root = loop {
        match at {
            ast::Expr::GetAttr(attr) => {
                steps.push(Step::Named(attr.name, of_name(attr.span(), attr.name)));
                at = &attr.expr;
            }
            ast::Expr::GetItem(item) => {
                let span = item.subscript_expr.span();
                steps.push(constant(&item.subscript_expr).map_or(Step::Computed(span), |name| Step::Named(name, span)));
                at = &item.expr;
            }
            ast::Expr::Var(var) => break Some((var.id, var.span())),
            _ => break None,
        }
    };
    steps.reverse();
    (root, steps)
}

/// Where an expression begins: the span of an attribute is that of its dot.
pub(super) fn begin(expression: &ast::Expr<'_>) -> Span {
    match expression {
        ast::Expr::GetAttr(attr) => begin(&attr.expr),
        ast::Expr::GetItem(item) => begin(&item.expr),
        ast::Expr::Call(call) => begin(&call.expr),
        other => other.span(),
    }
}

/// A text that is written out.
pub(super) fn constant<'x>(expression: &'x ast::Expr<'_>) -> Option<&'x str> {
    match expression {
        ast::Expr::Const(constant) if constant.value.kind() == ValueKind::String => constant.value.as_str(),
        _ => None,
    }
}

/// What may have been meant, or everything that there is.
pub(super) fn suggestion(given: &str, known: &[&str], what: &str) -> String {
    match closest(given, known.iter().copied()) {
        Some(other) => format!("did you mean '{other}'?"),
        None => format!("the {what} are {}", known.join(", ")),
    }
}
