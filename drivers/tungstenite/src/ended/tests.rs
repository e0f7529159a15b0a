use std::io::{self, ErrorKind};
use std::time::UNIX_EPOCH;

use heartline::CloseCode;
use heartline::retry::{RetryPolicy, Verdict};
use tungstenite::error::{CapacityError, ProtocolError, SubProtocolError, UrlError};
use tungstenite::http::{self, Response as HttpResponse};
use tungstenite::protocol::frame::coding::CloseCode as FrameCode;

use super::*;

fn ended(error: Error) -> Ended {
    Ended::by_error(&error, UNIX_EPOCH)
}

fn refusal(status: u16, headers: &[(&str, &str)]) -> Ended {
    let mut response = HttpResponse::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    ended(Error::Http(Box::new(response.body(Some(b"no".to_vec())).unwrap())))
}

fn frame(code: u16, reason: &str) -> CloseFrame {
    CloseFrame { code: FrameCode::from(code), reason: reason.into() }
}

/// Every error that tungstenite has, what it means to a session, and the code of the complaint.
fn table() -> Vec<(Error, Loss, Option<u16>)> {
    use TransportError::{Address, Io, Protocol, Tls};
    let io = |kind| Error::Io(io::Error::from(kind));
    let sub_protocol = |error| Error::Protocol(ProtocolError::SecWebSocketSubProtocolError(error));
    let too_long = CapacityError::MessageTooLong { size: 20, max_size: 10 };
    let url = |error| Error::Url(error);
    let at = |error: Error, failure, complaint| (error, Loss::Transport(failure), complaint);
    vec![
        (Error::Capacity(too_long), Loss::Application(1009), Some(1009)),
        at(Error::ConnectionClosed, Io, None),
        at(Error::AlreadyClosed, Io, None),
        at(io(ErrorKind::ConnectionReset), Io, None),
        at(io(ErrorKind::BrokenPipe), Io, None),
        at(io(ErrorKind::UnexpectedEof), Io, None),
        at(io(ErrorKind::InvalidData), Tls, None),
        at(Error::Capacity(CapacityError::TooManyHeaders), Protocol, None),
        at(Error::AttackAttempt, Protocol, None),
        at(Error::Utf8("x".into()), Protocol, Some(1007)),
        at(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake), Io, None),
        at(Error::Protocol(ProtocolError::HandshakeIncomplete), Io, None),
        at(Error::Protocol(ProtocolError::SendAfterClosing), Io, None),
        at(Error::Protocol(ProtocolError::MaskedFrameFromServer), Protocol, Some(1002)),
        at(Error::Protocol(ProtocolError::SecWebSocketAcceptKeyMismatch), Protocol, Some(1002)),
        at(sub_protocol(SubProtocolError::NoSubProtocol), Protocol, None),
        at(sub_protocol(SubProtocolError::InvalidSubProtocol), Protocol, None),
        at(sub_protocol(SubProtocolError::ServerSentSubProtocolNoneRequested), Protocol, None),
        at(Error::Protocol(ProtocolError::InvalidHeader(Box::new(http::header::HOST))), Address, None),
        at(url(UrlError::TlsFeatureNotEnabled), Address, None),
        at(url(UrlError::UnsupportedUrlScheme), Address, None),
        at(Error::HttpFormat(http::Uri::try_from("ws://a b").unwrap_err().into()), Address, None),
    ]
}

#[test]
fn every_error_of_tungstenite_has_its_loss_and_its_complaint() {
    for (error, loss, complaint) in table() {
        let name = format!("{error:?}");
        let ended = ended(error);
        assert_eq!((ended.loss, ended.complaint().map(|close| close.code())), (loss, complaint), "{name}");
        let reason = ended.error.expect("a named cause").to_string();
        assert!(!reason.is_empty(), "{name}");
    }
}

#[test]
fn our_own_limit_is_a_cause_of_its_own_that_says_the_limit() {
    let too_long = CapacityError::MessageTooLong { size: 20_000_000, max_size: 16_777_216 };
    let ended = ended(Error::Capacity(too_long));
    assert_eq!(ended.error, Some(EndError::InboundLimit { size: 20_000_000, limit: 16_777_216 }));
    let complaint = ended.complaint().expect("the peer is told");
    assert_eq!(
        complaint.to_string(),
        "1009 (a message or frame of 20000000 bytes is over the inbound limit of 16777216 bytes)"
    );
}

#[test]
fn a_redirect_stops_and_keeps_its_location() {
    for status in [301, 302, 303, 307, 308] {
        let ended = refusal(status, &[("Location", "https://other.example/ws")]);
        assert_eq!(RetryPolicy::default().verdict(ended.loss), Verdict::Stop);
        let response = ended.response.expect("the response is kept");
        assert_eq!((response.status(), response.location()), (status, Some("https://other.example/ws")));
        assert!(response.is_redirect());
    }
}

#[test]
fn what_has_no_location_or_another_status_is_no_redirect() {
    for (status, headers) in [(301, &[][..]), (300, &[("Location", "/")]), (304, &[("Location", "/")]), (200, &[])] {
        assert!(!refusal(status, headers).response.unwrap().is_redirect(), "{status}");
    }
}

#[test]
fn a_refusal_keeps_headers_and_body() {
    let response = refusal(403, &[("X-Reason", "quota")]).response.unwrap();
    assert_eq!((response.header("x-reason"), response.header("x-other")), (Some("quota"), None));
    assert_eq!(response.body(), b"no");
}

#[test]
fn retry_after_is_seconds_or_a_date_in_any_of_the_three_formats() {
    let minute_and_a_half = UNIX_EPOCH + Duration::from_secs(784_111_777 - 90);
    let asked = |value: &str| retry_after(value, minute_and_a_half);
    for date in ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"] {
        assert_eq!(asked(date), Some(Duration::from_secs(90)), "{date}");
    }
    assert_eq!(asked(" 120 "), Some(Duration::from_secs(120)));
    assert_eq!(asked("99999999999999999999999"), Some(Duration::from_secs(u64::MAX)));
    assert_eq!(asked("Sun, 06 Nov 1994 08:00:00 GMT"), Some(Duration::ZERO), "it has passed");
    assert_eq!(["", "-1", "1.5", "soon", "1 2", "Sun, 99 Nov 1994 08:49:37 GMT"].map(asked), [None; 6]);
}

#[test]
fn a_refusal_says_how_long_to_stay_away() {
    let asked = |value| refusal(503, &[("Retry-After", value)]).retry_after;
    assert_eq!(asked("7"), Some(Duration::from_secs(7)));
    assert_eq!(asked("Thu, 01 Jan 1970 00:00:09 GMT"), Some(Duration::from_secs(9)));
    assert_eq!(refusal(503, &[]).retry_after, None);
    assert_eq!(refusal(503, &[]).loss, Loss::Status(503));
}

#[test]
fn a_close_frame_may_ask_to_come_back_later_and_any_other_reason_is_ignored() {
    let asked = |reason: &str| Ended::by_close(Some(&frame(1012, reason))).retry_after;
    assert_eq!(asked("retry-after-ms=1500"), Some(Duration::from_millis(1500)));
    assert_eq!(["", "retry-after-ms=", "retry-after-ms=-1", "later"].map(asked), [None; 4]);
}

#[test]
fn a_close_frame_keeps_its_code_and_its_reason() {
    let ended = Ended::by_close(Some(&frame(4401, "token expired")));
    let close = ended.close.expect("a close");
    assert_eq!((ended.loss, close.code(), close.reason()), (Loss::Close(4401), 4401, "token expired"));
    assert_eq!(close.to_string(), "4401 (token expired)");
}

#[test]
fn a_close_frame_without_a_code_counts_as_1005_and_is_answered_without_one() {
    let ended = Ended::by_close(None);
    let close = ended.close.expect("a close");
    assert_eq!((ended.loss, close.code(), close.reason()), (Loss::Close(1005), 1005, ""));
    assert_eq!(close.message(), tungstenite::Message::Close(None));
}

#[test]
fn a_close_with_a_code_that_nobody_may_send_breaks_the_protocol_but_1002_does_not() {
    // So tungstenite reports the former.
    let replaced = Ended::by_close(Some(&frame(1002, "Protocol violation")));
    assert_eq!((replaced.loss, replaced.close), (Loss::Transport(TransportError::Protocol), None));
    assert_eq!(Ended::by_close(Some(&frame(1002, "you sent junk"))).loss, Loss::Close(1002));
}

#[test]
fn a_reason_has_room_for_123_bytes() {
    let longest = "x".repeat(123);
    assert_eq!(Close::new(CloseCode::NORMAL, longest.clone()).map(|close| close.reason().len()), Ok(123));
    assert_eq!(Close::new(CloseCode::NORMAL, longest + "x"), Err(ReasonTooLong { length: 124 }));
}

#[test]
fn a_reason_is_shortened_in_whole_characters() {
    for (reason, length) in [("é".repeat(62), 122), ("x".repeat(200), 123), ("short".into(), 5), (String::new(), 0)] {
        let close = Close::with_shortened(CloseCode::NORMAL, &reason);
        assert_eq!(close.reason().len(), length);
        assert!(reason.starts_with(close.reason()));
    }
}

#[test]
fn an_end_of_the_application_keeps_its_code_and_reason() {
    let close = Close::new(CloseCode::new(4401).unwrap(), "token expired").unwrap();
    let ended = Ended::by_application(close.clone());
    assert_eq!((ended.loss, &ended.close), (Loss::Application(4401), &Some(close)));
    assert_eq!(RetryPolicy::default().verdict(ended.loss), Verdict::Renew);
}

#[test]
fn what_can_never_be_dialled_stops_and_what_the_codec_cannot_read_ends_with_its_code() {
    let verdict = |ended: &Ended| RetryPolicy::default().verdict(ended.loss);
    assert_eq!(verdict(&RequestError::Fragment.into()), Verdict::Stop);
    assert_eq!(verdict(&TlsError::NotBuilt.into()), Verdict::Stop);
    let ended = Ended::from(CodecError::invalid("half a number"));
    assert_eq!((ended.loss, verdict(&ended)), (Loss::Application(1007), Verdict::Stop));
    assert_eq!(ended.complaint().map(|close| close.to_string()), Some("1007 (half a number)".into()));
}

#[test]
fn the_input_carries_what_the_session_has_to_know() {
    let conn = ConnId::from_raw(3).unwrap();
    let ended = Ended::by_close(Some(&frame(1012, "retry-after-ms=20")));
    let (loss, retry_after) = (Loss::Close(1012), Some(Duration::from_millis(20)));
    assert_eq!(ended.input::<()>(conn), Input::Closed { conn, loss, retry_after });
}

#[test]
fn a_stall_is_a_cause_of_its_own_that_is_retried_while_the_peer_receives_1008() {
    let ended = Ended::from(EndError::Stalled { max_stall: Duration::from_secs(30) });
    assert_eq!(RetryPolicy::default().verdict(ended.loss), Verdict::Retry);
    assert_eq!(ended.complaint().map(|close| close.code()), Some(1008));
    assert!(ended.to_string().contains("nothing was received for 30s (max_stall)"), "{ended}");
}

#[derive(Debug, thiserror::Error)]
#[error("no token")]
struct NoToken(#[source] io::Error);

#[test]
fn the_error_of_a_hook_is_kept_and_shown_with_its_sources() {
    use std::error::Error as _;

    let failure = HookFailure::new(CloseCode::new(4403).unwrap(), NoToken(io::Error::other("the server is down")));
    let ended = Ended::from(EndError::Hook(failure.clone()));
    assert_eq!((ended.loss, &ended.close), (Loss::Application(4403), &None));
    assert_eq!(ended.to_string(), "ended by the application with 4403: a hook failed: no token: the server is down");
    assert!(failure.error().is::<NoToken>());
    let source = ended.error.as_ref().and_then(|error| error.source()).expect("the source of the hook's error");
    assert_eq!(source.to_string(), "the server is down");
    assert_eq!(ended, ended.clone());
    assert_ne!(EndError::Hook(failure), EndError::Hook(HookFailure::new(CloseCode::NORMAL, "no token")));
}

#[test]
fn an_end_shows_its_loss_and_what_else_is_known() {
    for (ended, shown) in [
        (Ended::by_close(Some(&frame(4401, "token expired"))), "closed by the peer with 4401: token expired"),
        (Ended::by_close(Some(&frame(1001, ""))), "closed by the peer with 1001"),
        (refusal(302, &[("Location", "/other")]), "dial refused with HTTP 302: redirected to /other"),
        (RequestError::Fragment.into(), "the address is invalid: the URL has a fragment"),
        (Loss::AckTimeout.into(), "a message was not acknowledged in time"),
    ] {
        assert_eq!(ended.to_string(), shown);
    }
}
