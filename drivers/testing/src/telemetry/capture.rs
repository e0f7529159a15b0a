//! Spans and events as they are told, and numbers as they stand.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, MutexGuard};

use metrics_util::debugging::{DebugValue, Snapshotter};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

/// Fields as text; the message is `message`.
pub type Fields = BTreeMap<String, String>;

/// A span.
#[derive(Clone, Debug)]
pub struct Span {
    id: Id,
    /// Its name.
    pub name: &'static str,
    /// What it was given, at its beginning and later.
    pub fields: Fields,
    /// Nobody holds it any more.
    pub closed: bool,
}

/// An event.
#[derive(Clone, Debug)]
pub struct Told {
    /// How much it matters.
    pub level: Level,
    /// Whose it is.
    pub target: String,
    /// What it says.
    pub fields: Fields,
    /// The span it is in, by its place in [`Log::spans`].
    pub span: Option<usize>,
}

impl Told {
    /// Its message.
    pub fn message(&self) -> &str {
        self.fields.get("message").map_or("", String::as_str)
    }
}

/// What was told, in its order.
#[derive(Clone, Default, Debug)]
pub struct Log {
    /// The spans.
    pub spans: Vec<Span>,
    /// The events.
    pub events: Vec<Told>,
}

/// Keeps what it is told.
#[derive(Clone, Default)]
pub struct Capture(Arc<Mutex<Log>>);

impl Capture {
    /// What it was told up to now.
    pub fn log(&self) -> Log {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Log> {
        self.0.lock().expect("nobody has panicked here")
    }
}

impl Log {
    /// The latest span with this id: they are used again.
    fn place(&self, id: &Id) -> Option<usize> {
        self.spans.iter().rposition(|span| span.id == *id)
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Capture {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, _: Context<'_, S>) {
        let mut fields = Texts::default();
        attributes.record(&mut fields);
        let name = attributes.metadata().name();
        self.lock().spans.push(Span { id: id.clone(), name, fields: fields.0, closed: false });
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, _: Context<'_, S>) {
        let mut fields = Texts::default();
        values.record(&mut fields);
        let mut log = self.lock();
        let place = log.place(id).expect("a span");
        log.spans[place].fields.extend(fields.0);
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Texts::default();
        event.record(&mut fields);
        let (level, target) = (*event.metadata().level(), event.metadata().target().to_owned());
        let mut log = self.lock();
        let span = context.event_span(event).and_then(|span| log.place(&span.id()));
        log.events.push(Told { level, target, fields: fields.0, span });
    }

    fn on_close(&self, id: Id, _: Context<'_, S>) {
        let mut log = self.lock();
        let place = log.place(&id).expect("a span");
        log.spans[place].closed = true;
    }
}

#[derive(Default)]
struct Texts(Fields);

impl Visit for Texts {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name().into(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().into(), value.into());
    }
}

/// A number with its name and labels, `name{label=value,…}` as Prometheus writes them.
#[derive(Debug)]
pub struct Number {
    /// Its name.
    pub name: String,
    /// The labels in the order of their names.
    pub labels: BTreeMap<String, String>,
    /// Its unit, as the facade calls it.
    pub unit: String,
    /// What it means.
    pub meaning: String,
    /// `counter`, `gauge` or `histogram`.
    pub kind: &'static str,
    /// The value; of a histogram all of them.
    pub values: Vec<f64>,
}

/// All numbers that there are.
pub fn numbers(snapshotter: &Snapshotter) -> Vec<Number> {
    let numbers = snapshotter.snapshot().into_vec().into_iter().map(|(key, unit, meaning, value)| {
        let key = key.key();
        let (kind, values) = match value {
            DebugValue::Counter(value) => ("counter", vec![value as f64]),
            DebugValue::Gauge(value) => ("gauge", vec![value.into_inner()]),
            DebugValue::Histogram(values) => {
                ("histogram", values.into_iter().map(|value| value.into_inner()).collect())
            }
        };
        Number {
            name: key.name().into(),
            labels: key.labels().map(|label| (label.key().into(), label.value().into())).collect(),
            unit: unit.map_or("", |unit| unit.as_str()).into(),
            meaning: meaning.unwrap_or_default().to_string(),
            kind,
            values,
        }
    });
    numbers.collect()
}
