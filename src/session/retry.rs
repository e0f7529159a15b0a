//! Whether to dial again after a loss: a table, not code.

use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use super::loss::{Loss, TransportError};
use crate::check::{ConfigError, YEAR, within};

/// What a loss leads to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[non_exhaustive]
pub enum Verdict {
    /// Dial again after the backoff's delay.
    Retry,
    /// Dial again, but no sooner than this (up to a year); the backoff's delay comes on top.
    RetryAfter(Duration),
    /// Dial again after the backoff's delay, with new credentials:
    /// [`Action::Connect`](super::action::Action::Connect) says `renew`. A second such loss before a connection was
    /// stable stops.
    Renew,
    /// Do not dial again until the application asks for it.
    Stop,
}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Retry => formatter.write_str("retry"),
            Self::RetryAfter(wait) => write!(formatter, "retry after {wait:?}"),
            Self::Renew => formatter.write_str("renew credentials, then retry"),
            Self::Stop => formatter.write_str("stop"),
        }
    }
}

/// Which losses a rule applies to. Ranges include both ends.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[non_exhaustive]
pub enum Pattern {
    /// A received close code in this range, or one that the application gave
    /// ([`Loss::Application`]).
    Close(u16, u16),
    /// A code in this range that the application gave. Put it before a `Close` of the same codes.
    Application(u16, u16),
    /// The HTTP status of a refused dial in this range.
    Status(u16, u16),
    /// This failure of the transport.
    Transport(TransportError),
    /// Any of the session's own timeouts.
    Timeout,
    /// Every loss.
    Any,
}

impl Pattern {
    /// Whether `loss` is one of those meant.
    pub fn matches(self, loss: Loss) -> bool {
        match (self, loss) {
            (Self::Close(low, high), Loss::Close(code) | Loss::Application(code))
            | (Self::Application(low, high), Loss::Application(code)) => (low..=high).contains(&code),
            (Self::Status(low, high), Loss::Status(status)) => (low..=high).contains(&status),
            (Self::Transport(failure), Loss::Transport(found)) => failure == found,
            (Self::Timeout, loss) => loss.is_timeout(),
            (Self::Any, _) => true,
            _ => false,
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, low, high) = match *self {
            Self::Close(low, high) => ("close code", low, high),
            Self::Application(low, high) => ("code of the application", low, high),
            Self::Status(low, high) => ("HTTP status", low, high),
            Self::Transport(error) => return error.fmt(formatter),
            Self::Timeout => return formatter.write_str("a timeout of the session"),
            Self::Any => return formatter.write_str("anything else"),
        };
        match (low, high) {
            (0, u16::MAX) => write!(formatter, "any other {name}"),
            _ if low == high => write!(formatter, "{name} {low}"),
            _ => write!(formatter, "{name} {low}–{high}"),
        }
    }
}

/// One line of a [`RetryPolicy`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Rule {
    /// The losses it applies to.
    pub pattern: Pattern,
    /// What they lead to.
    pub verdict: Verdict,
}

/// One line of the default table, with where it comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct DefaultRule {
    /// The losses it applies to.
    pub pattern: Pattern,
    /// What they lead to.
    pub verdict: Verdict,
    /// What the loss means or why it has this verdict, and where that is written.
    pub source: &'static str,
}

const fn rule(pattern: Pattern, verdict: Verdict, source: &'static str) -> DefaultRule {
    DefaultRule { pattern, verdict, source }
}

const fn close(code: u16, verdict: Verdict, source: &'static str) -> DefaultRule {
    rule(Pattern::Close(code, code), verdict, source)
}

const fn status(code: u16, verdict: Verdict, source: &'static str) -> DefaultRule {
    rule(Pattern::Status(code, code), verdict, source)
}

/// The default verdict for every loss there can be; the first line that matches counts.
pub const DEFAULT_RULES: &[DefaultRule] = &{
    use Verdict::{Renew, Retry, RetryAfter, Stop};
    const SOON: Verdict = RetryAfter(Duration::from_secs(5));
    [
        close(1000, Stop, "normal closure, the purpose is fulfilled: RFC 6455 7.4.1"),
        close(1001, Retry, "going away, a server going down: RFC 6455 7.4.1"),
        close(1002, Stop, "protocol error, dialling again changes nothing: RFC 6455 7.4.1"),
        close(1003, Stop, "data type not accepted: RFC 6455 7.4.1"),
        close(1005, Retry, "closed without a code: RFC 6455 7.4.1"),
        close(1006, Retry, "ended without a close frame: RFC 6455 7.4.1"),
        close(1007, Stop, "payload inconsistent with its type: RFC 6455 7.4.1"),
        close(1008, Stop, "policy violation: RFC 6455 7.4.1"),
        close(1009, Retry, "message too big, one message's fault: RFC 6455 7.4.1; max_losses ends its repetition"),
        close(1010, Stop, "the client requires an extension: RFC 6455 7.4.1"),
        close(1011, Retry, "unexpected condition in the server: RFC 6455 7.4.1"),
        close(1012, SOON, "service restart, return after 5 to 30 s: IANA close code registry"),
        close(1013, SOON, "try again later: IANA close code registry"),
        close(1014, Retry, "bad gateway, as HTTP 502: IANA close code registry"),
        close(1015, Retry, "TLS failed: RFC 6455 7.4.1; as a TLS failure of the dial"),
        close(3000, Renew, "unauthorized, as HTTP 401: IANA close code registry"),
        close(3003, Stop, "forbidden, as HTTP 403: IANA close code registry"),
        close(3008, Retry, "timeout, as HTTP 408: IANA close code registry"),
        close(4401, Renew, "as HTTP 401: a convention that graphql-transport-ws follows too"),
        close(4408, Retry, "as HTTP 408: a convention that graphql-transport-ws follows too"),
        close(4425, Retry, "as HTTP 425, Too Early (RFC 8470)"),
        close(4429, SOON, "as HTTP 429: RFC 6585 4"),
        rule(
            Pattern::Close(4400, 4499),
            Stop,
            "as HTTP 4xx, superseded by a newer login (4409) among them: a convention that graphql-transport-ws follows too",
        ),
        rule(
            Pattern::Status(300, 399),
            Stop,
            "a redirect, the same dial gets the same answer and a client need not follow: RFC 6455 4.1",
        ),
        status(401, Renew, "no valid credentials: RFC 9110 15.5.2"),
        status(408, Retry, "request timeout, the client may repeat: RFC 9110 15.5.9"),
        status(421, Retry, "misdirected, another connection may do: RFC 9110 15.5.20"),
        status(425, Retry, "too early: RFC 8470 5.2"),
        status(429, SOON, "too many requests: RFC 6585 4"),
        rule(Pattern::Status(400, 499), Stop, "the client's error, the same dial gets the same answer: RFC 9110 15.5"),
        status(501, Stop, "not implemented: RFC 9110 15.6.2"),
        status(505, Stop, "HTTP version not supported: RFC 9110 15.6.6"),
        rule(
            Pattern::Status(0, u16::MAX),
            Retry,
            "the server's state, a captive portal or a half-deployed endpoint: RFC 9110 15.6",
        ),
        rule(Pattern::Transport(TransportError::Address), Stop, "no dial can succeed: RFC 6455 3 and 4.1"),
        rule(Pattern::Transport(TransportError::Resolve), Retry, "the network may be down: RFC 6455 7.2.3"),
        rule(Pattern::Transport(TransportError::Connect), Retry, "the server may be down: RFC 6455 7.2.3"),
        rule(
            Pattern::Transport(TransportError::Proxy),
            Stop,
            "a login or a rule, the same dial gets the same answer: RFC 1928 6, RFC 1929 2",
        ),
        rule(
            Pattern::Transport(TransportError::Tls),
            Retry,
            "a captive portal, or a certificate being renewed: no standard speaks of it",
        ),
        rule(
            Pattern::Transport(TransportError::Protocol),
            Retry,
            "a captive portal or a half-deployed endpoint: no standard speaks of it",
        ),
        rule(Pattern::Transport(TransportError::Io), Retry, "abnormal closure: RFC 6455 7.2.3"),
        rule(Pattern::Timeout, Retry, "abnormal closure: RFC 6455 7.2.3"),
        rule(Pattern::Any, Retry, "a code nobody has assigned: RFC 6455 7.4.2; backoff bounds the cost"),
    ]
};

/// [`DEFAULT_RULES`] without the sources, which a program that never shows them need not carry.
static TABLE: [Rule; DEFAULT_RULES.len()] = {
    let mut rules = [Rule { pattern: Pattern::Any, verdict: Verdict::Retry }; DEFAULT_RULES.len()];
    let mut line = 0;
    while line < rules.len() {
        rules[line] = Rule { pattern: DEFAULT_RULES[line].pattern, verdict: DEFAULT_RULES[line].verdict };
        line += 1;
    }
    rules
};

fn first_match(rules: &[Rule], loss: Loss) -> Option<Verdict> {
    rules.iter().find(|rule| rule.pattern.matches(loss)).map(|rule| rule.verdict)
}

/// Rules of the application's own, before the default table. Total: every loss has a verdict, that of the
/// first line that matches.
///
/// ```
/// use heartline::Loss;
/// use heartline::retry::{Pattern, RetryPolicy, Verdict};
///
/// // This server closes idle connections with 1000 and expects us back.
/// let policy = RetryPolicy::default().with(Pattern::Close(1000, 1000), Verdict::Retry);
/// assert_eq!(policy.verdict(Loss::Close(1000)), Verdict::Retry);
/// assert_eq!(policy.verdict(Loss::Close(1008)), Verdict::Stop);
/// ```
///
/// # The default table
///
#[doc = include_str!("retry.md")]
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct RetryPolicy {
    /// Searched in this order, before [`DEFAULT_RULES`].
    pub rules: Vec<Rule>,
}

impl RetryPolicy {
    /// Adds a rule behind those already there.
    #[must_use]
    pub fn with(mut self, pattern: Pattern, verdict: Verdict) -> Self {
        self.rules.push(Rule { pattern, verdict });
        self
    }

    /// What `loss` leads to.
    pub fn verdict(&self, loss: Loss) -> Verdict {
        first_match(&self.rules, loss).or_else(|| first_match(&TABLE, loss)).unwrap_or(Verdict::Retry)
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        self.rules.iter().try_for_each(|rule| {
            if let Pattern::Close(low, high) | Pattern::Application(low, high) | Pattern::Status(low, high) =
                rule.pattern
            {
                within("retry.rules.pattern", u32::from(low), 0, high.into())?;
            }
            match rule.verdict {
                Verdict::RetryAfter(wait) => within("retry.rules.verdict", wait, Duration::ZERO, YEAR),
                Verdict::Retry | Verdict::Renew | Verdict::Stop => Ok(()),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by_default(loss: Loss) -> Verdict {
        RetryPolicy::default().verdict(loss)
    }

    #[test]
    fn the_default_table_ends_in_a_line_for_everything() {
        assert_eq!(DEFAULT_RULES.last().map(|rule| rule.pattern), Some(Pattern::Any));
    }

    #[test]
    fn no_default_line_is_hidden_by_an_earlier_one() {
        let losses = (0..=u16::MAX).flat_map(|code| [Loss::Close(code), Loss::Status(code)]);
        let failures = [TransportError::Address, TransportError::Resolve, TransportError::Connect]
            .into_iter()
            .chain([TransportError::Proxy, TransportError::Tls, TransportError::Protocol, TransportError::Io])
            .map(Loss::Transport);
        let mut used = [false; DEFAULT_RULES.len()];
        for loss in losses.chain(failures).chain([Loss::ConnectTimeout]) {
            let line = DEFAULT_RULES.iter().position(|rule| rule.pattern.matches(loss));
            used[line.expect("the table is total")] = true;
        }
        assert_eq!(used.iter().position(|used| !used), None);
    }

    #[test]
    fn fatal_and_passing_closes_are_told_apart() {
        for code in [1000, 1002, 1003, 1007, 1008, 1010, 3003, 4400, 4403, 4409] {
            assert_eq!(by_default(Loss::Close(code)), Verdict::Stop, "{code}");
        }
        for code in [0, 999, 1001, 1004, 1005, 1006, 1009, 1011, 1014, 1015, 2999, 3008, 4000, 4408, 4500, u16::MAX] {
            assert_eq!(by_default(Loss::Close(code)), Verdict::Retry, "{code}");
        }
    }

    #[test]
    fn a_refused_dial_is_judged_by_its_status() {
        for status in [301, 302, 307, 308, 400, 403, 404, 407, 426, 451, 501, 505] {
            assert_eq!(by_default(Loss::Status(status)), Verdict::Stop, "{status}");
        }
        for status in [0, 200, 408, 425, 500, 502, 503, 504, 520, 999] {
            assert_eq!(by_default(Loss::Status(status)), Verdict::Retry, "{status}");
        }
        assert_eq!(by_default(Loss::Status(429)), Verdict::RetryAfter(Duration::from_secs(5)));
    }

    #[test]
    fn missing_credentials_are_renewed() {
        for loss in [Loss::Status(401), Loss::Close(3000), Loss::Close(4401), Loss::Application(4401)] {
            assert_eq!(by_default(loss), Verdict::Renew, "{loss}");
        }
    }

    #[test]
    fn a_code_of_the_application_is_judged_as_a_close_code_unless_a_rule_of_its_own_comes_first() {
        for code in 0..=u16::MAX {
            assert_eq!(by_default(Loss::Application(code)), by_default(Loss::Close(code)), "{code}");
        }
        let policy = RetryPolicy::default().with(Pattern::Application(4000, 4999), Verdict::Retry);
        assert_eq!(policy.verdict(Loss::Application(4403)), Verdict::Retry);
        assert_eq!(policy.verdict(Loss::Close(4403)), Verdict::Stop);
    }

    /// With `UPDATE` in the environment, writes the table anew.
    #[test]
    fn the_table_in_the_documentation_is_the_table() {
        use alloc::string::String;
        use core::fmt::Write;

        let mut table = String::from("| loss | verdict | because |\n|---|---|---|\n");
        for rule in DEFAULT_RULES {
            writeln!(table, "| {} | {} | {} |", rule.pattern, rule.verdict, rule.source).expect("a string");
        }
        if std::env::var_os("UPDATE").is_some() {
            let file = concat!(env!("CARGO_MANIFEST_DIR"), "/src/session/retry.md");
            std::fs::write(file, &table).expect("written");
        }
        assert_eq!(include_str!("retry.md"), table, "run this test with UPDATE=1");
    }

    #[test]
    fn every_timeout_is_retried() {
        for loss in [Loss::ConnectTimeout, Loss::GreetingTimeout, Loss::HeartbeatTimeout, Loss::AckTimeout] {
            assert_eq!(by_default(loss), Verdict::Retry);
        }
    }

    #[test]
    fn the_first_own_rule_that_matches_counts() {
        let policy = RetryPolicy::default()
            .with(Pattern::Close(4000, 4100), Verdict::Stop)
            .with(Pattern::Any, Verdict::RetryAfter(Duration::from_secs(60)));
        assert_eq!(policy.verdict(Loss::Close(4001)), Verdict::Stop);
        assert_eq!(policy.verdict(Loss::Close(1000)), Verdict::RetryAfter(Duration::from_secs(60)));
        assert_eq!(policy.verdict(Loss::HeartbeatTimeout), Verdict::RetryAfter(Duration::from_secs(60)));
    }
}
