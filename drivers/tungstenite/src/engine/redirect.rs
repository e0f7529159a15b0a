//! Where a refused dial is to be sent instead.

use crate::ended::{EndError, Ended};
use crate::request::Request;

/// The request that follows a redirect.
///
/// # Errors
/// The end as it was, if it is no redirect; with the reason, if it is one that must not be followed.
pub fn redirected(request: &Request, mut ended: Ended) -> Result<Request, Ended> {
    let response = ended.response.as_ref().filter(|response| response.is_redirect());
    let Some(location) = response.and_then(|response| response.location()) else { return Err(ended) };
    let next = request.redirected(location);
    next.map_err(|error| {
        ended.error = Some(EndError::Request(error));
        ended
    })
}
