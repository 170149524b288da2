//! Addresses that nothing is sent to: everything that is not the public internet.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Where an address leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// The internet.
    Public,
    /// The network of whoever runs keysift: an allowed host may be there.
    Private,
    /// This machine: an allowed host that says so itself may be there.
    Loopback,
    /// Link-local addresses, where clouds keep the credentials of machines, and all that nobody has. Never asked.
    Never(&'static str),
}

/// Where `address` leads. Addresses of version 6 that stand for one of version 4 are taken as that.
#[must_use]
pub fn reach(address: IpAddr) -> Reach {
    match address {
        IpAddr::V4(address) => reach_v4(address),
        IpAddr::V6(address) => embedded_v4(address).map_or_else(|| reach_v6(address), |inner| worse(reach_v4(inner))),
    }
}

/// A mapped or translated address is no way to name a host that is here.
const fn worse(reach: Reach) -> Reach {
    match reach {
        Reach::Public => Reach::Public,
        Reach::Private | Reach::Loopback => Reach::Never("an IPv6 address that stands for a local one"),
        Reach::Never(why) => Reach::Never(why),
    }
}

/// The address of version 4 in `::ffff:a.b.c.d`, `::a.b.c.d`, `64:ff9b::a.b.c.d`, `64:ff9b:1::/48`, 6to4 and Teredo.
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let s = address.segments();
    let v4 = |a: u16, b: u16| {
        let [w, x] = a.to_be_bytes();
        let [y, z] = b.to_be_bytes();
        Some(Ipv4Addr::new(w, x, y, z))
    };
    match s {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        [0, 0, 0, 0, 0, 0 | 0xffff, a, b] | [0, 0, 0, 0, 0xffff, 0, a, b] | [0x64, 0xff9b, _, _, _, _, a, b] => v4(a, b),
        [0x2002, a, b, ..] => v4(a, b),
        [0x2001, 0, _, _, _, _, a, b] => v4(!a, !b),
        _ => None,
    }
}

/// By the registry of special-purpose addresses: <https://www.iana.org/assignments/iana-ipv4-special-registry/>.
fn reach_v4(address: Ipv4Addr) -> Reach {
    match address.octets() {
        [127, ..] => Reach::Loopback,
        [10, ..] | [192, 168, ..] => Reach::Private,
        [172, b, ..] if b & 0xf0 == 16 => Reach::Private,
        // 100.100.100.200 is the metadata service of a cloud.
        [100, 100, 100, 200] => Reach::Never("a metadata service"),
        [100, b, ..] if b & 0xc0 == 64 => Reach::Private,
        [169, 254, ..] => Reach::Never("link-local, where metadata services are"),
        [0, ..] => Reach::Never("this network"),
        [192, 0, 0, _] => Reach::Never("reserved for protocols"),
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => Reach::Never("for documentation"),
        [192, 88, 99, _] => Reach::Never("a relay"),
        [198, 18 | 19, ..] => Reach::Never("for benchmarks"),
        [224..=255, ..] => Reach::Never("multicast, broadcast or reserved"),
        _ => Reach::Public,
    }
}

/// By <https://www.iana.org/assignments/iana-ipv6-special-registry/>: of all space only 2000::/3 is handed out.
fn reach_v6(address: Ipv6Addr) -> Reach {
    let s = address.segments();
    match s {
        [0, 0, 0, 0, 0, 0, 0, 1] => Reach::Loopback,
        // The metadata service of AWS.
        [0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x254] => Reach::Never("a metadata service"),
        [a, ..] if a & 0xfe00 == 0xfc00 => Reach::Private,
        [a, ..] if a & 0xffc0 == 0xfe80 => Reach::Never("link-local"),
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Reach::Never("for documentation"),
        [0x2001, b, ..] if b < 0x200 => Reach::Never("reserved for protocols"),
        [a, ..] if a & 0xe000 == 0x2000 => Reach::Public,
        _ => Reach::Never("no address of a host"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_internet_is_public() {
        for public in
            ["8.8.8.8", "104.18.0.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "172.32.0.1", "100.128.0.1"]
        {
            assert_eq!(reach(public.parse().expect(public)), Reach::Public, "{public}");
        }
        for private in ["10.1.2.3", "192.168.0.1", "172.16.0.1", "172.31.255.255", "100.64.0.1", "fd12:3456::1"] {
            assert_eq!(reach(private.parse().expect(private)), Reach::Private, "{private}");
        }
        for loopback in ["127.0.0.1", "127.9.9.9", "::1"] {
            assert_eq!(reach(loopback.parse().expect(loopback)), Reach::Loopback, "{loopback}");
        }
        for never in [
            "0.0.0.0",
            "169.254.169.254",
            "255.255.255.255",
            "224.0.0.1",
            "192.0.2.1",
            "198.18.0.1",
            "100.100.100.200",
            "240.0.0.1",
            "::",
            "fe80::1",
            "ff02::1",
            "2001:db8::1",
            "fd00:ec2::254",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::7f00:1",
            "2002:7f00:1::",
            "2002:a9fe:a9fe::1",
            "2001:0:0:0:0:0:80ff:fffe",
            "fec0::1",
            "100::1",
        ] {
            assert!(
                matches!(reach(never.parse().expect(never)), Reach::Never(_)),
                "{never}: {:?}",
                reach(never.parse().unwrap())
            );
        }
    }
}
