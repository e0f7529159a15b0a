//! What an adapter adds to a driver: commands in, reports out.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use heartline::message::Delivery;
use heartline::{Action, Config, Outgoing, Settings};
use heartline_testkit::conformance::adapter::{Reporter, commands};
use heartline_testkit::conformance::{Ability, Command};
use tungstenite::Message;

use crate::driver::{self, Bugs, Order};

/// How an adapter that is to fail differs from one that is not.
#[derive(Clone, Copy)]
pub struct Twist {
    /// What becomes of the settings.
    pub settings: fn(&mut Settings),
    /// What becomes of an order.
    pub orders: fn(Order) -> Vec<Order>,
    /// Whether an action is reported.
    pub shows: fn(&Action<Message>) -> bool,
    /// The bugs of the loop itself.
    pub bugs: Bugs,
    /// What it claims beside [`ABILITIES`].
    pub claims: &'static [Ability],
}

/// No twist at all.
pub const PLAIN: Twist = Twist {
    settings: |_| {},
    orders: |order| vec![order],
    shows: |_| true,
    bugs: Bugs { timer_first: false, read_on: false },
    claims: &[],
};

pub const ABILITIES: [Ability; 13] = [
    Ability::Process,
    Ability::AtLeastOnce,
    Ability::Dials,
    Ability::Status,
    Ability::Slow,
    Ability::HeartbeatIdle,
    Ability::HeartbeatListen,
    Ability::LateTolerance,
    Ability::ConnectTimeout,
    Ability::CloseTimeout,
    Ability::Retry,
    Ability::AckTimeout,
    Ability::Pause,
];

/// How the application takes its messages. It is called by the driver's loop, which waits for it.
#[derive(Default)]
struct Application {
    slow: AtomicU64,
    paused: Mutex<bool>,
    resumed: Condvar,
}

impl Application {
    fn pause(&self, pause: bool) {
        *self.paused.lock().expect("nobody panics with it") = pause;
        self.resumed.notify_all();
    }

    fn take(&self) {
        let paused = self.paused.lock().expect("nobody panics with it");
        drop(self.resumed.wait_while(paused, |paused| *paused));
        thread::sleep(Duration::from_millis(self.slow.load(Relaxed)));
    }
}

/// Obeys the commands on the standard input until `quit`, or its end.
pub fn serve(twist: Twist) {
    let reporter = Reporter::stdout();
    reporter.hello("heartline-minimal", &[&ABILITIES[..], twist.claims].concat());
    let (mut settings, application) = (Settings::default(), Arc::new(Application::default()));
    let (sender, orders) = channel();
    let mut orders = Some(orders);
    for command in commands(std::io::stdin().lock()) {
        match &command {
            Command::Set(setting) => _ = setting.apply(&mut settings),
            Command::Connect(url) => {
                (twist.settings)(&mut settings);
                let config = Config::new(settings.clone()).expect("the suite sets what is valid");
                let orders = orders.take().expect("the suite connects once");
                start(url.clone(), config, orders, reporter.clone(), Arc::clone(&application), twist);
            }
            Command::Slow(time) => application.slow.store(time.as_millis() as u64, Relaxed),
            Command::Pause => application.pause(true),
            Command::Resume => application.pause(false),
            Command::Quit => return,
            _ => order(&command).into_iter().flat_map(twist.orders).for_each(|order| _ = sender.send(order)),
        }
    }
}

/// What is for the driver's loop.
fn order(command: &Command) -> Option<Order> {
    match command {
        Command::Send { tag, delivery, .. } | Command::Fill { tag, delivery, .. } => {
            Some(Order::Send(*tag, outgoing(*delivery, command.text()?)))
        }
        Command::Acked(tag) => Some(Order::Acked(*tag)),
        Command::Close(within) => Some(Order::Close(*within)),
        _ => None,
    }
}

fn outgoing(delivery: Delivery, text: String) -> Outgoing<Message> {
    let size = text.len();
    match delivery {
        Delivery::ThisConnection => Outgoing::this_connection(Message::text(text), size),
        Delivery::AtMostOnce => Outgoing::at_most_once(Message::text(text), size),
        Delivery::AtLeastOnce => Outgoing::at_least_once(Message::text(text), size),
    }
}

fn start(
    url: String,
    config: Config,
    orders: Receiver<Order>,
    reporter: Reporter,
    application: Arc<Application>,
    twist: Twist,
) {
    let seed = RandomState::new().hash_one(&url);
    thread::spawn(move || {
        driver::run(&url, config, seed, &orders, &reporter, twist.bugs, |action| {
            if let Action::Deliver(_) = action {
                application.take();
            }
            if (twist.shows)(action) {
                reporter.action(action, Message::to_string);
            }
        });
    });
}
