use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

fn grant(value: Value) -> Grant {
    serde_json::from_value(value).unwrap()
}

fn rule(text: &str) -> HttpRule {
    text.parse().unwrap()
}

#[test]
fn nothing_is_granted_by_default_but_time_and_chance() {
    let grant = grant(json!({}));
    assert_eq!(grant, Grant::default());
    assert!(grant.clock && grant.random);
    assert_eq!(serde_json::to_value(&grant).unwrap(), json!({}));
    let refusal = grant.http(Scheme::Https, "api.example.com", 443, "GET").unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "requests to https://api.example.com are not granted: add \"https://api.example.com\" to `grant.http` of the task"
    );
    assert!(grant.variable("x").unwrap_err().to_string().contains("`grant.variables`"));
    assert!(grant.connection("x").unwrap_err().to_string().contains("`grant.connections`"));
}

#[test]
fn what_a_refusal_says_to_add_is_what_allows_it() {
    for (scheme, host, port) in
        [(Scheme::Https, "API.Example.com.", 8443), (Scheme::Http, "[::1]", 80), (Scheme::Http, "10.0.0.7", 81)]
    {
        let Refusal::Http { target } = Grant::default().http(scheme, host, port, "GET").unwrap_err() else { panic!() };
        grant(json!({ "http": [target] })).http(scheme, host, port, "GET").unwrap();
    }
}

#[test]
fn a_rule_is_for_scheme_host_port_and_method() {
    let grant = grant(json!({ "http": [
        { "host": "api.example.com", "methods": ["GET", "HEAD"] },
        "http://*.internal.example:8080",
        { "host": "api.example.com", "port": 8443 },
    ] }));
    let asks = |scheme, host: &str, port, method: &str| grant.http(scheme, host, port, method);
    asks(Scheme::Https, "api.example.com", 443, "GET").unwrap();
    asks(Scheme::Https, "API.EXAMPLE.COM.", 443, "HEAD").unwrap();
    asks(Scheme::Https, "api.example.com", 8443, "POST").unwrap();
    asks(Scheme::Http, "a.b.internal.example", 8080, "PUT").unwrap();
    let method = asks(Scheme::Https, "api.example.com", 443, "POST").unwrap_err();
    assert!(matches!(&method, Refusal::Method { method, .. } if method == "POST"), "{method}");
    for (scheme, host, port) in [
        (Scheme::Http, "api.example.com", 443),
        (Scheme::Http, "api.example.com", 80),
        (Scheme::Https, "api.example.com", 444),
        (Scheme::Https, "www.api.example.com", 443),
        (Scheme::Https, "api.example.com.evil.example", 443),
        (Scheme::Http, "internal.example", 8080),
        (Scheme::Http, "evilinternal.example", 8080),
        (Scheme::Http, ".internal.example", 8080),
    ] {
        assert!(matches!(asks(scheme, host, port, "GET"), Err(Refusal::Http { .. })), "{host}:{port}");
    }
    // A method is compared as it is: HTTP's methods are case-sensitive.
    assert!(asks(Scheme::Https, "api.example.com", 443, "get").is_err());
}

#[test]
fn an_address_is_no_name_below_a_domain() {
    assert!(!"*.0.0.1".parse::<HostPattern>().unwrap().matches("127.0.0.1"));
    assert!("[::1]".parse::<HostPattern>().unwrap().matches("[0:0:0:0:0:0:0:1]"));
    assert!("::1".parse::<HostPattern>().unwrap().matches("[::1]"));
    assert!(!"[::1]".parse::<HostPattern>().unwrap().matches("[::2]"));
    assert!("*".parse::<HostPattern>().unwrap().matches("anything.example"));
}

/// Found by the fuzzer of allow-lists.
#[test]
fn an_address_with_a_dot_at_its_end_is_that_address() {
    assert_eq!(rule("http://10.0.161.161."), rule("http://10.0.161.161"));
    let grant = grant(json!({ "http": ["http://10.0.161.161"] }));
    grant.http(Scheme::Http, "10.0.161.161.", 80, "GET").unwrap();
    grant.http(Scheme::Http, "10.0.161.162.", 80, "GET").unwrap_err();
}

#[test]
fn both_forms_of_a_rule_are_read_alike() {
    assert_eq!(
        grant(json!({ "http": ["GET,POST https://a.example:8443/"] })),
        grant(json!({ "http": [
        { "host": "a.example", "port": 8443, "scheme": "https", "methods": ["GET", "POST"] }
    ] }))
    );
    assert_eq!(rule("https://a.example:443"), rule("https://A.example."));
    assert_eq!(rule("http://[::1]:8080").host, HostPattern::Address("::1".parse().unwrap()));
    assert_eq!(rule("http://[::1]").port, None);
}

#[test]
fn what_cannot_be_read_says_what_to_write() {
    let error = |value: Value| serde_json::from_value::<Grant>(value).unwrap_err().to_string();
    for (wrong, part) in [
        (json!("api.example.com"), "https://api.example.com"),
        (json!("ftp://a.example"), "no place for requests"),
        (json!("https://a.example/v1"), "not for a path"),
        (json!("https://a.example:0"), "no place for requests"),
        (json!("https://a.example:x"), "no place for requests"),
        (json!("https://ex*mple.com"), "is no host"),
        (json!("https://user@a.example"), "is no host"),
        (json!("https://bücher.example"), "xn--"),
        (json!("https://"), "is no host"),
        (json!("get https://a.example"), "upper case"),
        (json!({ "host": "a.example", "path": "/" }), "unknown field `path`"),
        (json!({ "port": 1 }), "missing field `host`"),
        (json!(7), "a text such as"),
    ] {
        let message = error(json!({ "http": [wrong] }));
        assert!(message.contains(part), "{wrong}: {message}");
    }
    assert!(error(json!({ "variables": ["a*b"] })).contains("warehouse_*"));
    assert!(error(json!({ "sratch": 1 })).contains("unknown field `sratch`"));
}

#[test]
fn names_and_their_beginnings() {
    let grant = grant(json!({ "variables": ["region", "warehouse_*"], "connections": ["*"] }));
    for name in ["region", "warehouse_", "warehouse_host"] {
        grant.variable(name).unwrap();
    }
    for name in ["regions", "Region", "warehouse", "", "*"] {
        assert!(grant.variable(name).is_err(), "{name:?}");
    }
    grant.connection("anything").unwrap();
}

proptest! {
    #[test]
    fn a_rule_reads_back(
        https: bool,
        host in "(\\*\\.)?[a-z0-9_-]{1,10}(\\.[a-z]{1,5}){0,3}|\\*|\\[::[0-9a-f]{1,4}\\]|10\\.0\\.0\\.[0-9]",
        port in proptest::option::of(1_u16..),
        methods in proptest::collection::vec("[A-Z]{1,8}", 0..3),
    ) {
        let scheme = if https { Scheme::Https } else { Scheme::Http };
        let port = port.filter(|port| *port != scheme.default_port());
        let methods = methods.iter().map(|method| method.parse().unwrap()).collect();
        let rule = HttpRule { host: host.parse().unwrap(), port, scheme, methods };
        prop_assert_eq!(&rule.to_string().parse::<HttpRule>().unwrap(), &rule);
        let json = serde_json::to_string(&rule).unwrap();
        prop_assert_eq!(&serde_json::from_str::<HttpRule>(&json).unwrap(), &rule);
    }

    #[test]
    fn no_text_is_a_panic(text: String) {
        let _ = text.parse::<HttpRule>();
        let _ = Grant::default().http(Scheme::Https, &text, 443, "GET");
        let _ = HostPattern::Any.matches(&text);
    }
}
