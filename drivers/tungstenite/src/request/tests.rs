use proptest::prelude::*;
use tungstenite::handshake::client::generate_request;

use super::*;

fn request(url: &str) -> Request {
    Request::new(url).unwrap_or_else(|error| panic!("{url}: {error}"))
}

/// The headers as they would be sent.
fn sent(request: Request) -> HeaderMap {
    request.into_http().expect("a request").into_parts().0.headers
}

fn basic(text: &str) -> String {
    format!("Basic {}", data_encoding::BASE64.encode(text.as_bytes()))
}

fn url_error(url: &str) -> RequestError {
    Request::new(url).expect_err(url)
}

#[test]
fn a_query_without_a_path_gets_the_path_that_the_request_line_needs() {
    let http = request("ws://chat.example?room=1&x=a b").into_http().unwrap();
    assert_eq!(http.uri().path_and_query().unwrap(), "/?room=1&x=a%20b");
}

#[test]
fn an_upper_case_scheme_and_host_are_lowered() {
    let request = request("WSS://Chat.EXAMPLE/Ws");
    assert_eq!(*request.address(), Address { host: "chat.example".into(), port: 443, tls: true });
    assert_eq!(request.url(), "wss://chat.example/Ws");
    assert_eq!(request.into_http().unwrap().uri(), "wss://chat.example/Ws");
}

#[test]
fn an_international_host_becomes_punycode_everywhere() {
    let request = request("ws://Bücher.example:8080/größe");
    assert_eq!(request.address().host, "xn--bcher-kva.example");
    assert_eq!(request.url(), "ws://xn--bcher-kva.example:8080/gr%C3%B6%C3%9Fe");
    assert_eq!(sent(request)[header::HOST], "xn--bcher-kva.example:8080");
}

#[test]
fn an_ipv6_address_has_brackets_in_the_host_header_only() {
    let request = request("ws://[::1]:9001/");
    assert_eq!(*request.address(), Address { host: "::1".into(), port: 9001, tls: false });
    assert_eq!(request.address().to_string(), "[::1]:9001");
    assert_eq!(sent(request)[header::HOST], "[::1]:9001");
}

#[test]
fn the_host_header_has_the_port_unless_it_is_the_schemes_own() {
    let host = |url| sent(request(url))[header::HOST].to_str().unwrap().to_owned();
    assert_eq!(host("ws://h:80/"), "h");
    assert_eq!(host("wss://h:443/"), "h");
    assert_eq!(host("ws://h:443/"), "h:443");
}

#[test]
fn user_name_and_password_become_basic_authorization_and_leave_the_url() {
    for (url, expected) in [
        ("ws://Aladdin:open%20sesame@h/", "Aladdin:open sesame"),
        ("ws://us%C3%ABr@h/", "usër:"),
        ("ws://:secret@h/", ":secret"),
        ("ws://a:b:c@h/", "a:b:c"),
    ] {
        let request = request(url);
        assert_eq!(request.url(), "ws://h/");
        let http = request.into_http().unwrap();
        assert_eq!(http.headers()[header::AUTHORIZATION], basic(expected), "{url}");
        assert_eq!(http.uri(), "ws://h/");
    }
    assert!(!sent(request("ws://h/")).contains_key(header::AUTHORIZATION));
}

#[test]
fn a_user_name_or_password_that_basic_cannot_carry_is_refused() {
    for url in ["ws://a%3Ab:c@h/", "ws://a:b%0Ac@h/", "ws://a%00@h/", "ws://%FF:b@h/"] {
        assert!(matches!(url_error(url), RequestError::Credentials { .. }), "{url}");
    }
}

#[test]
fn credentials_are_not_printed() {
    let request = request("ws://u:hunter2@h/").cookie("id", "hunter2").unwrap();
    let request = request.header("Proxy-Authorization", "hunter2").unwrap();
    let printed = format!("{request:?}");
    assert!(printed.contains("authorization") && printed.contains("cookie"), "{printed}");
    assert!(!printed.contains("hunter2") && !printed.contains(&basic("u:hunter2")), "{printed}");
}

#[test]
fn a_fragment_is_refused_even_if_it_is_empty() {
    assert_eq!(url_error("ws://h/path#part"), RequestError::Fragment);
    assert_eq!(url_error("ws://h/#"), RequestError::Fragment);
    assert_eq!(request("ws://h/%23").url(), "ws://h/%23");
}

#[test]
fn other_schemes_and_what_is_no_url_are_refused() {
    for url in ["http://h/", "https://h/", "mailto:a@b"] {
        assert!(matches!(url_error(url), RequestError::Scheme { .. }), "{url}");
    }
    let long = format!("ws://h/{}", "a".repeat(70_000));
    for url in ["", "h/path"] {
        assert_eq!(url_error(url), RequestError::NoScheme, "{url}");
    }
    for url in ["ws://", "ws:///?", "ws://h:70000/", "ws://a b/", "ws://[::1/", &long] {
        assert!(matches!(url_error(url), RequestError::Url { .. }), "{url}");
    }
}

#[test]
fn a_header_is_replaced_not_repeated() {
    let request = request("ws://u:p@h/").header("authorization", "Bearer 1").unwrap();
    let headers = sent(request.header("Authorization", String::from("Bearer 2")).unwrap());
    assert_eq!(headers.get_all(header::AUTHORIZATION).iter().collect::<Vec<_>>(), ["Bearer 2"]);
}

#[test]
fn a_line_break_cannot_be_put_into_a_header() {
    for (name, value) in [("X-A", "1\r\nX-B: 2"), ("X-A", "1\n"), ("X-A\r\nX-B", "1"), ("", "1"), ("X A", "1")] {
        let refused = request("ws://h/").header(name, value).unwrap_err();
        assert_eq!(refused, RequestError::Header { name: name.into() });
    }
}

#[test]
fn what_the_handshake_sets_itself_cannot_be_set() {
    let names = ["Host", "CONNECTION", "upgrade", "Sec-WebSocket-Key", "Sec-WebSocket-Version"];
    let more = ["Sec-WebSocket-Extensions", "Sec-WebSocket-Protocol", "Content-Length", "Transfer-Encoding"];
    for name in names.into_iter().chain(more) {
        let refused = request("ws://h/").header(name, "1").unwrap_err();
        assert_eq!(refused, RequestError::Reserved { name: name.into() });
    }
}

#[test]
fn cookies_go_into_one_header_in_order() {
    let request = request("ws://h/").cookie("a", "1").unwrap().cookie("b", "x=y, z").unwrap().cookie("c", "").unwrap();
    let headers = sent(request);
    assert_eq!(headers.get_all(header::COOKIE).iter().collect::<Vec<_>>(), ["a=1; b=x=y, z; c="]);
}

#[test]
fn a_cookie_cannot_smuggle_another_one() {
    for (name, value) in [("a", "1; b=2"), ("a=1; b", "2"), ("", "1"), ("a", "1\r\nX: 2"), ("a b", "1")] {
        let refused = request("ws://h/").cookie(name, value).unwrap_err();
        assert_eq!(refused, RequestError::Cookie { name: name.into() });
    }
}

#[test]
fn sub_protocols_are_offered_in_order_in_one_header() {
    let headers = sent(request("ws://h/").protocol("graphql-transport-ws").protocol("v2.chat"));
    assert_eq!(headers[header::SEC_WEBSOCKET_PROTOCOL], "graphql-transport-ws, v2.chat");
    assert!(!sent(request("ws://h/")).contains_key(header::SEC_WEBSOCKET_PROTOCOL));
}

#[test]
fn an_invalid_sub_protocol_or_one_offered_twice_is_refused_before_it_is_sent() {
    for protocol in ["", "a b", "a,b", "grün", "a\r\nX: 1", "twice"] {
        let refused = request("ws://h/").protocol("twice").protocol(protocol).into_http().unwrap_err();
        assert_eq!(refused, RequestError::Protocol { protocol: protocol.into() });
    }
}

#[test]
fn every_request_has_a_new_key_and_no_extensions() {
    let request = request("ws://h/");
    let (one, two) = (sent(request.clone()), sent(request));
    assert_ne!(one[header::SEC_WEBSOCKET_KEY], two[header::SEC_WEBSOCKET_KEY]);
    assert!(!one.contains_key(header::SEC_WEBSOCKET_EXTENSIONS));
}

proptest! {
    #[test]
    fn what_is_accepted_as_a_url_can_be_sent_on_one_line(
        url in "(ws|WSS)://([a-z%:é]{0,4}@)?[a-zA-Zäß0-9.:_\\[\\]-]{0,12}[/?\\\\]?[ -~é\t\n]{0,12}",
    ) {
        let Ok(request) = Request::new(&url) else { return Ok(()) };
        let (bytes, _) = generate_request(request.into_http().unwrap()).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let line = text.lines().next().unwrap();
        prop_assert!(line.starts_with("GET /") && line.ends_with(" HTTP/1.1"), "{line}");
        prop_assert_eq!(line.matches(' ').count(), 2);
        prop_assert_eq!(text.matches("Host: ").count(), 1);
    }
}

fn with_credentials(url: &str) -> Request {
    let request = request(url).header("Authorization", "Bearer 1").unwrap().cookie("id", "1").unwrap();
    request.header("Proxy-Authorization", "Basic 1").unwrap().header("X-Trace", "7").unwrap().protocol("chat")
}

/// Where it leads to, and whether credentials go along.
fn follow(from: &str, location: &str) -> (String, bool) {
    let request = with_credentials(from).redirected(location).unwrap_or_else(|error| panic!("{location}: {error}"));
    let url = request.url().to_owned();
    let headers = sent(request);
    assert_eq!(
        (&headers["x-trace"], &headers[header::SEC_WEBSOCKET_PROTOCOL]),
        (&"7".parse().unwrap(), &"chat".parse().unwrap())
    );
    let kept = CREDENTIALS.map(|name| headers.contains_key(name));
    assert_eq!(kept, [kept[0]; 3], "all or none");
    (url, kept[0])
}

#[test]
fn a_redirect_within_the_origin_keeps_the_credentials() {
    let from = "wss://h/a/b?c";
    for (location, to) in [
        ("/x", "wss://h/x"),
        ("x?y", "wss://h/a/x?y"),
        ("//h/x", "wss://h/x"),
        ("wss://h:443/", "wss://h/"),
        ("https://H/x", "wss://h/x"),
        ("/x#part", "wss://h/x"),
    ] {
        assert_eq!(follow(from, location), (to.into(), true), "{location}");
    }
}

#[test]
fn a_redirect_to_another_origin_drops_the_credentials() {
    for (from, location, to) in [
        ("wss://h/", "wss://other/", "wss://other/"),
        ("wss://h/", "//sub.h/x", "wss://sub.h/x"),
        ("wss://h/", "wss://h:8443/", "wss://h:8443/"),
        ("ws://h/", "https://h/", "wss://h/"),
        ("ws://h:9000/", "wss://h:9000/", "wss://h:9000/"),
        ("ws://h/", "http://other/", "ws://other/"),
    ] {
        assert_eq!(follow(from, location), (to.into(), false), "{location}");
    }
}

#[test]
fn credentials_of_the_url_are_dropped_across_origins_too() {
    let request = request("ws://u:p@h/");
    assert!(request.redirected("/x").unwrap().headers().contains_key(header::AUTHORIZATION));
    assert!(request.redirected("ws://other/").unwrap().headers().is_empty());
}

#[test]
fn a_redirect_never_leads_from_tls_to_plain_text() {
    for location in ["ws://h/x", "http://h/x", "ws://h:443/"] {
        let refused = request("wss://h/").redirected(location).unwrap_err();
        assert!(matches!(refused, RequestError::Downgrade { .. }), "{location}: {refused}");
    }
}

#[test]
fn a_redirect_to_what_cannot_be_dialled_is_refused() {
    let refused = |location| request("ws://h/").redirected(location).unwrap_err();
    assert!(matches!(refused("ftp://h/"), RequestError::Scheme { .. }));
    assert!(matches!(refused("ws://u:p@h/"), RequestError::Credentials { .. }));
    assert!(matches!(refused("ws://a b/"), RequestError::Url { .. }));
}

#[test]
fn an_error_about_the_scheme_says_what_is_needed() {
    let needs = "it has to begin with ws:// or wss://";
    for (url, found) in [
        ("chat.example/ws", "the URL has no scheme"),
        ("/ws", "the URL has no scheme"),
        ("localhost:8080/ws", "the URL begins with \"localhost:\""),
        ("https://chat.example/ws", "the URL begins with \"https:\""),
    ] {
        assert_eq!(url_error(url).to_string(), format!("{found}; {needs}"), "{url}");
    }
}
