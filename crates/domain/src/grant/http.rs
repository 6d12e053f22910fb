//! Rules for HTTP requests: `https://api.example.com`, or an object with `host`, `port`, `scheme` and `methods`.

use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// Requests that a task may send: to a host, a port and with a scheme; all methods, unless some are named.
///
/// It is read from an object, or from a text such as `"https://api.example.com:8443"` or `"GET,HEAD https://*.example.com"`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HttpRule {
    /// The host.
    pub host: HostPattern,
    /// The port; that of the scheme when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// The scheme.
    #[serde(skip_serializing_if = "is_https")]
    pub scheme: Scheme,
    /// The methods; all when none is given.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<Method>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_https(scheme: &Scheme) -> bool {
    matches!(scheme, Scheme::Https)
}

/// How a request is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// Through TLS.
    #[default]
    Https,
    /// In plain text.
    Http,
}

/// A host's name, `*.` and the end of names, `*` for every host, or an address.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum HostPattern {
    /// Every host.
    Any,
    /// Every host below a domain, but not the domain itself.
    Below(String),
    /// One host.
    Name(String),
    /// One address.
    Address(IpAddr),
}

/// A method of HTTP, in upper case.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Method(String);

/// A rule, or a part of one, that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HttpRuleError {
    /// The whole.
    #[error(
        "{0:?} is no place for requests: write for example \"https://api.example.com\", with a port when it is not that of the scheme"
    )]
    Form(String),
    /// Something follows the host.
    #[error("{0:?} must end with the host or the port: a grant is for a whole host, not for a path")]
    Path(String),
    /// The host.
    #[error(
        "{0:?} is no host: write a name such as \"api.example.com\", \"*.example.com\" for all names below it, or an address; names of other alphabets in their form with \"xn--\""
    )]
    Host(String),
    /// The method.
    #[error("{0:?} is no method: write it in upper case, as in \"GET\"")]
    Method(String),
}

impl Scheme {
    /// The port of requests that name none.
    #[must_use]
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Https => 443,
            Self::Http => 80,
        }
    }

    /// The scheme as it is written in a URL.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Https => "https",
            Self::Http => "http",
        }
    }
}

impl HttpRule {
    /// Whether it is for requests to this place, whatever their method.
    #[must_use]
    pub fn leads_to(&self, scheme: Scheme, host: &str, port: u16) -> bool {
        self.scheme == scheme && self.port.unwrap_or(scheme.default_port()) == port && self.host.matches(host)
    }

    /// Whether it is for requests of this method.
    #[must_use]
    pub fn has_method(&self, method: &str) -> bool {
        self.methods.is_empty() || self.methods.iter().any(|own| own.0 == method)
    }
}

impl FromStr for HttpRule {
    type Err = HttpRuleError;

    fn from_str(text: &str) -> Result<Self, HttpRuleError> {
        let form = || HttpRuleError::Form(text.chars().take(300).collect());
        let (methods, place) = match text.split_once(' ') {
            Some((methods, place)) => (methods.split(',').map(str::parse).collect::<Result<_, _>>()?, place),
            None => (Vec::new(), text),
        };
        let (scheme, authority) = place.split_once("://").ok_or_else(form)?;
        let scheme = match scheme {
            "https" => Scheme::Https,
            "http" => Scheme::Http,
            _ => return Err(form()),
        };
        let authority = authority.strip_suffix('/').unwrap_or(authority);
        if authority.contains(['/', '?', '#']) {
            return Err(HttpRuleError::Path(text.chars().take(300).collect()));
        }
        // The colons of an address of version 6 are inside brackets.
        let after_host = authority.rfind(']').map_or(0, |end| end + 1);
        let (host, port) = match authority[after_host..].split_once(':') {
            Some((rest, port)) => {
                (&authority[..after_host + rest.len()], Some(port.parse().ok().filter(|port| *port != 0).ok_or_else(form)?))
            }
            None => (authority, None),
        };
        Ok(Self { host: host.parse()?, port: port.filter(|port| *port != scheme.default_port()), scheme, methods })
    }
}

impl<'de> Deserialize<'de> for HttpRule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Rule;

        impl<'de> Visitor<'de> for Rule {
            type Value = HttpRule;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text such as \"https://api.example.com\", or an object with `host`")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<HttpRule, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<HttpRule, A::Error> {
                let Fields { host, port, scheme, methods } = Fields::deserialize(MapAccessDeserializer::new(map))?;
                Ok(HttpRule { host, port, scheme, methods })
            }
        }

        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Fields {
            host: HostPattern,
            #[serde(default)]
            port: Option<u16>,
            #[serde(default)]
            scheme: Scheme,
            #[serde(default)]
            methods: Vec<Method>,
        }

        deserializer.deserialize_any(Rule)
    }
}

/// The name without the dot of the root, in lower case.
fn normal(host: &str) -> String {
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

/// The address that a host of a URL is, when it is one; a dot at its end changes nothing, as with names.
pub(crate) fn address(host: &str) -> Option<IpAddr> {
    let host = host.strip_suffix('.').unwrap_or(host);
    match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inside) => inside.parse().ok().map(IpAddr::V6),
        None => host.parse().ok(),
    }
}

fn is_name(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len()) && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    text.len() <= 253 && text.split('.').all(label)
}

impl HostPattern {
    /// Whether a host is meant, as it is in a URL (an address of version 6 in brackets).
    #[must_use]
    pub fn matches(&self, host: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Below(domain) => {
                let host = normal(host);
                let above = host.strip_suffix(domain.as_str()).and_then(|rest| rest.strip_suffix('.'));
                address(&host).is_none() && above.is_some_and(|above| !above.is_empty())
            }
            Self::Name(name) => normal(host) == *name,
            Self::Address(own) => address(host) == Some(*own),
        }
    }
}

impl FromStr for HostPattern {
    type Err = HttpRuleError;

    fn from_str(text: &str) -> Result<Self, HttpRuleError> {
        if text == "*" {
            return Ok(Self::Any);
        }
        if let Some(address) = address(text) {
            return Ok(Self::Address(address));
        }
        let (below, name) = match text.strip_prefix("*.") {
            Some(rest) => (true, normal(rest)),
            None => (false, normal(text)),
        };
        if !is_name(&name) {
            return Err(HttpRuleError::Host(text.chars().take(300).collect()));
        }
        Ok(if below { Self::Below(name) } else { Self::Name(name) })
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Below(domain) => write!(f, "*.{domain}"),
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
            Self::Address(IpAddr::V4(address)) => write!(f, "{address}"),
        }
    }
}

impl FromStr for Method {
    type Err = HttpRuleError;

    fn from_str(text: &str) -> Result<Self, HttpRuleError> {
        if text.is_empty() || text.len() > 30 || !text.bytes().all(|b| b.is_ascii_uppercase() || matches!(b, b'-' | b'_')) {
            return Err(HttpRuleError::Method(text.chars().take(30).collect()));
        }
        Ok(Self(text.to_owned()))
    }
}

impl Method {
    /// The method as it is sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HttpRule {
    /// The rule as a text that reads back.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, method) in self.methods.iter().enumerate() {
            write!(f, "{}{}", if index == 0 { "" } else { "," }, method.0)?;
        }
        if !self.methods.is_empty() {
            f.write_str(" ")?;
        }
        write!(f, "{}://{}", self.scheme.as_str(), self.host)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

macro_rules! as_text {
    ($($name:ident: $own:ident => $text:expr;)*) => {$(
        impl TryFrom<String> for $name {
            type Error = HttpRuleError;

            fn try_from(text: String) -> Result<Self, HttpRuleError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from($own: $name) -> Self {
                $text
            }
        }
    )*};
}

as_text! {
    HostPattern: own => own.to_string();
    Method: own => own.0;
}

/// A place that a request goes to, as it is written in a grant.
pub(super) struct Target<'a> {
    pub scheme: Scheme,
    pub host: &'a str,
    pub port: u16,
}

impl fmt::Display for Target<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.as_str(), normal(self.host))?;
        if self.port == self.scheme.default_port() { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}
