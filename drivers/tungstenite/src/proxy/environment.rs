//! Proxies by environment variables, much as curl reads them.
//!
//! hyper-util's `Matcher` knows these rules too, but brings an HTTP stack and tokio to a driver that has no runtime, takes
//! a value that it cannot use for none, and has no rule for loopback.

use super::bypass::Bypass;
use super::{Proxy, ProxyUrlError};
use crate::request::Address;

#[derive(Clone, Debug)]
pub(super) struct Environment {
    ws: Option<Proxy>,
    wss: Option<Proxy>,
    bypass: Bypass,
}

impl Environment {
    pub(super) fn new(variable: &dyn Fn(&str) -> Option<String>) -> Result<Self, ProxyUrlError> {
        let set = |name: &'static str| Some((name, variable(name).filter(|value| !value.trim().is_empty())?));
        let proxy = |names: &[&'static str]| -> Result<Option<Proxy>, ProxyUrlError> {
            let Some((name, value)) = names.iter().find_map(|name| set(name)) else { return Ok(None) };
            let proxy = Proxy::new(value.trim());
            proxy.map(Some).map_err(|error| ProxyUrlError::Variable { name, error: Box::new(error) })
        };
        let in_cgi = variable("REQUEST_METHOD").is_some();
        let ws: &[_] = if in_cgi { &["http_proxy"] } else { &["http_proxy", "HTTP_PROXY"] };
        let all = proxy(&["all_proxy", "ALL_PROXY"])?;
        let bypass = set("no_proxy").or_else(|| set("NO_PROXY")).map(|(_, value)| value).unwrap_or_default();
        Ok(Self {
            ws: proxy(ws)?.or_else(|| all.clone()),
            wss: proxy(&["https_proxy", "HTTPS_PROXY"])?.or(all),
            bypass: Bypass::new(&bypass),
        })
    }

    pub(super) fn for_address(&self, address: &Address) -> Option<&Proxy> {
        let proxy = if address.tls { &self.wss } else { &self.ws };
        proxy.as_ref().filter(|_| !self.bypass.contains(address))
    }
}
