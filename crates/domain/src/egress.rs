//! Which addresses a task's requests may go to.
//!
//! A name that a grant allows can lead anywhere, also to a neighbour of the worker. So the address itself is asked:
//! those that are not of the public internet are refused, unless an administrator of the tenant or of the installation
//! has named them ([`PrivateTarget`]). The ranges are those of the IANA special-purpose address registries (RFC 6890).

use crate::grant::HostPattern;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A range of addresses: `10.0.0.0/8`, `fd00::/8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AddressRange {
    first: IpAddr,
    prefix: u8,
}

/// A target that is not of the public internet and may be reached all the same: a range, an address, or a host by its name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum PrivateTarget {
    /// Whatever name leads to an address of this range.
    Range(AddressRange),
    /// Whatever address this name leads to.
    Host(HostPattern),
}

/// A target that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no range of addresses and no host: write for example \"10.1.0.0/16\", \"10.1.2.3\" or \"db.internal.example\"")]
pub struct PrivateTargetError(String);

impl AddressRange {
    /// One address.
    #[must_use]
    pub const fn only(address: IpAddr) -> Self {
        Self { first: address, prefix: if address.is_ipv4() { 32 } else { 128 } }
    }

    /// Whether an address is in it.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.first, plain(address)) {
            (IpAddr::V4(first), IpAddr::V4(address)) => {
                let shift = 32 - u32::from(self.prefix.min(32));
                first.to_bits().checked_shr(shift).unwrap_or(0) == address.to_bits().checked_shr(shift).unwrap_or(0)
            }
            (IpAddr::V6(first), IpAddr::V6(address)) => {
                let shift = 128 - u32::from(self.prefix.min(128));
                first.to_bits().checked_shr(shift).unwrap_or(0) == address.to_bits().checked_shr(shift).unwrap_or(0)
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

impl FromStr for AddressRange {
    type Err = PrivateTargetError;

    fn from_str(text: &str) -> Result<Self, PrivateTargetError> {
        let error = || PrivateTargetError(text.chars().take(300).collect());
        let (first, prefix) = match text.split_once('/') {
            Some((first, prefix)) => (first, Some(prefix.parse::<u8>().map_err(|_| error())?)),
            None => (text, None),
        };
        let first: IpAddr = first.parse().map_err(|_| error())?;
        let longest = if first.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.unwrap_or(longest);
        if prefix > longest {
            return Err(error());
        }
        Ok(Self { first, prefix })
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.prefix)
    }
}

impl PrivateTarget {
    /// Whether a request to `host`, which leads to `address`, is meant.
    #[must_use]
    pub fn covers(&self, host: &str, address: IpAddr) -> bool {
        match self {
            Self::Range(range) => range.contains(address),
            Self::Host(pattern) => pattern.matches(host),
        }
    }
}

impl FromStr for PrivateTarget {
    type Err = PrivateTargetError;

    fn from_str(text: &str) -> Result<Self, PrivateTargetError> {
        if let Ok(range) = text.parse() {
            return Ok(Self::Range(range));
        }
        match text.parse() {
            Ok(HostPattern::Address(address)) => Ok(Self::Range(AddressRange::only(address))),
            // All private addresses at once is no policy, but a slip: name the ranges.
            Ok(HostPattern::Any) | Err(_) => Err(PrivateTargetError(text.chars().take(300).collect())),
            Ok(host) => Ok(Self::Host(host)),
        }
    }
}

impl fmt::Display for PrivateTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Range(range) => range.fmt(f),
            Self::Host(host) => host.fmt(f),
        }
    }
}

impl TryFrom<String> for PrivateTarget {
    type Error = PrivateTargetError;

    fn try_from(text: String) -> Result<Self, PrivateTargetError> {
        text.parse()
    }
}

impl From<PrivateTarget> for String {
    fn from(target: PrivateTarget) -> Self {
        target.to_string()
    }
}

/// The address that is meant: addresses of version 4 come also dressed as such of version 6.
fn plain(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(inner) => embedded(inner).map_or(address, IpAddr::V4),
    }
}

/// The address of version 4 inside one of version 6: mapped (RFC 4291), NAT64 (RFC 6052), 6to4 (RFC 3056).
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let of = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match address.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] => Some(of(high, low)),
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => Some(of(high, low)),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(of(high, low)),
        [0x2002, high, low, ..] => Some(of(high, low)),
        _ => None,
    }
}

/// An address that a name leads to and that must not be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreachable {
    /// The address.
    pub address: IpAddr,
    /// What it is, in words.
    pub why: &'static str,
}

/// Those of the addresses of a host that may be reached: the public ones, and those that an administrator named. `host` is as
/// in a URL.
///
/// # Errors
/// The last address that must not be reached, when there is no other.
pub fn reachable(host: &str, found: &[IpAddr], named: &[PrivateTarget]) -> Result<Vec<IpAddr>, Unreachable> {
    let mut refused = None;
    let mut good = Vec::new();
    for address in found.iter().copied() {
        match special_purpose(address) {
            Some(why) if !named.iter().any(|target| target.covers(host, address)) => refused = Some(Unreachable { address, why }),
            Some(_) | None => good.push(address),
        }
    }
    refused.filter(|_| good.is_empty()).map_or(Ok(good), Err)
}

/// Why an address is not of the public internet; `None` for one that is.
#[must_use]
pub fn special_purpose(address: IpAddr) -> Option<&'static str> {
    match plain(address) {
        IpAddr::V4(address) => special_v4(address),
        IpAddr::V6(address) => special_v6(address),
    }
}

fn special_v4(address: Ipv4Addr) -> Option<&'static str> {
    match address.octets() {
        [0, ..] => Some("of this network (0.0.0.0/8)"),
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Some("private"),
        [100, 64..=127, ..] => Some("of a carrier's shared space (100.64.0.0/10)"),
        [127, ..] => Some("the worker itself (loopback)"),
        // The services that tell a machine of a cloud its credentials are at 169.254.169.254 and near it.
        [169, 254, ..] => Some("link-local, where clouds keep their metadata services"),
        [168, 63, 129, 16] => Some("a metadata service of a cloud"),
        [192, 0, 0, _] => Some("kept for protocols (192.0.0.0/24)"),
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => Some("kept for documentation"),
        [192, 88, 99, _] => Some("a relay of 6to4 (192.88.99.0/24)"),
        [198, 18..=19, ..] => Some("kept for benchmarks (198.18.0.0/15)"),
        [224..=239, ..] => Some("multicast"),
        [240..=255, ..] => Some("reserved or broadcast"),
        _ => None,
    }
}

fn special_v6(address: Ipv6Addr) -> Option<&'static str> {
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => Some("unspecified"),
        [0, 0, 0, 0, 0, 0, 0, 1] => Some("the worker itself (loopback)"),
        [0xfc00..=0xfdff, ..] => Some("unique-local (fc00::/7)"),
        [0xfe80..=0xfebf, ..] => Some("link-local"),
        [0xfec0..=0xfeff, ..] => Some("site-local"),
        [0xff00..=0xffff, ..] => Some("multicast"),
        [0x64, 0xff9b, 1, ..] => Some("a local translation (64:ff9b:1::/48)"),
        [0x2001, 0..=0x1ff, ..] => Some("kept for protocols (2001::/23)"),
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Some("kept for documentation"),
        // What is public is given out of 2000::/3 only.
        [0x2000..=0x3fff, ..] => None,
        _ => Some("not given out"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn special(text: &str) -> bool {
        special_purpose(text.parse().unwrap()).is_some()
    }

    #[test]
    fn what_is_not_public_is_known() {
        for text in [
            "0.0.0.0",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.0.1",
            "169.254.169.254",
            "168.63.129.16",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.168.1.1",
            "198.18.0.1",
            "224.0.0.1",
            "239.255.255.255",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "64:ff9b::a00:1",
            "2002:7f00:1::",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "64:ff9b:1::1",
            "4000::1",
        ] {
            assert!(special(text), "{text}");
        }
        for text in [
            "1.1.1.1",
            "8.8.8.8",
            "100.128.0.1",
            "172.32.0.1",
            "192.167.0.1",
            "2606:4700::1111",
            "2a00:1450::1",
            "64:ff9b::101:101",
        ] {
            assert!(!special(text), "{text}");
        }
    }

    #[test]
    fn an_administrator_names_ranges_addresses_and_hosts() {
        let target = |text: &str| text.parse::<PrivateTarget>().unwrap();
        let at = |text: &str| text.parse::<IpAddr>().unwrap();
        assert!(target("10.1.0.0/16").covers("x", at("10.1.2.3")));
        assert!(target("10.1.0.0/16").covers("x", at("::ffff:10.1.2.3")));
        assert!(!target("10.1.0.0/16").covers("x", at("10.2.0.1")));
        assert!(target("0.0.0.0/0").covers("x", at("127.0.0.1")));
        assert!(!target("0.0.0.0/0").covers("x", at("fd00::1")));
        assert!(target("127.0.0.1").covers("x", at("127.0.0.1")));
        assert!(!target("127.0.0.1").covers("x", at("127.0.0.2")));
        assert!(target("fd00::/8").covers("x", at("fdab::1")));
        assert!(target("db.internal.example").covers("DB.internal.example", at("10.9.9.9")));
        assert!(!target("db.internal.example").covers("other.internal.example", at("10.9.9.9")));
        // An address in the clothes of a host is that address, whatever name leads to it.
        for text in ["10.1.2.3.", "10.1.2.3", "10.1.2.3/32"] {
            assert_eq!(target(text), target("10.1.2.3/32"), "{text}");
        }
        assert_eq!(target("[fd00::1]"), target("fd00::1/128"));
        for wrong in ["", "*", "10.0.0.0/33", "10.0.0.0/x", "fd00::/129", "a b"] {
            assert!(wrong.parse::<PrivateTarget>().is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn a_target_reads_back(bits: u128, prefix in 0_u8..=32) {
            for target in [format!("{}/{prefix}", Ipv4Addr::from_bits(bits as u32)), format!("{}/{prefix}", Ipv6Addr::from_bits(bits))] {
                let read: PrivateTarget = target.parse().unwrap();
                prop_assert_eq!(read.to_string().parse::<PrivateTarget>().unwrap(), read);
            }
        }

        #[test]
        fn dressing_an_address_up_changes_nothing(bits: u32) {
            let address = Ipv4Addr::from_bits(bits);
            prop_assert_eq!(special_purpose(address.into()), special_purpose(address.to_ipv6_mapped().into()));
        }
    }
}
