//! The real [`Fetch`]: resolve once, judge each address, connect to one that was judged.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode, Uri,
    body::{Body, Incoming},
    client::conn::http1,
    header::{
        ACCEPT, AGE, AUTHORIZATION, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HOST, HeaderName,
        HeaderValue, USER_AGENT,
    },
    http::uri::Scheme,
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::Semaphore,
    time::timeout,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, ServerName, pem::PemObject},
    },
};

use super::{
    Ask, BODY_BYTES_MAX, Failure, Fetch, Fetched, HEAD_BYTES_MAX, Network, TIME_MAX,
    address::{is_loopback, is_public},
    freshness::fresh_for,
};
use crate::kernel::problem::{Problem, Result};

/// Fetches under way at the same time; one more is refused at once.
pub(super) const AT_ONCE_MAX: usize = 16;

/// Addresses of one host that are tried.
const ADDRESSES_MAX: usize = 4;

/// Longest address that is asked.
const URL_BYTES_MAX: usize = 2048;

/// Name and version are told to those who are asked.
const AGENT: HeaderValue = HeaderValue::from_static(concat!("vigie/", env!("CARGO_PKG_VERSION")));

/// What the operator lets through, beside the public Internet.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// Loopback may be asked, in plain text too: for development and tests.
    pub loopback: bool,
    /// Hosts of the house that may be asked, by their exact name and over TLS only.
    pub inside_hosts: Vec<String>,
    /// Certificates (PEM) of private authorities to trust beside the public ones.
    pub authority: Option<Vec<u8>>,
}

/// The one door to other servers.
pub struct Outbound {
    network: Arc<dyn Network>,
    rules: Rules,
    tls: TlsConnector,
    seats: Semaphore,
    pub(super) patience: Duration,
}

impl fmt::Debug for Outbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbound")
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}

/// Where a request goes, read from its address.
struct Target {
    uri: Uri,
    host: String,
    port: u16,
    encrypted: bool,
}

impl Outbound {
    /// A door to `network` under `rules`.
    ///
    /// # Errors
    /// `Invalid`, if the authority is no certificate.
    pub fn open(network: Arc<dyn Network>, rules: Rules) -> Result<Self> {
        let tls = TlsConnector::from(Arc::new(trust(rules.authority.as_deref())?));
        Ok(Self {
            network,
            rules,
            tls,
            seats: Semaphore::new(AT_ONCE_MAX),
            patience: TIME_MAX,
        })
    }

    async fn exchange(&self, ask: &Ask) -> Result<Fetched, Failure> {
        let target = self.target(ask.url())?;
        let request = request(&target, ask)?;
        let socket = self.connect(&target).await?;
        if !target.encrypted {
            return converse(socket, request).await;
        }
        let name = ServerName::try_from(target.host).map_err(|_| Failure::Address)?;
        let stream = (self.tls.connect(name, socket).await).map_err(|_| Failure::Connection)?;
        converse(stream, request).await
    }

    /// What an address means, and whether it may be asked at all, before any name is resolved.
    fn target(&self, url: &str) -> Result<Target, Failure> {
        if url.len() > URL_BYTES_MAX || url.contains('#') {
            return Err(Failure::Address);
        }
        let uri: Uri = url.parse().map_err(|_| Failure::Address)?;
        let authority = uri.authority().ok_or(Failure::Address)?;
        // A user before the host makes one host look like another.
        if authority.as_str().contains('@') {
            return Err(Failure::Address);
        }
        let encrypted = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP && self.rules.loopback => false,
            _ => return Err(Failure::Address),
        };
        let host = (authority.host())
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_ascii_lowercase();
        if host.is_empty() {
            return Err(Failure::Address);
        }
        let port = match (authority.port_u16(), encrypted) {
            (Some(0), _) => return Err(Failure::Address),
            (Some(port), _) => port,
            // What stands behind the host is a port that cannot be read.
            (None, _) if authority.as_str() != authority.host() => return Err(Failure::Address),
            (None, true) => 443,
            (None, false) => 80,
        };
        Ok(Target {
            uri,
            host,
            port,
            encrypted,
        })
    }

    /// A connection to an address that has been judged: the name is not resolved again.
    async fn connect(&self, target: &Target) -> Result<TcpStream, Failure> {
        let found = match target.host.parse() {
            Ok(ip) => vec![ip],
            Err(_) => (self.network.resolve(&target.host).await).map_err(|_| Failure::Host)?,
        };
        // A name with one foot inside the house is refused whole: nothing honest has both.
        if found.is_empty() || !found.iter().all(|ip| self.allows(*ip, target)) {
            return Err(Failure::Host);
        }
        for ip in found.into_iter().take(ADDRESSES_MAX) {
            let address = SocketAddr::new(ip, target.port);
            if let Ok(socket) = self.network.connect(address).await {
                return Ok(socket);
            }
        }
        Err(Failure::Connection)
    }

    fn allows(&self, ip: IpAddr, target: &Target) -> bool {
        if is_loopback(ip) {
            return self.rules.loopback;
        }
        if !target.encrypted {
            return false;
        }
        let mut inside_hosts = self.rules.inside_hosts.iter();
        is_public(ip) || inside_hosts.any(|host| host.eq_ignore_ascii_case(&target.host))
    }
}

impl Fetch for Outbound {
    fn send<'a>(&'a self, ask: &'a Ask) -> BoxFuture<'a, Result<Fetched, Failure>> {
        Box::pin(async move {
            let Ok(_seat) = self.seats.try_acquire() else {
                return Err(Failure::Busy);
            };
            match timeout(self.patience, self.exchange(ask)).await {
                Ok(outcome) => outcome,
                Err(_) => Err(Failure::TooSlow),
            }
        })
    }
}

/// TLS 1.2 and 1.3, by the public authorities and the operator's own.
fn trust(authority: Option<&[u8]>) -> Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    if let Some(pem) = authority {
        let refused = || {
            let why = "It holds no certificate in PEM that can be trusted.";
            Problem::invalid("value", why).at("outbound.authority_file")
        };
        let mut read = 0;
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|_| refused())?;
            roots.add(certificate).map_err(|_| refused())?;
            read += 1;
        }
        if read == 0 {
            return Err(refused());
        }
    }
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(Problem::fault)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}

fn request(target: &Target, ask: &Ask) -> Result<Request<Full<Bytes>>, Failure> {
    let authority = target.uri.authority().ok_or(Failure::Address)?;
    let path = target
        .uri
        .path_and_query()
        .map_or("/", |path| path.as_str());
    let mut request = Request::builder()
        .uri(path)
        .header(HOST, authority.as_str())
        .header(USER_AGENT, AGENT)
        .header(ACCEPT, "application/json")
        .header(CONNECTION, "close");
    if let Some(authorization) = ask.authorization() {
        let mut value = HeaderValue::from_str(authorization).map_err(|_| Failure::Address)?;
        value.set_sensitive(true);
        request = request.header(AUTHORIZATION, value);
    }
    let body = ask
        .form()
        .map(|form| Bytes::copy_from_slice(form.as_bytes()));
    if body.is_some() {
        request = request
            .method(Method::POST)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    }
    request
        .body(Full::new(body.unwrap_or_default()))
        .map_err(|_| Failure::Address)
}

async fn converse<S>(stream: S, request: Request<Full<Bytes>>) -> Result<Fetched, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(HEAD_BYTES_MAX)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|_| Failure::Connection)?;
    let exchange = async {
        let response = (sender.send_request(request).await).map_err(|_| Failure::Connection)?;
        read(response).await
    };
    tokio::pin!(exchange, connection);
    // The connection lives in this future: when time is up, it goes with it.
    tokio::select! {
        fetched = &mut exchange => fetched,
        _ = &mut connection => exchange.await,
    }
}

async fn read(response: Response<Incoming>) -> Result<Fetched, Failure> {
    let (head, body) = response.into_parts();
    if head.status.is_redirection() && head.status != StatusCode::NOT_MODIFIED {
        return Err(Failure::Redirect);
    }
    if body.size_hint().lower() > BODY_BYTES_MAX as u64 {
        return Err(Failure::TooLarge);
    }
    let body = (Limited::new(body, BODY_BYTES_MAX).collect().await).map_err(|error| {
        if error.is::<LengthLimitError>() {
            Failure::TooLarge
        } else {
            Failure::Connection
        }
    })?;
    Ok(Fetched {
        status: head.status.as_u16(),
        content_type: text(&head.headers, &CONTENT_TYPE).map(str::to_owned),
        body: body.to_bytes(),
        fresh_for: fresh_for(
            (head.headers.get_all(CACHE_CONTROL).iter()).filter_map(|value| value.to_str().ok()),
            text(&head.headers, &AGE),
        ),
    })
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}
