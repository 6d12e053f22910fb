//! The drawing of a dag: tasks in the boxes of their groups, assets before and after them.
//!
//! Each group is laid out by itself and is one box for the layout around it. Edges that cross its border do so at a port, from where they
//! go on inside.

use crate::core::layout::{Layout, Sized, between, lay_out_boxes};
use cofferdam_api_types::{DagDetail, DagEdge, DagTask};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The strip at the top of a group that has its name.
pub const HEAD: f64 = 30.0;
/// The margin that a layout has around it, which the head of a group covers.
const MARGIN: f64 = 16.0;

/// What stands at a place of the drawing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum What {
    /// A task.
    Task(String),
    /// A group that is folded.
    Group(String),
    /// An asset.
    Asset(String),
}

impl What {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Task(name) | Self::Group(name) | Self::Asset(name) => name,
        }
    }
}

/// Something with its place: the upper left corner.
#[derive(Clone, Debug, PartialEq)]
pub struct Placed {
    /// What it is.
    pub what: What,
    /// From the left.
    pub x: f64,
    /// From the top.
    pub y: f64,
}

/// A group that is open.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// From the left.
    pub x: f64,
    /// From the top.
    pub y: f64,
    /// Its width.
    pub width: f64,
    /// Its height.
    pub height: f64,
}

/// An edge, or the part of it on one side of a group's border.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// An SVG path.
    pub path: String,
    /// By how much it is moved.
    pub at: (f64, f64),
    /// What it leaves, when that is not a border.
    pub from: Option<What>,
    /// What it enters, when that is not a border.
    pub to: Option<What>,
    /// The data that goes along it, and where that can be written.
    pub label: Option<(String, f64, f64)>,
    /// Whether it ends with the tip of an arrow.
    pub tip: bool,
}

/// A drawing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Drawing {
    /// Width of the whole.
    pub width: f64,
    /// Height of the whole.
    pub height: f64,
    /// Tasks, folded groups and assets.
    pub nodes: Vec<Placed>,
    /// Open groups, those around others before them.
    pub frames: Vec<Frame>,
    /// Edges.
    pub lines: Vec<Line>,
    /// Where edges from outside go on, and where those to the outside end; from the top.
    pub ports: (Option<f64>, Option<f64>),
}

/// A group and all around it, the outermost first.
pub fn chain(group: &str) -> impl Iterator<Item = &str> {
    group.match_indices('.').map(|(at, _)| &group[..at]).chain(std::iter::once(group))
}

/// The name of a group without those around it.
#[must_use]
pub fn short(group: &str) -> &str {
    group.rsplit('.').next().unwrap_or(group)
}

/// The tasks of a group and of the groups in it.
pub fn members<'a>(detail: &'a DagDetail, group: &'a str) -> impl Iterator<Item = &'a DagTask> {
    detail.tasks.iter().filter(move |task| task.group.as_ref().is_some_and(|of| chain(of.as_str()).any(|one| one == group)))
}

/// What a task is beyond a component that runs when all before it succeeded: icon and words.
#[must_use]
pub fn traits(task: &DagTask, definition: &Value) -> Vec<(&'static str, String)> {
    let mut all: Vec<(&'static str, String)> = Vec::new();
    if is_mapped(task.task_id.as_str(), definition) {
        all.push(("layers", "Mapped: it runs once for each item of a list".to_owned()));
    }
    match task.decides.as_deref() {
        Some("short_circuit") => {
            all.push(("short-circuit", "Short circuit: a falsy result skips what comes after it".to_owned()))
        }
        Some(_) => all.push(("branch", "Branch: its result chooses which tasks run".to_owned())),
        None => {}
    }
    match (task.kind.as_str(), &task.run_dag) {
        (_, Some(dag)) => all.push(("external", format!("Runs the dag {dag}"))),
        ("approval", _) => all.push(("hand", "Approval: it waits for a person".to_owned())),
        _ => {}
    }
    if task.is_setup {
        all.push(("setup", "Setup: it prepares what a teardown removes".to_owned()));
    }
    if task.is_teardown {
        all.push(("teardown", "Teardown: it removes what setups have prepared".to_owned()));
    }
    all
}

/// The trigger rule of a task, when it is not the usual one.
#[must_use]
pub fn rule(task: &DagTask) -> Option<String> {
    (task.trigger_rule != "all_success" && !task.is_teardown).then(|| task.trigger_rule.replace('_', " "))
}

/// A task of the definition.
#[must_use]
pub fn defined<'a>(task_id: &str, definition: &'a Value) -> Option<&'a Value> {
    definition.get("tasks")?.as_array()?.iter().find(|task| task.get("task_id").is_some_and(|id| id == task_id))
}

/// Whether a task is mapped, by itself or with a group.
#[must_use]
pub fn is_mapped(task_id: &str, definition: &Value) -> bool {
    let mapped = |it: &Value| it.get("expand").is_some_and(|expand| !expand.is_null());
    let Some(task) = defined(task_id, definition) else { return false };
    let group = |name: &str| definition.get("groups").and_then(|groups| groups.get(name)).is_some_and(mapped);
    mapped(task) || task.get("group").and_then(Value::as_str).is_some_and(|of| chain(of).any(group))
}

/// The assets that a task produces.
#[must_use]
pub fn produces(task: &Value) -> Vec<String> {
    let name = |it: &Value| it.as_str().or_else(|| it.get("asset")?.as_str()).map(str::to_owned);
    task.get("produces").and_then(Value::as_array).map(|all| all.iter().filter_map(name).collect()).unwrap_or_default()
}

/// The assets that the schedule of a dag names.
#[must_use]
pub fn waits_for(definition: &Value) -> BTreeSet<String> {
    fn texts(value: &Value, into: &mut BTreeSet<String>) {
        match value {
            Value::String(text) => drop(into.insert(text.clone())),
            Value::Array(items) => items.iter().for_each(|item| texts(item, into)),
            Value::Object(map) => map.values().for_each(|item| texts(item, into)),
            _ => {}
        }
    }
    let mut found = BTreeSet::new();
    let items = match definition.get("schedule") {
        Some(Value::Array(items)) => items.iter().collect(),
        Some(item) => vec![item],
        None => Vec::new(),
    };
    for item in items {
        if let Some(condition) = item.get("assets") {
            texts(condition, &mut found);
        }
    }
    found
}

/// What each task takes from which: `(upstream, downstream)` to the keys of the input.
#[must_use]
pub fn data_edges(definition: &Value) -> BTreeMap<(String, String), Vec<String>> {
    fn sources(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(map) => {
                if let Some(Value::String(from)) = map.get("$from") {
                    found.insert(from.clone());
                }
                map.values().for_each(|value| sources(value, found));
            }
            Value::Array(items) => items.iter().for_each(|item| sources(item, found)),
            _ => {}
        }
    }
    let mut edges: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    let tasks = definition.get("tasks").and_then(Value::as_array);
    for task in tasks.into_iter().flatten() {
        let Some(name) = task.get("task_id").and_then(Value::as_str) else { continue };
        let parts = [task.get("input"), task.get("expand").and_then(|expand| expand.get("over"))];
        for part in parts.into_iter().flatten() {
            // An input that is taken whole has no keys.
            let whole = Value::Object([(String::new(), part.clone())].into_iter().collect());
            let keyed = if part.get("$from").is_some() { &whole } else { part };
            for (key, value) in keyed.as_object().into_iter().flatten() {
                let mut found = BTreeSet::new();
                sources(value, &mut found);
                for from in found {
                    let keys = edges.entry((from, name.to_owned())).or_default();
                    if !key.is_empty() && !keys.contains(key) {
                        keys.push(key.clone());
                    }
                }
            }
        }
    }
    edges
}

/// The edges of a dag between the places of its tasks.
#[must_use]
pub fn edges(tasks: &[DagTask], edges: &[DagEdge]) -> Vec<(usize, usize)> {
    let names = tasks.iter().map(|task| task.task_id.as_str());
    between(names, edges.iter().map(|edge| (edge.upstream.as_str(), edge.downstream.as_str())))
}

/// Draws a dag. Groups for which `is_folded` holds are one box each.
#[must_use]
pub fn draw(detail: &DagDetail, is_folded: &dyn Fn(&str) -> bool) -> Drawing {
    let edges = edges(&detail.tasks, &detail.edges);
    let data = data_edges(&detail.definition);
    let tasks = &detail.tasks;
    let of = |from: usize, to: usize| {
        let keys = data.get(&(tasks[from].task_id.to_string(), tasks[to].task_id.to_string()))?;
        (!keys.is_empty()).then(|| keys.join(", "))
    };
    let artist = Artist { detail, edges: &edges, is_folded, label: &of };
    artist.group(None)
}

/// Draws boxes that are not in groups, by their names.
#[must_use]
pub fn plain(names: &[String], layout: &Layout) -> Drawing {
    let what = |index: usize| What::Task(names[index].clone());
    let nodes = layout.nodes.iter().enumerate().map(|(index, &(x, y))| Placed { what: what(index), x, y }).collect();
    let line = |edge: &crate::core::layout::Edge| Line {
        path: edge.path.clone(),
        at: (0.0, 0.0),
        from: Some(what(edge.from)),
        to: Some(what(edge.to)),
        label: None,
        tip: true,
    };
    let lines = layout.edges.iter().map(line).collect();
    Drawing { width: layout.width, height: layout.height, nodes, lines, ..Drawing::default() }
}

struct Artist<'a> {
    detail: &'a DagDetail,
    edges: &'a [(usize, usize)],
    is_folded: &'a dyn Fn(&str) -> bool,
    label: &'a dyn Fn(usize, usize) -> Option<String>,
}

/// What a box of a layout stands for.
enum Item {
    Node(What),
    Open(String, Option<String>, Drawing),
    Entry,
    Exit,
}

impl Artist<'_> {
    /// The drawing of what is in a group, or of everything.
    fn group(&self, group: Option<&str>) -> Drawing {
        let mut items: Vec<Item> = Vec::new();
        let mut boxes: Vec<Sized> = Vec::new();
        let mut of_group: HashMap<&str, usize> = HashMap::new();
        // Where each task is in this layout: its own box, or that of the group that it is in.
        let mut at: Vec<Option<usize>> = vec![None; self.detail.tasks.len()];
        for (index, task) in self.detail.tasks.iter().enumerate() {
            let around: Vec<&str> = task.group.as_ref().map(|group| chain(group.as_str()).collect()).unwrap_or_default();
            let depth = match group {
                None => Some(0),
                Some(group) => around.iter().position(|one| *one == group).map(|at| at + 1),
            };
            let Some(depth) = depth else { continue };
            at[index] = Some(match around.get(depth) {
                None => {
                    items.push(Item::Node(What::Task(task.task_id.to_string())));
                    boxes.push(Sized::TASK);
                    items.len() - 1
                }
                Some(inner) => *of_group.entry(inner).or_insert_with(|| {
                    let (item, sized) = self.inner(inner);
                    items.push(item);
                    boxes.push(sized);
                    items.len() - 1
                }),
            });
        }
        let mut pairs: BTreeMap<(usize, usize), Option<String>> = BTreeMap::new();
        let (mut entry, mut exit) = (None, None);
        for &(from, to) in self.edges {
            let mut port = |slot: &mut Option<usize>, item: Item| {
                *slot.get_or_insert_with(|| {
                    items.push(item);
                    boxes.push(Sized::of(1.0, 1.0));
                    items.len() - 1
                })
            };
            let pair = match (at[from], at[to]) {
                (Some(from), Some(to)) => (from, to),
                (None, Some(to)) => (port(&mut entry, Item::Entry), to),
                (Some(from), None) => (from, port(&mut exit, Item::Exit)),
                (None, None) => continue,
            };
            let label = matches!((&items[pair.0], &items[pair.1]), (Item::Node(What::Task(_)), Item::Node(What::Task(_))))
                .then(|| (self.label)(from, to))
                .flatten();
            pairs.entry(pair).or_insert(label);
        }
        if group.is_none() {
            self.assets(&at, &mut items, &mut boxes, &mut pairs);
        }
        let keys: Vec<(usize, usize)> = pairs.keys().copied().collect();
        let layout = lay_out_boxes(&boxes, &keys);
        let mut drawing = Drawing { width: layout.width, height: layout.height, ..Drawing::default() };
        let is_port = |index: usize| matches!(items[index], Item::Entry | Item::Exit);
        let what = |index: usize| match &items[index] {
            Item::Node(what) => Some(what.clone()),
            _ => None,
        };
        for edge in layout.edges {
            let label = pairs.get(&(edge.from, edge.to)).cloned().flatten();
            let mut path = edge.path;
            if matches!(items[edge.from], Item::Entry) {
                path = path.replacen('M', &format!("M0 {:.1}L", layout.nodes[edge.from].1 + 0.5), 1);
            }
            if matches!(items[edge.to], Item::Exit) {
                path.push_str(&format!("L{:.1} {:.1}", layout.width, layout.nodes[edge.to].1 + 0.5));
            }
            drawing.lines.push(Line {
                path,
                at: (0.0, 0.0),
                from: what(edge.from),
                to: what(edge.to),
                label: label.map(|label| (label, edge.label.0, edge.label.1)),
                tip: !is_port(edge.to),
            });
        }
        for (item, (x, y)) in items.into_iter().zip(layout.nodes) {
            match item {
                Item::Node(what) => drawing.nodes.push(Placed { what, x, y }),
                Item::Entry => drawing.ports.0 = Some(y + 0.5),
                Item::Exit => drawing.ports.1 = Some(y + 0.5),
                Item::Open(name, description, inner) => drawing.take(name, description, inner, (x, y)),
            }
        }
        drawing
    }

    fn inner(&self, name: &str) -> (Item, Sized) {
        if (self.is_folded)(name) {
            return (Item::Node(What::Group(name.to_owned())), Sized::TASK);
        }
        let inner = self.group(Some(name));
        let description =
            self.detail.groups.iter().find(|group| group.name.as_str() == name).and_then(|group| group.description.clone());
        let (width, height) = (inner.width, inner.height + HEAD - MARGIN / 2.0);
        let down = HEAD - MARGIN / 2.0;
        let sized = Sized {
            width,
            height,
            enter: inner.ports.0.map_or(height / 2.0, |port| port + down),
            leave: inner.ports.1.map_or(height / 2.0, |port| port + down),
        };
        (Item::Open(name.to_owned(), description, inner), sized)
    }

    fn assets(
        &self,
        at: &[Option<usize>],
        items: &mut Vec<Item>,
        boxes: &mut Vec<Sized>,
        pairs: &mut BTreeMap<(usize, usize), Option<String>>,
    ) {
        let mut add = |uri: String| {
            items.push(Item::Node(What::Asset(uri)));
            boxes.push(Sized::TASK);
            items.len() - 1
        };
        let wanted: Vec<usize> = waits_for(&self.detail.definition).into_iter().map(&mut add).collect();
        let mut made: BTreeMap<String, usize> = BTreeMap::new();
        let mut outputs: Vec<(usize, usize)> = Vec::new();
        for (index, task) in self.detail.tasks.iter().enumerate() {
            let Some(defined) = defined(task.task_id.as_str(), &self.detail.definition) else { continue };
            for uri in produces(defined) {
                let asset = *made.entry(uri.clone()).or_insert_with(|| add(uri));
                outputs.extend(at[index].map(|at| (at, asset)));
            }
        }
        let first: BTreeSet<usize> =
            (0..at.len()).filter(|index| !self.edges.iter().any(|(_, to)| to == index)).filter_map(|index| at[index]).collect();
        let inputs = wanted.iter().flat_map(|asset| first.iter().map(|task| (*asset, *task)));
        for pair in inputs.chain(outputs).collect::<Vec<_>>() {
            pairs.entry(pair).or_insert(None);
        }
    }
}

impl Drawing {
    /// Takes in the drawing of a group, whose box stands at `at`.
    fn take(&mut self, name: String, description: Option<String>, inner: Self, at: (f64, f64)) {
        let height = inner.height + HEAD - MARGIN / 2.0;
        self.frames.push(Frame { name, description, x: at.0, y: at.1, width: inner.width, height });
        let (x, y) = (at.0, at.1 + HEAD - MARGIN / 2.0);
        self.frames.extend(inner.frames.into_iter().map(|frame| Frame { x: frame.x + x, y: frame.y + y, ..frame }));
        self.nodes.extend(inner.nodes.into_iter().map(|node| Placed { x: node.x + x, y: node.y + y, ..node }));
        self.lines.extend(inner.lines.into_iter().map(|line| Line { at: (line.at.0 + x, line.at.1 + y), ..line }));
    }

    /// Where something stands.
    #[must_use]
    pub fn find(&self, what: &What) -> Option<(f64, f64)> {
        self.nodes.iter().find(|node| node.what == *what).map(|node| (node.x, node.y))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::layout::{NODE_HEIGHT, NODE_WIDTH};
    use serde_json::json;

    fn task(name: &str, group: Option<&str>) -> Value {
        json!({ "task_id": name, "kind": "component", "component": "a/b", "digest": null, "run_dag": null, "group": group, "decides": null,
            "is_setup": false, "is_teardown": false, "trigger_rule": "all_success", "max_tries": 1, "pool": "default_pool",
            "queue": "default", "priority": 0, "timeout_ms": 1000 })
    }

    fn detail(tasks: &[(&str, Option<&str>)], edges: &[(&str, &str)], definition: &Value) -> DagDetail {
        let edges: Vec<Value> = edges.iter().map(|(a, b)| json!({ "upstream": a, "downstream": b })).collect();
        let tasks: Vec<Value> = tasks.iter().map(|(name, group)| task(name, *group)).collect();
        let airflow = serde_json::to_value(cofferdam_api_types::AirflowDag::default()).unwrap();
        let mut whole = json!({ "dag_id": "d", "description": null, "is_paused": false, "tags": [], "owners": [], "schedule": null,
            "schedule_in_words": null, "timezone": "UTC", "next_run": null, "recent_runs": [], "version_number": 1, "revision": 1,
            "max_active_runs": 1, "created_at": "2026-11-21T06:00:00Z", "updated_at": "2026-11-21T06:00:00Z",
            "definition": definition, "tasks": tasks, "groups": [], "edges": edges, "versions": [] });
        for (name, value) in airflow.as_object().unwrap() {
            whole.as_object_mut().unwrap().entry(name.clone()).or_insert(value.clone());
        }
        serde_json::from_value(whole).unwrap()
    }

    fn nested() -> DagDetail {
        let tasks = [("a", None), ("b", Some("g")), ("c", Some("g.h")), ("d", Some("g.h")), ("e", Some("g")), ("f", None)];
        detail(&tasks, &[("a", "b"), ("b", "c"), ("c", "d"), ("d", "e"), ("e", "f"), ("a", "f"), ("a", "d")], &json!({}))
    }

    #[test]
    fn tasks_stand_in_the_boxes_of_their_groups() {
        let drawing = draw(&nested(), &|_| false);
        assert_eq!((drawing.nodes.len(), drawing.frames.len()), (6, 2));
        let inside = |frame: &Frame, x: f64, y: f64, w: f64, h: f64| {
            x > frame.x && y > frame.y + HEAD / 2.0 && x + w < frame.x + frame.width && y + h < frame.y + frame.height
        };
        let frame = |name: &str| drawing.frames.iter().find(|frame| frame.name == name).unwrap();
        for (name, group, is_in) in
            [("b", "g", true), ("c", "g", true), ("c", "g.h", true), ("b", "g.h", false), ("a", "g", false), ("f", "g", false)]
        {
            let (x, y) = drawing.find(&What::Task(name.to_owned())).unwrap();
            assert_eq!(inside(frame(group), x, y, NODE_WIDTH, NODE_HEIGHT), is_in, "{name} in {group}");
        }
        let (inner, outer) = (frame("g.h"), frame("g"));
        assert!(inside(outer, inner.x, inner.y, inner.width, inner.height));
        assert!(drawing.frames[0].name == "g", "the outer box is drawn first");
    }

    #[test]
    fn a_folded_group_is_one_box_and_its_edges_once() {
        let drawing = draw(&nested(), &|group| group == "g");
        let names: BTreeSet<&str> = drawing.nodes.iter().map(|node| node.what.name()).collect();
        assert_eq!(names, BTreeSet::from(["a", "f", "g"]));
        assert_eq!(drawing.lines.len(), 3, "{:?}", drawing.lines);
        let open = draw(&nested(), &|group| group == "g.h");
        assert!(open.find(&What::Group("g.h".to_owned())).is_some() && open.find(&What::Task("b".to_owned())).is_some());
    }

    #[test]
    fn assets_stand_before_and_after() {
        let definition = json!({ "schedule": [{ "assets": { "all": ["s3://in", { "any": ["s3://other"] }] } }, "0 6 * * *"],
            "tasks": [{ "task_id": "a" }, { "task_id": "b", "produces": ["s3://out", { "asset": "s3://report", "extra": "x" }],
                "input": { "rows": { "$from": "a", "path": "/rows" }, "more": [{ "$from": "a" }] } }] });
        let drawing = draw(&detail(&[("a", None), ("b", None)], &[("a", "b")], &definition), &|_| false);
        let x = |what: What| drawing.find(&what).unwrap().0;
        let (a, b) = (x(What::Task("a".to_owned())), x(What::Task("b".to_owned())));
        assert!(x(What::Asset("s3://in".to_owned())) < a && x(What::Asset("s3://other".to_owned())) < a);
        assert!(x(What::Asset("s3://out".to_owned())) > b && x(What::Asset("s3://report".to_owned())) > b);
        let label = drawing.lines.iter().find_map(|line| line.label.as_ref()).map(|label| label.0.as_str());
        assert_eq!(label, Some("more, rows"));
    }

    #[test]
    fn a_thousand_tasks_are_drawn() {
        let names: Vec<String> = (0..1_000).map(|n| format!("t{n}")).collect();
        let tasks: Vec<(&str, Option<&str>)> = names.iter().map(|name| (name.as_str(), None)).collect();
        let edges: Vec<(&str, &str)> = (10..1_000).map(|n| (names[n - 10].as_str(), names[n].as_str())).collect();
        let drawing = draw(&detail(&tasks, &edges, &json!({})), &|_| false);
        assert_eq!((drawing.nodes.len(), drawing.lines.len()), (1_000, 990));
    }
}
