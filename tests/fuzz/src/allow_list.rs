//! Which requests a grant allows, and which addresses they may go to.

use arbitrary::{Result, Unstructured};
use cofferdam_domain::egress::{PrivateTarget, reachable};
use cofferdam_domain::grant::{Grant, HttpRule, Scheme};
use cofferdam_sandbox::fuzzing::destination;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Makes rules, a URL and addresses. A request that is allowed has a rule for its host by a second opinion that knows only
/// what was written; an address that is not public is reached only when an administrator named it.
pub fn allow_list(bytes: &[u8]) {
    // Too few bytes make nothing to try.
    let _ = attempt(&mut Unstructured::new(bytes));
}

fn attempt(u: &mut Unstructured<'_>) -> Result<()> {
    let mut grant = Grant::default();
    let mut written = Vec::new();
    for _ in 0..u.int_in_range(0..=4_u8)? {
        let text = if u.ratio(1, 4_u8)? { u.arbitrary::<&str>()?.to_owned() } else { rule(u)? };
        let Ok(rule) = text.parse::<HttpRule>() else { continue };
        assert_eq!(rule.to_string().parse::<HttpRule>().as_ref(), Ok(&rule), "{text:?} reads back");
        let object = serde_json::to_value(&rule).expect("a rule is stored");
        assert_eq!(serde_json::from_value::<HttpRule>(object).ok().as_ref(), Some(&rule), "{text:?} is stored");
        grant.http.push(rule);
        written.push(text);
    }
    let method = *u.choose(&["GET", "POST", "HEAD", "get", "CONNECT"])?;
    let url = if u.ratio(1, 4_u8)? { u.arbitrary::<&str>()?.to_owned() } else { format!("{}://{}", scheme(u)?, authority(u)?) };
    let Some(uri) = url.parse::<http::Uri>().ok() else { return Ok(()) };
    let Some((scheme, host, port)) = destination(&uri) else { return Ok(()) };
    match grant.http(scheme, &host, port, method) {
        Ok(()) => assert!(
            written.iter().any(|text| means(text, scheme, &host, port, method)),
            "{written:?} must not allow {method} {scheme:?} {host:?} {port}"
        ),
        Err(refusal) => {
            assert!(!written.iter().any(|text| text == &plain(scheme, &host, port)), "{written:?} allows {url}: {refusal}");
        }
    }
    addresses(u, &host)
}

/// What a rule's text means, read in the simplest way.
fn means(text: &str, scheme: Scheme, host: &str, port: u16, method: &str) -> bool {
    let (methods, place) = text.split_once(' ').unwrap_or(("", text));
    let Some((own_scheme, authority)) = place.split_once("://") else { return false };
    let authority = authority.trim_end_matches('/');
    let (own_host, own_port) = match authority.rsplit_once(':') {
        Some((own_host, own_port)) if !own_port.contains(']') => (own_host, own_port.parse::<u16>().ok()),
        _ => (authority, None),
    };
    let bare = |host: &str| {
        let host = host.to_ascii_lowercase();
        host.strip_suffix('.').map_or(host.clone(), str::to_owned)
    };
    let ip = |host: &str| bare(host).trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok();
    let host_fits = if own_host == "*" {
        true
    } else if let Some(domain) = own_host.strip_prefix("*.") {
        let (host, end) = (bare(host), format!(".{}", bare(domain)));
        host.len() > end.len() && host.ends_with(&end)
    } else {
        bare(own_host) == bare(host) || (ip(host).is_some() && ip(own_host) == ip(host))
    };
    let default_port = if own_scheme == "http" { 80 } else { 443 };
    host_fits
        && own_scheme == scheme.as_str()
        && own_port.unwrap_or(default_port) == port
        && (methods.is_empty() || methods.split(',').any(|own| own == method))
}

/// The rule that is told to somebody whose request was refused.
fn plain(scheme: Scheme, host: &str, port: u16) -> String {
    format!("{}://{host}:{port}", scheme.as_str())
}

fn addresses(u: &mut Unstructured<'_>, host: &str) -> Result<()> {
    let mut named = Vec::new();
    for _ in 0..u.int_in_range(0..=2_u8)? {
        let text = if u.arbitrary()? { format!("{}/{}", address(u)?, u.int_in_range(0..=129_u8)?) } else { name(u)? };
        if let Ok(target) = text.parse::<PrivateTarget>() {
            assert_eq!(target.to_string().parse::<PrivateTarget>().as_ref(), Ok(&target), "{text:?} reads back");
            named.push(target);
        }
    }
    let found: Vec<IpAddr> = (0..u.int_in_range(1..=4_u8)?).map(|_| address(u)).collect::<Result<_>>()?;
    let good = reachable(host, &found, &named).unwrap_or_default();
    for address in &good {
        assert!(found.contains(address));
        let is_named = named.iter().any(|target| match target {
            PrivateTarget::Range(range) => range.contains(*address),
            PrivateTarget::Host(pattern) => pattern.matches(host),
        });
        assert!(is_named || !is_private(*address), "{address} must not be reached through {host:?}");
    }
    if named.is_empty() {
        assert!(found.iter().all(|address| good.contains(address) || is_private(*address) || is_special(*address)));
    }
    Ok(())
}

/// What no task may reach, as the standard library knows it.
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_private_v4(v4),
        IpAddr::V6(v6) => {
            let [first, second, ..] = v6.segments();
            let nat64 = [0x64, 0xff9b, 0, 0, 0, 0] == v6.segments()[..6];
            v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_multicast()
                || v6.is_unique_local()
                || v6.is_unicast_link_local()
                || v6.to_ipv4().is_some_and(is_private_v4)
                || (first == 0x2002 && is_private_v4(Ipv4Addr::from_bits(u32::from(second) << 16 | u32::from(v6.segments()[2]))))
                || (nat64 && is_private_v4(Ipv4Addr::from_bits(v6.to_bits() as u32)))
        }
    }
}

fn is_private_v4(v4: Ipv4Addr) -> bool {
    v4.is_private()
        || v4.is_loopback()
        || v4.is_link_local()
        || v4.is_unspecified()
        || v4.is_multicast()
        || v4.is_broadcast()
        || v4.is_documentation()
        || (v4.octets()[0] == 100 && v4.octets()[1] & 0xC0 == 64)
}

/// What else is refused: ranges of the registries that the standard library does not tell.
fn is_special(address: IpAddr) -> bool {
    cofferdam_domain::egress::special_purpose(address).is_some()
}

const NAMES: [&str; 12] = [
    "example.com",
    "api.example.com",
    "EXAMPLE.com.",
    "a.api.example.com",
    "notexample.com",
    "example.com.evil.org",
    "localhost",
    "127.0.0.1",
    "[::1]",
    "[::ffff:10.0.0.1]",
    "0x7f.1",
    "2130706433",
];

fn name(u: &mut Unstructured<'_>) -> Result<String> {
    Ok(match u.int_in_range(0..=3_u8)? {
        0 => u.arbitrary::<&str>()?.to_owned(),
        1 => match address(u)? {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("[{address}]"),
        },
        _ => (*u.choose(&NAMES)?).to_owned(),
    })
}

fn scheme(u: &mut Unstructured<'_>) -> Result<&'static str> {
    Ok(*u.choose(&["https", "http", "HTTPS", "ftp"])?)
}

fn authority(u: &mut Unstructured<'_>) -> Result<String> {
    let name = name(u)?;
    Ok(match u.int_in_range(0..=3_u8)? {
        0 => format!("{name}:{}", u.arbitrary::<u16>()?),
        1 => format!("{name}:{}", if u.arbitrary()? { 80 } else { 443 }),
        2 if u.arbitrary()? => format!("{}@{name}", self::name(u)?),
        _ => name,
    })
}

fn rule(u: &mut Unstructured<'_>) -> Result<String> {
    let methods = *u.choose(&["", "", "GET ", "GET,POST ", "HEAD, GET "])?;
    let below = *u.choose(&["", "", "*."])?;
    let authority = if u.ratio(1, 8_u8)? { "*".to_owned() } else { format!("{below}{}", authority(u)?) };
    let end = *u.choose(&["", "", "/", "/path"])?;
    Ok(format!("{methods}{}://{authority}{end}", scheme(u)?))
}

fn address(u: &mut Unstructured<'_>) -> Result<IpAddr> {
    let near: u32 = match u.int_in_range(0..=6_u8)? {
        0 => 0x0A00_0000,
        1 => 0x7F00_0000,
        2 => 0xA9FE_A900,
        3 => 0xC0A8_0000,
        4 => 0xAC10_0000,
        5 => 0x6440_0000,
        _ => u.arbitrary()?,
    };
    let v4 = Ipv4Addr::from_bits(near ^ u32::from(u.arbitrary::<u16>()?));
    Ok(match u.int_in_range(0..=5_u8)? {
        0 => v4.to_ipv6_mapped().into(),
        1 => v4.to_ipv6_compatible().into(),
        2 => Ipv6Addr::from_bits(u.arbitrary()?).into(),
        3 => Ipv6Addr::from_bits(0x64_ff9b_u128 << 96 | u128::from(v4.to_bits())).into(),
        4 => Ipv6Addr::from_bits(0x2002_u128 << 112 | u128::from(v4.to_bits()) << 80 | 1).into(),
        _ => v4.into(),
    })
}
