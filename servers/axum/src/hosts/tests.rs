use http::HeaderValue;
use proptest::prelude::*;

use super::*;

fn request(target: &str, hosts: &[&[u8]]) -> Parts {
    let mut builder = Request::get(target);
    for host in hosts {
        builder = builder.header(HOST, HeaderValue::from_bytes(host).expect("a value"));
    }
    builder.body(()).expect("a request").into_parts().0
}

fn on(scheme: Scheme, host: &str) -> Parts {
    let mut parts = request("/", &[host.as_bytes()]);
    parts.extensions.insert(scheme);
    parts
}

fn shown(hosts: &Hosts, parts: &Parts) -> Result<String, HostError> {
    hosts.check(parts).map(|host| host.to_string())
}

fn listed(hosts: &[&str]) -> Hosts {
    Hosts::list(hosts).expect("hosts")
}

#[test]
fn a_request_has_one_host() {
    let any = Hosts::any();
    assert_eq!(shown(&any, &request("/", &[])), Err(HostError::Missing));
    assert_eq!(shown(&any, &request("/", &[b"a.example", b"a.example"])), Err(HostError::Repeated));
    for host in [&b""[..], b"user@a.example", b"a.example, b.example", b"a.example/x", b"m\xfcnchen", b"a.example:http"]
    {
        assert_eq!(shown(&any, &request("/", &[host])), Err(HostError::Malformed), "{host:?}");
    }
    assert_eq!(shown(&any, &request("/", &[b"A.Example.:8080"])).as_deref(), Ok("a.example:8080"));
}

#[test]
fn a_target_with_another_host_is_refused() {
    let check = |target, host: &str| shown(&Hosts::any(), &request(target, &[host.as_bytes()]));
    assert_eq!(check("http://A.example/x", "a.example:80").as_deref(), Ok("a.example:80"));
    assert_eq!(check("http://b.example/", "a.example"), Err(HostError::Differs));
    assert_eq!(check("http://a.example:81/", "a.example"), Err(HostError::Differs));
    assert_eq!(check("http://user@a.example/", "a.example"), Err(HostError::Malformed));
    assert_eq!(shown(&Hosts::any(), &request("http://a.example/", &[])), Err(HostError::Missing));
}

#[test]
fn what_is_not_in_the_list_is_not_served() {
    let hosts = listed(&["Chat.Example", "192.0.2.1:8080", "[2001:db8:0::1]"]);
    for host in ["chat.example", "CHAT.EXAMPLE.", "chat.example:80", "192.0.2.1:8080", "[2001:DB8::1]"] {
        assert!(hosts.check(&on(Scheme::Http, host)).is_ok(), "{host}");
    }
    for host in
        ["chat.example:443", "chat.example:8080", "192.0.2.1", "evil.example", "x.chat.example", "chat.example.evil"]
    {
        assert_eq!(hosts.check(&on(Scheme::Http, host)).err(), Some(HostError::NotServed), "{host}");
    }
    assert_eq!(listed(&[]).check(&on(Scheme::Http, "a.example")).err(), Some(HostError::NotServed));
}

#[test]
fn the_default_port_is_that_of_the_scheme() {
    let hosts = listed(&["chat.example"]);
    let port = |host| hosts.check(&on(Scheme::Https, host)).map(|host| host.port());
    assert_eq!(port("chat.example"), Ok(443));
    assert_eq!(port("chat.example:443"), Ok(443));
    assert_eq!(port("chat.example:80"), Err(HostError::NotServed));
}

#[test]
fn a_host_that_was_let_in_is_not_read_again() {
    let parts = request("/", &[b"a.example"]);
    let admitted = Hosts::any().admit(Request::from_parts(parts, ())).expect("admitted");
    let (mut parts, ()) = admitted.into_parts();
    parts.headers.clear();
    assert_eq!(shown(&listed(&["a.example"]), &parts).as_deref(), Ok("a.example"));
    assert_eq!(shown(&listed(&["b.example"]), &parts), Err(HostError::NotServed));
}

#[test]
fn a_list_with_something_else_than_hosts_is_refused() {
    let error = Hosts::list(["a.example", "https://b.example"]).expect_err("no host");
    assert_eq!(error.to_string(), "hosts is \"https://b.example\"; allowed is host or host:port, in ASCII");
}

#[test]
fn each_reason_has_its_status() {
    let reasons =
        [HostError::Missing, HostError::Repeated, HostError::Malformed, HostError::Differs, HostError::NotServed];
    assert_eq!(reasons.map(|reason| reason.into_response().status().as_u16()), [400, 400, 400, 400, 421]);
}

/// What a header may have, and what looks like one that is allowed.
fn header() -> impl Strategy<Value = Vec<u8>> {
    let byte = (0x20..=0xffu8).prop_filter("not DEL", |byte| *byte != 0x7f);
    prop_oneof![prop::collection::vec(byte, 0..40), "[aA.example:80]{0,12}".prop_map(String::into_bytes)]
}

proptest! {
    #[test]
    fn any_header_is_served_or_refused(host in header()) {
        let served = listed(&["a.example"]).check(&request("/", &[&host]));
        if let Ok(host) = served {
            prop_assert_eq!(host.name(), "a.example");
        }
    }
}
