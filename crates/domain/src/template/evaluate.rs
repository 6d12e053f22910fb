//! Evaluating a syntax tree, with an account of what that costs.

use super::item::{Handle, Item, number_text, size, span_text};
use super::scope::Scope;
use super::uses::{MAX_DEPTH, begin};
use super::{Fault, filters, item, methods, place, times};
use crate::definition::suggest::closest;
use minijinja::machinery::{Span, ast};
use minijinja::value::ValueKind;
use serde_json::{Map, Value};
use std::cmp::Ordering;
use std::rc::Rc;

/// Steps that rendering one template may take.
const MAX_STEPS: usize = 100_000;
/// Bytes that one template may make, all together.
const MAX_BYTES: usize = 4 << 20;

pub(super) type Evaluated<'s> = Result<Item<'s>, Fault>;

pub(super) fn text<'s>(tree: &ast::Stmt<'_>, scope: &Scope<'s>) -> Result<String, Fault> {
    let mut evaluation = Evaluation::new(scope);
    let mut out = String::new();
    evaluation.statement(tree, &mut out)?;
    Ok(out)
}

pub(super) fn expression<'s>(tree: &ast::Expr<'_>, scope: &Scope<'s>) -> Result<Value, Fault> {
    let mut evaluation = Evaluation::new(scope);
    let item = evaluation.expression(tree)?;
    evaluation.charge(item.size(), tree.span())?;
    evaluation.value(&item, tree.span())
}

/// The state of rendering one template.
pub(super) struct Evaluation<'s, 'e> {
    pub(super) scope: &'e Scope<'s>,
    locals: Vec<Vec<(String, Item<'s>)>>,
    steps: usize,
    bytes: usize,
    depth: usize,
}

/// The arguments of a call.
pub(super) struct Arguments<'s> {
    pub(super) given: Vec<Item<'s>>,
    pub(super) named: Vec<(String, Item<'s>)>,
}

impl<'s> Arguments<'s> {
    /// The argument at this place or of this name.
    pub(super) fn get(&self, index: usize, name: &str) -> Option<&Item<'s>> {
        self.given.get(index).or_else(|| self.named.iter().find(|(given, _)| given == name).map(|(_, item)| item))
    }
}

pub(super) fn fault(span: Span, message: impl Into<String>) -> Fault {
    Fault { place: place(span), message: message.into(), help: None }
}

impl<'s, 'e> Evaluation<'s, 'e> {
    fn new(scope: &'e Scope<'s>) -> Self {
        Self { scope, locals: vec![Vec::new()], steps: 0, bytes: 0, depth: 0 }
    }

    /// Accounts for a step.
    pub(super) fn step(&mut self, span: Span) -> Result<(), Fault> {
        self.steps += 1;
        if self.steps > MAX_STEPS {
            return Err(fault(span, format!("the template takes more than {MAX_STEPS} steps")));
        }
        Ok(())
    }

    /// Accounts for bytes before they are made.
    pub(super) fn charge(&mut self, bytes: usize, span: Span) -> Result<(), Fault> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > MAX_BYTES {
            return Err(fault(span, format!("the template makes more than {} MiB of text and values", MAX_BYTES >> 20)));
        }
        Ok(())
    }

    fn body(&mut self, body: &[ast::Stmt<'_>], out: &mut String) -> Result<(), Fault> {
        body.iter().try_for_each(|statement| self.statement(statement, out))
    }

    fn scoped(&mut self, names: Vec<(String, Item<'s>)>, body: &[ast::Stmt<'_>], out: &mut String) -> Result<(), Fault> {
        self.locals.push(names);
        let done = self.body(body, out);
        self.locals.pop();
        done
    }

    fn statement(&mut self, statement: &ast::Stmt<'_>, out: &mut String) -> Result<(), Fault> {
        match statement {
            ast::Stmt::Template(template) => self.body(&template.children, out),
            ast::Stmt::EmitExpr(emit) => {
                let item = self.expression(&emit.expr)?;
                let text = self.printed(&item, begin(&emit.expr))?;
                out.push_str(&text);
                Ok(())
            }
            ast::Stmt::EmitRaw(raw) => {
                self.charge(raw.raw.len(), raw.span())?;
                out.push_str(raw.raw);
                Ok(())
            }
            ast::Stmt::ForLoop(each) => self.each(each, out),
            ast::Stmt::IfCond(cond) => {
                let holds = self.truth(&cond.expr)?;
                self.body(if holds { &cond.true_body } else { &cond.false_body }, out)
            }
            ast::Stmt::WithBlock(with) => {
                let mut names = Vec::new();
                for (target, value) in &with.assignments {
                    let value = self.expression(value)?;
                    self.assign(target, value, &mut names)?;
                }
                self.scoped(names, &with.body, out)
            }
            ast::Stmt::Set(set) => {
                let value = self.expression(&set.expr)?;
                self.set(&set.target, value)
            }
            ast::Stmt::SetBlock(set) => {
                let mut text = String::new();
                self.body(&set.body, &mut text)?;
                let value = self.filtered(set.filter.as_ref(), text)?;
                self.set(&set.target, value)
            }
            ast::Stmt::FilterBlock(filter) => {
                let mut text = String::new();
                self.body(&filter.body, &mut text)?;
                let item = self.filtered(Some(&filter.filter), text)?;
                let text = self.printed(&item, filter.span())?;
                out.push_str(&text);
                Ok(())
            }
            // Refused when the template is read.
            ast::Stmt::AutoEscape(escape) => Err(fault(escape.span(), "{% autoescape %} is not known here")),
            ast::Stmt::Do(call) => Err(fault(call.span(), "{% do %} is not known here")),
        }
    }

    fn each(&mut self, each: &ast::Spanned<ast::ForLoop<'_>>, out: &mut String) -> Result<(), Fault> {
        let list = self.expression(&each.iter)?;
        let mut items = Vec::new();
        for item in self.items(&list, each.iter.span())? {
            self.step(each.iter.span())?;
            let Some(filter) = &each.filter_expr else {
                items.push(item);
                continue;
            };
            let mut names = Vec::new();
            self.assign(&each.target, item.clone(), &mut names)?;
            self.locals.push(names);
            let holds = self.truth(filter);
            self.locals.pop();
            if holds? {
                items.push(item);
            }
        }
        if items.is_empty() {
            return self.body(&each.else_body, out);
        }
        let length = items.len();
        for (index, item) in items.into_iter().enumerate() {
            self.step(each.span())?;
            let mut about = Map::new();
            for (name, value) in [
                ("index", Value::from(index + 1)),
                ("index0", Value::from(index)),
                ("revindex", Value::from(length - index)),
                ("first", Value::from(index == 0)),
                ("last", Value::from(index + 1 == length)),
                ("length", Value::from(length)),
            ] {
                about.insert(name.to_owned(), value);
            }
            let mut names = vec![("loop".to_owned(), Item::made(about))];
            self.assign(&each.target, item, &mut names)?;
            self.scoped(names, &each.body, out)?;
        }
        Ok(())
    }

    fn set(&mut self, target: &ast::Expr<'_>, value: Item<'s>) -> Result<(), Fault> {
        let mut names = Vec::new();
        self.assign(target, value, &mut names)?;
        if let Some(locals) = self.locals.last_mut() {
            for (name, value) in names {
                locals.retain(|(known, _)| *known != name);
                locals.push((name, value));
            }
        }
        Ok(())
    }

    fn assign(&mut self, target: &ast::Expr<'_>, value: Item<'s>, names: &mut Vec<(String, Item<'s>)>) -> Result<(), Fault> {
        match target {
            ast::Expr::Var(var) => names.push((var.id.to_owned(), value)),
            ast::Expr::List(list) => {
                let values = self.items(&value, target.span())?;
                if values.len() != list.items.len() {
                    let message = format!("{} values cannot be given to {} names", values.len(), list.items.len());
                    return Err(fault(target.span(), message));
                }
                for (target, value) in list.items.iter().zip(values) {
                    self.assign(target, value, names)?;
                }
            }
            other => return Err(fault(other.span(), "only a name can be given a value")),
        }
        Ok(())
    }

    fn filtered(&mut self, filter: Option<&ast::Expr<'_>>, text: String) -> Evaluated<'s> {
        let item = Item::made(text);
        match filter {
            Some(ast::Expr::Filter(filter)) => {
                let item = match &filter.expr {
                    Some(_) => return Err(fault(filter.span(), "here can be only one filter")),
                    None => item,
                };
                let arguments = self.arguments(&filter.args)?;
                filters::filter(self, filter.name, item, &arguments, filter.span())
            }
            Some(other) => Err(fault(other.span(), "here must be a filter")),
            None => Ok(item),
        }
    }

    fn truth(&mut self, expression: &ast::Expr<'_>) -> Result<bool, Fault> {
        let item = self.expression(expression)?;
        self.defined(&item, begin(expression))?;
        Ok(item.is_true())
    }

    /// Refuses what is not defined.
    pub(super) fn defined(&self, item: &Item<'s>, span: Span) -> Result<(), Fault> {
        let Item::Undefined(name) = item else { return Ok(()) };
        let mut fault = fault(span, format!("'{name}' is not defined"));
        fault.help = Some(self.meant(name).unwrap_or_else(|| "write '| default(…)' if it may be missing".to_owned()));
        Err(fault)
    }

    /// What may have been meant by a name that is not there.
    fn meant(&self, name: &str) -> Option<String> {
        let (parent, last) = name.rsplit_once('.')?;
        let mut value = match parent.split('.').next()? {
            "params" => self.scope.run.conf,
            "dag_run" if parent.starts_with("dag_run.conf") => self.scope.run.conf,
            _ => return None,
        };
        let skip = if parent.starts_with("dag_run") { 2 } else { 1 };
        for step in parent.split('.').skip(skip) {
            value = value.get(step)?;
        }
        let known = value.as_object()?.keys().map(String::as_str);
        closest(last, known).map(|other| format!("did you mean '{parent}.{other}'?"))
    }

    /// An item as text, as it stands in the result.
    pub(super) fn printed(&mut self, item: &Item<'s>, span: Span) -> Result<String, Fault> {
        self.defined(item, span)?;
        let text = match item {
            Item::Time(time) => item::iso(time),
            Item::Date(date) => date.to_string(),
            Item::Span(length) => span_text(*length),
            Item::Given(_) | Item::Made(_) => match item.json() {
                Some(Value::String(text)) => {
                    self.charge(text.len(), span)?;
                    return Ok(text.clone());
                }
                Some(Value::Number(number)) => number_text(number),
                // As Python prints them, which is what Airflow's users expect.
                Some(Value::Bool(true)) => "True".to_owned(),
                Some(Value::Bool(false)) => "False".to_owned(),
                Some(Value::Null) | None => "None".to_owned(),
                Some(value) => {
                    self.charge(size(value), span)?;
                    return Ok(value.to_string());
                }
            },
            Item::Undefined(_) | Item::Handle(_) => {
                return Err(fault(span, format!("this is {} and cannot be written out", item.kind())));
            }
        };
        self.charge(text.len(), span)?;
        Ok(text)
    }

    /// An item as JSON.
    pub(super) fn value(&self, item: &Item<'s>, span: Span) -> Result<Value, Fault> {
        self.defined(item, span)?;
        item.to_json().ok_or_else(|| fault(span, format!("this is {} and no value", item.kind())))
    }

    /// The items of a list, the keys of a map, the letters of a text.
    pub(super) fn items(&mut self, item: &Item<'s>, span: Span) -> Result<Vec<Item<'s>>, Fault> {
        self.defined(item, span)?;
        match item {
            Item::Given(Value::Array(items)) => Ok(items.iter().map(Item::Given).collect()),
            Item::Given(_) | Item::Made(_) => match item.json() {
                Some(Value::Array(items)) => {
                    self.charge(items.iter().map(size).sum(), span)?;
                    Ok(items.iter().cloned().map(Item::made).collect())
                }
                Some(Value::Object(fields)) => Ok(fields.keys().cloned().map(Item::made).collect()),
                Some(Value::String(text)) => {
                    self.charge(text.len().saturating_mul(32), span)?;
                    Ok(text.chars().map(|letter| Item::made(letter.to_string())).collect())
                }
                _ => Err(fault(span, format!("this is {}, and no list", item.kind()))),
            },
            _ => Err(fault(span, format!("this is {}, and no list", item.kind()))),
        }
    }

    pub(super) fn arguments(&mut self, arguments: &[ast::CallArg<'_>]) -> Result<Arguments<'s>, Fault> {
        let mut found = Arguments { given: Vec::new(), named: Vec::new() };
        for argument in arguments {
            match argument {
                ast::CallArg::Pos(value) => found.given.push(self.expression(value)?),
                ast::CallArg::Kwarg(name, value) => found.named.push(((*name).to_owned(), self.expression(value)?)),
                ast::CallArg::PosSplat(value) | ast::CallArg::KwargSplat(value) => {
                    return Err(fault(value.span(), "arguments cannot be unpacked with * here"));
                }
            }
        }
        Ok(found)
    }

    pub(super) fn expression(&mut self, expression: &ast::Expr<'_>) -> Evaluated<'s> {
        self.step(expression.span())?;
        self.depth += 1;
        if self.depth > MAX_DEPTH + 10 {
            return Err(fault(expression.span(), format!("an expression is nested at most {MAX_DEPTH} levels deep")));
        }
        let evaluated = self.evaluate(expression);
        self.depth -= 1;
        evaluated
    }

    fn evaluate(&mut self, expression: &ast::Expr<'_>) -> Evaluated<'s> {
        let span = expression.span();
        match expression {
            ast::Expr::Var(var) => {
                let item = self.name(var.id);
                // These are as long as what made the run, and made anew each time.
                if var.id.starts_with("triggering_") {
                    self.charge(item.size(), var.span())?;
                }
                Ok(item)
            }
            ast::Expr::Const(constant) => self.constant(&constant.value, span),
            ast::Expr::GetAttr(attr) => {
                let item = self.expression(&attr.expr)?;
                self.defined(&item, begin(&attr.expr))?;
                let name = || written(expression);
                methods::attribute(self, &item, attr.name, name, span)
            }
            ast::Expr::GetItem(of) => {
                let item = self.expression(&of.expr)?;
                self.defined(&item, begin(&of.expr))?;
                let index = self.expression(&of.subscript_expr)?;
                self.defined(&index, begin(&of.subscript_expr))?;
                methods::subscript(self, &item, &index, || written(expression), span)
            }
            ast::Expr::Slice(slice) => {
                let item = self.expression(&slice.expr)?;
                self.defined(&item, span)?;
                let bounds = [&slice.start, &slice.stop, &slice.step].map(|bound| {
                    bound
                        .as_ref()
                        .map(|bound| self.expression(bound))
                        .transpose()
                        .map(|item| item.and_then(|item| item.json().and_then(Value::as_i64)))
                });
                let [start, stop, step] = bounds;
                methods::slice(self, &item, start?, stop?, step?, span)
            }
            ast::Expr::UnaryOp(op) => match op.op {
                ast::UnaryOpKind::Not => Ok(Item::made(!self.truth(&op.expr)?)),
                ast::UnaryOpKind::Neg => {
                    let item = self.expression(&op.expr)?;
                    self.defined(&item, span)?;
                    match &item {
                        Item::Span(length) => Ok(Item::Span(-*length)),
                        _ => methods::binary(self, ast::BinOpKind::Sub, &Item::made(0), &item, span),
                    }
                }
            },
            ast::Expr::BinOp(op) => match op.op {
                ast::BinOpKind::ScAnd | ast::BinOpKind::ScOr => {
                    let left = self.expression(&op.left)?;
                    self.defined(&left, begin(&op.left))?;
                    if left.is_true() == matches!(op.op, ast::BinOpKind::ScOr) { Ok(left) } else { self.expression(&op.right) }
                }
                kind => {
                    let (left, right) = (self.expression(&op.left)?, self.expression(&op.right)?);
                    self.defined(&left, begin(&op.left))?;
                    self.defined(&right, begin(&op.right))?;
                    methods::binary(self, kind, &left, &right, span)
                }
            },
            ast::Expr::Compare(compare) => {
                let mut left = self.expression(&compare.expr)?;
                self.defined(&left, begin(&compare.expr))?;
                for op in &compare.ops {
                    let right = self.expression(&op.expr)?;
                    self.defined(&right, begin(&op.expr))?;
                    let (kind, expected) = match op.op {
                        ast::CompareOpKind::Eq => (ast::BinOpKind::Eq, true),
                        ast::CompareOpKind::Ne => (ast::BinOpKind::Ne, true),
                        ast::CompareOpKind::Lt => (ast::BinOpKind::Lt, true),
                        ast::CompareOpKind::Lte => (ast::BinOpKind::Lte, true),
                        ast::CompareOpKind::Gt => (ast::BinOpKind::Gt, true),
                        ast::CompareOpKind::Gte => (ast::BinOpKind::Gte, true),
                        ast::CompareOpKind::In => (ast::BinOpKind::In, true),
                        ast::CompareOpKind::NotIn => (ast::BinOpKind::In, false),
                    };
                    if methods::binary(self, kind, &left, &right, span)?.is_true() != expected {
                        return Ok(Item::made(false));
                    }
                    left = right;
                }
                Ok(Item::made(true))
            }
            ast::Expr::IfExpr(cond) => {
                if self.truth(&cond.test_expr)? {
                    self.expression(&cond.true_expr)
                } else {
                    cond.false_expr.as_ref().map_or_else(|| Ok(Item::made("")), |other| self.expression(other))
                }
            }
            ast::Expr::Filter(filter) => {
                let Some(operand) = &filter.expr else { return Err(fault(span, "a filter needs a value")) };
                let item = self.expression(operand)?;
                let arguments = self.arguments(&filter.args)?;
                if !matches!(filter.name, "default" | "d") {
                    self.defined(&item, begin(operand))?;
                }
                filters::filter(self, filter.name, item, &arguments, span)
            }
            ast::Expr::Test(test) => {
                let item = self.expression(&test.expr)?;
                let arguments = self.arguments(&test.args)?;
                if !matches!(test.name, "defined" | "undefined") {
                    self.defined(&item, begin(&test.expr))?;
                }
                filters::test(self, test.name, &item, &arguments, span).map(Item::made)
            }
            ast::Expr::Call(call) => self.call(call),
            ast::Expr::List(list) => {
                let mut values = Vec::new();
                for item in &list.items {
                    let item = self.expression(item)?;
                    self.charge(item.size(), span)?;
                    values.push(self.value(&item, span)?);
                }
                Ok(Item::made(values))
            }
            ast::Expr::Map(map) => {
                let mut fields = Map::new();
                for (key, value) in map.keys.iter().zip(&map.values) {
                    let (key, value) = (self.expression(key)?, self.expression(value)?);
                    self.charge(value.size(), span)?;
                    let key = self.printed(&key, span)?;
                    fields.insert(key, self.value(&value, span)?);
                }
                Ok(Item::made(fields))
            }
        }
    }

    fn call(&mut self, call: &ast::Spanned<ast::Call<'_>>) -> Evaluated<'s> {
        let span = call.span();
        let arguments = self.arguments(&call.args)?;
        match &call.expr {
            ast::Expr::GetAttr(attr) => {
                let item = self.expression(&attr.expr)?;
                self.defined(&item, begin(&attr.expr))?;
                methods::call(self, &item, attr.name, &arguments, span)
            }
            other => {
                let function = self.expression(other)?;
                self.defined(&function, begin(other))?;
                methods::function(self, &function, &arguments, span)
            }
        }
    }

    fn constant(&mut self, value: &minijinja::Value, span: Span) -> Evaluated<'s> {
        Ok(match value.kind() {
            ValueKind::None => Item::none(),
            ValueKind::Bool => Item::made(value.is_true()),
            ValueKind::String => {
                let text = value.as_str().unwrap_or_default();
                self.charge(text.len(), span)?;
                Item::made(text)
            }
            ValueKind::Number => match (value.as_i64(), f64::try_from(value.clone())) {
                (Some(whole), _) if value.is_integer() => Item::made(whole),
                (_, Ok(float)) => Item::made(float),
                _ => return Err(fault(span, "this number is too large")),
            },
            _ => return Err(fault(span, "this cannot be written here")),
        })
    }

    fn name(&self, name: &str) -> Item<'s> {
        let local = self.locals.iter().rev().flatten().rev().find(|(local, _)| local == name);
        if let Some((_, item)) = local {
            return item.clone();
        }
        let run = &self.scope.run;
        let logical = || times::in_utc(run.logical_date);
        let day = || run.logical_date.date_naive();
        let shifted = |days: i64| day().checked_add_signed(chrono::TimeDelta::days(days)).unwrap_or_else(day);
        let moment =
            |time: Option<chrono::DateTime<chrono::Utc>>| time.map_or_else(Item::none, |time| Item::Time(times::in_utc(time)));
        let previous = self.scope.previous;
        let happened = self.scope.happened;
        let text = |text: Option<&String>| text.map_or_else(Item::none, |text| Item::made(text.as_str()));
        match name {
            "ds" => Item::made(times::ds(day())),
            "ds_nodash" => Item::made(times::ds_nodash(day())),
            "ts" => Item::made(times::ts(&logical())),
            "ts_nodash" => Item::made(times::ts_nodash(&logical())),
            "ts_nodash_with_tz" => Item::made(times::ts_nodash_with_tz(&logical())),
            "yesterday_ds" => Item::made(times::ds(shifted(-1))),
            "yesterday_ds_nodash" => Item::made(times::ds_nodash(shifted(-1))),
            "tomorrow_ds" => Item::made(times::ds(shifted(1))),
            "tomorrow_ds_nodash" => Item::made(times::ds_nodash(shifted(1))),
            "logical_date" | "execution_date" => Item::Time(logical()),
            "data_interval_start" => Item::Time(times::in_utc(run.interval.0)),
            "data_interval_end" => Item::Time(times::in_utc(run.interval.1)),
            "prev_data_interval_start_success" => moment(previous.map(|run| run.interval.0)),
            "prev_data_interval_end_success" => moment(previous.map(|run| run.interval.1)),
            "prev_start_date_success" => moment(previous.and_then(|run| run.started_at)),
            "prev_end_date_success" => moment(previous.and_then(|run| run.ended_at)),
            "triggering_asset_events" | "triggering_dataset_events" => Item::made(by_asset(run.conf)),
            "run_id" => Item::made(run.run_id),
            "task_instance_key_str" => {
                let (dag, task) = (self.scope.dag.dag_id, self.scope.task.task_id);
                Item::made(format!("{dag}__{task}__{}", times::ds_nodash(day())))
            }
            "params" => Item::Given(run.conf),
            "var" => Item::Handle(Handle::Variables),
            "conn" => Item::Handle(Handle::Connections),
            "dag_run" => Item::Handle(Handle::Run),
            "ti" | "task_instance" => Item::Handle(Handle::Instance),
            "task" => Item::Handle(Handle::Task),
            "dag" => Item::Handle(Handle::Dag),
            "macros" => Item::Handle(Handle::Macros),
            "range" => Item::Handle(Handle::Range),
            "input" => self.scope.input.map_or_else(Item::none, Item::Given),
            "item" => self.scope.item.map_or_else(Item::none, Item::Given),
            "event" => text(happened.map(|happened| &happened.event)),
            "reason" => text(happened.and_then(|happened| happened.reason.as_ref())),
            "exception" => text(happened.and_then(|happened| happened.message.as_ref())),
            "context" => happened.map_or_else(Item::none, |happened| Item::Given(&happened.context)),
            "deadline" => moment(happened.and_then(|happened| happened.deadline)),
            other => Item::Undefined(Rc::from(other)),
        }
    }
}

/// The events of assets that made a run, by the names of the assets; of a run that was made by something else, none.
fn by_asset(conf: &Value) -> Value {
    let mut found = Map::new();
    for event in conf.get("asset_events").and_then(Value::as_array).into_iter().flatten() {
        let Some(uri) = event.get("uri").and_then(Value::as_str) else { continue };
        if let Some(events) = found.entry(uri).or_insert_with(|| Value::Array(Vec::new())).as_array_mut() {
            events.push(event.clone());
        }
    }
    Value::Object(found)
}

/// A chain of attributes as it was written, for messages.
fn written(expression: &ast::Expr<'_>) -> Rc<str> {
    fn write(expression: &ast::Expr<'_>, out: &mut String) {
        match expression {
            ast::Expr::Var(var) => out.push_str(var.id),
            ast::Expr::GetAttr(attr) => {
                write(&attr.expr, out);
                out.push('.');
                out.push_str(attr.name);
            }
            ast::Expr::GetItem(item) => {
                write(&item.expr, out);
                match super::uses::constant(&item.subscript_expr) {
                    Some(name) => {
                        out.push('.');
                        out.push_str(name);
                    }
                    None => out.push_str("[…]"),
                }
            }
            _ => out.push('…'),
        }
    }
    let mut out = String::new();
    write(expression, &mut out);
    out.into()
}

/// The order of two values, where they have one.
pub(super) fn order(left: &Item<'_>, right: &Item<'_>) -> Option<Ordering> {
    match (left, right) {
        (Item::Time(left), Item::Time(right)) => Some(left.cmp(right)),
        (Item::Date(left), Item::Date(right)) => Some(left.cmp(right)),
        (Item::Span(left), Item::Span(right)) => Some(left.cmp(right)),
        _ => order_json(left.json()?, right.json()?),
    }
}

pub(super) fn order_json(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Number(a), Value::Number(b)) => match (a.as_i64(), b.as_i64()) {
            (Some(a), Some(b)) => Some(a.cmp(&b)),
            _ => a.as_f64()?.partial_cmp(&b.as_f64()?),
        },
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
        _ => None,
    }
}
