//! The graph of a dag: layers from left to right, states in colour, shape and word; it can be moved and zoomed.

use crate::components::icon::{Icon, shape};
use crate::core::layout::{Layout, NODE_HEIGHT, NODE_WIDTH};
use crate::core::status::Status;
use leptos::{ev, html, prelude::*};
use std::sync::Arc;

/// What is known of a task while the graph is shown.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskFace {
    /// Its state, when there is a run.
    pub status: Option<Status>,
    /// The small text.
    pub detail: String,
}

/// How the drawing lies in its frame.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Lens {
    scale: f64,
    x: f64,
    y: f64,
}

const NARROWEST: f64 = 0.15;
const WIDEST: f64 = 2.5;
/// At first, the drawing is not made smaller than this: text that cannot be read helps nobody.
const READABLE: f64 = 0.8;

impl Lens {
    /// Shows all of the drawing, in the middle, never larger than life.
    fn fit(layout: &Layout, (width, height): (f64, f64)) -> Self {
        let scale = (width / layout.width).min(height / layout.height).clamp(NARROWEST, 1.0);
        Self { scale, x: ((width - layout.width * scale) / 2.0).max(0.0), y: ((height - layout.height * scale) / 2.0).max(0.0) }
    }

    /// Shows all of the drawing if it stays readable, else its beginning.
    fn start(layout: &Layout, size: (f64, f64)) -> Self {
        let fit = Self::fit(layout, size);
        if fit.scale >= READABLE {
            return fit;
        }
        Self { scale: READABLE, x: 0.0, y: ((size.1 - layout.height * READABLE) / 2.0).max(0.0) }
    }

    /// The same, moved so that the box at (`x`, `y`) of the drawing is inside the frame.
    fn with_inside(self, (x, y): (f64, f64), (width, height): (f64, f64)) -> Self {
        let into = |origin: f64, at: f64, length: f64, frame: f64| {
            let (low, high) = (origin + at * self.scale, origin + (at + length) * self.scale);
            if low >= 0.0 && high <= frame { origin } else { frame / 2.0 - (at + length / 2.0) * self.scale }
        };
        Self { scale: self.scale, x: into(self.x, x, NODE_WIDTH, width), y: into(self.y, y, NODE_HEIGHT, height) }
    }

    /// Scales by `factor` while the point (`x`, `y`) of the frame stays where it is.
    fn zoomed(self, factor: f64, (x, y): (f64, f64)) -> Self {
        let scale = (self.scale * factor).clamp(NARROWEST, WIDEST);
        let ratio = scale / self.scale;
        Self { scale, x: x - (x - self.x) * ratio, y: y - (y - self.y) * ratio }
    }
}

/// See the module.
#[component]
pub fn Graph(
    /// The names of the tasks, in the order of `layout`.
    tasks: Arc<Vec<String>>,
    /// Where they stand.
    layout: Arc<Layout>,
    /// What is known of a task.
    #[prop(into)]
    face: Callback<String, TaskFace>,
    /// The task that is looked at.
    #[prop(into)]
    selected: Signal<Option<String>>,
    /// Called with the task that the person chose.
    #[prop(into)]
    on_select: Callback<String>,
) -> impl IntoView {
    let frame = NodeRef::<html::Div>::new();
    let lens = RwSignal::new(Lens { scale: 1.0, x: 0.0, y: 0.0 });
    let drag = RwSignal::new(None::<(f64, f64)>);
    let size = move || frame.get_untracked().map(|frame| (f64::from(frame.client_width()), f64::from(frame.client_height())));
    let fit = {
        let layout = layout.clone();
        move || {
            if let Some(size) = size().filter(|size| size.0 > 0.0) {
                lens.set(Lens::fit(&layout, size));
            }
        }
    };
    let touched = RwSignal::new(false);
    let zoom = move |factor: f64| {
        touched.set(true);
        if let Some((width, height)) = size() {
            lens.update(|lens| *lens = lens.zoomed(factor, (width / 2.0, height / 2.0)));
        }
    };
    // Until the person moves it, the drawing is placed anew when the frame may have changed its size.
    let place = {
        let (layout, tasks) = (layout.clone(), tasks.clone());
        move || {
            let Some(size) = size().filter(|size| size.0 > 0.0) else { return };
            let mut now = if touched.get_untracked() { lens.get_untracked() } else { Lens::start(&layout, size) };
            let chosen =
                selected.with_untracked(|chosen| chosen.as_ref().and_then(|chosen| tasks.iter().position(|task| task == chosen)));
            if let Some(task) = chosen {
                now = now.with_inside(layout.nodes[task], size);
            }
            lens.try_set(now);
        }
    };
    let placed = place.clone();
    Effect::new(move |_| {
        selected.with(|_| ());
        if frame.get().is_some() {
            request_animation_frame(placed.clone());
        }
    });
    let resized = window_event_listener(ev::resize, move |_| place());
    on_cleanup(move || resized.remove());
    let on_wheel = move |event: ev::WheelEvent| {
        if !(event.ctrl_key() || event.meta_key()) {
            return;
        }
        event.prevent_default();
        touched.set(true);
        if let Some(frame) = frame.get_untracked() {
            let rect = frame.get_bounding_client_rect();
            let at = (f64::from(event.client_x()) - rect.left(), f64::from(event.client_y()) - rect.top());
            lens.update(|lens| *lens = lens.zoomed((-event.delta_y() * 0.002).exp(), at));
        }
    };
    let on_move = move |event: ev::PointerEvent| {
        let now = (f64::from(event.client_x()), f64::from(event.client_y()));
        if let Some(before) = drag.get_untracked() {
            touched.set(true);
            lens.update(|lens| {
                lens.x += now.0 - before.0;
                lens.y += now.1 - before.1;
            });
            drag.set(Some(now));
        }
    };
    let on_key = move |event: ev::KeyboardEvent| {
        let (x, y) = match event.key().as_str() {
            "ArrowLeft" => (60.0, 0.0),
            "ArrowRight" => (-60.0, 0.0),
            "ArrowUp" => (0.0, 60.0),
            "ArrowDown" => (0.0, -60.0),
            "+" => return zoom(1.25),
            "-" => return zoom(0.8),
            _ => return,
        };
        event.prevent_default();
        lens.update(|lens| {
            lens.x += x;
            lens.y += y;
        });
    };
    let names = tasks.clone();
    let edges = layout.edges.iter().map(|edge| {
        let (from, to) = (names[edge.from].clone(), names[edge.to].clone());
        let near = move || selected.with(|selected| selected.as_ref().is_some_and(|task| *task == from || *task == to));
        view! { <path class="edge" class:near=near d=edge.path.clone() marker-end="url(#arrow)"/> }
    });
    let nodes = layout
        .nodes
        .iter()
        .enumerate()
        .map(|(i, &(x, y))| view! { <Node task=tasks[i].clone() at=(x, y) face selected on_select/> });
    let height = format!("height:clamp(240px, {:.0}px, 60vh)", layout.height + 36.0);
    view! {
        <div class="graph" node_ref=frame style=height tabindex="0" role="group" aria-label="Graph of tasks. Arrow keys move it, plus and minus zoom."
            class:dragging=move || drag.with(Option::is_some)
            on:wheel=on_wheel on:keydown=on_key on:pointermove=on_move
            on:pointerdown=move |event| drag.set(Some((f64::from(event.client_x()), f64::from(event.client_y()))))
            on:pointerup=move |_| drag.set(None) on:pointerleave=move |_| drag.set(None)>
            <svg width="100%" height="100%">
                <defs><marker id="arrow" viewBox="0 0 8 8" refX="1" refY="4" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto"><path d="M0 .5 7.5 4 0 7.5z"/></marker></defs>
                <g transform=move || { let lens = lens.get(); format!("translate({:.1} {:.1}) scale({:.3})", lens.x, lens.y, lens.scale) }>
                    <g>{edges.collect_view()}</g>
                    {nodes.collect_view()}
                </g>
            </svg>
            <div class="graph-tools" on:pointerdown=|event| event.stop_propagation()>
                <button type="button" class="btn small icon-only" aria-label="Zoom in" title="Zoom in" on:click=move |_| zoom(1.25)><Icon name="plus" class="s"/></button>
                <button type="button" class="btn small icon-only" aria-label="Zoom out" title="Zoom out" on:click=move |_| zoom(0.8)><Icon name="minus" class="s"/></button>
                <button type="button" class="btn small icon-only" aria-label="Fit" title="Fit" on:click=move |_| fit()><Icon name="fit" class="s"/></button>
            </div>
        </div>
    }
}

#[component]
fn Node(
    task: String,
    at: (f64, f64),
    face: Callback<String, TaskFace>,
    selected: Signal<Option<String>>,
    on_select: Callback<String>,
) -> impl IntoView {
    let now = {
        let task = task.clone();
        Memo::new(move |_| face.run(task.clone()))
    };
    let is_selected = {
        let task = task.clone();
        Memo::new(move |_| selected.with(|selected| selected.as_deref() == Some(task.as_str())))
    };
    let choose = {
        let task = task.clone();
        move || on_select.run(task.clone())
    };
    let choose_by_key = choose.clone();
    let status = move || now.with(|face| face.status);
    let label = {
        let task = task.clone();
        move || format!("{task}, {}", status().map_or("no run", Status::label))
    };
    view! {
        <g class="node" class:selected=is_selected class:live=move || status().is_some_and(Status::is_running)
            data-state=move || status().map(Status::slug) tabindex="0" role="button" aria-pressed=move || is_selected.get().to_string() aria-label=label
            transform=format!("translate({:.1} {:.1})", at.0, at.1)
            on:pointerdown=|event| event.stop_propagation()
            on:click=move |_| choose()
            on:keydown=move |event| if matches!(event.key().as_str(), "Enter" | " ") { event.prevent_default(); choose_by_key(); }>
            <title>{task.clone()}</title>
            <rect class="box" width=NODE_WIDTH height=NODE_HEIGHT rx="8"/>
            <svg class="icon" x="11" y=(NODE_HEIGHT - 18.0) / 2.0 width="18" height="18" viewBox="0 0 16 16" fill="none" stroke="currentColor" stroke-width="1.6"
                stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" inner_html=move || shape(status().map_or("component", Status::icon))></svg>
            <foreignObject x="36" y="4" width=NODE_WIDTH - 43.0 height=NODE_HEIGHT - 6.0>
                <div class="node-text"><div class="name">{task.clone()}</div><div class="detail">{move || now.with(|face| face.detail.clone())}</div></div>
            </foreignObject>
        </g>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_graph_is_shown_life_size_and_a_large_one_whole() {
        let layout = Layout { width: 400.0, height: 100.0, nodes: vec![], edges: vec![] };
        assert_eq!(Lens::fit(&layout, (800.0, 300.0)), Lens { scale: 1.0, x: 200.0, y: 100.0 });
        assert_eq!(Lens::fit(&layout, (200.0, 300.0)).scale, 0.5);
    }

    #[test]
    fn a_graph_that_would_be_too_small_to_read_begins_at_the_left() {
        let layout = Layout { width: 4_000.0, height: 100.0, nodes: vec![], edges: vec![] };
        let lens = Lens::start(&layout, (1_000.0, 300.0));
        assert_eq!((lens.scale, lens.x), (READABLE, 0.0));
        let far = lens.with_inside((3_000.0, 0.0), (1_000.0, 300.0));
        assert!(far.x + 3_000.0 * READABLE > 0.0 && far.x + (3_000.0 + NODE_WIDTH) * READABLE < 1_000.0);
        assert_eq!(lens.with_inside((100.0, 20.0), (1_000.0, 300.0)), lens);
    }

    #[test]
    fn zooming_keeps_the_point_under_the_pointer() {
        let lens = Lens { scale: 1.0, x: 10.0, y: 20.0 }.zoomed(2.0, (110.0, 70.0));
        assert_eq!(lens, Lens { scale: 2.0, x: -90.0, y: -30.0 });
        assert_eq!(lens.zoomed(100.0, (0.0, 0.0)).scale, WIDEST);
    }
}
