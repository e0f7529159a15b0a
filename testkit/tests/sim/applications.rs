//! Applications with a protocol of their own, and scenarios with many seeds.

use crate::*;
use heartline::Transmit;

/// Logs in, answers the server's text ping, acknowledges.
struct Chat {
    tokens: Rc<RefCell<Vec<bool>>>,
}

impl App<String> for Chat {
    fn request(&mut self, _: &mut Context<'_, String>, dial: &Dial) -> Result<Request, Loss> {
        self.tokens.borrow_mut().push(dial.renew);
        let mut request = Request::to("chat.example");
        request.headers.push(("Authorization".into(), if dial.renew { "fresh" } else { "stale" }.into()));
        Ok(request)
    }

    fn ping(&mut self, token: u32) -> Frame<String> {
        Frame::Message(format!("ping {token}"))
    }

    fn decode(&mut self, conn: ConnId, message: String) -> Vec<Input<String>> {
        if let Some(id) = message.strip_prefix("ack ") {
            return vec![Input::Alive { conn }, Input::Acked { id: MessageId::from_raw(id.parse().expect("an id")) }];
        }
        match message.as_str() {
            "pong" => vec![Input::Pong { conn, token: None }],
            "welcome" => vec![Input::Message { conn, message }, Input::Ready { conn }],
            _ => vec![Input::Message { conn, message }],
        }
    }

    fn on_action(&mut self, context: &mut Context<'_, String>, action: &Action<String>) {
        if let Action::Event(Event::StateChanged { to: State::Greeting, .. }) = action {
            context.send(Outgoing::this_connection("login".into(), 5)).expect("there is room for a login");
        }
    }
}

/// Refuses stale credentials; greets; acknowledges what has a number, every second time.
fn strict() -> impl FnMut(&mut Wire<'_, String>, Happening<String>) {
    let mut seen = BTreeSet::new();
    move |wire, happening| match happening {
        Happening::Dial { link, request } if request.header("authorization") != Some("fresh") => {
            wire.refuse(link, 401, None);
        }
        Happening::Message { link, message } => match message.as_str() {
            "login" => wire.send(link, "welcome".into()),
            ping if ping.starts_with("ping ") => wire.send(link, "pong".into()),
            number => {
                if !seen.insert(number.to_string()) {
                    wire.send(link, format!("ack {number}"));
                }
            }
        },
        _ => {}
    }
}

#[test]
fn an_application_with_a_protocol_of_its_own_logs_in_renews_pings_and_is_acknowledged() {
    let mut sim = Sim::new(1);
    let tokens = Rc::new(RefCell::new(Vec::new()));
    let server = sim.serve("chat.example", strict());
    let greeting = Settings { greeting_timeout: Some(3 * SECOND), ..settings() };
    let host = sim.host(Config::new(greeting).expect("valid"), Chat { tokens: tokens.clone() });
    sim.connect(host);
    let id = sim.send(host, Outgoing::at_least_once("1".into(), 1)).expect("there is room");
    opens(&mut sim, host);
    assert_eq!(*tokens.borrow(), [false, true]);
    sim.run_for(20 * SECOND);
    assert!(sim[host].stats().pongs >= 1);
    sim.reset(host);
    sim.run_for(10 * MILLISECOND);
    opens(&mut sim, host);
    sim.run_for(SECOND);
    assert_eq!(sim[host].outcome(id), Some(&Outcome::Acked));
    assert_eq!(received(&sim, server).iter().filter(|text| *text == "1").count(), 2);
}

/// The id of a message is all that goes on the wire, and every message of the server is an acknowledgement.
struct Acking;

impl App<String> for Acking {
    fn request(&mut self, _: &mut Context<'_, String>, _: &Dial) -> Result<Request, Loss> {
        Ok(Request::to("chat.example"))
    }

    fn encode(&mut self, transmit: &Transmit<'_, String>) -> String {
        transmit.id.as_raw().to_string()
    }

    fn decode(&mut self, conn: ConnId, message: String) -> Vec<Input<String>> {
        vec![Input::Alive { conn }, Input::Acked { id: MessageId::from_raw(message.parse().expect("an id")) }]
    }
}

/// Whatever the network does, what was sent at least once arrives, and everything has one outcome.
fn storm(seed: u64) {
    let mut sim = Sim::new(seed);
    sim.set_delay(MILLISECOND..200 * MILLISECOND);
    let server = sim.serve("chat.example", echo());
    let outbox = heartline::outbox::OutboxConfig { max_losses: u16::MAX, ..Default::default() };
    let host = sim.host(Config::new(Settings { outbox, ..settings() }).expect("valid"), Acking);
    sim.connect(host);
    for _ in 0..10 {
        sim.send(host, Outgoing::at_least_once("buy 1".into(), 5)).expect("there is room");
        match sim.random().below(6) {
            0 => sim.lose(host),
            1 => sim.reset(host),
            2 => sim.partition(host),
            3 => sim.hold(host),
            4 => sim.suspend(host),
            _ => sim.suspend_server(server),
        }
        let pause = sim.random().duration(Duration::ZERO..8 * SECOND);
        sim.run_for(pause);
        sim.heal(host);
        sim.release(host);
        sim.resume(host);
        sim.resume_server(server);
    }
    sim.run_until(|sim| sim[host].queued() == 0, 120 * SECOND).unwrap_or_else(|error| panic!("{error}"));
    let acked: BTreeSet<_> = sim[host].outcomes().map(|(_, id, _)| id).collect();
    assert_eq!((acked.len(), sim[host].outcomes().count()), (10, 10));
    assert!(sim[host].outcomes().all(|(_, _, outcome)| *outcome == Outcome::Acked));
    sim.close(host, SECOND);
    sim.run_for(10 * SECOND);
    assert_eq!(sim[host].state(), State::Closed);
}

#[test]
fn through_any_storm_everything_is_acknowledged_once() {
    seeds(1000, storm);
}

/// The application that answers everything, for ever, at once.
#[test]
#[should_panic(expected = "no time passes")]
fn a_scenario_in_which_no_time_passes_is_stopped() {
    let mut sim = Sim::<String>::new(1);
    sim.set_delay(Duration::ZERO..Duration::ZERO);
    sim.serve("chat.example", echo());
    let answers = |context: &mut Context<'_, String>, action: &Action<String>| {
        if let Action::Deliver(message) = action {
            context.send(at_most_once(message.clone())).expect("there is room");
        }
    };
    let host = sim.host(config(), dialling::<String>("chat.example").acting(answers));
    sim.connect(host);
    sim.send(host, at_most_once("again")).expect("there is room");
    sim.run_for(SECOND);
}

#[test]
fn a_message_that_nobody_can_take_comes_back_when_the_session_is_closed() {
    let mut sim = Sim::<String>::new(1);
    let host = sim.host(config(), dialling("nobody.example"));
    sim.connect(host);
    let id = sim.send(host, at_most_once("hello")).expect("there is room");
    sim.close(host, SECOND);
    sim.run_for(5 * SECOND);
    assert_eq!(sim[host].outcome(id), Some(&Outcome::Returned(Reason::Abandoned, "hello".into())));
    let all: Vec<_> = sim.hosts().map(|(id, host)| (id, host.state())).collect();
    assert_eq!(all, [(host, State::Closed)]);
    assert_eq!(sim[host].dials().next().map(|(at, dial)| (at, dial.attempt)), Some((Timestamp::ORIGIN, 0)));
}

/// Names that a log shows.
#[test]
fn names_read_as_a_log_would_say_them() {
    let (mut sim, host, server) = open(1);
    let link: LinkId = sim.wire(server).links()[0];
    assert_eq!(
        (host.to_string(), server.to_string(), link.to_string()),
        ("host 0".into(), "server 0".into(), "link 0".into())
    );
    assert_eq!(sim.server(server).name(), "chat.example");
}
