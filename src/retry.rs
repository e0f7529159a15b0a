//! Whether to dial again after a loss: a table, not code.

use alloc::vec::Vec;
use core::time::Duration;

use crate::loss::{Loss, Transport};

/// What a loss leads to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Verdict {
    /// Dial again after the backoff's delay.
    Retry,
    /// Dial again, but no sooner than this; the backoff's delay comes on top.
    RetryAfter(Duration),
    /// Do not dial again until the caller says `Connect`.
    Stop,
}

/// Which losses a rule speaks of. Ranges include both ends.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum When {
    /// A received close code in this range.
    Close(u16, u16),
    /// The HTTP status of a refused dial in this range.
    Status(u16, u16),
    /// This failure of the transport.
    Transport(Transport),
    /// Any of the machine's own timeouts.
    Timeout,
    /// Every loss.
    Any,
}

impl When {
    /// Whether `loss` is meant.
    pub fn matches(self, loss: Loss) -> bool {
        match (self, loss) {
            (Self::Close(low, high), Loss::Close(code)) => (low..=high).contains(&code),
            (Self::Status(low, high), Loss::Status(status)) => (low..=high).contains(&status),
            (Self::Transport(failure), Loss::Transport(found)) => failure == found,
            (Self::Timeout, loss) => loss.is_timeout(),
            (Self::Any, _) => true,
            _ => false,
        }
    }
}

/// One line of a [`RetryPolicy`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Rule {
    /// The losses it speaks of.
    pub when: When,
    /// What they lead to.
    pub then: Verdict,
}

/// One line of the default table, with where it comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DefaultRule {
    /// The losses it speaks of.
    pub when: When,
    /// What they lead to.
    pub then: Verdict,
    /// What the loss means, or why it is judged so, and who says it.
    pub source: &'static str,
}

const fn rule(when: When, then: Verdict, source: &'static str) -> DefaultRule {
    DefaultRule { when, then, source }
}

const fn close(code: u16, then: Verdict, source: &'static str) -> DefaultRule {
    rule(When::Close(code, code), then, source)
}

const fn status(code: u16, then: Verdict, source: &'static str) -> DefaultRule {
    rule(When::Status(code, code), then, source)
}

/// The default verdict for every loss there can be; the first line that matches counts.
pub const DEFAULT_RULES: &[DefaultRule] = &{
    use Verdict::{Retry, RetryAfter, Stop};
    const SOON: Verdict = RetryAfter(Duration::from_secs(5));
    [
        close(1000, Stop, "normal closure, the purpose is fulfilled: RFC 6455 7.4.1"),
        close(1001, Retry, "going away, a server going down: RFC 6455 7.4.1"),
        close(1002, Stop, "protocol error, dialing again changes nothing: RFC 6455 7.4.1"),
        close(1003, Stop, "data type not accepted: RFC 6455 7.4.1"),
        close(1005, Retry, "closed without a code: RFC 6455 7.4.1"),
        close(1006, Retry, "ended without a close frame: RFC 6455 7.4.1"),
        close(1007, Stop, "payload inconsistent with its type: RFC 6455 7.4.1"),
        close(1008, Stop, "policy violation: RFC 6455 7.4.1"),
        close(1009, Retry, "message too big, one message's fault: RFC 6455 7.4.1; max_deliveries ends its repetition"),
        close(1010, Stop, "the client requires an extension: RFC 6455 7.4.1"),
        close(1011, Retry, "unexpected condition in the server: RFC 6455 7.4.1"),
        close(1012, SOON, "service restart, return after 5 to 30 s: IANA close code registry"),
        close(1013, SOON, "try again later: IANA close code registry"),
        close(1014, Retry, "bad gateway, as HTTP 502: IANA close code registry"),
        close(1015, Retry, "TLS failed: RFC 6455 7.4.1; as Transport::Tls"),
        close(3000, Stop, "unauthorized, as HTTP 401: IANA close code registry"),
        close(3003, Stop, "forbidden, as HTTP 403: IANA close code registry"),
        close(3008, Retry, "timeout, as HTTP 408: IANA close code registry"),
        close(4408, Retry, "as HTTP 408: convention of graphql-ws and others"),
        close(4425, Retry, "as HTTP 425: convention of graphql-ws and others"),
        close(4429, SOON, "as HTTP 429: convention of graphql-ws and others"),
        rule(
            When::Close(4400, 4499),
            Stop,
            "as HTTP 4xx, superseded by a newer login (4409) among them: convention of graphql-ws and others",
        ),
        status(408, Retry, "request timeout, the client may repeat: RFC 9110 15.5.9"),
        status(421, Retry, "misdirected, another connection may do: RFC 9110 15.5.20"),
        status(425, Retry, "too early: RFC 8470 5.2"),
        status(429, SOON, "too many requests: RFC 6585 4"),
        rule(When::Status(400, 499), Stop, "the client's error, the same dial gets the same answer: RFC 9110 15.5"),
        status(501, Stop, "not implemented: RFC 9110 15.6.2"),
        status(505, Stop, "HTTP version not supported: RFC 9110 15.6.6"),
        rule(
            When::Status(0, u16::MAX),
            Retry,
            "the server's state, a captive portal or a half-deployed endpoint: RFC 9110 15.6",
        ),
        rule(When::Transport(Transport::Address), Stop, "no dial can succeed: RFC 6455 3 and 4.1"),
        rule(When::Transport(Transport::Resolve), Retry, "the network may be down: RFC 6455 7.2.3"),
        rule(When::Transport(Transport::Connect), Retry, "the server may be down: RFC 6455 7.2.3"),
        rule(
            When::Transport(Transport::Tls),
            Retry,
            "a captive portal, or a certificate being renewed: no standard speaks of it",
        ),
        rule(
            When::Transport(Transport::Protocol),
            Retry,
            "a captive portal or a half-deployed endpoint: no standard speaks of it",
        ),
        rule(When::Transport(Transport::Io), Retry, "abnormal closure: RFC 6455 7.2.3"),
        rule(When::Timeout, Retry, "abnormal closure: RFC 6455 7.2.3"),
        rule(When::Any, Retry, "a code nobody has assigned: RFC 6455 7.4.2; backoff bounds the cost"),
    ]
};

/// Rules of the application's own, before the default table. Total: every loss has a verdict.
///
/// ```
/// use heartline::{Loss, RetryPolicy, Verdict, When};
///
/// // This server closes idle connections with 1000 and expects us back.
/// let policy = RetryPolicy::default().with(When::Close(1000, 1000), Verdict::Retry);
/// assert_eq!(policy.verdict(Loss::Close(1000)), Verdict::Retry);
/// assert_eq!(policy.verdict(Loss::Close(1008)), Verdict::Stop);
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RetryPolicy {
    /// The first rule that matches counts, before [`DEFAULT_RULES`].
    pub rules: Vec<Rule>,
}

impl RetryPolicy {
    /// Adds a rule behind those already there.
    #[must_use]
    pub fn with(mut self, when: When, then: Verdict) -> Self {
        self.rules.push(Rule { when, then });
        self
    }

    /// What `loss` leads to.
    pub fn verdict(&self, loss: Loss) -> Verdict {
        let own = self.rules.iter().map(|rule| (rule.when, rule.then));
        let default = DEFAULT_RULES.iter().map(|rule| (rule.when, rule.then));
        own.chain(default).find(|(when, _)| when.matches(loss)).map_or(Verdict::Retry, |(_, then)| then)
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
        assert_eq!(DEFAULT_RULES.last().map(|rule| rule.when), Some(When::Any));
    }

    #[test]
    fn no_default_line_is_hidden_by_an_earlier_one() {
        let losses = (0..=u16::MAX).flat_map(|code| [Loss::Close(code), Loss::Status(code)]);
        let failures = [Transport::Address, Transport::Resolve, Transport::Connect]
            .into_iter()
            .chain([Transport::Tls, Transport::Protocol, Transport::Io])
            .map(Loss::Transport);
        let mut used = [false; DEFAULT_RULES.len()];
        for loss in losses.chain(failures).chain([Loss::ConnectTimeout]) {
            let line = DEFAULT_RULES.iter().position(|rule| rule.when.matches(loss));
            used[line.expect("the table is total")] = true;
        }
        assert_eq!(used.iter().position(|used| !used), None);
    }

    #[test]
    fn fatal_and_passing_closes_are_told_apart() {
        for code in [1000, 1002, 1003, 1007, 1008, 1010, 3000, 3003, 4400, 4401, 4403, 4409] {
            assert_eq!(by_default(Loss::Close(code)), Verdict::Stop, "{code}");
        }
        for code in [0, 999, 1001, 1004, 1005, 1006, 1009, 1011, 1014, 1015, 2999, 3008, 4000, 4408, 4500, u16::MAX] {
            assert_eq!(by_default(Loss::Close(code)), Verdict::Retry, "{code}");
        }
    }

    #[test]
    fn a_refused_dial_is_judged_by_its_status() {
        for status in [400, 401, 403, 404, 407, 426, 451, 501, 505] {
            assert_eq!(by_default(Loss::Status(status)), Verdict::Stop, "{status}");
        }
        for status in [0, 200, 302, 408, 425, 500, 502, 503, 504, 520, 999] {
            assert_eq!(by_default(Loss::Status(status)), Verdict::Retry, "{status}");
        }
        assert_eq!(by_default(Loss::Status(429)), Verdict::RetryAfter(Duration::from_secs(5)));
    }

    #[test]
    fn every_timeout_is_retried() {
        for loss in [Loss::ConnectTimeout, Loss::GreetingTimeout, Loss::HeartbeatTimeout] {
            assert_eq!(by_default(loss), Verdict::Retry);
        }
    }

    #[test]
    fn the_first_own_rule_that_matches_counts() {
        let policy = RetryPolicy::default()
            .with(When::Close(4000, 4100), Verdict::Stop)
            .with(When::Any, Verdict::RetryAfter(Duration::from_secs(60)));
        assert_eq!(policy.verdict(Loss::Close(4001)), Verdict::Stop);
        assert_eq!(policy.verdict(Loss::Close(1000)), Verdict::RetryAfter(Duration::from_secs(60)));
        assert_eq!(policy.verdict(Loss::HeartbeatTimeout), Verdict::RetryAfter(Duration::from_secs(60)));
    }
}
