//! Who somebody is: by a token (JWT, RFC 7519) that HMAC-SHA256 signs, with the claims `sub`, the name, and `exp`.

use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use heartline_axum::{Access, Deny, Handshake, Name, NameError, Names, User};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

/// What users may be called.
pub(crate) static NAMES: LazyLock<Names> = LazyLock::new(Names::default);
/// How long a secret has to be: as long as what SHA-256 makes (RFC 7518 §3.2).
const LEAST_SECRET: usize = 32;

/// Verifies tokens. The application's login service signs them with the same secret.
pub struct Tokens {
    verifies: DecodingKey,
    signs: EncodingKey,
    rules: Validation,
}

/// The secret is shorter than 32 bytes.
#[derive(Debug)]
pub struct ShortSecret;

#[derive(Serialize, Deserialize)]
struct Claims {
    sub: String,
    exp: u64,
}

impl Tokens {
    /// Those that this secret signs.
    ///
    /// # Errors
    /// The secret is too short.
    pub fn signed_by(secret: &[u8]) -> Result<Self, ShortSecret> {
        if secret.len() < LEAST_SECRET {
            return Err(ShortSecret);
        }
        let mut rules = Validation::new(Algorithm::HS256);
        rules.leeway = 0; // The connection ends at `exp`, too.
        rules.validate_nbf = true;
        rules.set_required_spec_claims(&["sub", "exp"]);
        Ok(Self { verifies: DecodingKey::from_secret(secret), signs: EncodingKey::from_secret(secret), rules })
    }

    /// Those that a secret of this moment signs, which nobody knows.
    ///
    /// # Errors
    /// The system has no random bytes.
    pub fn of_this_run() -> Result<Self, getrandom::Error> {
        let mut secret = [0; LEAST_SECRET];
        getrandom::fill(&mut secret)?;
        Self::signed_by(&secret).map_err(|ShortSecret| getrandom::Error::UNEXPECTED)
    }

    /// A token for this name.
    ///
    /// # Errors
    /// Why nobody may be called so.
    pub fn mint(&self, name: &str, valid: Duration) -> Result<String, NameError> {
        let sub = NAMES.check(name)?.into_string();
        let until = SystemTime::now() + valid;
        let exp = until.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        Ok(jsonwebtoken::encode(&Header::default(), &Claims { sub, exp }, &self.signs).unwrap_or_default())
    }

    /// Who an upgrade request says it is. A browser cannot set its headers, but the query; a client may also log in later.
    pub(crate) fn access(&self, request: &Handshake) -> Result<Access<Name>, Deny> {
        // Without a common one, the client would have to give up the connection that it gets.
        if request.header("sec-websocket-protocol").is_some() {
            return Err(Deny::new(axum::http::StatusCode::BAD_REQUEST, "no subprotocol is spoken here"));
        }
        match request.bearer().map(str::to_owned).or_else(|| request.query("token")) {
            Some(token) => self.user(&token).map(Access::User),
            None => Ok(Access::Later),
        }
    }

    /// Whose token it is.
    pub(crate) fn user(&self, token: &str) -> Result<User<Name>, Deny> {
        let claims = jsonwebtoken::decode::<Claims>(token, &self.verifies, &self.rules).map_err(|error| {
            Deny::unauthorized(match error.kind() {
                ErrorKind::ExpiredSignature => "the token has expired",
                _ => "the token is not valid",
            })
        })?;
        let Claims { sub, exp } = claims.claims;
        let name = NAMES.check(&sub).map_err(|error| Deny::forbidden(error.to_string()))?;
        let until = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(exp));
        let until = until.ok_or(Deny::unauthorized("the token expires too late"))?;
        Ok(User { name, until: Some(until) })
    }
}

impl std::fmt::Display for ShortSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a secret has {LEAST_SECRET} bytes at least")
    }
}

impl std::error::Error for ShortSecret {}
