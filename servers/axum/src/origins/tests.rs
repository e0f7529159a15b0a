use http::header::HOST;
use http::{HeaderValue, Request};
use proptest::prelude::*;

use super::*;

fn request(scheme: Scheme, host: &str, origins: &[&[u8]]) -> Parts {
    let mut builder = Request::get("/").header(HOST, host).extension(scheme);
    for origin in origins {
        builder = builder.header(ORIGIN, HeaderValue::from_bytes(origin).expect("a value"));
    }
    builder.body(()).expect("a request").into_parts().0
}

fn from(origins: &Origins, lines: &[&[u8]]) -> Result<(), OriginError> {
    origins.check(&request(Scheme::Https, "chat.example", lines))
}

fn all() -> [Origins; 3] {
    [Origins::any(), Origins::same(), Origins::list(["https://chat.example"]).expect("an origin")]
}

#[test]
fn two_origins_are_refused_even_if_any_is_allowed() {
    for origins in all() {
        let twice: [&[u8]; 2] = [b"https://chat.example", b"https://chat.example"];
        assert_eq!(from(&origins, &twice), Err(OriginError::Repeated), "{origins:?}");
    }
}

#[test]
fn an_origin_that_cannot_be_read_is_not_a_missing_one() {
    let wrong: [&[u8]; 10] = [
        b"",
        b"https://chat.ex\xe4mple",
        b"chat.example",
        b"https://",
        b"https://chat.example/",
        b"https://user@chat.example",
        b"https://chat.example https://evil.example",
        b"://chat.example",
        b"1x://chat.example",
        b"NULL",
    ];
    for origins in all() {
        for line in wrong {
            assert_eq!(from(&origins, &[line]), Err(OriginError::Malformed), "{origins:?} {line:?}");
        }
    }
}

#[test]
fn without_an_origin_a_request_is_served_unless_one_is_required() {
    for origins in all() {
        assert_eq!(from(&origins, &[]), Ok(()));
        assert_eq!(from(&origins.required(), &[]), Err(OriginError::Missing));
    }
}

#[test]
fn an_opaque_origin_is_allowed_only_where_any_is() {
    let allowed = all().map(|origins| from(&origins, &[b"null"]));
    assert_eq!(allowed, [Ok(()), Err(OriginError::NotAllowed), Err(OriginError::NotAllowed)]);
}

#[test]
fn an_origin_in_the_list_is_compared_without_default_port_and_case() {
    let origins = Origins::list(["HTTPS://Chat.Example", "http://localhost:8080", "app://x"]).expect("origins");
    for origin in [
        "https://chat.example",
        "https://chat.example:443",
        "https://CHAT.example.",
        "http://localhost:8080",
        "app://x",
    ] {
        assert_eq!(from(&origins, &[origin.as_bytes()]), Ok(()), "{origin}");
    }
    for origin in
        ["http://chat.example", "http://chat.example:443", "https://chat.example:80", "http://localhost", "app://y"]
    {
        assert_eq!(from(&origins, &[origin.as_bytes()]), Err(OriginError::NotAllowed), "{origin}");
    }
    assert_eq!(Origins::list(["null"]).expect_err("no origin").field, "origins");
}

#[test]
fn the_same_origin_is_that_of_the_host_and_scheme() {
    let same = |scheme, host, origin: &str| Origins::same().check(&request(scheme, host, &[origin.as_bytes()])).is_ok();
    use Scheme::{Http, Https};
    assert!(same(Https, "a.example", "https://a.example"));
    assert!(same(Https, "a.example:443", "https://A.example"));
    assert!(same(Http, "a.example:8080", "http://a.example:8080"));
    assert!(same(Http, "a.example", "http://a.example:80"));
    assert!(same(Http, "a.example", "https://a.example"), "TLS may end at a proxy");
    assert!(!same(Https, "a.example", "http://a.example"), "a page without TLS is another's");
    assert!(!same(Https, "a.example:443", "http://a.example:443"));
    assert!(!same(Http, "a.example", "https://a.example:8443"));
    assert!(!same(Http, "a.example:80", "https://a.example"));
    assert!(!same(Http, "a.example", "http://b.example"));
    assert!(!same(Http, "a.example", "app://a.example"));
}

#[test]
fn a_host_that_cannot_be_read_has_no_same_origin() {
    let parts = request(Scheme::Http, "a@b", &[b"http://a"]);
    assert_eq!(Origins::same().check(&parts), Err(OriginError::Host(HostError::Malformed)));
}

#[test]
fn each_reason_has_its_status() {
    use OriginError::{Host, Malformed, Missing, NotAllowed, Repeated};
    let reasons = [Missing, NotAllowed, Repeated, Malformed, Host(HostError::NotServed)];
    assert_eq!(reasons.map(|reason| reason.into_response().status().as_u16()), [403, 403, 400, 400, 421]);
}

/// What a header may have, and what looks like one that is allowed.
fn header() -> impl Strategy<Value = Vec<u8>> {
    let byte = (0x20..=0xffu8).prop_filter("not DEL", |byte| *byte != 0x7f);
    prop_oneof![prop::collection::vec(byte, 0..40), "[htps:/Ca.example0-9]{0,30}".prop_map(String::into_bytes)]
}

proptest! {
    #[test]
    fn any_header_is_allowed_or_refused(line in header()) {
        for origins in all() {
            if from(&origins, &[&line]).is_ok() && origins != Origins::any() {
                prop_assert!(line.eq_ignore_ascii_case(b"https://chat.example"));
            }
        }
    }
}
