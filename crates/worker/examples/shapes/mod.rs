//! Dags with the shapes of workflows that were really run: instances of WfCommons (github.com/wfcommons/WfInstances), with trivial
//! tasks in place of theirs. Only the figures are taken over: how many tasks of each kind there are, and what waits for what.

use serde_json::{Value, json};

/// Images of each of the three bands of [`montage`]. The instance `montage-chameleon-dss-125d-001` has 25, and 1,066 tasks; a dag
/// has at most 1,000.
const IMAGES: usize = 24;
/// Pipelines for each sequence file of `epigenomics-chameleon-hep-6seq-50k-001`, which has 983 tasks.
const PIPELINES: [usize; 6] = [17, 37, 55, 56, 36, 41];

/// A wide one: Montage makes a mosaic of images of the sky. Each image is projected, each pair of them compared (in that instance
/// all overlap), the differences are brought together in one task, and each image is corrected by it. Eight levels, of which the second
/// has most of the tasks.
pub fn montage() -> Vec<Value> {
    let mut tasks = Vec::new();
    let mut mosaics = Vec::new();
    for band in ["red", "green", "blue"] {
        let of = |kind: &str| format!("{kind}_{band}");
        let image = |kind: &str, number: usize| format!("{kind}_{band}_{number}");
        let projected: Vec<String> = (0..IMAGES).map(|number| image("project", number)).collect();
        tasks.extend(projected.iter().map(|task| trivial(task, &[])));
        let mut differences = Vec::new();
        for first in 0..IMAGES {
            for second in first + 1..IMAGES {
                let name = format!("diff_{band}_{first}_{second}");
                tasks.push(trivial(&name, &[projected[first].clone(), projected[second].clone()]));
                differences.push(name);
            }
        }
        tasks.push(trivial(&of("concat"), &differences));
        tasks.push(trivial(&of("model"), &[of("concat")]));
        let corrected: Vec<String> = (0..IMAGES).map(|number| image("background", number)).collect();
        for (task, projected) in corrected.iter().zip(&projected) {
            tasks.push(trivial(task, &[projected.clone(), of("model")]));
        }
        tasks.push(trivial(&of("table"), &corrected));
        tasks.push(trivial(&of("add"), &[corrected, vec![of("table")]].concat()));
        tasks.push(trivial(&of("view"), &[of("add")]));
        mosaics.push(of("add"));
    }
    tasks.push(trivial("view", &mosaics));
    tasks
}

/// A deep one: Epigenomics maps DNA sequences. Each file is split, each part goes through four tasks one after the other, and the results
/// are merged twice. Nine levels, most tasks in chains.
pub fn epigenomics() -> Vec<Value> {
    let mut tasks = Vec::new();
    let mut merged = Vec::new();
    for (file, pipelines) in PIPELINES.into_iter().enumerate() {
        let split = format!("split_{file}");
        tasks.push(trivial(&split, &[]));
        let mut mapped = Vec::new();
        for part in 0..pipelines {
            let mut before = split.clone();
            for step in ["filter", "convert", "encode", "map"] {
                let name = format!("{step}_{file}_{part}");
                tasks.push(trivial(&name, &[before]));
                before = name;
            }
            mapped.push(before);
        }
        let merge = format!("merge_{file}");
        tasks.push(trivial(&merge, &mapped));
        merged.push(merge);
    }
    tasks.push(trivial("merge", &merged));
    tasks.push(trivial("extract", &["merge".to_owned()]));
    tasks.push(trivial("pileup", &["extract".to_owned()]));
    tasks
}

/// One task mapped over a list of so many items that another task returned, and one that takes all results.
pub fn fanout(items: usize) -> Vec<Value> {
    let list: Vec<usize> = (0..items).collect();
    vec![
        json!({ "task_id": "list", "component": "trivial", "input": list }),
        json!({ "task_id": "each", "component": "trivial", "expand": { "over": { "item": { "$from": "list" } } } }),
        json!({ "task_id": "join", "component": "trivial", "input": { "all": { "$from": "each" } } }),
    ]
}

fn trivial(task_id: &str, depends_on: &[String]) -> Value {
    json!({ "task_id": task_id, "component": "trivial", "input": {}, "depends_on": depends_on })
}
