//! Token buckets: how much somebody may do.

use core::time::Duration;

use crate::check::{ConfigError, HOUR, NANOSECOND, within};
use crate::time::{Timestamp, nanos};

/// A token bucket: it holds up to `burst` tokens, and gains one every `every`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct RateLimit {
    /// How many tokens there are at most: 1 to 4,294,967,295.
    pub burst: u32,
    /// From one token to the next: 1 ns to an hour, or to a second where tokens are bytes.
    pub every: Duration,
}

impl RateLimit {
    /// `rate` tokens a second, the time for one rounded down to a nanosecond; a rate of 0 counts as 1, one above
    /// 1,000,000,000 is no valid limit.
    pub const fn per_second(rate: u32, burst: u32) -> Self {
        let rate = if rate == 0 { 1 } else { rate };
        Self { burst, every: Duration::from_nanos(1_000_000_000 / rate as u64) }
    }

    pub(super) fn check(&self, fields: [&'static str; 2]) -> Result<(), ConfigError> {
        self.check_up_to(HOUR, fields)
    }

    /// As [`check`](Self::check), of a limit for bytes: what 4 GiB of them cost is less than 2⁶² ns.
    pub(super) fn check_bytes(&self, fields: [&'static str; 2]) -> Result<(), ConfigError> {
        self.check_up_to(Duration::from_secs(1), fields)
    }

    fn check_up_to(&self, longest: Duration, fields: [&'static str; 2]) -> Result<(), ConfigError> {
        within(fields[0], self.burst, 1, u32::MAX)?;
        within(fields[1], self.every, NANOSECOND, longest)
    }
}

/// A [`RateLimit`] in nanoseconds; all zero for none.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Price {
    /// Of one token.
    token: u64,
    /// Of a burst.
    burst: u64,
    /// Of the burst and of the debt that closes.
    most: u64,
}

impl Price {
    pub(super) fn new(limit: Option<&RateLimit>) -> Self {
        limit.map_or_else(Self::default, |limit| {
            let token = nanos(limit.every);
            let burst = token.saturating_mul(limit.burst.into());
            Self { token, burst, most: burst.saturating_mul(3) }
        })
    }
}

/// The tokens of one [`RateLimit`], as the moment at which it will be full again.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bucket(pub(super) Timestamp);

impl Bucket {
    /// How long until there is a token.
    pub(super) fn wait(self, price: &Price, now: Timestamp) -> Duration {
        let used = self.0.saturating_since(now);
        used.saturating_sub(Duration::from_nanos(price.burst.saturating_sub(price.token)))
    }

    /// Whether no token is missing.
    pub(super) fn is_full(self, now: Timestamp) -> bool {
        self.0 <= now
    }

    /// Takes tokens, one or at most 2³² of bytes, into debt if need be. Whether it is in debt.
    #[inline(always)]
    pub(super) fn charge(&mut self, price: &Price, now: Timestamp, tokens: u32) -> bool {
        // No overflow: see `RateLimit::check_bytes`.
        self.take(now, price.token.wrapping_mul(tokens.into())) > price.burst
    }

    /// Takes tokens that cost so much. What is missing to a whole burst then.
    #[inline(always)]
    fn take(&mut self, now: Timestamp, cost: u64) -> u64 {
        let full = self.0.max(now).as_nanos().saturating_add(cost);
        self.0 = Timestamp::from_nanos(full);
        full.wrapping_sub(now.as_nanos())
    }

    /// Takes tokens, but leaves a debt of no more than the burst, or than there was.
    pub(super) fn charge_up_to_burst(&mut self, price: &Price, now: Timestamp, tokens: u64) {
        let before = self.0;
        let most = now.as_nanos().saturating_add(price.burst.saturating_mul(2));
        self.take(now, price.token.saturating_mul(tokens));
        self.0 = self.0.min(Timestamp::from_nanos(most)).max(before);
    }

    /// From when on it is not in debt.
    pub(super) fn paid(&self, price: &Price) -> Timestamp {
        Timestamp::from_nanos(self.0.as_nanos().saturating_sub(price.burst))
    }

    /// Whether the debt is more than twice the burst.
    pub(super) fn exceeded(&self, price: &Price, now: Timestamp) -> bool {
        self.0.as_nanos().saturating_sub(now.as_nanos()) > price.most
    }
}
