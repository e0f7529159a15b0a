use std::time::{Duration, SystemTime};

/// How long a `Retry-After` asks to stay away: seconds, or a date in any of the three formats of HTTP (RFC 9110
/// §10.2.3, §5.6.7), which is measured against `now`. A date that has passed is zero; what is neither is `None`.
///
/// ```
/// use std::time::{Duration, SystemTime, UNIX_EPOCH};
/// use heartline_tungstenite::ended::retry_after;
///
/// assert_eq!(retry_after("120", SystemTime::now()), Some(Duration::from_secs(120)));
/// assert_eq!(retry_after("Thu, 01 Jan 1970 00:00:09 GMT", UNIX_EPOCH), Some(Duration::from_secs(9)));
/// assert_eq!(retry_after("soon", SystemTime::now()), None);
/// ```
pub fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}
