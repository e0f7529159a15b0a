//! The program's options.

use std::time::Duration;

use heartline_load::scenario::Setup;
use heartline_load::server::Launch;
use heartline_load::target::{Credentials, SECRET};
use lexopt::prelude::*;

/// What `--help` prints.
pub const HELP: &str = "\
load [options] [scenario…]

Scenarios: steady logins floods slow d1 d2 silent kicks presence stop suspend; all of them by default.

  --server PATH          the server's program; by default the example server, built with the same profile
  --server-arg ARG       instead of 127.0.0.1:0 --connections 20000; may be given several times
  --server-cores CORES   as taskset takes them, by default 0; 0,1 gives it two
  --core CORE            the generator's core, by default 1
  --anywhere             pins neither
  --users N              uninvolved users; 10,000 for steady and logins, 1,000 for the others by default
  --rate R               their messages a second, half as many as users by default
  --seconds T            how long an attack is, 10 by default; half of it before and after
  --suspensions S,S,…    seconds, by default 1,5,20,60
  --connections N,N,…    how many connections flood, by default 1,50";

/// What to run, and how.
pub struct Options {
    /// The server and its users.
    pub setup: Setup,
    /// How many uninvolved users, if that was said.
    pub users: Option<usize>,
    /// How many messages a second, if that was said.
    pub rate: Option<f64>,
    /// The generator's core.
    pub core: Option<usize>,
    /// Names of scenarios; none for all.
    pub scenarios: Vec<String>,
    /// In seconds.
    pub suspensions: Vec<f64>,
    /// Of each flood.
    pub connections: Vec<usize>,
}

impl Options {
    /// None for `--help`.
    pub fn from_arguments() -> Result<Option<Self>, lexopt::Error> {
        let secret = std::env::var(SECRET).unwrap_or_else(|_| "a secret of at least thirty-two bytes".into());
        let mut launch = Launch::program("");
        (launch.cores, launch.environment) = (Some("0".into()), vec![(SECRET.into(), secret.clone())]);
        let mut options = Self {
            setup: Setup::new(launch, Credentials(secret)),
            users: None,
            rate: None,
            core: Some(1),
            scenarios: Vec::new(),
            suspensions: vec![1.0, 5.0, 20.0, 60.0],
            connections: vec![1, 50],
        };
        let mut arguments = Vec::new();
        let mut parser = lexopt::Parser::from_env();
        while let Some(argument) = parser.next()? {
            match argument {
                Long("help") | Short('h') => return Ok(None),
                Long("server-arg") => arguments.push(parser.value()?.string()?),
                Value(scenario) => options.scenarios.push(scenario.string()?),
                Long(name) => {
                    let name = name.to_owned();
                    options.set(&name, &mut parser)?;
                }
                other => return Err(other.unexpected()),
            }
        }
        if !arguments.is_empty() {
            options.setup.launch.arguments = arguments;
        }
        if options.setup.launch.program.as_os_str().is_empty() {
            options.setup.launch.program = Launch::example().map_err(|error| error.to_string())?.program;
        }
        Ok(Some(options))
    }

    fn set(&mut self, name: &str, parser: &mut lexopt::Parser) -> Result<(), lexopt::Error> {
        let launch = &mut self.setup.launch;
        match name {
            "server" => launch.program = parser.value()?.into(),
            "server-cores" => launch.cores = Some(parser.value()?.string()?),
            "core" => self.core = Some(parser.value()?.parse()?),
            "anywhere" => (launch.cores, self.core) = (None, None),
            "users" => self.users = Some(parser.value()?.parse()?),
            "rate" => self.rate = Some(parser.value()?.parse()?),
            "seconds" => {
                let seconds = parser.value()?.parse_with(|text| text.parse().map(Duration::from_secs))?;
                (self.setup.before, self.setup.during, self.setup.after) = (seconds / 2, seconds, seconds / 2);
            }
            "suspensions" => self.suspensions = list(parser)?,
            "connections" => self.connections = list(parser)?,
            _ => return Err(lexopt::Error::UnexpectedOption(format!("--{name}"))),
        }
        Ok(())
    }
}

fn list<T>(parser: &mut lexopt::Parser) -> Result<Vec<T>, lexopt::Error>
where
    T: std::str::FromStr,
    T::Err: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    parser.value()?.parse_with(|text| text.split(',').map(str::parse).collect::<Result<_, T::Err>>())
}
