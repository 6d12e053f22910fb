//! Tenants, users, keys, sessions, the audit log, idempotency keys and workers.

use crate::world::{World, minutes, noon};
use cofferdam_domain::context::Role;
use cofferdam_domain::limits::Limits;
use cofferdam_ids::{ApiKeyId, QueueName, SessionId, TenantId, TenantName, UserId, WorkerId};
use cofferdam_store::idempotency::Begun;
use cofferdam_store::sessions::Rotation;
use cofferdam_store::{Page, StoreError, api_keys, audit, idempotency, sessions, tenants, users, workers};
use serde_json::json;

#[tokio::test]
async fn a_tenant_is_found_by_name_and_has_a_policy() {
    let world = World::new().await;
    let id = world.ours.context.tenant;
    assert_eq!(tenants::find_id(&world.api, &TenantName::new("ours").unwrap()).await.unwrap(), Some(id));
    assert_eq!(tenants::find_id(&world.api, &TenantName::new("nobody").unwrap()).await.unwrap(), None);

    let limits = Limits { fuel: 1_000, ..Limits::default() };
    let private_targets = vec!["10.1.0.0/16".parse().unwrap(), "db.internal.example".parse().unwrap()];
    let rules = tenants::TenantRules { limits: Some(limits), private_targets };
    let mut tx = world.api.begin(&world.ours.context).await.unwrap();
    tenants::set_policy(&mut tx, Some(8), 3, &rules).await.unwrap();
    let tenant = tenants::get(&mut tx).await.unwrap();
    assert_eq!((tenant.max_leased, tenant.weight, &tenant.limits), (Some(8), 3, &rules.limits));
    assert_eq!(tenants::rules(&mut tx, &[id, TenantId::generate()]).await.unwrap(), [(id, rules)]);
    assert_eq!(tenants::list(&mut tx).await.unwrap().len(), 1, "the API sees its own tenant only");
    tx.commit().await.unwrap();

    let mut tx = world.system.begin_across_tenants("test").await.unwrap();
    assert_eq!(tenants::list(&mut tx).await.unwrap().len(), 2);
    let policies = tenants::list_policies(&mut tx).await.unwrap();
    assert!(policies.contains(&tenants::TenantPolicy { tenant: id, max_leased: Some(8), weight: 3 }));
    assert_eq!(tenants::list_pools(&mut tx).await.unwrap(), []);
    let taken = tenants::create(&mut tx, &TenantName::new("ours").unwrap(), "again", noon()).await.unwrap_err();
    assert_eq!(taken.to_string(), "a tenant with this name exists");
}

#[tokio::test]
async fn a_policy_out_of_range_is_invalid() {
    let world = World::new().await;
    let mut tx = world.api.begin(&world.ours.context).await.unwrap();
    assert!(matches!(
        tenants::set_policy(&mut tx, None, 0, &tenants::TenantRules::default()).await,
        Err(StoreError::Invalid { .. })
    ));
}

#[tokio::test]
async fn users_are_made_changed_and_found() {
    let world = World::new().await;
    let mut tx = world.api.begin(&world.ours.context).await.unwrap();
    assert!(!users::has_admin(&mut tx).await.unwrap());
    let new = users::NewUser {
        username: "bob".to_owned(),
        display_name: "Bob".to_owned(),
        names: users::UserNames::default(),
        role: Role::Admin,
        password_hash: None,
    };
    let bob = users::create(&mut tx, &new, noon()).await.unwrap();
    assert!(users::has_admin(&mut tx).await.unwrap());
    assert_eq!(users::by_username(&mut tx, "bob").await.unwrap().unwrap().password_hash, None);
    users::set_password(&mut tx, bob, "$argon2id$new", noon() + minutes(1)).await.unwrap();
    assert_eq!(users::by_username(&mut tx, "bob").await.unwrap().unwrap().password_hash.as_deref(), Some("$argon2id$new"));
    users::set_role(&mut tx, bob, Role::Viewer, false, noon() + minutes(1)).await.unwrap();
    let read = users::get(&mut tx, bob).await.unwrap();
    assert_eq!((read.role, read.active), (Role::Viewer, false));
    assert!(!users::has_admin(&mut tx).await.unwrap(), "an inactive administrator is none");
    let listed = users::list(&mut tx, cofferdam_store::Order::default(), Page { limit: 1, offset: 1 }).await.unwrap();
    assert_eq!((listed.total, listed.items[0].username.as_str()), (2, "bob"));
    assert_eq!(users::by_username(&mut tx, "eve").await.unwrap().map(|found| found.user), None);
    assert!(matches!(users::get(&mut tx, UserId::generate()).await, Err(StoreError::NotFound { .. })));
    assert!(matches!(users::get(&mut tx, world.theirs.user).await, Err(StoreError::NotFound { .. })));
    let taken = users::create(&mut tx, &new, noon()).await.unwrap_err();
    assert_eq!(taken.to_string(), "a user with this name exists");
}

#[tokio::test]
async fn a_key_stands_for_its_user_with_the_lesser_role() {
    let world = World::new().await;
    let verified = api_keys::verify(&world.api, world.ours.api_key, &[1; 32], noon()).await.unwrap().unwrap();
    assert_eq!((verified.tenant, verified.user), (world.ours.context.tenant, world.ours.user));
    assert_eq!((verified.username.as_str(), verified.role), ("ada", Role::Editor), "the key says admin, its user is an editor");
    assert_eq!(api_keys::verify(&world.api, world.ours.api_key, &[2; 32], noon()).await.unwrap(), None);
    assert_eq!(api_keys::verify(&world.api, ApiKeyId::generate(), &[1; 32], noon()).await.unwrap(), None);

    let mut tx = world.api.begin(&world.ours.context).await.unwrap();
    let listed = api_keys::list(&mut tx, Some(world.ours.user)).await.unwrap();
    assert_eq!(listed[0].last_used_at, Some(noon()));
    assert_eq!(api_keys::list(&mut tx, Some(world.theirs.user)).await.unwrap(), []);
    assert!(matches!(api_keys::revoke(&mut tx, world.theirs.api_key, noon()).await, Err(StoreError::NotFound { .. })));
    api_keys::revoke(&mut tx, world.ours.api_key, noon()).await.unwrap();
    let again = api_keys::revoke(&mut tx, world.ours.api_key, noon() + minutes(1)).await.unwrap();
    assert_eq!(again.revoked_at, Some(noon()));
    tx.commit().await.unwrap();
    assert_eq!(api_keys::verify(&world.api, world.ours.api_key, &[1; 32], noon()).await.unwrap(), None);
}

#[tokio::test]
async fn a_key_ends_when_it_expires_or_its_user_is_deactivated() {
    let world = World::new().await;
    let id = ApiKeyId::generate();
    let mut tx = world.api.begin(&world.ours.context).await.unwrap();
    let new = api_keys::NewApiKey {
        id,
        user: world.ours.user,
        name: "short".to_owned(),
        role: Role::Viewer,
        expires_at: Some(noon() + minutes(5)),
    };
    api_keys::create(&mut tx, &new, &[3; 32], noon()).await.unwrap();
    tx.commit().await.unwrap();
    assert!(api_keys::verify(&world.api, id, &[3; 32], noon() + minutes(4)).await.unwrap().is_some());
    assert_eq!(api_keys::verify(&world.api, id, &[3; 32], noon() + minutes(5)).await.unwrap(), None);

    let mut tx = world.api.begin(&world.ours.context).await.unwrap();
    users::set_role(&mut tx, world.ours.user, Role::Editor, false, noon()).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(api_keys::verify(&world.api, world.ours.api_key, &[1; 32], noon()).await.unwrap(), None);
}

#[tokio::test]
async fn a_refresh_token_works_once() {
    let world = World::new().await;
    let (id, user) = (world.ours.session, world.ours.user);
    assert_eq!(sessions::find_tenant(&world.api, id).await.unwrap(), Some(world.ours.context.tenant));
    assert_eq!(sessions::find_tenant(&world.api, SessionId::generate()).await.unwrap(), None);

    let mut tx = world.api.begin(&world.ours.context).await.unwrap();
    assert_eq!(sessions::rotate(&mut tx, id, &[9; 32], &[2; 32], noon()).await.unwrap(), Rotation::Refused);
    assert_eq!(sessions::rotate(&mut tx, id, &[1; 32], &[2; 32], noon()).await.unwrap(), Rotation::Rotated { user });
    // Two tabs at once: the second one comes with the token that the first one has just used.
    assert_eq!(sessions::rotate(&mut tx, id, &[1; 32], &[3; 32], noon()).await.unwrap(), Rotation::JustReplaced);
    assert_eq!(sessions::rotate(&mut tx, id, &[2; 32], &[3; 32], noon() + minutes(5)).await.unwrap(), Rotation::Rotated { user });
    // Later it is a copy that somebody kept: nobody may go on with this session.
    assert_eq!(sessions::rotate(&mut tx, id, &[2; 32], &[4; 32], noon() + minutes(9)).await.unwrap(), Rotation::Reused { user });
    assert_eq!(sessions::rotate(&mut tx, id, &[3; 32], &[4; 32], noon() + minutes(9)).await.unwrap(), Rotation::Refused);
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_session_ends_when_it_expires_or_is_revoked() {
    let world = World::new().await;
    let id = world.ours.session;
    let mut tx = world.api.begin(&world.ours.context).await.unwrap();
    assert_eq!(sessions::rotate(&mut tx, id, &[1; 32], &[2; 32], noon() + minutes(600)).await.unwrap(), Rotation::Refused);
    assert_eq!(sessions::revoke_all(&mut tx, world.ours.user, noon()).await.unwrap(), 1);
    assert_eq!(sessions::rotate(&mut tx, id, &[1; 32], &[2; 32], noon()).await.unwrap(), Rotation::Refused);
    tx.commit().await.unwrap();
    let mut tx = world.system.begin_across_tenants("test").await.unwrap();
    assert_eq!(sessions::forget(&mut tx, noon() + minutes(601)).await.unwrap(), 2);
}

#[tokio::test]
async fn the_audit_log_says_who_did_what() {
    let world = World::new().await;
    let mut tx = world.api.begin(&world.ours.context).await.unwrap();
    let done = audit::Action { action: "user.create", target_kind: "user", target: "bob" };
    audit::append(&mut tx, done, &json!({}), noon() + minutes(1)).await.unwrap();
    let all = audit::list(&mut tx, None, Page::first(10)).await.unwrap();
    assert_eq!(all.total, 2);
    let newest = &all.items[0];
    assert_eq!(
        (newest.principal.as_str(), newest.action.as_str(), newest.request_id.as_str()),
        ("ada", "user.create", "request-1")
    );
    let about_components = audit::list(&mut tx, Some("component"), Page::first(10)).await.unwrap();
    assert_eq!((about_components.total, &about_components.items[0].detail), (1, &json!({"label": "v1"})));
}

#[tokio::test]
async fn a_request_with_a_key_is_done_once() {
    let world = World::new().await;
    let mut tx = world.api.begin(&world.ours.context).await.unwrap();
    let (scope, key) = ("trigger", "key-2");
    assert_eq!(idempotency::begin(&mut tx, scope, key, &[1; 32], noon()).await.unwrap(), Begun::Fresh);
    assert_eq!(idempotency::begin(&mut tx, scope, key, &[1; 32], noon()).await.unwrap(), Begun::InProgress);
    assert_eq!(idempotency::begin(&mut tx, scope, key, &[2; 32], noon()).await.unwrap(), Begun::Mismatch);
    assert_eq!(idempotency::begin(&mut tx, "another endpoint", key, &[2; 32], noon()).await.unwrap(), Begun::Fresh);
    idempotency::finish(&mut tx, scope, key, 201, &json!({"dag_run_id": "x"})).await.unwrap();
    let replay = Begun::Replay { status: 201, body: json!({"dag_run_id": "x"}) };
    assert_eq!(idempotency::begin(&mut tx, scope, key, &[1; 32], noon() + minutes(60)).await.unwrap(), replay);
    assert_eq!(idempotency::begin(&mut tx, scope, key, &[2; 32], noon()).await.unwrap(), Begun::Mismatch);

    // A request that failed gives the key back; one that was lost loses it after a while.
    idempotency::begin(&mut tx, scope, "key-3", &[1; 32], noon()).await.unwrap();
    idempotency::abandon(&mut tx, scope, "key-3").await.unwrap();
    assert_eq!(idempotency::begin(&mut tx, scope, "key-3", &[2; 32], noon()).await.unwrap(), Begun::Fresh);
    assert_eq!(idempotency::begin(&mut tx, scope, "key-3", &[2; 32], noon() + minutes(2)).await.unwrap(), Begun::Fresh);
    assert!(matches!(idempotency::finish(&mut tx, scope, "key-4", 200, &json!(1)).await, Err(StoreError::NotFound { .. })));
    tx.commit().await.unwrap();
    let mut tx = world.system.begin_across_tenants("test").await.unwrap();
    assert!(idempotency::forget(&mut tx, noon() + minutes(90)).await.unwrap() >= 4);
}

#[tokio::test]
async fn two_requests_with_one_key_at_once_are_done_once() {
    let world = World::new().await;
    let mut first = world.api.begin(&world.ours.context).await.unwrap();
    assert_eq!(idempotency::begin(&mut first, "trigger", "twice", &[1; 32], noon()).await.unwrap(), Begun::Fresh);
    let second = async {
        let mut tx = world.api.begin(&world.ours.context).await.unwrap();
        idempotency::begin(&mut tx, "trigger", "twice", &[1; 32], noon()).await.unwrap()
    };
    let finish = async {
        idempotency::finish(&mut first, "trigger", "twice", 200, &json!(1)).await.unwrap();
        first.commit().await.unwrap();
    };
    let (second, ()) = tokio::join!(second, finish);
    assert_eq!(second, Begun::Replay { status: 200, body: json!(1) });
}

#[tokio::test]
async fn workers_come_and_go() {
    let world = World::new().await;
    let id = WorkerId::generate();
    let queues = vec![QueueName::default_queue()];
    let new = workers::NewWorker { id, name: "host-1".to_owned(), version: "0.1.0".to_owned(), queues, slots: 16 };
    let mut tx = world.system.begin_across_tenants("worker").await.unwrap();
    workers::register(&mut tx, &new, noon()).await.unwrap();
    workers::seen(&mut tx, id, noon() + minutes(5)).await.unwrap();
    assert!(matches!(workers::seen(&mut tx, WorkerId::generate(), noon()).await, Err(StoreError::NotFound { .. })));
    tx.commit().await.unwrap();

    let mut tx = world.api.begin(&world.ours.context).await.unwrap();
    let alive = workers::list_alive(&mut tx, noon() + minutes(4)).await.unwrap();
    assert_eq!((alive.len(), alive[0].slots, alive[0].last_seen_at), (1, 16, noon() + minutes(5)));
    assert_eq!(workers::list_alive(&mut tx, noon() + minutes(6)).await.unwrap(), []);
    assert!(workers::stopped(&mut tx, id, noon()).await.is_err(), "the API only reads them");
    drop(tx);

    let mut tx = world.system.begin_across_tenants("worker").await.unwrap();
    workers::stopped(&mut tx, id, noon() + minutes(6)).await.unwrap();
    assert_eq!(workers::list_alive(&mut tx, noon()).await.unwrap(), []);
    assert_eq!(workers::forget(&mut tx, noon() + minutes(9)).await.unwrap(), 1);
}
