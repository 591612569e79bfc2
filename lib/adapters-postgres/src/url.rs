//! What a URL says: whom to connect to, how to speak to it, and with how many connections.

use crate::failure::Place;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, SslNegotiation};

/// Connections, where the URL does not say it: each is a process of the server.
const POOL: usize = 8;
const MOST_POOL: usize = 200;
/// Where Debian and libpq's packages keep the socket.
const SOCKET_FOLDER: &str = "/var/run/postgresql";
/// How long connecting may take, all hosts together.
pub(crate) const CONNECT: Duration = Duration::from_secs(10);
/// A function is frozen between calls: whatever died meanwhile must be noticed soon after.
const KEEPALIVE: Duration = Duration::from_secs(30);
const UNACKNOWLEDGED: Duration = Duration::from_secs(20);

/// Everything that the URL says.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) config: Config,
    pub(crate) roots: Roots,
    pub(crate) pool: usize,
    pub(crate) place: Place,
}

/// Whose certificates are trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Roots {
    /// Those that this machine trusts.
    Platform,
    /// Those of a PEM file.
    File(PathBuf),
}

const FORM: &str = "write postgres://USER:PASSWORD@HOST:PORT/DATABASE";

/// Reads a URL. Reasons never hold what may be part of a password.
pub(crate) fn parse(setting: &'static str, url: &str) -> Result<Target, String> {
    let (base, parameters) = split(url).ok_or_else(|| format!("not the URL of a PostgreSQL database; {FORM}"))?;
    let (mut kept, mut mode, mut roots, mut pool) = (String::new(), None, None, POOL);
    for parameter in parameters.split('&').filter(|p| !p.is_empty()) {
        let (name, value) = parameter
            .split_once('=')
            .ok_or_else(|| "a parameter of the URL has no value; write NAME=VALUE".to_owned())?;
        match name {
            "pool" => {
                let number = value.parse().ok().filter(|n| (1..=MOST_POOL).contains(n));
                pool = number.ok_or_else(|| format!("`pool` is a number from 1 to {MOST_POOL}; mend the URL"))?;
            }
            "sslmode" => mode = Some(ssl_mode(value)?),
            "sslrootcert" => roots = Some(decode(value)?),
            // The parser of tokio-postgres looks for the first `@`, and would take what stands before it for
            // a user and a password.
            _ => {
                let _ = write!(kept, "{}{name}={}", if kept.is_empty() { "?" } else { "&" }, value.replace('@', "%40"));
            }
        }
    }
    let mut config: Config = format!("postgresql://{base}{kept}").parse().map_err(|e| unreadable(&e))?;
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        config.host_path(SOCKET_FOLDER);
    }
    if config.get_hosts().iter().any(|host| matches!(host, Host::Tcp(name) if name.contains('@'))) {
        return Err("the user or the password has an `@` in it; write it as %40".to_owned());
    }
    let implied = if roots.is_some() {
        SslMode::Require
    } else if is_this_machine(&config) {
        SslMode::Disable
    } else {
        SslMode::Prefer
    };
    config.ssl_mode(mode.unwrap_or(implied));
    if config.get_ssl_negotiation() == SslNegotiation::Direct && config.get_ssl_mode() != SslMode::Require {
        return Err("`sslnegotiation=direct` needs `sslmode=require`; mend the URL".to_owned());
    }
    let roots = match roots {
        Some(path) if path != "system" => Roots::File(path.into()),
        _ => Roots::Platform,
    };
    complete(&mut config);
    Ok(Target { place: place(setting, &config), config, roots, pool })
}

/// The part between the scheme and the parameters, and the parameters.
fn split(url: &str) -> Option<(&str, &str)> {
    let rest = url.strip_prefix("postgres://").or_else(|| url.strip_prefix("postgresql://"))?;
    // A password may hold a question mark.
    let credentials = rest.find(['@', '/']).filter(|at| rest[*at..].starts_with('@')).unwrap_or(0);
    let end = rest[credentials..].find('?').map_or(rest.len(), |at| credentials + at);
    Some((&rest[..end], rest[end..].strip_prefix('?').unwrap_or_default()))
}

fn ssl_mode(value: &str) -> Result<SslMode, String> {
    match value {
        "disable" => Ok(SslMode::Disable),
        "prefer" => Ok(SslMode::Prefer),
        "require" | "verify-ca" | "verify-full" => Ok(SslMode::Require),
        _ => Err("`sslmode` is disable, prefer, require, verify-ca or verify-full; mend the URL".to_owned()),
    }
}

/// Percent-encoded text, by the parser that reads the rest of the URL.
fn decode(value: &str) -> Result<String, String> {
    let decoded: Config =
        format!("postgresql:///?options={}", value.replace('@', "%40")).parse().map_err(|e| unreadable(&e))?;
    Ok(decoded.get_options().unwrap_or_default().to_owned())
}

fn unreadable(error: &tokio_postgres::Error) -> String {
    let why = std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
    format!("the URL cannot be read ({why}); {FORM}")
}

fn is_this_machine(config: &Config) -> bool {
    let local = |host: &Host| match host {
        Host::Tcp(name) => name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback()),
        Host::Unix(_) => true,
    };
    config.get_hosts().iter().all(local) && config.get_hostaddrs().iter().all(IpAddr::is_loopback)
}

/// What the URL did not say.
fn complete(config: &mut Config) {
    if config.get_application_name().is_none() {
        config.application_name("dezky");
    }
    if config.get_connect_timeout().is_none() {
        // One host that does not answer must not use up the time of the next.
        let hosts = config.get_hosts().len().max(config.get_hostaddrs().len());
        config.connect_timeout(CONNECT / u32::try_from(hosts).unwrap_or(1).max(1));
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(UNACKNOWLEDGED);
    }
    if config.get_keepalives_idle() == Config::new().get_keepalives_idle() {
        config.keepalives_idle(KEEPALIVE);
    }
}

fn place(setting: &'static str, config: &Config) -> Place {
    let port = |i: usize| config.get_ports().get(i).or(config.get_ports().first()).copied().unwrap_or(5432);
    let host = |(i, host): (usize, &Host)| match host {
        Host::Tcp(name) if name.contains(':') => format!("[{name}]:{}", port(i)),
        Host::Tcp(name) => format!("{name}:{}", port(i)),
        Host::Unix(folder) => format!("{}/.s.PGSQL.{}", folder.display(), port(i)),
    };
    let mut hosts: Vec<String> = config.get_hosts().iter().enumerate().map(host).collect();
    if hosts.is_empty() {
        hosts = config.get_hostaddrs().iter().enumerate().map(|(i, ip)| format!("{ip}:{}", port(i))).collect();
    }
    let user = config.get_user().unwrap_or("of this process").to_owned();
    let database = config.get_dbname().unwrap_or(&user).to_owned();
    Place { setting, hosts: hosts.join(","), user, database }
}

#[cfg(test)]
mod tests;
