//! Components and their versions.

use crate::world::{World, component, digest, minutes, new_component, noon};
use cofferdam_ids::ComponentName;
use cofferdam_store::components::{self, VersionRef};
use cofferdam_store::{Page, StoreError};

#[tokio::test]
async fn the_same_bytes_make_one_version() {
    let world = World::new().await;
    let mut tx = world.api.begin(&world.ours.context).await.unwrap();
    let (again, created) = components::create_version(&mut tx, &new_component('a', None), noon() + minutes(1)).await.unwrap();
    assert!(!created);
    assert_eq!((again.version_number, again.label.as_deref(), again.created_at), (1, Some("v1"), noon()));
    assert_eq!(again.uploaded_by, Some(world.ours.user));

    let (second, created) = components::create_version(&mut tx, &new_component('b', None), noon() + minutes(1)).await.unwrap();
    assert!(created);
    assert_eq!((second.version_number, second.label), (2, None));
    let (labelled, created) = components::create_version(&mut tx, &new_component('b', Some("v2")), noon()).await.unwrap();
    assert_eq!((created, labelled.label.as_deref()), (false, Some("v2")));
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_label_names_one_version_for_good() {
    let world = World::new().await;
    let mut tx = world.api.begin(&world.ours.context).await.unwrap();
    let relabelled = components::create_version(&mut tx, &new_component('a', Some("v9")), noon()).await.unwrap_err();
    assert!(matches!(relabelled, StoreError::Conflict { .. }), "{relabelled:?}");
    let taken = components::create_version(&mut tx, &new_component('c', Some("v1")), noon()).await.unwrap_err();
    assert_eq!(taken.to_string(), "another version of this component has this label");
}

#[tokio::test]
async fn a_version_is_found_by_name_label_or_digest() {
    let world = World::new().await;
    let mut tx = world.api.begin(&world.ours.context).await.unwrap();
    components::create_version(&mut tx, &new_component('b', Some("v2")), noon() + minutes(1)).await.unwrap();
    for (wanted, number) in
        [(VersionRef::Latest, 2), (VersionRef::Label("v1".to_owned()), 1), (VersionRef::Digest(digest('a')), 1)]
    {
        assert_eq!(components::get(&mut tx, &component(), &wanted).await.unwrap().version_number, number, "{wanted:?}");
    }
    let missing = components::get(&mut tx, &component(), &VersionRef::Label("v7".to_owned())).await.unwrap_err();
    assert_eq!(missing.to_string(), "there is no component version 'weather/clean@v7'");
    let missing = components::versions(&mut tx, &ComponentName::new("nothing").unwrap()).await.unwrap_err();
    assert_eq!(missing.to_string(), "there is no component 'nothing'");

    let versions = components::versions(&mut tx, &component()).await.unwrap();
    assert_eq!(versions.iter().map(|version| version.version_number).collect::<Vec<_>>(), [2, 1]);
    let listed = components::list(&mut tx, Page::first(10)).await.unwrap();
    assert_eq!((listed.total, listed.items[0].version_count, listed.items[0].latest.version_number), (1, 2, 2));

    components::mark_compiled(&mut tx, &digest('a'), noon() + minutes(2)).await.unwrap();
    components::mark_compiled(&mut tx, &digest('a'), noon() + minutes(3)).await.unwrap();
    let compiled = components::get(&mut tx, &component(), &VersionRef::Digest(digest('a'))).await.unwrap();
    assert_eq!(compiled.compiled_at, Some(noon() + minutes(2)));
}

#[tokio::test]
async fn uploads_to_one_component_at_once_get_numbers_of_their_own() {
    let world = World::new().await;
    let upload = async |of: char| {
        let mut tx = world.api.begin(&world.ours.context).await.unwrap();
        let (version, _) = components::create_version(&mut tx, &new_component(of, None), noon()).await.unwrap();
        tx.commit().await.unwrap();
        version.version_number
    };
    let (b, c, d, e) = tokio::join!(upload('b'), upload('c'), upload('d'), upload('e'));
    let mut numbers = [b, c, d, e];
    numbers.sort_unstable();
    assert_eq!(numbers, [2, 3, 4, 5]);
}
