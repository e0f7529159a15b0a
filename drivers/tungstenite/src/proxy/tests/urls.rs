//! Which URLs name a proxy.

use proptest::prelude::*;

use super::*;

#[test]
fn scheme_host_and_port_have_the_defaults_that_are_documented() {
    for (url, expected, tls) in [
        ("proxy.example:3128", "proxy.example:3128", false),
        ("proxy.example", "proxy.example:80", false),
        ("http://proxy.example/", "proxy.example:80", false),
        ("HTTP://PROXY.example:80", "proxy.example:80", false),
        ("https://proxy.example", "proxy.example:443", true),
        ("https://proxy.example:80", "proxy.example:80", true),
        ("socks5://proxy.example", "proxy.example:1080", false),
        ("socks5h://proxy.example:80", "proxy.example:80", false),
        ("socks5://me:secret@bücher.example:443", "xn--bcher-kva.example:443", false),
        ("socks5://0x7f.1:9", "127.0.0.1:9", false),
        ("http://[::1]:8080", "[::1]:8080", false),
    ] {
        let proxy = proxy(url);
        assert_eq!((proxy.address().to_string().as_str(), proxy.address().tls), (expected, tls), "{url}");
    }
}

#[test]
fn what_names_no_proxy_is_refused_with_the_reason() {
    for (url, expected) in [
        ("", "empty host"),
        ("http://", "empty host"),
        ("http://proxy.example:99999", "port"),
        ("http://proxy.example/path", "no path"),
        ("http://proxy.example?x", "no path"),
        ("socks4://proxy.example", "\"socks4:\""),
        ("ftp://proxy.example", "\"ftp:\""),
        ("http://a%3Ab:c@proxy.example", "colon"),
        ("http://a:%0d%0ab@proxy.example", "control character"),
        ("socks5://:secret@proxy.example", "1 to 255"),
    ] {
        let error = Proxy::new(url).expect_err(url);
        assert!(error.to_string().contains(expected), "{url}: {error}");
    }
    let long = format!("socks5://{}@proxy.example", "a".repeat(256));
    assert!(matches!(Proxy::new(&long), Err(ProxyUrlError::Credentials { .. })));
    assert!(Proxy::new(&long.replacen('a', "", 1)).is_ok());
}

#[test]
fn credentials_are_not_printed() {
    for url in ["http://me:hunter2@proxy.example", "socks5h://me:hunter2@proxy.example"] {
        let proxy = proxy(url);
        let handshake = proxy.handshake(&target("a", 1)).expect("a host");
        let printed = format!("{:?} {handshake:?} {:?}", proxy, Proxies::from(proxy.clone()));
        assert!(printed.contains("proxy.example") && !printed.contains("hunter2"), "{printed}");
        let encoded = data_encoding::BASE64.encode(b"me:hunter2");
        assert!(!printed.contains(&encoded), "{printed}");
    }
}

proptest! {
    #[test]
    fn any_text_is_a_proxy_or_an_error(text in "(http://|socks5://|)\\PC{0,60}") {
        _ = Proxy::new(&text);
    }
}
