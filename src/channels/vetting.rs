//! Vetting of outbound addresses: the resolver gives only addresses that may be called, and a
//! literal address passes the same policy. Any forbidden address in an answer refuses all.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Which addresses may be called.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    allow: Vec<IpNet>,
}

impl Policy {
    /// Public addresses, and the private networks in `allow`.
    pub fn new(allow: Vec<IpNet>) -> Self {
        Self { allow }
    }

    /// Whether `address` may be called. Addresses that clouds give their metadata service
    /// never may.
    pub fn permits(&self, address: IpAddr) -> bool {
        let address = unmapped(address);
        if is_metadata(address) {
            return false;
        }
        self.allow.iter().any(|net| net.contains(&address)) || is_public(address)
    }
}

fn unmapped(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    }
}

fn is_metadata(address: IpAddr) -> bool {
    address == IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254))
        || address == IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200))
        || address == IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16))
        || address == IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254))
}

/// Globally reachable unicast. Source: the IANA special-purpose address registries.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            !matches!(
                (a, b, c),
                (0 | 10 | 127 | 224..=255, _, _)
                    | (100, 64..=127, _)
                    | (169, 254, _)
                    | (172, 16..=31, _)
                    | (192, 0, 0 | 2)
                    | (192, 88, 99)
                    | (192, 168, _)
                    | (198, 18..=19, _)
                    | (198, 51, 100)
                    | (203, 0, 113)
            )
        }
        IpAddr::V6(v6) => {
            let [first, second, ..] = v6.segments();
            let global = (0x2000..=0x3fff).contains(&first);
            let special = (first == 0x2001 && (second < 0x0200 || second == 0x0db8))
                || first == 0x2002
                || (first == 0x3fff && second < 0x1000);
            global && !special
        }
    }
}

/// A resolver that gives vetted addresses only.
#[derive(Debug, Clone)]
pub struct Vetted {
    policy: Arc<Policy>,
}

impl Vetted {
    /// A resolver by `policy`.
    pub fn new(policy: Policy) -> Self {
        Self { policy: Arc::new(policy) }
    }

    /// Refuses a literal address that may not be called; a name is vetted when it is resolved.
    pub fn check_literal(&self, url: &url::Url) -> Result<(), String> {
        let literal = match url.host() {
            Some(url::Host::Ipv4(v4)) => Some(IpAddr::V4(v4)),
            Some(url::Host::Ipv6(v6)) => Some(IpAddr::V6(v6)),
            Some(url::Host::Domain(_)) => None,
            None => return Err("the address names no host".to_owned()),
        };
        match literal {
            Some(address) if !self.policy.permits(address) => Err("the address is private".to_owned()),
            _ => Ok(()),
        }
    }
}

impl Resolve for Vetted {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = Arc::clone(&self.policy);
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            if found.is_empty() || found.iter().any(|address| !policy.permits(address.ip())) {
                return Err("the name leads to a private address".into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_may_be_called() {
        let policy = Policy::default();
        for public in ["1.1.1.1", "8.8.8.8", "93.184.216.34", "2606:4700::1111", "172.32.0.1"] {
            assert!(policy.permits(public.parse().unwrap()), "{public}");
        }
        for private in [
            "0.0.0.0",
            "10.0.0.1",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "192.0.0.1",
            "192.168.1.1",
            "198.18.0.1",
            "203.0.113.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "2001::1",
            "2001:db8::1",
            "2002:a00:1::",
            "ff02::1",
            "3fff::1",
        ] {
            assert!(!policy.permits(private.parse().unwrap()), "{private}");
        }
    }

    #[test]
    fn a_network_can_be_allowed_but_never_the_metadata_service() {
        let policy = Policy::new(vec!["127.0.0.0/8".parse().unwrap(), "169.254.0.0/16".parse().unwrap()]);
        assert!(policy.permits("127.0.0.1".parse().unwrap()));
        assert!(policy.permits("::ffff:127.0.0.1".parse().unwrap()));
        assert!(!policy.permits("169.254.169.254".parse().unwrap()));
        assert!(!policy.permits("10.0.0.1".parse().unwrap()));
    }

    #[test]
    fn literals_pass_the_same_policy() {
        let vetted = Vetted::new(Policy::default());
        let check = |url: &str| vetted.check_literal(&url::Url::parse(url).unwrap());
        assert!(check("https://erp.example/hook").is_ok());
        assert!(check("https://[::1]/hook").is_err());
        assert!(check("https://0x7f.1/hook").is_err(), "an odd spelling of 127.0.0.1");
    }
}
