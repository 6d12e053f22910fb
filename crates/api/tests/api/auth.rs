use crate::harness::{PASSWORD, Server};
use chrono::TimeDelta;
use cofferdam_client::{Client, ClientError, Credentials, Tokens};
use cofferdam_domain::context::Role;
use serde_json::{Value, json};

async fn login(server: &Server) -> Value {
    server.post("/api/v1/auth/login", "", json!({ "username": "admin", "password": PASSWORD })).await.ok(200)
}

#[tokio::test]
async fn a_password_gets_a_token_and_a_cookie() {
    let server = Server::start().await;
    let answer = server.post("/api/v1/auth/login", "", json!({ "username": "admin", "password": PASSWORD })).await;
    let tokens = answer.ok(200);
    assert_eq!(tokens["token_type"], "Bearer");
    assert_eq!(tokens["expires_in_s"], 900);
    assert_eq!(tokens["user"], json!({ "username": "admin", "role": "admin", "tenant": "default" }));
    let cookie = answer.headers["set-cookie"].to_str().unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    let me = server.get("/api/v1/auth/me", tokens["access_token"].as_str().unwrap()).await.ok(200);
    assert_eq!(me["user"]["username"], "admin");
    assert_eq!(server.get("/api/v1/auth/me", "").await.ok(200), json!({ "user": null }));
    assert!(server.audited().await.contains(&"admin session.create admin".to_owned()));
}

#[tokio::test]
async fn what_was_wrong_is_not_told() {
    let server = Server::start().await;
    let mut seen = Vec::new();
    for body in [
        json!({ "username": "admin", "password": "wrong password" }),
        json!({ "username": "nobody", "password": PASSWORD }),
        json!({ "username": "admin", "password": PASSWORD, "tenant": "elsewhere" }),
        json!({ "username": "admin", "password": "x".repeat(5000) }),
    ] {
        let answer = server.post("/api/v1/auth/login", "", body).await;
        let mut problem = answer.problem(401, "invalid_credentials");
        problem["request_id"] = Value::Null;
        assert!(!answer.headers.contains_key("set-cookie"));
        seen.push(problem);
    }
    seen.dedup();
    assert_eq!(seen.len(), 1, "{seen:?}");
}

#[tokio::test]
async fn an_access_token_ends_after_a_quarter_of_an_hour() {
    let server = Server::start().await;
    let tokens = login(&server).await;
    let token = tokens["access_token"].as_str().unwrap();
    server.clock.advance(TimeDelta::seconds(899));
    server.get("/api/v1/dags", token).await.ok(200);
    server.clock.advance(TimeDelta::seconds(1));
    let answer = server.get("/api/v1/dags", token).await;
    answer.problem(401, "unauthenticated");
    assert_eq!(answer.headers["www-authenticate"], "Bearer");
}

#[tokio::test]
async fn a_refresh_token_is_good_once_and_its_copy_ends_the_session() {
    let server = Server::start().await;
    let first = login(&server).await["refresh_token"].clone();
    let second = server.post("/api/v1/auth/refresh", "", json!({ "refresh_token": first })).await.ok(200);
    assert_ne!(second["refresh_token"], first);
    server.get("/api/v1/dags", second["access_token"].as_str().unwrap()).await.ok(200);

    // Somebody shows the first one again, later than two requests of one client could cross.
    server.clock.advance(TimeDelta::seconds(60));
    server.post("/api/v1/auth/refresh", "", json!({ "refresh_token": first })).await.problem(401, "invalid_refresh_token");
    let after = json!({ "refresh_token": second["refresh_token"] });
    server.post("/api/v1/auth/refresh", "", after).await.problem(401, "invalid_refresh_token");
    assert!(server.audited().await.iter().any(|entry| entry.contains("session.reuse_detected")));
}

#[tokio::test]
async fn a_made_up_refresh_token_is_refused() {
    let server = Server::start().await;
    let token = login(&server).await["refresh_token"].as_str().unwrap().to_owned();
    let forged = format!("{}{}", &token[..token.len() - 3], "AAA");
    for token in [forged.as_str(), "cdr_x_y", ""] {
        server.post("/api/v1/auth/refresh", "", json!({ "refresh_token": token })).await.problem(401, "invalid_refresh_token");
    }
    // The session goes on: knowing its id is no reason to end it.
    server.post("/api/v1/auth/refresh", "", json!({ "refresh_token": token })).await.ok(200);
}

#[tokio::test]
async fn signing_out_ends_the_session() {
    let server = Server::start().await;
    let tokens = login(&server).await;
    let body = json!({ "refresh_token": tokens["refresh_token"] });
    let answer = server.post("/api/v1/auth/logout", "", body.clone()).await;
    answer.ok(204);
    assert!(answer.headers["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
    server.post("/api/v1/auth/refresh", "", body.clone()).await.problem(401, "invalid_refresh_token");
    server.post("/api/v1/auth/logout", "", body).await.ok(204);
}

#[tokio::test]
async fn a_cookie_reads_and_changes_only_for_the_console() {
    let server = Server::start().await;
    let cookie = format!("cofferdam_session={}", login(&server).await["refresh_token"].as_str().unwrap());
    let with_cookie = |method: &str, path: &str| server.request(method, path).header("cookie", &cookie);

    server.send(with_cookie("GET", "/api/v1/dags")).await.ok(200);
    let me = server.send(with_cookie("GET", "/api/v1/auth/me")).await.ok(200);
    assert_eq!(me["user"]["username"], "admin");

    let create = || with_cookie("POST", "/api/v1/api-keys").json(&json!({ "name": "k" }));
    server.send(create()).await.problem(403, "cross_site_request");
    server.send(create().header("origin", "https://evil.test")).await.problem(403, "cross_site_request");
    server.send(create().header("origin", &server.address)).await.ok(201);
    server.send(create().header("x-cofferdam-request", "1")).await.ok(201);

    let refreshed = server.send(with_cookie("POST", "/api/v1/auth/refresh").header("x-cofferdam-request", "1")).await.ok(200);
    assert_eq!(refreshed["refresh_token"], "", "scripts do not learn what the cookie holds");
    server.get("/api/v1/dags", refreshed["access_token"].as_str().unwrap()).await.ok(200);

    server.send(with_cookie("POST", "/api/v1/auth/logout")).await.problem(403, "cross_site_request");
    server.send(with_cookie("POST", "/api/v1/auth/logout").header("x-cofferdam-request", "1")).await.ok(204);
    server.send(with_cookie("GET", "/api/v1/dags")).await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn guessing_passwords_is_slow() {
    let server = Server::start().await;
    let wrong = json!({ "username": "admin", "password": "wrong password" });
    for _ in 0..8 {
        server.post("/api/v1/auth/login", "", wrong.clone()).await.problem(401, "invalid_credentials");
    }
    let answer = server.post("/api/v1/auth/login", "", wrong).await;
    answer.problem(429, "too_many_attempts");
    assert_eq!(answer.headers["retry-after"], "10");
    server.clock.advance(TimeDelta::seconds(10));
    login(&server).await;
}

#[tokio::test]
async fn an_api_key_has_at_most_the_role_of_its_maker_and_can_be_revoked() {
    let server = Server::start().await;
    let operator = server.key(server.tenant, Role::Operator).await;
    let problem = server.post("/api/v1/api-keys", &operator, json!({ "name": "k", "role": "editor" })).await;
    assert_eq!(problem.problem(403, "role_too_low")["pointer"], "/role");

    let made = server.post("/api/v1/api-keys", &operator, json!({ "name": "ci", "role": "viewer", "expires_in_days": 1 })).await;
    let made = made.ok(201);
    let key = made["key"].as_str().unwrap();
    server.get("/api/v1/dags", key).await.ok(200);
    server.post("/api/v1/dags/x/dagRuns", key, json!({})).await.problem(403, "role_too_low");
    let listed = server.get("/api/v1/api-keys", &operator).await;
    assert!(!listed.text.contains(&key[40..]), "a secret is shown once");
    assert_eq!(listed.ok(200)["total_entries"], 2);

    // Another user neither sees nor revokes it; an admin does both.
    let path = format!("/api/v1/api-keys/{}", made["api_key_id"].as_str().unwrap());
    let editor = server.key(server.tenant, Role::Editor).await;
    server.call("DELETE", &path, &editor, None).await.problem(404, "not_found");
    server.get("/api/v1/dags", key).await.ok(200);
    let admin = server.key(server.tenant, Role::Admin).await;
    assert_eq!(server.get("/api/v1/api-keys", &admin).await.ok(200)["total_entries"], 4);
    server.call("DELETE", &path, &admin, None).await.ok(204);
    server.get("/api/v1/dags", key).await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn an_api_key_ends_in_time() {
    let server = Server::start().await;
    let viewer = server.key(server.tenant, Role::Viewer).await;
    let made = server.post("/api/v1/api-keys", &viewer, json!({ "name": "k", "expires_in_days": 2 })).await.ok(201);
    let key = made["key"].as_str().unwrap();
    server.clock.advance(TimeDelta::hours(47));
    server.get("/api/v1/dags", key).await.ok(200);
    server.clock.advance(TimeDelta::hours(1));
    server.get("/api/v1/dags", key).await.problem(401, "unauthenticated");
    for (field, body) in [("/name", json!({ "name": "" })), ("/expires_in_days", json!({ "name": "k", "expires_in_days": 0 }))] {
        let answer = server.post("/api/v1/api-keys", &viewer, body).await;
        assert_eq!(answer.problem(422, "invalid_body")["pointer"], field);
    }
}

#[tokio::test]
async fn what_is_no_credential_is_refused() {
    let server = Server::start().await;
    for token in
        ["", "nonsense", "cdk_", "cdk_0193b8a000007000800000000000dead_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "a.b.c"]
    {
        let answer = server.send(server.request("GET", "/api/v1/dags").header("authorization", format!("Bearer {token}"))).await;
        answer.problem(401, "unauthenticated");
    }
    for scheme in ["Digest", "Basic", "Negotiate"] {
        let answer =
            server.send(server.request("GET", "/api/v1/dags").header("authorization", format!("{scheme} {PASSWORD}"))).await;
        answer.problem(401, "unauthenticated");
    }
}

#[tokio::test]
async fn an_admin_manages_users() {
    let server = Server::start().await;
    let admin = login(&server).await["access_token"].as_str().unwrap().to_owned();
    let new = json!({ "username": "grace", "password": "hopper-1906", "role": "editor" });
    let user = server.post("/api/v1/users", &admin, new.clone()).await.ok(201);
    assert_eq!((&user["username"], &user["role"], &user["is_active"]), (&json!("grace"), &json!("editor"), &json!(true)));
    server.post("/api/v1/users", &admin, new).await.problem(409, "conflict");
    let short = server.post("/api/v1/users", &admin, json!({ "username": "x", "password": "short", "role": "viewer" })).await;
    assert_eq!(short.problem(422, "invalid_body")["pointer"], "/password");

    let sign_in = json!({ "username": "grace", "password": "hopper-1906" });
    let grace = server.post("/api/v1/auth/login", "", sign_in.clone()).await.ok(200);
    let refresh = json!({ "refresh_token": grace["refresh_token"] });
    server.call("PATCH", "/api/v1/users/grace", &admin, Some(&json!({ "is_active": false }))).await.ok(200);
    server.post("/api/v1/auth/refresh", "", refresh).await.problem(401, "invalid_refresh_token");
    server.post("/api/v1/auth/login", "", sign_in).await.problem(401, "invalid_credentials");

    let own = server.call("PATCH", "/api/v1/users/admin", &admin, Some(&json!({ "role": "viewer" }))).await;
    own.problem(409, "conflict");
    server.call("PATCH", "/api/v1/users/nobody", &admin, Some(&json!({}))).await.problem(404, "not_found");
}

#[tokio::test]
async fn the_client_renews_its_tokens_by_itself() {
    let server = Server::start().await;
    let kept = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let observer = {
        let kept = kept.clone();
        move |tokens: &Tokens| kept.lock().unwrap().push(tokens.refresh_token.clone())
    };
    let client = Client::new(&server.address).unwrap().with_token_observer(observer);
    let request = serde_json::from_value(json!({ "username": "admin", "password": PASSWORD })).unwrap();
    client.login(&request).await.unwrap();
    server.clock.advance(TimeDelta::minutes(16));
    // Many at once: the refresh token is used once, or the session would be ended.
    let calls = (0..8).map(|_| {
        let client = client.clone();
        tokio::spawn(async move { client.list_dags(&Default::default()).await })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.unwrap().unwrap();
    }
    assert_eq!(kept.lock().unwrap().len(), 2);
    client.logout().await.unwrap();
    assert!(matches!(client.credentials(), Credentials::None));
    let error = client.list_dags(&Default::default()).await.unwrap_err();
    assert!(matches!(error, ClientError::Problem(_)), "{error:?}");
}
