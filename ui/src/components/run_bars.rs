//! The last runs of a dag as bars: the height is how long a run took, colour and notch how it ended.

use crate::core::status::{Status, run_type};
use crate::core::{clock, format, paths};
use cofferdam_api_types::RecentRun;
use leptos::prelude::*;
use leptos_router::components::A;

/// How many bars there is room for.
pub const BARS: usize = 14;

fn micros(run: &RecentRun) -> Option<i64> {
    let end = run.end_date.map_or_else(|| clock::now_ms() * 1_000, |end| end.timestamp_micros());
    run.start_date.map(|start| (end - start.timestamp_micros()).max(0))
}

/// The height of a bar in per cent: half of it tells the rank of the duration, so that short runs stay visible.
fn height(micros: i64, longest: i64) -> f64 {
    if longest <= 0 { 30.0 } else { 30.0 + 70.0 * (micros as f64 / longest as f64).clamp(0.0, 1.0).sqrt() }
}

/// See the module. `runs` come newest first and are shown oldest first.
#[component]
pub fn RunBars(
    /// The dag.
    #[prop(into)]
    dag_id: String,
    /// Its last runs.
    runs: Vec<RecentRun>,
) -> impl IntoView {
    let longest = runs.iter().filter_map(micros).max().unwrap_or(0);
    let failed = runs.iter().filter(|run| Status::from(run.state).slug() == "failed").count();
    let summary = match runs.len() {
        0 => "No runs yet".to_owned(),
        n => format!("Last {}, {failed} failed", format::plural(n as u64, "run", "runs")),
    };
    let missing = BARS.saturating_sub(runs.len());
    view! {
        <div class="bars" role="group" aria-label=summary>
            {(0..missing).map(|_| view! { <i class="none"></i> }).collect_view()}
            {runs.into_iter().take(BARS).rev().map(|run| {
                let status = Status::from(run.state);
                let took = micros(&run);
                let title = format!("{} · {}\n{}{}", status.label(), run_type(run.run_type).0, clock::local(run.logical_date),
                    took.map(|took| format!("\n{}", format::duration_us(took as u64))).unwrap_or_default());
                let height = height(took.unwrap_or(0), longest);
                view! {
                    <A href=paths::run_page(&dag_id, run.dag_run_id.as_str()) attr:class="bar" attr:tabindex="-1" attr:title=title attr:data-state=status.slug()
                        attr:aria-label=format!("{}: {}", run.dag_run_id, status.label())>
                        <i style=format!("height:{height:.0}%")></i>
                    </A>
                }
            }).collect_view()}
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_run_stays_visible_beside_a_long_one() {
        assert_eq!(height(0, 0), 30.0);
        assert_eq!(height(100, 100), 100.0);
        assert!(height(1, 1_000_000) >= 30.0);
    }
}
