//! How much a connection may send.

use core::time::Duration;

use crate::check::{ConfigError, HOUR, NANOSECOND, within};
use crate::time::{Timestamp, nanos};

/// A token bucket: it holds `burst` tokens, and gains one `every` so often.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Limit {
    /// How many tokens there are at most: 1 to 4,294,967,295.
    pub burst: u32,
    /// From one token to the next: 1 ns to an hour.
    pub every: Duration,
}

impl Limit {
    /// So many tokens a second, to the nanosecond that one takes; 0 counts as 1.
    pub const fn per_second(rate: u32, burst: u32) -> Self {
        let rate = if rate == 0 { 1 } else { rate };
        Self { burst, every: Duration::from_nanos(1_000_000_000 / rate as u64) }
    }

    pub(super) fn check(&self, fields: [&'static str; 2]) -> Result<(), ConfigError> {
        within(fields[0], self.burst, 1, u32::MAX)?;
        within(fields[1], self.every, NANOSECOND, HOUR)
    }
}

/// A [`Limit`] in nanoseconds; all zero for none.
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
    pub(super) fn new(limit: Option<&Limit>) -> Self {
        limit.map_or_else(Self::default, |limit| {
            let token = nanos(limit.every);
            let burst = token.saturating_mul(limit.burst.into());
            Self { token, burst, most: burst.saturating_mul(3) }
        })
    }
}

/// The tokens of one [`Limit`], as the moment at which it will be full again.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bucket(Timestamp);

/// What a bucket says after it was charged.
pub(super) struct Level {
    /// From when on it is not in debt.
    pub(super) paid: Timestamp,
    /// Whether the debt is more than twice the burst.
    pub(super) exceeded: bool,
}

impl Bucket {
    /// Takes tokens, into debt if need be.
    #[inline(always)]
    pub(super) fn charge(&mut self, price: &Price, now: Timestamp, tokens: u64) -> Level {
        let full = self.0.max(now).as_nanos().saturating_add(price.token.saturating_mul(tokens));
        self.0 = Timestamp::from_nanos(full);
        let exceeded = full - now.as_nanos() > price.most;
        Level { paid: Timestamp::from_nanos(full.saturating_sub(price.burst)), exceeded }
    }

    /// Takes tokens, but leaves a debt of no more than the burst, or than there was.
    pub(super) fn charge_up_to_burst(&mut self, price: &Price, now: Timestamp, tokens: u64) -> Level {
        let before = self.0;
        let most = now.as_nanos().saturating_add(price.burst.saturating_mul(2));
        self.charge(price, now, tokens);
        self.0 = self.0.min(Timestamp::from_nanos(most)).max(before);
        self.charge(price, now, 0)
    }
}
