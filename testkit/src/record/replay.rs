//! The calls of a log on a new session, compared answer by answer.

use std::fmt::{self, Debug};
use std::io::{self, BufRead, Read};

use heartline::Session;
use serde::de::DeserializeOwned;

use super::FORMAT;
use super::data::{Answer, End, Entry, Header, Line};

/// No line of a log may be longer.
const LONGEST_LINE: u64 = 64 << 20;

/// Replays a log to its end.
///
/// # Errors
/// The first [`Difference`], or why the log could not be read.
pub fn replay<P>(log: impl BufRead) -> Result<Replayed, ReplayError<P>>
where
    P: DeserializeOwned + Clone + PartialEq + Debug,
{
    let mut replayer = Replayer::new(log)?;
    while replayer.step()?.is_some() {}
    Ok(Replayed { calls: replayer.calls, end: replayer.end.unwrap_or(End::CutOff) })
}

/// What a log without a difference came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Replayed {
    /// How many calls were replayed.
    pub calls: u64,
    /// Why the log ends.
    pub end: End,
}

/// Why a log does not replay.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError<P: Debug> {
    /// The log could not be read.
    #[error("the log cannot be read: {0}")]
    Io(#[from] io::Error),
    /// A line is not part of a log, or of another version's.
    #[error("line {line} is not a line of a log: {source}")]
    Line {
        /// Which line, from 1.
        line: u64,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The log does not begin with a header, has a second one, or goes on after its end.
    #[error("line {line} is out of place")]
    Order {
        /// Which line, from 1.
        line: u64,
    },
    /// The log was written in another format.
    #[error("the log has format {found}, this version reads {FORMAT}")]
    Format {
        /// The format of the log.
        found: u32,
    },
    /// The session did something else.
    #[error(transparent)]
    Difference(Box<Difference<P>>),
}

/// The first call that came to something else than when it was recorded.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[non_exhaustive]
pub struct Difference<P: Debug> {
    /// Which call, from 1. It is on the line after: the first line is the header.
    pub number: u64,
    /// The call, and what it returned when it was recorded.
    pub recorded: Entry<P>,
    /// What it returned now.
    pub came: Answer<P>,
    /// Of [`Call::Handle`](heartline::replay::Call::Handle), which of its actions differs first, from 0.
    pub action: Option<usize>,
}

impl<P: Debug> fmt::Display for Difference<P> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "call {} differs: {:?}", self.number, self.recorded.call)?;
        match (&self.recorded.answer, &self.came, self.action) {
            (Answer::Actions(expected), Answer::Actions(came), Some(nth)) => {
                let show =
                    |actions: &[_]| actions.get(nth).map_or("nothing more".into(), |action| format!("{action:?}"));
                writeln!(formatter, "  at action {} of {}", nth + 1, expected.len())?;
                write!(formatter, "  expected: {}\n  came:     {}", show(expected), show(came))
            }
            (expected, came, _) => write!(formatter, "  expected: {expected:?}\n  came:     {came:?}"),
        }
    }
}

fn first_difference<P: PartialEq>(expected: &Answer<P>, came: &Answer<P>) -> Option<usize> {
    let (Answer::Actions(expected), Answer::Actions(came)) = (expected, came) else { return None };
    (0..expected.len().max(came.len())).find(|nth| expected.get(*nth) != came.get(*nth))
}

/// Replays a log call by call.
#[derive(Debug)]
pub struct Replayer<P, R> {
    log: R,
    session: Session<P>,
    header: Header,
    lines: u64,
    calls: u64,
    end: Option<End>,
}

impl<P, R> Replayer<P, R>
where
    P: DeserializeOwned + Clone + PartialEq + Debug,
    R: BufRead,
{
    /// Reads the header and makes the session.
    ///
    /// # Errors
    /// If that is not the beginning of a log.
    pub fn new(mut log: R) -> Result<Self, ReplayError<P>> {
        let (bytes, _) = read_line(&mut log)?;
        let line = serde_json::from_slice(&bytes).map_err(|source| ReplayError::Line { line: 1, source })?;
        let Line::<P>::Header(header) = line else { return Err(ReplayError::Order { line: 1 }) };
        if header.format != FORMAT {
            return Err(ReplayError::Format { found: header.format });
        }
        let session = Session::with_first_id(header.config.clone(), header.seed, header.first_id);
        Ok(Self { log, session, header: *header, lines: 1, calls: 0, end: None })
    }

    /// What the session was made with.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The session, as it is after the calls replayed so far.
    pub fn session(&self) -> &Session<P> {
        &self.session
    }

    /// How many calls were replayed so far.
    pub fn calls(&self) -> u64 {
        self.calls
    }

    /// Why the log ends, once it has ended.
    pub fn end(&self) -> Option<End> {
        self.end
    }

    /// Replays the next call; `None` at the end of the log.
    ///
    /// # Errors
    /// The difference, or why the log could not be read. The steps after an error mean nothing.
    pub fn step(&mut self) -> Result<Option<Entry<P>>, ReplayError<P>> {
        let (bytes, whole) = read_line(&mut self.log)?;
        self.lines += 1;
        let line = self.lines;
        if bytes.is_empty() {
            self.end.get_or_insert(End::CutOff);
            return Ok(None);
        }
        match serde_json::from_slice(&bytes) {
            _ if self.end.is_some() => Err(ReplayError::Order { line }),
            Ok(Line::Entry(entry)) => self.compare(entry).map(Some),
            Ok(Line::Header(_)) => Err(ReplayError::Order { line }),
            Ok(Line::End(end)) => {
                self.end = Some(end);
                self.step()
            }
            Err(_) if !whole => {
                self.end = Some(End::CutOff);
                Ok(None)
            }
            Err(source) => Err(ReplayError::Line { line, source }),
        }
    }

    fn compare(&mut self, entry: Entry<P>) -> Result<Entry<P>, ReplayError<P>> {
        let came = Answer::of(self.session.call(entry.call.clone()));
        self.calls += 1;
        if came == entry.answer {
            return Ok(entry);
        }
        let action = first_difference(&entry.answer, &came);
        Err(ReplayError::Difference(Box::new(Difference { number: self.calls, recorded: entry, came, action })))
    }
}

/// A line, and whether it has its end.
fn read_line(log: &mut impl BufRead) -> io::Result<(Vec<u8>, bool)> {
    let mut bytes = Vec::new();
    log.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut bytes)?;
    let whole = bytes.ends_with(b"\n");
    if !whole && bytes.len() as u64 == LONGEST_LINE {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a line is longer than 64 MiB"));
    }
    Ok((bytes, whole))
}
