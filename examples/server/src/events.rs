//! The JSON events: what clients send, and what the server sends.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tungstenite::Utf8Bytes;

/// The reply to what the server does not know, as existing clients expect it.
pub const CANNOT_HANDLE: Utf8Bytes =
    Utf8Bytes::from_static(r#"{"fromuserId":"system","event":"heart","msg":"event cannot be handled"}"#);

/// At most so many names are listed.
const LISTED: usize = 200;
const LONGEST_NAME: usize = 40;

/// The registry somebody is in. Managers speak to devices and devices to managers, people to each other.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Role {
    Person,
    Manager,
    Device,
}

/// A user as the hub knows it: the same name in two registries is two users.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct User {
    pub role: Role,
    pub name: Arc<str>,
}

impl User {
    /// A name is short and shows itself for what it is.
    pub fn new(role: Role, name: &str) -> Option<Self> {
        let name = name.trim();
        let fits = !name.is_empty() && name.chars().count() <= LONGEST_NAME;
        (fits && !name.contains(|c: char| c.is_control() || c == '/')).then(|| Self { role, name: name.into() })
    }

    /// The one of that name whom this user speaks to.
    pub fn other(&self, name: &str) -> Option<Self> {
        let role = match self.role {
            Role::Person => Role::Person,
            Role::Manager => Role::Device,
            Role::Device => Role::Manager,
        };
        Self::new(role, name)
    }

    /// Who logs in by dialling this path.
    pub fn of_path(path: &str) -> Option<Self> {
        let (registry, name) = path.strip_prefix("/goLink/")?.split_once('/')?;
        let role = match registry {
            "manager" => Role::Manager,
            "device" => Role::Device,
            _ => return None,
        };
        Self::new(role, &percent_decoded(name)?)
    }
}

impl fmt::Display for User {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.role {
            Role::Person => formatter.write_str(&self.name),
            Role::Manager => write!(formatter, "manager/{}", self.name),
            Role::Device => write!(formatter, "device/{}", self.name),
        }
    }
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        if first == b'%' {
            let digits = std::str::from_utf8(tail.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &tail[2..];
        } else {
            bytes.push(first);
        }
    }
    String::from_utf8(bytes).ok()
}

/// What a client sends. Other fields are ignored: a client may call itself what it likes, others see its registered
/// name.
#[derive(Debug, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum ClientEvent {
    Heart,
    Login {
        user: String,
    },
    Send {
        to: String,
        text: String,
        id: Option<u64>,
        #[serde(default)]
        volatile: bool,
    },
    Say {
        text: String,
        id: Option<u64>,
        #[serde(default)]
        volatile: bool,
    },
    OpenScreen {
        to_user: String,
    },
    StopScreen {
        to_user: String,
    },
    Who {
        /// Whether to report changes from now on.
        #[serde(default)]
        watch: bool,
    },
    /// Anything else, text that is no JSON included.
    #[serde(skip)]
    Unknown,
}

impl ClientEvent {
    pub fn parse(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or(Self::Unknown)
    }
}

/// What the hub carries from one user to another.
#[derive(Clone, Debug)]
pub enum Body {
    Text { text: String, id: Option<u64> },
    OpenScreen,
    StopScreen,
}

/// What the server sends.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum ServerEvent<'a> {
    /// It is logged in.
    Open {
        msg: &'static str,
        user: &'a str,
    },
    /// It is not, or may not do this.
    Refused {
        msg: &'a str,
    },
    /// The answer to its heartbeat.
    Heart,
    /// Somebody wrote to it.
    Message {
        from: &'a str,
        text: &'a str,
        id: Option<u64>,
    },
    /// Somebody wrote to everybody.
    Say {
        from: &'a str,
        text: &'a str,
    },
    OpenScreen {
        from_user: &'a str,
    },
    StopScreen {
        from_user: &'a str,
    },
    /// Its message went to so many.
    Sent {
        id: u64,
        reached: u32,
    },
    /// Nobody of that name is there.
    Offline {
        to_user: &'a str,
        id: Option<u64>,
    },
    /// The message could be spared, and the other side is slow.
    Dropped {
        to_user: &'a str,
        id: Option<u64>,
    },
    /// Who is there.
    Online {
        count: usize,
        users: Vec<String>,
    },
    Joined {
        user: &'a str,
        count: usize,
    },
    Left {
        user: &'a str,
        count: usize,
    },
}

impl ServerEvent<'_> {
    pub fn text(&self) -> Utf8Bytes {
        serde_json::to_string(self).unwrap_or_default().into()
    }

    pub fn online<'u>(users: impl ExactSizeIterator<Item = &'u User>) -> Utf8Bytes {
        let count = users.len();
        ServerEvent::Online { count, users: users.take(LISTED).map(User::to_string).collect() }.text()
    }

    /// A message as its recipient gets it: from the registered name.
    pub fn delivered(from: &User, body: &Body) -> Utf8Bytes {
        match body {
            Body::Text { text, id } => ServerEvent::Message { from: &from.name, text, id: *id },
            Body::OpenScreen => ServerEvent::OpenScreen { from_user: &from.name },
            Body::StopScreen => ServerEvent::StopScreen { from_user: &from.name },
        }
        .text()
    }

    pub fn broadcast(from: Option<&User>, body: &Body) -> Utf8Bytes {
        let Body::Text { text, .. } = body else { return Utf8Bytes::default() };
        ServerEvent::Say { from: &from.map_or_else(|| "system".into(), User::to_string), text }.text()
    }
}
