//! E-mail over SMTP (RFC 5321), encrypted unless it stays on this machine.
//!
//! There is no fallback to plain text: a server that does not offer what the settings ask for
//! gets no message, and the message waits.

use std::{error::Error as _, fmt, net::IpAddr, time::Duration};

use futures_util::future::BoxFuture;
use lettre::{
    AsyncSmtpTransport, AsyncTransport, Tokio1Executor,
    transport::smtp::{
        Error, PoolConfig,
        authentication::Credentials,
        client::{Certificate, Tls, TlsParameters},
    },
};

use super::{Accepted, Channel, Message, Rejection, mail};
use crate::kernel::problem::{Category, Problem, Result};

/// 5xx replies about us rather than about the message: encryption asked for, credentials
/// refused. Settings can be repaired, so these are worth another try.
const ABOUT_US: [u16; 4] = [530, 534, 535, 538];

/// Whether and how the connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// STARTTLS, which the server must offer (port 587).
    StartTls,
    /// TLS from the first byte (port 465).
    Tls,
    /// None; to a server on this machine only.
    Loopback,
}

/// A password, which prints as `[password]`.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// Wraps a password.
    #[must_use]
    pub const fn new(password: String) -> Self {
        Self(password)
    }

    /// The text itself, for the other side and nobody else.
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[password]")
    }
}

/// Which server, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmailSettings {
    /// Its name, as its certificate has it.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is encrypted.
    pub security: Security,
    /// The certificate of a private authority (PEM) to trust beside the public ones, as for a
    /// hospital's own relay.
    pub authority: Option<String>,
    /// User and password, where the server asks for them.
    pub credentials: Option<(String, Password)>,
    /// How long one message may take, from the connection to the last reply.
    pub timeout: Duration,
    /// Most connections kept open.
    pub connections: u32,
}

/// Sends e-mail through one server.
pub struct Email {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    timeout: Duration,
}

impl Email {
    /// Prepares connections to the server; none is opened yet.
    ///
    /// # Errors
    /// `Invalid`, if the connection would leave this machine in plain text, or the host is not a
    /// name that a certificate can have.
    pub fn open(settings: &EmailSettings) -> Result<Self> {
        if settings.security == Security::Loopback && !is_loopback(&settings.host) {
            return Err(refused(
                "Mail without encryption goes to a loopback address only.",
            ));
        }
        let tls = match settings.security {
            Security::StartTls => Tls::Required(trust(settings)?),
            Security::Tls => Tls::Wrapper(trust(settings)?),
            Security::Loopback => Tls::None,
        };
        let mut builder =
            AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(settings.host.as_str())
                .port(settings.port)
                .tls(tls)
                .timeout(Some(settings.timeout))
                .pool_config(PoolConfig::new().max_size(settings.connections));
        if let Some((user, password)) = &settings.credentials {
            builder = builder.credentials(Credentials::new(user.clone(), password.0.clone()));
        }
        Ok(Self {
            transport: builder.build(),
            timeout: settings.timeout,
        })
    }

    async fn deliver(&self, message: &Message) -> Result<Accepted, Rejection> {
        let mail = mail(message)?;
        // The transport bounds the connection only; a server that falls silent later is bounded
        // here.
        match tokio::time::timeout(self.timeout, self.transport.send(mail)).await {
            Ok(Ok(_)) => Ok(Accepted),
            Ok(Err(error)) => Err(judge(&error)),
            Err(_) => Err(Rejection::transient("SMTP: no reply in time")),
        }
    }
}

impl Channel for Email {
    fn name(&self) -> &'static str {
        "email"
    }

    fn send<'a>(&'a self, message: &'a Message) -> BoxFuture<'a, Result<Accepted, Rejection>> {
        Box::pin(self.deliver(message))
    }
}

/// Whether another try may help. The server's own words are left out: they may quote the address.
fn judge(error: &Error) -> Rejection {
    match error.status() {
        Some(status) => {
            let code = u16::from(status);
            let text = format!("SMTP {code}");
            let enhanced = enhanced(error);
            if error.is_permanent() && is_nobody(code, enhanced.as_deref()) {
                Rejection::unreachable(text)
            } else if error.is_permanent() && !ABOUT_US.contains(&code) {
                Rejection::permanent(text)
            } else {
                Rejection::transient(text)
            }
        }
        None => Rejection::transient(without_reply(error)),
    }
}

/// Whether a refusal says that there is nobody at the address, rather than that this message is
/// not wanted: the enhanced code (RFC 3463) decides, and without one 550, 551 and 553 do.
fn is_nobody(code: u16, enhanced: Option<&str>) -> bool {
    match enhanced {
        // Of addresses, 5.1.7 and 5.1.8 are about the sender's.
        Some(enhanced) => {
            let nobody = ["5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"];
            nobody.contains(&enhanced)
        }
        None => [550, 551, 553].contains(&code),
    }
}

/// The enhanced code that a reply begins with, such as `5.1.1`; nothing else of it is looked at.
fn enhanced(error: &Error) -> Option<String> {
    let reply = error.source()?.to_string();
    let first = reply.split_whitespace().next()?;
    let parts: Vec<&str> = first.split('.').collect();
    let is_code = parts.len() == 3
        && parts
            .iter()
            .all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()));
    is_code.then(|| first.to_owned())
}

/// What went wrong where no reply says so; `invalid data` is how TLS tells of a certificate that
/// it does not trust.
fn without_reply(error: &Error) -> String {
    if error.is_timeout() {
        return "SMTP: no reply in time".to_owned();
    }
    if error.is_response() {
        return "SMTP: a reply that cannot be read".to_owned();
    }
    if error.is_client() {
        return "SMTP: the server does not offer what the settings ask for".to_owned();
    }
    let cause = error
        .source()
        .and_then(|source| source.downcast_ref::<std::io::Error>());
    match cause {
        Some(io) => format!("SMTP: no connection, or lost ({})", io.kind()),
        None => "SMTP: no connection, or lost".to_owned(),
    }
}

/// Whom to trust: the server's name, vouched for by a public or the private authority.
fn trust(settings: &EmailSettings) -> Result<TlsParameters> {
    let mut builder = TlsParameters::builder(settings.host.clone());
    if let Some(pem) = &settings.authority {
        let certificate = Certificate::from_pem(pem.as_bytes())
            .map_err(|_| refused("The authority's certificate cannot be read as PEM."))?;
        builder = builder.add_root_certificate(certificate);
    }
    builder
        .build()
        .map_err(|_| refused("The mail server's name or authority cannot be used by TLS."))
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

fn refused(why: &str) -> Problem {
    Problem::new(Category::Invalid, "value", why)
}

#[cfg(test)]
mod tests;
