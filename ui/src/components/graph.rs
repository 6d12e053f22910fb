//! The graph of a dag: layers from left to right, groups as boxes, states in colour, shape and word; it can be moved and zoomed.

use crate::components::icon::{Icon, shape};
use crate::core::edge_types::EdgeTypes;
use crate::core::flow::{Drawing, Frame, HEAD, Line, Placed, What, short};
use crate::core::layout::{NODE_HEIGHT, NODE_WIDTH};
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
    fn fit(layout: &Drawing, (width, height): (f64, f64)) -> Self {
        let scale = (width / layout.width).min(height / layout.height).clamp(NARROWEST, 1.0);
        Self { scale, x: ((width - layout.width * scale) / 2.0).max(0.0), y: ((height - layout.height * scale) / 2.0).max(0.0) }
    }

    /// Shows all of the drawing if it stays readable, else its beginning.
    fn start(layout: &Drawing, size: (f64, f64)) -> Self {
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

/// Where the person looks. It outlives the drawing, which changes when groups are folded.
#[derive(Clone, Copy)]
pub struct Camera {
    lens: RwSignal<Lens>,
    touched: RwSignal<bool>,
}

impl Camera {
    /// Looks at the whole, or at its beginning.
    #[must_use]
    pub fn new() -> Self {
        Self { lens: RwSignal::new(Lens { scale: 1.0, x: 0.0, y: 0.0 }), touched: RwSignal::new(false) }
    }
}

impl Default for Camera {
    fn default() -> Self {
        Self::new()
    }
}

/// What is special about a task.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Traits {
    /// Icons, each with what it says.
    pub signs: Vec<(&'static str, String)>,
    /// Its trigger rule, when it is not the usual one.
    pub rule: Option<String>,
}

/// Beyond this many boxes, only those near the frame are drawn.
const ALL_AT_ONCE: usize = 160;
/// Beyond this many edges, data is named only at the selected task.
const NAMED_AT_ONCE: usize = 40;

/// See the module.
#[component]
pub fn Graph(
    /// What stands where.
    drawing: Arc<Drawing>,
    /// Where the person looks.
    #[prop(default = Camera::new())]
    camera: Camera,
    /// What is known of a task, or of a folded group.
    #[prop(into)]
    face: Callback<What, TaskFace>,
    /// What is special about a task.
    #[prop(default = Callback::new(|_| Traits::default()), into)]
    traits: Callback<String, Traits>,
    /// What goes along edges, in words.
    #[prop(optional, into)]
    types: Signal<EdgeTypes>,
    /// The task that is looked at.
    #[prop(into)]
    selected: Signal<Option<String>>,
    /// Called with the task that the person chose.
    #[prop(into)]
    on_select: Callback<String>,
    /// Folds or unfolds a group.
    #[prop(default = Callback::new(|_| {}), into)]
    on_fold: Callback<String>,
) -> impl IntoView {
    let frame = NodeRef::<html::Div>::new();
    let Camera { lens, touched } = camera;
    let drag = RwSignal::new(None::<(f64, f64)>);
    let seen = RwSignal::new((0.0_f64, 0.0_f64));
    // Asked for a moment later, too, when the graph may be gone.
    let size = move || {
        frame.try_get_untracked().flatten().map(|frame| (f64::from(frame.client_width()), f64::from(frame.client_height())))
    };
    let fit = {
        let drawing = drawing.clone();
        move || {
            if let Some(size) = size().filter(|size| size.0 > 0.0) {
                lens.set(Lens::fit(&drawing, size));
            }
        }
    };
    let zoom = move |factor: f64| {
        touched.set(true);
        if let Some((width, height)) = size() {
            lens.update(|lens| *lens = lens.zoomed(factor, (width / 2.0, height / 2.0)));
        }
    };
    // Until the person moves it, the drawing is placed anew when the frame may have changed its size.
    let place = {
        let drawing = drawing.clone();
        move || {
            let Some(size) = size().filter(|size| size.0 > 0.0) else { return };
            seen.try_set(size);
            let Some((lens_now, was_touched)) = lens.try_get_untracked().zip(touched.try_get_untracked()) else { return };
            let mut now = if was_touched { lens_now } else { Lens::start(&drawing, size) };
            let chosen = selected.with_untracked(|chosen| chosen.clone().and_then(|chosen| drawing.find(&What::Task(chosen))));
            if let Some(at) = chosen {
                now = now.with_inside(at, size);
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
        touched.set(true);
        lens.update(|lens| {
            lens.x += x;
            lens.y += y;
        });
    };
    let named = drawing.lines.len() <= NAMED_AT_ONCE;
    let lines = drawing.lines.iter().cloned().map(|line| view! { <Stroke line selected named types/> }).collect_view();
    let frames = drawing.frames.iter().cloned().map(|frame| view! { <Group frame on_fold/> }).collect_view();
    let near = {
        let drawing = drawing.clone();
        Memo::new(move |_| {
            let count = drawing.nodes.len();
            let (lens, (width, height)) = (lens.get(), seen.get());
            if count <= ALL_AT_ONCE || width <= 0.0 {
                return (0..count.min(ALL_AT_ONCE)).collect::<Vec<_>>();
            }
            let reach = |origin: f64, at: f64, length: f64, frame: f64| {
                let (low, high) = (origin + at * lens.scale, origin + (at + length) * lens.scale);
                high > -200.0 && low < frame + 200.0
            };
            let nodes = drawing.nodes.iter().enumerate();
            nodes
                .filter(|(_, node)| reach(lens.x, node.x, NODE_WIDTH, width) && reach(lens.y, node.y, NODE_HEIGHT, height))
                .map(|(index, _)| index)
                .collect()
        })
    };
    let height = format!("height:clamp(240px, {:.0}px, 60vh)", drawing.height + 36.0);
    view! {
        <div class="graph" node_ref=frame style=height tabindex="0" role="group" aria-label="Graph of tasks. Arrow keys move it, plus and minus zoom."
            class:dragging=move || drag.with(Option::is_some)
            on:wheel=on_wheel on:keydown=on_key on:pointermove=on_move
            on:pointerdown=move |event| drag.set(Some((f64::from(event.client_x()), f64::from(event.client_y()))))
            on:pointerup=move |_| drag.set(None) on:pointerleave=move |_| drag.set(None)>
            <svg width="100%" height="100%">
                <defs><marker id="arrow" viewBox="0 0 8 8" refX="1" refY="4" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto"><path d="M0 .5 7.5 4 0 7.5z"/></marker></defs>
                <g transform=move || { let lens = lens.get(); format!("translate({:.1} {:.1}) scale({:.3})", lens.x, lens.y, lens.scale) }>
                    <g>{frames}</g>
                    <g>{lines}</g>
                    <For each=move || near.get() key=|index| *index let:index>
                        <Node placed=drawing.nodes[index].clone() face traits selected on_select on_fold/>
                    </For>
                </g>
            </svg>
            <div class="graph-tools" on:pointerdown=|event| event.stop_propagation()>
                <button type="button" class="btn small icon-only" aria-label="Zoom in" title="Zoom in" on:click=move |_| zoom(1.25)><Icon name="plus" class="s"/></button>
                <button type="button" class="btn small icon-only" aria-label="Zoom out" title="Zoom out" on:click=move |_| zoom(0.8)><Icon name="minus" class="s"/></button>
                <button type="button" class="btn small icon-only" aria-label="Fit" title="Fit" on:click=move |_| { touched.set(true); fit(); }><Icon name="fit" class="s"/></button>
            </div>
        </div>
    }
}

#[component]
fn Stroke(line: Line, selected: Signal<Option<String>>, named: bool, types: Signal<EdgeTypes>) -> impl IntoView {
    let pair = line.from.as_ref().zip(line.to.as_ref()).map(|(from, to)| (from.name().to_owned(), to.name().to_owned()));
    let ends: Vec<String> = [&line.from, &line.to]
        .into_iter()
        .flatten()
        .filter(|what| matches!(what, What::Task(_)))
        .map(|what| what.name().to_owned())
        .collect();
    let near = Memo::new(move |_| selected.with(|selected| selected.as_ref().is_some_and(|task| ends.contains(task))));
    let moved = format!("translate({:.1} {:.1})", line.at.0, line.at.1);
    view! {
        <g transform=moved>
            <path class="edge" class:near=near d=line.path marker-end=line.tip.then_some("url(#arrow)")/>
            {line.label.map(|(label, x, y)| {
                let short: String = if label.chars().count() > 22 { label.chars().take(21).chain(['…']).collect() } else { label.clone() };
                move || (named || near.get()).then(|| {
                    let known = pair.as_ref().and_then(|pair| types.with(|types| types.get(pair).cloned()));
                    let title = known.map_or_else(|| format!("Input: {label}"), |known| format!("Input: {label}\n{known}"));
                    view! { <text class="edge-label" x=x y=y - 4.0 text-anchor="middle">{short.clone()}<title>{title}</title></text> }
                })
            })}
        </g>
    }
}

/// The box of an open group.
#[component]
fn Group(frame: Frame, on_fold: Callback<String>) -> impl IntoView {
    let name = StoredValue::new(frame.name.clone());
    let fold = move || on_fold.run(name.get_value());
    view! {
        <g class="graph-group" transform=format!("translate({:.1} {:.1})", frame.x, frame.y)>
            <rect class="around" width=frame.width height=frame.height rx="10"/>
            <g class="fold" tabindex="0" role="button" aria-expanded="true" aria-label=format!("Fold the group {}", frame.name)
                on:pointerdown=|event| event.stop_propagation() on:click=move |_| fold()
                on:keydown=move |event| if matches!(event.key().as_str(), "Enter" | " ") { event.prevent_default(); fold(); }>
                <title>{frame.description.clone().unwrap_or_else(|| frame.name.clone())}</title>
                <rect class="head" x="4" y="4" width=(frame.width - 8.0).max(0.0) height=HEAD - 8.0 rx="6"/>
                <svg class="icon" x="10" y="8" width="14" height="14" viewBox="0 0 16 16" fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" inner_html=shape("caret")></svg>
                <text x="30" y="19">{short(&frame.name).to_owned()}</text>
            </g>
        </g>
    }
}

#[component]
fn Node(
    placed: Placed,
    face: Callback<What, TaskFace>,
    traits: Callback<String, Traits>,
    selected: Signal<Option<String>>,
    on_select: Callback<String>,
    on_fold: Callback<String>,
) -> impl IntoView {
    let what = placed.what.clone();
    let at = format!("translate({:.1} {:.1})", placed.x, placed.y);
    let name = what.name().to_owned();
    if let What::Asset(uri) = what {
        return view! {
            <g class="node asset" transform=at>
                <title>{format!("Asset {uri}")}</title>
                <rect class="box" width=NODE_WIDTH height=NODE_HEIGHT rx="23"/>
                <svg class="icon" x="13" y=(NODE_HEIGHT - 16.0) / 2.0 width="16" height="16" viewBox="0 0 16 16" fill="none" stroke="currentColor" stroke-width="1.6"
                    stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" inner_html=shape("asset")></svg>
                <foreignObject x="36" y="4" width=NODE_WIDTH - 50.0 height=NODE_HEIGHT - 6.0>
                    <div class="node-text"><div class="name plain">{tail(&uri)}</div><div class="detail">"Asset"</div></div>
                </foreignObject>
            </g>
        }
        .into_any();
    }
    let is_group = matches!(what, What::Group(_));
    let traits = if is_group { Traits::default() } else { traits.run(name.clone()) };
    let now = {
        let what = what.clone();
        Memo::new(move |_| face.run(what.clone()))
    };
    let is_selected = {
        let name = name.clone();
        Memo::new(move |_| !is_group && selected.with(|selected| selected.as_deref() == Some(name.as_str())))
    };
    let choose = {
        let name = name.clone();
        move || if is_group { on_fold.run(name.clone()) } else { on_select.run(name.clone()) }
    };
    let choose_by_key = choose.clone();
    let status = move || now.with(|face| face.status);
    let label = {
        let name = name.clone();
        move || format!("{}{name}, {}", if is_group { "Group " } else { "" }, status().map_or("no run", Status::label))
    };
    let room = NODE_WIDTH - 43.0 - traits.signs.len() as f64 * 17.0;
    let signs = traits.signs.into_iter().rev().enumerate().map(|(i, (icon, title))| {
        view! {
            <g class="sign" transform=format!("translate({:.1} 6)", NODE_WIDTH - 22.0 - i as f64 * 17.0)>
                <title>{title}</title>
                <rect width="15" height="15" fill="transparent"/>
                <svg width="14" height="14" viewBox="0 0 16 16" fill="none" stroke="currentColor" stroke-width="1.6" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" inner_html=shape(icon)></svg>
            </g>
        }
    });
    view! {
        <g class="node" class:group=is_group class:selected=is_selected class:live=move || status().is_some_and(Status::is_running)
            data-state=move || status().map(Status::slug) tabindex="0" role="button" aria-pressed=move || is_selected.get().to_string() aria-label=label
            transform=at
            on:pointerdown=|event| event.stop_propagation()
            on:click=move |_| choose()
            on:keydown=move |event| if matches!(event.key().as_str(), "Enter" | " ") { event.prevent_default(); choose_by_key(); }>
            <title>{name.clone()}</title>
            {is_group.then(|| view! { <rect class="box behind" x="5" y="5" width=NODE_WIDTH height=NODE_HEIGHT rx="8"/> })}
            <rect class="box" width=NODE_WIDTH height=NODE_HEIGHT rx="8"/>
            <svg class="icon" x="11" y=(NODE_HEIGHT - 18.0) / 2.0 width="18" height="18" viewBox="0 0 16 16" fill="none" stroke="currentColor" stroke-width="1.6"
                stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" inner_html=move || shape(status().map_or(if is_group { "group" } else { "component" }, Status::icon))></svg>
            <foreignObject x="36" y="4" width=room height=NODE_HEIGHT - 6.0>
                <div class="node-text"><div class="name">{short_of(&what)}</div><div class="detail">{move || now.with(|face| face.detail.clone())}</div></div>
            </foreignObject>
            {signs.collect_view()}
            {traits.rule.map(|rule| view! { <text class="rule" x="10" y="-4">{rule}<title>"Its trigger rule"</title></text> })}
        </g>
    }
    .into_any()
}

fn short_of(what: &What) -> String {
    match what {
        What::Group(name) => short(name).to_owned(),
        What::Task(name) | What::Asset(name) => name.clone(),
    }
}

/// The end of a URI, which tells assets apart.
fn tail(uri: &str) -> String {
    let length = uri.chars().count();
    if length <= 22 { uri.to_owned() } else { std::iter::once('…').chain(uri.chars().skip(length - 21)).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_graph_is_shown_life_size_and_a_large_one_whole() {
        let layout = Drawing { width: 400.0, height: 100.0, ..Drawing::default() };
        assert_eq!(Lens::fit(&layout, (800.0, 300.0)), Lens { scale: 1.0, x: 200.0, y: 100.0 });
        assert_eq!(Lens::fit(&layout, (200.0, 300.0)).scale, 0.5);
    }

    #[test]
    fn a_graph_that_would_be_too_small_to_read_begins_at_the_left() {
        let layout = Drawing { width: 4_000.0, height: 100.0, ..Drawing::default() };
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

    #[test]
    fn the_end_of_a_uri_tells_assets_apart() {
        assert_eq!(tail("s3://warehouse/orders"), "s3://warehouse/orders");
        assert_eq!(tail("s3://warehouse/customers/eu"), "…arehouse/customers/eu");
    }
}
