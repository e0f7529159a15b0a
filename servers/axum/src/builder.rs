//! What a server is made of.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::BoxError;
use axum::extract::ConnectInfo;
use heartline::directory::{self, Broker, Node};
use heartline::hub::{self, Admission, Config, SecondLogin, Settings};
use heartline::{Allowed, ConfigError};
use heartline_tungstenite::{Clock, Limits};
use http::request::Parts as RequestParts;

use crate::access::{Access, Deny, Handshake, User};
use crate::closed::Closed;
use crate::cluster::{ClusterUser, Link, Names, Plan};
use crate::codec::Codec;
use crate::context::Cx;
use crate::frame_limits::FrameLimits;
use crate::hooks::{Hooks, hook, hook2};
use crate::hub::{Parts, Shared};
use crate::origins::Origins;
use crate::proxies::Proxies;
use crate::random::random;
use crate::server::Server;

/// A server to be built: see [`Server::builder`].
#[must_use = "nothing is built until `build`"]
pub struct Builder<C: Codec> {
    codec: C,
    settings: Settings,
    hooks: Hooks<C>,
    limits: FrameLimits,
    handler_timeout: Duration,
    clock: Clock,
    window: Duration,
    cap: usize,
    cluster: Option<(Node, directory::Settings, Link<C::User>)>,
}

/// Why there is no server.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A setting or limit lies outside of its range.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// It was to be built outside of a tokio runtime.
    #[error("a server is built within a tokio runtime")]
    NoRuntime,
    /// Neither [`authenticate`](Builder::authenticate) nor [`on_login`](Builder::on_login) is set, so nobody could log in.
    #[error("neither authenticate nor on_login is set, so nobody could log in")]
    NoLogin,
    /// [`Admission::origins`] is not its default. The hub knows too little of a request to compare them.
    #[error("settings.admission.origins is not used by this server: use Builder::origins")]
    OriginsOfSettings,
    /// A setting of the [cluster](Builder::cluster) lies outside of its range.
    #[error("cluster: {0}")]
    Cluster(ConfigError),
    /// [`SecondLogin::Refuse`] together with a [cluster](Builder::cluster): one login cannot be refused for the sake of another that this node may
    /// hear of only later.
    #[error("SecondLogin::Refuse cannot be promised by several nodes: a login elsewhere may be heard of only later")]
    RefuseInCluster,
}

impl<C: Codec> Builder<C> {
    pub(crate) fn new(codec: C, settings: Settings) -> Self {
        let hooks = Hooks {
            source: Arc::new(client_address),
            origins: Origins::same(),
            authenticate: None,
            login: None,
            open: None,
            user: None,
            message: None,
            close: None,
            error: None,
        };
        let window = Duration::from_millis(100);
        let handler_timeout = Duration::from_secs(60);
        Self {
            codec,
            settings,
            hooks,
            limits: FrameLimits::default(),
            handler_timeout,
            clock: Clock::default(),
            window,
            cap: 200,
            cluster: None,
        }
    }

    /// Who sends an upgrade request, by its headers, cookies or query. Without it everybody logs in
    /// [later](Access::Later).
    ///
    /// The request counts as a connection already. The hook has [`login_timeout`](Settings::login_timeout) for it, and is
    /// dropped when the client hangs up. Without a result by then the request is answered with 503; a panic with 500; the
    /// login of a user who is connected, where [`SecondLogin::Refuse`](hub::SecondLogin::Refuse) is set, with 409.
    pub fn authenticate<F>(mut self, handler: impl Fn(Handshake) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<Access<C::User>, Deny>> + Send + 'static,
    {
        self.hooks.authenticate = Some(hook(handler));
        self
    }

    /// Whose credentials these are, when a message brings them: to log in, or to renew the login. It runs as
    /// [`on_message`](Self::on_message) does, within [`handler_timeout`](Self::handler_timeout). Without this hook
    /// credentials are an unknown event.
    pub fn on_login<F>(mut self, handler: impl Fn(Cx<C>, C::Login) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<User<C::User>, Deny>> + Send + 'static,
    {
        self.hooks.login = Some(hook2(handler));
        self
    }

    /// A connection is open: before its first message, and after its login if its request has authenticated it. It runs as
    /// [`on_message`](Self::on_message) does, errors, panics and [`handler_timeout`](Self::handler_timeout) included.
    pub fn on_open<F>(mut self, handler: impl Fn(Cx<C>) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        self.hooks.open = Some(hook(handler));
        self
    }

    /// Somebody has logged in on a connection, by request or by message: once for each connection, as it cannot change its user,
    /// and not for renewals. [`Cx::user`] says who it is, and [`Cx::join`] works. It comes behind [`on_open`](Self::on_open) or
    /// [`on_login`](Self::on_login) and before the next message, and runs as [`on_message`](Self::on_message) does.
    pub fn on_user<F>(mut self, handler: impl Fn(Cx<C>) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        self.hooks.user = Some(hook(handler));
        self
    }

    /// A message arrived, also from who has not logged in, for whom [`Cx::user`] is `None`. Each connection handles one at a time: while this waits, nothing more is read from it; writing to
    /// it goes on, and so does everything else. The client's own pings are not answered meanwhile, and neither is a close frame of
    /// the client's or its end seen, unless something is written that it does not take. The heartbeat does not find the
    /// connection silent. So a handler has [`handler_timeout`](Self::handler_timeout), and is dropped with the connection.
    ///
    /// An error ends the message and not the connection: it is counted, and handed to [`on_error`](Self::on_error). A panic
    /// closes the connection with 1011.
    pub fn on_message<F>(mut self, handler: impl Fn(Cx<C>, C::In) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        self.hooks.message = Some(hook2(handler));
        self
    }

    /// A connection that was open has ended. Its user is offline, or has another connection. The hook has
    /// [`close_timeout`](Settings::close_timeout) for it.
    pub fn on_close<F>(mut self, handler: impl Fn(Cx<C>, Closed) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.hooks.close = Some(hook2(handler));
        self
    }

    /// A handler returned an error.
    pub fn on_error(mut self, handler: impl Fn(&Cx<C>, BoxError) + Send + Sync + 'static) -> Self {
        self.hooks.error = Some(Arc::new(handler));
        self
    }

    /// How long a handler may run, those of [`on_open`](Self::on_open), [`on_login`](Self::on_login), [`on_user`](Self::on_user)
    /// and [`on_message`](Self::on_message): 1 ms to a day, default 60 s, a choice. Past it the handler is dropped and its connection
    /// closed with 1011. Work that takes longer belongs into a task of its own, which may keep the [`Cx`].
    pub fn handler_timeout(mut self, timeout: Duration) -> Self {
        self.handler_timeout = timeout;
        self
    }

    /// Where requests come from. By default the [`ClientIp`](crate::ClientIp).
    pub fn source(mut self, source: impl Fn(&RequestParts) -> Option<IpAddr> + Send + Sync + 'static) -> Self {
        self.hooks.source = Arc::new(source);
        self
    }

    /// From which web pages the server may be used. Default [`Origins::same`], which is as good as the list of
    /// [hosts](crate::Hosts). With [`Admission::without_origin`] = false they are [required](Origins::required);
    /// [`Admission::origins`] has to be left at its default.
    pub fn origins(mut self, origins: Origins) -> Self {
        self.hooks.origins = origins;
        self
    }

    /// How large messages and buffers may be. Default [`FrameLimits::default`].
    pub fn limits(mut self, limits: FrameLimits) -> Self {
        self.limits = limits;
        self
    }

    /// For connections that [watch presence](Cx::watch_presence): the shortest time between two notices, 10 ms to a minute,
    /// default 100 ms; and how many users the first notice names, 0 to 65,536, default 200. Both are choices.
    pub fn presence(mut self, window: Duration, cap: usize) -> Self {
        (self.window, self.cap) = (window, cap);
        self
    }

    /// Makes the server one node of several, which are one to their users: see [`cluster`](crate::cluster). By default it is alone.
    ///
    /// `node` is a different name in each process that runs at the same time. `broker` is this node's connection; give an `Arc` of it to keep a
    /// clone. All nodes need the same [`hello`](directory::Settings::hello) and [`lease`](directory::Settings::lease), 1 s and 4 s by default.
    ///
    /// [`max_outbound_message`](FrameLimits::max_outbound_message) may be at most [`max_payload`](directory::Settings::max_payload) less 1 KiB. A
    /// handler that relays may wait for [`relay_timeout`](directory::Settings::relay_timeout), which has to be shorter than
    /// [`handler_timeout`](Self::handler_timeout). The hub's `superseded_code` is for a second login on the same node, the directory's for one on
    /// another node. The hub's `offline_grace` has no effect in a cluster, where presence is the directory's.
    /// [`SecondLogin::Refuse`] is [an error](BuildError::RefuseInCluster).
    pub fn cluster(mut self, node: Node, broker: impl Broker + 'static, settings: directory::Settings) -> Self
    where
        C::User: ClusterUser,
    {
        self.cluster = Some((node, settings, Link { broker: Arc::new(broker), names: Names::new() }));
        self
    }

    /// The clock of the hub, which should count suspend. Default [`Clock::boot`].
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// The server, which begins at once to wait for requests.
    ///
    /// # Errors
    /// The first setting outside of its range, by its name; no tokio runtime; nobody could log in; origins in the settings; a cluster in which
    /// second logins are to be refused.
    pub fn build(self) -> Result<Server<C>, BuildError> {
        let (mut settings, mut hooks) = (self.settings, self.hooks);
        if settings.admission.origins != Admission::default().origins {
            return Err(BuildError::OriginsOfSettings);
        }
        if !settings.admission.without_origin {
            hooks.origins = hooks.origins.required();
        }
        // Checked before the hub is asked.
        settings.admission = Admission { origins: hub::Origins::Any, without_origin: true, ..settings.admission };
        settings.others_serve |= self.cluster.is_some();
        let config = Config::new(settings)?;
        let limits = Limits::from(self.limits);
        let socket = limits.config()?;
        self.limits.check(&config)?;
        ConfigError::within(
            "handler_timeout",
            self.handler_timeout,
            Duration::from_millis(1)..=Duration::from_secs(86_400),
        )?;
        ConfigError::within("presence.window", self.window, Duration::from_millis(10)..=Duration::from_secs(60))?;
        ConfigError::within("presence.cap", self.cap, 0..=65_536)?;
        if hooks.authenticate.is_none() && hooks.login.is_none() {
            return Err(BuildError::NoLogin);
        }
        let plan =
            self.cluster.map(|cluster| plan(cluster, &config, &self.limits, self.handler_timeout)).transpose()?;
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| BuildError::NoRuntime)?;
        let parts = Parts {
            codec: self.codec,
            hooks,
            limits,
            socket,
            handler_timeout: self.handler_timeout,
            config,
            clock: self.clock,
            presence: (self.window, self.cap),
            // It decides when clients come back, and nothing that has to be secret.
            seed: random(),
            plan,
        };
        Ok(Server::from_shared(Shared::start(parts, &runtime)))
    }
}

fn plan<U>(
    (node, settings, link): (Node, directory::Settings, Link<U>),
    hub: &Config,
    limits: &FrameLimits,
    handler_timeout: Duration,
) -> Result<Plan<U>, BuildError> {
    let config = directory::Config::new(settings).map_err(BuildError::Cluster)?;
    if hub.second_login == SecondLogin::Refuse {
        return Err(BuildError::RefuseInCluster);
    }
    limits.check_payload(config.max_payload)?;
    if let Some(most) = link.broker.max_payload().filter(|most| *most < config.max_payload as usize) {
        let allowed = Allowed::Text(format!("what the broker takes, up to {most}"));
        let value = config.max_payload.into();
        return Err(BuildError::Cluster(ConfigError { field: "max_payload", value, allowed }));
    }
    if config.relay_timeout >= handler_timeout {
        let allowed = Allowed::Text(format!("less than the handler_timeout, {handler_timeout:?}"));
        let value = config.relay_timeout.into();
        return Err(BuildError::Cluster(ConfigError { field: "relay_timeout", value, allowed }));
    }
    Ok(Plan { node, config, link })
}

fn client_address(parts: &RequestParts) -> Option<IpAddr> {
    let ConnectInfo(peer) = parts.extensions.get::<ConnectInfo<SocketAddr>>()?;
    Some(Proxies::of(&parts.extensions).client(peer.ip(), &parts.headers))
}
