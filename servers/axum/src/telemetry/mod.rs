//! What a server tells logs and dashboards. Without the features it tells nothing, and costs nothing.

#[cfg(feature = "metrics")]
mod meters;
#[cfg(not(feature = "tracing"))]
mod silent;
#[cfg(feature = "tracing")]
mod spans;

#[cfg(feature = "metrics")]
pub(crate) use meters::run as run_meters;
#[cfg(not(feature = "tracing"))]
pub(crate) use silent::{Span, cluster, contested, denied, finished, shutting_down, suspended};
#[cfg(feature = "tracing")]
pub(crate) use spans::{Span, cluster, contested, denied, finished, shutting_down, suspended};
