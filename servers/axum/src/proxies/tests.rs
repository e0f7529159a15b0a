use proptest::prelude::*;

use super::*;

const PEER: &str = "10.0.0.1";

fn inside() -> Proxies {
    Proxies::trusting(["10.0.0.0/8", "fd00::/8"].map(|network| network.parse().expect("a network")))
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn client_of(proxies: &Proxies, name: &'static str, lines: &[&[u8]]) -> String {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(name, http::HeaderValue::from_bytes(line).expect("a value"));
    }
    proxies.client(ip(PEER), &headers).to_string()
}

fn client(lines: &[&str]) -> String {
    let lines: Vec<_> = lines.iter().map(|line| line.as_bytes()).collect();
    client_of(&inside(), X_FORWARDED_FOR, &lines)
}

fn forwarded(lines: &[&str]) -> String {
    let lines: Vec<_> = lines.iter().map(|line| line.as_bytes()).collect();
    client_of(&inside().header(ForwardedHeader::Forwarded), "forwarded", &lines)
}

#[test]
fn nothing_is_trusted_by_default() {
    assert_eq!(client_of(&Proxies::none(), X_FORWARDED_FOR, &[b"192.0.2.1"]), PEER);
}

#[test]
fn who_is_no_proxy_is_the_client_whatever_it_says() {
    let mut headers = HeaderMap::new();
    headers.insert(X_FORWARDED_FOR, http::HeaderValue::from_static("192.0.2.1"));
    assert_eq!(inside().client(ip("198.51.100.7"), &headers), ip("198.51.100.7"));
}

#[test]
fn the_rightmost_hop_that_is_not_trusted_is_the_client() {
    assert_eq!(client(&["192.0.2.1"]), "192.0.2.1");
    assert_eq!(client(&["203.0.113.9, 192.0.2.1, 10.0.0.2"]), "192.0.2.1");
    assert_eq!(client(&["203.0.113.9,10.0.0.3,192.0.2.1,fd00::1"]), "192.0.2.1");
}

#[test]
fn all_lines_are_joined() {
    assert_eq!(client(&["192.0.2.1", "10.0.0.2"]), "192.0.2.1");
    assert_eq!(client(&["203.0.113.9", "192.0.2.1, 10.0.0.2", "10.0.0.3"]), "192.0.2.1");
}

#[test]
fn nothing_but_proxies_gives_the_leftmost() {
    assert_eq!(client(&["10.1.1.1, 10.2.2.2"]), "10.1.1.1");
    assert_eq!(client(&[]), PEER);
    assert_eq!(client(&["", " , ,"]), PEER);
    assert_eq!(client(&["192.0.2.1,, 10.0.0.2, ", ""]), "192.0.2.1");
}

#[test]
fn ipv4_mapped_addresses_and_networks_are_ipv4() {
    assert_eq!(client(&["192.0.2.1, ::ffff:10.0.0.2"]), "192.0.2.1");
    assert_eq!(client(&["::ffff:192.0.2.1"]), "192.0.2.1");
    assert_eq!(inside().client(ip("::ffff:198.51.100.7"), &HeaderMap::new()), ip("198.51.100.7"));
    assert!(inside().trusts(ip("::ffff:10.0.0.2")) && !inside().trusts(ip("::ffff:11.0.0.2")));
    let mapped = Proxies::trusting(["::ffff:10.0.0.0/104".parse().expect("a network")]);
    assert!(mapped.trusts(ip("10.9.9.9")) && !mapped.trusts(ip("11.0.0.1")));
    let all = Proxies::trusting(["::/0".parse().expect("a network")]);
    assert!(all.trusts(ip("2001:db8::1")) && !all.trusts(ip("192.0.2.1")));
}

#[test]
fn a_hop_may_have_brackets_and_a_port() {
    for (hop, address) in [
        ("192.0.2.1:50000", "192.0.2.1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:db8::1]:50000", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("[::ffff:192.0.2.1]:1", "192.0.2.1"),
    ] {
        assert_eq!(client(&[hop]), address, "{hop}");
    }
}

#[test]
fn garbage_ends_the_walk_at_the_last_proxy_that_could_be_read() {
    for garbage in [
        "unknown",
        "_hidden",
        "192.0.2.01",
        "192.0.2.1:",
        "192.0.2.1:0",
        "192.0.2.1:70000",
        "192.0.2.1:x",
        "[2001:db8::1",
        "[2001:db8::1]x",
        "[2001:db8::1]:",
        "[192.0.2.1]",
        "fe80::1%eth0",
        "\"192.0.2.1\"",
        "192.0.2.1 10.0.0.9",
    ] {
        assert_eq!(client(&[&format!("203.0.113.9, {garbage}, 10.0.0.2")]), "10.0.0.2", "{garbage}");
        assert_eq!(client(&[garbage]), PEER, "{garbage}");
    }
    let unreadable: [&[u8]; 3] = [b"203.0.113.9", b"192.0.2.1, \xff", b"10.0.0.2"];
    assert_eq!(client_of(&inside(), X_FORWARDED_FOR, &unreadable), "10.0.0.2");
}

#[test]
fn the_header_forwarded_is_read_where_it_is_the_one() {
    assert_eq!(forwarded(&["for=192.0.2.1;proto=https;by=10.0.0.1"]), "192.0.2.1");
    assert_eq!(forwarded(&["For=\"[2001:db8::1]:4711\", for=10.0.0.2"]), "2001:db8::1");
    assert_eq!(forwarded(&["for=203.0.113.9", "for=192.0.2.1,FOR=\"10.0.0.2:80\""]), "192.0.2.1");
    assert_eq!(forwarded(&["for=\"192.0.2\\.1\""]), "192.0.2.1");
    assert_eq!(forwarded(&["by=\"a,b;for=203.0.113.9\";for=192.0.2.1"]), "192.0.2.1");
    assert_eq!(forwarded(&["by=\"a\\\",b\";for=192.0.2.1"]), "192.0.2.1");
    let lines: [&[u8]; 1] = [b"192.0.2.1"];
    assert_eq!(client_of(&inside().header(ForwardedHeader::Forwarded), X_FORWARDED_FOR, &lines), PEER);
}

#[test]
fn a_line_of_forwarded_that_cannot_be_read_ends_the_walk() {
    for line in [
        "for=unknown",
        "for=_hidden",
        "by=192.0.2.1",
        "for=192.0.2.1;for=192.0.2.2",
        "for=\"192.0.2.1",
        "for=192.0.2.1;x=\", for=\"[2001:db8::1]\"",
        "for=192.0.2.1;x=\"a\"\"b\"",
        "for=192.0.2.1 x",
        "for= 192.0.2.1",
        "for=[2001:db8::1]",
        "for",
        "for=\"192.0.2.1\\\"",
    ] {
        assert_eq!(forwarded(&[line, "for=10.0.0.2"]), "10.0.0.2", "{line}");
    }
}

#[test]
fn the_scheme_is_what_the_trusted_proxy_next_to_the_server_says() {
    let mut headers = HeaderMap::new();
    headers.append(X_FORWARDED_PROTO, http::HeaderValue::from_static("http, HTTPS"));
    assert_eq!(inside().scheme(Some(ip(PEER)), &headers), Some(Scheme::Https));
    assert_eq!(inside().scheme(Some(ip("192.0.2.1")), &headers), None);
    assert_eq!(inside().scheme(None, &headers), None);
    headers.append("forwarded", http::HeaderValue::from_static("proto=https, for=192.0.2.1;Proto=\"WSS\""));
    assert_eq!(inside().header(ForwardedHeader::Forwarded).scheme(Some(ip(PEER)), &headers), Some(Scheme::Https));
    headers.append(X_FORWARDED_PROTO, http::HeaderValue::from_static("gopher"));
    assert_eq!(inside().scheme(Some(ip(PEER)), &headers), None);
}

proptest! {
    /// Whatever a client sends before it, what a proxy appends in a line of its own decides.
    #[test]
    fn a_client_cannot_choose_its_address(lines in prop::collection::vec("[ -~]{0,40}|[a-f0-9.:,=;\"\\\\ \\[\\]for]{0,60}", 0..4)) {
        let mut all: Vec<&str> = lines.iter().map(String::as_str).collect();
        all.push("192.0.2.1, 10.0.0.2");
        prop_assert_eq!(client(&all), "192.0.2.1");
        all.pop();
        all.push("for=192.0.2.1, for=10.0.0.2");
        prop_assert_eq!(forwarded(&all), "192.0.2.1");
    }

    /// Appended in the same line, it decides, or nothing does.
    #[test]
    fn nor_within_the_line_to_which_a_proxy_appends(sent in "[ -~]{0,40}|[a-f0-9.:,=;\"\\\\ \\[\\]for]{0,60}") {
        prop_assert_eq!(client(&[&format!("{sent}, 192.0.2.1")]), "192.0.2.1");
        for appended in ["for=192.0.2.1", "for=\"192.0.2.1:80\""] {
            let client = forwarded(&[&format!("{sent}, {appended}")]);
            prop_assert!(client == "192.0.2.1" || client == PEER, "{}", client);
        }
    }

    #[test]
    fn any_bytes_give_a_client(lines in prop::collection::vec(prop::collection::vec(0x80..=0xffu8, 0..9), 0..4)) {
        let lines: Vec<&[u8]> = lines.iter().map(Vec::as_slice).collect();
        for (header, name) in [(ForwardedHeader::XForwardedFor, X_FORWARDED_FOR), (ForwardedHeader::Forwarded, "forwarded")] {
            prop_assert_eq!(client_of(&inside().header(header), name, &lines), PEER);
        }
    }
}
