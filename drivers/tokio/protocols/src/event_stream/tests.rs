use super::*;

fn event(kind: &str, data: &str, last_event_id: &str) -> Event {
    Event { kind: kind.into(), data: data.into(), last_event_id: last_event_id.into() }
}

fn read(stream: &str) -> (Reader, Vec<Event>) {
    let mut reader = Reader::new(1_000);
    let events = reader.read(stream.as_bytes()).expect("short enough");
    (reader, events)
}

#[test]
fn lines_of_data_are_one_event_and_a_comment_is_none() {
    let (_, events) = read("data: YHOO\ndata: +2\ndata:10\n\n: alive\n\ndata\n\ndata\ndata\n\ndata:");
    assert_eq!(events, [event("message", "YHOO\n+2\n10", ""), event("message", "", ""), event("message", "\n", "")]);
}

#[test]
fn one_space_after_the_colon_is_no_data() {
    let (_, events) = read("data:test\n\ndata: test\n\ndata:  test\n\n");
    assert!(events.iter().map(|event| event.data.as_str()).eq(["test", "test", " test"]));
}

#[test]
fn the_type_of_an_event_is_its_own() {
    assert_eq!(read("event: add\ndata: 1\n\ndata: 2\n\n").1, [event("add", "1", ""), event("message", "2", "")]);
}

#[test]
fn an_event_without_data_is_none_but_its_id_counts() {
    let (reader, events) = read("event: add\nid: 7\n\ndata: 1\n\n");
    assert_eq!((events, reader.last_event_id()), (vec![event("message", "1", "7")], "7"));
}

#[test]
fn an_id_counts_once_its_event_is_complete() {
    let (mut reader, _) = read("id: 1\ndata: one\n\nid: 2\ndata: half");
    assert_eq!(reader.last_event_id(), "1");
    reader.start();
    assert_eq!(reader.read(b"data: next\n\n"), Ok(vec![event("message", "next", "1")]), "nothing is left of the half");
}

#[test]
fn an_id_may_be_taken_back_and_has_no_nul() {
    assert_eq!(read("id: 1\n\nid\n\n").0.last_event_id(), "");
    assert_eq!(read("id: 1\n\nid: 2\0\n\n").0.last_event_id(), "1");
}

#[test]
fn the_delay_is_replaced_by_digits_alone() {
    assert_eq!(read("data: 1\n\n").0.retry(), DEFAULT_RETRY);
    for (value, expected) in [("7000", 7_000), ("soon", 3_000), ("+7000", 3_000), ("", 3_000), ("0", 0)] {
        assert_eq!(read(&format!("retry: {value}\n")).0.retry(), Duration::from_millis(expected), "{value}");
    }
    let (mut reader, _) = read("retry: 99999999999999999999\n");
    assert_eq!(reader.retry(), Duration::MAX);
    reader.start();
    assert_eq!(reader.retry(), Duration::MAX, "it outlives the stream");
}

#[test]
fn lines_end_as_they_like_and_chunks_are_cut_anywhere() {
    let stream = "\u{feff}data: ä\r\ndata: b\r\revent: x\ndata: c\n\r\n".as_bytes();
    let expected = [event("message", "ä\nb", ""), event("x", "c", "")];
    assert_eq!(Reader::new(1_000).read(stream), Ok(expected.to_vec()));
    let mut reader = Reader::new(1_000);
    let events = stream.iter().flat_map(|byte| reader.read(&[*byte]).expect("short enough"));
    assert_eq!(events.collect::<Vec<_>>(), expected);
}

#[test]
fn a_byte_order_mark_stands_at_the_start_only() {
    assert_eq!(read("\u{feff}data: 1\n\n\u{feff}data: 2\n\n").1, [event("message", "1", "")]);
}

#[test]
fn an_event_that_never_ends_is_given_up() {
    for part in ["data: 12345\n", "no end of a line"] {
        let mut reader = Reader::new(100);
        assert!((0..20).any(|_| reader.read(part.as_bytes()) == Err(TooLong)), "{part}");
    }
    let mut reader = Reader::new(100);
    let mut short = |part: &[u8]| (0..200).all(|_| reader.read(part).is_ok());
    assert!([&b"data: 12345\n\n"[..], b": alive\n"].into_iter().all(&mut short), "the limit is that of one event");
}

#[test]
fn an_event_stream_is_known_by_its_type() {
    let types = ["text/event-stream", "Text/Event-Stream;charset=utf-8", "text/event-stream ; x=y"];
    assert!(types.into_iter().all(is_event_stream));
    assert!(!["text/plain", "", "text/event-streams"].into_iter().any(is_event_stream));
}
