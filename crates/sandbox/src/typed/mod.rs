//! Typed functions: any function with ordinary WIT types can be a task.
//!
//! The mapping between JSON and types is [`cofferdam_domain::wit`]'s. Here are its two ends in the runtime: [`described`] reads
//! functions and their documentation from the WIT of an upload, and [`shape`] from a loaded component; [`values`] makes values
//! of the runtime from JSON and JSON from them; [`TypedFunction`] is one that can be called.

pub(crate) mod described;
pub(crate) mod docs;
mod ending;
mod shape;
#[cfg(test)]
mod tests;
mod values;

use cofferdam_domain::wit::{MAX_DEPTH, MAX_PARTS, MAX_TEXT, Mismatch, WitFunction};
use parking_lot::RwLock;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, ComponentExportIndex, Val};

pub(crate) use ending::ending;
pub(crate) use values::{Values, encode};

/// A typed function of a loaded component.
pub(crate) struct TypedFunction {
    pub function: WitFunction,
    pub export: ComponentExportIndex,
}

impl TypedFunction {
    /// Its arguments, from the text of an input.
    pub(crate) fn arguments(&self, input: &str, is_open: bool) -> Result<Vec<Val>, Mismatch> {
        let input: Value = serde_json::from_str(input).map_err(|error| Mismatch {
            pointer: String::new(),
            expected: "JSON".to_owned(),
            found: format!("a text that is not: {error}"),
        })?;
        self.function.decode(&input, &mut values::Values { is_open })
    }
}

/// The typed functions of a loaded component, each looked up when it is first called.
#[derive(Default)]
pub(crate) struct TypedFunctions(RwLock<HashMap<(Option<String>, String), Found>>);

/// A function, or why it cannot be called.
pub(crate) type Found = Result<Arc<TypedFunction>, String>;

/// More names than this are not kept: they come from a component's user, and only those that exist are of use again.
const KEPT: usize = 1_000;

impl TypedFunctions {
    /// The function of that name.
    pub(crate) fn get(&self, component: &Component, interface: Option<&str>, name: &str) -> Found {
        let key = (interface.map(str::to_owned), name.to_owned());
        if let Some(found) = self.0.read().get(&key) {
            return found.clone();
        }
        let found = find(component, interface, name).map(Arc::new);
        let mut known = self.0.write();
        if known.len() < KEPT {
            known.insert(key, found.clone());
        }
        found
    }
}

fn find(component: &Component, interface: Option<&str>, name: &str) -> Result<TypedFunction, String> {
    let missing = || match interface {
        Some(interface) => format!("the component exports no function '{interface}#{name}'"),
        None => format!("the component exports no function '{name}'"),
    };
    let instance = match interface {
        None => None,
        Some(interface) => Some(component.get_export_index(None, interface).ok_or_else(missing)?),
    };
    let Some((ComponentItem::ComponentFunc(ty), export)) = component.get_export(instance.as_ref(), name) else {
        return Err(missing());
    };
    let mut function = WitFunction {
        interface: interface.map(str::to_owned),
        name: name.to_owned(),
        params: Vec::new(),
        result: None,
        docs: None,
        refused: None,
    };
    (function.params, function.result) =
        shape::of(&ty).map_err(|why| format!("the function '{}' cannot be called with JSON: {why}", function.path()))?;
    Ok(TypedFunction { function, export })
}

/// Bounds the types of one function, which may refer to each other many times over.
struct Budget {
    parts: usize,
    depth: usize,
    text: usize,
}

impl Budget {
    const fn new() -> Self {
        Self { parts: 0, depth: 0, text: 0 }
    }

    /// A name, which is kept as often as it is used. One that fills a line of kilobytes would otherwise fill the memory.
    fn name(&mut self, name: &str) -> Result<String, String> {
        self.text += name.len();
        if self.text > MAX_TEXT {
            return Err(format!("the names in its types have more than {} KiB in all", MAX_TEXT >> 10));
        }
        Ok(name.to_owned())
    }

    /// Goes one level into a type.
    fn enter<T>(&mut self, inside: impl FnOnce(&mut Self) -> Result<T, String>) -> Result<T, String> {
        self.parts += 1;
        if self.parts > MAX_PARTS {
            return Err(format!("its types have more than {MAX_PARTS} parts"));
        }
        if self.depth == MAX_DEPTH {
            return Err(format!("its types are nested more than {MAX_DEPTH} levels deep"));
        }
        self.depth += 1;
        let found = inside(self);
        self.depth -= 1;
        found
    }
}

/// Why a type cannot be written as JSON.
const RESOURCE: &str = "it takes or returns a resource, which lives inside the component";
const ASYNCHRONOUS: &str = "it takes or returns a stream, a future or an error context";
