//! What the environment says.

use proptest::prelude::*;

use super::*;

fn proxies(variables: &[(&str, &str)]) -> Result<Proxies, ProxyUrlError> {
    Proxies::from_variables(|name| {
        let found = variables.iter().find(|(set, _)| *set == name);
        found.map(|(_, value)| (*value).to_owned())
    })
}

/// The proxies for `ws` and for `wss`.
fn asked(variables: &[(&str, &str)], host: &str) -> [Option<String>; 2] {
    let proxies = proxies(variables).expect("usable variables");
    [false, true].map(|tls| {
        let address = Address { host: host.into(), port: if tls { 443 } else { 80 }, tls };
        proxies.for_address(&address).map(|proxy| proxy.address().host.clone())
    })
}

#[test]
fn wss_asks_as_https_does_and_ws_as_http() {
    type Variables = &'static [(&'static str, &'static str)];
    let cases: [(Variables, [Option<&str>; 2]); 8] = [
        (&[], [None, None]),
        (&[("HTTPS_PROXY", "a")], [None, Some("a")]),
        (&[("HTTP_PROXY", "a")], [Some("a"), None]),
        (&[("ALL_PROXY", "a"), ("https_proxy", "b")], [Some("a"), Some("b")]),
        (&[("all_proxy", "socks5://a"), ("ALL_PROXY", "b")], [Some("a"), Some("a")]),
        (&[("https_proxy", ""), ("HTTPS_PROXY", " b ")], [None, Some("b")]),
        (&[("HTTP_PROXY", "a"), ("REQUEST_METHOD", "GET"), ("ALL_PROXY", "b")], [Some("b"), Some("b")]),
        (&[("http_proxy", "a"), ("REQUEST_METHOD", "GET")], [Some("a"), None]),
    ];
    for (variables, expected) in cases {
        assert_eq!(asked(variables, "chat.example"), expected.map(|host| host.map(str::to_owned)), "{variables:?}");
    }
}

#[test]
fn loopback_is_never_proxied_by_the_environment_but_by_a_proxy_of_ones_own() {
    for host in ["localhost", "localhost.", "app.localhost", "127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
        assert_eq!(asked(&[("ALL_PROXY", "a")], host), [None, None], "{host}");
        assert!(Proxies::from(proxy("http://a")).for_address(&target(host, 80)).is_some());
    }
    for host in ["notlocalhost", "localhost.example", "128.0.0.1", "::2"] {
        assert!(asked(&[("ALL_PROXY", "a")], host)[0].is_some(), "{host}");
    }
}

/// What `NO_PROXY` says, and a host that it means at port 80.
const BYPASSED: [(&str, &str); 19] = [
    ("*", "chat.example"),
    ("other,*", "chat.example"),
    ("chat.example", "chat.example"),
    ("CHAT.example.", "chat.example"),
    ("a.b, .example", "chat.example"),
    ("*.example", "chat.example"),
    ("x y example", "chat.example"),
    ("chat.example", "chat.example."),
    ("chat.example:80", "chat.example"),
    ("bücher.example", "xn--bcher-kva.example"),
    ("10.1.2.3", "10.1.2.3"),
    ("10.1.2.3:80", "10.1.2.3"),
    ("10.0.0.0/8", "10.1.2.3"),
    ("0.0.0.0/0", "10.1.2.3"),
    ("fd00::/8", "fd12::1"),
    ("fd12::1", "fd12::1"),
    ("[fd12::1]:80", "fd12::1"),
    ("[fd12::1]", "fd12::1"),
    ("::/0", "fd12::1"),
];

/// And one that it does not.
const PROXIED: [(&str, &str); 9] = [
    ("hat.example", "chat.example"),
    ("chat.example:443", "chat.example"),
    ("room.chat.example", "chat.example"),
    ("10.0.0.0/8", "11.1.2.3"),
    ("10.0.0.0/33", "10.1.2.3"),
    ("10.0.0.0/8", "10.example"),
    ("::/0", "10.1.2.3"),
    ("10.*", "10.1.2.3"),
    (",,;:/", "chat.example"),
];

#[test]
fn what_no_proxy_names_is_dialled_without_one() {
    let dialled = |no_proxy: &str, host: &str| {
        let upper = asked(&[("ALL_PROXY", "a"), ("NO_PROXY", no_proxy)], host)[0].is_none();
        let lower = asked(&[("ALL_PROXY", "a"), ("no_proxy", no_proxy), ("NO_PROXY", "*")], host)[0].is_none();
        assert_eq!(upper, lower, "{no_proxy} {host}");
        upper
    };
    for (no_proxy, host) in BYPASSED {
        assert!(dialled(no_proxy, host), "{no_proxy:?} {host}");
    }
    for (no_proxy, host) in PROXIED {
        assert!(!dialled(no_proxy, host), "{no_proxy:?} {host}");
    }
}

#[test]
fn a_variable_that_names_no_usable_proxy_is_an_error_that_names_it() {
    let error = proxies(&[("HTTPS_PROXY", "socks4://a")]).expect_err("unusable");
    assert_eq!(error.to_string().split(':').next(), Some("the environment's HTTPS_PROXY"));
    assert!(proxies(&[("https_proxy", "b"), ("HTTPS_PROXY", "socks4://a")]).is_ok(), "one that does not count");
}

proptest! {
    #[test]
    fn any_no_proxy_has_an_answer(no_proxy in "([ -~ü]{0,12},){0,4}", host in "[a-z0-9.:]{0,20}", slash in "[0-9a-f.:]{1,9}/[0-9]{1,4}") {
        _ = asked(&[("ALL_PROXY", "a"), ("NO_PROXY", &format!("{no_proxy}{slash}"))], &host);
    }
}
