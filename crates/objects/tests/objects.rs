//! What is stored comes back as it was, or not at all. In a directory and in memory.

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use cofferdam_domain::clock::{Clock as _, SystemClock};
use cofferdam_ids::{Digest, LogSegmentId, RunKey, TaskInstanceId, TenantId};
use cofferdam_objects::{
    LeftObject, LogLevel, LogRecord, LogSegment, LogStream, Objects, ObjectsConfig, ObjectsError, XComReference, digest_of,
    parse_log,
};
use futures::TryStreamExt as _;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const KEY: [u8; 32] = [42; 32];

fn config() -> ObjectsConfig {
    let mut config = ObjectsConfig::new(KEY);
    config.max_component_bytes = 1 << 20;
    config.max_compiled_bytes = 1 << 20;
    config.max_log_segment_bytes = 1 << 20;
    config.max_xcom_bytes = 1 << 20;
    config
}

fn directory() -> (TempDir, Objects) {
    let directory = tempfile::tempdir().unwrap();
    let objects = Objects::open(directory.path().to_str().unwrap(), &config()).unwrap();
    (directory, objects)
}

/// The only file below `path`.
fn only_file(path: &Path) -> PathBuf {
    let entries: Vec<_> = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
    let [entry] = entries.as_slice() else { panic!("{} entries below {}", entries.len(), path.display()) };
    if entry.is_dir() { only_file(entry) } else { entry.clone() }
}

fn bytes(count: usize) -> Bytes {
    (0..=255_u8).cycle().take(count).collect()
}

fn too_large<T>(result: &Result<T, ObjectsError>) -> bool {
    matches!(result, Err(ObjectsError::TooLarge { .. }))
}

fn not_found<T>(result: &Result<T, ObjectsError>) -> bool {
    matches!(result, Err(ObjectsError::NotFound { .. }))
}

#[test]
fn the_digest_is_the_sha_256_of_the_standard() {
    // FIPS 180-2, appendix B.1.
    assert_eq!(digest_of(b"abc").as_str(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

#[tokio::test]
async fn a_component_is_found_by_its_digest_and_only_by_its_tenant() {
    let (_directory, on_disk) = directory();
    for objects in [on_disk, Objects::open("memory://", &config()).unwrap()] {
        objects.ping().await.unwrap();
        let tenant = TenantId::generate();
        for size in [0, 10, 1 << 20] {
            let component = bytes(size);
            let digest = digest_of(&component);
            objects.put_component(tenant, &digest, component.clone()).await.unwrap();
            objects.put_component(tenant, &digest, component.clone()).await.unwrap();
            assert_eq!(objects.get_component(tenant, &digest).await.unwrap(), component);
            assert!(not_found(&objects.get_component(TenantId::generate(), &digest).await));
        }
        assert!(not_found(&objects.get_component(tenant, &digest_of(b"other")).await));
        let large = bytes((1 << 20) + 1);
        assert!(too_large(&objects.put_component(tenant, &digest_of(&large), large.clone()).await));
    }
}

#[tokio::test]
async fn bytes_that_are_not_those_of_the_digest_are_neither_taken_nor_given() {
    let (directory, objects) = directory();
    let tenant = TenantId::generate();
    let wrong = objects.put_component(tenant, &digest_of(b"a"), Bytes::from_static(b"b")).await;
    assert!(matches!(wrong, Err(ObjectsError::WrongDigest { .. })), "{wrong:?}");

    objects.put_component(tenant, &digest_of(b"a"), Bytes::from_static(b"a")).await.unwrap();
    std::fs::write(only_file(directory.path()), b"b").unwrap();
    let damaged = objects.get_component(tenant, &digest_of(b"a")).await;
    assert!(matches!(damaged, Err(ObjectsError::WrongDigest { .. })), "{damaged:?}");
    // Storing it again mends it.
    objects.put_component(tenant, &digest_of(b"a"), Bytes::from_static(b"a")).await.unwrap();
    assert_eq!(objects.get_component(tenant, &digest_of(b"a")).await.unwrap(), "a");
}

#[tokio::test]
async fn an_object_that_grew_in_the_store_is_not_read() {
    let (directory, objects) = directory();
    let tenant = TenantId::generate();
    objects.put_component(tenant, &digest_of(b"a"), Bytes::from_static(b"a")).await.unwrap();
    std::fs::write(only_file(directory.path()), bytes((1 << 20) + 1)).unwrap();
    assert!(too_large(&objects.get_component(tenant, &digest_of(b"a")).await));
}

#[tokio::test]
async fn compiled_code_comes_back_for_its_component_and_its_engine() {
    let (_directory, objects) = directory();
    let digest = digest_of(b"component");
    assert_eq!(objects.get_compiled(&digest, "engine-1").await.unwrap(), None);
    for size in [0, 10, 1 << 20] {
        objects.put_compiled(&digest, "engine-1", bytes(size)).await.unwrap();
        assert_eq!(objects.get_compiled(&digest, "engine-1").await.unwrap(), Some(bytes(size)));
    }
    assert_eq!(objects.get_compiled(&digest, "engine-2").await.unwrap(), None);
    assert!(too_large(&objects.put_compiled(&digest, "engine-1", bytes((1 << 20) + 1)).await));
}

#[tokio::test]
async fn compiled_code_that_was_changed_moved_or_made_with_another_key_is_refused() {
    let (directory, objects) = directory();
    let digest = digest_of(b"component");
    let tampered = async |objects: &Objects, digest: &Digest, compat: &str| {
        matches!(objects.get_compiled(digest, compat).await, Err(ObjectsError::Tampered { .. }))
    };
    objects.put_compiled(&digest, "engine", bytes(100)).await.unwrap();
    let file = only_file(directory.path());
    let good = std::fs::read(&file).unwrap();

    for at in 0..good.len() {
        let mut changed = good.clone();
        changed[at] ^= 1;
        std::fs::write(&file, changed).unwrap();
        assert!(tampered(&objects, &digest, "engine").await, "byte {at} changed");
    }
    for length in [0, 1, 8, 39, 40, good.len() - 1] {
        std::fs::write(&file, &good[..length]).unwrap();
        assert!(tampered(&objects, &digest, "engine").await, "cut to {length} bytes");
    }
    std::fs::write(&file, [&good[..], b"x"].concat()).unwrap();
    assert!(tampered(&objects, &digest, "engine").await, "made longer");

    // Authentic code of one component or engine, in the place of another's.
    for (other, compat) in [(digest_of(b"other"), "engine"), (digest.clone(), "engine-2")] {
        objects.put_compiled(&other, compat, bytes(100)).await.unwrap();
        let place = directory.path().join("compiled").join(compat).join(&other.as_str()[..2]).join(other.as_str());
        std::fs::write(place, &good).unwrap();
        assert!(tampered(&objects, &other, compat).await, "moved to {other}, {compat}");
    }

    std::fs::write(&file, &good).unwrap();
    assert_eq!(objects.get_compiled(&digest, "engine").await.unwrap(), Some(bytes(100)));
    let stranger = Objects::open(directory.path().to_str().unwrap(), &ObjectsConfig::new([43; 32])).unwrap();
    assert!(tampered(&stranger, &digest, "engine").await, "made with another key");
}

#[tokio::test]
async fn paths_cannot_be_led_elsewhere() {
    let (directory, objects) = directory();
    let digest = digest_of(b"component");
    for compat in ["", ".", "..", "../..", "a/b", "a\\b", "/etc", "a\0b", ".hidden", "a b", &"a".repeat(129)] {
        let refused = objects.put_compiled(&digest, compat, bytes(1)).await;
        assert!(matches!(refused, Err(ObjectsError::BadPath { .. })), "{compat:?}: {refused:?}");
        let refused = objects.get_compiled(&digest, compat).await;
        assert!(matches!(refused, Err(ObjectsError::BadPath { .. })), "{compat:?}: {refused:?}");
    }
    for text in ["", "1/../..", "../../etc/passwd", "2/a/b/c/1"] {
        assert!(text.parse::<XComReference>().is_err(), "{text:?}");
    }
    let (run, instance) = (RunKey::generate(), TaskInstanceId::generate());
    assert!(format!("1/{run}/{instance}/../1").parse::<XComReference>().is_err());
    assert!(format!("1/{run}/{instance}/ab/1/..").parse::<XComReference>().is_err());
    // A digest that is too short names nothing.
    let short = Digest::new("a").unwrap();
    assert!(not_found(&objects.get_component(TenantId::generate(), &short).await));
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "nothing was written");
}

fn record(message: &str) -> LogRecord {
    LogRecord {
        ts: DateTime::<Utc>::from_timestamp_micros(1_700_000_000_123_456).unwrap(),
        stream: LogStream::Stdout,
        level: LogLevel::Info,
        message: message.to_owned(),
        fields: serde_json::Map::new(),
    }
}

#[tokio::test]
async fn each_try_finds_its_lines_in_a_segment() {
    let (_directory, objects) = directory();
    let tenant = TenantId::generate();
    let (first, second) = (TaskInstanceId::generate(), TaskInstanceId::generate());
    let mut with_fields = record("a\nb \"c\" é");
    with_fields.fields.insert("rows".into(), 3.into());
    let mut segment = LogSegment::new();
    assert!(segment.is_empty());
    segment.append(first, 1, &[record("one"), with_fields.clone()]);
    segment.append(second, 1, &[record("two")]);
    segment.append(second, 2, &[]);
    segment.append(first, 1, &[record("three")]);
    let sealed = segment.seal();
    objects.put_log_segment(tenant, sealed.id, sealed.bytes.clone()).await.unwrap();

    let expected = [(first, vec![record("one"), with_fields]), (second, vec![record("two")]), (first, vec![record("three")])];
    assert_eq!(sealed.entries.len(), expected.len());
    for (entry, (instance, records)) in sealed.entries.iter().zip(expected) {
        let bytes = objects.read_log_range(tenant, entry.segment, entry.offset, entry.length).await.unwrap();
        assert_eq!((entry.instance, entry.try_number), (instance, 1));
        assert_eq!(parse_log(&bytes).collect::<Vec<_>>(), records);
        assert!(not_found(&objects.read_log_range(TenantId::generate(), entry.segment, entry.offset, entry.length).await));
    }
    assert!(objects.read_log_range(tenant, sealed.id, 0, 0).await.unwrap().is_empty());
    assert!(objects.read_log_range(tenant, sealed.id, sealed.bytes.len() as u64, 10).await.is_err());
    assert!(too_large(&objects.read_log_range(tenant, sealed.id, 0, u64::MAX).await));
    assert!(not_found(&objects.read_log_range(tenant, LogSegmentId::generate(), 0, 1).await));
}

#[test]
fn a_line_of_a_log_is_written_as_documented() {
    let line = serde_json::to_string(&record("hello")).unwrap();
    assert_eq!(line, r#"{"ts":"2023-11-14T22:13:20.123456Z","stream":"stdout","level":"info","message":"hello"}"#);
    let broken = format!("{{\"cofferdam_log_segment\":1}}\n{line}\nnonsense\n{line}\n{}", &line[..20]);
    assert_eq!(parse_log(broken.as_bytes()).count(), 2);
}

#[tokio::test]
async fn an_xcom_is_found_by_its_reference_within_its_tenant() {
    let (directory, objects) = directory();
    let (tenant, run, instance) = (TenantId::generate(), RunKey::generate(), TaskInstanceId::generate());
    let reference = objects.put_xcom(tenant, run, instance, bytes(300_000)).await.unwrap();
    let text = serde_json::to_string(&reference).unwrap();
    let again: XComReference = serde_json::from_str(&text).unwrap();
    assert_eq!((&again, again.bytes), (&reference, 300_000));
    assert_eq!(objects.get_xcom(tenant, &again).await.unwrap(), bytes(300_000));
    assert!(not_found(&objects.get_xcom(TenantId::generate(), &again).await));
    assert!(too_large(&objects.put_xcom(tenant, run, instance, bytes((1 << 20) + 1)).await));
    std::fs::write(only_file(directory.path()), b"changed").unwrap();
    assert!(matches!(objects.get_xcom(tenant, &again).await, Err(ObjectsError::WrongDigest { .. })));
}

#[tokio::test]
async fn what_was_stored_is_there_for_who_opens_the_directory_next() {
    let (directory, objects) = directory();
    let tenant = TenantId::generate();
    let digest = digest_of(b"a");
    objects.put_component(tenant, &digest, Bytes::from_static(b"a")).await.unwrap();
    drop(objects);
    let url = format!("file://{}", directory.path().display());
    let again = Objects::open(&url, &config()).unwrap();
    assert_eq!(again.get_component(tenant, &digest).await.unwrap(), "a");
}

#[tokio::test]
async fn what_tasks_left_is_listed_and_removed() {
    let (_directory, on_disk) = directory();
    for objects in [on_disk, Objects::open("memory://", &config()).unwrap()] {
        let (tenant, run, instance) = (TenantId::generate(), RunKey::generate(), TaskInstanceId::generate());
        let checkpoint = objects.put_checkpoint(tenant, run, instance, bytes(10)).await.unwrap();
        let mut artifact = objects.create_artifact(tenant, run, instance);
        artifact.write(b"one").await.unwrap();
        let artifact = artifact.finish().await.unwrap();
        objects.put_xcom(TenantId::generate(), run, instance, bytes(10)).await.unwrap();
        let component = bytes(3);
        objects.put_component(tenant, &digest_of(&component), component.clone()).await.unwrap();

        let now = SystemClock.now();
        let listed = async |before: DateTime<Utc>| -> Vec<LeftObject> {
            objects.left_by_tasks(before).await.unwrap().try_collect().await.unwrap()
        };
        assert_eq!(listed(now - TimeDelta::hours(1)).await, [], "they are younger");
        let left = listed(now + TimeDelta::hours(1)).await;
        let mut names: Vec<_> = left.iter().map(|object| object.name.clone()).collect();
        names.sort();
        let mut expected = [None, Some(artifact.to_string()), Some(checkpoint.to_string())];
        expected.sort();
        assert_eq!(names, expected);
        assert!(left.iter().all(|object| (object.run, object.instance) == (run, instance)));

        let of_artifact = left.iter().find(|object| object.name == Some(artifact.to_string())).unwrap();
        assert_eq!(of_artifact.tenant, tenant);
        for _ in 0..2 {
            objects.remove_left(of_artifact).await.unwrap();
        }
        assert!(not_found(&objects.open_artifact(tenant, &artifact).await.map(|_| ())));
        assert_eq!(objects.get_checkpoint(tenant, &checkpoint).await.unwrap(), bytes(10));
        assert_eq!(listed(now + TimeDelta::hours(1)).await.len(), 2);
    }
}
