//! A document's pages and its server on the simulated network, where everything takes 20 ms.

use std::cell::{Ref, RefCell};
use std::rc::Rc;

use heartline::hub::Hub;
use heartline::{Config, Session};
use heartline_testkit::sim::{App, Context, Dial, Frame, Happening, HostId, LinkId, ServerId, Sim, Wire};

use crate::hub_server::Request;
use crate::log::Log;
use crate::prelude::*;

/// The name under which every page finds its server, whatever it calls it.
pub const SERVER: &str = "server";
/// The name of the server's only timer: the hub's deadline.
const DEADLINE: u64 = 0;

/// A server, and what the network calls its connections.
struct Site<P> {
    server: HubServer<P>,
    links: BTreeMap<LinkId, (ConnId, Request)>,
    armed: Option<Timestamp>,
}

impl<P: Protocol> Site<P> {
    fn new(server: HubServer<P>) -> Self {
        Self { server, links: BTreeMap::new(), armed: None }
    }

    fn on(&mut self, wire: &mut Wire<'_, String>, happening: Happening<String>) {
        let now = wire.now();
        match happening {
            Happening::Dial { link, request } => {
                let request = Request::new(&request.path, |name| request.header(name));
                match self.server.admit(now, &request) {
                    Ok((conn, _)) => drop(self.links.insert(link, (conn, request))),
                    Err((status, retry_after)) => wire.refuse(link, status, retry_after),
                }
            }
            Happening::Open { link } => {
                let (conn, request) = self.links[&link].clone();
                self.server.opened(now, conn, &request);
            }
            Happening::Message { link, message } => self.server.text(now, self.links[&link].0, message),
            Happening::Ping { link, .. } | Happening::Pong { link, .. } => self.server.alive(now, self.links[&link].0),
            Happening::Closed { link, .. } => {
                let (conn, _) = self.links.remove(&link).expect("it was open");
                self.server.closed(now, conn);
            }
            Happening::Timer { .. } => {
                self.armed = None;
                self.server.timer(now);
            }
            other => unreachable!("{other:?}"),
        }
        self.flush(wire);
    }

    /// Sends what the server wants sent, and sets its timer.
    fn flush(&mut self, wire: &mut Wire<'_, String>) {
        for (conn, frame) in self.server.outputs() {
            let Some(link) = self.links.iter().find(|(_, (known, _))| *known == conn).map(|(link, _)| *link) else {
                continue;
            };
            match frame {
                Frame::Message(text) => wire.send(link, text),
                Frame::Ping(token) => wire.ping(link, token),
                Frame::Pong(token) => wire.pong(link, token),
                Frame::Close { code, retry_after: None } => wire.close(link, code),
                Frame::Close { code, retry_after: Some(wait) } => wire.close_for(link, code, wait),
                Frame::Reset => {
                    self.links.remove(&link);
                    wire.reset(link);
                }
            }
        }
        let deadline = self.server.deadline();
        if let (Some(at), true) = (deadline, deadline != self.armed) {
            wire.after(at.saturating_since(wire.now()), DEADLINE);
            self.armed = deadline;
        }
    }
}

/// A page that takes part in a system.
struct Member {
    host: HostId,
    log: Log<(Timestamp, Notice)>,
    heart: Option<String>,
}

/// The pages of a document and its server.
pub struct System<P> {
    sim: Sim<String>,
    id: ServerId,
    site: Rc<RefCell<Site<P>>>,
    members: Vec<Member>,
}

/// Building it.
impl<P: Protocol + 'static> System<P> {
    pub fn of(server: HubServer<P>) -> Self {
        let mut sim = Sim::new(7);
        sim.set_delay(millis(20)..millis(20));
        let site = Rc::new(RefCell::new(Site::new(server)));
        let peer = site.clone();
        let id = sim.serve(SERVER, move |wire: &mut Wire<'_, String>, happening| peer.borrow_mut().on(wire, happening));
        Self { sim, id, site, members: Vec::new() }
    }

    /// The same with a page that was opened a second ago.
    pub fn opened(server: HubServer<P>, settings: Settings, page: Page) -> Self {
        let mut system = Self::of(server);
        system.open(settings, page);
        system.run(seconds(1));
        assert_eq!(system.state(0), State::Open);
        system
    }

    /// A page that does not dial yet; its number. It reports every end twice, as browsers do.
    pub fn join(&mut self, settings: Settings, page: Page) -> usize {
        let (log, heart) = (page.log.clone(), page.heart.clone());
        let host = self.sim.host(Config::new(settings).expect("a valid config"), page);
        self.sim.report_ends_twice(host);
        self.members.push(Member { host, log, heart });
        self.members.len() - 1
    }

    /// A page that connects.
    pub fn open(&mut self, settings: Settings, page: Page) -> usize {
        let client = self.join(settings, page);
        self.input(client, Input::Connect);
        client
    }
}

/// What is done.
impl<P: Protocol + 'static> System<P> {
    pub fn input(&mut self, client: usize, input: Input<String>) {
        self.sim.input(self.members[client].host, input);
    }

    pub fn send(&mut self, client: usize, outgoing: Outgoing<String>) {
        let (text, now) = (outgoing.message().clone(), self.sim.now());
        // Its outcome may come at once, behind its acceptance.
        let log = &self.members[client].log;
        let known = log.all().len();
        let result = self.sim.send(self.members[client].host, outgoing).map_err(|refused| refused.reason);
        log.insert(known, (now, answered(text, result)));
    }

    pub fn leave(&mut self, client: usize) {
        self.input(client, Input::close_within(seconds(5)));
    }

    /// The server does something of its own accord.
    pub fn act(&mut self, act: impl FnOnce(&mut P, &mut Connections)) {
        let (mut site, now) = (self.site.borrow_mut(), self.sim.now());
        site.server.act(now, act);
        site.flush(&mut self.sim.wire(self.id));
    }

    /// Lets time pass.
    pub fn run(&mut self, time: Duration) {
        self.sim.run_for(time);
    }

    pub fn set_latency(&mut self, latency: Duration) {
        self.sim.set_delay(latency..latency);
    }

    /// Time passes while everybody is suspended: what arrives and what is due comes late.
    pub fn suspend(&mut self, time: Duration) {
        self.sim.suspend_server(self.id);
        self.members.iter().for_each(|member| self.sim.suspend(member.host));
        self.sim.run_for(time);
        self.sim.resume_server(self.id);
        self.members.iter().for_each(|member| self.sim.resume(member.host));
    }

    /// What the page sends on its connection is lost from now on, and nobody is told.
    pub fn lose_up(&mut self, client: usize) {
        self.sim.lose_up(self.members[client].host);
    }

    /// What is sent to the page on its connection is lost from now on, and nobody is told.
    pub fn lose_down(&mut self, client: usize) {
        self.sim.lose_down(self.members[client].host);
    }

    /// The page's network is gone.
    pub fn partition(&mut self, client: usize) {
        self.sim.partition(self.members[client].host);
    }

    /// It is there again.
    pub fn heal(&mut self, client: usize) {
        self.sim.heal(self.members[client].host);
    }

    /// Whatever would arrive at the page or from it waits.
    pub fn hold(&mut self, client: usize) {
        self.sim.hold(self.members[client].host);
    }

    /// It arrives, late.
    pub fn release(&mut self, client: usize) {
        self.sim.release(self.members[client].host);
    }

    /// The page's connection breaks, and both sides notice.
    pub fn reset(&mut self, client: usize) {
        self.sim.reset(self.members[client].host);
    }

    /// The server's process ends: its connections break, and dials are refused.
    pub fn stop(&mut self) {
        self.sim.stop(self.id);
    }

    /// Another process of the server begins.
    pub fn start(&mut self, server: HubServer<P>) {
        *self.site.borrow_mut() = Site::new(server);
        self.sim.start(self.id);
    }
}

/// What is seen.
impl<P: Protocol + 'static> System<P> {
    pub fn now(&self) -> Timestamp {
        self.sim.now()
    }

    pub fn server(&self) -> Ref<'_, HubServer<P>> {
        Ref::map(self.site.borrow(), |site| &site.server)
    }

    pub fn hub(&self) -> Ref<'_, Hub<String, String>> {
        Ref::map(self.site.borrow(), |site| site.server.hub())
    }

    pub fn session(&self, client: usize) -> &Session<String> {
        &self.sim[self.members[client].host]
    }

    pub fn state(&self, client: usize) -> State {
        self.session(client).state()
    }

    pub fn cause(&self, client: usize) -> Cause {
        self.session(client).cause()
    }

    /// What a page noticed.
    pub fn log(&self, client: usize) -> Vec<(Timestamp, Notice)> {
        self.members[client].log.all()
    }

    /// The messages that reached a page.
    pub fn got(&self, client: usize) -> Vec<String> {
        texts(&self.log(client))
    }

    /// When a page dialled, in milliseconds.
    pub fn dials(&self, client: usize) -> Vec<u64> {
        self.times(client, |notice| matches!(notice, Notice::Dial(_)).then_some(())).map(|(at, ())| at).collect()
    }

    /// The retries that were scheduled: when, which, for when.
    pub fn retries(&self, client: usize) -> Vec<(u64, u32, u64)> {
        let retry = |notice| match notice {
            Notice::Retry { attempt, at, .. } => Some((attempt, milliseconds(at))),
            _ => None,
        };
        self.times(client, retry).map(|(now, (attempt, at))| (now, attempt, at)).collect()
    }

    /// The events of a page that are not changes of state.
    pub fn events(&self, client: usize) -> Vec<Event> {
        let event = |notice| match notice {
            Notice::Event(event) if !matches!(event, Event::StateChanged { .. }) => Some(event),
            _ => None,
        };
        self.times(client, event).map(|(_, event)| event).collect()
    }

    /// Some of what a page noticed, with the milliseconds.
    pub fn times<T>(&self, client: usize, pick: impl Fn(Notice) -> Option<T>) -> impl Iterator<Item = (u64, T)> {
        self.log(client).into_iter().filter_map(move |(at, notice)| Some((milliseconds(at), pick(notice)?)))
    }

    /// What a page wrote on its connections, even if it was lost.
    pub fn written(&self, client: usize) -> &[(Timestamp, Frame<String>)] {
        self.sim[self.members[client].host].written()
    }

    /// The texts among it, with the milliseconds.
    pub fn sent_by(&self, client: usize) -> Vec<(u64, String)> {
        let text = |frame: &Frame<String>| match frame {
            Frame::Message(text) => Some(text.clone()),
            _ => None,
        };
        self.written(client).iter().filter_map(|(at, frame)| Some((milliseconds(*at), text(frame)?))).collect()
    }

    /// When a page sent its heartbeat, if that is a text.
    pub fn hearts(&self, client: usize) -> Vec<u64> {
        let heart = &self.members[client].heart;
        self.sent_by(client).into_iter().filter(|(_, text)| heart.as_ref() == Some(text)).map(|(at, _)| at).collect()
    }
}

fn milliseconds(at: Timestamp) -> u64 {
    at.as_nanos() / 1_000_000
}

/// A page that dials the network's only server.
impl App<String> for Page {
    fn request(&mut self, context: &mut Context<'_, String>, dial: &Dial) -> Result<sim::Request, Loss> {
        let url = self.dial(context.now(), dial.renew);
        let parts = url.strip_prefix("ws://").and_then(|rest| rest.split_once('/'));
        let (host, path) = parts.ok_or(Loss::Transport(TransportError::Address))?;
        let mut request = sim::Request { path: format!("/{path}"), ..sim::Request::to(SERVER) };
        request.headers.push(("Host".into(), host.into()));
        request.headers.extend(self.origin.clone().map(|origin| ("Origin".into(), origin)));
        Ok(request)
    }

    fn ping(&mut self, token: u32) -> Frame<String> {
        self.heart.clone().map_or(Frame::Ping(token), Frame::Message)
    }

    fn decode(&mut self, conn: ConnId, text: String) -> Vec<Input<String>> {
        let answer = self.answers(&text);
        vec![if answer { Input::Pong { conn, token: None } } else { Input::Message { conn, message: text } }]
    }

    fn on_action(&mut self, context: &mut Context<'_, String>, action: &Action<String>) {
        self.conn = context.session().conn();
        let Some(notice) = notice_of(action) else { return };
        for command in self.notice(context.now(), notice) {
            match command {
                Command::Input(input) => context.input(input),
                Command::Send(outgoing) => {
                    let text = outgoing.message().clone();
                    let result = context.send(outgoing).map_err(|refused| refused.reason);
                    self.log.push((context.now(), answered(text, result)));
                }
            }
        }
    }
}

/// What an action is to a page.
fn notice_of(action: &Action<String>) -> Option<Notice> {
    Some(match action.clone() {
        Action::Deliver(message) => Notice::Text(message),
        Action::Event(event) => Notice::Event(event),
        Action::ScheduleReconnect { attempt, at, cause, .. } => Notice::Retry { attempt, at, cause },
        Action::Outcome { id, outcome, .. } => Notice::Outcome(id, outcome),
        _ => return None,
    })
}

fn answered(text: String, result: Result<MessageId, Refusal>) -> Notice {
    match result {
        Ok(id) => Notice::Accepted(id, text),
        Err(reason) => Notice::Refused(reason, text),
    }
}
