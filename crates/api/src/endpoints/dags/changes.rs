//! What differs between two versions of a dag, as it is sent.

use cofferdam_api_types::{DagChanges, DagEdge, FieldChange, RepinnedTask, TaskChange};
use cofferdam_domain::definition;
use cofferdam_engine::VersionChanges;
use cofferdam_ids::TaskId;

pub(super) fn changes(changes: VersionChanges) -> DagChanges {
    let fields = |fields: Vec<definition::FieldChange>| {
        let field =
            |field: definition::FieldChange| FieldChange { pointer: field.pointer, before: field.before, after: field.after };
        fields.into_iter().map(field).collect()
    };
    let edges =
        |edges: Vec<(TaskId, TaskId)>| edges.into_iter().map(|(upstream, downstream)| DagEdge { upstream, downstream }).collect();
    let written = changes.written;
    DagChanges {
        version_number: changes.version_number,
        fields: fields(written.fields),
        added_tasks: written.added,
        removed_tasks: written.removed,
        changed_tasks: written.changed.into_iter().map(|(task_id, of)| TaskChange { task_id, fields: fields(of) }).collect(),
        added_edges: edges(changes.added_edges),
        removed_edges: edges(changes.removed_edges),
        repinned_tasks: changes
            .repinned
            .into_iter()
            .map(|task| RepinnedTask { task_id: task.task_id, before: task.before, after: task.after })
            .collect(),
    }
}
