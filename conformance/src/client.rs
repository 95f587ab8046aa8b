//! Requests to the server under test, and their answers whole.

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Request, Uri,
    body::Bytes,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client as Pool, connect::HttpConnector},
    rt::TokioExecutor,
};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject},
};
use serde_json::Value;

use crate::case::Step;

/// Most bytes of an answer that are read.
const ANSWER_BYTES_MAX: usize = 64 << 20;

const FHIR_JSON: HeaderValue = HeaderValue::from_static("application/fhir+json");

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body as text.
    pub text: String,
    /// Its body as JSON; null where it is none.
    pub json: Value,
}

impl Answer {
    /// What was found out without a request.
    pub fn of(json: Value) -> Self {
        Self {
            status: 0,
            headers: HeaderMap::new(),
            text: json.to_string(),
            json,
        }
    }
}

type Connections = Pool<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// Speaks to one server.
pub struct Client {
    pool: Connections,
    base: String,
    headers: HeaderMap,
    limit: Duration,
}

impl Client {
    /// A client of the server at `base`; `headers` go with each request.
    ///
    /// # Errors
    /// A header that is none.
    pub fn new(base: &str, headers: &[String], limit: Duration) -> Result<Self, String> {
        let mut own = HeaderMap::new();
        for header in headers {
            let (name, value) = header
                .split_once(':')
                .ok_or_else(|| format!("'{header}' is no header: it has no colon"))?;
            put(&mut own, name.trim(), value.trim())?;
        }
        let mut roots = RootCertStore::empty();
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        Ok(Self {
            pool: connections(roots)?,
            base: base.trim_end_matches('/').to_owned(),
            headers: own,
            limit,
        })
    }

    /// Trusts the servers that this certificate (PEM) vouches for, and no others.
    ///
    /// # Errors
    /// There is no certificate in the file.
    pub fn trust(&mut self, certificate: &Path) -> Result<(), String> {
        let shown = |error: &dyn std::fmt::Display| format!("{}: {error}", certificate.display());
        let mut roots = RootCertStore::empty();
        for each in CertificateDer::pem_file_iter(certificate).map_err(|error| shown(&error))? {
            let each = each.map_err(|error| shown(&error))?;
            roots.add(each).map_err(|error| shown(&error))?;
        }
        self.pool = connections(roots)?;
        Ok(())
    }

    /// The service base URL, without a slash at its end.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Sends the request of a step.
    ///
    /// # Errors
    /// No connection, no answer in time, an address that is none.
    pub async fn send(&self, step: &Step) -> Result<Answer, String> {
        let is_absolute = ["http://", "https://"]
            .iter()
            .any(|scheme| step.path.starts_with(scheme));
        let address = if is_absolute {
            step.path.clone()
        } else {
            format!("{}{}", self.base, step.path)
        };
        let uri: Uri = address
            .parse()
            .map_err(|_| format!("'{address}' is no address"))?;
        let (headers, body) = self.parts(&step.headers, step)?;
        let mut request = Request::builder()
            .method(step.verb.as_str())
            .uri(uri)
            .body(Full::new(body))
            .map_err(|error| error.to_string())?;
        *request.headers_mut() = headers;
        tokio::time::timeout(self.limit, self.exchange(request))
            .await
            .map_err(|_| format!("no answer within {} s", self.limit.as_secs()))?
    }

    /// What a header that the step gives as empty takes away; the rest is set of itself.
    fn parts(
        &self,
        given: &BTreeMap<String, String>,
        step: &Step,
    ) -> Result<(HeaderMap, Bytes), String> {
        let mut headers = self.headers.clone();
        headers.insert("accept", FHIR_JSON);
        let body = match (&step.text, &step.body) {
            (Some(text), _) => text.clone(),
            (None, Some(body)) => body.to_string(),
            (None, None) => String::new(),
        };
        if step.text.is_some() || step.body.is_some() {
            headers.insert("content-type", FHIR_JSON);
        }
        for (name, value) in given {
            if value.is_empty() {
                headers.remove(name.as_str());
            } else {
                put(&mut headers, name, value)?;
            }
        }
        Ok((headers, body.into()))
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Answer, String> {
        let response = self
            .pool
            .request(request)
            .await
            .map_err(|error| format!("no answer: {error}"))?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, ANSWER_BYTES_MAX)
            .collect()
            .await
            .map_err(|error| format!("the answer broke off: {error}"))?;
        let text = String::from_utf8_lossy(&body.to_bytes()).into_owned();
        Ok(Answer {
            status: head.status.as_u16(),
            headers: head.headers,
            json: serde_json::from_str(&text).unwrap_or(Value::Null),
            text,
        })
    }
}

fn connections(roots: RootCertStore) -> Result<Connections, String> {
    let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let https = HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http()
        .enable_http1()
        .build();
    Ok(Pool::builder(TokioExecutor::new()).build(https))
}

fn put(headers: &mut HeaderMap, name: &str, value: &str) -> Result<(), String> {
    let named = HeaderName::try_from(name).map_err(|_| format!("'{name}' is no header"))?;
    let value = HeaderValue::try_from(value).map_err(|_| format!("{name} has no such value"))?;
    headers.insert(named, value);
    Ok(())
}
