//! Where the tasks of a dag stand on the page: in layers, from left to right, with edges that pass no task.

use rust_sugiyama::configure::{Config, CrossingMinimization};
use rust_sugiyama::from_vertices_and_edges;
use std::collections::{BTreeSet, HashMap};
use std::fmt::Write;

/// The size of a task's box.
pub const NODE_WIDTH: f64 = 184.0;
/// See [`NODE_WIDTH`].
pub const NODE_HEIGHT: f64 = 46.0;

const LAYER_GAP: f64 = 40.0;
const ROW_GAP: f64 = 20.0;
const MARGIN: f64 = 16.0;
/// The height that a passing edge takes in a layer.
const LANE: f64 = 10.0;

/// A laid-out graph. Positions are the upper left corners of the boxes.
#[derive(Clone, Debug, PartialEq)]
pub struct Layout {
    /// Width of the whole.
    pub width: f64,
    /// Height of the whole.
    pub height: f64,
    /// Position of each task, in the order given.
    pub nodes: Vec<(f64, f64)>,
    /// Each edge with the path that draws it.
    pub edges: Vec<Edge>,
}

/// An edge as it is drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct Edge {
    /// The task it leaves.
    pub from: usize,
    /// The task it enters.
    pub to: usize,
    /// An SVG path.
    pub path: String,
    /// The middle of its last bend, for a label.
    pub label: (f64, f64),
}

/// The layer of each task: the length of the longest way to it. `None` when the edges run in a circle.
fn layers(tasks: usize, edges: &BTreeSet<(usize, usize)>) -> Option<Vec<usize>> {
    let mut layer = vec![0; tasks];
    let mut waiting = vec![0; tasks];
    for &(_, to) in edges {
        waiting[to] += 1;
    }
    let mut ready: Vec<usize> = (0..tasks).filter(|&task| waiting[task] == 0).collect();
    let mut done = 0;
    while let Some(task) = ready.pop() {
        done += 1;
        for &(_, to) in edges.range((task, 0)..=(task, usize::MAX)) {
            layer[to] = layer[to].max(layer[task] + 1);
            waiting[to] -= 1;
            if waiting[to] == 0 {
                ready.push(to);
            }
        }
    }
    (done == tasks).then_some(layer)
}

/// Edges between names as edges between their places. Those from or to a name that is not there are left out.
pub fn between<'a>(names: impl Iterator<Item = &'a str>, edges: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<(usize, usize)> {
    let place: HashMap<&str, usize> = names.enumerate().map(|(at, name)| (name, at)).collect();
    edges.filter_map(|(from, to)| Some((*place.get(from)?, *place.get(to)?))).collect()
}

/// The tasks in an order in which each comes after those it waits for; of two that are free, the first given first.
#[must_use]
pub fn topological(tasks: usize, edges: &[(usize, usize)]) -> Vec<usize> {
    let layer = layers(tasks, &clean(tasks, edges)).unwrap_or_else(|| vec![0; tasks]);
    let mut order: Vec<usize> = (0..tasks).collect();
    order.sort_by_key(|&task| layer[task]);
    order
}

/// Edges once each, between tasks that exist, none from a task to itself.
fn clean(tasks: usize, edges: &[(usize, usize)]) -> BTreeSet<(usize, usize)> {
    edges.iter().copied().filter(|&(from, to)| from != to && from < tasks && to < tasks).collect()
}

/// A box that is laid out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sized {
    /// Its width.
    pub width: f64,
    /// Its height.
    pub height: f64,
    /// Where edges enter its left side, from its top.
    pub enter: f64,
    /// Where edges leave its right side, from its top.
    pub leave: f64,
}

impl Sized {
    /// The box of a task.
    pub const TASK: Self = Self { width: NODE_WIDTH, height: NODE_HEIGHT, enter: NODE_HEIGHT / 2.0, leave: NODE_HEIGHT / 2.0 };

    /// A box whose edges meet it in the middle of its sides.
    #[must_use]
    pub const fn of(width: f64, height: f64) -> Self {
        Self { width, height, enter: height / 2.0, leave: height / 2.0 }
    }
}

/// Lays out `tasks` tasks; see [`lay_out_boxes`].
#[must_use]
pub fn lay_out(tasks: usize, edges: &[(usize, usize)]) -> Layout {
    lay_out_boxes(&vec![Sized::TASK; tasks], edges)
}

/// Lays out boxes. Edges that form a circle are left out; the server refuses such a dag, so this only keeps the
/// page alive.
///
/// `rust-sugiyama` places vertices but routes no edges, so every edge that crosses a layer is split here into one small vertex
/// per layer crossed, and their positions are its route.
#[must_use]
pub fn lay_out_boxes(boxes: &[Sized], edges: &[(usize, usize)]) -> Layout {
    let tasks = boxes.len();
    let mut edges = clean(tasks, edges);
    let layer = layers(tasks, &edges).unwrap_or_else(|| {
        edges.clear();
        vec![0; tasks]
    });

    let mut owner_layer: Vec<usize> = layer.clone();
    let mut pieces: Vec<(u32, u32)> = Vec::new();
    let mut routes: Vec<(usize, usize, Vec<usize>)> = Vec::new();
    for &(from, to) in &edges {
        let mut before = from;
        let mut route = Vec::new();
        for crossed in layer[from] + 1..layer[to] {
            let lane = owner_layer.len();
            owner_layer.push(crossed);
            pieces.push((before as u32, lane as u32));
            route.push(lane);
            before = lane;
        }
        pieces.push((before as u32, to as u32));
        routes.push((from, to, route));
    }

    let mut heights: Vec<f64> = boxes.iter().map(|it| it.height).collect();
    heights.resize(owner_layer.len(), LANE);
    let mut rows = rows(&heights, &pieces);
    spread(&mut rows, &heights, &owner_layer);

    // Where each layer begins, and how wide it is.
    let count = owner_layer.iter().max().map_or(0, |last| last + 1);
    let mut widths = vec![0.0_f64; count];
    for (task, it) in boxes.iter().enumerate() {
        widths[layer[task]] = widths[layer[task]].max(it.width);
    }
    let mut starts = Vec::with_capacity(count);
    let mut at = MARGIN;
    for width in &widths {
        starts.push(at);
        at += width + LAYER_GAP;
    }
    let top = |task: usize| rows[task] - boxes[task].height / 2.0;
    let nodes: Vec<(f64, f64)> = (0..tasks).map(|task| (starts[layer[task]], top(task))).collect();
    let edges = routes
        .into_iter()
        .map(|(from, to, route)| {
            let y = top(from) + boxes[from].leave;
            let mut pen = Pen::at(starts[layer[from]] + boxes[from].width, y);
            // A box may be narrower than its layer.
            if boxes[from].width < widths[layer[from]] {
                pen.bend_to(starts[layer[from]] + widths[layer[from]], y);
            }
            for lane in route {
                pen.bend_to(starts[owner_layer[lane]], rows[lane]);
                pen.bend_to(starts[owner_layer[lane]] + widths[owner_layer[lane]], rows[lane]);
            }
            let before = (pen.x, pen.y);
            let end = (starts[layer[to]] - 7.0, top(to) + boxes[to].enter);
            pen.bend_to(end.0, end.1);
            Edge { from, to, path: pen.path, label: ((before.0 + end.0) / 2.0, (before.1 + end.1) / 2.0) }
        })
        .collect();
    Layout {
        width: nodes.iter().zip(boxes).map(|(node, it)| node.0 + it.width).fold(0.0, f64::max) + MARGIN,
        height: rows.iter().zip(&heights).map(|(row, height)| row + height / 2.0).fold(0.0, f64::max) + MARGIN,
        nodes,
        edges,
    }
}

/// Moves what overlaps in a layer apart, downwards: the library knows of sizes, and rounds.
fn spread(rows: &mut [f64], heights: &[f64], layer: &[usize]) {
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by(|&a, &b| layer[a].cmp(&layer[b]).then(rows[a].total_cmp(&rows[b])));
    for pair in 1..order.len() {
        let (above, below) = (order[pair - 1], order[pair]);
        if layer[above] == layer[below] {
            let least = rows[above] + (heights[above] + heights[below]) / 2.0 + ROW_GAP / 4.0;
            rows[below] = rows[below].max(least);
        }
    }
}

/// The vertical middle of every vertex, tasks first, then lanes.
fn rows(heights: &[f64], pieces: &[(u32, u32)]) -> Vec<f64> {
    let vertices = heights.len();
    let mut rows = vec![0.0; vertices];
    let mut linked = vec![false; vertices];
    for &(from, to) in pieces {
        linked[from as usize] = true;
        linked[to as usize] = true;
    }
    // The library lays out from top to bottom; here layers run to the right, so a box's height is its width there.
    let sizes: Vec<(u32, (f64, f64))> =
        (0..vertices).filter(|&vertex| linked[vertex]).map(|vertex| (vertex as u32, (heights[vertex], NODE_WIDTH))).collect();
    let config = Config {
        vertex_spacing: ROW_GAP,
        dummy_vertices: true,
        dummy_size: LANE / ROW_GAP,
        c_minimization: CrossingMinimization::Barycenter,
        transpose: vertices < 400,
        ..Config::default()
    };
    let mut parts: Vec<Vec<(usize, f64)>> = if sizes.is_empty() {
        Vec::new()
    } else {
        from_vertices_and_edges(&sizes, pieces, &config)
            .into_iter()
            .map(|(part, _, _)| part.into_iter().map(|(vertex, (across, _))| (vertex, across)).collect())
            .collect()
    };
    // Vertices come back by their position in `sizes`.
    let names: HashMap<usize, usize> = sizes.iter().enumerate().map(|(i, (vertex, _))| (i, *vertex as usize)).collect();
    for part in &mut parts {
        for (vertex, _) in part.iter_mut() {
            *vertex = names.get(vertex).copied().unwrap_or(*vertex);
        }
    }
    parts.sort_by_key(|part| part.iter().map(|(vertex, _)| *vertex).min());
    parts.extend((0..vertices).filter(|&vertex| !linked[vertex]).map(|vertex| vec![(vertex, 0.0)]));
    let mut top = MARGIN;
    for part in parts {
        let low = part.iter().map(|(vertex, across)| across - heights[*vertex] / 2.0).fold(f64::MAX, f64::min);
        let high = part.iter().map(|(vertex, across)| across + heights[*vertex] / 2.0).fold(f64::MIN, f64::max);
        for (vertex, across) in part {
            rows[vertex] = top + across - low;
        }
        top += high - low + ROW_GAP;
    }
    rows
}

/// Draws a line that leaves and enters every point level.
struct Pen {
    x: f64,
    y: f64,
    path: String,
}

impl Pen {
    fn at(x: f64, y: f64) -> Self {
        Self { x, y, path: format!("M{x:.1} {y:.1}") }
    }

    fn bend_to(&mut self, x: f64, y: f64) {
        if (y - self.y).abs() < 0.5 {
            let _ = write!(self.path, "L{x:.1} {y:.1}");
        } else {
            let middle = (self.x + x) / 2.0;
            let _ = write!(self.path, "C{middle:.1} {:.1} {middle:.1} {y:.1} {x:.1} {y:.1}", self.y);
        }
        (self.x, self.y) = (x, y);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overlapping(layout: &Layout) -> Option<(usize, usize)> {
        let n = layout.nodes.len();
        (0..n).flat_map(|a| (a + 1..n).map(move |b| (a, b))).find(|&(a, b)| {
            let ((ax, ay), (bx, by)) = (layout.nodes[a], layout.nodes[b]);
            (ax - bx).abs() < NODE_WIDTH && (ay - by).abs() < NODE_HEIGHT
        })
    }

    fn check(tasks: usize, edges: &[(usize, usize)]) -> Layout {
        let layout = lay_out(tasks, edges);
        assert_eq!(layout.nodes.len(), tasks);
        assert_eq!(overlapping(&layout), None, "{tasks} tasks, {edges:?}: {:?}", layout.nodes);
        for (x, y) in &layout.nodes {
            assert!(*x >= 0.0 && *y >= 0.0 && x + NODE_WIDTH <= layout.width && y + NODE_HEIGHT <= layout.height);
        }
        layout
    }

    #[test]
    fn nothing_one_and_strangers() {
        assert!(check(0, &[]).edges.is_empty());
        check(1, &[]);
        check(5, &[]);
        check(6, &[(0, 1), (3, 4)]);
        check(6, &[(5, 4), (2, 1), (1, 0)]);
    }

    #[test]
    fn every_edge_points_right() {
        let layout = check(7, &[(0, 1), (0, 2), (1, 3), (2, 3), (3, 4), (0, 4), (4, 5), (2, 6)]);
        for edge in &layout.edges {
            assert!(layout.nodes[edge.from].0 + NODE_WIDTH < layout.nodes[edge.to].0);
        }
        assert_eq!(layout.edges.len(), 8);
    }

    #[test]
    fn an_edge_over_layers_passes_no_task() {
        // 0 -> 1 -> 2 -> 3 and 0 -> 3: the long edge must leave the row of 1 and 2.
        let layout = check(4, &[(0, 1), (1, 2), (2, 3), (0, 3)]);
        let long = layout.edges.iter().find(|edge| (edge.from, edge.to) == (0, 3)).unwrap();
        let between: Vec<f64> =
            long.path.split(['M', 'L', 'C']).filter_map(|part| part.split(' ').next_back()?.parse().ok()).collect();
        for task in [1, 2] {
            let (top, bottom) = (layout.nodes[task].1, layout.nodes[task].1 + NODE_HEIGHT);
            assert!(between[1..between.len() - 1].iter().all(|y| *y < top || *y > bottom), "{} {:?}", long.path, layout.nodes);
        }
    }

    #[test]
    fn circles_loops_doubles_and_strays_keep_the_page_alive() {
        check(3, &[(0, 1), (1, 2), (2, 0)]);
        assert_eq!(check(2, &[(0, 0), (0, 1), (0, 1), (0, 9)]).edges.len(), 1);
    }

    #[test]
    fn wide_and_deep() {
        let fan: Vec<_> = (1..60).flat_map(|i| [(0, i), (i, 60)]).collect();
        check(61, &fan);
        let chain: Vec<_> = (0..99).map(|i| (i, i + 1)).collect();
        check(100, &chain);
        let mesh: Vec<_> =
            (0..40usize).flat_map(|i| [(i, i + 10), (i, 10 + (i / 10 + 1) * 10 - 10 + (i * 7 + 3) % 10)]).collect();
        check(50, &mesh);
    }

    #[test]
    fn boxes_of_different_sizes_stand_apart() {
        let tall = Sized { enter: 30.0, leave: 250.0, ..Sized::of(500.0, 300.0) };
        let boxes = [Sized::TASK, tall, Sized::TASK, Sized::TASK, Sized::of(300.0, 120.0), Sized::TASK, Sized::of(1.0, 1.0)];
        let layout = lay_out_boxes(&boxes, &[(0, 1), (0, 2), (0, 3), (0, 4), (1, 5), (2, 5), (3, 5), (4, 5), (0, 5), (6, 2)]);
        for a in 0..boxes.len() {
            for b in a + 1..boxes.len() {
                let ((ax, ay), (bx, by)) = (layout.nodes[a], layout.nodes[b]);
                let apart = ax + boxes[a].width <= bx
                    || bx + boxes[b].width <= ax
                    || ay + boxes[a].height <= by
                    || by + boxes[b].height <= ay;
                assert!(apart, "{a} and {b}: {:?}", layout.nodes);
            }
            assert!(layout.nodes[a].1 >= 0.0 && layout.nodes[a].1 + boxes[a].height <= layout.height);
        }
        let leaves = layout.edges.iter().find(|edge| (edge.from, edge.to) == (1, 5)).unwrap();
        let start = format!("M{:.1} {:.1}", layout.nodes[1].0 + 500.0, layout.nodes[1].1 + 250.0);
        assert!(leaves.path.starts_with(&start), "{} does not begin with {start}", leaves.path);
    }

    #[test]
    fn order_follows_the_edges() {
        assert_eq!(topological(4, &[(3, 0), (0, 1), (3, 2)]), vec![3, 0, 2, 1]);
    }
}
